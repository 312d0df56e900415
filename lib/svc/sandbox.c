/*
 * sandbox.c - seccomp by libseccomp, Landlock beside it.
 *
 * What is not listed kills the process (SIGSYS, seen by master and logged there): a call that our
 * code never makes is an attack or a mistake, and both want to be seen. A few that libraries try
 * harmlessly answer EPERM.
 */
#include "svc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/mem.h"
#include "svc/landlock.h"

#define ALLOW(name) SCMP_SYS(name)

/* Memory, time, events, and descriptors one has: what every process of ours needs. */
static const int common[] = {ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(close),
    ALLOW(close_range), ALLOW(fstat), ALLOW(lseek), ALLOW(brk), ALLOW(munmap), ALLOW(mremap),
    ALLOW(madvise), ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(nanosleep),
    ALLOW(gettimeofday), ALLOW(time), ALLOW(epoll_wait), ALLOW(epoll_pwait), ALLOW(epoll_pwait2),
    ALLOW(epoll_ctl), ALLOW(epoll_create1), ALLOW(eventfd2), ALLOW(timerfd_create),
    ALLOW(timerfd_settime), ALLOW(timer_create), ALLOW(timer_settime), ALLOW(timer_delete),
    ALLOW(setitimer), ALLOW(alarm), ALLOW(poll), ALLOW(ppoll), ALLOW(futex), ALLOW(getrandom),
    ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaltstack),
    ALLOW(getpid), ALLOW(gettid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid),
    ALLOW(exit), ALLOW(exit_group), ALLOW(restart_syscall), ALLOW(sched_yield),
    ALLOW(sched_getaffinity), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(dup), ALLOW(dup2),
    ALLOW(dup3), ALLOW(pipe2), ALLOW(sysinfo), ALLOW(uname), ALLOW(getcpu), ALLOW(membarrier)};

static const int ipc[] = {ALLOW(sendmsg), ALLOW(recvmsg), ALLOW(sendmmsg), ALLOW(recvmmsg),
    ALLOW(sendto), ALLOW(recvfrom), ALLOW(memfd_create), ALLOW(pread64), ALLOW(pwrite64)};

static const int stream[] = {ALLOW(accept4), ALLOW(shutdown), ALLOW(setsockopt), ALLOW(getsockopt),
    ALLOW(getpeername), ALLOW(getsockname), ALLOW(sendto), ALLOW(recvfrom)};

static const int files[] = {ALLOW(openat), ALLOW(newfstatat), ALLOW(stat), ALLOW(lstat),
    ALLOW(statx), ALLOW(access), ALLOW(faccessat), ALLOW(faccessat2), ALLOW(getdents64),
    ALLOW(getcwd), ALLOW(pread64), ALLOW(preadv), ALLOW(statfs), ALLOW(fstatfs), ALLOW(readlinkat),
    ALLOW(fadvise64), ALLOW(open), ALLOW(readlink)};

static const int writing[] = {ALLOW(pwrite64), ALLOW(pwritev), ALLOW(pwritev2), ALLOW(linkat),
    ALLOW(renameat), ALLOW(renameat2), ALLOW(unlinkat), ALLOW(mkdirat), ALLOW(fsync),
    ALLOW(fdatasync), ALLOW(syncfs), ALLOW(sync_file_range), ALLOW(fallocate), ALLOW(sendfile),
    ALLOW(copy_file_range), ALLOW(splice), ALLOW(ftruncate), ALLOW(rename), ALLOW(link),
    ALLOW(unlink), ALLOW(mkdir), ALLOW(rmdir)};

static const int forking[] = {ALLOW(wait4), ALLOW(waitid), ALLOW(pidfd_open),
    ALLOW(pidfd_send_signal), ALLOW(chroot), ALLOW(chdir), ALLOW(fchdir), ALLOW(capset),
    ALLOW(capget), ALLOW(setgroups), ALLOW(setresuid), ALLOW(setresgid), ALLOW(seccomp),
    ALLOW(landlock_create_ruleset), ALLOW(landlock_add_rule), ALLOW(landlock_restrict_self),
    ALLOW(close_range), ALLOW(kill), ALLOW(tgkill), ALLOW(getppid)};

static const int chmoding[] = {ALLOW(fchmod)};

static const int sqlite[] = {
    ALLOW(pread64), ALLOW(pwrite64), ALLOW(ftruncate), ALLOW(unlink), ALLOW(open), ALLOW(geteuid)};

