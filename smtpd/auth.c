/*
 * auth.c - AUTH (RFC 4954): the lines of an exchange between client and lib/svc/login.
 *
 * Only on the submission ports, and only under TLS unless the operator insists.
 */
#include "base/log.h"
#include "base/mem.h"
#include "smtpd/session.h"
#include "svc/conf.h"

struct login_where
auth_where(struct session *s)
{
	return (struct login_where){
	    .auth = svc_channel(PEER_AUTHD),
	    .conf = svc_conf(),
	    .service = "smtp",
	    .stream = s->stream,
	    .conn = s->conn,
	    .sid = str_z(s->sid),
	    .without_tls = conf_bool(svc_conf(), CONF_SUBMISSION_AUTH_WITHOUT_TLS),
	};
}

static void
on_challenge(void *arg, struct str base64)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	/* Not by reply.c: a challenge may be longer than other replies (RFC 4954 4). */
	stream_printf(s->stream, "334 " STR_FMT "\r\n", STR_ARG(base64));
	session_run(s);
}

static void
over(struct session *s, enum reply r)
{
	login_free(&s->login);
	s->state = SESSION_COMMAND;
	session_reply(s, r);
	session_run(s);
}

static void
on_ok(void *arg, struct str user, struct str ticket)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->token = arena_dup(&s->arena, ticket);
	if (!stream_tls_client_is(s->stream, user)) {
		log_warn("smtp.auth_certificate", LZ("sid", s->sid), LZ("peer", s->peer),
		    LS("user", user), LZ("client", stream_tls_client(s->stream)));
		over(s, REPLY_AUTH_FAIL);
		return;
	}
	s->user = arena_dup(&s->arena, user);
	log_info("smtp.auth", LZ("sid", s->sid), LZ("peer", s->peer), LS("user", s->user),
	    LZ("client", stream_tls_client(s->stream)));
	over(s, REPLY_AUTH_OK);
}

static void
on_failed(void *arg, enum login_failure why)
{
	static const enum reply replies[] = {
	    [LOGIN_FAILED] = REPLY_AUTH_FAIL,
	    [LOGIN_TEMP] = REPLY_AUTH_TEMP,
	    [LOGIN_BAD] = REPLY_AUTH_SYNTAX,
	    [LOGIN_NO_MECH] = REPLY_AUTH_MECH,
	    [LOGIN_NEEDS_TLS] = REPLY_NEED_TLS,
	    [LOGIN_ABORTED] = REPLY_AUTH_CANCELLED,
	};
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	assume((size_t)why < ARRAY_LEN(replies));
	over(s, replies[why]);
}

static const struct login_events events = {
    .challenge = on_challenge, .ok = on_ok, .failed = on_failed};

void
auth_command(struct session *s, const struct command *c)
{
	struct login_where where = auth_where(s);

	if (s->kind == SESSION_SMTP) {
		session_reply(s, REPLY_NO_AUTH_HERE);
	} else if (!s->esmtp) {
		session_reply(s, REPLY_HELO_FIRST);
	} else if (s->user.n > 0) {
		session_reply(s, REPLY_AUTH_DONE);
	} else if (s->tx.open) {
		session_reply(s, REPLY_IN_TRANSACTION);
	} else if (!stream_is_tls(s->stream) && !where.without_tls) {
		session_reply(s, REPLY_NEED_TLS);
	} else {
		s->state = SESSION_AUTH;
		s->login = login_start(&where, c->mech, c->has_initial, c->initial, &events, s);
	}
}

bool
auth_input(struct session *s)
{
	struct str line;
	enum line_result r;
	size_t used;

	if (!s->login || !login_wants_line(s->login))
		return false;
	r = command_line(stream_input(s->stream), true, &line, &used);
	if (r == LINE_MORE)
		return false;
	if (r == LINE_DONE) {
		login_line(s->login, line);
		stream_consume(s->stream, used);
		return true;
	}
	stream_consume(s->stream, used);
	s->skip = r == LINE_TOO_LONG;
	login_free(&s->login);
	s->state = SESSION_COMMAND;
	session_reply(s, REPLY_AUTH_SYNTAX);
	return true;
}
