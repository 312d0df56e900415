/*
 * bans.c - see bans.h.
 *
 * A ban is in force as soon as it is in memory, and told to the fronts then; the operator hears of
 * it when it is on disk. At the bound the ban that matters least goes: one that has ended, else
 * that for failed logins which ends first; what the operator has banned stays.
 */
#include "authd/bans.h"

#include "authd/writer.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "net/banlist.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SWEEP_MS 60000u
#define TELL_MAX 500u /* bans in one message */
#define LIST_MAX 500u

struct ban {
	struct ban_row row;
	UT_hash_handle hh;
};

static struct ban *bans;
static struct bans_rules rules = {600000, 86400000};
static struct loop_timer *sweeper;

/* ---- in memory ---- */

static bool
in_force(const struct ban_row *r)
{
	return r->until == 0 || r->until > clock_wall();
}

static uint64_t
ms_left(const struct ban_row *r)
{
	return r->until == 0 ? 0 : (uint64_t)(r->until - clock_wall()) * 1000;
}

static struct ban *
find(const struct network *n)
{
	struct ban *b;

	HASH_FIND(hh, bans, n, sizeof(*n), b);
	return b;
}

static void
forget(struct ban *b)
{
	HASH_DEL(bans, b);
	free(b);
}

/* a goes before b. */
static bool
matters_less(const struct ban *a, const struct ban *b)
{
	if (in_force(&a->row) != in_force(&b->row))
		return !in_force(&a->row);
	if (a->row.by_hand != b->row.by_hand)
		return !a->row.by_hand;
	return a->row.until != 0 && (b->row.until == 0 || a->row.until < b->row.until);
}

static void
count(void)
{
	struct ban *b, *next;
	int64_t n = 0;

	HASH_ITER (hh, bans, b, next) {
		n += in_force(&b->row);
	}
	metric_set(METRIC_AUTH_BANS_ACTIVE, n);
}

static void
loaded(const struct ban_row *r)
{
	struct ban *b;

	if (HASH_COUNT(bans) >= BANLIST_MAX)
		return;
	b = mem_alloc(sizeof(*b));
	b->row = *r;
	HASH_ADD(hh, bans, row.n, sizeof(b->row.n), b);
	if (in_force(r))
		banlist_set(&r->n, ms_left(r));
}

int
bans_load(struct db *db, struct err *e)
{
	return bans_db_load(db, loaded, e);
}

void
bans_configure(const struct bans_rules *r)
{
	rules = *r;
}

bool
bans_has(const struct network *n)
{
	return banlist_has(n);
}

/* ---- to the fronts ---- */

static const enum ipc_peer fronts[] = {PEER_SMTPD, PEER_IMAPD, PEER_WEBD};

static void
send_set(struct ipc_chan *c, bool reset, const struct str *rows, size_t n)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_BAN_SET);
	ipc_put_u32(&m, reset);
	ipc_put_list(&m, rows, n);
	ipc_send(c, &m);
}

static void
put_row(const struct ban_row *r, struct arena *a, struct str out[2])
{
	char text[NETWORK_TEXT];

	out[0] = arena_dup(a, str_z(network_text(&r->n, text)));
	out[1] = arena_printf(a, "%llu", (unsigned long long)ms_left(r));
}

void
bans_tell(struct ipc_chan *c)
{
	struct str rows[TELL_MAX * 2];
	struct ban *b, *next;
	struct arena a;
	size_t n = 0;

	arena_init(&a);
	send_set(c, true, NULL, 0);
	HASH_ITER (hh, bans, b, next) {
		if (!in_force(&b->row))
			continue;
		put_row(&b->row, &a, rows + n);
		if ((n += 2) == ARRAY_LEN(rows)) {
			send_set(c, false, rows, n);
			n = 0;
			arena_reset(&a);
		}
	}
	if (n > 0)
		send_set(c, false, rows, n);
	arena_free(&a);
}

static void
tell_new(const struct ban_row *r)
{
	struct str row[2];
	struct arena a;

	banlist_set(&r->n, ms_left(r));
	arena_init(&a);
	put_row(r, &a, row);
	for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
		send_set(svc_channel(fronts[i]), false, row, 2);
	arena_free(&a);
	count();
}

