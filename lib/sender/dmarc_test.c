/*
 * dmarc_test.c - a table of DMARC cases, written from RFC 9989; the sections stand with the rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sender/dmarc.h"
#include "sender/sender_test.h"

struct row {
	const char *what;
	const char *zone;
	const char *author;
	const char *spf;  /* "pass DOMAIN", "temperror DOMAIN", "none" … */
	const char *dkim; /* "pass DOMAIN", "fail DOMAIN", "temp DOMAIN", blank-separated */
	/* "RESULT POLICY TAG POLICY_DOMAIN ORGANIZATION"; the rest is "-" where there is no policy.
	 */
	const char *expect;
};

#define COM "_dmarc.example.com TXT v=DMARC1; p=reject\n"

static const struct row rows[] = {
    /* 4.4: alignment */
    {"no record", "", "example.com", "pass example.com", "", "none - - - -"},
    {"spf aligned, same", COM, "example.com", "pass example.com", "",
	"pass reject p example.com example.com"},
    {"spf pass of a stranger", COM, "example.com", "pass evil.example", "",
	"fail reject p example.com example.com"},
    {"spf fail", COM, "example.com", "fail example.com", "",
	"fail reject p example.com example.com"},
    {"spf softfail is no pass", COM, "example.com", "softfail example.com", "",
	"fail reject p example.com example.com"},
    {"spf neutral is no pass", COM, "example.com", "neutral example.com", "",
	"fail reject p example.com example.com"},
    {"dkim aligned, same", COM, "example.com", "none", "pass example.com",
	"pass reject p example.com example.com"},
    {"dkim failed", COM, "example.com", "none", "fail example.com",
	"fail reject p example.com example.com"},
    {"dkim pass of a stranger", COM, "example.com", "none", "pass evil.example",
	"fail reject p example.com example.com"},
    {"the second signature is aligned", COM, "example.com", "none",
	"pass list.example pass example.com", "pass reject p example.com example.com"},
    {"a failed signature beside a good one", COM, "example.com", "none",
	"fail example.com pass example.com", "pass reject p example.com example.com"},
    {"names are compared without case", COM, "example.com", "pass EXAMPLE.Com", "",
	"pass reject p example.com example.com"},
    {"relaxed: the subdomain signs for the domain", COM, "example.com", "none",
	"pass mail.example.com", "pass reject p example.com example.com"},
    {"relaxed: the domain signs for the subdomain", COM, "news.example.com", "none",
	"pass example.com", "pass reject p example.com example.com"},
    {"relaxed: siblings", COM, "news.example.com", "pass foo.example.com", "",
	"pass reject p example.com example.com"},
    {"a name that merely ends alike", COM, "example.com", "pass notexample.com", "",
	"fail reject p example.com example.com"},
    {"strict dkim: the subdomain does not", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s",
	"example.com", "none", "pass mail.example.com", "fail reject p example.com example.com"},
    {"strict dkim: the same does", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s",
	"example.com", "none", "pass example.com", "pass reject p example.com example.com"},
    {"strict spf: the subdomain does not", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s",
	"example.com", "pass mail.example.com", "", "fail reject p example.com example.com"},
    {"strict dkim leaves spf relaxed", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s",
	"example.com", "pass mail.example.com", "", "pass reject p example.com example.com"},
    {"strict spf leaves dkim relaxed", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s",
	"example.com", "none", "pass mail.example.com", "pass reject p example.com example.com"},
    {"an unknown alignment mode is relaxed", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=x",
	"example.com", "none", "pass mail.example.com", "pass reject p example.com example.com"},

    /* 4.7, 4.8: the record */
    {"p=none", "_dmarc.example.com TXT v=DMARC1; p=none", "example.com", "none", "",
	"fail none p example.com example.com"},
    {"p=quarantine", "_dmarc.example.com TXT v=DMARC1; p=quarantine", "example.com", "none", "",
	"fail quarantine p example.com example.com"},
    {"values without case, blanks", "_dmarc.example.com TXT v = DMARC1 ;  p =  Reject ;",
	"example.com", "none", "", "fail reject p example.com example.com"},
    {"no blanks at all", "_dmarc.example.com TXT v=DMARC1;p=reject;adkim=s", "example.com", "none",
	"pass mail.example.com", "fail reject p example.com example.com"},
    {"p need not follow v", "_dmarc.example.com TXT v=DMARC1; rua=mailto:a@example.com; p=reject",
	"example.com", "none", "", "fail reject p example.com example.com"},
    {"without p it is none", "_dmarc.example.com TXT v=DMARC1; rua=mailto:a@example.com",
	"example.com", "none", "", "fail none p example.com example.com"},
    {"v alone", "_dmarc.example.com TXT v=DMARC1", "example.com", "none", "",
	"fail none p example.com example.com"},
    {"v is not first", "_dmarc.example.com TXT p=reject; v=DMARC1", "example.com", "none", "",
	"none - - - -"},
    {"the version in lower case", "_dmarc.example.com TXT v=dmarc1; p=reject", "example.com",
	"none", "", "none - - - -"},
    {"another version", "_dmarc.example.com TXT v=DMARC2; p=reject", "example.com", "none", "",
	"none - - - -"},
    {"a version that merely begins so", "_dmarc.example.com TXT v=DMARC12; p=reject", "example.com",
	"none", "", "none - - - -"},
    {"two records are none", COM "_dmarc.example.com TXT v=DMARC1; p=none", "example.com", "none",
	"", "none - - - -"},
    {"other TXT records do not count", COM "_dmarc.example.com TXT hello world", "example.com",
	"none", "", "fail reject p example.com example.com"},
    {"unknown and removed tags are passed over",
	"_dmarc.example.com TXT v=DMARC1; p=reject; pct=0; ri=1; rf=x; hello=world", "example.com",
	"none", "", "fail reject p example.com example.com"},
    {"rubbish between is passed over", "_dmarc.example.com TXT v=DMARC1; ;; what; p=reject; =x",
	"example.com", "none", "", "fail reject p example.com example.com"},
    {"wrong p with a report address is none",
	"_dmarc.example.com TXT v=DMARC1; p=rejct; rua=mailto:a@b.example", "example.com", "none",
	"", "fail none p example.com example.com"},
    {"wrong p without one applies nothing", "_dmarc.example.com TXT v=DMARC1; p=rejct",
	"example.com", "none", "", "permerror - - - -"},
    {"wrong sp likewise", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=no", "example.com", "none",
	"", "permerror - - - -"},
    {"wrong np with an address is none",
	"_dmarc.example.com TXT v=DMARC1; p=reject; np=no; rua=mailto:a@b.example", "example.com",
	"none", "", "fail none p example.com example.com"},
    {"a wrong address is no address", "_dmarc.example.com TXT v=DMARC1; p=rejct; rua=nonsense",
	"example.com", "none", "", "permerror - - - -"},

    /* 4.7: t */
    {"t=y: reject becomes quarantine", "_dmarc.example.com TXT v=DMARC1; p=reject; t=y",
	"example.com", "none", "", "fail quarantine p example.com example.com"},
    {"t=y: quarantine becomes none", "_dmarc.example.com TXT v=DMARC1; p=quarantine; t=y",
	"example.com", "none", "", "fail none p example.com example.com"},
    {"t=y: none stays", "_dmarc.example.com TXT v=DMARC1; p=none; t=y", "example.com", "none", "",
	"fail none p example.com example.com"},
    {"t=y holds for sp too",
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=reject; t=y\na.example.com A 192.0.2.1",
	"a.example.com", "none", "", "fail quarantine sp example.com example.com"},
    {"t=n", "_dmarc.example.com TXT v=DMARC1; p=reject; t=n", "example.com", "none", "",
	"fail reject p example.com example.com"},

    /* 4.10.1: sp and np */
    {"sp for a subdomain that is there",
	"_dmarc.example.com TXT v=DMARC1; p=reject; sp=quarantine\na.example.com A 192.0.2.1",
	"a.example.com", "none", "", "fail quarantine sp example.com example.com"},
    {"sp does not hold for the domain itself", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=none",
	"example.com", "none", "", "fail reject p example.com example.com"},
    {"without sp, p", COM "a.example.com A 192.0.2.1", "a.example.com", "none", "",
	"fail reject p example.com example.com"},
    {"np for one that is not there",
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; np=reject", "nope.example.com",
	"none", "", "fail reject np example.com example.com"},
    {"np not for one that has an A",
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; np=reject\na.example.com A "
	"192.0.2.1",
	"a.example.com", "none", "", "fail quarantine sp example.com example.com"},
    {"np not for one that has an AAAA",
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; np=reject\na.example.com AAAA "
	"2001:db8::1",
	"a.example.com", "none", "", "fail quarantine sp example.com example.com"},
    {"np not for one that has an MX",
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; np=reject\na.example.com MX "
	"mx.example.com",
	"a.example.com", "none", "", "fail quarantine sp example.com example.com"},
    {"a TXT alone does not make it exist (3.2.13)",
	"_dmarc.example.com TXT v=DMARC1; p=none; np=reject\na.example.com TXT hello",
	"a.example.com", "none", "", "fail reject np example.com example.com"},
    {"without np, sp", "_dmarc.example.com TXT v=DMARC1; p=none; sp=reject", "nope.example.com",
	"none", "", "fail reject sp example.com example.com"},
    {"np without sp, the subdomain is there",
	"_dmarc.example.com TXT v=DMARC1; p=quarantine; np=reject\na.example.com A 192.0.2.1",
	"a.example.com", "none", "", "fail quarantine p example.com example.com"},
    {"whether it is there is not known: the milder",
	"_dmarc.example.com TXT v=DMARC1; p=none; np=reject\na.example.com FAIL A", "a.example.com",
	"none", "", "fail none p example.com example.com"},
    {"the subdomain's own record comes first",
	COM "_dmarc.a.example.com TXT v=DMARC1; p=none; sp=quarantine", "a.example.com", "none", "",
	"fail none p a.example.com example.com"},

    /* 4.10: the walk */
    {"the shortest record is the organization's",
	COM "_dmarc.mail.example.com TXT v=DMARC1; p=none", "a.mail.example.com", "none", "",
	"fail reject p example.com example.com"},
    {"aligned through it", COM "_dmarc.mail.example.com TXT v=DMARC1; p=none", "a.mail.example.com",
	"pass b.example.com", "", "pass reject p example.com example.com"},
    {"psd=n ends the walk", COM "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n",
	"a.mail.example.com", "none", "", "fail none p mail.example.com mail.example.com"},
    {"and divides organizations", COM "_dmarc.mail.example.com TXT v=DMARC1; p=quarantine; psd=n",
	"a.mail.example.com", "pass www.example.com", "",
	"fail quarantine p mail.example.com mail.example.com"},
    {"psd=n at the author's domain", COM "_dmarc.a.example.com TXT v=DMARC1; p=none; psd=n",
	"a.example.com", "pass b.example.com", "", "fail none p a.example.com a.example.com"},
    {"psd=y: the policy of the suffix where the organization has none",
	"_dmarc.bank TXT v=DMARC1; p=reject; psd=y\na.example.bank A 192.0.2.1", "a.example.bank",
	"none", "", "fail reject p bank example.bank"},
    {"psd=y: np of the suffix", "_dmarc.bank TXT v=DMARC1; p=none; np=reject; psd=y",
	"example.bank", "none", "", "fail reject np bank example.bank"},
    {"psd=y: not where the organization has one",
	"_dmarc.bank TXT v=DMARC1; p=reject; psd=y\n_dmarc.example.bank TXT v=DMARC1; p=none",
	"a.example.bank", "none", "", "fail none p example.bank example.bank"},
    {"psd=y: two registrants are not aligned", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
	"one.bank", "pass two.bank", "", "fail reject p bank one.bank"},
    {"psd=y: one registrant is", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a.one.bank",
	"pass b.one.bank", "", "pass reject p bank one.bank"},
    {"psd=y with two labels", "_dmarc.co.example TXT v=DMARC1; p=quarantine; psd=y",
	"a.firm.co.example", "none", "", "fail quarantine p co.example firm.co.example"},
    {"psd=y where the walk starts is its own organization",
	"_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "bank", "pass bank", "",
	"pass reject p bank bank"},
    {"a record of the top without psd is the organization's", "_dmarc.com TXT v=DMARC1; p=none",
	"example.com", "pass other.com", "", "pass none p com com"},
    {"long names: the jump to seven labels", "_dmarc.c.d.e.f.g.example.com TXT v=DMARC1; p=reject",
	"x.y.z.a.b.c.d.e.f.g.example.com", "none", "",
	"fail reject p c.d.e.f.g.example.com c.d.e.f.g.example.com"},
    {"a record that the jump passes over", "_dmarc.b.c.d.e.f.g.example.com TXT v=DMARC1; p=reject",
	"x.y.z.a.b.c.d.e.f.g.example.com", "none", "", "none - - - -"},
    {"two records above are passed over",
	COM "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n_dmarc.mail.example.com TXT "
	    "v=DMARC1; p=none",
	"a.mail.example.com", "none", "", "fail reject p example.com example.com"},

    /* 4.10.1, 5.3.6: errors */
    {"no answer for the record", "_dmarc.example.com FAIL TXT", "example.com", "pass example.com",
	"", "temperror - - - -"},
    {"no answer further up", "_dmarc.example.com FAIL TXT", "a.example.com", "pass a.example.com",
	"", "temperror - - - -"},
    {"spf is temporary and dkim fails", COM, "example.com", "temperror example.com",
	"fail example.com", "temperror reject p example.com example.com"},
    {"dkim is temporary and spf fails", COM, "example.com", "fail example.com", "temp example.com",
	"temperror reject p example.com example.com"},
    {"one is temporary, the other passes", COM, "example.com", "temperror example.com",
	"pass example.com", "pass reject p example.com example.com"},
    {"no answer about a stranger's organization", COM "_dmarc.evil.example FAIL TXT", "example.com",
	"pass evil.example", "", "temperror reject p example.com example.com"},
    {"spf permerror is a fail", COM, "example.com", "permerror example.com", "",
	"fail reject p example.com example.com"},
    {"an author without a name", COM, "[192.0.2.1]", "pass example.com", "", "none - - - -"},
    {"an empty author", COM, "", "pass example.com", "", "none - - - -"},
};

