/* maildir_test.c - names of homes and message files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "store/maildir.h"

static void
a_home_is_domain_and_local_part(void **state)
{
	char out[MAILDIR_HOME_SIZE];
	struct err e;

	(void)state;
	assert_int_equal(maildir_home(STR("alice@example.test"), out, &e), 0);
	assert_string_equal(out, "example.test/alice");
	assert_int_equal(maildir_home(STR("a@b@example.test"), out, &e), 0);
	assert_string_equal(out, "example.test/a@b");
}

static void
a_home_never_leaves_its_directory(void **state)
{
	static const char *const bad[] = {"alice", "@example.test", "alice@", "../x@example.test",
	    "..@example.test", ".a@example.test", "a/b@example.test", "a@../x", "a@.", "a@..",
	    "a\n@example.test", "a@.incoming"};
	char out[MAILDIR_HOME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(maildir_home(str_z(bad[i]), out, NULL), -1);
	assert_int_equal(maildir_home(str_of("a\0b@example.test", 16), out, NULL), -1);
}

static void
a_home_is_made_once_and_again(void **state)
{
	char dir[] = "/tmp/gk-maildir-XXXXXX";
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 2; i++)
		assert_int_equal(maildir_home_make(fd, STR("alice@example.test"), NULL), 0);
	assert_int_equal(fstatat(fd, "example.test/alice/Maildir/new", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(fd, "example.test/alice/db", &st, 0), 0);
	close(fd);
}

static int syncs, syncs_left;

static int
power_goes(enum file_op op, const char *name)
{
	if (op != FILE_SYNC_DIR || strcmp(name, "store.home") != 0)
		return 0;
	syncs++;
	return syncs_left-- > 0 ? 0 : EIO;
}

/* A home that is there may be one whose names no sync has reached yet: a crash came between. What
 * an owner promises in it has to outlive that, up to the name of the home itself. */
static void
a_half_made_home_is_synced_before_it_has_an_owner(void **state)
{
	char dir[] = "/tmp/gk-maildir-XXXXXX";
	int fd, lock;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	file_fault = power_goes;
	for (int i = 0; i < 4; i++) {
		syncs_left = i;
		assert_int_equal(maildir_home_make(fd, STR("alice@example.test"), NULL), -1);
	}
	syncs_left = 4;
	syncs = 0;
	assert_int_equal(maildir_home_make(fd, STR("alice@example.test"), NULL), 0);
	assert_int_equal(syncs, 4); /* Maildir, home, domain, mail */
	/* Behind the first owner nothing is left to do. */
	lock = openat(fd, "example.test/alice/db/lock", O_RDWR | O_CREAT, 0600);
	assert_int_equal(maildir_home_make(fd, STR("alice@example.test"), NULL), 0);
	assert_int_equal(syncs, 4);
	file_fault = NULL;
	close(lock);
	close(fd);
}

static void
a_name_reads_back(void **state)
{
	char base[MAILDIR_NAME_SIZE], name[MAILDIR_NAME_SIZE];
	struct maildir_name m;

	(void)state;
	maildir_base(base, 1700000000, STR("01hxyz00000000000000"), STR("Mail.Example"), 4321);
	assert_string_equal(base, "1700000000.01hxyz00000000000000.mail.example,S=4321");
	assert_int_equal(
	    maildir_name(name, str_z(base), MAILDIR_SEEN | MAILDIR_REPLIED | 1u << 6), 0);
	assert_string_equal(name, "1700000000.01hxyz00000000000000.mail.example,S=4321:2,RSa");
	assert_int_equal(maildir_parse(str_z(name), &m), 0);
	assert_true(str_eq_z(m.base, base));
	assert_true(str_eq_z(m.id, "01hxyz00000000000000"));
	assert_int_equal(m.time, 1700000000);
	assert_true(m.has_size && m.has_info);
	assert_int_equal(m.size, 4321);
	assert_int_equal(m.letters, MAILDIR_SEEN | MAILDIR_REPLIED | 1u << 6);
}

static void
names_of_other_programs(void **state)
{
	struct maildir_name m;

	(void)state;
	assert_int_equal(maildir_parse(STR("1035478339.M4.host,S=12,W=13:2,FS,keyword"), &m), 0);
	assert_int_equal(m.size, 12);
	assert_int_equal(m.letters, MAILDIR_FLAGGED | MAILDIR_SEEN);
	assert_int_equal(maildir_parse(STR("1035478339.27228_2.host"), &m), 0);
	assert_false(m.has_size || m.has_info);
	assert_int_equal(maildir_parse(STR("1035478339.x.host:1,experimental"), &m), 0);
	assert_int_equal(m.letters, 0);
	assert_int_equal(maildir_parse(STR("17"), &m), 0);
	assert_int_equal(m.id.n, 0);
}

static void
what_is_no_message(void **state)
{
	static const char *const bad[] = {"", ".", "..", ".hidden", "name", "12a.x.host", "a/b",
	    "1.2.3/../x", "1.x\n.host", "99999999999999999999.x.host"};
	struct maildir_name m;
	char big[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(maildir_parse(str_z(bad[i]), &m), -1);
	memset(big, '1', sizeof big);
	assert_int_equal(maildir_parse(str_of(big, sizeof big), &m), -1);
	/* A size that does not fit is none. */
	assert_int_equal(maildir_parse(STR("1.x.h,S=99999999999999999999"), &m), 0);
	assert_false(m.has_size);
}

static void
a_host_is_cleaned(void **state)
{
	char base[MAILDIR_NAME_SIZE];

	(void)state;
	maildir_base(base, -5, STR("id"), STR("a/b:c,d"), 1);
	assert_string_equal(base, "0.id.a_b_c_d,S=1");
	maildir_base(base, 1, STR("id"), STR(""), 1);
	assert_string_equal(base, "1.id.localhost,S=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_home_is_domain_and_local_part),
	    cmocka_unit_test(a_home_never_leaves_its_directory),
	    cmocka_unit_test(a_home_is_made_once_and_again),
	    cmocka_unit_test(a_half_made_home_is_synced_before_it_has_an_owner),
	    cmocka_unit_test(a_name_reads_back),
	    cmocka_unit_test(names_of_other_programs),
	    cmocka_unit_test(what_is_no_message),
	    cmocka_unit_test(a_host_is_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
