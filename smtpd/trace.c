/*
 * trace.c - what the server puts on top of a message. See trace.h.
 */
#include "smtpd/trace.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

const char *
trace_protocol(const struct trace *t)
{
	static const char *const names[2][2][2] = {
	    {{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
	    {{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}},
	};

	if (!t->esmtp)
		return "SMTP";
	return names[t->utf8][t->tls.n > 0][t->authed];
}

/* A name of the client, or what of it may stand in a Received field: a word that opens no comment,
 * quotes nothing and ends no clause. */
static void
put_name(struct buf *b, struct str name)
{
	name = str_sub(name, 0, 255);
	if (name.n == 0)
		(void)buf_puts(b, "unknown");
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool fine = is_alnum(c) || strchr(".-_:[]", c) || (unsigned char)c > 127;

		(void)buf_putc(b, fine && c != '\0' ? c : '?');
	}
}

/* RFC 5321 4.1.3 */
static void
put_literal(struct buf *b, struct str peer)
{
	peer = str_sub(peer, 0, 64);
	(void)buf_printf(
	    b, "[%s" STR_FMT "]", str_chr(peer, ':') < peer.n ? "IPv6:" : "", STR_ARG(peer));
}

/* RFC 8314 4.3: the cipher suite by its registered name, which has no hyphens; any other goes into
 * a comment. */
static void
put_tls(struct buf *b, struct str tls)
{
	struct str version, suite = str_sub(tls, 0, 128);

	if (tls.n == 0)
		return;
	(void)str_cut(&suite, ' ', &version);
	if (str_starts(suite, STR("TLS_")))
		(void)buf_printf(
		    b, "\r\n\ttls " STR_FMT " (" STR_FMT ")", STR_ARG(suite), STR_ARG(version));
	else
		(void)buf_printf(
		    b, "\r\n\t(" STR_FMT " " STR_FMT ")", STR_ARG(version), STR_ARG(suite));
}

static void
put_received(struct buf *b, const struct trace *t, const char *date)
{
	(void)buf_puts(b, "Received: ");
	if (t->account.n > 0) {
		/* RFC 5322 3.6.7 leaves the clauses free; there is no host to name. */
		(void)buf_printf(b,
		    "by " STR_FMT " (GK Mail, from a program of " STR_FMT ")\r\n\tid " STR_FMT,
		    STR_ARG(str_sub(t->host, 0, 255)), STR_ARG(str_sub(t->account, 0, 320)),
		    STR_ARG(t->mid));
	} else {
		(void)buf_puts(b, "from ");
		put_name(b, t->helo);
		/* RFC 5321 4.4, TCP-info: what the connection says, beside what the client says. */
		(void)buf_puts(b, " (");
		put_name(b, t->client);
		(void)buf_putc(b, ' ');
		put_literal(b, t->peer);
		(void)buf_printf(b, ")\r\n\tby " STR_FMT " (GK Mail) with %s id " STR_FMT,
		    STR_ARG(str_sub(t->host, 0, 255)), trace_protocol(t), STR_ARG(t->mid));
	}
	/* Not with several: it would show a blind copy to the others (RFC 5321 7.2). */
	if (t->rcpt.n > 0)
		(void)buf_printf(b, "\r\n\tfor <" STR_FMT ">", STR_ARG(str_sub(t->rcpt, 0, 400)));
	put_tls(b, t->tls);
	(void)buf_printf(b, ";\r\n\t%s\r\n", date);
}

struct str
trace_make(const struct trace *t, struct arena *a, uint32_t *return_path)
{
	char date[CLOCK_RFC5322_SIZE];
	struct buf b;
	struct str out;

	buf_init(&b, TRACE_MAX);
	clock_rfc5322(t->now, date);
	(void)buf_printf(&b, "Return-Path: <" STR_FMT ">\r\n", STR_ARG(str_sub(t->sender, 0, 400)));
	*return_path = (uint32_t)b.n;
	put_received(&b, t, date);
	if (t->add_date)
		(void)buf_printf(&b, "Date: %s\r\n", date);
	if (t->add_message_id)
		(void)buf_printf(&b, "Message-ID: <" STR_FMT "@" STR_FMT ">\r\n", STR_ARG(t->mid),
		    STR_ARG(str_sub(t->host, 0, 255)));
	if (t->no_header)
		(void)buf_puts(&b, "\r\n");
	assume(!b.over);
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}
