/* in.c - reading a message. Sticky: after the first field that does not fit every get returns
 * nothing. */
#include "base/mem.h"
#include "base/num.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/packet.h"

int
ipc_in_open(struct ipc_in *m, const unsigned char *p, size_t n, int fd, uint32_t *flags)
{
	uint32_t type;

	*m = (struct ipc_in){.fd = fd};
	if (n < IPC_HEADER_SIZE || n > IPC_HEADER_SIZE + IPC_PAYLOAD_MAX)
		return -1;
	type = num_get_u32(p);
	if (ipc_row(type) == NULL)
		return -1;
	m->type = (enum ipc_type)type;
	*flags = num_get_u32(p + 4);
	m->id = num_get_u64(p + 8);
	m->fields = ipc_kinds(m->type);
	m->p = p + IPC_HEADER_SIZE;
	m->n = n - IPC_HEADER_SIZE;
	/* A descriptor comes exactly with the rows that have one. */
	return (strchr(m->fields, 'f') != NULL) == (fd >= 0) ? 0 : -1;
}

static const unsigned char *
take(struct ipc_in *m, size_t n)
{
	const unsigned char *p = m->p;

	if (m->bad || n > m->n) {
		m->bad = true;
		return NULL;
	}
	m->p += n;
	m->n -= n;
	return p;
}

static void
expect(struct ipc_in *m, char kind)
{
	assume(*m->fields == kind); /* our reader, not the peer, is wrong about the row */
	m->fields++;
}

uint32_t
ipc_get_u32(struct ipc_in *m)
{
	const unsigned char *p;

	expect(m, 'u');
	p = take(m, 4);
	return p ? num_get_u32(p) : 0;
}

uint64_t
ipc_get_u64(struct ipc_in *m)
{
	const unsigned char *p;

	expect(m, 'q');
	p = take(m, 8);
	return p ? num_get_u64(p) : 0;
}

static struct str
take_str(struct ipc_in *m)
{
	const unsigned char *p = take(m, 4);
	size_t n;

	if (p == NULL)
		return STR_NONE;
	n = num_get_u32(p);
	p = take(m, n);
	return p ? str_of(p, n) : STR_NONE;
}

struct str
ipc_get_str(struct ipc_in *m)
{
	expect(m, 's');
	return take_str(m);
}

uint32_t
ipc_get_list(struct ipc_in *m)
{
	const unsigned char *p;
	uint32_t n;

	expect(m, 'l');
	p = take(m, 4);
	n = p ? num_get_u32(p) : 0;
	if (n > m->n / 4) { /* each item has its length at least */
		m->bad = true;
		return 0;
	}
	return n;
}

struct str
ipc_get_item(struct ipc_in *m)
{
	return take_str(m);
}

int
ipc_take_fd(struct ipc_in *m)
{
	int fd = m->fd;

	expect(m, 'f');
	m->fd = -1;
	return fd;
}

int
ipc_end(struct ipc_in *m)
{
	m->ended = true;
	if (*m->fields != '\0' || m->n != 0)
		m->bad = true;
	return m->bad ? -1 : 0;
}

void
ipc_refuse(struct ipc_in *m)
{
	m->ended = true;
	m->bad = true;
}
