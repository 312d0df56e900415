/* accept_test.c - which format is written for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "statd/statd.h"

#define OPEN "application/openmetrics-text"

static void
test_who_gets_what(void **state)
{
	static const struct {
		const char *field;
		bool open;
	} all[] = {
	    {"", false},
	    {"*/*", false},
	    {"text/plain", false},
	    {OPEN, true},
	    {" Application/OpenMetrics-Text ; version=1.0.0 ", true},
	    /* Prometheus 2.42 and 3. */
	    {OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
		  "*/*;q=0.1",
		true},
	    {OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.4", true},
	    {"text/plain," OPEN ";q=0.5", false},
	    {"text/plain;q=0.5," OPEN ";q=0.5", true},
	    {OPEN ";q=0,text/plain", false},
	    {OPEN ";q=0.000", false},
	    {OPEN ";q=0.001", true},
	    {OPEN ";version=2.0.0", false},
	    {OPEN "x", false},
	    {"x/y;a=\"" OPEN "\"", false},
	    {OPEN ";q=2", true},
	    {OPEN ";q=", true},
	    {OPEN ";q", true},
	    {",;,;;=,=;," OPEN ";;=;", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if ((accept_choose(str_z(all[i].field)) == METRICS_OPEN) != all[i].open)
			fail_msg("%s", all[i].field);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_gets_what)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
