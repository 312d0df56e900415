/*
 * post_test.c - requests to the provider (aid/llm/post.c): the test is gk-connect, which hands a
 * connection over or does not, and the server at its other end, who may break, be silent, say too
 * much or what is no HTTP.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aid/llm/post.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"

#define ANSWER                                                                     \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: " \
	"chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

static struct {
	struct ipc_chan *to_connect, *connect;
	struct conf *conf;
	bool refuses, silent;
	int server; /* our end of the connection; -1: none */
	struct buf heard, told;
	struct post *post;
	bool ended, enough;
	unsigned status;
	enum err_code why;
} scene;

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return scene.to_connect;
}

const struct conf *
svc_conf(void)
{
	return scene.conf;
}

int
svc_file(const char *name)
{
	(void)name;
	return -1;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

/* ---- gk-connect ---- */

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	const struct err e = {.code = E_TEMP, .text = "nobody is there"};
	struct ipc_out out;
	int fd[2];

	(void)arg;
	assert_int_equal(m->type, MSG_PROVIDER_OPEN);
	assert_int_equal(ipc_end(m), 0);
	if (scene.silent)
		return;
	if (scene.refuses) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	scene.server = fd[0];
	ipc_begin(&out, MSG_PROVIDER_OPEN_R);
	ipc_put_z(&out, "127.0.0.1:11434");
	ipc_put_fd(&out, fd[1]);
	ipc_reply(c, m->id, &out);
}

/* ---- who asks ---- */

static bool
on_octets(void *arg, struct str octets)
{
	(void)arg;
	assert_false(scene.ended);
	(void)buf_str(&scene.told, octets);
	if (scene.enough)
		scene.post = NULL;
	return !scene.enough;
}

static void
on_ended(void *arg, unsigned status, const struct err *e)
{
	(void)arg;
	assert_false(scene.ended);
	scene.ended = true;
	scene.post = NULL;
	scene.status = status;
	scene.why = e != NULL ? e->code : E_OK;
	assert_true((status == 0) == (e != NULL));
}

static void
hear(void)
{
	char room[4096];
	ssize_t n;

	while (scene.server >= 0 && (n = read(scene.server, room, sizeof(room))) > 0)
		(void)buf_put(&scene.heard, room, (size_t)n);
}

/* Until the whole request has come. */
static void
begin(void)
{
	const struct post_want want = {.path = "/api/chat",
	    .body = STR("{\"model\":\"m\"}"),
	    .max = 100000,
	    .silence_ms = 30000,
	    .octets = on_octets,
	    .ended = on_ended};

	scene.ended = false;
	buf_reset(&scene.heard);
	buf_reset(&scene.told);
	scene.post = post_start(&want);
	for (int i = 0; i < 500 && !scene.ended; i++) {
		loop_once(2);
		hear();
		if (scene.heard.n > 0 && strstr(scene.heard.p, "{\"model\":\"m\"}") != NULL)
			return;
	}
}

static void
say(struct str s)
{
	for (int i = 0; i < 1000 && s.n > 0; i++) {
		ssize_t n = send(scene.server, s.p, s.n, MSG_NOSIGNAL);

		if (n > 0)
			s = str_from(s, (size_t)n);
		loop_once(0);
	}
}

static void
hang_up(void)
{
	close(scene.server);
	scene.server = -1;
}

static void
expect(unsigned status, enum err_code why)
{
	for (int i = 0; i < 1000 && !scene.ended; i++)
		loop_once(2);
	assert_true(scene.ended);
	assert_int_equal(scene.status, status);
	assert_int_equal(scene.why, why);
	if (scene.server >= 0)
		hang_up();
}

/* ---- tests ---- */

static void
test_every_split(void **state)
{
	struct str all = STR(ANSWER);

	(void)state;
	for (size_t cut = 1; cut < all.n; cut += 3) {
		begin();
		assert_non_null(strstr(scene.heard.p, "POST /base/api/chat HTTP/1.1\r\n"));
		assert_non_null(strstr(scene.heard.p, "\r\nHost: model.test:1234\r\n"));
		say(str_sub(all, 0, cut));
		loop_once(1);
		say(str_from(all, cut));
		expect(200, E_OK);
		assert_true(str_eq(buf_view(&scene.told), STR("hello world")));
	}
}

static void
test_no_connection(void **state)
{
	(void)state;
	scene.refuses = true;
	begin();
	expect(0, E_TEMP);
	/* Nor an answer of gk-connect's. */
	scene.silent = true;
	begin();
	assert_false(scene.ended);
	clock_advance(30001);
	expect(0, E_TIMEOUT);
}

