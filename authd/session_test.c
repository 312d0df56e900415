/*
 * Logins as a front sees them: real channels, real threads, the test is the front.
 */
#include "authd/fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "authd/apppass.h"
#include "authd/cache.h"
#include "authd/guard.h"
#include "authd/notes.h"
#include "authd/password.h"
#include "authd/session.h"
#include "authd/ticket.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "ipc/ipc.h"

static struct ipc_chan *smtpd, *imapd;       /* the fronts' ends */
static struct ipc_chan *to_smtpd, *to_imapd; /* authd's ends */

/* The last answer. */
static struct {
	bool here;
	bool failed;
	unsigned temps; /* AUTH_TEMP so far */
	uint32_t state;
	uint64_t session;
	struct str data, user, ticket, text;
} got;

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_AUTH_START)
		session_start(c, m);
	else if (m->type == MSG_AUTH_STEP)
		session_step(c, m);
	else
		session_abort(c, m);
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	(void)e;
	got.here = true;
	got.failed = m == NULL;
	if (m == NULL)
		return;
	got.state = ipc_get_u32(m);
	got.temps += got.state == AUTH_TEMP;
	got.session = ipc_get_u64(m);
	got.data = arena_dup(&fixture_arena, ipc_get_str(m));
	got.user = arena_dup(&fixture_arena, ipc_get_str(m));
	got.ticket = arena_dup(&fixture_arena, ipc_get_str(m));
	got.text = arena_dup(&fixture_arena, ipc_get_str(m));
	assert_int_equal(ipc_end(m), 0);
}

static void
join(struct ipc_chan **front, struct ipc_chan **back, enum ipc_peer peer)
{
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	*front = ipc_new(fd[0], peer, PEER_AUTHD, NULL, NULL, NULL);
	*back = ipc_new(fd[1], PEER_AUTHD, peer, serve, NULL, NULL);
}

static int
up(void **state)
{
	const struct password_cost cost = {crypto_pwhash_MEMLIMIT_MIN, 1, 4096};
	static bool begun;

	log_set_level(LOG_LEVEL_ERROR);
	if (!begun && loop_init(NULL) < 0)
		return -1;
	begun = true;
	if (fixture_up(state) < 0 || password_init(&cost, NULL) < 0 || password_start(1, NULL) < 0)
		return -1;
	memset(authd.fake_key, 5, sizeof(authd.fake_key));
	if (notes_load(authd.db, authd.fake_key, NULL) < 0)
		return -1;
	cache_init();
	guard_configure(&(struct guard_rules){.failures = 0});
	session_init();
	join(&smtpd, &to_smtpd, PEER_SMTPD);
	join(&imapd, &to_imapd, PEER_IMAPD);
	fixture_domain("x.test");
	fixture_user("alice@x.test", "open sesame");
	return 0;
}

static int
down(void **state)
{
	password_done(); /* first: what it still had to do is answered */
	ipc_free(&smtpd);
	ipc_free(&to_smtpd);
	ipc_free(&imapd);
	ipc_free(&to_imapd);
	session_done();
	notes_done();
	ticket_done();
	cache_done();
	guard_done();
	return fixture_down(state);
}

static void
wait_answer(void)
{
	for (int i = 0; i < 1000 && !got.here; i++)
		loop_once(20);
	assert_true(got.here);
	assert_false(got.failed);
}

static void
ask(struct ipc_chan *c, const char *mech, const char *initial, size_t n, const char *binding)
{
	struct ipc_out m;

	got.here = false;
	ipc_begin(&m, MSG_AUTH_START);
	ipc_put_z(&m, c == imapd ? "imap" : "smtp");
	ipc_put_z(&m, mech);
	ipc_put_u32(&m, initial != NULL);
	ipc_put_str(&m, initial ? str_of(initial, n) : STR(""));
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_u32(&m, 1);
	ipc_put_z(&m, binding);
	ipc_put_z(&m, "");
	ipc_put_u64(&m, 42);
	ipc_put_z(&m, "sid");
	ipc_call(c, &m, answered, NULL);
}

static void
start(struct ipc_chan *c, const char *mech, const char *initial, size_t n)
{
	ask(c, mech, initial, n, "");
	wait_answer();
}

#define START(c, mech, lit) start((c), (mech), (lit), sizeof(lit) - 1)

static void
step(struct ipc_chan *c, uint64_t session, struct str data)
{
	struct ipc_out m;

	got.here = false;
	ipc_begin(&m, MSG_AUTH_STEP);
	ipc_put_u64(&m, session);
	ipc_put_str(&m, data);
	ipc_call(c, &m, answered, NULL);
	wait_answer();
}

