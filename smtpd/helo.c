/*
 * helo.c - HELO, EHLO and STARTTLS: who the client says it is, what the server can, and TLS.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "smtpd/session.h"
#include "svc/conf.h"

struct str
helo_host(void)
{
	return conf_str(svc_conf(), CONF_SERVER_HOST_NAME);
}

void
helo_forget(struct session *s)
{
	transaction_reset(s);
	s->helo_n = 0;
	s->esmtp = false;
	s->user = STR_NONE;
}

/* A name that does not exist or is not the client's is no ground for refusal (RFC 5321 4.1.4), nor
 * is an underscore. What could not stand in a log or a header is. */
static bool
take_name(struct session *s, struct str name)
{
	if (name.n == 0 || name.n > SESSION_HELO_MAX || !str_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (is_cntl(name.p[i]) || is_space(name.p[i]) || strchr("<>()\"\\,;", name.p[i]))
			return false;
	/* Begins the session anew (RFC 5321 4.1.4). */
	transaction_reset(s);
	memcpy(s->helo, name.p, name.n);
	s->helo[name.n] = '\0';
	s->helo_n = name.n;
	return true;
}

void
helo_helo(struct session *s, const struct command *c)
{
	if (!take_name(s, c->arg)) {
		session_reply(s, REPLY_BAD_HELO);
		return;
	}
	s->esmtp = false;
	session_reply_arg(s, REPLY_HELO, helo_host());
}

static bool
offers_starttls(const struct session *s)
{
	return !session_is_inside(s) && tls_server(s->kind) != NULL && !stream_is_tls(s->stream);
}

/* RFC 4865 4: for so many seconds, and until when that is. */
static void
put_futurerelease(struct session *s)
{
	uint64_t max = mail_max_hold(s);
	char until[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_us() + (int64_t)max * 1000000, until);
	stream_printf(s->stream, "250-FUTURERELEASE %llu %s\r\n", (unsigned long long)max, until);
}

void
helo_ehlo(struct session *s, const struct command *c)
{
	struct str host = helo_host();
	struct buf mechs;

	if (!take_name(s, c->arg)) {
		session_reply(s, REPLY_BAD_HELO);
		return;
	}
	s->esmtp = true;
	stream_printf(s->stream,
	    "250-" STR_FMT "\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-DSN\r\n",
	    STR_ARG(host), (unsigned long long)conf_num(svc_conf(), CONF_SMTP_MAX_SIZE));
	if (offers_starttls(s))
		stream_puts(s->stream, "250-STARTTLS\r\n");
	/* Users submit on the submission ports; port 25 takes no passwords. */
	if (s->kind != SESSION_SMTP && s->user.n == 0) {
		struct login_where where = auth_where(s);

		buf_init(&mechs, 512);
		login_offer(&where, "", &mechs);
		if (mechs.n > 0)
			stream_printf(
			    s->stream, "250-AUTH " STR_FMT "\r\n", STR_ARG(buf_view(&mechs)));
		buf_free(&mechs);
	}
	if (mail_max_hold(s) > 0)
		put_futurerelease(s);
	/* Between sendmail and us: the program's address, and whether it may take another. */
	if (s->kind == SESSION_LOCAL)
		stream_printf(s->stream, "250-XUSER " STR_FMT "%s\r\n", STR_ARG(s->user),
		    s->trusted ? " ANY" : "");
	stream_puts(s->stream, "250 HELP\r\n");
}

void
helo_starttls(struct session *s)
{
	if (stream_is_tls(s->stream) || session_is_inside(s)) {
		session_reply(s, REPLY_NO_STARTTLS);
		return;
	}
	if (!tls_server(s->kind)) {
		session_reply(s, REPLY_TLS_UNAVAILABLE);
		return;
	}
	if (s->tx.open) {
		session_reply(s, REPLY_IN_TRANSACTION);
		return;
	}
	session_reply(s, REPLY_STARTTLS_GO);
	helo_forget(s);
	s->state = SESSION_HANDSHAKE;
	s->tls_next = true;
}
