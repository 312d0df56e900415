/* Unit tests of audit_file.c: a log that goes on, is mended after lost power, tells what was done
 * to it, makes room, and gets over a disk that refuses. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "authd/audit_file.h"
#include "base/mem.h"
#include "io/file.h"

#define ROOM (16u << 20)

static struct audit_files files;
static struct chain end;
static struct audit_found found;

static char folder[64];

static void
wipe(void)
{
	const struct dirent *d;
	char path[300];
	DIR *list = opendir("audit");

	while (list != NULL && (d = readdir(list)) != NULL) {
		(void)snprintf(path, sizeof(path), "audit/%s", d->d_name);
		(void)unlink(path);
	}
	if (list != NULL)
		closedir(list);
	(void)rmdir("audit");
}

static int
up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/gkaudit.XXXXXX");
	return mkdtemp(folder) == NULL || chdir(folder) < 0 || sodium_init() < 0 ? -1 : 0;
}

static int
down(void **state)
{
	(void)state;
	wipe();
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void
open_log(uint64_t room)
{
	struct err e;

	assert_int_equal(audit_files_open(&files, room, &end, &found, &e), 0);
}

/* So many records, each in a batch. -1 where one of them failed, which does not count then. */
static int
add(unsigned n, size_t octets)
{
	struct chain next;
	struct buf b;
	int rc = 0;

	buf_init(&b, 1u << 20);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		next = end;
		buf_reset(&b);
		chain_begin(&next, &b);
		buf_puts(&b, ",\"n\":\"");
		for (size_t k = 0; k < octets; k++)
			buf_putc(&b, 'x');
		buf_puts(&b, "\"");
		chain_end(&next, &b);
		if ((rc = audit_files_write(&files, buf_view(&b), end.seq + 1, &next, NULL)) == 0)
			end = next;
	}
	buf_free(&b);
	return rc;
}

/* All that is there, as gkmail verifies it. */
static int
verify(uint64_t *last)
{
	char name[AUDIT_NAME_SIZE];
	uint64_t number = 0;
	struct chain c;
	struct arena a;
	struct str octets, line;
	int rc = 0, dir = file_open(AT_FDCWD, "audit", O_RDONLY | O_DIRECTORY, 0, NULL);

	chain_init(&c);
	arena_init(&a);
	while (rc == 0 && audit_files_next(dir, number + 1, &number, NULL) == 0) {
		bool first = true;

		audit_files_name(number, name);
		assert_int_equal(file_read_all(dir, name, 64u << 20, &a, &octets, NULL), 0);
		while (rc == 0 && str_cut(&octets, '\n', &line)) {
			rc = chain_follow(&c, line, NULL);
			/* A file begins with the record that it is named by. */
			if (rc == 0 && first && c.seq != number)
				rc = -1;
			first = false;
		}
		if (first)
			rc = -1;
	}
	*last = c.seq;
	arena_free(&a);
	file_close(&dir);
	return rc;
}

static void
test_goes_on(void **state)
{
	uint64_t last;

	(void)state;
	open_log(ROOM);
	assert_int_equal(end.seq, 0);
	assert_int_equal(add(3, 10), 0);
	audit_files_close(&files);
	open_log(ROOM);
	assert_int_equal(end.seq, 3);
	assert_false(found.broken);
	assert_int_equal(found.mended, 0);
	assert_int_equal(add(2, 10), 0);
	audit_files_close(&files);
	assert_int_equal(verify(&last), 0);
	assert_int_equal(last, 5);
}

/* The only file there is. */
static int
open_file(int flags)
{
	char name[AUDIT_NAME_SIZE], path[64];

	audit_files_name(1, name);
	(void)snprintf(path, sizeof(path), "audit/%s", name);
	return open(path, flags);
}

/* Lost power leaves part of a record, which nobody was told of: the head does not know it. */
static void
test_torn(void **state)
{
	static const char torn[] = "{\"seq\":4,\"at\":\"20";
	uint64_t last;
	int fd;

	(void)state;
	open_log(ROOM);
	assert_int_equal(add(3, 10), 0);
	audit_files_close(&files);
	fd = open_file(O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
	close(fd);
	open_log(ROOM);
	assert_false(found.broken);
	assert_int_equal(found.mended, sizeof(torn) - 1);
	assert_int_equal(end.seq, 3);
	assert_int_equal(add(1, 10), 0);
	audit_files_close(&files);
	assert_int_equal(verify(&last), 0);
	assert_int_equal(last, 4);
}

/* A first file in which nothing is whole yet. */
static void
test_torn_at_first(void **state)
{
	int fd;

	(void)state;
	open_log(ROOM);
	audit_files_close(&files);
	fd = open("audit/00000000000000000001.jsonl", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "{\"se", 4), 4);
	close(fd);
	open_log(ROOM);
	assert_false(found.broken);
	assert_int_equal(found.mended, 4);
	assert_int_equal(end.seq, 0);
	assert_int_equal(add(1, 10), 0);
	audit_files_close(&files);
}

