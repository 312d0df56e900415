/* report_find.c - the aggregate report in a message. See reports_in.h. Only functions of octets. */
#include "base/mem.h"
#include "mail/addrlist.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "smtpd/screen/reports_in.h"

#define CANDIDATES_MAX 4u /* parts that are opened */
#define UNPACKED_ROOM  (REPORT_UNPACKED_MAX + (1u << 20))

static bool
names_one(struct str value, const struct str *addresses, size_t n, struct arena *a)
{
	struct addrlist list;

	addrlist_parse(value, a, &list);
	for (size_t i = 0; i < list.n; i++) {
		const struct addr *x = &list.v[i];
		struct str one;

		if (x->host.p == NULL)
			continue;
		one = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(x->mailbox), STR_ARG(x->host));
		for (size_t k = 0; k < n; k++)
			if (str_ieq(addresses[k], one))
				return true;
	}
	return false;
}

bool
report_is_addressed(struct str header, const struct str *addresses, size_t n)
{
	struct header_field f;
	bool found = false;
	struct arena a;

	if (n == 0)
		return false;
	arena_init(&a);
	while (!found && header_next(&header, &f))
		if (str_ieq_z(f.name, "To") || str_ieq_z(f.name, "Cc"))
			found = names_one(header_unfold(f.value, &a), addresses, n, &a);
	arena_free(&a);
	return found;
}

/* Names end as RFC 9990 3.5.2 and RFC 7489 7.2.1.1 have them; types are often wrong. */
static bool
has_name(const struct mime_part *p)
{
	static const char *const ends[] = {".xml", ".xml.gz", ".gz", ".zip"};
	struct buf name;
	bool found = false;

	buf_init(&name, 2048);
	if (rfc2231_text(&p->disposition_params, STR("filename"), &name) == 0 ||
	    rfc2231_text(&p->params, STR("name"), &name) == 0) {
		if (name.n > 0)
			str_lower(buf_view(&name), name.p);
		for (size_t i = 0; i < ARRAY_LEN(ends); i++)
			found = found || str_ends(buf_view(&name), str_z(ends[i]));
	}
	buf_free(&name);
	return found;
}

static bool
is_candidate(const struct mime_part *p)
{
	static const char *const types[] = {
	    "gzip", "x-gzip", "gzip-compressed", "zip", "x-zip", "x-zip-compressed", "xml"};

	if (p->kind != MIME_LEAF)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ieq_z(p->subtype, types[i]))
			return true;
	return has_name(p);
}

static const struct mime_part *
next_part(const struct mime_part *p)
{
	if (p->child != NULL)
		return p->child;
	while (p != NULL && p->next == NULL)
		p = p->parent;
	return p == NULL ? NULL : p->next;
}

static int
open_part(const struct mime_part *p, struct str message, struct arena *a, struct report *out,
    struct err *e)
{
	struct buf packed, xml;
	int rc = -1;

	buf_init(&packed, REPORT_PACKED_MAX);
	buf_init(&xml, UNPACKED_ROOM);
	decode_part(p, message, &packed);
	if (packed.over)
		err_put(e, E_LIMIT, "an attachment larger than %u octets", REPORT_PACKED_MAX);
	else if (report_unpack(buf_view(&packed), &xml, e) == 0)
		rc = report_read(buf_view(&xml), a, out, e);
	buf_free(&packed);
	buf_free(&xml);
	return rc;
}

int
report_find(struct str message, struct arena *a, struct report *out, struct err *e)
{
	unsigned opened = 0;

	err_put(e, E_NOTFOUND, "no attachment that could be a report");
	for (const struct mime_part *p = mime_parse(message, a); p != NULL; p = next_part(p)) {
		if (!is_candidate(p))
			continue;
		if (open_part(p, message, a, out, e) == 0)
			return 0;
		if (++opened == CANDIDATES_MAX)
			break;
	}
	return -1;
}
