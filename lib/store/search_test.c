/* Unit tests of search.c: answers are those of reading every text; what is committed stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/db.h"
#include "store/search.h"

#define PATH   "search.db"
#define EMAILS 400u
#define ALL    ((1u << TEXT_FIELDS) - 1)

static char dir[] = "/tmp/gk_search_test.XXXXXX";
static struct search *s;
static struct text_fields f;
static struct arena a;
static struct err e;

static int
setup(void **state)
{
	bool fresh;

	(void)state;
	arena_init(&a);
	text_fields_init(&f);
	s = search_open(PATH, &fresh, &e);
	return s != NULL && fresh ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	search_close(&s, true);
	text_fields_free(&f);
	arena_free(&a);
	return access(PATH, F_OK) < 0 ? 0 : -1;
}

static bool
again(void)
{
	bool fresh;

	search_close(&s, false);
	s = search_open(PATH, &fresh, &e);
	assert_non_null(s);
	return fresh;
}

/* ---- a mailbox of few words, so that phrases are met ---- */

static uint64_t seed;

static unsigned
below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const vocabulary[] = {"apple", "Apples", "caf\xc3\xa9", "CAFE",
    "stra\xc3\x9f"
    "e",
    "STRASSE", "m\xc3\xbcller", "ann@example.test", "don't", "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd",
    "\xe4\xba\xac", "\xd0\x96\xd1\x83\xd0\xba", "a", "an", "and", "x-y", "3.14",
    "\xea\xb0\x80\xeb\x82\x98", "one,", "two."};

static void
random_text(struct buf *out, unsigned words)
{
	while (words-- > 0) {
		buf_puts(out, vocabulary[below(ARRAY_LEN(vocabulary))]);
		buf_putc(out, below(8) ? ' ' : '\n');
	}
}

/* The text of an email follows from its number. */
static void
compose(uint64_t email)
{
	seed = email * 77;
	for (unsigned i = 0; i < TEXT_FIELDS; i++) {
		buf_reset(&f.text[i]);
		random_text(&f.text[i], below(i == TEXT_BODY ? 8 : 3));
	}
}

