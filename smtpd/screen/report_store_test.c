/* report_store_test.c - counts become reports, reports are sent once, received ones are listed. */
#include "smtpd/screen/report_store.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#define DAY 86400
#define T0  (20000 * (int64_t)DAY + 100)

static struct arena arena;
static struct report_store *store;
static struct err err;

static int
setup(void **state)
{
	char dir[] = "/tmp/report_store.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	arena_init(&arena);
	store = report_store_open("reports.db", &err);
	assert_non_null(store);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	report_store_close(&store);
	unlink("reports.db");
	unlink("reports.db-wal");
	arena_free(&arena);
	return 0;
}

static void
reopen(void)
{
	report_store_close(&store);
	store = report_store_open("reports.db", &err);
	assert_non_null(store);
}

/* One message of author, from 192.0.2.<ip>. */
static void
note(struct report_notes *n, const char *author, const char *policy, unsigned ip,
    enum check_verdict v)
{
	struct check_query q = {.sender = STR("x@bounces.example")};
	struct check_result r = {.verdict = v, .reason = SCREEN_BY_DMARC, .author = str_z(author)};
	struct dkim_signature s = {
	    .result = DKIM_FAIL, .domain = STR("a.example"), .selector = STR("s1")};

	q.peer.ss_family = AF_INET;
	((struct sockaddr_in *)&q.peer)->sin_addr.s_addr = htonl(0xc0000200 + ip);
	r.signatures = &s;
	r.nsignatures = 1;
	r.spf.result = SPF_SOFTFAIL;
	r.spf.domain = STR("bounces.example");
	r.dmarc.policy_domain = str_z(policy);
	r.dmarc.result = DMARC_FAIL;
	r.dmarc.published = r.dmarc.policy = DMARC_REJECT;
	assert_true(dmarc_record_parse(
	    STR("v=DMARC1; p=reject; sp=none; fo=1:d; t=y; rua=mailto:r@a.example"), &arena,
	    &r.dmarc.record));
	report_note(n, &q, &r);
}

static void
flush(struct report_notes *n, int64_t now)
{
	uint64_t dropped;

	assert_int_equal(report_store_add(store, n, now, DAY, &dropped, &err), 0);
	assert_int_equal(dropped, 0);
	report_notes_free(n);
}

static void
test_counts_become_a_report(void **state)
{
	struct report_to to[] = {{STR("r@a.example"), 0}, {STR("s@a.example"), 1000}};
	struct report_notes n = {0};
	struct report_due due = {0};
	struct report r;
	int64_t next;

	(void)state;
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	note(&n, "sub.a.example", "a.example", 2, CHECK_ACCEPT);
	note(&n, "a.example", "a.example", 3, CHECK_DEFER); /* comes again */
	assert_int_equal(n.n, 2);
	flush(&n, T0);
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	flush(&n, T0 + 10);
	assert_int_equal(report_store_roll(store, T0 + 20, DAY, 0, false, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 20, &arena, &due, &next, &err), 0);
	assert_int_equal(report_store_roll(store, T0 + DAY, DAY, 50, false, &err), 0);
	assert_int_equal(report_store_due(store, T0 + DAY - 100, &arena, &due, &next, &err), 0);
	assert_int_equal(next, T0 - 100 + DAY + 50);
	assert_int_equal(report_store_due(store, T0 + DAY, &arena, &due, &next, &err), 1);
	assert_true(str_eq_z(due.domain, "a.example"));
	assert_int_equal(due.begin, T0 - 100);
	assert_int_equal(due.end, T0 - 100 + DAY - 1);
	assert_int_equal(due.report_id.n, 0);
	assert_int_equal(report_store_plan(store, &due, to, 2, &arena, &err), 0);
	assert_int_equal(due.n, 2);
	assert_int_equal(report_store_rows(store, &due, &arena, &r, &err), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.rows[0].count, 3);
	assert_true(str_eq_z(r.rows[0].source, "192.0.2.1"));
	assert_true(str_eq_z(r.rows[0].disposition, "reject"));
	assert_int_equal(r.rows[0].reason.n, 0);
	assert_true(str_eq_z(r.rows[0].envelope_from, "bounces.example"));
	assert_true(str_eq_z(r.rows[0].signatures[0].selector, "s1"));
	assert_true(str_eq_z(r.rows[1].header_from, "sub.a.example"));
	assert_true(str_eq_z(r.rows[1].reason, "local_policy"));
	assert_true(str_eq_z(r.p, "reject"));
	assert_true(str_eq_z(r.sp, "none"));
	assert_true(str_eq_z(r.np, "none"));
	assert_true(str_eq_z(r.fo, "1:d"));
	assert_true(str_eq_z(r.testing, "y"));
	assert_true(str_eq(r.id, due.report_id));
}

/* A crash after the plan repeats the same messages; what was said to be sent is not. */
static void
test_a_plan_outlives_a_crash(void **state)
{
	struct report_to to[] = {{STR("r@a.example"), 0}, {STR("s@a.example"), 0}};
	struct report_due due = {0}, again = {0};
	struct report_notes n = {0};
	int64_t next;

	(void)state;
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	flush(&n, T0);
	assert_int_equal(report_store_roll(store, T0 + 5, DAY, 0, true, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 5, &arena, &due, &next, &err), 1);
	assert_int_equal(due.end, T0 + 5);
	assert_int_equal(report_store_plan(store, &due, to, 2, &arena, &err), 0);
	assert_int_equal(report_store_sent(store, due.mailings[0].id, &err), 0);
	reopen();
	assert_int_equal(report_store_due(store, T0 + 6, &arena, &again, &next, &err), 1);
	assert_true(str_eq(again.report_id, due.report_id));
	assert_int_equal(again.n, 1);
	assert_true(str_eq(again.mailings[0].mid, due.mailings[1].mid));
	assert_int_equal(report_store_later(store, again.id, T0 + 100, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 7, &arena, &again, &next, &err), 0);
	assert_int_equal(next, T0 + 100);
	assert_int_equal(report_store_due(store, T0 + 100, &arena, &again, &next, &err), 1);
	assert_int_equal(again.tries, 1);
	assert_int_equal(report_store_forget(store, again.id, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 1000, &arena, &again, &next, &err), 0);
	assert_int_equal(next, 0);
}

