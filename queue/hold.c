/*
 * hold.c - homes that wait for a replay: until what lost power may have taken is there again,
 * durably, no owner opens them (INVARIANTS 1).
 *
 * Known after recovery, from the messages whose delivery runs again. mailboxd is told when it comes
 * and whenever a user's last message is durable. A message holds its homes until its delivery is
 * covered by a journalled checkpoint; checkpoints are begun early for that. It does not hold them
 * longer than a first attempt that failed, nor when the operator holds or deletes it: whatever is
 * wrong there may last for days, and the user's other mail is not to be out of reach for so long.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue.h"
#include "svc/svc.h"

#define REVIEW_MS 50u
#define HURRY_MS  500u /* between checkpoints while others still wait */
#define TELL_MAX  200u /* users in a message: an address has at most 320 octets */

struct hold_user {
	char *name;
	size_t messages;
	UT_hash_handle hh;
};

/* A message, and for whom. */
struct hold {
	char mid[ID_SIZE];
	struct hold_user **users;
	size_t n;
	struct hold *next;
};

/* ---- who is on hold ---- */

static struct hold_user *
find(const struct queue *q, struct str name)
{
	struct hold_user *u;

	HASH_FIND(hh, q->held, name.p, name.n, u);
	return u;
}

bool
hold_has(const struct queue *q, struct str user)
{
	return find(q, user) != NULL;
}

static struct hold_user *
user_get(struct queue *q, struct str name)
{
	struct hold_user *u = find(q, name);

	if (u == NULL) {
		u = mem_alloc(sizeof(*u));
		u->name = mem_dup(name.p, name.n);
		HASH_ADD_KEYPTR(hh, q->held, u->name, name.n, u);
	}
	u->messages++;
	return u;
}

static void
add(struct queue *q, const struct message *m)
{
	struct message_walk w;
	struct envelope env;
	struct arena a;
	struct hold *h;
	struct err e;

	arena_init(&a);
	if (message_envelope(m, &a, &env, NULL, &e) < 0) {
		log_error("queue.unreadable", LZ("mid", m->mid), LE(&e));
		goto out;
	}
	h = mem_alloc(sizeof(*h));
	memcpy(h->mid, m->mid, sizeof(h->mid));
	h->users = mem_array(m->ntargets, sizeof(struct hold_user *));
	message_walk(&w, &env);
	while (message_walk_next(&w))
		if (m->outcomes[w.target] == OUTCOME_WAITING && w.local)
			h->users[h->n++] = user_get(q, w.address);
		else if (m->outcomes[w.target] == OUTCOME_WAITING && w.address.n == 0)
			h->users[h->n++] = user_get(q, w.of->address);
	h->next = q->holds;
	q->holds = h;
out:
	arena_free(&a);
}

/* ---- telling mailboxd ---- */

static void
tell(enum ipc_type type, const struct str *users, size_t n)
{
	struct ipc_out m;

	if (n == 0)
		return;
	ipc_begin(&m, type);
	ipc_put_list(&m, users, n);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}

void
hold_tell(struct queue *q)
{
	struct str users[TELL_MAX];
	struct hold_user *u, *next;
	struct ipc_out m;
	size_t n = 0;

	q->holds_told = true;
	HASH_ITER (hh, q->held, u, next) {
		users[n++] = str_z(u->name);
		if (n == TELL_MAX) {
			tell(MSG_REPLAY_HOLD, users, n);
			n = 0;
		}
	}
	tell(MSG_REPLAY_HOLD, users, n);
	ipc_begin(&m, MSG_REPLAY_READY);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}

/* ---- letting go ---- */

static void
free_user(struct queue *q, struct hold_user *u)
{
	HASH_DEL(q->held, u);
	free(u->name);
	free(u);
}

static void
release(struct queue *q, struct hold *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct str name = str_z(h->users[i]->name);

		if (--h->users[i]->messages > 0)
			continue;
		if (q->holds_told)
			tell(MSG_REPLAY_DONE, &name, 1);
		free_user(q, h->users[i]);
	}
	free(h->users);
	free(h);
}

/* Nothing more is awaited of the message but the checkpoint: what of it goes to other hosts holds
 * nobody's home. */
static bool
is_tried(const struct message *m)
{
	bool held = (m->flags & (MESSAGE_HELD | MESSAGE_DELETED)) != 0;

	if (message_is_done(m))
		return m->running == 0 && m->unwritten == 0;
	for (const struct job *j = m->jobs; j; j = j->next)
		if (j->dest->kind != DEST_REMOTE &&
		    (j->state == JOB_RUNNING || (j->attempts == 0 && !held)))
			return false;
	return m->unwritten == 0;
}

/* True when it keeps its homes no longer. *tried: a checkpoint would change that. */
static bool
is_over(struct queue *q, const struct hold *h, bool *tried)
{
	const struct message *m = message_find(&q->messages, str_z(h->mid));

	*tried = m == NULL || is_tried(m);
	if (m == NULL)
		return true;
	if (!*tried || m->settles > q->checkpoint.recorded)
		return false;
	if (!message_is_done(m))
		log_warn("queue.hold_lapsed", LZ("mid", m->mid));
	return true;
}

void
hold_review(struct queue *q)
{
	bool tried, any = false, all = true;
	struct hold **at = &q->holds, *h;

	while ((h = *at) != NULL) {
		if (is_over(q, h, &tried)) {
			*at = h->next;
			release(q, h);
			continue;
		}
		any |= tried;
		all &= tried;
		at = &h->next;
	}
	if (q->holds == NULL) {
		log_info("queue.replayed");
		return;
	}
	if (any && (all || clock_us() - q->checkpoint.began > HURRY_MS * 1000))
		checkpoint_now(q);
	if (q->holds_timer != NULL)
		loop_timer_set(q->holds_timer, REVIEW_MS);
}

static void
on_review(void *arg)
{
	hold_review(arg);
}

/* ---- life ---- */

void
hold_init(struct queue *q)
{
	struct message *m, *next;

	HASH_ITER (hh, q->messages.by_mid, m, next)
		if ((m->flags & MESSAGE_REPLAY) && !(m->flags & MESSAGE_HELD) &&
		    !message_is_done(m))
			add(q, m);
	if (q->holds == NULL)
		return;
	log_info("queue.replay", LU("homes", HASH_COUNT(q->held)));
	q->holds_timer = loop_timer_new(on_review, q);
	loop_timer_set(q->holds_timer, REVIEW_MS);
}

void
hold_done(struct queue *q)
{
	struct hold_user *u, *next;
	struct hold *h;

	while ((h = q->holds) != NULL) {
		q->holds = h->next;
		free(h->users);
		free(h);
	}
	HASH_ITER (hh, q->held, u, next)
		free_user(q, u);
	loop_timer_free(&q->holds_timer);
}
