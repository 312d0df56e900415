/* log_test.c - lines as operators and their tools read them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"

static int fds[2];
static char line[4096];

static const char *
written(void)
{
	ssize_t n;

	log_flush();
	n = read(fds[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	return line;
}

static void
begin(enum log_format format)
{
	assert_int_equal(pipe(fds), 0);
	log_init("smtpd", fds[1], format, LOG_LEVEL_INFO);
}

static void
end(void)
{
	log_init("test", 2, LOG_TEXT, LOG_LEVEL_INFO);
	close(fds[0]);
	close(fds[1]);
}

static void
test_text(void **state)
{
	(void)state;
	begin(LOG_TEXT);
	log_info("smtp.reject", LZ("reason", "relay"), LS("to", STR("a b\n\"\x1b")), LU("ms", 41));
	assert_string_equal(written() + 24,
	    " info smtpd smtp.reject reason=relay to=\"a b\\x0a\\\"\\x1b\" ms=41\n");
	end();
}

static void
test_json(void **state)
{
	(void)state;
	begin(LOG_JSON);
	log_warn("smtp.reject", LS("to", STR("a\"\xff\n")), LI("n", -5));
	assert_non_null(strstr(written(), "\"level\":\"warn\",\"daemon\":\"smtpd\",\"pid\":"));
	assert_non_null(
	    strstr(line, "\"event\":\"smtp.reject\",\"to\":\"a\\\"\\u00ff\\u000a\",\"n\":-5}\n"));
	end();
}

static void
test_levels_and_length(void **state)
{
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big));
	begin(LOG_TEXT);
	log_debug("quiet", LU("n", 1));
	log_info("loud", LS("v", str_of(big, sizeof(big))));
	assert_null(strstr(written(), "quiet"));
	assert_true(strlen(line) < 600);
	assert_non_null(strstr(line, "xxx..."));
	end();
}

/* ---- a file that is full: here a limit of this process, which tears like a disk does ---- */

static char path[] = "/tmp/log_test.XXXXXX";
static char content[1 << 18];
static unsigned told;

static void
room(rlim_t n)
{
	struct rlimit r = {n, RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void
tell(void)
{
	told++;
}

static void
begin_file(rlim_t n)
{
	int fd;

	memset(path + sizeof(path) - 7, 'X', 6);
	fd = mkstemp(path);
	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	log_init("smtpd", 2, LOG_TEXT, LOG_LEVEL_INFO);
	log_set_fd(fd);
	log_on_lost(tell);
	told = 0;
	room(n);
}

static const char *
all(void)
{
	FILE *f = fopen(path, "r");
	size_t n = fread(content, 1, sizeof(content) - 1, f);

	content[n] = '\0';
	fclose(f);
	return content;
}

static void
by_another(const char *z)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, z, strlen(z)), strlen(z));
	close(fd);
}

static void
end_file(void)
{
	room(RLIM_INFINITY);
	log_on_lost(NULL);
	log_set_fd(2);
	unlink(path);
}

/* Each line without its time. */
static const char *
untimed(const char *z)
{
	static char out[4096];
	size_t n = 0;

	for (const char *p = z; *p != '\0'; p = strchr(p, '\n') + 1) {
		const char *end = strchr(p, '\n');

		assert_non_null(end);
		if (*p == '2')
			p += 25;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s\n", (int)(end - p), p);
	}
	return out;
}

static void
test_a_line_goes_on_where_it_was_torn(void **state)
{
	(void)state;
	begin_file(60);
	log_warn("a.first", LU("n", 1));
	log_warn("a.second", LU("n", 2));
	log_warn("a.third", LU("n", 3));
	assert_int_equal(strlen(all()), 60);
	room(70);
	log_flush();
	assert_int_equal(strlen(all()), 70);
	room(RLIM_INFINITY);
	log_flush();
	assert_string_equal(untimed(all()),
	    "warn smtpd a.first n=1\nwarn smtpd a.second n=2\nwarn smtpd a.third n=3\n");
	assert_int_equal(told, 0);
	end_file();
}

