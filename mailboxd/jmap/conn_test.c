/*
 * conn_test.c - tests of a pipe: what gk-webd says in frames, and what the owner answers.
 */
#include "mailboxd/jmap/jmap_test_in.h"

#include <sys/socket.h>

#include "ipc/pipe.h"
#include "mailboxd/jmap/conn_in.h"

static struct jmap_conn_host host;
static struct jmap_conn *conn;
static struct frames *web;
static struct buf said; /* "kind octets\n" for each frame heard */
static struct buf body; /* of the last answer or message */
static struct pipe_head head;
static unsigned heard[PIPE_KINDS], lost;
static bool deaf;
static char state[128]; /* of the last STATE */

static void
on_closed(void *arg, uint64_t id)
{
	(void)arg;
	assert_int_equal(id, 7);
	conn = NULL;
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct str v[PIPE_FIELDS_MAX];

	(void)arg;
	assert_true(kind < PIPE_KINDS);
	heard[kind]++;
	buf_printf(&said, "%s ", pipe_kind_name(kind));
	if (kind == PIPE_HEAD) {
		assert_int_equal(pipe_parse_head(octets, &head), 0);
		head.type = arena_dup(&scratch, head.type);
	}
	if (kind == PIPE_HEAD || kind == PIPE_TEXT)
		buf_reset(&body);
	if (kind == PIPE_DATA)
		buf_str(&body, octets);
	if (kind == PIPE_STATE) {
		assert_int_equal(pipe_parse(kind, octets, v), 0);
		(void)snprintf(
		    state, sizeof state, STR_FMT " " STR_FMT, STR_ARG(v[0]), STR_ARG(v[1]));
	}
}

static void
on_lost(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	lost++;
}

static void
turns(unsigned n)
{
	while (n-- > 0)
		loop_once(1);
}

/* A pipe to the home that is there. */
static void
connect_web(void)
{
	static const struct frames_events events = {.frame = on_frame, .closed = on_lost};
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	host = (struct jmap_conn_host){.jmap = jmap, .closed = on_closed};
	conn = jmap_conn_new(&host, &(struct jmap_conn_args){.fd = pair[0],
					.conn = 7,
					.peer = STR_INIT("192.0.2.1"),
					.sid = STR_INIT("s7"),
					.user = STR_INIT("alice@example.test")});
	web = frames_new(pair[1], &events, NULL);
}

static int
begin(void **st)
{
	if (setup(st) < 0)
		return -1;
	connect_web();
	memset(heard, 0, sizeof heard);
	lost = 0;
	deaf = false;
	buf_init(&said, SIZE_MAX / 2);
	buf_init(&body, SIZE_MAX / 2);
	return 0;
}

static int
end(void **st)
{
	jmap_conn_free(&conn);
	frames_free(&web);
	buf_free(&said);
	buf_free(&body);
	return teardown(st);
}

static void
wait_for(unsigned kind, unsigned n)
{
	for (unsigned i = 0; i < 10000 && heard[kind] < n; i++)
		turns(1);
	assert_int_equal(heard[kind], n);
}

static void
say(enum pipe_kind kind, const char *z)
{
	frames_put(web, kind, STR_NONE);
	frames_cut(web, PIPE_DATA, str_z(z));
	frames_put(web, PIPE_END, STR_NONE);
}

static void
understood(void)
{
	cJSON_Delete(answer);
	answer = cJSON_ParseWithLength(body.p, body.n);
	assert_non_null(answer);
}

#define ECHO_CALL "\"using\":[\"" JMAP_CORE "\"],\"methodCalls\":[[\"Core/echo\",{\"a\":1},\"c\"]]"

static void
test_calls(void **st)
{
	(void)st;
	for (unsigned i = 1; i <= 3; i++) {
		say(PIPE_CALL, "{" ECHO_CALL "}");
		wait_for(PIPE_END, i);
		assert_int_equal(head.status, 200);
		assert_int_equal(head.length, body.n);
		assert_true(str_eq_z(head.type, "application/json"));
		understood();
		expect("/methodResponses/0/1/a", "1");
	}
	say(PIPE_CALL, "{");
	wait_for(PIPE_END, 4);
	assert_int_equal(head.status, 400);
	understood();
	expect("/type", "\"urn:ietf:params:jmap:error:notJSON\"");
	/* Without a body too. */
	say(PIPE_CALL, "");
	wait_for(PIPE_END, 5);
	assert_int_equal(head.status, 400);
}

/* What comes behind one waits, and nothing of it is lost. */
static void
test_one_after_the_other(void **st)
{
	(void)st;
	for (unsigned i = 0; i < 20; i++)
		say(PIPE_CALL, "{" ECHO_CALL "}");
	wait_for(PIPE_END, 20);
	assert_int_equal(heard[PIPE_HEAD], 20);
	assert_non_null(conn);
}

