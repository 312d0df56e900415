/*
 * trace.c - what the server puts on top of a message. See trace.h.
 */
#include "smtpd/trace.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "net/idna.h"

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

/* The recipient, its domain as A-labels: a host that knows no SMTPUTF8 can be given the message
 * then, if nothing else in it needs that. */
static void
put_rcpt(struct buf *b, struct str rcpt)
{
	struct str local, domain;
	struct arena a;

	arena_init(&a);
	if (!str_is_ascii(rcpt) && address_split(rcpt, &local, &domain) && str_is_ascii(local) &&
	    idna_to_ascii(domain, &a, &domain, NULL) == 0)
		rcpt = arena_printf(&a, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain));
	(void)buf_printf(b, "\r\n\tfor <" STR_FMT ">", STR_ARG(str_sub(rcpt, 0, 400)));
	arena_free(&a);
}

static void
put_received(struct buf *b, const struct trace *t)
{
	(void)buf_puts(b, "Received: ");
	if (t->from_mailbox) {
		(void)buf_printf(b,
		    "by " STR_FMT " (GK Mail, from a mailbox here)\r\n\tid " STR_FMT,
		    STR_ARG(str_sub(t->host, 0, 255)), STR_ARG(t->mid));
	} else if (t->account.n > 0) {
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
		put_rcpt(b, t->rcpt);
	put_tls(b, t->tls);
}

static void
put_added(struct buf *b, const struct trace *t, const char *date)
{
	if (t->add_date)
		(void)buf_printf(b, "Date: %s\r\n", date);
	if (t->add_message_id)
		(void)buf_printf(b, "Message-ID: <" STR_FMT "@" STR_FMT ">\r\n", STR_ARG(t->mid),
		    STR_ARG(str_sub(t->host, 0, 255)));
	if (t->no_header)
		(void)buf_puts(b, "\r\n");
}

struct str
trace_added(const struct trace *t, struct arena *a)
{
	char date[CLOCK_RFC5322_SIZE];
	struct buf b;
	struct str out;

	buf_init(&b, TRACE_MAX);
	clock_rfc5322(t->now, date);
	put_added(&b, t, date);
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}

struct str
trace_make(const struct trace *t, struct arena *a, uint32_t *return_path)
{
	char date[CLOCK_RFC5322_SIZE];
	struct buf b;
	struct str out;

	assume(t->fields.n <= TRACE_FIELDS_MAX);
	buf_init(&b, TRACE_MAX);
	clock_rfc5322(t->now, date);
	(void)buf_printf(&b, "Return-Path: <" STR_FMT ">\r\n", STR_ARG(str_sub(t->sender, 0, 400)));
	*return_path = (uint32_t)b.n;
	(void)buf_str(&b, t->fields);
	put_received(&b, t);
	(void)buf_printf(&b, ";\r\n\t%s\r\n", date);
	put_added(&b, t, date);
	assume(!b.over);
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}

/* A line of a field, without its CRLF: a name and a colon, or a blank and something behind it. */
static bool
is_line(struct str line, bool first)
{
	size_t colon = str_chr(line, ':');

	for (size_t i = 0; i < line.n; i++)
		if (is_cntl(line.p[i]) && line.p[i] != '\t')
			return false;
	if (line.n > 998 || str_trim(line).n == 0)
		return false;
	if (is_space(line.p[0]))
		return !first;
	for (size_t i = 0; i < colon; i++)
		if (line.p[i] == ' ' || line.p[i] == '\t')
			return false;
	return colon > 0 && colon < line.n;
}

bool
trace_are_fields(struct str s)
{
	bool first = true;

	if (s.n > TRACE_FIELDS_MAX)
		return false;
	while (s.n > 0) {
		size_t n = str_find(s, STR("\r\n"));

		if (n == s.n || !is_line(str_sub(s, 0, n), first))
			return false;
		first = false;
		s = str_from(s, n + 2);
	}
	return true;
}
