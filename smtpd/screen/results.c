/* results.c - Authentication-Results (RFC 8601). See check.h. */
#include <arpa/inet.h>

#include "base/buf.h"
#include "base/mem.h"
#include "smtpd/screen/check.h"

#define VALUE_MAX 255u /* octets of a value that comes from the message */
#define LINE      76u  /* where a line is folded (RFC 5322 2.1.1) */
/* What DMARC and the fields about spam may need: room that signatures leave. */
#define LAST_MAX   1500u
#define REASON_MAX 100u

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
	bool utf8;

	s = str_sub(s, 0, VALUE_MAX);
	if (is_plain(s)) {
		buf_str(b, s);
		return;
	}
	utf8 = str_is_utf8(s);
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			buf_putc(b, '\\');
		buf_putc(b, is_cntl(c) || (!utf8 && (unsigned char)c > 126) ? '?' : c);
	}
	buf_putc(b, '"');
}

/* Goes on in this line, or in the next one where it would be too long. */
static void
put_gap(struct buf *b, size_t coming, const char *gap)
{
	struct str all = buf_view(b);
	size_t lf = str_rchr(all, '\n'), in_line = lf < all.n ? all.n - lf : all.n;

	buf_puts(b, in_line + coming > LINE ? "\r\n\t" : gap);
}

static void
property(struct buf *b, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	put_gap(b, strlen(name) + value.n, " ");
	buf_printf(b, "%s=", name);
	put_value(b, value);
}

static void
method(struct buf *b, const char *name, const char *result, struct str reason)
{
	buf_printf(b, ";\r\n\t%s=%s", name, result);
	if (reason.n > 0) {
		reason = str_sub(reason, 0, REASON_MAX);
		put_gap(b, strlen("reason=") + reason.n, " ");
		buf_puts(b, "reason=");
		/* Quoted whatever it holds: a reason is text. */
		buf_putc(b, '"');
		for (size_t i = 0; i < reason.n; i++)
			buf_putc(b, reason.p[i] < ' ' || reason.p[i] > '~' || reason.p[i] == '"' ||
					    reason.p[i] == '\\'
					? '?'
					: reason.p[i]);
		buf_putc(b, '"');
	}
}

/* RFC 8601 2.7.3, 2.3 */
static void
put_iprev(struct buf *b, const struct check_query *q)
{
	char text[INET6_ADDRSTRLEN] = "";
	bool v4 = q->peer.ss_family == AF_INET;

	if (q->iprev == IPREV_UNKNOWN ||
	    inet_ntop(q->peer.ss_family,
		v4 ? (const void *)&((const struct sockaddr_in *)&q->peer)->sin_addr
		   : (const void *)&((const struct sockaddr_in6 *)&q->peer)->sin6_addr,
		text, sizeof(text)) == NULL)
		return;
	method(b, "iprev", q->iprev == IPREV_PASS ? "pass" : "fail", STR_NONE);
	property(b, "policy.iprev", str_z(text));
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

/* As many as there is room for. */
static void
put_signatures(struct buf *b, const struct check_result *r)
{
	for (size_t i = 0; i < r->nsignatures; i++) {
		size_t before = b->n;

		put_dkim(b, &r->signatures[i]);
		if (b->over || b->n > RESULTS_MAX - LAST_MAX) {
			b->n = before;
			b->over = false;
			break;
		}
	}
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

/* As filters of other houses write it, so that what reads theirs reads ours. */
static void
put_spam(struct buf *b, const struct check_query *q, const struct check_result *r)
{
	struct str rest = r->reasons.n > 0 ? r->reasons : STR("none"), one;
	bool more, first = true;

	buf_printf(b, "X-Spam-Status: %s, score=%u required=%u\r\n\ttests=",
	    r->verdict == CHECK_JUNK ? "Yes" : "No", r->score, q->junk_score);
	do {
		more = str_cut(&rest, ',', &one);
		if (!first)
			buf_putc(b, ',');
		if (!first)
			put_gap(b, one.n, "");
		buf_str(b, one);
		first = false;
	} while (more);
	buf_puts(b, "\r\n");
	if (r->verdict == CHECK_JUNK)
		buf_puts(b, "X-Spam-Flag: YES\r\n");
}

struct str
results_make(const struct check_query *q, const struct check_result *r, struct arena *a)
{
	struct str out;
	struct buf b;

	buf_init(&b, RESULTS_MAX);
	buf_puts(&b, "Authentication-Results: ");
	put_value(&b, q->host);
	put_iprev(&b, q);
	put_spf(&b, q, &r->spf);
	put_signatures(&b, r);
	if (r->dkim_problem.n > 0)
		method(&b, "dkim", "permerror", r->dkim_problem);
	else if (r->nsignatures == 0)
		method(&b, "dkim", "none", STR_NONE);
	put_dmarc(&b, r);
	buf_puts(&b, "\r\n");
	put_spam(&b, q, r);
	assume(!b.over);
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}