static void
test_session(void **st)
{
	const struct str base = STR("https://mail.example.test:8443");

	(void)st;
	assert_int_equal(pipe_put(web, PIPE_SESSION, &base, 1), 0);
	wait_for(PIPE_END, 1);
	assert_int_equal(head.status, 200);
	understood();
	expect("/username", "\"alice@example.test\"");
	expect("/apiUrl", "\"https://mail.example.test:8443/jmap/api\"");
}

static void
put_many(enum pipe_kind kind, size_t n)
{
	static char octets[FRAMES_MAX];

	memset(octets, ' ', sizeof octets);
	frames_put(web, kind, STR_NONE);
	for (; n > 0; n -= num_min(n, sizeof octets)) {
		frames_put(web, PIPE_DATA, str_of(octets, num_min(n, sizeof octets)));
		turns(1);
	}
}

static void
test_a_request_too_large(void **st)
{
	(void)st;
	put_many(PIPE_CALL, JMAP_MAX_REQUEST + 1);
	frames_put(web, PIPE_END, STR_NONE);
	wait_for(PIPE_END, 1);
	assert_int_equal(head.status, 400);
	understood();
	expect("/limit", "\"maxSizeRequest\"");
	put_many(PIPE_TEXT, JMAP_MAX_REQUEST + 1);
	frames_put(web, PIPE_END, STR_NONE);
	wait_for(PIPE_DONE, 1);
	understood();
	expect("/@type", "\"RequestError\"");
	expect("/limit", "\"maxSizeRequest\"");
	say(PIPE_CALL, "{" ECHO_CALL "}");
	wait_for(PIPE_END, 3);
	assert_int_equal(head.status, 200);
}

#define MUCH (3u << 20)

static void
ask_much(void)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_puts(&b, "{\"using\":[\"" JMAP_CORE "\"],\"methodCalls\":[[\"Core/echo\",{\"a\":\"");
	for (size_t i = 0; i < MUCH; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\"},\"c\"]]}");
	frames_put(web, PIPE_CALL, STR_NONE);
	frames_cut(web, PIPE_DATA, buf_view(&b));
	frames_put(web, PIPE_END, STR_NONE);
	buf_free(&b);
}

/* A large answer goes as the client takes it. */
static void
test_a_slow_reader(void **st)
{
	(void)st;
	ask_much();
	wait_for(PIPE_HEAD, 1);
	frames_pause(web);
	turns(50);
	assert_true(body.n < MUCH);
	frames_resume(web);
	wait_for(PIPE_END, 1);
	assert_int_equal(body.n, head.length);
}

/* ---- blobs ---- */

static void
put_upload(const char *account, size_t n)
{
	const struct str fields[] = {str_z(account), STR("image/png")};
	char piece[1000];

	memset(piece, 'p', sizeof piece);
	assert_int_equal(pipe_put(web, PIPE_UPLOAD, fields, 2), 0);
	for (; n > 0; n -= num_min(n, sizeof piece)) {
		frames_put(web, PIPE_DATA, str_of(piece, num_min(n, sizeof piece)));
		turns(1);
	}
	frames_put(web, PIPE_END, STR_NONE);
}

static void
test_up_and_down(void **st)
{
	struct str fields[] = {
	    str_z(jmap->account), STR("u1"), STR("text/x"), STR("a b.png"), STR("")};

	(void)st;
	put_upload(jmap->account, 123456);
	wait_for(PIPE_END, 1);
	assert_int_equal(head.status, 201);
	understood();
	expect("/size", "123456");
	expect("/type", "\"image/png\"");
	fields[1] = str_at("/blobId");
	assert_int_equal(pipe_put(web, PIPE_DOWNLOAD, fields, 5), 0);
	wait_for(PIPE_END, 2);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.length, 123456);
	assert_int_equal(body.n, 123456);
	assert_true(str_eq_z(head.type, "text/x"));
	/* The type that it has, where none is asked for that could be one. */
	fields[2] = STR("a\r\nb/c");
	assert_int_equal(pipe_put(web, PIPE_DOWNLOAD, fields, 5), 0);
	wait_for(PIPE_END, 3);
	assert_true(str_eq_z(head.type, "image/png"));
	/* A part, and none. */
	fields[4] = STR("bytes=100-299");
	assert_int_equal(pipe_put(web, PIPE_DOWNLOAD, fields, 5), 0);
	wait_for(PIPE_END, 4);
	assert_int_equal(head.status, 206);
	assert_int_equal(head.length, 200);
	assert_int_equal(head.from, 100);
	assert_int_equal(head.total, 123456);
	assert_int_equal(body.n, 200);
	fields[4] = STR("bytes=123456-");
	assert_int_equal(pipe_put(web, PIPE_DOWNLOAD, fields, 5), 0);
	wait_for(PIPE_END, 5);
	assert_int_equal(head.status, 416);
	assert_int_equal(head.total, 123456);
	/* Nobody else's, and nothing that is not there. */
	fields[0] = STR("a0");
	assert_int_equal(pipe_put(web, PIPE_DOWNLOAD, fields, 5), 0);
	wait_for(PIPE_END, 6);
	assert_int_equal(head.status, 404);
	put_upload("a0", 5000);
	wait_for(PIPE_END, 7);
	assert_int_equal(head.status, 404);
	understood();
	assert_non_null(at(answer, "/status"));
}

