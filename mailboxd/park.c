/*
 * park.c - connections in IDLE that need no process (INVARIANTS 16, 17).
 *
 * The front holds the client, a random token and the owner's record; the parent keeps a hash over
 * token, record and user. What comes back must be exactly what was given, once. A change in the
 * user's mail wakes the user's parked connections: at once, then at most once a second. New mail is
 * only counted, and those in INBOX are told its number by the front, without an owner.
 * A watch of gk-webd holds nothing that could be taken up again: it is only woken, also for new
 * mail.
 */
#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/parent.h"
#include "svc/svc.h"

#define WAKE_EVERY_MS 1000u
#define NEWS_EVERY_MS                                                              \
	50u /* a few octets, but a client that reads slowly shall not pile them up \
	     */
#define RECORD_MAX 512u

static void
add_part(crypto_generichash_state *st, struct str s)
{
	uint64_t n = s.n;

	crypto_generichash_update(st, (const unsigned char *)&n, sizeof n);
	crypto_generichash_update(st, (const unsigned char *)s.p, s.n);
}

void
park_hash(unsigned char out[PARK_HASH_LEN], struct str token, struct str record, struct str user)
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, PARK_HASH_LEN);
	add_part(&st, token);
	add_part(&st, record);
	add_part(&st, user);
	crypto_generichash_final(&st, out, PARK_HASH_LEN);
}

/* ---- waking ---- */

static void
wake_due(void *arg)
{
	struct user *u = arg;
	struct conn *c;

	TAILQ_FOREACH (c, &u->conns, link) {
		struct ipc_out m;

		if (c->state != CONN_PARKED || c->woken || !(c->watch || u->wake_all))
			continue;
		c->woken = true;
		ipc_begin(&m, MSG_WAKE);
		ipc_put_u64(&m, c->key.id);
		ipc_send(conn_front(c), &m);
	}
	u->wake_all = false;
	u->woke_at = clock_ms();
}

/* Wakes now, or when a second has passed since the last time; watches alone, or all. */
static void
wake(struct user *u, bool all)
{
	uint64_t now = clock_ms();

	u->wake_all |= all;
	if (u->wake == NULL)
		u->wake = loop_timer_new(wake_due, u);
	if (loop_timer_pending(u->wake))
		return;
	if (u->woke_at == 0 || now - u->woke_at >= WAKE_EVERY_MS)
		wake_due(u);
	else
		loop_timer_set(u->wake, WAKE_EVERY_MS - (now - u->woke_at));
}

static void
news_due(void *arg)
{
	struct user *u = arg;
	struct conn *c;

	TAILQ_FOREACH (c, &u->conns, link) {
		struct ipc_out m;

		if (c->state != CONN_PARKED || c->woken || c->exists == c->told)
			continue;
		c->told = c->exists;
		ipc_begin(&m, MSG_NEWS);
		ipc_put_u64(&m, c->key.id);
		ipc_put_u32(&m, c->told);
		ipc_send(conn_front(c), &m);
	}
	u->told_at = clock_ms();
}

static void
tell_news(struct user *u)
{
	uint64_t since = clock_ms() - u->told_at;

	if (u->news == NULL)
		u->news = loop_timer_new(news_due, u);
	if (loop_timer_pending(u->news))
		return;
	if (u->told_at == 0 || since >= NEWS_EVERY_MS)
		news_due(u);
	else
		loop_timer_set(u->news, NEWS_EVERY_MS - since);
}

void
park_delivered(struct user *u, uint32_t messages)
{
	struct conn *c;
	bool watched = false;

	u->changes++;
	if (u->nparked == 0 || messages == 0)
		return;
	TAILQ_FOREACH (c, &u->conns, link) {
		if (c->state == CONN_PARKED && c->exists < NO_COUNT - messages)
			c->exists += messages;
		watched |= c->watch;
	}
	tell_news(u);
	if (watched)
		wake(u, false);
}

void
park_junk(struct user *u)
{
	struct conn *c;

	TAILQ_FOREACH (c, &u->conns, link) {
		if (c->state == CONN_PARKED && c->exists == NO_COUNT && !c->watch) {
			wake(u, true);
			return;
		}
	}
}

void
park_changed(struct user *u)
{
	u->changes++;
	if (u->nparked > 0)
		wake(u, true);
}

/* ---- parking ---- */

void
park_kick(enum ipc_peer front, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_KICK);
	ipc_put_u64(&m, conn);
	ipc_send(svc_channel(front), &m);
}

static void
answer(struct user *u, uint64_t call, bool accepted)
{
	struct ipc_out m;

	if (u->owner == NULL)
		return;
	ipc_begin(&m, MSG_OWN_PARK_R);
	ipc_put_u32(&m, accepted);
	ipc_reply(u->owner, call, &m);
}

