/*
 * asks_test.c - questions merged, each asker's share, deadlines, askers that go: from dns_ask()
 * over a channel and libunbound to a name server in the same loop, which answers when it is told
 * to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "dnsd/asks.h"
#include "dnsd/resolver.h"
#include "io/loop.h"
#include "net/dns.h"

/* ---- the name server ---- */

#define HELD_MAX 6000u

static int server = -1;
static struct loop_io *server_io;
static bool hold;
static unsigned nheld, nasked;
static struct held {
	unsigned char p[512];
	size_t n;
	struct sockaddr_in from;
} held[HELD_MAX];

/* Names that were asked for: on a slow machine the resolver asks again what is held back. */
static bool met[20000];

static void
see(const struct held *h)
{
	struct str label = str_of(h->p + 14, h->p[12] - 1u); /* "n123" */
	uint64_t number;

	if (h->p[13] != 'n' || num_parse(label, 0, ARRAY_LEN(met) - 1, &number) < 0 || met[number])
		return;
	met[number] = true;
	nasked++;
}

/* One address to whatever was asked. */
static void
answer(struct held *h)
{
	static const unsigned char record[] = {
	    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	unsigned char p[600];
	size_t n = 12;

	while (h->p[n] != 0)
		n += h->p[n] + 1u;
	n += 5;
	memcpy(p, h->p, n);
	num_put_u16(p + 2, 0x8400);
	num_put_u16(p + 6, 1);
	num_put_u16(p + 8, 0);
	num_put_u16(p + 10, 0);
	memcpy(p + n, record, sizeof(record));
	sendto(server, p, n + sizeof(record), 0, (struct sockaddr *)&h->from, sizeof(h->from));
}

static void
on_query(void *arg, unsigned events)
{
	struct held *h = &held[nheld];
	socklen_t size = sizeof(h->from);
	ssize_t n;

	(void)arg, (void)events;
	n = recvfrom(server, h->p, sizeof(h->p), 0, (struct sockaddr *)&h->from, &size);
	assert_true(n > 12);
	h->n = (size_t)n;
	see(h);
	if (!hold)
		answer(h);
	else
		assert_true(++nheld < HELD_MAX);
}

static void
let_go(void)
{
	hold = false;
	for (unsigned i = 0; i < nheld; i++)
		answer(&held[i]);
	nheld = 0;
}

/* ---- askers ---- */

static struct asker {
	struct ipc_chan *chan, *dnsd;
	struct dns *dns;
} askers[2];
static unsigned found, temp, other;

static void
on_answer(void *arg, const struct dns_answer *r)
{
	(void)arg;
	if (r->status == DNS_FOUND && r->n == 1)
		found++;
	else if (r->status == DNS_TEMP)
		temp++;
	else
		other++;
}

static void
dnsd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	assert_int_equal(m->type, MSG_DNS_ASK);
	asks_take(c, m);
}

static void
dnsd_gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	asks_forget(c);
}

static void
ask(unsigned who, unsigned name, uint32_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "n%u.x.test", name);
	dns_ask(askers[who].dns, str_z(text), DNS_A, ms, on_answer, NULL);
}

/* Until that many answers have come; 0: until nothing moves any more, however slow the machine. */
static void
turns(unsigned answers)
{
	uint64_t end = clock_us() + 30000000;
	unsigned seen = 0, still = 0;

	while (clock_us() < end && still < 20 && (answers == 0 || found + temp + other < answers)) {
		loop_once(5);
		if (answers == 0)
			still = nasked + found + temp + other == seen ? still + 1 : 0;
		seen = nasked + found + temp + other;
	}
	assert_true(found + temp + other >= answers);
}

/* Until the server was asked for so many names, and no more of them for a while. */
static void
turns_asked(unsigned names)
{
	uint64_t end = clock_us() + 30000000;

	while (clock_us() < end && nasked < names)
		loop_once(5);
	turns(0);
	assert_int_equal(nasked, names);
}

/* ---- the whole ---- */

static struct conf *conf;

static void
server_open(char *zone, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);
	int space = 8 << 20;

	server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &space, sizeof(space));
	assert_int_equal(bind(server, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&a, &n), 0);
	server_io = loop_io_new(server, LOOP_READ, on_query, NULL);
	snprintf(zone, size, "x.test 127.0.0.1@%u", ntohs(a.sin_port));
}

