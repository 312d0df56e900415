/*
 * job_test.c - messages of the queue to hosts on loopback, through policy, DNS, pool and sessions:
 * which host gets what, which connection is used, and what the queue hears.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/dead.h"
#include "delivery/remote/remote.h"
#include "io/loop.h"
#include "net/dns_script.h"
#include "net/sock.h"

/* ---- hosts ---- */

struct host;

struct guest {
	TAILQ_ENTRY(guest) link;
	struct host *host;
	struct stream *s;
	bool data;
	unsigned messages;
};

struct host {
	const char *address;
	/* what it says; NULL: as it should */
	const char *greeting, *offers, *rcpt, *final;
	bool silent;      /* says nothing at all */
	unsigned hang_up; /* after so many messages, when it gets the next MAIL */
	bool lose;        /* it goes away in place of its final answer */
	int fd;
	struct loop_io *io;
	TAILQ_HEAD(, guest) guests;
	unsigned connections, messages, quits;
};

static uint16_t port;

static void
guest_free(struct guest *g)
{
	TAILQ_REMOVE(&g->host->guests, g, link);
	stream_free(&g->s);
	free(g);
}

/* false: it is gone. */
static bool
answer(struct guest *g, struct str line)
{
	struct host *h = g->host;

	if (g->data && !str_eq_z(line, "."))
		return true;
	if (g->data) {
		g->data = false;
		g->messages++;
		h->messages++;
		if (h->lose) {
			guest_free(g);
			return false;
		}
		stream_printf(g->s, "%s\r\n", h->final ? h->final : "250 2.0.0 taken");
	} else if (str_istarts(line, STR("EHLO"))) {
		stream_puts(g->s, h->offers ? h->offers : "250-host\r\n250 PIPELINING\r\n");
	} else if (str_istarts(line, STR("MAIL")) && h->hang_up && g->messages >= h->hang_up) {
		guest_free(g);
		return false;
	} else if (str_istarts(line, STR("RCPT"))) {
		stream_printf(g->s, "%s\r\n", h->rcpt ? h->rcpt : "250 2.1.5 ok");
	} else if (str_eq_z(line, "DATA")) {
		g->data = true;
		stream_puts(g->s, "354 go\r\n");
	} else if (str_eq_z(line, "QUIT")) {
		h->quits++;
		stream_puts(g->s, "221 bye\r\n");
		stream_finish(g->s);
	} else {
		stream_puts(g->s, "250 ok\r\n");
	}
	return true;
}

static void
guest_input(void *arg)
{
	struct guest *g = arg;
	struct str in, line;
	size_t n;

	while (n = str_chr(in = stream_input(g->s), '\n'), n < in.n) {
		line = str_trim(str_sub(in, 0, n));
		if (!g->host->silent && !answer(g, line))
			return;
		stream_consume(g->s, n + 1);
	}
	if (stream_at_end(g->s))
		guest_free(g);
}

static void
guest_closed(void *arg, const struct err *e)
{
	(void)e;
	guest_free(arg);
}

static void
on_guest(void *arg, unsigned events)
{
	static const struct stream_limits limits = {65536, 65536, 0};
	static const struct stream_events guest_events = {
	    .input = guest_input, .closed = guest_closed};
	struct host *h = arg;
	struct guest *g = mem_alloc(sizeof(*g));
	int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK);

	(void)events;
	assert_true(fd >= 0);
	h->connections++;
	g->host = h;
	g->s = stream_new(fd, &limits, &guest_events, g);
	TAILQ_INSERT_TAIL(&h->guests, g, link);
	stream_start(g->s);
	if (!h->silent)
		stream_printf(g->s, "%s\r\n", h->greeting ? h->greeting : "220 host ESMTP");
}

static void
host_open(struct host *h)
{
	char text[64], bound[SOCK_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s:%u", h->address, port);
	h->fd = sock_listen(str_z(text), NULL);
	assert_true(h->fd >= 0);
	if (port == 0)
		port = (uint16_t)strtoul(strrchr(sock_bound_text(h->fd, bound), ':') + 1, NULL, 10);
	TAILQ_INIT(&h->guests);
	h->io = loop_io_new(h->fd, LOOP_READ, on_guest, h);
}

static void
host_close(struct host *h)
{
	while (!TAILQ_EMPTY(&h->guests))
		guest_free(TAILQ_FIRST(&h->guests));
	loop_io_free(&h->io);
	close(h->fd);
	*h = (struct host){.address = h->address};
}

/* ---- the queue ---- */

static struct host one = {.address = "127.0.0.11"}, two = {.address = "127.0.0.12"},
		   three = {.address = "127.0.0.13"};
static struct remote remote;
static struct conf *conf;
static struct ipc_chan *ours, *theirs;

struct outcome {
	bool come;
	uint32_t outcome;
	char why[800];
	char results[4000];
};

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	job_message(&remote, c, m);
}

