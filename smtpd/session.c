/*
 * session.c - the life of an SMTP connection: events, timeouts, the end.
 *
 * See session.h. One timer a session serves all its timeouts: it looks when it fires how long the
 * silence has lasted, so that a busy session never touches it.
 */
#include "smtpd/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "smtpd/message.h"
#include "svc/conf.h"

/* Replies that wait for a client to read them, past which its commands wait too. */
#define OUTPUT_PAUSE (64u * 1024)
#define OUTPUT_MAX   (512u * 1024)
/* How long the last reply may take to get away. */
#define LINGER_MS 10000u

static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static uint64_t last_conn;
static struct dns *dns;

void
session_init(struct dns *d)
{
	dns = d;
}

/* ---- the end ---- */

void
session_end_token(struct str token)
{
	struct ipc_out m;

	if (token.n == 0)
		return;
	ipc_begin(&m, MSG_SENDER_END);
	ipc_put_str(&m, token);
	ipc_send(svc_channel(PEER_AUTHD), &m);
}

static void
session_free(struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	log_debug("smtp.close", LZ("sid", s->sid), LU("messages", s->messages),
	    LU("errors", s->errors), LU("ms", clock_ms() - s->started));
	metric_add(s->result, 1);
	metric_add(METRIC_SMTP_CONNECTIONS, -1);
	dns_client_cancel(&s->looking_up);
	login_free(&s->login);
	slots_drop(s);
	transaction_reset(s);
	session_end_token(s->token);
	arena_free(&s->tx.arena);
	arena_free(&s->arena);
	loop_timer_free(&s->timer);
	stream_free(&s->stream);
	limits_leave(&s->source);
	TAILQ_REMOVE(&sessions, s, link);
	s->magic = 0;
	free(s);
	if (svc_draining() && session_none())
		svc_drained();
}

/* Ends the session once what it was told is written. */
static void
hang_up(struct session *s, enum metric result)
{
	s->state = SESSION_CLOSING;
	s->result = result;
	login_free(&s->login);
	slots_drop(s);
	transaction_reset(s);
	loop_timer_set(s->timer, LINGER_MS);
	stream_finish(s->stream);
}

void
session_finish(struct session *s, enum reply last, enum metric result)
{
	char line[REPLY_MAX];

	if (s->state == SESSION_CLOSING)
		return;
	stream_write(s->stream, line, reply_format(last, helo_host(), line));
	hang_up(s, result);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	if (s->state != SESSION_CLOSING) {
		s->result = METRIC_SMTP_SESSIONS_LOST;
		log_info("smtp.lost", LZ("sid", s->sid), LZ("peer", s->peer), LE(e));
	}
	session_free(s);
}

static void
on_timer(void *arg)
{
	struct session *s = arg;
	uint64_t now = clock_ms(), over, idle;

	OBJ(s, SESSION_MAGIC);
	if (s->state == SESSION_CLOSING) {
		session_free(s);
		return;
	}
	if (s->state == SESSION_GREETING) {
		door_waited(s);
		return;
	}
	over = s->started + conf_num(svc_conf(), CONF_SMTP_SESSION_TIMEOUT);
	idle = s->active + conf_num(svc_conf(), CONF_SMTP_COMMAND_TIMEOUT);
	if (s->state == SESSION_WAIT || !TAILQ_EMPTY(&s->slots)) {
		/* It waits for us, and calls between processes have timeouts of their own. */
		idle = now + conf_num(svc_conf(), CONF_SMTP_COMMAND_TIMEOUT);
		over = num_max(over, now + 1000);
	}
	if (now >= over)
		session_finish(s, REPLY_SESSION_OVER, METRIC_SMTP_SESSIONS_TIMEOUT);
	else if (now >= idle)
		session_finish(s, REPLY_TIMEOUT, METRIC_SMTP_SESSIONS_TIMEOUT);
	else
		loop_timer_set(s->timer, num_min(over, idle) - now);
}

/* ---- input ---- */

static bool
input(struct session *s)
{
	switch (s->state) {
	case SESSION_COMMAND:
		return commands_input(s);
	case SESSION_AUTH:
		return auth_input(s);
	case SESSION_DATA:
		return data_input(s);
	case SESSION_BDAT:
		return bdat_input(s);
	case SESSION_GREETING:
	case SESSION_WAIT:
	case SESSION_HANDSHAKE:
	case SESSION_CLOSING:
		break;
	}
	return false;
}

/* The client sends no more, and nothing that it sent can still be answered. */
static bool
is_over(const struct session *s)
{
	if (!stream_at_end(s->stream) || s->state == SESSION_CLOSING || s->state == SESSION_WAIT)
		return false;
	if (!TAILQ_EMPTY(&s->slots) || stream_pending(s->stream) >= OUTPUT_PAUSE)
		return false;
	if (s->login && !login_wants_line(s->login))
		return false;
	return !s->tx.message || !message_blocked(s->tx.message);
}

void
session_run(struct session *s)
{
	if (s->running)
		return;
	s->running = true;
	while (stream_pending(s->stream) < OUTPUT_PAUSE && input(s))
		continue;
	s->running = false;
	if (is_over(s))
		hang_up(s, METRIC_SMTP_SESSIONS_LOST);
}

/* ---- events of the stream ---- */