static void
tell_end(const struct network *n)
{
	char text[NETWORK_TEXT];
	struct ipc_out m;

	banlist_clear(n);
	for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
		ipc_begin(&m, MSG_BAN_CLEAR);
		ipc_put_z(&m, network_text(n, text));
		ipc_send(svc_channel(fronts[i]), &m);
	}
	count();
}

/* ---- to disk ---- */

struct job {
	struct ban_row row;
	bool remove;
	struct ipc_chan *chan; /* to be answered; NULL: nobody */
	uint64_t call;
	enum ipc_type reply;
	int rc;
	struct err e;
	TAILQ_ENTRY(job) link;
};

static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);

static void
work(void *arg, struct db *db)
{
	struct job *j = arg;

	j->rc = j->remove ? bans_db_del(db, &j->row.n, &j->e) : bans_db_save(db, &j->row, &j->e);
}

static void
finish(struct job *j)
{
	if (j->rc < 0)
		log_error("auth.ban_write", LE(&j->e));
	if (j->chan != NULL && j->rc < 0)
		ipc_reply_error(j->chan, j->call, &j->e);
	else if (j->chan != NULL)
		ipc_reply_ok(j->chan, j->call, j->reply);
	TAILQ_REMOVE(&jobs, j, link);
	free(j);
}

static void
done(void *arg)
{
	finish(arg);
}

static void
write_row(const struct ban_row *r, bool del, struct ipc_chan *c, struct ipc_in *m)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->row = *r;
	j->remove = del;
	j->chan = c;
	j->call = m ? m->id : 0;
	j->reply = m ? m->type + 1 : 0;
	TAILQ_INSERT_TAIL(&jobs, j, link);
	if ((j->rc = writer_submit(work, done, j, &j->e)) < 0)
		finish(j);
}

void
bans_gone(struct ipc_chan *c)
{
	struct job *j;

	TAILQ_FOREACH (j, &jobs, link)
		if (j->chan == c)
			j->chan = NULL;
}

/* ---- making and ending ---- */

static void
make_room(void)
{
	struct ban *b, *next, *least = NULL;

	if (HASH_COUNT(bans) < BANLIST_MAX)
		return;
	HASH_ITER (hh, bans, b, next) {
		if (least == NULL || matters_less(b, least))
			least = b;
	}
	if (in_force(&least->row))
		tell_end(&least->row.n);
	write_row(&least->row, true, NULL, NULL);
	forget(least);
}

static struct ban *
get(const struct network *n)
{
	struct ban *b = find(n);

	if (b == NULL) {
		make_room();
		b = mem_alloc(sizeof(*b));
		b->row.n = *n;
		HASH_ADD(hh, bans, row.n, sizeof(b->row.n), b);
	}
	return b;
}

uint64_t
bans_add(const struct network *n, const char *reason, bool grows)
{
	struct ban *b = get(n);
	uint64_t ms = rules.first_ms;

	/* What the operator has said is not shortened. */
	if (b->row.by_hand && in_force(&b->row))
		return ms_left(&b->row);
	for (uint32_t i = 0; grows && i < b->row.times && ms < rules.most_ms; i++)
		ms *= 2;
	ms = num_max(num_min(ms, rules.most_ms), 1000);
	b->row.since = clock_wall();
	b->row.until = b->row.since + (int64_t)((ms + 999) / 1000);
	b->row.times++;
	b->row.by_hand = false;
	snprintf(b->row.reason, sizeof(b->row.reason), "%s", reason);
	metric_add(METRIC_AUTH_BANS, 1);
	tell_new(&b->row);
	write_row(&b->row, false, NULL, NULL);
	return ms;
}

/* Those that have ended, once nobody asks any more how often. */
static void
sweep(void *arg)
{
	int64_t memory = (int64_t)(rules.most_ms / 1000);
	struct ban *b, *next;

	(void)arg;
	HASH_ITER (hh, bans, b, next) {
		if (b->row.until == 0 || b->row.until + memory > clock_wall())
			continue;
		write_row(&b->row, true, NULL, NULL);
		forget(b);
	}
	count();
	loop_timer_set(sweeper, SWEEP_MS);
}

void
bans_init(void)
{
	sweeper = loop_timer_new(sweep, NULL);
	loop_timer_set(sweeper, SWEEP_MS);
	count();
}

void
bans_done(void)
{
	while (bans != NULL)
		forget(bans);
	banlist_reset();
	loop_timer_free(&sweeper);
}

