/* confine_test.c - what master gives up, tried in children; what it needs goes on working. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "svc/confine.h"

#define CHECK(x)                                                                     \
	do {                                                                         \
		if (!(x)) {                                                          \
			fprintf(stderr, "%s:%d: %s (%m)\n", __FILE__, __LINE__, #x); \
			_exit(1);                                                    \
		}                                                                    \
	} while (0)
/* The kernel would answer nonsense otherwise than with EPERM: EINVAL, EFAULT, EBADF, ESRCH. */
#define REFUSED(...) CHECK(syscall(__VA_ARGS__) < 0 && errno == EPERM)

static char dir[] = "/tmp/gk-confine-XXXXXX";

static void
in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err;

		CHECK(confine_master(false, &err) == 0);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
calls_refused(void)
{
	REFUSED(SYS_ptrace, -1, 0, 0, 0);
	REFUSED(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 77);
	REFUSED(SYS_mount, NULL, NULL, NULL, 0, NULL);
	REFUSED(SYS_umount2, NULL, ~0);
	REFUSED(SYS_unshare, ~0);
	REFUSED(SYS_setns, -1, 0);
	REFUSED(SYS_init_module, NULL, 0, NULL);
	REFUSED(SYS_finit_module, -1, NULL, ~0);
	REFUSED(SYS_kexec_load, 0, ~0ul, NULL, ~0ul);
	REFUSED(SYS_reboot, 0, 0, 0, NULL);
	REFUSED(SYS_clock_settime, 77, NULL);
	REFUSED(SYS_bpf, ~0, NULL, 0);
	REFUSED(SYS_io_uring_setup, 0, NULL);
	REFUSED(SYS_keyctl, ~0, 0, 0, 0, 0);
	REFUSED(SYS_open_by_handle_at, -1, NULL, 0);
	REFUSED(SYS_symlinkat, NULL, -1, NULL);
	REFUSED(SYS_mknodat, -1, NULL, 0, 0);
	REFUSED(SYS_execveat, -1, NULL, NULL, NULL, ~0);
	REFUSED(SYS_openat2, -1, NULL, NULL, 0);
}

static void
spaces_refused(void)
{
	REFUSED(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	REFUSED(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);
	CHECK(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
}

static void
sockets_refused(void)
{
	REFUSED(SYS_socket, AF_NETLINK, SOCK_DGRAM, 0);
	REFUSED(SYS_socket, AF_PACKET, SOCK_DGRAM, 0);
	REFUSED(SYS_socket, 38 /* AF_ALG */, SOCK_SEQPACKET, 0);
	REFUSED(SYS_socket, AF_AX25, SOCK_DGRAM, 0);
	REFUSED(SYS_socket, AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	REFUSED(SYS_socket, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	CHECK(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) >= 0);
	CHECK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0);
	CHECK(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
}

static void
code_refused(void)
{
	void *p = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p == MAP_FAILED && errno == EPERM);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
}

static void
setuid_refused(void)
{
	int fd;

	CHECK(chdir(dir) == 0);
	CHECK((fd = open("file", O_WRONLY | O_CREAT, 0600)) >= 0);
	CHECK(fchmod(fd, 04755) < 0 && errno == EPERM);
	CHECK(chmod("file", 02755) < 0 && errno == EPERM);
	CHECK(fchmodat(AT_FDCWD, "file", 06755, 0) < 0 && errno == EPERM);
	CHECK(open("other", O_WRONLY | O_CREAT, 04755) < 0 && errno == EPERM);
	CHECK(chmod("file", 0644) == 0 && unlink("file") == 0);
}

static void
the_rest_works(void)
{
	char *argv[] = {(char[]){"true"}, NULL};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), status;
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/true", argv);
		_exit(1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 1) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK((pid = fork()) >= 0);
	if (pid == 0)
		pause();
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

static void
root_is_less(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t v;
	cap_value_t all = CAP_SYS_ADMIN;

	CHECK(cap_get_flag(caps, CAP_SYS_ADMIN, CAP_PERMITTED, &v) == 0 && v == CAP_CLEAR);
	CHECK(cap_get_flag(caps, CAP_SYS_PTRACE, CAP_EFFECTIVE, &v) == 0 && v == CAP_CLEAR);
	CHECK(cap_get_flag(caps, CAP_SETUID, CAP_EFFECTIVE, &v) == 0 && v == CAP_SET);
	CHECK(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
	CHECK(prctl(PR_CAPBSET_READ, CAP_MKNOD, 0, 0, 0) == 0);
	CHECK(cap_set_flag(caps, CAP_PERMITTED, 1, &all, CAP_SET) == 0);
	CHECK(cap_set_proc(caps) < 0); /* and does not come back */
	CHECK(chown("/tmp", (uid_t)-1, (gid_t)-1) == 0 && setgid(64111) == 0 && setuid(64111) == 0);
}

static void
test_calls(void **state)
{
	(void)state;
#ifdef GK_SANITIZED
	skip(); /* the sanitizers make calls of their own */
#endif
	in_child(calls_refused);
	in_child(spaces_refused);
	in_child(sockets_refused);
	in_child(code_refused);
	in_child(setuid_refused);
}

static void
test_the_rest_works(void **state)
{
	(void)state;
	in_child(the_rest_works);
}

static void
test_root_is_less(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(root_is_less);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_the_rest_works),
	    cmocka_unit_test(test_root_is_less),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
