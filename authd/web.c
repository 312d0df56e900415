/*
 * web.c - see web.h.
 *
 * What ends a session changes accounts.db first and memory after it, so that what was said to have
 * ended does not come back with the next start.
 */
#include "authd/web.h"

#include <sodium.h>

#include "authd/agents.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "net/tally.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SAVE_MS 30000u
#define BATCH   1000u
#define TOUCH_S 300 /* how far behind accounts.db may be about when a session was used */

TAILQ_HEAD(web_list, web);

struct web_user {
	struct web_list sessions;
	size_t n[2]; /* by kind */
	size_t len;
	UT_hash_handle hh;
	char address[];
};

/* Each login in a browser costs a sync: more than these of one user are put off. */
static const struct tally_rate login_rate = {300, 600000};
#define LOGINS_MAX 10000u /* users remembered */

static struct tally *logins;
static struct web *by_digest;
static struct web_user *users;
static struct web_rules rules = {14 * 86400, 90 * 86400};
static struct loop_timer *timer;
static bool writing;

void
web_configure(const struct web_rules *r)
{
	rules = *r;
}

size_t
web_count(void)
{
	return HASH_COUNT(by_digest);
}

/* ---- in memory ---- */

static struct web_user *
find_user(struct str address)
{
	struct web_user *u;

	HASH_FIND(hh, users, address.p, address.n, u);
	return u;
}

static struct web_user *
get_user(struct str address)
{
	struct web_user *u = find_user(address);

	if (u != NULL)
		return u;
	u = mem_alloc(sizeof(*u) + address.n + 1);
	memcpy(u->address, address.p, address.n);
	u->len = address.n;
	TAILQ_INIT(&u->sessions);
	HASH_ADD_KEYPTR(hh, users, u->address, u->len, u);
	return u;
}

static struct web *
add(struct str user, enum web_kind kind, const struct web_row *row)
{
	struct web *w = mem_alloc(sizeof(*w));

	w->row = *row;
	w->kind = kind;
	w->of = get_user(user);
	w->user = str_of(w->of->address, w->of->len);
	w->of->n[kind]++;
	TAILQ_INSERT_TAIL(&w->of->sessions, w, link);
	HASH_ADD(hh, by_digest, row.digest, sizeof(w->row.digest), w);
	metric_set(METRIC_WEB_SESSIONS, (int64_t)web_count());
	return w;
}

/* gk-webd forgets it, and ends what it carries. */
static void
tell_gone(const struct web *w)
{
	struct ipc_out m;
	char id[WEB_ID + 1];

	web_id(w->row.id, id);
	ipc_begin(&m, MSG_SESSION_GONE);
	ipc_put_str(&m, w->user);
	ipc_put_z(&m, id);
	ipc_send(svc_channel(PEER_WEBD), &m);
}

static void
drop(struct web *w)
{
	struct web_user *u = w->of;

	HASH_DEL(by_digest, w);
	TAILQ_REMOVE(&u->sessions, w, link);
	u->n[w->kind]--;
	if (TAILQ_EMPTY(&u->sessions)) {
		HASH_DEL(users, u);
		free(u);
	}
	sodium_memzero(w, sizeof(*w));
	free(w);
	metric_set(METRIC_WEB_SESSIONS, (int64_t)web_count());
}

static void
drop_and_tell(struct web *w)
{
	tell_gone(w);
	/* The assistant works in that session's name. */
	agents_end(w->user, STR(AGENT_ASSISTANT), w->row.id);
	drop(w);
}

void
web_id(uint64_t id, char out[WEB_ID + 1])
{
	snprintf(out, WEB_ID + 1, "%016llx", (unsigned long long)id);
}

struct web *
web_first(struct str user)
{
	struct web_user *u = find_user(user);

	return u != NULL ? TAILQ_FIRST(&u->sessions) : NULL;
}

struct web *
web_next(const struct web *w)
{
	return TAILQ_NEXT(w, link);
}

struct web *
web_by_id(struct str user, struct str id)
{
	char text[WEB_ID + 1];
	struct web *w;

	for (w = web_first(user); w != NULL; w = web_next(w)) {
		web_id(w->row.id, text);
		if (str_eq_z(id, text))
			return w;
	}
	return NULL;
}

/* ---- time ---- */

int64_t
web_until(const struct web *w)
{
	return w->kind == WEB_BROWSER ? w->row.created + rules.age_s : w->row.used + WEB_PROGRAM_S;
}

static bool
is_over(const struct web *w, int64_t now)
{
	int64_t unused = w->kind == WEB_BROWSER ? rules.unused_s : WEB_PROGRAM_S;

	return now >= w->row.used + unused || now >= web_until(w);
}

struct web *
web_find(struct str token)
{
	unsigned char digest[WEB_TOKEN];
	struct web *w = NULL;

	if (token.n != WEB_TOKEN)
		return NULL;
	crypto_generichash(
	    digest, sizeof(digest), (const unsigned char *)token.p, token.n, NULL, 0);
	HASH_FIND(hh, by_digest, digest, sizeof(digest), w);
	/* One that is over goes with the next sweep. */
	return w != NULL && !is_over(w, clock_wall()) ? w : NULL;
}

