/*
 * addrlist.c - address lists of header fields.
 *
 * Words are gathered first, and what stands behind them says what they were: a phrase before '<', a
 * group's name before ':', a local part before '@'. All text goes into one block of the arena,
 * which the value's length bounds because every octet is written at most twice (as a name and in a
 * comment).
 */
#include "mail/addrlist.h"

#include "base/num.h"

struct parser {
	struct str in;
	char *out;          /* where the next text is written */
	struct str comment; /* the last one, as it stands; its p is NULL when there is none */
	struct arena *arena;
	struct addrlist *list;
	size_t room;
	bool in_group;
};

static char
peek(const struct parser *p)
{
	return p->in.n > 0 ? p->in.p[0] : '\0';
}

static void
drop(struct parser *p, size_t n)
{
	p->in = str_from(p->in, n);
}

static bool
is_fws(char c)
{
	return is_space(c) || c == '\r' || c == '\n';
}

/* A comment with those nested in it (RFC 5322 3.2.2). One that does not end goes on to the end. */
static void
skip_comment(struct parser *p)
{
	size_t depth = 0, i;

	for (i = 0; i < p->in.n; i++) {
		if (p->in.p[i] == '\\')
			i++;
		else if (p->in.p[i] == '(')
			depth++;
		else if (p->in.p[i] == ')' && --depth == 0)
			break;
	}
	p->comment = str_sub(p->in, 1, num_min(i, p->in.n) - 1);
	drop(p, i + 1);
}

/* CFWS; true when there was any. */
static bool
skip_cfws(struct parser *p)
{
	size_t before = p->in.n;

	for (;;) {
		if (is_fws(peek(p)) && p->in.n > 0)
			drop(p, 1);
		else if (peek(p) == '(')
			skip_comment(p);
		else
			return p->in.n < before;
	}
}

static void
put(struct parser *p, char c)
{
	*p->out++ = c;
}

/* The text of a quoted string or comment: escapes and folding undone. */
static void
put_unescaped(struct parser *p, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		else if (s.p[i] == '\r' || s.p[i] == '\n')
			continue;
		put(p, s.p[i]);
	}
}

static void
take_quoted(struct parser *p)
{
	size_t end = 1;

	while (end < p->in.n && p->in.p[end] != '"')
		end += p->in.p[end] == '\\' ? 2 : 1;
	put_unescaped(p, str_sub(p->in, 1, num_min(end, p->in.n) - 1));
	drop(p, end + 1);
}

/* Octets up to the end of a word that is not quoted. No letter or digit ever ends one. */
static size_t
run_length(struct str s, const char *stop)
{
	size_t n = 0;

	while (
	    n < s.n && (is_alnum(s.p[n]) || (!is_fws(s.p[n]) && s.p[n] != '(' && s.p[n] != '"' &&
						(s.p[n] == '\0' || strchr(stop, s.p[n]) == NULL))))
		n++;
	return n;
}

static void
put_run(struct parser *p, size_t n)
{
	if (n > 0)
		memcpy(p->out, p->in.p, n);
	p->out += n;
	drop(p, n);
}

/* Words until one of stop, joined by single spaces where something stood between. Returns what was
 * written. */
static struct str
take_words(struct parser *p, const char *stop)
{
	char *start = p->out;
	bool gap = false, any = false;

	for (;;) {
		gap |= skip_cfws(p);
		if (p->in.n == 0 || (peek(p) != '\0' && strchr(stop, peek(p)) != NULL))
			break;
		/* No space around the dots and '@' of an address that was spread out (RFC
		 * 5322 4.4). */
		if (gap && any)
			put(p, ' ');
		gap = false;
		any = true;
		if (peek(p) == '"') {
			take_quoted(p);
			continue;
		}
		put_run(p, run_length(p->in, stop));
	}
	return str_of(start, (size_t)(p->out - start));
}

/* local part and domain: blanks at dots are no part of them. In place, as the text is ours. */
static struct str
tighten(struct str s)
{
	char *to = (char *)(uintptr_t)s.p;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ' ' &&
		    ((n > 0 && to[n - 1] == '.') || (i + 1 < s.n && s.p[i + 1] == '.')))
			continue;
		to[n++] = s.p[i];
	}
	return str_of(s.p, n);
}

static struct addr *
add(struct parser *p)
{
	struct addrlist *l = p->list;
	struct addr *grown;

	if (l->n == p->room) {
		p->room = p->room ? p->room * 2 : 4;
		grown = arena_array(p->arena, p->room, sizeof(*grown));
		if (l->n > 0)
			memcpy(grown, l->v, l->n * sizeof(*grown));
		l->v = grown;
	}
	l->v[l->n] = (struct addr){0};
	return &l->v[l->n++];
}

