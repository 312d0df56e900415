/*
 * undo.c - see undo.h: the history of what a session has touched.
 */
#include "mailboxd/jmap/undo.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "store/email.h"

#define ASK_EVERY 64u /* rows */

/* Whose row it is. */
enum writer {
	BY_SESSION, /* what is to be undone */
	BY_UNDO,    /* what undid it before, in part at least */
	BY_OTHERS,
	BY_OTHER_UNDO /* somebody undid another session */
};

struct by {
	enum writer class;
	uint64_t who;
};

void
undo_init(struct undo *u, struct home *h, struct str session, struct arena *a,
    bool (*enough)(void *arg), void *arg)
{
	*u = (struct undo){.home = h, .session = session, .arena = a, .enough = enough, .arg = arg};
}

void
undo_done(struct undo *u)
{
	HASH_CLEAR(hh, u->messages);
	HASH_CLEAR(hh, u->emails);
}

/* ---- whose it is ---- */

static struct by
by_of(const struct undo *u, const struct change *c)
{
	bool agent = str_eq_z(c->actor, CHANGE_BY_AGENT), undo = str_eq_z(c->actor, CHANGE_UNDO);
	struct by by = {.class = undo ? BY_OTHER_UNDO : BY_OTHERS, .who = email_hash(c->sid)};

	if ((agent || undo) && str_eq(c->sid, u->session))
		by.class = agent ? BY_SESSION : BY_UNDO;
	/* Sessions of others need not differ by their id alone. */
	else if (!agent && !undo)
		by.who ^= email_hash(c->actor);
	return by;
}

static bool
slice_is_over(struct undo *u)
{
	return ++u->rows % ASK_EVERY == 0 && u->enough(u->arg);
}

/* ---- what the session has touched ---- */

static struct undo_email *
find_email(const struct undo *u, uint64_t number)
{
	struct undo_email *m;

	HASH_FIND(hh, u->emails, &number, sizeof(number), m);
	return m;
}

struct gathering {
	struct undo *u;
	bool more;
};

static bool
gather(void *arg, const struct change *c)
{
	struct gathering *g = arg;
	struct undo *u = g->u;
	struct undo_email *m;
	struct undo_object *o;

	if (u->first == 0)
		u->first = c->row;
	u->last = c->row;
	if (c->mailbox != 0 && c->uid != 0 && c->email != 0) {
		if (find_email(u, c->email) == NULL) {
			m = arena_new(u->arena, struct undo_email);
			m->number = c->email;
			HASH_ADD(hh, u->emails, number, sizeof(m->number), m);
		}
	} else if (c->kind == CHANGE_OBJECT_MADE || c->kind == CHANGE_OBJECT_CHANGED ||
		   c->kind == CHANGE_OBJECT_GONE) {
		o = arena_new(u->arena, struct undo_object);
		*o = (struct undo_object){
		    .kind = (uint32_t)c->email, .id = c->uid, .next = u->objects};
		u->objects = o;
	} else if (c->kind != CHANGE_AGENT) {
		u->mailboxes++;
	}
	g->more = slice_is_over(u);
	return !g->more;
}

int
undo_gather(struct undo *u, struct err *e)
{
	struct gathering g = {.u = u};

	if (change_rows_of(u->home, CHANGE_BY_AGENT, u->session, u->last, gather, &g, e) < 0)
		return -1;
	if (g.more)
		return 0;
	/* The walk begins where the session did. */
	u->last = u->first > 0 ? u->first - 1 : 0;
	return 1;
}

/* ---- fields ---- */

static void
drop_writes(struct undo_write **w, uint64_t who)
{
	while (*w != NULL)
		if ((*w)->who == who)
			*w = (*w)->next;
		else
			w = &(*w)->next;
}

static void
write_field(struct undo *u, struct undo_field *f, struct by by, uint32_t was, uint32_t is)
{
	struct undo_write *w;

	switch (by.class) {
	case BY_SESSION:
		if (!f->touched)
			f->before = was;
		f->touched = true;
		f->last = is;
		return;
	case BY_UNDO:
		return;
	case BY_OTHER_UNDO:
		/* It takes back what that session wrote behind this one. */
		for (w = f->others; w != NULL; w = w->next)
			if (w->who == by.who) {
				drop_writes(&f->others, by.who);
				return;
			}
		break;
	case BY_OTHERS:
		break;
	}
	if (!f->touched)
		return;
	w = arena_new(u->arena, struct undo_write);
	*w = (struct undo_write){.who = by.who, .value = is, .next = f->others};
	f->others = w;
}

uint32_t
undo_target(const struct undo_field *f)
{
	return f->others != NULL ? f->others->value : f->before;
}

/* ---- flags ---- */

bool
undo_has_flag(struct str flags, struct str name)
{
	struct str rest = flags, word;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(&rest, ' ', &word);
		if (str_ieq(word, name))
			return true;
	}
	return false;
}

