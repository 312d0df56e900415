/* desk.c - see desk.h. */
#include "aid/builtin/desk.h"

#include <stdlib.h>

#include "base/mem.h"

#define ROW_STR 300u

static void
set(char **p, struct str s)
{
	free(*p);
	s = str_cut_utf8(s, ROW_STR);
	*p = s.n > 0 ? mem_dup(s.p, s.n) : NULL;
}

void
row_take(struct row *r, const cJSON *v)
{
	const cJSON *from = json_get(v, "from");
	struct str who = json_str(cJSON_IsArray(from) ? from->child : from);

	if (who.n == 0)
		who = json_str(json_get(v, "to"));
	set(&r->id, json_str(json_get(v, "id")));
	set(&r->thread, json_str(json_get(v, "thread")));
	set(&r->from, who);
	set(&r->subject, json_str(json_get(v, "subject")));
	set(&r->date, json_str(json_get(v, "date")));
	r->unread = cJSON_IsTrue(json_get(v, "unread"));
}

void
row_copy(struct row *to, const struct row *from)
{
	struct row copy = {.unread = from->unread};

	set(&copy.id, str_z(from->id));
	set(&copy.thread, str_z(from->thread));
	set(&copy.from, str_z(from->from));
	set(&copy.subject, str_z(from->subject));
	set(&copy.date, str_z(from->date));
	row_clear(to);
	*to = copy;
}

void
row_clear(struct row *r)
{
	free(r->id);
	free(r->thread);
	free(r->from);
	free(r->subject);
	free(r->date);
	*r = (struct row){0};
}

void
desk_clear_rows(struct desk *d)
{
	while (d->nrows > 0)
		row_clear(&d->rows[--d->nrows]);
}

void
desk_settle(struct desk *d)
{
	d->asked = ASKED_NOTHING;
	free(d->text);
	free(d->about);
	d->text = d->about = NULL;
	while (d->nanswers > 0)
		free(d->answers[--d->nanswers]);
	while (d->nchoices > 0)
		free(d->choices[--d->nchoices]);
	while (d->npeople > 0) {
		free(d->people[--d->npeople].named);
		free(d->people[d->npeople].address);
	}
}

void
desk_choice(struct desk *d, struct str s)
{
	s = str_cut_utf8(s, ROW_STR);
	if (d->nchoices < DESK_ROWS)
		d->choices[d->nchoices++] = mem_dup(s.p, s.n);
}

struct desk *
desk_of(struct turn *t)
{
	void **slot = turn_slot(t);

	if (*slot == NULL)
		*slot = mem_alloc(sizeof(struct desk));
	return *slot;
}

void
desk_free(void *desk)
{
	struct desk *d = desk;

	desk_settle(d);
	desk_clear_rows(d);
	row_clear(&d->current);
	free(d->context);
	free(d);
}
