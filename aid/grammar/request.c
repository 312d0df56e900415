/*
 * request.c - what a person asks the assistant for, understood without a model.
 *
 * One pass over the words finds the verb, a second takes the clauses around it. There are two
 * families of verbs: those that pick messages and those that write one.
 */
#include "aid/grammar/request.h"

#include "aid/grammar/clause.h"
#include "base/mem.h"
#include "base/num.h"

const char *
verb_name(enum verb verb)
{
	static const char *const names[] = {"none", "list", "news", "search", "read", "count",
	    "mark", "star", "unstar", "move", "archive", "junk", "delete", "draft", "draft_reply",
	    "send", "tell", "reply", "reply_all", "forward", "summarise", "vacation", "undo",
	    "undo_all", "folders", "help", "yes", "no"};

	return (size_t)verb < ARRAY_LEN(names) ? names[verb] : "?";
}

static bool
writes(enum verb verb)
{
	switch ((int)verb) {
	case VERB_DRAFT:
	case VERB_DRAFT_REPLY:
	case VERB_SEND:
	case VERB_TELL:
	case VERB_REPLY:
	case VERB_REPLY_ALL:
	case VERB_FORWARD:
		return true;
	default:
		return false;
	}
}

static bool
replies(enum verb verb)
{
	return verb == VERB_REPLY || verb == VERB_REPLY_ALL || verb == VERB_DRAFT_REPLY;
}

/* ---- the verb ---- */

static size_t
find(const struct words_of *w, enum sense sense, int value)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->w[i].sense == sense && (value < 0 || w->w[i].value == value))
			return i;
	return w->n;
}

/* "Turn off my vacation reply", "annule mon absence": whatever stands first. */
static bool
is_about_vacation(const struct parse *p, enum verb first)
{
	size_t vacation = find(p->w, SENSE_VERB, VERB_VACATION), off = find(p->w, SENSE_OFF, -1);

	if (off < p->w->n && p->w->w[off].value == 1)
		return true;
	if (vacation == p->w->n)
		return false;
	switch ((int)first) {
	case VERB_NONE:
	case VERB_VACATION:
	case VERB_MARK:
	case VERB_MOVE:
	case VERB_UNDO:
	case VERB_DELETE:
	case VERB_DRAFT:
		return true;
	default:
		return false;
	}
}

/* "Email bob: hello" has no other verb; nor has "mails from bob" or "unread". */
static enum verb
verb_unsaid(const struct parse *p)
{
	size_t mail = find(p->w, SENSE_MESSAGES, -1);
	struct span span;

	if (mail == 0 && p->w->w[0].value == 0 && p->w->n > 2 &&
	    (clause_sense(p, 1) == SENSE_OTHER) &&
	    (find(p->w, SENSE_SAYING, -1) < p->w->n || find(p->w, SENSE_THAT, -1) < p->w->n ||
		clause_is_mark(p, 2, ':')))
		return VERB_SEND;
	if (mail < p->w->n || find(p->w, SENSE_UNREAD, -1) < p->w->n ||
	    find(p->w, SENSE_FLAGGED, -1) < p->w->n || find(p->w, SENSE_MAILBOX, -1) < p->w->n)
		return VERB_LIST;
	return when_read(p->w, 0, p->now, false, &span) == p->w->n ? VERB_LIST : VERB_NONE;
}

static void
find_verb(struct parse *p)
{
	enum verb verb = VERB_NONE;

	p->verb_at = find(p->w, SENSE_VERB, -1);
	if (p->verb_at < p->w->n)
		verb = (enum verb)p->w->w[p->verb_at].value;
	/* A yes before a request is only politeness. */
	if ((verb == VERB_YES || verb == VERB_NO) && p->w->n > p->verb_at + 2)
		for (size_t i = p->verb_at + 1; i < p->w->n; i++)
			if (p->w->w[i].sense == SENSE_VERB) {
				p->verb_at = i;
				verb = (enum verb)p->w->w[i].value;
				break;
			}
	if (is_about_vacation(p, verb)) {
		p->c->off =
		    find(p->w, SENSE_OFF, -1) < p->w->n || verb == VERB_UNDO || verb == VERB_DELETE;
		verb = VERB_VACATION;
		p->verb_at = find(p->w, SENSE_VERB, VERB_VACATION);
	} else if (verb == VERB_NONE) {
		verb = verb_unsaid(p);
	}
	p->c->verb = verb;
}

