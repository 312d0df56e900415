/* rates_test.c - what users and domains may send, and greylisting: both live in notes. */
#include "authd/fixture.h"

#include "authd/grey.h"
#include "authd/notes.h"
#include "authd/rates.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "net/trusted.h"

static const unsigned char secret[32] = {1};

static void
load(void)
{
	static const struct str trusted[] = {STR_INIT("10.0.0.0/8")};

	assert_int_equal(trusted_configure(trusted, 1, NULL), 0);
	assert_int_equal(notes_load(authd.db, secret, NULL), 0);
	rates_configure(&(struct rates_rule){3, 5, 6, 0}, &(struct rates_rule){4, 0, 0, 20});
	grey_configure(true, 60000);
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
	notes_done();
}

static int
down(void **state)
{
	unload();
	writer_done();
	return fixture_down(state);
}

static uint32_t wait;

static enum rcpt_verdict
take(const char *user, bool first)
{
	return rates_take(str_z(user), str_z(user), first, &wait);
}

static void
messages_of_a_user(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take("alice@x.test", true), RCPT_OK);
	assert_int_equal(take("alice@x.test", true), RCPT_MESSAGES);
	assert_in_range(wait, 3590, 3600);
	/* The third may still have recipients, up to their number. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(take("alice@x.test", false), RCPT_OK);
	assert_int_equal(take("alice@x.test", false), RCPT_RECIPIENTS);
	assert_int_equal(take("bob@y.test", true), RCPT_OK);
	clock_advance(3601000);
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
	/* Five in a day. */
	assert_int_equal(take("alice@x.test", true), RCPT_MESSAGES);
	assert_in_range(wait, 82000, 83000);
	clock_advance(86400000);
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
}

static void
messages_of_a_domain(void **state)
{
	(void)state;
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
	assert_int_equal(take("bob@x.test", true), RCPT_OK);
	assert_int_equal(take("carol@x.test", true), RCPT_OK);
	assert_int_equal(take("carol@x.test", true), RCPT_MESSAGES);
	/* It is the domain of MAIL that counts, of the null sender the user's. */
	assert_int_equal(
	    rates_take(STR("carol@x.test"), STR("carol@z.test"), true, &wait), RCPT_OK);
	assert_int_equal(rates_take(STR("carol@x.test"), STR(""), true, &wait), RCPT_MESSAGES);
}

static void
counts_survive_a_restart(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take("alice@x.test", true), RCPT_OK);
	unload();
	load();
	assert_int_equal(take("alice@x.test", true), RCPT_MESSAGES);
	clock_advance(3601000);
	unload();
	load();
	assert_int_equal(take("alice@x.test", true), RCPT_OK);
}

/* ---- greylisting ---- */

static const struct str alice = STR_INIT("alice@x.test");

static uint32_t
grey(const char *peer, const char *sender)
{
	return grey_check(str_z(peer), str_z(sender), alice, &alice, 1);
}

static void
strangers_come_again(void **state)
{
	(void)state;
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 60);
	clock_advance(30000);
	assert_in_range(grey("192.0.2.1", "a@y.test"), 29, 31);
	assert_int_equal(grey("192.0.2.1", "b@y.test"), 60);
	assert_int_equal(grey("198.51.100.1", "a@y.test"), 60);
	clock_advance(30000);
	assert_int_equal(grey("192.0.2.77", "A@Y.test"), 0); /* its network, in any case */
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 0);
	clock_advance(35 * 86400000ull);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 0); /* and again 36 days */
	clock_advance(35 * 86400000ull);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 0);
	clock_advance(37 * 86400000ull);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 60);
	/* Who comes back after two days begins anew. */
	clock_advance(2 * 86400000ull);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 60);
	assert_int_equal(grey("10.1.2.3", "a@y.test"), 0);
	assert_int_equal(grey("192.0.2.1", ""), 60);
	grey_configure(false, 60000);
	assert_int_equal(grey("192.0.2.1", "c@y.test"), 0);
}

static void
a_network_that_comes_back(void **state)
{
	char sender[32];

	(void)state;
	for (unsigned i = 0; i < GREY_PASSES; i++) {
		snprintf(sender, sizeof(sender), "a%u@y.test", i);
		assert_int_equal(grey("2001:db8::1", sender), 60);
	}
	clock_advance(60000);
	for (unsigned i = 0; i < GREY_PASSES; i++) {
		snprintf(sender, sizeof(sender), "a%u@y.test", i);
		assert_int_equal(grey("2001:db8::2", sender), 0);
	}
	assert_int_equal(grey("2001:db8::3", "new@z.test"), 0);
	assert_int_equal(grey("2001:db8:0:1::3", "new@z.test"), 60);
}

static void
who_was_written_to_is_welcome(void **state)
{
	(void)state;
	grey_wrote(alice, STR("Friend@y.test"));
	assert_int_equal(grey("192.0.2.1", "friend@Y.test"), 0);
	assert_int_equal(grey_check(STR("192.0.2.1"), STR("friend@y.test"), STR("bob@x.test"),
			     &(struct str){"bob@x.test", 10}, 1),
	    60);
	unload();
	load();
	assert_int_equal(grey("198.51.100.1", "friend@y.test"), 0);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 60);
	unload();
	load();
	clock_advance(60000);
	assert_int_equal(grey("192.0.2.1", "a@y.test"), 0);
}

static unsigned nloaded;

static void
loaded(const struct note_row *r)
{
	assert_int_equal(r->kind, NOTE_WROTE);
	assert_true(r->until > 1000);
	nloaded++;
}

/* On disk those go that have ended, and above the bound those that end first. */
static void
notes_on_disk_have_a_bound(void **state)
{
	struct note_row rows[100] = {{0}};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		rows[i].kind = NOTE_WROTE;
		rows[i].key.octets[0] = (unsigned char)i;
		rows[i].until = i < 50 ? 500 : 1000 + (int64_t)i;
	}
	assert_int_equal(notes_db_save(authd.db, rows, 100, 600, 40, NULL), 0);
	nloaded = 0;
	assert_int_equal(notes_db_load(authd.db, 600, loaded, NULL), 0);
	assert_int_equal(nloaded, 40);
	nloaded = 0;
	assert_int_equal(notes_db_load(authd.db, 1089, loaded, NULL), 0);
	assert_int_equal(nloaded, 10);
}

/* A storm of triplets has its bound. */
static void
a_storm_of_triplets(void **state)
{
	char sender[32];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		snprintf(sender, sizeof(sender), "a%u@y.test", i);
		grey("192.0.2.1", sender);
	}
	assert_true(notes_count(NOTE_GREY) <= 50000);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
	    TEST(messages_of_a_user),
	    TEST(messages_of_a_domain),
	    TEST(counts_survive_a_restart),
	    TEST(strangers_come_again),
	    TEST(a_network_that_comes_back),
	    TEST(who_was_written_to_is_welcome),
	    TEST(notes_on_disk_have_a_bound),
	    TEST(a_storm_of_triplets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
