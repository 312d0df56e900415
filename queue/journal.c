/*
 * journal.c - see journal.h.
 *
 * The loop appends and decides where a batch goes; a thread seals, writes and syncs it
 * (write_batch); another thread makes and removes segment files, strictly one after the other
 * (house), so that a segment never outlives one that is younger. At any time at most one batch is
 * under way, and a spare segment is ready or being made. A segment that is done with becomes
 * another spare, up to SPARES_MAX of them: its blocks have been written before, so that its syncs
 * are quick.
 *
 * Errors: a batch that failed calls everyone who waits for it with the error; whoever told a result
 * that must not be lost appends it again. Where no segment can be made (disk full), all that waits
 * fails, and the next attempt is a second later. After a second failure within a second the next
 * segment is begun a second later too: what comes meanwhile waits.
 */
#include "queue/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "io/loop.h"
#include "svc/metrics.h"

#define BATCH_MAX     (4u << 20) /* a batch is closed at this size */
#define SPARES_MAX    2u
#define SEGMENT_RETRY 1000u /* ms from a segment that could not be made to the next attempt */

struct wait {
	journal_fn fn;
	void *arg;
	size_t off; /* of the payload in the batch */
};

struct batch {
	TAILQ_ENTRY(batch) next;
	struct journal *journal; /* not the thread's */
	struct buf octets;
	struct wait *waits;
	size_t nwaits, cap;
	uint64_t records;
	bool now;
	/* Set when it goes under way; then the thread's until it is done. */
	struct segment *segment;
	char *room;
	uint64_t off, seq, us;
	int rc;
	struct err e;
};

TAILQ_HEAD(batch_list, batch);

struct cut {
	STAILQ_ENTRY(cut) next;
	uint64_t number, off;
};

/* Work on segment files: make one (out of an old one, where fd is not -1), or remove one. */
struct house {
	STAILQ_ENTRY(house) next;
	struct journal *journal;
	bool make;
	uint64_t number, old, ready;
	int fd;
	struct segment *made;
	struct err e;
	void (*fn)(void *arg);
	void *arg;
};

struct journal {
	struct journal_options o;
	struct pool *sync_pool, *house_pool;
	struct segment_list segments;
	struct segment *current;
	struct segment_list spares; /* ready, by number */
	size_t nspares;             /* with those being made */
	char *room;                 /* the thread's: the batch it writes, on block boundaries */
	size_t count;
	uint64_t next_number, next_seq;

	struct batch_list waiting;
	size_t waiting_octets;
	struct batch *flight;
	STAILQ_HEAD(, cut) cuts; /* to be told at the head of the next segment */
	size_t record_at;        /* where the record begun stands in the last batch */
	bool open;               /* a record is begun */

	STAILQ_HEAD(, house) houses; /* under way and waiting, in order */
	bool closing;                /* nothing is told any more */
	uint64_t failed, rest_until; /* clock_ms: of the last batch that did not get to the disk */
	struct loop_defer flush;
	struct loop_timer *soon, *retry;
};

static void flush(void *arg);
static void make_spare(struct journal *j);

/* ---- batches ---- */

static size_t
batch_limit(const struct journal *j)
{
	return (size_t)num_min((uint64_t)BATCH_MAX, j->o.segment_size / 4);
}

/* With the record that came last, and the padding. */
static size_t
batch_max(const struct journal *j)
{
	return batch_limit(j) + RECORD_HEADER + RECORD_PAYLOAD_MAX + RECORD_HEADER +
	       2 * SEGMENT_BLOCK;
}

static struct batch *
batch_new(struct journal *j)
{
	struct batch *b = mem_alloc(sizeof(*b));

	b->journal = j;
	buf_init(&b->octets, batch_max(j));
	return b;
}

static void
batch_free(struct batch *b)
{
	buf_free(&b->octets);
	free(b->waits);
	free(b);
}

/* Cuts the batch back to n octets. */
static void
batch_cut(struct batch *b, size_t n)
{
	b->octets.n = n;
	b->octets.p[n] = '\0';
	b->octets.over = false;
}

struct buf *
journal_begin(struct journal *j, enum record_type type)
{
	unsigned char header[RECORD_HEADER];
	struct batch *b = TAILQ_LAST(&j->waiting, batch_list);

	assume(!j->open);
	if (!b || b->octets.n >= batch_limit(j)) {
		b = batch_new(j);
		TAILQ_INSERT_TAIL(&j->waiting, b, next);
	}
	j->open = true;
	j->record_at = b->octets.n;
	record_header(header, type, 0);
	buf_put(&b->octets, header, sizeof(header));
	return &b->octets;
}