/* ---- clauses of both families ---- */

static void
note_from(struct request *c, int64_t from)
{
	c->span.from = from;
	c->dated = true;
}

static void
note_to(struct request *c, int64_t to)
{
	c->span.to = to;
	c->dated = true;
}

/* "since Monday", "older than 3 days", "between 1 and 5 March". */
static size_t
take_bound(struct parse *p, size_t at)
{
	bool ahead = p->c->verb == VERB_VACATION;
	enum sense sense = clause_sense(p, at);
	struct span span, second;
	int64_t length;
	size_t n = when_read(p->w, at + 1, p->now, ahead, &span), m;

	if (n == 0) {
		n = when_duration(p->w, at + 1, &length);
		if (n == 0)
			return at + 1;
		span.from = span.to = p->now.utc - length;
	}
	switch ((int)sense) {
	case SENSE_BEFORE:
		note_to(p->c, span.from);
		break;
	case SENSE_UNTIL:
		note_to(p->c, span.to);
		break;
	case SENSE_BETWEEN:
		m = clause_sense(p, at + 1 + n) == SENSE_AND
			? when_read(p->w, at + 2 + n, p->now, ahead, &second)
			: 0;
		note_from(p->c, span.from);
		note_to(p->c, m > 0 ? second.to : span.to);
		n += m > 0 ? m + 1 : 0;
		break;
	default:
		note_from(p->c, span.from);
		break;
	}
	return at + 1 + n;
}

static size_t
take_date(struct parse *p, size_t at)
{
	struct span span;
	size_t n = when_read(p->w, at, p->now, p->c->verb == VERB_VACATION, &span);

	if (n > 0) {
		note_from(p->c, span.from);
		note_to(p->c, span.to);
	}
	return at + n;
}

/* "open 2", "the second one", "the last 3 mails", "mails 1, 2 and 4". */
static size_t
take_number(struct parse *p, size_t at)
{
	struct request *c = p->c;
	const struct token *t = clause_token(p, at);
	uint64_t n = 0;
	enum sense next;

	if (clause_sense(p, at) == SENSE_ORDINAL || clause_sense(p, at) == SENSE_COUNT)
		n = (uint64_t)p->w->w[at].value;
	else if (t->kind != TOKEN_NUMBER || num_parse(t->word, 1, 10000, &n) < 0)
		return at;
	next = clause_sense(p, at + 1);
	if (clause_sense(p, at) != SENSE_ORDINAL &&
	    (next == SENSE_MESSAGES || next == SENSE_LAST || next == SENSE_UNREAD ||
		(at > 0 && clause_sense(p, at - 1) == SENSE_LAST))) {
		c->limit = (unsigned)n;
	} else if (c->nnumbers < REQUEST_PICKED_MAX) {
		c->numbers[c->nnumbers++] = (unsigned)n;
		c->picked = PICKED_NUMBERS;
	}
	return at + 1;
}

/* What a French pronoun behind a hyphen means: "archive-les", "lis-le". */
static bool
take_pronoun(struct parse *p, size_t at)
{
	const struct token *t = clause_token(p, at);

	if (p->w->language != LANGUAGE_FR || t->start == 0 ||
	    p->w->tokens->text.p[t->start - 1] != '-')
		return false;
	if (str_eq_z(t->word, "les"))
		p->c->picked = PICKED_THESE;
	else if (str_eq_z(t->word, "le") || str_eq_z(t->word, "la"))
		p->c->picked = PICKED_THIS;
	else
		return false;
	return true;
}