/* Mail after `report --now` counts in a period that begins behind the one that was sent. */
static void
test_periods_do_not_overlap(void **state)
{
	struct report_notes n = {0};
	struct report_due due = {0};
	int64_t next;

	(void)state;
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	flush(&n, T0);
	assert_int_equal(report_store_roll(store, T0 + 5, DAY, 0, true, &err), 0);
	note(&n, "b.example", "b.example", 1, CHECK_REJECT);
	flush(&n, T0 + 6);
	assert_int_equal(report_store_roll(store, T0 + 3 * DAY, DAY, 0, false, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 9 * DAY, &arena, &due, &next, &err), 1);
	assert_int_equal(due.end, T0 + 5);
	assert_int_equal(report_store_forget(store, due.id, &err), 0);
	assert_int_equal(report_store_due(store, T0 + 9 * DAY, &arena, &due, &next, &err), 1);
	assert_true(str_eq_z(due.domain, "b.example"));
	assert_int_equal(due.begin, T0 + 6);
	assert_int_equal(due.end, T0 - 100 + DAY - 1);
}

static void
test_rows_are_bounded(void **state)
{
	struct report_notes n = {0};
	char author[40];
	uint64_t dropped;

	(void)state;
	for (unsigned i = 0; i < REPORT_TALLIES_MAX + 10; i++) {
		snprintf(author, sizeof(author), "n%u.a.example", i);
		note(&n, author, "a.example", 1, CHECK_REJECT);
		if (i % 1000 == 0)
			arena_reset(&arena);
	}
	assert_int_equal(report_store_add(store, &n, T0, DAY, &dropped, &err), 0);
	assert_int_equal(dropped, 10);
	/* What is there already still counts. */
	assert_int_equal(report_store_add(store, &n, T0, DAY, &dropped, &err), 0);
	assert_int_equal(dropped, 10);
	n.n = REPORT_NOTES_MAX;
	note(&n, "a.example", "a.example", 1, CHECK_REJECT);
	assert_int_equal(n.dropped, 1);
	report_notes_free(&n);
}

static void
test_received_reports_are_kept_once(void **state)
{
	struct report_row rows[] = {
	    {.source = STR("192.0.2.1"),
		.count = 5,
		.dkim = STR("pass"),
		.spf = STR("fail"),
		.disposition = STR("none"),
		.header_from = STR("a.example")},
	    {.source = STR("192.0.2.9"),
		.count = 2,
		.dkim = STR("fail"),
		.spf = STR("fail"),
		.disposition = STR("reject"),
		.header_from = STR("a.example")},
	};
	struct report r = {.organization = STR("acme.example"),
	    .id = STR("1"),
	    .domain = STR("A.example"),
	    .begin = T0,
	    .end = T0 + DAY,
	    .rows = rows,
	    .n = 2};
	struct report_source from = {STR("acme.example"), true, T0 + DAY};
	struct report_list l;

	(void)state;
	assert_int_equal(report_store_keep(store, &r, &from, &err), 1);
	assert_int_equal(report_store_keep(store, &r, &from, &err), 0);
	r.id = STR("2");
	assert_int_equal(report_store_keep(store, &r, &from, &err), 1);
	assert_int_equal(report_store_list(store, STR("a.EXAMPLE"), 0, &arena, &l, &err), 0);
	assert_int_equal(l.n, 2 * REPORT_LIST_WIDTH);
	assert_true(str_eq_z(l.v[1], "a.example"));
	assert_true(str_eq_z(l.v[5], "7"));
	assert_true(str_eq_z(l.v[6], "5"));
	assert_false(l.more);
	assert_int_equal(report_store_list(store, STR("b.example"), 0, &arena, &l, &err), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(report_store_sources(store, STR_NONE, T0, 0, &arena, &l, &err), 0);
	assert_int_equal(l.n, 2 * REPORT_SOURCES_WIDTH);
	assert_true(str_eq_z(l.v[1], "192.0.2.1"));
	assert_true(str_eq_z(l.v[2], "10"));
	assert_true(str_eq_z(l.v[3], "10"));
	assert_true(str_eq_z(l.v[REPORT_SOURCES_WIDTH + 6], "4"));
	assert_int_equal(report_store_sources(store, STR_NONE, T0, 1, &arena, &l, &err), 0);
	assert_int_equal(l.n, REPORT_SOURCES_WIDTH);
	assert_int_equal(report_store_trim(store, T0 + DAY + 1, &err), 0);
	assert_int_equal(report_store_list(store, STR_NONE, 0, &arena, &l, &err), 0);
	assert_int_equal(l.n, 0);
}

static void
test_rows_survive_encoding(void **state)
{
	struct report_row out;

	(void)state;
	assert_int_equal(report_row_decode(STR(""), &arena, &out), -1);
	assert_int_equal(report_row_decode(STR("\1\0\0\0\377"), &arena, &out), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_counts_become_a_report, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_plan_outlives_a_crash, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_periods_do_not_overlap, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rows_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_received_reports_are_kept_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rows_survive_encoding, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
