/* screening_test.c - mail of strangers on its way past gk-screen: what it sees, what it may say,
 * and that nothing is taken without it. */
#include <errno.h>

#include "smtpd/session_client_test_in.h"
#include "smtpd/spool.h"
#include "smtpd/trace.h"

#define RESULTS "Authentication-Results: mail.here.test;\r\n\tspf=pass\r\n"

static struct buf text;

/* The last code heard, with its enhanced code. */
static const char *
code(void)
{
	static char out[12];
	struct str s = buf_view(&heard), line, last = STR_NONE;

	while (str_cut(&s, '\n', &line))
		last = line;
	snprintf(out, sizeof(out), "%.*s", (int)str_chr(str_from(last, 4), ' ') + 4, last.p);
	buf_reset(&heard);
	return out;
}

static void
come(const char *listener, uint32_t address)
{
	struct svc_conn c = {.name = listener, .peer_text = "192.0.2.9"};
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v), 0);
	c.fd = v[0];
	client = v[1];
	((struct sockaddr_in *)&c.peer)->sin_family = AF_INET;
	((struct sockaddr_in *)&c.peer)->sin_addr.s_addr = address;
	buf_reset(&heard);
	session_accept(&c);
	turn();
	say(STR("EHLO there.test\r\n"));
}

static void
leave(void)
{
	close(client);
	client = -1;
	turn();
	clock_advance(60000);
	turn();
	assert_true(session_none());
}

static void
begin(void)
{
	say(STR("MAIL FROM:<s@there.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n"));
	assert_string_equal(code(), "354 Send");
}

/* What it is answered. */
static const char *
submit(struct str message)
{
	say(STR("MAIL FROM:<s@there.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n"));
	buf_reset(&heard);
	say(message);
	say(STR(".\r\n"));
	return code();
}

/* A message of n octets. */
static struct str
make_text(size_t n)
{
	buf_reset(&text);
	buf_puts(&text, "From: s@there.test\r\nSubject: long\r\n\r\n");
	for (unsigned i = 0; text.n + 12 < n; i++)
		buf_printf(&text, "%08u\r\n", i % 100000000);
	while (text.n + 2 < n)
		buf_putc(&text, 'x');
	buf_puts(&text, "\r\n");
	return buf_view(&text);
}

/* What is stored is the message behind Return-Path, `fields` and Received. */
static void
stored_as(const char *fields, struct str message)
{
	struct str s = buf_view(&stored);

	assert_true(str_starts(s, STR("Return-Path: <s@there.test>\r\n")));
	assert_int_equal(env.return_path, strlen("Return-Path: <s@there.test>\r\n"));
	s = str_from(s, env.return_path);
	assert_true(str_starts(s, str_z(fields)));
	s = str_from(s, strlen(fields));
	assert_true(str_starts(s, STR("Received: from there.test")));
	assert_true(s.n > message.n);
	assert_int_equal(memcmp(s.p + s.n - message.n, message.p, message.n), 0);
	assert_true(str_ends(str_sub(s, 0, s.n - message.n), STR("\r\n")));
	assert_true(str_find(str_sub(s, 0, s.n - message.n), STR("From:")) == s.n - message.n);
}

static int
set_up(void **state)
{
	(void)state;
	fakes_open("[server]\nhost_name = \"mail.here.test\"\n[smtp]\nmax_size = \"4MiB\"\n"
		   "greet_delay = \"0s\"\n[submission]\nauth_without_tls = true\n"
		   "[limits]\ntrusted_networks = [\"0.0.0.0\"]\n");
	buf_init(&heard, 16u << 20);
	buf_init(&text, 16u << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (client >= 0)
		leave();
	fakes_close();
	buf_free(&heard);
	buf_free(&text);
	return 0;
}

/* ---- what it sees, and what comes of it ---- */

static void
every_size_goes_past_it_whole(void **state)
{
	static const size_t sizes[] = {40, 1000, IPC_INLINE_MAX, IPC_INLINE_MAX + 1, 65536, 100000,
	    SPOOL_SMALL_MAX - 1, SPOOL_SMALL_MAX, SPOOL_SMALL_MAX + 1, 600000, 1u << 20, 3u << 20};

	(void)state;
	word.fields = STR(RESULTS);
	come("smtp", 7);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct str m = make_text(sizes[i]);

		assert_int_equal(m.n, sizes[i]);
		streams = 0;
		assert_string_equal(submit(m), "250 2.0.0");
		assert_int_equal(streams, sizes[i] > IPC_INLINE_MAX);
		assert_true(str_eq(buf_view(&screened), m));
		stored_as(RESULTS, m);
		assert_int_equal(env.flags & ENVELOPE_JUNK, 0);
		assert_string_equal(screen_head, "192.0.2.9 2  there.test s@there.test");
	}
}

