/*
 * import.c - see import.h; what makes it durable, and only once, is in lib/store/import.c.
 *
 * gkmail is the operator's, but what it brings was written by strangers: numbers are held against
 * what the memory file has before anything is read.
 */
#include "mailboxd/import.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/folder.h"
#include "store/import.h"

#define MESSAGES_MAX 1024u /* in a call */
#define FLAGS_MAX    100u  /* of a message */
#define ROW          5u    /* fields of a message */
#define KEYS_MAX     (1u << 30)

static const struct change_by by = {.actor = STR_INIT("import")};

/* A call whose changes are being made durable. */
struct waiting {
	struct home_waiter waiter;
	struct ipc_chan *parent;
	struct ipc_out answer;
	uint64_t call;
	void (*done)(void);
};

static void
refuse(struct ipc_chan *parent, uint64_t call, const struct err *e, void (*done)(void))
{
	ipc_reply_error(parent, call, e);
	done();
}

static void
durable(void *arg, const struct err *e)
{
	struct waiting *w = arg;

	if (e == NULL) {
		ipc_reply(w->parent, w->call, &w->answer);
	} else {
		ipc_drop(&w->answer);
		ipc_reply_error(w->parent, w->call, e);
	}
	w->done();
	free(w);
}

/* Answers once all that was done so far is durable. */
static void
answer_later(struct home *h, struct waiting w)
{
	struct waiting *own = mem_alloc(sizeof *own);

	*own = w;
	own->waiter = (struct home_waiter){.fn = durable, .arg = own};
	home_commit(h, &own->waiter);
}

/* ---- keys ---- */

static int
put_key(void *arg, struct str key, struct err *e)
{
	struct buf *b = arg;

	return key.n != IMPORT_KEY || buf_str(b, key) < 0
		   ? err_set(e, E_LIMIT, "too many keys of imported messages")
		   : 0;
}

static void
tell_keys(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	struct ipc_out out;
	struct buf b;
	struct err e;
	int fd = -1;

	if (ipc_end(m) < 0)
		return;
	buf_init(&b, KEYS_MAX);
	if (import_keys(h, put_key, &b, &e) == 0)
		fd = file_memory("keys", b.n > 0 ? b.p : "", b.n, &e);
	buf_free(&b);
	if (fd < 0) {
		refuse(parent, m->id, &e, done);
		return;
	}
	ipc_begin(&out, MSG_OWN_KEYS_R);
	ipc_put_fd(&out, fd);
	ipc_reply(parent, m->id, &out);
	done();
}

/* ---- mailboxes ---- */

/* That of a special use, or of the name; made where it is not there. */
static struct mailbox *
make(struct home *h, struct str name, struct str use, struct err *e)
{
	struct mailbox *mb = NULL;
	struct buf normal;
	size_t i = 0;

	while (use.n > 0 && (mb = home_next(h, &i)) != NULL)
		if (str_ieq_z(use, mailbox_use_name(mb->use)))
			return mb;
	buf_init(&normal, FOLDER_NAME_MAX);
	if (folder_normalize(name, &normal, e) == 0 &&
	    (mb = home_find(h, buf_view(&normal))) == NULL)
		(void)home_create(h, buf_view(&normal), &by, &mb, e);
	buf_free(&normal);
	return mb;
}

static void
make_mailbox(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	struct waiting w = {.parent = parent, .call = m->id, .done = done};
	struct str name = ipc_get_str(m), use = ipc_get_str(m);
	bool subscribe = ipc_get_u32(m) != 0;
	struct mailbox *mb;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if ((mb = make(h, name, use, &e)) == NULL ||
	    (subscribe && home_subscribe(h, mb->name, true, &by, &e) < 0)) {
		refuse(parent, m->id, &e, done);
		return;
	}
	ipc_begin(&w.answer, MSG_OWN_MAKE_R);
	ipc_put_str(&w.answer, mb->name);
	answer_later(h, w);
}

/* ---- messages ---- */

struct taking {
	struct import_message *v;
	size_t n;
	struct str octets; /* of all */
	struct arena arena;
};

