/*
 * recover.c - the journal read back at start.
 *
 * All segments are read from the oldest; each ends at the first record that does not verify, or
 * where a later CUT says that its sync failed. What was answered 250 is in there by then; what was
 * not may be, and is delivered too: its client will send it again, a repetition and no loss.
 *
 * Results are believed after the crash of a process. They are not where the power went (the
 * segment's boot is not the next one's, or this one's) and no checkpoint covers them: those
 * deliveries run again and trust no name in a Maildir (INVARIANTS 1, 2); what its owner has taken
 * out of new/ before is known to the home by its base name. Until that is durable the homes are on
 * hold (hold.c).
 *
 * Errors: a segment that cannot be read, or of a version not known, stops the start: nothing is
 * thrown away by itself.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "queue/queue.h"

struct cut {
	uint64_t number, off;
};

struct recovery {
	struct queue *q;
	struct segment_list segments;
	uint64_t last_number, last_seq;
	uint64_t settled; /* results below it are durable in the Maildirs */
	struct cut *cuts;
	size_t ncuts;
	uint64_t nsegments, records, replays;
};

/* ---- the segments ---- */

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
list_numbers(int dir, uint64_t **out, size_t *n, struct err *e)
{
	uint64_t number, *v = NULL;
	size_t cap = 0;
	struct dirent *d;
	DIR *list;
	int fd;

	*n = 0;
	if ((fd = file_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, e)) < 0)
		return -1;
	if (!(list = fdopendir(fd))) {
		file_close(&fd);
		return err_sys(e, "list the journal");
	}
	while ((d = readdir(list)) != NULL) {
		if (segment_number(d->d_name, &number) < 0)
			continue;
		if (*n == cap) {
			cap = cap ? cap * 2 : 16;
			v = mem_grow(v, cap, sizeof(*v));
		}
		v[(*n)++] = number;
	}
	closedir(list);
	if (*n > 0)
		qsort(v, *n, sizeof(*v), by_number);
	*out = v;
	return 0;
}

/* A file without a finished header was being made when the crash came: nothing was ever in it. */
static int
open_segments(struct recovery *r, struct err *e)
{
	char name[SEGMENT_NAME_SIZE];
	uint64_t *numbers = NULL;
	struct segment *s;
	size_t n;
	int rc = -1;

	if (list_numbers(r->q->journal_dir, &numbers, &n, e) < 0)
		goto out;
	for (size_t i = 0; i < n; i++) {
		r->last_number = numbers[i];
		if ((s = segment_open(r->q->journal_dir, numbers[i], e)) != NULL) {
			TAILQ_INSERT_TAIL(&r->segments, s, next);
			continue;
		}
		if (e->code != E_INVAL)
			goto out;
		log_warn("queue.segment_unfinished", LU("segment", numbers[i]), LE(e));
		if (file_unlink(r->q->journal_dir, segment_name(numbers[i], name), e) < 0)
			goto out;
	}
	rc = file_sync_dir(r->q->journal_dir, "queue.recover", e);
out:
	free(numbers);
	return rc;
}

/* ---- the records ---- */

static void
add_message(struct recovery *r, struct segment *s, uint64_t at, const struct record_message *rm)
{
	struct message *m = message_new(&r->q->messages, rm);

	if (m) {
		past_mark(m, rm->envelope);
		message_place(m, s, at, rm);
	} else {
		log_warn("queue.known_twice", LS("mid", rm->mid));
	}
}

static int
apply_message(struct recovery *r, struct segment *s, const struct record *rec, uint64_t at)
{
	struct record_message rm;

	if (record_get_message(rec->payload, &rm) < 0)
		return -1;
	add_message(r, s, at, &rm);
	return 0;
}

