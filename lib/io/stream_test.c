/*
 * stream_test.c - plain streams: splits, back-pressure, limits, time, ends, and owners that free in
 * callbacks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/stream.h"
#include "io/stream_private.h"

/* ---- an owner that notes what happens ---- */

enum act {
	ACT_TAKE, /* consume all input */
	ACT_LEAVE,
	ACT_ECHO, /* answer each line with itself, after pausing for a turn */
	ACT_FREE
};

struct owner {
	struct stream *s;
	enum act on_input;
	bool free_on_drained, free_on_closed, finish_on_idle;
	struct buf got;
	unsigned inputs, drains, closes, idles;
	size_t produce; /* octets still to write, by drained */
	enum err_code code;
	struct loop_defer later;
};

static int theirs; /* the peer's socket */

static void
resume_later(void *arg)
{
	stream_resume(((struct owner *)arg)->s);
}

static void
echo_line(struct owner *o)
{
	struct str in = stream_input(o->s);
	size_t n = str_chr(in, '\n');

	if (n == in.n)
		return;
	stream_write(o->s, in.p, n + 1);
	stream_consume(o->s, n + 1);
	stream_pause(o->s);
	loop_defer(&o->later);
}

static void
on_input(void *arg)
{
	struct owner *o = arg;
	struct str in = stream_input(o->s);

	o->inputs++;
	switch (o->on_input) {
	case ACT_TAKE:
		assert_int_equal(buf_str(&o->got, in), 0);
		stream_consume(o->s, in.n);
		break;
	case ACT_ECHO:
		echo_line(o);
		break;
	case ACT_FREE:
		stream_puts(o->s, "never seen");
		stream_free(&o->s);
		break;
	case ACT_LEAVE:
		break;
	}
}

static void
on_drained(void *arg)
{
	static const char block[8192] = {'x'};
	struct owner *o = arg;
	size_t n = o->produce < sizeof(block) ? o->produce : sizeof(block);

	o->drains++;
	assert_int_equal(stream_pending(o->s), 0);
	if (o->free_on_drained)
		stream_free(&o->s);
	else if (n > 0) {
		o->produce -= n;
		stream_write(o->s, block, n);
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	struct owner *o = arg;

	o->closes++;
	o->code = e->code;
	if (o->free_on_closed)
		stream_free(&o->s);
}

static void
on_idle(void *arg)
{
	struct owner *o = arg;

	o->idles++;
	if (o->finish_on_idle) {
		stream_puts(o->s, "* BYE idle\r\n");
		stream_finish(o->s);
	}
}

static const struct stream_events events = {
    .input = on_input, .drained = on_drained, .closed = on_closed};
static const struct stream_events idle_events = {
    .input = on_input, .closed = on_closed, .idle = on_idle};
static const struct stream_limits limits = {.in_max = 100, .out_max = 64 * 1024, .idle_ms = 60000};

static void
init(struct owner *o, int fd, const struct stream_limits *l, const struct stream_events *ev)
{
	*o = (struct owner){0};
	buf_init(&o->got, 1 << 20);
	loop_defer_init(&o->later, resume_later, o);
	o->s = stream_new(fd, l, ev, o);
}

static void
open_pair(struct owner *o, const struct stream_limits *l)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	theirs = sv[1];
	init(o, sv[0], l, &events);
}

static void
done(struct owner *o)
{
	stream_free(&o->s);
	loop_defer_cancel(&o->later);
	buf_free(&o->got);
	if (theirs >= 0)
		close(theirs);
	theirs = -1;
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(0);
}

static void
say(const char *text)
{
	assert_int_equal(write(theirs, text, strlen(text)), strlen(text));
}

static void
assert_heard(const char *text)
{
	char room[1000];
	ssize_t n = read(theirs, room, sizeof(room) - 1);

	room[n > 0 ? n : 0] = 0;
	assert_string_equal(room, text);
}

static void
assert_end_heard(void)
{
	char c;

	assert_int_equal(read(theirs, &c, 1), 0);
}

/* ---- input ---- */

static void
input_arrives_however_it_is_split(void **state)
{
	static const char text[] = "EHLO x\r\nQUIT\r\n";
	const size_t n = sizeof(text) - 1;

	(void)state;
	for (size_t at = 0; at <= n; at++) {
		struct owner o;

		open_pair(&o, &limits);
		stream_start(o.s);
		assert_int_equal(write(theirs, text, at), at);
		turns(1);
		assert_int_equal(write(theirs, text + at, n - at), n - at);
		turns(1);
		assert_true(str_eq_z(buf_view(&o.got), text));
		assert_int_equal(o.inputs, at == 0 || at == n ? 1 : 2);
		done(&o);
	}
}

