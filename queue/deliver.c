/*
 * deliver.c - one attempt at one job: the undecided targets of a message that go to one
 * destination.
 *
 * In memory results count at once: were the process to die before their record is written, a local
 * delivery is repeated, and gk-local finds the name there. One to another host is repeated too,
 * which SMTP cannot tell from a new one (RFC 5321 6.1): so its record is on its way before anything
 * else is.
 */
#include "queue/deliver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "queue/bounce.h"
#include "svc/metrics.h"
#include "svc/svc.h"

/* Fewer than every host takes at once (RFC 5321 4.5.3.1.8), and with their parameters they fit a
 * packet. */
#define REMOTE_RCPTS 50u

/* ---- the end of an attempt ---- */

static void
delivery_free(struct delivery *d)
{
	struct queue *q = d->q;

	schedule_ended(q, d->job);
	arena_free(&d->arena);
	d->magic = 0;
	free(d);
}

void
deliver_later(struct delivery *d, const struct err *e)
{
	struct queue *q = d->q;
	struct job *j = d->job;

	if (e->code != E_CLOSED && e->code != E_TEMP && e->code != E_TIMEOUT)
		log_error("queue.unreadable", LZ("mid", d->m->mid), LE(e));
	words_set(&j->error, str_z(e->text), NULL);
	delivery_free(d);
	schedule_job(q, j, 1000);
}

void
deliver_again(struct delivery *d, uint64_t ms)
{
	struct queue *q = d->q;
	struct job *j = d->job;

	delivery_free(d);
	if (message_is_done(j->m))
		schedule_job_done(q, j);
	else
		schedule_job(q, j, ms);
}

void
deliver_away(struct delivery *d, const struct err *e)
{
	struct queue *q = d->q;
	struct job *j = d->job;

	log_debug("queue.away", LZ("mid", d->m->mid), LE(e));
	/* What makes the other daemon fall over each time is not to be tried for ever. */
	if (schedule_is_late(d->m, q->o.lifetime)) {
		deliver_all(d, OUTCOME_WAITING, arena_printf(&d->arena, "4.3.0 %s", e->text));
		deliver_finish(d);
		return;
	}
	words_set(&j->error, str_z(e->text), j->dest->error);
	delivery_free(d);
	schedule_away(q, j->dest->kind);
	schedule_job(q, j, 0);
}

static void
log_attempt(const struct delivery *d, const struct attempt *t)
{
	static const char *const events[] = {
	    "queue.defer", "queue.deliver", "queue.fail", "queue.deliver"};
	struct str to = t->address.n ? t->address : t->rcpt->address;

	if (t->outcome == OUTCOME_FAILED && d->env.sender.n == 0)
		log_warn("queue.bounce_undeliverable", LZ("mid", d->m->mid), LS("to", to),
		    LS("why", t->text));
	if (t->host.n > 0)
		log_info(events[t->outcome], LZ("mid", d->m->mid), LS("to", to),
		    LS("text", t->text), LS("host", t->host),
		    LU("ms", (clock_us() - d->began) / 1000));
	else
		log_info(events[t->outcome], LZ("mid", d->m->mid), LS("to", to),
		    LS("text", t->text), LU("ms", (clock_us() - d->began) / 1000));
}

/* Does anything that goes to this destination wait still? */
static bool
waits_here(const struct delivery *d)
{
	struct message_walk w;

	message_walk(&w, &d->env);
	while (message_walk_next(&w))
		if (d->m->outcomes[w.target] == OUTCOME_WAITING &&
		    schedule_find(d->q, &w) == d->job->dest)
			return true;
	return false;
}

/* The job's next turn, or its end. */
static void
go_on(struct queue *q, struct job *j, bool waits, uint32_t from, bool told)
{
	j->from = from;
	if (!waits || message_is_done(j->m))
		schedule_job_done(q, j);
	else if (from > 0 || told)
		schedule_job(q, j, 0);
	else
		schedule_retry(q, j);
}

/* Everything about the attempt is known: memory, journal, log. */
static void
conclude(struct delivery *d)
{
	struct queue *q = d->q;
	struct message *m = d->m;
	struct job *j = d->job;
	bool delivered = false, told = j->late, waits;
	uint32_t from = d->from;

	for (size_t i = 0; i < d->n; i++) {
		struct attempt *t = &d->tries[i];

		if (!told || t->outcome != OUTCOME_WAITING)
			log_attempt(d, t);
		/* The operator's word may have come meanwhile. */
		if (t->outcome == OUTCOME_WAITING)
			words_set(&j->error, t->text, j->dest->error);
		else if (m->outcomes[t->target] == OUTCOME_WAITING)
			message_set(&q->messages, m, t->target, t->outcome);
		delivered |= t->outcome == OUTCOME_OK;
	}
	if (delivered)
		checkpoint_wants(q, m);
	notify_results(d);
	if (!message_is_done(m) && !(m->flags & MESSAGE_DELAYED) &&
	    schedule_is_late(m, q->o.delay_notice)) {
		m->flags |= MESSAGE_DELAYED;
		notify_delay(d);
	}
	waits = waits_here(d);
	delivery_free(d);
	go_on(q, j, waits, from, told);
	spool_room(q);
}

