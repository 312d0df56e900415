/*
 * deliver.c - one attempt at one message: its undecided targets to gk-local, and what comes of it
 * into the journal.
 *
 * A recipient without targets (the sender that a bounce goes to) is looked up at authd first.
 * Foreign targets will go to gk-remote from here; until it exists a bounce to one is dropped with
 * queue.bounce_undeliverable.
 *
 * Results are journalled with the notification they cause in one record (INVARIANTS 6). In memory
 * they count at once: were the process to die before the record is written, the delivery is
 * repeated, and gk-local finds the name there.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "queue/bounce.h"
#include "queue/queue.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define DELIVERY_MAGIC 0x676b646cu
#define AWAY_MS        1000u /* the other daemon is not there: no attempt was made */
#define TEXT_MAX       200u
#define PACKET_OTHERS  256u /* in a packet beside addresses and octets */

/* One target that is tried now. */
struct attempt {
	uint32_t target; /* its number in the message */
	const struct envelope_rcpt *rcpt;
	bool first; /* of its recipient's targets */
	struct str address;
	size_t at; /* in delivery.addresses */
	enum record_outcome outcome;
	struct str text;
};

struct delivery {
	unsigned magic;
	struct queue *q;
	struct message *m;
	struct arena arena;
	struct envelope env;
	struct attempt *tries;
	size_t n;
	struct str *addresses; /* each once */
	size_t naddresses;
	bool looked_up; /* the only try goes to all addresses */
	uint64_t began; /* clock_us */
	struct str original;
};

/* ---- results into the journal ---- */

/* The notification's message payload into out; nothing where nobody wants one. */
static void
put_consequence(struct delivery *d, enum bounce_kind kind, const struct bounce_item *items,
    size_t n, struct buf *out)
{
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
	    LZ("kind", kind == BOUNCE_FAILED    ? "failed"
		       : kind == BOUNCE_DELAYED ? "delayed"
						: "delivered"));
	buf_free(&octets);
	buf_free(&encoded);
}

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
		bool told = kind != BOUNCE_DELIVERED || t->first;

		results[i] = (struct record_result){t->target, t->outcome, STR_NONE};
		if (kind == BOUNCE_DELAYED)
			results[i].outcome = OUTCOME_DELAYED;
		if (told && bounce_wanted(&d->env, t->rcpt, kind))
			items[wanted++] = (struct bounce_item){.rcpt = t->rcpt,
			    .target = t->address,
			    .text = t->text,
			    .expanded = kind == BOUNCE_DELIVERED && t->rcpt->ntargets > 1};
	}
	buf_init(&message, RECORD_PAYLOAD_MAX);
	buf_init(&payload, RECORD_PAYLOAD_MAX);
	if (wanted > 0)
		put_consequence(d, kind, items, wanted, &message);
	if (kind == BOUNCE_FAILED)
		metric_add(METRIC_QUEUE_BOUNCED, (int64_t)wanted);
	record_put_result(&payload, str_z(d->m->mid), results, n, buf_view(&message));
	assume(!message.over && !payload.over);
	result_append(d->q, d->m, RECORD_RESULT, buf_view(&payload));
	buf_free(&message);
	buf_free(&payload);
}

static void
record_kind(struct delivery *d, enum bounce_kind kind, enum record_outcome outcome)
{
	struct attempt *group[BOUNCE_ITEMS];
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->tries[i].outcome != outcome)
			continue;
		group[n++] = &d->tries[i];
		if (n == BOUNCE_ITEMS) {
			record_group(d, kind, group, n);
			n = 0;
		}
	}
	if (n > 0)
		record_group(d, kind, group, n);
}

/* ---- the end of an attempt ---- */

static void
delivery_end(struct delivery *d)
{
	struct queue *q = d->q;

	d->m->flags &= ~MESSAGE_RUNNING;
	arena_free(&d->arena);
	d->magic = 0;
	free(d);
	schedule_ended(q);
	spool_room(q);
}

