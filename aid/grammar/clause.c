/*
 * clause.c - values inside a request.
 *
 * A value ends where a word begins something else. Names may hold such words ("Jean de La
 * Fontaine", "May"): a capital letter tells.
 */
#include "aid/grammar/clause.h"

/* Longer runs of small letters are hardly one name. */
#define NAME_WORDS_MAX 4u

enum sense
clause_sense(const struct parse *p, size_t at)
{
	return at < p->w->n ? p->w->w[at].sense : SENSE_FILLER;
}

const struct token *
clause_token(const struct parse *p, size_t at)
{
	return at < p->w->n ? &p->w->tokens->t[p->w->w[at].first] : NULL;
}

struct str
clause_raw(const struct parse *p, size_t a, size_t b)
{
	const struct word *first = &p->w->w[a], *last = &p->w->w[b - 1];
	size_t from = p->w->tokens->t[first->first].start;

	return str_sub(
	    p->w->tokens->text, from, p->w->tokens->t[last->first + last->n - 1].end - from);
}

bool
clause_is_mark(const struct parse *p, size_t at, char mark)
{
	const struct token *t = clause_token(p, at);

	return t && t->kind == TOKEN_MARK && t->word.p[0] == mark;
}

static bool
is_kind(const struct parse *p, size_t at, enum token_kind kind)
{
	const struct token *t = clause_token(p, at);

	return t && t->kind == kind;
}

size_t
clause_skip(const struct parse *p, size_t at)
{
	while (at < p->w->n && !is_kind(p, at, TOKEN_MARK) &&
	       (clause_sense(p, at) == SENSE_FILLER || clause_sense(p, at) == SENSE_ON))
		at++;
	return at;
}

/* ---- people ---- */

static bool
is_capital(const struct parse *p, size_t at)
{
	const struct token *t = clause_token(p, at);

	if (!t || t->kind != TOKEN_WORD || t->raw.n == 0)
		return false;
	/* U+00C0 to U+00DE are capitals of Latin-1. */
	return (t->raw.p[0] >= 'A' && t->raw.p[0] <= 'Z') ||
	       (t->raw.n > 1 && (unsigned char)t->raw.p[0] == 0xc3 &&
		   (unsigned char)t->raw.p[1] >= 0x80 && (unsigned char)t->raw.p[1] <= 0x9e);
}

static bool
is_plain(const struct parse *p, size_t at)
{
	return clause_sense(p, at) == SENSE_OTHER && is_kind(p, at, TOKEN_WORD) && at != p->verb_at;
}

/* A particle between two parts of a name, or a part that means something else in small letters. */
static bool
goes_on(const struct parse *p, size_t at)
{
	enum sense sense = clause_sense(p, at);

	if (at >= p->w->n || at == p->verb_at)
		return false;
	return is_capital(p, at) ||
	       ((sense == SENSE_OF || sense == SENSE_FILLER || sense == SENSE_ON) &&
		   (is_capital(p, at + 1) ||
		       (clause_sense(p, at + 1) == SENSE_FILLER && is_capital(p, at + 2))));
}

size_t
clause_person(const struct parse *p, size_t at, struct str *out)
{
	size_t from = clause_skip(p, at), to, plain = 0;

	if (from >= p->w->n)
		return at;
	if (is_kind(p, from, TOKEN_ADDRESS) || is_kind(p, from, TOKEN_QUOTED)) {
		*out = clause_token(p, from)->raw;
		return from + 1;
	}
	if (clause_sense(p, from) == SENSE_SELF) {
		*out = STR("me");
		return from + 1;
	}
	for (to = from; to < p->w->n; to++) {
		if (!is_plain(p, to) && !(to > from ? goes_on(p, to) : is_capital(p, to)))
			break;
		plain += !is_capital(p, to);
	}
	/* "à alice je serai en retard demain": the name has no mark behind it. */
	if (plain >= NAME_WORDS_MAX)
		to = from + 1;
	if (to == from)
		return at;
	*out = clause_raw(p, from, to);
	return to;
}

size_t
clause_people(const struct parse *p, size_t at)
{
	struct request *c = p->c;
	size_t end = at;

	for (;;) {
		struct str person;
		size_t next = clause_person(p, at, &person);

		if (next == at || c->npeople == REQUEST_PEOPLE_MAX)
			return end;
		c->people[c->npeople++] = person;
		at = end = next;
		if (!clause_is_mark(p, at, ',') && !clause_is_mark(p, at, ';') &&
		    clause_sense(p, at) != SENSE_AND)
			return end;
		while (clause_is_mark(p, at, ',') || clause_is_mark(p, at, ';') ||
		       clause_sense(p, at) == SENSE_AND || clause_sense(p, at) == SENSE_TO)
			at++;
	}
}

