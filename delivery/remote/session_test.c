/*
 * session_test.c - the client against servers as tests write them: in order, out of order, hostile.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/session_in.h"
#include "io/file.h"
#include "tests/unit/tls_peer.h"

static const struct session_times times = {.greeting = 10000,
    .command = 20000,
    .data = 30000,
    .block = 40000,
    .final = 50000,
    .idle = 5000,
    .min_rate = 100000};

struct scene {
	struct session *s;
	int server;
	struct policy_tls tls;
	struct tls_context *context;
	struct arena arena;
	struct mail mail;
	struct mail_rcpt rcpts[200];
	bool ready, done, gone, broke;
	enum session_failure kind;
	char why[1000];
	size_t piece; /* octets that the server says at a time */
};

static void
note(struct scene *x, const struct session_why *why)
{
	x->broke = why != NULL;
	if (why) {
		x->kind = why->kind;
		snprintf(x->why, sizeof(x->why), STR_FMT, STR_ARG(why->text));
	}
}

static void
on_ready(void *arg)
{
	((struct scene *)arg)->ready = true;
}

static void
on_done(void *arg, const struct session_why *why)
{
	((struct scene *)arg)->done = true;
	note(arg, why);
}

static void
on_gone(void *arg, const struct session_why *why)
{
	((struct scene *)arg)->gone = true;
	note(arg, why);
}

static const struct session_events events = {on_ready, on_done, on_gone};

static void
open_with(struct scene *x, struct session_setup setup)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	arena_init(&x->arena);
	x->server = fd[1];
	if (x->piece == 0)
		x->piece = SIZE_MAX;
	setup.helo = STR("us.example.org");
	setup.host = STR("mx.example.net [192.0.2.1]:25");
	setup.tls = &x->tls;
	setup.times = &times;
	setup.chunking = true;
	setup.by_mx = true;
	setup.context = x->context;
	x->mail = (struct mail){.arena = &x->arena,
	    .fd = -1,
	    .mid = STR("mid"),
	    .sender = STR("alice@example.org"),
	    .octets = STR("Subject: x\r\n\r\n.dot\r\ntext\r\n"),
	    .rcpts = x->rcpts,
	    .n = 1};
	x->mail.size = x->mail.octets.n;
	x->rcpts[0].address = STR("bob@example.net");
	x->s = session_new(fd[0], &setup, &events, x);
}

static void
scene_open(struct scene *x)
{
	*x = (struct scene){.piece = x->piece};
	open_with(x, (struct session_setup){0});
}

static void
scene_close(struct scene *x)
{
	session_free(&x->s);
	close(x->server);
	arena_free(&x->arena);
	tls_context_free(&x->context);
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(0);
}

static void
says(struct scene *x, const char *z)
{
	size_t n = strlen(z), at = 0;

	while (at < n) {
		size_t some = n - at < x->piece ? n - at : x->piece;

		/* A session that is through has closed. */
		if (send(x->server, z + at, some, MSG_NOSIGNAL) < 0)
			break;
		at += some;
		turns(3);
	}
	turns(3);
}

static void
hears(struct scene *x, const char *expected)
{
	static char got[200000];
	size_t n = 0;
	ssize_t k;

	for (int i = 0; i < 50; i++) {
		while ((k = read(x->server, got + n, sizeof(got) - 1 - n)) > 0)
			n += (size_t)k;
		got[n] = '\0';
		if (n >= strlen(expected) && n > 0)
			break;
		loop_once(1);
	}
	assert_string_equal(got, expected);
}

static void
becomes_ready(struct scene *x, const char *offers)
{
	says(x, "220 mx.example.net ESMTP\r\n");
	hears(x, "EHLO us.example.org\r\n");
	says(x, offers);
	assert_true(x->ready);
}

#define PIPELINES "250-mx.example.net\r\n250 PIPELINING\r\n"

