#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "db/db.h"

#define ID 0x474b5445u

static const char *const steps[] = {
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "ALTER TABLE t ADD COLUMN size INTEGER NOT NULL DEFAULT 7;"
    "CREATE TABLE child (t INTEGER NOT NULL REFERENCES t (id))",
};
static const struct db_schema one = {ID, steps, 1};
static const struct db_schema two = {ID, steps, 2};
static const struct db_schema other = {ID + 1, steps, 2};

static char folder[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/gkdb.XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "link"};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlink(names[i]);
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static struct db *
open_as(const struct db_schema *schema, enum db_sync sync, bool exclusive, struct err *e)
{
	struct db_options o = {
	    .schema = schema, .mode = 0600, .sync = sync, .exclusive = exclusive};

	return db_open("a.db", &o, e);
}

static int
insert(struct db *db, const char *name, struct err *e)
{
	struct db_stmt *s = db_sql(db, "INSERT INTO t (name) VALUES (?)", e);

	assert_non_null(s);
	db_bind_str(s, 1, str_z(name));
	return db_run(&s, e);
}

static int64_t
count(struct db *db)
{
	struct db_stmt *s = db_sql(db, "SELECT count(*) FROM t", NULL);
	int64_t n;

	assert_int_equal(db_step(s, NULL), 1);
	n = db_int(s, 0);
	db_done(&s);
	return n;
}