/* ---- words ---- */

static bool
begins_clause(const struct parse *p, size_t at)
{
	struct span span;

	switch ((int)clause_sense(p, at)) {
	case SENSE_FROM:
	case SENSE_IN:
	case SENSE_UNREAD:
	case SENSE_FLAGGED:
	case SENSE_ATTACHED:
	case SENSE_BEFORE:
	case SENSE_SINCE:
	case SENSE_UNTIL:
	case SENSE_BETWEEN:
	case SENSE_SUBJECT:
	case SENSE_TEXT:
		return true;
	default:
		return when_read(p->w, at, p->now, false, &span) > 0;
	}
}

size_t
clause_words(const struct parse *p, size_t at, bool writing, struct str *out)
{
	size_t from = at, to;

	if (clause_is_mark(p, from, ':'))
		from++;
	from = clause_skip(p, from);
	if (from >= p->w->n)
		return at;
	if (is_kind(p, from, TOKEN_QUOTED)) {
		*out = clause_token(p, from)->raw;
		return from + 1;
	}
	for (to = from; to < p->w->n; to++) {
		enum sense sense = clause_sense(p, to);

		if (is_kind(p, to, TOKEN_MARK) || sense == SENSE_SAYING ||
		    sense == SENSE_SAYING_WHO || (!writing && begins_clause(p, to)))
			break;
		/* "objet X message : Y" */
		if (writing && sense == SENSE_MESSAGES && clause_is_mark(p, to + 1, ':'))
			break;
		if (writing && sense == SENSE_AND && clause_sense(p, to + 1) == SENSE_MESSAGES)
			break;
		if (writing && is_kind(p, to, TOKEN_QUOTED))
			break;
	}
	if (to == from)
		return at;
	*out = clause_raw(p, from, to);
	return to;
}

/* ---- mailboxes ---- */

/* "to archive", "dans brouillon": verbs elsewhere. */
static bool
role_of(const struct parse *p, size_t at, enum role *out)
{
	if (at >= p->w->n || at == p->verb_at)
		return false;
	if (clause_sense(p, at) == SENSE_MAILBOX) {
		*out = (enum role)p->w->w[at].value;
		return true;
	}
	if (clause_sense(p, at) != SENSE_VERB)
		return false;
	switch (p->w->w[at].value) {
	case VERB_ARCHIVE:
		*out = ROLE_ARCHIVE;
		return true;
	case VERB_DELETE:
		*out = ROLE_TRASH;
		return true;
	case VERB_DRAFT:
		*out = ROLE_DRAFTS;
		return true;
	default:
		return false;
	}
}

size_t
clause_place(const struct parse *p, size_t at, struct place *out)
{
	size_t from = clause_skip(p, at), to;

	if (role_of(p, from, &out->role)) {
		out->given = out->by_role = true;
		return from + 1;
	}
	while (clause_sense(p, from) == SENSE_FOLDER && from < p->w->n)
		from = clause_skip(p, from + 1);
	if (role_of(p, from, &out->role)) {
		out->given = out->by_role = true;
		return from + 1;
	}
	if (is_kind(p, from, TOKEN_QUOTED)) {
		to = from + 1;
		out->name = clause_token(p, from)->raw;
	} else {
		for (to = from; to < p->w->n && (is_plain(p, to) || is_capital(p, to)); to++)
			;
		if (to == from)
			return at;
		out->name = clause_raw(p, from, to);
	}
	out->given = true;
	/* "the work folder" */
	return clause_sense(p, to) == SENSE_FOLDER ? to + 1 : to;
}

/* ---- texts ---- */

size_t
clause_body(const struct parse *p, size_t at)
{
	struct str rest;

	while (clause_is_mark(p, at, ':') || clause_is_mark(p, at, ','))
		at++;
	if (at >= p->w->n)
		return p->w->n;
	if (is_kind(p, at, TOKEN_QUOTED) && at + 1 == p->w->n)
		rest = clause_token(p, at)->raw;
	else
		rest = str_from(p->w->tokens->text, clause_token(p, at)->start);
	p->c->body = str_trim(rest);
	return p->w->n;
}