static void
plain(void **state)
{
	struct str user;

	(void)state;
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	assert_true(str_eq_z(got.user, "alice@x.test"));
	assert_int_equal(got.ticket.n, TICKET_SIZE);
	assert_true(ticket_redeem(got.ticket, STR("imap"), PEER_IMAPD, 42, &user));
	assert_true(str_eq_z(user, "alice@x.test"));
	START(imapd, "plain", "\0Alice\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	START(imapd, "PLAIN", "alice@x.test\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	START(imapd, "PLAIN", "bob@x.test\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "\0alice@x.test\0open sesamE");
	assert_int_equal(got.state, AUTH_FAIL);
	assert_int_equal(got.ticket.n, 0);
	START(imapd, "PLAIN", "\0nobody@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "\0@@@\0open sesame");
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "\0alice@x.test\0");
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "alice@x.test");
	assert_int_equal(got.state, AUTH_BAD);
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame\0more");
	assert_int_equal(got.state, AUTH_BAD);
	START(imapd, "CRAM-MD5", "");
	assert_int_equal(got.state, AUTH_BAD);
	authd.mechs[0] = false;
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_BAD);
}

static void
login(void **state)
{
	(void)state;
	start(smtpd, "LOGIN", NULL, 0);
	assert_int_equal(got.state, AUTH_CONTINUE);
	assert_true(str_eq_z(got.data, "Username:"));
	step(smtpd, got.session, STR("alice@x.test"));
	assert_int_equal(got.state, AUTH_CONTINUE);
	assert_true(str_eq_z(got.data, "Password:"));
	step(smtpd, got.session, STR("open sesame"));
	assert_int_equal(got.state, AUTH_OK);
	START(smtpd, "LOGIN", "alice@x.test");
	assert_true(str_eq_z(got.data, "Password:"));
	step(smtpd, got.session, STR("wrong"));
	assert_int_equal(got.state, AUTH_FAIL);
}

static void
a_session_belongs_to_its_front_and_ends(void **state)
{
	struct ipc_out m;
	uint64_t session;

	(void)state;
	start(smtpd, "LOGIN", NULL, 0);
	session = got.session;
	step(imapd, session, STR("alice@x.test"));
	assert_int_equal(got.state, AUTH_BAD);
	step(smtpd, session ^ 1, STR("alice@x.test"));
	assert_int_equal(got.state, AUTH_BAD);
	ipc_begin(&m, MSG_AUTH_ABORT);
	ipc_put_u64(&m, session);
	ipc_send(smtpd, &m);
	step(smtpd, session, STR("alice@x.test"));
	assert_int_equal(got.state, AUTH_BAD);
	start(smtpd, "LOGIN", NULL, 0);
	session = got.session;
	clock_advance(SESSION_MS + 10000);
	loop_once(0);
	step(smtpd, session, STR("alice@x.test"));
	assert_int_equal(got.state, AUTH_BAD);
}

static void
the_second_login_is_remembered_until_a_change(void **state)
{
	struct password_secret other = fixture_secret("new words");

	(void)state;
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_true(cache_knows(STR("alice@x.test"), STR("open sesame")));
	/* Not hashed: nobody is left to do it. */
	password_done();
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	START(imapd, "PLAIN", "\0alice@x.test\0open sesam");
	assert_int_equal(got.state, AUTH_TEMP);
	assert_int_equal(password_start(1, NULL), 0);
	assert_int_equal(accounts_passwd(authd.db, STR("alice@x.test"), &other, 0, NULL), 0);
	cache_forget(STR("alice@x.test"));
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "\0alice@x.test\0new words");
	assert_int_equal(got.state, AUTH_OK);
}

static void
a_password_changed_during_the_check_does_not_fit(void **state)
{
	struct password_secret other = fixture_secret("new words");

	(void)state;
	ask(imapd, "PLAIN", "\0alice@x.test\0open sesame", 25, "");
	/* The question arrives and goes to a thread; before its answer is taken the password is
	 * another. */
	loop_once(0);
	assert_int_equal(accounts_passwd(authd.db, STR("alice@x.test"), &other, 0, NULL), 0);
	wait_answer();
	assert_int_equal(got.state, AUTH_FAIL);
	assert_false(cache_knows(STR("alice@x.test"), STR("open sesame")));
}

static void
an_old_secret_is_renewed_when_its_password_passes(void **state)
{
	const struct password_cost dearer = {2 * crypto_pwhash_MEMLIMIT_MIN, 2, 5000};
	struct account before, after;

	(void)state;
	assert_int_equal(writer_init(NULL), 0);
	assert_int_equal(
	    accounts_user(authd.db, STR("alice@x.test"), &fixture_arena, &before, NULL), 1);
	assert_int_equal(password_set_cost(&dearer, NULL), 0);
	authd.iterations = dearer.iterations;
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	for (int i = 0; i < 200; i++) {
		loop_once(10);
		assert_int_equal(
		    accounts_user(authd.db, STR("alice@x.test"), &fixture_arena, &after, NULL), 1);
		if (!str_eq(before.hash, after.hash))
			break;
	}
	assert_false(str_eq(before.hash, after.hash));
	assert_false(str_eq(before.salt, after.salt));
	assert_int_equal(after.iterations, 5000);
	assert_false(password_is_stale(after.hash));
	cache_forget(STR("alice@x.test"));
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	while (writer_pending() > 0)
		loop_once(10);
	password_done();
	writer_done();
}