static void
a_new_file_is_private(void **state)
{
	struct db *db = open_as(&one, DB_SYNC_FULL, false, NULL);
	struct stat st;

	(void)state;
	assert_non_null(db);
	assert_int_equal(insert(db, "a", NULL), 0);
	assert_int_equal(stat("a.db", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat("a.db-wal", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	db_close(&db);
	assert_null(db);
}

static void
an_older_format_is_brought_up(void **state)
{
	struct err e = {0};
	struct db *db = open_as(&one, DB_SYNC_FULL, false, &e);
	struct db_stmt *s;

	(void)state;
	assert_int_equal(insert(db, "a", &e), 0);
	db_close(&db);
	db = open_as(&two, DB_SYNC_FULL, false, &e);
	assert_non_null(db);
	s = db_sql(db, "SELECT size, name, NULL FROM t", &e);
	assert_int_equal(db_step(s, &e), 1);
	assert_int_equal(db_int(s, 0), 7);
	assert_true(str_eq_z(db_str(s, 1), "a"));
	assert_true(db_null(s, 2));
	assert_null(db_str(s, 2).p);
	assert_int_equal(db_step(s, &e), 0);
	db_done(&s);
	db_close(&db);
}

static void
a_newer_or_foreign_file_is_refused(void **state)
{
	struct err e = {0};
	struct db *db = open_as(&two, DB_SYNC_FULL, false, &e);
	int fd;

	(void)state;
	db_close(&db);
	assert_null(open_as(&one, DB_SYNC_FULL, false, &e));
	assert_int_equal(e.code, E_PERM);
	assert_null(open_as(&other, DB_SYNC_FULL, false, &e));
	assert_int_equal(e.code, E_PROTO);
	assert_true(str_starts(str_z(e.text), STR("a.db: ")));
	fd = open("a.db", O_WRONLY | O_TRUNC);
	assert_int_equal(
	    write(fd, "no database at all, long enough to have a header ....", 50), 50);
	close(fd);
	assert_null(open_as(&two, DB_SYNC_FULL, false, &e));
	assert_int_equal(e.code, E_PROTO);
	assert_int_equal(unlink("a.db"), 0);
	assert_int_equal(symlink("/etc/passwd", "a.db"), 0);
	assert_null(open_as(&two, DB_SYNC_FULL, false, &e));
}

static void
constraints_have_codes(void **state)
{
	struct err e = {0};
	struct db *db = open_as(&two, DB_SYNC_FULL, false, &e);

	(void)state;
	assert_int_equal(insert(db, "a", &e), 0);
	assert_int_equal(db_last_id(db), 1);
	assert_int_equal(db_changes(db), 1);
	assert_int_equal(insert(db, "a", &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(insert(db, NULL, &e), -1);
	assert_int_equal(e.code, E_INVAL);
	assert_int_equal(db_exec(db, "INSERT INTO child (t) VALUES (99)", &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_null(db_sql(db, "SELECT nonsense FROM t", &e));
	db_close(&db);
}

static void
a_transaction_is_all_or_nothing(void **state)
{
	struct db *db = open_as(&two, DB_SYNC_FULL, false, NULL);

	(void)state;
	assert_int_equal(db_begin(db, NULL), 0);
	assert_true(db_in_transaction(db));
	assert_int_equal(insert(db, "a", NULL), 0);
	db_rollback(db);
	assert_false(db_in_transaction(db));
	db_rollback(db);
	assert_int_equal(count(db), 0);
	assert_int_equal(db_begin(db, NULL), 0);
	assert_int_equal(insert(db, "a", NULL), 0);
	assert_int_equal(db_commit(db, NULL), 0);
	assert_int_equal(count(db), 1);
	db_close(&db);
}

static void
a_statement_may_be_used_inside_itself(void **state)
{
	struct db *db = open_as(&two, DB_SYNC_FULL, false, NULL);
	struct db_stmt *a, *b;

	(void)state;
	insert(db, "a", NULL);
	insert(db, "b", NULL);
	a = db_sql(db, "SELECT name FROM t ORDER BY name", NULL);
	assert_int_equal(db_step(a, NULL), 1);
	b = db_sql(db, "SELECT name FROM t ORDER BY name", NULL);
	assert_int_equal(db_step(b, NULL), 1);
	db_done(&b);
	assert_int_equal(db_step(a, NULL), 1);
	assert_true(str_eq_z(db_str(a, 0), "b"));
	db_reset(a);
	assert_int_equal(db_step(a, NULL), 1);
	assert_true(str_eq_z(db_str(a, 0), "a"));
	db_done(&a);
	db_done(&a);
	db_close(&db);
}

static void
two_handles_see_one_file(void **state)
{
	struct err e = {0};
	struct db *a = open_as(&two, DB_SYNC_FULL, false, NULL);
	struct db_options o = {.schema = &two, .busy_ms = 10};
	struct db *b = db_open("a.db", &o, NULL);

	(void)state;
	insert(a, "a", NULL);
	assert_int_equal(count(b), 1);
	assert_int_equal(db_begin(a, NULL), 0);
	assert_int_equal(db_begin(b, &e), -1);
	assert_int_equal(e.code, E_TEMP);
	assert_int_equal(count(b), 1);
	assert_int_equal(db_commit(a, NULL), 0);
	db_close(&a);
	db_close(&b);
}

static void
an_exclusive_handle_shares_nothing(void **state)
{
	struct err e = {0};
	struct db *a = open_as(&two, DB_SYNC_NORMAL, true, NULL);
	struct db_options o = {.schema = &two, .busy_ms = 10};

	(void)state;
	assert_int_equal(insert(a, "a", NULL), 0);
	assert_int_equal(db_sync(a, &e), 0);
	assert_int_equal(access("a.db-shm", F_OK), -1);
	assert_null(db_open("a.db", &o, &e));
	assert_int_equal(db_checkpoint(a, &e), 0);
	db_close(&a);
}

/* In place of libc's, for sqlite too. */
static unsigned syncs;

int
fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* Without the sync of a commit nothing else would fail here: so it is counted. */
static void
a_commit_is_synced_as_asked(void **state)
{
	struct db *db = open_as(&two, DB_SYNC_FULL, false, NULL);

	(void)state;
	assert_int_equal(insert(db, "a", NULL), 0);
	syncs = 0;
	assert_int_equal(insert(db, "b", NULL), 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(db_begin(db, NULL), 0);
	assert_int_equal(insert(db, "c", NULL), 0);
	assert_int_equal(insert(db, "d", NULL), 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(db_commit(db, NULL), 0);
	assert_int_equal(syncs, 2);
	db_close(&db);
	db = open_as(&two, DB_SYNC_NORMAL, false, NULL);
	assert_int_equal(insert(db, "e", NULL), 0);
	syncs = 0;
	assert_int_equal(insert(db, "f", NULL), 0);
	assert_int_equal(syncs, 0);
	assert_int_equal(db_sync(db, NULL), 0);
	assert_int_equal(syncs, 1);
	db_close(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_new_file_is_private, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_older_format_is_brought_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_newer_or_foreign_file_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(constraints_have_codes, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_transaction_is_all_or_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_statement_may_be_used_inside_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(two_handles_see_one_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_exclusive_handle_shares_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_commit_is_synced_as_asked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