/* Tried by libraries, answered with an error instead of the end. */
static const int refused[] = {ALLOW(socket), ALLOW(connect), ALLOW(prlimit64), ALLOW(ioctl),
    ALLOW(fchown), ALLOW(prctl), ALLOW(sched_setscheduler), ALLOW(getrusage), ALLOW(utimensat),
    ALLOW(fchmod), ALLOW(fchmodat), ALLOW(chmod), ALLOW(access), ALLOW(openat), ALLOW(readlink),
    ALLOW(kill), ALLOW(ptrace), ALLOW(process_vm_readv), ALLOW(process_vm_writev), ALLOW(setxattr),
    ALLOW(fsetxattr), ALLOW(truncate), ALLOW(fchownat), ALLOW(chown), ALLOW(lchown),
    ALLOW(ftruncate), ALLOW(newfstatat), ALLOW(sched_setaffinity), ALLOW(sched_setparam),
    ALLOW(sched_setattr), ALLOW(setpriority), ALLOW(pidfd_open), ALLOW(pidfd_getfd),
    ALLOW(pidfd_send_signal), ALLOW(open), ALLOW(bind), ALLOW(listen), ALLOW(execve),
    ALLOW(execveat), ALLOW(tkill), ALLOW(fork), ALLOW(vfork), ALLOW(utime), ALLOW(utimes),
    ALLOW(futimesat), ALLOW(mknodat), ALLOW(symlinkat), ALLOW(unshare), ALLOW(setns), ALLOW(mount),
    ALLOW(bpf), ALLOW(perf_event_open), ALLOW(userfaultfd), ALLOW(keyctl), ALLOW(io_uring_setup),
    ALLOW(lsetxattr)};

static const int connecting[] = {ALLOW(connect), ALLOW(bind), ALLOW(shutdown), ALLOW(setsockopt),
    ALLOW(getsockopt), ALLOW(getpeername), ALLOW(getsockname), ALLOW(sendto), ALLOW(recvfrom)};

static const struct {
	unsigned flag;
	const int *calls;
	size_t n;
} groups[] = {
    {SB_IPC, ipc, ARRAY_LEN(ipc)},
    {SB_STREAM, stream, ARRAY_LEN(stream)},
    {SB_FILES, files, ARRAY_LEN(files)},
    {SB_WRITE, writing, ARRAY_LEN(writing)},
    {SB_FORK, forking, ARRAY_LEN(forking)},
    {SB_CHMOD, chmoding, ARRAY_LEN(chmoding)},
    {SB_SQLITE, sqlite, ARRAY_LEN(sqlite)},
    {SB_CONNECT, connecting, ARRAY_LEN(connecting)},
};

struct sandbox_filter {
	struct sock_fprog prog;
};

static bool
is_allowed(int call, unsigned calls)
{
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (common[i] == call)
			return true;
	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (size_t i = 0; (calls & groups[g].flag) && i < groups[g].n; i++)
			if (groups[g].calls[i] == call)
				return true;
	return false;
}

static int
allow_all(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Memory is never writable and executable, and never becomes executable (W^X). */
static int
allow_mapping(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec) |
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_exec);
}

/* Pairs that are joined for good. From one of datagrams a message could be sent to any name:
 * Landlock keeps that off abstract ones from ABI 6 on, and off paths never. */
static int
allow_pairs(scmp_filter_ctx ctx)
{
	const scmp_datum_t type = 0xf;

	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2,
		   SCMP_A0(SCMP_CMP_EQ, AF_UNIX), SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_STREAM)) |
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2,
		   SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
		   SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_SEQPACKET));
}

/* Flags, locks and seals; no lease, no new owner or signal of a descriptor. */
static int
allow_fcntl(scmp_filter_ctx ctx)
{
	static const int always[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GETLK,
	    F_SETLK, F_OFD_SETLK, F_OFD_GETLK, F_ADD_SEALS, F_GET_SEALS, F_SETLKW};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, (scmp_datum_t)always[i]));
	return rc;
}

/* A process may abort itself, and signal nobody: siblings share a uid (INVARIANTS 11). A filter is
 * compiled before its process exists, so a number that is no pid stands for the process's own until
 * enter_filter(). */
#define OWN_PID 0x7ffffff1u

static int
allow_own_signals(scmp_filter_ctx ctx, unsigned calls)
{
	if (calls & SB_FORK)
		return 0;
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, OWN_PID),
	    SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffffu, SIGABRT));
}

/* Threads, or children, but never a namespace of one's own. clone3 hides its flags in memory; libc
 * falls back to clone. */
static int
allow_clone(scmp_filter_ctx ctx, unsigned calls)
{
	const scmp_datum_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	struct scmp_arg_cmp flags =
	    SCMP_A0(SCMP_CMP_MASKED_EQ, spaces | CLONE_THREAD, CLONE_THREAD);

	if (!(calls & (SB_THREADS | SB_FORK)))
		return 0;
	if (calls & SB_FORK)
		flags = SCMP_A0(SCMP_CMP_MASKED_EQ, spaces, 0);
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, flags) |
	       seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Sockets of IP, stream or datagram: no raw ones, no netlink, no way to the UNIX sockets of others.
 */
static int
allow_socket(scmp_filter_ctx ctx)
{
	static const scmp_datum_t families[] = {AF_INET, AF_INET6},
				  types[] = {SOCK_STREAM, SOCK_DGRAM};
	int rc = 0;

	for (size_t f = 0; f < ARRAY_LEN(families); f++)
		for (size_t t = 0; t < ARRAY_LEN(types); t++)
			rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			    SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, families[f]),
			    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xfu, types[t]));
	return rc;
}

