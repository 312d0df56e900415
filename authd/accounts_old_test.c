/*
 * accounts_old_test.c - an accounts.db as version 3 wrote it (before sessions of browsers) is
 * brought up when it is opened, with all that is in it. Its schema stands here as it was, so that a
 * change of an old step in accounts.c does not go unseen.
 */
#include "authd/fixture.h"

#include "base/mem.h"

#define ACCOUNTS_ID 0x474b4143u

static const char *const steps[] = {
    "CREATE TABLE domains ("
    " name TEXT PRIMARY KEY, quota INTEGER NOT NULL, created INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE,"
    " domain TEXT NOT NULL REFERENCES domains (name), hash TEXT NOT NULL,"
    " salt BLOB NOT NULL, iterations INTEGER NOT NULL, stored BLOB NOT NULL, server BLOB NOT NULL,"
    " quota INTEGER NOT NULL, octets INTEGER NOT NULL DEFAULT 0,"
    " messages INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX users_domain ON users (domain);"
    "CREATE TABLE app_passwords ("
    " user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " salt BLOB NOT NULL, hash BLOB NOT NULL, stored BLOB NOT NULL, server BLOB NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY (user, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE aliases ("
    " address TEXT NOT NULL, target TEXT NOT NULL,"
    " domain TEXT NOT NULL REFERENCES domains (name), PRIMARY KEY (address, target)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX aliases_target ON aliases (target);"
    "CREATE INDEX aliases_domain ON aliases (domain);",

    "CREATE TABLE gone (address TEXT PRIMARY KEY, purge INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    "CREATE TABLE bans ("
    " network TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL,"
    " times INTEGER NOT NULL, by_hand INTEGER NOT NULL, reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE notes ("
    " kind INTEGER NOT NULL, key BLOB NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL,"
    " until INTEGER NOT NULL, PRIMARY KEY (kind, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX notes_until ON notes (until);",
};

static const char rows[] =
    "INSERT INTO domains VALUES ('x.test', 5000, 1);"
    "INSERT INTO users VALUES (7, 'alice@x.test', 'x.test', 'hash', zeroblob(16), 4096,"
    " zeroblob(32), zeroblob(32), 100, 20, 3, 1), (9, 'bob@x.test', 'x.test', 'h', zeroblob(16), "
    "4096, zeroblob(32), zeroblob(32), 0, 0, 0, 2);"
    "INSERT INTO app_passwords VALUES (7, 'phone', x'01', x'02', x'03', x'04', 1);"
    "INSERT INTO aliases VALUES ('info@x.test', 'alice@x.test', 'x.test');"
    "INSERT INTO gone VALUES ('carol@x.test', 1);"
    "INSERT INTO bans VALUES ('192.0.2.0/24', 1, 0, 2, 1, 'by hand');"
    "INSERT INTO notes VALUES (1, x'aa', 1, 2, 3)";

static void
write_old(void)
{
	static const struct db_schema old = {ACCOUNTS_ID, steps, ARRAY_LEN(steps)};
	const struct db_options o = {.schema = &old, .mode = 0600, .sync = DB_SYNC_FULL};
	struct db *db;

	db_close(&authd.db);
	unlink("accounts.db");
	unlink("accounts.db-wal");
	unlink("accounts.db-shm");
	db = db_open("accounts.db", &o, NULL);
	assert_non_null(db);
	assert_int_equal(db_exec(db, rows, NULL), 0);
	db_close(&db);
}

static int64_t
number(const char *sql)
{
	struct db_stmt *s = db_sql(authd.db, sql, NULL);
	struct err e;
	int64_t n;

	assert_non_null(s);
	if (db_step(s, &e) != 1)
		fail_msg("%s: %s", sql, e.text);
	n = db_int(s, 0);
	db_done(&s);
	return n;
}

static void
an_old_file_is_brought_up(void **state)
{
	struct account a;
	struct str *v;
	struct err e;
	size_t n;

	(void)state;
	write_old();
	authd.db = accounts_open(&e);
	if (authd.db == NULL)
		fail_msg("%s", e.text);
	assert_true(number("PRAGMA user_version") > (int64_t)ARRAY_LEN(steps));
	assert_int_equal(accounts_user(authd.db, STR("alice@x.test"), &fixture_arena, &a, NULL), 1);
	assert_true(str_eq_z(a.hash, "hash"));
	assert_int_equal(a.quota, 100);
	assert_int_equal(
	    accounts_alias(authd.db, STR("info@x.test"), &fixture_arena, &v, &n, NULL), 1);
	assert_true(n == 1 && str_eq_z(v[0], "alice@x.test"));
	assert_int_equal(number("SELECT count(*) FROM app_passwords WHERE user = 7"), 1);
	assert_int_equal(number("SELECT purge FROM gone WHERE address = 'carol@x.test'"), 1);
	assert_int_equal(number("SELECT times FROM bans"), 2);
	assert_int_equal(number("SELECT b FROM notes"), 2);
	/* What is new is empty, serves, and goes with its user. */
	assert_int_equal(number("SELECT count(*) FROM web_sessions"), 0);
	assert_int_equal(
	    db_exec(
		authd.db, "INSERT INTO web_sessions VALUES (1, 7, x'11', 1, 1, 1, 'p', 'a')", NULL),
	    0);
	assert_int_equal(accounts_user_del(authd.db, STR("alice@x.test"), '+', false, &e), 0);
	assert_int_equal(number("SELECT count(*) FROM web_sessions"), 0);
	/* It stays as it is when it is opened again. */
	db_close(&authd.db);
	authd.db = accounts_open(&e);
	assert_non_null(authd.db);
	assert_int_equal(number("SELECT count(*) FROM users"), 1);
	fixture_user("dave@x.test", "secret");
	assert_int_equal(number("SELECT id FROM users WHERE address = 'dave@x.test'"), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {FIXTURE_TEST(an_old_file_is_brought_up)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
