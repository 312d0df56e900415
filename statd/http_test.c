/*
 * http_test.c - the listener: what it answers to whom, in every split, and to what is no request;
 * and what stands in the texts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "statd/scene.h"
#include "json/json.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: mail.test\r\n"
#define END       "\r\n"

static const struct str processes[] = {STR("smtpd"), STR("11"), STR("ready"), STR("2"),
    STR("61500"), STR("4096000"), STR("1234"), STR("owners"), STR("0"), STR("ready"), STR("0"),
    STR("0"), STR("8192"), STR("10")};
static const struct str disks[] = {STR("data"), STR("1000000"), STR("900000"), STR("100"),
    STR("99"), STR("run"), STR("1000000"), STR("900000"), STR("0"), STR("0")};
static const struct str half_full[] = {
    STR("data"), STR("1000000"), STR("100000"), STR("100"), STR("99")};
static struct str certificates[] = {STR("/etc/a \"b\"\\c\n.pem"), STR("4102444800")};
static char expires[2][24];

static struct buf heard;

/* ---- a client ---- */

static int
connect_from(const char *address)
{
	struct svc_conn sc = {.name = "metrics"};
	struct sockaddr_in *peer = (struct sockaddr_in *)&sc.peer;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	peer->sin_family = AF_INET;
	inet_pton(AF_INET, address, &peer->sin_addr);
	snprintf(sc.peer_text, sizeof(sc.peer_text), "%s", address);
	sc.fd = fd[0];
	http_accept(&sc);
	return fd[1];
}

static void
say(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* it has hung up */
		s = str_from(s, n > 0 ? (size_t)n : 0);
		loop_once(0);
	}
}

/* All that is said to the end, which has to come. */
static struct str
hear(int fd)
{
	char room[8192];
	ssize_t n = -1;

	buf_free(&heard);
	buf_init(&heard, 8u << 20);
	for (int i = 0; i < 2000 && n != 0; i++) {
		loop_once(1);
		while ((n = read(fd, room, sizeof(room))) > 0)
			buf_put(&heard, room, (size_t)n);
		if (n < 0 && errno == ECONNRESET)
			n = 0;
	}
	assert_int_equal(n, 0);
	close(fd);
	/* Until the other end is let go as well. */
	for (int i = 0; i < 3; i++)
		loop_once(1);
	return buf_view(&heard);
}

static struct str
ask(const char *request)
{
	int fd = connect_from("127.0.0.1");

	say(fd, str_z(request));
	return hear(fd);
}

static struct str
body(struct str answer)
{
	size_t at = str_find(answer, STR("\r\n\r\n"));

	assert_true(at < answer.n);
	return str_from(answer, at + 4);
}

static bool
has(struct str text, const char *what)
{
	return str_find(text, str_z(what)) < text.n;
}

static void
expect(struct str text, const char *what)
{
	if (!has(text, what))
		fail_msg("no \"%s\" in\n" STR_FMT, what, STR_ARG(text));
}

/* ---- the scene ---- */

static int
usual(void **state)
{
	(void)state;
	scene.master = SCENE_ANSWERS;
	scene.draining = false;
	scene.processes = processes, scene.nprocesses = ARRAY_LEN(processes);
	scene.disks = disks, scene.ndisks = ARRAY_LEN(disks);
	certificates[1] = STR("4102444800");
	scene.certificates = certificates, scene.ncertificates = 2;
	state_forget();
	return 0;
}

static int
up(void **state)
{
	struct err e;

	(void)state;
	scene_up("[server]\nhost_name = \"mail.test\"\n[queue]\nmin_free = \"1KiB\"\n");
	/* The DNS and the accounts answer; of listeners tries_test.c has more. */
	if (tries_init(&e) < 0)
		return -1;
	for (int i = 0; i < 200 && !(scene.tried && tries_mailboxes()->users > 0); i++)
		loop_once(1);
	return 0;
}

/* ---- what is answered ---- */

