/*
 * state.c - what master says of the suite, asked when somebody wants to know. See statd.h.
 *
 * One question at a time; all who wait get the same answer. Without one the last stays, and is
 * marked as not known.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "statd/statd.h"
#include "svc/svc.h"

#define FRESH_MS 300u

static struct {
	struct state state;
	struct arena arena;
	uint64_t when;
	bool asked;
	struct loop_timer *now;
	TAILQ_HEAD(, state_wait) waits;
} self = {.waits = TAILQ_HEAD_INITIALIZER(self.waits)};

const struct state *
state_now(void)
{
	return &self.state;
}

bool
state_is_ready(void)
{
	for (size_t i = 0; i < self.state.nprocesses; i++)
		if (!str_eq_z(self.state.processes[i].state, "ready"))
			return false;
	return self.state.known && !self.state.draining;
}

static uint64_t
number(struct str s)
{
	uint64_t v;

	return num_parse(s, 0, UINT64_MAX, &v) < 0 ? 0 : v;
}

/* A list of rows of so many words, copied. */
static struct str *
rows(struct ipc_in *m, size_t width, struct arena *a, size_t *n)
{
	uint32_t words = ipc_get_list(m);
	struct str *v = arena_array(a, (size_t)words + width, sizeof(*v));

	for (uint32_t i = 0; i < words; i++)
		v[i] = arena_dup(a, ipc_get_item(m));
	*n = words / width;
	return v;
}

static void
read_processes(struct ipc_in *m, struct state *s, struct arena *a)
{
	struct str *v = rows(m, 7, a, &s->nprocesses);
	struct process *p = arena_array(a, s->nprocesses + 1, sizeof(*p));

	for (size_t i = 0; i < s->nprocesses; i++, v += 7)
		p[i] = (struct process){.name = v[0],
		    .pid = number(v[1]),
		    .state = v[2],
		    .restarts = number(v[3]),
		    .up_ms = number(v[4]),
		    .resident = number(v[5]),
		    .cpu_ms = number(v[6])};
	s->processes = p;
}

static void
read_listeners(struct ipc_in *m, struct state *s, struct arena *a)
{
	struct str *v = rows(m, 2, a, &s->nlisteners);
	struct listener *l = arena_array(a, s->nlisteners + 1, sizeof(*l));

	for (size_t i = 0; i < s->nlisteners; i++, v += 2)
		l[i] = (struct listener){v[0], v[1]};
	s->listeners = l;
}

static void
read_disks(struct ipc_in *m, struct state *s, struct arena *a)
{
	struct str *v = rows(m, 5, a, &s->ndisks);
	struct disk *d = arena_array(a, s->ndisks + 1, sizeof(*d));

	for (size_t i = 0; i < s->ndisks; i++, v += 5)
		d[i] = (struct disk){v[0], number(v[1]), number(v[2]), number(v[3]), number(v[4])};
	s->disks = d;
}

static void
read_certificates(struct ipc_in *m, struct state *s, struct arena *a)
{
	struct str *v = rows(m, 2, a, &s->ncertificates);
	struct certificate *c = arena_array(a, s->ncertificates + 1, sizeof(*c));

	for (size_t i = 0; i < s->ncertificates; i++, v += 2)
		c[i] = (struct certificate){v[0], number(v[1])};
	s->certificates = c;
}

/* Who is called may want to know again: that is for the next answer. */
static void
tell(void *arg)
{
	TAILQ_HEAD(, state_wait) due = TAILQ_HEAD_INITIALIZER(due);
	struct state_wait *w;
	size_t n = 0;

	(void)arg;
	TAILQ_FOREACH (w, &self.waits, link)
		n++;
	while (n-- > 0 && (w = TAILQ_FIRST(&self.waits)) != NULL) {
		state_leave(w);
		w->fn(w->arg);
	}
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct state s = {.known = true};
	struct arena a;

	(void)arg;
	self.asked = false;
	if (m == NULL) {
		log_warn("stat.state", LE(e));
		self.state.known = false;
		tell(NULL);
		return;
	}
	arena_init(&a);
	s.draining = ipc_get_u32(m) != 0;
	read_processes(m, &s, &a);
	read_listeners(m, &s, &a);
	read_disks(m, &s, &a);
	read_certificates(m, &s, &a);
	if (ipc_end(m) < 0) {
		arena_free(&a);
		self.state.known = false;
		tell(NULL);
		return;
	}
	arena_free(&self.arena);
	self.arena = a;
	self.state = s;
	self.when = clock_ms();
	tell(NULL);
}

void
state_init(void)
{
	arena_init(&self.arena);
	self.now = loop_timer_new(tell, NULL);
}

void
state_want(struct state_wait *w)
{
	struct ipc_out m;

	if (!w->queued)
		TAILQ_INSERT_TAIL(&self.waits, w, link);
	w->queued = true;
	if (self.asked)
		return;
	if (self.state.known && self.when != 0 && clock_ms() - self.when < FRESH_MS) {
		loop_timer_set(self.now, 0);
		return;
	}
	self.asked = true;
	ipc_begin(&m, MSG_STAT_STATE);
	ipc_call(svc_channel(PEER_MASTER), &m, answered, NULL);
}

void
state_forget(void)
{
	self.when = 0;
}

void
state_leave(struct state_wait *w)
{
	if (w->queued)
		TAILQ_REMOVE(&self.waits, w, link);
	w->queued = false;
}