/* Ids outlive connections: the answer finds its connection by number. */
static void
parked(void *arg, struct ipc_in *m, const struct err *e)
{
	uint64_t the_id = *(uint64_t *)arg;
	struct conn *c = conn_find(PEER_IMAPD, the_id);
	bool accepted = false;

	(void)e;
	free(arg);
	if (m != NULL) {
		accepted = ipc_get_u32(m) == 1;
		if (ipc_end(m) < 0)
			return;
	}
	/* Meanwhile the owner may have ended, or the user's sessions been revoked: nobody would
	 * wake what the front holds now. */
	if (c == NULL || c->park_call == 0) {
		if (accepted)
			park_kick(PEER_IMAPD, the_id);
		return;
	}
	answer(c->user, c->park_call, accepted);
	c->park_call = 0;
	if (!accepted)
		return;
	conn_move(c, CONN_PARKED);
	c->woken = false;
	spawn_idle(c->user);
	log_debug("mailbox.parked", LZ("user", c->user->name), LU("conn", the_id));
	if (c->changes != c->user->changes)
		wake(c->user, true);
}

void
park_message(struct user *u, struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m), consumed = ipc_get_u64(m);
	struct str record = ipc_get_str(m), token;
	uint32_t exists = ipc_get_u32(m);
	unsigned char random[PARK_TOKEN_LEN];
	struct conn *c = conn_find(PEER_IMAPD, id);
	struct ipc_out out;
	uint64_t *arg;

	if (ipc_end(m) < 0)
		return;
	/* An owner parks its own connections alone. */
	if (c == NULL || c->user != u || c->state != CONN_LIVE || c->park_call != 0 ||
	    record.n > RECORD_MAX || u->state != OWNER_LIVE) {
		answer(u, m->id, false);
		return;
	}
	randombytes_buf(random, sizeof random);
	token = str_of(random, sizeof random);
	park_hash(c->hash, token, record, str_z(u->name));
	c->park_call = m->id;
	c->changes = u->changes;
	c->exists = c->told = exists;
	arg = mem_alloc(sizeof *arg);
	*arg = id;
	ipc_begin(&out, MSG_PARK);
	ipc_put_u64(&out, id);
	ipc_put_u64(&out, consumed);
	ipc_put_str(&out, token);
	ipc_put_str(&out, record);
	ipc_call(svc_channel(PEER_IMAPD), &out, parked, arg);
	sodium_memzero(random, sizeof random);
}

/* It is told last what the owner knows: word of a delivery that is on its way there is ahead of
 * ours. What comes from here on wakes it. */
void
park_watch(enum ipc_peer front, struct ipc_in *m)
{
	struct conn *c = conn_find(front, ipc_get_u64(m));
	struct ipc_out out;

	if (ipc_end(m) < 0 || c == NULL || c->state != CONN_LIVE || c->user->state != OWNER_LIVE)
		return;
	c->watch = true;
	c->woken = false;
	c->exists = c->told = NO_COUNT;
	c->changes = c->user->changes;
	ipc_begin(&out, MSG_OWN_REST);
	ipc_put_u32(&out, front);
	ipc_put_u64(&out, c->key.id);
	ipc_send(c->user->owner, &out);
}

void
park_closed(struct conn *c, bool lost)
{
	struct user *u = c->user;

	if (!c->watch || c->kicked) {
		conn_free(&c);
		return;
	}
	conn_move(c, CONN_PARKED);
	log_debug("mailbox.watched", LZ("user", u->name), LU("conn", c->key.id));
	if (lost || c->changes != u->changes)
		wake(u, false);
}

void
park_gone(enum ipc_peer front, struct ipc_in *m)
{
	struct conn *c = conn_find(front, ipc_get_u64(m));
	struct user *u;

	if (ipc_end(m) < 0 || c == NULL)
		return;
	c->watch = false;
	if (c->state != CONN_PARKED)
		return;
	u = c->user;
	conn_free(&c);
	user_settle(u);
}

struct conn *
park_take(uint64_t id, struct str token, struct str record, uint32_t told)
{
	struct conn *c = conn_find(PEER_IMAPD, id);
	unsigned char hash[PARK_HASH_LEN];

	if (c == NULL || c->state != CONN_PARKED)
		return NULL;
	park_hash(hash, token, record, str_z(c->user->name));
	/* A front may not have heard the last number yet, but none that was never said. */
	if (sodium_memcmp(hash, c->hash, sizeof hash) != 0 || told > c->told) {
		log_warn("mailbox.token", LZ("user", c->user->name), LU("conn", id));
		return NULL;
	}
	/* Used once. */
	sodium_memzero(c->hash, sizeof c->hash);
	c->told = told;
	return c;
}
