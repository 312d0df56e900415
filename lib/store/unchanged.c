/*
 * unchanged.c - the condition of STORE (UNCHANGEDSINCE …) (RFC 7162 3.1.3, 3.1.12).
 *
 * A message has one modseq, but the condition is about the flags that the command names, and the
 * change log keeps what was before each change: a flag that never differed from what it is now has
 * not changed. Where the log cannot tell, the message counts as modified, which is always allowed.
 */
#include "store/model.h"

#define SCAN_MAX 5000 /* changes looked at for one command; some milliseconds */

struct suspect {
	uint64_t named;  /* keywords that the command names */
	uint32_t flags;  /* and system flags */
	bool told;       /* the log speaks of it */
	bool differed;   /* one of the named flags had another value */
	uint32_t now;    /* its flags */
	uint64_t now_kw; /* its keywords */
};

struct looking {
	struct mailbox *mb;
	struct uid_list *uids;
	struct suspect *v;
	size_t seen;
};

/* What mailbox_flags_text() wrote. */
static void
read_flags(const struct mailbox *mb, struct str text, uint32_t *flags, uint64_t *keywords)
{
	struct str word;

	*flags = 0;
	*keywords = 0;
	while (text.n > 0) {
		str_cut(&text, ' ', &word);
		*flags |= mailbox_flag_by_name(word);
		for (unsigned i = 0; i < mb->nkeywords; i++)
			if (str_ieq(mb->keywords[i], word))
				*keywords |= 1ull << i;
	}
}

static struct suspect *
find(const struct looking *l, uint32_t uid)
{
	size_t low = 0, high = l->uids->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->uids->uids[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->uids->n && l->uids->uids[low] == uid ? &l->v[low] : NULL;
}

static bool
look(void *arg, const struct change *c)
{
	struct looking *l = arg;
	struct suspect *s = c->mailbox == l->mb->id ? find(l, c->uid) : NULL;
	uint32_t flags;
	uint64_t keywords;

	if (++l->seen > SCAN_MAX)
		return false;
	if (s == NULL)
		return true;
	s->told = true;
	/* It came after what the client knows. */
	if (c->kind != CHANGE_FLAGS) {
		s->differed = true;
		return true;
	}
	read_flags(l->mb, c->before, &flags, &keywords);
	s->differed |= ((flags ^ s->now) & s->flags) != 0;
	s->differed |= ((keywords ^ s->now_kw) & s->named) != 0;
	return true;
}

/* Takes out of the list what the log clears. */
static int
clear(struct mailbox *mb, const struct storing *st, uint64_t since, struct arena *a,
    struct uid_list *out, struct err *e)
{
	struct looking l = {.mb = mb, .uids = out};
	size_t n = 0;

	l.v = arena_array(a, out->n, sizeof *l.v);
	for (size_t i = 0; i < out->n; i++) {
		const struct message *m = mailbox_get(mb, out->uids[i]);

		l.v[i] = (struct suspect){.named = st->keywords,
		    .flags = st->flags,
		    .now = m->flags,
		    .now_kw = m->keywords};
	}
	if (index_changes(mb->home->index, since, look, &l, e) < 0)
		return home_fail(mb->home, e);
	if (l.seen > SCAN_MAX)
		return 0;
	for (size_t i = 0; i < out->n; i++)
		if (!l.v[i].told || l.v[i].differed)
			out->uids[n++] = out->uids[i];
	out->n = n;
	return 0;
}

/* A keyword that a message does not have does not exist, and so has not changed since 0; system
 * flags always exist (RFC 7162 3.1.3, example 8). */
static void
clear_absent(struct mailbox *mb, const struct storing *st, struct uid_list *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n; i++)
		if (st->flags != 0 || (mailbox_get(mb, out->uids[i])->keywords & st->keywords) != 0)
			out->uids[n++] = out->uids[i];
	out->n = n;
}

int
model_modified(struct mailbox *mb, const uint32_t *uids, size_t n, const struct storing *st,
    uint64_t since, struct arena *a, struct uid_list *out, struct err *e)
{
	uint64_t oldest;

	out->uids = arena_array(a, n + 1, sizeof *out->uids);
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct message *m = mailbox_get(mb, uids[i]);

		if (m != NULL && mailbox_modseq(mb, m) > since)
			out->uids[out->n++] = uids[i];
	}
	if (out->n == 0 || st->mode == STORE_REPLACE)
		return 0;
	if (since == 0) {
		clear_absent(mb, st, out);
		return 0;
	}
	if (index_change_oldest(mb->home->index, &oldest, e) < 0)
		return home_fail(mb->home, e);
	if (since < oldest || since < mb->home->modseq_floor)
		return 0;
	return clear(mb, st, since, a, out, e);
}