/* "mails", "messages"; English "mail" is one where a single one is spoken of. */
static bool
is_plural(const struct parse *p, size_t at)
{
	return str_ends(clause_token(p, at)->word, STR("s"));
}

/* Which messages, where every verb may say so. Returns `at` when the word is something else. */
static size_t
take_pick(struct parse *p, size_t at)
{
	struct request *c = p->c;
	enum sense sense = clause_sense(p, at), next = clause_sense(p, at + 1);

	if (at >= p->w->n)
		return at;
	if (take_pronoun(p, at))
		return at + 1;
	switch ((int)sense) {
	case SENSE_THESE:
		c->picked = PICKED_THESE;
		return at + 1;
	case SENSE_THIS:
		c->picked = PICKED_THIS;
		return at + 1;
	case SENSE_CURRENT:
		if (at + 1 < p->w->n && next != SENSE_MESSAGES)
			return at;
		c->picked = PICKED_THIS;
		return at + (at + 1 < p->w->n ? 2 : 1);
	case SENSE_LAST:
		/* "the last mail", "le dernier" */
		if (at + 1 >= p->w->n || (next == SENSE_MESSAGES && !is_plural(p, at + 1)) ||
		    (next != SENSE_MESSAGES && next != SENSE_OTHER && next != SENSE_COUNT))
			c->limit = c->limit > 0 ? c->limit : 1;
		return at + 1;
	case SENSE_ORDINAL:
		return take_number(p, at);
	case SENSE_COUNT:
	case SENSE_OTHER:
		return take_number(p, at);
	default:
		return at;
	}
}

/* ---- verbs that pick messages ---- */

static void
note_mark(struct request *c, enum choice *filter, enum choice *mark, int value, enum choice yes)
{
	enum choice said = value ? yes : (yes == CHOICE_YES ? CHOICE_NO : CHOICE_YES);

	/* "Mark unread mails as read": what is said last is the mark. */
	if (c->verb == VERB_MARK) {
		if (*mark != CHOICE_ANY && filter)
			*filter = yes == CHOICE_NO ? (*mark == CHOICE_NO ? CHOICE_YES : CHOICE_NO)
						   : *mark;
		*mark = said;
	} else {
		*filter = value ? CHOICE_YES : CHOICE_NO;
	}
}

/* Words that belong to no clause are looked for, all of them. */
static size_t
take_text(struct parse *p, size_t at)
{
	const struct token *t = clause_token(p, at);
	struct str word = t->kind == TOKEN_QUOTED
			      ? arena_printf(p->a, "\"" STR_FMT "\"", STR_ARG(t->raw))
			      : clause_raw(p, at, at + 1);

	if (t->kind == TOKEN_MARK)
		return at + 1;
	p->c->text = p->c->text.n == 0 ? word
				       : arena_printf(p->a, STR_FMT " " STR_FMT,
					     STR_ARG(p->c->text), STR_ARG(word));
	return at + 1;
}

static size_t
take_from(struct parse *p, size_t at)
{
	size_t next = take_date(p, at + 1);

	if (next == at + 1)
		next = clause_person(p, at + 1, &p->c->from);
	return next;
}

/* French "de": whose, or of which mailbox, or nothing ("combien de messages"). */
static size_t
take_of(struct parse *p, size_t at)
{
	size_t after = clause_skip(p, at + 1), next;

	if (clause_sense(p, after) == SENSE_FOLDER || clause_sense(p, after) == SENSE_MAILBOX) {
		next = clause_place(p, at + 1, &p->c->in);
		return next > at + 1 ? next : at + 1;
	}
	return take_from(p, at);
}

