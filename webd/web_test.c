/* web_test.c - requests and responses over HTTP/1.1: in every split, with handlers that wait,
 * pause, stream, give up, and clients that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "webd/web_scene.h"

#define BIG (3u << 20)

/* ---- handlers ---- */

static struct {
	struct exchange *x;
	struct buf body;
	unsigned gone, bodies, drained;
	bool end, drain;
	size_t wrote;
	bool pauses; /* after each piece */
	bool echo;
} seen;

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	(void)arg;
	assert_false(seen.end);
	seen.bodies++;
	seen.end = end;
	buf_str(&seen.body, in);
	if (seen.echo)
		exchange_write(x, in);
	else if (end)
		exchange_respond(x, 200, "text/plain", buf_view(&seen.body));
	if (seen.pauses && !end)
		exchange_pause(x);
}

static void
on_gone(struct exchange *x, void *arg)
{
	(void)arg;
	seen.gone++;
	if (seen.x == x)
		seen.x = NULL;
}

static void
on_drain(struct exchange *x, void *arg)
{
	(void)x, (void)arg;
	seen.drain = true;
}

static const struct exchange_events gone_only = {.gone = on_gone, .drain = on_drain};
static const struct exchange_events with_body = {.body = on_body, .gone = on_gone};

static void
run_wait(struct exchange *x)
{
	seen.x = x;
	exchange_listen(x, &gone_only, NULL);
}

static void
run_body(struct exchange *x)
{
	seen.x = x;
	exchange_listen(x, &with_body, NULL);
}

static void
run_whole(struct exchange *x)
{
	exchange_respond(x, 200, "text/plain", x->body);
}

static void
more(struct exchange *x, void *arg)
{
	static const char text[16384] = "";

	(void)arg;
	seen.drained++;
	while (seen.wrote < BIG && exchange_pending(x) < EXCHANGE_HIGH) {
		exchange_write(x, str_of(text, sizeof(text)));
		seen.wrote += sizeof(text);
	}
	assert_true(exchange_pending(x) < EXCHANGE_HIGH + 2 * sizeof(text));
	if (seen.wrote >= BIG)
		exchange_end(x);
}

static void
run_big(struct exchange *x)
{
	static const struct exchange_events events = {.drained = more, .gone = on_gone};

	exchange_listen(x, &events, NULL);
	exchange_begin(x, 200, "application/octet-stream", EXCHANGE_UNKNOWN);
	more(x, NULL);
}

static void
run_json(struct exchange *x)
{
	static char text[8000];

	memset(text, 'j', sizeof(text));
	exchange_json(x, 200, str_of(text, sizeof(text)));
}

static void
run_socket(struct exchange *x)
{
	seen.x = x;
	seen.echo = true;
	if (exchange_upgrade(x, exchange_offers(x, "jmap") ? STR("jmap") : STR("")) == 0)
		exchange_listen(x, &with_body, NULL);
}

static void
run_short(struct exchange *x)
{
	exchange_begin(x, 200, "text/plain", 100);
	exchange_write(x, STR("not that much"));
	exchange_end(x);
}

static void
run_cookie(struct exchange *x)
{
	struct str c = exchange_cookie(x, "__Host-gk");

	exchange_set(x, "X-Bad", STR("a\r\nb: c"));
	exchange_respond(x, 200, "text/plain", c.p ? c : STR("-"));
}

static const struct route routes[] = {
    {"/wait", METHOD_GET | METHOD_POST, run_wait, BIG, 0},
    {"/body", METHOD_POST, run_body, BIG, 0},
    {"/whole", METHOD_POST, run_whole, 100, ROUTE_WHOLE},
    {"/strict", METHOD_POST | METHOD_DELETE, run_whole, 100,
	ROUTE_WHOLE | ROUTE_JSON | ROUTE_OUR_ORIGIN},
    {"/big", METHOD_GET, run_big, 0, 0},
    {"/json", METHOD_GET, run_json, 0, 0},
    {"/socket", METHOD_GET, run_socket, 0, 0},
    {"/short", METHOD_GET, run_short, 0, 0},
    {"/cookie", METHOD_GET, run_cookie, 0, 0},
    {0},
};

/* ---- the client ---- */

static struct buf got;
static bool at_end;

