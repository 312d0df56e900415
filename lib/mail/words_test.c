/* Unit tests of words.c: what is a word, how it is folded, phrases and where they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/words.h"

static struct arena a;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&a);
	buf_free(&out);
	return 0;
}

static const char *
words(struct str text)
{
	struct words w;

	buf_reset(&out);
	words_init(&w, text);
	while (words_next(&w)) {
		if (out.n > 0)
			buf_putc(&out, ' ');
		buf_str(&out, w.word);
		assert_true(w.start < w.end && w.end <= text.n && w.word.n <= WORD_MAX);
	}
	return buf_view(&out).p;
}

static void
test_words(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {{"", ""}, {" ,. ", ""}, {"Hello, World!", "hello world"},
	    {"ann@example.test", "ann example test"}, {"don't", "don t"}, {"a_b-c", "a b c"},
	    {"3.14 x2", "3 14 x2"},
	    {"Caf\xc3\xa9"
	     " CAFE\xcc\x81",
		"cafe cafe"},
	    {"Stra\xc3\x9f"
	     "e \xc3\x85ngstr\xc3\xb6m",
		"strasse angstrom"},
	    {"\xce\x9f\xce\x94\xce\x9f\xce\xa3",
		"\xce\xbf\xce\xb4\xce\xbf\xcf\x83"}, /* final sigma */
	    {"\xd0\x96\xd1\x91", "\xd0\xb6\xd0\xb5"}, {"\xef\xac\x81ne", "fine"},
	    {"\xef\xbc\xa1\xef\xbc\x91", "a1"},
	    {"so\xc2\xad"
	     "ft",
		"soft"},
	    {"x\xff"
	     "y",
		"x y"},
	    /* Chinese and Japanese: each character; half width kana as full ones. */
	    {"\xe6\x9d\xb1\xe4\xba\xac Tower", "\xe6\x9d\xb1 \xe4\xba\xac tower"},
	    {"a\xe6\x9d\xb1"
	     "b",
		"a \xe6\x9d\xb1 b"},
	    {"\xe3\x81\x8c\xef\xbd\xb6\xef\xbe\x9e",
		"\xe3\x81\x8b\xe3\x82\x99 \xe3\x82\xab\xe3\x82\x99"},
	    {"\xe3\x8d\xbf", "\xe6\xa0\xaa \xe5\xbc\x8f \xe4\xbc\x9a \xe7\xa4\xbe"},
	    /* Hindi keeps its vowels, Arabic loses its points and its tatweel. */
	    {"\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80",
		"\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80"},
	    {"\xd9\x83\xd9\x8e\xd8\xaa\xd9\x80\xd8\xa8", "\xd9\x83\xd8\xaa\xd8\xa8"},
	    {"1\xef\xb8\x8f\xe2\x83\xa3", "1"}, {"\xf0\x9f\x98\x80", ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(words(str_z(cases[i].text)), cases[i].words) != 0)
			fail_msg("%s: \"%s\"", cases[i].text, out.p);
}

static void
test_long_words(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[200] = ' ';
	words(str_of(text, sizeof(text)));
	assert_int_equal(out.n, 2 * WORD_MAX + 1);
	/* Cut between characters. */
	for (size_t i = 0; i + 2 <= sizeof(text); i += 2)
		memcpy(text + i, "\xd0\xb6", 2);
	text[0] = text[1] = 'x';
	text[2] = 'y';
	text[3] = 'z';
	text[4] = 'a';
	text[5] = ' ';
	text[6] = 'b';
	text[7] = 'b';
	text[8] = 'b';
	text[9] = 'b';
	words(str_of(text + 7, sizeof(text) - 8));
	assert_true(str_is_utf8(buf_view(&out)) && out.n <= WORD_MAX);
}

static bool
matches(const char *typed, const char *text)
{
	struct phrases p;
	uint64_t found = 0;

	assert_int_equal(phrases_init(&p, str_z(typed), &a), 0);
	phrases_look(&p, str_z(text), &found);
	return phrases_found(&p, found);
}

