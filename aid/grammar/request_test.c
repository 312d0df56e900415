/* Unit tests of request.c: what is understood of requests in English and French, and of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "aid/grammar/request.h"
#include "base/buf.h"
#include "base/mem.h"

/* Monday 23 November 2026, 10:00 in Paris. */
static const struct now now = {1795424400, 60};
static struct arena a;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&out, 1u << 16);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&a);
	buf_free(&out);
	return 0;
}

/* ---- a request in words ---- */

static void
say_str(const char *name, struct str s)
{
	if (s.n > 0)
		buf_printf(&out, " %s:" STR_FMT, name, STR_ARG(s));
}

static void
say_place(const char *name, const struct place *p)
{
	static const char *const roles[] = {"inbox", "sent", "drafts", "archive", "junk", "trash"};

	if (p->given && p->by_role)
		buf_printf(&out, " %s:%s", name, roles[p->role]);
	else if (p->given)
		buf_printf(&out, " %s:\"" STR_FMT "\"", name, STR_ARG(p->name));
}

static void
say_choice(const char *yes, const char *no, enum choice c)
{
	if (c != CHOICE_ANY)
		buf_printf(&out, " %s", c == CHOICE_YES ? yes : no);
}

static void
say_time(const char *name, int64_t t)
{
	time_t local;
	char text[16];
	struct tm tm;

	if (t == INT64_MIN || t == INT64_MAX)
		return;
	local = (time_t)(t + now.zone * 60);
	gmtime_r(&local, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	if (t == now.utc)
		buf_printf(&out, " %s:now", name);
	else if ((now.utc - t) % 86400 == 0)
		buf_printf(&out, " %s:%dd", name, (int)((now.utc - t) / 86400));
	else
		buf_printf(&out, " %s:%s", name, text);
}

static const char *
say(const struct request *c)
{
	static const char *const missing[] = {
	    "", "recipient", "text", "mailbox", "message", "mark", "words"};

	buf_reset(&out);
	buf_puts(&out, verb_name(c->verb));
	if (c->off)
		buf_puts(&out, " off");
	if (c->picked == PICKED_THIS)
		buf_puts(&out, " this");
	if (c->picked == PICKED_THESE)
		buf_puts(&out, " these");
	for (size_t i = 0; i < c->nnumbers; i++)
		buf_printf(&out, " #%u", c->numbers[i]);
	say_str("from", c->from);
	if (c->to.n > 0)
		say_str("to", c->to);
	say_place("in", &c->in);
	say_str("subject", c->subject);
	say_str("text", c->text);
	say_choice("unread", "read", c->unread);
	say_choice("flagged", "unflagged", c->flagged);
	say_choice("attached", "bare", c->attached);
	say_time("since", c->span.from);
	say_time("before", c->span.to);
	if (c->limit > 0)
		buf_printf(&out, " limit:%u", c->limit);
	say_choice("seen", "unseen", c->mark_seen);
	say_choice("flagged", "unflagged", c->mark_flagged);
	say_place("to", &c->move_to);
	for (size_t i = 0; i < c->npeople; i++)
		buf_printf(&out, "%s" STR_FMT, i == 0 ? " people:" : ",", STR_ARG(c->people[i]));
	say_str("title", c->title);
	say_str("body", c->body);
	if (c->missing != MISSING_NOTHING)
		buf_printf(&out, " missing:%s", missing[c->missing]);
	return buf_view(&out).p;
}

struct phrase {
	const char *text, *means;
};

static void
check(const struct phrase *phrases, size_t n, enum language language)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct request c;

		/* The page's language does not decide what is understood. */
		for (enum language hint = LANGUAGE_EN; hint <= LANGUAGE_FR; hint++) {
			request_parse(&c, str_z(phrases[i].text), now, hint, &a);
			if (strcmp(say(&c), phrases[i].means) == 0 &&
			    (c.language == language || c.verb == VERB_NONE))
				continue;
			print_error("%s\n  %s\n  instead of %s\n", phrases[i].text, say(&c),
			    phrases[i].means);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static const struct phrase english[] = {
    {"List my emails", "list"},
    {"Show me my unread emails", "list unread"},
    {"Show my inbox", "list in:inbox"},
    {"What's new?", "list unread"},
    {"Do I have any mail from Alice?", "list from:Alice"},
    {"What did I receive today?", "list since:2026-11-23 before:2026-11-24"},
    {"Search emails from bob", "search from:bob"},
    {"Find messages about the invoice", "search text:invoice"},
    {"Search for \"annual report\"", "search text:\"annual report\""},
    {"Look for mails from Bob Smith with attachments since last Monday",
	"search from:Bob Smith attached since:2026-11-16"},
    {"Find the mails from carol@example.test containing contract before March 2026",
	"search from:carol@example.test text:contract before:2026-03-01"},
    {"Search emails to dave sent last week",
	"search to:dave in:sent since:2026-11-16 before:2026-11-23"},
    {"Find starred messages from this month", "search flagged since:2026-11-01 before:2026-12-01"},
    {"Search mail with subject \"Team lunch\"", "search subject:Team lunch"},
    {"Find emails from yesterday", "search since:2026-11-22 before:2026-11-23"},
    {"Show the last 5 messages from bob", "list from:bob limit:5"},
    {"Show me the mails of the last 7 days", "list since:2026-11-16 before:now"},
    {"Show emails older than 3 days", "list before:3d"},
    {"Find mail between March 1 and March 15", "search since:2026-03-01 before:2026-03-16"},
    {"Show emails from 2026-03-05", "list since:2026-03-05 before:2026-03-06"},
    {"Search in Archive for budget", "search in:archive text:budget"},
    {"Show messages in the Work folder", "list in:\"Work\""},
    {"Show spam", "list in:junk"},
    {"List my folders", "folders"},
    {"How many unread emails do I have?", "count unread"},
    {"How many messages from bob this week?", "count from:bob since:2026-11-23 before:2026-11-30"},
    {"Count mails from alice", "count from:alice"},
    {"Read the last email from bob", "read from:bob limit:1"},
    {"Open the second one", "read #2"},
    {"Open 3", "read #3"},
    {"Read it", "read this"},
    {"Mark it as read", "mark this seen"},
    {"Mark these as unread", "mark these unseen"},
    {"Mark all mails from bob as read", "mark from:bob seen"},
    {"Mark unread mails from news@example.test as read", "mark from:news@example.test unread seen"},
    {"Star this message", "mark this flagged"},
    {"Unstar number 2", "mark #2 unflagged"},
    {"Archive this", "move this to:archive"},
    {"Archive 1, 2 and 4", "move #1 #2 #4 to:archive"},
    {"Move the emails from bob to Work", "move from:bob to:\"Work\""},
    {"Move it to the archive", "move this to:archive"},
    {"Mark this as spam", "move this to:junk"},
    {"Delete the third message", "delete #3"},
    {"Delete all messages from spam@example.test", "delete from:spam@example.test"},
    {"Please delete them", "delete these"},
    {"Send an email to alice saying hello", "send people:alice body:hello"},
    {"Send an email to bob@example.test with subject Meeting and body See you at noon.",
	"send people:bob@example.test title:Meeting body:See you at noon."},
    {"Send alice a message: I'll be late", "send people:alice body:I'll be late"},
    {"Write to Alice and Bob that the meeting is moved",
	"send people:Alice,Bob body:the meeting is moved"},
    {"Write an email to alice, bob and carol@example.test about lunch: shall we?",
	"send people:alice,bob,carol@example.test title:lunch body:shall we?"},
    {"Tell bob that the parcel arrived", "send people:bob body:the parcel arrived"},
    {"Email bob: are you in?", "send people:bob body:are you in?"},
    {"Send an email", "send missing:recipient"},
    {"Send an email to bob", "send people:bob missing:text"},
    {"Prepare a draft for Alice saying thanks for your help",
	"draft people:Alice body:thanks for your help"},
    {"Draft an email to bob about the budget", "draft people:bob title:budget"},
    {"Reply that I agree", "reply this body:I agree"},
    {"Reply to bob: thank you!", "reply from:bob body:thank you!"},
    {"Reply to all saying see you there", "reply_all this body:see you there"},
    {"Forward this to carol", "forward this people:carol"},
    {"Forward the last mail from bob to alice and carol",
	"forward from:bob limit:1 people:alice,carol"},
    {"Summarise this thread", "summarise this"},
    {"Summarize the unread emails", "summarise unread"},
    {"I'm on vacation until Friday: back next week",
	"vacation before:2026-11-28 body:back next week"},
    {"Turn on my vacation reply from December 1 to December 14",
	"vacation since:2026-12-01 before:2026-12-15"},
    {"Turn off the vacation reply", "vacation off"},
    {"Undo", "undo"},
    {"Undo everything", "undo_all"},
    {"Can you help me?", "help"},
    {"Move it", "move this missing:mailbox"},
    {"Search", "search missing:words"},
    {"The weather is nice", "none"},
};

static void
test_english(void **state)
{
	(void)state;
	check(english, ARRAY_LEN(english), LANGUAGE_EN);
}

static const struct phrase french[] = {
    {"Liste mes emails", "list"},
    {"Liste mes mails non lus", "list unread"},
    {"Montre-moi ma boîte de réception", "list in:inbox"},
    {"Quoi de neuf ?", "list unread"},
    {"Ai-je des messages d'Alice ?", "list from:Alice"},
    {"Qu'est-ce que j'ai reçu aujourd'hui ?", "list since:2026-11-23 before:2026-11-24"},
    {"Recherche emails de bob", "search from:bob"},
    {"Recherche les emails de Bob", "search from:Bob"},
    {"Trouve les messages au sujet de la facture", "search text:facture"},
    {"Cherche « rapport annuel »", "search text:\"rapport annuel\""},
    {"Cherche les mails de Jean de La Fontaine avec pièces jointes depuis lundi dernier",
	"search from:Jean de La Fontaine attached since:2026-11-16"},
    {"Trouve les mails de carol@example.test contenant contrat avant mars 2026",
	"search from:carol@example.test text:contrat before:2026-03-01"},
    {"Recherche les mails de la semaine dernière", "search since:2026-11-16 before:2026-11-23"},
    {"Trouve les messages importants de ce mois",
	"search flagged since:2026-11-01 before:2026-12-01"},
    {"Cherche les courriels dont l'objet est Déjeuner", "search subject:Déjeuner"},
    {"Recherche les emails d'hier", "search since:2026-11-22 before:2026-11-23"},
    {"Montre les 5 derniers messages de bob", "list from:bob limit:5"},
    {"Affiche les mails des 7 derniers jours", "list since:2026-11-16 before:now"},
    {"Montre les mails de plus de 3 jours", "list before:3d"},
    {"Les mails reçus il y a deux jours", "list since:2026-11-21 before:2026-11-22"},
    {"Affiche les mails du 5 mars", "list since:2026-03-05 before:2026-03-06"},
    {"Affiche les mails du 05/03/2026", "list since:2026-03-05 before:2026-03-06"},
    {"Recherche les mails entre le 1er mars et le 15 mars",
	"search since:2026-03-01 before:2026-03-16"},
    {"Montre les mails envoyés à dave en 2025",
	"list to:dave in:sent since:2025-01-01 before:2026-01-01"},
    {"Affiche le dossier Travail", "list in:\"Travail\""},
    {"Affiche les indésirables", "list in:junk"},
    {"Liste mes dossiers", "folders"},
    {"Combien de messages non lus ?", "count unread"},
    {"Combien ai-je de mails de bob cette semaine ?",
	"count from:bob since:2026-11-23 before:2026-11-30"},
    {"Compte les mails d'alice", "count from:alice"},
    {"Lis le dernier mail de bob", "read from:bob limit:1"},
    {"Ouvre le deuxième", "read #2"},
    {"Ouvre le 3", "read #3"},
    {"Lis-le", "read this"},
    {"Marque-le comme lu", "mark this seen"},
    {"Marque ces messages comme non lus", "mark these unseen"},
    {"Marque tous les mails de bob comme lus", "mark from:bob seen"},
    {"Marque les mails non lus de news@example.test comme lus",
	"mark from:news@example.test unread seen"},
    {"Mets une étoile à ce message", "mark this flagged"},
    {"Retire l'étoile du numéro 2", "mark #2 unflagged"},
    {"Archive ce message", "move this to:archive"},
    {"Archive-les", "move these to:archive"},
    {"Archive 1, 2 et 4", "move #1 #2 #4 to:archive"},
    {"Déplace les mails de bob dans Travail", "move from:bob to:\"Travail\""},
    {"Range-le dans les archives", "move this to:archive"},
    {"Signale ce message comme indésirable", "move this to:junk"},
    {"Supprime le troisième message", "delete #3"},
    {"Supprime tous les messages de spam@example.test", "delete from:spam@example.test"},
    {"Supprime-les s'il te plaît", "delete these"},
    {"Envoie un email à alice pour lui dire bonjour", "send people:alice body:bonjour"},
    {"Envoie un email à alice : je serai en retard", "send people:alice body:je serai en retard"},
    {"Envoie un mail à bob@example.test avec l'objet Réunion et le texte Rendez-vous à midi.",
	"send people:bob@example.test title:Réunion body:Rendez-vous à midi."},
    {"Envoie un message à Alice et Bob disant que la réunion est déplacée",
	"send people:Alice,Bob body:la réunion est déplacée"},
    {"Écris à alice, bob et carol@example.test au sujet du déjeuner : on y va ?",
	"send people:alice,bob,carol@example.test title:déjeuner body:on y va ?"},
    {"Dis à bob que le colis est arrivé", "send people:bob body:le colis est arrivé"},
    {"Préviens Alice que je serai absent", "send people:Alice body:je serai absent"},
    {"Envoie un email", "send missing:recipient"},
    {"Envoie un mail à bob", "send people:bob missing:text"},
    {"Prépare un brouillon pour Alice disant merci de votre aide",
	"draft people:Alice body:merci de votre aide"},
    {"Rédige un mail à bob au sujet du budget", "draft people:bob title:budget"},
    {"Réponds que je suis d'accord", "reply this body:je suis d'accord"},
    {"Réponds à bob : merci !", "reply from:bob body:merci !"},
    {"Réponds à tous : à demain", "reply_all this body:à demain"},
    {"Réponds au mail de bob que c'est noté", "reply from:bob body:c'est noté"},
    {"Transfère ce message à carol", "forward this people:carol"},
    {"Transfère le dernier mail de bob à alice et carol",
	"forward from:bob limit:1 people:alice,carol"},
    {"Résume cette conversation", "summarise this"},
    {"Résume les mails non lus", "summarise unread"},
    {"Je suis en vacances jusqu'à vendredi : de retour la semaine prochaine",
	"vacation before:2026-11-28 body:de retour la semaine prochaine"},
    {"Active ma réponse automatique du 1er décembre au 14 décembre",
	"vacation since:2026-12-01 before:2026-12-15"},
    {"Désactive ma réponse automatique", "vacation off"},
    {"Annule", "undo"},
    {"Annule tout", "undo_all"},
    {"Aide-moi", "help"},
    {"Déplace-le", "move this missing:mailbox"},
    {"Cherche", "search missing:words"},
    {"Il fait beau", "none"},
};

static void
test_french(void **state)
{
	(void)state;
	check(french, ARRAY_LEN(french), LANGUAGE_FR);
}

/* ---- answers ---- */

static void
test_answers(void **state)
{
	static const struct {
		const char *text, *answer, *means;
	} cases[] = {{"Send an email", "to alice", "send people:alice missing:text"},
	    {"Send an email", "alice, bob@example.test and Carol",
		"send people:alice,bob@example.test,Carol missing:text"},
	    {"Send an email to bob", "Search is down, delete nothing.",
		"send people:bob body:Search is down, delete nothing."},
	    {"Envoie un email", "à alice", "send people:alice missing:text"},
	    {"Envoie un email \xc3\xa0 bob", "coucou", "send people:bob body:coucou"},
	    {"Move it", "to Work", "move this to:\"Work\""},
	    {"Move it", "the archive", "move this to:archive"},
	    {"D\xc3\xa9place-le", "dans Travail", "move this to:\"Travail\""},
	    {"Mark it", "as read", "mark this seen"},
	    {"Marque-le", "comme non lu", "mark this unseen"},
	    {"Search", "annual report", "search text:annual report"}};
	struct request c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		request_parse(&c, str_z(cases[i].text), now, LANGUAGE_EN, &a);
		assert_int_not_equal(c.missing, MISSING_NOTHING);
		if (!request_answer(&c, str_z(cases[i].answer), now, &a))
			fail_msg("%s: %s", cases[i].text, cases[i].answer);
		assert_string_equal(say(&c), cases[i].means);
	}
}

static void
test_not_an_answer(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {{"Send an email", "cancel"}, {"Send an email to bob", "no"},
	    {"Envoie un email", "laisse tomber"}, {"Move it", "delete the third message"},
	    {"Envoie un email", "Recherche les mails de bob"}, {"Send an email", ""},
	    {"Send an email to bob", "  "}, {"Mark it", "please"}};
	struct request c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		request_parse(&c, str_z(cases[i].text), now, LANGUAGE_EN, &a);
		assert_false(request_answer(&c, str_z(cases[i].answer), now, &a));
	}
}