static void
sends(struct scene *x)
{
	x->done = false;
	session_send(x->s, &x->mail);
	turns(3);
}

static void
result(struct scene *x, size_t i, enum deliver_result r, const char *text)
{
	assert_true(x->rcpts[i].decided);
	assert_string_equal(arena_dupz(&x->arena, x->rcpts[i].text), text);
	assert_int_equal(x->rcpts[i].result, r);
}

static void
add_rcpts(struct scene *x, size_t n)
{
	for (size_t i = x->mail.n; i < n; i++)
		x->rcpts[i].address = arena_printf(&x->arena, "r%zu@example.net", i);
	x->mail.n = n;
}

/* ---- in order ---- */

static void
a_message_in_the_least_steps(struct scene *x)
{
	scene_open(x);
	becomes_ready(x, PIPELINES);
	sends(x);
	hears(x, "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n");
	says(x, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n");
	hears(x, "Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n");
	says(x, "250 2.0.0 queued as 1\r\n");
	assert_true(x->done);
	assert_false(x->broke);
	result(x, 0, DELIVER_OK, "2.0.0 250 2.0.0 queued as 1");
	assert_string_equal(
	    arena_dupz(&x->arena, x->rcpts[0].host), "mx.example.net [192.0.2.1]:25");
	assert_true(session_is_idle(x->s));
	/* and another one behind it, without RSET */
	x->rcpts[0].decided = false;
	sends(x);
	hears(x, "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n");
	says(x, "250 ok\r\n250 ok\r\n354 go\r\n");
	hears(x, "Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n");
	says(x, "250-more\r\n250 than one line\r\n");
	result(x, 0, DELIVER_OK, "2.0.0 250 more than one line");
	assert_int_equal(session_messages(x->s), 2);
	session_quit(&x->s);
	hears(x, "QUIT\r\n");
	says(x, "221 bye\r\n");
	close(x->server);
	turns(3);
	assert_int_equal(session_quitting(), 0);
	x->server = -1;
	scene_close(x);
}

/* Whatever pieces the server's octets come in. */
static void
pieces_do_not_matter(void **state)
{
	static struct scene x;

	(void)state;
	for (x.piece = 1; x.piece < 40; x.piece++)
		a_message_in_the_least_steps(&x);
	x.piece = SIZE_MAX;
	a_message_in_the_least_steps(&x);
}

static void
one_by_one_without_pipelining(void **state)
{
	static struct scene x;

	(void)state;
	scene_open(&x);
	says(&x, "220 mx.example.net\r\n");
	hears(&x, "EHLO us.example.org\r\n");
	says(&x, "502 what?\r\n");
	hears(&x, "HELO us.example.org\r\n");
	says(&x, "250 hi\r\n");
	assert_true(x.ready);
	add_rcpts(&x, 2);
	sends(&x);
	hears(&x, "MAIL FROM:<alice@example.org>\r\n");
	says(&x, "250 ok\r\n");
	hears(&x, "RCPT TO:<bob@example.net>\r\n");
	says(&x, "550 no bob\r\n");
	hears(&x, "RCPT TO:<r1@example.net>\r\n");
	says(&x, "250 ok\r\n");
	hears(&x, "DATA\r\n");
	says(&x, "354 go\r\n");
	hears(&x, "Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n");
	says(&x, "452 4.2.2 full\r\n");
	result(&x, 0, DELIVER_PERM, "5.0.0 550 no bob");
	result(&x, 1, DELIVER_TEMP, "4.2.2 452 4.2.2 full");
	assert_true(session_is_idle(x.s));
	scene_close(&x);
}

static void
a_chunk_goes_with_its_commands(void **state)
{
	static struct scene x;

	(void)state;
	scene_open(&x);
	becomes_ready(&x, "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-DSN\r\n"
			  "250-8BITMIME\r\n250 CHUNKING\r\n");
	x.mail.envid = STR("id+2B");
	x.mail.ret = RET_HDRS;
	x.mail.flags = ENVELOPE_8BITMIME;
	x.rcpts[0].notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
	x.rcpts[0].orcpt = STR("rfc822;b@a");
	sends(&x);
	hears(&x, "MAIL FROM:<alice@example.org> SIZE=26 BODY=8BITMIME RET=HDRS ENVID=id+2B\r\n"
		  "RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@a\r\n"
		  "BDAT 26 LAST\r\nSubject: x\r\n\r\n.dot\r\ntext\r\n");
	says(&x, "250 ok\r\n250 ok\r\n");
	assert_false(x.done);
	says(&x, "250 2.0.0 taken\r\n");
	assert_true(x.done);
	result(&x, 0, DELIVER_OK, "2.0.0 250 2.0.0 taken");
	assert_true(x.rcpts[0].dsn);
	/* nobody wants it: the next begins with RSET */
	x.rcpts[0].decided = false;
	x.mail.sender = STR("");
	x.rcpts[0].notify = NOTIFY_NEVER;
	sends(&x);
	hears(&x, "MAIL FROM:<> SIZE=26 BODY=8BITMIME RET=HDRS ENVID=id+2B\r\n"
		  "RCPT TO:<bob@example.net> NOTIFY=NEVER ORCPT=rfc822;b@a\r\n"
		  "BDAT 26 LAST\r\nSubject: x\r\n\r\n.dot\r\ntext\r\n");
	says(&x, "250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no recipients\r\n");
	result(&x, 0, DELIVER_PERM, "5.1.1 550 5.1.1 no");
	x.rcpts[0].decided = false;
	x.mail.ret = RET_NONE;
	x.mail.envid = x.rcpts[0].orcpt = STR_NONE;
	sends(&x);
	hears(&x, "RSET\r\nMAIL FROM:<> SIZE=26 BODY=8BITMIME\r\n"
		  "RCPT TO:<bob@example.net> NOTIFY=NEVER\r\n"
		  "BDAT 26 LAST\r\nSubject: x\r\n\r\n.dot\r\ntext\r\n");
	scene_close(&x);
}

/* A long message waits for a recipient that wants it, and goes out as the host takes it. */
static void
a_file_goes_in_blocks(void **state)
{
	static char octets[300000], wire[310000];
	static struct scene x;
	size_t n = 0;
	ssize_t k;

	(void)state;
	for (size_t chunking = 0; chunking < 2; chunking++) {
		for (size_t i = 0; i + 4 <= sizeof(octets); i += 4)
			memcpy(octets + i, i % 100 == 0 ? ".x\r\n" : "xx\r\n", 4);
		scene_open(&x);
		becomes_ready(&x, chunking ? "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"
					   : "250-mx\r\n250 PIPELINING\r\n");
		x.mail.fd = file_memory("octets", octets, sizeof(octets), NULL);
		x.mail.octets = STR_NONE;
		x.mail.skip = 4;
		x.mail.size = sizeof(octets) - 4;
		sends(&x);
		hears(&x, chunking
			      ? "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"
			      : "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"
				"DATA\r\n");
		says(&x, chunking ? "250 ok\r\n250 ok\r\n" : "250 ok\r\n250 ok\r\n354 go\r\n");
		for (n = 0; !session_was_sent(x.s) || stream_pending(x.s->stream) > 0;) {
			if ((k = read(x.server, wire + n, sizeof(wire) - n)) > 0)
				n += (size_t)k;
			turns(1);
		}
		while ((k = read(x.server, wire + n, sizeof(wire) - n)) > 0)
			n += (size_t)k;
		if (chunking) {
			assert_int_equal(n, 18 + sizeof(octets) - 4);
			assert_memory_equal(wire, "BDAT 299996 LAST\r\n", 18);
		} else {
			assert_int_equal(n, sizeof(octets) - 4 + 2999 + 3);
			assert_memory_equal(wire + n - 5, "\r\n.\r\n", 5);
		}
		says(&x, "250 ok\r\n");
		result(&x, 0, DELIVER_OK, "2.0.0 250 ok");
		file_close(&x.mail.fd);
		scene_close(&x);
	}
}

static void
nobody_wants_it(void **state)
{
	static struct scene x;

	(void)state;
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	sends(&x);
	hears(&x, "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n");
	says(&x, "250 ok\r\n450 4.2.0 grey\r\n354 all the same\r\n");
	hears(&x, ".\r\n");
	assert_false(x.done);
	says(&x, "554 nobody\r\n");
	assert_true(x.done);
	result(&x, 0, DELIVER_TEMP, "4.2.0 450 4.2.0 grey");
	/* the sender is refused */
	x.rcpts[0].decided = false;
	sends(&x);
	hears(&x, "RSET\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n");
	says(&x, "250 ok\r\n550 5.7.1 not you\r\n503 no\r\n503 no\r\n");
	result(&x, 0, DELIVER_PERM, "5.7.1 550 5.7.1 not you");
	assert_true(session_is_idle(x.s));
	scene_close(&x);
}

/* RFC 5321 4.5.3.1.10 */
static void
too_many_recipients_go_in_two(void **state)
{
	static struct scene x;

	(void)state;
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	add_rcpts(&x, 3);
	sends(&x);
	hears(&x, "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"
		  "RCPT TO:<r1@example.net>\r\nRCPT TO:<r2@example.net>\r\nDATA\r\n");
	says(&x, "250 ok\r\n250 ok\r\n452 4.5.3 too many\r\n452 4.5.3 too many\r\n354 go\r\n");
	hears(&x, "Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n");
	says(&x, "250 ok\r\n");
	assert_true(x.done);
	assert_int_equal(mail_waiting(&x.mail), 2);
	sends(&x);
	hears(&x, "MAIL FROM:<alice@example.org>\r\n"
		  "RCPT TO:<r1@example.net>\r\nRCPT TO:<r2@example.net>\r\nDATA\r\n");
	says(&x, "250 ok\r\n452 4.5.3 too many\r\n452 4.2.2 full\r\n554 none\r\n");
	result(&x, 1, DELIVER_TEMP, "4.5.3 452 4.5.3 too many");
	scene_close(&x);
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	add_rcpts(&x, 150);
	sends(&x);
	assert_int_equal(x.s->tx.n, 100);
	scene_close(&x);
}

/* ---- what is not offered ---- */

struct downgrade {
	const char *offer, *octets, *sender, *rcpt;
	uint32_t flags;
	const char *command; /* what is said then, or */
	const char *text;    /* the bounce */
};

static void
what_is_not_offered_is_done_without_or_bounces(void **state)
{
	static const struct downgrade all[] = {
	    {"250-mx\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n", "a: \xc3\xa9\r\n\r\n", "\xc3\xa9@a.test",
		"b@\xc3\xa9.test", ENVELOPE_SMTPUTF8,
		"MAIL FROM:<\xc3\xa9@a.test> BODY=8BITMIME SMTPUTF8\r\n", NULL},
	    {"250-mx\r\n250 8BITMIME\r\n", "a: b\r\n\r\n\xc3\xa9\r\n", "a@b.test", "b@c.test",
		ENVELOPE_SMTPUTF8, "MAIL FROM:<a@b.test> BODY=8BITMIME\r\n", NULL},
	    {"250-mx\r\n250 8BITMIME\r\n", "a: b\r\n\r\n", "a@\xc3\xa9.test", "b@c.test",
		ENVELOPE_SMTPUTF8, "MAIL FROM:<a@xn--9ca.test> BODY=8BITMIME\r\n", NULL},
	    {"250 mx\r\n", "a: b\r\n\r\nc\r\n", "a@b.test", "b@c.test",
		ENVELOPE_SMTPUTF8 | ENVELOPE_8BITMIME, "MAIL FROM:<a@b.test>\r\n", NULL},
	    {"250-mx\r\n250 8BITMIME\r\n", "a: \xc3\xa9\r\n\r\n", "a@b.test", "b@c.test",
		ENVELOPE_SMTPUTF8, NULL,
		"5.6.9 its header is in UTF-8, and the host does not offer SMTPUTF8"},
	    {"250-mx\r\n250 8BITMIME\r\n", "a: b\r\n\r\n", "\xc3\xa9@b.test", "b@c.test",
		ENVELOPE_SMTPUTF8, NULL,
		"5.6.7 the sender's address is not ASCII, and the host does not offer SMTPUTF8"},
	    {"250-mx\r\n250 8BITMIME\r\n", "a: b\r\n\r\n", "a@b.test", "\xc3\xa9@c.test",
		ENVELOPE_SMTPUTF8, NULL,
		"5.6.7 the address is not ASCII, and the host does not offer SMTPUTF8"},
	    {"250 mx\r\n", "a: b\r\n\r\n\xe9\r\n", "a@b.test", "b@c.test", ENVELOPE_8BITMIME, NULL,
		"5.6.3 the message has 8-bit octets, and the host does not offer 8BITMIME"},
	    {"250 mx\r\n", "a: b\r\n\r\n\xe9\r\n", "a@b.test", "b@c.test", 0, NULL,
		"5.6.3 the message has 8-bit octets, and the host does not offer 8BITMIME"},
	    {"250-mx\r\n250 SIZE 5\r\n", "a: b\r\n\r\n", "a@b.test", "b@c.test", 0, NULL,
		"5.3.4 the message has 8 octets, the host takes 5"},
	    {"250-mx\r\n250 SIZE 0\r\n", "a: b\r\n\r\n", "a@b.test", "b@c.test", 0,
		"MAIL FROM:<a@b.test> SIZE=8\r\n", NULL},
	    {"250 mx\r\n", "a: b\r\n\r\n", "a@b.test", "b@c.test\r\nDATA", 0, NULL,
		"5.1.3 not an address"},
	};
	static struct scene x;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct downgrade *d = &all[i];

		scene_open(&x);
		becomes_ready(&x, d->offer);
		x.mail.octets = str_z(d->octets);
		x.mail.size = x.mail.octets.n;
		x.mail.sender = str_z(d->sender);
		x.mail.flags = d->flags;
		x.rcpts[0].address = str_z(d->rcpt);
		sends(&x);
		if (d->command) {
			hears(&x, d->command);
		} else {
			assert_true(x.done);
			result(&x, 0, DELIVER_PERM, d->text);
			assert_true(session_is_idle(x.s));
		}
		scene_close(&x);
	}
}

