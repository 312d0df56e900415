/*
 * pattern.c - mailbox patterns of LIST.
 *
 * Purpose: follows all ways through the pattern at once, so that no pattern takes exponential time.
 */
#include "mailboxd/imap/pattern.h"

/* One octet of the pattern: reached[i] says that name[0..i) is used up by what came before. */
static void
advance(bool *reached, char p, struct str name, bool icase)
{
	if (p == '*' || p == '%') {
		for (size_t i = 0; i < name.n; i++)
			if (reached[i] && (p == '*' || name.p[i] != '/'))
				reached[i + 1] = true;
		return;
	}
	for (size_t i = name.n; i > 0; i--) {
		char n = name.p[i - 1];

		reached[i] =
		    reached[i - 1] && (icase && i <= 5 ? to_lower(n) == to_lower(p) : n == p);
	}
	reached[0] = false;
}

bool
imap_pattern_match(struct str reference, struct str pattern, struct str name, struct arena *a)
{
	/* INBOX as the first level is the same in any case (RFC 3501 5.1). */
	bool icase = str_starts(name, STR("INBOX")) && (name.n == 5 || name.p[5] == '/');
	bool *reached = arena_array(a, name.n + 1, sizeof(bool));

	/* Nothing so long can match, and nobody's time should be spent on it. */
	if (reference.n > 4096 || pattern.n > 4096)
		return false;
	reached[0] = true;
	for (size_t i = 0; i < reference.n; i++)
		advance(reached, reference.p[i], name, icase);
	for (size_t i = 0; i < pattern.n; i++)
		advance(reached, pattern.p[i], name, icase);
	return reached[name.n];
}
