#include "authd/fixture.h"

#include "authd/quota.h"

#define ALICE STR("alice@x.test")
#define BOB   STR("bob@x.test")

static int
up(void **state)
{
	(void)state;
	arena_init(&fixture_arena);
	quota_domain_set(STR("x.test"), 0);
	quota_user_new(ALICE, 100);
	quota_user_new(BOB, 0);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	quota_done();
	arena_free(&fixture_arena);
	return 0;
}

static void
a_user_has_room_up_to_its_quota(void **state)
{
	(void)state;
	assert_true(quota_room(ALICE, 100));
	assert_false(quota_room(ALICE, 101));
	quota_add(ALICE, 60, 1);
	assert_true(quota_room(ALICE, 40));
	assert_false(quota_room(ALICE, 41));
	quota_add(ALICE, 40, 1);
	assert_false(quota_room(ALICE, 0));
	quota_set(ALICE, 10, 1);
	assert_true(quota_room(ALICE, 90));
	assert_true(quota_room(BOB, UINT64_MAX));
	quota_user_set(ALICE, 0);
	assert_true(quota_room(ALICE, 1000));
	assert_true(quota_room(STR("unknown@x.test"), 1));
}

static void
a_domain_counts_all_its_users(void **state)
{
	(void)state;
	quota_domain_set(STR("x.test"), 150);
	quota_set(BOB, 100, 5);
	assert_true(quota_room(ALICE, 50));
	assert_false(quota_room(ALICE, 51));
	assert_false(quota_room(BOB, 51));
	quota_user_gone(BOB);
	assert_true(quota_room(ALICE, 100));
	quota_domain_gone(STR("x.test"));
	assert_true(quota_room(ALICE, 100));
}

static void
nonsense_saturates(void **state)
{
	(void)state;
	quota_add(ALICE, UINT64_MAX, UINT64_MAX);
	quota_add(ALICE, UINT64_MAX, UINT64_MAX);
	quota_add(BOB, UINT64_MAX, 1);
	assert_false(quota_room(ALICE, 0));
	quota_set(ALICE, 0, 0);
	quota_set(BOB, 0, 0);
	quota_domain_set(STR("x.test"), 10);
	assert_true(quota_room(BOB, 10));
}

static void
usage_is_written_back_once(void **state)
{
	struct accounts_usage *u;
	uint64_t octets, messages;

	(void)state;
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 0);
	quota_add(ALICE, 5, 1);
	quota_add(ALICE, 5, 1);
	quota_add(BOB, 7, 1);
	assert_int_equal(quota_take_dirty(&fixture_arena, 1, &u), 1);
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 1);
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 0);
	quota_set(ALICE, 10, 2);
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 0);
	assert_true(quota_usage(ALICE, &octets, &messages));
	assert_int_equal(octets, 10);
	assert_int_equal(messages, 2);
	assert_false(quota_usage(STR("unknown"), &octets, &messages));
}

static void
usage_survives_a_restart(void **state)
{
	struct accounts_usage *u;
	uint64_t octets, messages;

	assert_int_equal(fixture_up(state), 0);
	fixture_domain("x.test");
	fixture_user("alice@x.test", "secret");
	assert_int_equal(quota_load(authd.db, NULL), 0);
	quota_set(ALICE, 1234, 5);
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 1);
	assert_int_equal(accounts_usage_save(authd.db, u, 1, NULL), 0);
	quota_done();
	assert_int_equal(quota_load(authd.db, NULL), 0);
	assert_int_equal(quota_take_dirty(&fixture_arena, 10, &u), 0);
	assert_true(quota_usage(ALICE, &octets, &messages));
	assert_int_equal(octets, 1234);
	assert_int_equal(messages, 5);
	quota_done();
	fixture_down(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_user_has_room_up_to_its_quota),
	    TEST(a_domain_counts_all_its_users),
	    TEST(nonsense_saturates),
	    TEST(usage_is_written_back_once),
	    cmocka_unit_test(usage_survives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