/* ---- refusals before mail ---- */

static void
fails(struct scene *x, enum session_failure kind, const char *why)
{
	turns(3);
	assert_true(x->gone);
	assert_string_equal(x->why, why);
	assert_int_equal(x->kind, kind);
	scene_close(x);
}

static void
sessions_are_refused(void **state)
{
	static struct scene x;

	(void)state;
	scene_open(&x);
	says(&x, "554 5.7.1 go away\r\n");
	fails(&x, SESSION_REFUSED, "4.7.1 554 5.7.1 go away");
	scene_open(&x);
	says(&x, "421 busy\r\n");
	session_quit(&x.s);
	hears(&x, "QUIT\r\n");
	close(x.server);
	turns(5);
	assert_int_equal(session_quitting(), 0);
	arena_free(&x.arena);
	scene_open(&x);
	says(&x, "220 US.example.org ESMTP\r\n");
	fails(&x, SESSION_SELF, "5.4.6 its mail exchanger is this host, which does not know it");
	scene_open(&x);
	says(&x, "220 mx\r\n");
	says(&x, "550 no\r\n"); /* no EHLO: HELO */
	says(&x, "550 no\r\n");
	fails(&x, SESSION_REFUSED, "4.0.0 550 no");
	scene_open(&x);
	shutdown(x.server, SHUT_WR);
	turns(3);
	fails(&x, SESSION_LOST, "4.4.2 connection closed while waiting for the greeting");
	scene_open(&x);
	clock_advance(times.greeting + 1);
	fails(&x, SESSION_SLOW, "4.4.2 timed out waiting for the greeting");
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	clock_advance(times.idle + 1);
	fails(&x, SESSION_IDLE, "4.4.2 idle");
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	says(&x, "421 4.4.2 too idle\r\n");
	fails(&x, SESSION_REFUSED, "4.4.2 421 4.4.2 too idle");
}