static size_t
take_to(struct parse *p, size_t at)
{
	struct request *c = p->c;
	size_t next;

	if (c->verb == VERB_MOVE)
		return clause_place(p, at + 1, &c->move_to);
	/* "Search the archive for budget" */
	if (c->verb == VERB_SEARCH && clause_sense(p, at) == SENSE_FOR &&
	    p->w->language == LANGUAGE_EN)
		return clause_words(p, at + 1, false, &c->text);
	if (c->verb == VERB_VACATION) {
		struct span span;
		size_t n = when_read(p->w, at + 1, p->now, true, &span);

		if (n > 0)
			note_to(c, span.to);
		return at + 1 + n;
	}
	next = clause_person(p, at + 1, &c->to);
	return next;
}

static size_t
take_in(struct parse *p, size_t at)
{
	struct request *c = p->c;
	const struct token *t = clause_token(p, at + 1);
	size_t next = take_date(p, at + 1);
	uint64_t year;

	if (next > at + 1)
		return next;
	if (t && t->kind == TOKEN_NUMBER && num_parse(t->word, 1970, 2199, &year) == 0) {
		struct tm tm = {.tm_year = (int)year - 1900, .tm_mday = 1};

		note_from(c, (int64_t)timegm(&tm) - p->now.zone * 60);
		tm = (struct tm){.tm_year = (int)year - 1899, .tm_mday = 1};
		note_to(c, (int64_t)timegm(&tm) - p->now.zone * 60);
		return at + 2;
	}
	/* French "en" says when, not where. */
	if (p->w->w[at].value == 1)
		return at + 1;
	return clause_place(p, at + 1, c->verb == VERB_MOVE ? &c->move_to : &c->in);
}

/* A second verb is a word to look for, but for those that say how or where. */
static size_t
take_second_verb(struct parse *p, size_t at)
{
	struct request *c = p->c;

	switch (p->w->w[at].value) {
	case VERB_LIST:
	case VERB_NEWS:
	case VERB_VACATION:
		if (c->verb == VERB_SEARCH)
			return take_text(p, at);
		return at + 1;
	case VERB_READ:
		note_mark(
		    c, &c->unread, &c->mark_seen, 0, c->verb == VERB_MARK ? CHOICE_NO : CHOICE_YES);
		return at + 1;
	case VERB_ARCHIVE:
	case VERB_DELETE:
	case VERB_DRAFT:
		if (c->verb == VERB_MOVE)
			return clause_place(p, at, &c->move_to);
		return take_text(p, at);
	default:
		return take_text(p, at);
	}
}

static size_t
take_mailbox(struct parse *p, size_t at)
{
	struct request *c = p->c;

	/* "Signale ce message comme spam" and "mark as spam" move it there. */
	if ((c->verb == VERB_MARK || c->verb == VERB_MOVE || c->verb == VERB_JUNK) &&
	    p->w->w[at].value == ROLE_JUNK) {
		c->verb = VERB_MOVE;
		return clause_place(p, at, &c->move_to);
	}
	return clause_place(p, at, &c->in);
}

static size_t
take_picking(struct parse *p, size_t at)
{
	struct request *c = p->c;
	int value = p->w->w[at].value;
	size_t next;

	switch ((int)clause_sense(p, at)) {
	case SENSE_VERB:
		return take_second_verb(p, at);
	case SENSE_FROM:
		return take_from(p, at);
	case SENSE_OF:
		return take_of(p, at);
	case SENSE_TO:
	case SENSE_FOR:
		return take_to(p, at);
	case SENSE_IN:
		return take_in(p, at);
	case SENSE_MAILBOX:
		return take_mailbox(p, at);
	case SENSE_FOLDER:
		return clause_place(p, at, c->verb == VERB_MOVE ? &c->move_to : &c->in);
	case SENSE_SUBJECT:
		return clause_words(p, at + 1, false, &c->subject);
	case SENSE_ABOUT:
	case SENSE_TEXT:
		return clause_words(p, at + 1, false, &c->text);
	case SENSE_UNREAD:
		/* Unread is not seen. */
		note_mark(c, &c->unread, &c->mark_seen, value,
		    c->verb == VERB_MARK ? CHOICE_NO : CHOICE_YES);
		return at + 1;
	case SENSE_FLAGGED:
		note_mark(c, &c->flagged, &c->mark_flagged, value, CHOICE_YES);
		return at + 1;
	case SENSE_ATTACHED:
		c->attached = value ? CHOICE_YES : CHOICE_NO;
		return at + 1;
	case SENSE_BETWEEN:
	case SENSE_BEFORE:
	case SENSE_UNTIL:
	case SENSE_SINCE:
		return take_bound(p, at);
	default:
		break;
	}
	next = take_date(p, at);
	if (next == at)
		next = take_pick(p, at);
	if (next == at && clause_sense(p, at) == SENSE_OTHER)
		next = take_text(p, at);
	return next;
}

