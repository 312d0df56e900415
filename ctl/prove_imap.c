/*
 * prove_imap.c - what IMAP promises (CAPABILITY, RFC 9051 7.2.2), before and after login, in
 * mailboxes of its own.
 */
#include <stdio.h>

#include "base/mem.h"
#include "ctl/prove.h"
#include "ctl/talk.h"

/* A command, and what has to be in its answer: NULL for OK alone, "NO" where it has to be refused.
 */
struct step {
	const char *say, *want;
};

static const struct proof {
	const char *capability;
	struct step steps[4];
} proofs[] = {
    {"IMAP4rev1", {{"SELECT INBOX", "EXISTS"}}}, {"IMAP4rev2", {{"SELECT INBOX", "EXISTS"}}},
    {"LITERAL+", {{"STATUS {5+}\r\nINBOX (MESSAGES)", "MESSAGES"}}},
    {"LITERAL-", {{"STATUS {5+}\r\nINBOX (MESSAGES)", "MESSAGES"}}},
    {"IDLE", {{"IDLE\r\nDONE", "+ "}}}, {"NAMESPACE", {{"NAMESPACE", "* NAMESPACE"}}},
    {"UIDPLUS", {{"APPEND gkmail-prove {17+}\r\nSubject: x\r\n\r\nx\r\n", "APPENDUID"}}},
    {"MOVE", {{"APPEND gkmail-prove {17+}\r\nSubject: x\r\n\r\nx\r\n", NULL},
		 {"SELECT gkmail-prove", NULL}, {"MOVE 1 gkmail-prove/2", "COPYUID"}}},
    {"UNSELECT", {{"SELECT gkmail-prove", NULL}, {"UNSELECT", NULL}}}, {"ID", {{"ID NIL", "* ID"}}},
    {"ENABLE", {{"ENABLE CONDSTORE", "* ENABLED"}}},
    {"CHILDREN", {{"LIST \"\" gkmail-prove", "\\HasChildren"}}},
    {"LIST-EXTENDED", {{"LIST (SUBSCRIBED) \"\" *", NULL}}},
    {"LIST-STATUS", {{"LIST \"\" INBOX RETURN (STATUS (MESSAGES))", "* STATUS"}}},
    {"SPECIAL-USE", {{"LIST (SPECIAL-USE) \"\" *", NULL}}},
    {"STATUS=SIZE", {{"STATUS INBOX (SIZE)", "SIZE"}}},
    {"QUOTA", {{"GETQUOTAROOT INBOX", "* QUOTAROOT"}}},
    {"QUOTA=RES-STORAGE", {{"GETQUOTAROOT INBOX", "* QUOTAROOT"}}},
    {"CONDSTORE", {{"SELECT INBOX (CONDSTORE)", "HIGHESTMODSEQ"}}},
    {"QRESYNC", {{"ENABLE QRESYNC", NULL}, {"SELECT INBOX (QRESYNC (1 1))", "EXISTS"}}},
    {"OBJECTID", {{"STATUS INBOX (MAILBOXID)", "MAILBOXID"}}},
    {"APPENDLIMIT", {{"APPEND INBOX {4294967295}", "NO"}}},
    {"SASL-IR", {{"NOOP", NULL}}}, /* each AUTH= is tried by it */
};

/* NULL: the command did what it has to. */
static const char *
say(struct talk *w, struct str command, const char *want)
{
	bool refusal = want != NULL && strcmp(want, "NO") == 0, seen = want == NULL || refusal;
	static unsigned number;
	char tag[16];
	struct str line;
	struct err e;

	snprintf(tag, sizeof(tag), "p%u ", ++number);
	if (talk_write(
		w, arena_printf(&ctl.arena, "%s" STR_FMT "\r\n", tag, STR_ARG(command)), &e) < 0)
		return "it hung up";
	for (;;) {
		if (talk_line(w, &line, &e) < 0)
			return "it does not answer";
		if (want != NULL && str_find(line, str_z(want)) < line.n)
			seen = true;
		if (!str_starts(line, str_z(tag)))
			continue;
		line = str_from(line, strlen(tag));
		if (!str_starts(line, refusal ? STR("NO") : STR("OK")))
			return arena_printf(&ctl.arena, "it answers " STR_FMT, STR_ARG(line)).p;
		return seen ? NULL
			    : arena_printf(&ctl.arena, "there is no %s in its answer", want).p;
	}
}

#define WORDS 128u

/* The capabilities there are now. */
static size_t
capabilities(struct talk *w, struct str *v, struct err *e)
{
	struct str line, word;
	size_t n = 0;

	if (talk_write(w, STR("c CAPABILITY\r\n"), e) < 0)
		return 0;
	do {
		if (talk_line(w, &line, e) < 0)
			return 0;
		if (!str_starts(line, STR("* CAPABILITY ")))
			continue;
		line = arena_dup(&ctl.arena, str_from(line, strlen("* CAPABILITY ")));
		for (bool more = true; more && n < WORDS;) {
			more = str_cut(&line, ' ', &word);
			v[n++] = word;
		}
		line = STR_NONE;
	} while (!str_starts(line, STR("c ")));
	return n;
}

