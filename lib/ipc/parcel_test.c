/* parcel_test.c - octets beside a call: in the packet, through a stream, and peers that go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "ipc/parcel.h"

static struct buf got;
static struct parcel_in *in;
static unsigned sent, ended, ready;
static bool hold; /* the reader takes its time */
static int kept = -1;

static void
on_octets(void *arg, struct str octets)
{
	(void)arg;
	buf_str(&got, octets);
}

static void
on_end(void *arg, const struct err *e)
{
	(void)arg;
	assert_null(e);
	ended++;
	parcel_in_free(&in);
}

static const struct parcel_in_events in_events = {.octets = on_octets, .end = on_end};

static void
on_send(void *arg, struct str octets, int fd)
{
	(void)arg;
	sent++;
	if (fd < 0)
		buf_str(&got, octets);
	else if (hold)
		kept = fd;
	else
		in = parcel_in_new(fd, &in_events, NULL);
}

static void
on_ready(void *arg)
{
	(void)arg;
	ready++;
}

static const struct parcel_events events = {.send = on_send, .ready = on_ready};

static int
setup(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	buf_init(&got, 16u << 20);
	sent = ended = ready = 0;
	hold = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&got);
	return 0;
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(1);
}

static char
octet(size_t i)
{
	return (char)('a' + i * 7 % 26);
}

/* n octets in pieces of step; the reader has exactly these in the end. */
static void
carry(size_t n, size_t step)
{
	struct parcel *p = parcel_new(&events, NULL);
	char *all = mem_alloc(n + 1);
	struct err e;

	buf_reset(&got);
	sent = 0;
	for (size_t i = 0; i < n; i++)
		all[i] = octet(i);
	for (size_t at = 0; at < n; at += step) {
		assert_int_equal(parcel_put(p, str_sub(str_of(all, n), at, step), &e), 0);
		while (parcel_blocked(p))
			turns(1);
	}
	parcel_end(p);
	for (int i = 0; i < 1000 && got.n < n; i++)
		turns(1);
	turns(3);
	assert_int_equal(sent, 1);
	assert_true(str_eq(buf_view(&got), str_of(all, n)));
	parcel_free(&p);
	free(all);
}

static void
test_sizes_and_pieces(void **state)
{
	(void)state;
	carry(0, 1);
	carry(1000, 1);
	carry(IPC_INLINE_MAX, 1000);
	assert_int_equal(ended, 0);
	carry(IPC_INLINE_MAX + 1, 1000);
	assert_int_equal(ended, 1);
	carry(IPC_INLINE_MAX + 1, IPC_INLINE_MAX + 1);
	carry(5u << 20, 65536);
	assert_int_equal(ended, 3);
}

static void
test_a_slow_reader_blocks_the_writer(void **state)
{
	struct parcel *p = parcel_new(&events, NULL);
	static char piece[65536];
	struct err e;
	unsigned n = 0;

	(void)state;
	hold = true;
	while (!parcel_blocked(p) && n++ < 1000) {
		assert_int_equal(parcel_put(p, str_of(piece, sizeof(piece)), &e), 0);
		turns(1);
	}
	assert_true(n < 100);
	turns(5);
	assert_int_equal(ready, 0);
	in = parcel_in_new(kept, &in_events, NULL);
	turns(20);
	assert_int_equal(ready, 1);
	assert_false(parcel_blocked(p));
	parcel_end(p);
	turns(20);
	assert_int_equal(ended, 1);
	assert_int_equal(got.n, n * sizeof(piece));
	parcel_free(&p);
}

/* The rest is dropped, and nobody waits for ever. */
static void
test_a_reader_that_goes_away(void **state)
{
	struct parcel *p = parcel_new(&events, NULL);
	static char piece[65536];
	struct err e;

	(void)state;
	hold = true;
	while (!parcel_blocked(p)) {
		assert_int_equal(parcel_put(p, str_of(piece, sizeof(piece)), &e), 0);
		turns(1);
	}
	close(kept);
	turns(5);
	assert_int_equal(ready, 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(parcel_put(p, str_of(piece, sizeof(piece)), &e), 0);
	assert_false(parcel_blocked(p));
	parcel_end(p);
	parcel_free(&p);
}

static void
test_a_writer_that_goes_away(void **state)
{
	struct parcel *p = parcel_new(&events, NULL);
	static char piece[65536];
	struct err e;

	(void)state;
	assert_int_equal(parcel_put(p, str_of(piece, sizeof(piece)), &e), 0);
	turns(3);
	parcel_free(&p);
	turns(3);
	assert_int_equal(ended, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sizes_and_pieces, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_slow_reader_blocks_the_writer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_reader_that_goes_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_writer_that_goes_away, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
