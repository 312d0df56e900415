/*
 * file_test.c - files, faults in every operation, sealed memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/file.h"

static char path[] = "/tmp/gkmail-file-XXXXXX";
static int dir = -1;
static struct arena arena;

static int
make_place(void **state)
{
	(void)state;
	arena_init(&arena);
	if (!mkdtemp(path))
		return -1;
	return (dir = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, NULL)) < 0 ? -1 : 0;
}

static int
remove_place(void **state)
{
	(void)state;
	arena_free(&arena);
	file_close(&dir);
	return rmdir(path);
}

static void
remove_file(const char *name)
{
	assert_int_equal(file_unlink(dir, name, NULL), 0);
}

static void
put_file(const char *name, const char *text)
{
	int fd = file_open(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600, NULL);

	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, text, strlen(text), NULL), 0);
	file_close(&fd);
	assert_int_equal(fd, -1);
	file_close(&fd);
}

static void
files_are_written_and_read(void **state)
{
	struct str s;
	struct err e;

	(void)state;
	put_file("a", "hello");
	assert_int_equal(file_read_all(dir, "a", 5, &arena, &s, &e), 0);
	assert_true(str_eq_z(s, "hello"));
	assert_int_equal(file_read_all(dir, "a", 4, &arena, &s, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	assert_int_equal(file_read_all(dir, "nothing", 4, &arena, &s, &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	put_file("a", "");
	assert_int_equal(file_read_all(dir, "a", 0, &arena, &s, &e), 0);
	assert_int_equal(s.n, 0);
	remove_file("a");
	remove_file("a");
}

static void
a_large_file_is_read_whole(void **state)
{
	size_t n = 100000;
	char *p = mem_alloc(n + 1);
	struct str s;

	(void)state;
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + i % 26);
	put_file("a", p);
	assert_int_equal(file_read_all(dir, "a", n, &arena, &s, NULL), 0);
	assert_true(str_eq(s, str_of(p, n)));
	assert_int_equal(file_read_all(dir, "a", n - 1, &arena, &s, NULL), -1);
	remove_file("a");
	free(p);
}

static void
pieces_are_written_in_order(void **state)
{
	char octets[300];
	struct iovec v[300];
	struct str s;
	int fd = file_open(dir, "v", O_RDWR | O_CREAT, 0600, NULL);

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		octets[i] = (char)i;
		v[i] = (struct iovec){&octets[i], i % 7 == 0 ? 0 : 1};
	}
	assert_int_equal(file_writev(fd, v, 300, NULL), 0);
	assert_int_equal(file_writev(fd, v, 0, NULL), 0);
	assert_int_equal(file_read_all(dir, "v", 1000, &arena, &s, NULL), 0);
	assert_int_equal(s.n, 300 - 43);
	for (size_t i = 0, at = 0; i < 300; i++)
		if (i % 7 != 0)
			assert_int_equal(s.p[at++], octets[i]);
	file_close(&fd);
	remove_file("v");
}

static void
reading_and_writing_at_an_offset(void **state)
{
	char got[4];
	size_t n;
	uint64_t size;
	struct err e;
	int fd = file_open(dir, "p", O_RDWR | O_CREAT, 0600, NULL);

	(void)state;
	assert_int_equal(file_pwrite(fd, "abcd", 4, 10, NULL), 0);
	assert_int_equal(file_pread(fd, got, 4, 10, NULL), 0);
	assert_memory_equal(got, "abcd", 4);
	assert_int_equal(file_pread(fd, got, 4, 11, &e), -1);
	assert_int_equal(file_pread_some(fd, got, 4, 12, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(got, "cd", 2);
	assert_int_equal(file_pread_some(fd, got, 4, 99, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(e.code, E_IO);
	assert_int_equal(file_size(fd, &size, NULL), 0);
	assert_int_equal(size, 14);
	assert_int_equal(file_reserve(fd, 0, 4096, NULL), 0);
	assert_int_equal(file_size(fd, &size, NULL), 0);
	assert_int_equal(size, 4096);
	assert_int_equal(file_truncate(fd, 3, NULL), 0);
	assert_int_equal(file_size(fd, &size, NULL), 0);
	assert_int_equal(size, 3);
	assert_int_equal(file_sync(fd, "test.file", NULL), 0);
	assert_int_equal(file_sync_dir(dir, "test.dir", NULL), 0);
	assert_int_equal(file_sync_all(fd, "test.all", NULL), 0);
	file_close(&fd);
	remove_file("p");
}

static void
names_are_linked_renamed_removed(void **state)
{
	struct err e;
	struct str s;

	(void)state;
	put_file("one", "1");
	assert_int_equal(file_link(dir, "one", dir, "two", &e), 0);
	assert_int_equal(file_link(dir, "one", dir, "two", &e), -1);
	assert_int_equal(e.code, E_EXISTS);
	assert_int_equal(file_rename(dir, "two", dir, "three", &e), 0);
	assert_int_equal(file_rename(dir, "two", dir, "three", &e), -1);
	assert_int_equal(e.code, E_NOTFOUND);
	assert_int_equal(file_read_all(dir, "three", 9, &arena, &s, &e), 0);
	assert_true(str_eq_z(s, "1"));
	assert_int_equal(file_mkdir(dir, "d", 0700, &e), 0);
	assert_int_equal(file_mkdir(dir, "d", 0700, &e), 0);
	assert_int_equal(file_open(dir, "d", O_WRONLY, 0, &e), -1);
	remove_file("one");
	remove_file("three");
	assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
}

/* ---- faults ---- */

