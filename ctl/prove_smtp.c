/* prove_smtp.c - what SMTP promises (EHLO, RFC 5321 4.1.1.1), on the submission port. */
#include <stdio.h>

#include "base/mem.h"
#include "ctl/prove.h"
#include "ctl/talk.h"

/* What is said, how many answers that gets, and how the last of them begins. */
struct step {
	const char *say;
	unsigned answers;
	const char *want;
};

#define RESET                        \
	{                            \
		"RSET\r\n", 1, "250" \
	}

static const struct proof {
	const char *keyword;
	struct step steps[5];
} proofs[] = {
    {"PIPELINING", {{"NOOP\r\nNOOP\r\nNOOP\r\n", 3, "250"}}},
    {"SIZE", {{"MAIL FROM:<%A> SIZE=99999999999\r\n", 1, "552"}}},
    {"8BITMIME", {{"MAIL FROM:<%A> BODY=8BITMIME\r\n", 1, "250"}, RESET}},
    {"SMTPUTF8", {{"MAIL FROM:<%A> SMTPUTF8\r\n", 1, "250"}, RESET}},
    {"ENHANCEDSTATUSCODES", {{"NOOP\r\n", 1, "250 2."}}},
    {"CHUNKING", {{"MAIL FROM:<%A>\r\n", 1, "250"}, {"RCPT TO:<%A>\r\n", 1, "250"},
		     {"BDAT 4\r\na: b", 1, "250"}, RESET}},
    {"DSN", {{"MAIL FROM:<%A> RET=HDRS ENVID=prove\r\n", 1, "250"},
		{"RCPT TO:<%A> NOTIFY=NEVER\r\n", 1, "250"}, RESET}},
    {"FUTURERELEASE", {{"MAIL FROM:<%A> HOLDFOR=60\r\n", 1, "250"}, RESET}},
    {"HELP", {{"HELP\r\n", 1, "214"}}},
};

/* One answer; *line is its last line. */
static int
answer(struct talk *w, struct str *line, struct err *e)
{
	do {
		if (talk_line(w, line, e) < 0)
			return -1;
	} while (line->n > 3 && line->p[3] == '-');
	return 0;
}

static const char *
say(struct talk *w, struct str text, unsigned answers, const char *want)
{
	struct str line = STR_NONE;
	struct err e;

	if (talk_write(w, text, &e) < 0)
		return "it hung up";
	for (unsigned i = 0; i < answers; i++)
		if (answer(w, &line, &e) < 0)
			return "it does not answer";
	if (str_starts(line, str_z(want)))
		return NULL;
	return arena_printf(&ctl.arena, "it answers " STR_FMT, STR_ARG(line)).p;
}

/* The keywords of EHLO, with their words, in the arena. */
static size_t
hello(struct talk *w, struct str *v, size_t max, struct err *e)
{
	struct str line;
	size_t n = 0;

	if (talk_write(w, STR("EHLO prove.invalid\r\n"), e) < 0)
		return 0;
	do {
		if (talk_line(w, &line, e) < 0)
			return 0;
		if (n < max && line.n > 4)
			v[n++] = arena_dup(&ctl.arena, str_from(line, 4));
	} while (line.n > 3 && line.p[3] == '-');
	return n;
}

#define KEYWORDS 64u

static int
begin(const struct prove *p, struct talk *w, struct str *v, size_t *n, bool told, struct err *e)
{
	const char *why;
	struct str line;

	if (talk_open(w, prove_listener(p, "submission"), false, e) < 0 || answer(w, &line, e) < 0)
		return -1;
	if (hello(w, v, KEYWORDS, e) == 0)
		return err_set(e, E_PROTO, "no EHLO");
	if ((why = say(w, STR("STARTTLS\r\n"), 1, "220")) == NULL && talk_secure(w, e) < 0)
		why = e->text;
	if (told)
		prove_tell("smtp", STR("STARTTLS"), why);
	if (why != NULL)
		return err_set(e, E_PROTO, "no TLS");
	*n = hello(w, v, KEYWORDS, e);
	return *n > 0 ? 0 : err_set(e, E_PROTO, "no EHLO under TLS");
}

/* A mechanism, on a connection of its own. That of SCRAM is left at the server's challenge. */
static const char *
mechanism(const struct prove *p, struct str name)
{
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	struct str v[KEYWORDS], first;
	bool scram = str_starts(name, STR("SCRAM-SHA-256"));
	const char *why = NULL;
	struct err e;
	size_t n;

	w->fd = -1;
	w->ssl = NULL;
	if (begin(p, w, v, &n, false, &e) < 0) {
		why = "no connection";
	} else if (scram) {
		first = arena_printf(&ctl.arena, "AUTH " STR_FMT " %s\r\n", STR_ARG(name),
		    prove_scram(p, str_ends(name, STR("-PLUS"))));
		if ((why = say(w, first, 1, "334")) == NULL)
			why = say(w, STR("*\r\n"), 1, "501");
	} else if (str_eq_z(name, "PLAIN")) {
		first = arena_printf(&ctl.arena, "AUTH PLAIN %s\r\n", prove_plain(p));
		why = say(w, first, 1, "235");
	} else if (str_eq_z(name, "LOGIN")) {
		first = arena_printf(&ctl.arena, "AUTH LOGIN %s\r\n", prove_base64(str_z(p->user)));
		if ((why = say(w, first, 1, "334")) == NULL)
			why = say(w,
			    arena_printf(&ctl.arena, "%s\r\n", prove_base64(str_z(p->password))), 1,
			    "235");
	} else {
		why = "gkmail does not know how to try it";
	}
	talk_close(w);
	return why;
}

static void
prove_keyword(const struct prove *p, struct talk *w, struct str line)
{
	struct str word, mech;
	const char *why = NULL;

	if (!str_cut(&line, ' ', &word))
		line = STR_NONE;
	if (str_eq_z(word, "AUTH")) {
		while (line.n > 0) {
			if (!str_cut(&line, ' ', &mech))
				line = STR_NONE;
			prove_tell("smtp", arena_printf(&ctl.arena, "AUTH " STR_FMT, STR_ARG(mech)),
			    mechanism(p, mech));
		}
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		const struct step *s = proofs[i].steps;

		if (!str_eq_z(word, proofs[i].keyword))
			continue;
		for (; why == NULL && s->say != NULL; s++)
			why = say(w, prove_fill(p, s->say), s->answers, s->want);
		prove_tell("smtp", word, why);
		return;
	}
	prove_tell("smtp", word, "gkmail does not know how to try it");
}

int
prove_smtp(const struct prove *p, struct err *e)
{
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	struct str v[KEYWORDS];
	const char *why;
	int rc = -1;
	size_t n;

	if (prove_listener(p, "submission").n == 0)
		return err_set(e, E_NOTFOUND, "submission.listen is empty");
	if (begin(p, w, v, &n, true, e) < 0)
		goto out;
	why = say(w, arena_printf(&ctl.arena, "AUTH PLAIN %s\r\n", prove_plain(p)), 1, "235");
	if (why != NULL) {
		err_set(e, E_DENIED, "log in: %s", why);
		goto out;
	}
	for (size_t i = 1; i < n; i++) /* the first is the server's name */
		prove_keyword(p, w, v[i]);
	rc = 0;
out:
	talk_close(w);
	return rc;
}
