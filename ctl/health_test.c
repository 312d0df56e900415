/* health_test.c - what a captured gk-statd has a terminal show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/glance.h"
#include "ctl/health.h"

#define CLEAR "\\u001b[2J"

/* Of what is printed to stdout. */
static FILE *screen, *before;
static char *text;
static size_t size;

static void
begin(void)
{
	before = stdout;
	screen = open_memstream(&text, &size);
	assert_non_null(screen);
	stdout = screen;
}

static void
expect_harmless(const char *what)
{
	stdout = before;
	assert_int_equal(fclose(screen), 0);
	assert_non_null(strstr(text, what));
	assert_null(strchr(text, '\033'));
	free(text);
}

static void
test_health(void **state)
{
	struct health h = {.raw = STR("")};

	(void)state;
	h.v = cJSON_Parse("{\"status\":\"" CLEAR "fail\",\"checks\":{\"" CLEAR
			  "smtp:responseTime\":[{\"status\":\"" CLEAR "\",\"componentId\":\"" CLEAR
			  "\",\"output\":\"" CLEAR "\"}]}}");
	assert_non_null(h.v);
	begin();
	health_print(&h);
	expect_harmless("smtp:responseTime");
	cJSON_Delete(h.v);
}

static void
test_glance(void **state)
{
	(void)state;
	begin();
	glance_print(STR("gkmail_disk_size_bytes{directory=\"\033[2Jdata\"} 10\n"
			 "gkmail_disk_free_bytes{directory=\"\033[2Jdata\"} 5\n"
			 "gkmail_certificate_expires_timestamp_seconds{file=\"\033[2Jpem\"} 1\n"));
	expect_harmless("[2Jdata");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_health),
	    cmocka_unit_test(test_glance),
	};

	arena_init(&ctl.arena);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