size_t
journal_offset(const struct journal *j)
{
	const struct batch *b = TAILQ_LAST(&j->waiting, batch_list);

	assume(j->open);
	return b->octets.n - j->record_at - RECORD_HEADER;
}

void
journal_cancel(struct journal *j)
{
	assume(j->open);
	batch_cut(TAILQ_LAST(&j->waiting, batch_list), j->record_at);
	j->open = false;
}

void
journal_end(struct journal *j, enum journal_haste haste, journal_fn fn, void *arg)
{
	struct batch *b = TAILQ_LAST(&j->waiting, batch_list);
	size_t n;

	assume(j->open && !b->octets.over);
	n = b->octets.n - j->record_at - RECORD_HEADER;
	assume(n <= RECORD_PAYLOAD_MAX);
	num_put_u32(b->octets.p + j->record_at, (uint32_t)n);
	if (fn) {
		if (b->nwaits == b->cap) {
			b->cap = b->cap ? b->cap * 2 : 8;
			b->waits = mem_grow(b->waits, b->cap, sizeof(*b->waits));
		}
		b->waits[b->nwaits++] = (struct wait){fn, arg, j->record_at + RECORD_HEADER};
	}
	b->records++;
	j->open = false;
	j->waiting_octets += n + RECORD_HEADER;
	if (haste == JOURNAL_NOW) {
		b->now = true;
		loop_defer(&j->flush);
	} else if (!loop_timer_pending(j->soon)) {
		loop_timer_set(j->soon, j->o.soon_ms);
	}
}

/* Fills the last block, so that the next batch begins a new one. */
static void
batch_pad(struct batch *b)
{
	unsigned char header[RECORD_HEADER];
	size_t n = SEGMENT_BLOCK - b->octets.n % SEGMENT_BLOCK;
	char *room;

	if (n == SEGMENT_BLOCK)
		return;
	if (n < RECORD_HEADER)
		n += SEGMENT_BLOCK;
	record_header(header, RECORD_PAD, n - RECORD_HEADER);
	buf_put(&b->octets, header, sizeof(header));
	room = buf_room(&b->octets, n - RECORD_HEADER);
	assume(room != NULL);
	memset(room, 0, n - RECORD_HEADER);
	buf_added(&b->octets, n - RECORD_HEADER);
	b->records++;
}

static void
batch_tell(struct batch *b, const struct err *e)
{
	for (size_t i = 0; i < b->nwaits; i++) {
		struct journal_place place = {b->segment, b->off + b->waits[i].off};

		b->waits[i].fn(b->waits[i].arg, e ? NULL : &place, e);
	}
}

/* ---- writing ---- */

/* In the thread. Durable on success: the batch, by segment_write(); the file's name and size are so
 * already. */
static void
write_batch(void *arg)
{
	struct batch *b = arg;
	uint64_t t = clock_us();
	size_t off = 0, r = 0;

	while (off < b->octets.n)
		off +=
		    record_seal((unsigned char *)b->octets.p + off, b->seq + r++, b->segment->key);
	assume(off == b->octets.n && r == b->records);
	memcpy(b->room, b->octets.p, b->octets.n);
	b->rc = segment_write(b->segment, b->room, b->octets.n, b->off, &b->e);
	b->us = clock_us() - t;
}

static void
batch_done(struct journal *j, struct batch *b)
{
	struct cut *c;

	if (b->rc == 0) {
		b->segment->used += b->octets.n;
		metric_observe(METRIC_QUEUE_SYNC_SECONDS, b->us);
		metric_add(METRIC_QUEUE_SYNC_BATCH, (int64_t)b->nwaits);
		batch_tell(b, NULL);
		return;
	}
	log_error("queue.sync_failed", LU("segment", b->segment->number), LU("offset", b->off),
	    LU("records", b->records), LE(&b->e));
	b->segment->broken = true;
	if (j->current == b->segment)
		j->current = NULL;
	/* Each failure takes a segment: a disk that fails and fails must not be filled with them.
	 */
	if (j->failed != 0 && clock_ms() < j->failed + SEGMENT_RETRY)
		j->rest_until = clock_ms() + SEGMENT_RETRY;
	j->failed = clock_ms();
	c = mem_alloc(sizeof(*c));
	c->number = b->segment->number;
	c->off = b->off;
	STAILQ_INSERT_TAIL(&j->cuts, c, next);
	batch_tell(b, &b->e);
}