static void
hostile_servers_end(void **state)
{
	static char lines[100000];
	static struct scene x;

	(void)state;
	scene_open(&x);
	says(&x, "HTTP/1.1 400 Bad Request\r\n");
	fails(&x, SESSION_PROTO, "4.5.0 what it says is no SMTP");
	scene_open(&x);
	memset(lines, 'x', REPLY_LINE_MAX + 10);
	memcpy(lines, "220 ", 4);
	lines[REPLY_LINE_MAX + 10] = '\0';
	says(&x, lines);
	fails(&x, SESSION_PROTO, "4.5.0 what it says is no SMTP");
	scene_open(&x);
	for (size_t i = 0; i < 300; i++)
		memcpy(lines + 8 * i, "220-ab\r\n", 9);
	says(&x, lines);
	fails(&x, SESSION_PROTO, "4.5.0 what it says is no SMTP");
	scene_open(&x);
	says(&x, "220-mx\r\n250 mx\r\n");
	fails(&x, SESSION_PROTO, "4.5.0 what it says is no SMTP");
	scene_open(&x);
	says(&x, "220 mx\r\n250 mx\r\n");
	fails(&x, SESSION_PROTO, "4.5.0 it speaks before it is spoken to");
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	says(&x, "250 what else\r\n");
	fails(&x, SESSION_PROTO, "4.5.0 250 is no answer to nothing");
	/* answers for more than was asked */
	scene_open(&x);
	becomes_ready(&x, "250 mx\r\n");
	sends(&x);
	says(&x, "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n");
	assert_true(x.done);
	assert_true(x.broke);
	assert_int_equal(x.kind, SESSION_PROTO);
	assert_false(x.rcpts[0].decided);
	assert_false(session_was_sent(x.s));
	scene_close(&x);
}

