/* letter_test.c - messages of programs, made whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "sendmail/sendmail.h"

static struct arena arena;
static struct letter letter;

static struct account
user(bool any)
{
	return (struct account){
	    .address = STR("cron@mail.x.test"), .host = STR("mail.x.test"), .any = any};
}

static int
make(const char *raw, struct options o, bool any)
{
	struct account who = user(any);

	buf_free(&letter.text);
	letter = (struct letter){0};
	buf_init(&letter.text, 1u << 20);
	return letter_make(str_z(raw), &o, &who, &arena, &letter);
}

static void
expect(const char *raw, struct options o, bool any, const char *want)
{
	assert_int_equal(make(raw, o, any), EX_OK);
	assert_string_equal(letter.text.p, want);
}

static void
expect_to(const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < letter.nto; i++)
		buf_printf(&b, "%s" STR_FMT "%s", i ? " " : "", STR_ARG(letter.to[i].address),
		    letter.to[i].login ? "*" : "");
	assert_string_equal(b.n ? b.p : "", want);
	buf_free(&b);
}

/* Reads what comes in two pieces: each write to such a socket is one read. */
static void
read_split(const char *in, size_t n, size_t at, bool dots, const char *want)
{
	struct buf out;
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, v), 0);
	if (at > 0)
		assert_int_equal(send(v[0], in, at, 0), at);
	if (at < n)
		assert_int_equal(send(v[0], in + at, n - at, 0), n - at);
	close(v[0]);
	buf_init(&out, 4096);
	assert_int_equal(letter_read(v[1], dots, &out), EX_OK);
	assert_string_equal(out.n ? out.p : "", want);
	buf_free(&out);
	close(v[1]);
}

