#include "authd/fixture.h"

#include "base/mem.h"

#include <sys/stat.h>

static struct account
get(const char *address)
{
	struct account out;

	assert_int_equal(accounts_user(authd.db, str_z(address), &fixture_arena, &out, NULL), 1);
	return out;
}

static void
a_user_needs_a_domain_of_ours(void **state)
{
	struct password_secret s = fixture_secret("secret");
	struct err e;

	(void)state;
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 0, &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	fixture_domain("x.test");
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 7, &e), 0);
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 7, &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(get("a@x.test").quota, 7);
	assert_true(str_eq_z(get("a@x.test").hash, s.hash));
	assert_memory_equal(get("a@x.test").salt.p, s.salt, SCRAM_SALT);
	assert_int_equal(accounts_domain_add(authd.db, STR("x.test"), 0, &e), -1);
	assert_int_equal(e.code, E_EXISTS);
}

static void
a_domain_in_use_stays(void **state)
{
	struct err e;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	assert_int_equal(accounts_domain_del(authd.db, STR("x.test"), &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(accounts_user_del(authd.db, STR("a@x.test"), '+', false, &e), 0);
	assert_int_equal(accounts_domain_del(authd.db, STR("x.test"), &e), 0);
	assert_int_equal(accounts_domain_del(authd.db, STR("x.test"), &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
}

static void
note_gone(void *arg, struct str address, bool purge)
{
	(void)arg;
	assert_true(str_eq_z(address, "a@x.test"));
	assert_true(purge);
}

static void
a_name_is_free_when_its_home_is_gone(void **state)
{
	struct password_secret s = fixture_secret("secret");
	struct err e;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	assert_int_equal(accounts_gone(authd.db, note_gone, NULL, &e), 0);
	assert_int_equal(accounts_user_del(authd.db, STR("a@x.test"), '+', true, &e), 0);
	assert_int_equal(accounts_gone(authd.db, note_gone, NULL, &e), 0);
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 0, &e), -1);
	assert_int_equal(e.code, E_TEMP);
	assert_int_equal(accounts_gone_forget(authd.db, STR("a@x.test"), &e), 0);
	assert_int_equal(accounts_gone_forget(authd.db, STR("a@x.test"), &e), 0);
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 0, &e), 0);
}

static void
the_only_domain_completes_names(void **state)
{
	struct str out;

	(void)state;
	assert_int_equal(authd_name(STR("alice"), &fixture_arena, &out, NULL), -1);
	fixture_domain("x.test");
	assert_int_equal(authd_name(STR("Alice"), &fixture_arena, &out, NULL), 0);
	assert_true(str_eq_z(out, "alice@x.test"));
	fixture_domain("y.test");
	assert_int_equal(authd_name(STR("alice"), &fixture_arena, &out, NULL), -1);
	assert_int_equal(authd_name(STR("Alice@Y.Test"), &fixture_arena, &out, NULL), 0);
	assert_true(str_eq_z(out, "alice@y.test"));
}

static struct apppass
app_of(const char *name)
{
	static const unsigned char sixteen[16], thirty_two[32];

	return (struct apppass){
	    .name = str_z(name), .salt = str_of(sixteen, 16), .hash = str_of(thirty_two, 32)};
}