static int
setup(void **state)
{
	char zone[64], toml[256];
	struct err e = {0};

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	server_open(zone, sizeof(zone));
	snprintf(toml, sizeof(toml),
	    "[server]\nhost_name = 'h.test'\n[dns]\nzones = ['%s']\ninsecure = ['x.test']\n", zone);
	conf = conf_parse(str_z(toml), "test", &e);
	assert_non_null(conf);
	assert_int_equal(resolver_start(conf, NULL, &e), 0);
	asks_set_timeout(30000);
	for (unsigned i = 0; i < 2; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
		askers[i].dnsd =
		    ipc_new(pair[0], PEER_DNSD, PEER_SMTPD, dnsd_message, dnsd_gone, NULL);
		askers[i].chan = ipc_new(pair[1], PEER_SMTPD, PEER_DNSD, NULL, NULL, NULL);
		askers[i].dns = dns_new(askers[i].chan);
	}
	hold = true;
	found = temp = other = nheld = nasked = 0;
	memset(met, 0, sizeof(met));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		dns_free(&askers[i].dns);
		ipc_free(&askers[i].chan);
		ipc_free(&askers[i].dnsd);
	}
	asks_done();
	loop_io_free(&server_io);
	close(server);
	conf_free(&conf);
	return 0;
}

/* ---- tests ---- */

static void
test_one_question(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++)
		ask(i % 2, 1, 0);
	turns_asked(1);
	let_go();
	turns(20);
	assert_int_equal(found, 20);
	/* From the cache. */
	ask(0, 1, 0);
	turns(21);
	assert_int_equal(nasked, 1);
}

static void
test_share(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * ASKS_ACTIVE; i++)
		ask(0, i, 0);
	turns_asked(ASKS_ACTIVE);
	/* Another's question does not wait behind them, not even the same one. */
	ask(1, 10000, 0);
	ask(1, 3 * ASKS_ACTIVE - 1, 0);
	turns_asked(ASKS_ACTIVE + 2);
	let_go();
	turns(3 * ASKS_ACTIVE + 2);
	assert_int_equal(found, 3 * ASKS_ACTIVE + 2);
	assert_int_equal(nasked, 3 * ASKS_ACTIVE + 1);
	/* A long queue of what the cache has. */
	for (unsigned i = 0; i < 3 * ASKS_ACTIVE; i++)
		ask(0, i, 0);
	turns(6 * ASKS_ACTIVE + 2);
	assert_int_equal(nasked, 3 * ASKS_ACTIVE + 1);
}

static void
test_too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKS_MAX + 5; i++)
		ask(0, i, 0);
	turns(5);
	assert_int_equal(temp, 5);
	ask(1, 10000, 0);
	turns_asked(ASKS_ACTIVE + 1);
	let_go();
	turns(ASKS_MAX + 6);
	assert_int_equal(found, ASKS_MAX + 1);
}

static void
test_deadline(void **state)
{
	(void)state;
	ask(0, 1, 30);
	ask(1, 1, 0);
	turns(1);
	assert_int_equal(temp, 1);
	let_go(); /* late for one of them */
	turns(2);
	assert_int_equal(found, 1);
	/* One whose turn never came is forgotten. */
	hold = true;
	for (unsigned i = 0; i < 2 * ASKS_ACTIVE; i++)
		ask(0, 100 + i, 300);
	turns(2 + 2 * ASKS_ACTIVE);
	assert_int_equal(temp, 1 + 2 * ASKS_ACTIVE);
	assert_int_equal(nasked, 1 + ASKS_ACTIVE);
}

static void
test_an_asker_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ASKS_ACTIVE; i++)
		ask(0, i, 0);
	/* The second has its share too, and waits in the queue of the first. */
	for (unsigned i = 0; i < ASKS_ACTIVE; i++)
		ask(1, 1000 + i, 0);
	turns_asked(2 * ASKS_ACTIVE);
	ask(1, 1, 0);
	ask(1, 2 * ASKS_ACTIVE - 1, 0);
	turns(0);
	dns_free(&askers[0].dns);
	ipc_free(&askers[0].chan);
	turns(0);
	let_go();
	turns(ASKS_ACTIVE + 2);
	assert_int_equal(found, ASKS_ACTIVE + 2);
}

static void
test_another_configuration(void **state)
{
	struct err e = {0};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		ask(0, i, 0);
	turns_asked(10);
	nheld = 0; /* nobody waits for these any more */
	memset(met, 0, sizeof(met));
	assert_int_equal(resolver_start(conf, NULL, &e), 0);
	turns_asked(20);
	let_go();
	turns(10);
	assert_int_equal(found, 10);
}

static void
test_no_names(void **state)
{
	(void)state;
	dns_ask(askers[0].dns, STR("a..b"), DNS_A, 0, on_answer, NULL);
	dns_ask(askers[0].dns, STR(""), DNS_A, 0, on_answer, NULL);
	dns_ask(askers[0].dns, STR(".."), DNS_A, 0, on_answer, NULL);
	turns(3);
	assert_int_equal(other, 3);
	assert_int_equal(nasked, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_one_question, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_share, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_asker_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_another_configuration, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_names, setup, teardown),
	};

	return cmocka_run_group_tests_name("asks", tests, NULL, NULL);
}
