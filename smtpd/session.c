/*
 * session.c - the life of an SMTP connection: events, timeouts, command lines, the end.
 *
 * See session.h. One timer a session serves all its timeouts: it looks when it fires how long the
 * silence has lasted, so that a busy session never touches it.
 */
#include "smtpd/session.h"

#include <errno.h>

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
/* Commands between two messages that lead to none (NOOP, RSET, VRFY …); each more is an error. */
#define CHATTER_MAX 200u
/* Replies that may wait for one another. */
#define SLOTS_MAX 64u

static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static uint64_t last_conn;

/* ---- the end ---- */

static void
session_free(struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	log_debug("smtp.close", LZ("sid", s->sid), LU("messages", s->messages),
	    LU("errors", s->errors), LU("ms", clock_ms() - s->started));
	metric_add(s->result, 1);
	metric_add(METRIC_SMTP_CONNECTIONS, -1);
	login_free(&s->login);
	slots_drop(s);
	transaction_reset(s);
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

/* ---- commands ---- */

/* Commands that change little, with the reply each always gets. */
static void
plain_command(struct session *s, enum verb v)
{
	static const enum reply replies[] = {
	    [VERB_UNKNOWN] = REPLY_UNKNOWN,
	    [VERB_RSET] = REPLY_OK,
	    [VERB_NOOP] = REPLY_OK,
	    [VERB_VRFY] = REPLY_VRFY,
	    [VERB_EXPN] = REPLY_EXPN,
	    [VERB_HELP] = REPLY_HELP,
	};

	if (v == VERB_RSET)
		transaction_reset(s);
	session_reply(s, replies[v]);
}

/* False: not now, the line stays. */
static bool
dispatch(struct session *s, const struct command *c)
{
	switch (c->verb) {
	case VERB_RCPT:
		return rcpt_command(s, c);
	case VERB_MAIL:
		mail_command(s, c);
		break;
	case VERB_DATA:
		data_command(s);
		break;
	case VERB_BDAT:
		bdat_command(s, c);
		break;
	case VERB_STARTTLS:
		helo_starttls(s);
		break;
	case VERB_AUTH:
		auth_command(s, c);
		break;
	case VERB_QUIT:
		session_finish(s, REPLY_BYE, METRIC_SMTP_SESSIONS_OK);
		break;
	case VERB_HTTP:
		/* Whatever follows is not meant for a mail server. */
		session_finish(s, REPLY_NOT_HTTP, METRIC_SMTP_SESSIONS_ERRORS);
		break;
	case VERB_HELO:
		helo_helo(s, c);
		break;
	case VERB_EHLO:
		helo_ehlo(s, c);
		break;
	case VERB_RSET:
	case VERB_NOOP:
	case VERB_VRFY:
	case VERB_EXPN:
	case VERB_HELP:
	case VERB_UNKNOWN:
		plain_command(s, c->verb);
		break;
	}
	return true;
}

static enum reply
syntax_reply(const struct command *c, enum command_result r)
{
	switch (r) {
	case COMMAND_BAD_PATH:
		return c->verb == VERB_MAIL ? REPLY_BAD_SENDER : REPLY_BAD_RCPT;
	case COMMAND_UNKNOWN_PARAM:
		return REPLY_UNKNOWN_PARAM;
	case COMMAND_BAD_SYNTAX:
	case COMMAND_BAD_PARAM:
	case COMMAND_OK:
		break;
	}
	return REPLY_SYNTAX;
}

/* One whole line. False: it stays. */
static bool
command(struct session *s, struct str line)
{
	struct command c;
	enum command_result r = command_parse(line, &c);
	uint64_t began = clock_us();
	bool leads_on = c.verb == VERB_MAIL || c.verb == VERB_RCPT || c.verb == VERB_BDAT;

	/* Everything but RCPT waits until those before it are answered. */
	if (!TAILQ_EMPTY(&s->slots) && c.verb != VERB_RCPT)
		return false;
	if (!leads_on && ++s->chatter > CHATTER_MAX)
		s->errors++;
	if (r != COMMAND_OK)
		session_reply(s, syntax_reply(&c, r));
	else if (!dispatch(s, &c))
		return false;
	if (TAILQ_EMPTY(&s->slots))
		metric_observe(METRIC_SMTP_COMMAND_SECONDS, clock_us() - began);
	return true;
}

static bool
too_many_slots(const struct session *s)
{
	const struct slot *slot;
	unsigned n = 0;

	TAILQ_FOREACH (slot, &s->slots, link)
		if (++n >= SLOTS_MAX)
			return true;
	return false;
}

/* Drops the rest of an over-long line, its end included. */
static bool
skip_line(struct session *s, struct str in)
{
	size_t nl = str_chr(in, '\n');

	s->skip = nl == in.n;
	stream_consume(s->stream, s->skip ? in.n : nl + 1);
	return !s->skip;
}

static bool
command_input(struct session *s)
{
	struct str in = stream_input(s->stream), line;
	enum line_result r;
	size_t used;

	if (TAILQ_EMPTY(&s->slots) && !s->tx.open && svc_draining()) {
		session_finish(s, REPLY_SHUTDOWN, METRIC_SMTP_SESSIONS_OK);
		return false;
	}
	if (in.n == 0)
		return false;
	if (s->skip)
		return skip_line(s, in);
	r = command_line(in, false, &line, &used);
	if (r == LINE_MORE || too_many_slots(s))
		return false;
	if (r == LINE_DONE) {
		if (!command(s, line))
			return false;
	} else {
		s->skip = r == LINE_TOO_LONG;
		session_reply(s, r == LINE_BAD ? REPLY_LINE_BAD : REPLY_LINE_TOO_LONG);
	}
	if (s->state != SESSION_CLOSING)
		stream_consume(s->stream, used);
	if (s->tls_next) {
		s->tls_next = false;
		stream_tls_accept(s->stream, tls_server());
	}
	return true;
}

static bool
input(struct session *s)
{
	switch (s->state) {
	case SESSION_COMMAND:
		return command_input(s);
	case SESSION_AUTH:
		return auth_input(s);
	case SESSION_DATA:
		return data_input(s);
	case SESSION_BDAT:
		return bdat_input(s);
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
	session_run(s);
}

static void
on_drained(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	session_run(s);
}

static void
greet(struct session *s)
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
	log_debug("smtp.tls", LZ("sid", s->sid), LZ("cipher", stream_tls_cipher(s->stream)));
	if (s->state != SESSION_HANDSHAKE)
		return;
	s->state = SESSION_COMMAND;
	if (s->kind == SESSION_SUBMISSIONS)
		greet(s);
	session_run(s);
}

static const struct stream_events events = {
    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};

/* ---- the beginning ---- */

static enum session_kind
kind_of(const char *listener)
{
	if (strcmp(listener, "submissions") == 0)
		return SESSION_SUBMISSIONS;
	return strcmp(listener, "submission") == 0 ? SESSION_SUBMISSION : SESSION_SMTP;
}

/* Too many: a word where one can be said, and no more work than that. */
static void
turn_away(const struct svc_conn *c)
{
	char line[REPLY_MAX];
	size_t n = reply_format(REPLY_TOO_MANY_CONNS, helo_host(), line);

	metric_add(METRIC_SMTP_SESSIONS_REFUSED, 1);
	log_info("smtp.reject", LZ("peer", c->peer_text), LZ("reason", "too_many_conns"),
	    LU("code", 421), LU("connections", limits_total()));
	if (kind_of(c->name) != SESSION_SUBMISSIONS && write(c->fd, line, n) < 0 && errno != EAGAIN)
		log_debug("smtp.lost", LZ("peer", c->peer_text));
	close(c->fd);
}

void
session_accept(const struct svc_conn *c)
{
	static const struct stream_limits limits = {
	    .in_max = SESSION_INPUT_MAX, .out_max = OUTPUT_MAX};
	struct limits_key source;
	struct session *s;

	limits_key(&c->peer, &source);
	if (!limits_enter(&source, conf_num(svc_conf(), CONF_LIMITS_CONNECTIONS),
		conf_num(svc_conf(), CONF_LIMITS_CONNECTIONS_PER_IP))) {
		turn_away(c);
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
	TAILQ_INIT(&s->slots);
	TAILQ_INSERT_TAIL(&sessions, s, link);
	metric_add(METRIC_SMTP_CONNECTIONS, 1);
	log_debug("smtp.connect", LZ("sid", s->sid), LZ("peer", s->peer), LZ("listener", c->name));
	s->stream = stream_new(c->fd, &limits, &events, s);
	s->timer = loop_timer_new(on_timer, s);
	loop_timer_set(s->timer, conf_num(svc_conf(), CONF_SMTP_COMMAND_TIMEOUT));
	stream_start(s->stream);
	if (s->kind == SESSION_SUBMISSIONS) {
		s->state = SESSION_HANDSHAKE;
		stream_tls_accept(s->stream, tls_server());
	} else {
		greet(s);
	}
}

bool
session_none(void)
{
	return TAILQ_EMPTY(&sessions);
}

void
session_drain_all(void)
{
	struct session *s;

	TAILQ_FOREACH (s, &sessions, link) {
		if (s->state == SESSION_HANDSHAKE)
			hang_up(s, METRIC_SMTP_SESSIONS_OK);
		else
			session_run(s);
	}
	if (session_none())
		svc_drained();
}