static void
flight_done(void *arg)
{
	struct batch *b = arg;
	struct journal *j = b->journal;

	assume(j->flight == b);
	j->flight = NULL;
	if (!j->closing)
		batch_done(j, b);
	batch_free(b);
	flush(j);
}

static void
cuts_told(void *arg, const struct journal_place *place, const struct err *e)
{
	struct journal *j = arg;
	struct cut *c;

	(void)place;
	if (e)
		return;
	/* None was added while their batch was under way: only its own failure would have. */
	while ((c = STAILQ_FIRST(&j->cuts)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->cuts, next);
		free(c);
	}
}

/* A batch of CUT records before anything else goes into a segment that follows a broken one. */
static struct batch *
batch_of_cuts(struct journal *j)
{
	unsigned char header[RECORD_HEADER];
	struct batch *b = batch_new(j);
	struct cut *c;

	STAILQ_FOREACH (c, &j->cuts, next) {
		record_header(header, RECORD_CUT, 16);
		buf_put(&b->octets, header, sizeof(header));
		record_put_numbers(&b->octets, c->number, c->off);
		b->records++;
	}
	b->waits = mem_alloc(sizeof(*b->waits));
	b->waits[0] = (struct wait){cuts_told, j, RECORD_HEADER};
	b->nwaits = b->cap = 1;
	return b;
}

static bool
fits(const struct journal *j, const struct batch *b)
{
	return j->current && j->current->used + b->octets.n <= j->current->size;
}

/* Takes the spare as the current segment; false when there is none yet. */
static bool
roll(struct journal *j)
{
	struct segment *s = TAILQ_FIRST(&j->spares);

	if (clock_ms() < j->rest_until) {
		if (!loop_timer_pending(j->retry))
			loop_timer_set(j->retry, j->rest_until - clock_ms());
		return false;
	}
	if (!s) {
		if (!loop_timer_pending(j->retry))
			make_spare(j);
		return false;
	}
	TAILQ_REMOVE(&j->spares, s, next);
	j->nspares--;
	j->current = s;
	TAILQ_INSERT_TAIL(&j->segments, j->current, next);
	j->count++;
	make_spare(j);
	return true;
}

static void
launch(struct journal *j, struct batch *b)
{
	struct err e = {0};

	b->segment = j->current;
	b->room = j->room;
	b->off = j->current->used;
	b->seq = j->next_seq;
	j->next_seq += b->records;
	j->flight = b;
	/* The pool has one thread and this is its only job. */
	if (pool_submit(j->sync_pool, write_batch, flight_done, b, &e) < 0)
		mem_die(__FILE__, __LINE__, e.text);
}

/* Sends the next batch on its way, if one is due and none is under way. */
static void
flush(void *arg)
{
	struct journal *j = arg;
	struct batch *b = TAILQ_FIRST(&j->waiting);

	if (j->closing || j->flight || j->open || !b || b->octets.n == 0)
		return;
	if (!b->now && !TAILQ_NEXT(b, next) && loop_timer_pending(j->soon))
		return;
	if (!STAILQ_EMPTY(&j->cuts)) {
		if (!j->current && !roll(j))
			return;
		b = batch_of_cuts(j);
		batch_pad(b);
		launch(j, b);
		return;
	}
	if (b->octets.n % SEGMENT_BLOCK != 0) {
		batch_pad(b);
		/* Closed: a later record begins another batch even if this one has to wait for a
		 * segment. */
		if (!TAILQ_NEXT(b, next)) {
			struct batch *fresh = batch_new(j);

			TAILQ_INSERT_TAIL(&j->waiting, fresh, next);
		}
	}
	if (!fits(j, b) && !roll(j))
		return;
	TAILQ_REMOVE(&j->waiting, b, next);
	j->waiting_octets = 0;
	for (struct batch *w = TAILQ_FIRST(&j->waiting); w; w = TAILQ_NEXT(w, next))
		j->waiting_octets += w->octets.n;
	launch(j, b);
}

static void
soon_due(void *arg)
{
	flush(arg);
}

/* ---- segment files ---- */

static void house_next(struct journal *j);

