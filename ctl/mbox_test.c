/* mbox_test.c - files of the mbox family, as programs write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/mbox.h"

#define FROM "From a@x.test Tue Nov  3 10:11:12 2026\n"
#define WHEN 1793700672

static struct buf out, flags;
static bool keeper;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	buf_init(&flags, MBOX_FLAGS_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	buf_free(&flags);
	return 0;
}

/* Takes the first message of *rest, however the reads fall; written into out and flags. */
static void
take(struct str *rest)
{
	struct mbox_message m = {0}, again;
	size_t seen = 0, some = 0;

	assert_int_equal(mbox_split(*rest, true, &seen, &m), MBOX_DONE);
	for (size_t n = 0; n <= rest->n; n++) {
		enum mbox_got got = mbox_split(str_sub(*rest, 0, n), n == rest->n, &some, &again);

		if (got == MBOX_MORE)
			continue;
		assert_int_equal(got, MBOX_DONE);
		assert_int_equal(again.used, m.used);
		assert_true(str_eq(again.text, m.text));
		break;
	}
	buf_reset(&out);
	buf_reset(&flags);
	assert_int_equal(mbox_write(&m, &out, &flags, &keeper), 0);
	*rest = str_from(*rest, m.used);
}

#define is(text) assert_string_equal(out.p, text)

static void
dates(void **state)
{
	static const struct {
		const char *line;
		int64_t date;
	} lines[] = {
	    {"From a@x.test Tue Nov  3 10:11:12 2026", WHEN},
	    {"From a@x.test Tue Nov 3 10:11:12 2026\r", WHEN},
	    {"From MAILER-DAEMON Tue Nov 03 11:11:12 2026 +0100", WHEN},
	    {"From 17@xxx Tue Nov 03 10:11:12 +0000 2026", WHEN},
	    {"From \"a b\"@x.test  Tue Nov  3 10:11:12 UTC 2026", WHEN},
	    {"From - Tue Nov 03 10:11 2026", WHEN - 12},
	    {"From here on all is different", -1},
	    {"From Tue Nov 3 of 2026", -1},
	    {">From a@x.test Tue Nov  3 10:11:12 2026", -1},
	    {"From a@x.test Tue Nov 33 10:11:12 2026", -1},
	    {"From a@x.test Tue Nov  3 10:11:12", -1},
	};
	int64_t date;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		int rc = mbox_date(str_z(lines[i].line), &date);

		assert_int_equal(rc, lines[i].date < 0 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(date, lines[i].date);
	}
}

static void
messages_and_quotes(void **state)
{
	struct str rest = STR(FROM "Subject: one\n\nfirst\n>From me\n>>From you\n> From\n\n"
				   "From here no message begins\nlast\n\n" FROM "Subject: two\n\n"
				   "no line end");

	(void)state;
	take(&rest);
	is("Subject: one\r\n\r\nfirst\r\nFrom me\r\n>From you\r\n> From\r\n\r\n"
	   "From here no message begins\r\nlast\r\n");
	take(&rest);
	is("Subject: two\r\n\r\nno line end");
	assert_int_equal(rest.n, 0);
}

static void
lines_that_end_in_crlf(void **state)
{
	struct str rest = STR("From a Tue Nov  3 10:11:12 2026\r\nA: b\r\n\r\nx\r\n\r\n"
			      "From a Tue Nov  3 10:11:12 2026\r\nA: c\r\n\r\ny\rz\r\n\r\n");

	(void)state;
	take(&rest);
	is("A: b\r\n\r\nx\r\n");
	take(&rest);
	is("A: c\r\n\r\ny\rz\r\n");
	assert_int_equal(rest.n, 0);
}

static void
content_length_where_it_fits(void **state)
{
	/* mboxcl2: From_ lines stand as they are. */
	struct str rest = STR(FROM "Content-Length: 48\n\n>From x\n\n" FROM "\n" FROM
				   "Content-Length: 9999\n\n>From y\n\n" FROM
				   "Content-Length: 3\n\nlonger than three\n");

	(void)state;
	take(&rest);
	is("\r\n>From x\r\n\r\nFrom a@x.test Tue Nov  3 10:11:12 2026\r\n");
	/* Too much, and too little: as if it were not there. */
	take(&rest);
	is("\r\nFrom y\r\n");
	take(&rest);
	is("\r\nlonger than three\r\n");
	/* mboxcl: quoted all the same. */
	rest = STR(FROM "Content-Length: 8\n\n>From x\n\n" FROM "\nz\n");
	take(&rest);
	is("\r\nFrom x\r\n");
}

static void
flags_of_keepers(void **state)
{
	struct str rest = STR(FROM "Status: RO\nSubject: s\nX-Status: AF\nX-Keywords: $Label1\n"
				   " more\nX-UID: 7\nContent-Length: 2\n\nx\n\n" FROM
				   "X-Mozilla-Status: 0009\nX-Mozilla-Status2: 00000000\n\n"
				   "Status: R\n");

	(void)state;
	take(&rest);
	is("Subject: s\r\n\r\nx\r\n");
	assert_string_equal(flags.p, "\\Seen \\Answered \\Flagged $Label1");
	assert_false(keeper);
	take(&rest);
	is("\r\nStatus: R\r\n");
	assert_string_equal(flags.p, "\\Seen \\Deleted");
	rest = STR(FROM "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n");
	take(&rest);
	assert_true(keeper);
}

static void
what_is_none(void **state)
{
	struct str text = STR("Subject: none\n\nx\n\n" FROM "A: b\n\nx\n");
	struct mbox_message m;
	size_t seen = 0;

	(void)state;
	assert_int_equal(mbox_split(text, true, &seen, &m), MBOX_BAD);
	assert_int_equal(mbox_next(text, true, 0), 18);
	assert_int_equal(mbox_next(str_sub(text, 0, 30), false, 0), 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(dates, setup, teardown),
	    cmocka_unit_test_setup_teardown(messages_and_quotes, setup, teardown),
	    cmocka_unit_test_setup_teardown(lines_that_end_in_crlf, setup, teardown),
	    cmocka_unit_test_setup_teardown(content_length_where_it_fits, setup, teardown),
	    cmocka_unit_test_setup_teardown(flags_of_keepers, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
