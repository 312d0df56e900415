/* reserve_test.c - the reserve where there is space; on a full disk: tests/crash/test_full.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "store/reserve.h"

static void
it_is_filled_and_kept(void **state)
{
	char dir[] = "/tmp/gk-reserve-XXXXXX";
	struct stat st;
	int at, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	at = open(dir, O_RDONLY | O_DIRECTORY);
	fd = reserve_open(at, NULL);
	assert_true(fd >= 0);
	assert_true(reserve_fill(fd, 3u << 20));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3u << 20);
	assert_true((uint64_t)st.st_blocks * 512 >= 3u << 20);
	/* Nothing is given while there is space. */
	assert_false(reserve_give(fd));
	assert_true(reserve_fill(fd, 3u << 20));
	/* More than there is: what is there stays as it is. */
	assert_false(reserve_fill(fd, UINT64_MAX / 2));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3u << 20);
	/* Smaller by configuration. */
	assert_true(reserve_fill(fd, 0));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	file_close(&fd);
	assert_int_equal(unlinkat(at, ".reserve", 0), 0);
	file_close(&at);
	assert_int_equal(rmdir(dir), 0);
}

static void
what_cannot_be_known_is_not_full(void **state)
{
	(void)state;
	assert_int_equal(reserve_free(-2), UINT64_MAX);
	assert_false(reserve_is_full(UINT64_MAX));
	assert_true(reserve_is_full(0));
	assert_false(reserve_give(-2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_filled_and_kept),
	    cmocka_unit_test(what_cannot_be_known_is_not_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