/* Numbers as they come: no order, over all 64 bits. */
static uint64_t
email_of(unsigned i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
put(unsigned i)
{
	compose(email_of(i));
	assert_int_equal(search_put(s, email_of(i), &f, &e), 0);
}

static bool
reads(uint64_t email, const struct phrases *p, unsigned fields)
{
	uint64_t found = 0;

	compose(email);
	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		if (fields >> i & 1)
			phrases_look(p, buf_view(&f.text[i]), &found);
	return phrases_found(p, found);
}

/* Questions of one to three phrases over any fields. Returns how many answers were yes. */
static unsigned
compare(unsigned questions, unsigned n)
{
	unsigned yes = 0;

	for (unsigned q = 0; q < questions; q++) {
		unsigned fields = (q * 37 + 1) & ALL ? (q * 37 + 1) & ALL : ALL;
		struct search_hits *h;
		struct phrases p;
		struct buf typed;

		buf_init(&typed, 4096);
		seed = q + 1;
		for (unsigned i = 1 + below(2); i > 0; i--) {
			bool quoted = below(2);

			buf_puts(&typed, quoted ? "\"" : "");
			random_text(&typed, 1 + below(2));
			buf_puts(&typed, quoted ? "\" " : "");
		}
		if (below(2))
			typed.n -= typed.n > 2;
		assert_int_equal(phrases_init(&p, buf_view(&typed), &a), 0);
		assert_non_null(h = search_find(s, &p, fields, &e));
		for (unsigned i = 0; i < n; i++) {
			enum search_answer answer = search_hits_has(h, s, email_of(i));

			if (!search_has(s, email_of(i))) {
				assert_int_equal(answer, SEARCH_UNKNOWN);
				continue;
			}
			if ((answer == SEARCH_YES) != reads(email_of(i), &p, fields))
				fail_msg("%.*s in %x of %u: %d", (int)typed.n, typed.p, fields, i,
				    answer);
			yes += answer == SEARCH_YES;
		}
		search_hits_free(&h);
		buf_free(&typed);
	}
	return yes;
}

static void
test_as_reading_does(void **state)
{
	bool more = true;

	(void)state;
	for (unsigned i = 0; i < EMAILS; i++) {
		put(i);
		if (i % 7 == 0)
			assert_int_equal(search_commit(s, &e), 0);
		/* In the middle of a batch too. */
		if (i == EMAILS / 2)
			assert_true(compare(40, EMAILS) > 100);
	}
	assert_true(compare(150, EMAILS) > 1000);
	assert_int_equal(search_commit(s, &e), 0);
	while (more)
		assert_int_equal(search_merge(s, &more, &e), 0);
	assert_true(compare(150, EMAILS) > 1000);
	assert_false(again());
	assert_int_equal(search_count(s), EMAILS);
	assert_true(compare(150, EMAILS) > 1000);
}

static void
test_drop(void **state)
{
	struct search_hits *h;
	struct phrases p;
	size_t i = 0, n = 0;

	(void)state;
	for (unsigned k = 0; k < EMAILS; k++)
		put(k);
	assert_int_equal(phrases_init(&p, STR("apple"), &a), 0);
	assert_non_null(h = search_find(s, &p, ALL, &e));
	for (unsigned k = 0; k < EMAILS; k += 2)
		assert_int_equal(search_drop(s, email_of(k), &e), 0);
	assert_int_equal(search_drop(s, 12345, &e), 0);
	assert_int_equal(search_count(s), EMAILS / 2);
	/* Hits of before know that it has left. */
	assert_int_equal(search_hits_has(h, s, email_of(0)), SEARCH_UNKNOWN);
	search_hits_free(&h);
	compare(100, EMAILS);
	assert_false(again());
	assert_int_equal(search_count(s), EMAILS / 2);
	while (search_next(s, &i) != 0)
		n++;
	assert_int_equal(n, EMAILS / 2);
	/* The last document has left: the next may not get its words. */
	put(EMAILS);
	assert_int_equal(search_drop(s, email_of(EMAILS), &e), 0);
	assert_false(again());
	put(EMAILS + 1);
	put(0);
	compare(100, EMAILS + 2);
	assert_false(search_is_stale(s));
}

static void
test_stale(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2400; i++) {
		compose(1);
		assert_int_equal(search_put(s, email_of(i), &f, &e), 0);
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(search_drop(s, email_of(i), &e), 0);
	assert_false(search_is_stale(s));
	assert_int_equal(search_drop(s, email_of(1000), &e), 0);
	assert_true(search_is_stale(s));
}

/* Hits answer for what there was when they were asked for. */
static void
test_hits_age(void **state)
{
	struct search_hits *h;
	struct phrases p;

	(void)state;
	put(0);
	assert_int_equal(phrases_init(&p, STR(""), &a), 0);
	assert_non_null(h = search_find(s, &p, ALL, &e));
	put(1);
	assert_int_equal(search_hits_has(h, s, email_of(0)), SEARCH_YES);
	assert_int_equal(search_hits_has(h, s, email_of(1)), SEARCH_UNKNOWN);
	assert_int_equal(search_hits_has(h, s, 0), SEARCH_UNKNOWN);
	assert_int_equal(search_hits_has(h, NULL, email_of(0)), SEARCH_UNKNOWN);
	assert_int_equal(search_hits_has(NULL, s, email_of(0)), SEARCH_UNKNOWN);
	assert_false(again());
	assert_int_equal(search_hits_has(h, s, email_of(0)), SEARCH_UNKNOWN);
	search_hits_free(&h);
}

/* A process that is killed at any point loses no more than the batch that it was at. */
static void
test_killed(void **state)
{
	(void)state;
	search_close(&s, false);
	for (unsigned round = 0; round < 8; round++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			bool fresh;

			s = search_open(PATH, &fresh, &e);
			for (unsigned i = 0; s != NULL && i < EMAILS; i++) {
				compose(email_of(i));
				if (search_put(s, email_of(i), &f, &e) < 0 ||
				    (i == 50 + round * 20 && search_commit(s, &e) < 0))
					_exit(1);
				if (i == 60 + round * 40)
					kill(getpid(), SIGKILL);
			}
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		{
			bool fresh;

			assert_non_null(s = search_open(PATH, &fresh, &e));
			assert_false(fresh);
		}
		assert_int_equal(search_count(s), 51 + round * 20);
		compare(40, EMAILS);
		search_close(&s, false);
	}
	{
		bool fresh;

		assert_non_null(s = search_open(PATH, &fresh, &e));
	}
}

static void
overwrite(off_t at, const char *text)
{
	int fd = open(PATH, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
	close(fd);
}

/* No database, one of another format, a damaged one: begun anew. */
static void
test_damaged(void **state)
{
	bool fresh;

	(void)state;
	put(0);
	search_close(&s, false);
	overwrite(0, "this is no database");
	assert_non_null(s = search_open(PATH, &fresh, &e));
	assert_true(fresh);
	put(0);
	search_close(&s, false);
	overwrite(68, "abcd"); /* application_id */
	assert_non_null(s = search_open(PATH, &fresh, &e));
	assert_true(fresh);
	for (unsigned i = 0; i < EMAILS; i++)
		put(i);
	search_close(&s, false);
	/* Found out when it is asked: then nothing is known. */
	for (off_t at = 4096; at < 40 * 4096; at += 4096)
		overwrite(at, "garbage garbage garbage");
	s = search_open(PATH, &fresh, &e);
	assert_non_null(s);
	if (!fresh) {
		struct phrases p;

		assert_int_equal(phrases_init(&p, STR("apple"), &a), 0);
		assert_null(search_find(s, &p, ALL, &e));
		assert_int_equal(e.code, E_PROTO);
		assert_true(
		    search_has_failed(s) && search_is_stale(s) && !search_has(s, email_of(0)));
		search_close(&s, true);
		assert_non_null(s = search_open(PATH, &fresh, &e));
		assert_true(fresh);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_as_reading_does), TEST(test_drop), TEST(test_stale), TEST(test_hits_age),
	    TEST(test_killed), TEST(test_damaged)};
	int failed;

	if (mkdtemp(dir) == NULL || chdir(dir) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (chdir("/") == 0)
		(void)rmdir(dir);
	return failed;
}
