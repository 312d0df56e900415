/* report_test.c - aggregate reports out and in again: their XML, what packs it, and what is
 * refused. */
#include "smtpd/screen/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

#define XML_MAX (REPORT_UNPACKED_MAX + (1u << 20))

static struct arena arena;

static struct report
sample(void)
{
	static struct report_signature signatures[] = {
	    {STR_INIT("example.org"), STR_INIT("s1"), STR_INIT("pass")},
	    {STR_INIT("list.example"), STR_INIT("a<&>\"b"), STR_INIT("fail")},
	};
	static struct report_row rows[] = {
	    {.source = STR_INIT("192.0.2.1"),
		.count = 7,
		.disposition = STR_INIT("pass"),
		.dkim = STR_INIT("pass"),
		.spf = STR_INIT("fail"),
		.header_from = STR_INIT("example.org"),
		.signatures = signatures,
		.nsignatures = 2,
		.spf_domain = STR_INIT("example.net"),
		.spf_scope = STR_INIT("mfrom"),
		.spf_result = STR_INIT("softfail")},
	    {.source = STR_INIT("2001:db8::1"),
		.count = 1,
		.disposition = STR_INIT("none"),
		.dkim = STR_INIT("fail"),
		.spf = STR_INIT("fail"),
		.reason = STR_INIT("policy_test_mode"),
		.comment = STR_INIT("caf\xc3\xa9"),
		.header_from = STR_INIT("sub.example.org"),
		.envelope_from = STR_INIT("example.org"),
		.envelope_to = STR_INIT("example.com")},
	};

	return (struct report){.organization = STR("mx.example.com"),
	    .email = STR("dmarc@example.com"),
	    .id = STR("abc@example.com"),
	    .generator = STR("GK Mail"),
	    .begin = 1700000000,
	    .end = 1700086399,
	    .domain = STR("example.org"),
	    .discovery = STR("treewalk"),
	    .p = STR("reject"),
	    .sp = STR("quarantine"),
	    .np = STR("reject"),
	    .fo = STR("1:d"),
	    .adkim = STR("s"),
	    .aspf = STR("r"),
	    .testing = STR("n"),
	    .rows = rows,
	    .n = 2};
}

static struct str
written(struct buf *b)
{
	struct report r = sample();

	buf_init(b, XML_MAX);
	report_write(&r, b);
	assert_false(b->over);
	return buf_view(b);
}

static void
check_sample(const struct report *r)
{
	struct report want = sample();

	assert_true(str_eq(r->organization, want.organization));
	assert_true(str_eq(r->email, want.email));
	assert_true(str_eq(r->id, want.id));
	assert_true(str_eq(r->generator, want.generator));
	assert_int_equal(r->begin, want.begin);
	assert_int_equal(r->end, want.end);
	assert_true(str_eq(r->domain, want.domain));
	assert_true(str_eq(r->np, want.np));
	assert_true(str_eq(r->fo, want.fo));
	assert_true(str_eq(r->adkim, want.adkim));
	assert_true(str_eq(r->discovery, want.discovery));
	assert_int_equal(r->n, 2);
	assert_int_equal(r->rows[0].count, 7);
	assert_int_equal(r->rows[0].nsignatures, 2);
	assert_true(str_eq(r->rows[0].signatures[1].selector, STR("a<&>\"b")));
	assert_true(str_eq(r->rows[0].spf_domain, STR("example.net")));
	assert_int_equal(r->rows[0].envelope_from.n, 0);
	assert_true(str_eq(r->rows[1].comment, STR("caf\xc3\xa9")));
	assert_true(str_eq(r->rows[1].reason, STR("policy_test_mode")));
	assert_int_equal(r->rows[1].nsignatures, 0);
	assert_true(str_eq(r->rows[1].envelope_to, STR("example.com")));
}

static void
test_what_is_written_reads_the_same(void **state)
{
	struct buf xml, packed, plain;
	struct report r;
	struct err e;

	(void)state;
	written(&xml);
	buf_init(&packed, XML_MAX);
	buf_init(&plain, XML_MAX);
	assert_int_equal(report_gzip(buf_view(&xml), &packed), 0);
	assert_int_equal(report_unpack(buf_view(&packed), &plain, &e), 0);
	assert_true(str_eq(buf_view(&plain), buf_view(&xml)));
	assert_int_equal(report_read(buf_view(&plain), &arena, &r, &e), 0);
	check_sample(&r);
	buf_free(&xml);
	buf_free(&packed);
	buf_free(&plain);
	arena_reset(&arena);
}