static void
test_uploads_given_up(void **st)
{
	const struct str fields[] = {str_z(jmap->account), STR("image/png")};

	(void)st;
	/* Each gives its place back. */
	for (unsigned i = 0; i < 2 * JMAP_MAX_UPLOADS; i++) {
		assert_int_equal(pipe_put(web, PIPE_UPLOAD, fields, 2), 0);
		frames_put(web, PIPE_DATA, STR("half"));
		turns(2);
		frames_free(&web);
		turns(10);
		assert_null(conn);
		connect_web();
	}
	put_upload(jmap->account, 10);
	wait_for(PIPE_END, 1);
	assert_int_equal(head.status, 201);
}

/* ---- RFC 8887 ---- */

static void
test_messages(void **st)
{
	(void)st;
	say(PIPE_TEXT, "{\"@type\":\"Request\",\"id\":\"r\\u00e91\"," ECHO_CALL "}");
	wait_for(PIPE_DONE, 1);
	understood();
	expect("/@type", "\"Response\"");
	expect("/requestId", "\"r\xc3\xa9"
			     "1\"");
	expect("/methodResponses/0/1/a", "1");
	say(PIPE_TEXT, "{\"@type\":\"Request\",\"id\":\"2\"}");
	wait_for(PIPE_DONE, 2);
	understood();
	expect("/@type", "\"RequestError\"");
	expect("/requestId", "\"2\"");
	expect("/type", "\"urn:ietf:params:jmap:error:notRequest\"");
	expect("/status", "400");
	/* What has no id, or is nothing at all. */
	say(PIPE_TEXT, "nonsense");
	wait_for(PIPE_DONE, 3);
	understood();
	expect("/@type", "\"RequestError\"");
	expect("/requestId", "null");
	expect("/type", "\"urn:ietf:params:jmap:error:notJSON\"");
	say(PIPE_TEXT, "{\"@type\":\"Response\"}");
	wait_for(PIPE_DONE, 4);
	understood();
	expect("/type", "\"urn:ietf:params:jmap:error:notRequest\"");
	assert_int_equal(heard[PIPE_TEXT], 4);
}

static void
test_push(void **st)
{
	(void)st;
	say(PIPE_TEXT, "{\"@type\":\"WebSocketPushEnable\",\"dataTypes\":[\"Email\",\"Nothing\","
		       "\"Mailbox\",\"Email\"],\"pushState\":null}");
	wait_for(PIPE_DONE, 1);
	assert_int_equal(heard[PIPE_TEXT], 0);
	assert_int_equal(heard[PIPE_STATE], 1);
	assert_true(str_starts(str_z(state), STR("Email,Mailbox ")));
	append("INBOX", "Subject: one\r\n\r\nx", 0);
	wait_for(PIPE_STATE, 2);
	understood();
	expect("/@type", "\"StateChange\"");
	assert_non_null(at(answer, "/changed/*/Email"));
	assert_non_null(at(answer, "/changed/*/Mailbox"));
	assert_null(at(answer, "/changed/*/Thread"));
	assert_true(str_ends(str_z(state), json_str(at(answer, "/pushState"))));
	/* Several at once are told once. */
	append("INBOX", "Subject: two\r\n\r\nx", 0);
	append("INBOX", "Subject: three\r\n\r\nx", 0);
	wait_for(PIPE_STATE, 3);
	turns(10);
	assert_int_equal(heard[PIPE_TEXT], 2);
	say(PIPE_TEXT, "{\"@type\":\"WebSocketPushDisable\"}");
	wait_for(PIPE_DONE, 2);
	assert_int_equal(state[0], ' ');
	append("INBOX", "Subject: four\r\n\r\nx", 0);
	turns(10);
	assert_int_equal(heard[PIPE_TEXT], 2);
	say(PIPE_TEXT, "{\"@type\":\"WebSocketPushEnable\",\"dataTypes\":7,\"id\":\"x\"}");
	wait_for(PIPE_DONE, 3);
	understood();
	expect("/@type", "\"RequestError\"");
}