static int
begin(const struct prove *p, struct talk *w, struct err *e)
{
	struct str line;

	return talk_open(w, prove_listener(p, "imaps"), true, e) < 0 ? -1 : talk_line(w, &line, e);
}

/* On a connection of its own. That of SCRAM is left at the server's challenge. */
static const char *
mechanism(const struct prove *p, struct str name)
{
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	bool scram = str_starts(name, STR("SCRAM-SHA-256"));
	const char *first = scram                     ? prove_scram(p, str_ends(name, STR("-PLUS")))
			    : str_eq_z(name, "PLAIN") ? prove_plain(p)
						      : prove_base64(str_z(p->user));
	const char *second = scram                     ? "*"
			     : str_eq_z(name, "LOGIN") ? prove_base64(str_z(p->password))
						       : NULL;
	const char *why = NULL;
	struct str line;
	struct err e;

	w->fd = -1;
	w->ssl = NULL;
	if (!scram && !str_eq_z(name, "PLAIN") && !str_eq_z(name, "LOGIN"))
		return "gkmail does not know how to try it";
	if (begin(p, w, &e) < 0 ||
	    talk_write(w,
		arena_printf(&ctl.arena, "a AUTHENTICATE " STR_FMT " %s\r\n", STR_ARG(name), first),
		&e) < 0 ||
	    talk_line(w, &line, &e) < 0)
		why = "it does not answer";
	else if (second != NULL && !str_starts(line, STR("+")))
		why = arena_printf(&ctl.arena, "it answers " STR_FMT, STR_ARG(line)).p;
	if (why == NULL && second != NULL &&
	    (talk_write(w, arena_printf(&ctl.arena, "%s\r\n", second), &e) < 0 ||
		talk_line(w, &line, &e) < 0))
		why = "it does not answer";
	while (why == NULL && str_starts(line, STR("* ")))
		why = talk_line(w, &line, &e) < 0 ? "it does not answer" : NULL;
	/* What is broken off is BAD (RFC 9051 6.2.2). */
	if (why == NULL && !str_starts(line, scram ? STR("a BAD") : STR("a OK")))
		why = arena_printf(&ctl.arena, "it answers " STR_FMT, STR_ARG(line)).p;
	talk_close(w);
	return why;
}

static void
prove_one(const struct prove *p, struct talk *w, struct str capability)
{
	const char *why = NULL;
	struct str name = capability;

	if (str_starts(capability, STR("AUTH="))) {
		prove_tell("imap", capability, mechanism(p, str_from(capability, 5)));
		return;
	}
	if (str_starts(capability, STR("APPENDLIMIT")))
		name = STR("APPENDLIMIT");
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		const struct step *s = proofs[i].steps;

		if (!str_eq_z(name, proofs[i].capability))
			continue;
		for (; why == NULL && s->say != NULL; s++)
			why = say(w, str_z(s->say), s->want);
		prove_tell("imap", capability, why);
		return;
	}
	prove_tell("imap", capability, "gkmail does not know how to try it");
}

static bool
has(const struct str *v, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return false;
}

static void
clean(struct talk *w)
{
	(void)say(w, STR("UNSELECT"), NULL);
	(void)say(w, STR("DELETE gkmail-prove/2"), NULL);
	(void)say(w, STR("DELETE gkmail-prove"), NULL);
}

int
prove_imap(const struct prove *p, struct err *e)
{
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	struct str before[WORDS], v[WORDS];
	size_t nbefore, n;
	const char *why;
	struct str login;
	int rc = -1;

	w->fd = -1;
	w->ssl = NULL;
	if (prove_listener(p, "imaps").n == 0)
		return err_set(e, E_NOTFOUND, "imap.listen_tls is empty");
	if (begin(p, w, e) < 0 || (nbefore = capabilities(w, before, e)) == 0)
		goto out;
	login = arena_printf(&ctl.arena, "AUTHENTICATE PLAIN %s", prove_plain(p));
	if ((why = say(w, login, NULL)) != NULL) {
		err_set(e, E_DENIED, "log in: %s", why);
		goto out;
	}
	if ((n = capabilities(w, v, e)) == 0)
		goto out;
	clean(w);
	if ((why = say(w, STR("CREATE gkmail-prove"), NULL)) != NULL ||
	    (why = say(w, STR("CREATE gkmail-prove/2"), NULL)) != NULL) {
		err_set(e, E_TEMP, "make a mailbox: %s", why);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		prove_one(p, w, v[i]);
	for (size_t i = 0; i < nbefore; i++)
		if (!has(v, n, before[i]))
			prove_one(p, w, before[i]);
	clean(w);
	rc = 0;
out:
	talk_close(w);
	return rc;
}