static void
turns(int fd)
{
	ssize_t n;

	for (int i = 0; i < 8; i++) {
		loop_once(0);
		while ((n = read(fd, buf_room(&got, 65536), 65536)) > 0) {
			buf_added(&got, (size_t)n);
			i = 0;
		}
		if (n == 0)
			at_end = true;
	}
}

static void
say(int fd, const char *z)
{
	assert_int_equal(write(fd, z, strlen(z)), strlen(z));
}

static bool
has(const char *z)
{
	return str_find(buf_view(&got), str_z(z)) < got.n;
}

static unsigned
answers(void)
{
	struct str rest = buf_view(&got);
	unsigned n = 0;
	size_t at;

	while ((at = str_find(rest, STR("HTTP/1.1 "))) < rest.n) {
		n++;
		rest = str_from(rest, at + 9);
	}
	return n;
}

static void
ask(int fd, const char *z)
{
	buf_reset(&got);
	say(fd, z);
	turns(fd);
}

#define HOST "Host: a.test\r\n"

static int
setup(void **state)
{
	(void)state;
	if (!scene_conf)
		scene_begin();
	memset(&seen, 0, sizeof(seen));
	buf_init(&seen.body, BIG);
	buf_init(&got, 4 * BIG);
	at_end = false;
	routes_more = routes;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&seen.body);
	buf_free(&got);
	return 0;
}

/* ---- tests ---- */

static void
every_split(void **state)
{
	static const char request[] =
	    "\r\nPOST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nT: u\r\n\r\n"
	    "POST /whole HTTP/1.1\r\n" HOST "Content-Length: 5\r\nConnection: close\r\n\r\nhello";

	(void)state;
	for (size_t i = 1; i < sizeof(request) - 1; i++) {
		int fd = scene_open(&http1_protocol);

		buf_reset(&seen.body);
		buf_reset(&got);
		seen.end = at_end = false;
		assert_int_equal(write(fd, request, i), i);
		turns(fd);
		say(fd, request + i);
		turns(fd);
		assert_int_equal(answers(), 2);
		assert_true(has("abcdefgh"));
		assert_true(has("hello"));
		assert_true(at_end);
		close(fd);
		turns(fd);
	}
	assert_int_equal(seen.gone, sizeof(request) - 2);
	assert_int_equal(exchange_count(), 0);
}

