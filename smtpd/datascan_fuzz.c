/* datascan_fuzz.c - hostile message text: whole, octet by octet and in odd pieces it must come out
 * the same. */
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "smtpd/datascan.h"
#include "smtpd/headscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct result {
	struct buf out;
	struct headscan head;
	struct datascan scan;
	size_t used;
};

static void
gather(void *arg, const char *p, size_t n)
{
	struct result *r = arg;

	assume(n > 0);
	(void)buf_put(&r->out, p, n);
	headscan_feed(&r->head, p, n);
}

static void
scan(struct result *r, struct str in, bool dots, size_t piece)
{
	buf_init(&r->out, in.n + 2);
	headscan_init(&r->head, true);
	datascan_init(&r->scan, dots, gather, r);
	r->used = 0;
	while (r->used < in.n && r->scan.state != DATASCAN_END) {
		struct str next = str_sub(in, r->used, piece);

		r->used += datascan_feed(&r->scan, next.p, next.n);
	}
	if (!dots)
		datascan_finish(&r->scan);
	headscan_finish(&r->head);
	assume(!r->out.over);
}

static void
done(struct result *r)
{
	buf_free(&r->out);
	headscan_free(&r->head);
}

static void
compare(struct str in, bool dots, size_t piece)
{
	struct result whole, parts;

	scan(&whole, in, dots, in.n + 1);
	scan(&parts, in, dots, piece);
	assume(whole.used == parts.used && whole.scan.state == parts.scan.state);
	assume(whole.scan.bare_eol == parts.scan.bare_eol);
	assume(whole.scan.long_line == parts.scan.long_line);
	assume(str_eq(buf_view(&whole.out), buf_view(&parts.out)));
	assume(whole.head.fields == parts.head.fields && whole.head.octets == parts.head.octets);
	assume(whole.head.from == parts.head.from && whole.head.absent == parts.head.absent);
	/* What is clean holds no bare CR or LF, and no dot was lost from a chunk. */
	if (!whole.scan.bare_eol) {
		struct str s = buf_view(&whole.out);

		for (size_t i = 0; i < s.n; i++) {
			if (s.p[i] == '\n')
				assume(i > 0 && s.p[i - 1] == '\r');
			if (s.p[i] == '\r' && i + 1 < s.n)
				assume(s.p[i + 1] == '\n');
		}
		if (!dots)
			assume(str_eq(s, in));
	}
	done(&whole);
	done(&parts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = str_of(p, n);

	compare(in, true, 1);
	compare(in, true, 3);
	compare(in, false, 1);
	compare(in, false, 7);
	return 0;
}
