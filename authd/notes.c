/*
 * notes.c - see notes.h.
 */
#include "authd/notes.h"

#include "authd/keyed.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

#define SAVE_MS 5000u
#define BATCH   2000u

TAILQ_HEAD(list, note);

static const size_t bounds[NOTE_KINDS] = {
    [NOTE_LOGIN] = 50000,
    [NOTE_USER_HOUR] = 50000,
    [NOTE_USER_DAY] = 50000,
    [NOTE_DOMAIN_HOUR] = 5000,
    [NOTE_DOMAIN_DAY] = 5000,
    [NOTE_GREY] = 50000,
    [NOTE_GREY_PASSED] = 50000,
    [NOTE_GREY_CLIENT] = 20000,
    [NOTE_WROTE] = 100000,
    [NOTE_APPPASS] = 20000,
};
#define ALL_MAX 400000u /* on disk: those that were pushed out of memory stay there for a while */

static struct {
	struct note *all;
	struct list used; /* longest ago first */
} kinds[NOTE_KINDS];
static struct list changed = TAILQ_HEAD_INITIALIZER(changed);
static unsigned char secret[KEYED_KEY];
static struct loop_timer *timer;
static bool writing;

struct note_key
notes_key(enum note_kind kind, const struct str *parts, size_t n)
{
	struct note_key k = {0};
	char head = (char)kind;

	keyed_digest(secret, str_of(&head, 1), parts, n, k.octets, sizeof(k.octets));
	return k;
}

static void
forget(struct note *x)
{
	HASH_DEL(kinds[x->kind].all, x);
	TAILQ_REMOVE(&kinds[x->kind].used, x, used);
	if (x->dirty)
		TAILQ_REMOVE(&changed, x, changed);
	free(x);
}

struct note *
notes_find(enum note_kind kind, const struct note_key *key)
{
	struct note *x;

	HASH_FIND(hh, kinds[kind].all, key, sizeof(*key), x);
	if (x == NULL)
		return NULL;
	if (x->until <= clock_wall()) {
		forget(x);
		return NULL;
	}
	TAILQ_REMOVE(&kinds[kind].used, x, used);
	TAILQ_INSERT_TAIL(&kinds[kind].used, x, used);
	return x;
}

struct note *
notes_get(enum note_kind kind, const struct note_key *key)
{
	struct note *x = notes_find(kind, key);

	if (x != NULL)
		return x;
	if (HASH_COUNT(kinds[kind].all) >= bounds[kind])
		forget(TAILQ_FIRST(&kinds[kind].used));
	x = mem_alloc(sizeof(*x));
	x->key = *key;
	x->kind = (uint8_t)kind;
	HASH_ADD(hh, kinds[kind].all, key, sizeof(x->key), x);
	TAILQ_INSERT_TAIL(&kinds[kind].used, x, used);
	return x;
}

void
notes_set(struct note *x, int64_t until)
{
	x->until = until;
	if (x->dirty)
		return;
	x->dirty = true;
	TAILQ_INSERT_TAIL(&changed, x, changed);
}

size_t
notes_count(enum note_kind kind)
{
	return HASH_COUNT(kinds[kind].all);
}

/* ---- accounts.db ---- */

static void
loaded(const struct note_row *r)
{
	struct note *x;

	if (r->kind == 0 || r->kind >= NOTE_KINDS || notes_count(r->kind) >= bounds[r->kind])
		return;
	x = notes_get(r->kind, &r->key);
	x->a = r->a;
	x->b = r->b;
	x->until = r->until;
}

int
notes_load(struct db *db, const unsigned char key[32], struct err *e)
{
	memcpy(secret, key, sizeof(secret));
	for (size_t i = 0; i < NOTE_KINDS; i++)
		TAILQ_INIT(&kinds[i].used);
	return notes_db_load(db, clock_wall(), loaded, e);
}

struct batch {
	struct note_row rows[BATCH];
	size_t n;
	int64_t now;
	struct err e;
	int rc;
};

static void
work(void *arg, struct db *db)
{
	struct batch *b = arg;

	b->rc = notes_db_save(db, b->rows, b->n, b->now, ALL_MAX, &b->e);
}

static void
done(void *arg)
{
	struct batch *b = arg;

	writing = false;
	/* Not tried again: the next change of the note brings it. */
	if (b->rc < 0)
		log_warn("auth.notes", LE(&b->e));
	free(b);
}

static void
take_changed(struct batch *b)
{
	struct note *x;

	while (b->n < BATCH && (x = TAILQ_FIRST(&changed)) != NULL) {
		b->rows[b->n++] = (struct note_row){
		    .kind = x->kind, .key = x->key, .a = x->a, .b = x->b, .until = x->until};
		x->dirty = false;
		TAILQ_REMOVE(&changed, x, changed);
	}
}

bool
notes_save(void)
{
	struct batch *b;
	struct err e;

	if (writing)
		return false;
	if (TAILQ_EMPTY(&changed))
		return true;
	b = mem_alloc(sizeof(*b));
	b->now = clock_wall();
	take_changed(b);
	if (writer_submit(work, done, b, &e) == 0) {
		writing = true;
		return false;
	}
	log_warn("auth.notes", LE(&e));
	free(b);
	return true;
}

static void
tick(void *arg)
{
	(void)arg;
	notes_save();
	loop_timer_set(timer, SAVE_MS);
}

void
notes_init(void)
{
	timer = loop_timer_new(tick, NULL);
	loop_timer_set(timer, SAVE_MS);
}

void
notes_done(void)
{
	for (size_t i = 1; i < NOTE_KINDS; i++)
		while (kinds[i].all != NULL)
			forget(kinds[i].all);
	loop_timer_free(&timer);
}
