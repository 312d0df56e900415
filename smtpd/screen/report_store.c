/* report_store.c - counts for reports to send, and how far their sending is. See report_store.h. */
#include "smtpd/screen/report_store.h"

#include <stdlib.h>

#include "base/id.h"
#include "base/mem.h"
#include "smtpd/screen/report_store_in.h"

#define STORE_ID 0x676b7273 /* "gkrs" */

/* What a state of a period and of a report in it means:
 *	periods.ended NULL: under way; else closed, its reports wait for policies.next
 *	policies.report_id NULL: nothing was sent; else mailings are what is left to send
 */
static const char *const steps[] = {
    "CREATE TABLE periods (id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER) STRICT;"
    "CREATE TABLE policies ("
    " id INTEGER PRIMARY KEY, period INTEGER NOT NULL REFERENCES periods (id) ON DELETE CASCADE,"
    " domain TEXT NOT NULL, record TEXT NOT NULL, next INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0, report_id TEXT, UNIQUE (period, domain)"
    ") STRICT;"
    "CREATE TABLE tallies ("
    " policy INTEGER NOT NULL REFERENCES policies (id) ON DELETE CASCADE, row BLOB NOT NULL,"
    " count INTEGER NOT NULL, PRIMARY KEY (policy, row)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE mailings ("
    " id INTEGER PRIMARY KEY, policy INTEGER NOT NULL REFERENCES policies (id) ON DELETE CASCADE,"
    " address TEXT NOT NULL, size INTEGER NOT NULL, mid TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX mailings_policy ON mailings (policy);"
    "CREATE TABLE reports ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, domain TEXT NOT NULL, organization TEXT NOT NULL,"
    " report_id TEXT NOT NULL, began INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, passed INTEGER NOT NULL, sender TEXT NOT NULL,"
    " verified INTEGER NOT NULL, got INTEGER NOT NULL, UNIQUE (domain, organization, report_id)"
    ") STRICT;"
    "CREATE INDEX reports_got ON reports (got);"
    "CREATE TABLE sources ("
    " report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE, source TEXT NOT NULL,"
    " count INTEGER NOT NULL, disposition TEXT NOT NULL, dkim INTEGER NOT NULL,"
    " spf INTEGER NOT NULL, header_from TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX sources_report ON sources (report);",
};
static const struct db_schema schema = {STORE_ID, steps, ARRAY_LEN(steps)};

struct report_store *
report_store_open(const char *path, struct err *e)
{
	const struct db_options o = {
	    .schema = &schema, .mode = 0600, .sync = DB_SYNC_NORMAL, .exclusive = true};
	struct report_store *s = mem_alloc(sizeof(*s));
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %u", REPORT_STORE_PAGES);
	if ((s->db = db_open(path, &o, e)) == NULL || db_exec(s->db, sql, e) < 0)
		report_store_close(&s);
	return s;
}

void
report_store_close(struct report_store **s)
{
	if (*s == NULL)
		return;
	db_close(&(*s)->db);
	free(*s);
	*s = NULL;
}

int
report_store_copy(struct report_store *s, int *fd, struct err *e)
{
	return db_copy(s->db, REPORT_STORE_FILE, fd, e);
}

int
report_store_run1(struct report_store *s, const char *sql, int64_t v, struct err *e)
{
	struct db_stmt *q = db_sql(s->db, sql, e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, v);
	return db_run(&q, e);
}

/* The first number of a query's first row. */
static int
first_number(struct db_stmt *q, int64_t *out, struct err *e)
{
	int got = db_step(q, e);

	if (got == 1)
		*out = db_int(q, 0);
	db_done(&q);
	return got;
}

int
report_store_get(struct report_store *s, const char *sql, int64_t *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db, sql, e);

	*out = 0;
	return q != NULL ? first_number(q, out, e) : -1;
}

int
report_store_get1(struct report_store *s, const char *sql, int64_t v, int64_t *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db, sql, e);

	*out = 0;
	if (q == NULL)
		return -1;
	db_bind_int(q, 1, v);
	return first_number(q, out, e);
}

/* ---- counting ---- */

