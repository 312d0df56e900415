/*
 * tries_test.c - what is tried and what becomes of it: greetings in every split, other ends that
 * hang up, are silent, say something else or too much, and processes that refuse or make no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "statd/scene.h"

#define LIMITED "[server]\nhost_name = \"mail.test\"\n[metrics]\nprobe_every = \"30s\"\n"
#define MODEL   LIMITED "[assistant]\nprovider = \"ollama\"\nmodel = \"m\"\n"

static const struct str listeners[] = {STR("smtp"), STR("*:25"), STR("imap"), STR("*:143"),
    STR("http"), STR("127.0.0.1:8080"), STR("metrics"), STR("127.0.0.1:9090")};
static const struct str mailboxes[] = {STR("a@x.test"), STR("700"), STR("b@x.test"), STR("200")};
static const struct str broken[] = {
    STR("a@x.test"), STR("9999"), STR("b@x.test"), STR("-1"), STR("half a row")};

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		loop_once(1);
}

/* The next round begins, and the other ends have connections. */
static void
round_begins(void)
{
	unsigned asked = scene.asked;

	scene_hang_up();
	turns(3);
	clock_advance(31000);
	for (int i = 0; i < 200 && scene.asked == asked; i++)
		loop_once(1);
	assert_int_not_equal(scene.asked, asked);
	turns(10);
}

static const struct try_result *
result(const char *name)
{
	const struct try_result *v[20];
	size_t n = tries_list(v, ARRAY_LEN(v));

	for (size_t i = 0; i < n; i++)
		if (str_eq_z(v[i]->name, name))
			return v[i];
	return NULL;
}

/* Whom it was connected to. */
static size_t
server(const char *name)
{
	for (size_t i = 0; i < scene.nservers; i++)
		if (strcmp(scene.names[i], name) == 0)
			return i;
	fail_msg("nobody was connected to %s", name);
	return 0;
}

static void
says(const char *name, struct str s)
{
	if (s.n > 0)
		assert_int_equal(send(scene.servers[server(name)], s.p, s.n, MSG_NOSIGNAL), s.n);
	turns(3);
}

static void
ends(const char *name)
{
	size_t i = server(name);

	close(scene.servers[i]);
	scene.servers[i] = -1;
	turns(3);
}

static void
expect_try(const char *name, const char *why)
{
	const struct try_result *r = result(name);

	assert_true(r != NULL && r->tried);
	assert_string_equal(r != NULL ? r->why : "", why);
	assert_int_equal(r != NULL && r->ok, why[0] == '\0');
}

static bool
fails(const char *name)
{
	const struct try_result *r = result(name);

	return r != NULL && r->tried && !r->ok;
}

static int
up(void **state)
{
	struct err e;

	(void)state;
	scene_up(LIMITED);
	scene.listeners = listeners, scene.nlisteners = ARRAY_LEN(listeners);
	scene.mailboxes = mailboxes, scene.nmailboxes = ARRAY_LEN(mailboxes);
	if (tries_init(&e) < 0)
		return -1;
	turns(20);
	return 0;
}

/* ---- listeners ---- */

static void
test_a_greeting_in_every_split(void **state)
{
	static const struct {
		const char *name, *greeting;
	} all[] = {
	    {"smtp", "220 mail.test ESMTP\r\n"},
	    {"imap", "* OK [CAPABILITY IMAP4rev2] hello\r\n"},
	    {"http", "HTTP/1.1 404 Not Found\r\n"},
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		struct str whole = str_z(all[k].greeting);

		for (size_t cut = 0; cut < whole.n; cut += 2) {
			round_begins();
			says(all[k].name, str_sub(whole, 0, cut));
			says(all[k].name, str_from(whole, cut));
			expect_try(all[k].name, "");
		}
	}
	/* Our own listener is none to try. */
	assert_null(result("metrics"));
}

