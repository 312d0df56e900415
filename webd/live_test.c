/*
 * live_test.c - what stays open for a page, with and without a pipe to an owner. The test is authd,
 * the parent of the owners, and the owner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"
#include "webd/live.h"
#include "webd/owner.h"

static struct ipc_chan *authd, *to_authd, *parent, *to_parent;
static struct conf *conf;
static struct live *live;

/* The owner's end: what it was told, as text ("push(a,b) text data(x) end"), for each pipe. */
static struct {
	struct frames *frames;
	struct buf told;
	unsigned pipes, lost;
	uint64_t conn, watched, gone; /* numbers that webd has said */
	bool refuses;
} is;

/* The page's end: what it was told. */
static struct {
	struct buf text;
	unsigned ready, done;
	enum err_code ended;
	bool asks; /* at the next state */
} page;

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_AUTHD ? to_authd : to_parent;
}

const struct conf *
svc_conf(void)
{
	return conf;
}

bool
svc_draining(void)
{
	return false;
}

void
svc_drained(void)
{
}

void
svc_accept_pause(bool pause)
{
	(void)pause;
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

/* ---- the others ---- */

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct str v[PIPE_FIELDS_MAX];

	(void)arg;
	buf_printf(&is.told, "%s%s", is.told.n > 0 ? " " : "", pipe_kind_name(kind));
	if (kind == PIPE_DATA)
		buf_printf(&is.told, "(" STR_FMT ")", STR_ARG(octets));
	if (kind != PIPE_PUSH)
		return;
	assert_int_equal(pipe_parse(kind, octets, v), 0);
	buf_printf(&is.told, "(" STR_FMT "," STR_FMT ")", STR_ARG(v[0]), STR_ARG(v[1]));
}

static void
on_lost(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	is.lost++;
	frames_free(&is.frames);
}

static void
open_pipe(struct ipc_chan *c, struct ipc_in *m)
{
	static const struct frames_events events = {.frame = on_frame, .closed = on_lost};
	struct ipc_out out;
	struct err e;
	int fd = ipc_take_fd(m);

	assert_int_equal(ipc_end(m), 0);
	if (is.refuses) {
		close(fd);
		err_set(&e, E_TEMP, "not now");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	frames_free(&is.frames);
	is.pipes++;
	is.frames = frames_new(fd, &events, NULL);
	ipc_begin(&out, MSG_OWNER_OPEN_R);
	ipc_put_z(&out, "alice@x.test");
	ipc_reply(c, m->id, &out);
}

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;

	(void)arg;
	if (m->type == MSG_SESSION_TICKET) {
		(void)ipc_get_str(m);
		(void)ipc_get_u64(m);
		assert_int_equal(ipc_end(m), 0);
		ipc_begin(&out, MSG_SESSION_TICKET_R);
		ipc_put_z(&out, "ticket");
		ipc_reply(c, m->id, &out);
	} else if (m->type == MSG_OWNER_OPEN) {
		(void)ipc_get_str(m);
		is.conn = ipc_get_u64(m);
		for (int i = 0; i < 3; i++)
			(void)ipc_get_str(m);
		open_pipe(c, m);
	} else {
		uint64_t conn = ipc_get_u64(m);

		assert_int_equal(ipc_end(m), 0);
		if (m->type == MSG_OWNER_WATCH)
			is.watched = conn;
		else
			is.gone = conn;
	}
}

/* For gk-webd. */
static void
notice(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	live_message(m);
}

static void
tell_webd(enum ipc_type type, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_u64(&m, conn);
	ipc_send(parent, &m);
}

/* ---- the page ---- */

static void
on_ready(void *arg)
{
	(void)arg;
	page.ready++;
}

static void
on_text(void *arg, struct str piece, bool first, bool last)
{
	(void)arg;
	if (first)
		buf_putc(&page.text, '[');
	buf_str(&page.text, piece);
	if (last)
		buf_putc(&page.text, ']');
}

static void
on_state(void *arg, struct str state)
{
	(void)arg;
	buf_printf(&page.text, "=" STR_FMT, STR_ARG(state));
	if (page.asks)
		live_want(live);
	page.asks = false;
}

static void
on_done(void *arg)
{
	(void)arg;
	page.done++;
}

static void
on_drained(void *arg)
{
	(void)arg;
}

