/*
 * verdict.c - see verdict.h.
 */
#include "mcpd/verdict.h"

#include "base/mem.h"

#define FIELD_MAX 8192u /* ours is shorter; what is behind is not read */

/* Blanks, line ends and comments off the front (RFC 5322 3.2.2). */
static void
skip_cfws(struct str *s)
{
	size_t depth = 0;

	while (s->n > 0) {
		char c = s->p[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_space(c) && c != '\r' && c != '\n')
			return;
		*s = str_from(*s, c == '\\' && depth > 0 ? 2 : 1);
	}
}

/* A token, as far as names and results go: letters, digits and dashes. */
static struct str
take_word(struct str *s)
{
	size_t n = 0;
	struct str word;

	skip_cfws(s);
	while (n < s->n && (is_alnum(s->p[n]) || s->p[n] == '-' || s->p[n] == '.'))
		n++;
	word = str_sub(*s, 0, n);
	*s = str_from(*s, n);
	return word;
}

static bool
take_char(struct str *s, char c)
{
	skip_cfws(s);
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

/* Past the next ';' that stands in no quotes and no comment: what a sender chose (the values of
 * properties, reasons) is quoted where it holds one. */
static bool
next_result(struct str *s)
{
	bool quoted = false;

	for (;;) {
		if (!quoted)
			skip_cfws(s);
		if (s->n == 0)
			return false;
		if (s->p[0] == ';' && !quoted) {
			*s = str_from(*s, 1);
			return true;
		}
		if (s->p[0] == '"')
			quoted = !quoted;
		*s = str_from(*s, s->p[0] == '\\' && quoted ? 2 : 1);
	}
}

static void
note(char *out, size_t size, struct str result)
{
	if (strcmp(out, "pass") == 0 || str_cz(result, out, size) < 0)
		return;
	str_lower(str_z(out), out);
}

/* authserv-id (RFC 8601 2.2) */
static bool
is_ours(struct str *s, struct str host)
{
	bool quoted = take_char(s, '"');
	struct str id = take_word(s);

	return host.n > 0 && str_ieq(id, host) && (!quoted || take_char(s, '"'));
}

static enum verdict
judge(const struct verdict_read *v)
{
	if (strcmp(v->dmarc, "fail") == 0)
		return VERDICT_FAIL;
	if (strcmp(v->dmarc, "pass") == 0)
		return VERDICT_PASS;
	/* Without DMARC a signature or a permitted host proves some domain, not the author's. */
	return v->spf[0] != '\0' || v->dkim[0] != '\0' || v->dmarc[0] != '\0' ? VERDICT_UNPROVEN
									      : VERDICT_NONE;
}

void
verdict_read(struct str field, struct str host, struct verdict_read *out)
{
	*out = (struct verdict_read){0};
	field = str_sub(field, 0, FIELD_MAX);
	if (!is_ours(&field, host))
		return;
	while (next_result(&field)) {
		struct str method = take_word(&field);

		if (!take_char(&field, '='))
			continue;
		if (str_ieq_z(method, "spf"))
			note(out->spf, sizeof out->spf, take_word(&field));
		else if (str_ieq_z(method, "dkim"))
			note(out->dkim, sizeof out->dkim, take_word(&field));
		else if (str_ieq_z(method, "dmarc"))
			note(out->dmarc, sizeof out->dmarc, take_word(&field));
	}
	out->verdict = judge(out);
}

const char *
verdict_name(enum verdict v)
{
	static const char *const names[] = {"none", "unproven", "pass", "fail"};

	return names[v];
}

void
verdict_put(const struct verdict_read *v, struct buf *out)
{
	const struct {
		const char *name, *result;
	} all[] = {{"dmarc", v->dmarc}, {"dkim", v->dkim}, {"spf", v->spf}};
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i].result[0] == '\0')
			continue;
		buf_printf(out, "%s%s=%s", any ? " " : "", all[i].name, all[i].result);
		any = true;
	}
	if (!any)
		buf_puts(out, "none");
}
