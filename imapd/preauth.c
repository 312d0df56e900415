/*
 * preauth.c - the few commands that are understood before login (RFC 3501 6.1, 6.2).
 */
#include "imapd/preauth.h"

#include "base/mem.h"
#include "net/lex.h"

static int
nothing(struct lex *l, struct preauth *p)
{
	(void)p;
	/* Some clients put a blank behind a command without arguments. */
	while (lex_take(l, ' '))
		;
	return lex_end(l);
}

/* What the client says of itself is of no interest before login (RFC 2971). */
static int
id(struct lex *l, struct preauth *p)
{
	(void)p;
	return lex_space(l);
}

static int
login(struct lex *l, struct preauth *p)
{
	if (lex_space(l) < 0 || lex_astring(l, &p->user) < 0)
		return -1;
	if (lex_space(l) < 0 || lex_astring(l, &p->password) < 0)
		return -1;
	return lex_end(l);
}

/* AUTHENTICATE mechanism [SP initial]; whether that is base64 is the login's business. */
static int
authenticate(struct lex *l, struct preauth *p)
{
	if (lex_space(l) < 0 || lex_atom(l, &p->mech) < 0)
		return -1;
	p->has_initial = lex_take(l, ' ');
	if (!p->has_initial)
		return lex_end(l);
	p->initial = str_of(l->p, l->n);
	return 0;
}

int
preauth_parse(struct str text, struct arena *a, struct preauth *out, struct err *e)
{
	static const struct {
		const char *name;
		enum preauth_verb verb;
		int (*args)(struct lex *l, struct preauth *p);
	} commands[] = {
	    {"CAPABILITY", PREAUTH_CAPABILITY, nothing},
	    {"NOOP", PREAUTH_NOOP, nothing},
	    {"LOGOUT", PREAUTH_LOGOUT, nothing},
	    {"ID", PREAUTH_ID, id},
	    {"STARTTLS", PREAUTH_STARTTLS, nothing},
	    {"LOGIN", PREAUTH_LOGIN, login},
	    {"AUTHENTICATE", PREAUTH_AUTHENTICATE, authenticate},
	};
	struct str word;
	struct lex l;

	*out = (struct preauth){.verb = PREAUTH_NONE};
	lex_init(&l, text, a, e);
	if (lex_tag(&l, &out->tag) < 0)
		return -1;
	if (lex_space(&l) < 0 || lex_atom(&l, &word) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_ieq_z(word, commands[i].name)) {
			out->verb = commands[i].verb;
			return commands[i].args(&l, out);
		}
	return lex_fail(&l, "Unknown command, or not before login");
}