static void
on_input(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->active = clock_ms();
	if (s->state == SESSION_GREETING && stream_input(s->stream).n > 0)
		door_early(s);
	session_run(s);
}

static void
on_drained(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	session_run(s);
}

void
session_greet(struct session *s)
{
	s->state = SESSION_COMMAND;
	session_reply_arg(s, REPLY_GREETING, helo_host());
}

static void
on_secured(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->active = clock_ms();
	log_debug("smtp.tls", LZ("sid", s->sid), LZ("cipher", stream_tls_cipher(s->stream)),
	    LZ("client", stream_tls_client(s->stream)));
	if (s->state != SESSION_HANDSHAKE)
		return;
	s->state = SESSION_COMMAND;
	if (s->kind == SESSION_SUBMISSIONS)
		session_greet(s);
	session_run(s);
}

static const struct stream_events events = {
    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};

/* ---- the beginning ---- */

/* Nothing waits for the name: a message that is whole before it is known says "unknown". */
static void
on_client(void *arg, enum dns_client_result result, struct str name)
{
	static const char *const results[] = {"pass", "fail", "temperror"};
	static const enum screen_iprev iprevs[] = {IPREV_PASS, IPREV_FAIL, IPREV_UNKNOWN};
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->looking_up = NULL;
	s->client = arena_dup(&s->arena, name);
	s->iprev = iprevs[result];
	log_debug("smtp.client", LZ("sid", s->sid), LZ("peer", s->peer), LS("name", name),
	    LZ("iprev", results[result]), LU("ms", clock_ms() - s->started));
}

static enum session_kind
kind_of(const char *listener)
{
	if (strcmp(listener, "submissions") == 0)
		return SESSION_SUBMISSIONS;
	if (strcmp(listener, "local") == 0)
		return SESSION_LOCAL;
	if (strcmp(listener, "owner") == 0)
		return SESSION_OWNER;
	return strcmp(listener, "submission") == 0 ? SESSION_SUBMISSION : SESSION_SMTP;
}

void
session_accept(const struct svc_conn *c)
{
	static const struct stream_limits limits = {
	    .in_max = SESSION_INPUT_MAX, .out_max = OUTPUT_MAX};
	struct limits_source source;
	struct session *s;

	if (!door_enter(c, &source)) {
		session_end_token(c->token);
		return;
	}
	s = mem_alloc(sizeof(*s));
	s->magic = SESSION_MAGIC;
	s->kind = kind_of(c->name);
	s->source = source;
	s->conn = ++last_conn;
	s->started = s->active = clock_ms();
	s->result = METRIC_SMTP_SESSIONS_OK;
	id_new(s->sid);
	memcpy(s->peer, c->peer_text, sizeof(s->peer));
	arena_init(&s->arena);
	arena_init(&s->tx.arena);
	if (session_is_inside(s)) {
		s->user = arena_dup(&s->arena, c->user);
		s->trusted = c->trusted;
		s->token = arena_dup(&s->arena, c->token);
	}
	TAILQ_INIT(&s->slots);
	TAILQ_INSERT_TAIL(&sessions, s, link);
	metric_add(METRIC_SMTP_CONNECTIONS, 1);
	log_debug("smtp.connect", LZ("sid", s->sid), LZ("peer", s->peer), LZ("listener", c->name));
	s->stream = stream_new(c->fd, &limits, &events, s);
	s->timer = loop_timer_new(on_timer, s);
	if (!session_is_inside(s))
		s->looking_up = dns_client_ask(dns, &c->peer, 0, on_client, s);
	loop_timer_set(s->timer, conf_num(svc_conf(), CONF_SMTP_COMMAND_TIMEOUT));
	stream_start(s->stream);
	if (s->kind == SESSION_SUBMISSIONS) {
		s->state = SESSION_HANDSHAKE;
		stream_tls_accept(s->stream, tls_server(s->kind));
	} else {
		door_greet(s);
	}
}

void
session_each(void (*fn)(struct session *s))
{
	struct session *s;

	TAILQ_FOREACH (s, &sessions, link)
		fn(s);
}

size_t
session_of_owner(struct str user)
{
	const struct session *s;
	size_t n = 0;

	TAILQ_FOREACH (s, &sessions, link)
		n += s->kind == SESSION_OWNER && str_eq(s->user, user);
	return n;
}

bool
session_none(void)
{
	return TAILQ_EMPTY(&sessions);
}

void
session_revoke(struct str user)
{
	struct session *s;

	TAILQ_FOREACH (s, &sessions, link)
		if (s->user.n > 0 && str_eq(s->user, user)) {
			s->revoked = true;
			session_run(s);
		}
}

void
session_drain_all(void)
{
	struct session *s;

	TAILQ_FOREACH (s, &sessions, link) {
		/* A handshake is ended first, so that the client hears why. */
		if (s->state == SESSION_HANDSHAKE || s->state == SESSION_GREETING)
			session_finish(s, REPLY_SHUTDOWN, METRIC_SMTP_SESSIONS_OK);
		else
			session_run(s);
	}
	if (session_none())
		svc_drained();
}

/* RFC 5321 3.8: whoever did not come to an end in time is told 421 as well. */
static void
overdue(struct session *s)
{
	session_finish(s, REPLY_SHUTDOWN, METRIC_SMTP_SESSIONS_TIMEOUT);
}

void
session_overdue(void)
{
	session_each(overdue);
}