static void
a_handler_that_answers_later(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\nGET /cookie HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(got.n, 0);
	assert_non_null(seen.x);
	exchange_respond(seen.x, 200, "text/plain", STR("late"));
	turns(fd);
	assert_int_equal(answers(), 2);
	assert_int_equal(seen.gone, 1);
	/* An empty body has an end too, told when the handler wants it. */
	buf_reset(&seen.body);
	ask(fd, "POST /wait HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	exchange_pause(seen.x);
	exchange_listen(seen.x, &with_body, NULL);
	turns(fd);
	assert_false(seen.end);
	exchange_resume(seen.x);
	turns(fd);
	assert_true(seen.end);
	assert_int_equal(answers(), 1);
	seen.end = false;
	/* The client leaves while it waits, the body told or not. */
	ask(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	shutdown(fd, SHUT_WR);
	turns(fd);
	assert_int_equal(seen.gone, 3);
	assert_true(at_end);
	close(fd);
	fd = scene_open(&http1_protocol);
	ask(fd, "POST /wait HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n123");
	assert_non_null(seen.x);
	/* Its body waits too: nobody has listened to it. */
	exchange_listen(seen.x, &with_body, NULL);
	turns(fd);
	assert_true(str_eq_z(buf_view(&seen.body), "123"));
	close(fd);
	loop_once(0);
	loop_once(0);
	assert_int_equal(seen.gone, 4);
	assert_int_equal(exchange_count(), 0);
}

static void
a_handler_that_pauses(void **state)
{
	int fd = scene_open(&http1_protocol);
	unsigned before;

	(void)state;
	seen.pauses = true;
	ask(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
	assert_int_equal(seen.bodies, 1);
	say(fd, "def");
	turns(fd);
	assert_int_equal(seen.bodies, 1);
	exchange_resume(seen.x);
	turns(fd);
	assert_true(str_eq_z(buf_view(&seen.body), "abcdef"));
	say(fd, "ghi");
	before = seen.bodies;
	turns(fd);
	assert_int_equal(seen.bodies, before);
	exchange_resume(seen.x);
	turns(fd);
	assert_true(seen.end);
	assert_true(has("abcdefghi"));
	close(fd);
	turns(fd);
	assert_int_equal(seen.gone, 1);
}

static void
much_output_waits_for_the_client(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 20; i++)
		loop_once(0);
	/* The client has read nothing yet. */
	assert_true(seen.wrote < BIG);
	turns(fd);
	assert_true(seen.wrote >= BIG);
	assert_true(got.n > BIG);
	assert_true(str_ends(buf_view(&got), STR("0\r\n\r\n")));
	assert_int_equal(seen.gone, 1);
	close(fd);
	turns(fd);
}

static void
a_short_answer_is_a_broken_one(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, "GET /short HTTP/1.1\r\n" HOST "\r\nGET /cookie HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(answers(), 1);
	assert_true(at_end);
	close(fd);
	fd = scene_open(&http1_protocol);
	ask(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	exchange_begin(seen.x, 200, "text/plain", EXCHANGE_UNKNOWN);
	exchange_write(seen.x, STR("half"));
	exchange_abort(seen.x);
	exchange_write(seen.x, STR("more"));
	turns(fd);
	assert_false(has("0\r\n\r\n"));
	assert_false(has("more"));
	assert_true(at_end);
	close(fd);
	turns(fd);
	assert_int_equal(seen.gone, 1);
	assert_int_equal(exchange_count(), 0);
}

static void
websocket(void **state)
{
	static const char request[] =
	    "GET /socket HTTP/1.1\r\n" HOST
	    "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Protocol: other, jmap\r\n\r\n";
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, request);
	assert_true(has("HTTP/1.1 101 Switching Protocols\r\n"));
	/* RFC 6455 1.3 */
	assert_true(has("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_true(has("Sec-WebSocket-Protocol: jmap\r\n"));
	ask(fd, "\x81\x80xxxx");
	assert_true(str_eq(buf_view(&got), STR("\x81\x80xxxx")));
	shutdown(fd, SHUT_WR);
	turns(fd);
	assert_true(seen.end);
	assert_false(at_end);
	exchange_write(seen.x, STR("bye"));
	exchange_end(seen.x);
	turns(fd);
	assert_true(has("bye"));
	assert_true(at_end);
	close(fd);
	turns(fd);
	assert_int_equal(seen.gone, 1);
}

static void
what_is_no_websocket(void **state)
{
	static const char *const bad[] = {
	    "",
	    "Upgrade: websocket\r\n",
	    "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
	};
	int fd = scene_open(&http1_protocol);
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "GET /socket HTTP/1.1\r\n" HOST "%s\r\n", bad[i]);
		ask(fd, text);
		assert_true(has("HTTP/1.1 426 ") || has("HTTP/1.1 400 "));
		assert_false(at_end);
	}
	close(fd);
	turns(fd);
}

static void
compressed(void **state)
{
	static char out[20000];
	int fd = scene_open(&http1_protocol);
	z_stream z = {0};
	size_t at;

	(void)state;
	ask(fd, "GET /json HTTP/1.0\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
	assert_true(has("Content-Encoding: gzip\r\n"));
	assert_true(has("Vary: Accept-Encoding\r\n"));
	assert_false(has("Content-Length"));
	at = str_find(buf_view(&got), STR("\r\n\r\n")) + 4;
	assert_true(got.n - at < 500);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)got.p + at;
	z.avail_in = (unsigned)(got.n - at);
	z.next_out = (unsigned char *)out;
	z.avail_out = sizeof(out);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, 8000);
	inflateEnd(&z);
	close(fd);
	fd = scene_open(&http1_protocol);
	ask(fd, "GET /json HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0.0, br\r\n\r\n");
	assert_true(has("Content-Length: 8000\r\n"));
	close(fd);
	turns(fd);
}

static void
assert_status(int fd, const char *fields, const char *status)
{
	char text[1024];

	snprintf(text, sizeof(text), "POST /strict HTTP/1.1\r\n" HOST "%s\r\n{}", fields);
	ask(fd, text);
	assert_true(has(status));
}

static void
guarded_routes(void **state)
{
#define JSON "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n"
	int fd = scene_open(&http1_protocol);

	(void)state;
	assert_status(fd, JSON, "HTTP/1.1 200 ");
	assert_status(fd, JSON "Origin: http://A.test\r\n", "HTTP/1.1 200 ");
	assert_status(fd, JSON "Sec-Fetch-Site: same-origin\r\n", "HTTP/1.1 200 ");
	ask(fd, "DELETE /strict HTTP/1.1\r\n" HOST "\r\n");
	assert_true(has("HTTP/1.1 200 "));
	close(fd);
	for (const char *const *p = (const char *const[]){"https://a.test", "http://a.test:81",
		 "http://a.test.evil.test", "null", "", NULL};
	     *p; p++) {
		char text[256];

		fd = scene_open(&http1_protocol);
		snprintf(text, sizeof(text), JSON "Origin: %s\r\n", *p);
		assert_status(fd, text, "HTTP/1.1 403 ");
		close(fd);
	}
	fd = scene_open(&http1_protocol);
	assert_status(fd, JSON "Sec-Fetch-Site: cross-site\r\n", "HTTP/1.1 403 ");
	close(fd);
	fd = scene_open(&http1_protocol);
	assert_status(fd, "Content-Type: text/plain\r\nContent-Length: 2\r\n", "HTTP/1.1 415 ");
	close(fd);
	fd = scene_open(&http1_protocol);
	assert_status(fd, "Content-Length: 2\r\n", "HTTP/1.1 415 ");
	close(fd);
	turns(fd);
}

static void
cookies(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, "GET /cookie HTTP/1.1\r\n" HOST "Cookie: a=b; __Host-gk=one; c=d\r\n\r\n");
	assert_true(has("\r\n\r\none"));
	assert_false(has("X-Bad"));
	ask(fd, "GET /cookie HTTP/1.1\r\n" HOST "Cookie: __Host-gk=one; __Host-gk=two\r\n\r\n");
	assert_true(has("\r\n\r\n-"));
	ask(fd, "GET /cookie HTTP/1.1\r\n" HOST
		"Cookie: __Host-gk=one\r\nCookie: __Host-gk=two\r\n\r\n");
	assert_true(has("\r\n\r\n-"));
	close(fd);
	turns(fd);
}

