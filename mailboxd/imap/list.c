/*
 * list.c - LIST and LSUB (RFC 3501 6.3.8, 6.3.9), LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154),
 * CHILDREN (RFC 3348), LIST-STATUS (RFC 5819).
 *
 * Purpose: gathers names in a table first - mailboxes, names above them that are none,
 * subscriptions - and writes those that match.
 */
#include "mailboxd/imap/conn.h"

#include "base/hash.h"
#include "base/mem.h"
#include "mailboxd/imap/pattern.h"

struct entry {
	struct str name;
	struct mailbox *mb; /* NULL: not a mailbox */
	bool subscribed;
	bool child;            /* something is below it */
	bool below_subscribed; /* RECURSIVEMATCH: a subscribed name below it */
	UT_hash_handle hh;
};

struct table {
	struct imap_conn *c;
	struct entry *by_name;
	size_t n;
};

static struct entry *
find(const struct table *t, struct str name)
{
	struct entry *e;

	HASH_FIND(hh, t->by_name, name.p, name.n, e);
	return e;
}

static struct entry *
get(struct table *t, struct str name)
{
	struct entry *e = find(t, name);

	if (e != NULL)
		return e;
	e = arena_new(&t->c->work, struct entry);
	e->name = arena_dup(&t->c->work, name);
	HASH_ADD_KEYPTR(hh, t->by_name, e->name.p, e->name.n, e);
	t->n++;
	return e;
}

/* Names above one are there even when they are no mailboxes (RFC 3501 6.3.4). */
static void
add_parents(struct table *t, struct str name, bool mailbox, bool is_subscribed)
{
	for (size_t slash = str_rchr(name, '/'); slash < name.n; slash = str_rchr(name, '/')) {
		struct entry *e;

		name.n = slash;
		e = get(t, name);
		e->child |= mailbox;
		e->below_subscribed |= is_subscribed;
	}
}