static enum file_op faulty_op;
static int faults;

static int
disk_full(enum file_op op, const char *name)
{
	(void)name;
	return op == faulty_op && ++faults ? ENOSPC : 0;
}

/* Does operation op; its answer. */
static int
operate(enum file_op op, int fd, struct err *e)
{
	struct iovec v = {"x", 1};
	struct str s;

	switch (op) {
	case FILE_OPEN:
		return file_open(dir, "f", O_RDONLY, 0, e) | file_mkdir(dir, "new", 0700, e);
	case FILE_READ:
		return file_pread(fd, (char[1]){0}, 1, 0, e) |
		       file_read_all(dir, "f", 10, &arena, &s, e);
	case FILE_WRITE:
		return file_write(fd, "x", 1, e) | file_writev(fd, &v, 1, e) |
		       file_pwrite(fd, "x", 1, 0, e) | file_memory("m", "x", 1, e);
	case FILE_SYNC:
		return file_sync(fd, "test.file", e);
	case FILE_SYNC_DIR:
		return file_sync_dir(dir, "test.dir", e);
	case FILE_SYNC_ALL:
		return file_sync_all(fd, "test.all", e);
	case FILE_LINK:
		return file_link(dir, "f", dir, "g", e);
	case FILE_RENAME:
		return file_rename(dir, "f", dir, "g", e);
	case FILE_UNLINK:
		return file_unlink(dir, "f", e);
	case FILE_RESERVE:
		return file_reserve(fd, 0, 10, e);
	case FILE_TRUNCATE:
		return file_truncate(fd, 0, e);
	}
	return 0;
}

static void
every_operation_takes_a_fault(void **state)
{
	int fd = file_open(dir, "f", O_RDWR | O_CREAT, 0600, NULL);
	uint64_t size;
	struct err e;

	(void)state;
	file_fault = disk_full;
	for (int op = FILE_OPEN; op <= FILE_TRUNCATE; op++) {
		faulty_op = (enum file_op)op;
		faults = 0;
		e = (struct err){0};
		assert_int_equal(operate(faulty_op, fd, &e), -1);
		assert_int_equal(e.code, E_NOSPACE);
		assert_true(faults > 0);
	}
	file_fault = NULL;
	assert_int_equal(file_size(fd, &size, NULL), 0);
	assert_int_equal(size, 0);
	file_close(&fd);
	remove_file("f");
}

/* ---- sealed memory ---- */

static unsigned pieces;

static bool
piece_by_piece(void)
{
	errno = 0;
	return pieces > 0 && pieces-- > 0;
}

static void
a_full_disk_is_tried_again_while_room_is_made(void **state)
{
	struct iovec v = {"x", 1};
	struct err e;
	int fd = file_open(AT_FDCWD, "/dev/full", O_WRONLY, 0, NULL);

	(void)state;
	file_full = piece_by_piece;
	pieces = 3;
	assert_int_equal(file_write(fd, "x", 1, &e), -1);
	assert_int_equal(e.code, E_NOSPACE);
	assert_int_equal(pieces, 0);
	pieces = 2;
	assert_int_equal(file_writev(fd, &v, 1, &e), -1);
	assert_int_equal(e.code, E_NOSPACE);
	assert_int_equal(pieces, 0);
	/* Other errors are not about room. */
	pieces = 1;
	assert_int_equal(file_write(-1, "x", 1, &e), -1);
	assert_int_equal(pieces, 1);
	file_full = NULL;
	file_close(&fd);
}

static void
a_memory_file_never_changes(void **state)
{
	char got[5];
	struct err e;
	int fd = file_memory("test", "hello", 5, &e);

	(void)state;
	assert_true(fd >= 0);
	assert_true(file_is_sealed(fd));
	assert_int_equal(read(fd, got, 5), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(file_pwrite(fd, "x", 1, 0, &e), -1);
	assert_int_equal(e.code, E_DENIED);
	assert_int_equal(ftruncate(fd, 3), -1);
	assert_int_equal(ftruncate(fd, 30), -1);
	assert_ptr_equal(mmap(NULL, 5, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	file_close(&fd);
}

static void
only_all_seals_count(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_false(file_is_sealed(fd));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_false(file_is_sealed(fd));
	assert_int_equal(file_seal(fd, NULL), 0);
	assert_true(file_is_sealed(fd));
	file_close(&fd);
	assert_false(file_is_sealed(dir));
	assert_false(file_is_sealed(-1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_written_and_read),
	    cmocka_unit_test(a_large_file_is_read_whole),
	    cmocka_unit_test(pieces_are_written_in_order),
	    cmocka_unit_test(reading_and_writing_at_an_offset),
	    cmocka_unit_test(names_are_linked_renamed_removed),
	    cmocka_unit_test(every_operation_takes_a_fault),
	    cmocka_unit_test(a_full_disk_is_tried_again_while_room_is_made),
	    cmocka_unit_test(a_memory_file_never_changes),
	    cmocka_unit_test(only_all_seals_count),
	};

	return cmocka_run_group_tests_name("file", tests, make_place, remove_place);
}
