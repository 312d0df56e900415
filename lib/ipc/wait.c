/* wait.c - a call without a loop: gkmail and tests. Blocks, at most the row's timeout. */
#include <errno.h>
#include <poll.h>

#include "base/mem.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/packet.h"

static int
send_one(int fd, struct ipc_out *m, struct err *e)
{
	struct packet_list list = TAILQ_HEAD_INITIALIZER(list);
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	struct packet *p;

	if (m->over) {
		ipc_drop(m);
		return err_set(e, E_LIMIT, "the request is too large");
	}
	p = packet_new(m, IPC_FLAG_CALL, 1); /* the macro names its argument often */
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

int
ipc_call_wait(int fd, struct ipc_out *m, struct ipc_in *in, struct err *e)
{
	enum ipc_type want = ipc_reply_type(m->type);
	int wait_ms = (int)ipc_row(m->type)->timeout_s * 1000;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	struct packet_received got[PACKETS_AT_ONCE];
	uint32_t flags;
	int n;

	if (send_one(fd, m, e) < 0)
		return -1;
	do
		n = poll(&pfd, 1, wait_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(e, E_TIMEOUT, "no answer within %d s", wait_ms / 1000);
	n = packet_receive(fd, got);
	if (n <= 0)
		return err_set(e, E_CLOSED, "the server closed the channel");
	for (int i = 1; i < n; i++)
		if (got[i].fd >= 0)
			close(got[i].fd);
	if (ipc_in_open(in, got[0].p, got[0].n, got[0].fd, &flags) < 0 || flags != IPC_FLAG_REPLY)
		return err_set(e, E_PROTO, "unreadable answer");
	if (in->type == MSG_ERROR)
		return read_error(in, e);
	if (in->type != want)
		return err_set(e, E_PROTO, "unexpected answer");
	return 0;
}
