/* past.c - see past.h. */
#include "mailboxd/jmap/past.h"

#include "base/hash.h"
#include "base/num.h"
#include "mailboxd/jmap/jmap.h"

/* What a copy was at some time. */
struct was {
	enum {
		WAS_NOW,    /* no row says it: as it is now */
		WAS_HIDDEN, /* or not there at all */
		WAS_SHOWN,
		WAS_MOVED /* as `to` was behind the row that made it: moves keep flags */
	} how;
	struct copy *to;
};

struct copy {
	struct {
		uint32_t mailbox, uid;
	} key;
	struct was before, behind; /* the first row about it */
	struct copy *next;         /* of its email */
	UT_hash_handle hh;
};

struct email {
	uint64_t number, thread;
	struct copy *copies;
	UT_hash_handle hh;
};

struct jmap_past {
	struct arena *arena;
	struct copy *copies;
	struct email *emails;
};

struct jmap_past *
jmap_past_new(struct arena *a)
{
	struct jmap_past *p = arena_new(a, struct jmap_past);

	p->arena = a;
	return p;
}

void
jmap_past_free(struct jmap_past **p)
{
	if (*p == NULL)
		return;
	HASH_CLEAR(hh, (*p)->copies);
	HASH_CLEAR(hh, (*p)->emails);
	*p = NULL;
}

static struct copy *
find_copy(const struct jmap_past *p, uint32_t mailbox, uint32_t uid)
{
	struct copy key = {.key = {mailbox, uid}}, *c;

	HASH_FIND(hh, p->copies, &key.key, sizeof key.key, c);
	return c;
}

static struct email *
find_email(const struct jmap_past *p, uint64_t number)
{
	struct email *em;

	HASH_FIND(hh, p->emails, &number, sizeof number, em);
	return em;
}

/* "<mailbox> <uid>": the row that made it stands before the one that took it there. */
static struct was
moved_to(const struct jmap_past *p, struct str where)
{
	struct str first;
	uint64_t mailbox, uid;
	struct copy *to = NULL;

	if (str_cut(&where, ' ', &first) && num_parse(first, 0, UINT32_MAX, &mailbox) == 0 &&
	    num_parse(where, 0, UINT32_MAX, &uid) == 0)
		to = find_copy(p, (uint32_t)mailbox, (uint32_t)uid);
	/* Where the point lies between the two, the other copy is there to be asked. */
	return to != NULL ? (struct was){WAS_MOVED, to} : (struct was){WAS_HIDDEN, NULL};
}

static struct was
before(const struct jmap_past *p, const struct change *row)
{
	struct was w = {WAS_HIDDEN, NULL};

	if (row->kind == CHANGE_MOVED)
		return moved_to(p, row->before);
	if ((row->kind == CHANGE_FLAGS || row->kind == CHANGE_EXPUNGED ||
		row->kind == CHANGE_VANISHED) &&
	    str_find(row->before, STR("\\Deleted")) == row->before.n)
		w.how = WAS_SHOWN;
	return w;
}

static struct copy *
add_copy(struct jmap_past *p, const struct change *row)
{
	struct email *em = find_email(p, row->email);
	struct copy *c = arena_new(p->arena, struct copy);

	if (em == NULL) {
		em = arena_new(p->arena, struct email);
		em->number = row->email;
		HASH_ADD(hh, p->emails, number, sizeof em->number, em);
	}
	c->key.mailbox = row->mailbox;
	c->key.uid = row->uid;
	c->next = em->copies;
	em->copies = c;
	HASH_ADD(hh, p->copies, key, sizeof c->key, c);
	return c;
}

void
jmap_past_row(struct jmap_past *p, const struct change *row)
{
	struct copy *c;
	struct email *em;

	if (row->uid == 0 || row->email == 0 || row->kind >= CHANGE_OBJECT_MADE)
		return;
	if ((c = find_copy(p, row->mailbox, row->uid)) == NULL) {
		c = add_copy(p, row);
		c->before = before(p, row);
	} else if (c->behind.how == WAS_NOW) {
		c->behind = before(p, row);
	}
	em = find_email(p, row->email);
	if (em->thread == 0)
		em->thread = row->thread;
}

static bool
stands(const struct jmap_model *m, const struct jmap_email *em, const struct copy *c)
{
	uint32_t box = jmap_model_box(m, c->key.mailbox);

	for (size_t i = 0; em != NULL && box != JMAP_NO_BOX && i < em->nplaces; i++) {
		struct jmap_place at = jmap_email_places(em)[i];

		if (at.box == box && at.uid == c->key.uid)
			return true;
	}
	return false;
}

static bool
was_shown(const struct jmap_model *m, const struct jmap_email *em, const struct copy *c)
{
	struct was w = c->before;

	while (w.how == WAS_MOVED) {
		c = w.to;
		w = c->behind;
	}
	return w.how == WAS_NOW ? stands(m, em, c) : w.how == WAS_SHOWN;
}

bool
jmap_past_had(struct jmap_past *p, const struct jmap_model *m, uint64_t email)
{
	const struct jmap_email *em = jmap_model_find(m, email);
	const struct email *e = find_email(p, email);
	size_t changed = 0;

	for (const struct copy *c = e != NULL ? e->copies : NULL; c != NULL; c = c->next) {
		if (was_shown(m, em, c))
			return true;
		changed += stands(m, em, c);
	}
	return em != NULL && em->nplaces > changed;
}

void
jmap_past_each(
    struct jmap_past *p, void (*fn)(void *arg, uint64_t email, uint64_t thread), void *arg)
{
	for (const struct email *em = p->emails; em != NULL; em = em->hh.next)
		fn(arg, em->number, em->thread);
}
