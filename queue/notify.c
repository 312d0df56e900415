/*
 * notify.c - what became of targets into the journal, with the notification that it causes in one
 * record (INVARIANTS 6).
 *
 * What happens together to recipients of one message is told together, up to BOUNCE_ITEMS of them.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "queue/bounce.h"
#include "queue/deliver.h"
#include "svc/metrics.h"

/* ---- the notification ---- */

/* Its message payload into out. */
static void
put_notification(struct delivery *d, enum bounce_kind kind, const struct bounce_item *items,
    size_t n, struct buf *out)
{
	static const char *const kinds[] = {"failed", "delayed", "delivered"};
	struct bounce b = {.kind = kind,
	    .env = &d->env,
	    .items = items,
	    .n = n,
	    .original = d->original,
	    .size = d->m->size,
	    .now = clock_wall(),
	    .until = (d->m->arrived / 1000 + (int64_t)d->q->o.lifetime) / 1000,
	    .host = d->q->o.host};
	struct envelope_rcpt rcpt = {.address = d->env.sender, .notify = NOTIFY_NEVER};
	struct envelope env = {
	    .arrived = clock_wall_us(), .actor = STR("bounce"), .rcpts = &rcpt, .nrcpts = 1};
	struct record_message rm = {.ntargets = 1};
	struct buf octets, encoded;
	char mid[ID_SIZE];

	id_new(mid);
	buf_init(&octets, BOUNCE_MAX);
	buf_init(&encoded, ENVELOPE_MAX);
	env.mid = rm.mid = str_z(mid);
	rm.arrived = env.arrived;
	if (bounce_write(&b, env.mid, &octets, &env.flags, &env.return_path) < 0 ||
	    envelope_encode(&env, &encoded, NULL) < 0)
		mem_die(__FILE__, __LINE__, "a notification does not fit");
	rm.envelope = buf_view(&encoded);
	rm.size = octets.n;
	record_put_message(out, &rm);
	buf_str(out, buf_view(&octets));
	log_info("queue.notify", LZ("mid", mid), LZ("about", d->m->mid), LS("to", d->env.sender),
	    LZ("kind", kinds[kind]));
	buf_free(&octets);
	buf_free(&encoded);
}

/* ---- who is told ---- */

static enum bounce_kind
kind_of(const struct attempt *t)
{
	if (t->outcome == OUTCOME_FAILED)
		return BOUNCE_FAILED;
	return t->outcome == OUTCOME_WAITING ? BOUNCE_DELAYED : BOUNCE_DELIVERED;
}

/* RFC 3461 5.2.2 and 5.2.7.3: a success is ours to tell where the next host has not taken that
 * over; of an address that leads to several once, that it was expanded. */
static bool
is_told(const struct delivery *d, const struct attempt *t)
{
	enum bounce_kind kind = kind_of(t);

	if (kind == BOUNCE_DELIVERED && (t->rcpt->ntargets > 1 ? !t->first : t->took_over))
		return false;
	return bounce_wanted(&d->env, t->rcpt, kind);
}

static struct bounce_item
item_of(const struct attempt *t)
{
	struct bounce_item i = {
	    .rcpt = t->rcpt, .target = t->address, .text = t->text, .host = t->host};

	if (kind_of(t) == BOUNCE_DELIVERED && t->rcpt->ntargets > 1)
		i.action = BOUNCE_EXPANDED;
	else if (t->outcome == OUTCOME_SETTLED)
		i.action = BOUNCE_RELAYED;
	return i;
}

static bool
is_delay_due(const struct delivery *d)
{
	return !(d->m->flags & MESSAGE_DELAYED) && schedule_is_late(d->m, d->q->o.delay_notice);
}

bool
notify_needs_original(const struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++)
		if ((d->tries[i].outcome != OUTCOME_WAITING || is_delay_due(d)) &&
		    is_told(d, &d->tries[i]))
			return true;
	return false;
}

/* ---- records ---- */

/* Results of one kind, at most BOUNCE_ITEMS of them, and what follows from them: one record. */
static void
record_group(struct delivery *d, enum bounce_kind kind, struct attempt *const *group, size_t n)
{
	struct record_result results[BOUNCE_ITEMS];
	struct bounce_item items[BOUNCE_ITEMS];
	struct buf message, payload;
	size_t wanted = 0;

	for (size_t i = 0; i < n; i++) {
		const struct attempt *t = group[i];

		results[i] = (struct record_result){t->target, t->outcome, STR_NONE};
		if (kind == BOUNCE_DELAYED)
			results[i].outcome = OUTCOME_DELAYED;
		if (is_told(d, t))
			items[wanted++] = item_of(t);
	}
	buf_init(&message, RECORD_PAYLOAD_MAX);
	buf_init(&payload, RECORD_PAYLOAD_MAX);
	if (wanted > 0)
		put_notification(d, kind, items, wanted, &message);
	if (kind == BOUNCE_FAILED)
		metric_add(METRIC_QUEUE_BOUNCED, (int64_t)wanted);
	record_put_result(&payload, str_z(d->m->mid), results, n, buf_view(&message));
	assume(!message.over && !payload.over);
	result_append(d->q, d->m, RECORD_RESULT, buf_view(&payload));
	buf_free(&message);
	buf_free(&payload);
}

static void
record_kind(struct delivery *d, enum bounce_kind kind, struct attempt *tries, size_t ntries)
{
	struct attempt *group[BOUNCE_ITEMS];
	size_t n = 0;

	for (size_t i = 0; i < ntries; i++) {
		if (kind_of(&tries[i]) != kind)
			continue;
		group[n++] = &tries[i];
		if (n == BOUNCE_ITEMS) {
			record_group(d, kind, group, n);
			n = 0;
		}
	}
	if (n > 0)
		record_group(d, kind, group, n);
}

void
notify_results(struct delivery *d)
{
	record_kind(d, BOUNCE_DELIVERED, d->tries, d->n);
	record_kind(d, BOUNCE_FAILED, d->tries, d->n);
}

/* ---- the delay ---- */

/* What is known of a target that another job has. */
static struct str
last_words(const struct delivery *d, const struct message_walk *w)
{
	const struct destination *dest = schedule_find(d->q, w);
	const struct job *j = d->m->jobs;

	while (j && j->dest != dest)
		j = j->next;
	if (j && j->error)
		return str_z(j->error->text);
	return dest && dest->error ? str_z(dest->error->text) : STR("4.4.7 still waiting");
}

void
notify_delay(struct delivery *d)
{
	struct attempt *all = arena_array(&d->arena, d->m->nwaiting, sizeof(*all));
	struct message_walk w;
	size_t n = 0;

	message_walk(&w, &d->env);
	while (message_walk_next(&w))
		if (d->m->outcomes[w.target] == OUTCOME_WAITING && n < d->m->nwaiting)
			all[n++] = (struct attempt){.target = w.target,
			    .rcpt = w.of,
			    .first = w.first,
			    .address = w.address,
			    .text = last_words(d, &w)};
	record_kind(d, BOUNCE_DELAYED, all, n);
}