/* In the thread. Durable on return: the new segment, or that the old one is gone. */
static void
house_work(void *arg)
{
	struct house *h = arg;
	const struct journal_options *o = &h->journal->o;
	char name[SEGMENT_NAME_SIZE];

	if (h->make && h->fd >= 0) {
		h->made = segment_recycle(
		    o->dir, h->old, h->fd, h->ready, h->number, o->segment_size, o->boot, &h->e);
	} else if (h->make) {
		h->made = segment_create(o->dir, h->number, o->segment_size, o->boot, &h->e);
	} else {
		file_close(&h->fd);
		if (file_unlink(o->dir, segment_name(h->old, name), &h->e) == 0)
			file_sync_dir(o->dir, "queue.remove", &h->e);
	}
}

/* No segment can be made: what waits for one fails, and the disk is left alone for a while. */
static void
fail_waiting(struct journal *j, const struct err *e)
{
	struct batch_list failed = TAILQ_HEAD_INITIALIZER(failed);
	struct batch *b = TAILQ_FIRST(&j->waiting);

	log_error("queue.no_segment", LE(e));
	loop_timer_set(j->retry, SEGMENT_RETRY);
	if (j->flight || !b || fits(j, b))
		return;
	TAILQ_CONCAT(&failed, &j->waiting, next);
	j->waiting_octets = 0;
	while ((b = TAILQ_FIRST(&failed)) != NULL) {
		TAILQ_REMOVE(&failed, b, next);
		batch_tell(b, e);
		batch_free(b);
	}
}

static void
house_done(void *arg)
{
	struct house *h = arg;
	struct journal *j = h->journal;

	assume(STAILQ_FIRST(&j->houses) == h);
	if (j->closing)
		return;
	STAILQ_REMOVE_HEAD(&j->houses, next);
	if (h->made) {
		TAILQ_INSERT_TAIL(&j->spares, h->made, next);
	} else if (h->make) {
		j->nspares--;
		fail_waiting(j, &h->e);
	} else if (h->e.code != E_OK) {
		log_warn("queue.segment_stays", LU("segment", h->old), LE(&h->e));
	}
	if (h->fn)
		h->fn(h->arg);
	free(h);
	house_next(j);
	flush(j);
}

static void
house_next(struct journal *j)
{
	struct house *h = STAILQ_FIRST(&j->houses);
	struct err e = {0};

	if (h && pool_submit(j->house_pool, house_work, house_done, h, &e) < 0)
		mem_die(__FILE__, __LINE__, e.text);
}

static struct house *
house_add(struct journal *j, bool make, uint64_t old, int fd)
{
	struct house *h = mem_alloc(sizeof(*h));
	bool first = STAILQ_EMPTY(&j->houses);

	h->journal = j;
	h->make = make;
	h->old = old;
	h->fd = fd;
	if (make) {
		h->number = j->next_number++;
		j->nspares++;
	}
	STAILQ_INSERT_TAIL(&j->houses, h, next);
	if (first)
		house_next(j);
	return h;
}

static void
make_spare(struct journal *j)
{
	if (j->nspares == 0)
		house_add(j, true, 0, -1);
}

static void
retry_due(void *arg)
{
	flush(arg);
}

void
journal_remove_oldest(struct journal *j, void (*fn)(void *arg), void *arg)
{
	struct segment *s = TAILQ_FIRST(&j->segments);
	bool again;
	struct house *h;

	assume(s && s != j->current && TAILQ_EMPTY(&s->messages));
	assume(!j->flight || j->flight->segment != s);
	TAILQ_REMOVE(&j->segments, s, next);
	j->count--;
	/* A file that failed to sync is not used again: its blocks may be bad. */
	again = j->nspares < SPARES_MAX && !s->broken && s->size == j->o.segment_size;
	h = house_add(j, again, s->number, s->fd);
	h->ready = s->ready;
	h->fn = fn;
	h->arg = arg;
	s->fd = -1;
	segment_free(&s);
}

/* ---- beginning and end ---- */

/* Every start begins a segment: what a torn batch left behind is never written over. The spare of
 * the process before is made into it, so that a full disk does not keep us from starting. */