static void
test_silence(void **state)
{
	(void)state;
	begin();
	clock_advance(30001);
	expect(0, E_TIMEOUT);
	/* Each octet of an answer is a sign of life. */
	begin();
	say(STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
	for (int i = 0; i < 5; i++) {
		clock_advance(20000);
		say(STR("x"));
		loop_once(2);
		loop_once(2);
		assert_true(i == 4 || !scene.ended);
	}
	expect(200, E_OK);
}

static void
test_broken_off(void **state)
{
	static const char *const parts[] = {"", "HTTP/1.1 200",
	    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "SSH-2.0-x\r\n\r\n",
	    "HTTP/9.9 999999999999\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		begin();
		say(str_z(parts[i]));
		loop_once(2);
		hang_up();
		expect(0, E_TEMP);
	}
}

/* What comes with another status is nobody's answer; none leads elsewhere. */
static void
test_other_statuses(void **state)
{
	static const unsigned statuses[] = {204, 302, 401, 404, 429, 500};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		begin();
		(void)snprintf(text, sizeof(text),
		    "HTTP/1.1 %u x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
		    "%u\r\n\r\n%s",
		    statuses[i], statuses[i] == 204 ? 0 : 3, statuses[i] == 204 ? "" : "abc");
		say(str_z(text));
		expect(statuses[i], E_OK);
		assert_int_equal(scene.told.n, 0);
	}
}

static void
test_too_much(void **state)
{
	static char much[1000];

	(void)state;
	memset(much, 'x', sizeof(much));
	begin();
	say(STR("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"));
	for (int i = 0; i < 200 && !scene.ended; i++)
		say(str_of(much, sizeof(much)));
	expect(0, E_LIMIT);
	assert_true(scene.told.n <= 100000);
	/* Of fields as well. */
	begin();
	say(STR("HTTP/1.1 200 OK\r\n"));
	for (int i = 0; i < 200 && !scene.ended; i++) {
		say(STR("X: "));
		say(str_of(much, sizeof(much)));
		say(STR("\r\n"));
	}
	expect(0, E_LIMIT);
}

/* Who has enough says so, and hears nothing more; neither does who gives it up, whenever. */
static void
test_given_up(void **state)
{
	(void)state;
	scene.enough = true;
	begin();
	say(STR(ANSWER));
	for (int i = 0; i < 20; i++)
		loop_once(1);
	assert_false(scene.ended);
	assert_null(scene.post);
	hang_up();
	scene.enough = false;
	for (int when = 0; when < 6; when++) {
		const struct post_want want = {.path = "/x",
		    .body = STR("{}"),
		    .max = 100,
		    .silence_ms = 1000,
		    .octets = on_octets,
		    .ended = on_ended};

		scene.post = post_start(&want);
		for (int i = 0; i < when; i++)
			loop_once(1);
		if (scene.server >= 0 && when > 4)
			say(STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"));
		post_cancel(&scene.post);
		for (int i = 0; i < 5; i++)
			loop_once(1);
		assert_false(scene.ended);
		if (scene.server >= 0)
			hang_up();
	}
}

static int
up(void **state)
{
	static bool begun;
	int fd[2];
	struct err e = {0};

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.server = -1;
	buf_init(&scene.heard, 1u << 20);
	buf_init(&scene.told, 1u << 20);
	scene.conf =
	    conf_parse(STR("[server]\nhost_name = \"a.test\"\n[assistant]\nprovider = "
			   "\"ollama\"\nmodel = \"m\"\nurl = \"http://model.test:1234/base\"\n"
			   "local_only = false\n"),
		"test", &e);
	if (scene.conf == NULL || loop_init(NULL) < 0 || (!begun && post_init(&e) < 0) ||
	    post_configure(scene.conf, &e) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	begun = true;
	scene.to_connect = ipc_new(fd[0], PEER_AID, PEER_CONNECT, NULL, NULL, NULL);
	scene.connect = ipc_new(fd[1], PEER_CONNECT, PEER_AID, on_message, NULL, NULL);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	post_cancel(&scene.post);
	if (scene.server >= 0)
		close(scene.server);
	ipc_free(&scene.to_connect);
	ipc_free(&scene.connect);
	buf_free(&scene.heard);
	buf_free(&scene.told);
	conf_free(&scene.conf);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_every_split),
	    TEST(test_no_connection),
	    TEST(test_silence),
	    TEST(test_broken_off),
	    TEST(test_other_statuses),
	    TEST(test_too_much),
	    TEST(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
