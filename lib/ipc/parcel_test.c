/* parcel_test.c - octets beside a call: in the packet, through a stream, and peers that go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "ipc/parcel.h"

static struct buf got;
static struct parcel_in *in;
static unsigned sent, ended, ready, failed;
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

static void
on_failed(void *arg, const struct err *e)
{
	(void)arg;
	assert_string_equal(e->text, "socketpair: Too many open files");
	failed++;
}

static const struct parcel_events events = {
    .send = on_send, .ready = on_ready, .failed = on_failed};

static int
setup(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	buf_init(&got, 16u << 20);
	sent = ended = ready = failed = 0;
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

	buf_reset(&got);
	sent = 0;
	for (size_t i = 0; i < n; i++)
		all[i] = octet(i);
	for (size_t at = 0; at < n; at += step) {
		parcel_put(p, str_sub(str_of(all, n), at, step));
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
	unsigned n = 0;

	(void)state;
	hold = true;
	while (!parcel_blocked(p) && n++ < 1000) {
		parcel_put(p, str_of(piece, sizeof(piece)));
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

	(void)state;
	hold = true;
	while (!parcel_blocked(p)) {
		parcel_put(p, str_of(piece, sizeof(piece)));
		turns(1);
	}
	close(kept);
	turns(5);
	assert_int_equal(ready, 1);
	for (int i = 0; i < 20; i++)
		parcel_put(p, str_of(piece, sizeof(piece)));
	assert_false(parcel_blocked(p));
	parcel_end(p);
	parcel_free(&p);
}

static void
test_a_writer_that_goes_away(void **state)
{
	struct parcel *p = parcel_new(&events, NULL);
	static char piece[65536];

	(void)state;
	parcel_put(p, str_of(piece, sizeof(piece)));
	turns(3);
	parcel_free(&p);
	turns(3);
	assert_int_equal(ended, 1);
}

/* The call is not made, and who waits for it hears why, but not from inside its own call. */
static void
test_no_socket_is_to_be_had(void **state)
{
	struct parcel *p = parcel_new(&events, NULL);
	static char piece[65536];
	struct rlimit was, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	parcel_put(p, str_of(piece, sizeof(piece)));
	parcel_put(p, str_of(piece, sizeof(piece)));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(failed, 0);
	assert_false(parcel_blocked(p));
	parcel_end(p);
	turns(3);
	assert_int_equal(failed, 1);
	assert_int_equal(sent, 0);
	parcel_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sizes_and_pieces, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_slow_reader_blocks_the_writer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_reader_that_goes_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_writer_that_goes_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_socket_is_to_be_had, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