static void
a_session_breaks_within_mail(void **state)
{
	static struct scene x;

	(void)state;
	/* before anything was answered */
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	sends(&x);
	shutdown(x.server, SHUT_WR);
	turns(3);
	assert_true(x.done && x.broke && session_was_stale(x.s) && !session_was_sent(x.s));
	scene_close(&x);
	/* behind the last octet */
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	add_rcpts(&x, 2);
	sends(&x);
	says(&x, "250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n");
	assert_false(x.done);
	clock_advance(times.final + 1);
	turns(3);
	assert_true(x.done && x.broke && session_was_sent(x.s));
	assert_string_equal(x.why, "4.4.2 timed out waiting for the answer to the message");
	result(&x, 0, DELIVER_PERM, "5.1.1 550 5.1.1 no");
	assert_false(x.rcpts[1].decided);
	assert_string_equal(arena_dupz(&x.arena, x.rcpts[1].text), x.why);
	scene_close(&x);
	/* 421 in the middle */
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	sends(&x);
	says(&x, "250 ok\r\n421 4.3.2 shutting down\r\n");
	assert_true(x.done && x.broke && !x.rcpts[0].decided);
	assert_string_equal(x.why, "4.3.2 421 4.3.2 shutting down");
	scene_close(&x);
	/* a final answer before the end */
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	x.mail.fd = file_memory("octets", x.why, 1, NULL);
	x.mail.octets = STR_NONE;
	x.mail.size = 5000; /* more than there is */
	sends(&x);
	says(&x, "250 ok\r\n250 ok\r\n354 go\r\n");
	assert_true(x.done && x.broke && !session_was_sent(x.s));
	file_close(&x.mail.fd);
	scene_close(&x);
}

