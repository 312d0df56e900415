/* find.c - list, search, count, and the mailboxes. See job.h. */
#include "aid/builtin/job.h"
#include "base/mem.h"
#include "base/num.h"

#define SHOWN 10u

static cJSON *
item_of(const cJSON *row)
{
	struct str from = json_str(json_get(row, "from"));
	cJSON *item = cJSON_CreateObject(), *who = cJSON_CreateObject();

	if (from.n == 0)
		from = json_str(json_get(row, "to"));
	json_put_str(item, "emailId", json_str(json_get(row, "id")));
	json_put_str(item, "threadId", json_str(json_get(row, "thread")));
	json_put_str(
	    who, "name", str_eq(who_name(from), who_address(from)) ? STR("") : who_name(from));
	json_put_str(who, "email", who_address(from));
	json_put(item, "from", who);
	json_put_str(item, "subject", json_str(json_get(row, "subject")));
	json_put_str(item, "receivedAt", json_str(json_get(row, "date")));
	json_put_bool(item, "unread", cJSON_IsTrue(json_get(row, "unread")));
	json_put_str(item, "preview", STR(""));
	return item;
}

/* What is listed stays on the desk: "the second one". */
static void
show(struct job *j, const cJSON *data, uint64_t total)
{
	struct desk *d = j->desk;
	cJSON *items = cJSON_CreateArray();
	const cJSON *v;

	desk_clear_rows(d);
	row_clear(&d->current);
	cJSON_ArrayForEach(v, json_get(data, "messages")) if (d->nrows < DESK_ROWS &&
							      json_str(json_get(v, "id")).n > 0)
	{
		row_take(&d->rows[d->nrows++], v);
		json_add(items, item_of(v));
	}
	if (total == 0)
		turn_say(j->t,
		    query_filters(&j->r)
			? (j->fr ? STR("Aucun message ne correspond.") : STR("No message matches."))
			: (j->fr ? STR("Votre boîte de réception est vide.")
				 : STR("Your inbox is empty.")));
	else if (total > d->nrows)
		turn_sayf(j->t,
		    L(j, "%.*s; here are the newest %zu:", "%.*s ; voici les %zu plus récents :"),
		    STR_ARG(say_count(j, total)), d->nrows);
	else
		turn_sayf(j->t, L(j, "%.*s:", "%.*s :"), STR_ARG(say_count(j, total)));
	if (total > 0)
		turn_messages(j->t, items, total, j->query);
	else
		cJSON_Delete(items);
}

static void
on_found(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	int64_t total = 0;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	(void)json_int(json_get(r->data, "total"), 0, JSON_INT_MAX, &total);
	if (j->r.verb != VERB_COUNT) {
		show(j, r->data, (uint64_t)total);
	} else if (total == 0) {
		turn_say(t, j->fr ? STR("Aucun message.") : STR("No message."));
	} else {
		struct str n = say_count(j, (uint64_t)total);

		turn_sayf(t, "%.*s.", STR_ARG(n));
	}
	turn_done(t);
}

void
find_run(struct job *j)
{
	cJSON *args = cJSON_CreateObject();
	size_t limit = j->r.limit > 0 ? num_min((size_t)j->r.limit, (size_t)DESK_ROWS) : SHOWN;

	j->query = query_of(j);
	json_put_str(args, "query", j->query);
	json_put_num(args, "limit", j->r.verb == VERB_COUNT ? 1 : (int64_t)limit);
	turn_call(j->t, "search", args, on_found, j);
}

/* ---- mailboxes ---- */

static void
on_folders(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	const cJSON *v;
	int64_t total, unread;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	turn_say(t, j->fr ? STR("Vos dossiers :") : STR("Your folders:"));
	cJSON_ArrayForEach(v, json_get(r->data, "mailboxes"))
	{
		struct str name = json_str(json_get(v, "name"));

		total = unread = 0;
		(void)json_int(json_get(v, "total"), 0, JSON_INT_MAX, &total);
		(void)json_int(json_get(v, "unread"), 0, JSON_INT_MAX, &unread);
		turn_sayf(t, "\n– %.*s (%lld", STR_ARG(name), (long long)total);
		if (unread > 0)
			turn_sayf(t,
			    L(j, ", %lld unread", unread > 1 ? ", %lld non lus" : ", %lld non lu"),
			    (long long)unread);
		turn_say(t, STR(")"));
	}
	turn_done(t);
}

void
folders_run(struct job *j)
{
	turn_call(j->t, "list_mailboxes", NULL, on_folders, j);
}
