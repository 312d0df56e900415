/* subject.c - the base subject (RFC 5256 2.1). */
#include "mail/subject.h"

#include "base/buf.h"
#include "base/mem.h"
#include "mail/rfc2047.h"

/* "re" and "fwd" (the RFC's), and what answers and forwards are called elsewhere. */
static const char *const leaders[] = {"re", "fw", "fwd", "aw", "wg", "sv", "vs", "vb", "tr", "antw",
    "rv", "enc", "odp", "rif", "ynt"};

/* Blanks as one space each, none at the ends; ASCII in lower case (steps 1 and 2). */
static struct str
tidy(struct str s, struct arena *a)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;

	s = str_trim(s);
	for (size_t i = 0; i < s.n; i++) {
		bool blank = is_space(s.p[i]) || s.p[i] == '\r' || s.p[i] == '\n';

		if (!blank)
			to[n++] = to_lower(s.p[i]);
		else if (n > 0 && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	return str_of(to, n);
}

/* Behind "[...] "; the whole where there is none. */
static struct str
without_blob(struct str s)
{
	size_t end;

	if (s.n == 0 || s.p[0] != '[')
		return s;
	end = str_chr(s, ']');
	if (end == s.n || str_chr(str_from(str_sub(s, 0, end), 1), '[') != end - 1)
		return s;
	return str_trim(str_from(s, end + 1));
}

/* Takes one "[list] Re[2]:" away. */
static bool
cut_leader(struct str *s)
{
	struct str rest = *s, before;

	do {
		before = rest;
		rest = without_blob(rest);
	} while (rest.n < before.n);
	for (size_t i = 0; i < ARRAY_LEN(leaders); i++) {
		struct str word = str_z(leaders[i]), behind;

		if (!str_starts(rest, word))
			continue;
		behind = without_blob(str_trim(str_from(rest, word.n)));
		if (behind.n > 0 && behind.p[0] == ':') {
			*s = str_trim(str_from(behind, 1));
			return true;
		}
	}
	return false;
}

/* Steps 2 to 5. */
static struct str
strip(struct str s)
{
	struct str cut;

	while (str_ends(s, STR("(fwd)")))
		s = str_trim(str_sub(s, 0, s.n - STR("(fwd)").n));
	for (;;) {
		if (cut_leader(&s))
			continue;
		/* A blob goes when something is left (step 4). */
		cut = without_blob(s);
		if (cut.n == 0 || cut.n == s.n)
			return s;
		s = cut;
	}
}

struct str
subject_base(struct str value, struct arena *a)
{
	struct str fwd = STR("[fwd:"), s, before;
	struct buf text;

	buf_init(&text, (size_t)4 * SUBJECT_MAX);
	rfc2047_decode(str_sub(value, 0, SUBJECT_MAX), &text);
	s = tidy(buf_view(&text), a);
	buf_free(&text);
	do {
		before = s;
		s = strip(s);
		/* Step 6. */
		if (str_starts(s, fwd) && str_ends(s, STR("]")))
			s = str_trim(str_sub(s, fwd.n, s.n - fwd.n - 1));
	} while (s.n < before.n);
	return s;
}