/* A host that takes an octet now and then meets the least rate. */
static void
slow_takers_end(void **state)
{
	static char octets[3000000], some[30000];
	static struct scene x;

	(void)state;
	memset(octets, 'x', sizeof(octets));
	scene_open(&x);
	becomes_ready(&x, PIPELINES);
	x.mail.fd = file_memory("octets", octets, sizeof(octets), NULL);
	x.mail.octets = STR_NONE;
	x.mail.size = sizeof(octets);
	sends(&x);
	says(&x, "250 ok\r\n250 ok\r\n354 go\r\n");
	for (unsigned i = 0; !x.done; i++) {
		assert_true(i < 200);
		while (read(x.server, some, sizeof(some)) > 0)
			;
		turns(3);
		clock_advance(times.block - 1000);
		turns(3);
	}
	assert_int_equal(x.kind, SESSION_SLOW);
	assert_string_equal(x.why, "4.4.2 timed out waiting for it to take the message");
	file_close(&x.mail.fd);
	scene_close(&x);
}

/* ---- TLS ---- */

static void
tls_is_offered_or_not(void **state)
{
	static struct scene x;

	(void)state;
	/* demanded, and stripped */
	x = (struct scene){.tls = {.mode = POLICY_TLS_ENCRYPT}};
	open_with(&x, (struct session_setup){0});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 PIPELINING\r\n");
	fails(&x, SESSION_NO_TLS, "4.7.4 TLS is required, and the host does not offer it");
	/* welcome, and refused */
	x = (struct scene){.tls = {.mode = POLICY_TLS_MAY}};
	x.context = tls_client_new(-1, NULL);
	open_with(&x, (struct session_setup){0});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 STARTTLS\r\n");
	hears(&x, "EHLO us.example.org\r\nSTARTTLS\r\n");
	says(&x, "454 not now\r\n");
	assert_true(x.ready);
	scene_close(&x);
	/* octets behind the answer */
	x = (struct scene){.tls = {.mode = POLICY_TLS_MAY}};
	x.context = tls_client_new(-1, NULL);
	open_with(&x, (struct session_setup){0});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 STARTTLS\r\n");
	says(&x, "220 go\r\n250 injected\r\n");
	fails(&x, SESSION_PROTO, "4.7.0 octets behind the answer to STARTTLS");
	/* no TLS behind it */
	x = (struct scene){.tls = {.mode = POLICY_TLS_MAY}};
	x.context = tls_client_new(-1, NULL);
	open_with(&x, (struct session_setup){0});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 STARTTLS\r\n");
	says(&x, "220 go\r\n");
	says(&x, "no TLS at all, this\r\n");
	turns(3);
	assert_true(x.gone);
	assert_int_equal(x.kind, SESSION_TLS);
	scene_close(&x);
}