/* The period under way; begun when there is none. */
static int
open_period(struct report_store *s, int64_t now, uint64_t every, int64_t *id, struct err *e)
{
	int64_t began = now - now % (int64_t)every, last;
	struct db_stmt *q;
	int got = report_store_get(s, "SELECT id FROM periods WHERE ended IS NULL", id, e);

	if (got != 0)
		return got < 0 ? -1 : 0;
	/* Behind the last one, which may have ended early. */
	if (report_store_get1(
		s, "SELECT max(ended) FROM periods WHERE ended >= ?", began, &last, e) < 0)
		return -1;
	if ((q = db_sql(s->db, "INSERT INTO periods (began) VALUES (?)", e)) == NULL)
		return -1;
	db_bind_int(q, 1, last >= began ? last + 1 : began);
	if (db_run(&q, e) < 0)
		return -1;
	*id = db_last_id(s->db);
	return 0;
}

/* 1: id; 0: no room for another. */
static int
put_policy(struct report_store *s, int64_t period, const struct report_policy *p, int64_t *id,
    struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "INSERT INTO policies (period, domain, record) SELECT ?1, ?2, ?3"
	    " WHERE (SELECT count(*) FROM policies WHERE period = ?1) < ?4"
	    " OR EXISTS (SELECT 1 FROM policies WHERE period = ?1 AND domain = ?2)"
	    " ON CONFLICT (period, domain) DO UPDATE SET record = excluded.record RETURNING id",
	    e);
	int got;

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, period);
	db_bind_str(q, 2, p->domain);
	db_bind_str(q, 3, p->record);
	db_bind_int(q, 4, REPORT_POLICIES_MAX);
	if ((got = db_step(q, e)) == 1)
		*id = db_int(q, 0);
	db_done(&q);
	return got;
}

static int
put_tallies(struct report_store *s, int64_t policy, const struct report_policy *p,
    uint64_t *dropped, struct err *e)
{
	struct db_stmt *up, *in = NULL;
	int rc = -1;
	int64_t rows;

	if (report_store_get1(
		s, "SELECT count(*) FROM tallies WHERE policy = ?", policy, &rows, e) < 0)
		return -1;
	up = db_sql(
	    s->db, "UPDATE tallies SET count = count + ?3 WHERE policy = ?1 AND row = ?2", e);
	if (up == NULL ||
	    (in = db_sql(
		 s->db, "INSERT INTO tallies (policy, row, count) VALUES (?1, ?2, ?3)", e)) == NULL)
		goto out;
	for (const struct report_tally *t = p->tallies; t != NULL; t = t->hh.next) {
		struct db_stmt *both[] = {up, in};

		for (size_t i = 0; i < 2; i++) {
			if (i == 1 && db_changes(s->db) > 0)
				break;
			if (i == 1 && rows >= REPORT_TALLIES_MAX) {
				*dropped += t->count;
				break;
			}
			db_bind_int(both[i], 1, policy);
			db_bind_blob(both[i], 2, t->key);
			db_bind_int(both[i], 3, (int64_t)t->count);
			if (db_step(both[i], e) < 0)
				goto out;
			db_reset(both[i]);
			rows += i == 1;
		}
	}
	rc = 0;
out:
	db_done(&up);
	db_done(&in);
	return rc;
}

static uint64_t
messages_of(const struct report_policy *p)
{
	uint64_t n = 0;

	for (const struct report_tally *t = p->tallies; t != NULL; t = t->hh.next)
		n += t->count;
	return n;
}

static int
add_all(struct report_store *s, const struct report_notes *n, int64_t now, uint64_t every,
    uint64_t *dropped, struct err *e)
{
	int64_t period, policy;

	if (open_period(s, now, every, &period, e) < 0)
		return -1;
	for (const struct report_policy *p = n->policies; p != NULL; p = p->hh.next) {
		int got = put_policy(s, period, p, &policy, e);

		if (got < 0 || (got == 1 && put_tallies(s, policy, p, dropped, e) < 0))
			return -1;
		if (got == 0)
			*dropped += messages_of(p);
	}
	return 0;
}

int
report_store_add(struct report_store *s, const struct report_notes *n, int64_t now, uint64_t every,
    uint64_t *dropped, struct err *e)
{
	*dropped = n->dropped;
	if (n->policies == NULL)
		return 0;
	if (db_begin(s->db, e) < 0)
		return -1;
	if (add_all(s, n, now, every, dropped, e) < 0) {
		db_rollback(s->db);
		return -1;
	}
	return db_commit(s->db, e);
}

