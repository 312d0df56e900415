/* header_test.c - header fields over the stored octets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/header.h"

static const char message[] =
    "From: a@b\r\nSubject : one\r\n\ttwo\r\n  three\r\nnot a field\r\nX-Empty:\r\n"
    "subject: again\r\n\r\nbody: x\r\n";

static void
equal(struct str got, const char *want)
{
	if (!str_eq_z(got, want))
		fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got), want);
}

static void
test_fields(void **state)
{
	struct str rest = str_z(message);
	struct header_field f;

	(void)state;
	assert_true(header_next(&rest, &f));
	equal(f.name, "From");
	equal(f.value, " a@b");
	equal(f.raw, "From: a@b\r\n");
	assert_true(header_next(&rest, &f));
	equal(f.name, "Subject");
	equal(f.value, " one\r\n\ttwo\r\n  three");
	assert_true(header_next(&rest, &f));
	equal(f.name, "");
	equal(f.value, "not a field");
	assert_true(header_next(&rest, &f));
	equal(f.name, "X-Empty");
	equal(f.value, "");
	assert_true(header_next(&rest, &f));
	assert_false(header_next(&rest, &f));
	equal(rest, "\r\nbody: x\r\n");
}

static void
test_length(void **state)
{
	static const struct {
		const char *in;
		size_t n;
	} cases[] = {{"", 0}, {"\n", 1}, {"\r\n", 2}, {"A: b", 4}, {"A: b\n\nc", 6},
	    {"A: b\r\n\r\nc", 8}, {"A: b\n\r\nc", 7}, {"A: b\r\n\nc", 7}, {"A: b\r\r\n", 7},
	    {"A: b\n \n\n", 8}, {"\nA: b\n", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(header_length(str_z(cases[i].in)), cases[i].n);
	assert_int_equal(header_length(str_z(message)), strlen(message) - strlen("body: x\r\n"));
}

/* Every prefix of a header is a header: fields cover it without a gap. */
static void
test_every_cut(void **state)
{
	struct header_field f;

	(void)state;
	for (size_t n = 0; n < sizeof(message); n++) {
		struct str rest = str_of(message, n);
		size_t covered = 0;

		while (header_next(&rest, &f)) {
			assert_ptr_equal(f.raw.p, message + covered);
			covered += f.raw.n;
		}
		assert_int_equal(covered + rest.n, n);
	}
}

static void
test_find(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	equal(header_value(str_z(message), STR("SUBJECT")), "one\r\n\ttwo\r\n  three");
	equal(header_unfold(header_value(str_z(message), STR("subject")), &a), "one\ttwo  three");
	equal(header_value(str_z(message), STR("x-empty")), "");
	assert_non_null(header_value(str_z(message), STR("x-empty")).p);
	assert_null(header_value(str_z(message), STR("body")).p);
	assert_null(header_value(str_z(message), STR("")).p);
	arena_free(&a);
}

static void
test_select(void **state)
{
	const struct str names[] = {STR("SUBJECT"), STR("to")};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	header_select(str_z(message), names, 2, false, &out);
	assert_string_equal(out.p, "Subject : one\r\n\ttwo\r\n  three\r\nsubject: again\r\n\r\n");
	buf_reset(&out);
	header_select(str_z(message), names, 2, true, &out);
	assert_string_equal(out.p, "From: a@b\r\nnot a field\r\nX-Empty:\r\n\r\n");
	buf_reset(&out);
	header_select(STR(""), names, 2, false, &out);
	assert_string_equal(out.p, "\r\n");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_length), cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_find), cmocka_unit_test(test_select)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
