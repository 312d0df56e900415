/* job_test.c - messages as gk-smtpd hands them over: in a packet, through a socket cut anywhere,
 * with a DNS that answers, waits or never says a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/dns_script.h"
#include "smtpd/screen/job.h"
#include "svc/svc.h"

#define MESSAGE "From: a@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"

/* ---- in place of the skeleton ---- */

static struct conf *conf;
static bool draining, drained;

const struct conf *
svc_conf(void)
{
	return conf;
}

bool
svc_draining(void)
{
	return draining;
}

void
svc_drained(void)
{
	drained = true;
}

/* ---- gk-smtpd ---- */

static struct dns *names;
static struct ipc_chan *smtpd, *to_smtpd;

static struct {
	unsigned answers, errors;
	uint32_t verdict, reason, score;
	char text[500], fields[5000];
} said;

static void
on_answer(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	if (e) {
		said.errors++;
		return;
	}
	said.answers++;
	said.verdict = ipc_get_u32(m);
	said.reason = ipc_get_u32(m);
	said.score = ipc_get_u32(m);
	assert_int_equal(str_cz(ipc_get_str(m), said.text, sizeof(said.text)), 0);
	assert_int_equal(str_cz(ipc_get_str(m), said.fields, sizeof(said.fields)), 0);
	assert_int_equal(ipc_end(m), 0);
}

static void
screen_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_SCREEN_END)
		job_end(m);
	else if (m->type == MSG_SCREEN_ABORT)
		job_abort(m);
	else
		job_start(c, m);
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(0);
}

static void
put_head(struct ipc_out *m, const char *sender)
{
	ipc_put_z(m, "01hzzzzzzzzzzzzzzzzz");
	ipc_put_z(m, "s1");
	ipc_put_z(m, "192.0.2.1");
	ipc_put_u32(m, IPREV_PASS);
	ipc_put_z(m, "mail.example.net");
	ipc_put_z(m, "mail.example.net");
	ipc_put_z(m, sender);
}

static void
ask(const char *sender, const char *message)
{
	struct ipc_out m;

	memset(&said, 0, sizeof(said));
	ipc_begin(&m, MSG_SCREEN_PUT);
	put_head(&m, sender);
	ipc_put_z(&m, message);
	ipc_call(smtpd, &m, on_answer, NULL);
	turns(3);
}

/* The write end. */
static int
open_stream(uint64_t stream, const char *sender)
{
	struct ipc_out m;
	int fds[2];

	memset(&said, 0, sizeof(said));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	ipc_begin(&m, MSG_SCREEN_STREAM);
	ipc_put_u64(&m, stream);
	put_head(&m, sender);
	ipc_put_fd(&m, fds[0]);
	ipc_call(smtpd, &m, on_answer, NULL);
	turns(3);
	return fds[1];
}

static void
end_stream(uint64_t stream, uint64_t size)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SCREEN_END);
	ipc_put_u64(&m, stream);
	ipc_put_u64(&m, size);
	ipc_send(smtpd, &m);
	turns(3);
}

static int
set_up(void **state)
{
	int v[2];
	struct err e = {0};

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	conf = conf_parse(STR("[server]\nhost_name = \"mx.example.com\"\n"), "test", &e);
	assert_non_null(conf);
	job_init(names = dns_script_new());
	dns_script_txt(names, "example.org", "v=spf1 ip4:192.0.2.1 -all");
	dns_script_txt(names, "_dmarc.example.org", "v=DMARC1; p=reject");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, v), 0);
	smtpd = ipc_new(v[0], PEER_SMTPD, PEER_SCREEN, NULL, NULL, NULL);
	to_smtpd = ipc_new(v[1], PEER_SCREEN, PEER_SMTPD, screen_message, NULL, NULL);
	draining = drained = false;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	job_forget_all();
	assert_true(job_idle());
	ipc_free(&smtpd);
	ipc_free(&to_smtpd);
	dns_free(&names);
	conf_free(&conf);
	return 0;
}

/* ---- tests ---- */

