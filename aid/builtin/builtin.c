/*
 * builtin.c - the brain without a model: aid/grammar says what is asked, tools do it.
 *
 * A request that misses something is kept in its words (desk.h), with what was answered to it: each
 * answer is put to the grammar anew, so that nothing of a turn outlives it.
 */
#include <stdlib.h>

#include "aid/builtin/job.h"
#include "base/mem.h"

/* ---- what is asked back ---- */

static struct str
missing_text(const struct job *j)
{
	switch (j->r.missing) {
	case MISSING_RECIPIENT:
		return j->fr ? STR("À qui ?") : STR("To whom?");
	case MISSING_TEXT:
		return j->fr ? STR("Que faut-il écrire ?") : STR("What shall it say?");
	case MISSING_MAILBOX:
		return j->fr ? STR("Dans quel dossier ?") : STR("Into which folder?");
	case MISSING_MESSAGE:
		return j->fr ? STR("Quel message ?") : STR("Which message?");
	case MISSING_MARK:
		return j->fr ? STR("Comme quoi : lu, non lu, suivi ?")
			     : STR("As what: read, unread, starred?");
	case MISSING_WORDS:
		return j->fr ? STR("Que faut-il chercher ?") : STR("What shall I look for?");
	case MISSING_NOTHING:
		break;
	}
	return STR("");
}

/* ---- what is to be done ---- */

static void
say_nothing_asked(struct job *j)
{
	turn_say(j->t, j->fr ? STR("D'accord.") : STR("All right."));
	turn_done(j->t);
}

static void
say_not_understood(struct job *j)
{
	turn_say(j->t, j->fr ? STR("Je n'ai pas compris. ") : STR("I did not understand that. "));
	say_help(j);
}

static void
run(struct job *j)
{
	if (j->r.missing != MISSING_NOTHING) {
		ask_back(j, ASKED_MISSING, missing_text(j));
		return;
	}
	switch (j->r.verb) {
	case VERB_LIST:
	case VERB_NEWS:
	case VERB_SEARCH:
	case VERB_COUNT:
		find_run(j);
		break;
	case VERB_READ:
	case VERB_SUMMARISE:
		read_run(j);
		break;
	case VERB_MARK:
	case VERB_STAR:
	case VERB_UNSTAR:
	case VERB_MOVE:
	case VERB_ARCHIVE:
	case VERB_JUNK:
	case VERB_DELETE:
		change_run(j);
		break;
	case VERB_DRAFT:
	case VERB_DRAFT_REPLY:
	case VERB_SEND:
	case VERB_TELL:
	case VERB_REPLY:
	case VERB_REPLY_ALL:
	case VERB_FORWARD:
		write_run(j);
		break;
	case VERB_VACATION:
		vacation_run(j);
		break;
	case VERB_UNDO:
	case VERB_UNDO_ALL:
		undo_run(j);
		break;
	case VERB_FOLDERS:
		folders_run(j);
		break;
	case VERB_HELP:
		say_help(j);
		break;
	case VERB_YES:
	case VERB_NO:
		say_nothing_asked(j);
		break;
	case VERB_NONE:
		say_not_understood(j);
		break;
	}
}

/* ---- answers ---- */

/* The request that waits, with all that was answered so far. */
static bool
replay(struct job *j)
{
	const struct turn_asked *a = turn_asked(j->t);
	struct desk *d = j->desk;

	request_parse(&j->r, arena_dup(turn_arena(j->t), str_z(d->text)), a->now, a->language,
	    turn_arena(j->t));
	for (size_t i = 0; i < d->nanswers; i++)
		if (!request_answer(&j->r, arena_dup(turn_arena(j->t), str_z(d->answers[i])),
			a->now, turn_arena(j->t)))
			return false;
	return true;
}

/* "List my emails" is no name of anybody. */
static bool
looks_elsewhere(struct job *j, struct str text)
{
	const struct turn_asked *a = turn_asked(j->t);
	struct request r;

	if (j->r.missing != MISSING_RECIPIENT)
		return false;
	request_parse(&r, text, a->now, a->language, turn_arena(j->t));
	return r.missing == MISSING_NOTHING &&
	       (r.verb == VERB_LIST || r.verb == VERB_COUNT || r.verb == VERB_FOLDERS ||
		   r.verb == VERB_HELP || r.verb == VERB_UNDO || r.verb == VERB_UNDO_ALL);
}

static bool
answer_missing(struct job *j, struct str text)
{
	struct desk *d = j->desk;

	if (d->nanswers == DESK_ANSWERS || !replay(j) || looks_elsewhere(j, text) ||
	    !request_answer(&j->r, text, turn_asked(j->t)->now, turn_arena(j->t)))
		return false;
	d->answers[d->nanswers++] = mem_dup(text.p, text.n);
	return true;
}