/* RFC 7489 appendix C, as many send it: no namespace, other elements, another order. */
static const char old_format[] =
    "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>acme.example</org_name>"
    "<email>noreply@acme.example</email><report_id>9391651994964116463</report_id>"
    "<date_range><begin>1335571200</begin><end>1335657599</end></date_range></report_metadata>"
    "<policy_published><domain>example.com</domain><adkim>r</adkim><aspf>r</aspf><p>none</p>"
    "<sp>none</sp><pct>100</pct></policy_published><record><identifiers>"
    "<header_from>example.com</header_from></identifiers><row><source_ip>72.150.241.94</source_ip>"
    "<count>2</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim>"
    "<spf>pass</spf><reason><type>forwarded</type></reason><reason><type>other</type></reason>"
    "</policy_evaluated></row><auth_results><spf><domain>example.com</domain>"
    "<result>pass</result></spf><spf><domain>b.example</domain><result>fail</result></spf>"
    "</auth_results></record></feedback>";

static void
test_the_older_format_is_read(void **state)
{
	struct report r;
	struct err e;

	(void)state;
	assert_int_equal(report_read(str_z(old_format), &arena, &r, &e), 0);
	assert_true(str_eq_z(r.organization, "acme.example"));
	assert_int_equal(r.n, 1);
	assert_true(str_eq_z(r.rows[0].source, "72.150.241.94"));
	assert_int_equal(r.rows[0].count, 2);
	assert_true(str_eq_z(r.rows[0].reason, "forwarded"));
	assert_true(str_eq_z(r.rows[0].spf_domain, "example.com"));
	assert_true(str_eq_z(r.rows[0].spf_result, "pass"));
	arena_reset(&arena);
}

#define META                                                                                    \
	"<report_metadata><org_name>o</org_name><report_id>i</report_id><date_range><begin>1</" \
	"begin>"                                                                                \
	"<end>2</end></date_range></report_metadata>"
#define POLICY "<policy_published><domain>a.example</domain><p>none</p></policy_published>"
#define ROW(ip, count, from)                                      \
	"<record><row><source_ip>" ip "</source_ip><count>" count \
	"</count></row><identifiers><header_from>" from "</header_from></identifiers></record>"

static void
test_extensions_are_passed_over(void **state)
{
	static const char xml[] =
	    "<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\" xmlns:x=\"urn:x\">"
	    "<d:report_metadata><d:org_name>o</d:org_name><d:report_id>i</d:report_id>"
	    "</d:report_metadata><d:policy_published><d:domain>a.example</d:domain>"
	    "</d:policy_published><d:extension><x:deep><x:er>1</x:er></x:deep></d:extension>"
	    "<d:record><d:row><d:source_ip>::1</d:source_ip><d:count> 3 </d:count></d:row>"
	    "<d:identifiers><d:header_from>a.example</d:header_from></d:identifiers>"
	    "<x:more a=\"b\">2</x:more></d:record></d:feedback>";
	struct report r;
	struct err e;

	(void)state;
	assert_int_equal(report_read(STR(xml), &arena, &r, &e), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.rows[0].count, 3);
	arena_reset(&arena);
}

static void
test_what_is_no_report_is_refused(void **state)
{
	static const char *const bad[] = {"", "hello", "<html/>", "<feedback/>",
	    "<feedback>" META POLICY, "<feedback>" META "</feedback>",
	    "<feedback>" POLICY "</feedback>",
	    "<!DOCTYPE feedback [<!ENTITY a \"b\">]><feedback>" META POLICY "</feedback>",
	    "<feedback>" META POLICY ROW("1.2.3", "1", "a.example") "</feedback>",
	    "<feedback>" META POLICY ROW("1.2.3.4", "-1", "a.example") "</feedback>",
	    "<feedback>" META POLICY ROW("1.2.3.4", "1", "") "</feedback>",
	    "<feedback>" META POLICY ROW("1.2.3.4", "1", "\x7f") "</feedback>",
	    "<feedback>" META POLICY ROW("1.2.3.4", "99999999999999999999", "a") "</feedback>",
	    "<feedback>" META POLICY "&nbsp;</feedback>"};
	struct report r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(report_read(str_z(bad[i]), &arena, &r, &e), -1);
		assert_true(e.text[0] != '\0');
	}
	assert_int_equal(
	    report_read(STR("<feedback>" META POLICY ROW("1.2.3.4", "1", "a") "</feedback>"),
		&arena, &r, &e),
	    0);
	arena_reset(&arena);
}

