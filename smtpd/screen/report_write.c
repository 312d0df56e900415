/* report_write.c - an aggregate report as XML (RFC 9990 3.1, appendix A). See report.h. */
#include <inttypes.h>

#include "base/mem.h"
#include "smtpd/screen/report.h"

/* XML 1.0 2.2 and 2.4. What is no UTF-8 is made ASCII. */
static void
put_text(struct buf *out, struct str s)
{
	bool utf8 = str_is_utf8(s);

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else
			buf_putc(out, is_cntl(c) || (!utf8 && (unsigned char)c > 126) ? '?' : c);
	}
}

static void
element(struct buf *out, unsigned depth, const char *name, struct str value)
{
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "  ");
	buf_printf(out, "<%s>", name);
	put_text(out, value);
	buf_printf(out, "</%s>\n", name);
}

static void
optional(struct buf *out, unsigned depth, const char *name, struct str value)
{
	if (value.n > 0)
		element(out, depth, name, value);
}

static void
number(struct buf *out, unsigned depth, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	element(out, depth, name, str_z(text));
}

/* 3.1.1.3 */
static void
put_metadata(const struct report *r, struct buf *out)
{
	buf_puts(out, "  <report_metadata>\n");
	element(out, 2, "org_name", r->organization);
	element(out, 2, "email", r->email);
	optional(out, 2, "extra_contact_info", r->contact);
	element(out, 2, "report_id", r->id);
	buf_puts(out, "    <date_range>\n");
	number(out, 3, "begin", r->begin);
	number(out, 3, "end", r->end);
	buf_puts(out, "    </date_range>\n");
	optional(out, 2, "error", r->error);
	optional(out, 2, "generator", r->generator);
	buf_puts(out, "  </report_metadata>\n");
}

/* 3.1.1.5 */
static void
put_policy(const struct report *r, struct buf *out)
{
	buf_puts(out, "  <policy_published>\n");
	element(out, 2, "domain", r->domain);
	optional(out, 2, "discovery_method", r->discovery);
	element(out, 2, "p", r->p);
	optional(out, 2, "sp", r->sp);
	optional(out, 2, "np", r->np);
	optional(out, 2, "fo", r->fo);
	optional(out, 2, "adkim", r->adkim);
	optional(out, 2, "aspf", r->aspf);
	optional(out, 2, "testing", r->testing);
	buf_puts(out, "  </policy_published>\n");
}

/* 3.1.1.8, 3.1.1.9 */
static void
put_evaluation(const struct report_row *r, struct buf *out)
{
	buf_puts(out, "    <row>\n");
	element(out, 3, "source_ip", r->source);
	number(out, 3, "count", r->count);
	buf_puts(out, "      <policy_evaluated>\n");
	element(out, 4, "disposition", r->disposition);
	element(out, 4, "dkim", r->dkim);
	element(out, 4, "spf", r->spf);
	if (r->reason.n > 0) {
		buf_puts(out, "        <reason>\n");
		element(out, 5, "type", r->reason);
		optional(out, 5, "comment", r->comment);
		buf_puts(out, "        </reason>\n");
	}
	buf_puts(out, "      </policy_evaluated>\n    </row>\n");
}

/* 3.1.1.11 */
static void
put_results(const struct report_row *r, struct buf *out)
{
	buf_puts(out, "    <auth_results>\n");
	for (size_t i = 0; i < r->nsignatures; i++) {
		const struct report_signature *s = &r->signatures[i];

		buf_puts(out, "      <dkim>\n");
		element(out, 4, "domain", s->domain);
		element(out, 4, "selector", s->selector);
		element(out, 4, "result", s->result);
		buf_puts(out, "      </dkim>\n");
	}
	if (r->spf_result.n > 0) {
		buf_puts(out, "      <spf>\n");
		element(out, 4, "domain", r->spf_domain);
		optional(out, 4, "scope", r->spf_scope);
		element(out, 4, "result", r->spf_result);
		buf_puts(out, "      </spf>\n");
	}
	buf_puts(out, "    </auth_results>\n");
}

static void
put_row(const struct report_row *r, struct buf *out)
{
	buf_puts(out, "  <record>\n");
	put_evaluation(r, out);
	/* An empty envelope_from is the null reverse-path (3.1.1.10). */
	buf_puts(out, "    <identifiers>\n");
	element(out, 3, "header_from", r->header_from);
	element(out, 3, "envelope_from", r->envelope_from);
	optional(out, 3, "envelope_to", r->envelope_to);
	buf_puts(out, "    </identifiers>\n");
	put_results(r, out);
	buf_puts(out, "  </record>\n");
}

void
report_write(const struct report *r, struct buf *out)
{
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
		      "  <version>1.0</version>\n");
	put_metadata(r, out);
	put_policy(r, out);
	for (size_t i = 0; i < r->n; i++)
		put_row(&r->rows[i], out);
	buf_puts(out, "</feedback>\n");
}