/* Nothing was tried: once more in a moment, and no attempt counted. */
static void
try_later(struct delivery *d, const struct err *e)
{
	struct queue *q = d->q;
	struct message *m = d->m;

	log_debug("queue.away", LZ("mid", m->mid), LE(e));
	message_error(m, str_z(e->text));
	delivery_end(d);
	schedule_add(q, m, AWAY_MS);
}

static bool
is_late(const struct delivery *d, uint64_t ms)
{
	return ms > 0 && clock_wall_us() - d->m->arrived >= (int64_t)(ms * 1000);
}

static void
log_attempt(const struct delivery *d, const struct attempt *t)
{
	static const char *const events[] = {"queue.defer", "queue.deliver", "queue.fail"};
	struct str to = t->address.n ? t->address : t->rcpt->address;

	if (t->outcome == OUTCOME_FAILED && d->env.sender.n == 0)
		log_warn("queue.bounce_undeliverable", LZ("mid", d->m->mid), LS("to", to),
		    LS("why", t->text));
	log_info(events[t->outcome], LZ("mid", d->m->mid), LS("to", to), LS("text", t->text),
	    LU("ms", (clock_us() - d->began) / 1000));
}

/* Everything about the attempt is known: memory, journal, log. */
static void
conclude(struct delivery *d)
{
	struct queue *q = d->q;
	struct message *m = d->m;
	bool delivered = false;

	for (size_t i = 0; i < d->n; i++) {
		struct attempt *t = &d->tries[i];

		log_attempt(d, t);
		if (t->outcome == OUTCOME_WAITING)
			message_error(m, t->text);
		else
			message_set(&q->messages, m, t->target, t->outcome);
		delivered |= t->outcome == OUTCOME_OK;
	}
	if (delivered)
		checkpoint_wants(q, m);
	record_kind(d, BOUNCE_DELIVERED, OUTCOME_OK);
	record_kind(d, BOUNCE_FAILED, OUTCOME_FAILED);
	if (!message_is_done(m) && is_late(d, q->o.delay_notice) && !(m->flags & MESSAGE_DELAYED)) {
		m->flags |= MESSAGE_DELAYED;
		record_kind(d, BOUNCE_DELAYED, OUTCOME_WAITING);
	}
	delivery_end(d);
	if (!message_is_done(m))
		schedule_retry(q, m);
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

/* A notification quotes the message: a large one has to be opened by gk-local first. */
static bool
needs_original(const struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct attempt *t = &d->tries[i];
		enum bounce_kind kind = t->outcome == OUTCOME_OK       ? BOUNCE_DELIVERED
					: t->outcome == OUTCOME_FAILED ? BOUNCE_FAILED
								       : BOUNCE_DELAYED;

		if (kind == BOUNCE_DELAYED && (d->m->flags & MESSAGE_DELAYED))
			continue;
		if (kind == BOUNCE_DELAYED && !is_late(d, d->q->o.delay_notice))
			continue;
		if (bounce_wanted(&d->env, t->rcpt, kind))
			return true;
	}
	return false;
}

