/*
 * svc_test.c - a daemon's life as master leads it: a child runs svc_main(), the test is its master
 * at the other end of descriptor 3.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/packet.h"
#include "svc/build.h"
#include "svc/metrics.h"
#include "svc/svc.h"

static char dir[] = "/tmp/gk-svc-XXXXXX";
static int master = -1, listener = -1;
static pid_t daemon_pid;
static const char *drain_timeout = "1h";

#ifdef GK_SANITIZED
const char *__asan_default_options(void);

/* A daemon ends with what it has. */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* ---- the daemon: says on each connection what it knows ---- */

static int kept = -1;

/* Says what it is told. */
static void
talk(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[100];
	ssize_t n = poll(&p, 1, 20000) == 1 ? read(fd, text, sizeof(text)) : -1;

	if (n < 0 || write(fd, text, (size_t)n) < 0)
		_exit(99);
	close(fd);
}

static void
greet(const struct svc_conn *c)
{
	char text[200], file[16] = "";
	int fd = svc_file("secret");

	if (str_eq(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), STR("full.test")))
		svc_accept_pause(true);
	if (str_eq(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), STR("talk.test"))) {
		talk(c->fd);
		return;
	}
	if (str_eq(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), STR("kept.test"))) {
		kept = c->fd;
		return;
	}
	if (fd >= 0 && pread(fd, file, sizeof(file) - 1, 0) < 0)
		file[0] = '\0';
	metric_add(METRIC_SMTP_MESSAGES, 1);
	(void)snprintf(text, sizeof(text), "%s %s %s %s\n", c->name, c->peer_text,
	    conf_z(svc_conf(), CONF_SERVER_HOST_NAME), file);
	if (write(c->fd, text, strlen(text)) < 0)
		_exit(99);
	close(c->fd);
}

static int
start(struct err *e)
{
	if (str_eq(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), STR("bad.test")))
		return err_set(e, E_INVAL, "this name will not do");
	if (str_eq(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), STR("later.test")))
		return err_set(e, E_TEMP, "not now");
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	ipc_refuse(m);
}

static void
never_done(void)
{
}

static void
last_words(void)
{
	if (write(kept, "the end\n", 8) < 0)
		_exit(99);
}

static struct svc svc = {
    .name = "smtpd",
    .peer = PEER_SMTPD,
    .sections = "server",
    .sandbox = SB_STREAM,
    .start = start,
    .reload = start,
    .accept = greet,
    .message = message,
};

/* ---- its master ---- */

static void
send_notice(struct ipc_out *m)
{
	struct packet_list list = TAILQ_HEAD_INITIALIZER(list);
	struct packet *p = packet_new(m, 0, 0);

	TAILQ_INSERT_TAIL(&list, p, entry);
	assert_int_equal(packet_send(master, &list), 0);
}

static void
run_daemon(int fd)
{
	char name[] = "gk-smtpd", *argv[] = {name, NULL};
	int null = open("/dev/null", O_WRONLY);

	close(master);
	if (dup2(null, 2) < 0 || dup2(fd, 3) < 0)
		_exit(99);
	exit(svc_main(&svc, 1, argv));
}

static void
expect_hello(void)
{
	struct packet_received got[PACKETS_AT_ONCE];
	struct pollfd p = {.fd = master, .events = POLLIN};
	struct ipc_in in;
	uint32_t flags;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(packet_receive(master, got), 1);
	assert_int_equal(ipc_in_open(&in, got[0].p, got[0].n, got[0].fd, &flags), 0);
	assert_int_equal(in.type, MSG_HELLO);
	assert_true(str_eq_z(ipc_get_str(&in), build_id()));
	assert_true(str_eq(ipc_get_str(&in), STR("server")));
	assert_true(str_eq(ipc_get_str(&in), STR("")));
	assert_int_equal(ipc_end(&in), 0);
}

static int
begin(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -1;
	master = fds[0];
	daemon_pid = fork();
	if (daemon_pid == 0)
		run_daemon(fds[1]);
	close(fds[1]);
	expect_hello();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	close(master);
	if (listener >= 0)
		close(listener);
	listener = -1;
	if (daemon_pid > 0) {
		(void)kill(daemon_pid, SIGKILL);
		(void)waitpid(daemon_pid, NULL, 0);
	}
	return 0;
}

/* Its exit code; the deadline is the test runner's. */
static int
exit_code(void)
{
	int status;

	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
give_identity(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SETUP_IDENTITY);
	ipc_put_u32(&m, 64111);
	ipc_put_u32(&m, 64111);
	ipc_put_z(&m, dir);
	send_notice(&m);
}

static void
give_listener(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct ipc_out m;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 10), 0);
	ipc_begin(&m, MSG_SETUP_LISTEN);
	ipc_put_z(&m, "smtp|127.0.0.1:0");
	ipc_put_fd(&m, fcntl(listener, F_DUPFD_CLOEXEC, 0));
	send_notice(&m);
}