static int
close_period(struct report_store *s, int64_t id, int64_t ended, int64_t next, struct err *e)
{
	struct db_stmt *q =
	    db_sql(s->db, "UPDATE periods SET ended = max(began, ?2) WHERE id = ?1", e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, id);
	db_bind_int(q, 2, ended);
	if (db_run(&q, e) < 0)
		return -1;
	if ((q = db_sql(s->db, "UPDATE policies SET next = ?2 WHERE period = ?1", e)) == NULL)
		return -1;
	db_bind_int(q, 1, id);
	db_bind_int(q, 2, next);
	return db_run(&q, e);
}

int
report_store_roll(
    struct report_store *s, int64_t now, uint64_t every, uint64_t spread, bool force, struct err *e)
{
	struct db_stmt *q = db_sql(s->db, "SELECT id, began FROM periods WHERE ended IS NULL", e);
	int64_t id = 0, end = 0;
	int got;

	if (q == NULL)
		return -1;
	if ((got = db_step(q, e)) == 1) {
		id = db_int(q, 0);
		end = db_int(q, 1) - db_int(q, 1) % (int64_t)every + (int64_t)every;
	}
	db_done(&q);
	if (got <= 0)
		return got;
	if (now < end && !force)
		return 0;
	if (db_begin(s->db, e) < 0)
		return -1;
	if (close_period(s, id, now < end ? now : end - 1, force ? 0 : end + (int64_t)spread, e) <
	    0) {
		db_rollback(s->db);
		return -1;
	}
	return db_commit(s->db, e);
}

/* ---- sending ---- */

static int
get_mailings(struct report_store *s, struct report_due *d, struct arena *a, struct err *e)
{
	struct db_stmt *q = db_sql(
	    s->db, "SELECT id, address, size, mid FROM mailings WHERE policy = ? ORDER BY id", e);
	int got;

	if (q == NULL)
		return -1;
	d->mailings = arena_array(a, REPORT_TO_MAX, sizeof(*d->mailings));
	d->n = 0;
	db_bind_int(q, 1, d->id);
	while ((got = db_step(q, e)) == 1 && d->n < REPORT_TO_MAX)
		d->mailings[d->n++] = (struct report_mailing){.id = db_int(q, 0),
		    .address = arena_dup(a, db_str(q, 1)),
		    .max = (uint64_t)db_int(q, 2),
		    .mid = arena_dup(a, db_str(q, 3))};
	db_done(&q);
	return got < 0 ? -1 : 0;
}

int
report_store_due(struct report_store *s, int64_t now, struct arena *a, struct report_due *out,
    int64_t *next, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "SELECT p.id, p.domain, p.record, w.began, w.ended, p.tries, p.report_id, p.next"
	    " FROM policies p JOIN periods w ON w.id = p.period WHERE w.ended IS NOT NULL"
	    " ORDER BY p.next, p.id LIMIT 1",
	    e);
	int got;

	*next = 0;
	if (q == NULL)
		return -1;
	if ((got = db_step(q, e)) == 1) {
		*next = db_int(q, 7);
		*out = (struct report_due){.id = db_int(q, 0),
		    .domain = arena_dup(a, db_str(q, 1)),
		    .record = arena_dup(a, db_str(q, 2)),
		    .begin = (uint64_t)db_int(q, 3),
		    .end = (uint64_t)db_int(q, 4),
		    .tries = (unsigned)db_int(q, 5),
		    .report_id = arena_dup(a, db_str(q, 6))};
	}
	db_done(&q);
	if (got <= 0 || *next > now)
		return got < 0 ? -1 : 0;
	*next = 0;
	return get_mailings(s, out, a, e) < 0 ? -1 : 1;
}

static int
plan(struct report_store *s, const struct report_due *d, const struct report_to *to, size_t n,
    const char report_id[ID_SIZE], struct err *e)
{
	struct db_stmt *q = db_sql(s->db, "UPDATE policies SET report_id = ?2 WHERE id = ?1", e);
	char id[ID_SIZE];

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, d->id);
	db_bind_str(q, 2, str_z(report_id));
	if (db_run(&q, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if ((q = db_sql(s->db,
			 "INSERT INTO mailings (policy, address, size, mid) VALUES (?, ?, ?, ?)",
			 e)) == NULL)
			return -1;
		id_new(id);
		db_bind_int(q, 1, d->id);
		db_bind_str(q, 2, to[i].address);
		db_bind_int(q, 3, (int64_t)(to[i].max & INT64_MAX));
		db_bind_str(q, 4, str_z(id));
		if (db_run(&q, e) < 0)
			return -1;
	}
	return 0;
}