/* Of a client: at most size - 1 octets, and nothing that could play with who reads it. */
static bool
take_text(struct str s, char *out, size_t size)
{
	char text[WEB_AGENT_MAX + 1];
	bool changed;

	s = str_sub(s, 0, size - 1);
	for (size_t i = 0; i < s.n; i++)
		text[i] = s.p[i] >= ' ' && s.p[i] < 127 ? s.p[i] : '?';
	text[s.n] = '\0';
	changed = strcmp(text, out) != 0;
	memcpy(out, text, s.n + 1);
	return changed;
}

void
web_used(struct web *w, struct str peer, struct str agent)
{
	int64_t now = clock_wall();
	bool moved = take_text(peer, w->row.peer, sizeof(w->row.peer));

	moved |= take_text(agent, w->row.agent, sizeof(w->row.agent));
	w->dirty |= moved || now >= w->row.used + TOUCH_S;
	w->row.used = now;
}

void
web_proven(struct web *w)
{
	w->row.proven = clock_wall();
	w->dirty = true;
}

/* ---- beginning ---- */

struct opening {
	struct arena a;
	struct str user, hash;
	struct web_row row;
	unsigned char token[WEB_TOKEN];
	web_opened_fn fn;
	void *arg;
	struct err e;
	int rc;
};

static void
opening_free(struct opening *o)
{
	arena_free(&o->a);
	sodium_memzero(o, sizeof(*o));
	free(o);
}

/* The session of that kind that was unused for longest, of the user, or (u NULL) of all. */
static struct web *
least_used(struct web_user *u, enum web_kind kind)
{
	struct web *w, *next, *found = NULL;

	if (u == NULL) {
		HASH_ITER (hh, by_digest, w, next)
			if (found == NULL || w->row.used < found->row.used)
				found = w;
		return found;
	}
	TAILQ_FOREACH (w, &u->sessions, link)
		if (w->kind == kind && (found == NULL || w->row.used < found->row.used))
			found = w;
	return found;
}

/* One more has come: does another have to go? */
static void
make_room(struct web *latest)
{
	struct web *w = NULL;

	if (latest->of->n[latest->kind] > WEB_USER_MAX)
		w = least_used(latest->of, latest->kind);
	else if (web_count() > WEB_MAX)
		w = least_used(NULL, latest->kind);
	if (w == NULL || w == latest)
		return;
	if (w->kind == WEB_BROWSER)
		web_end(w->user, w->row.id, 0, NULL, NULL);
	else
		drop_and_tell(w);
}

static void
opening_work(void *arg, struct db *db)
{
	struct opening *o = arg;

	o->rc = web_db_add(db, o->user, o->hash, &o->row, &o->e);
}

static void
opening_done(void *arg)
{
	struct opening *o = arg;

	if (o->rc == 0)
		make_room(add(o->user, WEB_BROWSER, &o->row));
	o->fn(o->arg, o->rc == 0 ? o->token : NULL, &o->e);
	opening_free(o);
}

static bool
may_log_in(struct str user)
{
	struct tally_entry *x;
	struct tally_key k;

	if (logins == NULL)
		logins = tally_new(LOGINS_MAX);
	crypto_generichash(
	    k.octets, sizeof(k.octets), (const unsigned char *)user.p, user.n, NULL, 0);
	x = tally_get(logins, &k);
	if (!tally_room(x, 0, &login_rate, 1))
		return false;
	tally_add(logins, x, 0, &login_rate, 1);
	return true;
}

void
web_open(enum web_kind kind, struct str user, struct str hash, struct str peer, web_opened_fn fn,
    void *arg)
{
	struct opening *o = mem_alloc(sizeof(*o));

	arena_init(&o->a);
	o->fn = fn;
	o->arg = arg;
	randombytes_buf(o->token, sizeof(o->token));
	crypto_generichash(
	    o->row.digest, sizeof(o->row.digest), o->token, sizeof(o->token), NULL, 0);
	do
		randombytes_buf(&o->row.id, sizeof(o->row.id));
	while (o->row.id == 0);
	o->row.created = o->row.proven = o->row.used = clock_wall();
	take_text(peer, o->row.peer, sizeof(o->row.peer));
	if (kind == WEB_PROGRAM) {
		make_room(add(user, kind, &o->row));
		fn(arg, o->token, NULL);
		opening_free(o);
		return;
	}
	o->user = arena_dup(&o->a, user);
	o->hash = arena_dup(&o->a, hash);
	o->rc = may_log_in(user) ? 0 : err_set(&o->e, E_LIMIT, "too many logins of the user");
	if (o->rc < 0 || writer_submit(opening_work, opening_done, o, &o->e) < 0) {
		fn(arg, NULL, &o->e);
		opening_free(o);
	}
}

/* ---- ending ---- */

