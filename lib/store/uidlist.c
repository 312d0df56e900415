/*
 * uidlist.c - see uidlist.h.
 */
#include "store/uidlist.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/model.h"

#define UIDLIST_PATH "db/uidlist"
#define HEAD_LINE    "gkmail uidlist 1\n"
#define LIST_MAX     (256u << 20)
#define LINE_GUESS   64u /* octets */

/* A message by mailbox and name. */
struct entry {
	uint32_t uid;
	UT_hash_handle hh;
	size_t n;
	char key[]; /* the mailbox, then the base */
};

struct sub {
	struct str name;
	bool on;
};

struct uidlist {
	struct arena arena;
	struct entry *entries;
	struct uidlist_box *boxes;
	size_t nboxes;
	struct sub *subs;
	size_t nsubs;
};

/* ---- reading ---- */

static bool
get_num(struct str *line, uint64_t max, uint32_t *out)
{
	struct str word;
	uint64_t v;

	(void)str_cut(line, ' ', &word);
	if (num_parse(word, 0, max, &v) < 0)
		return false;
	*out = (uint32_t)v;
	return true;
}

static struct uidlist_box *
box_by_id(struct uidlist *u, uint32_t id)
{
	for (size_t i = 0; i < u->nboxes; i++)
		if (u->boxes[i].id == id)
			return &u->boxes[i];
	return NULL;
}

static void
read_box(struct uidlist *u, struct str line)
{
	struct uidlist_box b = {.uidnext = 1, .sort = -1}, *old;

	if (!get_num(&line, UINT32_MAX, &b.id) || !get_num(&line, UINT32_MAX, &b.uidvalidity) ||
	    !get_num(&line, USE_ARCHIVE, &b.use) || line.n == 0 || b.id == 0)
		return;
	b.name = arena_dup(&u->arena, line);
	if ((old = box_by_id(u, b.id)) != NULL) {
		b.uidnext = old->uidnext;
		*old = b;
		return;
	}
	u->boxes = mem_grow(u->boxes, u->nboxes + 1, sizeof *u->boxes);
	u->boxes[u->nboxes++] = b;
}

static void
read_sort(struct uidlist *u, struct str line)
{
	struct uidlist_box *b;
	uint32_t id, sort;

	if (get_num(&line, UINT32_MAX, &id) && (b = box_by_id(u, id)) != NULL &&
	    get_num(&line, INT32_MAX, &sort))
		b->sort = sort;
}

static void
read_drop(struct uidlist *u, struct str line)
{
	struct uidlist_box *b;
	uint32_t id;

	if (get_num(&line, UINT32_MAX, &id) && (b = box_by_id(u, id)) != NULL)
		*b = u->boxes[--u->nboxes];
}

static void
read_uid(struct uidlist *u, struct str line)
{
	struct uidlist_box *b;
	struct entry *en, *old;
	uint32_t id, uid;
	size_t n;

	if (!get_num(&line, UINT32_MAX, &id) || !get_num(&line, UINT32_MAX - 1, &uid) || uid == 0 ||
	    line.n == 0 || line.n >= MAILDIR_NAME_SIZE || (b = box_by_id(u, id)) == NULL)
		return;
	b->uidnext = num_max(b->uidnext, uid + 1);
	n = sizeof id + line.n;
	en = arena_alloc(&u->arena, sizeof *en + n);
	en->uid = uid;
	en->n = n;
	memcpy(en->key, &id, sizeof id);
	memcpy(en->key + sizeof id, line.p, line.n);
	HASH_FIND(hh, u->entries, en->key, n, old);
	if (old != NULL)
		old->uid = uid;
	else
		HASH_ADD_KEYPTR(hh, u->entries, en->key, n, en);
}

static void
read_sub(struct uidlist *u, struct str line)
{
	uint32_t on;

	if (!get_num(&line, 1, &on) || line.n == 0)
		return;
	for (size_t i = 0; i < u->nsubs; i++)
		if (str_eq(u->subs[i].name, line)) {
			u->subs[i].on = on == 1;
			return;
		}
	u->subs = mem_grow(u->subs, u->nsubs + 1, sizeof *u->subs);
	u->subs[u->nsubs++] = (struct sub){arena_dup(&u->arena, line), on == 1};
}

struct uidlist *
uidlist_read(void)
{
	struct uidlist *u = mem_alloc(sizeof *u);
	struct arena file;
	struct str s, line, kind;

	arena_init(&u->arena);
	arena_init(&file);
	if (file_read_all(AT_FDCWD, UIDLIST_PATH, LIST_MAX, &file, &s, NULL) < 0 ||
	    !str_starts(s, STR(HEAD_LINE))) {
		uidlist_free(&u);
		goto out;
	}
	s = str_from(s, sizeof HEAD_LINE - 1);
	/* What follows the last line end is a torn line. */
	while (str_cut(&s, '\n', &line)) {
		(void)str_cut(&line, ' ', &kind);
		if (str_eq_z(kind, "M"))
			read_box(u, line);
		else if (str_eq_z(kind, "O"))
			read_sort(u, line);
		else if (str_eq_z(kind, "D"))
			read_drop(u, line);
		else if (str_eq_z(kind, "U"))
			read_uid(u, line);
		else if (str_eq_z(kind, "S"))
			read_sub(u, line);
	}
out:
	arena_free(&file);
	return u;
}

