/* report_mail.c - the messages that carry reports. See report_mail.h. */
#include "smtpd/screen/report_mail.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/compose.h"
#include "mail/header.h"

#define LINE_OCTETS 57u /* 76 characters of base64 (RFC 2045 6.8) */

static void put_raw(struct buf *out, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
put_raw(struct buf *out, const char *name, const char *fmt, ...)
{
	struct buf value;
	va_list ap;

	buf_init(&value, 8192);
	va_start(ap, fmt);
	buf_vprintf(&value, fmt, ap);
	va_end(ap);
	compose_raw(out, name, buf_view(&value));
	buf_free(&value);
}

static void
put_base64(struct buf *out, struct str s)
{
	char line[2 * LINE_OCTETS];

	for (; s.n > 0; s = str_from(s, LINE_OCTETS)) {
		struct str part = str_sub(s, 0, LINE_OCTETS);

		(void)sodium_bin2base64(line, sizeof(line), (const unsigned char *)part.p, part.n,
		    sodium_base64_VARIANT_ORIGINAL);
		buf_puts(out, line);
		buf_puts(out, "\r\n");
	}
}

struct str
report_mail_file(const struct report *r, struct str host, struct arena *a)
{
	return arena_printf(a, STR_FMT "!" STR_FMT "!%" PRIu64 "!%" PRIu64 "!" STR_FMT ".xml.gz",
	    STR_ARG(host), STR_ARG(r->domain), r->begin, r->end, STR_ARG(r->id));
}

/* What both kinds begin with. RFC 3834 5: answered by no one. */
static void
put_top(const struct report_mail *m, struct buf *out, uint32_t *return_path)
{
	char date[CLOCK_RFC5322_SIZE];

	put_raw(out, "Return-Path", "<" STR_FMT ">", STR_ARG(m->sender));
	*return_path = (uint32_t)out->n;
	compose_raw(out, "Date", str_z(clock_rfc5322(m->now, date)));
	compose_address(out, "From", STR("DMARC reports"), m->from);
	compose_address(out, "To", STR_NONE, m->to);
	put_raw(out, "Message-ID", "<" STR_FMT "@" STR_FMT ">", STR_ARG(m->mid), STR_ARG(m->host));
	compose_raw(out, "Auto-Submitted", STR("auto-generated"));
	compose_raw(out, "MIME-Version", STR("1.0"));
}

static void
put_part(struct buf *out, const char *boundary, const char *type)
{
	buf_printf(out, "\r\n--%s\r\nContent-Type: %s\r\n", boundary, type);
}

void
report_mail_aggregate(const struct report_mail *m, const struct report *r, struct str packed,
    struct buf *out, uint32_t *return_path)
{
	char boundary[40], from[CLOCK_RFC5322_SIZE], to[CLOCK_RFC5322_SIZE];
	uint64_t messages = 0;
	struct str file;
	struct arena a;

	arena_init(&a);
	file = report_mail_file(r, m->host, &a);
	compose_boundary(m->mid, 0, boundary);
	for (size_t i = 0; i < r->n; i++)
		messages += r->rows[i].count;
	put_top(m, out, return_path);
	put_raw(out, "Subject",
	    "Report Domain: " STR_FMT " Submitter: " STR_FMT " Report-ID: <" STR_FMT ">",
	    STR_ARG(r->domain), STR_ARG(m->host), STR_ARG(r->id));
	put_raw(out, "Content-Type", "multipart/mixed; boundary=\"%s\"", boundary);
	put_part(out, boundary, "text/plain; charset=us-ascii");
	buf_printf(out,
	    "\r\nThis is a DMARC aggregate report (RFC 9990) of " STR_FMT "\r\nabout %" PRIu64
	    " messages that named " STR_FMT " as their author's domain,\r\nfrom %s to %s.\r\n",
	    STR_ARG(m->host), messages, STR_ARG(r->domain), clock_rfc5322((int64_t)r->begin, from),
	    clock_rfc5322((int64_t)r->end, to));
	put_part(out, boundary, "application/gzip");
	buf_puts(out, "Content-Transfer-Encoding: base64\r\n");
	put_raw(out, "Content-Disposition", "attachment; filename=\"" STR_FMT "\"", STR_ARG(file));
	buf_puts(out, "\r\n");
	put_base64(out, packed);
	buf_printf(out, "\r\n--%s--\r\n", boundary);
	arena_free(&a);
}

/* ---- failure reports ---- */

/* One line of printable ASCII: it goes into a header field. */
static struct str
plain(struct str s, struct arena *a)
{
	char *out = arena_dupz(a, str_sub(s, 0, 500));
	size_t n = str_sub(s, 0, 500).n;

	for (size_t i = 0; i < n; i++)
		if (is_cntl(out[i]) || (unsigned char)out[i] > 126)
			out[i] = '?';
	return str_of(out, n);
}

/* What may stand between quotes (RFC 5322 3.2.4). */
static struct str
quoted(struct str s, struct arena *a)
{
	struct str in = plain(s, a);
	char *out = arena_alloc(a, 2 * in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '"' || in.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = in.p[i];
	}
	return str_of(out, n);
}

static const char *
peer_text(const struct sockaddr_storage *peer, char out[INET6_ADDRSTRLEN])
{
	const void *address = peer->ss_family == AF_INET
				  ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
				  : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;

	return inet_ntop(peer->ss_family, address, out, INET6_ADDRSTRLEN) ? out : "";
}

/* RFC 9991 4: of an aligned identifier that failed. */
static void
put_dkim(const struct check_result *r, struct arena *a, struct buf *out)
{
	for (size_t i = 0; i < r->nsignatures; i++) {
		const struct dkim_signature *s = &r->signatures[i];

		if (s->result == DKIM_PASS || !str_ieq(s->domain, r->author))
			continue;
		put_raw(out, "DKIM-Domain", STR_FMT, STR_ARG(plain(s->domain, a)));
		put_raw(out, "DKIM-Identity", "@" STR_FMT, STR_ARG(plain(s->domain, a)));
		put_raw(out, "DKIM-Selector", STR_FMT, STR_ARG(plain(s->selector, a)));
		return;
	}
}

static void
put_feedback(const struct report_failure *f, struct arena *a, struct buf *out)
{
	char peer[INET6_ADDRSTRLEN], date[CLOCK_RFC5322_SIZE];
	const struct check_result *r = f->r;
	struct header_field results;

	compose_raw(out, "Feedback-Type", STR("auth-failure"));
	compose_raw(out, "User-Agent", STR("GK-Mail"));
	compose_raw(out, "Version", STR("1"));
	compose_raw(out, "Auth-Failure", STR("dmarc"));
	compose_raw(out, "Identity-Alignment",
	    r->dmarc.dkim_aligned  ? STR("spf")
	    : r->dmarc.spf_aligned ? STR("dkim")
				   : STR("dkim, spf"));
	compose_raw(out, "Delivery-Result",
	    r->verdict == CHECK_REJECT ? STR("reject")
	    : r->verdict == CHECK_JUNK ? STR("spam")
				       : STR("delivered"));
	/* The field as this message got it, folded as it is. */
	if (header_find(r->fields, STR("Authentication-Results"), &results))
		buf_str(out, results.raw);
	compose_raw(out, "Arrival-Date", str_z(clock_rfc5322(f->q->now, date)));
	put_raw(out, "Original-Mail-From", "<" STR_FMT ">", STR_ARG(plain(f->q->sender, a)));
	put_raw(out, "Source-IP", "%s", peer_text(&f->q->peer, peer));
	put_raw(out, "Reported-Domain", STR_FMT, STR_ARG(plain(r->author, a)));
	put_raw(out, "Incidents", "%u", f->incidents);
	put_dkim(r, a, out);
	if (!r->dmarc.spf_aligned && f->spf_record.n > 0)
		put_raw(out, "SPF-DNS", "txt : " STR_FMT " : \"" STR_FMT "\"",
		    STR_ARG(plain(r->spf.domain, a)), STR_ARG(quoted(f->spf_record, a)));
}

/* In whole lines, without the empty one. */
static struct str
cut_header(struct str s)
{
	s = str_sub(s, 0, REPORT_HEADER_MAX);
	while (s.n > 0 && s.p[s.n - 1] != '\n')
		s.n--;
	while (str_ends(s, STR("\r\n\r\n")))
		s.n -= 2;
	return s;
}

void
report_mail_failure(const struct report_mail *m, const struct report_failure *f, struct buf *out,
    uint32_t *return_path)
{
	struct str header = cut_header(f->header);
	struct arena a;
	char boundary[40];

	arena_init(&a);
	compose_boundary(m->mid, 0, boundary);
	put_top(m, out, return_path);
	put_raw(out, "Subject", "DMARC failure report about " STR_FMT,
	    STR_ARG(plain(f->r->author, &a)));
	put_raw(out, "Content-Type",
	    "multipart/report; report-type=feedback-report; boundary=\"%s\"", boundary);
	put_part(out, boundary, "text/plain; charset=us-ascii");
	buf_printf(out,
	    "\r\nThis is a DMARC failure report (RFC 9991) of " STR_FMT
	    ".\r\nA message that named " STR_FMT
	    " as its author's domain failed authentication.\r\n",
	    STR_ARG(m->host), STR_ARG(plain(f->r->author, &a)));
	put_part(out, boundary, "message/feedback-report");
	buf_puts(out, "\r\n");
	put_feedback(f, &a, out);
	put_part(out, boundary, "text/rfc822-headers");
	buf_puts(out, str_is_ascii(header) ? "\r\n" : "Content-Transfer-Encoding: 8bit\r\n\r\n");
	buf_str(out, header);
	buf_printf(out, "\r\n--%s--\r\n", boundary);
	arena_free(&a);
}