static void
test_every_split(void **state)
{
	static const char request[] = GET("/ready") "Accept: text/plain\r\n" END;
	struct str all = str_z(request);

	(void)state;
	for (size_t cut = 1; cut < all.n; cut++) {
		int fd = connect_from("127.0.0.1");
		struct str answer;

		say(fd, str_sub(all, 0, cut));
		loop_once(0);
		say(fd, str_from(all, cut));
		answer = hear(fd);
		assert_true(str_starts(answer, STR("HTTP/1.1 200 OK\r\n")));
		assert_true(str_eq(body(answer), STR("ready\n")));
	}
}

static void
test_what_is_asked(void **state)
{
	struct str answer;

	(void)state;
	assert_true(str_starts(ask(GET("/") END), STR("HTTP/1.1 404 ")));
	assert_true(str_starts(ask(GET("/metricsx") END), STR("HTTP/1.1 404 ")));
	assert_true(str_starts(ask(GET("/ready/../health") END), STR("HTTP/1.1 404 ")));
	assert_true(str_starts(ask(GET("/%6detrics") END), STR("HTTP/1.1 404 ")));
	assert_true(str_starts(ask(GET("/metrics?a=b") END), STR("HTTP/1.1 200 ")));
	answer = ask("DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(str_starts(answer, STR("HTTP/1.1 405 ")));
	expect(answer, "\r\nAllow: GET, HEAD\r\n");
	answer = ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(str_starts(answer, STR("HTTP/1.1 200 ")) && body(answer).n == 0);
	assert_false(has(answer, "Content-Length: 0\r\n"));
	/* Scripts of pages whose name was made to lead here. */
	answer =
	    ask(GET("/metrics") "Sec-Fetch-Dest: empty\r\nSec-Fetch-Site: same-origin\r\n" END);
	assert_true(str_starts(answer, STR("HTTP/1.1 403 ")));
	assert_true(str_starts(
	    ask(GET("/health") "Sec-Fetch-Dest: document\r\n" END), STR("HTTP/1.1 200 ")));
	/* One request on a connection: what follows is of no interest. */
	answer = ask(GET("/ready") END GET("/metrics") END);
	assert_true(str_eq(body(answer), STR("ready\n")));
	assert_true(str_starts(ask("GET /ready HTTP/1.0\r\n\r\n"), STR("HTTP/1.1 200 ")));
}

/* Browsers say little to what they do not trust, such as a stranger's name without TLS. */
static void
test_by_a_name_that_leads_here(void **state)
{
	static const char *const ours[] = {
	    "127.0.0.1", "127.0.0.1:9090", "[::1]:9090", "localhost:9090", "Mail.TEST:9090"};
	static const char *const theirs[] = {"pages.test", "pages.test:9090",
	    "mail.test.pages.test", "127.0.0.1.pages.test", "mail.test@pages.test", "",
	    "[::1].pages.test"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		snprintf(text, sizeof(text),
		    "GET /metrics HTTP/1.1\r\nHost: %s\r\nAccept-Language: en\r\n\r\n", ours[i]);
		assert_true(str_starts(ask(text), STR("HTTP/1.1 200 ")));
	}
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		snprintf(text, sizeof(text),
		    "GET /metrics HTTP/1.1\r\nHost: %s\r\nAccept-Language: en\r\n\r\n", theirs[i]);
		assert_false(str_starts(ask(text), STR("HTTP/1.1 200 ")));
	}
	/* Programs come by any name: a container's, say. */
	assert_true(str_starts(
	    ask("GET /metrics HTTP/1.1\r\nHost: gkmail:9090\r\n\r\n"), STR("HTTP/1.1 200 ")));
}

static void
test_what_is_no_request(void **state)
{
	static const char *const all[] = {"\r\n\r\n", "GET\r\n\r\n", "GET /ready\r\n\r\n",
	    "GET /ready HTTP/9.9\r\nHost: a\r\n\r\n", "GET /ready HTTP/1.1\r\n\r\n",
	    "GET /ready HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /ready HTTP/1.1\nHost: a\n\n",
	    "GET /ready HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
	    "POST /ready HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n",
	    "\x16\x03\x01\x02\x00\x01\r\n\r\n"};
	char *large = mem_alloc(40001);
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		fd = connect_from("127.0.0.1");
		say(fd, str_z(all[i]));
		shutdown(fd, SHUT_WR);
		if (!str_starts(hear(fd), STR("HTTP/1.1 400 ")))
			fail_msg("%zu: %s", i, all[i]);
	}
	/* A head without end; one that ends too early. */
	memset(large, 'a', 40000);
	assert_true(str_starts(ask(large), STR("HTTP/1.1 400 ")));
	free(large);
	fd = connect_from("127.0.0.1");
	say(fd, STR("GET /rea"));
	shutdown(fd, SHUT_WR);
	assert_true(str_starts(hear(fd), STR("HTTP/1.1 400 ")));
	assert_true(str_starts(ask(GET("/ready") END), STR("HTTP/1.1 200 ")));
}

