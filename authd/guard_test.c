/* guard_test.c - guessing leads to bans and delays, and to nothing for anybody else. */
#include "authd/fixture.h"

#include "authd/bans.h"
#include "authd/guard.h"
#include "authd/notes.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "io/loop.h"
#include "net/banlist.h"
#include "net/trusted.h"
#include "svc/svc.h"

static struct ipc_chan *channels[2];

/* The fronts are away: what they are told is tested end to end. */
struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	struct ipc_chan **c = &channels[peer == PEER_IMAPD];

	if (*c == NULL)
		*c = ipc_new(-1, PEER_AUTHD, peer, NULL, NULL, NULL);
	return *c;
}

const struct conf *
svc_conf(void)
{
	return NULL;
}

static void
pause_a_turn(void)
{
	for (int i = 0; i < 6000 && writer_pending() > 0; i++)
		loop_once(10);
	assert_int_equal(writer_pending(), 0);
}

static void
load(void)
{
	static const struct str trusted[] = {STR_INIT("10.0.0.0/8")};
	static const unsigned char secret[32] = {1};

	assert_int_equal(trusted_configure(trusted, 1, NULL), 0);
	assert_int_equal(notes_load(authd.db, secret, NULL), 0);
	assert_int_equal(bans_load(authd.db, NULL), 0);
	guard_configure(&(struct guard_rules){.failures = 5, .window_ms = 600000, .factor = 3});
	bans_configure(&(struct bans_rules){.first_ms = 60000, .most_ms = 200000});
}

static int
up(void **state)
{
	static bool begun;

	log_set_level(LOG_LEVEL_ERROR);
	if (!begun && loop_init(NULL) < 0)
		return -1;
	begun = true;
	if (fixture_up(state) < 0 || writer_init(NULL) < 0)
		return -1;
	load();
	return 0;
}

static void
unload(void)
{
	while (!notes_save())
		loop_once(10);
	pause_a_turn();
	bans_done();
	notes_done();
	guard_done();
}

static int
down(void **state)
{
	unload();
	writer_done();
	ipc_free(&channels[0]);
	ipc_free(&channels[1]);
	clock_advance(86400000);
	return fixture_down(state);
}

static struct guard_login
login(const char *peer, const char *user, const char *password)
{
	return (struct guard_login){.front = PEER_SMTPD,
	    .service = STR_INIT("smtp"),
	    .peer = str_z(peer),
	    .user = str_z(user),
	    .password = str_z(password)};
}

/* n failures with ever new passwords; the delay of the last. */
static uint64_t
fail_n(const char *peer, const char *user, unsigned n)
{
	static unsigned serial;
	uint64_t ms = 0;

	for (unsigned i = 0; i < n; i++) {
		char password[32];
		struct guard_login l;

		snprintf(password, sizeof(password), "guess %u", serial++);
		l = login(peer, user, password);
		ms = guard_failed(&l);
	}
	return ms;
}

static bool
banned(const char *peer)
{
	return guard_bans(str_z(peer));
}

static uint64_t
delay(const char *peer, const char *user)
{
	struct guard_login l = login(peer, user, "right");

	return guard_delay(&l);
}

static void
succeed(const char *peer, const char *user)
{
	struct guard_login l = login(peer, user, "right");

	guard_ok(&l);
}

static void
who_guesses_is_banned(void **state)
{
	(void)state;
	assert_int_equal(fail_n("192.0.2.1", "alice@x.test", 2), 0);
	assert_int_equal(fail_n("192.0.2.1", "alice@x.test", 1), 500);
	assert_int_equal(fail_n("192.0.2.1", "bob@x.test", 1), 1000);
	assert_false(banned("192.0.2.1"));
	fail_n("192.0.2.1", "nobody@x.test", 1);
	assert_true(banned("192.0.2.1"));
	assert_true(banned("::ffff:192.0.2.1"));
	assert_false(banned("192.0.2.2"));
	clock_advance(61000);
	assert_false(banned("192.0.2.1"));
	/* The next one is longer, up to a limit. */
	fail_n("192.0.2.1", "alice@x.test", 5);
	clock_advance(61000);
	assert_true(banned("192.0.2.1"));
	clock_advance(60000);
	assert_false(banned("192.0.2.1"));
	for (int i = 0; i < 5; i++) {
		fail_n("192.0.2.1", "alice@x.test", 5);
		assert_true(banned("192.0.2.1"));
		clock_advance(201000);
		assert_false(banned("192.0.2.1"));
	}
}

