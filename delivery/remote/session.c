/*
 * session.c - a session's life: greeting, EHLO, STARTTLS, AUTH, idleness, QUIT. See session.h.
 *
 * Owner: whoever made it or was given it, until session_free() or session_quit(). Errors: told
 * once, by gone() or done().
 */
#include "delivery/remote/session.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "delivery/remote/session_in.h"

#define IN_MAX  (REPLY_LINE_MAX + 8192u)
#define OUT_MAX (1u << 20)

static size_t quitting;

static const char *const waits_for[] = {"the greeting", "the answer to EHLO", "the answer to HELO",
    "the answer to STARTTLS", "the TLS handshake", "the answer to AUTH", "the answer to AUTH",
    "the answer to AUTH", "the answer to AUTH", "the answer to AUTH", "mail", "an answer",
    "the answer to QUIT", "nothing"};

static const char *
what(const struct session *s)
{
	return s->state == SESSION_MAIL ? transaction_waits_for(s) : waits_for[s->state];
}

/* ---- the end ---- */

static void
release(struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	if (s->quits)
		quitting--;
	stream_free(&s->stream);
	loop_timer_free(&s->timer);
	loop_defer_cancel(&s->act);
	transaction_end(s);
	reply_free(&s->reply);
	tls_context_free(&s->setup.context);
	scram_client_done(&s->scram);
	if (s->setup.password.n > 0)
		sodium_memzero((char *)s->setup.password.p, s->setup.password.n);
	arena_free(&s->arena);
	s->magic = 0;
	free(s);
}

/* At the end of what the stream, the timer or the turn began: tells at most one thing, and touches
 * nothing afterwards. */
static void
tell(struct session *s)
{
	struct session_why why = {s->failure, str_z(s->why)};
	bool broke = s->why[0] != '\0';

	if (s->is_done) {
		s->is_done = false;
		s->ev.done(s->arg, broke && s->in_mail ? &why : NULL);
	} else if (broke) {
		s->ev.gone(s->arg, &why);
	} else if (s->is_ready) {
		s->is_ready = false;
		s->ev.ready(s->arg);
	}
}

static void
on_act(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	tell(s);
}

void
session_fail(struct session *s, enum session_failure kind, const char *fmt, ...)
{
	va_list ap;

	if (s->state == SESSION_OVER)
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	s->failure = kind;
	s->in_mail = s->state == SESSION_MAIL;
	if (s->in_mail) {
		transaction_broke(s);
		s->is_done = true;
	}
	s->state = SESSION_OVER;
	loop_timer_stop(s->timer);
	stream_pause(s->stream);
	loop_defer(&s->act);
}

/* What is said of a session is for now, whatever its code: another host, or this one later, may say
 * something else. */
void
session_refused(struct session *s, enum session_failure kind, const char *doing)
{
	struct arena a;
	struct str words;

	arena_init(&a);
	words = reply_words(&s->reply, "x.0.0", &a);
	if (words.n > 0 && words.p[0] == '5')
		session_fail(s, kind, "4" STR_FMT, STR_ARG(str_from(words, 1)));
	else if (words.n > 0 && words.p[0] == '4')
		session_fail(s, kind, STR_FMT, STR_ARG(words));
	else
		session_fail(s, SESSION_PROTO, "4.5.0 %d is no answer to %s", s->reply.code, doing);
	arena_free(&a);
}

void
session_done(struct session *s)
{
	if (s->state != SESSION_MAIL)
		return;
	s->is_done = true;
	s->state = SESSION_READY;
	session_wait(s, s->setup.times->idle);
	loop_defer(&s->act);
}

void
session_wait(struct session *s, uint64_t ms)
{
	if (s->state != SESSION_OVER)
		loop_timer_set(s->timer, ms);
}

static void
on_timer(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	if (s->state == SESSION_READY)
		session_fail(s, SESSION_IDLE, "4.4.2 idle");
	else if (s->state == SESSION_HANDSHAKE)
		session_fail(s, SESSION_TLS, "4.7.5 TLS: the handshake took too long");
	else
		session_fail(s, SESSION_SLOW, "4.4.2 timed out waiting for %s", what(s));
}

/* ---- setting up ---- */

static void
send_command(struct session *s, enum session_state state, const char *line)
{
	s->state = state;
	stream_puts(s->stream, line);
	stream_puts(s->stream, "\r\n");
	session_wait(s, s->setup.times->command);
}

static void
say_hello(struct session *s, bool esmtp)
{
	s->state = esmtp ? SESSION_EHLO : SESSION_HELO;
	stream_printf(
	    s->stream, "%s " STR_FMT "\r\n", esmtp ? "EHLO" : "HELO", STR_ARG(s->setup.helo));
	session_wait(s, s->setup.times->command);
}

