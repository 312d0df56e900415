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
connect_to(const char *listener)
{
	struct svc_conn c = {.name = listener, .peer_text = "192.0.2.9"};
	int v[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v) == 0);
	c.fd = v[0];
	client = v[1];
	((struct sockaddr_in *)&c.peer)->sin_family = AF_INET;
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
event(unsigned what)
{
	static char filler[40000];

	switch (what % 16) {
	case 0:
		turn();
		break;
	case 1:
		authd_waits = !authd_waits;
		break;
	case 2: /* the oldest question */
		if (nwaiting > answered)
			answer(answered++ % ASKED_MAX);
		break;
	case 3: /* the newest */
		if (nwaiting > answered && nwaiting <= ASKED_MAX)
			answer(nwaiting - 1);
		break;
	case 4:
		queue_waits = !queue_waits;
		break;
	case 5:
		if (committed > 0)
			ipc_reply_ok(queue, commit_id, MSG_SPOOL_COMMIT_R);
		break;
	case 6:
		queue_error.code = queue_error.code == E_OK ? E_NOSPACE : E_OK;
		break;
	case 7:
		say("\r\n", 2);
		break;
	case 8: /* much text */
		for (size_t i = 0; i < sizeof(filler); i++)
			filler[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : 'x';
		for (int i = 0; i < 8; i++) {
			say(filler, sizeof(filler));
			turn();
		}
		break;
	case 9:
		clock_advance(40000);
		break;
	case 10:
		if (client >= 0)
			shutdown(client, SHUT_WR);
		break;
	case 11:
		hang_up();
		break;
	case 12:
		hang_up();
		turn();
		connect_to("smtp");
		break;
	case 13:
		hang_up();
		turn();
		connect_to("submission");
		break;
	case 14:
		say("AUTH PLAIN AGEAYg==\r\n", 21);
		break;
	default:
		draining = true;
		session_drain_all();
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char toml[] =
	    "[server]\nhost_name = \"mail.here.test\"\n[smtp]\nmax_recipients = 5\n"
	    "max_errors = 50\nmax_size = \"1MiB\"\nmax_header = \"8KiB\"\n"
	    "[submission]\nauth_without_tls = true\n";

	log_set_level(LOG_LEVEL_ERROR);
	fakes_open(toml);
	answered = 0;
	connect_to("smtp");
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
