/* read.c - read a mail, or say the most of one, of a conversation, or of several. See job.h. */
#include "aid/builtin/job.h"
#include "aid/grammar/summary.h"
#include "base/mem.h"

#define TEXT_MAX      8000u /* octets of a mail that are said */
#define SUMMED        10u   /* mails at a time */
#define WHOLE         300u  /* octets of a text that is said whole */
#define SENTENCES_ONE 5u
#define SENTENCES     2u
#define OCTETS_ONE    1500u
#define OCTETS        500u

static void
say_title(struct job *j, const cJSON *m)
{
	const cJSON *from = json_get(m, "from");
	struct str who = json_str(cJSON_IsArray(from) ? from->child : from);
	struct str day = say_day(j, json_str(json_get(m, "date")));
	struct str subject = json_str(json_get(m, "subject"));

	turn_sayf(j->t, L(j, "%.*s, %.*s: %.*s", "%.*s, %.*s : %.*s"), STR_ARG(who_name(who)),
	    STR_ARG(day), STR_ARG(subject));
}

static void
spoken_of(struct job *j, const cJSON *m)
{
	struct row r = {0};

	row_take(&r, m);
	if (r.id != NULL)
		row_copy(&j->desk->current, &r);
	row_clear(&r);
}

/* ---- read ---- */

static void
say_attachments(struct job *j, const cJSON *list)
{
	const cJSON *v;

	if (list == NULL || list->child == NULL)
		return;
	turn_say(j->t, j->fr ? STR("\n\nPièces jointes :") : STR("\n\nAttachments:"));
	cJSON_ArrayForEach(v, list)
	{
		struct str name = json_str(json_get(v, "name"));

		turn_sayf(j->t, "\n– %.*s", STR_ARG(name));
	}
}

static void
on_message(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	struct str text;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	text = json_str(json_get(r->data, "text"));
	spoken_of(j, r->data);
	say_title(j, r->data);
	turn_say(t, STR("\n\n"));
	turn_say(t, str_cut_utf8(text, TEXT_MAX));
	if (text.n > TEXT_MAX || json_get(r->data, "next") != NULL)
		turn_say(t, j->fr ? STR("\n[…] La suite est dans le message.")
				  : STR("\n[…] The rest is in the message."));
	say_attachments(j, json_get(r->data, "attachments"));
	turn_done(t);
}

static void
read_message(struct job *j, const char *id, turn_then_fn then)
{
	cJSON *args = cJSON_CreateObject();

	json_put_str(args, "message", str_z(id));
	turn_call(j->t, "read_message", args, then, j);
}

static void
on_picked_to_read(struct job *j)
{
	read_message(j, j->targets[0].id, on_message);
}

/* ---- summarise ---- */

static void
say_summary(struct job *j, const cJSON *m, size_t n, size_t max)
{
	struct str text = json_str(json_get(m, "text"));
	struct buf b;

	/* What is short already is its own summary. */
	if (str_trim(text).n <= WHOLE) {
		turn_say(j->t, str_trim(text));
		return;
	}
	buf_init(&b, max + 8);
	if (summary_make(text, n, max, &b) == 0)
		(void)buf_str(&b, str_cut_utf8(str_trim(text), max));
	turn_say(j->t, str_trim(buf_view(&b)));
	buf_free(&b);
}

static void
on_one(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	say_title(j, r->data);
	turn_say(t, STR("\n"));
	if (j->ntargets == 1)
		spoken_of(j, r->data);
	say_summary(j, r->data, j->ntargets == 1 ? SENTENCES_ONE : SENTENCES,
	    j->ntargets == 1 ? OCTETS_ONE : OCTETS);
	if (++j->at < j->ntargets) {
		turn_say(t, STR("\n\n"));
		read_message(j, j->targets[j->at].id, on_one);
		return;
	}
	if (j->total > j->ntargets)
		turn_sayf(t,
		    L(j, "\n\nThese are the newest %zu of %.*s.",
			"\n\nCe sont les %zu plus récents de %.*s."),
		    j->ntargets, STR_ARG(say_count(j, j->total)));
	turn_done(t);
}

static void
on_thread(struct turn *t, const struct turn_result *r, void *arg)
{
	const cJSON *list = json_get(r->data, "messages"), *m;
	struct job *j = arg;
	int n = cJSON_GetArraySize(list);

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	cJSON_ArrayForEach(m, list)
	{
		if (m != list->child)
			turn_say(t, STR("\n\n"));
		say_title(j, m);
		turn_say(t, STR("\n"));
		say_summary(j, m, n == 1 ? SENTENCES_ONE : SENTENCES, n == 1 ? OCTETS_ONE : OCTETS);
		if (m->next == NULL)
			spoken_of(j, m);
	}
	turn_done(t);
}

static void
on_picked_to_sum(struct job *j)
{
	cJSON *args;

	if (j->ntargets > 1 || j->r.picked == PICKED_MATCHING) {
		read_message(j, j->targets[0].id, on_one);
		return;
	}
	/* One that is spoken of: with the rest of its conversation. */
	args = cJSON_CreateObject();
	json_put_str(args, "message", str_z(j->targets[0].id));
	turn_call(j->t, "read_thread", args, on_thread, j);
}

void
read_run(struct job *j)
{
	if (j->r.verb == VERB_SUMMARISE)
		pick(j, SUMMED, on_picked_to_sum);
	else
		pick(j, 1, on_picked_to_read);
}