static void
read_flags(struct str text, struct flag_set *set, struct arena *a)
{
	struct str *keywords = arena_array(a, FLAGS_MAX, sizeof *keywords), word;
	bool more = text.n > 0;
	uint32_t bit;

	set->keywords = keywords;
	while (more) {
		more = str_cut(&text, ' ', &word);
		if ((bit = mailbox_flag_by_name(word)) != 0)
			set->flags |= bit;
		else if (word.n > 0 && set->nkeywords < FLAGS_MAX)
			keywords[set->nkeywords++] = word;
	}
}

static int
read_row(struct home *h, struct taking *t, const struct str *row, size_t *at, struct err *e)
{
	struct import_message *m = &t->v[t->n];
	uint64_t date, size;

	if (row[0].n != IMPORT_KEY || num_parse(row[3], 0, INT64_MAX, &date) < 0 ||
	    num_parse(row[4], 1, t->octets.n - *at, &size) < 0)
		return err_set(e, E_INVAL, "a row that is none");
	if ((m->to = home_find(h, row[1])) == NULL)
		return err_set(e, E_NOTFOUND, "no mailbox " STR_FMT, STR_ARG(row[1]));
	m->key = row[0];
	m->date = (int64_t)date;
	m->octets = str_sub(t->octets, *at, size);
	read_flags(row[2], &m->set, &t->arena);
	*at += size;
	t->n++;
	return 0;
}

static int
read_rows(
    struct home *h, struct taking *t, const struct str *fields, uint32_t nfields, struct err *e)
{
	size_t at = 0;

	if (nfields == 0 || nfields % ROW != 0 || nfields / ROW > MESSAGES_MAX)
		return err_set(e, E_INVAL, "so many fields are no rows");
	t->v = arena_array(&t->arena, nfields / ROW, sizeof *t->v);
	for (uint32_t i = 0; i < nfields; i += ROW)
		if (read_row(h, t, fields + i, &at, e) < 0)
			return -1;
	return at == t->octets.n ? 0 : err_set(e, E_INVAL, "more octets than the rows have");
}

static int
take(struct home *h, int fd, const struct str *fields, uint32_t nfields, struct import_result *out,
    struct err *e)
{
	void *map = MAP_FAILED;
	struct taking t = {0};
	uint64_t size = 0;
	int rc = -1;

	/* Nobody can change it under the map (INVARIANTS 13). */
	if (!file_is_sealed(fd))
		return err_set(e, E_INVAL, "not a sealed memory file");
	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size == 0)
		return err_set(e, E_INVAL, "no octets");
	if ((map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		return err_sys(e, "map the messages");
	t.octets = str_of(map, size);
	arena_init(&t.arena);
	if (read_rows(h, &t, fields, nfields, e) == 0)
		rc = import_messages(h, t.v, t.n, &by, out, e);
	arena_free(&t.arena);
	munmap(map, size);
	return rc;
}

static void
take_messages(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	struct waiting w = {.parent = parent, .call = m->id, .done = done};
	uint32_t n = ipc_get_list(m);
	struct str *fields = mem_array((size_t)n + 1, sizeof *fields);
	struct import_result r = {0};
	struct err e;
	int fd, rc;

	for (uint32_t i = 0; i < n; i++)
		fields[i] = ipc_get_item(m);
	fd = ipc_take_fd(m);
	rc = ipc_end(m);
	if (rc == 0 && (rc = take(h, fd, fields, n, &r, &e)) < 0) {
		refuse(parent, m->id, &e, done);
	} else if (rc == 0) {
		ipc_begin(&w.answer, MSG_OWN_TAKE_R);
		ipc_put_u32(&w.answer, r.added);
		ipc_put_u32(&w.answer, r.there);
		answer_later(h, w);
	}
	file_close(&fd);
	free(fields);
}

void
import_message(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	if (m->type == MSG_OWN_KEYS)
		tell_keys(h, parent, m, done);
	else if (m->type == MSG_OWN_MAKE)
		make_mailbox(h, parent, m, done);
	else
		take_messages(h, parent, m, done);
}
