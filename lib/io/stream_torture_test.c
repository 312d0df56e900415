/*
 * stream_torture_test.c - an echo whose owner consumes, pauses, flushes at random, under small
 * limits, plain, TLS and with STARTTLS in between: every octet comes back once and in order.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "io/stream.h"
#include "tests/unit/tls_peer.h"

#define ROUNDS 40
#define OCTETS 30000u

static uint64_t seed;
static struct test_key key;
static struct tls_context *context;

/* xorshift64: the same each run. */
static unsigned
dice(unsigned sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % sides);
}

struct owner {
	struct stream *s;
	size_t out_max;
	struct loop_timer *rest;
	bool ended;
};

static void
rested(void *arg)
{
	stream_resume(((struct owner *)arg)->s);
}

static void
echo(struct owner *o)
{
	struct str in = stream_input(o->s);
	size_t room = o->out_max - stream_pending(o->s);
	size_t n = in.n < room ? in.n : room;

	if (n > 0 && dice(3) == 0)
		n = 1 + dice((unsigned)n);
	stream_write(o->s, in.p, n);
	stream_consume(o->s, n);
	if (dice(8) == 0)
		stream_flush(o->s);
	if (dice(4) == 0 || n < in.n) {
		stream_pause(o->s);
		loop_timer_set(o->rest, dice(20) == 0);
	}
	if (stream_at_end(o->s) && stream_input(o->s).n == 0 && !o->ended) {
		o->ended = true;
		stream_finish(o->s);
	}
}

static void
on_input(void *arg)
{
	echo(arg);
}

static void
on_drained(void *arg)
{
	struct owner *o = arg;

	if (stream_input(o->s).n > 0 && dice(2) == 0)
		echo(o);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct owner *o = arg;

	assert_int_equal(e->code, E_CLOSED);
	loop_timer_stop(o->rest);
	stream_free(&o->s);
}

/* ---- the peer ---- */

static ssize_t
peer_send(struct test_peer *p, bool tls, const char *from, size_t n)
{
	char *data;

	if (!tls)
		return write(p->fd, from, n);
	if (BIO_get_mem_data(p->to, &data) > 50000)
		return 0;
	return SSL_write(p->ssl, from, (int)n);
}

static ssize_t
peer_receive(struct test_peer *p, bool tls, char *to, size_t n)
{
	return tls ? SSL_read(p->ssl, to, (int)n) : read(p->fd, to, n);
}

static void
peer_end(struct test_peer *p, bool tls)
{
	char *data;

	if (tls)
		SSL_shutdown(p->ssl);
	while (tls && BIO_get_mem_data(p->to, &data) > 0) {
		test_peer_carry(p, 16384);
		loop_once(0);
	}
	shutdown(p->fd, SHUT_WR);
}

static void
converse(struct owner *o, struct test_peer *p, bool tls, const char *all, char *back)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	while (tls && !SSL_is_init_finished(p->ssl)) {
		SSL_do_handshake(p->ssl);
		test_peer_carry(p, 1 + dice(500));
		loop_once(0);
	}
	for (int idle = 0; got < OCTETS; idle++) {
		size_t want = 1 + dice(dice(2) ? 20000 : 20);

		assert_true(idle < 1000);
		if (sent < OCTETS && dice(3)) {
			n = peer_send(p, tls, all + sent, num_min(want, OCTETS - sent));
			sent += n > 0 ? (size_t)n : 0;
			if (sent == OCTETS)
				peer_end(p, tls);
		}
		if (tls)
			test_peer_carry(p, dice(20000));
		loop_once(dice(30) == 0);
		want = num_min(1 + dice(20000), OCTETS - got);
		if (dice(2) && (n = peer_receive(p, tls, back + got, want)) > 0) {
			got += (size_t)n;
			idle = 0;
		}
	}
	for (int i = 0; i < 1000 && o->s; i++)
		loop_once(1);
	assert_null(o->s);
	assert_memory_equal(all, back, OCTETS);
}

static void
torture(bool tls, const char *all, char *back)
{
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .closed = on_closed};
	const struct stream_limits limits = {1 + dice(dice(2) ? 300 : 70000),
	    50 + dice(dice(2) ? 1000 : 70000), dice(2) ? 0 : 100000};
	struct owner o = {.out_max = limits.out_max};
	struct test_peer p;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	if (dice(2))
		setsockopt(sv[dice(2)], SOL_SOCKET, SO_SNDBUF, &(int){5000}, sizeof(int));
	test_peer_init(&p, sv[1]);
	o.rest = loop_timer_new(rested, &o);
	o.s = stream_new(sv[0], &limits, &events, &o);
	if (tls)
		stream_tls_accept(o.s, context);
	stream_start(o.s);
	converse(&o, &p, tls, all, back);
	loop_timer_free(&o.rest);
	close(p.fd);
	test_peer_free(&p);
}

static void
every_octet_comes_back(void **state)
{
	char *all = mem_alloc(OCTETS), *back = mem_alloc(OCTETS);

	(void)state;
	for (size_t i = 0; i < OCTETS; i++)
		all[i] = (char)(i * 13 + i / 255);
	for (unsigned i = 0; i < ROUNDS; i++) {
		seed = 88172645463325252u + i;
		torture(i % 2, all, back);
	}
	free(all);
	free(back);
}

static int
prepare(void **state)
{
	const struct tls_options plain = {0};

	(void)state;
	test_key_make(&key, false);
	context = tls_server_new(key.cert_fd, key.key_fd, &plain, NULL);
	return context && loop_init(NULL) == 0 ? 0 : -1;
}

static int
finish(void **state)
{
	(void)state;
	tls_context_free(&context);
	test_key_free(&key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_octet_comes_back),
	};

	return cmocka_run_group_tests_name("stream, tortured", tests, prepare, finish);
}