static struct undo_field *
flag_field(struct undo *u, struct undo_message *m, struct str name)
{
	struct undo_field *f = m->flags;

	while (f != NULL && !str_ieq(f->name, name))
		f = f->next;
	if (f == NULL) {
		f = arena_new(u->arena, struct undo_field);
		f->name = arena_dup(u->arena, name);
		f->next = m->flags;
		m->flags = f;
	}
	return f;
}

/* Flags that are in one and not in the other. */
static void
write_flags(struct undo *u, struct undo_message *m, struct by by, struct str from, struct str than,
    uint32_t is)
{
	struct str rest = from, word;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(&rest, ' ', &word);
		if (word.n > 0 && !undo_has_flag(than, word))
			write_field(u, flag_field(u, m, word), by, !is, is);
	}
}

void
undo_flags_are(struct undo *u, struct undo_message *m, struct str now)
{
	const struct by by = {(enum writer)m->pending_class, m->pending_who};

	if (!m->pending)
		return;
	m->pending = false;
	write_flags(u, m, by, now, m->pending_before, 1);
	write_flags(u, m, by, m->pending_before, now, 0);
}

/* ---- messages ---- */

static struct undo_message *
at(const struct undo *u, uint32_t mailbox, uint32_t uid)
{
	const struct undo_key key = {mailbox, uid};
	struct undo_message *m;

	HASH_FIND(hh, u->messages, &key, sizeof(key), m);
	return m;
}

static void
place(struct undo *u, struct undo_message *m, uint32_t mailbox, uint32_t uid)
{
	struct undo_message *there;

	if (m->at.mailbox != 0)
		HASH_DEL(u->messages, m);
	if (mailbox != 0 && (there = at(u, mailbox, uid)) != NULL) {
		HASH_DEL(u->messages, there);
		there->at = (struct undo_key){0};
	}
	m->at = (struct undo_key){mailbox, uid};
	if (mailbox != 0)
		HASH_ADD(hh, u->messages, at, sizeof(m->at), m);
}

static struct undo_message *
message_new(struct undo *u, struct undo_email *em, uint32_t mailbox, uint32_t uid)
{
	struct undo_message *m = arena_new(u->arena, struct undo_message);

	m->email = em;
	m->origin = mailbox;
	m->next = em->messages;
	em->messages = m;
	place(u, m, mailbox, uid);
	return m;
}

/* What stands there was there before, unless a row has said how it came. */
static struct undo_message *
message_at(struct undo *u, struct undo_email *em, uint32_t mailbox, uint32_t uid)
{
	struct undo_message *m = at(u, mailbox, uid);

	return m != NULL ? m : message_new(u, em, mailbox, uid);
}

static void
note_writer(struct undo *u, struct undo_message *m, struct by by, uint64_t row)
{
	struct undo_write *w;

	if (by.class == BY_SESSION) {
		m->touched = true;
		m->row = row;
	} else if (by.class == BY_OTHERS && m->touched &&
		   (m->others == NULL || m->others->who != by.who)) {
		w = arena_new(u->arena, struct undo_write);
		*w = (struct undo_write){.who = by.who, .next = m->others};
		m->others = w;
	}
}

/* All of another session was taken back, also where that needed no change. */
static void
forget_writer(struct undo *u, struct by by)
{
	struct undo_email *em, *next;
	struct undo_message *m;
	struct undo_field *f;

	HASH_ITER (hh, u->emails, em, next)
		for (m = em->messages; m != NULL; m = m->next) {
			drop_writes(&m->others, by.who);
			drop_writes(&m->place.others, by.who);
			for (f = m->flags; f != NULL; f = f->next)
				drop_writes(&f->others, by.who);
			if (m->pending && m->pending_who == by.who &&
			    (m->pending_class == BY_OTHERS || m->pending_class == BY_OTHER_UNDO))
				m->pending_class = BY_UNDO;
		}
}

/* ---- rows ---- */

/* "<mailbox id> <uid>" */
static bool
read_place(struct str s, uint32_t *mailbox, uint32_t *uid)
{
	struct str id;
	uint64_t a, b;

	if (!str_cut(&s, ' ', &id) || num_parse(id, 1, UINT32_MAX, &a) < 0 ||
	    num_parse(s, 1, UINT32_MAX, &b) < 0)
		return false;
	*mailbox = (uint32_t)a;
	*uid = (uint32_t)b;
	return true;
}

/* Where it stood before that session had anything to do with it. */
static uint32_t
place_before(const struct undo_message *m, struct by by)
{
	const struct undo_write *w = m->place.others;

	if (by.class == BY_UNDO)
		return m->place.touched ? undo_target(&m->place) : 0;
	while (w != NULL && w->who == by.who)
		w = w->next;
	return w != NULL ? w->value : m->place.touched ? m->place.last : m->origin;
}