static void
test_what_is_no_greeting(void **state)
{
	static const struct {
		const char *name, *said, *why;
	} all[] = {
	    {"smtp", "554 no\r\n", "it does not greet with 220"},
	    {"smtp", "\r\n", "it does not greet with 220"},
	    {"imap", "* BYE full\r\n", "it does not greet with OK"},
	    {"http", "HTTP/1.1 503 x\r\n", "it answers with a server error"},
	    {"http", "HTTP/1.1\r\n", "it answers with a server error"},
	    {"http", "SSH-2.0\r\n", "it does not speak HTTP"},
	};
	char line[5000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		round_begins();
		says(all[i].name, str_z(all[i].said));
		expect_try(all[i].name, all[i].why);
	}
	/* A line without end; none; half of one. */
	memset(line, '2', sizeof(line));
	round_begins();
	says("smtp", str_of(line, sizeof(line)));
	expect_try("smtp", "it hung up");
	ends("imap");
	assert_true(fails("imap"));
	says("http", STR("HTTP/1.1 2"));
	ends("http");
	assert_true(fails("http"));
}

static void
test_silence_ends(void **state)
{
	(void)state;
	round_begins();
	clock_advance(11000);
	turns(5);
	assert_true(fails("smtp"));
	assert_true(fails("imap"));
	/* It is soon tried anew, as it was down: within seconds and not half a minute. */
	scene_hang_up();
	clock_advance(2500);
	turns(20);
	says("smtp", STR("220 x\r\n"));
	expect_try("smtp", "");
}

static void
test_listeners_come_and_go(void **state)
{
	(void)state;
	scene.nlisteners = 2;
	round_begins();
	assert_non_null(result("smtp"));
	assert_null(result("imap"));
	/* Gone while it is tried: when that has failed it is forgotten. */
	scene.nlisteners = 0;
	clock_advance(31000);
	turns(10);
	clock_advance(2500);
	turns(10);
	assert_null(result("smtp"));
	ends("smtp");
	scene.nlisteners = ARRAY_LEN(listeners);
	round_begins();
	assert_true(result("smtp") != NULL && !fails("smtp"));
	says("smtp", STR("220 x\r\n"));
	expect_try("smtp", "");
	/* A reload took it away after master had told of it: it is not down, it is no more. */
	scene.gone = true;
	round_begins();
	scene.gone = false;
	assert_null(result("smtp"));
	round_begins();
	says("smtp", STR("220 x\r\n"));
	expect_try("smtp", "");
}

/* ---- the others ---- */

static void
test_dns(void **state)
{
	static const struct {
		enum dns_status status;
		bool ok;
	} all[] = {{DNS_FOUND, true}, {DNS_TEMP, false}, {DNS_NO_NAME, true}, {DNS_BOGUS, false},
	    {DNS_NO_DATA, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		scene.dns = all[i].status;
		round_begins();
		expect_try("dns", all[i].ok ? "" : "nobody answers");
	}
}

static void
round_of_accounts(void)
{
	unsigned before = scene.tried;

	for (int i = 0; i < 5 && scene.tried == before; i++)
		round_begins();
	assert_int_not_equal(scene.tried, before);
	turns(10);
}

static void
test_mailboxes(void **state)
{
	const struct mailboxes *b = tries_mailboxes();

	(void)state;
	round_of_accounts();
	expect_try("accounts", "");
	assert_int_equal(b->n, 2);
	assert_true(b->users == 4 && b->octets == 1000 && b->messages == 7);
	assert_true(str_eq_z(b->v[1].user, "b@x.test") && b->v[1].octets == 200);
	/* Rows that are none count for nothing; the rest of all never goes below it. */
	scene.mailboxes = broken, scene.nmailboxes = 4;
	round_of_accounts();
	assert_true(b->n == 2 && b->v[0].octets == 9999 && b->v[1].octets == 0);
	scene.nmailboxes = 5;
	round_of_accounts();
	assert_true(fails("accounts"));
	scene_pair(1);
	scene.mailboxes = mailboxes, scene.nmailboxes = ARRAY_LEN(mailboxes);
}

/* A new server's first users are seen at once; to read many takes authd's time. */
static void
test_many_users_are_read_less_often(void **state)
{
	unsigned before = scene.tried;

	(void)state;
	for (int i = 0; i < 4; i++)
		round_begins();
	assert_int_equal(scene.tried, before + 4);
	scene.users = 100000;
	round_begins();
	before = scene.tried;
	for (int i = 0; i < 4; i++)
		round_begins();
	assert_int_equal(scene.tried, before + 1);
	scene.users = 4;
	round_of_accounts();
}

static void
expect_line(const char *line)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	text_write(METRICS_PROMETHEUS, &b);
	if (str_find(buf_view(&b), str_z(line)) == b.n)
		fail_msg("no \"%s\"", line);
	buf_free(&b);
}

