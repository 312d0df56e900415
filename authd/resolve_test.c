#include "authd/fixture.h"

#include "authd/checks.h"

static struct resolved
look(const char *address)
{
	struct resolved r;

	assert_int_equal(
	    resolve(authd.db, str_z(address), &authd.rules, &fixture_arena, &r, NULL), 0);
	return r;
}

/* The targets, blank-separated, or the name of the verdict. */
static const char *
leads(const char *address)
{
	static const char *const names[] = {"ok", "no user", "relay", "quota", "loop"};
	struct resolved r = look(address);
	struct str s = STR("");

	if (r.verdict != RCPT_OK)
		return names[r.verdict];
	for (size_t i = 0; i < r.n; i++)
		s = arena_printf(&fixture_arena, STR_FMT "%s" STR_FMT, STR_ARG(s), i ? " " : "",
		    STR_ARG(r.targets[i]));
	return arena_dupz(&fixture_arena, s);
}

/* A row as an alias_add would refuse to make it. */
static void
plant(const char *alias, const char *target)
{
	struct db_stmt *s = db_sql(authd.db, "INSERT INTO aliases VALUES (?, ?, 'x.test')", NULL);

	db_bind_str(s, 1, str_z(alias));
	db_bind_str(s, 2, str_z(target));
	assert_int_equal(db_run(&s, NULL), 0);
}

static int
up(void **state)
{
	if (fixture_up(state) < 0)
		return -1;
	fixture_domain("x.test");
	fixture_domain("y.test");
	fixture_user("alice@x.test", "secret");
	fixture_user("bob@x.test", "secret");
	return 0;
}

static void
users_aliases_and_tags(void **state)
{
	(void)state;
	fixture_alias("sales@x.test", "alice@x.test", NULL);
	fixture_alias("sales@x.test", "bob@x.test", NULL);
	fixture_alias("team@y.test", "sales@x.test", NULL);
	fixture_alias("team@y.test", "bob@x.test", NULL);
	assert_string_equal(leads("alice@x.test"), "alice@x.test");
	assert_string_equal(leads("nobody@x.test"), "no user");
	assert_string_equal(leads("alice@z.test"), "relay");
	assert_string_equal(leads("sales@x.test"), "alice@x.test bob@x.test");
	assert_string_equal(leads("team@y.test"), "bob@x.test alice@x.test");
	assert_string_equal(leads("alice+news@x.test"), "alice@x.test");
	assert_string_equal(leads("alice+a+b@x.test"), "alice@x.test");
	assert_string_equal(leads("sales+q3@x.test"), "alice@x.test bob@x.test");
	assert_string_equal(leads("+alice@x.test"), "no user");
	authd.rules.separator = '\0';
	assert_string_equal(leads("alice+news@x.test"), "no user");
	authd.rules.separator = '-';
	assert_string_equal(leads("alice-news@x.test"), "alice@x.test");
}

/* An alias may lead to other hosts; mailboxes of ours come first among its targets. */
static void
aliases_lead_abroad(void **state)
{
	struct resolved r;
	struct str out;

	(void)state;
	fixture_alias("away@x.test", "eve@z.test", NULL);
	fixture_alias("mixed@x.test", "eve@z.test", NULL);
	fixture_alias("mixed@x.test", "alice@x.test", NULL);
	fixture_alias("mixed@x.test", "away@x.test", NULL);
	fixture_alias("idn@x.test",
	    "eve@b\xc3\xbc"
	    "cher.test",
	    NULL);
	assert_string_equal(leads("away@x.test"), "eve@z.test");
	assert_int_equal(look("away@x.test").nlocal, 0);
	r = look("mixed@x.test");
	assert_int_equal(r.nlocal, 1);
	assert_int_equal(r.n, 2);
	assert_string_equal(leads("mixed@x.test"), "alice@x.test eve@z.test");
	assert_string_equal(leads("idn@x.test"), "eve@xn--bcher-kva.test");
	/* Local parts of others are as they were given, domains as DNS knows them. */
	assert_int_equal(resolve_foreign(STR("Eve.X@B\xc3\x9c"
					     "CHER.Test"),
			     &fixture_arena, &out, NULL),
	    0);
	assert_true(str_eq(out, STR("Eve.X@xn--bcher-kva.test")));
	assert_int_equal(resolve_foreign(STR("\"a b\"@Z.test"), &fixture_arena, &out, NULL), 0);
	assert_true(str_eq(out, STR("\"a b\"@z.test")));
	assert_int_equal(resolve_foreign(STR("eve@[192.0.2.1]"), &fixture_arena, &out, NULL), 0);
	assert_true(str_eq(out, STR("eve@[192.0.2.1]")));
	assert_int_equal(resolve_foreign(STR("eve"), &fixture_arena, &out, NULL), -1);
}

