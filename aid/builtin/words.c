/* words.c - what the built-in brain says in both languages. See job.h. */
#include "aid/builtin/job.h"

#include <time.h>

#include "base/mem.h"
#include "mail/date.h"

void
say_help(struct job *j)
{
	turn_say(j->t,
	    j->fr
		? STR("Je peux lister, chercher, compter, lire, résumer et ranger vos messages, "
		      "préparer des brouillons et des réponses, et demander l'envoi d'un message, "
		      "que vous approuvez. Par exemple :\n"
		      "– Liste mes messages non lus\n"
		      "– Recherche les mails de Bob de la semaine dernière\n"
		      "– Lis le deuxième\n"
		      "– Archive-les\n"
		      "– Réponds que je suis d'accord\n"
		      "– Envoie un email à Alice : je serai en retard\n"
		      "– Annule tout")
		: STR("I can list, search, count, read, summarise and tidy up your mail, prepare "
		      "drafts and replies, and ask for a message to be sent, which you approve. "
		      "For example:\n"
		      "– List my unread emails\n"
		      "– Search emails from Bob of last week\n"
		      "– Read the second one\n"
		      "– Archive them\n"
		      "– Reply that I agree\n"
		      "– Send an email to Alice: I will be late\n"
		      "– Undo everything"));
	turn_done(j->t);
}

struct str
say_count(struct job *j, uint64_t n)
{
	/* French counts none as one: "0 message". */
	bool many = n > 1 || (n == 0 && !j->fr);

	return arena_printf(
	    turn_arena(j->t), "%llu message%s", (unsigned long long)n, many ? "s" : "");
}

struct str
who_name(struct str from)
{
	size_t at = str_rchr(from, '<');
	struct str name = str_trim(str_sub(from, 0, at));

	if (at == from.n || name.n == 0)
		return who_address(from);
	return name;
}

struct str
who_address(struct str from)
{
	size_t at = str_rchr(from, '<');
	struct str address = at < from.n ? str_from(from, at + 1) : from;

	return str_sub(address, 0, str_chr(address, '>'));
}

struct str
say_day(struct job *j, struct str rfc3339)
{
	static const char *const en[] = {"January", "February", "March", "April", "May", "June",
	    "July", "August", "September", "October", "November", "December"};
	static const char *const fr[] = {"janvier", "février", "mars", "avril", "mai", "juin",
	    "juillet", "août", "septembre", "octobre", "novembre", "décembre"};
	struct date d;
	struct tm tm;
	time_t local;

	if (date_rfc3339_parse(rfc3339, &d) < 0)
		return STR("");
	local = (time_t)(d.utc + turn_asked(j->t)->now.zone * 60);
	if (gmtime_r(&local, &tm) == NULL)
		return STR("");
	return arena_printf(turn_arena(j->t), "%d%s %s %d", tm.tm_mday,
	    j->fr && tm.tm_mday == 1 ? "er" : "", (j->fr ? fr : en)[tm.tm_mon], tm.tm_year + 1900);
}

void
say_failed(struct job *j, const struct turn_result *r)
{
	turn_sayf(j->t, L(j, "That did not work: %.*s", "Cela n'a pas marché : %.*s"),
	    STR_ARG(str_cut_utf8(r->text, 500)));
	turn_done(j->t);
}

void
ask_back(struct job *j, enum asked asked, struct str text)
{
	struct str choices[DESK_ROWS];

	j->desk->asked = asked;
	for (size_t i = 0; i < j->desk->nchoices; i++)
		choices[i] = str_z(j->desk->choices[i]);
	turn_question(j->t, text, choices, j->desk->nchoices);
	turn_done(j->t);
}