static void
on_ended(void *arg, const struct err *e)
{
	(void)arg;
	page.ended = e->code;
	live_free(&live);
}

/* ---- the scene ---- */

static void
turns(void)
{
	for (int i = 0; i < 12; i++)
		loop_once(2);
}

static void
later(uint64_t ms)
{
	clock_advance(ms);
	turns();
}

static struct ipc_chan *
pair(enum ipc_peer other, struct ipc_chan **ours)
{
	int fd[2];

	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	*ours = ipc_new(fd[1], PEER_WEBD, other, notice, NULL, NULL);
	return ipc_new(fd[0], other, PEER_WEBD, serve, NULL, NULL);
}

static int
up(void **state)
{
	static const struct live_events events = {.ready = on_ready,
	    .text = on_text,
	    .state = on_state,
	    .done = on_done,
	    .drained = on_drained,
	    .ended = on_ended};
	const struct webauth who = {.user = STR_INIT("alice@x.test"),
	    .id = STR_INIT("s1"),
	    .token = STR_INIT("0123456789abcdef0123456789abcdef")};

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (loop_init(NULL) < 0)
		return -1;
	conf = conf_parse(STR("host_name = 'a.test'\n"), "t", NULL);
	memset(&is, 0, sizeof(is));
	memset(&page, 0, sizeof(page));
	buf_init(&is.told, 65536);
	buf_init(&page.text, 65536);
	/* The ends that gk-webd has are addressed as the others see it. */
	authd = pair(PEER_AUTHD, &to_authd);
	parent = pair(PEER_MAILBOXD, &to_parent);
	live = live_new(&who, "192.0.2.1", &events, NULL);
	return live != NULL ? 0 : -1;
}

static int
down(void **state)
{
	(void)state;
	live_free(&live);
	frames_free(&is.frames);
	turns();
	ipc_free(&to_authd);
	ipc_free(&authd);
	ipc_free(&to_parent);
	ipc_free(&parent);
	buf_free(&is.told);
	buf_free(&page.text);
	conf_free(&conf);
	return 0;
}

static void
owner_was_told(const char *expected)
{
	turns();
	assert_string_equal(is.told.p ? is.told.p : "", expected);
	buf_reset(&is.told);
}

static void
page_was_told(const char *expected)
{
	turns();
	assert_string_equal(page.text.p ? page.text.p : "", expected);
	buf_reset(&page.text);
}

static void
say_state(const char *types, const char *state)
{
	const struct str fields[] = {str_z(types), str_z(state)};

	assert_int_equal(pipe_put(is.frames, PIPE_STATE, fields, 2), 0);
}

static uint64_t
park_after(void)
{
	return conf_num(conf, CONF_WEB_PARK_AFTER) + 1000;
}

/* Told of changes, and parked. */
static void
watch(void)
{
	live_push(live, STR("*"), STR(""));
	owner_was_told("push(*,)");
	say_state("*", "s1");
	page_was_told("=s1");
	later(park_after());
	assert_int_equal(is.watched, is.conn);
	frames_put(is.frames, PIPE_LEFT, STR_NONE);
	turns();
	assert_int_equal(is.lost, 1);
}

/* ---- tests ---- */

static void
a_message_there_and_back(void **state)
{
	(void)state;
	live_want(live);
	turns();
	assert_int_equal(page.ready, 1);
	live_begin(live);
	live_say(live, STR("one"));
	live_end(live);
	owner_was_told("text data(one) end");
	frames_put(is.frames, PIPE_TEXT, STR_NONE);
	frames_put(is.frames, PIPE_DATA, STR("an"));
	frames_put(is.frames, PIPE_DATA, STR("swer"));
	frames_put(is.frames, PIPE_END, STR_NONE);
	page_was_told("[answer]");
	assert_int_equal(page.done, 0);
	/* It holds its pipe until it is dealt with, however long that takes. */
	later(park_after());
	assert_int_equal(is.lost, 0);
	frames_put(is.frames, PIPE_DONE, STR_NONE);
	turns();
	assert_int_equal(page.done, 1);
	/* Nothing is to be told of: no pipe, no watch. */
	later(park_after());
	assert_int_equal(is.lost, 1);
	assert_int_equal(is.watched, 0);
	/* The next message has a pipe anew. */
	live_want(live);
	turns();
	assert_int_equal(page.ready, 2);
	assert_int_equal(is.pipes, 2);
}

