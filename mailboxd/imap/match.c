/*
 * match.c - the keys of SEARCH against one message (RFC 3501 6.4.4).
 *
 * Purpose: answers from the index where it can, and from what it keeps of the header; opens the
 * message's file only for the rest.
 */
#include "mailboxd/imap/match.h"

#include "mail/date.h"
#include "mail/header.h"
#include "mail/needle.h"
#include "mail/summary.h"
#include "mailboxd/imap/conn.h"

#define READERS_MAX 16          /* keys that read whole messages: each takes long on a large one */
#define SCRATCH_MAX (16u << 20) /* of a decoded text, so much is looked at */

static unsigned
cost(const struct search_key *k)
{
	unsigned most = 0;

	switch (k->op) {
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return 2;
	case SEARCH_HEADER:
	case SEARCH_ADDRESS:
	case SEARCH_SUBJECT:
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
	case SEARCH_THREADID:
		return 1;
	case SEARCH_AND:
	case SEARCH_OR:
	case SEARCH_NOT:
		for (const struct search_key *i = k->child; i != NULL; i = i->next)
			if (cost(i) > most)
				most = cost(i);
		return most;
	case SEARCH_ALL:
	case SEARCH_SEQ:
	case SEARCH_UID:
	case SEARCH_FLAG:
	case SEARCH_KEYWORD:
	case SEARCH_LARGER:
	case SEARCH_SMALLER:
	case SEARCH_BEFORE:
	case SEARCH_ON:
	case SEARCH_SINCE:
	case SEARCH_MODSEQ:
	case SEARCH_EMAILID:
		break;
	}
	return 0;
}

/* Children in order of what they cost, otherwise as they came. */
static void
sort_children(struct search_key *k)
{
	struct search_key *sorted = NULL, **link = &sorted;

	for (unsigned level = 0; level <= 2; level++)
		for (struct search_key **at = &k->child; *at != NULL;) {
			struct search_key *i = *at;

			if (cost(i) != level) {
				at = &i->next;
				continue;
			}
			*at = i->next;
			i->next = NULL;
			*link = i;
			link = &i->next;
		}
	k->child = sorted;
}

static int
prepare(struct imap_match *x, struct search_key *k, const struct imap_view *w, struct arena *a)
{
	if (k->op == SEARCH_SEQ)
		imap_set_resolve(&k->set, (uint32_t)w->n);
	if (k->op == SEARCH_UID)
		imap_set_resolve(&k->set, imap_view_last_uid(w));
	if (cost(k) > 0 && k->child == NULL) {
		k->needle = arena_new(a, struct needle);
		if (needle_init(k->needle, k->text, a) < 0)
			return -1;
	}
	if ((k->op == SEARCH_BODY || k->op == SEARCH_TEXT) && ++x->readers > READERS_MAX)
		return -1;
	for (struct search_key *i = k->child; i != NULL; i = i->next)
		if (prepare(x, i, w, a) < 0)
			return -1;
	sort_children(k);
	return 0;
}

int
imap_match_init(
    struct imap_match *x, struct search_key *key, const struct imap_view *w, struct arena *a)
{
	*x = (struct imap_match){0};
	if (prepare(x, key, w, a) < 0)
		return -1;
	buf_init(&x->scratch, SCRATCH_MAX);
	arena_init(&x->arena);
	return 0;
}

void
imap_match_done(struct imap_match *x)
{
	content_close(&x->content);
	buf_free(&x->scratch);
	arena_free(&x->arena);
}

/* ---- what stands in the file ---- */

static bool
open_content(struct imap_match *x, struct mailbox *mb, uint32_t uid)
{
	if (x->content == NULL && !x->unreadable)
		x->unreadable = (x->content = content_open(mb, uid, NULL)) == NULL;
	return x->content != NULL;
}

static const struct mime_part *
tree(struct imap_match *x)
{
	if (x->root == NULL)
		x->root = mime_parse(x->content->octets, &x->arena);
	return x->root;
}

/* Any field of that name whose decoded text holds the needle; an empty one asks only whether it is
 * there. */
static bool
in_field(struct imap_match *x, const struct search_key *k, struct str header)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (!str_ieq(f.name, k->field))
			continue;
		if (k->text.n == 0 || needle_in_header(k->needle, f.value, &x->scratch))
			return true;
	}
	return false;
}

static bool
is_sent(enum search_op op)
{
	return op == SEARCH_SENTBEFORE || op == SEARCH_SENTON || op == SEARCH_SENTSINCE;
}

static bool
day_matches(const struct search_key *k, int64_t day)
{
	if (k->op == SEARCH_SENTBEFORE)
		return day < k->day;
	return k->op == SEARCH_SENTON ? day == k->day : day >= k->day;
}

static bool
sent(struct imap_match *x, const struct search_key *k)
{
	struct str value = header_value(x->content->octets, STR("Date"));
	struct date d;

	return value.p != NULL && date_parse(value, &d) == 0 && day_matches(k, date_day(d));
}

