/* pick.c - which mails are meant: of those listed, the one spoken of, or those that match. */
#include "aid/builtin/job.h"
#include "base/mem.h"
#include "base/num.h"

#define PAGE 50u

static void ask_page(struct job *j, struct str cursor);

static struct str
keep(struct job *j, const char *z)
{
	return arena_dup(turn_arena(j->t), z != NULL ? str_z(z) : STR(""));
}

/* Into the arena, since what was listed may change meanwhile. */
static void
add_row(struct job *j, const struct row *r)
{
	struct row *to;

	if (j->ntargets == JOB_TARGETS || r->id == NULL)
		return;
	to = &j->targets[j->ntargets++];
	*to = (struct row){.id = (char *)(uintptr_t)keep(j, r->id).p,
	    .thread = (char *)(uintptr_t)keep(j, r->thread).p,
	    .from = (char *)(uintptr_t)keep(j, r->from).p,
	    .subject = (char *)(uintptr_t)keep(j, r->subject).p,
	    .date = (char *)(uintptr_t)keep(j, r->date).p,
	    .unread = r->unread};
}

static void
add_id(struct job *j, struct str id)
{
	const struct desk *d = j->desk;

	for (size_t i = 0; i < d->nrows; i++)
		if (str_eq_z(id, d->rows[i].id)) {
			add_row(j, &d->rows[i]);
			return;
		}
	if (d->current.id != NULL && str_eq_z(id, d->current.id)) {
		add_row(j, &d->current);
		return;
	}
	add_row(j, &(struct row){.id = (char *)(uintptr_t)id.p});
}

/* What is done with one mail alone is spoken of next. */
static void
found(struct job *j)
{
	if (j->ntargets == 1)
		row_copy(&j->desk->current, &j->targets[0]);
	j->picked(j);
}

/* ---- those that match ---- */

static void
on_page(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	const cJSON *v;
	struct str next;
	int64_t total = 0;

	(void)t;
	if (r->failed) {
		say_failed(j, r);
		return;
	}
	(void)json_int(json_get(r->data, "total"), 0, JSON_INT_MAX, &total);
	j->total = (uint64_t)total;
	cJSON_ArrayForEach(v, json_get(r->data, "messages"))
	{
		struct row row = {0};

		if (j->ntargets >= j->want)
			break;
		row_take(&row, v);
		add_row(j, &row);
		row_clear(&row);
	}
	next = json_str(json_get(r->data, "next"));
	if (j->ntargets < j->want && next.n > 0) {
		ask_page(j, arena_dup(turn_arena(j->t), next));
		return;
	}
	if (j->ntargets == 0) {
		turn_say(
		    j->t, j->fr ? STR("Aucun message ne correspond.") : STR("No message matches."));
		turn_done(j->t);
		return;
	}
	found(j);
}

static void
ask_page(struct job *j, struct str cursor)
{
	cJSON *args = cJSON_CreateObject();

	json_put_str(args, "query", j->query);
	json_put_num(args, "limit", (int64_t)num_min(j->want - j->ntargets, (size_t)PAGE));
	if (cursor.n > 0)
		json_put_str(args, "cursor", cursor);
	turn_call(j->t, "search", args, on_page, j);
}

/* ---- those spoken of ---- */

static void
ask_which(struct job *j)
{
	struct desk *d = j->desk;

	if (d->nrows == 0) {
		turn_say(j->t,
		    j->fr
			? STR("De quel message parlez-vous ? Ouvrez-en un, ou demandez-moi d'abord "
			      "une liste.")
			: STR("Which message do you mean? Open one, or ask me for a list first."));
		turn_done(j->t);
		return;
	}
	for (size_t i = 0; i < d->nrows && i < 8; i++)
		desk_choice(d, arena_printf(turn_arena(j->t), "%zu. %.*s – %s", i + 1,
				   STR_ARG(who_name(str_z(d->rows[i].from))),
				   d->rows[i].subject != NULL ? d->rows[i].subject : ""));
	ask_back(j, ASKED_WHICH, j->fr ? STR("Lequel ?") : STR("Which one?"));
}

static void
pick_numbers(struct job *j)
{
	const struct desk *d = j->desk;

	for (size_t i = 0; i < j->r.nnumbers; i++) {
		unsigned n = j->r.numbers[i];

		if (n < 1 || n > d->nrows) {
			turn_sayf(j->t,
			    d->nrows == 0
				? L(j, "Nothing is listed yet that could have a number %u.",
				      "Rien n'est encore listé qui pourrait porter le numéro %u.")
				: L(j, "There is no number %u in the list of %zu.",
				      "Il n'y a pas de numéro %u dans la liste de %zu."),
			    n, d->nrows);
			turn_done(j->t);
			return;
		}
		add_row(j, &d->rows[n - 1]);
	}
	found(j);
}

static void
pick_these(struct job *j)
{
	const struct turn_asked *asked = turn_asked(j->t);

	for (size_t i = 0; i < asked->nselected; i++)
		add_id(j, asked->selected[i]);
	for (size_t i = 0; i < j->desk->nrows && asked->nselected == 0; i++)
		add_row(j, &j->desk->rows[i]);
	if (j->ntargets == 0 && j->desk->current.id != NULL)
		add_row(j, &j->desk->current);
	if (j->ntargets == 0)
		ask_which(j);
	else
		found(j);
}

static void
pick_this(struct job *j)
{
	const struct turn_asked *asked = turn_asked(j->t);

	if (j->desk->current.id != NULL)
		add_row(j, &j->desk->current);
	else if (asked->email.n > 0)
		add_id(j, asked->email);
	else if (asked->nselected == 1)
		add_id(j, asked->selected[0]);
	else if (j->desk->nrows == 1)
		add_row(j, &j->desk->rows[0]);
	if (j->ntargets == 0)
		ask_which(j);
	else
		found(j);
}

void
pick(struct job *j, size_t want, void (*picked)(struct job *j))
{
	j->picked = picked;
	j->targets = arena_array(turn_arena(j->t), JOB_TARGETS, sizeof(*j->targets));
	j->want = want > 0 ? want : JOB_TARGETS;
	if (j->r.limit > 0 && j->r.limit < j->want)
		j->want = j->r.limit;
	switch (j->r.picked) {
	case PICKED_NUMBERS:
		pick_numbers(j);
		break;
	case PICKED_THESE:
		pick_these(j);
		break;
	case PICKED_THIS:
		pick_this(j);
		break;
	case PICKED_MATCHING:
		j->query = query_of(j);
		ask_page(j, STR(""));
		break;
	}
}