static void
give_file(const char *text)
{
	int fd = memfd_create("secret", MFD_CLOEXEC);
	struct ipc_out m;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	ipc_begin(&m, MSG_SETUP_FILE);
	ipc_put_z(&m, "secret");
	ipc_put_fd(&m, fd);
	send_notice(&m);
}

static int
configure(const char *host, struct err *e)
{
	char toml[200];
	struct arena a;
	struct ipc_out m;
	struct ipc_in in;
	struct conf *c;
	struct str *keys;
	size_t n;
	int rc;

	(void)snprintf(toml, sizeof(toml), "[server]\nhost_name = '%s'\ndrain_timeout = '%s'\n",
	    host, drain_timeout);
	c = conf_parse(str_z(toml), "test", e);
	assert_non_null(c);
	arena_init(&a);
	n = conf_pack(c, "server", &a, &keys);
	ipc_begin(&m, MSG_CONFIG);
	ipc_put_list(&m, keys, n);
	rc = ipc_call_wait(master, &m, &in, e);
	if (rc == 0)
		rc = ipc_end(&in);
	arena_free(&a);
	conf_free(&c);
	return rc;
}

static int
visit(void)
{
	struct sockaddr_storage a;
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, size), 0);
	return fd;
}

static const char *
heard(int fd, int ms)
{
	static char text[200];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return "silence";
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

/* ---- tests ---- */

static void
nobody_is_heard_before_all_is_set_up(void **state)
{
	struct err e;
	int early;

	(void)state;
	give_identity();
	give_listener();
	give_file("one");
	early = visit();
	assert_string_equal(heard(early, 100), "silence");
	assert_int_equal(configure("a.test", &e), 0);
	assert_string_equal(heard(early, 10000), "smtp 127.0.0.1 a.test one\n");
}

static void
a_reload_brings_files_and_values(void **state)
{
	struct err e;

	(void)state;
	give_identity();
	give_listener();
	give_file("one");
	assert_int_equal(configure("a.test", &e), 0);
	give_file("two");
	assert_int_equal(configure("b.test", &e), 0);
	assert_string_equal(heard(visit(), 10000), "smtp 127.0.0.1 b.test two\n");
	/* What it refuses changes nothing. */
	assert_int_equal(configure("bad.test", &e), -1);
	assert_string_equal(e.text, "this name will not do");
	assert_string_equal(heard(visit(), 10000), "smtp 127.0.0.1 b.test two\n");
}

static void
listeners_come_and_go(void **state)
{
	struct ipc_out m;
	struct err e;
	int fd;

	(void)state;
	give_identity();
	assert_int_equal(configure("a.test", &e), 0);
	give_listener();
	assert_string_equal(heard(visit(), 10000), "smtp 127.0.0.1 a.test \n");
	ipc_begin(&m, MSG_LISTEN_END);
	ipc_put_z(&m, "smtp|127.0.0.1:0");
	send_notice(&m);
	assert_int_equal(configure("a.test", &e), 0); /* read by now */
	fd = visit();                                 /* our copy still listens */
	assert_string_equal(heard(fd, 100), "silence");
	close(fd);
}

static void
a_wrong_configuration_is_exit_78(void **state)
{
	struct err e;

	(void)state;
	give_identity();
	assert_int_equal(configure("bad.test", &e), -1);
	assert_int_equal(e.code, E_INVAL);
	assert_string_equal(e.text, "this name will not do");
	assert_int_equal(exit_code(), 78);
}

static void
another_failure_is_exit_75(void **state)
{
	struct err e;

	(void)state;
	give_identity();
	assert_int_equal(configure("later.test", &e), -1);
	assert_int_equal(e.code, E_TEMP);
	assert_int_equal(exit_code(), 75);
}

static void
without_a_directory_it_does_not_start(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(configure("a.test", &e), -1);
	assert_int_equal(exit_code(), 75);
}

static void
without_master_nothing_runs(void **state)
{
	struct err e;

	(void)state;
	give_identity();
	assert_int_equal(configure("a.test", &e), 0);
	close(master);
	assert_int_equal(exit_code(), 75);
	master = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
a_message_out_of_place_ends_it(void **state)
{
	struct ipc_out m;

	(void)state;
	ipc_begin(&m, MSG_OWN_GO); /* never from master */
	send_notice(&m);
	assert_int_equal(exit_code(), 75);
}

static void
a_signal_drains(void **state)
{
	struct err e;

	(void)state;
	give_identity();
	assert_int_equal(configure("a.test", &e), 0);
	assert_int_equal(kill(daemon_pid, SIGTERM), 0);
	assert_int_equal(exit_code(), 0);
}

static void
order_drain(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DRAIN);
	send_notice(&m);
}

static void
an_order_drains_before_the_start_too(void **state)
{
	(void)state;
	order_drain();
	assert_int_equal(exit_code(), 0);
}

static int
begin_never_done(void **state)
{
	int rc;

	svc.drain = never_done;
	rc = begin(state);
	svc.drain = NULL;
	return rc;
}

static void
a_second_order_ends_at_once(void **state)
{
	struct err e;
	int status;

	(void)state;
	give_identity();
	give_listener();
	assert_int_equal(configure("a.test", &e), 0);
	order_drain();
	assert_int_equal(configure("a.test", &e), 0); /* drains, and still answers */
	assert_int_equal(waitpid(daemon_pid, &status, WNOHANG), 0);
	order_drain();
	assert_int_equal(exit_code(), 0);
}

static int
begin_with_last_words(void **state)
{
	int rc;

	drain_timeout = "1ms";
	svc.overdue = last_words;
	rc = begin_never_done(state);
	svc.overdue = NULL;
	return rc;
}

static int
end_with_last_words(void **state)
{
	drain_timeout = "1h";
	return end(state);
}

static void
when_the_time_to_drain_is_over_it_says_so(void **state)
{
	struct err e;
	int fd;

	(void)state;
	give_identity();
	give_listener();
	assert_int_equal(configure("kept.test", &e), 0);
	fd = visit();
	order_drain();
	assert_string_equal(heard(fd, 10000), "the end\n");
	assert_int_equal(exit_code(), 0);
}

/* Nobody is left in the line of a listener that goes, room or no room. */
static void
at_the_end_all_who_wait_are_let_in(void **state)
{
	struct err e;
	int waiting[3];

	(void)state;
	give_identity();
	give_listener();
	assert_int_equal(configure("full.test", &e), 0);
	assert_string_equal(heard(visit(), 10000), "smtp 127.0.0.1 full.test \n");
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		waiting[i] = visit();
	assert_int_equal(configure("full.test", &e), 0); /* it takes nobody now */
	assert_string_equal(heard(waiting[0], 100), "silence");
	order_drain();
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		assert_string_equal(heard(waiting[i], 10000), "smtp 127.0.0.1 full.test \n");
	assert_int_equal(exit_code(), 0);
}

/* Its handshake had begun when the listener began to turn others away: what it says is heard. */
static void
who_gets_through_a_parting_listener_is_heard(void **state)
{
	static const int highest = 255, usual = 64;
	struct sockaddr_storage a;
	socklen_t size = sizeof(a);
	struct err e;
	int fd;

	(void)state;
	give_identity();
	give_listener();
	assert_int_equal(configure("talk.test", &e), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(setsockopt(listener, IPPROTO_IP, IP_MINTTL, &highest, sizeof(int)), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &highest, sizeof(int)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &usual, sizeof(int)), 0);
	assert_int_equal(write(fd, "hello\n", 6), 6);
	assert_string_equal(heard(fd, 20000), "hello\n");
}

static void
it_counts_in_the_page_it_was_given(void **state)
{
	int fd = metrics_create(NULL);
	const struct metrics_page *page = metrics_map(fd, NULL);
	struct ipc_out m;
	struct buf text;
	struct err e;

	(void)state;
	give_identity();
	give_listener();
	ipc_begin(&m, MSG_SETUP_METRICS);
	ipc_put_fd(&m, fd);
	send_notice(&m);
	assert_int_equal(configure("a.test", &e), 0);
	assert_string_equal(heard(visit(), 10000), "smtp 127.0.0.1 a.test \n");
	buf_init(&text, 1u << 20);
	metrics_text(&page, 1, METRICS_PROMETHEUS, &text);
	buf_putc(&text, '\0');
	assert_non_null(strstr(text.p, "gkmail_smtp_messages_total 1\n"));
	buf_free(&text);
}

static void
it_says_who_starts_it(void **state)
{
	char name[] = "gk-smtpd", *argv[] = {name, NULL};
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		close(3);
		if (dup2(open("/dev/null", O_WRONLY), 2) < 0)
			_exit(99);
		close(3);
		_exit(svc_main(&svc, 1, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chmod(dir, 0755) < 0 ? -1 : 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(nobody_is_heard_before_all_is_set_up),
	    T(a_reload_brings_files_and_values),
	    T(listeners_come_and_go),
	    T(a_wrong_configuration_is_exit_78),
	    T(another_failure_is_exit_75),
	    T(without_a_directory_it_does_not_start),
	    T(without_master_nothing_runs),
	    T(a_message_out_of_place_ends_it),
	    T(a_signal_drains),
	    T(an_order_drains_before_the_start_too),
	    cmocka_unit_test_setup_teardown(a_second_order_ends_at_once, begin_never_done, end),
	    cmocka_unit_test_setup_teardown(when_the_time_to_drain_is_over_it_says_so,
		begin_with_last_words, end_with_last_words),
	    T(at_the_end_all_who_wait_are_let_in),
	    T(who_gets_through_a_parting_listener_is_heard),
	    T(it_counts_in_the_page_it_was_given),
	    cmocka_unit_test(it_says_who_starts_it),
	};

	return cmocka_run_group_tests_name("svc", tests, make_dir, remove_dir);
}
