/*
 * message.c - see message.h. One owner: the loop of gk-queue.
 */
#include "queue/message.h"

#include <fcntl.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "svc/metrics.h"

void
message_table_init(struct message_table *t)
{
	*t = (struct message_table){0};
	TAILQ_INIT(&t->line);
	TAILQ_INIT(&t->large);
}

void
message_table_done(struct message_table *t)
{
	struct message *m, *next;

	HASH_ITER (hh, t->by_mid, m, next) {
		m->flags &= ~MESSAGE_MOVING;
		m->running = m->unwritten = 0;
		message_forget(t, m);
	}
}

struct message *
message_find(const struct message_table *t, struct str mid)
{
	struct message *m;

	HASH_FIND(hh, t->by_mid, mid.p, mid.n, m);
	return m;
}

void
message_dropped(struct message_table *t, struct message *m)
{
	if (!(m->flags & MESSAGE_LINGERS))
		return;
	TAILQ_REMOVE(&t->large, m, in_line);
	m->flags &= ~MESSAGE_LINGERS;
}

static void
count(struct message_table *t, struct message *m, bool waits)
{
	if (waits) {
		message_dropped(t, m);
		TAILQ_INSERT_TAIL(&t->line, m, in_line);
		t->waiting++;
		t->octets += m->size;
	} else {
		TAILQ_REMOVE(&t->line, m, in_line);
		t->waiting--;
		t->octets -= m->size;
		if (m->flags & MESSAGE_LARGE) {
			TAILQ_INSERT_TAIL(&t->large, m, in_line);
			m->flags |= MESSAGE_LINGERS;
		}
	}
	metric_set(METRIC_QUEUE_SIZE, (int64_t)t->waiting);
	metric_set(METRIC_QUEUE_OCTETS, (int64_t)t->octets);
}

/* They stand in the order of their coming: the first that may go is the oldest, but for those that
 * had to wait until now by their author's will. */
int64_t
message_oldest(const struct message_table *t, int64_t now)
{
	const struct message *m;
	int64_t oldest = 0;

	TAILQ_FOREACH (m, &t->line, in_line) {
		int64_t since = m->release > m->arrived ? m->release : m->arrived;

		if ((m->flags & MESSAGE_HELD) != 0 || since > now)
			continue;
		if (oldest == 0 || since < oldest)
			oldest = since;
		if (m->release == 0)
			break;
	}
	return oldest;
}

struct message *
message_new(struct message_table *t, const struct record_message *r)
{
	struct message *m;

	if (message_find(t, r->mid))
		return NULL;
	assume(r->mid.n == ID_LEN && r->ntargets > 0);
	m = mem_alloc(sizeof(*m));
	m->magic = MESSAGE_MAGIC;
	m->fd = -1;
	memcpy(m->mid, r->mid.p, ID_LEN);
	m->arrived = r->arrived;
	m->size = r->size;
	m->flags = r->large ? MESSAGE_LARGE : 0;
	m->ntargets = m->nwaiting = r->ntargets;
	m->outcomes = m->ntargets <= MESSAGE_NEAR ? m->near : mem_alloc(m->ntargets);
	HASH_ADD(hh, t->by_mid, mid, ID_LEN, m);
	count(t, m, true);
	return m;
}

void
message_place(struct message *m, struct segment *s, uint64_t off, const struct record_message *r)
{
	if (m->segment)
		TAILQ_REMOVE(&m->segment->messages, m, in_segment);
	m->segment = s;
	m->envelope_at = off + record_envelope_at(r);
	m->envelope_n = (uint32_t)r->envelope.n;
	m->octets_at = off + record_octets_at(r);
	TAILQ_INSERT_TAIL(&s->messages, m, in_segment);
}

static bool
waits(uint8_t outcome)
{
	return outcome == OUTCOME_WAITING;
}

void
message_set(
    struct message_table *t, struct message *m, uint32_t target, enum record_outcome outcome)
{
	uint8_t before;

	assume(target < m->ntargets && outcome <= OUTCOME_SETTLED);
	before = m->outcomes[target];
	m->outcomes[target] = (uint8_t)outcome;
	if (waits(before) && !waits((uint8_t)outcome) && --m->nwaiting == 0) {
		count(t, m, false);
		message_close(t, m);
	} else if (!waits(before) && waits((uint8_t)outcome) && m->nwaiting++ == 0) {
		count(t, m, true);
	}
}

bool
message_replay(struct message_table *t, struct message *m)
{
	bool any = false;

	if (m->flags & MESSAGE_DELETED)
		return false;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->outcomes[i] != OUTCOME_OK)
			continue;
		message_set(t, m, i, OUTCOME_WAITING);
		any = true;
	}
	if (any)
		m->flags |= MESSAGE_REPLAY;
	return any;
}