/* ---- the operator ---- */

static void
add(struct ipc_chan *c, struct ipc_in *m)
{
	struct str text = ipc_get_str(m), reason;
	uint64_t seconds = ipc_get_u64(m);
	struct network n;
	struct ban *b;
	struct err e;

	reason = ipc_get_str(m);
	if (ipc_end(m) < 0)
		return;
	if (network_parse(text, &n, &e) < 0 ||
	    (seconds > INT32_MAX * 100ull && err_set(&e, E_INVAL, "no ban lasts that long") < 0) ||
	    ((reason.n > BANS_REASON_MAX || !str_is_utf8(reason)) &&
		err_set(&e, E_INVAL, "a reason has at most %u octets of UTF-8", BANS_REASON_MAX) <
		    0)) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	b = get(&n);
	b->row.since = clock_wall();
	b->row.until = seconds == 0 ? 0 : b->row.since + (int64_t)seconds;
	b->row.times++;
	b->row.by_hand = true;
	(void)str_cz(reason, b->row.reason, sizeof(b->row.reason));
	log_info("auth.ban", LS("network", text), LU("seconds", seconds), LZ("by", "operator"),
	    LS("reason", reason));
	tell_new(&b->row);
	write_row(&b->row, false, c, m);
}

/* The ban that a network lies in, where it has none of its own: what the operator may mean. */
static const struct ban *
around(const struct network *n)
{
	struct ban *b, *next;

	HASH_ITER (hh, bans, b, next) {
		if (in_force(&b->row) && network_holds(&b->row.n, n))
			return b;
	}
	return NULL;
}

static void
del(struct ipc_chan *c, struct ipc_in *m)
{
	struct str text = ipc_get_str(m);
	const struct ban *other;
	char words[NETWORK_TEXT];
	struct network n;
	struct ban *b;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if (network_parse(text, &n, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	b = find(&n);
	if (b == NULL || !in_force(&b->row)) {
		other = around(&n);
		err_set(&e, E_NOTFOUND,
		    other ? "it is not banned itself, but lies in %s" : "it is not banned%s",
		    other ? network_text(&other->row.n, words) : "");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	log_info("auth.unban", LS("network", text), LZ("by", "operator"));
	write_row(&b->row, true, c, m);
	forget(b);
	tell_end(&n);
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(((const struct str *)a)[0], ((const struct str *)b)[0]);
}

static struct str
when(int64_t s, struct arena *a)
{
	char text[CLOCK_RFC3339_SIZE];

	return s == 0 ? STR("") : arena_dup(a, str_z(clock_rfc3339(s * 1000000, text)));
}

static void
put_listed(const struct ban_row *r, struct arena *a, struct str out[6])
{
	char text[NETWORK_TEXT];

	out[0] = arena_dup(a, str_z(network_text(&r->n, text)));
	out[1] = when(r->since, a);
	out[2] = when(r->until, a);
	out[3] = arena_printf(a, "%u", r->times);
	out[4] = str_z(r->reason);
	out[5] = r->by_hand ? STR("operator") : STR("guard");
}

static void
list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str after = ipc_get_str(m), *rows;
	struct ban *b, *next;
	struct ipc_out out;
	struct arena a;
	size_t n = 0, from = 0, octets = 0, end;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	rows = arena_array(&a, HASH_COUNT(bans) + 1, 6 * sizeof(*rows));
	HASH_ITER (hh, bans, b, next) {
		if (in_force(&b->row))
			put_listed(&b->row, &a, rows + 6 * n++);
	}
	qsort(rows, n, 6 * sizeof(*rows), by_text);
	while (from < n && after.n > 0 && str_cmp(rows[6 * from], after) <= 0)
		from++;
	for (end = from; end < n && end - from < LIST_MAX && octets < 48u << 10; end++)
		for (size_t i = 0; i < 6; i++)
			octets += rows[6 * end + i].n + 4;
	ipc_begin(&out, MSG_BAN_LIST_R);
	ipc_put_u32(&out, end < n);
	ipc_put_list(&out, rows + 6 * from, 6 * (end - from));
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

void
bans_operator(struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_BAN_ADD)
		add(c, m);
	else if (m->type == MSG_BAN_DEL)
		del(c, m);
	else
		list(c, m);
}