void
session_logged_in(struct session *s)
{
	s->state = SESSION_READY;
	s->is_ready = true;
	loop_defer(&s->act);
	session_wait(s, s->setup.times->idle);
}

/* Who demands it, in brackets. */
static const char *
by_policy(const struct session *s)
{
	return str_eq_z(s->tls.why, "dane")      ? " (DANE)"
	       : str_eq_z(s->tls.why, "mta-sts") ? " (MTA-STS)"
	       : str_eq_z(s->tls.why, "route")   ? " (route)"
						 : "";
}

static void
shake_hands(struct session *s)
{
	struct err e;

	s->state = SESSION_HANDSHAKE;
	session_wait(s, s->setup.times->command);
	if (stream_tls_connect(s->stream, s->setup.context, &s->tls.check, &e) < 0)
		session_fail(s, SESSION_TLS, "4.7.5 TLS%s: %s", by_policy(s), e.text);
}

static void
on_offer(struct session *s)
{
	bool tls = stream_is_tls(s->stream), offered = (s->offer.has & OFFER_STARTTLS) != 0;

	if (!tls && s->tls.mode != POLICY_TLS_NONE && offered && s->setup.context)
		send_command(s, SESSION_STARTTLS, "STARTTLS");
	else if (!tls && s->tls.mode >= POLICY_TLS_ENCRYPT)
		session_fail(s, SESSION_NO_TLS,
		    "4.7.4 TLS is required%s, and the host does not offer it", by_policy(s));
	else if (s->setup.user.n > 0)
		login_begin(s);
	else
		session_logged_in(s);
}

/* RFC 5321 5.1: mail that would come back to us. */
static bool
is_self(struct session *s)
{
	if (!s->setup.by_mx || !str_ieq(offer_name(&s->reply), s->setup.helo))
		return false;
	session_fail(
	    s, SESSION_SELF, "5.4.6 its mail exchanger is this host, which does not know it");
	return true;
}

static void
on_hello(struct session *s)
{
	int class = s->reply.code / 100;

	if (class == 2 && is_self(s))
		return;
	if (class == 2) {
		s->offer = (struct offer){0};
		if (s->state == SESSION_EHLO)
			offer_read(&s->reply, &s->offer);
		on_offer(s);
	} else if (class == 5 && s->state == SESSION_EHLO && s->reply.code != 554) {
		say_hello(s, false); /* RFC 5321 3.2 */
	} else {
		session_refused(s, SESSION_REFUSED, "EHLO");
	}
}

static void
on_starttls(struct session *s)
{
	if (s->reply.code == 220)
		shake_hands(s);
	else if (s->reply.code == 421)
		session_refused(s, SESSION_REFUSED, "STARTTLS");
	else if (s->tls.mode >= POLICY_TLS_ENCRYPT)
		session_refused(s, SESSION_TLS, "STARTTLS");
	else {
		s->offer.has &= ~OFFER_STARTTLS; /* it goes on without */
		on_offer(s);
	}
}

static void
on_reply(struct session *s)
{
	switch (s->state) {
	case SESSION_GREETING:
		if (s->reply.code / 100 != 2)
			session_refused(s, SESSION_REFUSED, "a connection");
		else if (!is_self(s))
			say_hello(s, true);
		break;
	case SESSION_EHLO:
	case SESSION_HELO:
		on_hello(s);
		break;
	case SESSION_STARTTLS:
		on_starttls(s);
		break;
	case SESSION_LOGIN:
	case SESSION_PASSWORD:
	case SESSION_SCRAM:
	case SESSION_SCRAM_PROVEN:
	case SESSION_AUTHED:
		login_reply(s);
		break;
	case SESSION_MAIL:
		transaction_reply(s);
		break;
	case SESSION_READY: /* 421 as a rule: it closes (RFC 5321 3.8) */
		session_refused(s, SESSION_REFUSED, "nothing");
		break;
	case SESSION_HANDSHAKE:
	case SESSION_QUIT:
	case SESSION_OVER:
		break;
	}
}

/* ---- the stream ---- */

/* Answers that were written before what they would answer was even sent are no answers: somebody
 * put them there (RFC 3207 6, CVE-2011-0411 seen from the other side), or both ends have lost
 * count. */
static bool
is_out_of_turn(const struct session *s, bool last)
{
	return last && stream_input(s->stream).n > 0;
}

static void
read_replies(struct session *s)
{
	enum reply_state r = REPLY_DONE;
	size_t used;

	while (r == REPLY_DONE && s->state < SESSION_QUIT && stream_input(s->stream).n > 0) {
		bool last = s->state != SESSION_MAIL || transaction_awaits(s) == 1;

		r = reply_read(&s->reply, stream_input(s->stream), &used);
		stream_consume(s->stream, used);
		if (r == REPLY_BAD)
			session_fail(s, SESSION_PROTO, "4.5.0 what it says is no SMTP");
		if (r != REPLY_DONE)
			break;
		if (s->state == SESSION_STARTTLS && is_out_of_turn(s, last)) {
			session_fail(
			    s, SESSION_PROTO, "4.7.0 octets behind the answer to STARTTLS");
			break;
		}
		on_reply(s);
		reply_reset(&s->reply);
		if (is_out_of_turn(s, last))
			session_fail(s, SESSION_PROTO, "4.5.0 it speaks before it is spoken to");
	}
}