static void
lines(void **state)
{
	static const struct {
		const char *in, *dots, *as_is;
	} cases[] = {
	    {"a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n"},
	    {"a\r\nb", "a\r\nb\r\n", "a\r\nb\r\n"},
	    {"10%\r20%\r\n", "10%\r\n20%\r\n", "10%\r\n20%\r\n"},
	    {"a\r\r\nb\n\n\r\n", "a\r\n\r\nb\r\n\r\n\r\n", "a\r\n\r\nb\r\n\r\n\r\n"},
	    {"a\n.\nb\n", "a\r\n", "a\r\n.\r\nb\r\n"},
	    {"a\n..\n.b\n.", "a\r\n..\r\n.b\r\n", "a\r\n..\r\n.b\r\n.\r\n"},
	    {".\r\nx", "", ".\r\nx\r\n"},
	    {"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].in);

		for (size_t at = 0; at <= n; at++) {
			read_split(cases[i].in, n, at, true, cases[i].dots);
			read_split(cases[i].in, n, at, false, cases[i].as_is);
		}
	}
	read_split("a\0b\n\0", 5, 2, true, "ab\r\n");
}

static void
from_and_sender(void **state)
{
	char *to[] = {(char[]){"bob@x.test"}};
	struct options o = {.to = to, .nto = 1, .name = "The Job"};

	(void)state;
	expect("Subject: s\r\n\r\nb\r\n", o, false,
	    "Subject: s\r\nFrom: The Job <cron@mail.x.test>\r\n\r\nb\r\n");
	assert_true(str_eq_z(letter.sender, "cron@mail.x.test"));
	expect("From: cron\r\n\r\n", o, false, "From: cron@mail.x.test\r\n\r\n");
	expect("From: root (Cron Daemon)\r\n\r\n", o, false,
	    "From: \"Cron Daemon\" <root@mail.x.test>\r\nSender: <cron@mail.x.test>\r\n\r\n");
	/* Another's From: who it was stands in Sender, whatever it said; but not for who may. */
	expect("Sender: x@y.test\r\nFrom: Boss <boss@x.test>\r\n\r\n", o, false,
	    "From: Boss <boss@x.test>\r\nSender: <cron@mail.x.test>\r\n\r\n");
	expect("Sender: x@y.test\r\nFrom: Boss <boss@x.test>\r\n\r\n", o, true,
	    "Sender: x@y.test\r\nFrom: Boss <boss@x.test>\r\n\r\n");
	o.sender = "news@x.test";
	o.name = NULL;
	expect("\r\nb\r\n", o, true, "From: <news@x.test>\r\n\r\nb\r\n");
	assert_true(str_eq_z(letter.sender, "news@x.test"));
	o.sender = "";
	expect("\r\nb\r\n", o, true, "From: <cron@mail.x.test>\r\n\r\nb\r\n");
	assert_int_equal(letter.sender.n, 0);
	o.sender = "root";
	assert_int_equal(make("\r\n", o, true), EX_OK);
	assert_true(str_eq_z(letter.sender, "root@mail.x.test"));
	o.sender = "a@x.test, b@x.test";
	assert_int_equal(make("\r\n", o, true), EX_USAGE);
	o.sender = "a@-";
	assert_int_equal(make("\r\n", o, true), EX_USAGE);
}

static void
recipients(void **state)
{
	char *to[] = {(char[]){"root"}, (char[]){"B <bob@x.test>, carol@X.test"}};
	struct options o = {.to = to, .nto = 2, .name = "n"};
	const char *raw = "From: cron\r\nTo: dave@x.test,\r\n\tGroup: erin@x.test, root;\r\n"
			  "bCC : frank@x.test\r\nReturn-Path: <z@x.test>\r\n\r\n";

	(void)state;
	assert_int_equal(make(raw, o, false), EX_OK);
	expect_to("root@mail.x.test* bob@x.test carol@x.test");
	o.from_header = true;
	expect(raw, o, false,
	    "From: cron@mail.x.test\r\n"
	    "To: dave@x.test,\r\n\tGroup: erin@x.test,\r\n\troot@mail.x.test;\r\n\r\n");
	expect_to("root@mail.x.test* bob@x.test carol@x.test dave@x.test erin@x.test "
		  "root@mail.x.test* frank@x.test");
	o.nto = 0;
	assert_int_equal(
	    make("To: a@x.test\r\nResent-To: b@x.test\r\nResent-Bcc: c@x.test\r\n\r\n", o, false),
	    EX_OK);
	expect_to("b@x.test c@x.test");
	assert_int_equal(make("Subject: x\r\n\r\nTo: a@x.test\r\n", o, false), EX_USAGE);
	assert_int_equal(make("To: a@b@c\r\n\r\n", o, false), EX_DATAERR);
	assert_int_equal(make("To: r\xc3\xa9my@x.test\r\n\r\n", o, false), EX_OK);
	assert_true(letter.utf8);
}

static void
odd_headers(void **state)
{
	char *to[] = {(char[]){"bob@x.test"}};
	struct options o = {.to = to, .nto = 1, .name = ""};

	(void)state;
	/* No header at all: the text keeps its first line. */
	expect("just text\r\n", o, false, "From: <cron@mail.x.test>\r\n\r\njust text\r\n");
	expect("", o, false, "From: <cron@mail.x.test>\r\n\r\n");
	expect("From cron Mon Nov  2\r\nSubject: s\r\n\r\n", o, false,
	    "Subject: s\r\nFrom: <cron@mail.x.test>\r\n\r\n");
	expect("Subject: s\r\nno field\r\n", o, false,
	    "Subject: s\r\nFrom: <cron@mail.x.test>\r\n\r\nno field\r\n");
	expect("From: =?utf-8?q?=C3=A9?= <cron>\r\n\r\n", o, false,
	    "From: =?utf-8?q?=C3=A9?= <cron@mail.x.test>\r\n\r\n");
}

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena);
	buf_init(&letter.text, 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(&letter.text);
	arena_free(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines),
	    cmocka_unit_test(from_and_sender),
	    cmocka_unit_test(recipients),
	    cmocka_unit_test(odd_headers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
