/* author_test.c */
#include "smtpd/screen/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void
test_domain(void **state)
{
	static const struct {
		const char *header, *domain; /* NULL: none */
	} rows[] = {
	    {"From: alice@example.org\r\n\r\n", "example.org"},
	    {"from : \"Smith, Al\" <al@Mail.Example.ORG>\r\n\r\n", "mail.example.org"},
	    {"Subject: x\r\nFrom: Alice\r\n <alice@example.org>\r\n\r\n", "example.org"},
	    {"From: a@example.org, b@EXAMPLE.org\r\n\r\n", "example.org"},
	    {"From: a@example.org, b@example.net\r\n\r\n", NULL},
	    {"From: a@example.org\r\nFrom: a@example.org\r\n\r\n", NULL},
	    {"Subject: x\r\n\r\nFrom: a@example.org\r\n", NULL},
	    {"From: nobody\r\n\r\n", NULL},
	    {"From: undisclosed:;\r\n\r\n", NULL},
	    {"From: team: a@example.org, b@example.org;\r\n\r\n", "example.org"},
	    {"From: \"a@bank.example\" <x@evil.example>\r\n\r\n", "evil.example"},
	    {"From: (a@bank.example) x@evil.example\r\n\r\n", "evil.example"},
	    {"From: j\xc3\xbcrgen@b\xc3\xbc"
	     "cher.example\r\n\r\n",
		"xn--bcher-kva.example"},
	};
	struct arena a;
	struct str out;
	struct err e;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int rc = author_domain(str_z(rows[i].header), &a, &out, &e);

		assert_int_equal(rc, rows[i].domain != NULL ? 0 : -1);
		if (rc == 0)
			assert_true(str_eq_z(out, rows[i].domain));
	}
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
