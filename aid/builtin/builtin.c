/*
 * builtin.c - the brain without a model: aid/grammar says what is asked, tools do it.
 */
#include "aid/turn.h"
#include "base/str.h"

static void
help(struct turn *t, enum language l)
{
	turn_say(t,
	    l == LANGUAGE_FR
		? STR("Je peux lister, chercher, compter, lire, résumer et ranger vos messages, "
		      "préparer des brouillons et des réponses, et demander l'envoi d'un message, "
		      "que "
		      "vous approuvez. Par exemple :\n"
		      "– Liste mes messages non lus\n"
		      "– Recherche les mails de Bob de la semaine dernière\n"
		      "– Lis le deuxième\n"
		      "– Archive-les\n"
		      "– Réponds que je suis d'accord\n"
		      "– Envoie un email à Alice : je serai en retard\n"
		      "– Annule tout")
		: STR("I can list, search, count, read, summarise and tidy up your mail, prepare "
		      "drafts and replies, and ask for a message to be sent, which you approve. "
		      "For "
		      "example:\n"
		      "– List my unread emails\n"
		      "– Search emails from Bob of last week\n"
		      "– Read the second one\n"
		      "– Archive them\n"
		      "– Reply that I agree\n"
		      "– Send an email to Alice: I will be late\n"
		      "– Undo everything"));
	turn_done(t);
}

static void
ask(struct turn *t)
{
	const struct turn_asked *asked = turn_asked(t);
	struct request r;

	request_parse(&r, asked->text, asked->now, asked->language, turn_arena(t));
	help(t, r.language);
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

const struct brain brain_builtin = {.name = "builtin", .ask = ask, .model = model, .local = local};
