/*
 * large.c - large messages: a file in .incoming that is lent to whoever writes the message, sealed
 * when it is finished, linked into Maildirs (deliver.c), and dropped when the queue's journal knows
 * it no more.
 *
 * Durability point: the answer to LARGE_SEAL. By then the file agrees with its digest, nobody can
 * write to it any more, and data and name are synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "delivery/local/local.h"
#include "io/file.h"

#define DIGEST      32u
#define CHUNK       (1u << 20)
#define LEASE_TRIES 100u /* the writer's last descriptor may still be closing */
#define LEASE_MS    10u

struct seal {
	struct local *l;
	struct ipc_chan *queue;
	uint64_t id;
	char mid[ID_SIZE];
	int fd;
	uint64_t size;
	unsigned char digest[DIGEST];
	uint32_t head; /* octets that the digest has last */
	unsigned tries;
	struct loop_timer *again;
	int rc;
	bool sync_failed;
	struct err e;
};

static int
read_mid(struct ipc_in *m, char mid[ID_SIZE])
{
	struct str s = ipc_get_str(m);

	if (!id_valid(s) || str_cz(s, mid, ID_SIZE) < 0) {
		m->bad = true;
		return -1;
	}
	return 0;
}

void
large_new(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	char mid[ID_SIZE];
	struct ipc_out out;
	struct err e;
	int fd;

	read_mid(m, mid);
	if (ipc_end(m) < 0)
		return;
	fd = file_open(l->incoming, mid, O_WRONLY | O_CREAT | O_EXCL, 0600, &e);
	if (fd < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_LARGE_NEW_R);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}

void
large_read(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	char mid[ID_SIZE];
	struct ipc_out out;
	struct err e;
	int fd;

	read_mid(m, mid);
	if (ipc_end(m) < 0)
		return;
	if ((fd = file_open(l->incoming, mid, O_RDONLY, 0, &e)) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_LARGE_READ_R);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}

void
large_drop(struct local *l, struct ipc_in *m)
{
	char mid[ID_SIZE];
	struct err e;

	read_mid(m, mid);
	if (ipc_end(m) == 0 && file_unlink(l->incoming, mid, &e) < 0)
		log_warn("local.incoming_stays", LZ("mid", mid), LE(&e));
}

/* ---- sealing ---- */

static void
seal_end(struct seal *s)
{
	if (s->rc == 0) {
		ipc_reply_ok(s->queue, s->id, MSG_LARGE_SEAL_R);
	} else {
		log_warn("local.seal", LZ("mid", s->mid), LE(&s->e));
		/* Sealed once more it would seem durable, and not be (INVARIANTS 5). */
		if (s->sync_failed)
			file_unlink(s->l->incoming, s->mid, NULL);
		ipc_reply_error(s->queue, s->id, &s->e);
	}
	/* Closing ends the lease. */
	file_close(&s->fd);
	loop_timer_free(&s->again);
	free(s);
}

static int
digest_range(struct seal *s, crypto_generichash_state *state, uint64_t from, uint64_t to)
{
	unsigned char *chunk = mem_alloc(CHUNK);
	int rc = 0;

	for (uint64_t off = from; rc == 0 && off < to; off += CHUNK) {
		size_t n = (size_t)num_min((uint64_t)CHUNK, to - off);

		rc = file_pread(s->fd, chunk, n, (off_t)off, &s->e);
		if (rc == 0)
			crypto_generichash_update(state, chunk, n);
	}
	free(chunk);
	return rc;
}

/* Whoever wrote it knew its head last. */
static int
check_digest(struct seal *s)
{
	crypto_generichash_state state;
	unsigned char digest[DIGEST];

	crypto_generichash_init(&state, NULL, 0, sizeof(digest));
	if (digest_range(s, &state, s->head, s->size) < 0 ||
	    digest_range(s, &state, 0, num_min((uint64_t)s->head, s->size)) < 0)
		return -1;
	crypto_generichash_final(&state, digest, sizeof(digest));
	if (sodium_memcmp(digest, s->digest, sizeof(digest)) != 0)
		return err_set(&s->e, E_INVAL, "not of the digest that was said");
	return 0;
}

/* In a thread. Durable on return: the file and its name. */
static void
seal_work(void *arg)
{
	struct seal *s = arg;
	uint64_t size;

	s->rc = -1;
	if (file_size(s->fd, &size, &s->e) < 0)
		return;
	if (size != s->size) {
		err_set(&s->e, E_INVAL, "not of the size that was said");
		return;
	}
	if (check_digest(s) < 0)
		return;
	if (file_sync(s->fd, "local.large", &s->e) < 0 ||
	    file_sync_dir(s->l->incoming, "local.large_name", &s->e) < 0)
		s->sync_failed = true;
	else
		s->rc = 0;
}

static void
seal_done(void *arg)
{
	seal_end(arg);
}

/* A read lease is given only while no writer has the file open, and none can be let in while we
 * hold it (INVARIANTS 13). */
static void
seal_try(void *arg)
{
	struct seal *s = arg;
	struct err e;

	if (fcntl(s->fd, F_SETLEASE, F_RDLCK) < 0) {
		if (errno == EAGAIN && ++s->tries < LEASE_TRIES) {
			loop_timer_set(s->again, LEASE_MS);
			return;
		}
		s->rc = err_sys(&s->e, "it still has a writer, or the file system has no leases");
		seal_end(s);
		return;
	}
	if (fchmod(s->fd, 0440) < 0) {
		s->rc = err_sys(&s->e, "chmod");
		seal_end(s);
		return;
	}
	/* From here on s is the thread's: nothing of it is written unless there is none. */
	if (pool_submit(s->l->pool, seal_work, seal_done, s, &e) < 0) {
		s->rc = -1;
		s->e = e;
		seal_end(s);
	}
}

void
large_seal(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	struct seal *s = mem_alloc(sizeof(*s));
	struct str digest;

	s->l = l;
	s->queue = c;
	s->id = m->id;
	s->fd = -1;
	read_mid(m, s->mid);
	s->size = ipc_get_u64(m);
	digest = ipc_get_str(m);
	s->head = ipc_get_u32(m);
	if (ipc_end(m) < 0) {
		free(s);
		return;
	}
	s->again = loop_timer_new(seal_try, s);
	if (digest.n != DIGEST) {
		s->rc = err_set(&s->e, E_INVAL, "no digest");
		seal_end(s);
		return;
	}
	memcpy(s->digest, digest.p, DIGEST);
	if ((s->fd = file_open(l->incoming, s->mid, O_RDONLY, 0, &s->e)) < 0) {
		s->rc = -1;
		seal_end(s);
		return;
	}
	seal_try(s);
}
