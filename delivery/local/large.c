/*
 * large.c - large messages: a file in .incoming that is lent to whoever writes the message, sealed
 * when it is finished, linked into Maildirs (deliver.c), and dropped when the queue's journal knows
 * it no more.
 *
 * Sealing writes what stands on top (known only at the message's end) and the octets into another
 * file, which takes the place of the lent one: nobody but this process ever had it open for writing
 * (INVARIANTS 13; docs/adr/0017-large-messages.md).
 *
 * Durability point: the answer to LARGE_SEAL. By then the octets have agreed with their digest, and
 * data and name are synced.
 */
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "delivery/local/local.h"
#include "io/file.h"

#define DIGEST     32u
#define CHUNK      (1u << 20)
#define PREFIX_MAX (16u << 10)
#define SEAL_SIZE  (ID_SIZE + sizeof(COPY_SUFFIX))

struct seal {
	struct local *l;
	struct ipc_chan *queue;
	uint64_t id;
	char mid[ID_SIZE];
	int from, to;  /* what was lent; what becomes the message */
	uint64_t size; /* of what was lent, as digest is */
	unsigned char digest[DIGEST];
	char *prefix;
	size_t nprefix;
	char name[SEAL_SIZE]; /* of the new file while it is written */
	int rc;
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
seal_free(struct seal *s)
{
	file_close(&s->from);
	file_close(&s->to);
	free(s->prefix);
	free(s);
}

static void
seal_end(void *arg)
{
	struct seal *s = arg;

	if (s->rc == 0) {
		ipc_reply_ok(s->queue, s->id, MSG_LARGE_SEAL_R);
	} else {
		log_warn("local.seal", LZ("mid", s->mid), LE(&s->e));
		ipc_reply_error(s->queue, s->id, &s->e);
	}
	seal_free(s);
}

/* Prefix and octets into the new file; the octets must be those that were said. */
static int
copy_octets(struct seal *s)
{
	unsigned char digest[DIGEST], *chunk = mem_alloc(CHUNK);
	crypto_generichash_state state;
	int rc = file_write(s->to, s->prefix, s->nprefix, &s->e);

	crypto_generichash_init(&state, NULL, 0, sizeof(digest));
	for (uint64_t off = 0; rc == 0 && off < s->size; off += CHUNK) {
		size_t n = (size_t)num_min((uint64_t)CHUNK, s->size - off);

		rc = file_pread(s->from, chunk, n, (off_t)off, &s->e);
		if (rc == 0)
			rc = file_write(s->to, chunk, n, &s->e);
		if (rc == 0)
			crypto_generichash_update(&state, chunk, n);
	}
	crypto_generichash_final(&state, digest, sizeof(digest));
	free(chunk);
	if (rc == 0 && sodium_memcmp(digest, s->digest, sizeof(digest)) != 0)
		return err_set(&s->e, E_INVAL, "not of the digest that was said");
	return rc;
}

static int
check_size(struct seal *s)
{
	uint64_t size;

	if (file_size(s->from, &size, &s->e) < 0)
		return -1;
	return size == s->size ? 0 : err_set(&s->e, E_INVAL, "not of the size that was said");
}

/* In a thread. Durable on return: the file and its name. After a sync that failed there is neither,
 * since sealed once more it would seem durable and not be (INVARIANTS 5). */
static void
seal_work(void *arg)
{
	struct seal *s = arg;
	int dir = s->l->incoming;

	s->rc = -1;
	if (check_size(s) < 0 || copy_octets(s) < 0) {
		file_unlink(dir, s->name, NULL);
		return;
	}
	if (file_sync(s->to, "local.large", &s->e) < 0 ||
	    file_rename(dir, s->name, dir, s->mid, &s->e) < 0) {
		file_unlink(dir, s->name, NULL);
		file_unlink(dir, s->mid, NULL);
		return;
	}
	if (file_sync_dir(dir, "local.large_name", &s->e) < 0)
		file_unlink(dir, s->mid, NULL);
	else
		s->rc = 0;
}

static int
seal_open(struct seal *s)
{
	s->from = file_open(s->l->incoming, s->mid, O_RDONLY, 0, &s->e);
	if (s->from < 0)
		return -1;
	snprintf(s->name, sizeof(s->name), "%s" COPY_SUFFIX, s->mid);
	s->to = file_open(s->l->incoming, s->name, O_WRONLY | O_CREAT | O_EXCL, 0440, &s->e);
	return s->to < 0 ? -1 : 0;
}

void
large_seal(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	struct seal *s = mem_alloc(sizeof(*s));
	struct str digest, prefix;

	s->l = l;
	s->queue = c;
	s->id = m->id;
	s->from = s->to = -1;
	s->rc = -1;
	read_mid(m, s->mid);
	s->size = ipc_get_u64(m);
	digest = ipc_get_str(m);
	prefix = ipc_get_str(m);
	if (ipc_end(m) < 0) {
		seal_free(s);
		return;
	}
	if (digest.n != DIGEST || prefix.n > PREFIX_MAX) {
		err_set(&s->e, E_INVAL, "no digest, or too much on top");
		seal_end(s);
		return;
	}
	memcpy(s->digest, digest.p, DIGEST);
	s->prefix = mem_dup(prefix.p, prefix.n);
	s->nprefix = prefix.n;
	/* Once submitted s is the thread's: nothing of it is written unless there is none. */
	if (seal_open(s) < 0 || pool_submit(l->pool, seal_work, seal_end, s, &s->e) < 0)
		seal_end(s);
}