/* A domain, or a literal as it stands. */
static struct str
take_domain(struct parser *p, const char *stop)
{
	size_t end;
	struct str s;

	skip_cfws(p);
	if (peek(p) != '[')
		return tighten(take_words(p, stop));
	end = str_chr(p->in, ']');
	s = str_sub(p->in, 0, end + 1);
	drop(p, end + 1);
	(void)take_words(p, stop);
	return s;
}

/* "@a,@b:" of an obsolete route, RFC 5322 4.4: without blanks, and without its ':'. */
static struct str
take_route(struct parser *p)
{
	size_t end = str_chr(p->in, ':'), close = str_chr(p->in, '>');
	char *start = p->out;

	if (end >= close)
		return STR_NONE;
	for (size_t i = 0; i < end; i++)
		if (!is_fws(p->in.p[i]))
			put(p, p->in.p[i]);
	drop(p, end + 1);
	return str_of(start, (size_t)(p->out - start));
}

/* angle-addr behind its '<'. */
static void
take_angle(struct parser *p, struct addr *a)
{
	skip_cfws(p);
	if (peek(p) == '@')
		a->adl = take_route(p);
	a->mailbox = tighten(take_words(p, "@>,;<"));
	a->host = STR("");
	if (peek(p) == '@') {
		drop(p, 1);
		a->host = take_domain(p, ">,;<");
	}
	if (peek(p) == '>')
		drop(p, 1);
}

static struct str
take_comment_as_name(struct parser *p)
{
	struct str s = str_trim(p->comment);
	char *start = p->out;

	p->comment = STR_NONE;
	if (s.p == NULL || s.n == 0)
		return STR_NONE;
	put_unescaped(p, s);
	return str_of(start, (size_t)(p->out - start));
}

static void
end_group(struct parser *p)
{
	if (p->in_group)
		(void)add(p); /* both NIL: the end marker */
	p->in_group = false;
}

/* Behind an address: up to the separator. A comment there is the name if there was none (RFC 822's
 * way), and so are words, which do not belong there. */
static void
finish(struct parser *p, struct addr *a)
{
	struct str words = take_words(p, ",;");

	if (a->name.p == NULL && words.n > 0)
		a->name = words;
	else if (a->name.p == NULL)
		a->name = take_comment_as_name(p);
	p->comment = STR_NONE;
}

/* The words before were a local part: addr-spec, unless '<' follows: then all of it was a name. */
static void
take_spec(struct parser *p, struct str local)
{
	struct str host;
	struct addr *a;

	put(p, '@');
	drop(p, 1);
	host = take_domain(p, ",;<");
	a = add(p);
	if (peek(p) == '<') {
		/* The domain was written right behind, unless it is a literal. */
		a->name =
		    host.p == local.p + local.n + 1 ? str_of(local.p, local.n + 1 + host.n) : local;
		drop(p, 1);
		take_angle(p, a);
	} else {
		a->mailbox = tighten(local);
		a->host = host;
	}
	finish(p, a);
}

static void
take_one(struct parser *p)
{
	struct str words = take_words(p, "<:@,;");
	struct addr *a;

	switch (peek(p)) {
	case '@':
		take_spec(p, words);
		break;
	case '<':
		a = add(p);
		a->name = words.n > 0 ? words : STR_NONE;
		drop(p, 1);
		take_angle(p, a);
		finish(p, a);
		break;
	case ':':
		drop(p, 1);
		p->comment = STR_NONE;
		if (p->in_group)
			break;
		p->in_group = true;
		add(p)->mailbox = words;
		return;
	default:
		if (words.n > 0) {
			/* A name alone: some local systems write so. It has an empty host. */
			a = add(p);
			a->mailbox = words;
			a->host = STR("");
			finish(p, a);
		}
		break;
	}
}

void
addrlist_parse(struct str value, struct arena *a, struct addrlist *out)
{
	struct parser p = {.in = value, .arena = a, .list = out};

	*out = (struct addrlist){0};
	if (value.n == 0)
		return;
	p.out = arena_alloc(a, value.n * 2 + 2);
	while (p.in.n > 0 && out->n < ADDRLIST_MAX) {
		take_one(&p);
		if (peek(&p) == ';')
			end_group(&p);
		if (peek(&p) == ',' || peek(&p) == ';') {
			drop(&p, 1);
			p.comment = STR_NONE;
		}
	}
	end_group(&p);
}
