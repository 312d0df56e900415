/*
 * record_fuzz.c - a segment file full of anything. Records are read under a fixed key; where their
 * checksum does not hold, the payload is read all the same, as if it did.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/num.h"
#include "queue/segment.h"

static const unsigned char key[RECORD_KEY] = "fuzz";

static void
read_payload(struct str p)
{
	struct record_message m;
	struct record_moved mv;
	struct record_results r;
	struct record_result one;
	uint64_t a, b;
	struct str mid;

	if (record_get_message(p, &m) == 0 && !m.large && m.octets.n != m.size)
		__builtin_trap();
	if (record_get_message(p, &m) == 0 &&
	    (m.envelope.p != p.p + record_envelope_at(&m) ||
		(!m.large && m.octets.p != p.p + record_octets_at(&m))))
		__builtin_trap();
	if (record_get_moved(p, &mv) == 0 && mv.outcomes.n != mv.message.ntargets)
		__builtin_trap();
	if (record_get_results(p, &r) == 0) {
		for (uint32_t n = r.n; n > 0; n--)
			if (!record_next_result(&r, &one))
				__builtin_trap();
		record_get_message(r.message, &m);
	}
	(void)record_get_mid(p, &mid);
	(void)record_get_numbers(p, &a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment s = {.number = 1};
	struct segment_cursor c;
	struct record r;
	uint64_t at;
	struct str in = str_of(data, size);

	read_payload(in);
	(void)segment_header_read(in, 1, &s, NULL);
	/* The same octets sealed: whatever length and type they claim, reading stays inside. */
	segment_cursor_init(&c, -1, SEGMENT_BLOCK + size);
	buf_put(&c.window, data, size);
	if (size >= RECORD_HEADER && num_get_u32(c.window.p) <= size - RECORD_HEADER)
		record_seal((unsigned char *)c.window.p, 1, key);
	while (segment_next(&c, key, &r, &at, NULL) > 0)
		read_payload(r.payload);
	segment_cursor_done(&c);
	return 0;
}
