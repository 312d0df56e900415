/* report_fuzz.c - attachments as strangers send them: packed or not, through the XML reader; what
 * was read is written, and reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtpd/screen/report.h"

#define XML_MAX (REPORT_UNPACKED_MAX + (1u << 20))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(const struct report *r, struct arena *a)
{
	struct report two;
	struct buf xml;
	struct err e;

	buf_init(&xml, 8 * XML_MAX);
	report_write(r, &xml);
	if (xml.n <= REPORT_UNPACKED_MAX) {
		assume(report_read(buf_view(&xml), a, &two, &e) == 0);
		assume(two.n == r->n && str_eq(two.domain, r->domain));
	}
	buf_free(&xml);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report r;
	struct arena a;
	struct buf xml;
	struct err e;

	arena_init(&a);
	buf_init(&xml, XML_MAX);
	if (report_unpack(str_of(data, size), &xml, &e) == 0 &&
	    report_read(buf_view(&xml), &a, &r, &e) == 0)
		again(&r, &a);
	buf_free(&xml);
	arena_free(&a);
	return 0;
}