struct server {
	struct stream *s;
	char got[2000];
	bool secured;
};

static void
server_input(void *arg)
{
	struct server *v = arg;
	struct str in = stream_input(v->s);

	snprintf(v->got + strlen(v->got), sizeof(v->got) - strlen(v->got), STR_FMT, STR_ARG(in));
	stream_consume(v->s, in.n);
}

static void
server_secured(void *arg)
{
	((struct server *)arg)->secured = true;
}

static void
server_closed(void *arg, const struct err *e)
{
	(void)arg, (void)e;
}

static void
mail_goes_over_tls(void **state)
{
	static const struct stream_events server_events = {
	    .input = server_input, .secured = server_secured, .closed = server_closed};
	static const struct stream_limits limits = {65536, 65536, 0};
	static const struct tls_options plain;
	static struct scene x;
	struct server v = {0};
	struct test_key key;
	struct tls_context *theirs;

	(void)state;
	test_key_make(&key, false);
	theirs = tls_server_new(key.cert_fd, key.key_fd, &plain, NULL);
	x = (struct scene){.tls = {.mode = POLICY_TLS_ENCRYPT}};
	x.context = tls_client_new(-1, NULL);
	open_with(&x, (struct session_setup){.user = STR("us"), .password = STR("secret")});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 STARTTLS\r\n");
	hears(&x, "EHLO us.example.org\r\nSTARTTLS\r\n");
	v.s = stream_new(dup(x.server), &limits, &server_events, &v);
	stream_start(v.s);
	stream_puts(v.s, "220 go\r\n");
	stream_tls_accept(v.s, theirs);
	for (int i = 0; i < 50 && !v.secured; i++)
		loop_once(20);
	turns(5);
	assert_string_equal(v.got, "EHLO us.example.org\r\n");
	v.got[0] = '\0';
	stream_puts(v.s, "250-mx\r\n250-AUTH LOGIN PLAIN\r\n250 PIPELINING\r\n");
	turns(5);
	assert_string_equal(v.got, "AUTH PLAIN AHVzAHNlY3JldA==\r\n");
	stream_puts(v.s, "235 welcome\r\n");
	turns(5);
	assert_true(x.ready);
	assert_non_null(strstr(session_cipher(x.s), "TLSv1.3"));
	stream_free(&v.s);
	scene_close(&x);
	tls_context_free(&theirs);
	test_key_free(&key);
}