static void
test_who_may_ask(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(hear(connect_from("192.0.2.1")).n, 0);
	scene_conf(
	    "[server]\nhost_name = \"mail.test\"\n[metrics]\nnetworks = [\"192.0.2.0/24\"]\n");
	assert_int_equal(http_configure(&e), 0);
	assert_int_equal(hear(connect_from("127.0.0.1")).n, 0);
	scene_conf("[server]\nhost_name = \"mail.test\"\n[queue]\nmin_free = \"1KiB\"\n");
	assert_int_equal(http_configure(&e), 0);
}

/* Whoever holds connections without asking is let go in the end, and others wait for no longer. */
static void
test_idle_clients(void **state)
{
	int held[64], fd;

	(void)state;
	for (size_t i = 0; i < 64; i++)
		held[i] = connect_from("127.0.0.1");
	loop_once(0);
	assert_int_equal(hear(connect_from("127.0.0.1")).n, 0);
	clock_advance(11000);
	for (int i = 0; i < 10; i++)
		loop_once(1);
	fd = connect_from("127.0.0.1");
	say(fd, STR(GET("/ready") END));
	assert_true(str_starts(hear(fd), STR("HTTP/1.1 200 ")));
	for (size_t i = 0; i < 64; i++)
		close(held[i]);
}

/* Who says an octet now and then is not idle, and holds a place all the same. */
static void
test_slow_clients(void **state)
{
	int fd = connect_from("127.0.0.1");
	char octet;
	ssize_t n;

	(void)state;
	say(fd, STR("GET /ready HTTP/1.1\r\nX: "));
	for (int i = 0; i < 9; i++) {
		clock_advance(7000);
		(void)send(fd, "x", 1, MSG_NOSIGNAL);
		for (int k = 0; k < 3; k++)
			loop_once(1);
	}
	n = recv(fd, &octet, 1, MSG_DONTWAIT);
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	close(fd);
}

/* ---- ready ---- */

static void
test_ready(void **state)
{
	static const struct str starting[] = {
	    STR("smtpd"), STR("11"), STR("starting"), STR("2"), STR("1"), STR("1"), STR("1")};
	unsigned before;

	(void)state;
	assert_true(str_eq(body(ask(GET("/ready") END)), STR("ready\n")));
	/* A moment later nobody asks master again. */
	before = scene.asked;
	ask(GET("/ready") END);
	assert_int_equal(scene.asked, before);
	scene.draining = true;
	clock_advance(400);
	assert_true(str_starts(ask(GET("/ready") END), STR("HTTP/1.1 503 ")));
	scene.draining = false;
	scene.processes = starting, scene.nprocesses = ARRAY_LEN(starting);
	clock_advance(400);
	assert_true(str_eq(body(ask(GET("/ready") END)), STR("not ready\n")));
}

/* Of a master that does not answer nothing is known, and the last that was stays to be seen. */
static void
test_a_master_that_does_not_answer(void **state)
{
	(void)state;
	ask(GET("/ready") END);
	for (int mode = SCENE_REFUSES; mode <= SCENE_NONSENSE; mode += 2) {
		struct str answer;

		clock_advance(400);
		scene.master = (enum scene_mode)mode;
		assert_true(str_starts(ask(GET("/ready") END), STR("HTTP/1.1 503 ")));
		scene_pair(0);
		answer = ask(GET("/metrics") END);
		expect(answer, "\ngkmail_state_known 0\n");
		expect(answer, "\ngkmail_process_up{process=\"smtpd\"} 1\n");
		scene_pair(0);
		answer = ask(GET("/health") END);
		assert_true(str_starts(answer, STR("HTTP/1.1 503 ")));
		expect(answer, "gk-master does not answer");
		scene_pair(0);
		scene.master = SCENE_ANSWERS;
		expect(ask(GET("/metrics") END), "\ngkmail_state_known 1\n");
	}
}