static void
an_alias_with_a_tag_goes_first(void **state)
{
	(void)state;
	fixture_alias("alice+work@x.test", "bob@x.test", NULL);
	assert_string_equal(leads("alice+work@x.test"), "bob@x.test");
	assert_string_equal(leads("alice+home@x.test"), "alice@x.test");
}

static void
the_catch_all_comes_last(void **state)
{
	(void)state;
	fixture_alias("@y.test", "alice@x.test", NULL);
	fixture_alias("bob@y.test", "bob@x.test", NULL);
	assert_string_equal(leads("anything@y.test"), "alice@x.test");
	assert_string_equal(leads("bob@y.test"), "bob@x.test");
	assert_string_equal(leads("bob+tag@y.test"), "bob@x.test");
	assert_string_equal(leads("anything@x.test"), "no user");
}

static void
circles_are_seen(void **state)
{
	(void)state;
	plant("a@x.test", "b@x.test");
	plant("b@x.test", "c@x.test");
	plant("c@x.test", "a@x.test");
	assert_string_equal(leads("a@x.test"), "loop");
	plant("c@x.test", "alice@x.test");
	assert_string_equal(leads("a@x.test"), "alice@x.test");
	assert_true(look("a@x.test").loop);
	plant("@x.test", "ghost@x.test");
	assert_string_equal(leads("any@x.test"), "loop");
}

static void
a_diamond_is_no_circle(void **state)
{
	(void)state;
	fixture_alias("d@x.test", "alice@x.test", NULL);
	fixture_alias("b@x.test", "d@x.test", NULL);
	fixture_alias("c@x.test", "d@x.test", NULL);
	fixture_alias("a@x.test", "b@x.test", NULL);
	assert_int_equal(fixture_alias("a@x.test", "c@x.test", NULL), 0);
	assert_string_equal(leads("a@x.test"), "alice@x.test");
	assert_false(look("a@x.test").loop);
}

static void
depth_and_breadth_are_bounded(void **state)
{
	char from[32], to[32];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "n%02d@x.test", i);
		snprintf(to, sizeof(to), "n%02d@x.test", i + 1);
		plant(from, to);
	}
	plant("n40@x.test", "alice@x.test");
	assert_string_equal(leads("n40@x.test"), "alice@x.test");
	assert_string_equal(leads("n25@x.test"), "alice@x.test");
	assert_string_equal(leads("n00@x.test"), "loop");
	/* 100 x 100 aliases behind one address. */
	for (int i = 0; i < 100; i++) {
		snprintf(to, sizeof(to), "w%02d@x.test", i);
		plant("wide@x.test", to);
		for (int j = 0; j < 100; j++) {
			char leaf[32];

			snprintf(leaf, sizeof(leaf), "v%04d@x.test", i * 100 + j);
			plant(to, leaf);
			plant(leaf, "bob@x.test");
		}
	}
	assert_string_equal(leads("wide@x.test"), "bob@x.test");
	assert_true(look("wide@x.test").over);
}