static void
test_a_torn_line_is_left_to_others(void **state)
{
	(void)state;
	begin_file(60);
	log_warn("a.first", LU("n", 1));
	log_warn("a.second", LU("n", 2));
	log_warn("a.third", LU("n", 3));
	room(RLIM_INFINITY);
	by_another("\nanother's\n");
	log_flush();
	assert_non_null(strstr(all(), "\nanother's\n2"));
	assert_null(strstr(content, "a.second n=2"));
	assert_non_null(strstr(content, "warn smtpd a.third n=3\n"));
	assert_non_null(strstr(content, "error smtpd log.lost lines=1\n"));
	assert_int_equal(told, 1);
	end_file();
}

static void
test_a_line_torn_by_another_is_ended(void **state)
{
	(void)state;
	begin_file(10);
	by_another("torn by an");
	log_warn("a.first", LU("n", 1));
	assert_string_equal(all(), "torn by an");
	room(RLIM_INFINITY);
	log_flush();
	assert_string_equal(untimed(all()), "torn by an\nwarn smtpd a.first n=1\n");
	end_file();
}

static void
test_lost_lines_are_counted(void **state)
{
	unsigned lines = 0, lost;

	(void)state;
	begin_file(1);
	for (unsigned i = 0; i < 3000; i++)
		log_info("a.line", LU("n", i));
	log_flush();
	lost = told;
	assert_true(lost > 0);
	room(RLIM_INFINITY);
	log_info("a.line", LU("n", 3000));
	log_flush();
	for (const char *p = all(); *p != '\0'; p = strchr(p, '\n') + 1)
		lines += strchr(p, '\n') - p > 24 && strstr(p, " a.line n=") < strchr(p, '\n');
	assert_int_equal(lines, 3001 - lost);
	assert_non_null(strstr(content, "n=3000\n"));
	assert_int_equal(told, lost);
	snprintf(line, sizeof(line), "error smtpd log.lost lines=%u\n", lost);
	assert_non_null(strstr(content, line));
	assert_null(strstr(strstr(content, line) + strlen(line), "log.lost"));
	end_file();
}

/* A rotated file gets no second half of a line; what it never got is counted in the new one. */
static void
test_a_new_file_begins_with_a_line(void **state)
{
	(void)state;
	begin_file(60);
	log_warn("a.first", LU("n", 1));
	log_warn("a.second", LU("n", 2));
	log_warn("a.third", LU("n", 3));
	begin(LOG_TEXT);
	room(RLIM_INFINITY);
	log_info("a.fourth", LU("n", 4));
	assert_string_equal(
	    untimed(written()), "info smtpd a.fourth n=4\nerror smtpd log.lost lines=2\n");
	end();
	unlink(path);
	log_on_lost(NULL);
}

static void
test_err(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, E_QUOTA, "full"), -1);
	assert_int_equal(err_wrap(&e, "mailbox %s", "INBOX"), -1);
	assert_string_equal(e.text, "mailbox INBOX: full");
	assert_int_equal(e.code, E_QUOTA);
	assert_false(err_is_temporary(&e));
	for (int i = 0; i < 100; i++)
		err_wrap(&e, "again and again");
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
	assert_int_equal(err_set(NULL, E_IO, "nobody cares"), -1);
}

static void
test_times_and_ids(void **state)
{
	char a[ID_SIZE], b[ID_SIZE], text[CLOCK_RFC5322_SIZE];

	(void)state;
	assert_string_equal(clock_rfc3339(1767225599999000, text), "2025-12-31T23:59:59.999Z");
	assert_string_equal(clock_rfc5322(1767225599, text), "Wed, 31 Dec 2025 23:59:59 +0000");
	id_new(a);
	clock_advance(2);
	id_new(b);
	assert_true(id_valid(str_z(a)));
	assert_true(strcmp(a, b) < 0);
	assert_false(id_valid(STR("../../../../../etc/x")));
	assert_false(id_valid(STR("short")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_levels_and_length),
	    cmocka_unit_test(test_a_line_goes_on_where_it_was_torn),
	    cmocka_unit_test(test_a_torn_line_is_left_to_others),
	    cmocka_unit_test(test_a_line_torn_by_another_is_ended),
	    cmocka_unit_test(test_lost_lines_are_counted),
	    cmocka_unit_test(test_a_new_file_begins_with_a_line),
	    cmocka_unit_test(test_err),
	    cmocka_unit_test(test_times_and_ids),
	};

	sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
