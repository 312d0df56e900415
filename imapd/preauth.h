/*
 * preauth.h - the few commands that are understood before login.
 *
 * Pure: no I/O, memory from the caller's arena. Strings borrow from the input or the arena.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum preauth_verb {
	PREAUTH_NONE,
	PREAUTH_CAPABILITY,
	PREAUTH_NOOP,
	PREAUTH_LOGOUT,
	PREAUTH_ID,
	PREAUTH_STARTTLS,
	PREAUTH_LOGIN,
	PREAUTH_AUTHENTICATE
};

struct preauth {
	struct str tag; /* empty when even that could not be read */
	enum preauth_verb verb;
	struct str user, password; /* LOGIN */
	struct str mech;           /* AUTHENTICATE */
	bool has_initial;          /* RFC 4959 */
	struct str initial;        /* in base64, or "=" */
};

/* text: a command without its last line end, literals inside. -1: what to say behind BAD. */
int preauth_parse(struct str text, struct arena *a, struct preauth *out, struct err *e);
