/* frames_test.c - frames on the wire: every split, both ends, limits, slow and hostile peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/loop.h"
#include "ipc/frames.h"

static struct frames *a, *b;
static struct buf got; /* "kind:octets;" */
static unsigned frames_seen, drained, closed;
static enum err_code why;
static bool free_at_frame, pause_at_frame;

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct frames **self = arg;

	frames_seen++;
	buf_printf(&got, "%u:", kind);
	buf_str(&got, octets);
	buf_putc(&got, ';');
	if (free_at_frame)
		frames_free(self);
	else if (pause_at_frame)
		frames_pause(*self);
}

static void
on_drained(void *arg)
{
	(void)arg;
	drained++;
}

static void
on_closed(void *arg, const struct err *e)
{
	(void)arg;
	closed++;
	why = e->code;
}

static const struct frames_events events = {
    .frame = on_frame, .drained = on_drained, .closed = on_closed};

static void
join(int pair[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static int
setup(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	buf_init(&got, 64u << 20);
	frames_seen = drained = closed = 0;
	free_at_frame = pause_at_frame = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	frames_free(&a);
	frames_free(&b);
	buf_free(&got);
	return 0;
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(1);
}

static const char wire[] = "\0\0\0\3\1abc"
			   "\0\0\0\0\2"
			   "\0\0\0\1\377x";
#define WIRE  str_of(wire, sizeof(wire) - 1)
#define MEANS "1:abc;2:;255:x;"

static void
one_frame(void **state)
{
	struct frames_one one;

	(void)state;
	for (size_t n = 0; n < 8; n++)
		assert_int_equal(frames_parse(str_sub(WIRE, 0, n), &one), FRAMES_MORE);
	assert_int_equal(frames_parse(WIRE, &one), FRAMES_DONE);
	assert_int_equal(one.kind, 1);
	assert_int_equal(one.size, 8);
	assert_true(str_eq_z(one.octets, "abc"));
	/* The head alone says what is wrong. */
	assert_int_equal(frames_parse(STR("\0\1\0\1\1"), &one), FRAMES_BAD);
	assert_int_equal(frames_parse(STR("\377\377\377\377\1"), &one), FRAMES_BAD);
	assert_int_equal(frames_parse(STR("\0\0\0\0\0"), &one), FRAMES_BAD);
	assert_int_equal(frames_parse(STR("\0\1\0\0\1"), &one), FRAMES_MORE);
}

static void
every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i <= WIRE.n; i++) {
		for (size_t k = i; k <= WIRE.n; k++) {
			int pair[2];

			join(pair);
			buf_reset(&got);
			a = frames_new(pair[0], &events, &a);
			(void)!write(pair[1], wire, i);
			turns(1);
			(void)!write(pair[1], wire + i, k - i);
			turns(1);
			(void)!write(pair[1], wire + k, WIRE.n - k);
			turns(1);
			assert_true(str_eq_z(buf_view(&got), MEANS));
			frames_free(&a);
			close(pair[1]);
		}
	}
	assert_int_equal(closed, 0);
}

static void
both_ends(void **state)
{
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	b = frames_new(pair[1], &events, &b);
	frames_put(a, 1, STR("abc"));
	frames_put(a, 2, STR_NONE);
	frames_put(a, 255, STR("x"));
	turns(3);
	assert_true(str_eq_z(buf_view(&got), MEANS));
	buf_reset(&got);
	frames_put(b, 7, STR("back"));
	frames_finish(b);
	turns(5);
	assert_true(str_eq_z(buf_view(&got), "7:back;"));
	assert_true(closed > 0);
	assert_int_equal(why, E_CLOSED);
}

/* A megabyte in frames, through a socket that holds less. */
static void
many_octets(void **state)
{
	static char all[1u << 20];
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	b = frames_new(pair[1], &events, &b);
	memset(all, 'm', sizeof(all));
	frames_cut(a, 3, STR_NONE);
	assert_int_equal(frames_seen, 0);
	frames_cut(a, 3, str_of(all, sizeof(all)));
	assert_true(frames_blocked(a));
	for (int i = 0; i < 2000 && frames_seen < 16; i++)
		turns(1);
	assert_int_equal(frames_seen, sizeof(all) / FRAMES_MAX);
	assert_int_equal(got.n, sizeof(all) + 16 * 3);
	turns(2);
	assert_false(frames_blocked(a));
	assert_true(drained > 0);
}

static void
paused_until_resumed(void **state)
{
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	pause_at_frame = true;
	(void)!write(pair[1], wire, WIRE.n);
	turns(5);
	assert_int_equal(frames_seen, 1);
	/* Neither is its end told meanwhile. */
	close(pair[1]);
	turns(5);
	assert_int_equal(closed, 0);
	for (unsigned i = 2; i <= 3; i++) {
		frames_resume(a);
		turns(3);
		assert_int_equal(frames_seen, i);
	}
	pause_at_frame = false;
	frames_resume(a);
	turns(3);
	assert_int_equal(closed, 1);
	assert_true(str_eq_z(buf_view(&got), MEANS));
}

static void
freed_inside(void **state)
{
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	free_at_frame = true;
	(void)!write(pair[1], wire, WIRE.n);
	turns(3);
	assert_null(a);
	assert_int_equal(frames_seen, 1);
	close(pair[1]);
}

static void
nonsense_ends_it(void **state)
{
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	(void)!write(pair[1], "\0\0\0\1\1x\177\377\377\377\1yyyy", 15);
	turns(5);
	assert_int_equal(frames_seen, 1);
	assert_int_equal(closed, 1);
	assert_int_equal(why, E_PROTO);
	(void)!write(pair[1], wire, WIRE.n);
	close(pair[1]);
	turns(5);
	assert_int_equal(frames_seen, 1);
	assert_int_equal(closed, 1);
}

/* Half a frame is no frame. */
static void
an_end_in_the_middle(void **state)
{
	int pair[2];

	(void)state;
	join(pair);
	a = frames_new(pair[0], &events, &a);
	(void)!write(pair[1], wire, 6);
	close(pair[1]);
	turns(5);
	assert_int_equal(frames_seen, 0);
	assert_int_equal(closed, 1);
	assert_int_equal(why, E_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_frame, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_split, setup, teardown),
	    cmocka_unit_test_setup_teardown(both_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_octets, setup, teardown),
	    cmocka_unit_test_setup_teardown(paused_until_resumed, setup, teardown),
	    cmocka_unit_test_setup_teardown(freed_inside, setup, teardown),
	    cmocka_unit_test_setup_teardown(nonsense_ends_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_end_in_the_middle, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
