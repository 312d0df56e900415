/* Unit tests of id.c: ids are valid, differ, sort by time, and are not shared over a fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"

#define MANY 2000

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

static void
all_differ(void **state)
{
	static char ids[MANY][ID_SIZE];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		id_new(ids[i]);
		assert_true(id_valid(str_z(ids[i])));
		/* The time is in front. */
		if (i > 0)
			assert_true(memcmp(ids[i - 1], ids[i], 9) <= 0);
	}
	qsort(ids, MANY, ID_SIZE, compare);
	for (size_t i = 1; i < MANY; i++)
		assert_true(memcmp(ids[i - 1], ids[i], ID_LEN) != 0);
}

static void
one_of_octets(void **state)
{
	char a[ID_SIZE], b[ID_SIZE];

	(void)state;
	id_of(a, STR("\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	assert_string_equal(a, "00000000000000000000");
	id_of(a, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0"));
	assert_string_equal(a, "zzzzzzzzzzzzzzzzzzzz");
	assert_true(id_valid(str_z(a)));
	/* Each of the hundred bits counts. */
	id_of(b, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xe0"));
	assert_string_equal(b, "zzzzzzzzzzzzzzzzzzzy");
}

static void
children_have_their_own(void **state)
{
	char ids[3][ID_SIZE];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	id_new(ids[0]);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			id_new(ids[0]);
			_exit(write(fds[1], ids[0], ID_SIZE) != ID_SIZE);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(read(fds[0], ids[i + 1], ID_SIZE), ID_SIZE);
	}
	id_new(ids[0]);
	/* Behind the time, which may well be the same. */
	assert_string_not_equal(ids[0] + 9, ids[1] + 9);
	assert_string_not_equal(ids[1] + 9, ids[2] + 9);
	assert_string_not_equal(ids[0] + 9, ids[2] + 9);
	close(fds[0]);
	close(fds[1]);
}

static void
what_is_no_id(void **state)
{
	(void)state;
	assert_false(id_valid(STR("")));
	assert_false(id_valid(STR("0123456789012345678")));
	assert_false(id_valid(STR("0123456789012345678l")));
	assert_false(id_valid(STR("0123456789012345678A")));
	assert_true(id_valid(STR("01234567890123456789")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_differ),
	    cmocka_unit_test(one_of_octets),
	    cmocka_unit_test(children_have_their_own),
	    cmocka_unit_test(what_is_no_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
