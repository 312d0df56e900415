/*
 * accounts_list.c - pages of what is in accounts.db, for the operator. See accounts.h and msg.h
 * (USER_LIST).
 *
 * A page ends after 500 entries or 48 KiB, so that it fits one message.
 */
#include "authd/accounts.h"
#include "base/clock.h"
#include "base/mem.h"

#define PAGE_ENTRIES 500u
#define PAGE_OCTETS  (48u * 1024)
#define PAGE_ROWS    (PAGE_ENTRIES * 5)

struct page {
	struct accounts_page *out;
	struct arena *a;
	size_t octets;
};

static void
page_begin(struct page *p, struct accounts_page *out, struct arena *a)
{
	*p = (struct page){.out = out, .a = a};
	*out = (struct accounts_page){.rows = arena_array(a, PAGE_ROWS, sizeof(struct str))};
}

static void
put(struct page *p, struct str s)
{
	assume(p->out->n < PAGE_ROWS);
	p->out->rows[p->out->n++] = arena_dup(p->a, s);
	p->octets += s.n + 4;
}

static void
put_number(struct page *p, int64_t v)
{
	put(p, arena_printf(p->a, "%lld", (long long)v));
}

static void
put_time(struct page *p, int64_t seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	put(p, str_z(clock_rfc3339(seconds * 1000000, text)));
}

/* Each row has five columns: a name, three numbers, a time. */
static int
list_five(struct db *db, const char *sql, struct str after, struct arena *a,
    struct accounts_page *out, struct err *e)
{
	struct db_stmt *s = db_sql(db, sql, e);
	struct page p;
	int rc;

	if (s == NULL)
		return -1;
	page_begin(&p, out, a);
	db_bind_str(s, 1, after.p ? after : STR(""));
	while ((rc = db_step(s, e)) == 1) {
		if (out->n + 5 > PAGE_ROWS || p.octets > PAGE_OCTETS) {
			out->more = true;
			break;
		}
		put(&p, db_str(s, 0));
		for (int i = 1; i < 4; i++)
			put_number(&p, db_int(s, i));
		put_time(&p, db_int(s, 4));
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
accounts_list_users(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e)
{
	return list_five(db,
	    "SELECT address, quota, octets, messages, created FROM users WHERE address > ? "
	    "ORDER BY address",
	    after, a, out, e);
}

int
accounts_list_largest(
    struct db *db, uint32_t max, struct arena *a, struct accounts_sizes *out, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT count(*), coalesce(sum(octets), 0), coalesce(sum(messages), 0) FROM users", e);
	int rc;

	*out = (struct accounts_sizes){0};
	if (s == NULL)
		return -1;
	if ((rc = db_step(s, e)) == 1) {
		out->users = (uint64_t)db_int(s, 0);
		out->octets = (uint64_t)db_int(s, 1);
		out->messages = (uint64_t)db_int(s, 2);
	}
	db_done(&s);
	if (rc < 0 || max == 0)
		return rc < 0 ? -1 : 0;
	s = db_sql(
	    db, "SELECT address, octets FROM users ORDER BY octets DESC, address LIMIT ?", e);
	if (s == NULL)
		return -1;
	out->rows = arena_array(a, 2 * (size_t)max, sizeof(*out->rows));
	db_bind_int(s, 1, max);
	while ((rc = db_step(s, e)) == 1) {
		out->rows[out->n++] = arena_dup(a, db_str(s, 0));
		out->rows[out->n++] = arena_printf(a, "%lld", (long long)db_int(s, 1));
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
accounts_list_domains(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e)
{
	return list_five(db,
	    "SELECT name, quota, (SELECT coalesce(sum(octets), 0) FROM users WHERE domain = name), "
	    "(SELECT count(*) FROM users WHERE domain = name), created FROM domains WHERE name > ? "
	    "ORDER BY name",
	    after, a, out, e);
}

int
accounts_list_aliases(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT address, target FROM aliases WHERE address > ? ORDER BY address, target", e);
	struct str last = STR_NONE;
	struct page p;
	int rc;

	if (s == NULL)
		return -1;
	page_begin(&p, out, a);
	db_bind_str(s, 1, after.p ? after : STR(""));
	while ((rc = db_step(s, e)) == 1) {
		/* An alias may be 50 KiB by itself: it starts on a page that is nearly empty. */
		bool next = !str_eq(last, db_str(s, 0));
		size_t first;

		if (next && out->n > 0 &&
		    (p.octets > PAGE_OCTETS / 5 || out->n + 2 * ACCOUNTS_TARGETS_MAX > PAGE_ROWS)) {
			out->more = true;
			break;
		}
		first = out->n;
		put(&p, db_str(s, 0));
		put(&p, db_str(s, 1));
		last = out->rows[first];
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
accounts_list_apppasses(
    struct db *db, struct str address, struct arena *a, struct accounts_page *out, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT name, app_passwords.created FROM app_passwords JOIN users ON users.id = user "
	    "WHERE address = ? ORDER BY name",
	    e);
	struct page p;
	int rc;

	if (s == NULL)
		return -1;
	page_begin(&p, out, a);
	db_bind_str(s, 1, address);
	while ((rc = db_step(s, e)) == 1) {
		put(&p, db_str(s, 0));
		put_time(&p, db_int(s, 1));
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}