static bool
in_file(struct imap_match *x, const struct search_key *k, struct mailbox *mb, uint32_t uid)
{
	if (!open_content(x, mb, uid))
		return false;
	if (k->op == SEARCH_BODY || k->op == SEARCH_TEXT)
		return needle_in_message(
		    k->needle, tree(x), x->content->octets, k->op == SEARCH_TEXT, &x->scratch);
	return is_sent(k->op) ? sent(x, k) : in_field(x, k, x->content->octets);
}

/* What the index keeps of the header folded, asked once a message. */
static enum summary_answer
in_summary(struct imap_match *x, const struct search_key *k, struct mailbox *mb, uint32_t uid)
{
	enum summary_field field = is_sent(k->op) ? SUMMARY_COUNT : summary_field(k->field);
	enum summary_answer answer;
	struct str row;
	int64_t day;

	if (field == SUMMARY_COUNT && !is_sent(k->op))
		return SUMMARY_UNKNOWN;
	if (x->summary.p == NULL && !x->unreadable) {
		x->unreadable = mailbox_cached(mb, uid, CACHE_HEADER, &x->arena, &row, NULL) < 0;
		x->summary = x->unreadable ? STR_NONE : imap_row_summary(row);
	}
	if (x->summary.p == NULL)
		return SUMMARY_NO;
	if (field < SUMMARY_COUNT)
		return summary_find(x->summary, field, k->needle);
	answer = summary_day(x->summary, &day);
	return answer == SUMMARY_YES && !day_matches(k, day) ? SUMMARY_NO : answer;
}

static bool
in_header(struct imap_match *x, const struct search_key *k, struct mailbox *mb, uint32_t uid)
{
	enum summary_answer answer = in_summary(x, k, mb, uid);
	struct str row;

	if (answer != SUMMARY_UNKNOWN)
		return answer == SUMMARY_YES;
	if (!is_sent(k->op) && imap_row_has_field(k->field) &&
	    mailbox_cached(mb, uid, CACHE_FIELDS, &x->arena, &row, NULL) == 0 && row.n > 0)
		return in_field(x, k, row);
	return in_file(x, k, mb, uid);
}

/* ---- the tree ---- */

static bool
has_keyword(const struct mailbox *mb, const struct message *m, struct str name)
{
	for (unsigned i = 0; i < mb->nkeywords; i++)
		if (str_ieq(mb->keywords[i], name))
			return (m->keywords & (UINT64_C(1) << i)) != 0;
	return false;
}

static bool
match_key(struct imap_match *x, const struct search_key *k, const struct imap_view *w, size_t at,
    const struct message *m)
{
	const struct imap_view_msg *v = &w->v[at];
	/* INTERNALDATE is shown in UTC, and its day is that of UTC. */
	int64_t day = date_day((struct date){m->date, 0});
	uint64_t thread;

	switch (k->op) {
	case SEARCH_ALL:
		return true;
	case SEARCH_AND:
		for (const struct search_key *i = k->child; i != NULL; i = i->next)
			if (!match_key(x, i, w, at, m))
				return false;
		return true;
	case SEARCH_OR:
		for (const struct search_key *i = k->child; i != NULL; i = i->next)
			if (match_key(x, i, w, at, m))
				return true;
		return false;
	case SEARCH_NOT:
		return !match_key(x, k->child, w, at, m);
	case SEARCH_SEQ:
		return imap_set_has(&k->set, (uint32_t)at + 1);
	case SEARCH_UID:
		return imap_set_has(&k->set, v->uid);
	case SEARCH_FLAG:
		return ((m->flags | (v->recent ? FLAG_RECENT : 0)) & k->bits) != 0;
	case SEARCH_KEYWORD:
		return has_keyword(w->mb, m, k->text);
	case SEARCH_LARGER:
		return m->size > k->number;
	case SEARCH_SMALLER:
		return m->size < k->number;
	case SEARCH_BEFORE:
		return day < k->day;
	case SEARCH_ON:
		return day == k->day;
	case SEARCH_SINCE:
		return day >= k->day;
	case SEARCH_MODSEQ:
		return mailbox_modseq(w->mb, m) >= k->number;
	case SEARCH_EMAILID:
		return m->email == k->number;
	case SEARCH_THREADID:
		return mailbox_thread(w->mb, v->uid, &thread, NULL) == 0 && thread == k->number;
	case SEARCH_HEADER:
	case SEARCH_ADDRESS:
	case SEARCH_SUBJECT:
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
		return in_header(x, k, w->mb, v->uid);
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return in_file(x, k, w->mb, v->uid);
	}
	return false;
}

bool
imap_match(struct imap_match *x, const struct search_key *key, const struct imap_view *w, size_t at)
{
	const struct message *now = mailbox_get(w->mb, w->v[at].uid);
	struct message m;
	bool found;

	if (now == NULL)
		return false;
	/* Looking for the file of one key may move the messages that the next key is about. */
	m = *now;
	x->unreadable = false;
	x->root = NULL;
	x->summary = STR_NONE;
	found = match_key(x, key, w, at, &m);
	content_close(&x->content);
	arena_reset(&x->arena);
	return found;
}