static int
allow_prctl(scmp_filter_ctx ctx)
{
	static const int options[] = {PR_SET_NO_NEW_PRIVS, PR_SET_NAME, PR_SET_PDEATHSIG,
	    PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_SECCOMP, PR_GET_DUMPABLE, PR_CAPBSET_READ,
	    PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_GET_SECUREBITS};
	/* Not dumpable, and never again dumpable. */
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
	    SCMP_A0(SCMP_CMP_EQ, PR_SET_DUMPABLE), SCMP_A1(SCMP_CMP_EQ, 0));

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return rc;
}

static int
fill(scmp_filter_ctx ctx, unsigned calls)
{
	int rc = allow_all(ctx, common, ARRAY_LEN(common));

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		if (calls & groups[g].flag)
			rc |= allow_all(ctx, groups[g].calls, groups[g].n);
	rc |= allow_mapping(ctx) | allow_pairs(ctx) | allow_fcntl(ctx) |
	      allow_own_signals(ctx, calls) | allow_clone(ctx, calls);
	if (calls & SB_FORK)
		rc |= allow_prctl(ctx);
	if (calls & SB_CONNECT)
		rc |= allow_socket(ctx);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (!is_allowed(refused[i], calls) &&
		    !(refused[i] == SCMP_SYS(prctl) && (calls & SB_FORK)) &&
		    !(refused[i] == SCMP_SYS(socket) && (calls & SB_CONNECT)))
			rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	return rc;
}

/* libseccomp can export a filter only to a descriptor. */
static int export(scmp_filter_ctx ctx, struct sandbox_filter *f, struct err *e)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), rc = -1;
	off_t size;

	if (fd < 0 || seccomp_export_bpf(ctx, fd) < 0 || (size = lseek(fd, 0, SEEK_END)) <= 0) {
		err_set(e, E_INTERNAL, "cannot compile the system call filter");
		goto out;
	}
	f->prog.len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
	f->prog.filter = mem_alloc((size_t)size);
	if (pread(fd, f->prog.filter, (size_t)size, 0) != size) {
		err_sys(e, "read the system call filter");
		goto out;
	}
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

struct sandbox_filter *
sandbox_filter_new(unsigned calls, struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	struct sandbox_filter *f = mem_alloc(sizeof(*f));
	int rc = -1;

	if (ctx == NULL)
		goto out;
	/* Ordered by a tree: the filter runs at every system call. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (fill(ctx, calls) != 0) {
		err_set(e, E_INTERNAL, "cannot build the system call filter");
		goto out;
	}
	rc = export(ctx, f, e);
out:
	if (ctx != NULL)
		seccomp_release(ctx);
	if (rc < 0) {
		free(f->prog.filter);
		free(f);
		return NULL;
	}
	return f;
}

static int
missing(bool required, const char *what, struct err *e)
{
	if (required)
		return err_wrap(e, "server.sandbox is \"required\", but %s", what);
	log_warn("sandbox.missing", LZ("layer", what), LE(e));
	return 0;
}

static long
enter_filter(const struct sandbox_filter *f)
{
	struct sock_filter *copy = mem_array(f->prog.len, sizeof(*copy));
	struct sock_fprog prog = {.len = f->prog.len, .filter = copy};
	long rc;

	memcpy(copy, f->prog.filter, f->prog.len * sizeof(*copy));
	for (unsigned short i = 0; i < prog.len; i++)
		if (BPF_CLASS(copy[i].code) == BPF_JMP && copy[i].k == OWN_PID)
			copy[i].k = (uint32_t)getpid();
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
	free(copy);
	return rc;
}

int
sandbox_enter_prepared(const struct sandbox *s, const struct sandbox_filter *f, struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, "dumpable");
#ifdef GK_SANITIZED
	(void)s;
	(void)f; /* the sanitizers make calls of their own */
	return 0;
#endif
	/* ABI 1 cannot link or rename across directories at all, which deliveries need. */
	if (sandbox_landlock_abi() < 2) {
		err_set(e, E_NOTFOUND, "this kernel has no Landlock (ABI 2 or newer)");
		if (missing(s->required, "Landlock is missing", e) < 0)
			return -1;
	} else if (landlock_enter(s->paths, s->n, s->calls & SB_CONNECT, e) < 0) {
		return -1;
	}
	if (enter_filter(f) != 0) {
		err_sys(e, "seccomp");
		return missing(s->required, "seccomp is missing", e);
	}
	return 0;
}

int
sandbox_enter(const struct sandbox *s, struct err *e)
{
	struct sandbox_filter *f = sandbox_filter_new(s->calls, e);
	int rc;

	if (f == NULL)
		return -1;
	rc = sandbox_enter_prepared(s, f, e);
	free(f->prog.filter);
	free(f);
	return rc;
}

bool
sandbox_confines(void)
{
#ifdef GK_SANITIZED
	return false;
#else
	return sandbox_landlock_abi() >= 2;
#endif
}
