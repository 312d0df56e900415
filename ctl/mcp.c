/*
 * mcp.c - gkmail mcp: the Model Context Protocol on standard input and output, for programs that
 * start their servers themselves (MCP, stdio).
 *
 * gk-authd gives the operator a key of the user's agent "terminal", gk-mcpd a session for it; what
 * is left to do here is to copy octets, with so many in memory each way, until either side is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/prove.h"

#define ROOM 65536u

struct flow {
	int from, to;
	char octets[ROOM];
	size_t n;
	bool ended, over; /* no more comes; and all that came is written */
};

/* -1: whoever reads has left, or a descriptor is broken. */
static int
move(struct flow *f, short can_read, short can_write, struct err *e)
{
	ssize_t got;

	if (can_read != 0 && f->n < ROOM && !f->ended) {
		got = read(f->from, f->octets + f->n, ROOM - f->n);
		if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			return err_sys(e, "read");
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			f->ended = true;
		if (got > 0)
			f->n += (size_t)got;
	}
	if (can_write != 0 && f->n > 0) {
		got = write(f->to, f->octets, f->n);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return errno == EPIPE ? err_set(e, E_CLOSED, "nobody reads any more")
					      : err_sys(e, "write");
		if (got > 0) {
			f->n -= (size_t)got;
			memmove(f->octets, f->octets + got, f->n);
		}
	}
	f->over = f->ended && f->n == 0;
	return 0;
}

/* The socket alone does not block: standard input and output may be shared with others. */
static int
copy(int fd, struct err *e)
{
	static struct flow in = {.from = 0}, out = {.to = 1};
	bool told = false;

	in.to = out.from = fd;
	while (!out.over) {
		struct pollfd p[] = {
		    {.fd = in.ended || in.n == ROOM ? -1 : 0, .events = POLLIN},
		    {.fd = 1, .events = out.n > 0 ? POLLOUT : 0},
		    {.fd = fd,
			.events = (short)((out.n < ROOM && !out.ended ? POLLIN : 0) |
					  (in.n > 0 ? POLLOUT : 0))},
		};

		if (out.ended)
			p[2].fd = -1;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		/* Who would have read it has left: so do we, and a call that is under way ends. */
		if (out.n == 0 && (p[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			return 0;
		if (move(&in, p[0].revents, p[2].revents & (POLLOUT | POLLERR | POLLHUP), e) < 0) {
			/* It has ended; what it said last may still be there. */
			in.ended = true;
			in.n = 0;
		}
		if (move(&out, p[2].revents & (POLLIN | POLLERR | POLLHUP), p[1].revents, e) < 0)
			return e->code == E_CLOSED ? 0 : -1;
		if (in.over && !told)
			told = shutdown(fd, SHUT_WR) == 0 || true;
	}
	return 0;
}

int
mcp_open(const char *user, int *fd, struct err *e)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	unsigned char key[64];
	struct ipc_out m;
	struct ipc_in in;
	struct str got;
	int pair[2];

	sigaction(SIGPIPE, &ignore, NULL);
	ipc_begin(&m, MSG_TERMINAL_OPEN);
	ipc_put_z(&m, user);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, user);
	got = ipc_get_str(&in);
	if (ipc_end(&in) < 0 || got.n > sizeof(key))
		return err_set(e, E_PROTO, "unreadable answer");
	memcpy(key, got.p, got.n);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	(void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
	ipc_begin(&m, MSG_MCP_STREAM);
	ipc_put_str(&m, str_of(key, got.n));
	ipc_put_z(&m, "terminal");
	ipc_put_z(&m, "");
	ipc_put_fd(&m, pair[1]);
	sodium_memzero(key, sizeof(key));
	if (client_call("mcpd", &m, &in, e) < 0) {
		close(pair[0]);
		return -1;
	}
	(void)ipc_get_str(&in);
	(void)ipc_get_str(&in);
	(void)ipc_get_str(&in);
	if (ipc_end(&in) < 0) {
		close(pair[0]);
		return err_set(e, E_PROTO, "unreadable answer");
	}
	*fd = pair[0];
	return 0;
}

int
verb_mcp(struct err *e)
{
	const char *user = args_value("--user");
	int fd = -1, rc;

	if (args_end(0, 0, e) < 0)
		return -1;
	if (user == NULL)
		return args_wrong(e, "whose mail? --user ADDRESS");
	if (client_whose(&user, e) < 0 || mcp_open(user, &fd, e) < 0)
		return -1;
	rc = copy(fd, e);
	close(fd);
	return rc;
}