static void
on_input(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	read_replies(s);
	if (stream_at_end(s->stream))
		session_fail(
		    s, SESSION_LOST, "4.4.2 connection closed while waiting for %s", what(s));
}

static void
on_drained(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	if (s->state == SESSION_MAIL)
		transaction_drained(s);
}

static void
on_secured(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	if (s->state != SESSION_HANDSHAKE)
		return;
	if (s->setup.tls_from_start) {
		s->state = SESSION_GREETING;
		session_wait(s, s->setup.times->greeting);
	} else {
		say_hello(s, true); /* RFC 3207 4.2: what was offered before is forgotten */
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->closed = true;
	if (s->quits) {
		release(s);
		return;
	}
	if (s->state == SESSION_HANDSHAKE)
		session_fail(s, SESSION_TLS, "4.7.5 TLS%s: %s", by_policy(s), e->text);
	else if (e->code == E_TIMEOUT)
		session_fail(s, SESSION_SLOW, "4.4.2 timed out waiting for %s", what(s));
	else
		session_fail(s, SESSION_LOST, "4.4.2 %s while waiting for %s", e->text, what(s));
}

/* ---- for its owner ---- */

static void
copy_setup(struct session *s, const struct session_setup *setup)
{
	s->setup = *setup;
	s->setup.helo = arena_dup(&s->arena, setup->helo);
	s->setup.host = arena_dup(&s->arena, setup->host);
	s->setup.user = arena_dup(&s->arena, setup->user);
	s->setup.password = arena_dup(&s->arena, setup->password);
	policy_tls_copy(&s->arena, setup->tls, &s->tls);
	s->setup.tls = &s->tls;
	if (setup->context)
		tls_context_ref(setup->context);
}

struct session *
session_new(int fd, const struct session_setup *setup, const struct session_events *ev, void *arg)
{
	static const struct stream_limits limits = {.in_max = IN_MAX, .out_max = OUT_MAX};
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};
	struct session *s = mem_alloc(sizeof(*s));

	s->magic = SESSION_MAGIC;
	s->ev = *ev;
	s->arg = arg;
	s->began = clock_ms();
	arena_init(&s->arena);
	copy_setup(s, setup);
	reply_init(&s->reply);
	s->timer = loop_timer_new(on_timer, s);
	loop_defer_init(&s->act, on_act, s);
	transaction_init(s);
	s->stream = stream_new(fd, &limits, &events, s);
	stream_start(s->stream);
	session_wait(s, s->setup.times->greeting);
	if (s->setup.tls_from_start)
		shake_hands(s);
	return s;
}

void
session_free(struct session **s)
{
	struct session *old = *s;

	*s = NULL;
	if (old)
		release(old);
}

void
session_quit(struct session **s)
{
	struct session *old = *s;
	bool polite;

	*s = NULL;
	if (!old)
		return;
	OBJ(old, SESSION_MAGIC);
	polite = old->state == SESSION_READY ||
		 (old->state == SESSION_OVER && !old->in_mail &&
		     (old->failure == SESSION_REFUSED || old->failure == SESSION_NO_TLS ||
			 old->failure == SESSION_AUTH || old->failure == SESSION_SELF ||
			 old->failure == SESSION_IDLE));
	if (!polite || old->closed) {
		release(old);
		return;
	}
	old->quits = true;
	quitting++;
	old->state = SESSION_QUIT;
	old->why[0] = '\0';
	old->is_done = old->is_ready = false;
	loop_timer_stop(old->timer);
	loop_defer_cancel(&old->act);
	stream_puts(old->stream, "QUIT\r\n");
	stream_finish(old->stream);
}

size_t
session_quitting(void)
{
	return quitting;
}

void
session_give(struct session *s, const struct session_events *ev, void *arg)
{
	OBJ(s, SESSION_MAGIC);
	s->ev = *ev;
	s->arg = arg;
}

bool
session_is_idle(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->state == SESSION_READY;
}

struct str
session_host(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->setup.host;
}

const char *
session_cipher(const struct session *s)
{
	return stream_tls_cipher(s->stream);
}

const char *
session_verified(const struct session *s)
{
	return stream_tls_verified(s->stream);
}

const char *
session_doubt(const struct session *s)
{
	return stream_tls_doubt(s->stream);
}

uint32_t
session_messages(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->messages;
}

uint64_t
session_began(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->began;
}
