/* privilege_test.c - root given up for good, in children. As an ordinary user only the directory
 * changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "svc/privilege.h"

#define UID 64111
#define CHECK(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			_exit(1);                                               \
		}                                                               \
	} while (0)

static char dir[] = "/tmp/gk-privilege-XXXXXX";

static struct identity
who(uid_t uid)
{
	struct identity id = {.uid = uid, .gid = uid};

	(void)snprintf(id.root, sizeof(id.root), "%s", dir);
	return id;
}

static void
in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool
is_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("not root: skipped\n");
	return false;
}

static uint64_t
effective(void)
{
	cap_t caps = cap_get_proc();
	uint64_t all = 0;

	for (int c = 0; c < 40; c++) {
		cap_flag_value_t v = CAP_CLEAR, w = CAP_CLEAR;

		(void)cap_get_flag(caps, c, CAP_EFFECTIVE, &v);
		(void)cap_get_flag(caps, c, CAP_PERMITTED, &w);
		if (v == CAP_SET || w == CAP_SET)
			all |= 1ull << c;
	}
	cap_free(caps);
	return all;
}

static void
drops_all(void)
{
	struct identity id = who(UID);
	gid_t extra = 7;
	uid_t r, e, s;
	struct err err;

	CHECK(setgroups(1, &extra) == 0);
	CHECK(privilege_drop(&id, 0, &err) == 0);
	CHECK(getresuid(&r, &e, &s) == 0 && r == UID && e == UID && s == UID);
	CHECK(getgid() == UID && getegid() == UID && getgroups(0, NULL) == 0);
	CHECK(effective() == 0);
	CHECK(setuid(0) < 0 && setgid(0) < 0 && setgroups(0, NULL) < 0);
	CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(open("/here", O_RDONLY) >= 0 && open("here", O_RDONLY) >= 0);
	CHECK(open("../../etc/passwd", O_RDONLY) < 0);
	CHECK(chroot(".") < 0);
}

static void
keeps_one(void)
{
	struct identity id = who(UID);
	struct err err;

	CHECK(privilege_drop(&id, 1u << CAP_SYS_CHROOT, &err) == 0);
	CHECK(getuid() == UID && effective() == 1ull << CAP_SYS_CHROOT);
	CHECK(setuid(0) < 0);
	CHECK(chroot(".") == 0);
}

static void
refuses_to_stay_root(void)
{
	struct identity id = who(0);
	struct err err;

	CHECK(privilege_drop(&id, 0, &err) < 0 && err.code == E_INVAL);
}

static void
refuses_a_missing_directory(void)
{
	struct identity id = who(UID);
	struct err err;

	(void)snprintf(id.root, sizeof(id.root), "/nonexistent");
	CHECK(privilege_drop(&id, 0, &err) < 0 && strstr(err.text, "/nonexistent") != NULL);
	id.root[0] = '\0';
	CHECK(privilege_drop(&id, 0, &err) < 0);
	CHECK(getuid() == geteuid());
}

static void
goes_to_its_directory(void)
{
	struct identity id = who(UID);
	uid_t before = getuid();
	char here[PATH_MAX];
	struct err err;

	CHECK(privilege_drop(&id, 0, &err) == 0);
	CHECK(getuid() == before && getcwd(here, sizeof(here)) != NULL && strcmp(here, dir) == 0);
}

static void
nothing_of_root_is_left(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	in_child(drops_all);
}

static void
one_capability_may_be_kept(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	in_child(keeps_one);
}

static void
root_is_nobody_to_become(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	in_child(refuses_to_stay_root);
}

static void
there_is_a_directory_to_go_to(void **state)
{
	(void)state;
	in_child(refuses_a_missing_directory);
}

static void
an_ordinary_user_just_goes_there(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		print_message("root: skipped\n");
		skip();
	}
	in_child(goes_to_its_directory);
}

static int
make_dir(void **state)
{
	char path[64];
	int fd;

	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/here", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : chmod(path, 0644);
}

static int
remove_dir(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/here", dir);
	return unlink(path) < 0 || rmdir(dir) < 0 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_of_root_is_left),
	    cmocka_unit_test(one_capability_may_be_kept),
	    cmocka_unit_test(root_is_nobody_to_become),
	    cmocka_unit_test(there_is_a_directory_to_go_to),
	    cmocka_unit_test(an_ordinary_user_just_goes_there),
	};

	return cmocka_run_group_tests_name("privilege", tests, make_dir, remove_dir);
}