static void
no_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c;
	ipc_refuse(m);
}

static void
on_result(void *arg, struct ipc_in *m, const struct err *e)
{
	struct outcome *o = arg;
	struct str s;
	size_t n = 0;

	if (e)
		return;
	o->come = true;
	o->outcome = ipc_get_u32(m);
	s = ipc_get_str(m);
	snprintf(o->why, sizeof(o->why), STR_FMT, STR_ARG(s));
	for (uint32_t left = ipc_get_list(m); left > 0; left--) {
		s = ipc_get_item(m);
		n += (size_t)snprintf(
		    o->results + n, sizeof(o->results) - n, "|" STR_FMT, STR_ARG(s));
	}
	assert_int_equal(ipc_end(m), 0);
}

static void
put(struct outcome *o, const char *dest, size_t n)
{
	struct str rcpts[30];
	struct ipc_out m;
	char address[100];

	*o = (struct outcome){0};
	snprintf(address, sizeof(address), "bob@%s", dest);
	for (size_t i = 0; i < n; i++) {
		rcpts[3 * i] = str_z(address);
		rcpts[3 * i + 1] = STR("0");
		rcpts[3 * i + 2] = STR("");
	}
	ipc_begin(&m, MSG_REMOTE_PUT);
	ipc_put_z(&m, "mid");
	ipc_put_z(&m, dest);
	ipc_put_z(&m, "alice@us.test");
	ipc_put_u32(&m, 0);
	ipc_put_u32(&m, RET_NONE);
	ipc_put_z(&m, "");
	ipc_put_list(&m, rcpts, 3 * n);
	ipc_put_z(&m, "Subject: x\r\n\r\ntext\r\n");
	ipc_call(theirs, &m, on_result, o);
}

static void
wait_for(const struct outcome *o)
{
	for (int i = 0; i < 400 && !o->come; i++)
		loop_once(20);
	assert_true(o->come);
}

/* One message to one recipient there. */
static void
goes(const char *dest, enum remote_outcome outcome, const char *results)
{
	struct outcome o;
	char expected[1000];

	put(&o, dest, 1);
	wait_for(&o);
	/* cppcheck-suppress wrongPrintfScanfArgNum ; not every one has the port */
	snprintf(expected, sizeof(expected), results, port);
	assert_string_equal(o.results, expected);
	assert_int_equal(o.outcome, outcome);
	for (int i = 0; i < 3; i++)
		loop_once(0);
}

#define TAKEN_BY(host) "|0|2.0.0 250 2.0.0 taken|" host ":%u|relayed"

static int
set_up(void **state)
{
	char toml[300];
	int fd[2];

	(void)state;
	loop_init(NULL);
	port = 0;
	host_open(&one);
	host_open(&two);
	host_open(&three);
	snprintf(toml, sizeof(toml),
	    "host_name = \"us.test\"\n[remote]\nca_file = \"\"\nport = %u\n"
	    "[[route]]\ndomain = \"routed.test\"\nhost = \"[127.0.0.12]\"\nport = %u\n",
	    port, port);
	conf = conf_parse(str_z(toml), "t", NULL);
	assert_non_null(conf);
	remote = (struct remote){.dns = dns_script_new(),
	    .host = "us.test",
	    .times = {1000, 1000, 1000, 1000, 1000, 60000, 1000},
	    .connect_ms = 500,
	    .transaction_ms = 20000,
	    .dead_ms = 60000,
	    .connections = 10,
	    .messages_per_connection = 3};
	remote.policy = policy_new(remote.dns, conf, NULL);
	assert_non_null(remote.policy);
	pool_init(&remote);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	ours = ipc_new(fd[0], PEER_REMOTE, PEER_QUEUE, on_message, NULL, NULL);
	theirs = ipc_new(fd[1], PEER_QUEUE, PEER_REMOTE, no_message, NULL, NULL);
	dns_script_a(remote.dns, "one.test", "127.0.0.11");
	dns_script_a(remote.dns, "two.test", "127.0.0.12");
	dns_script_a(remote.dns, "three.test", "127.0.0.13");
	dns_script_a(remote.dns, "refused.test", "127.0.0.19");
	dns_script_mx(remote.dns, "all.test", 10, "one.test");
	dns_script_mx(remote.dns, "all.test", 20, "two.test");
	dns_script_mx(remote.dns, "all.test", 30, "three.test");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pool_close();
	for (int i = 0; i < 100 && session_quitting() > 0; i++)
		loop_once(20);
	assert_int_equal(job_count(), 0);
	assert_int_equal(pool_count(), 0);
	host_close(&one);
	host_close(&two);
	host_close(&three);
	ipc_free(&ours);
	ipc_free(&theirs);
	policy_free(&remote.policy);
	dns_free(&remote.dns);
	conf_free(&conf);
	dead_forget_all();
	return 0;
}

