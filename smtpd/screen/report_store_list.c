/* report_store_list.c - received reports, and what gkmail is told. See report_store.h. */
#include <inttypes.h>

#include "base/mem.h"
#include "smtpd/screen/report_store_in.h"

#define PAGE 50000u /* octets of a list at a time: the last row may go beyond */

/* ---- received ---- */

static uint64_t
messages(const struct report *r, bool passed)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (!passed || str_eq_z(r->rows[i].dkim, "pass") ||
		    str_eq_z(r->rows[i].spf, "pass"))
			n += r->rows[i].count;
	return n;
}

/* 1: new; 0: known. */
static int
put_report(
    struct report_store *s, const struct report *r, const struct report_source *from, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "INSERT OR IGNORE INTO reports (domain, organization, report_id, began, ended, "
	    "messages,"
	    " passed, sender, verified, got) VALUES (lower(?), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    e);

	if (q == NULL)
		return -1;
	db_bind_str(q, 1, r->domain);
	db_bind_str(q, 2, r->organization);
	db_bind_str(q, 3, r->id);
	db_bind_int(q, 4, (int64_t)r->begin);
	db_bind_int(q, 5, (int64_t)r->end);
	db_bind_int(q, 6, (int64_t)messages(r, false));
	db_bind_int(q, 7, (int64_t)messages(r, true));
	db_bind_str(q, 8, from->from.n > 0 ? from->from : STR(""));
	db_bind_int(q, 9, from->verified);
	db_bind_int(q, 10, from->now);
	if (db_run(&q, e) < 0)
		return -1;
	return db_changes(s->db) > 0;
}

static struct str
known(struct str disposition)
{
	static const char *const all[] = {"none", "pass", "quarantine", "reject"};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_ieq_z(disposition, all[i]))
			return str_z(all[i]);
	return STR("none");
}

static int
put_sources(struct report_store *s, const struct report *r, int64_t report, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "INSERT INTO sources (report, source, count, disposition, dkim, spf, header_from)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?)",
	    e);
	int rc = -1;

	if (q == NULL)
		return -1;
	for (size_t i = 0; i < r->n && i < REPORT_KEPT_ROWS; i++) {
		const struct report_row *row = &r->rows[i];

		db_bind_int(q, 1, report);
		db_bind_str(q, 2, row->source);
		db_bind_int(q, 3, (int64_t)row->count);
		db_bind_str(q, 4, known(row->disposition));
		db_bind_int(q, 5, str_eq_z(row->dkim, "pass"));
		db_bind_int(q, 6, str_eq_z(row->spf, "pass"));
		db_bind_str(q, 7, row->header_from);
		if (db_step(q, e) < 0)
			goto out;
		db_reset(q);
	}
	rc = 0;
out:
	db_done(&q);
	return rc;
}

int
report_store_keep(
    struct report_store *s, const struct report *r, const struct report_source *from, struct err *e)
{
	int got;

	if (db_begin(s->db, e) < 0)
		return -1;
	got = put_report(s, r, from, e);
	if (got == 1 && put_sources(s, r, db_last_id(s->db), e) < 0)
		got = -1;
	if (got < 0)
		db_rollback(s->db);
	else if (db_commit(s->db, e) < 0)
		got = -1;
	return got;
}

int
report_store_trim(struct report_store *s, int64_t before, struct err *e)
{
	int64_t pages, unused, n;

	if (report_store_run1(s, "DELETE FROM reports WHERE got < ?", before, e) < 0)
		return -1;
	if (report_store_get(s, "SELECT page_count FROM pragma_page_count", &pages, e) < 0 ||
	    report_store_get(s, "SELECT freelist_count FROM pragma_freelist_count", &unused, e) < 0)
		return -1;
	if (pages - unused <= REPORT_STORE_PAGES / 100 * REPORT_STORE_ROOM_PCT)
		return 0;
	if (report_store_get(s, "SELECT count(*) FROM reports", &n, e) < 0)
		return -1;
	return report_store_run1(s,
	    "DELETE FROM reports WHERE id IN (SELECT id FROM reports ORDER BY got LIMIT ?)",
	    n / 10 + 1, e);
}

/* ---- lists ---- */

static void
add(struct report_list *l, struct arena *a, struct str v)
{
	if (l->n == l->capacity) {
		struct str *more;

		l->capacity = l->capacity == 0 ? 256 : 2 * l->capacity;
		more = arena_array(a, l->capacity, sizeof(*more));
		for (size_t i = 0; i < l->n; i++)
			more[i] = l->v[i];
		l->v = more;
	}
	l->v[l->n++] = arena_dup(a, v);
}

/* All columns as text, of as many rows as fit into a packet. */
static int
take_rows(
    struct db_stmt *q, unsigned width, struct arena *a, struct report_list *out, struct err *e)
{
	size_t octets = 0;
	int got = 0;

	*out = (struct report_list){0};
	while (octets < PAGE && (got = db_step(q, e)) == 1) {
		for (unsigned i = 0; i < width; i++) {
			add(out, a, db_str(q, (int)i));
			octets += sizeof(uint32_t) + out->v[out->n - 1].n;
		}
	}
	out->more = got == 1;
	db_done(&q);
	return got < 0 ? -1 : 0;
}

int
report_store_list(struct report_store *s, struct str domain, int64_t after, struct arena *a,
    struct report_list *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "SELECT id, domain, organization, began, ended, messages, passed, sender, verified"
	    " FROM reports WHERE id > ?1 AND (?2 = '' OR domain = lower(?2)) ORDER BY id",
	    e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, after);
	db_bind_str(q, 2, domain.n > 0 ? domain : STR(""));
	return take_rows(q, REPORT_LIST_WIDTH, a, out, e);
}

int
report_store_sources(struct report_store *s, struct str domain, int64_t since, uint64_t skip,
    struct arena *a, struct report_list *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "SELECT r.domain, s.source, sum(s.count), sum(s.count * (s.dkim OR s.spf)),"
	    " sum(s.count * s.dkim), sum(s.count * s.spf),"
	    " sum(s.count * (s.disposition IN ('quarantine', 'reject'))),"
	    " count(DISTINCT r.organization) FROM sources s JOIN reports r ON r.id = s.report"
	    " WHERE r.ended >= ?1 AND (?2 = '' OR r.domain = lower(?2))"
	    " GROUP BY r.domain, s.source ORDER BY r.domain, 3 DESC, s.source LIMIT -1 OFFSET ?3",
	    e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, since);
	db_bind_str(q, 2, domain.n > 0 ? domain : STR(""));
	db_bind_int(q, 3, (int64_t)skip);
	return take_rows(q, REPORT_SOURCES_WIDTH, a, out, e);
}

int
report_store_waiting(
    struct report_store *s, int64_t after, struct arena *a, struct report_list *out, struct err *e)
{
	struct db_stmt *q = db_sql(s->db,
	    "SELECT p.id, p.domain, w.began, w.ended,"
	    " (SELECT coalesce(sum(count), 0) FROM tallies WHERE policy = p.id),"
	    " CASE WHEN w.ended IS NULL THEN 'counting' WHEN p.report_id IS NOT NULL THEN 'sending'"
	    " WHEN p.tries > 0 THEN 'trying' ELSE 'waiting' END"
	    " FROM policies p JOIN periods w ON w.id = p.period WHERE p.id > ? ORDER BY p.id",
	    e);

	if (q == NULL)
		return -1;
	db_bind_int(q, 1, after);
	return take_rows(q, REPORT_WAITING_WIDTH, a, out, e);
}
