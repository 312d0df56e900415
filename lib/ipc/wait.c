/* wait.c - calls without a loop: gkmail and tests. Blocks, at most the row's timeout. */
#include <errno.h>
#include <poll.h>

#include "base/mem.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/packet.h"

#define CALLS_AT_ONCE 32u

static int
send_one(int fd, struct ipc_out *m, uint64_t id, struct err *e)
{
	struct packet_list list = TAILQ_HEAD_INITIALIZER(list);
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	struct packet *p;

	if (m->over) {
		ipc_drop(m);
		return err_set(e, E_LIMIT, "the request is too large");
	}
	p = packet_new(m, IPC_FLAG_CALL, id); /* the macro names its argument often */
	TAILQ_INSERT_TAIL(&list, p, entry);
	while (!TAILQ_EMPTY(&list)) {
		if (poll(&pfd, 1, 10000) <= 0 || packet_send(fd, &list) < 0) {
			packet_free(TAILQ_FIRST(&list));
			return err_set(e, E_CLOSED, "the server closed the channel");
		}
	}
	return 0;
}

static int
read_error(struct ipc_in *in, struct err *e)
{
	uint32_t code = ipc_get_u32(in);
	struct str text = ipc_get_str(in);

	if (ipc_end(in) < 0 || code == E_OK || code > E_INTERNAL)
		return err_set(e, E_PROTO, "unreadable answer");
	return err_set(e, (enum err_code)code, STR_FMT, STR_ARG(text));
}

/* Waits for packets. How many, or -1. */
static int
receive(int fd, enum ipc_type type, struct packet_received got[PACKETS_AT_ONCE], struct err *e)
{
	int wait_ms = (int)ipc_row(type)->timeout_s * 1000, n;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	do
		n = poll(&pfd, 1, wait_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(e, E_TIMEOUT, "no answer within %d s", wait_ms / 1000);
	n = packet_receive(fd, got);
	return n > 0 ? n : err_set(e, E_CLOSED, "the server closed the channel");
}

/* A packet as the answer to a call of that type. */
static int
open_answer(struct ipc_in *in, const struct packet_received *got, enum ipc_type type, struct err *e)
{
	uint32_t flags;

	if (ipc_in_open(in, got->p, got->n, got->fd, &flags) < 0 || flags != IPC_FLAG_REPLY)
		return err_set(e, E_PROTO, "unreadable answer");
	if (in->type == MSG_ERROR)
		return read_error(in, e);
	if (in->type != ipc_reply_type(type))
		return err_set(e, E_PROTO, "unexpected answer");
	return 0;
}

int
ipc_call_wait(int fd, struct ipc_out *m, struct ipc_in *in, struct err *e)
{
	struct packet_received got[PACKETS_AT_ONCE];
	enum ipc_type type = m->type;
	int n;

	if (send_one(fd, m, 1, e) < 0 || (n = receive(fd, type, got, e)) < 0)
		return -1;
	for (int i = 1; i < n; i++)
		if (got[i].fd >= 0)
			close(got[i].fd);
	return open_answer(in, &got[0], type, e);
}

int
ipc_calls_wait(int fd, size_t n, void (*make)(void *arg, size_t i, struct ipc_out *m), void *arg,
    size_t *failed, struct err *e)
{
	struct packet_received got[PACKETS_AT_ONCE];
	enum ipc_type type = MSG_ERROR;
	size_t sent = 0, answered = 0;
	struct ipc_out m;
	struct ipc_in in;
	int count, rc;

	*failed = n;
	while (answered < n) {
		for (; sent < n && sent - answered < CALLS_AT_ONCE; sent++) {
			make(arg, sent, &m);
			type = m.type;
			if (send_one(fd, &m, sent + 1, e) < 0)
				return -1;
		}
		if ((count = receive(fd, type, got, e)) < 0)
			return -1;
		for (int i = 0; i < count; i++) {
			rc = open_answer(&in, &got[i], type, e);
			if (rc == 0 && ipc_end(&in) < 0)
				rc = err_set(e, E_PROTO, "unreadable answer");
			if (rc < 0) {
				*failed = (size_t)in.id - 1;
				return -1;
			}
		}
		answered += (size_t)count;
	}
	return 0;
}