static void
change(off_t at, size_t n)
{
	int fd = open_file(O_RDWR);
	char c;

	if (n == 0) {
		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	} else {
		assert_int_equal(ftruncate(fd, at), 0);
	}
	close(fd);
}

/* What is done to it is found at the start, nothing of it is touched, and the log goes on behind
 * what is known to have been there. */
static void
test_tampered(void **state)
{
	static const struct {
		size_t record; /* from which on: of 4 */
		size_t cut;
	} cases[] = {{0, 0}, {1, 0}, {3, 0}, {3, 1}, {1, 1}, {0, 1}};
	uint64_t last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stat before, after;
		int fd;

		wipe();
		open_log(ROOM);
		assert_int_equal(add(4, 10), 0);
		audit_files_close(&files);
		fd = open_file(O_RDONLY);
		assert_int_equal(fstat(fd, &before), 0);
		change(
		    (off_t)(cases[i].record * (size_t)before.st_size / 4 + (cases[i].cut ? 0 : 30)),
		    cases[i].cut);
		assert_int_equal(fstat(fd, &before), 0);
		open_log(ROOM);
		assert_true(found.broken);
		assert_int_equal(end.seq, 4);
		assert_int_equal(add(1, 10), 0);
		audit_files_close(&files);
		assert_int_equal(fstat(fd, &after), 0);
		assert_int_equal(before.st_size, after.st_size);
		close(fd);
		assert_int_equal(verify(&last), -1);
		/* Whoever made it so is found again, and the log goes on. */
		open_log(ROOM);
		assert_int_equal(end.seq, 5);
		audit_files_close(&files);
	}
}

static void
test_room(void **state)
{
	uint64_t last, first;

	(void)state;
	open_log(ROOM);
	assert_int_equal(add(2400, 8000), 0);
	assert_true(files.total <= ROOM);
	first = files.first;
	assert_true(first > 1);
	audit_files_close(&files);
	assert_int_equal(verify(&last), 0);
	assert_int_equal(last, 2400);
	open_log(ROOM);
	assert_false(found.broken);
	assert_int_equal(files.first, first);
	assert_int_equal(end.seq, 2400);
	audit_files_close(&files);
}

static enum file_op refused;

static int
refuse(enum file_op op, const char *name)
{
	(void)name;
	return op == refused ? EIO : 0;
}

/* A batch whose sync failed does not count, whatever the disk has of it; the next goes elsewhere.
 */
static void
test_failing(void **state)
{
	static const enum file_op ops[] = {FILE_SYNC, FILE_WRITE};
	uint64_t last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		wipe();
		open_log(ROOM);
		assert_int_equal(add(2, 10), 0);
		refused = ops[i];
		file_fault = refuse;
		assert_int_equal(add(1, 10), -1);
		assert_int_equal(add(1, 10), -1);
		file_fault = NULL;
		assert_int_equal(end.seq, 2);
		assert_int_equal(add(3, 10), 0);
		audit_files_close(&files);
		assert_int_equal(verify(&last), 0);
		assert_int_equal(last, 5);
		open_log(ROOM);
		assert_false(found.broken);
		assert_int_equal(end.seq, 5);
		audit_files_close(&files);
	}
}

/* The head is not synced: what it does not know yet is believed. */
static void
test_old_head(void **state)
{
	char head[128];
	ssize_t n;
	int fd;

	(void)state;
	open_log(ROOM);
	assert_int_equal(add(2, 10), 0);
	fd = open("audit/head", O_RDWR);
	n = pread(fd, head, sizeof(head), 0);
	assert_true(n > 0);
	assert_int_equal(add(2, 10), 0);
	audit_files_close(&files);
	assert_int_equal(pwrite(fd, head, (size_t)n, 0), n);
	open_log(ROOM);
	assert_false(found.broken);
	assert_int_equal(end.seq, 4);
	audit_files_close(&files);
	assert_int_equal(ftruncate(fd, 0), 0);
	open_log(ROOM);
	assert_false(found.broken);
	assert_int_equal(end.seq, 4);
	audit_files_close(&files);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_goes_on), TEST(test_torn),
	    TEST(test_torn_at_first), TEST(test_tampered), TEST(test_room), TEST(test_failing),
	    TEST(test_old_head)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