static enum spf_result
spf_result(struct str s)
{
	for (int r = SPF_NONE; r <= SPF_PERMERROR; r++)
		if (str_eq_z(s, spf_result_name((enum spf_result)r)))
			return (enum spf_result)r;
	fail_msg("no SPF result");
	return SPF_NONE;
}

static size_t
signatures(const char *text, struct dmarc_signature *out)
{
	struct str rest = str_z(text), word;
	size_t n = 0;

	while (rest.n > 0) {
		str_cut(&rest, ' ', &word);
		out[n].pass = str_eq_z(word, "pass");
		out[n].temporary = str_eq_z(word, "temp");
		str_cut(&rest, ' ', &out[n++].domain);
	}
	return n;
}

static struct str
or_dash(struct str s)
{
	return s.n > 0 ? s : STR("-");
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	struct dmarc_signature sigs[8] = {0};
	struct dmarc_query q = {.author = str_z(row->author), .signatures = sigs};
	struct zone z = {.lines = row->zone};
	struct str spf = str_z(row->spf), word;
	struct dmarc_answer out;
	struct facts f;
	struct arena a;
	bool policy;

	arena_init(&a);
	facts_init(&f, &a);
	str_cut(&spf, ' ', &word);
	q.spf = spf_result(word);
	q.spf_domain = spf;
	q.nsignatures = signatures(row->dkim, sigs);
	while (dmarc_check(&q, &f, &out) == DMARC_WAIT)
		zone_answer(&z, &f);
	policy = out.policy != DMARC_UNSET;
	assert_string_equal(
	    arena_printf(&a, "%s %s %s " STR_FMT " " STR_FMT, dmarc_result_name(out.result),
		policy ? dmarc_policy_name(out.policy) : "-", policy ? out.policy_tag : "-",
		STR_ARG(or_dash(policy ? out.policy_domain : STR_NONE)),
		STR_ARG(or_dash(policy ? out.organization : STR_NONE)))
		.p,
	    row->expect);
	assert_true(z.asked <= 40);
	arena_free(&a);
}