static void
its_verdicts_are_followed(void **state)
{
	static const struct {
		enum screen_verdict verdict;
		enum screen_reason reason;
		const char *code;
	} rows[] = {
	    {SCREEN_REJECT, SCREEN_BY_DMARC, "550 5.7.26"},
	    {SCREEN_REJECT, SCREEN_BY_SPF, "550 5.7.23"},
	    {SCREEN_REJECT, SCREEN_BY_SCORE, "550 5.7.1"},
	    {SCREEN_DEFER, SCREEN_BY_DMARC, "451 4.4.3"},
	    {SCREEN_DEFER, SCREEN_BY_SPF, "451 4.7.24"},
	    {SCREEN_JUNK, SCREEN_BY_DMARC, "250 2.0.0"},
	    {SCREEN_ACCEPT, SCREEN_BY_NOTHING, "250 2.0.0"},
	};
	unsigned taken = 0;

	(void)state;
	word.text = STR("For a reason");
	come("smtp", 7);
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t k = i / 2;

		word.verdict = rows[k].verdict;
		word.reason = rows[k].reason;
		assert_string_equal(submit(make_text(i % 2 ? 400000 : 100)), rows[k].code);
		taken += rows[k].verdict <= SCREEN_JUNK;
		assert_int_equal(committed, taken);
		if (rows[k].verdict == SCREEN_JUNK)
			assert_int_not_equal(env.flags & ENVELOPE_JUNK, 0);
	}
	assert_int_equal(env.flags & ENVELOPE_JUNK, 0);
}

static void
users_and_trusted_networks_do_not_wait_for_it(void **state)
{
	(void)state;
	ipc_free(&screen);
	come("smtp", 0);
	assert_string_equal(submit(make_text(100)), "250 2.0.0");
	stored_as("", buf_view(&text));
	leave();
	come("submission", 7);
	say(STR("AUTH PLAIN AGFsaWNlAHB3\r\nMAIL FROM:<alice@here.test>\r\n"
		"RCPT TO:<alice@here.test>\r\nDATA\r\nFrom: alice@here.test\r\n\r\n.\r\n"));
	assert_string_equal(code(), "250 2.0.0");
}

/* ---- what speaks in our name ---- */

#define FORGED "Authentication-Results: mail.here.test; dmarc=pass\r\n"
#define OTHER  "Authentication-Results: there.test; dkim=pass\r\n"

static void
what_is_forged_goes(void **state)
{
	struct str raw =
	    STR(FORGED "From: s@there.test\r\n" OTHER FORGED "X-Spam-Flag: NO\r\n\r\nx\r\n");

	(void)state;
	come("smtp", 7);
	assert_string_equal(submit(raw), "250 2.0.0");
	/* It sees the octets that were signed. */
	assert_true(str_eq(buf_view(&screened), raw));
	stored_as("", STR("From: s@there.test\r\n" OTHER "\r\nx\r\n"));
	leave();
	come("smtp", 0);
	assert_string_equal(submit(raw), "250 2.0.0");
	stored_as("", STR("From: s@there.test\r\n" OTHER "X-Spam-Flag: NO\r\n\r\nx\r\n"));
	leave();
	come("submission", 7);
	say(STR(
	    "AUTH PLAIN AGFsaWNlAHB3\r\nMAIL FROM:<alice@here.test>\r\n"
	    "RCPT TO:<alice@here.test>\r\nDATA\r\nFrom: alice@here.test\r\n" FORGED "\r\n.\r\n"));
	assert_string_equal(code(), "250 2.0.0");
	assert_true(str_find(buf_view(&stored), STR("dmarc=pass")) == stored.n);
}

static void
a_forged_field_before_a_large_body_goes(void **state)
{
	struct str m = make_text(900000);

	(void)state;
	word.fields = STR(RESULTS);
	come("smtp", 7);
	begin();
	say(STR(FORGED));
	say(m);
	say(STR(".\r\n"));
	assert_string_equal(code(), "250 2.0.0");
	assert_int_equal(screened.n, m.n + strlen(FORGED));
	stored_as(RESULTS, m);
}

static void
too_much_in_our_name_is_refused(void **state)
{
	(void)state;
	come("smtp", 7);
	begin();
	for (int i = 0; i < 101; i++)
		say(STR(FORGED));
	say(STR("\r\n.\r\n"));
	assert_string_equal(code(), "550 5.7.1");
	assert_int_equal(committed, 0);
}

/* ---- a gk-screen that is captured, or away ---- */

static void
it_may_say_only_fields_of_its_own(void **state)
{
	static const char *const bad[] = {"Subject: free money\r\n", "\tfolded\r\n",
	    RESULTS "Subject: x\r\n", RESULTS "\r\n", RESULTS "\r\nbody", "X-Spam-Flag: YES",
	    "X-Spam-Flag: YES\n", "X-Spam-Flag: \rYES\r\n", "X-Spam-Flag: \x01\r\n",
	    "X-Spam-Flag: YES\r\n \r\n", "X-Spam-Flag: \xff\r\n", "Authentication-Results : x\r\n"};

	(void)state;
	come("smtp", 7);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		word.fields = str_z(bad[i]);
		assert_string_equal(submit(make_text(100)), "451 4.7.1");
	}
	word.fields = STR_NONE;
	word.text = STR("two\r\n250 lines");
	word.verdict = SCREEN_REJECT;
	assert_string_equal(submit(make_text(100)), "451 4.7.1");
	word.text = STR_NONE;
	word.verdict = (enum screen_verdict)17;
	assert_string_equal(submit(make_text(100)), "451 4.7.1");
	assert_int_equal(committed, 0);
}