static void
finish(struct delivery *d)
{
	struct ipc_out m;

	for (size_t i = 0; i < d->n; i++) {
		struct attempt *t = &d->tries[i];

		if (t->outcome != OUTCOME_WAITING || !is_late(d, d->q->o.lifetime))
			continue;
		t->outcome = OUTCOME_FAILED;
		t->text = arena_printf(
		    &d->arena, "5.4.7 delivery time expired; last: " STR_FMT, STR_ARG(t->text));
	}
	if (!needs_original(d)) {
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

/* ---- gk-local ---- */

static enum record_outcome
outcome_of(struct str digit)
{
	if (str_eq(digit, STR("0")))
		return OUTCOME_OK;
	return str_eq(digit, STR("2")) ? OUTCOME_FAILED : OUTCOME_WAITING;
}

/* A recipient that was looked up is done when all its targets are; one that failed for good
 * decides. */
static void
merge(struct attempt *t, enum record_outcome outcome, struct str text)
{
	if (outcome == OUTCOME_OK || t->outcome == OUTCOME_FAILED)
		return;
	if (outcome == OUTCOME_FAILED || t->outcome == OUTCOME_OK) {
		t->outcome = outcome;
		t->text = text;
	}
}

static void
delivered(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	enum record_outcome *outcomes;
	struct str *texts;
	struct err bad;
	uint32_t n;

	OBJ(d, DELIVERY_MAGIC);
	if (e) {
		try_later(d, e);
		return;
	}
	n = ipc_get_list(in);
	outcomes = arena_array(&d->arena, d->naddresses + 1, sizeof(*outcomes));
	texts = arena_array(&d->arena, d->naddresses + 1, sizeof(*texts));
	for (size_t i = 0; i < n / 2 && i < d->naddresses; i++) {
		outcomes[i] = outcome_of(ipc_get_item(in));
		texts[i] = arena_dup(&d->arena, str_sub(ipc_get_item(in), 0, TEXT_MAX));
	}
	if (ipc_end(in) < 0 || n != 2 * d->naddresses) {
		err_set(&bad, E_PROTO, "gk-local answered for other targets");
		try_later(d, &bad);
		return;
	}
	for (size_t i = 0; i < d->naddresses; i++)
		if (outcomes[i] == OUTCOME_OK)
			usage_add(d->q, d->addresses[i], d->m->size);
	for (size_t i = 0; i < d->n; i++) {
		struct attempt *t = &d->tries[i];

		t->outcome = OUTCOME_OK;
		t->text = STR("2.0.0");
		for (size_t k = 0; k < d->naddresses; k++)
			if (d->looked_up || t->at == k)
				merge(t, outcomes[k], texts[k]);
	}
	finish(d);
}

/* In one packet there is room for all of it. */
static bool
fits_packet(const struct delivery *d)
{
	uint64_t n = d->m->size;

	for (size_t i = 0; i < d->naddresses && n <= IPC_PAYLOAD_MAX; i++)
		n += sizeof(uint32_t) + d->addresses[i].n;
	return d->m->size <= IPC_INLINE_MAX && n <= IPC_PAYLOAD_MAX - PACKET_OTHERS;
}

static void
put_head(const struct delivery *d, enum ipc_type type, struct ipc_out *m)
{
	ipc_begin(m, type);
	ipc_put_z(m, d->m->mid);
	ipc_put_u64(m, (uint64_t)d->m->arrived);
	if (type != MSG_DELIVER_PUT)
		ipc_put_u64(m, d->m->size);
	ipc_put_u32(m, (d->m->flags & MESSAGE_REPLAY ? DELIVER_REPLAY : 0) |
			   (d->env.flags & ENVELOPE_JUNK ? DELIVER_JUNK : 0));
	ipc_put_list(m, d->addresses, d->naddresses);
}

static int
put_small(struct delivery *d, struct ipc_out *m, struct err *e)
{
	struct str octets;
	int fd;

	if (fits_packet(d)) {
		octets = message_kept(d->m);
		if (octets.n == 0 && message_read(d->m, IPC_INLINE_MAX, &d->arena, &octets, e) < 0)
			return -1;
		put_head(d, MSG_DELIVER_PUT, m);
		ipc_put_str(m, octets);
		return 0;
	}
	if ((fd = message_open(d->m, e)) < 0)
		return -1;
	put_head(d, MSG_DELIVER, m);
	ipc_put_fd(m, fd);
	return 0;
}

static void
send_local(struct delivery *d)
{
	struct ipc_out m;
	struct err e;

	if (d->m->flags & MESSAGE_LARGE) {
		put_head(d, MSG_DELIVER_LARGE, &m);
	} else if (put_small(d, &m, &e) < 0) {
		log_error("queue.unreadable", LZ("mid", d->m->mid), LE(&e));
		try_later(d, &e);
		return;
	}
	ipc_call(svc_channel(PEER_LOCAL), &m, delivered, d);
}

/* ---- looking up a recipient ---- */

static void
looked_up(void *arg, struct ipc_in *in, const struct err *e)
{
	static const char *const refusals[] = {[RCPT_NO_USER] = "5.1.1 no such user",
	    [RCPT_RELAY] = "5.4.4 not an address of this server",
	    [RCPT_NO_ROUTE] = "5.4.4 not an address of this server",
	    [RCPT_LOOP] = "5.4.6 its aliases lead in a circle"};
	struct delivery *d = arg;
	uint32_t verdict, n;

	OBJ(d, DELIVERY_MAGIC);
	if (e) {
		try_later(d, e);
		return;
	}
	verdict = ipc_get_u32(in);
	n = ipc_get_list(in);
	d->addresses = arena_array(&d->arena, (size_t)n + 1, sizeof(*d->addresses));
	for (uint32_t i = 0; i < n; i++)
		d->addresses[i] = arena_dup(&d->arena, ipc_get_item(in));
	d->naddresses = n;
	d->looked_up = true;
	if (ipc_end(in) < 0 || verdict == RCPT_QUOTA || (verdict == RCPT_OK && n == 0)) {
		d->tries[0].outcome = OUTCOME_WAITING;
		d->tries[0].text = STR("4.2.2 mailbox full");
		finish(d);
	} else if (verdict != RCPT_OK) {
		d->tries[0].outcome = OUTCOME_FAILED;
		d->tries[0].text =
		    str_z(verdict < ARRAY_LEN(refusals) && refusals[verdict] ? refusals[verdict]
									     : "5.0.0 refused");
		finish(d);
	} else {
		send_local(d);
	}
}

static void
look_up(struct delivery *d)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_RCPT_CHECK);
	ipc_put_str(&m, d->tries[0].rcpt->address);
	ipc_put_str(&m, STR_NONE);
	ipc_put_u64(&m, d->m->size);
	ipc_call(svc_channel(PEER_AUTHD), &m, looked_up, d);
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
	qsort(sorted, d->n, sizeof(struct attempt *), by_address);
	d->addresses = arena_array(&d->arena, d->n, sizeof(*d->addresses));
	for (size_t i = 0; i < d->n; i++) {
		if (i == 0 || !str_eq(sorted[i]->address, sorted[i - 1]->address))
			d->addresses[d->naddresses++] = sorted[i]->address;
		sorted[i]->at = d->naddresses - 1;
	}
}

