/*
 * commands.c - command lines, out of the input and to their verbs.
 */
#include "base/clock.h"
#include "smtpd/session.h"
#include "svc/conf.h"

/* Commands between two messages that lead to none (NOOP, RSET, VRFY …); each more is an error. */
#define CHATTER_MAX 200u
/* Replies that may wait for one another. */
#define SLOTS_MAX 64u

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
command(struct session *s, struct str line, size_t used)
{
	struct command c;
	enum command_result r = command_parse(line, &c);
	uint64_t began = clock_us();
	bool leads_on = c.verb == VERB_MAIL || c.verb == VERB_RCPT || c.verb == VERB_BDAT;

	/* Everything but RCPT waits until those before it are answered. */
	if (!TAILQ_EMPTY(&s->slots) && c.verb != VERB_RCPT)
		return false;
	if ((!s->esmtp || c.verb == VERB_EHLO || c.verb == VERB_HELO) && door_hasty(s, used))
		return true;
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

bool
commands_input(struct session *s)
{
	struct str in = stream_input(s->stream), line;
	enum line_result r;
	size_t used;

	if (TAILQ_EMPTY(&s->slots) && !s->tx.open && svc_draining()) {
		session_finish(s, REPLY_SHUTDOWN, METRIC_SMTP_SESSIONS_OK);
		return false;
	}
	if (TAILQ_EMPTY(&s->slots) && s->revoked) {
		session_finish(s, REPLY_REVOKED, METRIC_SMTP_SESSIONS_REFUSED);
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
		if (!command(s, line, used))
			return false;
	} else {
		s->skip = r == LINE_TOO_LONG;
		session_reply(s, r == LINE_BAD ? REPLY_LINE_BAD : REPLY_LINE_TOO_LONG);
	}
	if (s->state != SESSION_CLOSING)
		stream_consume(s->stream, used);
	if (s->tls_next) {
		s->tls_next = false;
		stream_tls_accept(s->stream, tls_server(s->kind));
	}
	return true;
}