static void
app_passwords(void **state)
{
	char words[APPPASS_SIZE], message[64];
	unsigned char salt[APPPASS_SALT] = {1}, hash[APPPASS_HASH];
	struct apppass app = {.name = STR("phone"),
	    .salt = str_of(salt, sizeof(salt)),
	    .hash = str_of(hash, sizeof(hash))};
	struct account alice;
	int n;

	(void)state;
	apppass_new(words);
	apppass_hash(words, app.salt, hash);
	assert_int_equal(
	    accounts_user(authd.db, STR("alice@x.test"), &fixture_arena, &alice, NULL), 1);
	scram_derive(str_z(words), alice.salt, alice.iterations, &app.keys);
	assert_int_equal(
	    accounts_apppass_add(authd.db, STR("alice@x.test"), &app, alice.salt, NULL), 0);
	n = snprintf(message, sizeof(message), "%calice@x.test%c%s", 0, 0, words);
	start(imapd, "PLAIN", message, (size_t)n);
	assert_int_equal(got.state, AUTH_OK);
	message[n - 1] ^= 1;
	start(imapd, "PLAIN", message, (size_t)n);
	assert_int_equal(got.state, AUTH_FAIL);
	START(imapd, "PLAIN", "\0alice@x.test\0open sesame");
	assert_int_equal(got.state, AUTH_OK);
	assert_int_equal(
	    accounts_apppass_del(authd.db, STR("alice@x.test"), STR("phone"), NULL), 0);
	message[n - 1] ^= 1;
	start(imapd, "PLAIN", message, (size_t)n);
	assert_int_equal(got.state, AUTH_FAIL);
}

/* Salt and iterations that a name is shown. */
static struct str
shown(const char *name)
{
	struct str first = arena_printf(&fixture_arena, "n,,n=%s,r=abc", name), out;

	start(imapd, "SCRAM-SHA-256", first.p, first.n);
	assert_int_equal(got.state, AUTH_CONTINUE);
	out = str_from(got.data, str_find(got.data, STR(",s=")));
	assert_true(out.n > 20);
	return arena_dup(&fixture_arena, out);
}

static void
scram_tells_nobody_who_exists(void **state)
{
	struct str alice = shown("alice@x.test"), ghost = shown("ghost@x.test");

	(void)state;
	assert_int_equal(alice.n, ghost.n);
	assert_true(str_eq(ghost, shown("ghost@x.test")));
	assert_true(str_eq(ghost, shown("GHOST@x.test")));
	assert_true(str_eq(alice, shown("alice")));
	assert_false(str_eq(ghost, shown("other@x.test")));
	shown("no address");
	step(imapd, got.session,
	    arena_printf(&fixture_arena, "c=biws," STR_FMT ",p=%s",
		STR_ARG(str_sub(got.data, 0, str_find(got.data, STR(",s=")))),
		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
	assert_int_equal(got.state, AUTH_FAIL);
}

static void
a_downgrade_is_seen(void **state)
{
	(void)state;
	ask(imapd, "SCRAM-SHA-256", "y,,n=alice,r=abc", 16, "bound");
	wait_answer();
	assert_int_equal(got.state, AUTH_FAIL);
	ask(imapd, "SCRAM-SHA-256", "y,,n=alice,r=abc", 16, "");
	wait_answer();
	assert_int_equal(got.state, AUTH_CONTINUE);
}

static void
one_peer_does_not_fill_the_backlog(void **state)
{
	struct password_secret slow = fixture_secret("secret");
	char message[64];
	int n;
	const int tries = (int)SESSION_PEER_CHECKS + 8;

	(void)state;
	/* Slow enough that all questions are there before the first is answered. */
	assert_int_equal(crypto_pwhash_str_alg(
			     slow.hash, "secret", 6, 4, 16u << 20, crypto_pwhash_ALG_ARGON2ID13),
	    0);
	assert_int_equal(accounts_user_add(authd.db, STR("slow@x.test"), &slow, 0, NULL), 0);
	got.temps = 0;
	for (int i = 0; i < tries; i++) {
		n = snprintf(message, sizeof(message), "%cslow@x.test%cguess %d", 0, 0, i);
		ask(imapd, "PLAIN", message, (size_t)n, "");
	}
	for (int i = 0; i < 2000 && ipc_pending(imapd) > 0; i++)
		loop_once(20);
	assert_int_equal(ipc_pending(imapd), 0);
	assert_in_range(got.temps, 4, 8);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(plain),
	    TEST(login),
	    TEST(a_session_belongs_to_its_front_and_ends),
	    TEST(the_second_login_is_remembered_until_a_change),
	    TEST(a_password_changed_during_the_check_does_not_fit),
	    TEST(an_old_secret_is_renewed_when_its_password_passes),
	    TEST(app_passwords),
	    TEST(scram_tells_nobody_who_exists),
	    TEST(a_downgrade_is_seen),
	    TEST(one_peer_does_not_fill_the_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
