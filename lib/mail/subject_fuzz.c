/* subject_fuzz.c - base subjects: nothing is left in front that an answer puts there. */
#include <stdint.h>

#include "base/mem.h"
#include "mail/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct str s;

	arena_init(&a);
	s = subject_base(str_of(data, size), &a);
	assume(!str_starts(s, STR("re:")) && !str_ends(s, STR("(fwd)")));
	assume(s.n == 0 || (!is_space(s.p[0]) && !is_space(s.p[s.n - 1])));
	arena_free(&a);
	return 0;
}
