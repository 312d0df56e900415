/*
 * search.c - the index of words of a home.
 *
 * An email is a document of a small number, counted up: FTS5 keeps lists of documents as
 * differences, which the numbers of emails (hashes) would make eight times as long, and takes rows
 * in their order fastest. `docs` says which document is which email (0: it has left), and so does
 * memory. The words are in a contentless table: the text is kept nowhere. FTS5 cannot take a row
 * out of such a table without its text, so the words of an email that has left stay, known by no
 * number, until the index is made anew.
 */
#include "store/search.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "db/db.h"

#define STALE_MIN   1000u
#define MERGE_PAGES 8
#define CACHE_KIB   4096u
#define ASK_MAX     (64u << 10) /* octets of a question to FTS5 */

struct search {
	struct db *db;
	char *path;
	uint64_t *emails; /* by document; 0: it has left */
	size_t ndocs, cap;
	uint32_t *slots; /* documents by the hash of their emails; 0: free */
	size_t nslots;   /* a power of two */
	size_t live;
	uint64_t life; /* no other index of this process has it */
	size_t batch, batch_text;
	bool failed;
};

struct search_hits {
	uint64_t life;
	size_t ndocs; /* that there were */
	unsigned char bits[];
};

/* ---- words for FTS5 ---- */

static int
tokenizer_new(void *ctx, const char **args, int n, Fts5Tokenizer **out)
{
	static char there_is_none;

	(void)ctx;
	(void)args;
	(void)n;
	*out = (Fts5Tokenizer *)(void *)&there_is_none;
	return SQLITE_OK;
}

static void
tokenizer_free(Fts5Tokenizer *t)
{
	(void)t;
}

static int
tokenize(Fts5Tokenizer *t, void *ctx, int flags, const char *text, int n,
    int (*token)(void *, int, const char *, int, int, int))
{
	struct words w;
	int rc = SQLITE_OK;

	(void)t;
	(void)flags;
	words_init(&w, str_of(text, n > 0 ? (size_t)n : 0));
	while (rc == SQLITE_OK && words_next(&w))
		rc = token(ctx, 0, w.word.p, (int)w.word.n, (int)w.start, (int)w.end);
	return rc;
}

/* FTS5 hands its interface out through a pointer bound to a statement. */
static int
add_tokenizer(struct sqlite3 *h, struct err *e)
{
	static fts5_tokenizer methods = {tokenizer_new, tokenizer_free, tokenize};
	fts5_api *api = NULL;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(h, "SELECT fts5(?1)", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
		(void)sqlite3_step(st);
	}
	sqlite3_finalize(st);
	if (api == NULL)
		return err_set(e, E_INTERNAL, "sqlite has no FTS5");
	if (api->xCreateTokenizer(api, "gkmail", NULL, &methods, NULL) != SQLITE_OK)
		return err_set(e, E_INTERNAL, "FTS5 takes no tokenizer");
	return 0;
}

/* ---- the file ---- */

/* Another format, or other words (mail/words.h), are another id: what has it is begun anew. */
#define SEARCH_ID 0x474b5731u

/* Merging is done in small steps (search_merge), never by an insert. columnsize and content: what
 * ranks and snippets would need is not kept. Columns are in the order of enum text_field. */
static const char *const steps[] = {
    "CREATE TABLE docs (doc INTEGER PRIMARY KEY, email INTEGER NOT NULL);"
    "CREATE VIRTUAL TABLE words USING fts5(f0, f1, f2, f3, f4, f5, f6, content='', columnsize=0, "
    "tokenize='gkmail');"
    "INSERT INTO words(words, rank) VALUES('automerge', 0);"
    "INSERT INTO words(words, rank) VALUES('usermerge', 8);"
    "INSERT INTO words(words, rank) VALUES('crisismerge', 64)"};

static const struct db_schema schema = {SEARCH_ID, steps, 1};

