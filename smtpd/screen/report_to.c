/* report_to.c - who may get reports about a domain. See report_to.h. */
#include "smtpd/screen/report_to.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "net/idna.h"

enum answer {
	NO,
	YES,
	WAIT,
	LATER
};

struct find {
	const struct report_to_query *q;
	struct facts *f;
	struct report_to *out;
	size_t n;
};

/* RFC 3986 2.1 */
static struct str
decoded(struct str s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		int octet = s.p[i] == '%' ? num_hex_octet(s, i + 1) : -1;

		out[n++] = octet >= 0 ? (char)octet : s.p[i];
		i += octet >= 0 ? 2 : 0;
	}
	return str_of(out, n);
}

/* The address of a mailto: URI, what follows a '?' left out (RFC 6068 2); ASCII alone, so that it
 * can be written to without SMTPUTF8. */
static bool
mailto(struct str uri, struct arena *a, struct str *address, struct str *host)
{
	struct address parsed;
	struct str rest = uri, part;
	struct err e;

	if (!str_cut(&rest, ':', &part) || !str_ieq_z(part, "mailto"))
		return false;
	str_cut(&rest, '?', &part);
	if (address_parse(decoded(part, a), ADDRESS_UTF8, a, &parsed, &e) < 0 || parsed.literal ||
	    idna_to_ascii(parsed.domain, a, host, &e) < 0)
		return false;
	address_split(parsed.text, &part, &rest);
	*address = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(part), STR_ARG(*host));
	return str_is_ascii(*address);
}

static void
add(struct find *d, struct str address, uint64_t max)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_ieq(d->out[i].address, address))
			return;
	if (d->n < REPORT_TO_MAX)
		d->out[d->n++] = (struct report_to){address, max};
}

/* Is the host of the policy's organization? */
static enum answer
is_inside(struct find *d, struct str host)
{
	enum dmarc_result got[2];
	struct str org[2];

	got[0] = dmarc_organization(d->q->policy_domain, d->f, &org[0]);
	got[1] = dmarc_organization(host, d->f, &org[1]);
	for (size_t i = 0; i < 2; i++) {
		if (got[i] == DMARC_WAIT)
			return WAIT;
		if (got[i] != DMARC_PASS)
			return LATER;
	}
	return str_ieq(org[0], org[1]) ? YES : NO;
}

/* Step 9: what the record of the receiver names instead, at its own host only; nothing else is
 * written to then, not the original address either. */
static bool
add_override(struct find *d, const struct dmarc_record *r, struct str host)
{
	const struct dmarc_uri *uris = d->q->failure ? r->ruf : r->rua;
	size_t n = d->q->failure ? r->nruf : r->nrua;
	struct str address, other;

	for (size_t i = 0; i < n; i++)
		if (mailto(uris[i].uri, d->f->arena, &address, &other) && str_ieq(other, host))
			add(d, address, uris[i].max);
	return n > 0;
}

/* Steps 2 to 9. */
static enum answer
ask(struct find *d, struct str address, struct str host, uint64_t max)
{
	struct str name = arena_printf(d->f->arena, STR_FMT "._report._dmarc." STR_FMT,
	    STR_ARG(d->q->policy_domain), STR_ARG(host));
	bool allowed = false, overridden = false;
	struct dmarc_record record;
	const struct fact *txt;

	if (!facts_name_ok(name))
		return NO;
	if ((txt = facts_get(d->f, name, FACT_TXT)) == NULL)
		return WAIT;
	if (txt->status == FACT_FAILED)
		return LATER;
	for (size_t i = 0; i < txt->n; i++) {
		if (!dmarc_record_parse(txt->records[i], d->f->arena, &record))
			continue;
		allowed = true;
		overridden = add_override(d, &record, host) || overridden;
	}
	if (allowed && !overridden)
		add(d, address, max);
	return YES;
}

enum report_to_result
report_to_find(const struct report_to_query *q, struct facts *f, struct report_to *out, size_t *n)
{
	struct find d = {.q = q, .f = f, .out = out};
	bool wait = false, later = false;

	for (size_t i = 0; i < q->n; i++) {
		struct str address, host;
		enum answer got;

		if (!mailto(q->uris[i].uri, f->arena, &address, &host))
			continue;
		got = is_inside(&d, host);
		if (got == YES)
			add(&d, address, q->uris[i].max);
		else if (got == NO)
			got = ask(&d, address, host, q->uris[i].max);
		wait = wait || got == WAIT;
		later = later || got == LATER;
	}
	*n = d.n;
	return wait ? REPORT_TO_WAIT : later ? REPORT_TO_LATER : REPORT_TO_DONE;
}
