/*
 * mailbox_flags.c - see mailbox.h: changing flags and keywords (RFC 3501 6.4.6, RFC 7162 3.1.3).
 */
#include "base/mem.h"
#include "base/num.h"
#include "store/model.h"

/* ---- keywords ---- */

/* An atom without '[' and ']' that we did not reserve (RFC 3501 9, flag-keyword). */
static bool
is_keyword(struct str s)
{
	if (s.n == 0 || s.n > KEYWORD_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 32 || (unsigned char)s.p[i] >= 127 ||
		    strchr("(){%*\"\\]", s.p[i]) != NULL)
			return false;
	return true;
}

/* The bit of a keyword, or nkeywords. Case does not matter (RFC 9051 2.3.2). */
static unsigned
find_keyword(const struct mailbox *mb, struct str name)
{
	unsigned i = 0;

	while (i < mb->nkeywords && !str_ieq(mb->keywords[i], name))
		i++;
	return i;
}

static int
add_keyword(struct mailbox *mb, struct str name, struct err *e)
{
	struct mailbox_observer *o;
	unsigned bit = mb->nkeywords;

	if (index_keyword_put(mb->home->index, mb->id, bit, name, e) < 0)
		return home_fail(mb->home, e);
	mb->keywords[bit] = str_of(mem_dup(name.p, name.n), name.n);
	mb->nkeywords++;
	LIST_FOREACH (o, &mb->priv->observers, link)
		if (o->keyword != NULL)
			o->keyword(o->arg, mb);
	return 0;
}

int
model_keywords(
    struct mailbox *mb, const struct flag_set *set, bool make, uint64_t *bits, struct err *e)
{
	unsigned fresh = 0;

	*bits = 0;
	for (size_t i = 0; i < set->nkeywords; i++) {
		if (!is_keyword(set->keywords[i]))
			return err_set(e, E_INVAL, "not a flag");
		fresh += find_keyword(mb, set->keywords[i]) == mb->nkeywords;
	}
	if (make && mb->nkeywords + fresh > KEYWORDS_MAX)
		return err_set(e, E_LIMIT, "too many different keywords in the mailbox");
	for (size_t i = 0; i < set->nkeywords; i++) {
		unsigned bit = find_keyword(mb, set->keywords[i]);

		if (bit == mb->nkeywords && (!make || add_keyword(mb, set->keywords[i], e) < 0)) {
			if (make)
				return -1;
			continue; /* taking away what nobody has */
		}
		*bits |= 1ull << bit;
	}
	return 0;
}

/* ---- flags ---- */

int
model_set_flags(struct mailbox *mb, struct message *m, uint32_t flags, uint64_t keywords,
    uint64_t modseq, bool dirty, const struct change_by *by, struct err *e)
{
	struct str before;
	struct arena a;
	int rc = -1;

	arena_init(&a);
	before = mailbox_flags_text(mb, m, &a);
	mb->unseen += !(flags & FLAG_SEEN);
	mb->unseen -= !(m->flags & FLAG_SEEN);
	mb->deleted += (flags & FLAG_DELETED) != 0;
	mb->deleted -= (m->flags & FLAG_DELETED) != 0;
	m->flags = flags;
	m->keywords = keywords;
	m->modseq = modseq;
	mb->highestmodseq = num_max(mb->highestmodseq, modseq);
	mb->priv->row_dirty = true;
	/* Who hears of the row finds the message as it is now. */
	if (model_log(mb->home, modseq, CHANGE_FLAGS, mb->id, m, before, by, e) < 0 ||
	    index_message_flags(mb->home->index, mb->id, m, dirty, e) < 0)
		goto out;
	if (dirty) {
		mb->priv->names_dirty = true;
		home_mirror_later(mb->home);
	}
	rc = 0;
out:
	arena_free(&a);
	return rc < 0 ? home_fail(mb->home, e) : 0;
}

static int
store_one(struct mailbox *mb, struct message *m, struct storing *s, struct err *e)
{
	uint32_t flags = s->flags;
	uint64_t keywords = s->keywords;

	if (s->mode == STORE_ADD) {
		flags |= m->flags;
		keywords |= m->keywords;
	} else if (s->mode == STORE_REMOVE) {
		flags = m->flags & ~flags;
		keywords = m->keywords & ~keywords;
	}
	if (flags == m->flags && keywords == m->keywords)
		return 0;
	/* One modseq for all messages of the command (RFC 7162 3.1). */
	if (s->modseq == 0 && model_next_modseq(mb->home, &s->modseq, e) < 0)
		return -1;
	if (model_set_flags(mb, m, flags, keywords, s->modseq, flags != m->flags, s->by, e) < 0)
		return -1;
	model_tell_flags(mb, m, s->by);
	return 0;
}

int
mailbox_store(struct mailbox *mb, const uint32_t *uids, size_t n, enum store_mode mode,
    const struct flag_set *set, uint64_t unchangedsince, const struct change_by *by,
    struct arena *a, struct uid_list *modified, struct err *e)
{
	struct storing s = {.mode = mode, .flags = set->flags & FLAG_ALL, .by = by};
	struct uid_list stay = {0};
	size_t at = 0, k = 0;

	if (home_ready(mb->home, e) < 0 || (!mb->loaded && mailbox_load(mb, e) < 0))
		return -1;
	/* Keywords are not made before there is a message that gets them. */
	if (unchangedsince != UINT64_MAX &&
	    (model_keywords(mb, set, false, &s.keywords, e) < 0 ||
		model_modified(mb, uids, n, &s, unchangedsince, a, &stay, e) < 0))
		return -1;
	if (modified != NULL)
		*modified = stay;
	if (n > 0 && stay.n == n)
		return 0;
	if (model_keywords(mb, set, mode != STORE_REMOVE, &s.keywords, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		at =
		    at < mb->n && mb->messages[at].uid == uids[i] ? at : mailbox_lower(mb, uids[i]);
		if (at >= mb->n || mb->messages[at].uid != uids[i])
			continue;
		if (k < stay.n && stay.uids[k] == uids[i]) {
			k++;
			continue;
		}
		if (store_one(mb, &mb->messages[at], &s, e) < 0)
			return -1;
		at++;
	}
	return 0;
}
