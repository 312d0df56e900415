/* connect_test.c - the first of several addresses that answers, and what is remembered of the
 * others. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/connect.h"
#include "delivery/remote/dead.h"
#include "delivery/remote/hosts.h"
#include "io/loop.h"

#define DEAD_MS 60000u

static int listener = -1, full = -1, filling[8];
static struct sockaddr_storage works, hangs, refuses;

static struct {
	unsigned times;
	int fd;
	size_t at;
	struct err e;
} got;

static void
on_connect(void *arg, int fd, size_t at, const struct err *e)
{
	(void)arg;
	got.times++;
	got.fd = fd;
	got.at = at;
	if (e)
		got.e = *e;
}

/* On its own address, on any port; backlog 0 is full with one. */
static int
open_at(const char *address, int backlog, struct sockaddr_storage *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(*a);

	assert_true(hosts_parse_address(str_z(address), 0, a));
	assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof(struct sockaddr_in)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &size), 0);
	return fd;
}

static int
set_up(void **state)
{
	int closed;

	(void)state;
	loop_init(NULL);
	listener = open_at("127.0.0.21", 10, &works);
	full = open_at("127.0.0.22", 0, &hangs);
	for (size_t i = 0; i < ARRAY_LEN(filling); i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filling[i], (struct sockaddr *)&hangs, sizeof(struct sockaddr_in));
	}
	closed = open_at("127.0.0.23", -1, &refuses);
	close(closed);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(listener);
	close(full);
	for (size_t i = 0; i < ARRAY_LEN(filling); i++)
		close(filling[i]);
	return 0;
}

static void
begin(void **state)
{
	(void)state;
	dead_forget_all();
	got.times = 0;
	got.fd = -1;
}

/* Turns of the loop, with so much time passed before the last of them. */
static void
pass(uint64_t ms)
{
	for (int i = 0; i < 5; i++)
		loop_once(2);
	clock_advance(ms);
	for (int i = 0; i < 5; i++)
		loop_once(2);
}

static void
one_that_refuses_costs_nothing(void **state)
{
	struct sockaddr_storage v[] = {refuses, works};

	begin(state);
	(void)connect_start(v, 2, 30000, DEAD_MS, on_connect, NULL);
	assert_int_equal(got.times, 0);
	pass(0);
	assert_int_equal(got.times, 1);
	assert_int_equal(got.at, 1);
	assert_true(got.fd >= 0);
	close(got.fd);
	assert_true(dead_is(&refuses, DEAD_ADDRESS));
	assert_false(dead_is(&works, DEAD_ADDRESS));
	assert_false(dead_is(&refuses, DEAD_TLS));
	clock_advance(DEAD_MS);
	assert_false(dead_is(&refuses, DEAD_ADDRESS));
}

static void
one_that_hangs_costs_a_second(void **state)
{
	struct sockaddr_storage v[] = {hangs, works};

	begin(state);
	(void)connect_start(v, 2, 30000, DEAD_MS, on_connect, NULL);
	pass(CONNECT_STAGGER_MS - 500);
	assert_int_equal(got.times, 0);
	pass(600);
	assert_int_equal(got.times, 1);
	assert_int_equal(got.at, 1);
	close(got.fd);
	/* It was slower than the other by that much. */
	assert_true(dead_is(&hangs, DEAD_ADDRESS));
}

static void
all_that_hang_end(void **state)
{
	struct sockaddr_storage v[] = {hangs, hangs, hangs};

	begin(state);
	(void)connect_start(v, 3, 3000, DEAD_MS, on_connect, NULL);
	pass(1100); /* the second beside the first, and no third */
	pass(2000); /* the first has had its time */
	pass(1100);
	assert_int_equal(got.times, 0);
	pass(3000);
	pass(3000);
	assert_int_equal(got.times, 1);
	assert_int_equal(got.fd, -1);
	assert_int_equal(got.e.code, E_TIMEOUT);
	assert_string_equal(got.e.text, "connect: Connection timed out");
}

static void
connecting_is_cancelled(void **state)
{
	struct sockaddr_storage v[] = {hangs, works};
	struct connector *c;

	begin(state);
	c = connect_start(v, 2, 3000, DEAD_MS, on_connect, NULL);
	pass(0);
	connect_cancel(&c);
	connect_cancel(&c);
	c = connect_start(v, 2, 3000, DEAD_MS, on_connect, NULL);
	connect_cancel(&c);
	pass(5000);
	assert_int_equal(got.times, 0);
}

static void
no_more_are_remembered_than_may_be(void **state)
{
	struct sockaddr_storage a;
	char text[32];

	begin(state);
	for (unsigned i = 0; i < DEAD_MAX + 10; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 250, i % 250);
		assert_true(hosts_parse_address(str_z(text), 25, &a));
		dead_mark(&a, DEAD_ADDRESS, DEAD_MS);
	}
	assert_true(dead_is(&a, DEAD_ADDRESS));
	assert_true(hosts_parse_address(STR("10.1.0.0"), 25, &a));
	assert_false(dead_is(&a, DEAD_ADDRESS));
	assert_true(hosts_parse_address(STR("10.1.1.0"), 26, &a));
	assert_false(dead_is(&a, DEAD_ADDRESS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_refuses_costs_nothing),
	    cmocka_unit_test(one_that_hangs_costs_a_second),
	    cmocka_unit_test(all_that_hang_end),
	    cmocka_unit_test(connecting_is_cancelled),
	    cmocka_unit_test(no_more_are_remembered_than_may_be),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