/* "2", "the second one": of n; 0: none. */
static size_t
number_of(struct job *j, struct str text, size_t n)
{
	const struct turn_asked *a = turn_asked(j->t);
	struct request r;
	struct str asked = arena_printf(turn_arena(j->t), "%s " STR_FMT,
	    a->language == LANGUAGE_FR ? "ouvre" : "open", STR_ARG(text));

	request_parse(&r, asked, a->now, a->language, turn_arena(j->t));
	return r.verb == VERB_READ && r.nnumbers == 1 && r.numbers[0] <= n ? r.numbers[0] : 0;
}

/* One of the choices, by its text, its address or its number; or another address. */
static bool
answer_person(struct job *j, struct str text)
{
	struct desk *d = j->desk;
	struct str address = STR("");
	size_t n = turn_asked(j->t)->choice;

	if (n > 0) {
		if (n > d->nchoices)
			return false;
		address = str_z(d->choices[n - 1]);
	}
	for (size_t i = 0; i < d->nchoices && address.n == 0; i++)
		if (str_ieq_z(text, d->choices[i]) ||
		    str_ieq(text, who_address(str_z(d->choices[i]))))
			address = str_z(d->choices[i]);
	if (address.n == 0 && str_chr(text, '@') < text.n && str_chr(text, ' ') == text.n)
		address = text;
	if (address.n == 0 && (n = number_of(j, text, d->nchoices)) > 0)
		address = str_z(d->choices[n - 1]);
	if (address.n == 0 && d->nchoices == 1) {
		struct request r;

		request_parse(
		    &r, text, turn_asked(j->t)->now, turn_asked(j->t)->language, turn_arena(j->t));
		if (r.verb == VERB_YES)
			address = str_z(d->choices[0]);
	}
	if (address.n == 0 || d->npeople == DESK_PEOPLE || !replay(j))
		return false;
	d->people[d->npeople++] = (struct person){d->about, mem_dup(address.p, address.n)};
	d->about = NULL;
	return true;
}

static bool
answer_which(struct job *j, struct str text)
{
	size_t n = turn_asked(j->t)->choice;

	if (n == 0)
		n = number_of(j, text, j->desk->nrows);
	for (size_t i = 0; i < j->desk->nchoices && n == 0; i++)
		if (str_ieq_z(text, j->desk->choices[i]))
			n = i + 1;
	if (n == 0 || n > j->desk->nrows || !replay(j))
		return false;
	j->r.picked = PICKED_NUMBERS;
	j->r.nnumbers = 1;
	j->r.numbers[0] = (unsigned)n;
	return true;
}

/* Is it an answer to what was asked back? Then the request goes on. */
static bool
take_answer(struct job *j, struct str text)
{
	struct request r;

	switch (j->desk->asked) {
	case ASKED_MISSING:
		return turn_asked(j->t)->choice == 0 && answer_missing(j, text);
	case ASKED_PERSON:
		return answer_person(j, text);
	case ASKED_WHICH:
		return answer_which(j, text);
	case ASKED_UNDO:
		request_parse(
		    &r, text, turn_asked(j->t)->now, turn_asked(j->t)->language, turn_arena(j->t));
		if (r.verb != VERB_YES)
			return false;
		j->r = r;
		j->r.verb = VERB_UNDO_ALL;
		return true;
	case ASKED_NOTHING:
		break;
	}
	return false;
}

/* ---- the turn ---- */

/* A mail that was opened since is the one that is meant by "it". */
static void
look_at_page(struct job *j)
{
	struct desk *d = j->desk;
	struct str email = turn_asked(j->t)->email;

	if (email.n == 0 || (d->context != NULL && str_eq_z(email, d->context)))
		return;
	free(d->context);
	d->context = mem_dup(email.p, email.n);
	row_clear(&d->current);
}

static void
clear_choices(struct desk *d)
{
	while (d->nchoices > 0)
		free(d->choices[--d->nchoices]);
}

static void
ask(struct turn *t)
{
	const struct turn_asked *a = turn_asked(t);
	struct job *j = arena_new(turn_arena(t), struct job);
	struct str text = str_trim(a->text);

	j->t = t;
	j->desk = desk_of(t);
	look_at_page(j);
	if (j->desk->asked != ASKED_NOTHING && take_answer(j, text)) {
		clear_choices(j->desk);
	} else if (a->choice > 0 && j->desk->asked != ASKED_UNDO) {
		/* Of a question that is answered already. Its text may be a mail's: no request. */
		desk_settle(j->desk);
	} else {
		desk_settle(j->desk);
		request_parse(&j->r, text, a->now, a->language, turn_arena(t));
		if (text.n == 0)
			j->r.verb = VERB_NONE;
		j->desk->text = mem_dup(text.p != NULL ? text.p : "", text.n);
	}
	j->desk->asked = ASKED_NOTHING;
	j->fr = (j->r.verb == VERB_NONE ? a->language : j->r.language) == LANGUAGE_FR;
	run(j);
}

static struct str
model(void)
{
	return STR("");
}

static bool
local(void)
{
	return true;
}

const struct brain brain_builtin = {
    .name = "builtin", .ask = ask, .forget = desk_free, .model = model, .local = local};