static void
test_phrases(void **state)
{
	static const struct {
		const char *typed, *text;
		bool matches;
	} cases[] = {{"", "", true}, {"!", "x", true}, {"a", "a", true}, {"a", "b", false},
	    {"hel", "Hello", true}, {"hel ", "Hello", false}, {"he", "Hello", false},
	    {"\xd0\xb6\xd0\xb6\xd0\xb6", "\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6", true},
	    {"\"hel\"", "Hello", false}, {"ell", "Hello", false}, {"wor hel", "hello world", false},
	    {"world hel", "hello world", true}, {"\"hello world\"", "hello, World", true},
	    {"\"hello world\"", "world hello", false}, {"'hello world' x", "x hello world", true},
	    {"\"a b\" \"b c\"", "a b c", true}, {"\"a a b\"", "a a a b", true},
	    {"don't", "don't", true}, {"don't", "don x t", false}, {"it's 'a b'", "a b it's", true},
	    {"\"a \\\"b\\\" c\"", "a b c", true}, {"\"open", "opened", true},
	    {"ann@exa", "ann@example.test", true}, {"ann@exa", "ann x example", false},
	    {"\xe6\x9d\xb1\xe4\xba\xac", "\xe5\xa4\xa7\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd", true},
	    {"\xe4\xba\xac\xe6\x9d\xb1", "\xe6\x9d\xb1\xe4\xba\xac", false},
	    {"\xe3\x81\x8b", "\xe3\x81\x8c", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (matches(cases[i].typed, cases[i].text) != cases[i].matches)
			fail_msg("%s in %s", cases[i].typed, cases[i].text);
}

/* Phrases may be found in several fields, each in one of them. */
static void
test_fields(void **state)
{
	struct phrases p;
	uint64_t found = 0;

	(void)state;
	assert_int_equal(phrases_init(&p, STR("ann \"b c\""), &a), 0);
	phrases_look(&p, STR("b"), &found);
	phrases_look(&p, STR("c Ann"), &found);
	assert_false(phrases_found(&p, found));
	phrases_look(&p, STR("b c"), &found);
	assert_true(phrases_found(&p, found));
}

static void
test_limit(void **state)
{
	struct phrases p;
	char typed[2 * PHRASES_MAX + 3];
	uint64_t found = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(typed); i++)
		typed[i] = i % 2 ? ' ' : 'a';
	assert_int_equal(phrases_init(&p, str_of(typed, 2 * PHRASES_MAX), &a), 0);
	phrases_look(&p, STR("a"), &found);
	assert_true(phrases_found(&p, found));
	assert_int_equal(phrases_init(&p, str_of(typed, sizeof(typed)), &a), -1);
	/* One phrase of all. */
	typed[0] = typed[2 * PHRASES_MAX - 2 + 1] = '"';
	assert_int_equal(phrases_init(&p, str_of(typed, 2 * PHRASES_MAX), &a), 0);
	assert_int_equal(p.n, PHRASES_MAX - 1);
}

static bool
note(void *arg, size_t start, size_t end)
{
	(void)arg;
	buf_printf(&out, "%zu-%zu ", start, end);
	return out.n < 60;
}

static void
test_places(void **state)
{
	static const struct {
		const char *typed, *text, *places;
	} cases[] = {{"a", "b A, a", "2-3 5-6 "}, {"\"a b\" b", "a  b b", "0-4 5-6 "},
	    {"caf", "x Caf\xc3\xa9s", "2-8 "}, {"\xe4\xba\xac", "\xe6\x9d\xb1\xe4\xba\xac", "3-6 "},
	    {"", "a b", ""}, {"\"x y\"", "x z y", ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct phrases p;

		buf_reset(&out);
		assert_int_equal(phrases_init(&p, str_z(cases[i].typed), &a), 0);
		phrases_each(&p, str_z(cases[i].text), note, NULL);
		if (strcmp(buf_view(&out).p, cases[i].places) != 0)
			fail_msg("%s in %s: %s", cases[i].typed, cases[i].text, out.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_words), TEST(test_long_words), TEST(test_phrases), TEST(test_fields),
	    TEST(test_limit), TEST(test_places)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