/* ---- verbs that write ---- */

/* "telling him that I am late": somebody stands before the text. */
static size_t
take_saying_who(struct parse *p, size_t at)
{
	for (size_t i = at + 1; i < p->w->n && i < at + 5; i++)
		if (clause_sense(p, i) == SENSE_THAT || clause_is_mark(p, i, ':'))
			return clause_body(p, i + 1);
	return clause_body(p, at + 2 < p->w->n ? at + 2 : at + 1);
}

static size_t
take_recipients(struct parse *p, size_t at)
{
	struct request *c = p->c;
	size_t next;

	/* "Reply to bob" names whose mail is answered; "réponds au mail de bob" says it later. */
	if (replies(c->verb)) {
		next = take_pick(p, clause_skip(p, at + 1));
		if (next > clause_skip(p, at + 1) && c->picked != PICKED_MATCHING)
			return next;
		return clause_person(p, at + 1, &c->from);
	}
	return clause_people(p, at + 1);
}

/* Words that no clause took: a name before the mail ("send alice a mail"), else the text. */
static size_t
take_loose(struct parse *p, size_t at)
{
	struct request *c = p->c;
	size_t next;

	if (replies(c->verb) && c->body.n == 0 && clause_sense(p, at) == SENSE_OTHER)
		return clause_body(p, at);
	if (c->verb == VERB_FORWARD)
		return at;
	if (c->npeople == 0) {
		next = clause_people(p, at);
		return next;
	}
	return c->body.n == 0 ? clause_body(p, at) : at;
}

static size_t
take_writing(struct parse *p, size_t at)
{
	struct request *c = p->c;
	size_t next;

	if (clause_is_mark(p, at, ':'))
		return clause_body(p, at);
	switch ((int)clause_sense(p, at)) {
	case SENSE_SAYING:
		return clause_body(p, at + 1);
	case SENSE_SAYING_WHO:
		return take_saying_who(p, at);
	case SENSE_THAT:
		return c->npeople > 0 || replies(c->verb) ? clause_body(p, at + 1) : at + 1;
	case SENSE_SUBJECT:
	case SENSE_ABOUT:
		return clause_words(p, at + 1, true, &c->title);
	case SENSE_TO:
	case SENSE_FOR:
		return take_recipients(p, at);
	case SENSE_FROM:
	case SENSE_OF:
		return replies(c->verb) || c->verb == VERB_FORWARD ? take_from(p, at) : at + 1;
	case SENSE_GREETING:
		return c->npeople > 0 ? clause_body(p, at) : at + 1;
	case SENSE_FILLER:
	case SENSE_ON:
	case SENSE_MESSAGES:
	case SENSE_AND:
	case SENSE_SELF:
		(void)take_pronoun(p, at);
		return at + 1;
	default:
		break;
	}
	if (clause_token(p, at)->kind == TOKEN_QUOTED && (c->npeople > 0 || replies(c->verb)))
		return clause_body(p, at);
	if (replies(c->verb) || c->verb == VERB_FORWARD) {
		next = take_pick(p, at);
		if (next > at)
			return next;
	}
	return take_loose(p, at);
}

