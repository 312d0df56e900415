/* sock_test.c - addresses as text, and listening on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/sock.h"

static void
addresses_are_read(void **state)
{
	static const struct {
		const char *text;
		int family;
		unsigned port;
	} good[] = {
	    {"127.0.0.1:25", AF_INET, 25},
	    {"0.0.0.0:0", AF_INET, 0},
	    {"[::1]:65535", AF_INET6, 65535},
	    {"[2001:db8::1]:25", AF_INET6, 25},
	    {"*:587", AF_INET6, 587},
	};
	struct sockaddr_storage a;
	socklen_t size;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(sock_parse(str_z(good[i].text), &a, &size, &e), 0);
		assert_int_equal(a.ss_family, good[i].family);
		/* The port stands at the same place in both. */
		assert_int_equal(ntohs(((struct sockaddr_in *)&a)->sin_port), good[i].port);
		assert_int_equal(size, good[i].family == AF_INET ? sizeof(struct sockaddr_in)
								 : sizeof(struct sockaddr_in6));
	}
}

static void
what_is_no_address_is_refused_with_an_example(void **state)
{
	static const char *const bad[] = {"", ":", "25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
	    "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 25", "localhost:25", "::1:x", "[::1]",
	    "[::1:25", "256.0.0.1:25", "*:*", "**:25", "[]:25", "1.2.3.4:25 ",
	    "1111111111111111111111111111111111111111111111111111111111111111111111111111:25"};
	struct sockaddr_storage a;
	socklen_t size;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sock_parse(str_z(bad[i]), &a, &size, &e), -1);
		assert_int_equal(e.code, E_INVAL);
		assert_non_null(strstr(e.text, "127.0.0.1:25"));
	}
	assert_int_equal(sock_parse(str_of("127.0.0.1\0:25", 13), &a, &size, &e), -1);
}

static int
port_of(int fd)
{
	char text[SOCK_TEXT_SIZE];
	int port = 0;

	assert_int_equal(sscanf(strrchr(sock_bound_text(fd, text), ':'), ":%d", &port), 1);
	return port;
}

static bool
can_connect(const char *host, int port)
{
	char text[SOCK_TEXT_SIZE];
	struct sockaddr_storage a;
	socklen_t size;
	bool ok;
	int fd;

	snprintf(text, sizeof(text), "%s:%d", host, port);
	assert_int_equal(sock_parse(str_z(text), &a, &size, NULL), 0);
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ok = connect(fd, (struct sockaddr *)&a, size) == 0;
	close(fd);
	return ok;
}

static void
a_port_is_bound_once(void **state)
{
	char text[SOCK_TEXT_SIZE];
	struct err e;
	int fd = sock_listen(STR("127.0.0.1:0"), &e);

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(strncmp(sock_bound_text(fd, text), "127.0.0.1:", 10), 0);
	assert_true(can_connect("127.0.0.1", port_of(fd)));
	assert_int_equal(sock_listen(str_z(text), &e), -1);
	assert_non_null(strstr(e.text, text));
	assert_non_null(strstr(e.text, strerror(EADDRINUSE)));
	close(fd);
	fd = sock_listen(str_z(text), &e); /* and again at once */
	assert_true(fd >= 0);
	close(fd);
}

static unsigned listened;

/* In libc's place. */
int
listen(int fd, int backlog)
{
	listened++;
	return (int)syscall(SYS_listen, fd, backlog);
}

/* Who came meanwhile would be let in, and reset. */
static void
a_port_is_tried_without_listening(void **state)
{
	char text[SOCK_TEXT_SIZE];
	struct err e = {0};
	int fd = sock_listen(STR("127.0.0.1:0"), NULL);

	(void)state;
	sock_bound_text(fd, text);
	listened = 0;
	assert_int_equal(sock_try(str_z(text), &e), -1);
	assert_non_null(strstr(e.text, strerror(EADDRINUSE)));
	close(fd);
	assert_int_equal(sock_try(str_z(text), &e), 0);
	assert_int_equal(listened, 0);
}

static void
a_star_takes_both_families(void **state)
{
	char text[SOCK_TEXT_SIZE];
	struct err e;
	int fd = sock_listen(STR("*:0"), &e);

	(void)state;
	assert_true(fd >= 0);
	assert_true(can_connect("127.0.0.1", port_of(fd)));
	if (!can_connect("[::1]", port_of(fd)))
		print_message("no IPv6 here\n");
	else
		assert_int_equal(strncmp(sock_bound_text(fd, text), "*:", 2), 0);
	close(fd);
	fd = sock_listen(STR("[::]:0"), NULL);
	if (fd >= 0)
		assert_int_equal(strncmp(sock_bound_text(fd, text), "[::]:", 5), 0);
	close(fd);
}

static int
begin_to_connect(int listener)
{
	struct sockaddr_storage a;
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	if (connect(fd, (struct sockaddr *)&a, size) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static bool
is_connected(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, ms) == 1 && !(p.revents & (POLLERR | POLLHUP));
}

/* The handshake of loopback is done within connect(). */
static void
who_is_turned_away_comes_again(void **state)
{
	int fd = sock_listen(STR("127.0.0.1:0"), NULL), before, later, served;
	char text[16] = "";

	(void)state;
	assert_true(fd >= 0);
	before = begin_to_connect(fd);
	sock_turn_away(fd, true);
	later = begin_to_connect(fd);
	assert_true(is_connected(before, 0));
	assert_false(is_connected(later, 0));
	served = accept(fd, NULL, NULL);
	assert_true(served >= 0);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(before, "words", 5), 5);
	assert_int_equal(recv(served, text, sizeof(text), 0), 5);
	sock_turn_away(fd, false);
	assert_true(is_connected(later, 20000));
	close(fd);
	close(before);
	close(later);
	close(served);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read),
	    cmocka_unit_test(what_is_no_address_is_refused_with_an_example),
	    cmocka_unit_test(a_port_is_bound_once),
	    cmocka_unit_test(a_port_is_tried_without_listening),
	    cmocka_unit_test(a_star_takes_both_families),
	    cmocka_unit_test(who_is_turned_away_comes_again),
	};

	return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