static void
logins_are_kept_from_plain_text(void **state)
{
	static struct scene x;

	(void)state;
	x = (struct scene){.tls = {.mode = POLICY_TLS_NONE}};
	open_with(&x, (struct session_setup){.user = STR("us"), .password = STR("secret")});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 AUTH PLAIN\r\n");
	fails(&x, SESSION_AUTH, "4.7.11 the host demands AUTH and offers no TLS");
	x = (struct scene){.tls = {.mode = POLICY_TLS_NONE}};
	open_with(&x, (struct session_setup){
			  .user = STR("us"), .password = STR("secret"), .auth_without_tls = true});
	says(&x, "220 mx\r\n");
	says(&x, "250-mx\r\n250 AUTH=LOGIN\r\n");
	hears(&x, "EHLO us.example.org\r\nAUTH LOGIN\r\n");
	says(&x, "334 VXNlcm5hbWU6\r\n");
	hears(&x, "dXM=\r\n");
	says(&x, "334 UGFzc3dvcmQ6\r\n");
	hears(&x, "c2VjcmV0\r\n");
	says(&x, "535 5.7.8 no\r\n");
	fails(&x, SESSION_AUTH, "4.7.8 535 5.7.8 no");
}

static int
set_up(void **state)
{
	(void)state;
	return loop_init(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_do_not_matter),
	    cmocka_unit_test(one_by_one_without_pipelining),
	    cmocka_unit_test(a_chunk_goes_with_its_commands),
	    cmocka_unit_test(a_file_goes_in_blocks),
	    cmocka_unit_test(nobody_wants_it),
	    cmocka_unit_test(too_many_recipients_go_in_two),
	    cmocka_unit_test(what_is_not_offered_is_done_without_or_bounces),
	    cmocka_unit_test(sessions_are_refused),
	    cmocka_unit_test(hostile_servers_end),
	    cmocka_unit_test(a_session_breaks_within_mail),
	    cmocka_unit_test(slow_takers_end),
	    cmocka_unit_test(tls_is_offered_or_not),
	    cmocka_unit_test(mail_goes_over_tls),
	    cmocka_unit_test(logins_are_kept_from_plain_text),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