/* "from the 3rd to the 14th of March: I am away": the text follows a colon or a verb of saying. */
static size_t
take_vacation(struct parse *p, size_t at)
{
	if (clause_is_mark(p, at, ':'))
		return clause_body(p, at);
	switch ((int)clause_sense(p, at)) {
	case SENSE_SAYING:
		return clause_body(p, at + 1);
	case SENSE_SUBJECT:
		return clause_words(p, at + 1, true, &p->c->title);
	case SENSE_TO:
		return take_to(p, at);
	case SENSE_FROM:
	case SENSE_OF:
		return take_date(p, at + 1);
	case SENSE_BETWEEN:
	case SENSE_BEFORE:
	case SENSE_UNTIL:
	case SENSE_SINCE:
		return take_bound(p, at);
	default:
		if (clause_token(p, at)->kind == TOKEN_QUOTED)
			return clause_body(p, at);
		return take_date(p, at);
	}
}

/* ---- the whole ---- */

static bool
has_filter(const struct request *c)
{
	return c->from.n > 0 || c->to.n > 0 || c->subject.n > 0 || c->text.n > 0 || c->in.given ||
	       c->unread != CHOICE_ANY || c->flagged != CHOICE_ANY || c->attached != CHOICE_ANY ||
	       c->dated || c->limit > 0;
}

static void
settle_verb(struct request *c, const struct parse *p)
{
	switch ((int)c->verb) {
	case VERB_NEWS:
		c->verb = VERB_LIST;
		c->unread = CHOICE_YES;
		break;
	case VERB_STAR:
	case VERB_UNSTAR:
		c->mark_flagged = c->verb == VERB_STAR ? CHOICE_YES : CHOICE_NO;
		c->verb = VERB_MARK;
		break;
	case VERB_ARCHIVE:
	case VERB_JUNK:
		c->move_to = (struct place){.given = true,
		    .by_role = true,
		    .role = c->verb == VERB_JUNK ? ROLE_JUNK : ROLE_ARCHIVE};
		c->verb = VERB_MOVE;
		break;
	case VERB_TELL:
		c->verb = VERB_SEND;
		break;
	/* "Read my mails" shows which there are. */
	case VERB_READ:
		if (!has_filter(c) && c->picked == PICKED_MATCHING &&
		    find(p->w, SENSE_MESSAGES, 1) < p->w->n)
			c->verb = VERB_LIST;
		break;
	default:
		break;
	}
}

/* A verb that says nothing about which messages means the one that is open. */
static void
settle_pick(struct request *c, const struct parse *p)
{
	bool all = p && find(p->w, SENSE_ALL, -1) < p->w->n;

	switch ((int)c->verb) {
	case VERB_MARK:
	case VERB_MOVE:
	case VERB_DELETE:
	case VERB_SUMMARISE:
	case VERB_REPLY:
	case VERB_REPLY_ALL:
	case VERB_DRAFT_REPLY:
	case VERB_FORWARD:
	case VERB_READ:
		if (c->picked == PICKED_MATCHING && !has_filter(c))
			c->picked = all ? PICKED_THESE : PICKED_THIS;
		break;
	default:
		break;
	}
}

static enum missing
what_is_missing(const struct request *c)
{
	switch ((int)c->verb) {
	case VERB_SEND:
		if (c->npeople == 0)
			return MISSING_RECIPIENT;
		return c->body.n == 0 ? MISSING_TEXT : MISSING_NOTHING;
	case VERB_DRAFT:
		return c->npeople == 0 && c->body.n == 0 ? MISSING_RECIPIENT : MISSING_NOTHING;
	case VERB_FORWARD:
		return c->npeople == 0 ? MISSING_RECIPIENT : MISSING_NOTHING;
	case VERB_REPLY:
	case VERB_REPLY_ALL:
	case VERB_DRAFT_REPLY:
		return c->body.n == 0 ? MISSING_TEXT : MISSING_NOTHING;
	case VERB_MOVE:
		return c->move_to.given ? MISSING_NOTHING : MISSING_MAILBOX;
	case VERB_MARK:
		return c->mark_seen == CHOICE_ANY && c->mark_flagged == CHOICE_ANY
			   ? MISSING_MARK
			   : MISSING_NOTHING;
	case VERB_SEARCH:
		return has_filter(c) ? MISSING_NOTHING : MISSING_WORDS;
	default:
		return MISSING_NOTHING;
	}
}