static void
a_packet_is_answered(void **state)
{
	(void)state;
	ask("a@example.org", MESSAGE);
	turns(20);
	assert_int_equal(said.answers, 1);
	assert_int_equal(said.verdict, SCREEN_ACCEPT);
	assert_int_equal(said.score, 2);
	assert_non_null(strstr(said.fields, "dmarc=pass"));
	ask("x@evil.example", MESSAGE);
	turns(20);
	assert_int_equal(said.verdict, SCREEN_REJECT);
	assert_int_equal(said.reason, SCREEN_BY_DMARC);
	assert_non_null(strstr(said.text, "example.org"));
	assert_true(job_idle());
}

/* Cut at every place; the end and the word of it in either order. */
static void
a_stream_cut_anywhere_says_the_same(void **state)
{
	const char *m = MESSAGE;
	size_t n = strlen(m);
	char fields[5000];

	(void)state;
	ask("a@example.org", m);
	turns(20);
	memcpy(fields, said.fields, sizeof(fields));
	for (size_t cut = 0; cut <= n; cut++) {
		int fd = open_stream(cut + 1, "a@example.org");

		assert_int_equal(write(fd, m, cut), cut);
		turns(2);
		assert_int_equal(write(fd, m + cut, n - cut), n - cut);
		if (cut % 2)
			end_stream(cut + 1, n);
		close(fd);
		turns(2);
		if (cut % 2 == 0) {
			assert_int_equal(said.answers, 0);
			end_stream(cut + 1, n);
		}
		turns(20);
		assert_int_equal(said.answers, 1);
		assert_string_equal(said.fields, fields);
		assert_true(job_idle());
	}
}

static void
streams_that_do_not_end_well(void **state)
{
	int fd = open_stream(1, "a@example.org");
	struct ipc_out m;

	(void)state;
	/* Fewer octets than were said. */
	assert_int_equal(write(fd, "From: ", 6), 6);
	close(fd);
	end_stream(1, 7);
	assert_int_equal(said.errors, 1);
	assert_true(job_idle());
	/* Nobody wants it any more. */
	fd = open_stream(2, "a@example.org");
	ipc_begin(&m, MSG_SCREEN_ABORT);
	ipc_put_u64(&m, 2);
	ipc_send(smtpd, &m);
	turns(3);
	assert_true(job_idle());
	assert_int_equal(said.answers, 0);
	close(fd);
	/* Its end is never told: a message that was cut off has no verdict. */
	fd = open_stream(3, "a@example.org");
	assert_int_equal(write(fd, MESSAGE, strlen(MESSAGE)), strlen(MESSAGE));
	close(fd);
	turns(5);
	assert_false(job_idle());
	assert_int_equal(said.answers, 0);
	clock_advance(21000);
	turns(5);
	assert_true(job_idle());
	assert_int_equal(said.answers, 0);
	/* Of streams that nobody knows nothing comes. */
	end_stream(17, 1);
}

static void
a_dns_that_never_answers_is_a_temporary_error(void **state)
{
	(void)state;
	dns_script_hold(names, true);
	ask("a@example.org", MESSAGE);
	turns(10);
	assert_int_equal(said.answers, 0);
	clock_advance(20001);
	turns(5);
	assert_int_equal(said.answers, 1);
	assert_int_equal(said.verdict, SCREEN_DEFER);
	assert_int_equal(said.reason, SCREEN_BY_DMARC);
	assert_non_null(strstr(said.fields, "spf=temperror"));
	assert_true(job_idle());
}

static void
who_asks_may_die(void **state)
{
	(void)state;
	dns_script_hold(names, true);
	ask("a@example.org", MESSAGE);
	turns(3);
	draining = true;
	job_forget_all();
	assert_true(job_idle());
	assert_true(drained);
	dns_script_hold(names, false);
	turns(5);
	assert_int_equal(said.answers, 0);
}

static void
there_is_a_limit(void **state)
{
	(void)state;
	dns_script_hold(names, true);
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		ask("a@example.org", MESSAGE);
		assert_int_equal(said.errors, 0);
	}
	ask("a@example.org", MESSAGE);
	turns(3);
	assert_int_equal(said.errors, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_packet_is_answered),
	    TEST(a_stream_cut_anywhere_says_the_same),
	    TEST(streams_that_do_not_end_well),
	    TEST(a_dns_that_never_answers_is_a_temporary_error),
	    TEST(who_asks_may_die),
	    TEST(there_is_a_limit),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