static void
app_passwords_pin_the_salt(void **state)
{
	struct password_secret fresh = fixture_secret("other secret");
	struct apppass app = app_of("phone"), *apps;
	struct account a;
	struct err e;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	a = get("a@x.test");
	assert_int_equal(
	    accounts_apppass_add(authd.db, STR("a@x.test"), &app, STR("old salt"), &e), -1);
	assert_int_equal(e.code, E_TEMP);
	assert_int_equal(accounts_apppass_add(authd.db, STR("b@x.test"), &app, a.salt, &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_int_equal(accounts_apppass_add(authd.db, STR("a@x.test"), &app, a.salt, &e), 0);
	assert_int_equal(accounts_apppass_add(authd.db, STR("a@x.test"), &app, a.salt, &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(accounts_apppasses(authd.db, a.id, &fixture_arena, &apps, &e), 1);
	assert_true(str_eq_z(apps[0].name, "phone"));
	assert_int_equal(accounts_passwd(authd.db, STR("a@x.test"), &fresh, 0, &e), -1);
	assert_int_equal(e.code, E_TEMP);
	assert_int_equal(accounts_apppass_del(authd.db, STR("a@x.test"), STR("phone"), &e), 0);
	assert_int_equal(accounts_apppass_del(authd.db, STR("a@x.test"), STR("phone"), &e), -1);
	assert_int_equal(accounts_passwd(authd.db, STR("a@x.test"), &fresh, 0, &e), 0);
	assert_true(str_eq_z(get("a@x.test").hash, fresh.hash));
}

static void
app_passwords_are_bounded_and_go_with_their_user(void **state)
{
	struct apppass *apps;
	struct account a;
	struct err e;
	char name[8];

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	a = get("a@x.test");
	for (unsigned i = 0; i <= ACCOUNTS_APPPASS_MAX; i++) {
		struct apppass app;

		snprintf(name, sizeof(name), "n%u", i);
		app = app_of(name);
		assert_int_equal(accounts_apppass_add(authd.db, STR("a@x.test"), &app, a.salt, &e),
		    i < ACCOUNTS_APPPASS_MAX ? 0 : -1);
	}
	assert_int_equal(e.code, E_LIMIT);
	assert_int_equal(accounts_user_del(authd.db, STR("a@x.test"), '+', false, &e), 0);
	assert_int_equal(accounts_apppasses(authd.db, a.id, &fixture_arena, &apps, &e), 0);
}

static void
a_deleted_user_leaves_the_aliases(void **state)
{
	struct str *targets;
	size_t n;

	(void)state;
	fixture_domain("x.test");
	fixture_domain("y.test");
	fixture_user("a@x.test", "secret");
	fixture_user("ab@x.test", "secret");
	assert_int_equal(fixture_alias("all@x.test", "a@x.test", NULL), 0);
	assert_int_equal(fixture_alias("all@x.test", "a+tag@x.test", NULL), 0);
	assert_int_equal(fixture_alias("all@x.test", "ab@x.test", NULL), 0);
	assert_int_equal(accounts_user_del(authd.db, STR("a@x.test"), '+', false, NULL), 0);
	assert_int_equal(
	    accounts_alias(authd.db, STR("all@x.test"), &fixture_arena, &targets, &n, NULL), 1);
	assert_int_equal(n, 1);
	assert_true(str_eq_z(targets[0], "ab@x.test"));
}

static void
a_user_knows_the_addresses_that_lead_to_it(void **state)
{
	static const char *const want[] = {"a@x.test", "all@x.test", "info@x.test", "help@x.test"};
	struct str *v;
	size_t n;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	fixture_user("b@x.test", "secret");
	assert_int_equal(fixture_alias("all@x.test", "a@x.test", NULL), 0);
	assert_int_equal(fixture_alias("all@x.test", "b@x.test", NULL), 0);
	assert_int_equal(fixture_alias("info@x.test", "a@x.test", NULL), 0);
	assert_int_equal(fixture_alias("help@x.test", "info@x.test", NULL), 0);
	assert_int_equal(fixture_alias("other@x.test", "b@x.test", NULL), 0);
	assert_int_equal(fixture_alias("@x.test", "a@x.test", NULL), 0);
	assert_int_equal(
	    accounts_addresses(authd.db, STR("a@x.test"), &fixture_arena, &v, &n, NULL), 0);
	assert_int_equal(n, ARRAY_LEN(want));
	for (size_t i = 0; i < n; i++)
		assert_true(str_eq_z(v[i], want[i]));
}

static void
aliases_come_and_go(void **state)
{
	struct str two[] = {STR("a@x.test"), STR("b@x.test")}, *targets;
	struct password_secret s = fixture_secret("secret");
	struct err e;
	size_t n;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	fixture_user("b@x.test", "secret");
	assert_int_equal(
	    accounts_alias_add(authd.db, STR("all@x.test"), two, 2, &authd.rules, NULL), 0);
	assert_int_equal(fixture_alias("all@x.test", "a@x.test", NULL), 0);
	assert_int_equal(fixture_alias("all@y.test", "a@x.test", &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_int_equal(fixture_alias("a@x.test", "b@x.test", &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(accounts_user_add(authd.db, STR("all@x.test"), &s, 0, &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(accounts_alias_del(authd.db, STR("all@x.test"), &two[1], 1, &e), 0);
	assert_int_equal(accounts_alias_del(authd.db, STR("all@x.test"), &two[1], 1, &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_int_equal(
	    accounts_alias(authd.db, STR("all@x.test"), &fixture_arena, &targets, &n, NULL), 1);
	assert_int_equal(n, 1);
	assert_int_equal(accounts_alias_del(authd.db, STR("all@x.test"), NULL, 0, &e), 0);
	assert_int_equal(
	    accounts_alias(authd.db, STR("all@x.test"), &fixture_arena, &targets, &n, NULL), 0);
	assert_int_equal(accounts_alias_del(authd.db, STR("all@x.test"), NULL, 0, &e), -1);
}

static void
bad_targets_are_refused(void **state)
{
	struct err e;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	assert_int_equal(fixture_alias("away@x.test", "a@elsewhere.test", &e), 0);
	assert_int_equal(fixture_alias("b@x.test", "nobody@x.test", &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_int_equal(fixture_alias("b@x.test", "b@x.test", &e), -1);
	assert_int_equal(e.code, E_INVAL);
	/* A circle is refused whole: what stood before still stands. */
	assert_int_equal(fixture_alias("b@x.test", "a@x.test", &e), 0);
	assert_int_equal(fixture_alias("c@x.test", "b@x.test", &e), 0);
	assert_int_equal(fixture_alias("b@x.test", "c@x.test", &e), -1);
	assert_int_equal(e.code, E_INVAL);
	assert_false(db_in_transaction(authd.db));
	/* A catch-all does not make its own target exist. */
	assert_int_equal(fixture_alias("@x.test", "ghost@x.test", &e), -1);
}

static void
lists_page(void **state)
{
	struct accounts_page p;
	char name[32];
	struct err e;
	size_t total = 0;
	struct str after = STR("");

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	assert_int_equal(db_begin(authd.db, NULL), 0);
	for (int i = 0; i < 1203; i++) {
		struct db_stmt *s = db_sql(authd.db,
		    "INSERT INTO users SELECT NULL, ?, domain, hash, salt, iterations, stored, "
		    "server, "
		    "quota, octets, messages, created FROM users WHERE id = 1",
		    &e);

		snprintf(name, sizeof(name), "u%04d@x.test", i);
		db_bind_str(s, 1, str_z(name));
		assert_int_equal(db_run(&s, &e), 0);
	}
	assert_int_equal(db_commit(authd.db, NULL), 0);
	do {
		assert_int_equal(accounts_list_users(authd.db, after, &fixture_arena, &p, &e), 0);
		assert_int_equal(p.n % 5, 0);
		assert_true(p.n / 5 <= 500);
		total += p.n / 5;
		after = p.rows[p.n - 5];
	} while (p.more);
	assert_int_equal(total, 1204);
	assert_int_equal(accounts_list_domains(authd.db, STR(""), &fixture_arena, &p, &e), 0);
	assert_int_equal(p.n, 5);
	assert_true(str_eq_z(p.rows[3], "1204"));
}

static void
an_alias_is_never_cut_between_pages(void **state)
{
	struct accounts_page p;
	char alias[32], target[32];
	struct err e;
	struct str after = STR("");
	size_t rows = 0;

	(void)state;
	fixture_domain("x.test");
	fixture_user("a@x.test", "secret");
	assert_int_equal(db_begin(authd.db, NULL), 0);
	for (int i = 0; i < 20; i++)
		for (int j = 0; j < 100; j++) {
			struct db_stmt *s =
			    db_sql(authd.db, "INSERT INTO aliases VALUES (?, ?, 'x.test')", &e);

			snprintf(alias, sizeof(alias), "alias%02d@x.test", i);
			snprintf(target, sizeof(target), "a+%02d@x.test", j);
			db_bind_str(s, 1, str_z(alias));
			db_bind_str(s, 2, str_z(target));
			assert_int_equal(db_run(&s, &e), 0);
		}
	assert_int_equal(db_commit(authd.db, NULL), 0);
	do {
		assert_int_equal(accounts_list_aliases(authd.db, after, &fixture_arena, &p, &e), 0);
		assert_int_equal(p.n % 200, 0);
		rows += p.n / 2;
		after = p.rows[p.n - 2];
	} while (p.more);
	assert_int_equal(rows, 2000);
}

static void
no_secret_lies_in_the_file(void **state)
{
	struct password_secret s = fixture_secret("correct horse battery");
	struct stat st;

	(void)state;
	fixture_domain("x.test");
	assert_int_equal(accounts_user_add(authd.db, STR("a@x.test"), &s, 0, NULL), 0);
	assert_int_equal(db_checkpoint(authd.db, NULL), 0);
	assert_int_equal(stat("accounts.db", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	{
		char *all = arena_alloc(&fixture_arena, (size_t)st.st_size);
		FILE *f = fopen("accounts.db", "r");

		assert_int_equal(fread(all, 1, (size_t)st.st_size, f), (size_t)st.st_size);
		fclose(f);
		assert_null(memmem(all, (size_t)st.st_size, "correct horse", 13));
		assert_non_null(memmem(all, (size_t)st.st_size, "$argon2id$", 10));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_user_needs_a_domain_of_ours),
	    FIXTURE_TEST(a_domain_in_use_stays),
	    FIXTURE_TEST(a_name_is_free_when_its_home_is_gone),
	    FIXTURE_TEST(the_only_domain_completes_names),
	    FIXTURE_TEST(app_passwords_pin_the_salt),
	    FIXTURE_TEST(app_passwords_are_bounded_and_go_with_their_user),
	    FIXTURE_TEST(a_deleted_user_leaves_the_aliases),
	    FIXTURE_TEST(aliases_come_and_go),
	    FIXTURE_TEST(a_user_knows_the_addresses_that_lead_to_it),
	    FIXTURE_TEST(bad_targets_are_refused),
	    FIXTURE_TEST(lists_page),
	    FIXTURE_TEST(an_alias_is_never_cut_between_pages),
	    FIXTURE_TEST(no_secret_lies_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
