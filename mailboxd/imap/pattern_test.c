/* Mailbox patterns: RFC 3501 6.3.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mailboxd/imap/pattern.h"

static void
table(void **state)
{
	static const struct {
		const char *reference, *pattern, *name;
		bool match;
	} rows[] = {
	    {"", "*", "a/b/c", true},
	    {"", "%", "a", true},
	    {"", "%", "a/b", false},
	    {"", "a/%", "a/b", true},
	    {"", "a/%", "a/b/c", false},
	    {"", "a*", "a", true},
	    {"", "*c", "a/b/c", true},
	    {"", "%/%", "a/b", true},
	    {"a/", "%", "a/b", true},
	    {"a", "/%", "a/b", true},
	    {"", "inbox", "INBOX", true},
	    {"", "iNb*", "INBOX", true},
	    {"", "inbox/%", "INBOX/x", true},
	    {"", "inbox/X", "INBOX/x", false},
	    {"", "A", "a", false},
	    {"", "", "", true},
	    {"", "", "a", false},
	    {"", "a**b", "a/x/b", true},
	    {"", "a%*b", "a/x/b", true},
	};
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (imap_pattern_match(str_z(rows[i].reference), str_z(rows[i].pattern),
			str_z(rows[i].name), &a) != rows[i].match)
			fail_msg("\"%s\" \"%s\" on %s", rows[i].reference, rows[i].pattern,
			    rows[i].name);
	arena_free(&a);
}

/* A matcher that tries one way after the other would not come back from this. */
static void
no_pattern_takes_long(void **state)
{
	char pattern[200], name[200];
	struct arena a;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i % 2 ? 'a' : '*');
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = 'b';
	arena_init(&a);
	assert_false(imap_pattern_match(
	    STR_NONE, str_of(pattern, sizeof(pattern)), str_of(name, sizeof(name)), &a));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table),
	    cmocka_unit_test(no_pattern_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