/* ---- the tests ---- */

static void
connections_take_several_messages(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++)
		goes("all.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
	assert_int_equal(one.messages, 7);
	assert_int_equal(one.connections, 3); /* three on each */
	for (int i = 0; i < 20 && one.quits < 2; i++)
		loop_once(10);
	assert_int_equal(one.quits, 2);
	assert_int_equal(two.connections + three.connections, 0);
	/* another domain with the same host has the use of its connection */
	dns_script_mx(remote.dns, "other.test", 10, "one.test");
	goes("other.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
	assert_int_equal(one.connections, 3);
}

static void
the_next_host_is_tried(void **state)
{
	(void)state;
	one.greeting = "554 5.7.1 not today";
	two.silent = true;
	goes("all.test", REMOTE_WORKED, TAKEN_BY("three.test [127.0.0.13]"));
	assert_int_equal(one.connections, 1);
	assert_int_equal(two.connections, 1);
	/* the silent one is known by now */
	pool_close();
	goes("all.test", REMOTE_WORKED, TAKEN_BY("three.test [127.0.0.13]"));
	assert_int_equal(two.connections, 1);
	three.greeting = "421 4.3.2 closed";
	pool_close();
	goes("all.test", REMOTE_UNREACHED,
	    "|1|4.4.2 timed out waiting for the greeting|two.test [127.0.0.12]:%u|");
	assert_int_equal(two.connections, 2); /* as the last */
}

static void
dead_addresses_come_last(void **state)
{
	(void)state;
	dns_script_mx(remote.dns, "dead.test", 10, "refused.test");
	goes("dead.test", REMOTE_UNREACHED,
	    "|1|4.4.1 connect: Connection refused|refused.test [127.0.0.19]:%u|");
	dns_script_mx(remote.dns, "dead.test", 20, "two.test");
	goes("dead.test", REMOTE_WORKED, TAKEN_BY("two.test [127.0.0.12]"));
}

static void
the_dns_says_no(void **state)
{
	(void)state;
	goes("nowhere.test", REMOTE_IMPOSSIBLE, "|2|5.1.2 the domain does not exist||");
	dns_script_mx(remote.dns, "null.test", 0, ".");
	goes("null.test", REMOTE_IMPOSSIBLE, "|2|5.1.10 the domain takes no mail (null MX)||");
	dns_script_mx(remote.dns, "lost.test", 10, "nothing.test");
	goes("lost.test", REMOTE_IMPOSSIBLE, "|2|5.4.4 the host has no address|nothing.test|");
	dns_script_status(remote.dns, "later.test", DNS_MX, DNS_TEMP);
	goes("later.test", REMOTE_UNREACHED,
	    "|1|4.4.3 no answer from the DNS about its MX: temp as scripted||");
	goes("[127.0.0.12]", REMOTE_WORKED, TAKEN_BY("127.0.0.12 [127.0.0.12]"));
	goes("one.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
}

static void
mail_does_not_come_back_to_us(void **state)
{
	(void)state;
	one.greeting = "220 us.test ESMTP";
	goes("all.test", REMOTE_IMPOSSIBLE,
	    "|2|5.4.6 its mail exchanger is this host, which does not know it|one.test "
	    "[127.0.0.11]:%u|");
	assert_int_equal(two.connections, 0);
	one.greeting = NULL;
	two.greeting = "220 us.test ESMTP";
	pool_close();
	one.rcpt = "450 4.2.0 later";
	goes("all.test", REMOTE_WORKED, "|1|4.2.0 450 4.2.0 later|one.test [127.0.0.11]:%u|");
}

static void
stale_connections_cost_nothing(void **state)
{
	(void)state;
	one.hang_up = 1;
	goes("all.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
	goes("all.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
	goes("all.test", REMOTE_WORKED, TAKEN_BY("one.test [127.0.0.11]"));
	assert_int_equal(one.connections, 3);
}

/* It may have the message: no other host gets it now. */
static void
a_lost_last_answer_is_temporary(void **state)
{
	(void)state;
	one.lose = true;
	goes("all.test", REMOTE_UNREACHED,
	    "|1|4.4.2 connection closed while waiting for the answer to the message|one.test "
	    "[127.0.0.11]:%u|");
	assert_int_equal(two.connections, 0);
}

/* Before that it costs nothing but time. */
static void
what_broke_last_is_told(void **state)
{
	(void)state;
	one.rcpt = "421 4.3.2 going down";
	goes("all.test", REMOTE_WORKED, TAKEN_BY("two.test [127.0.0.12]"));
	goes("one.test", REMOTE_UNREACHED,
	    "|1|4.3.2 421 4.3.2 going down|one.test [127.0.0.11]:%u|");
}

static void
recipients_fare_apart(void **state)
{
	struct outcome o;

	(void)state;
	one.rcpt = "550 5.1.1 unknown";
	goes("all.test", REMOTE_WORKED, "|2|5.1.1 550 5.1.1 unknown|one.test [127.0.0.11]:%u|");
	one.rcpt = NULL;
	one.offers = "250-host\r\n250-DSN\r\n250 PIPELINING\r\n";
	pool_close();
	put(&o, "all.test", 3);
	wait_for(&o);
	assert_non_null(strstr(o.results, "|dsn|0|"));
	assert_int_equal(one.messages, 2); /* the first time nothing but a dot */
}

/* Where this machine has IPv6, it comes first; IPv4 takes what it does not. */
static void
both_kinds_of_addresses_are_tried(void **state)
{
	struct host six = {.address = "[::1]"};
	char text[64];
	int fd;

	(void)state;
	snprintf(text, sizeof(text), "[::1]:%u", port);
	dns_script_a(remote.dns, "both.test", "127.0.0.11");
	dns_script_aaaa(remote.dns, "both.test", "::1");
	goes("both.test", REMOTE_WORKED, TAKEN_BY("both.test [127.0.0.11]"));
	if ((fd = sock_listen(str_z(text), NULL)) < 0)
		return;
	close(fd);
	pool_close();
	dead_forget_all();
	host_open(&six);
	goes("both.test", REMOTE_WORKED, TAKEN_BY("both.test [::1]"));
	pool_close();
	for (int i = 0; i < 20 && session_quitting() > 0; i++)
		loop_once(20);
	host_close(&six);
}

static void
routes_need_no_mx(void **state)
{
	(void)state;
	goes("routed.test", REMOTE_WORKED, TAKEN_BY("127.0.0.12 [127.0.0.12]"));
	goes("gone.test:25", REMOTE_NO_ROUTE, "|1|4.3.5 no route leads to gone.test:25 any more||");
}

/* No more connections than there may be: the others wait, and idle ones make room. */
static void
there_are_so_many_connections(void **state)
{
	static struct outcome o[30];

	(void)state;
	remote.connections = 4;
	for (size_t i = 0; i < 30; i++)
		put(&o[i], i % 2 ? "one.test" : "two.test", 1);
	for (size_t i = 0; i < 30; i++) {
		wait_for(&o[i]);
		assert_true(pool_count() <= 4);
	}
	assert_int_equal(one.messages, 15);
	assert_int_equal(two.messages, 15);
}

static void
the_queue_goes_away(void **state)
{
	struct outcome o;

	(void)state;
	one.silent = true;
	put(&o, "one.test", 1);
	for (int i = 0; i < 10; i++)
		loop_once(5);
	assert_int_equal(job_count(), 1);
	job_queue_gone(ours);
	assert_int_equal(job_count(), 0);
	ipc_free(&ours);
	for (int i = 0; i < 10 && !o.come; i++)
		loop_once(5);
	assert_false(o.come);
	ipc_free(&theirs);
}

static void
it_takes_too_long(void **state)
{
	(void)state;
	remote.transaction_ms = 300;
	one.silent = two.silent = three.silent = true;
	goes("all.test", REMOTE_UNREACHED, "|1|4.4.7 the delivery takes too long||");
	remote.draining = true;
	goes("all.test", REMOTE_UNREACHED, "|1|4.3.2 this server is being stopped||");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(connections_take_several_messages),
	    TEST(the_next_host_is_tried),
	    TEST(dead_addresses_come_last),
	    TEST(the_dns_says_no),
	    TEST(mail_does_not_come_back_to_us),
	    TEST(stale_connections_cost_nothing),
	    TEST(a_lost_last_answer_is_temporary),
	    TEST(what_broke_last_is_told),
	    TEST(recipients_fare_apart),
	    TEST(both_kinds_of_addresses_are_tried),
	    TEST(routes_need_no_mx),
	    TEST(there_are_so_many_connections),
	    TEST(the_queue_goes_away),
	    TEST(it_takes_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