/* ---- metrics ---- */

/* Every line is a comment or a sample; a family is introduced before its samples, and once. */
static void
assert_exposition(struct str text, bool open)
{
	struct str line, names[400];
	size_t n = 0, samples = 0;

	while (text.n > 0) {
		struct str name, value, rest;

		assert_true(str_cut(&text, '\n', &line));
		if (str_starts(line, STR("# TYPE "))) {
			rest = str_from(line, 7);
			assert_true(str_cut(&rest, ' ', &name) && n < ARRAY_LEN(names));
			for (size_t i = 0; i < n; i++)
				assert_false(str_eq(names[i], name));
			names[n++] = name;
			continue;
		}
		if (line.p[0] == '#') {
			assert_true(str_starts(line, STR("# HELP ")) ||
				    (open && str_eq_z(line, "# EOF") && text.n == 0));
			continue;
		}
		assert_true(n > 0 && str_starts(line, names[n - 1]));
		value = str_from(line, str_rchr(line, ' ') + 1);
		assert_true(value.n > 0 && (is_digit(value.p[0]) || value.p[0] == '-'));
		samples++;
	}
	assert_true(n > 80 && samples > 300 && samples < 1000);
}

static void
test_exposition(void **state)
{
	struct str answer;
	struct err e;

	(void)state;
	assert_int_equal(metrics_attach(scene.pages[0], &e), 0);
	metric_add(METRIC_SMTP_MESSAGES, 2);
	metric_observe(METRIC_QUEUE_SYNC_SECONDS, 300);
	assert_int_equal(metrics_attach(scene.pages[1], &e), 0);
	metric_add(METRIC_SMTP_MESSAGES, 3);
	metric_observe(METRIC_QUEUE_SYNC_SECONDS, 20000000);
	answer = ask(GET("/metrics") END);
	expect(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	answer = body(answer);
	assert_exposition(answer, false);
	expect(answer, "\ngkmail_smtp_messages_total 5\n");
	expect(answer, "\n# TYPE gkmail_smtp_messages_total counter\n");
	expect(answer, "\ngkmail_queue_sync_seconds_bucket{le=\"0.00025\"} 0\n");
	expect(answer, "\ngkmail_queue_sync_seconds_bucket{le=\"0.0005\"} 1\n");
	expect(answer, "\ngkmail_queue_sync_seconds_bucket{le=\"10\"} 1\n");
	expect(answer, "\ngkmail_queue_sync_seconds_bucket{le=\"+Inf\"} 2\n");
	expect(answer, "\ngkmail_queue_sync_seconds_sum 20.000300\n");
	expect(answer, "\ngkmail_queue_sync_seconds_count 2\n");
	expect(answer, "\ngkmail_process_restarts_total{process=\"smtpd\"} 2\n");
	expect(answer, "\ngkmail_process_uptime_seconds{process=\"smtpd\"} 61.500000\n");
	expect(answer, "\ngkmail_process_resident_memory_bytes{process=\"owners\"} 8192\n");
	assert_false(has(answer, "gkmail_process_up{process=\"owners\"}"));
	/* What stands in a label is told apart from what ends it. */
	expect(answer, "{file=\"/etc/a \\\"b\\\"\\\\c\\n.pem\"} 4102444800\n");

	answer = ask(GET("/metrics") "Accept: application/openmetrics-text; version=1.0.0\r\n" END);
	expect(answer, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; ");
	answer = body(answer);
	assert_exposition(answer, true);
	expect(answer, "\n# TYPE gkmail_smtp_messages counter\n");
	expect(answer, "\ngkmail_queue_sync_seconds_bucket{le=\"10.0\"} 1\n");
	assert_true(str_ends(answer, STR("\n# EOF\n")));
}

/* ---- health ---- */

static cJSON *
health(const char *status)
{
	struct str answer = ask(GET("/health") END);
	struct err e;
	cJSON *v;

	assert_true(str_starts(answer, str_z(status)));
	expect(answer, "\r\nContent-Type: application/health+json\r\n");
	assert_non_null(v = json_parse(str_trim(body(answer)), 100000, &e));
	return v;
}

static const char *
member(const cJSON *v, const char *name)
{
	const cJSON *m = json_get(v, name);

	return cJSON_IsString(m) ? m->valuestring : "";
}

static void
finds(const char *status, const char *check, const char *verdict, const char *output)
{
	cJSON *v = health(status);
	const cJSON *c = cJSON_GetArrayItem(json_get(json_get(v, "checks"), check), 0);

	assert_non_null(c);
	assert_string_equal(member(c, "status"), verdict);
	assert_non_null(strstr(member(c, "output"), output));
	assert_string_equal(member(v, "status"), verdict);
	cJSON_Delete(v);
}

static void
good_for(int64_t seconds)
{
	snprintf(expires[0], sizeof(expires[0]), "%lld", (long long)(clock_wall() + seconds));
	certificates[1] = str_z(expires[0]);
	clock_advance(400);
}

static void
test_health(void **state)
{
	static const struct str failed[] = {
	    STR("imapd"), STR("0"), STR("failed"), STR("9"), STR("0"), STR("0"), STR("0")};
	static const struct str no_inodes[] = {
	    STR("data"), STR("1000000"), STR("900000"), STR("100"), STR("10")};
	static const struct str full[] = {
	    STR("data"), STR("1000000"), STR("1023"), STR("0"), STR("0")};
	static const struct str full_mail[] = {
	    STR("mail"), STR("1000000"), STR("1023"), STR("0"), STR("0")};
	static const struct str full_log[] = {
	    STR("log"), STR("1000000"), STR("0"), STR("0"), STR("0")};
	cJSON *v = health("HTTP/1.1 200 ");

	(void)state;
	assert_string_equal(member(v, "status"), "pass");
	assert_int_equal(
	    cJSON_GetArraySize(json_get(json_get(v, "checks"), "disk:utilization")), 2);
	cJSON_Delete(v);
	good_for(86400 * 13);
	finds("HTTP/1.1 200 ", "certificate:validity", "warn", "soon expires");
	good_for(0);
	finds("HTTP/1.1 503 ", "certificate:validity", "fail", "has expired");
	good_for(86400 * 15);
	scene.disks = half_full, scene.ndisks = 5;
	finds("HTTP/1.1 200 ", "disk:utilization", "warn", "fills up");
	clock_advance(400);
	scene.disks = no_inodes;
	finds("HTTP/1.1 200 ", "disk:utilization", "warn", "inodes");
	clock_advance(400);
	scene.disks = full;
	finds("HTTP/1.1 503 ", "disk:utilization", "fail", "new mail is refused");
	clock_advance(400);
	scene.disks = full_mail;
	finds("HTTP/1.1 503 ", "disk:utilization", "fail", "new mail is refused");
	clock_advance(400);
	scene.disks = full_log;
	finds("HTTP/1.1 200 ", "disk:utilization", "warn", "fills up");
	clock_advance(400);
	scene.disks = disks, scene.ndisks = ARRAY_LEN(disks);
	scene.processes = failed, scene.nprocesses = ARRAY_LEN(failed);
	finds("HTTP/1.1 503 ", "process:uptime", "fail", "it is failed");
	clock_advance(400);
	usual(NULL);
	metric_set(METRIC_QUEUE_OLDEST, clock_wall() - 5 * 3600);
	finds("HTTP/1.1 200 ", "queue:age", "warn", "gkmail queue list");
	metric_set(METRIC_QUEUE_OLDEST, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_every_split, usual),
	    cmocka_unit_test_setup(test_what_is_asked, usual),
	    cmocka_unit_test_setup(test_by_a_name_that_leads_here, usual),
	    cmocka_unit_test_setup(test_what_is_no_request, usual),
	    cmocka_unit_test_setup(test_who_may_ask, usual),
	    cmocka_unit_test_setup(test_idle_clients, usual),
	    cmocka_unit_test_setup(test_slow_clients, usual),
	    cmocka_unit_test_setup(test_ready, usual),
	    cmocka_unit_test_setup(test_a_master_that_does_not_answer, usual),
	    cmocka_unit_test_setup(test_exposition, usual),
	    cmocka_unit_test_setup(test_health, usual),
	};

	return cmocka_run_group_tests(tests, up, NULL);
}