static void
failures_are_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		fail_n("192.0.2.1", "alice@x.test", 1);
		clock_advance(300000);
	}
	assert_false(banned("192.0.2.1"));
}

static void
version_six_counts_by_its_64(void **state)
{
	(void)state;
	fail_n("2001:db8::1", "alice@x.test", 3);
	fail_n("2001:db8::ffff:2", "alice@x.test", 2);
	assert_true(banned("2001:db8::3"));
	assert_false(banned("2001:db8:0:1::3"));
}

static void
a_network_that_guesses(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u", i);
		fail_n(peer, "alice@x.test", 3);
	}
	assert_true(banned("192.0.2.200"));
	assert_false(banned("192.0.3.1"));
	clock_advance(61000);
	assert_false(banned("192.0.2.200"));
}

static void
trusted_networks_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(fail_n("10.1.2.3", "alice@x.test", 100), 0);
	assert_false(banned("10.1.2.3"));
	assert_int_equal(delay("192.0.2.9", "alice@x.test"), 0);
	/* What is no address is nobody's. */
	assert_int_equal(fail_n("local", "alice@x.test", 100), 0);
	assert_int_equal(fail_n("", "alice@x.test", 100), 0);
}

/* A phone with yesterday's password must not ban the office that it is in. */
static void
the_same_again_counts_once(void **state)
{
	struct guard_login l = login("192.0.2.1", "alice@x.test", "yesterday's");

	(void)state;
	for (int i = 0; i < 100; i++)
		guard_failed(&l);
	assert_false(banned("192.0.2.1"));
	fail_n("192.0.2.1", "bob@x.test", 3);
	assert_false(banned("192.0.2.1"));
	fail_n("192.0.2.1", "bob@x.test", 1);
	assert_true(banned("192.0.2.1"));
}

static void
a_success_takes_back_ones_own(void **state)
{
	(void)state;
	fail_n("192.0.2.1", "alice@x.test", 4);
	succeed("192.0.2.1", "alice@x.test");
	fail_n("192.0.2.1", "alice@x.test", 4);
	assert_false(banned("192.0.2.1"));
	succeed("192.0.2.1", "alice@x.test");
	/* Who has an account of its own guesses at others no longer for it. */
	fail_n("192.0.2.1", "bob@x.test", 4);
	succeed("192.0.2.1", "alice@x.test");
	fail_n("192.0.2.1", "bob@x.test", 1);
	assert_true(banned("192.0.2.1"));
}

/* Many addresses guess at one account: it is slowed down for those that it does not know. */
static void
nobody_locks_anybody_out(void **state)
{
	char peer[32];

	(void)state;
	succeed("198.51.100.7", "alice@x.test");
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(peer, sizeof(peer), "203.%u.113.1", i);
		fail_n(peer, "alice@x.test", 1);
	}
	assert_int_equal(delay("192.0.2.9", "alice@x.test"), 1000);
	for (unsigned i = 6; i <= 40; i++) {
		snprintf(peer, sizeof(peer), "203.%u.113.1", i);
		fail_n(peer, "alice@x.test", 1);
	}
	assert_int_equal(delay("192.0.2.9", "alice@x.test"), GUARD_DELAY_MAX);
	assert_int_equal(delay("198.51.100.7", "alice@x.test"), 0);
	assert_int_equal(delay("192.0.2.9", "bob@x.test"), 0);
	/* A user who does not exist is as slow. */
	for (unsigned i = 1; i <= 40; i++) {
		snprintf(peer, sizeof(peer), "203.%u.113.2", i);
		fail_n(peer, "nobody@x.test", 1);
	}
	assert_int_equal(delay("192.0.2.9", "nobody@x.test"), GUARD_DELAY_MAX);
	/* Failures of a known address slow down nobody. */
	clock_advance(1300000);
	fail_n("198.51.100.7", "alice@x.test", 5);
	assert_int_equal(delay("192.0.2.9", "alice@x.test"), 0);
	assert_true(banned("198.51.100.7"));
}