static void
slow_clients(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, "GET /wait HTT");
	clock_advance(20000);
	turns(fd);
	assert_true(has("HTTP/1.1 408 "));
	assert_true(at_end);
	close(fd);
	fd = scene_open(&http1_protocol);
	ask(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nx");
	for (int i = 0; i < 3; i++) {
		clock_advance(20000);
		turns(fd);
	}
	assert_true(has("HTTP/1.1 408 "));
	close(fd);
	/* A handler may take its time. */
	fd = scene_open(&http1_protocol);
	ask(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 20; i++) {
		clock_advance(60000);
		turns(fd);
	}
	assert_non_null(seen.x);
	exchange_respond(seen.x, 200, "text/plain", STR("at last"));
	turns(fd);
	assert_true(has("at last"));
	/* Between two requests: not for ever. */
	clock_advance(200000);
	at_end = false;
	turns(fd);
	assert_true(at_end);
	close(fd);
	turns(fd);
}

static void
draining(void **state)
{
	int fd = scene_open(&http1_protocol);

	(void)state;
	ask(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	scene_draining = true;
	web_drain();
	assert_true(seen.drain);
	turns(fd);
	assert_false(scene_drained);
	exchange_respond(seen.x, 200, "text/plain", STR("last"));
	turns(fd);
	assert_true(has("Connection: close\r\n"));
	assert_true(at_end);
	close(fd);
	turns(fd);
	assert_true(scene_drained);
	scene_draining = scene_drained = false;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(every_split),
	    T(a_handler_that_answers_later),
	    T(a_handler_that_pauses),
	    T(much_output_waits_for_the_client),
	    T(a_short_answer_is_a_broken_one),
	    T(websocket),
	    T(what_is_no_websocket),
	    T(compressed),
	    T(guarded_routes),
	    T(cookies),
	    T(slow_clients),
	    T(draining),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