static void
remove_files(const char *path)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	char name[512];

	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		if ((size_t)snprintf(name, sizeof(name), "%s%s", path, tails[i]) < sizeof(name))
			(void)unlink(name);
}

/* ---- documents and emails ---- */

static size_t
slot_of(const struct search *s, uint64_t email)
{
	size_t i = (size_t)(email * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->nslots - 1);

	while (s->slots[i] != 0 && s->emails[s->slots[i]] != email)
		i = (i + 1) & (s->nslots - 1);
	return i;
}

/* 0: not in the index. */
static uint32_t
doc_of(const struct search *s, uint64_t email)
{
	return s->nslots == 0 || email == 0 ? 0 : s->slots[slot_of(s, email)];
}

/* Twice as many slots as there may be documents, those that have left counted out. */
static void
grow(struct search *s, size_t ndocs)
{
	if (ndocs > s->cap) {
		s->cap = s->cap < 512 ? 1024 : s->cap * 2;
		if (s->cap < ndocs)
			s->cap = ndocs;
		s->emails = mem_grow(s->emails, s->cap, sizeof(*s->emails));
	}
	if (ndocs * 2 <= s->nslots)
		return;
	if (s->nslots == 0)
		s->nslots = 1024;
	while (s->nslots < ndocs * 2)
		s->nslots *= 2;
	free(s->slots);
	s->slots = mem_array(s->nslots, sizeof(*s->slots));
	for (size_t doc = 1; doc < s->ndocs; doc++)
		if (s->emails[doc] != 0)
			s->slots[slot_of(s, s->emails[doc])] = (uint32_t)doc;
}

static void
note(struct search *s, size_t doc, uint64_t email)
{
	grow(s, doc + 1);
	while (s->ndocs <= doc)
		s->emails[s->ndocs++] = 0;
	if (email == 0)
		return;
	s->emails[doc] = email;
	s->slots[slot_of(s, email)] = (uint32_t)doc;
	s->live++;
}

/* Those behind it in its run move up, as if it had never been there (Knuth 6.4 R). */
static void
forget(struct search *s, uint64_t email)
{
	size_t hole = slot_of(s, email), mask = s->nslots - 1, i = hole;
	uint32_t doc = s->slots[hole];

	s->slots[hole] = 0;
	while (s->slots[i = (i + 1) & mask] != 0) {
		uint32_t other = s->slots[i];

		s->slots[i] = 0;
		s->slots[slot_of(s, s->emails[other])] = other;
	}
	s->emails[doc] = 0;
	s->live--;
}

/* Once only for an email, within bounds: the file may be damaged. Email 0 has left. */
static int
load(struct search *s, struct err *e)
{
	struct db_stmt *st = db_sql(s->db, "SELECT doc, email FROM docs ORDER BY doc", e);
	int rc = -1;

	if (st == NULL)
		return -1;
	while ((rc = db_step(st, e)) == 1) {
		int64_t doc = db_int(st, 0);
		uint64_t email = (uint64_t)db_int(st, 1);

		if (doc <= 0 || doc >= INT32_MAX || doc_of(s, email) != 0) {
			rc = err_set(e, E_PROTO, "%s: a wrong document", s->path);
			break;
		}
		note(s, (size_t)doc, email);
	}
	db_done(&st);
	return rc;
}

/* ---- opening ---- */

static struct search *
open_file(const char *path, struct err *e)
{
	static const struct db_options o = {.schema = &schema,
	    .extend = add_tokenizer,
	    .mode = 0600,
	    .sync = DB_SYNC_NORMAL,
	    .exclusive = true,
	    .cache_kib = CACHE_KIB};
	static uint64_t lives;
	struct search *s = mem_alloc(sizeof(*s));

	s->path = mem_dup(path, strlen(path));
	s->life = ++lives;
	grow(s, 1);
	s->emails[s->ndocs++] = 0; /* documents count from 1 */
	if ((s->db = db_open(path, &o, e)) == NULL || load(s, e) < 0)
		search_close(&s, false);
	return s;
}

