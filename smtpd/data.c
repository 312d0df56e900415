/*
 * data.c - DATA: a message ended by a dot (RFC 5321 4.1.1.4).
 */
#include "base/mem.h"
#include "smtpd/message.h"
#include "smtpd/session.h"

void
data_command(struct session *s)
{
	if (!s->tx.open) {
		session_reply(s, REPLY_MAIL_FIRST);
		return;
	}
	if (s->tx.bdat) {
		session_reply(s, REPLY_BDAT_OPEN);
		return;
	}
	if (s->tx.nrcpts == 0) {
		session_reply(s, REPLY_NO_RCPTS);
		return;
	}
	s->tx.message = message_new(s, true);
	s->state = SESSION_DATA;
	session_reply(s, REPLY_GO_AHEAD);
}

bool
data_input(struct session *s)
{
	struct message *m = s->tx.message;
	struct str in = stream_input(s->stream);

	if (in.n == 0 || message_blocked(m))
		return false;
	stream_consume(s->stream, message_feed(m, in.p, in.n));
	if (message_ended(m))
		message_finish(m);
	else
		stream_ack(s->stream);
	return true;
}
