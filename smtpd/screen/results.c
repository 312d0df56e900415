/* results.c - Authentication-Results (RFC 8601). See check.h. */
#include "base/buf.h"
#include "smtpd/screen/check.h"

#define VALUE_MAX 320u /* octets of a value that comes from the message */
#define FIELD_MAX 16384u

/* token of RFC 2045 5.1, or with @ and . as addresses and domains have them (pvalue of RFC
 * 8601 2.2). */
static bool
is_plain(struct str s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && str_chr(STR("!#$%&'*+-.^_`{|}~@"), s.p[i]) == 18)
			return false;
	return true;
}

/* A value, quoted where it must be; what cannot stand in a header is a '?'. */
static void
put_value(struct buf *b, struct str s)
{
	s = str_sub(s, 0, VALUE_MAX);
	if (is_plain(s)) {
		buf_str(b, s);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			buf_putc(b, '\\');
		buf_putc(b, c < ' ' || c == 127 ? '?' : c);
	}
	buf_putc(b, '"');
}

static void
property(struct buf *b, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	buf_printf(b, " %s=", name);
	put_value(b, value);
}

static void
method(struct buf *b, const char *name, const char *result, struct str reason)
{
	buf_printf(b, ";\r\n\t%s=%s", name, result);
	if (reason.n > 0) {
		buf_puts(b, " reason=");
		/* Quoted whatever it holds: a reason is text. */
		buf_putc(b, '"');
		for (size_t i = 0; i < reason.n && i < VALUE_MAX; i++)
			buf_putc(b, reason.p[i] < ' ' || reason.p[i] > '~' || reason.p[i] == '"' ||
					    reason.p[i] == '\\'
					? '?'
					: reason.p[i]);
		buf_putc(b, '"');
	}
}

/* RFC 8601 2.7.2 */
static void
put_spf(struct buf *b, const struct check_query *q, const struct spf_answer *spf)
{
	method(b, "spf", spf_result_name(spf->result), spf->problem);
	if (q->sender.n > 0)
		property(b, "smtp.mailfrom", q->sender);
	else
		property(b, "smtp.helo", q->helo);
}

/* RFC 8601 2.7.1, RFC 6008 */
static void
put_dkim(struct buf *b, const struct dkim_signature *s)
{
	method(b, "dkim", dkim_result_name(s->result), s->problem);
	property(b, "header.d", s->domain);
	property(b, "header.s", s->selector);
	property(b, "header.a", s->algorithm);
	property(b, "header.b", s->identifier);
}

/* RFC 9989 9.1: polrec.p is what was published, polrec.domain where, when elsewhere. */
static void
put_dmarc(struct buf *b, const struct check_result *r)
{
	const struct dmarc_answer *d = &r->dmarc;

	method(b, "dmarc", dmarc_result_name(d->result), d->problem);
	property(b, "header.from", r->author);
	if (d->published == DMARC_UNSET)
		return;
	property(b, "polrec.p", str_z(dmarc_policy_name(d->published)));
	if (!str_ieq(d->policy_domain, r->author))
		property(b, "polrec.domain", d->policy_domain);
}

struct str
results_make(const struct check_query *q, const struct check_result *r, struct arena *a)
{
	struct str out;
	struct buf b;

	buf_init(&b, FIELD_MAX);
	buf_puts(&b, "Authentication-Results: ");
	put_value(&b, q->host);
	put_spf(&b, q, &r->spf);
	for (size_t i = 0; i < r->nsignatures; i++)
		put_dkim(&b, &r->signatures[i]);
	if (r->nsignatures == 0)
		method(&b, "dkim", "none", STR_NONE);
	put_dmarc(&b, r);
	buf_puts(&b, "\r\n");
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}