static void
lines_are_echoed_octet_by_octet(void **state)
{
	static const char text[] = "one\ntwo\n\nfour\n";
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	o.on_input = ACT_ECHO;
	stream_start(o.s);
	for (const char *p = text; *p; p++) {
		assert_int_equal(write(theirs, p, 1), 1);
		turns(1);
	}
	assert_heard(text);
	say(text); /* all at once: each resume brings the next line */
	turns(1);
	assert_heard(text);
	done(&o);
}

static void
nothing_is_read_before_the_start_nor_while_paused(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	say("a");
	turns(3);
	assert_int_equal(o.inputs, 0);
	stream_start(o.s);
	stream_pause(o.s);
	turns(3);
	assert_int_equal(o.inputs, 0);
	stream_resume(o.s);
	assert_int_equal(o.inputs, 0);
	turns(2);
	assert_int_equal(o.inputs, 1);
	done(&o);
}

static void
a_full_buffer_stops_reading_until_there_is_room(void **state)
{
	struct owner o;
	char block[100000];
	ssize_t sent = 0, n;
	size_t got = 0;

	(void)state;
	memset(block, 'y', sizeof(block));
	open_pair(&o, &limits);
	o.on_input = ACT_LEAVE;
	stream_start(o.s);
	for (int i = 0; i < 50; i++) {
		if ((n = write(theirs, block, sizeof(block))) > 0)
			sent += n;
		turns(1);
		assert_in_range(stream_input(o.s).n, 1, 100);
	}
	assert_int_equal(write(theirs, block, sizeof(block)), -1); /* the peer waits */
	assert_true(o.inputs < 100);
	while (got < (size_t)sent) {
		n = (ssize_t)stream_input(o.s).n;
		assert_true(n > 0);
		stream_consume(o.s, (size_t)n);
		got += (size_t)n;
		turns(2);
	}
	assert_int_equal(got, sent);
	done(&o);
}

static void
the_end_is_told_once_and_output_still_goes(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	say("bye");
	shutdown(theirs, SHUT_WR);
	turns(5);
	assert_true(stream_at_end(o.s));
	assert_int_equal(o.inputs, 2);
	assert_int_equal(o.closes, 0);
	stream_puts(o.s, "so long");
	turns(1);
	assert_heard("so long");
	done(&o);
}

static void
idle_buffers_are_given_back(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	say("hello");
	stream_puts(o.s, "hello");
	turns(2);
	assert_null(o.s->in.base);
	assert_null(o.s->out.base);
	done(&o);
}

/* ---- output ---- */

static void
output_gathers_until_the_end_of_the_turn(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	stream_puts(o.s, "a");
	stream_write(o.s, "bc", 2);
	stream_printf(o.s, "%d", 42);
	assert_int_equal(stream_pending(o.s), 5);
	assert_heard("");
	turns(1);
	assert_heard("abc42");
	assert_int_equal(o.drains, 1);
	stream_puts(o.s, "now");
	stream_flush(o.s);
	assert_heard("now");
	assert_int_equal(o.drains, 1); /* never from inside stream_flush() */
	turns(1);
	assert_int_equal(o.drains, 2);
	done(&o);
}

static void
much_output_goes_in_pieces_as_the_peer_reads(void **state)
{
	const struct stream_limits roomy = {.in_max = 100, .out_max = 2000000};
	size_t size = 1500000, got = 0;
	char *all = mem_alloc(size), *back = mem_alloc(size);
	struct owner o;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < size; i++)
		all[i] = (char)(i * 7 + i / 251);
	open_pair(&o, &roomy);
	stream_start(o.s);
	stream_write(o.s, all, size);
	turns(3);
	assert_true(stream_pending(o.s) > 0);
	assert_int_equal(o.drains, 0);
	while (got < size) {
		if ((n = read(theirs, back + got, 10007)) > 0)
			got += (size_t)n;
		turns(1);
	}
	assert_memory_equal(all, back, size);
	assert_int_equal(o.drains, 1);
	free(all);
	free(back);
	done(&o);
}

/* Produced from drained(), to a peer that takes all at once: no turn is without end. */
static void
a_fast_peer_does_not_hold_the_loop(void **state)
{
	char room[65536];
	struct owner o;
	size_t got = 0, biggest = 0;
	ssize_t n;

	(void)state;
	open_pair(&o, &limits);
	setsockopt(stream_fd(o.s), SOL_SOCKET, SO_SNDBUF, &(int){4000000}, sizeof(int));
	stream_start(o.s);
	o.produce = 2000000;
	stream_puts(o.s, "x");
	while (got < 2000001) {
		size_t turn = 0;

		turns(1);
		while ((n = read(theirs, room, sizeof(room))) > 0)
			turn += (size_t)n;
		got += turn;
		biggest = turn > biggest ? turn : biggest;
	}
	assert_int_equal(got, 2000001);
	assert_true(biggest <= STREAM_TURN_MAX + 8192 + 1);
	done(&o);
}

