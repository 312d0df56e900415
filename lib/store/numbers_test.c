/* numbers_test.c - db/state: what is read is what was written last, whatever a crash tore. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/mem.h"
#include "ipc/wire.h"
#include "store/numbers.h"

#define SLOT 4096

static char dir[64];
static struct err err;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/gk-numbers-XXXXXX");
	return mkdtemp(dir) == NULL || chdir(dir) < 0 ? -1 : mkdir("db", 0700);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes epoch `epoch` with so many mailboxes behind *old, which becomes it. */
static void
put(struct numbers *old, uint64_t epoch, size_t nuids)
{
	struct numbers n = {.epoch = epoch,
	    .clean = epoch % 2 == 0,
	    .next_uidvalidity = 3,
	    .next_mailbox = 4,
	    .modseq_ceiling = 10 * epoch,
	    .uids = mem_array(nuids + 1, sizeof(struct numbers_uid)),
	    .nuids = nuids};

	for (size_t i = 0; i < nuids; i++)
		n.uids[i] = (struct numbers_uid){(uint32_t)i + 1, (uint32_t)(1000 * epoch + i)};
	assert_int_equal(numbers_write(&n, old, &err), 0);
	numbers_done(old);
	*old = n;
}

static enum numbers_found
get(struct numbers *n)
{
	enum numbers_found found;

	assert_int_equal(numbers_read(n, &found, &err), 0);
	return found;
}

static void
expect(uint64_t epoch, size_t nuids)
{
	struct numbers n;

	assert_int_equal(get(&n), epoch % 2 == 0 ? NUMBERS_CLEAN : NUMBERS_UNCLEAN);
	assert_int_equal(n.epoch, epoch);
	assert_int_equal(n.modseq_ceiling, 10 * epoch);
	assert_int_equal(n.nuids, nuids);
	if (nuids > 0)
		assert_int_equal(numbers_ceiling(&n, (uint32_t)nuids), 1000 * epoch + nuids - 1);
	numbers_done(&n);
}

static void
expect_lost(void)
{
	struct numbers n;

	assert_int_equal(get(&n), NUMBERS_LOST);
	assert_int_equal(n.nuids, 0);
	assert_null(n.uids);
	numbers_done(&n);
}

static void
spoil(off_t at)
{
	int fd = open(NUMBERS_PATH, O_RDWR);
	char c;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x40;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
the_last_write_is_read(void **state)
{
	struct numbers n = {0};

	(void)state;
	expect_lost();
	for (uint64_t epoch = 1; epoch < 6; epoch++) {
		put(&n, epoch, epoch);
		expect(epoch, epoch);
	}
	numbers_done(&n);
}

/* Written in place: the other slot is as it was before. */
static void
a_torn_write_leaves_the_one_before(void **state)
{
	struct numbers n = {0};
	struct stat a, b;

	(void)state;
	put(&n, 1, 7);
	assert_int_equal(stat(NUMBERS_PATH, &a), 0);
	put(&n, 2, 7);
	assert_int_equal(stat(NUMBERS_PATH, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(b.st_size, 2 * SLOT);
	for (off_t at = 0; at < 45 + 7 * 8 + 16; at++) {
		spoil(at); /* serial 2 is in slot 0 */
		expect(1, 7);
		spoil(at);
	}
	expect(2, 7);
	spoil(10);
	spoil(SLOT + 10);
	expect_lost();
	numbers_done(&n);
}

static void
any_other_length_is_lost(void **state)
{
	struct numbers n = {0};

	(void)state;
	put(&n, 1, 2);
	put(&n, 2, 2);
	for (off_t size = 2 * SLOT - 1; size >= 0; size -= size > 200 ? 97 : 1) {
		assert_int_equal(truncate(NUMBERS_PATH, size), 0);
		expect_lost();
	}
	numbers_done(&n);
}

static void
it_grows_and_comes_back(void **state)
{
	struct numbers n = {0};
	struct stat st;

	(void)state;
	put(&n, 1, 5);
	put(&n, 2, 504); /* 45 + 8 * 504 + 16: all but three octets of a slot */
	assert_int_equal(stat(NUMBERS_PATH, &st), 0);
	assert_int_equal(st.st_size, 2 * SLOT);
	put(&n, 3, 505);
	expect(3, 505);
	put(&n, 4, 505);
	expect(4, 505);
	assert_int_equal(stat(NUMBERS_PATH, &st), 0);
	assert_int_equal(st.st_size, 6 * SLOT);
	/* Others removed it. */
	assert_int_equal(unlink(NUMBERS_PATH), 0);
	put(&n, 5, 505);
	expect(5, 505);
	numbers_done(&n);
}

/* As 0.1.0 wrote it before: the fields alone. */
static void
version_1_is_read_and_replaced(void **state)
{
	unsigned char sum[16];
	struct numbers n;
	struct buf b;
	int fd;

	(void)state;
	buf_init(&b, 1000);
	wire_put_u32(&b, 0x474b5354);
	wire_put_u32(&b, 1);
	wire_put_u8(&b, 1);
	wire_put_u64(&b, 8);
	wire_put_u32(&b, 3);
	wire_put_u32(&b, 4);
	wire_put_u64(&b, 80);
	wire_put_u32(&b, 1);
	wire_put_u32(&b, 1);
	wire_put_u32(&b, 8000);
	crypto_generichash(sum, 16, (unsigned char *)b.p, b.n, NULL, 0);
	buf_put(&b, sum, 16);
	fd = open(NUMBERS_PATH, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, b.p, b.n), b.n);
	close(fd);
	buf_free(&b);
	expect(8, 1);
	assert_int_equal(get(&n), NUMBERS_CLEAN);
	put(&n, 9, 1);
	expect(9, 1);
	put(&n, 10, 1);
	expect(10, 1);
	numbers_done(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_last_write_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_torn_write_leaves_the_one_before, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_other_length_is_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_grows_and_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(version_1_is_read_and_replaced, setup, teardown),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
