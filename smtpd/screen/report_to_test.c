/* report_to_test.c - who may get reports: RFC 9990 4, step by step. */
#include "smtpd/screen/report_to.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sender/sender_test.h"

struct row {
	const char *what, *zone, *domain, *rua;
	const char *expect; /* addresses with their limits, or "later" */
};

#define ORG "_dmarc.example.org TXT v=DMARC1; p=none\n"

static const struct row rows[] = {
    {"inside: the same domain", ORG, "example.org", "mailto:a@example.org", "a@example.org"},
    {"inside: a subdomain of the organization", ORG, "example.org", "mailto:a@mail.example.org",
	"a@mail.example.org"},
    {"inside: from a subdomain", ORG, "sub.example.org", "mailto:a@example.org", "a@example.org"},
    {"outside, and not asked for", ORG, "example.org", "mailto:a@victim.example", ""},
    {"outside, welcome", ORG "example.org._report._dmarc.r.example TXT v=DMARC1", "example.org",
	"mailto:a@r.example", "a@r.example"},
    {"step 6: another version", ORG "example.org._report._dmarc.r.example TXT v=DMARC2",
	"example.org", "mailto:a@r.example", ""},
    {"step 6: one good among bad",
	ORG "example.org._report._dmarc.r.example TXT hello\n"
	    "example.org._report._dmarc.r.example TXT v=DMARC1;",
	"example.org", "mailto:a@r.example", "a@r.example"},
    {"the permission is for another domain", ORG "other.org._report._dmarc.r.example TXT v=DMARC1",
	"example.org", "mailto:a@r.example", ""},
    {"step 9: another address of that host",
	ORG "example.org._report._dmarc.r.example TXT v=DMARC1; rua=mailto:b@r.example",
	"example.org", "mailto:a@r.example", "b@r.example"},
    {"step 9: another host: neither",
	ORG "example.org._report._dmarc.r.example TXT v=DMARC1; rua=mailto:b@s.example",
	"example.org", "mailto:a@r.example", ""},
    {"step 5: no answer now", ORG "example.org._report._dmarc.r.example FAIL TXT", "example.org",
	"mailto:a@r.example,mailto:b@example.org", "later"},
    {"several, each once, other schemes left out", ORG, "example.org",
	"mailto:a@example.org,https://example.org/x,mailto:A@EXAMPLE.org,mailto:b@example.org",
	"a@example.org b@example.org"},
    {"a size limit", ORG, "example.org", "mailto:a@example.org!10k,mailto:b@example.org!2m",
	"a@example.org!10240 b@example.org!2097152"},
    {"percent-encoding and a query", ORG, "example.org",
	"mailto:a%2bb@example.org?subject=x,mailto:x%0d%0ay@example.org", "a+b@example.org"},
    {"no more than five", ORG, "example.org",
	"mailto:a@example.org,mailto:b@example.org,mailto:c@example.org,mailto:d@example.org,"
	"mailto:e@example.org,mailto:f@example.org",
	"a@example.org b@example.org c@example.org d@example.org e@example.org"},
    {"no address", ORG, "example.org", "mailto:a,mailto:@example.org,mailto:a@[192.0.2.1]", ""},
    {"IDN becomes A-labels", ORG "example.org._report._dmarc.xn--bcher-kva.example TXT v=DMARC1",
	"example.org", "mailto:a@b%C3%BCcher.example", "a@xn--bcher-kva.example"},
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct zone z = {.lines = rows[i].zone};
		struct report_to out[REPORT_TO_MAX];
		enum report_to_result got;
		struct dmarc_record record;
		struct report_to_query q = {.policy_domain = str_z(rows[i].domain)};
		struct arena a;
		struct facts f;
		struct buf b;
		size_t n;

		arena_init(&a);
		facts_init(&f, &a);
		buf_init(&b, 4096);
		assert_true(dmarc_record_parse(
		    arena_printf(&a, "v=DMARC1; p=none; rua=%s", rows[i].rua), &a, &record));
		q.uris = record.rua;
		q.n = record.nrua;
		while ((got = report_to_find(&q, &f, out, &n)) == REPORT_TO_WAIT)
			zone_answer(&z, &f);
		for (size_t k = 0; got == REPORT_TO_DONE && k < n; k++) {
			buf_printf(&b, "%s" STR_FMT, k > 0 ? " " : "", STR_ARG(out[k].address));
			if (out[k].max > 0)
				buf_printf(&b, "!%llu", (unsigned long long)out[k].max);
		}
		if (got == REPORT_TO_LATER)
			buf_puts(&b, "later");
		if (!str_eq_z(buf_view(&b), rows[i].expect))
			fail_msg("%s: got \"" STR_FMT "\"", rows[i].what, STR_ARG(b));
		buf_free(&b);
		arena_free(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
