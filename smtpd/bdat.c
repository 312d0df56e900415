/*
 * bdat.c - BDAT: a message in chunks of known size (RFC 3030, without BINARYMIME).
 *
 * The octets of a chunk come whether it is taken or not, and are read either way: only then is it
 * known where the next command begins. A refused chunk ends the hopes of its transaction.
 */
#include "base/mem.h"
#include "base/num.h"
#include "smtpd/message.h"
#include "smtpd/session.h"
#include "svc/conf.h"

/* Beyond the largest message; who announces more is not worth reading. */
#define CHUNK_EXCESS_MAX (64u * 1024 * 1024)

/* Why a chunk cannot be taken, or REPLY_COUNT. */
static enum reply
refusal(const struct session *s)
{
	if (!s->tx.open)
		return REPLY_MAIL_FIRST;
	if (s->tx.failed)
		return REPLY_BDAT_FAILED;
	if (s->tx.nrcpts == 0)
		return REPLY_NO_RCPTS;
	return REPLY_COUNT;
}

void
bdat_command(struct session *s, const struct command *c)
{
	uint64_t max = conf_num(svc_conf(), CONF_SMTP_MAX_SIZE);

	s->chunk = c->size;
	s->chunk_last = c->last;
	s->chunk_refused = refusal(s);
	(void)snprintf(s->chunk_text, sizeof(s->chunk_text), "%llu", (unsigned long long)c->size);
	if (s->chunk_refused == REPLY_COUNT && c->size > max)
		s->chunk_refused = REPLY_TOO_BIG;
	if (c->size > max + CHUNK_EXCESS_MAX) {
		session_finish(s, s->chunk_refused, METRIC_SMTP_SESSIONS_ERRORS);
		return;
	}
	if (s->chunk_refused == REPLY_COUNT && !s->tx.message) {
		s->tx.bdat = true;
		s->tx.message = message_new(s, false);
	}
	s->state = SESSION_BDAT;
}

/* The chunk is over. */
static void
chunk_done(struct session *s)
{
	struct message *m = s->tx.message;

	s->state = SESSION_COMMAND;
	if (s->chunk_refused == REPLY_COUNT && m && message_refusal(m) != REPLY_COUNT &&
	    !s->chunk_last)
		s->chunk_refused = message_refusal(m);
	if (s->chunk_refused != REPLY_COUNT) {
		s->tx.failed = s->tx.open;
		session_reply_arg(s, s->chunk_refused, m ? message_refusal_arg(m) : STR_NONE);
		if (s->state != SESSION_CLOSING)
			message_free(&s->tx.message);
	} else if (s->chunk_last) {
		message_finish(m);
	} else {
		session_reply_arg(s, REPLY_CHUNK_OK, str_z(s->chunk_text));
	}
}

bool
bdat_input(struct session *s)
{
	struct message *m = s->tx.message;
	struct str in = str_sub(stream_input(s->stream), 0, s->chunk);

	if (s->chunk > 0) {
		if (in.n == 0 || (m && message_blocked(m)))
			return false;
		if (s->chunk_refused == REPLY_COUNT)
			(void)message_feed(m, in.p, in.n);
		stream_consume(s->stream, in.n);
		s->chunk -= in.n;
	}
	if (s->chunk == 0)
		chunk_done(s);
	else
		stream_ack(s->stream);
	return true;
}
