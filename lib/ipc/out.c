/* out.c - building a message: fields are put one by one and checked against the table's row. */
#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"

void
ipc_begin(struct ipc_out *m, enum ipc_type type)
{
	assume(ipc_row(type) != NULL);
	*m = (struct ipc_out){.type = type, .fields = ipc_kinds(type), .fd = -1};
	m->cap = 256;
	m->p = mem_grow(NULL, m->cap, 1);
	m->n = IPC_HEADER_SIZE; /* filled in when it is sent */
}

/* True when the row has such a field next. */
static bool
expect(struct ipc_out *m, char kind)
{
	assume(*m->fields == kind);
	m->fields++;
	return true;
}

/* Leaves no copy behind: some messages carry passwords. */
static void
grow(struct ipc_out *m, size_t n)
{
	unsigned char *old = m->p;

	while (m->cap < n)
		m->cap *= 2;
	m->p = mem_grow(NULL, m->cap, 1);
	memcpy(m->p, old, m->n);
	sodium_memzero(old, m->n);
	free(old);
}

static void
put(struct ipc_out *m, const void *p, size_t n)
{
	if (m->over || n > IPC_PAYLOAD_MAX + IPC_HEADER_SIZE - m->n) {
		m->over = true;
		return;
	}
	if (m->n + n > m->cap)
		grow(m, m->n + n);
	if (n > 0)
		memcpy(m->p + m->n, p, n);
	m->n += n;
}

static void
put_str(struct ipc_out *m, struct str s)
{
	unsigned char len[4];

	num_put_u32(len, (uint32_t)s.n);
	put(m, len, sizeof(len));
	put(m, s.p, s.n);
}

void
ipc_put_u32(struct ipc_out *m, uint32_t v)
{
	unsigned char p[4];

	expect(m, 'u');
	num_put_u32(p, v);
	put(m, p, sizeof(p));
}

void
ipc_put_u64(struct ipc_out *m, uint64_t v)
{
	unsigned char p[8];

	expect(m, 'q');
	num_put_u64(p, v);
	put(m, p, sizeof(p));
}

void
ipc_put_str(struct ipc_out *m, struct str s)
{
	expect(m, 's');
	put_str(m, s);
}

void
ipc_put_z(struct ipc_out *m, const char *z)
{
	ipc_put_str(m, str_z(z));
}

void
ipc_put_list(struct ipc_out *m, const struct str *v, size_t n)
{
	unsigned char count[4];

	expect(m, 'l');
	num_put_u32(count, (uint32_t)n);
	put(m, count, sizeof(count));
	for (size_t i = 0; i < n; i++)
		put_str(m, v[i]);
}

void
ipc_put_fd(struct ipc_out *m, int fd)
{
	expect(m, 'f');
	assume(fd >= 0);
	m->fd = fd;
}

void
ipc_drop(struct ipc_out *m)
{
	if (m->p != NULL)
		sodium_memzero(m->p, m->n);
	free(m->p);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct ipc_out){.fd = -1};
}