int
report_store_plan(struct report_store *s, struct report_due *d, const struct report_to *to,
    size_t n, struct arena *a, struct err *e)
{
	char id[ID_SIZE];

	if (db_begin(s->db, e) < 0)
		return -1;
	id_new(id);
	if (plan(s, d, to, n, id, e) < 0) {
		db_rollback(s->db);
		return -1;
	}
	if (db_commit(s->db, e) < 0 || db_sync(s->db, e) < 0)
		return -1;
	d->report_id = arena_dup(a, str_z(id));
	return get_mailings(s, d, a, e);
}

/* What was published, as the report has it; unset tags have their defaults (RFC 9990 3.1.1.5). */
static void
published(const struct dmarc_record *r, struct arena *a, struct report *out)
{
	static const struct {
		unsigned bit;
		const char *text;
	} options[] = {{DMARC_FO_0, "0"}, {DMARC_FO_1, "1"}, {DMARC_FO_D, "d"}, {DMARC_FO_S, "s"}};
	enum dmarc_policy p = r->p > DMARC_WRONG ? r->p : DMARC_ACCEPT;
	enum dmarc_policy sp = r->sp > DMARC_WRONG ? r->sp : p;

	out->p = str_z(dmarc_policy_name(p));
	out->sp = str_z(dmarc_policy_name(sp));
	out->np = str_z(dmarc_policy_name(r->np > DMARC_WRONG ? r->np : sp));
	out->adkim = r->strict_dkim ? STR("s") : STR("r");
	out->aspf = r->strict_spf ? STR("s") : STR("r");
	out->testing = r->testing ? STR("y") : STR("n");
	out->discovery = STR("treewalk");
	if (r->p == DMARC_WRONG || r->sp == DMARC_WRONG || r->np == DMARC_WRONG)
		out->error = STR("the policy record has a wrong p, sp or np");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (r->fo & options[i].bit)
			out->fo = arena_printf(a, STR_FMT "%s%s", STR_ARG(out->fo),
			    out->fo.n > 0 ? ":" : "", options[i].text);
}

int
report_store_rows(struct report_store *s, const struct report_due *d, struct arena *a,
    struct report *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "SELECT row, count FROM tallies WHERE policy = ? ORDER BY count DESC, row LIMIT ?", e);
	struct dmarc_record record;
	int got;

	*out = (struct report){
	    .begin = d->begin, .end = d->end, .domain = d->domain, .id = d->report_id};
	if (q == NULL)
		return -1;
	if (dmarc_record_parse(d->record, a, &record))
		published(&record, a, out);
	out->rows = arena_array(a, REPORT_TALLIES_MAX, sizeof(*out->rows));
	db_bind_int(q, 1, d->id);
	db_bind_int(q, 2, REPORT_TALLIES_MAX);
	while ((got = db_step(q, e)) == 1) {
		struct report_row *row = &out->rows[out->n];

		if (report_row_decode(db_str(q, 0), a, row) < 0)
			continue; /* of a version that is gone */
		row->count = (uint64_t)db_int(q, 1);
		out->n++;
	}
	db_done(&q);
	return got < 0 ? -1 : 0;
}

int
report_store_sent(struct report_store *s, int64_t mailing, struct err *e)
{
	return report_store_run1(s, "DELETE FROM mailings WHERE id = ?", mailing, e);
}

int
report_store_later(struct report_store *s, int64_t due, int64_t next, struct err *e)
{
	struct db_stmt *q =
	    db_sql(s->db, "UPDATE policies SET next = ?2, tries = tries + 1 WHERE id = ?1", e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, due);
	db_bind_int(q, 2, next);
	return db_run(&q, e);
}

int
report_store_forget(struct report_store *s, int64_t due, struct err *e)
{
	if (report_store_run1(s, "DELETE FROM policies WHERE id = ?", due, e) < 0)
		return -1;
	return report_store_run1(s,
	    "DELETE FROM periods WHERE ended < ? - 86400"
	    " AND NOT EXISTS (SELECT 1 FROM policies WHERE period = periods.id)",
	    clock_wall(), e);
}
