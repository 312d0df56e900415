/* events_test.c - the rings of events about messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc/events.h"

static const struct events_page *pages[2];
static int fds[2];

static int
fresh(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fds[i] = events_create(&e);
		if (fds[i] < 0 || (pages[i] = events_map(fds[i], &e)) == NULL)
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

static const char *
events(const char *mid)
{
	static struct buf b;

	buf_free(&b);
	buf_init(&b, 4u << 20);
	events_about(pages, 2, str_z(mid), &b);
	buf_putc(&b, '\0');
	return b.p;
}

/* The last megabyte of them, however often the ring goes round. */
static void
events_of_a_message(void **state)
{
	char line[200];
	struct err e;

	(void)state;
	events_note(STR("t info queue queue.accept mid=a size=0"));
	assert_int_equal(events_attach(fds[1], &e), 0);
	events_note(STR("t info queue queue.accept mid=a size=1"));
	events_note(STR("t info queue queue.accept mid=ab size=1"));
	events_note(STR("t info queue queue.notify mid=b about=a kind=failed"));
	assert_string_equal(events("a"), "t info queue queue.accept mid=a size=1\n"
					 "t info queue queue.notify mid=b about=a kind=failed\n");
	assert_string_equal(events("c"), "");
	for (int i = 0; i < 30000; i++) {
		snprintf(line, sizeof(line),
		    "t info queue queue.deliver mid=m%d text=\"2.0.0 delivered\" ms=3", i);
		events_note((struct str){line, strlen(line)});
	}
	assert_string_equal(events("a"), "");
	assert_string_equal(events("m29999"),
	    "t info queue queue.deliver mid=m29999 text=\"2.0.0 delivered\" ms=3\n");
	assert_string_not_equal(events("m20000"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(events_of_a_message, fresh, done),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