static struct segment *
first_segment(struct journal *j, struct err *e)
{
	struct segment *s, *made;
	int fd;

	TAILQ_FOREACH (s, &j->segments, next)
		if (s->used == SEGMENT_BLOCK && s->size == j->o.segment_size)
			break;
	if (!s)
		return segment_create(j->o.dir, j->next_number, j->o.segment_size, j->o.boot, e);
	TAILQ_REMOVE(&j->segments, s, next);
	fd = s->fd;
	s->fd = -1;
	made = segment_recycle(
	    j->o.dir, s->number, fd, s->ready, j->next_number, j->o.segment_size, j->o.boot, e);
	segment_free(&s);
	return made;
}

struct journal *
journal_new(const struct journal_options *o, struct segment_list *segments, struct err *e)
{
	struct journal *j = mem_alloc(sizeof(*j));
	size_t room;
	struct err why = {0};
	struct segment *s, *first;

	assume(o->segment_size >= 2 * RECORD_PAYLOAD_MAX);
	j->o = *o;
	room = (batch_max(j) + SEGMENT_AHEAD + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
	j->next_number = o->next_number;
	j->next_seq = o->next_seq;
	TAILQ_INIT(&j->segments);
	TAILQ_INIT(&j->spares);
	TAILQ_INIT(&j->waiting);
	STAILQ_INIT(&j->cuts);
	STAILQ_INIT(&j->houses);
	loop_defer_init(&j->flush, flush, j);
	j->soon = loop_timer_new(soon_due, j);
	j->retry = loop_timer_new(retry_due, j);
	TAILQ_CONCAT(&j->segments, segments, next);
	j->room = aligned_alloc(SEGMENT_BLOCK, room);
	assume(j->room != NULL);
	if (!(j->sync_pool = pool_new(1, 1, e)) || !(j->house_pool = pool_new(1, 1, e))) {
		journal_free(&j);
		return NULL;
	}
	/* Deliveries go on without: what they tell waits for the disk (INVARIANTS 7). */
	if (!(first = first_segment(j, &why)) && why.code != E_NOSPACE) {
		if (e)
			*e = why;
		journal_free(&j);
		return NULL;
	}
	j->next_number++;
	TAILQ_FOREACH (s, &j->segments, next)
		j->count++;
	if (!first) {
		log_error("queue.no_segment", LE(&why));
	} else {
		TAILQ_INSERT_TAIL(&j->spares, first, next);
		j->nspares++;
		roll(j);
	}
	return j;
}

static void
houses_free(struct journal *j)
{
	struct house *h;

	while ((h = STAILQ_FIRST(&j->houses)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->houses, next);
		segment_free(&h->made);
		free(h);
	}
}

void
journal_free(struct journal **jp)
{
	struct journal *j = *jp;
	struct segment *s;
	struct batch *b;
	struct cut *c;

	if (!j)
		return;
	j->closing = true;
	pool_free(&j->sync_pool);
	pool_free(&j->house_pool);
	houses_free(j);
	if (j->flight)
		batch_free(j->flight);
	while ((b = TAILQ_FIRST(&j->waiting)) != NULL) {
		TAILQ_REMOVE(&j->waiting, b, next);
		batch_free(b);
	}
	while ((c = STAILQ_FIRST(&j->cuts)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->cuts, next);
		free(c);
	}
	while ((s = TAILQ_FIRST(&j->segments)) != NULL) {
		TAILQ_REMOVE(&j->segments, s, next);
		TAILQ_INIT(&s->messages); /* the table of messages goes its own way */
		segment_free(&s);
	}
	while ((s = TAILQ_FIRST(&j->spares)) != NULL) {
		TAILQ_REMOVE(&j->spares, s, next);
		segment_free(&s);
	}
	free(j->room);
	loop_defer_cancel(&j->flush);
	loop_timer_free(&j->soon);
	loop_timer_free(&j->retry);
	free(j);
	*jp = NULL;
}

size_t
journal_waiting(const struct journal *j)
{
	return j->waiting_octets;
}

bool
journal_idle(const struct journal *j)
{
	return !j->flight && j->waiting_octets == 0 && STAILQ_EMPTY(&j->houses);
}

void
journal_hurry(struct journal *j)
{
	loop_timer_stop(j->soon);
	loop_defer(&j->flush);
}

uint64_t
journal_next_seq(const struct journal *j)
{
	return j->next_seq;
}

struct segment *
journal_oldest(const struct journal *j)
{
	return TAILQ_FIRST(&j->segments);
}

bool
journal_is_current(const struct journal *j, const struct segment *s)
{
	return s == j->current || (j->flight && j->flight->segment == s);
}

size_t
journal_count(const struct journal *j)
{
	return j->count;
}
