/* report_read.c - an aggregate report out of XML, by expat. See report.h. */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include <expat.h>

#include "base/mem.h"
#include "base/num.h"
#include "smtpd/screen/report.h"

#define PATH_MAX_ 400
#define TIME_MAX  (1ull << 40)
#define COUNT_MAX (1ull << 36) /* so that sums of them fit */

enum place {
	IN_REPORT,
	IN_ROW,
	IN_SIGNATURE
};

/* What stands where. Only leaves: a name says its path from the element that place belongs to. */
static const struct leaf {
	const char *path;
	enum place place;
	size_t offset; /* of a struct str */
} leaves[] = {
#define REPORT(path, member)                                                 \
	{                                                                    \
		"feedback/" path, IN_REPORT, offsetof(struct report, member) \
	}
#define ROW(path, member)                                                            \
	{                                                                            \
		"feedback/record/" path, IN_ROW, offsetof(struct report_row, member) \
	}
#define SIGNATURE(name, member)                                          \
	{                                                                \
		"feedback/record/auth_results/dkim/" name, IN_SIGNATURE, \
		    offsetof(struct report_signature, member)            \
	}
    REPORT("report_metadata/org_name", organization),
    REPORT("report_metadata/email", email),
    REPORT("report_metadata/extra_contact_info", contact),
    REPORT("report_metadata/report_id", id),
    REPORT("report_metadata/error", error),
    REPORT("report_metadata/generator", generator),
    REPORT("policy_published/domain", domain),
    REPORT("policy_published/discovery_method", discovery),
    REPORT("policy_published/p", p),
    REPORT("policy_published/sp", sp),
    REPORT("policy_published/np", np),
    REPORT("policy_published/fo", fo),
    REPORT("policy_published/adkim", adkim),
    REPORT("policy_published/aspf", aspf),
    REPORT("policy_published/testing", testing),
    ROW("row/source_ip", source),
    ROW("row/policy_evaluated/disposition", disposition),
    ROW("row/policy_evaluated/dkim", dkim),
    ROW("row/policy_evaluated/spf", spf),
    ROW("row/policy_evaluated/reason/type", reason),
    ROW("row/policy_evaluated/reason/comment", comment),
    ROW("identifiers/header_from", header_from),
    ROW("identifiers/envelope_from", envelope_from),
    ROW("identifiers/envelope_to", envelope_to),
    ROW("auth_results/spf/domain", spf_domain),
    ROW("auth_results/spf/scope", spf_scope),
    ROW("auth_results/spf/result", spf_result),
    SIGNATURE("domain", domain),
    SIGNATURE("selector", selector),
    SIGNATURE("result", result),
};

#define COUNT "feedback/record/row/count"
#define BEGIN "feedback/report_metadata/date_range/begin"
#define END   "feedback/report_metadata/date_range/end"

struct reader {
	XML_Parser parser;
	struct arena *a;
	struct report *r;
	struct err *e;
	bool failed;
	char path[PATH_MAX_];
	size_t length[REPORT_DEPTH_MAX]; /* of path, before each open element */
	unsigned depth;
	struct buf text;
	struct report_row *row;              /* the open record */
	struct report_signature *signatures; /* of it */
	size_t capacity, nsignatures;
};

static void
fail(struct reader *d, enum err_code code, const char *text)
{
	if (!d->failed)
		err_put(d->e, code, "%s", text);
	d->failed = true;
	XML_StopParser(d->parser, XML_FALSE);
}

static bool
at(const struct reader *d, const char *path)
{
	return strcmp(d->path, path) == 0;
}

static void
begin_row(struct reader *d)
{
	struct report *r = d->r;

	if (r->n == REPORT_ROWS_MAX) {
		fail(d, E_LIMIT, "too many records");
		return;
	}
	if (r->n == d->capacity) {
		struct report_row *more;

		d->capacity = d->capacity == 0 ? 16 : 2 * d->capacity;
		more = arena_array(d->a, d->capacity, sizeof(*more));
		if (r->n > 0)
			memcpy(more, r->rows, r->n * sizeof(*more));
		r->rows = more;
	}
	d->row = &r->rows[r->n++];
	*d->row = (struct report_row){0};
	d->nsignatures = 0;
}

static void
end_row(struct reader *d)
{
	struct report_row *row = d->row;

	row->nsignatures = d->nsignatures;
	row->signatures = arena_array(d->a, d->nsignatures + 1, sizeof(*row->signatures));
	memcpy(row->signatures, d->signatures, d->nsignatures * sizeof(*row->signatures));
	d->row = NULL;
}

/* The name behind its namespace: reporters disagree about that. */
static struct str
local_name(const char *name)
{
	struct str s = str_z(name);
	size_t blank = str_rchr(s, ' ');

	return blank == s.n ? s : str_from(s, blank + 1);
}