/* What undoing has brought back: the message that had gone, by the session that was undone. */
static struct undo_message *
brought_back(const struct undo_email *em, const struct change *c, struct by by)
{
	struct undo_message *m = em->messages;

	if (by.class != BY_UNDO && by.class != BY_OTHER_UNDO)
		return NULL;
	while (m != NULL && !(m->at.mailbox == 0 && m->gone_by == by.who && m->made_by != by.who &&
				place_before(m, by) == c->mailbox))
		m = m->next;
	return m;
}

static void
on_added(struct undo *u, struct undo_email *em, const struct change *c, struct by by)
{
	struct undo_message *m = brought_back(em, c, by);

	if (m != NULL) {
		place(u, m, c->mailbox, c->uid);
	} else {
		m = message_new(u, em, c->mailbox, c->uid);
		m->made_by = by.who;
	}
	if (by.class == BY_SESSION) {
		m->made = true;
		em->made |= c->kind == CHANGE_ADDED;
	}
	write_field(u, &m->place, by, 0, c->mailbox);
	note_writer(u, m, by, c->row);
}

/* A move has a row for where it came to, and then this one. */
static void
on_moved(struct undo *u, struct undo_email *em, const struct change *c, struct by by)
{
	struct undo_message *m = message_at(u, em, c->mailbox, c->uid), *copy, **all;
	uint32_t mailbox, uid;

	if (!read_place(c->before, &mailbox, &uid))
		return;
	if ((copy = at(u, mailbox, uid)) != NULL && copy != m) {
		place(u, copy, 0, 0);
		for (all = &em->messages; *all != NULL && *all != copy;)
			all = &(*all)->next;
		if (*all != NULL)
			*all = copy->next;
	}
	write_field(u, &m->place, by, c->mailbox, mailbox);
	place(u, m, mailbox, uid);
	note_writer(u, m, by, c->row);
}

static void
on_gone(struct undo *u, struct undo_email *em, const struct change *c, struct by by)
{
	struct undo_message *m = message_at(u, em, c->mailbox, c->uid);

	undo_flags_are(u, m, c->before);
	m->had = arena_dup(u->arena, c->before);
	m->gone_by = by.who;
	write_field(u, &m->place, by, c->mailbox, 0);
	place(u, m, 0, 0);
	note_writer(u, m, by, c->row);
}

static void
on_flags(struct undo *u, struct undo_email *em, const struct change *c, struct by by)
{
	struct undo_message *m = message_at(u, em, c->mailbox, c->uid);

	undo_flags_are(u, m, c->before);
	m->pending = true;
	m->pending_class = by.class;
	m->pending_who = by.who;
	m->pending_before = arena_dup(u->arena, c->before);
	note_writer(u, m, by, c->row);
}

static bool
walk(void *arg, const struct change *c)
{
	struct gathering *g = arg;
	struct undo *u = g->u;
	struct undo_email *em = c->email != 0 ? find_email(u, c->email) : NULL;
	struct by by = by_of(u, c);

	u->last = c->row;
	if (c->kind == CHANGE_UNDONE && by.class == BY_OTHER_UNDO)
		forget_writer(u, by);
	if (em != NULL && c->mailbox != 0 && c->uid != 0) {
		switch ((unsigned)c->kind) {
		case CHANGE_ADDED:
		case CHANGE_COPIED:
			on_added(u, em, c, by);
			break;
		case CHANGE_MOVED:
			on_moved(u, em, c, by);
			break;
		case CHANGE_EXPUNGED:
		case CHANGE_VANISHED:
			on_gone(u, em, c, by);
			break;
		case CHANGE_FLAGS:
			on_flags(u, em, c, by);
			break;
		default:
			break;
		}
	}
	g->more = slice_is_over(u);
	return !g->more;
}

int
undo_walk(struct undo *u, struct err *e)
{
	struct gathering g = {.u = u};

	if (change_rows(u->home, u->last, walk, &g, e) < 0)
		return -1;
	return g.more ? 0 : 1;
}

/* ---- order ---- */

static int
later_first(const void *a, const void *b)
{
	const struct undo_message *x = *(struct undo_message *const *)a;
	const struct undo_message *y = *(struct undo_message *const *)b;

	return x->row < y->row ? 1 : x->row > y->row ? -1 : 0;
}

void
undo_order(struct undo *u)
{
	struct undo_email *em, *next;
	struct undo_message *m;
	size_t n = 0;

	HASH_ITER (hh, u->emails, em, next)
		for (m = em->messages; m != NULL; m = m->next)
			n += m->touched;
	u->all = arena_array(u->arena, n + 1, sizeof(struct undo_message *));
	u->nall = 0;
	HASH_ITER (hh, u->emails, em, next)
		for (m = em->messages; m != NULL; m = m->next)
			if (m->touched)
				u->all[u->nall++] = m;
	if (u->nall > 1)
		qsort(u->all, u->nall, sizeof(struct undo_message *), later_first);
}