/* Everything around the verb, clause by clause; a step that takes nothing passes the word over. */
static void
take_clauses(struct parse *p)
{
	for (size_t at = 0; at < p->w->n;) {
		size_t next = at;

		if (at != p->verb_at) {
			if (writes(p->c->verb))
				next = take_writing(p, at);
			else if (p->c->verb == VERB_VACATION)
				next = take_vacation(p, at);
			else
				next = take_picking(p, at);
		}
		at = next > at ? next : at + 1;
	}
}

void
request_parse(
    struct request *out, struct str text, struct now now, enum language hint, struct arena *a)
{
	struct tokens *tokens = arena_new(a, struct tokens);
	struct words_of *words = arena_new(a, struct words_of);
	struct parse p = {.w = words, .c = out, .now = now, .a = a};

	*out = (struct request){.span = {INT64_MIN, INT64_MAX}};
	tokens_scan(tokens, str_cut_utf8(text, REQUEST_TEXT_MAX), a);
	lexicon_read(words, tokens, hint);
	out->language = words->language;
	find_verb(&p);
	/* These go the way of MARK and MOVE from here on. */
	if (out->verb != VERB_NONE)
		take_clauses(&p);
	settle_verb(out, &p);
	settle_pick(out, &p);
	out->missing = what_is_missing(out);
}

/* ---- answers ---- */

static bool
answer_mark(struct request *c, const struct request *said)
{
	if (said->unread != CHOICE_ANY)
		c->mark_seen = said->unread == CHOICE_YES ? CHOICE_NO : CHOICE_YES;
	if (said->flagged != CHOICE_ANY)
		c->mark_flagged = said->flagged;
	return said->unread != CHOICE_ANY || said->flagged != CHOICE_ANY;
}

bool
request_answer(struct request *c, struct str text, struct now now, struct arena *a)
{
	struct tokens *tokens = arena_new(a, struct tokens);
	struct words_of *words = arena_new(a, struct words_of);
	struct request *own = arena_new(a, struct request);
	struct parse p = {.w = words, .c = c, .now = now, .a = a};

	request_parse(own, text, now, c->language, a);
	if (own->verb == VERB_NO)
		return false;
	text = str_trim(text);
	if (c->missing == MISSING_TEXT) {
		c->body = text;
		c->missing = what_is_missing(c);
		return text.n > 0;
	}
	if (own->verb != VERB_NONE && own->verb != VERB_LIST && c->missing != MISSING_WORDS)
		return false;
	tokens_scan(tokens, str_cut_utf8(text, REQUEST_TEXT_MAX), a);
	lexicon_read(words, tokens, c->language);
	p.verb_at = words->n;
	switch ((int)c->missing) {
	case MISSING_RECIPIENT: {
		size_t at = clause_sense(&p, 0) == SENSE_TO ? 1 : 0;

		(void)clause_people(&p, at);
		break;
	}
	case MISSING_MAILBOX: {
		size_t at =
		    clause_sense(&p, 0) == SENSE_IN || clause_sense(&p, 0) == SENSE_TO ? 1 : 0;

		(void)clause_place(&p, at, &c->move_to);
		break;
	}
	case MISSING_MESSAGE:
		for (size_t at = 0; at < words->n; at++)
			(void)take_pick(&p, at);
		break;
	case MISSING_MARK:
		(void)answer_mark(c, own);
		break;
	case MISSING_WORDS:
		c->text = text;
		break;
	case MISSING_NOTHING:
	case MISSING_TEXT:
		break;
	}
	if (c->missing == what_is_missing(c))
		return false;
	c->missing = what_is_missing(c);
	return true;
}