/* Entities that grow, elements without end, rows without end: an error in bounded time. */
static void
test_xml_bombs_are_refused(void **state)
{
	struct report r;
	struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, XML_MAX);
	buf_puts(&b, "<?xml version=\"1.0\"?><!DOCTYPE z [<!ENTITY z \"z\">");
	for (int i = 0; i < 20; i++)
		buf_printf(&b, "<!ENTITY z%d \"&z;&z;&z;&z;\">", i);
	buf_puts(&b, "]><feedback>&z19;</feedback>");
	assert_int_equal(report_read(buf_view(&b), &arena, &r, &e), -1);
	assert_true(str_eq_z(str_z(e.text), "a document type declaration"));
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, i == 0 ? "<feedback>" : "<a>");
	assert_int_equal(report_read(buf_view(&b), &arena, &r, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	buf_reset(&b);
	buf_puts(&b, "<feedback>");
	for (unsigned i = 0; i <= REPORT_ROWS_MAX; i++)
		buf_puts(&b, "<record/>");
	buf_puts(&b, "</feedback>");
	assert_int_equal(report_read(buf_view(&b), &arena, &r, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	assert_true(arena.used < 64u << 20);
	buf_free(&b);
	arena_free(&arena);
}

/* 32 MiB and more of blanks in some kilobytes. */
static void
test_zip_bombs_are_refused(void **state)
{
	struct buf big, packed, out;
	struct err e;

	(void)state;
	buf_init(&big, XML_MAX);
	buf_init(&packed, XML_MAX);
	buf_init(&out, XML_MAX);
	for (unsigned i = 0; i < REPORT_UNPACKED_MAX / 64 + 1; i++)
		buf_put(
		    &big, "                                                                ", 64);
	assert_int_equal(report_gzip(buf_view(&big), &packed), 0);
	assert_true(packed.n < 200000);
	assert_int_equal(report_unpack(buf_view(&packed), &out, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	/* It ended as soon as the ratio was seen. */
	assert_true(out.n < 4u << 20);
	buf_free(&big);
	buf_free(&packed);
	buf_free(&out);
}

static void
le(struct buf *b, uint64_t v, int octets)
{
	for (int i = 0; i < octets; i++)
		buf_putc(b, (char)(v >> 8 * i));
}

static void
zip_file(struct buf *b, const char *name, unsigned method, unsigned flags, struct str data)
{
	buf_puts(b, "PK\3\4");
	le(b, 20, 2);
	le(b, flags, 2);
	le(b, method, 2);
	le(b, 0, 8); /* time, date, checksum */
	le(b, flags & 8 ? 0 : (uint32_t)data.n, 4);
	le(b, 0, 4);
	le(b, (uint32_t)strlen(name), 2);
	le(b, 0, 2);
	buf_puts(b, name);
	buf_str(b, data);
}

/* What stands between the header and the trailer of gzip is what zip calls method 8. */
static struct str
deflated(struct buf *b, struct str s)
{
	buf_init(b, XML_MAX);
	assert_int_equal(report_gzip(s, b), 0);
	return str_sub(buf_view(b), 10, b->n - 18);
}

static void
test_archives_are_opened(void **state)
{
	struct buf zip, packed, out;
	struct str data = deflated(&packed, str_z(old_format));
	struct err e;

	(void)state;
	buf_init(&zip, XML_MAX);
	buf_init(&out, XML_MAX);
	zip_file(&zip, "a.xml", 8, 0, data);
	assert_int_equal(report_unpack(buf_view(&zip), &out, &e), 0);
	assert_true(str_eq(buf_view(&out), str_z(old_format)));
	buf_reset(&zip);
	buf_reset(&out);
	zip_file(&zip, "dir/", 0, 0, STR_NONE);
	zip_file(&zip, "dir/a.xml", 8, 8, data); /* lengths behind it */
	assert_int_equal(report_unpack(buf_view(&zip), &out, &e), 0);
	assert_true(str_eq(buf_view(&out), str_z(old_format)));
	buf_reset(&zip);
	buf_reset(&out);
	zip_file(&zip, "a.xml", 0, 0, STR("<feedback/>"));
	assert_int_equal(report_unpack(buf_view(&zip), &out, &e), 0);
	assert_true(str_eq_z(buf_view(&out), "<feedback/>"));
	/* Every cut is an error, and no read beyond it. */
	buf_reset(&zip);
	zip_file(&zip, "a.xml", 8, 0, data);
	for (size_t n = 4; n < zip.n; n++) {
		char *cut = mem_dup(zip.p, n);

		buf_reset(&out);
		assert_int_equal(report_unpack(str_of(cut, n), &out, &e), -1);
		free(cut);
	}
	buf_reset(&zip);
	zip_file(&zip, "a.xml", 8, 1, data);
	assert_int_equal(report_unpack(buf_view(&zip), &out, &e), -1);
	buf_free(&zip);
	buf_free(&packed);
	buf_free(&out);
}

static void
test_cut_gzip_is_an_error(void **state)
{
	struct buf packed, out;
	struct err e;

	(void)state;
	buf_init(&packed, XML_MAX);
	buf_init(&out, XML_MAX);
	assert_int_equal(report_gzip(str_z(old_format), &packed), 0);
	for (size_t n = 2; n < packed.n; n++) {
		buf_reset(&out);
		assert_int_equal(report_unpack(str_sub(buf_view(&packed), 0, n), &out, &e), -1);
	}
	buf_free(&packed);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_reads_the_same),
	    cmocka_unit_test(test_the_older_format_is_read),
	    cmocka_unit_test(test_extensions_are_passed_over),
	    cmocka_unit_test(test_what_is_no_report_is_refused),
	    cmocka_unit_test(test_xml_bombs_are_refused),
	    cmocka_unit_test(test_zip_bombs_are_refused),
	    cmocka_unit_test(test_archives_are_opened),
	    cmocka_unit_test(test_cut_gzip_is_an_error),
	};

	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
