/*
 * spool.c - the client's side of the queue channel. See spool.h.
 */
#include "smtpd/spool.h"

#include <sodium.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "io/loop.h"
#include "smtpd/trace.h"

#define DIGEST_SIZE 32u /* BLAKE2b-256 */
/* Octets that gather before they are written to a lent file. */
#define WRITE_CHUNK (256u * 1024)
/* What may still come in between the wish to spill and the file. */
#define SLACK (256u * 1024)
/* Octets in memory of all messages under way, past which each spills early. */
#define CROWD_MAX   (256u * 1024 * 1024)
#define CROWD_SMALL (32u * 1024)
/* Buffers kept for messages to come. */
#define SPARE_MAX 16u

enum spool_state {
	GATHERING,
	OPENING, /* the file is asked for */
	WRITING, /* into the file */
	COMMITTING,
	DEAD
};

#define SPOOL_MAGIC 0x53504f4cu

struct spool {
	uint32_t magic;
	enum spool_state state;
	struct ipc_chan *queue;
	const struct spool_events *events;
	void *arg;
	char mid[ID_SIZE];
	struct buf
	    mem;     /* room for the prefix, then octets; or octets not yet written to the file */
	bool common; /* mem has the usual ceiling and may serve again */
	size_t counted; /* what of mem stands in `crowd` */
	bool going;     /* spool_go() was called */
	char *prefix;   /* NULL: not known yet */
	size_t nprefix;
	bool ending;   /* spool_commit() was called */
	bool lent;     /* the queue may have a file open for us */
	uint64_t size; /* of the message so far, with its prefix */
	int fd;
	uint64_t written; /* octets of the file */
	crypto_generichash_state *digest;
	struct buf envelope;
	char token[64]; /* proves whose submission it is, to the queue by authd */
	size_t ntoken;
	uint64_t call; /* under way, or 0 */
	struct err err;
	struct loop_defer failing;
};

static uint64_t crowd;
static struct buf spare[SPARE_MAX];
static unsigned spares;

static void failed(void *arg);

/* ---- memory ---- */

static void
take_buffer(struct spool *s, size_t hold)
{
	s->common = hold <= SPOOL_SMALL_MAX;
	if (s->common && spares > 0)
		s->mem = spare[--spares];
	else
		buf_init(&s->mem, TRACE_MAX + num_max(hold, (size_t)SPOOL_SMALL_MAX) + SLACK);
	assume(buf_room(&s->mem, TRACE_MAX) != NULL);
	buf_added(&s->mem, TRACE_MAX);
}

static void
give_buffer(struct spool *s)
{
	crowd -= s->counted;
	s->counted = 0;
	if (s->common && spares < SPARE_MAX) {
		buf_reset(&s->mem);
		spare[spares++] = s->mem;
	} else {
		buf_free(&s->mem);
	}
	buf_init(&s->mem, 0);
	s->common = false;
}

static void
count(struct spool *s)
{
	crowd = crowd - s->counted + s->mem.n;
	s->counted = s->mem.n;
}

static size_t
small_max(void)
{
	return crowd > CROWD_MAX ? CROWD_SMALL : SPOOL_SMALL_MAX;
}

/* ---- life ---- */

struct spool *
spool_new(struct ipc_chan *queue, const char mid[ID_SIZE], size_t hold,
    const struct spool_events *events, void *arg)
{
	struct spool *s = mem_alloc(sizeof(*s));

	s->magic = SPOOL_MAGIC;
	s->queue = queue;
	s->events = events;
	s->arg = arg;
	s->fd = -1;
	memcpy(s->mid, mid, ID_SIZE);
	buf_init(&s->envelope, ENVELOPE_MAX);
	loop_defer_init(&s->failing, failed, s);
	take_buffer(s, hold);
	return s;
}

static void
tell_abort(struct spool *s)
{
	struct ipc_out m;

	if (!s->lent)
		return;
	s->lent = false;
	ipc_begin(&m, MSG_SPOOL_ABORT);
	ipc_put_z(&m, s->mid);
	ipc_send(s->queue, &m);
}

void
spool_free(struct spool **sp)
{
	struct spool *s = *sp;

	if (!s)
		return;
	OBJ(s, SPOOL_MAGIC);
	*sp = NULL;
	if (s->call)
		ipc_cancel(s->queue, s->call);
	/* A message whose commit was sent is the queue's: it may be durable already. */
	if (s->state != COMMITTING)
		tell_abort(s);
	loop_defer_cancel(&s->failing);
	file_close(&s->fd);
	give_buffer(s);
	buf_free(&s->mem);
	buf_free(&s->envelope);
	free(s->digest);
	free(s->prefix);
	s->magic = 0;
	free(s);
}