static void
dead_targets_are_passed_over(void **state)
{
	(void)state;
	plant("a@x.test", "gone@x.test");
	assert_string_equal(leads("a@x.test"), "no user");
	plant("a@x.test", "alice@x.test");
	assert_string_equal(leads("a@x.test"), "alice@x.test");
}

static void
postmaster_leads_somewhere(void **state)
{
	(void)state;
	fixture_user("carol@y.test", "secret");
	assert_string_equal(leads("postmaster@x.test"), "alice@x.test");
	assert_string_equal(leads("abuse@y.test"), "carol@y.test");
	assert_string_equal(leads("postmaster@mail.example.test"), "alice@x.test");
	assert_string_equal(leads("alice@mail.example.test"), "relay");
	assert_string_equal(leads("postmaster@z.test"), "relay");
	authd.rules.postmaster = STR("bob@x.test");
	assert_string_equal(leads("postmaster@y.test"), "bob@x.test");
	fixture_alias("postmaster@y.test", "carol@y.test", NULL);
	assert_string_equal(leads("postmaster@y.test"), "carol@y.test");
}

static int
owns(const char *user, const char *address)
{
	return checks_owns(str_z(user), str_z(address), &fixture_arena, NULL);
}

static void
senders_own_what_leads_to_them(void **state)
{
	(void)state;
	fixture_alias("sales@x.test", "alice@x.test", NULL);
	fixture_alias("@y.test", "bob@x.test", NULL);
	assert_int_equal(owns("alice@x.test", "alice@x.test"), 1);
	assert_int_equal(owns("alice@x.test", "Alice@X.Test"), 1);
	assert_int_equal(owns("alice@x.test", "alice+tag@x.test"), 1);
	assert_int_equal(owns("alice@x.test", "sales@x.test"), 1);
	assert_int_equal(owns("alice@x.test", "sales+q3@x.test"), 1);
	assert_int_equal(owns("bob@x.test", "sales@x.test"), 0);
	assert_int_equal(owns("bob@x.test", "alice@x.test"), 0);
	assert_int_equal(owns("bob@x.test", "alice+bob@x.test"), 0);
	assert_int_equal(owns("bob@x.test", "whoever@y.test"), 1);
	assert_int_equal(owns("alice@x.test", "whoever@y.test"), 0);
	assert_int_equal(owns("alice@x.test", "alice@z.test"), 0);
	/* What several share is nobody's own, but where it is granted. */
	fixture_alias("team@x.test", "alice@x.test", NULL);
	fixture_alias("team@x.test", "bob@x.test", NULL);
	fixture_alias("two@x.test", "alice@x.test", NULL);
	fixture_alias("two@x.test", "alice@elsewhere.test", NULL);
	assert_int_equal(owns("alice@x.test", "team@x.test"), 0);
	assert_int_equal(owns("alice@x.test", "two@x.test"), 1);
	authd.group_senders = &(struct str){"Team@x.test", 11};
	authd.ngroup_senders = 1;
	assert_int_equal(owns("alice@x.test", "team@x.test"), 1);
	assert_int_equal(owns("bob@x.test", "team+x@x.test"), 1);
	assert_int_equal(owns("carol@y.test", "team@x.test"), 0);
	authd.group_senders = &(struct str){"*", 1};
	assert_int_equal(owns("bob@x.test", "team@x.test"), 1);
	assert_int_equal(owns("bob@x.test", "two@x.test"), 0);
	authd.ngroup_senders = 0;
	assert_int_equal(owns("alice@x.test", "no address"), 0);
	assert_int_equal(owns("alice@x.test", ""), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, fixture_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(users_aliases_and_tags),
	    TEST(aliases_lead_abroad),
	    TEST(an_alias_with_a_tag_goes_first),
	    TEST(the_catch_all_comes_last),
	    TEST(circles_are_seen),
	    TEST(a_diamond_is_no_circle),
	    TEST(depth_and_breadth_are_bounded),
	    TEST(dead_targets_are_passed_over),
	    TEST(postmaster_leads_somewhere),
	    TEST(senders_own_what_leads_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
