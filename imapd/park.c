/*
 * park.c - connections in IDLE that have no process (INVARIANTS 16, 17).
 *
 * Purpose: holds the client's stream, a token and the record that the owner left. When the client
 * speaks or its mailbox changes, a new owner takes up the record; of new mail it is told here. What
 * was forwarded must be what the owner used up, and nothing may be waiting: otherwise the answer to
 * PARK is no.
 */
#include "imapd/imapd.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/metrics.h"

#define RECORD_MAX 4096u

/* Something is said now and then so that routers on the way do not forget the connection. Spread,
 * so that ten thousand do not speak in the same second. */
#define STILL_HERE_MS 120000u

void
park_forget(struct front_conn *c)
{
	struct front_parked *p = c->parked;

	if (p == NULL)
		return;
	c->parked = NULL;
	sodium_memzero(p->data, p->token.n);
	free(p);
	metric_add(METRIC_IMAP_PARKED, -1);
	if (c->state != FRONT_RESUMING) {
		struct ipc_out m;

		ipc_begin(&m, MSG_CONN_GONE);
		ipc_put_u64(&m, c->id);
		ipc_send(svc_channel(PEER_MAILBOXD), &m);
	}
}

static void
wait_more(struct front_conn *c)
{
	loop_timer_set(c->timer, STILL_HERE_MS + randombytes_uniform(STILL_HERE_MS));
}

void
park_timer(struct front_conn *c)
{
	if (clock_ms() - c->parked_since > conf_num(svc_conf(), CONF_IMAP_IDLE_TIMEOUT)) {
		front_bye(c, "Autologout; idle for too long");
		return;
	}
	stream_puts(c->client, "* OK Still here\r\n");
	wait_more(c);
}

/* ---- PARK ---- */

static bool
may_park(const struct front_conn *c, uint64_t consumed, struct str token, struct str record)
{
	return c != NULL && c->state == FRONT_RELAY && c->forwarded == consumed &&
	       stream_input(c->client).n == 0 && !stream_at_end(c->client) && !svc_draining() &&
	       token.n + record.n <= RECORD_MAX;
}

static void
keep(struct front_conn *c, struct str token, struct str record)
{
	struct front_parked *p = mem_alloc(sizeof(*p) + token.n + record.n);

	memcpy(p->data, token.p, token.n);
	memcpy(p->data + token.n, record.p, record.n);
	p->token = str_of(p->data, token.n);
	p->record = str_of(p->data + token.n, record.n);
	c->parked = p;
	c->state = FRONT_LEAVING;
	metric_add(METRIC_IMAP_PARKED, 1);
}

static void
on_park(struct ipc_chan *ch, struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m), consumed = ipc_get_u64(m);
	struct str token = ipc_get_str(m), record = ipc_get_str(m);
	struct front_conn *c = front_find(id);
	struct ipc_out r;
	bool yes;

	if (ipc_end(m) < 0)
		return;
	if ((yes = may_park(c, consumed, token, record)))
		keep(c, token, record);
	ipc_begin(&r, MSG_PARK_R);
	ipc_put_u32(&r, yes);
	ipc_reply(ch, m->id, &r);
}

void
park_settle(struct front_conn *c)
{
	c->state = FRONT_PARKED;
	c->parked_since = clock_ms();
	if (svc_draining()) { /* its owner was leaving when the drain began */
		front_bye(c, FRONT_SHUTDOWN);
		return;
	}
	wait_more(c);
	log_debug("imap.parked", LZ("sid", c->sid));
	if (c->parked->wake || stream_input(c->client).n > 0)
		park_resume(c);
	else if (stream_at_end(c->client))
		front_free(c, "client left");
}

/* ---- coming back ---- */

static void
resumed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	c->call = 0;
	if (m != NULL) {
		if (ipc_end(m) < 0)
			return;
		relay_begin(c);
		return;
	}
	log_info("imap.resume_failed", LZ("sid", c->sid), LE(e));
	relay_drop(c);
	front_bye(c, "[UNAVAILABLE] Please reconnect");
}

void
park_resume(struct front_conn *c)
{
	struct front_parked *p = c->parked;
	struct ipc_out m;
	struct err e = {0};
	int fd;

	c->state = FRONT_RESUMING;
	loop_timer_stop(c->timer);
	stream_pause(c->client);
	if ((fd = relay_pair(c, &e)) < 0) {
		resumed(c, NULL, &e);
		return;
	}
	ipc_begin(&m, MSG_OWNER_RESUME);
	ipc_put_str(&m, p->token);
	ipc_put_str(&m, p->record);
	ipc_put_u64(&m, c->id);
	ipc_put_z(&m, stream_peer(c->client));
	ipc_put_z(&m, c->sid);
	ipc_put_u32(&m, p->told);
	ipc_put_fd(&m, fd);
	c->call = ipc_call(svc_channel(PEER_MAILBOXD), &m, resumed, c);
	park_forget(c);
}

static void
on_wake(struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m);
	struct front_conn *c = front_find(id);

	if (ipc_end(m) < 0 || c == NULL)
		return;
	if (c->state == FRONT_PARKED)
		park_resume(c);
	else if (c->state == FRONT_LEAVING)
		c->parked->wake = true;
}

/* New mail needs no owner to be told of: its number is all that EXISTS says (RFC 3501 7.3.1). */
static void
on_news(struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m);
	uint32_t exists = ipc_get_u32(m);
	struct front_conn *c = front_find(id);

	if (ipc_end(m) < 0 || c == NULL)
		return;
	if (c->state == FRONT_PARKED) {
		c->parked->told = exists;
		stream_printf(c->client, "* %u EXISTS\r\n", exists);
	} else if (c->state == FRONT_LEAVING) {
		c->parked->wake = true;
	}
}

/* The user's sessions end: a changed password, a ban, an operator. */
static void
on_kick(struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m);
	struct front_conn *c = front_find(id);

	if (ipc_end(m) < 0 || c == NULL)
		return;
	log_info("imap.kicked", LZ("sid", c->sid), LZ("user", c->user ? c->user : ""));
	/* Not into the middle of what the owner is saying. */
	if (c->state == FRONT_RELAY && c->tail[sizeof(c->tail) - 1] != '\n')
		front_close(c);
	else
		front_bye(c, "Your session was ended, please log in again");
}

void
park_message(struct ipc_chan *ch, struct ipc_in *m)
{
	if (m->type == MSG_PARK)
		on_park(ch, m);
	else if (m->type == MSG_WAKE)
		on_wake(m);
	else if (m->type == MSG_NEWS)
		on_news(m);
	else if (m->type == MSG_KICK)
		on_kick(m);
	else
		ipc_refuse(m);
}

static void
lost(struct front_conn *c)
{
	if (c->state == FRONT_PARKED || c->state == FRONT_LEAVING)
		front_bye(c, "[UNAVAILABLE] Please reconnect");
}

void
park_lost(void)
{
	front_each(lost);
}