static void
failed(void *arg)
{
	struct spool *s = arg;

	OBJ(s, SPOOL_MAGIC);
	if (s->ending)
		s->events->committed(s->arg, &s->err);
	else
		s->events->failed(s->arg, &s->err);
}

static void
fail(struct spool *s, const struct err *e)
{
	if (s->state == DEAD)
		return;
	s->err = *e;
	s->state = DEAD;
	tell_abort(s);
	file_close(&s->fd);
	give_buffer(s);
	loop_defer(&s->failing);
}

/* ---- committing ---- */

static void
on_committed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct spool *s = arg;

	OBJ(s, SPOOL_MAGIC);
	s->call = 0;
	s->lent = false;
	if (m && ipc_end(m) < 0) {
		(void)err_set(&s->err, E_PROTO, "the queue's answer makes no sense");
		e = &s->err;
	}
	s->events->committed(s->arg, e);
}

/* In the packet there is room for it beside its envelope. */
static bool
fits_packet(const struct spool *s)
{
	return s->mem.n <= IPC_INLINE_MAX &&
	       s->mem.n + s->envelope.n + 2 * sizeof(uint32_t) <= IPC_PAYLOAD_MAX;
}

/* On the same channel, so it is there before the message. */
static void
send_token(const struct spool *s)
{
	struct ipc_out m;

	if (s->ntoken == 0)
		return;
	ipc_begin(&m, MSG_SPOOL_TOKEN);
	ipc_put_z(&m, s->mid);
	ipc_put_str(&m, str_of(s->token, s->ntoken));
	ipc_send(s->queue, &m);
}

static void
commit_put(struct spool *s)
{
	struct ipc_out m;

	send_token(s);

	ipc_begin(&m, MSG_SPOOL_PUT);
	ipc_put_str(&m, buf_view(&s->envelope));
	ipc_put_str(&m, buf_view(&s->mem));
	s->state = COMMITTING;
	s->call = ipc_call(s->queue, &m, on_committed, s);
	give_buffer(s);
}

static int
commit_small(struct spool *s, struct err *e)
{
	struct ipc_out m;
	int fd;

	/* The room in front shrinks to what the prefix needs, which then stands right before the
	 * octets. */
	buf_consume(&s->mem, TRACE_MAX - s->nprefix);
	memcpy(s->mem.p, s->prefix, s->nprefix);
	if (fits_packet(s)) {
		commit_put(s);
		return 0;
	}
	if ((fd = file_memory("message", s->mem.p, s->mem.n, e)) < 0)
		return -1;
	send_token(s);
	ipc_begin(&m, MSG_SPOOL_COMMIT);
	ipc_put_str(&m, buf_view(&s->envelope));
	ipc_put_u64(&m, s->size);
	ipc_put_fd(&m, fd);
	s->state = COMMITTING;
	s->call = ipc_call(s->queue, &m, on_committed, s);
	give_buffer(s);
	return 0;
}

/* Writes what has gathered into the lent file. */
static int
write_out(struct spool *s, struct err *e)
{
	if (file_pwrite(s->fd, s->mem.p, s->mem.n, (off_t)s->written, e) < 0)
		return -1;
	(void)crypto_generichash_update(s->digest, (const unsigned char *)s->mem.p, s->mem.n);
	s->written += s->mem.n;
	buf_reset(&s->mem);
	count(s);
	return 0;
}

static int
commit_large(struct spool *s, struct err *e)
{
	unsigned char digest[DIGEST_SIZE];
	struct ipc_out m;

	if (write_out(s, e) < 0)
		return -1;
	(void)crypto_generichash_final(s->digest, digest, sizeof(digest));
	file_close(&s->fd);
	send_token(s);
	ipc_begin(&m, MSG_SPOOL_COMMIT_LARGE);
	ipc_put_str(&m, buf_view(&s->envelope));
	ipc_put_u64(&m, s->written);
	ipc_put_str(&m, str_of(digest, sizeof(digest)));
	ipc_put_str(&m, str_of(s->prefix, s->nprefix));
	s->state = COMMITTING;
	s->call = ipc_call(s->queue, &m, on_committed, s);
	give_buffer(s);
	return 0;
}