static void
gather(struct delivery *d)
{
	const struct envelope_rcpt *before = NULL;

	d->tries = arena_array(&d->arena, d->m->nwaiting, sizeof(*d->tries));
	for (uint32_t i = 0; i < d->m->ntargets; i++) {
		struct str address;
		const struct envelope_rcpt *r = message_target(&d->env, i, &address);

		if (d->m->outcomes[i] == OUTCOME_WAITING)
			d->tries[d->n++] = (struct attempt){
			    .target = i, .rcpt = r, .first = r != before, .address = address};
		before = r;
	}
	assume(d->n == d->m->nwaiting);
}

void
deliver_start(struct queue *q, struct message *m)
{
	struct delivery *d = mem_alloc(sizeof(*d));
	struct err e;

	d->magic = DELIVERY_MAGIC;
	d->q = q;
	d->m = m;
	d->began = clock_us();
	arena_init(&d->arena);
	if (message_envelope(m, &d->arena, &d->env, NULL, &e) < 0) {
		log_error("queue.unreadable", LZ("mid", m->mid), LE(&e));
		try_later(d, &e);
		return;
	}
	gather(d);
	if (d->n == 1 && d->tries[0].address.n == 0) {
		look_up(d);
	} else {
		unique_addresses(d);
		send_local(d);
	}
}
