/*
 * result.c - records about what has happened already, which therefore must reach the journal: one
 * that fails is appended again, until it is durable. Its message stays known so long
 * (message.unwritten).
 */
#include "base/mem.h"
#include "queue/queue.h"

#define AGAIN_MS 1000u

struct result {
	STAILQ_ENTRY(result) next;
	struct queue *q;
	struct message *m;
	enum record_type type;
	char *payload;
	size_t n;
};

static void result_write(struct result *r);

/* The notification in the record is a message of its own from now on. */
static void
take_consequence(struct result *r, const struct journal_place *place)
{
	struct record_results rs;
	struct record_message rm;
	struct message *m;

	if (r->type != RECORD_RESULT || record_get_results(str_of(r->payload, r->n), &rs) < 0 ||
	    rs.message.n == 0)
		return;
	if (record_get_message(rs.message, &rm) < 0 || !(m = message_new(&r->q->messages, &rm)))
		mem_die(__FILE__, __LINE__, "a notification of ours is malformed");
	message_place(m, place->segment, place->off + RECORD_RESULT_MESSAGE_AT, &rm);
	schedule_message(r->q, m, 0);
}

static void
result_written(void *arg, const struct journal_place *place, const struct err *e)
{
	struct result *r = arg;

	if (e) {
		STAILQ_INSERT_TAIL(&r->q->results, r, next);
		if (!loop_timer_pending(r->q->results_timer))
			loop_timer_set(r->q->results_timer, AGAIN_MS);
		return;
	}
	take_consequence(r, place);
	r->m->unwritten--;
	/* A checkpoint under way now covers the delivery, but its record speaks of sequences that
	 * were given before this one's: only the next is sure to cover the record too, and only
	 * then may a large file be dropped. */
	if (r->type == RECORD_RESULT && r->m->settles > 0)
		checkpoint_wants(r->q, r->m);
	free(r->payload);
	free(r);
}

static void
result_write(struct result *r)
{
	buf_put(journal_begin(r->q->journal, r->type), r->payload, r->n);
	journal_end(r->q->journal, JOURNAL_SOON, result_written, r);
}

static void
write_again(void *arg)
{
	struct queue *q = arg;
	struct result *r;
	STAILQ_HEAD(, result) list = STAILQ_HEAD_INITIALIZER(list);

	STAILQ_CONCAT(&list, &q->results);
	while ((r = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, next);
		result_write(r);
	}
}

void
result_init(struct queue *q)
{
	STAILQ_INIT(&q->results);
	q->results_timer = loop_timer_new(write_again, q);
}

void
result_append(struct queue *q, struct message *m, enum record_type type, struct str payload)
{
	struct result *r = mem_alloc(sizeof(*r));

	r->q = q;
	r->m = m;
	r->type = type;
	r->payload = mem_dup(payload.p, payload.n);
	r->n = payload.n;
	m->unwritten++;
	result_write(r);
}