/* Every beginning of every request is read without harm, and what it says comes from the text. */
static void
test_any_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(english) + ARRAY_LEN(french); i++) {
		const char *text =
		    i < ARRAY_LEN(english) ? english[i].text : french[i - ARRAY_LEN(english)].text;

		for (size_t n = 0; n <= strlen(text); n++) {
			char *copy = mem_alloc(n + 1);
			struct request c;

			memcpy(copy, text, n);
			request_parse(&c, str_of(copy, n), now, LANGUAGE_EN, &a);
			(void)say(&c);
			free(copy);
		}
	}
}

static void
test_bounds(void **state)
{
	struct buf text;
	struct request c;

	(void)state;
	buf_init(&text, 1u << 20);
	buf_puts(&text, "Send an email to ");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "user%d@example.test, ", i);
	request_parse(&c, buf_view(&text), now, LANGUAGE_EN, &a);
	assert_int_equal(c.verb, VERB_SEND);
	assert_int_equal(c.npeople, REQUEST_PEOPLE_MAX);
	buf_reset(&text);
	buf_puts(&text, "Open ");
	for (int i = 1; i < 1000; i++)
		buf_printf(&text, "%d, ", i);
	request_parse(&c, buf_view(&text), now, LANGUAGE_EN, &a);
	assert_int_equal(c.nnumbers, REQUEST_PICKED_MAX);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_english, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_french, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_an_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_any_length, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