/* ---- the lent file ---- */

static void
on_opened(void *arg, struct ipc_in *m, const struct err *e)
{
	struct spool *s = arg;
	struct err own;
	int fd;

	OBJ(s, SPOOL_MAGIC);
	s->call = 0;
	if (!m) {
		s->lent = false;
		fail(s, e);
		return;
	}
	fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		file_close(&fd);
		(void)err_set(&own, E_PROTO, "the queue's answer makes no sense");
		fail(s, &own);
		return;
	}
	s->fd = fd;
	s->state = WRITING;
	if (s->ending) {
		if (commit_large(s, &own) < 0)
			fail(s, &own);
		return;
	}
	if (write_out(s, &own) < 0) {
		fail(s, &own);
		return;
	}
	s->events->ready(s->arg);
}

static void
open_file(struct spool *s)
{
	struct ipc_out m;

	/* The state wants 64 octets of alignment, which malloc does not promise. */
	s->digest = aligned_alloc(64, (sizeof(*s->digest) + 63) / 64 * 64);
	assume(s->digest != NULL);
	(void)crypto_generichash_init(s->digest, NULL, 0, DIGEST_SIZE);
	buf_consume(&s->mem, TRACE_MAX);
	ipc_begin(&m, MSG_SPOOL_OPEN);
	ipc_put_z(&m, s->mid);
	s->lent = true;
	s->state = OPENING;
	s->call = ipc_call(s->queue, &m, on_opened, s);
}

/* ---- octets ---- */

static void
spill(struct spool *s)
{
	struct err e;

	if (s->state == GATHERING && s->going && s->size > small_max())
		open_file(s);
	else if (s->state == WRITING && s->mem.n >= WRITE_CHUNK && write_out(s, &e) < 0)
		fail(s, &e);
}

struct str
spool_held(const struct spool *s)
{
	OBJ(s, SPOOL_MAGIC);
	return s->state == GATHERING ? str_from(buf_view(&s->mem), TRACE_MAX) : STR_NONE;
}

void
spool_cut(struct spool *s, size_t at, size_t n)
{
	struct str held = spool_held(s);

	assume(!s->going && at <= held.n && n <= held.n - at);
	at += TRACE_MAX;
	memmove(s->mem.p + at, s->mem.p + at + n, s->mem.n - at - n);
	s->mem.n -= n;
	s->size -= n;
}

void
spool_go(struct spool *s)
{
	OBJ(s, SPOOL_MAGIC);
	s->going = true;
	spill(s);
}

void
spool_prefix(struct spool *s, struct str prefix)
{
	OBJ(s, SPOOL_MAGIC);
	assume(s->prefix == NULL && prefix.n <= TRACE_MAX);
	s->prefix = mem_dup(prefix.p, prefix.n);
	s->nprefix = prefix.n;
	s->size += prefix.n;
}

void
spool_put(struct spool *s, const char *p, size_t n)
{
	struct err e;

	OBJ(s, SPOOL_MAGIC);
	if (s->state == DEAD)
		return;
	if (buf_put(&s->mem, p, n) < 0) {
		(void)err_set(&e, E_INTERNAL, "message of %zu octets held in memory", s->mem.n);
		fail(s, &e);
		return;
	}
	s->size += n;
	count(s);
	spill(s);
}

bool
spool_blocked(const struct spool *s)
{
	return s->state == OPENING;
}

uint64_t
spool_size(const struct spool *s)
{
	return s->size;
}

void
spool_commit(struct spool *s, const struct envelope *env, struct str token)
{
	struct err e;
	int rc = 0;

	OBJ(s, SPOOL_MAGIC);
	s->ending = true;
	s->ntoken = token.n <= sizeof(s->token) ? token.n : 0;
	if (s->ntoken > 0)
		memcpy(s->token, token.p, s->ntoken);
	if (s->state == DEAD)
		return; /* failed() is on its way, and says so */
	assume(s->prefix != NULL);
	if (envelope_encode(env, &s->envelope, &e) < 0) {
		fail(s, &e);
		return;
	}
	if (s->state == GATHERING && s->size > small_max()) {
		open_file(s);
		return;
	}
	if (s->state == GATHERING)
		rc = commit_small(s, &e);
	else if (s->state == WRITING)
		rc = commit_large(s, &e);
	if (rc < 0)
		fail(s, &e);
}
