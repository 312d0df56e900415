/*
 * sandbox_test.c - children that enter a sandbox and try what it forbids, and what it allows: with
 * all that the kernel offers, and with Landlock masked to ABI 2 (INVARIANTS 10).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/pool.h"
#include "svc/sandbox.h"

#define KILLED 1000 /* by the filter (SIGSYS) */

/* What a case may do in here: full/ everything, read/ reading, apart/ everything but REFER, out/
 * nothing. Each holds a file "f". */
static const struct sandbox_path paths[] = {
    {"full", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_REFER | SBP_MAKE_DIR |
		 SBP_REMOVE_DIR | SBP_TRUNCATE},
    {"read", SBP_READ | SBP_LIST},
    {"apart", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE},
    {"other", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_REFER},
};

static char dir[] = "/tmp/gk-sandbox-XXXXXX";
static pid_t parent;
static int abi; /* GKMAIL_TEST_LANDLOCK_ABI for the children */

#define FILES (SB_IPC | SB_FILES | SB_WRITE)
#define ALL   (FILES | SB_STREAM | SB_THREADS | SB_CHMOD | SB_SQLITE)

/* ---- what is tried ---- */

static int
result(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
opens(const char *path, int flags)
{
	return result(open(path, flags | O_CLOEXEC, 0600));
}

static int
open_outside(void)
{
	return opens("out/f", O_RDONLY);
}

static int
open_etc(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static int
open_up(void)
{
	return opens("full/../out/f", O_RDONLY);
}

static int
list_outside(void)
{
	return opens("out", O_RDONLY | O_DIRECTORY);
}

static int
make_outside(void)
{
	return opens("out/new", O_WRONLY | O_CREAT);
}

static int
remove_outside(void)
{
	return result(unlink("out/f"));
}

static int
rename_from_outside(void)
{
	return result(rename("out/f", "full/taken"));
}

static int
link_from_outside(void)
{
	return result(link("out/f", "full/taken"));
}

static int
open_read(void)
{
	return opens("read/f", O_RDONLY);
}

static int
write_read_only(void)
{
	return opens("read/f", O_WRONLY);
}

static int
make_read_only(void)
{
	return opens("read/new", O_WRONLY | O_CREAT);
}

static int
make_full(void)
{
	return opens("full/new", O_WRONLY | O_CREAT | O_TRUNC);
}

static int
make_dir(void)
{
	return result(mkdir("full/d", 0700));
}

static int
make_dir_apart(void)
{
	return result(mkdir("apart/d", 0700));
}

static int
rename_within(void)
{
	return result(rename("apart/f", "apart/g"));
}

static int
rename_across(void)
{
	return result(rename("full/f", "other/g"));
}

static int
rename_across_without_refer(void)
{
	return result(rename("full/f", "apart/g"));
}

static int
link_across_without_refer(void)
{
	return result(link("apart/f", "full/g"));
}

/* A link would take the file to where one may write it. */
static int
link_to_more_rights(void)
{
	return result(link("read/f", "full/g"));
}

static int
symlink_in(void)
{
	return result(symlink("/etc/passwd", "full/s"));
}

static int
chmods(void)
{
	return result(chmod("full/f", 0777));
}

static int
fchmods(void)
{
	return result(fchmod(3, 0600));
}

static int
chowns(void)
{
	return result(chown("full/f", getuid(), getgid()));
}

static int
setxattrs(void)
{
	return result(setxattr("full/f", "user.a", "b", 1, 0));
}

static int
truncates(void)
{
	return result(truncate("full/f", 0));
}

static int
kills(void)
{
	return result(kill(parent, 0));
}

static int
kills_itself(void)
{
	return result(kill(getpid(), 0));
}

static int
tgkills_parent(void)
{
	return result(syscall(SYS_tgkill, parent, parent, SIGABRT));
}

static int
aborts(void)
{
	abort();
}

static int
ptraces(void)
{
	return result(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static int
reads_memory(void)
{
	char c;
	struct iovec v = {&c, 1};

	return result(process_vm_readv(1, &v, 1, &v, 1, 0));
}

static int
sockets(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
raw_sockets(void)
{
	return result(socket(AF_INET, SOCK_RAW, 1));
}

/* To a port where nobody listens: what counts is who refuses. */
static int
connects_out(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);

	if (udp < 0 || tcp < 0 || bind(udp, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(udp, (struct sockaddr *)&a, &n) < 0)
		return result(-1);
	return result(connect(tcp, (struct sockaddr *)&a, n));
}

static int
listens(void)
{
	return result(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int
unix_sockets(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
connects(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	return result(connect(0, (struct sockaddr *)&a, sizeof(a)));
}

static int
executes(void)
{
	char *const argv[] = {NULL};

	return result(execv("/bin/true", argv));
}

static int
maps_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
makes_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
leases(void)
{
	return result(fcntl(3, F_SETLEASE, F_RDLCK));
}

static int
owns_descriptor(void)
{
	return result(fcntl(3, F_SETOWN, 1));
}

static int
forks(void)
{
	return result(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int
forks_and_waits(void)
{
	pid_t p = fork();

	if (p == 0)
		_exit(0);
	return p < 0 ? errno : result(waitpid(p, NULL, 0));
}

static int
new_user_namespace(void)
{
	return result(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0));
}

static int
unshares(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
starts_thread(void)
{
	pthread_t t;
	int rc = pthread_create(&t, NULL, nothing, NULL);

	return rc != 0 ? rc : pthread_join(t, NULL);
}

static int
joins_datagrams(void)
{
	int pair[2];

	return result(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int
joins_streams(void)
{
	int pair[2];

	return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) |
	       result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
}

static int
becomes_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
becomes_root(void)
{
	return result(setresuid(0, 0, 0));
}

static int
chroots(void)
{
	return result(chroot("."));
}

static int
mounts(void)
{
	return result(syscall(SYS_mount, "a", "b", "c", 0, NULL));
}

static int
bpfs(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
opens_by_handle(void)
{
	return result(syscall(SYS_open_by_handle_at, 3, NULL, 0));
}

static int
works(void)
{
	char c = 'x';
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0 || write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
		return -1;
	free(mem_alloc(4u << 20));
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno == EPERM ? 0 : -1;
}

static int
serves_stream(void)
{
	int on = 1;

	/* 3 is a file: the call is let through, and fails for its own reason. */
	return setsockopt(3, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 && errno == ENOTSOCK
		   ? 0
		   : errno;
}

/* ---- the table ---- */

static const struct attempt {
	const char *name;
	int (*fn)(void);
	unsigned calls;
	int want;
} attempts[] = {
    {"works", works, SB_IPC, 0},
    {"open outside", open_outside, ALL, EACCES},
    {"open /etc/passwd", open_etc, ALL, EACCES},
    {"open through ..", open_up, ALL, EACCES},
    {"list outside", list_outside, ALL, EACCES},
    {"make outside", make_outside, ALL, EACCES},
    {"remove outside", remove_outside, ALL, EACCES},
    {"rename from outside", rename_from_outside, ALL, EACCES},
    {"link from outside", link_from_outside, ALL, EXDEV},
    {"open for reading", open_read, FILES, 0},
    {"write where reading is allowed", write_read_only, ALL, EACCES},
    {"make where reading is allowed", make_read_only, ALL, EACCES},
    {"make", make_full, FILES, 0},
    {"make a directory", make_dir, FILES, 0},
    {"make a directory without the right", make_dir_apart, ALL, EACCES},
    {"rename within a directory", rename_within, FILES, 0},
    {"rename across", rename_across, FILES, 0},
    {"rename across without REFER", rename_across_without_refer, ALL, EXDEV},
    {"link across without REFER", link_across_without_refer, ALL, EXDEV},
    {"link to more rights", link_to_more_rights, ALL, EXDEV},
    {"symlink", symlink_in, ALL, KILLED},
    {"chmod", chmods, ALL, EPERM},
    {"fchmod without SB_CHMOD", fchmods, FILES, EPERM},
    {"fchmod", fchmods, FILES | SB_CHMOD, 0},
    {"chown", chowns, ALL, EPERM},
    {"setxattr", setxattrs, ALL, EPERM},
    {"truncate by name", truncates, ALL, EPERM},
    {"kill", kills, ALL, EPERM},
    {"kill itself", kills_itself, ALL, EPERM},
    {"abort another", tgkills_parent, ALL, KILLED},
    {"abort", aborts, SB_IPC, -SIGABRT},
    {"abort with threads", aborts, ALL, -SIGABRT},
    {"ptrace", ptraces, ALL, EPERM},
    {"read another's memory", reads_memory, ALL, EPERM},
    {"socket", sockets, ALL, EPERM},
    {"socket without SB_STREAM", sockets, SB_IPC, EPERM},
    {"UNIX socket", unix_sockets, ALL, EPERM},
    {"connect", connects, ALL, EPERM},
    {"socket with SB_CONNECT", sockets, SB_IPC | SB_CONNECT, 0},
    {"raw socket with SB_CONNECT", raw_sockets, SB_IPC | SB_CONNECT, KILLED},
    {"UNIX socket with SB_CONNECT", unix_sockets, SB_IPC | SB_CONNECT, KILLED},
    {"connect with SB_CONNECT", connects_out, SB_IPC | SB_CONNECT, ECONNREFUSED},
    {"listen with SB_CONNECT", listens, SB_IPC | SB_CONNECT, EPERM},
    {"execve", executes, ALL, EPERM},
    {"map code", maps_code, ALL, KILLED},
    {"make memory code", makes_code, ALL, KILLED},
    {"lease", leases, ALL, KILLED},
    {"own a descriptor's signals", owns_descriptor, ALL, KILLED},
    {"fork without SB_FORK", forks, ALL, KILLED},
    {"fork", forks_and_waits, SB_IPC | SB_FORK, 0},
    {"clone a user namespace", new_user_namespace, SB_IPC | SB_FORK, KILLED},
    {"unshare", unshares, ALL, EPERM},
    {"thread", starts_thread, SB_IPC | SB_THREADS, 0},
    {"become root", becomes_root, ALL, KILLED},
    {"a pair of datagrams", joins_datagrams, ALL, KILLED},
    {"a pair of streams", joins_streams, SB_IPC, 0},
    {"become dumpable, forking", becomes_dumpable, ALL | SB_FORK, KILLED},
    {"chroot", chroots, ALL, KILLED},
    {"mount", mounts, ALL, EPERM},
    {"bpf", bpfs, ALL, EPERM},
    {"open by handle", opens_by_handle, ALL, KILLED},
    {"open without SB_FILES", open_read, SB_IPC | SB_STREAM, EPERM},
    {"make without SB_WRITE", make_dir, SB_IPC | SB_FILES, KILLED},
    {"socket options", serves_stream, SB_IPC | SB_STREAM, 0},
    {"socket options without SB_STREAM", serves_stream, SB_IPC, KILLED},
};

/* ---- the children ---- */

static void
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
}

static void
refresh(void)
{
	static const char *const names[] = {"full", "read", "apart", "other", "out"};
	static const char *const left[] = {"g", "new", "s", "taken"};

	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];

		assert_true(mkdir(names[i], 0700) == 0 || errno == EEXIST);
		for (size_t k = 0; k < ARRAY_LEN(left); k++) {
			snprintf(path, sizeof(path), "%s/%s", names[i], left[k]);
			(void)unlink(path);
		}
		snprintf(path, sizeof(path), "%s/d", names[i]);
		(void)rmdir(path);
		snprintf(path, sizeof(path), "%s/f", names[i]);
		make_file(path);
	}
}

static _Noreturn void
child(const struct attempt *a)
{
	struct sandbox box = {
	    .calls = a->calls, .paths = paths, .n = ARRAY_LEN(paths), .required = true};
	char text[8];
	struct err e;
	int fd = open("full/f", O_RDONLY | O_CLOEXEC), rc;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core files */
	if (abi != 0) {
		snprintf(text, sizeof(text), "%d", abi);
		setenv("GKMAIL_TEST_LANDLOCK_ABI", text, 1);
	}
	if (fd != 3 && dup2(fd, 3) != 3)
		_exit(254);
	if (sandbox_enter(&box, &e) < 0) {
		fprintf(stderr, "%s: %s\n", a->name, e.text);
		_exit(253);
	}
	rc = a->fn();
	_exit(rc < 0 ? 255 : rc);
}

static int
outcome(const struct attempt *a)
{
	int status;
	pid_t pid;

	refresh();
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
	return WEXITSTATUS(status);
}

static bool
can_confine(void)
{
	if (!sandbox_confines())
		print_message("nothing confines here (sanitizers, or no Landlock): skipped\n");
	return sandbox_confines();
}

static void
try_all(void)
{
	unsigned wrong = 0;

	if (!can_confine())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int got = outcome(&attempts[i]);

		if (got == attempts[i].want)
			continue;
		print_error("%s: %d, wanted %d\n", attempts[i].name, got, attempts[i].want);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void
what_is_forbidden_does_not_work(void **state)
{
	(void)state;
	abi = 0;
	try_all();
}

static void
nor_with_the_rights_of_debian_12(void **state)
{
	(void)state;
	abi = 2;
	try_all();
}

/* The one right that ABI 2 does not know. */
static void
truncating_takes_a_right_where_the_kernel_knows_it(void **state)
{
	static const struct attempt a = {"truncate", make_full, FILES, 0};
	static const struct sandbox_path no_truncate[] = {
	    {"full", SBP_READ | SBP_WRITE | SBP_MAKE}};
	struct sandbox box = {.calls = a.calls, .paths = no_truncate, .n = 1};
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!can_confine() || sandbox_landlock_abi() < 3)
		skip();
	refresh();
	make_file("full/new");
	if ((pid = fork()) == 0)
		_exit(sandbox_enter(&box, &e) < 0 ? 253 : a.fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EACCES);
}

/* A filter made before the fork serves the child: its own pid, not the parent's. */
static void
a_prepared_filter_is_the_childs_own(void **state)
{
	struct sandbox box = {.calls = SB_IPC, .paths = paths, .n = ARRAY_LEN(paths)};
	struct sandbox_filter *f;
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!can_confine())
		skip();
	refresh();
	f = sandbox_filter_new(SB_IPC, &e);
	assert_non_null(f);
	for (unsigned i = 0; i < 2; i++) {
		if ((pid = fork()) == 0) {
			if (sandbox_enter_prepared(&box, f, &e) < 0)
				_exit(253);
			if (i == 0)
				abort();
			_exit(tgkills_parent());
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), i == 0 ? SIGABRT : SIGSYS);
	}
	/* A filter lives as long as its process. */
}

static int pool_result = -1;

static void
pool_work(void *arg)
{
	(void)arg;
	pool_result = open_outside();
}

static void
pool_done(void *arg)
{
	(void)arg;
	loop_stop();
}

/* Landlock holds by thread: those of a pool must begin inside. */
static void
a_pools_threads_are_confined(void **state)
{
	struct sandbox box = {
	    .calls = FILES | SB_THREADS, .paths = paths, .n = ARRAY_LEN(paths), .required = true};
	struct pool *pool;
	int status;
	pid_t pid;

	(void)state;
	if (!can_confine())
		skip();
	refresh();
	if ((pid = fork()) == 0) {
		pool_hold();
		if (loop_init(NULL) < 0 || !(pool = pool_new(1, 1, NULL)) ||
		    pool_submit(pool, pool_work, pool_done, NULL, NULL) < 0 ||
		    sandbox_enter(&box, NULL) < 0 || pool_release(NULL) < 0)
			_exit(253);
		loop_run();
		_exit(pool_result);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EACCES);
}

static void
a_missing_path_is_an_error(void **state)
{
	static const struct sandbox_path missing[] = {{"nowhere", SBP_READ}};
	struct sandbox box = {.calls = FILES, .paths = missing, .n = 1};
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!can_confine())
		skip();
	refresh();
	if ((pid = fork()) == 0)
		_exit(sandbox_enter(&box, &e) < 0 && strstr(e.text, "nowhere") != NULL ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Masked to nothing, the kernel has no Landlock: "required" refuses, "auto" goes on. */
static void
a_missing_layer_is_refused_when_required(void **state)
{
	struct sandbox box = {.calls = FILES, .paths = paths, .n = ARRAY_LEN(paths)};
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!can_confine())
		skip();
	refresh();
	for (int required = 0; required < 2; required++) {
		if ((pid = fork()) == 0) {
			setenv("GKMAIL_TEST_LANDLOCK_ABI", "0", 1);
			log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
			box.required = required;
			_exit(sandbox_enter(&box, &e) < 0 ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), required);
	}
}

static int
make_dir_for_all(void **state)
{
	(void)state;
	parent = getpid();
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"full", "read", "apart", "other", "out"};

	(void)state;
	refresh();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/f", names[i]);
		(void)unlink(path);
		(void)rmdir(names[i]);
	}
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_forbidden_does_not_work),
	    cmocka_unit_test(nor_with_the_rights_of_debian_12),
	    cmocka_unit_test(truncating_takes_a_right_where_the_kernel_knows_it),
	    cmocka_unit_test(a_prepared_filter_is_the_childs_own),
	    cmocka_unit_test(a_pools_threads_are_confined),
	    cmocka_unit_test(a_missing_path_is_an_error),
	    cmocka_unit_test(a_missing_layer_is_refused_when_required),
	};

	return cmocka_run_group_tests_name("sandbox", tests, make_dir_for_all, remove_dir);
}
