/* metrics_test.c - counting in shared pages, and their text. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "svc/metrics.h"
#include "svc/page.h"

static const struct metrics_page *pages[2];
static int fds[2];

static const char *
text(size_t n)
{
	static struct buf b;

	buf_free(&b);
	buf_init(&b, 1u << 20);
	metrics_text(pages, n, METRICS_PROMETHEUS, &b);
	buf_putc(&b, '\0');
	assert_false(b.over);
	return b.p;
}

static void
assert_line(size_t n, const char *line)
{
	char want[200];

	snprintf(want, sizeof(want), "\n%s\n", line);
	if (strstr(text(n), want) == NULL)
		fail_msg("no line \"%s\" in\n%s", line, text(n));
}

static int
fresh(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fds[i] = metrics_create(&e);
		if (fds[i] < 0 || (pages[i] = metrics_map(fds[i], &e)) == NULL)
			return -1;
	}
	return 0;
}

static int
done(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		close(fds[i]);
	return 0;
}

static void
attach(size_t i)
{
	struct err e;

	assert_int_equal(metrics_attach(fds[i], &e), 0);
}

static void
pages_are_added_up(void **state)
{
	(void)state;
	attach(0);
	metric_add(METRIC_SMTP_MESSAGES, 2);
	metric_set(METRIC_QUEUE_SIZE, 7);
	attach(1);
	metric_add(METRIC_SMTP_MESSAGES, 3);
	assert_line(2, "gkmail_smtp_messages_total 5");
	assert_line(1, "gkmail_smtp_messages_total 2");
	assert_line(2, "queue_size 7");
	assert_line(2, "auth_attempts_total{method=\"plain\",result=\"ok\"} 0");
	assert_int_equal(strncmp(text(2), "# HELP ", 7), 0);
}

static void
a_successor_counts_on_but_measures_anew(void **state)
{
	(void)state;
	attach(0);
	metric_add(METRIC_SMTP_MESSAGES, 2);
	metric_add(METRIC_SMTP_CONNECTIONS, 4);
	attach(0);
	metric_add(METRIC_SMTP_MESSAGES, 1);
	metric_add(METRIC_SMTP_CONNECTIONS, 1);
	assert_line(1, "gkmail_smtp_messages_total 3");
	assert_line(1, "gkmail_smtp_connections_active 1");
}

static void
durations_fall_into_buckets(void **state)
{
	(void)state;
	attach(0);
	metric_observe(METRIC_QUEUE_SYNC_SECONDS, 100);      /* le 0.0001 */
	metric_observe(METRIC_QUEUE_SYNC_SECONDS, 101);      /* le 0.00025 */
	metric_observe(METRIC_QUEUE_SYNC_SECONDS, 99000000); /* beyond all */
	assert_line(1, "gkmail_queue_sync_seconds_bucket{le=\"0.0001\"} 1");
	assert_line(1, "gkmail_queue_sync_seconds_bucket{le=\"0.00025\"} 2");
	assert_line(1, "gkmail_queue_sync_seconds_bucket{le=\"10\"} 2");
	assert_line(1, "gkmail_queue_sync_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(1, "gkmail_queue_sync_seconds_sum 99.000201");
	assert_line(1, "gkmail_queue_sync_seconds_count 3");
}

/* What Prometheus asks of the text: HELP and TYPE once for each name, before its lines. */
static void
every_name_is_introduced_once(void **state)
{
	const char *p = text(1);
	char name[100], marked[104], seen[8192] = " ";
	size_t n = 1;

	(void)state;
	while ((p = strstr(p, "# TYPE ")) != NULL) {
		assert_int_equal(sscanf(p, "# TYPE %98s", name), 1);
		p += 7;
		snprintf(marked, sizeof(marked), " %s ", name);
		assert_null(strstr(seen, marked));
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s ", name);
		assert_true(n < sizeof(seen));
	}
}

static void
processes_count_without_loss(void **state)
{
	(void)state;
	attach(0);
	for (unsigned i = 0; i < 4; i++)
		if (fork() == 0) {
			for (unsigned k = 0; k < 10000; k++)
				metric_add(METRIC_IMAP_COMMANDS, 1);
			_exit(0);
		}
	for (unsigned i = 0; i < 4; i++)
		wait(NULL);
	assert_line(1, "gkmail_imap_commands_total 40000");
}

static void
nobody_changes_a_pages_size(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(fds[0], 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fds[0], 1 << 20), -1);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void
what_is_no_page_is_refused(void **state)
{
	struct err e;
	int fd = memfd_create("small", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(metrics_attach(fd, &e), -1);
	assert_null(metrics_map(fd, &e));
	assert_int_equal(e.code, E_INVAL);
	close(fd);
}

static void
openmetrics_has_its_own_names_and_bounds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	attach(0);
	metric_add(METRIC_SMTP_MESSAGES, 2);
	metrics_text(pages, 1, METRICS_OPEN, &b);
	assert_non_null(strstr(b.p, "# TYPE gkmail_smtp_messages counter\n"));
	assert_non_null(strstr(b.p, "\ngkmail_smtp_messages_total 2\n"));
	assert_non_null(strstr(b.p, "gkmail_queue_sync_seconds_bucket{le=\"1.0\"} 0\n"));
	assert_null(strstr(b.p, "# TYPE gkmail_smtp_messages_total"));
	assert_int_equal(metrics_value(pages, 2, METRIC_SMTP_MESSAGES), 2);
	buf_free(&b);
}

/* In OpenMetrics a counter's samples have _total, and nothing else may. */
static void
counters_are_called_total(void **state)
{
#define NAMED(id, name, labels, kind, help) {name, #kind},
	static const struct {
		const char *name, *kind;
	} all[] = {METRICS(NAMED)};

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		if (str_ends(str_z(all[i].name), STR("_total")) !=
		    (strcmp(all[i].kind, "COUNTER") == 0))
			fail_msg("%s", all[i].name);
}

/* gk-statd gets everybody's, and changes none. */
static void
a_page_for_reading_cannot_be_written(void **state)
{
	struct err e;
	int fd = page_read_only(fds[0], &e);

	(void)state;
	assert_true(fd >= 0);
	assert_non_null(metrics_map(fd, &e));
	assert_int_equal(metrics_attach(fd, &e), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(openmetrics_has_its_own_names_and_bounds, fresh, done),
	    cmocka_unit_test_setup_teardown(a_page_for_reading_cannot_be_written, fresh, done),
	    cmocka_unit_test(counters_are_called_total),
	    cmocka_unit_test_setup_teardown(pages_are_added_up, fresh, done),
	    cmocka_unit_test_setup_teardown(a_successor_counts_on_but_measures_anew, fresh, done),
	    cmocka_unit_test_setup_teardown(durations_fall_into_buckets, fresh, done),
	    cmocka_unit_test_setup_teardown(every_name_is_introduced_once, fresh, done),
	    cmocka_unit_test_setup_teardown(processes_count_without_loss, fresh, done),
	    cmocka_unit_test_setup_teardown(nobody_changes_a_pages_size, fresh, done),
	    cmocka_unit_test_setup_teardown(what_is_no_page_is_refused, fresh, done),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
