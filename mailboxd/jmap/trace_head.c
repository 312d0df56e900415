/*
 * trace_head.c - see trace_head.h.
 */
#include "mailboxd/jmap/trace_head.h"

#include "base/mem.h"
#include "mail/date.h"
#include "mail/header.h"

#define FIELDS_MAX 40u /* that are looked at: ours are a few */
#define VALUE_MAX  8192u

/* ---- words ---- */

/* A word, or a comment without its parentheses; false at the end, and at what ends the clauses. */
static bool
next(struct str *s, struct str *word, bool *comment)
{
	size_t n = 0;

	*s = str_trim(*s);
	if (s->n == 0 || s->p[0] == ';')
		return false;
	*comment = s->p[0] == '(';
	if (*comment) {
		n = str_chr(*s, ')');
		*word = str_sub(*s, 1, n - 1);
		*s = str_from(*s, n + 1);
		return true;
	}
	while (n < s->n && !is_space(s->p[n]) && s->p[n] != ';' && s->p[n] != '(')
		n++;
	*word = str_sub(*s, 0, n);
	*s = str_from(*s, n);
	return true;
}

static struct str
between(struct str s, char open, char close)
{
	size_t from = str_chr(s, open), to = str_rchr(s, close);

	return from < to && to < s.n ? str_sub(s, from + 1, to - from - 1) : STR("");
}

/* ---- Received ---- */

/* "mail.example [192.0.2.1]" or "unknown [IPv6:2001:db8::1]" */
static void
read_client(struct str comment, struct trace_received *r)
{
	struct str name;

	(void)str_cut(&comment, ' ', &name);
	if (!str_eq_z(name, "unknown"))
		r->name = name;
	r->address = between(comment, '[', ']');
	if (str_starts(r->address, STR("IPv6:")))
		r->address = str_from(r->address, 5);
}

/* "GK Mail, from a program of alice@example.org" */
static void
read_product(struct str comment, struct trace_received *r)
{
	static const struct str program = STR_INIT(", from a program of ");
	size_t at = str_find(comment, program);

	r->local = str_find(comment, STR(", from a ")) < comment.n;
	if (at < comment.n)
		r->account = str_from(comment, at + program.n);
}

static void
read_received(struct str value, struct trace_received *r)
{
	struct str rest = value, word, clause = STR("");
	struct date d;
	bool comment;

	*r = (struct trace_received){0};
	while (next(&rest, &word, &comment)) {
		if (comment && str_eq_z(clause, "from"))
			read_client(word, r);
		else if (comment && str_eq_z(clause, "by"))
			read_product(word, r);
		else if (comment && (str_eq_z(clause, "tls") || r->by.n > 0))
			r->version = word;
		else if (str_eq_z(clause, "from") && r->helo.n == 0)
			r->helo = word;
		else if (str_eq_z(clause, "by") && r->by.n == 0)
			r->by = word;
		else if (str_eq_z(clause, "with") && r->protocol.n == 0)
			r->protocol = word;
		else if (str_eq_z(clause, "id") && r->id.n == 0)
			r->id = word;
		else if (str_eq_z(clause, "for") && r->rcpt.n == 0)
			r->rcpt = between(word, '<', '>');
		else if (str_eq_z(clause, "tls") && r->suite.n == 0)
			r->suite = word;
		else
			clause = word;
	}
	if (rest.n > 0 && rest.p[0] == ';' && date_parse(str_from(rest, 1), &d) == 0)
		r->date = d.utc;
}

/* ---- Authentication-Results ---- */

/* A token, or what is quoted, without the quotes and what they escape. */
static struct str
value_of(struct str *s, struct arena *a)
{
	size_t n = 0, out = 0;
	char *text;

	if (s->n > 0 && s->p[0] == '"') {
		text = arena_alloc(a, s->n + 1);
		for (n = 1; n < s->n && s->p[n] != '"'; n++) {
			if (s->p[n] == '\\' && n + 1 < s->n)
				n++;
			text[out++] = s->p[n];
		}
		*s = str_from(*s, n + 1);
		return str_of(text, out);
	}
	while (n < s->n && !is_space(s->p[n]) && s->p[n] != ';')
		n++;
	text = (char *)s->p;
	*s = str_from(*s, n);
	return str_of(text, n);
}

/* "name=value" */
static bool
next_pair(struct str *s, struct arena *a, struct str *name, struct str *value)
{
	size_t n = 0;

	*s = str_trim(*s);
	while (n < s->n && s->p[n] != '=' && s->p[n] != ';' && !is_space(s->p[n]))
		n++;
	if (n == 0 || n == s->n || s->p[n] != '=')
		return false;
	*name = str_sub(*s, 0, n);
	*s = str_from(*s, n + 1);
	*value = value_of(s, a);
	return true;
}

static void
read_results(struct str value, struct arena *a, struct trace_head *out)
{
	struct str rest = value, name, v;

	while (rest.n > 0 && out->nresults < TRACE_RESULTS) {
		struct trace_result *r = &out->results[out->nresults];

		rest = str_trim(rest);
		if (rest.n > 0 && rest.p[0] == ';')
			rest = str_from(rest, 1);
		if (!next_pair(&rest, a, &name, &v))
			return;
		*r = (struct trace_result){.method = name, .result = v};
		out->nresults++;
		while (next_pair(&rest, a, &name, &v))
			if (str_eq_z(name, "reason")) {
				r->reason = v;
			} else if (r->property.n == 0) {
				r->property = name;
				r->value = v;
			}
	}
}

/* "Yes, score=7 required=5 tests=spf_fail,…" */
static void
read_spam(struct str value, struct arena *a, struct trace_head *out)
{
	struct str rest = value, name, v;

	out->screened = true;
	(void)str_cut(&rest, ',', &name);
	out->junk = str_ieq_z(str_trim(name), "Yes");
	while (next_pair(&rest, a, &name, &v)) {
		if (str_eq_z(name, "score"))
			out->score = v;
		else if (str_eq_z(name, "required"))
			out->required = v;
		else if (str_eq_z(name, "tests"))
			out->tests = str_eq_z(v, "none") ? STR("") : v;
	}
}

/* ---- the top of the header ---- */

static bool
is_id(struct str *value, struct str host, struct arena *a)
{
	struct str id;

	*value = str_trim(*value);
	id = value_of(value, a);
	return host.n > 0 && str_ieq(id, host);
}

static void
read_field(const struct header_field *f, struct str host, struct arena *a, struct trace_head *out)
{
	struct str value = str_sub(header_unfold(f->value, a), 0, VALUE_MAX);

	if (str_ieq_z(f->name, "Return-Path") && out->sender.p == NULL)
		out->sender = between(value, '<', '>');
	else if (str_ieq_z(f->name, "Authentication-Results") && is_id(&value, host, a))
		read_results(value, a, out);
	else if (str_ieq_z(f->name, "X-Spam-Status") && !out->screened)
		read_spam(value, a, out);
}

void
trace_head_read(struct str header, struct str host, struct arena *a, struct trace_head *out)
{
	struct header_field f;
	struct str rest = header;

	*out = (struct trace_head){0};
	for (unsigned i = 0; i < FIELDS_MAX && header_next(&rest, &f); i++) {
		if (!str_ieq_z(f.name, "Received")) {
			read_field(&f, host, a, out);
			continue;
		}
		read_received(str_sub(header_unfold(f.value, a), 0, VALUE_MAX), &out->received);
		out->ours = host.n > 0 && str_ieq(out->received.by, host);
		break;
	}
	if (!out->ours)
		*out = (struct trace_head){0};
}