static int
apply_moved(struct recovery *r, struct segment *s, const struct record *rec, uint64_t at)
{
	struct record_moved mv;
	struct message *m;

	if (record_get_moved(rec->payload, &mv) < 0)
		return -1;
	/* What was known of it so far is in this record too. */
	if ((m = message_find(&r->q->messages, mv.message.mid)) != NULL)
		message_forget(&r->q->messages, m);
	if (!(m = message_new(&r->q->messages, &mv.message)))
		return -1;
	past_mark(m, mv.message.envelope);
	message_place(m, s, at + record_moved_message_at(&mv), &mv.message);
	for (uint32_t i = 0; i < m->ntargets; i++)
		message_set(&r->q->messages, m, i, (enum record_outcome)(uint8_t)mv.outcomes.p[i]);
	m->settles = rec->seq;
	if (mv.flags & RECORD_MOVED_HELD)
		m->flags |= MESSAGE_HELD;
	if (mv.flags & RECORD_MOVED_DELAYED)
		m->flags |= MESSAGE_DELAYED;
	if (mv.flags & RECORD_MOVED_REPLAY)
		m->flags |= MESSAGE_REPLAY;
	return 0;
}

static int
apply_result(struct recovery *r, struct segment *s, const struct record *rec, uint64_t at)
{
	struct record_results rs;
	struct record_result one;
	struct record_message rm;
	struct message *m;

	if (record_get_results(rec->payload, &rs) < 0 ||
	    (rs.message.n && record_get_message(rs.message, &rm) < 0))
		return -1;
	m = message_find(&r->q->messages, rs.mid);
	while (rs.n-- > 0 && record_next_result(&rs, &one)) {
		if (!m || one.target >= m->ntargets)
			continue;
		if (one.outcome == OUTCOME_DELAYED)
			m->flags |= MESSAGE_DELAYED;
		else
			message_set(&r->q->messages, m, one.target, one.outcome);
		m->settles = rec->seq;
	}
	if (rs.message.n)
		add_message(r, s, at + RECORD_RESULT_MESSAGE_AT, &rm);
	return 0;
}

static int
apply_mid(struct recovery *r, const struct record *rec)
{
	struct message *m;
	struct str mid;

	if (record_get_mid(rec->payload, &mid) < 0)
		return -1;
	if (!(m = message_find(&r->q->messages, mid)))
		return 0;
	if (rec->type == RECORD_HOLD)
		m->flags |= MESSAGE_HELD;
	else if (rec->type == RECORD_RELEASE)
		m->flags &= ~MESSAGE_HELD;
	else if (rec->type == RECORD_REPLAY) {
		message_replay(&r->q->messages, m);
		if (!message_is_done(m))
			m->flags |= MESSAGE_REPLAY;
	} else if (rec->type == RECORD_DELETE) {
		m->flags |= MESSAGE_DELETED;
		for (uint32_t i = 0; i < m->ntargets; i++)
			if (m->outcomes[i] == OUTCOME_WAITING)
				message_set(&r->q->messages, m, i, OUTCOME_FAILED);
	}
	return 0;
}

/* During recovery message.settles holds the sequence of the last result: compared with what
 * checkpoints covered. */
static int
apply(struct recovery *r, struct segment *s, const struct record *rec, uint64_t at)
{
	uint64_t boundary, unused;

	switch (rec->type) {
	case RECORD_MESSAGE:
		return apply_message(r, s, rec, at);
	case RECORD_MOVED:
		return apply_moved(r, s, rec, at);
	case RECORD_RESULT:
		return apply_result(r, s, rec, at);
	case RECORD_HOLD:
	case RECORD_RELEASE:
	case RECORD_DELETE:
	case RECORD_REPLAY:
		return apply_mid(r, rec);
	case RECORD_CHECKPOINT:
		if (record_get_numbers(rec->payload, &boundary, &unused) < 0)
			return -1;
		r->settled = num_max(r->settled, boundary);
		return 0;
	case RECORD_PAD:
	case RECORD_CUT:
		return 0;
	}
	return -1;
}

static uint64_t
cut_of(const struct recovery *r, uint64_t number)
{
	uint64_t off = UINT64_MAX;

	for (size_t i = 0; i < r->ncuts; i++)
		if (r->cuts[i].number == number)
			off = num_min(off, r->cuts[i].off);
	return off;
}

/* CUT records come after the segment they are about, at the head of another (journal.c): they are
 * gathered before anything is applied. */