void
message_retarget(struct message_table *t, struct message *m, uint32_t ntargets)
{
	uint8_t outcome = message_is_done(m) ? OUTCOME_FAILED : OUTCOME_WAITING;

	if (m->outcomes != m->near)
		free(m->outcomes);
	m->outcomes = ntargets <= MESSAGE_NEAR ? m->near : mem_alloc(ntargets);
	memset(m->outcomes, outcome, ntargets);
	m->ntargets = ntargets;
	m->nwaiting = outcome == OUTCOME_WAITING ? ntargets : 0;
	/* The envelope that is kept is the old one. */
	message_close(t, m);
}

bool
message_is_done(const struct message *m)
{
	return m->nwaiting == 0;
}

void
message_forget(struct message_table *t, struct message *m)
{
	OBJ(m, MESSAGE_MAGIC);
	assume(!(m->flags & MESSAGE_MOVING) && !m->running && !m->unwritten && !m->jobs);
	if (!message_is_done(m))
		count(t, m, false);
	message_dropped(t, m);
	if (m->segment)
		TAILQ_REMOVE(&m->segment->messages, m, in_segment);
	message_close(t, m);
	HASH_DEL(t->by_mid, m);
	if (m->outcomes != m->near)
		free(m->outcomes);
	m->magic = 0;
	free(m);
}

/* ---- octets ---- */

void
message_keep_fd(struct message_table *t, struct message *m, int fd)
{
	if (m->fd >= 0 || t->fds >= MESSAGE_FDS) {
		file_close(&fd);
		return;
	}
	m->fd = fd;
	t->fds++;
}

void
message_keep(struct message_table *t, struct message *m, char *p, size_t n)
{
	assume(m->segment && !m->kept && n >= m->envelope_n);
	if (n > MESSAGE_KEPT - t->kept) {
		free(p);
		return;
	}
	m->kept = p;
	m->kept_n = n;
	t->kept += n;
}

void
message_close(struct message_table *t, struct message *m)
{
	if (m->fd >= 0) {
		file_close(&m->fd);
		t->fds--;
	}
	if (m->kept) {
		t->kept -= m->kept_n;
		free(m->kept);
		m->kept = NULL;
	}
}

int
message_open(const struct message *m, struct err *e)
{
	struct arena a;
	struct str octets;
	int fd = -1;

	if (m->fd >= 0 && (fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3)) >= 0)
		return fd;
	arena_init(&a);
	if (message_read(m, MESSAGE_SMALL, &a, &octets, e) == 0)
		fd = file_memory(m->mid, octets.p, octets.n, e);
	arena_free(&a);
	return fd;
}

struct str
message_kept(const struct message *m)
{
	if (!m->kept || m->kept_n == m->envelope_n)
		return STR_NONE;
	return str_of(m->kept + m->envelope_n, (size_t)m->size);
}

int
message_read(const struct message *m, size_t n, struct arena *a, struct str *out, struct err *e)
{
	struct str kept = message_kept(m);
	char *p;

	assume(m->segment && !(m->flags & MESSAGE_LARGE));
	n = (size_t)num_min((uint64_t)n, m->size);
	p = arena_alloc(a, n + 1);
	if (kept.n > 0)
		memcpy(p, kept.p, n);
	else if (file_pread(m->segment->fd, p, n, (off_t)m->octets_at, e) < 0)
		return err_wrap(e, "octets of %s", m->mid);
	*out = str_of(p, n);
	return 0;
}

int
message_envelope(
    const struct message *m, struct arena *a, struct envelope *env, struct str *raw, struct err *e)
{
	char *p = arena_alloc(a, (size_t)m->envelope_n + 1);

	assume(m->segment);
	if (m->kept)
		memcpy(p, m->kept, m->envelope_n);
	else if (file_pread(m->segment->fd, p, m->envelope_n, (off_t)m->envelope_at, e) < 0)
		return err_wrap(e, "envelope of %s", m->mid);
	if (envelope_decode(str_of(p, m->envelope_n), env, a, e) < 0)
		return err_wrap(e, "envelope of %s", m->mid);
	if (!str_eq_z(env->mid, m->mid) || message_targets(env) != m->ntargets)
		return err_set(e, E_INTERNAL, "envelope of %s is of another message", m->mid);
	if (raw)
		*raw = str_of(p, m->envelope_n);
	return 0;
}

uint32_t
message_targets(const struct envelope *env)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < env->nrcpts; i++)
		n += num_max(env->rcpts[i].ntargets, 1u);
	return n;
}

void
message_walk(struct message_walk *w, const struct envelope *env)
{
	*w = (struct message_walk){.env = env, .target = UINT32_MAX};
}

bool
message_walk_next(struct message_walk *w)
{
	if (w->rcpt == w->env->nrcpts)
		return false;
	w->of = &w->env->rcpts[w->rcpt];
	w->target++; /* from UINT32_MAX to 0 */
	w->first = w->of_rcpt == 0;
	w->local = w->of_rcpt < w->of->nlocal;
	w->address = w->of->ntargets > 0 ? w->of->targets[w->of_rcpt] : STR_NONE;
	if (++w->of_rcpt >= w->of->ntargets) {
		w->rcpt++;
		w->of_rcpt = 0;
	}
	return true;
}