static void
gather(struct table *t)
{
	struct mailbox *mb;
	struct str name;
	size_t i = 0;

	while ((mb = home_next(t->c->home, &i)) != NULL) {
		get(t, mb->name)->mb = mb;
		add_parents(t, mb->name, true, false);
	}
	i = 0;
	while (home_subscribed(t->c->home, &i, &name)) {
		get(t, name)->subscribed = true;
		add_parents(t, name, false, true);
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a;
	const struct entry *y = *(const struct entry *const *)b;
	bool xi = str_eq_z(x->name, "INBOX"), yi = str_eq_z(y->name, "INBOX");

	if (xi != yi)
		return xi ? -1 : 1;
	return str_cmp(x->name, y->name);
}

static struct entry **
sorted(struct table *t)
{
	struct entry **v = arena_array(&t->c->work, t->n + 1, sizeof(struct entry *)), *e, *next;
	size_t n = 0;

	HASH_ITER (hh, t->by_name, e, next) {
		v[n++] = e;
	}
	qsort(v, n, sizeof(struct entry *), by_name);
	return v;
}

static bool
matches(const struct imap_cmd *cmd, struct str name, struct arena *a)
{
	for (size_t i = 0; i < cmd->npatterns; i++)
		if (imap_pattern_match(cmd->mailbox, cmd->patterns[i], name, a))
			return true;
	return false;
}

/* ---- LIST ---- */

static void
attribute(struct buf *b, const char *name)
{
	buf_printf(b, "%s%s", b->n > 0 ? " " : "", name);
}

static void
attributes(const struct imap_cmd *cmd, const struct entry *e, struct buf *b)
{
	if (e->mb == NULL)
		attribute(b, cmd->extended ? "\\NonExistent" : "\\Noselect");
	attribute(b, e->child ? "\\HasChildren" : "\\HasNoChildren");
	if (e->subscribed && ((cmd->select | cmd->ret) & LIST_SUBSCRIBED))
		attribute(b, "\\Subscribed");
	if (e->mb != NULL && e->mb->use != USE_NONE)
		attribute(b, mailbox_use_name(e->mb->use));
}

static void
put_list(struct imap_conn *c, const char *verb, const struct entry *e, bool childinfo)
{
	struct buf b;

	buf_init(&b, 4096);
	attributes(&c->cmd, e, &b);
	imap_printf(c, "* %s (" STR_FMT ") \"/\" ", verb, STR_ARG(buf_view(&b)));
	imap_put_mailbox(c, e->name);
	imap_puts(c, childinfo ? " (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n" : "\r\n");
	buf_free(&b);
}

/* Is it asked for, and by itself (RFC 5258 3.1)? */
static bool
selected(const struct imap_cmd *cmd, const struct entry *e)
{
	if ((cmd->select & LIST_SPECIAL_USE) && (e->mb == NULL || e->mb->use == USE_NONE))
		return false;
	if (cmd->select & LIST_SUBSCRIBED)
		return e->subscribed;
	/* A name that is no mailbox shows only what is below it. */
	return e->mb != NULL || e->child;
}

/* RECURSIVEMATCH: a name that is not selected itself tells of one below it that does not match the
 * pattern. */
static bool
recursive(struct imap_conn *c, struct table *t, const struct entry *e)
{
	struct entry *i, *next;

	if (!(c->cmd.select & LIST_RECURSIVEMATCH) || !e->below_subscribed)
		return false;
	HASH_ITER (hh, t->by_name, i, next) {
		if (i->subscribed && i->name.n > e->name.n && str_starts(i->name, e->name) &&
		    i->name.p[e->name.n] == '/' && !matches(&c->cmd, i->name, &c->scratch))
			return true;
	}
	return false;
}

static void
list_entry(struct imap_conn *c, struct table *t, const struct entry *e)
{
	bool is_selected, childinfo;
	struct err err = {0};

	if (!matches(&c->cmd, e->name, &c->scratch))
		return;
	is_selected = selected(&c->cmd, e);
	childinfo = recursive(c, t, e);
	if (!is_selected && !childinfo)
		return;
	put_list(c, "LIST", e, childinfo);
	/* RFC 5819 2: none for names that cannot be selected. */
	if ((c->cmd.ret & LIST_STATUS) && e->mb != NULL)
		imap_put_status(c, e->mb, c->cmd.status, &err);
}

enum imap_step
imap_cmd_list(struct imap_conn *c)
{
	struct table t = {.c = c};
	struct entry **v;

	/* An empty name asks for the delimiter and the root (RFC 3501 6.3.8). */
	if (!c->cmd.extended && c->cmd.patterns[0].n == 0) {
		imap_puts(c, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return imap_ok(c, "List completed");
	}
	gather(&t);
	v = sorted(&t);
	for (size_t i = 0; i < t.n; i++) {
		list_entry(c, &t, v[i]);
		arena_reset(&c->scratch);
	}
	HASH_CLEAR(hh, t.by_name);
	return imap_ok(c, "List completed");
}

/* ---- LSUB ---- */

/* With "%", a name above a subscribed one that does not match itself is told with \Noselect (RFC
 * 3501 6.3.9). */
enum imap_step
imap_cmd_lsub(struct imap_conn *c)
{
	bool percent = str_chr(c->cmd.patterns[0], '%') < c->cmd.patterns[0].n;
	struct table t = {.c = c};
	struct entry **v;

	gather(&t);
	v = sorted(&t);
	for (size_t i = 0; i < t.n; i++) {
		const struct entry *e = v[i];

		if (!e->subscribed && !(percent && e->below_subscribed))
			continue;
		if (!matches(&c->cmd, e->name, &c->scratch))
			continue;
		arena_reset(&c->scratch);
		imap_printf(c, "* LSUB (%s) \"/\" ", e->subscribed ? "" : "\\Noselect");
		imap_put_mailbox(c, e->name);
		imap_puts(c, "\r\n");
	}
	HASH_CLEAR(hh, t.by_name);
	return imap_ok(c, "Lsub completed");
}
