/* change.c - mark, move, throw away, and take it all back. See job.h. */
#include "aid/builtin/job.h"
#include "base/mem.h"

/* ---- what came of it ---- */

/* "3 messages". */
static struct str
place_name(struct job *j)
{
	static const char *const en[] = {
	    "the inbox", "Sent", "Drafts", "the archive", "the spam folder", "the trash"};
	static const char *const fr[] = {"la boîte de réception", "les messages envoyés",
	    "les brouillons", "les archives", "les indésirables", "la corbeille"};
	const struct place *p = &j->r.move_to;

	if (j->r.verb == VERB_DELETE)
		return str_z((j->fr ? fr : en)[ROLE_TRASH]);
	if (p->by_role)
		return str_z((j->fr ? fr : en)[p->role]);
	return arena_printf(turn_arena(j->t), L(j, "“%.*s”", "« %.*s »"), STR_ARG(p->name));
}

static void
say_marked(struct job *j)
{
	const struct request *r = &j->r;
	struct str n = say_count(j, j->changed);
	bool many = j->changed > 1;
	const char *en = r->mark_seen == CHOICE_YES      ? "marked as read"
			 : r->mark_seen == CHOICE_NO     ? "marked as unread"
			 : r->mark_flagged == CHOICE_YES ? "starred"
							 : "without a star now";
	const char *fr =
	    r->mark_seen == CHOICE_YES  ? (many ? "marqués comme lus" : "marqué comme lu")
	    : r->mark_seen == CHOICE_NO ? (many ? "marqués comme non lus" : "marqué comme non lu")
	    : r->mark_flagged == CHOICE_YES ? (many ? "suivis" : "suivi")
					    : "sans étoile désormais";

	turn_sayf(j->t, "%.*s %s.", STR_ARG(n), L(j, en, fr));
}

/* Of those that match, what one request does not touch. */
static void
say_rest(struct job *j)
{
	struct str n;

	if (j->r.picked != PICKED_MATCHING || j->r.limit > 0 || j->total <= j->ntargets)
		return;
	n = say_count(j, j->total - j->ntargets);
	turn_sayf(j->t,
	    L(j, " %.*s more match: ask me again.",
		" Il reste encore %.*s : demandez-le-moi à nouveau."),
	    STR_ARG(n));
}

static void
say_outcome(struct job *j)
{
	struct str place, n;

	if (j->changed > 0 && j->r.verb == VERB_MARK) {
		say_marked(j);
	} else if (j->changed > 0) {
		place = place_name(j);
		n = say_count(j, j->changed);
		turn_sayf(j->t,
		    L(j, "%.*s moved to %.*s.",
			j->changed > 1 ? "%.*s déplacés dans %.*s." : "%.*s déplacé dans %.*s."),
		    STR_ARG(n), STR_ARG(place));
	}
	if (j->waiting > 0) {
		n = say_count(j, j->waiting);
		place = place_name(j);
		turn_sayf(j->t,
		    L(j, "%s%.*s will go to %.*s once you approve it.",
			"%s%.*s : dans %.*s dès que vous l'approuvez."),
		    j->changed > 0 ? " " : "", STR_ARG(n), STR_ARG(place));
	}
	if (j->failed > 0) {
		n = say_count(j, j->failed);
		turn_sayf(j->t,
		    L(j, "%s%.*s could not be changed.", "%s%.*s sans changement possible."),
		    j->changed + j->waiting > 0 ? " " : "", STR_ARG(n));
	}
	if (j->changed + j->waiting + j->failed == 0)
		turn_say(j->t, j->fr ? STR("Rien n'a changé.") : STR("Nothing has changed."));
	say_rest(j);
	j->desk->changing += j->changed > 0;
	turn_done(j->t);
}

static void
on_changed(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;

	(void)t;
	if (r->failed) {
		say_failed(j, r);
		return;
	}
	if (json_str(json_get(r->data, "approval")).n > 0)
		j->waiting = j->ntargets;
	j->changed = (uint64_t)cJSON_GetArraySize(json_get(r->data, "changed"));
	j->failed = (uint64_t)cJSON_GetArraySize(json_get(r->data, "failed"));
	say_outcome(j);
}

/* ---- the tools ---- */

static void
put_to(struct job *j, cJSON *args)
{
	static const char *const roles[] = {"inbox", "sent", "drafts", "archive", "junk", "trash"};
	const struct place *p = &j->r.move_to;

	if (j->r.verb == VERB_DELETE)
		json_put_str(args, "to", STR("trash"));
	else
		json_put_str(args, "to", p->by_role ? str_z(roles[p->role]) : p->name);
}

/* All in one call: what waits for the person stands on one card. */
static void
change(struct job *j)
{
	cJSON *args = cJSON_CreateObject(), *ids = cJSON_CreateArray();

	for (size_t i = 0; i < j->ntargets; i++)
		json_add(ids, json_new_str(str_z(j->targets[i].id)));
	json_put(args, "messages", ids);
	if (j->r.verb != VERB_MARK) {
		put_to(j, args);
		turn_call(j->t, "move", args, on_changed, j);
		return;
	}
	if (j->r.mark_seen != CHOICE_ANY)
		json_put_bool(args, "read", j->r.mark_seen == CHOICE_YES);
	if (j->r.mark_flagged != CHOICE_ANY)
		json_put_bool(args, "flagged", j->r.mark_flagged == CHOICE_YES);
	turn_call(j->t, "flag", args, on_changed, j);
}

void
change_run(struct job *j)
{
	pick(j, 0, change);
}

/* ---- undo ---- */

static void
on_undone(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	const cJSON *v;
	uint64_t n = 0;
	int kept = cJSON_GetArraySize(json_get(r->data, "conflicts")) +
		   cJSON_GetArraySize(json_get(r->data, "lost"));

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	cJSON_ArrayForEach(v, json_get(r->data, "restored"))
	{
		int64_t one = 0;

		(void)json_int(v, 0, JSON_INT_MAX, &one);
		n += (uint64_t)one;
	}
	j->desk->changing = 0;
	turn_sayf(t,
	    L(j, "Undone: everything is as it was before (%llu change%s).",
		"Annulé : tout est comme avant (%llu changement%s)."),
	    (unsigned long long)n, n > 1 || (n == 0 && !j->fr) ? "s" : "");
	if (kept > 0)
		turn_sayf(t,
		    L(j, " %d stayed, because it was changed again since.",
			" %d reste en l'état, car modifié depuis."),
		    kept);
	turn_done(t);
}

void
undo_all(struct job *j)
{
	turn_call(j->t, "undo_session", NULL, on_undone, j);
}

/* A session is undone as a whole. */
void
undo_run(struct job *j)
{
	struct desk *d = j->desk;

	if (d->changing == 0 && j->r.verb == VERB_UNDO) {
		turn_say(j->t,
		    j->fr ? STR("Il n'y a rien à annuler.") : STR("There is nothing to undo."));
		turn_done(j->t);
	} else if (d->changing > 1 && j->r.verb == VERB_UNDO) {
		desk_choice(d, j->fr ? STR("Oui") : STR("Yes"));
		desk_choice(d, j->fr ? STR("Non") : STR("No"));
		ask_back(j, ASKED_UNDO,
		    arena_printf(turn_arena(j->t),
			L(j,
			    "I can take back all %u changes of this conversation together. Shall "
			    "I?",
			    "Je peux annuler ensemble les %u modifications de cette conversation. "
			    "Le faire ?"),
			d->changing));
	} else {
		undo_all(j);
	}
}