/* Somebody comes back with what was told last: only what is new is told, and at once. */
static void
test_push_since(void **st)
{
	struct str fields[2] = {STR("*"), STR("")};
	char old[128];

	(void)st;
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_STATE, 1);
	(void)snprintf(old, sizeof old, "%s", strrchr(state, ' ') + 1);
	append("INBOX", "Subject: one\r\n\r\nx", 0);
	wait_for(PIPE_STATE, 2);
	fields[1] = str_z(strrchr(state, ' ') + 1);
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_STATE, 3);
	turns(10);
	assert_int_equal(heard[PIPE_TEXT], 1);
	fields[1] = str_z(old);
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_TEXT, 2);
	/* What makes no sense as a state is an old one. */
	fields[1] = STR("whatever");
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_TEXT, 3);
}

/* Who does not read is not written to, and hears the latest in the end. */
static void
test_push_to_a_slow_reader(void **st)
{
	const struct str fields[2] = {STR("*"), STR("")};
	unsigned told;

	(void)st;
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_STATE, 1);
	frames_pause(web);
	for (unsigned i = 0; i < 4000; i++) {
		append("INBOX", "Subject: many\r\n\r\nx", 0);
		turns(1);
	}
	frames_resume(web);
	turns(200);
	told = heard[PIPE_TEXT];
	assert_true(told > 0 && told < 4000);
	understood();
	expect("/changed/*/Email",
	    arena_printf(&scratch, "\"%s\"", jmap_state(jmap, JMAP_EMAIL).text).p);
}

/* ---- ends ---- */

static void
test_rest(void **st)
{
	const struct str fields[2] = {STR("*"), STR("")};

	(void)st;
	assert_int_equal(pipe_put(web, PIPE_PUSH, fields, 2), 0);
	wait_for(PIPE_STATE, 1);
	/* A change of this very turn is told before. */
	append("INBOX", "Subject: one\r\n\r\nx", 0);
	jmap_conn_rest(conn);
	wait_for(PIPE_LEFT, 1);
	assert_true(str_ends(buf_view(&said), STR("text data end state left ")));
	append("INBOX", "Subject: two\r\n\r\nx", 0);
	turns(10);
	assert_int_equal(heard[PIPE_TEXT], 1);
	frames_free(&web);
	turns(5);
	assert_null(conn);
}

static void
test_bye(void **st)
{
	(void)st;
	ask_much();
	wait_for(PIPE_HEAD, 1);
	frames_pause(web);
	assert_int_equal(conn->state, CONN_ANSWERS);
	jmap_conn_bye(conn);
	turns(5);
	frames_resume(web);
	wait_for(PIPE_END, 1);
	assert_int_equal(body.n, head.length);
	turns(10);
	assert_int_equal(lost, 1);
	frames_free(&web);
	turns(10);
	assert_null(conn);
}

/* What gk-webd never says ends the pipe. */
static void
test_nonsense(void **st)
{
	static const struct {
		unsigned kind;
		struct str octets;
	} first[] = {{PIPE_DATA, STR_INIT("x")}, {PIPE_END, STR_INIT("")},
	    {PIPE_HEAD, STR_INIT("")}, {PIPE_SESSION, STR_INIT("x")}, {PIPE_PUSH, STR_INIT("")},
	    {PIPE_CALL, STR_INIT("x")}, {PIPE_KINDS, STR_INIT("")}, {200, STR_INIT("")},
	    {PIPE_LEFT, STR_INIT("")}};

	(void)st;
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		assert_non_null(conn);
		frames_put(web, first[i].kind, first[i].octets);
		turns(10);
		assert_null(conn);
		assert_int_equal(lost, 1);
		end(st);
		begin(st);
	}
	frames_put(web, PIPE_CALL, STR_NONE);
	frames_put(web, PIPE_CALL, STR_NONE);
	turns(10);
	assert_null(conn);
}

/* Somebody goes away in the middle of anything. */
static void
test_gone(void **st)
{
	for (unsigned i = 0; i < 4; i++) {
		frames_put(web, PIPE_CALL, STR_NONE);
		frames_cut(web, PIPE_DATA, STR("{" ECHO_CALL "}"));
		if (i > 0)
			frames_put(web, PIPE_END, STR_NONE);
		turns(i);
		frames_free(&web);
		turns(20);
		assert_null(conn);
		end(st);
		begin(st);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_calls),
	    TEST(test_one_after_the_other),
	    TEST(test_session),
	    TEST(test_a_request_too_large),
	    TEST(test_a_slow_reader),
	    TEST(test_up_and_down),
	    TEST(test_uploads_given_up),
	    TEST(test_messages),
	    TEST(test_push),
	    TEST(test_push_since),
	    TEST(test_push_to_a_slow_reader),
	    TEST(test_rest),
	    TEST(test_bye),
	    TEST(test_nonsense),
	    TEST(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
