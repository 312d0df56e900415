/*
 * owner_test.c - what an owner cannot do: each attempt runs in a process that is confined exactly
 * as alice's owner is, with bob's home beside hers and a message shared with bob by a hard link
 * (INVARIANTS 9-11).
 *
 * As root the process becomes an ordinary user with CAP_SYS_CHROOT first, as the parent's children
 * are; otherwise there is no chroot, and Landlock alone holds. Under the sanitizers there is no
 * sandbox, and nothing to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "mailboxd/owner.h"
#include "store/maildir.h"

#define NOBODY 65534
#define HERS   "Maildir/cur/1700000000.shared.host,S=5:2,S"
#define BOBS   "example.test/bob/Maildir/cur/1700000000.shared.host,S=5:2,S"

enum outcome {
	REFUSED = 0,
	SUCCEEDED = 1,
	NOT_CONFINED = 2
};

static char mail[64];
static int mail_fd = -1, message_fd = -1; /* opened before: a leak from the parent */
static pid_t sibling;
static struct sandbox_filter *filter;

/* ---- the world ---- */

static void
put(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	if (geteuid() == 0)
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
}

static void
own(const char *path)
{
	if (geteuid() == 0)
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
}

static int
setup(void **state)
{
	static const char *const dirs[] = {".", "example.test", "example.test/alice",
	    "example.test/alice/Maildir", "example.test/alice/Maildir/cur",
	    "example.test/alice/Maildir/new", "example.test/alice/Maildir/tmp",
	    "example.test/alice/db", "example.test/bob", "example.test/bob/Maildir",
	    "example.test/bob/Maildir/cur", "example.test/bob/Maildir/new",
	    "example.test/bob/Maildir/tmp", "example.test/bob/db"};
	struct err e;

	(void)state;
	(void)snprintf(mail, sizeof mail, "/tmp/gk-owner-XXXXXX");
	if (mkdtemp(mail) == NULL || chdir(mail) < 0 ||
	    maildir_home_make(AT_FDCWD, STR("alice@example.test"), &e) < 0 ||
	    maildir_home_make(AT_FDCWD, STR("bob@example.test"), &e) < 0)
		return -1;
	put(BOBS, 0440);
	assert_int_equal(link(BOBS, "example.test/alice/" HERS), 0);
	put("example.test/alice/db/index.db", 0600);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		own(dirs[i]);
	mail_fd = open(".", O_RDONLY | O_DIRECTORY);
	message_fd = open("example.test/alice/" HERS, O_RDONLY);
	filter = sandbox_filter_new(OWNER_CALLS, &e);
	sibling = fork();
	if (sibling == 0) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	return filter != NULL && sibling > 0 ? 0 : -1;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st;
	(void)type;
	(void)w;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	(void)kill(sibling, SIGKILL);
	(void)waitpid(sibling, NULL, 0);
	return nftw(mail, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* As the parent is when it forks. */
static int
become_parent(void)
{
	cap_value_t keep = CAP_SYS_CHROOT;
	cap_t caps;

	if (geteuid() != 0)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || (caps = cap_init()) == NULL)
		return -1;
	if (cap_set_flag(caps, CAP_PERMITTED, 1, &keep, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &keep, CAP_SET) < 0 || cap_set_proc(caps) < 0)
		return -1;
	cap_free(caps);
	return 0;
}

/* Runs an attempt in an owner's place. */
static enum outcome
run(bool (*attempt)(void))
{
	pid_t pid = fork();
	struct err e;
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (become_parent() < 0 ||
		    owner_confine("example.test/alice", filter, false, &e) < 0)
			_exit(NOT_CONFINED);
		_exit(attempt() ? SUCCEEDED : REFUSED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) /* a call that is not even answered */
		return WTERMSIG(status) == SIGSYS ? REFUSED : NOT_CONFINED;
	return (enum outcome)WEXITSTATUS(status);
}

/* ---- what it may ---- */

static bool
opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
reads_its_mail(void)
{
	return opens(HERS, O_RDONLY) && opens("Maildir/cur", O_RDONLY | O_DIRECTORY);
}

static bool
brings_a_message(void)
{
	int fd = open("Maildir/tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0440);

	return fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 &&
	       rename("Maildir/tmp/new", "Maildir/cur/1.new.host:2,") == 0;
}

static bool
makes_folders_and_copies(void)
{
	return mkdir("Maildir/.X", 0700) == 0 && mkdir("Maildir/.X/cur", 0700) == 0 &&
	       link(HERS, "Maildir/.X/cur/1.copy.host") == 0 &&
	       rename("Maildir/.X/cur/1.copy.host", "Maildir/.X/cur/1.copy.host:2,S") == 0 &&
	       unlink("Maildir/.X/cur/1.copy.host:2,S") == 0 && rmdir("Maildir/.X/cur") == 0 &&
	       rmdir("Maildir/.X") == 0;
}

static bool
writes_its_index(void)
{
	int fd = open("db/index.db", O_RDWR);

	return fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && ftruncate(fd, 1) == 0 &&
	       opens("db/state.new", O_WRONLY | O_CREAT);
}

static void
an_owner_can_do_its_work(void **state)
{
	(void)state;
	assert_int_equal(run(reads_its_mail), SUCCEEDED);
	assert_int_equal(run(brings_a_message), SUCCEEDED);
	assert_int_equal(run(makes_folders_and_copies), SUCCEEDED);
	assert_int_equal(run(writes_its_index), SUCCEEDED);
}

/* ---- other homes ---- */

static bool
reads_bob_by_name(void)
{
	char path[200];

	(void)snprintf(path, sizeof path, "%s/%s", mail, BOBS);
	return opens(path, O_RDONLY) || opens("../bob/Maildir/cur", O_RDONLY | O_DIRECTORY) ||
	       opens("../../" BOBS, O_RDONLY) || opens("/etc/passwd", O_RDONLY) ||
	       opens("/", O_RDONLY | O_DIRECTORY);
}

static bool
reads_bob_by_a_leaked_directory(void)
{
	return openat(mail_fd, BOBS, O_RDONLY) >= 0 ||
	       openat(mail_fd, "example.test/bob/db", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool
links_to_bob(void)
{
	return link("../bob/Maildir/cur/1700000000.shared.host,S=5:2,S", "Maildir/cur/x") == 0 ||
	       linkat(mail_fd, BOBS, AT_FDCWD, "Maildir/cur/x", 0) == 0 ||
	       linkat(AT_FDCWD, HERS, mail_fd, "example.test/bob/Maildir/new/x", 0) == 0 ||
	       symlink("../../../bob", "Maildir/cur/x") == 0;
}

static void
other_homes_are_closed(void **state)
{
	(void)state;
	assert_int_equal(run(reads_bob_by_name), REFUSED);
	assert_int_equal(run(reads_bob_by_a_leaked_directory), REFUSED);
	assert_int_equal(run(links_to_bob), REFUSED);
}

/* ---- the message that bob has too ---- */

static bool
writes_a_message(void)
{
	return opens(HERS, O_WRONLY) || opens(HERS, O_RDWR) || opens(HERS, O_WRONLY | O_TRUNC) ||
	       opens(HERS, O_RDONLY | O_TRUNC) || truncate(HERS, 0) == 0 ||
	       opens("Maildir/cur/2.own.host", O_WRONLY | O_CREAT) ||
	       opens("Maildir/new/2.own.host", O_RDWR | O_CREAT);
}

/* Where writing is allowed, the shared inode must not get. */
static bool
moves_a_message_to_where_it_may_write(void)
{
	return (link(HERS, "Maildir/tmp/x") == 0 && opens("Maildir/tmp/x", O_RDWR)) ||
	       (link(HERS, "db/x") == 0) ||
	       (rename(HERS, "Maildir/tmp/y") == 0 && opens("Maildir/tmp/y", O_RDWR));
}

static bool
changes_a_message_otherwise(void)
{
	static const struct timespec times[2];

	return chmod(HERS, 0600) == 0 || fchmod(message_fd, 0600) == 0 ||
	       fchmodat(AT_FDCWD, HERS, 0600, 0) == 0 || chown(HERS, 0, 0) == 0 ||
	       fchown(message_fd, getuid(), getgid()) == 0 ||
	       utimensat(AT_FDCWD, HERS, times, 0) == 0 || futimens(message_fd, times) == 0 ||
	       setxattr(HERS, "user.x", "y", 1, 0) == 0 ||
	       fsetxattr(message_fd, "user.x", "y", 1, 0) == 0 || ftruncate(message_fd, 0) == 0;
}

static bool
maps_a_message_writable(void)
{
	int fd = open("/proc/self/fd/5", O_RDWR);

	return fd >= 0 ||
	       mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, message_fd, 0) != MAP_FAILED;
}

static void
a_shared_message_stays_as_it_is(void **state)
{
	char now[8] = "";
	struct stat st;

	(void)state;
	assert_int_equal(run(writes_a_message), REFUSED);
	assert_int_equal(run(moves_a_message_to_where_it_may_write), REFUSED);
	assert_int_equal(run(changes_a_message_otherwise), REFUSED);
	assert_int_equal(run(maps_a_message_writable), REFUSED);
	assert_int_equal(pread(message_fd, now, 5, 0), 5);
	assert_string_equal(now, "hello");
	assert_int_equal(fstat(message_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
}

/* ---- other processes, the network, more rights ---- */

static bool
signals_others(void)
{
	return kill(sibling, 0) == 0 || kill(sibling, SIGTERM) == 0 || kill(-1, 0) == 0 ||
	       syscall(SYS_tkill, sibling, SIGTERM) == 0 ||
	       syscall(SYS_pidfd_open, sibling, 0) >= 0;
}

static bool
aborts_others(void)
{
	return syscall(SYS_tgkill, sibling, sibling, SIGABRT) == 0;
}

static bool
looks_into_others(void)
{
	char here[8];
	struct iovec mine = {here, 8}, theirs = {here, 8};

	return ptrace(PTRACE_ATTACH, sibling, NULL, NULL) == 0 ||
	       process_vm_readv(sibling, &mine, 1, &theirs, 1, 0) >= 0 ||
	       process_vm_writev(sibling, &mine, 1, &theirs, 1, 0) >= 0;
}

static bool
slows_others(void)
{
	const struct sched_param p = {0};
	struct rlimit low = {0, 0};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	return prlimit(sibling, RLIMIT_NOFILE, &low, NULL) == 0 ||
	       sched_setaffinity(sibling, sizeof one, &one) == 0 ||
	       sched_setscheduler(sibling, SCHED_IDLE, &p) == 0 ||
	       setpriority(PRIO_PROCESS, (id_t)sibling, 19) == 0;
}

static bool
reaches_the_network(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(25)};
	int pair[2];

	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		return true;
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 &&
	       connect(pair[0], (struct sockaddr *)&to, sizeof to) == 0;
}

static bool
runs_programs(void)
{
	char *const none[] = {NULL};

	return execve("/bin/true", none, none) == 0;
}

static bool
forks(void)
{
	return fork() >= 0;
}

static bool
gets_out_of_its_root(void)
{
	return chroot(".") == 0;
}

static bool
becomes_somebody(void)
{
	return setresuid(0, 0, 0) == 0;
}

static bool
changes_its_world(void)
{
	return unshare(CLONE_NEWUSER) == 0 || mount("x", "db", "tmpfs", 0, NULL) == 0 ||
	       mknod("Maildir/tmp/dev", S_IFCHR | 0600, 0) == 0;
}

static bool
becomes_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool
makes_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) != MAP_FAILED;
}

static void
the_rest_of_the_machine_is_closed(void **state)
{
	static const struct {
		const char *name;
		bool (*fn)(void);
	} attempts[] = {{"signals others", signals_others}, {"aborts others", aborts_others},
	    {"looks into others", looks_into_others}, {"slows others", slows_others},
	    {"reaches the network", reaches_the_network}, {"runs programs", runs_programs},
	    {"forks", forks}, {"gets out of its root", gets_out_of_its_root},
	    {"becomes somebody", becomes_somebody}, {"changes its world", changes_its_world},
	    {"becomes dumpable", becomes_dumpable}, {"makes code", makes_code}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		enum outcome o = run(attempts[i].fn);

		if (o != REFUSED)
			print_message("%s: %d\n", attempts[i].name, o);
		assert_int_equal(o, REFUSED);
	}
	assert_int_equal(waitpid(sibling, NULL, WNOHANG), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_owner_can_do_its_work),
	    cmocka_unit_test(other_homes_are_closed),
	    cmocka_unit_test(a_shared_message_stays_as_it_is),
	    cmocka_unit_test(the_rest_of_the_machine_is_closed),
	};

	if (!sandbox_confines()) {
		print_message("nothing confines here (sanitizers, or no Landlock): skipped\n");
		return 0;
	}
	/* With all that the kernel offers, and with the rights of Debian 12's. */
	int rc = cmocka_run_group_tests(tests, setup, teardown);

	setenv("GKMAIL_TEST_LANDLOCK_ABI", "2", 1);
	return rc | cmocka_run_group_tests(tests, setup, teardown);
}
