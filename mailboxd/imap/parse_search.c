/*
 * parse_search.c - the arguments of SEARCH (RFC 3501 6.4.4).
 *
 * Purpose: a tree of keys, of bounded depth and number.
 */
#include "mailboxd/imap/parse.h"
#include "net/lex.h"

#include "base/mem.h"
#include "mail/date.h"

#define DEPTH_MAX 50
#define KEYS_MAX  2000

struct search {
	struct lex *l;
	struct imap_cmd *cmd;
	unsigned keys;
};

enum arg {
	ARG_NONE,
	ARG_TEXT,
	ARG_FIELD_TEXT,
	ARG_KEYWORD,
	ARG_NUMBER,
	ARG_DATE,
	ARG_SET,
	ARG_MODSEQ,
	ARG_EMAILID,
	ARG_THREADID
};

static const struct search_word {
	const char *word;
	enum search_op op;
	enum arg arg;
	unsigned bits;
	bool negated;
	const char *field;
} words[] = {
    {"ALL", SEARCH_ALL, ARG_NONE, 0, false, NULL},
    {"ANSWERED", SEARCH_FLAG, ARG_NONE, FLAG_ANSWERED, false, NULL},
    {"BCC", SEARCH_ADDRESS, ARG_TEXT, 0, false, "Bcc"},
    {"BEFORE", SEARCH_BEFORE, ARG_DATE, 0, false, NULL},
    {"BODY", SEARCH_BODY, ARG_TEXT, 0, false, NULL},
    {"CC", SEARCH_ADDRESS, ARG_TEXT, 0, false, "Cc"},
    {"DELETED", SEARCH_FLAG, ARG_NONE, FLAG_DELETED, false, NULL},
    {"DRAFT", SEARCH_FLAG, ARG_NONE, FLAG_DRAFT, false, NULL},
    {"EMAILID", SEARCH_EMAILID, ARG_EMAILID, 0, false, NULL},
    {"FLAGGED", SEARCH_FLAG, ARG_NONE, FLAG_FLAGGED, false, NULL},
    {"FROM", SEARCH_ADDRESS, ARG_TEXT, 0, false, "From"},
    {"HEADER", SEARCH_HEADER, ARG_FIELD_TEXT, 0, false, NULL},
    {"KEYWORD", SEARCH_KEYWORD, ARG_KEYWORD, 0, false, NULL},
    {"LARGER", SEARCH_LARGER, ARG_NUMBER, 0, false, NULL},
    {"MODSEQ", SEARCH_MODSEQ, ARG_MODSEQ, 0, false, NULL},
    {"OLD", SEARCH_FLAG, ARG_NONE, FLAG_RECENT, true, NULL},
    {"ON", SEARCH_ON, ARG_DATE, 0, false, NULL},
    {"RECENT", SEARCH_FLAG, ARG_NONE, FLAG_RECENT, false, NULL},
    {"SEEN", SEARCH_FLAG, ARG_NONE, FLAG_SEEN, false, NULL},
    {"SENTBEFORE", SEARCH_SENTBEFORE, ARG_DATE, 0, false, NULL},
    {"SENTON", SEARCH_SENTON, ARG_DATE, 0, false, NULL},
    {"SENTSINCE", SEARCH_SENTSINCE, ARG_DATE, 0, false, NULL},
    {"SINCE", SEARCH_SINCE, ARG_DATE, 0, false, NULL},
    {"SMALLER", SEARCH_SMALLER, ARG_NUMBER, 0, false, NULL},
    {"SUBJECT", SEARCH_SUBJECT, ARG_TEXT, 0, false, "Subject"},
    {"TEXT", SEARCH_TEXT, ARG_TEXT, 0, false, NULL},
    {"THREADID", SEARCH_THREADID, ARG_THREADID, 0, false, NULL},
    {"TO", SEARCH_ADDRESS, ARG_TEXT, 0, false, "To"},
    {"UID", SEARCH_UID, ARG_SET, 0, false, NULL},
    {"UNANSWERED", SEARCH_FLAG, ARG_NONE, FLAG_ANSWERED, true, NULL},
    {"UNDELETED", SEARCH_FLAG, ARG_NONE, FLAG_DELETED, true, NULL},
    {"UNDRAFT", SEARCH_FLAG, ARG_NONE, FLAG_DRAFT, true, NULL},
    {"UNFLAGGED", SEARCH_FLAG, ARG_NONE, FLAG_FLAGGED, true, NULL},
    {"UNKEYWORD", SEARCH_KEYWORD, ARG_KEYWORD, 0, true, NULL},
    {"UNSEEN", SEARCH_FLAG, ARG_NONE, FLAG_SEEN, true, NULL},
};

static struct search_key *
new_key(struct search *s, enum search_op op)
{
	struct search_key *k = arena_new(s->l->a, struct search_key);

	s->keys++;
	k->op = op;
	return k;
}

static struct search_key *
parent_of(struct search *s, enum search_op op, struct search_key *child)
{
	struct search_key *k = new_key(s, op);

	k->child = child;
	return k;
}

static int
text_arg(struct search *s, struct str *out)
{
	if (lex_space(s->l) < 0 || lex_astring(s->l, out) < 0)
		return -1;
	/* US-ASCII is the default, but UTF-8 without saying so harms nobody. Empty strings are
	 * never invalid. */
	if (out->n > 0 && !str_is_utf8(*out))
		return lex_fail(s->l, "Search text is not valid in its character set");
	return 0;
}

