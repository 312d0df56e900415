/*
 * reply.c - words to the client (RFC 3501 7, RFC 5530).
 */
#include "mail/mutf7.h"
#include "mailboxd/imap/conn.h"

#include <stdio.h>

#include "base/log.h"
#include "mail/imap_structure.h"
#include "net/imap_capability.h"

void
imap_puts(struct imap_conn *c, const char *z)
{
	stream_puts(c->stream, z);
}

void
imap_put(struct imap_conn *c, struct str s)
{
	stream_write(c->stream, s.p, s.n);
}

void
imap_printf(struct imap_conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stream_vprintf(c->stream, fmt, ap);
	va_end(ap);
}

static enum imap_step
result(struct imap_conn *c, enum imap_result r, const char *fmt, va_list ap)
{
	c->result = r;
	buf_reset(&c->text);
	buf_vprintf(&c->text, fmt, ap);
	return IMAP_DONE;
}

enum imap_step
imap_ok(struct imap_conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(c, IMAP_OK, fmt, ap);
	va_end(ap);
	return IMAP_DONE;
}

enum imap_step
imap_no(struct imap_conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(c, IMAP_NO, fmt, ap);
	va_end(ap);
	return IMAP_DONE;
}

enum imap_step
imap_bad(struct imap_conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(c, IMAP_BAD, fmt, ap);
	va_end(ap);
	return IMAP_DONE;
}

enum imap_step
imap_err(struct imap_conn *c, const struct err *e)
{
	switch (e->code) {
	case E_NOTFOUND:
		return imap_no(c, "[NONEXISTENT] %s", e->text);
	case E_EXISTS:
		return imap_no(c, "[ALREADYEXISTS] %s", e->text);
	case E_INVAL:
	case E_PERM:
		return imap_no(c, "[CANNOT] %s", e->text);
	case E_DENIED:
		return imap_no(c, "[NOPERM] %s", e->text);
	case E_LIMIT:
		return imap_no(c, "[LIMIT] %s", e->text);
	case E_QUOTA:
		return imap_no(c, "[OVERQUOTA] %s", e->text);
	case E_NOSPACE:
	case E_TEMP:
	case E_TIMEOUT:
	case E_CLOSED:
		/* What the client is not told, the operator is. */
		log_warn("imap.refuse", LS("sid", c->sid), LS("user", c->user), LE(e));
		return imap_no(c, "[UNAVAILABLE] Try again later");
	case E_OK:
	case E_PROTO:
	case E_IO:
	case E_INTERNAL:
		break;
	}
	log_error("imap.error", LS("sid", c->sid), LS("user", c->user), LE(e));
	return imap_no(c, "[SERVERBUG] Internal error");
}

void
imap_put_mailbox(struct imap_conn *c, struct str name)
{
	struct str wire;
	struct buf b;

	buf_init(&b, 1u << 16);
	if (mutf7_encode(name, &c->work, &wire) == 0)
		imap_astring(wire, &b);
	imap_put(c, buf_view(&b));
	buf_free(&b);
}

void
imap_put_flags(struct imap_conn *c, const struct mailbox *mb, const struct message *m, bool recent)
{
	static const char *const names[] = {
	    "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};
	struct buf b;

	buf_init(&b, 1u << 16);
	for (unsigned i = 0; i < 5; i++)
		if (m->flags & (1u << i))
			buf_printf(&b, " %s", names[i]);
	if (recent)
		buf_puts(&b, " \\Recent");
	for (unsigned i = 0; i < mb->nkeywords; i++)
		if (m->keywords & (UINT64_C(1) << i))
			buf_printf(&b, " " STR_FMT, STR_ARG(mb->keywords[i]));
	buf_putc(&b, ')');
	imap_puts(c, "(");
	imap_put(c, str_from(buf_view(&b), b.p[0] == ' ' ? 1 : 0));
	buf_free(&b);
}

void
imap_uid_set(struct buf *b, const uint32_t *uids, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t k = i;

		while (k + 1 < n && uids[k + 1] == uids[k] + 1)
			k++;
		buf_printf(b, "%s%u", i > 0 ? "," : "", uids[i]);
		if (k > i)
			buf_printf(b, ":%u", uids[k]);
		i = k + 1;
	}
}

const char *
imap_capabilities(struct imap_conn *c)
{
	return arena_printf(&c->work, IMAP_CAPABILITIES " APPENDLIMIT=%llu",
	    (unsigned long long)c->host->max_message)
	    .p;
}