/* Changes that are told all the time keep no message waiting. */
static void
a_message_comes_through_a_stream_of_changes(void **state)
{
	(void)state;
	live_push(live, STR("*"), STR(""));
	owner_was_told("push(*,)");
	say_state("*", "s1");
	page_was_told("=s1");
	page.asks = true;
	say_state("*", "s2");
	say_state("*", "s3"); /* is there already when the message begins */
	page_was_told("=s2=s3");
	assert_int_equal(page.ready, 1);
}

static void
a_watch_wakes_with_what_was_told(void **state)
{
	(void)state;
	watch();
	tell_webd(MSG_WAKE, is.watched);
	owner_was_told("push(*,s1)");
	assert_int_equal(is.pipes, 2);
	frames_put(is.frames, PIPE_TEXT, STR_NONE);
	frames_put(is.frames, PIPE_DATA, STR("new"));
	frames_put(is.frames, PIPE_END, STR_NONE);
	say_state("*", "s2");
	page_was_told("[new]=s2");
	/* A wake of a watch that is none: the parent is told that nobody is there. */
	tell_webd(MSG_WAKE, 4711);
	turns();
	assert_int_equal(is.gone, 4711);
}

/* Between OWNER_WATCH and LEFT. */
static void
a_wake_before_it_waits_is_not_lost(void **state)
{
	(void)state;
	live_push(live, STR("*"), STR("s0"));
	owner_was_told("push(*,s0)");
	say_state("*", "s1");
	page_was_told("=s1");
	later(park_after());
	tell_webd(MSG_WAKE, is.watched);
	turns();
	assert_int_equal(is.pipes, 1);
	frames_put(is.frames, PIPE_LEFT, STR_NONE);
	owner_was_told("push(*,s1)");
	assert_int_equal(is.pipes, 2);
}

static void
what_is_said_while_it_waits(void **state)
{
	(void)state;
	watch();
	live_want(live);
	owner_was_told("push(*,s1)");
	assert_int_equal(page.ready, 1);
	assert_int_equal(is.gone, is.watched);
}

static void
a_lost_pipe(void **state)
{
	(void)state;
	live_push(live, STR("*"), STR("s0"));
	owner_was_told("push(*,s0)");
	say_state("*", "s1");
	turns();
	/* With nothing under way nobody hears of it. */
	frames_free(&is.frames);
	turns();
	later(1000);
	owner_was_told("push(*,s1)");
	assert_int_equal(is.pipes, 2);
	assert_int_equal(page.ended, E_OK);
	/* With a message under way nobody knows what became of it. */
	live_want(live);
	turns();
	live_begin(live);
	frames_free(&is.frames);
	turns();
	assert_int_equal(page.ended, E_CLOSED);
	assert_null(live);
}

static void
no_owner_to_be_had(void **state)
{
	(void)state;
	is.refuses = true;
	live_want(live);
	for (int i = 0; i < 20 && live != NULL; i++)
		later(12000);
	assert_int_equal(page.ended, E_TEMP);
}

static void
an_owner_that_makes_no_sense(void **state)
{
	(void)state;
	live_push(live, STR("*"), STR(""));
	turns();
	frames_put(is.frames, PIPE_DONE, STR_NONE);
	turns();
	assert_int_equal(page.ended, E_PROTO);
}

/* The parent is gone, and its watches with it. */
static void
a_lost_parent(void **state)
{
	(void)state;
	watch();
	live_lost();
	later(1000);
	owner_was_told("push(*,s1)");
	assert_int_equal(is.pipes, 2);
}

static void
who_is_thrown_out(void **state)
{
	(void)state;
	watch();
	tell_webd(MSG_KICK, is.watched);
	turns();
	assert_int_equal(page.ended, E_DENIED);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_message_there_and_back),
	    TEST(a_message_comes_through_a_stream_of_changes),
	    TEST(a_watch_wakes_with_what_was_told),
	    TEST(a_wake_before_it_waits_is_not_lost),
	    TEST(what_is_said_while_it_waits),
	    TEST(a_lost_pipe),
	    TEST(no_owner_to_be_had),
	    TEST(an_owner_that_makes_no_sense),
	    TEST(a_lost_parent),
	    TEST(who_is_thrown_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