static int
gather_cuts(struct recovery *r, struct segment *s, struct err *e)
{
	struct segment_cursor c;
	struct record rec;
	struct cut cut;
	uint64_t at;
	int rc;

	segment_cursor_init(&c, s->fd, s->size);
	while ((rc = segment_next(&c, s->key, &rec, &at, e)) > 0 &&
	       (rec.type == RECORD_CUT || rec.type == RECORD_PAD)) {
		if (rec.type == RECORD_PAD ||
		    record_get_numbers(rec.payload, &cut.number, &cut.off) < 0)
			continue;
		r->cuts = mem_grow(r->cuts, r->ncuts + 1, sizeof(cut));
		r->cuts[r->ncuts++] = cut;
	}
	segment_cursor_done(&c);
	return rc < 0 ? err_wrap(e, "segment %" PRIu64, s->number) : 0;
}

static int
read_segment(struct recovery *r, struct segment *s, struct err *e)
{
	struct segment_cursor c;
	struct record rec;
	uint64_t at;
	int rc;

	segment_cursor_init(&c, s->fd, s->size);
	c.end = cut_of(r, s->number);
	while ((rc = segment_next(&c, s->key, &rec, &at, e)) > 0) {
		r->records++;
		r->last_seq = num_max(r->last_seq, rec.seq);
		if (apply(r, s, &rec, at) < 0) {
			rc = err_set(e, E_PERM,
			    "a %s record at %" PRIu64 " that this build does not understand",
			    record_type_name(rec.type), at);
			break;
		}
	}
	s->used = c.off;
	segment_cursor_done(&c);
	return rc < 0 ? err_wrap(e, "segment %" PRIu64, s->number) : 0;
}

/* ---- lost power ---- */

/* Deliveries that no checkpoint covers may be gone; when all is asked for, so may others. But a
 * large file covered by a checkpoint may have been dropped: there is nothing to deliver it from. */
static void
power_was_lost(struct recovery *r, bool all)
{
	struct message *m, *next;

	HASH_ITER (hh, r->q->messages.by_mid, m, next) {
		if ((m->settles >= r->settled || (all && !(m->flags & MESSAGE_LARGE))) &&
		    message_replay(&r->q->messages, m))
			r->replays++;
		/* What was never told as delivered may have been: its name proves nothing either.
		 */
		if (!message_is_done(m))
			m->flags |= MESSAGE_REPLAY;
	}
}

/* Between the last write of s and the first of what follows. */
static bool
boots_differ(const struct segment *s, const char *boot)
{
	const struct segment *next = TAILQ_NEXT(s, next);
	const char *after = next ? next->boot : boot;

	return s->boot[0] == '\0' || strcmp(s->boot, after) != 0;
}

static void
schedule_all(struct recovery *r)
{
	struct queue *q = r->q;
	struct message *m, *next;

	HASH_ITER (hh, q->messages.by_mid, m, next) {
		/* From here on the number of a checkpoint, not a sequence: the first one covers
		 * all. */
		m->settles = m->settles > 0 ? 1 : 0;
		schedule_message(q, m, 0);
	}
}

int
recover(struct queue *q, const char *boot, bool forced, struct err *e)
{
	struct recovery r = {.q = q, .segments = TAILQ_HEAD_INITIALIZER(r.segments)};
	struct segment *s;
	int rc = -1;

	if (open_segments(&r, e) < 0)
		goto out;
	TAILQ_FOREACH (s, &r.segments, next)
		if (gather_cuts(&r, s, e) < 0)
			goto out;
	TAILQ_FOREACH (s, &r.segments, next) {
		r.nsegments++;
		if (read_segment(&r, s, e) < 0)
			goto out;
		if (boots_differ(s, boot))
			power_was_lost(&r, false);
	}
	if (forced)
		power_was_lost(&r, true);
	struct journal_options o = {.dir = q->journal_dir,
	    .segment_size = q->o.segment_size,
	    .boot = boot,
	    .next_number = r.last_number + 1,
	    .next_seq = r.last_seq + 1,
	    .soon_ms = 20};
	if (!(q->journal = journal_new(&o, &r.segments, e)))
		goto out;
	schedule_all(&r);
	log_info("queue.recovered", LU("segments", r.nsegments), LU("records", r.records),
	    LU("messages", q->messages.waiting), LU("replays", r.replays));
	rc = 0;
out:
	while ((s = TAILQ_FIRST(&r.segments)) != NULL) {
		TAILQ_REMOVE(&r.segments, s, next);
		TAILQ_INIT(&s->messages);
		segment_free(&s);
	}
	free(r.cuts);
	return rc;
}
