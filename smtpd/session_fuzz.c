/*
 * session_fuzz.c - hostile clients against the whole server, with an authd and a queue that answer
 * in any order.
 *
 * The input is a script: octets 0x80 and above are what the other processes, the clock and the
 * network do, the rest is what the client says.
 */
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "smtpd/session_fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int client = -1;
static unsigned answered;

static void
turn(void)
{
	static char waste[65536];

	for (int i = 0; i < 3; i++) {
		loop_once(0);
		while (client >= 0 && recv(client, waste, sizeof(waste), MSG_DONTWAIT) > 0)
			continue;
	}
}

static void
connect_to(const char *listener, bool trusted)
{
	struct svc_conn c = {.name = listener, .peer_text = "192.0.2.9"};
	int v[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v) == 0);
	c.fd = v[0];
	client = v[1];
	((struct sockaddr_in *)&c.peer)->sin_family = AF_INET;
	((struct sockaddr_in *)&c.peer)->sin_addr.s_addr = trusted ? 0 : 7;
	session_accept(&c);
}

static void
hang_up(void)
{
	if (client >= 0)
		close(client);
	client = -1;
}

static void
say(const void *p, size_t n)
{
	if (client >= 0)
		(void)!send(client, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
say_much(void)
{
	static char text[40000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : 'x';
	for (int i = 0; i < 8; i++) {
		say(text, sizeof(text));
		turn();
	}
}

static void
come_again(const char *listener)
{
	hang_up();
	turn();
	connect_to(listener, false);
}

/* What authd and the queue do. */
static void
inner_event(unsigned what)
{
	if (what == 1)
		authd_waits = !authd_waits;
	else if (what == 2 && nwaiting > answered) /* the oldest question */
		answer(answered++ % ASKED_MAX);
	else if (what == 3 && nwaiting > answered && nwaiting <= ASKED_MAX) /* the newest */
		answer(nwaiting - 1);
	else if (what == 4)
		queue_waits = !queue_waits;
	else if (what == 5 && committed > 0)
		ipc_reply_ok(queue, commit_id, commit_answer);
	else if (what == 6)
		queue_error.code = queue_error.code == E_OK ? E_NOSPACE : E_OK;
	else
		turn();
}

/* What the client, its network, the clock and the operator do. */
static void
outer_event(unsigned what)
{
	if (what == 7) {
		say("\r\n", 2);
	} else if (what == 8) {
		say_much();
	} else if (what == 9) {
		clock_advance(40000);
	} else if (what == 10 && client >= 0) {
		shutdown(client, SHUT_WR);
	} else if (what == 11) {
		hang_up();
	} else if (what == 12 || what == 13) {
		come_again(what == 12 ? "smtp" : "submission");
	} else if (what == 14) {
		say("AUTH PLAIN AGEAYg==\r\n", 21);
	} else if (what == 15) {
		draining = true;
		session_drain_all();
	}
}

static void
event(unsigned what)
{
	if (what % 16 < 7)
		inner_event(what % 16);
	else
		outer_event(what % 16);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char toml[] =
	    "[server]\nhost_name = \"mail.here.test\"\n[smtp]\nmax_recipients = 5\n"
	    "max_errors = 50\nmax_size = \"1MiB\"\nmax_header = \"8KiB\"\n"
	    "[submission]\nauth_without_tls = true\n"
	    "[limits]\ntrusted_networks = [\"0.0.0.0\"]\nerrors_per_hour = 60\n"
	    "messages_per_minute = 5\nunknown_per_hour = 3\n";

	log_set_level(LOG_LEVEL_ERROR);
	fakes_open(toml);
	answered = 0;
	connect_to("smtp", true);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && p[j] < 0x80; j++)
			continue;
		if (j > i)
			say(p + i, j - i);
		else
			event(p[j++]);
	}
	turn();
	hang_up();
	turn();
	clock_advance(8000000);
	turn();
	turn();
	assume(session_none());
	fakes_close();
	return 0;
}