void
uidlist_free(struct uidlist **u)
{
	if (*u == NULL)
		return;
	HASH_CLEAR(hh, (*u)->entries);
	free((*u)->boxes);
	free((*u)->subs);
	arena_free(&(*u)->arena);
	free(*u);
	*u = NULL;
}

const struct uidlist_box *
uidlist_box(const struct uidlist *u, struct str name)
{
	for (size_t i = 0; u != NULL && i < u->nboxes; i++)
		if (str_eq(u->boxes[i].name, name))
			return &u->boxes[i];
	return NULL;
}

uint32_t
uidlist_highest_box(const struct uidlist *u)
{
	uint32_t id = 0;

	for (size_t i = 0; u != NULL && i < u->nboxes; i++)
		id = num_max(id, u->boxes[i].id);
	return id;
}

uint32_t
uidlist_uid(const struct uidlist *u, uint32_t mailbox, struct str base)
{
	char key[sizeof mailbox + MAILDIR_NAME_SIZE];
	struct entry *en;

	if (u == NULL || base.n >= MAILDIR_NAME_SIZE)
		return 0;
	memcpy(key, &mailbox, sizeof mailbox);
	memcpy(key + sizeof mailbox, base.p, base.n);
	HASH_FIND(hh, u->entries, key, sizeof mailbox + base.n, en);
	return en != NULL ? en->uid : 0;
}

bool
uidlist_sub(const struct uidlist *u, size_t *i, struct str *name)
{
	while (u != NULL && *i < u->nsubs) {
		const struct sub *s = &u->subs[(*i)++];

		if (s->on) {
			*name = s->name;
			return true;
		}
	}
	return false;
}

/* ---- writing ---- */

void
uidlist_note_box(struct mailbox *mb)
{
	(void)buf_printf(&mb->home->uid_lines, "M %u %u %u " STR_FMT "\n", mb->id, mb->uidvalidity,
	    (unsigned)mb->use, STR_ARG(mb->name));
	if (mb->sort >= 0)
		(void)buf_printf(&mb->home->uid_lines, "O %u %lld\n", mb->id, (long long)mb->sort);
}

void
uidlist_note_drop(struct home *h, uint32_t mailbox)
{
	(void)buf_printf(&h->uid_lines, "D %u\n", mailbox);
}

void
uidlist_note_sub(struct home *h, struct str name, bool on)
{
	(void)buf_printf(&h->uid_lines, "S %d " STR_FMT "\n", on, STR_ARG(name));
}

void
uidlist_append(struct home *h)
{
	struct err e = {0};
	uint64_t size = 0;
	int fd;

	/* More than one turn's worth of lines was dropped: the compaction at close writes them all.
	 */
	if (h->uid_lines.over)
		h->uid_stale = true;
	if (h->uid_lines.n == 0)
		return;
	fd = file_open(AT_FDCWD, UIDLIST_PATH, O_WRONLY | O_APPEND | O_CREAT, 0600, &e);
	if (fd < 0 || file_size(fd, &size, &e) < 0 ||
	    (size == 0 && file_write(fd, HEAD_LINE, sizeof HEAD_LINE - 1, &e) < 0) ||
	    file_write(fd, h->uid_lines.p, h->uid_lines.n, &e) < 0)
		log_warn("store.uidlist", LE(&e));
	file_close(&fd);
	/* Far more lines than messages. */
	if (size / LINE_GUESS > 2 * h->messages + 10000)
		h->uid_stale = true;
	buf_reset(&h->uid_lines);
}

struct compaction {
	struct home *home;
	struct mailbox *mb;
	int fd;
	struct err *e;
	int rc;
};

/* Writes what has gathered. */
static void
spill(struct compaction *c, size_t above)
{
	struct buf *b = &c->home->uid_lines;

	if (c->rc == 0 && b->n > above) {
		c->rc = file_write(c->fd, b->p, b->n, c->e);
		buf_reset(b);
	}
}

static void
compact_message(void *arg, const struct message *m, const struct index_file *f)
{
	struct compaction *c = arg;

	(void)buf_printf(
	    &c->home->uid_lines, "U %u %u " STR_FMT "\n", c->mb->id, m->uid, STR_ARG(f->base));
	spill(c, 60000);
}

static int
compact_into(struct home *h, int fd, struct err *e)
{
	struct compaction c = {.home = h, .fd = fd, .e = e};

	buf_reset(&h->uid_lines);
	(void)buf_puts(&h->uid_lines, HEAD_LINE);
	for (size_t i = 0; i < h->nboxes && c.rc == 0; i++) {
		c.mb = h->boxes[i];
		uidlist_note_box(c.mb);
		if (index_files(h->index, c.mb->id, false, compact_message, &c, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < h->nsubs; i++) {
		uidlist_note_sub(h, h->subs[i], true);
		spill(&c, 60000);
	}
	spill(&c, 0);
	return c.rc;
}

void
uidlist_compact(struct home *h)
{
	struct err e = {0};
	int fd;

	if (!h->uid_stale)
		return;
	fd = file_open(AT_FDCWD, UIDLIST_PATH ".new", O_WRONLY | O_CREAT | O_TRUNC, 0600, &e);
	if (fd < 0 || compact_into(h, fd, &e) < 0 || file_sync(fd, "store.uidlist", &e) < 0 ||
	    file_rename(AT_FDCWD, UIDLIST_PATH ".new", AT_FDCWD, UIDLIST_PATH, &e) < 0)
		log_warn("store.uidlist", LE(&e));
	else
		h->uid_stale = false;
	file_close(&fd);
}