struct ending {
	struct arena a;
	struct str user;
	uint64_t *ids;
	size_t n;    /* of accounts.db */
	size_t more; /* that were in memory only */
	web_ended_fn fn;
	void *arg;
	struct err e;
	int rc;
};

static void
ending_free(struct ending *o)
{
	arena_free(&o->a);
	free(o);
}

static void
ending_work(void *arg, struct db *db)
{
	struct ending *o = arg;

	o->rc = web_db_remove(db, o->ids, o->n, &o->e);
}

static void
ending_done(void *arg)
{
	struct ending *o = arg;
	struct web *w, *next;

	for (size_t i = 0; o->rc == 0 && i < o->n; i++)
		for (w = web_first(o->user); w != NULL; w = next) {
			next = web_next(w);
			if (w->row.id != o->ids[i])
				continue;
			drop_and_tell(w);
			break;
		}
	if (o->rc < 0)
		log_error("auth.session", LS("user", o->user), LE(&o->e));
	if (o->fn != NULL)
		o->fn(o->arg, o->n + o->more, o->rc < 0 ? &o->e : NULL);
	ending_free(o);
}

void
web_end(struct str user, uint64_t id, uint64_t keep, web_ended_fn fn, void *arg)
{
	struct ending *o = mem_alloc(sizeof(*o));
	struct web *w, *next;

	arena_init(&o->a);
	o->user = arena_dup(&o->a, user);
	o->fn = fn;
	o->arg = arg;
	/* More than a few browsers' sessions there can only be for a moment. */
	o->ids = arena_array(&o->a, 2 * WEB_USER_MAX, sizeof(*o->ids));
	for (w = web_first(o->user); w != NULL && o->n < 2 * WEB_USER_MAX; w = next) {
		next = web_next(w);
		if (id != 0 ? w->row.id != id : w->row.id == keep)
			continue;
		if (w->kind == WEB_BROWSER) {
			o->ids[o->n++] = w->row.id;
			continue;
		}
		o->more++;
		drop_and_tell(w);
	}
	if (o->n > 0 && writer_submit(ending_work, ending_done, o, &o->e) == 0)
		return;
	o->rc = o->n > 0 ? -1 : 0;
	ending_done(o);
}

void
web_revoke(struct str user, bool browsers, uint64_t keep)
{
	struct web *w, *next;

	for (w = web_first(user); w != NULL; w = next) {
		next = web_next(w);
		if (w->kind == WEB_PROGRAM || (browsers && w->row.id != keep))
			drop_and_tell(w);
	}
}

/* ---- accounts.db ---- */

static void
loaded(struct str user, const struct web_row *r)
{
	if (web_count() < WEB_MAX)
		add(user, WEB_BROWSER, r);
}

int
web_load(struct db *db, struct err *e)
{
	return web_db_load(db, loaded, e);
}

struct batch {
	struct web_row rows[BATCH];
	uint64_t over[BATCH];
	size_t n, nover;
	struct err e;
	int rc;
};

static void
batch_work(void *arg, struct db *db)
{
	struct batch *b = arg;

	b->rc = web_db_save(db, b->rows, b->n, &b->e);
	if (b->rc == 0 && b->nover > 0)
		b->rc = web_db_remove(db, b->over, b->nover, &b->e);
}

static void
batch_done(void *arg)
{
	struct batch *b = arg;

	writing = false;
	/* Not tried again: the next use brings it, and what is over is over after a start too. */
	if (b->rc < 0)
		log_warn("auth.sessions", LE(&b->e));
	free(b);
}

static void
gather(struct batch *b)
{
	int64_t now = clock_wall();
	struct web *w, *next;

	HASH_ITER (hh, by_digest, w, next) {
		if (is_over(w, now)) {
			if (w->kind == WEB_BROWSER && b->nover == BATCH)
				continue;
			if (w->kind == WEB_BROWSER)
				b->over[b->nover++] = w->row.id;
			log_debug("auth.session_over", LS("user", w->user));
			drop_and_tell(w);
		} else if (w->dirty && w->kind == WEB_BROWSER && b->n < BATCH) {
			b->rows[b->n++] = w->row;
			w->dirty = false;
		}
	}
}

bool
web_save(void)
{
	struct batch *b;

	if (writing)
		return false;
	b = mem_alloc(sizeof(*b));
	gather(b);
	if (b->n + b->nover > 0 && writer_submit(batch_work, batch_done, b, &b->e) == 0) {
		writing = true;
		return false;
	}
	if (b->n + b->nover > 0)
		log_warn("auth.sessions", LE(&b->e));
	free(b);
	return true;
}

static void
tick(void *arg)
{
	(void)arg;
	web_save();
	loop_timer_set(timer, SAVE_MS);
}

void
web_init(void)
{
	timer = loop_timer_new(tick, NULL);
	loop_timer_set(timer, SAVE_MS);
}

void
web_done(void)
{
	struct web *w, *next;

	loop_timer_free(&timer);
	tally_free(&logins);
	HASH_ITER (hh, by_digest, w, next)
		drop(w);
}