static void
test_sizes_as_text(void **state)
{
	(void)state;
	round_of_accounts();
	expect_line("\nmaildir_size_bytes{user=\"a@x.test\"} 700\n");
	expect_line("\nmaildir_size_bytes{user=\"other\"} 100\n");
	expect_line("\ngkmail_users 4\n");
	says("smtp", STR("220 x\r\n"));
	expect_line("\ngkmail_probe_up{what=\"smtp\",address=\"*:25\"} 1\n");
}

/* A gk-authd that is captured may say anything: it is tried again all the same. */
static void
test_accounts_that_fail(void **state)
{
	(void)state;
	scene.authd = SCENE_REFUSES;
	round_of_accounts();
	expect_try("accounts", "not now");
	scene.authd = SCENE_NONSENSE;
	round_of_accounts();
	assert_true(fails("accounts"));
	scene_pair(1);
	scene.authd = SCENE_SILENT;
	round_of_accounts();
	scene_pair(1);
	turns(5);
	assert_true(fails("accounts"));
	scene.authd = SCENE_ANSWERS;
	round_of_accounts();
	expect_try("accounts", "");
	assert_int_equal(tries_mailboxes()->n, 2);
}

static void
test_a_master_that_hands_over_nothing(void **state)
{
	(void)state;
	round_begins();
	says("smtp", STR("220 x\r\n"));
	scene.master = SCENE_REFUSES;
	round_begins();
	/* Nothing is known of which listeners there are: what was stays. */
	expect_try("smtp", "");
	scene.master = SCENE_ANSWERS;
	round_begins();
	says("smtp", STR("220 x\r\n"));
	expect_try("smtp", "");
}

static void
test_the_model(void **state)
{
	struct err e;

	(void)state;
	assert_null(result("llm"));
	scene_conf(MODEL);
	assert_int_equal(tries_reload(&e), 0);
	round_begins();
	says("llm", STR("HTTP/1.0 200 OK\r\n"));
	expect_try("llm", "");
	scene.connect = SCENE_REFUSES;
	round_begins();
	expect_try("llm", "not now");
	scene.connect = SCENE_NONSENSE;
	round_begins();
	assert_true(fails("llm"));
	scene_pair(3);
	scene.connect = SCENE_ANSWERS;
	round_begins();
	says("llm", STR("HTTP/1.1 200 OK\r\n"));
	expect_try("llm", "");
	scene_conf(LIMITED);
	assert_int_equal(tries_reload(&e), 0);
	assert_null(result("llm"));
}

static void
test_the_end(void **state)
{
	unsigned before;

	(void)state;
	tries_stop();
	scene_hang_up();
	turns(5);
	before = scene.asked;
	clock_advance(100000);
	turns(10);
	assert_int_equal(scene.asked, before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_greeting_in_every_split),
	    cmocka_unit_test(test_what_is_no_greeting),
	    cmocka_unit_test(test_silence_ends),
	    cmocka_unit_test(test_listeners_come_and_go),
	    cmocka_unit_test(test_dns),
	    cmocka_unit_test(test_mailboxes),
	    cmocka_unit_test(test_many_users_are_read_less_often),
	    cmocka_unit_test(test_sizes_as_text),
	    cmocka_unit_test(test_accounts_that_fail),
	    cmocka_unit_test(test_a_master_that_hands_over_nothing),
	    cmocka_unit_test(test_the_model),
	    cmocka_unit_test(test_the_end),
	};

	return cmocka_run_group_tests(tests, up, NULL);
}