/* The same, where a turn's share is passed by one event of the socket. */
static void
a_backlog_that_goes_at_once_is_told(void **state)
{
	const struct stream_limits roomy = {.in_max = 100, .out_max = 2000000};
	char *all = mem_alloc(1500000), *back = mem_alloc(1500000);
	struct owner o;

	(void)state;
	open_pair(&o, &roomy);
	stream_start(o.s);
	stream_write(o.s, all, 1500000);
	turns(2);
	assert_in_range(stream_pending(o.s), STREAM_TURN_MAX + 1, 1500000);
	setsockopt(stream_fd(o.s), SOL_SOCKET, SO_SNDBUF, &(int){4000000}, sizeof(int));
	assert_true(read(theirs, back, 1500000) > 0);
	for (int i = 0; i < 20 && o.drains == 0; i++)
		turns(1);
	assert_int_equal(o.drains, 1);
	free(all);
	free(back);
	done(&o);
}

static void
too_much_output_closes(void **state)
{
	const struct stream_limits narrow = {.in_max = 10, .out_max = 10};
	struct owner o;

	(void)state;
	open_pair(&o, &narrow);
	stream_start(o.s);
	stream_puts(o.s, "0123456789");
	assert_int_equal(o.closes, 0);
	stream_puts(o.s, "0");
	stream_printf(o.s, "%d", 1);
	assert_int_equal(o.closes, 0);
	turns(2);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_LIMIT);
	done(&o);
}

/* ---- time ---- */

static void
silence_times_out(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	for (int i = 0; i < 3; i++) {
		clock_advance(40000);
		say("x");
		turns(1);
		clock_advance(40000);
		stream_puts(o.s, "y");
		turns(1);
	}
	assert_int_equal(o.closes, 0);
	clock_advance(59000);
	turns(1);
	assert_int_equal(o.closes, 0);
	clock_advance(1000);
	turns(1);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_TIMEOUT);
	done(&o);
}

static void
the_idle_limit_changes(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	stream_set_idle(o.s, 0);
	clock_advance(10000000);
	turns(2);
	assert_int_equal(o.closes, 0);
	stream_set_idle(o.s, 1000);
	clock_advance(1000);
	turns(1);
	assert_int_equal(o.code, E_TIMEOUT);
	done(&o);
}

static void
an_idle_peer_is_told_why(void **state)
{
	struct owner o;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	theirs = sv[1];
	init(&o, sv[0], &limits, &idle_events);
	stream_start(o.s);
	clock_advance(60000);
	turns(1);
	assert_int_equal(o.idles, 1);
	clock_advance(60000);
	o.finish_on_idle = true;
	turns(1);
	assert_int_equal(o.idles, 2);
	assert_heard("* BYE idle\r\n");
	assert_end_heard();
	clock_advance(2000);
	turns(1);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
a_peer_that_does_not_read_times_out(void **state)
{
	const struct stream_limits l = {.in_max = 10, .out_max = 4000000, .idle_ms = 1000};
	char *much = mem_alloc(4000000);
	struct owner o;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	theirs = sv[1];
	init(&o, sv[0], &l, &idle_events);
	stream_start(o.s);
	stream_write(o.s, much, 4000000);
	stream_finish(o.s);
	turns(2);
	clock_advance(1000);
	turns(1);
	assert_int_equal(o.idles, 0);
	assert_int_equal(o.code, E_TIMEOUT);
	free(much);
	done(&o);
}

/* ---- ends ---- */

/* A connection over TCP on the loopback: what a reset does is seen there only. */
static void
open_tcp(struct owner *o)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), fd;

	assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &n), 0);
	theirs = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(theirs, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_true((fd = accept(l, NULL, NULL)) >= 0);
	close(l);
	init(o, fd, &limits, &events);
}