static int
date_arg(struct lex *l, int64_t *day)
{
	struct str s;

	if (lex_space(l) < 0 || lex_astring(l, &s) < 0)
		return -1;
	return date_day_parse(s, day) < 0 ? lex_fail(l, "Bad date") : 0;
}

/* An objectid (RFC 8474 7). One that we never gave is right all the same, and nobody's. */
static int
object_id(struct lex *l, char letter, uint64_t *out)
{
	struct str s;

	if (lex_space(l) < 0 || lex_astring(l, &s) < 0)
		return -1;
	*out = email_parse(s, letter);
	return 0;
}

static int
argument(struct search *s, const struct search_word *w, struct search_key *k)
{
	k->bits = w->bits;
	k->field = str_z(w->field);
	switch (w->arg) {
	case ARG_NONE:
		return 0;
	case ARG_TEXT:
		return text_arg(s, &k->text);
	case ARG_FIELD_TEXT:
		if (lex_space(s->l) < 0 || lex_astring(s->l, &k->field) < 0)
			return -1;
		return text_arg(s, &k->text);
	case ARG_KEYWORD:
		return lex_space(s->l) < 0 ? -1 : lex_atom(s->l, &k->text);
	case ARG_NUMBER:
		return lex_space(s->l) < 0 ? -1 : lex_number(s->l, 0, UINT32_MAX, &k->number);
	case ARG_DATE:
		return date_arg(s->l, &k->day);
	case ARG_SET:
		return lex_space(s->l) < 0 ? -1 : parse_set(s->l, &k->set);
	case ARG_EMAILID:
		return object_id(s->l, EMAIL_LETTER, &k->number);
	case ARG_THREADID:
		return object_id(s->l, THREAD_LETTER, &k->number);
	case ARG_MODSEQ:
		s->cmd->by_modseq = true;
		return parse_search_modseq(s->l, &k->number);
	}
	return -1;
}

static struct search_key *one_key(struct search *s, unsigned depth);

/* Keys one behind the other, all of which must match, up to end (0: of the command). */
static struct search_key *
key_list(struct search *s, unsigned depth)
{
	struct search_key *first = NULL, **link = &first;

	do {
		if ((*link = one_key(s, depth)) == NULL)
			return NULL;
		link = &(*link)->next;
	} while (lex_take(s->l, ' '));
	return first->next == NULL ? first : parent_of(s, SEARCH_AND, first);
}

static struct search_key *
plain_key(struct search *s)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct search_key *k;

		if (!lex_word(s->l, words[i].word))
			continue;
		k = new_key(s, words[i].op);
		if (argument(s, &words[i], k) < 0)
			return NULL;
		return words[i].negated ? parent_of(s, SEARCH_NOT, k) : k;
	}
	lex_fail(s->l, "Unknown search key");
	return NULL;
}

/* NEW is RECENT UNSEEN. */
static struct search_key *
new_messages(struct search *s)
{
	struct search_key *recent = new_key(s, SEARCH_FLAG), *seen = new_key(s, SEARCH_FLAG);

	recent->bits = FLAG_RECENT;
	seen->bits = FLAG_SEEN;
	recent->next = parent_of(s, SEARCH_NOT, seen);
	return parent_of(s, SEARCH_AND, recent);
}

static struct search_key *
one_key(struct search *s, unsigned depth)
{
	struct search_key *k, *other;
	struct lex *l = s->l;

	if (depth > DEPTH_MAX || s->keys > KEYS_MAX) {
		s->cmd->code = "LIMIT";
		lex_fail(l, "Search too complex");
		return NULL;
	}
	if (lex_take(l, '(')) {
		if ((k = key_list(s, depth + 1)) == NULL || lex_char(l, ')') < 0)
			return NULL;
		return k;
	}
	if (is_digit(lex_peek(l)) || lex_peek(l) == '*') {
		k = new_key(s, SEARCH_SEQ);
		s->cmd->by_number = true;
		return parse_set(l, &k->set) < 0 ? NULL : k;
	}
	if (lex_word(l, "NOT")) {
		if (lex_space(l) < 0 || (k = one_key(s, depth + 1)) == NULL)
			return NULL;
		return parent_of(s, SEARCH_NOT, k);
	}
	if (lex_word(l, "OR")) {
		if (lex_space(l) < 0 || (k = one_key(s, depth + 1)) == NULL)
			return NULL;
		if (lex_space(l) < 0 || (other = one_key(s, depth + 1)) == NULL)
			return NULL;
		k->next = other;
		return parent_of(s, SEARCH_OR, k);
	}
	if (lex_word(l, "NEW"))
		return new_messages(s);
	return plain_key(s);
}

int
parse_search(struct lex *l, struct imap_cmd *cmd)
{
	struct search s = {l, cmd, 0};
	struct str charset;

	if (lex_word(l, "CHARSET")) {
		if (lex_space(l) < 0 || lex_astring(l, &charset) < 0 || lex_space(l) < 0)
			return -1;
		if (!str_ieq_z(charset, "UTF-8") && !str_ieq_z(charset, "US-ASCII")) {
			cmd->code = "BADCHARSET (US-ASCII UTF-8)";
			return lex_fail(l, "Unknown character set");
		}
	}
	cmd->key = key_list(&s, 0);
	return cmd->key == NULL ? -1 : 0;
}