static void
test_reports_wanted(void **state)
{
	struct dmarc_record r;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_true(dmarc_record_parse(STR("v=DMARC1; rua=mailto:a@example.com!10m , "
					   "https://r.example/x,bad uri,; ruf=mailto:f@example.com;"
					   "fo=1:d:s"),
	    &a, &r));
	assert_int_equal(r.nrua, 2);
	assert_true(str_eq_z(r.rua[0].uri, "mailto:a@example.com"));
	assert_int_equal(r.rua[0].max, 10u << 20);
	assert_true(str_eq_z(r.rua[1].uri, "https://r.example/x"));
	assert_int_equal(r.rua[1].max, 0);
	assert_int_equal(r.nruf, 1);
	assert_int_equal(r.fo, DMARC_FO_1 | DMARC_FO_D | DMARC_FO_S);
	/* 0 and 1 exclude each other, and so does anything unknown: the default. */
	assert_true(dmarc_record_parse(STR("v=DMARC1; fo=0:1"), &a, &r));
	assert_int_equal(r.fo, DMARC_FO_0);
	assert_true(dmarc_record_parse(STR("v=DMARC1; fo=x"), &a, &r));
	assert_int_equal(r.fo, DMARC_FO_0);
	arena_free(&a);
}

/* Eight questions a walk, whatever the name's length (4.10). */
static void
test_walk_is_bounded(void **state)
{
	struct zone z = {.lines = ""};
	struct dmarc_query q = {.author = STR("a.b.c.d.e.f.g.h.i.j.mail.example.com")};
	struct dmarc_answer out;
	struct facts f;
	struct arena a;

	(void)state;
	arena_init(&a);
	facts_init(&f, &a);
	while (dmarc_check(&q, &f, &out) == DMARC_WAIT)
		zone_answer(&z, &f);
	assert_int_equal(z.asked, 8);
	arena_free(&a);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(rows) + 2] = {
	    cmocka_unit_test(test_reports_wanted),
	    cmocka_unit_test(test_walk_is_bounded),
	};
	struct row copy[ARRAY_LEN(rows)];

	memcpy(copy, rows, sizeof(rows));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tests[i + 2] = (struct CMUnitTest){
		    .name = copy[i].what, .test_func = test_row, .initial_state = &copy[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