static void
finishing_delivers_the_last_words(void **state)
{
	struct owner o;

	(void)state;
	open_tcp(&o);
	assert_string_equal(stream_peer(o.s), "127.0.0.1");
	stream_start(o.s);
	say("more than it");
	say(" will ever read");
	stream_puts(o.s, "421 too busy\r\n");
	stream_finish(o.s);
	stream_puts(o.s, "too late");
	turns(2);
	say("still talking");
	loop_once(100);
	assert_int_equal(o.closes, 0);
	assert_int_equal(o.inputs, 0);
	assert_heard("421 too busy\r\n");
	assert_end_heard();
	close(theirs);
	theirs = -1;
	while (o.closes == 0)
		loop_once(100);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
finishing_does_not_wait_for_ever(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_puts(o.s, "hello"); /* and never started */
	stream_finish(o.s);
	turns(2);
	assert_heard("hello");
	assert_end_heard();
	assert_int_equal(o.closes, 0);
	clock_advance(2000);
	turns(1);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
finishing_takes_no_endless_flood(void **state)
{
	char block[65536] = {0};
	struct owner o;
	size_t sent = 0;
	ssize_t n;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	stream_finish(o.s);
	while (o.closes == 0) {
		if ((n = write(theirs, block, sizeof(block))) > 0)
			sent += (size_t)n;
		assert_true(sent < 4000000);
		turns(1);
	}
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
after_the_peers_end_finishing_is_immediate(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	shutdown(theirs, SHUT_WR);
	turns(2);
	stream_puts(o.s, "x");
	stream_finish(o.s);
	assert_int_equal(o.closes, 0);
	turns(1);
	assert_int_equal(o.closes, 1);
	assert_heard("x");
	done(&o);
}

static void
a_broken_connection_is_told_once(void **state)
{
	struct owner o;
	struct linger hard = {.l_onoff = 1};

	(void)state;
	open_tcp(&o);
	stream_start(o.s);
	setsockopt(theirs, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(theirs);
	theirs = -1;
	while (o.closes == 0)
		loop_once(100);
	assert_int_equal(o.code, E_CLOSED);
	stream_puts(o.s, "into the void");
	stream_finish(o.s);
	turns(2);
	assert_int_equal(o.closes, 1);
	done(&o);
}

static void
writing_to_a_peer_that_left_closes(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	assert_string_equal(stream_peer(o.s), "local");
	close(theirs);
	theirs = -1;
	stream_puts(o.s, "x");
	stream_flush(o.s);
	assert_int_equal(o.closes, 0);
	turns(1);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

/* ---- freeing ---- */

static void
freed_in_input(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	o.on_input = ACT_FREE;
	stream_start(o.s);
	say("x");
	turns(2);
	assert_null(o.s);
	assert_end_heard();
	done(&o);
}

static void
freed_in_drained(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	o.free_on_drained = true;
	stream_start(o.s);
	say("x");
	stream_puts(o.s, "y");
	turns(2);
	assert_null(o.s);
	assert_heard("y");
	done(&o);
}

static void
freed_in_closed(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	o.free_on_closed = true;
	stream_start(o.s);
	clock_advance(60000);
	turns(2);
	assert_null(o.s);
	assert_int_equal(o.closes, 1);
	done(&o);
}

static void
freed_with_everything_pending(void **state)
{
	struct owner o;

	(void)state;
	open_pair(&o, &limits);
	stream_start(o.s);
	say("x");
	stream_puts(o.s, "y");
	stream_pause(o.s);
	stream_resume(o.s);
	stream_free(&o.s);
	turns(2);
	assert_int_equal(o.inputs, 0);
	done(&o);
}

static int
fresh(void **state)
{
	(void)state;
	theirs = -1;
	return loop_init(NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(input_arrives_however_it_is_split),
	    TEST(lines_are_echoed_octet_by_octet),
	    TEST(nothing_is_read_before_the_start_nor_while_paused),
	    TEST(a_full_buffer_stops_reading_until_there_is_room),
	    TEST(the_end_is_told_once_and_output_still_goes),
	    TEST(idle_buffers_are_given_back),
	    TEST(output_gathers_until_the_end_of_the_turn),
	    TEST(much_output_goes_in_pieces_as_the_peer_reads),
	    TEST(a_fast_peer_does_not_hold_the_loop),
	    TEST(a_backlog_that_goes_at_once_is_told),
	    TEST(too_much_output_closes),
	    TEST(silence_times_out),
	    TEST(the_idle_limit_changes),
	    TEST(an_idle_peer_is_told_why),
	    TEST(a_peer_that_does_not_read_times_out),
	    TEST(finishing_delivers_the_last_words),
	    TEST(finishing_does_not_wait_for_ever),
	    TEST(finishing_takes_no_endless_flood),
	    TEST(after_the_peers_end_finishing_is_immediate),
	    TEST(a_broken_connection_is_told_once),
	    TEST(writing_to_a_peer_that_left_closes),
	    TEST(freed_in_input),
	    TEST(freed_in_drained),
	    TEST(freed_in_closed),
	    TEST(freed_with_everything_pending),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
