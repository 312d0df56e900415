/* frames_fuzz.c - whatever the other end of a pipe says: frames within the octets, and their fields
 * too. */
#include <stdint.h>

#include "base/mem.h"
#include "ipc/frames.h"
#include "ipc/pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = str_of(p, n);
	struct frames_one one;

	while (frames_parse(in, &one) == FRAMES_DONE) {
		struct pipe_head head;
		struct str fields[PIPE_FIELDS_MAX];

		assume(one.size <= in.n && one.octets.n == one.size - FRAMES_HEAD);
		(void)pipe_parse_head(one.octets, &head);
		(void)pipe_parse(one.kind, one.octets, fields);
		in = str_from(in, one.size);
	}
	return 0;
}
