/* transaction_fuzz.c - a hostile server: whatever it says, in whatever pieces, and whenever it
 * hangs up, the session tells how it ended, and every recipient that it decided has words. */
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"
#include "delivery/remote/session_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct session_times times = {60000, 60000, 60000, 60000, 60000, 60000, 1000};

struct scene {
	struct session *s;
	struct mail mail;
	struct mail_rcpt rcpts[3];
	unsigned sent;
	bool ended;
};

static void
send_one(struct scene *x)
{
	for (size_t i = 0; i < x->mail.n; i++)
		x->rcpts[i].decided = false;
	x->sent++;
	session_send(x->s, &x->mail);
}

static void
on_ready(void *arg)
{
	send_one(arg);
}

static void
on_done(void *arg, const struct session_why *why)
{
	struct scene *x = arg;

	for (size_t i = 0; i < x->mail.n; i++)
		assume(!x->rcpts[i].decided || x->rcpts[i].text.n > 5);
	assume(!why || why->text.n > 5);
	if (why || !session_is_idle(x->s))
		x->ended = true;
	else if (mail_waiting(&x->mail) > 0)
		session_send(x->s, &x->mail);
	else if (x->sent < 3)
		send_one(x);
}

static void
on_gone(void *arg, const struct session_why *why)
{
	assume(why->text.n > 5);
	((struct scene *)arg)->ended = true;
}

/* The first octet says in what pieces the others come, and how the session is to be. */
static void
play(struct scene *x, int server, const uint8_t *p, size_t n)
{
	static char waste[65536];
	size_t piece = n > 0 ? 1 + p[0] % 64 : 1;

	for (size_t at = 1; at < n && !x->ended; at += piece) {
		size_t some = n - at < piece ? n - at : piece;

		if (send(server, p + at, some, MSG_NOSIGNAL) < 0)
			break;
		loop_once(0);
		loop_once(0);
		while (read(server, waste, sizeof(waste)) > 0)
			;
	}
	shutdown(server, SHUT_WR);
	for (int i = 0; i < 5 && !x->ended; i++)
		loop_once(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct session_events events = {on_ready, on_done, on_gone};
	struct policy_tls tls = {.mode = n > 0 && p[0] & 128 ? POLICY_TLS_MAY : POLICY_TLS_NONE};
	struct session_setup setup = {.helo = STR("us.test"),
	    .host = STR("mx.test [192.0.2.1]:25"),
	    .tls = &tls,
	    .chunking = true,
	    .by_mx = true,
	    .times = &times};
	struct scene x = {0};
	struct arena arena;
	int fd[2];

	assume(loop_init(NULL) == 0);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	arena_init(&arena);
	x.mail = (struct mail){.arena = &arena,
	    .fd = -1,
	    .mid = STR("mid"),
	    .sender = STR("a@b.test"),
	    .envid = STR("id"),
	    .flags = ENVELOPE_8BITMIME,
	    .octets = STR("a: b\r\n\r\n.x\r\n\xc3\xa9\r\n"),
	    .rcpts = x.rcpts,
	    .n = 3};
	x.mail.size = x.mail.octets.n;
	for (size_t i = 0; i < 3; i++)
		x.rcpts[i].address = STR("c@d.test");
	x.s = session_new(fd[0], &setup, &events, &x);
	play(&x, fd[1], p, n);
	assume(x.ended);
	session_free(&x.s);
	close(fd[1]);
	loop_once(0);
	arena_free(&arena);
	return 0;
}