struct search *
search_open(const char *path, bool *fresh, struct err *e)
{
	struct search *s = open_file(path, e);

	*fresh = false;
	/* Of another format, damaged. What else went wrong a new file will not mend. */
	if (s == NULL && (e->code == E_PROTO || e->code == E_PERM)) {
		remove_files(path);
		s = open_file(path, e);
	}
	if (s != NULL)
		*fresh = s->ndocs == 1;
	return s;
}

void
search_close(struct search **sp, bool remove)
{
	struct search *s = *sp;

	if (s == NULL)
		return;
	if (s->db != NULL && !remove && !s->failed)
		(void)search_commit(s, NULL);
	if (s->db != NULL)
		db_rollback(s->db);
	db_close(&s->db);
	if (remove)
		remove_files(s->path);
	free(s->emails);
	free(s->slots);
	free(s->path);
	free(s);
	*sp = NULL;
}

bool
search_has_failed(const struct search *s)
{
	return s->failed;
}

static int
fail(struct search *s, struct err *e)
{
	s->failed = true;
	return err_wrap(e, "%s", s->path);
}

bool
search_has(const struct search *s, uint64_t email)
{
	return !s->failed && doc_of(s, email) != 0;
}

size_t
search_count(const struct search *s)
{
	return s->live;
}

uint64_t
search_next(const struct search *s, size_t *i)
{
	for (size_t doc = *i + 1; doc < s->ndocs; doc++)
		if (s->emails[doc] != 0) {
			*i = doc;
			return s->emails[doc];
		}
	*i = s->ndocs;
	return 0;
}

/* ---- batches ---- */

static int
begin(struct search *s, struct err *e)
{
	if (s->failed)
		return err_set(e, E_IO, "%s has failed", s->path);
	return db_in_transaction(s->db) ? 0 : db_begin(s->db, e);
}

static int
put_words(struct search *s, size_t doc, const struct text_fields *f, struct err *e)
{
	struct db_stmt *st = db_sql(s->db,
	    "INSERT INTO words(rowid, f0, f1, f2, f3, f4, f5, f6) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	    e);

	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)doc);
	for (int i = 0; i < TEXT_FIELDS; i++) {
		db_bind_str(st, i + 2, buf_view(&f->text[i]));
		s->batch_text += f->text[i].n;
	}
	return db_run(&st, e);
}

static int
put_doc(struct search *s, size_t doc, uint64_t email, struct err *e)
{
	struct db_stmt *st = db_sql(s->db, "INSERT INTO docs(doc, email) VALUES(?, ?)", e);

	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)doc);
	db_bind_int(st, 2, (int64_t)email);
	return db_run(&st, e);
}

int
search_put(struct search *s, uint64_t email, const struct text_fields *f, struct err *e)
{
	size_t doc = s->ndocs;

	if (begin(s, e) < 0)
		return fail(s, e);
	if (doc_of(s, email) != 0)
		return 0;
	if (doc >= INT32_MAX)
		return err_set(e, E_LIMIT, "too many documents");
	if (put_words(s, doc, f, e) < 0 || put_doc(s, doc, email, e) < 0)
		return fail(s, e);
	note(s, doc, email);
	s->batch++;
	return 0;
}

int
search_drop(struct search *s, uint64_t email, struct err *e)
{
	uint32_t doc = doc_of(s, email);
	struct db_stmt *st;

	if (doc == 0)
		return 0;
	/* The row stays: no other email may get a number that FTS5 has words of. */
	if (begin(s, e) < 0 ||
	    (st = db_sql(s->db, "UPDATE docs SET email = 0 WHERE doc = ?", e)) == NULL)
		return fail(s, e);
	db_bind_int(st, 1, doc);
	if (db_run(&st, e) < 0)
		return fail(s, e);
	forget(s, email);
	return 0;
}

