/*
 * keyword.c - see model.h: keywords of emails (RFC 8621 4.1.1).
 *
 * Copies may have different flags. $seen is said when all have it, any other keyword when one has.
 * \Deleted and \Recent are not known to JMAP, and keywords are in lower case.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "mailboxd/jmap/model_in.h"

static const struct {
	uint32_t flag;
	struct str name;
} flags[] = {
    {FLAG_ANSWERED, STR_INIT("$answered")},
    {FLAG_DRAFT, STR_INIT("$draft")},
    {FLAG_FLAGGED, STR_INIT("$flagged")},
    {FLAG_SEEN, STR_INIT("$seen")},
};

const char *
jmap_keyword_of_flag(uint32_t flag)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].flag == flag)
			return flags[i].name.p;
	return "";
}

uint32_t
jmap_flag_of_keyword(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_ieq(name, flags[i].name))
			return flags[i].flag;
	return 0;
}

static uint64_t
bit_of(const struct mailbox *mb, struct str name)
{
	for (unsigned i = 0; i < mb->nkeywords; i++)
		if (str_ieq(mb->keywords[i], name))
			return 1ull << i;
	return 0;
}

void
jmap_keyword_init(
    struct jmap_keyword *k, const struct jmap_model *m, struct str name, struct arena *a)
{
	uint64_t *bits;

	*k = (struct jmap_keyword){.flag = jmap_flag_of_keyword(name)};
	if (k->flag != 0)
		return;
	bits = arena_array(a, m->nboxes + 1, sizeof *bits);
	for (size_t i = 0; i < m->nboxes; i++)
		if (m->boxes[i]->mb != NULL)
			bits[i] = bit_of(m->boxes[i]->mb, name);
	k->bits = bits;
}

bool
jmap_email_has(
    const struct jmap_model *m, const struct jmap_email *em, const struct jmap_keyword *k)
{
	const struct jmap_place *v = jmap_email_places(em);

	if (k->flag != 0)
		return ((k->flag == FLAG_SEEN ? em->all : em->any) & k->flag) != 0;
	for (size_t i = 0; i < em->nplaces; i++) {
		const struct message *msg;

		if (k->bits[v[i].box] == 0)
			continue;
		msg = mailbox_get(m->boxes[v[i].box]->mb, v[i].uid);
		if (msg != NULL && (msg->keywords & k->bits[v[i].box]))
			return true;
	}
	return false;
}

static int
compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
add(struct str *v, size_t *n, struct str name)
{
	size_t i = 0;

	while (i < *n && !str_eq(v[i], name))
		i++;
	v[i] = name;
	*n += i == *n;
}

static struct str
lower(struct str s, struct arena *a)
{
	char *to = arena_alloc(a, s.n + 1);

	str_lower(s, to);
	return str_of(to, s.n);
}

size_t
jmap_email_keywords(
    const struct jmap_model *m, const struct jmap_email *em, struct arena *a, struct str **out)
{
	const struct jmap_place *p = jmap_email_places(em);
	uint32_t has = (em->any & ~FLAG_SEEN) | (em->all & FLAG_SEEN);
	size_t n = 0, room = ARRAY_LEN(flags);
	struct str *v;

	for (size_t i = 0; i < em->nplaces; i++)
		room += m->boxes[p[i].box]->mb->nkeywords;
	v = arena_array(a, room, sizeof *v);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (has & flags[i].flag)
			add(v, &n, flags[i].name);
	for (size_t i = 0; i < em->nplaces; i++) {
		const struct mailbox *mb = m->boxes[p[i].box]->mb;
		const struct message *msg = mailbox_get(mb, p[i].uid);

		for (unsigned k = 0; msg != NULL && msg->keywords >> k != 0 && k < mb->nkeywords;
		     k++)
			if (msg->keywords >> k & 1)
				add(v, &n, lower(mb->keywords[k], a));
	}
	qsort(v, n, sizeof *v, compare);
	*out = v;
	return n;
}
