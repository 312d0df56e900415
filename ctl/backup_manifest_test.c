#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/backup.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;
static struct err err;

static struct backup_entry
file(const char *path)
{
	struct backup_entry x = {.digest = DIGEST,
	    .size = 1234,
	    .mode = 0440,
	    .mtime = 1700000000123456789,
	    .user = STR("gkmail-store"),
	    .group = STR("64003"),
	    .path = str_z(path)};

	return x;
}

static void
write_manifest(struct buf *b, const struct backup_entry *v, size_t n)
{
	const struct backup_manifest m = {.scope = STR("all"),
	    .host = STR("mail.example.org"),
	    .build = STR("1"),
	    .base = STR("-"),
	    .config = STR("/etc/gkmail/gkmail.toml"),
	    .data = STR("/var/lib/gkmail")};
	uint64_t files = 0, octets = 0;

	buf_init(b, 1 << 20);
	backup_manifest_head(b, &m);
	for (size_t i = 0; i < n; i++) {
		backup_manifest_add(b, &v[i]);
		files += !v[i].folder;
		octets += v[i].folder ? 0 : v[i].size;
	}
	backup_manifest_end(b, files, octets);
}

static void
test_what_is_written_is_read(void **state)
{
	struct backup_entry v[] = {{.folder = true,
				       .mode = 0700,
				       .user = STR("root"),
				       .group = STR("root"),
				       .path = STR("data/mail")},
	    file("data/mail/a b%\n\x7f\xc3\xa9"), file("config/etc/gkmail/gkmail.toml")};
	struct backup_manifest m;
	struct buf b;

	(void)state;
	arena_init(&arena);
	write_manifest(&b, v, ARRAY_LEN(v));
	assert_int_equal(backup_manifest_read(buf_view(&b), &arena, &m, &err), 0);
	assert_int_equal(m.n, 3);
	assert_true(m.v[0].folder && m.v[0].mode == 0700);
	assert_true(str_eq(m.v[1].path, v[1].path));
	assert_string_equal(m.v[1].digest, DIGEST);
	assert_true(m.v[1].mtime == v[1].mtime && m.v[1].size == 1234 && m.v[1].mode == 0440);
	assert_true(str_eq_z(m.v[1].user, "gkmail-store") && str_eq_z(m.v[1].group, "64003"));
	assert_true(str_eq_z(m.config, "/etc/gkmail/gkmail.toml"));
	assert_int_equal(m.octets, 2468);
	buf_free(&b);
	arena_free(&arena);
}

static void
test_no_change_and_no_part_is_read(void **state)
{
	struct backup_entry v[] = {file("data/x"), file("data/y")};
	struct backup_manifest m;
	struct buf b;

	(void)state;
	write_manifest(&b, v, ARRAY_LEN(v));
	for (size_t n = 0; n < b.n; n++) {
		arena_init(&arena);
		assert_int_equal(backup_manifest_read(str_of(b.p, n), &arena, &m, &err), -1);
		b.p[n] ^= 4;
		assert_int_equal(backup_manifest_read(buf_view(&b), &arena, &m, &err), -1);
		b.p[n] ^= 4;
		arena_free(&arena);
	}
	arena_init(&arena);
	assert_int_equal(backup_manifest_read(buf_view(&b), &arena, &m, &err), 0);
	arena_free(&arena);
	buf_free(&b);
}

/* Whoever can write a whole manifest still leads nothing out of its tree. */
static void
test_no_path_leaves_its_tree(void **state)
{
	static const char *const bad[] = {"/etc/passwd", "data/../etc/passwd", "data//x", "data/",
	    "etc/passwd", "..", "", "data/.", "config/../x", "datax/y", "config"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct backup_entry x = file(bad[i]);
		struct backup_manifest m;
		struct buf b;

		arena_init(&arena);
		write_manifest(&b, &x, 1);
		assert_int_equal(backup_manifest_read(buf_view(&b), &arena, &m, &err), -1);
		assert_int_equal(err.code, E_PROTO);
		buf_free(&b);
		arena_free(&arena);
	}
}

static void
test_names(void **state)
{
	(void)state;
	assert_true(backup_name_valid(STR("20261123T120000Z")));
	assert_false(backup_name_valid(STR("20261123T120000")));
	assert_false(backup_name_valid(STR("20261123T12000/Z")));
	assert_false(backup_name_valid(STR("../../etc/passwd")));
}

/* What a directory service calls its groups would be several words of a line. */
static void
test_names_of_users(void **state)
{
	(void)state;
	assert_true(backup_is_name(STR("gkmail-store")));
	assert_true(backup_is_name(STR("0x")));
	assert_false(backup_is_name(STR("domain users")));
	assert_false(backup_is_name(STR("a\nb")));
	assert_false(backup_is_name(STR("1000")));
	assert_false(backup_is_name(STR("")));
}

static void
test_another_version_is_told(void **state)
{
	struct backup_manifest m;
	struct buf b;

	(void)state;
	arena_init(&arena);
	buf_init(&b, 4096);
	buf_puts(&b, "gkmail-backup 2\n\n");
	backup_manifest_end(&b, 0, 0);
	assert_int_equal(backup_manifest_read(buf_view(&b), &arena, &m, &err), -1);
	assert_int_equal(err.code, E_PERM);
	buf_free(&b);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_read),
	    cmocka_unit_test(test_no_change_and_no_part_is_read),
	    cmocka_unit_test(test_no_path_leaves_its_tree),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_names_of_users),
	    cmocka_unit_test(test_another_version_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
