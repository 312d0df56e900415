/*
 * index_email.c - see index.h: emails and threads in the index.
 */
#include "base/mem.h"
#include "store/email.h"
#include "store/index_row.h"

/* A table's rows without an email, as many as one look takes. */
#define NUMBER_ROWS 500

struct unnumbered {
	int64_t mailbox, uid;
	uint64_t email;
};

static int
read_unnumbered(struct index *ix, const char *sql, struct unnumbered *v, size_t *n, struct err *e)
{
	struct db_stmt *s = index_read(ix, sql, e);
	int rc;

	*n = 0;
	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1 && *n < NUMBER_ROWS)
		v[(*n)++] =
		    (struct unnumbered){db_int(s, 0), db_int(s, 1), email_number(db_str(s, 2))};
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

static int
write_number(struct index *ix, const char *sql, const struct unnumbered *u, struct err *e)
{
	struct db_stmt *s = index_write(ix, sql, e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)u->email);
	db_bind_int(s, 2, u->mailbox);
	db_bind_int(s, 3, u->uid);
	return db_run(&s, e);
}

static int
number_table(struct index *ix, const char *select, const char *update, struct err *e)
{
	struct unnumbered v[NUMBER_ROWS];
	size_t n;

	do {
		if (read_unnumbered(ix, select, v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (write_number(ix, update, &v[i], e) < 0)
				return -1;
	} while (n == NUMBER_ROWS);
	return 0;
}

int
index_number_emails(struct index *ix, struct err *e)
{
	uint64_t done;

	if (index_get(ix, "emails", &done, e) < 0)
		return -1;
	if (done)
		return 0;
	if (number_table(ix, "SELECT mailbox, uid, base FROM message WHERE email = 0 LIMIT 500",
		"UPDATE message SET email = ? WHERE mailbox = ? AND uid = ?", e) < 0)
		return -1;
	if (number_table(ix, "SELECT mailbox, uid, base FROM tombstone WHERE email = 0 LIMIT 500",
		"UPDATE tombstone SET email = ? WHERE mailbox = ? AND uid = ?", e) < 0)
		return -1;
	return index_put(ix, "emails", 1, e) < 0 ? -1 : index_commit(ix, e);
}

/* ---- threads ---- */

/* The one number that a statement gives for another. */
static int
number_of(struct index *ix, const char *sql, uint64_t key, uint64_t *out, struct err *e)
{
	struct db_stmt *s = index_read(ix, sql, e);
	int rc;

	*out = 0;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)key);
	if ((rc = db_step(s, e)) == 1)
		*out = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_thread_get(struct index *ix, uint64_t id, uint64_t *thread, struct err *e)
{
	return number_of(ix, "SELECT thread FROM thread WHERE id = ?", id, thread, e);
}

int
index_thread_put(struct index *ix, uint64_t id, uint64_t thread, struct err *e)
{
	struct db_stmt *s =
	    index_write(ix, "INSERT OR IGNORE INTO thread (id, thread) VALUES (?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)id);
	db_bind_int(s, 2, (int64_t)thread);
	return db_run(&s, e);
}

int
index_message_thread(
    struct index *ix, uint32_t mailbox, uint32_t uid, uint64_t thread, struct err *e)
{
	struct db_stmt *s =
	    index_write(ix, "UPDATE message SET thread = ? WHERE mailbox = ? AND uid = ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)thread);
	db_bind_int(s, 2, mailbox);
	db_bind_int(s, 3, uid);
	return db_run(&s, e);
}
