/* msgid.c - message ids of header fields. */
#include "mail/msgid.h"

/* Without blanks, folding and (RFC 5322 4.4, obs-id-left) comments; what stands in quotes stays. */
static struct str
tidy(struct str s, struct arena *a)
{
	char *to = arena_alloc(a, s.n);
	size_t n = 0, depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' && depth == 0)
			quoted = !quoted;
		if (!quoted && c == '(')
			depth++;
		if (depth == 0 && (quoted || (!is_space(c) && c != '\r' && c != '\n')))
			to[n++] = c;
		if (!quoted && c == ')' && depth > 0)
			depth--;
	}
	return str_of(to, n);
}

static void
add(struct msgid_list *l, struct str id, struct arena *a, size_t *room)
{
	struct str *grown;

	if (id.n == 0)
		return;
	if (l->n == *room) {
		*room = *room ? *room * 2 : 4;
		grown = arena_array(a, *room, sizeof(*grown));
		if (l->n > 0)
			memcpy(grown, l->v, l->n * sizeof(*grown));
		l->v = grown;
	}
	l->v[l->n++] = id;
}

void
msgid_parse(struct str value, struct arena *a, struct msgid_list *out)
{
	struct str rest = value, id, before;
	size_t room = 0;

	*out = (struct msgid_list){0};
	/* Some programs forget the brackets. */
	if (str_chr(value, '<') == value.n) {
		add(out, tidy(value, a), a, &room);
		return;
	}
	while (out->n < MSGID_LIST_MAX && str_cut(&rest, '<', &before)) {
		if (!str_cut(&rest, '>', &id))
			return;
		/* An opening bracket inside: the one before was noise. */
		id = str_from(id, str_rchr(id, '<') == id.n ? 0 : str_rchr(id, '<') + 1);
		add(out, tidy(id, a), a, &room);
	}
}