static void
it_survives_a_restart(void **state)
{
	(void)state;
	fail_n("192.0.2.1", "alice@x.test", 5);
	succeed("198.51.100.7", "alice@x.test");
	unload();
	assert_false(banned("192.0.2.1"));
	load();
	assert_true(banned("192.0.2.1"));
	clock_advance(61000);
	assert_false(banned("192.0.2.1"));
	unload();
	load();
	/* It is remembered that there was one. */
	fail_n("192.0.2.1", "alice@x.test", 5);
	clock_advance(61000);
	assert_true(banned("192.0.2.1"));
	for (unsigned i = 1; i <= 40; i++) {
		char peer[32];

		snprintf(peer, sizeof(peer), "203.%u.113.1", i);
		fail_n(peer, "alice@x.test", 1);
	}
	assert_int_equal(delay("198.51.100.7", "alice@x.test"), 0);
	assert_int_equal(delay("198.51.100.8", "alice@x.test"), GUARD_DELAY_MAX);
}

/* What a captured front says of others leads to so many bans an hour. */
static void
a_lying_front_has_a_bound(void **state)
{
	unsigned n = 0;
	char peer[32];

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(peer, sizeof(peer), "%u.%u.7.1", 100 + i / 200, i % 200);
		fail_n(peer, "alice@x.test", 5);
		n += banned(peer);
		pause_a_turn();
	}
	assert_int_equal(n, GUARD_BANS_HOUR);
	/* Another front still can. */
	for (unsigned i = 0; i < 5; i++) {
		struct guard_login l = login("192.0.2.1", "alice@x.test", "");

		l.front = PEER_IMAPD;
		guard_failed(&l);
	}
	assert_true(banned("192.0.2.1"));
}

/* At the bound those for failed logins go which end first; the operator's stay. */
static void
bans_have_a_bound(void **state)
{
	struct ban_row row = {.since = 1, .times = 1, .reason = "test"};

	(void)state;
	bans_done();
	bans_configure(&(struct bans_rules){.first_ms = 86400000, .most_ms = 86400000});
	assert_int_equal(db_begin(authd.db, NULL), 0);
	for (unsigned i = 0; i < BANLIST_MAX; i++) {
		row.n = (struct network){.net = {[10] = 0xff, 0xff, 11}, .bits = 128};
		num_put_u16(row.n.net + 14, (uint16_t)i);
		row.until = clock_wall() + 10000 + i;
		row.by_hand = i == 0; /* it would end first */
		assert_int_equal(bans_db_save(authd.db, &row, NULL), 0);
	}
	assert_int_equal(db_commit(authd.db, NULL), 0);
	assert_int_equal(bans_load(authd.db, NULL), 0);
	assert_int_equal(banlist_count(), BANLIST_MAX);
	for (unsigned char i = 0; i < 20; i++) {
		row.n.net[12] = 12;
		row.n.net[15] = i;
		bans_add(&row.n, "test", true);
		assert_true(bans_has(&row.n));
	}
	assert_int_equal(banlist_count(), BANLIST_MAX);
	assert_true(banned("11.0.0.0"));
	assert_false(banned("11.0.0.1") || banned("11.0.0.19"));
	assert_true(banned("11.0.0.22"));
	pause_a_turn();
}

/* A hundred thousand addresses and names: memory has its bound, and who has failed much is kept. */
static void
a_storm_of_addresses(void **state)
{
	char peer[32], user[32];

	(void)state;
	fail_n("192.0.2.1", "alice@x.test", 4);
	for (unsigned i = 0; i < 200000; i++) {
		snprintf(peer, sizeof(peer), "%u.%u.%u.1", 11 + i / 65536, i / 256 % 256, i % 256);
		snprintf(user, sizeof(user), "user%u@x.test", i);
		fail_n(peer, user, 1);
	}
	assert_true(guard_remembered() <= 100000);
	fail_n("192.0.2.1", "alice@x.test", 1);
	assert_true(banned("192.0.2.1"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
	    TEST(who_guesses_is_banned),
	    TEST(failures_are_forgotten),
	    TEST(version_six_counts_by_its_64),
	    TEST(a_network_that_guesses),
	    TEST(trusted_networks_are_left_alone),
	    TEST(the_same_again_counts_once),
	    TEST(a_success_takes_back_ones_own),
	    TEST(nobody_locks_anybody_out),
	    TEST(it_survives_a_restart),
	    TEST(a_lying_front_has_a_bound),
	    TEST(bans_have_a_bound),
	    TEST(a_storm_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
