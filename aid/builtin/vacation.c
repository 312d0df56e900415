/* vacation.c - the answer of who is away. See job.h. */
#include "aid/builtin/job.h"
#include "base/mem.h"
#include "mail/date.h"

static void
on_set(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	struct str id;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	id = json_str(json_get(r->data, "approval"));
	if (id.n > 0)
		turn_say(
		    t, j->r.off
			   ? (j->fr ? STR("La réponse automatique sera désactivée dès que vous "
					  "l'approuvez.")
				    : STR("The automatic reply is turned off once you approve it."))
			   : (j->fr ? STR("La réponse automatique sera active dès que vous "
					  "l'approuvez.")
				    : STR("The automatic reply is on once you approve it.")));
	else
		turn_say(t, j->r.off ? (j->fr ? STR("La réponse automatique est désactivée.")
					      : STR("The automatic reply is off."))
				     : (j->fr ? STR("La réponse automatique est active.")
					      : STR("The automatic reply is on.")));
	turn_done(t);
}

static void
put_date(struct job *j, cJSON *args, const char *name, int64_t utc)
{
	char text[DATE_RFC3339_SIZE];

	(void)j;
	json_put_str(args, name, str_z(date_rfc3339(utc, 0, text)));
}

void
vacation_run(struct job *j)
{
	cJSON *args = cJSON_CreateObject();

	json_put_bool(args, "enabled", !j->r.off);
	if (!j->r.off) {
		json_put_str(args, "body",
		    j->r.body.n > 0 ? j->r.body
		    : j->fr         ? STR("Je suis absent et répondrai à mon retour.")
				    : STR("I am away and will answer when I am back."));
		if (j->r.dated && j->r.span.from != INT64_MIN)
			put_date(j, args, "from", j->r.span.from);
		if (j->r.dated && j->r.span.to != INT64_MAX)
			put_date(j, args, "until", j->r.span.to);
	}
	turn_call(j->t, "set_vacation", args, on_set, j);
}