static void
its_fields_are_bounded(void **state)
{
	static char much[TRACE_FIELDS_MAX + 100];
	size_t n = 0;

	(void)state;
	while (n + 40 < sizeof(much))
		n += (size_t)snprintf(much + n, sizeof(much) - n, "X-Spam-Status: No, score=1\r\n");
	come("smtp", 7);
	word.fields = str_sub(str_z(much), 0, TRACE_FIELDS_MAX / 28 * 28);
	assert_string_equal(submit(make_text(100)), "250 2.0.0");
	assert_string_equal(submit(make_text(500000)), "250 2.0.0");
	word.fields = str_z(much);
	assert_string_equal(submit(make_text(100)), "451 4.7.1");
	assert_string_equal(submit(make_text(500000)), "451 4.7.1");
}

/* It does not know the whole, so it has no verdict. */
static void
an_answer_before_the_end_is_none(void **state)
{
	(void)state;
	screen_waits = true;
	come("smtp", 7);
	begin();
	say(make_text(40000));
	assert_int_equal(streams, 1);
	screen_says();
	turn();
	say(STR("more\r\n.\r\n"));
	assert_string_equal(code(), "451 4.7.1");
	assert_int_equal(committed, 0);
}

static void
without_it_nothing_is_taken(void **state)
{
	static const size_t sizes[] = {100, 50000, 500000};

	(void)state;
	come("smtp", 7);
	screen_waits = true;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int s[2];

		begin();
		say(make_text(sizes[i] < 60000 ? sizes[i] : 60000));
		if (i == 0)
			say(STR(".\r\n"));
		ipc_free(&screen); /* in the middle of it */
		turn();
		if (i > 0)
			say(STR(".\r\n"));
		assert_string_equal(code(), "451 4.7.1");
		assert_int_equal(committed, 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s), 0);
		ipc_attach(to_screen, s[0]);
		screen = ipc_new(s[1], PEER_SCREEN, PEER_SMTPD, screen_message, NULL, NULL);
	}
	screen_waits = false;
	assert_string_equal(submit(make_text(100)), "250 2.0.0");
}

static void
who_leaves_takes_the_question_along(void **state)
{
	(void)state;
	come("smtp", 7);
	begin();
	say(make_text(300000));
	leave();
	assert_int_equal(screen_aborts, 1);
	assert_int_equal(committed, 0);
	assert_int_equal(aborted, 1);
}

/* A reader that stands still holds its client, not our memory. */
static void
the_client_waits_for_a_slow_reader(void **state)
{
	struct str m = make_text(3u << 20);
	size_t sent = 0;

	(void)state;
	screen_waits = true;
	come("smtp", 7);
	begin();
	for (int i = 0; i < 2000; i++) {
		ssize_t n = send(client, m.p + sent, m.n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		loop_once(0);
	}
	assert_true(sent < 1500000);
	screen_waits = false;
	say(str_from(m, sent));
	say(STR(".\r\n"));
	assert_string_equal(code(), "250 2.0.0");
	assert_true(str_eq(buf_view(&screened), m));
	stored_as("", m);
}

/* ---- the disk ---- */

static int fail_after;

static int
write_fails(enum file_op op, const char *name)
{
	(void)name;
	return (op == FILE_WRITE || op == FILE_READ || op == FILE_TRUNCATE) && fail_after-- <= 0
		   ? EIO
		   : 0;
}

/* Each operation of the file's way, one after another. */
static void
a_disk_that_fails_refuses(void **state)
{
	(void)state;
	come("smtp", 7);
	for (int i = 0;; i++) {
		const char *c;

		fail_after = i;
		file_fault = write_fails;
		c = submit(make_text(900000));
		file_fault = NULL;
		if (strcmp(c, "250 2.0.0") == 0) {
			assert_true(i > 3);
			break;
		}
		assert_true(str_starts(str_z(c), STR("451")));
		assert_int_equal(committed, 0);
		assert_true(i < 100);
	}
	stored_as("", buf_view(&text));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_size_goes_past_it_whole),
	    TEST(its_verdicts_are_followed),
	    TEST(users_and_trusted_networks_do_not_wait_for_it),
	    TEST(what_is_forged_goes),
	    TEST(a_forged_field_before_a_large_body_goes),
	    TEST(too_much_in_our_name_is_refused),
	    TEST(it_may_say_only_fields_of_its_own),
	    TEST(its_fields_are_bounded),
	    TEST(an_answer_before_the_end_is_none),
	    TEST(without_it_nothing_is_taken),
	    TEST(who_leaves_takes_the_question_along),
	    TEST(the_client_waits_for_a_slow_reader),
	    TEST(a_disk_that_fails_refuses),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