static void
on_start(void *arg, const char *name, const char **attributes)
{
	struct reader *d = arg;
	struct str local = local_name(name);
	size_t n = strlen(d->path);

	(void)attributes;
	if (d->failed)
		return;
	if (d->depth == REPORT_DEPTH_MAX || local.n > 100) {
		fail(d, E_LIMIT, "elements too deep, or a name too long");
		return;
	}
	d->length[d->depth++] = n;
	buf_reset(&d->text);
	if (n + local.n + 2 > sizeof(d->path)) {
		fail(d, E_LIMIT, "elements too deep");
		return;
	}
	if (n > 0)
		d->path[n++] = '/';
	memcpy(d->path + n, local.p, local.n);
	d->path[n + local.n] = '\0';
	if (d->depth == 1 && !at(d, "feedback"))
		fail(d, E_PROTO, "no aggregate report: its root is no feedback");
	else if (at(d, "feedback/record"))
		begin_row(d);
	else if (at(d, "feedback/record/auth_results/dkim") &&
		 d->nsignatures < REPORT_SIGNATURES_MAX)
		d->signatures[d->nsignatures++] = (struct report_signature){0};
}

static void
on_text(void *arg, const char *p, int n)
{
	struct reader *d = arg;
	size_t room = REPORT_TEXT_MAX - d->text.n;

	buf_put(&d->text, p, (size_t)n < room ? (size_t)n : room);
}

/* Cut at a whole character, and without control characters. */
static struct str
take_text(struct reader *d)
{
	struct str s = buf_view(&d->text);
	char *out;

	while (s.n > 0 && !str_is_utf8(s))
		s.n--;
	out = arena_dupz(d->a, s);
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(out[i]))
			out[i] = ' ';
	return str_trim(str_of(out, s.n));
}

static void
take_number(struct reader *d, uint64_t max, uint64_t *out)
{
	if (num_parse(str_trim(buf_view(&d->text)), 0, max, out) < 0)
		fail(d, E_PROTO, "a number that is none");
}

static void
take_leaf(struct reader *d)
{
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		const struct leaf *l = &leaves[i];
		char *base = l->place == IN_REPORT ? (char *)d->r
			     : l->place == IN_ROW  ? (char *)d->row
			     : d->nsignatures > 0  ? (char *)&d->signatures[d->nsignatures - 1]
						   : NULL;
		struct str *to;

		if (!at(d, l->path))
			continue;
		assume(base != NULL);
		to = (struct str *)(void *)(base + l->offset);
		/* Of several reasons and SPF results, the first. */
		if (to->n == 0)
			*to = take_text(d);
		return;
	}
}

static void
on_end(void *arg, const char *name)
{
	struct reader *d = arg;

	(void)name;
	if (d->failed)
		return;
	if (at(d, COUNT))
		take_number(d, COUNT_MAX, &d->row->count);
	else if (at(d, BEGIN))
		take_number(d, TIME_MAX, &d->r->begin);
	else if (at(d, END))
		take_number(d, TIME_MAX, &d->r->end);
	else if (at(d, "feedback/record"))
		end_row(d);
	else
		take_leaf(d);
	assume(d->depth > 0);
	d->path[d->length[--d->depth]] = '\0';
	buf_reset(&d->text);
}

/* Without a document type there are no entities, and nothing to expand. */
static void
on_doctype(void *arg, const char *name, const char *system_id, const char *public_id, int internal)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)internal;
	fail(arg, E_PROTO, "a document type declaration");
}

static bool
is_address(struct str s)
{
	unsigned char octets[16];
	char text[INET6_ADDRSTRLEN];

	return str_cz(s, text, sizeof(text)) == 0 &&
	       (inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1);
}

static bool
is_domain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]) || is_space(s.p[i]))
			return false;
	return s.n > 0 && s.n <= 253;
}

/* What the rest of the suite relies on. */
static int
check(const struct report *r, struct err *e)
{
	if (!is_domain(r->domain) || r->id.n == 0 || r->organization.n == 0)
		return err_set(e, E_PROTO, "no domain, no report_id, or no org_name");
	if (r->end < r->begin)
		return err_set(e, E_PROTO, "it ends before it begins");
	for (size_t i = 0; i < r->n; i++) {
		if (!is_address(r->rows[i].source))
			return err_set(e, E_PROTO, "a source_ip that is none");
		if (!is_domain(r->rows[i].header_from))
			return err_set(e, E_PROTO, "a header_from that is no domain");
	}
	return 0;
}

int
report_read(struct str xml, struct arena *a, struct report *out, struct err *e)
{
	struct reader d = {.a = a, .r = out, .e = e};
	int rc = -1;

	*out = (struct report){0};
	if (xml.n > REPORT_UNPACKED_MAX)
		return err_set(e, E_LIMIT, "too large");
	d.parser = XML_ParserCreateNS(NULL, ' ');
	assume(d.parser != NULL);
	d.signatures = arena_array(a, REPORT_SIGNATURES_MAX, sizeof(*d.signatures));
	buf_init(&d.text, REPORT_TEXT_MAX + 1);
	XML_SetUserData(d.parser, &d);
	XML_SetElementHandler(d.parser, on_start, on_end);
	XML_SetCharacterDataHandler(d.parser, on_text);
	XML_SetStartDoctypeDeclHandler(d.parser, on_doctype);
	if (XML_Parse(d.parser, xml.p, (int)xml.n, XML_TRUE) == XML_STATUS_ERROR && !d.failed) {
		err_put(e, E_PROTO, "XML, line %lu: %s", XML_GetCurrentLineNumber(d.parser),
		    XML_ErrorString(XML_GetErrorCode(d.parser)));
		d.failed = true;
	}
	if (!d.failed)
		rc = check(out, e);
	buf_free(&d.text);
	XML_ParserFree(d.parser);
	return rc;
}
