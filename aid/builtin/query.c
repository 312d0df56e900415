/* query.c - the filter of a request in the language of search (mcpd/search.h). */
#include "aid/builtin/job.h"
#include "mail/date.h"

#define QUERY_MAX 900u

/* "from:bob", "from:\"Bob Smith\"". */
static void
put_word(struct buf *b, const char *operator, struct str value)
{
	bool bare = value.n > 0;

	for (size_t i = 0; i < value.n && bare; i++)
		bare = (unsigned char)value.p[i] > ' ' && value.p[i] != '"';
	if (b->n > 0)
		(void)buf_putc(b, ' ');
	(void)buf_puts(b, operator);
	if (!bare)
		(void)buf_putc(b, '"');
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '"')
			(void)buf_putc(b, (unsigned char)value.p[i] < ' ' ? ' ' : value.p[i]);
	if (!bare)
		(void)buf_putc(b, '"');
}

/* What is looked for: words as they are, unless they would mean something else there. */
static void
put_text(struct buf *b, struct str text)
{
	bool plain = true;

	for (size_t i = 0; i < text.n && plain; i++)
		plain = text.p[i] != ':' && (unsigned char)text.p[i] >= ' ' &&
			!(text.p[i] == '-' && (i == 0 || text.p[i - 1] == ' '));
	if (!plain) {
		put_word(b, "", text);
		return;
	}
	if (b->n > 0)
		(void)buf_putc(b, ' ');
	(void)buf_str(b, text);
	/* A quote that is opened is closed. */
	for (size_t i = 0, quotes = 0; i <= text.n; i++)
		if (i < text.n)
			quotes += text.p[i] == '"';
		else if (quotes % 2 != 0)
			(void)buf_putc(b, '"');
}

static void
put_place(struct buf *b, const struct place *p)
{
	static const char *const roles[] = {"inbox", "sent", "drafts", "archive", "junk", "trash"};

	if (p->given && p->by_role)
		put_word(b, "in:", str_z(roles[p->role]));
	else if (p->given)
		put_word(b, "in:", p->name);
}

static void
put_choice(struct buf *b, enum choice c, const char *yes, const char *no)
{
	if (c != CHOICE_ANY)
		put_word(b, "", str_z(c == CHOICE_YES ? yes : no));
}

/* Days begin where the person is. */
static void
put_day(struct buf *b, const char *operator, int64_t utc, int32_t zone)
{
	char text[DATE_RFC3339_SIZE];

	put_word(b, operator, str_sub(str_z(date_rfc3339(utc, zone, text)), 0, 10));
}

bool
query_filters(const struct request *r)
{
	return r->from.n > 0 || r->to.n > 0 || r->subject.n > 0 || r->text.n > 0 || r->in.given ||
	       r->unread != CHOICE_ANY || r->flagged != CHOICE_ANY || r->attached != CHOICE_ANY ||
	       r->dated;
}

struct str
query_of(struct job *j)
{
	const struct request *r = &j->r;
	struct now now = turn_asked(j->t)->now;
	struct buf b;
	struct str s;

	buf_init(&b, QUERY_MAX);
	if (r->from.n > 0)
		put_word(&b, "from:", r->from);
	if (r->to.n > 0)
		put_word(&b, "to:", r->to);
	if (r->subject.n > 0)
		put_word(&b, "subject:", r->subject);
	put_place(&b, &r->in);
	put_choice(&b, r->unread, "is:unread", "is:read");
	put_choice(&b, r->flagged, "is:starred", "-is:starred");
	put_choice(&b, r->attached, "has:attachment", "-has:attachment");
	if (r->dated && r->span.from != INT64_MIN)
		put_day(&b, "after:", r->span.from, now.zone);
	if (r->dated && r->span.to < now.utc)
		put_day(&b, "before:", r->span.to, now.zone);
	if (r->text.n > 0)
		put_text(&b, r->text);
	if (!query_filters(r))
		put_word(&b, "in:", STR("inbox"));
	s = arena_dup(turn_arena(j->t), buf_view(&b));
	buf_free(&b);
	return s;
}