static void
original_read(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	uint64_t n;
	int fd = -1;
	char *p;

	OBJ(d, DELIVERY_MAGIC);
	/* Without the original the notification still says what happened. */
	if (!e && (fd = ipc_take_fd(in)) >= 0 && ipc_end(in) == 0) {
		n = num_min(d->m->size, (uint64_t)BOUNCE_ORIGINAL);
		p = arena_alloc(&d->arena, (size_t)n + 1);
		if (file_pread(fd, p, (size_t)n, 0, NULL) == 0)
			d->original = str_of(p, (size_t)n);
	}
	file_close(&fd);
	conclude(d);
}

void
deliver_finish(struct delivery *d)
{
	bool late = schedule_is_late(d->m, d->q->o.lifetime);
	struct ipc_out m;

	for (size_t i = 0; i < d->n && late; i++) {
		struct attempt *t = &d->tries[i];

		if (t->outcome != OUTCOME_WAITING)
			continue;
		t->outcome = OUTCOME_FAILED;
		t->text = arena_printf(
		    &d->arena, "5.4.7 delivery time expired; last: " STR_FMT, STR_ARG(t->text));
	}
	if (!notify_needs_original(d)) {
		conclude(d);
	} else if (d->m->flags & MESSAGE_LARGE) {
		ipc_begin(&m, MSG_LARGE_READ);
		ipc_put_z(&m, d->m->mid);
		ipc_call(svc_channel(PEER_LOCAL), &m, original_read, d);
	} else {
		if (message_read(d->m, BOUNCE_ORIGINAL, &d->arena, &d->original, NULL) < 0)
			d->original = STR_NONE;
		conclude(d);
	}
}

enum record_outcome
deliver_outcome(struct str digit, enum record_outcome done)
{
	if (str_eq(digit, STR("0")))
		return done;
	return str_eq(digit, STR("2")) ? OUTCOME_FAILED : OUTCOME_WAITING;
}

void
deliver_all(struct delivery *d, enum record_outcome outcome, struct str text)
{
	for (size_t i = 0; i < d->n; i++) {
		d->tries[i].outcome = outcome;
		d->tries[i].text = text;
	}
}

/* ---- beginning ---- */

static int
by_address(const void *a, const void *b)
{
	const struct attempt *const *x = a, *const *y = b;

	return str_cmp((*x)->address, (*y)->address);
}

/* Two recipients may lead to one mailbox: it gets the message once. */
static void
unique_addresses(struct delivery *d)
{
	struct attempt **sorted = arena_array(&d->arena, d->n + 1, sizeof(struct attempt *));

	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->tries[i];
	if (d->n > 1)
		qsort(sorted, d->n, sizeof(struct attempt *), by_address);
	d->addresses = arena_array(&d->arena, d->n, sizeof(*d->addresses));
	d->by_address = arena_array(&d->arena, d->n, sizeof(struct attempt *));
	for (size_t i = 0; i < d->n; i++) {
		if (i == 0 || !str_eq(sorted[i]->address, sorted[i - 1]->address)) {
			d->by_address[d->naddresses] = sorted[i];
			d->addresses[d->naddresses++] = sorted[i]->address;
		}
		sorted[i]->at = d->naddresses - 1;
	}
}

/* The undecided targets that go to the job's destination; of one elsewhere at most so many. */
static void
gather(struct delivery *d)
{
	size_t max = d->job->dest->kind == DEST_REMOTE && !d->job->late ? REMOTE_RCPTS : SIZE_MAX;
	struct message_walk w;

	d->tries = arena_array(&d->arena, num_min((size_t)d->m->nwaiting, max), sizeof(*d->tries));
	message_walk(&w, &d->env);
	while (message_walk_next(&w)) {
		if (w.target < d->job->from || d->m->outcomes[w.target] != OUTCOME_WAITING ||
		    schedule_find(d->q, &w) != d->job->dest)
			continue;
		if (d->n == max) {
			d->from = w.target;
			break;
		}
		d->tries[d->n++] = (struct attempt){
		    .target = w.target, .rcpt = w.of, .first = w.first, .address = w.address};
	}
}

/* Nothing of the message goes to this destination: routes have changed since the job was made, or
 * the operator was quicker. */
static void
gone_elsewhere(struct delivery *d)
{
	struct queue *q = d->q;
	struct message *m = d->m;
	struct job *j = d->job;

	delivery_free(d);
	if (j->from > 0) {
		j->from = 0;
		schedule_job(q, j, 1000);
		return;
	}
	schedule_job_done(q, j);
	schedule_message(q, m, 0);
}

void
deliver_start(struct queue *q, struct job *j)
{
	struct delivery *d = mem_alloc(sizeof(*d));
	struct err e;

	d->magic = DELIVERY_MAGIC;
	d->q = q;
	d->m = j->m;
	d->job = j;
	d->began = clock_us();
	arena_init(&d->arena);
	if (message_envelope(d->m, &d->arena, &d->env, NULL, &e) < 0) {
		deliver_later(d, &e);
		return;
	}
	gather(d);
	if (d->n == 0) {
		gone_elsewhere(d);
		return;
	}
	if (j->late) {
		struct words *last = j->error ? j->error : j->dest->error;

		d->from = 0;
		deliver_all(d, OUTCOME_WAITING,
		    last ? arena_dup(&d->arena, str_z(last->text)) : STR("4.4.7 not tried yet"));
		deliver_finish(d);
		return;
	}
	unique_addresses(d);
	if (j->dest->kind == DEST_LOOKUP)
		lookup(d);
	else if (j->dest->kind == DEST_LOCAL)
		to_local(d);
	else
		to_remote(d);
}
