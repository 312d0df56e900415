/* packet.c - packets on a socket, many to a system call. */
#include "ipc/packet.h"

#include <errno.h>
#include <sodium.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/num.h"
#include "ipc/kinds.h"

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(int))];
};

struct packet *
packet_new(struct ipc_out *m, uint32_t flags, uint64_t id)
{
	struct packet *p = mem_alloc(sizeof(*p));

	assume(*m->fields == '\0' && !m->over);
	num_put_u32(m->p, m->type);
	num_put_u32(m->p + 4, flags);
	num_put_u64(m->p + 8, id);
	p->p = m->p;
	p->n = m->n;
	p->fd = m->fd;
	p->id = id;
	*m = (struct ipc_out){.fd = -1};
	return p;
}

void
packet_free(struct packet *p)
{
	if (p->fd >= 0)
		close(p->fd);
	sodium_memzero(p->p, p->n); /* some carry passwords */
	free(p->p);
	free(p);
}

static void
fill(struct msghdr *h, struct iovec *v, union control *c, const struct packet *p)
{
	*v = (struct iovec){p->p, p->n};
	*h = (struct msghdr){.msg_iov = v, .msg_iovlen = 1};
	if (p->fd < 0)
		return;
	memset(c, 0, sizeof(*c));
	h->msg_control = c->octets;
	h->msg_controllen = sizeof(c->octets);
	c->align.cmsg_level = SOL_SOCKET;
	c->align.cmsg_type = SCM_RIGHTS;
	c->align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&c->align), &p->fd, sizeof(int));
}

int
packet_send(int fd, struct packet_list *list)
{
	struct mmsghdr h[PACKETS_AT_ONCE];
	struct iovec v[PACKETS_AT_ONCE];
	union control c[PACKETS_AT_ONCE];
	struct packet *p;
	unsigned n;
	int sent;

	while (!TAILQ_EMPTY(list)) {
		n = 0;
		TAILQ_FOREACH (p, list, entry) {
			if (n == PACKETS_AT_ONCE)
				break;
			fill(&h[n].msg_hdr, &v[n], &c[n], p);
			n++;
		}
		sent = sendmmsg(fd, h, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
		for (; sent > 0; sent--) {
			p = TAILQ_FIRST(list);
			TAILQ_REMOVE(list, p, entry);
			assume(p != TAILQ_FIRST(list));
			packet_free(p);
		}
	}
	return 0;
}

/* The descriptor of a received packet; more than one can't come, the control buffer has no room. */
static int
take_fd(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

static unsigned char octets[PACKETS_AT_ONCE][IPC_HEADER_SIZE + IPC_PAYLOAD_MAX];

int
packet_receive(int fd, struct packet_received out[PACKETS_AT_ONCE])
{
	static union control c[PACKETS_AT_ONCE];
	struct mmsghdr h[PACKETS_AT_ONCE];
	struct iovec v[PACKETS_AT_ONCE];
	int n;

	for (size_t i = 0; i < PACKETS_AT_ONCE; i++) {
		v[i] = (struct iovec){octets[i], sizeof(octets[i])};
		h[i].msg_hdr = (struct msghdr){.msg_iov = &v[i],
		    .msg_iovlen = 1,
		    .msg_control = c[i].octets,
		    .msg_controllen = sizeof(c[i].octets)};
	}
	do
		n = recvmmsg(fd, h, PACKETS_AT_ONCE, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	while (n < 0 && errno == EINTR);
	for (int i = 0; i < n; i++) {
		out[i] = (struct packet_received){octets[i], h[i].msg_len, take_fd(&h[i].msg_hdr)};
		/* A packet of no octets is how SOCK_SEQPACKET tells the end. */
		if (h[i].msg_len == 0)
			return i;
	}
	return n;
}

void
packet_forget(const struct packet_received *got, int n)
{
	for (int i = 0; i < n; i++)
		sodium_memzero(octets[i], got[i].n);
}