bool
search_batch_is_full(const struct search *s)
{
	return s->batch >= SEARCH_BATCH || s->batch_text >= SEARCH_BATCH_TEXT;
}

int
search_commit(struct search *s, struct err *e)
{
	s->batch = s->batch_text = 0;
	if (s->failed || !db_in_transaction(s->db))
		return 0;
	return db_commit(s->db, e) < 0 ? fail(s, e) : 0;
}

int
search_merge(struct search *s, bool *more, struct err *e)
{
	int64_t before;
	struct db_stmt *st;

	*more = false;
	if (s->failed)
		return 0;
	before = sqlite3_total_changes64(db_handle(s->db));
	st = db_sql(s->db, "INSERT INTO words(words, rank) VALUES('merge', ?)", e);
	if (st == NULL)
		return fail(s, e);
	db_bind_int(st, 1, MERGE_PAGES);
	if (db_run(&st, e) < 0)
		return fail(s, e);
	/* FTS5: less than two changes are nothing done. */
	*more = sqlite3_total_changes64(db_handle(s->db)) - before >= 2;
	return 0;
}

bool
search_is_stale(const struct search *s)
{
	size_t left = s->ndocs - 1 - s->live;

	return s->failed || (left > STALE_MIN && left > s->live / 2);
}

/* ---- asking ---- */

/* {f0 f4} : "an example" AND {f0 f4} : "mail" *. Words are letters and digits. */
static void
write_question(const struct phrases *p, unsigned fields, struct buf *out)
{
	for (unsigned i = 0; i < p->n; i++) {
		bool first = p->starts >> i & 1, last = p->ends >> i & 1;

		if (first) {
			buf_puts(out, i > 0 ? " AND {" : "{");
			for (unsigned f = 0; f < TEXT_FIELDS; f++)
				if (fields >> f & 1)
					buf_printf(out, " f%u", f);
			buf_puts(out, "} : \"");
		}
		buf_str(out, p->words[i]);
		buf_puts(out, !last ? " " : p->prefixes >> i & 1 ? "\" *" : "\"");
	}
}

static struct search_hits *
hits_new(const struct search *s, bool all)
{
	struct search_hits *h = mem_alloc(sizeof(*h) + s->ndocs / 8 + 1);

	h->life = s->life;
	h->ndocs = s->ndocs;
	if (all)
		memset(h->bits, 0xff, s->ndocs / 8 + 1);
	return h;
}

struct search_hits *
search_find(struct search *s, const struct phrases *p, unsigned fields, struct err *e)
{
	struct search_hits *h = NULL;
	struct db_stmt *st = NULL;
	struct buf ask;
	int rc = -1;

	if (p->n == 0)
		return hits_new(s, true);
	buf_init(&ask, ASK_MAX);
	write_question(p, fields, &ask);
	if (s->failed ||
	    (st = db_sql(s->db, "SELECT rowid FROM words WHERE words MATCH ?", e)) == NULL)
		goto out;
	db_bind_str(st, 1, buf_view(&ask));
	h = hits_new(s, false);
	while ((rc = db_step(st, e)) == 1) {
		uint64_t doc = (uint64_t)db_int(st, 0);

		if (doc < s->ndocs)
			h->bits[doc / 8] |= (unsigned char)(1u << doc % 8);
	}
out:
	db_done(&st);
	if (rc < 0) {
		fail(s, e);
		search_hits_free(&h);
	}
	buf_free(&ask);
	return h;
}

void
search_hits_free(struct search_hits **h)
{
	free(*h);
	*h = NULL;
}

enum search_answer
search_hits_has(const struct search_hits *h, const struct search *s, uint64_t email)
{
	uint32_t doc =
	    h != NULL && s != NULL && !s->failed && s->life == h->life ? doc_of(s, email) : 0;

	if (doc == 0 || doc >= h->ndocs)
		return SEARCH_UNKNOWN;
	return h->bits[doc / 8] >> doc % 8 & 1 ? SEARCH_YES : SEARCH_NO;
}
