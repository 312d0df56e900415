/*
 * confine.c - a root that can less: no other process's memory, no mounts, no modules, no clock, no
 * raw network, no code made at run time.
 *
 * A list of what is refused, where sandbox.c lists what is allowed: each daemon begins under this
 * filter and needs its own calls to drop root and to close itself in. Owns nothing.
 */
#include "svc/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"

#define REFUSE(name) SCMP_SYS(name)

static const int refused[] = {
    /* other processes */
    REFUSE(ptrace), REFUSE(process_vm_readv), REFUSE(process_vm_writev), REFUSE(kcmp),
    REFUSE(pidfd_getfd), REFUSE(process_madvise), REFUSE(migrate_pages), REFUSE(move_pages),
    /* what the file system is; files that are no files */
    REFUSE(mount), REFUSE(umount2), REFUSE(pivot_root), REFUSE(move_mount), REFUSE(open_tree),
    REFUSE(fsopen), REFUSE(fsconfig), REFUSE(fsmount), REFUSE(fspick), REFUSE(mount_setattr),
    REFUSE(swapon), REFUSE(swapoff), REFUSE(quotactl), REFUSE(acct), REFUSE(mknod), REFUSE(mknodat),
    REFUSE(symlink), REFUSE(symlinkat), REFUSE(name_to_handle_at), REFUSE(open_by_handle_at),
    REFUSE(setxattr), REFUSE(lsetxattr), REFUSE(fsetxattr), REFUSE(fanotify_init),
    /* name spaces */
    REFUSE(unshare), REFUSE(setns),
    /* the kernel and the machine */
    REFUSE(init_module), REFUSE(finit_module), REFUSE(delete_module), REFUSE(kexec_load),
    REFUSE(kexec_file_load), REFUSE(reboot), REFUSE(syslog), REFUSE(settimeofday),
    REFUSE(clock_settime), REFUSE(clock_adjtime), REFUSE(adjtimex), REFUSE(sethostname),
    REFUSE(setdomainname), REFUSE(iopl), REFUSE(ioperm), REFUSE(modify_ldt), REFUSE(vhangup),
    REFUSE(personality),
    /* where the kernel's own holes have been */
    REFUSE(bpf), REFUSE(perf_event_open), REFUSE(userfaultfd), REFUSE(io_uring_setup),
    REFUSE(io_uring_enter), REFUSE(io_uring_register), REFUSE(add_key), REFUSE(keyctl),
    REFUSE(request_key), REFUSE(lookup_dcookie), REFUSE(uselib),
    /* programs that have no path, modes in memory (openat2), keys of pages */
    REFUSE(execveat), REFUSE(openat2), REFUSE(pkey_mprotect)};

static int
refuse(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp arg)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, 1, arg);
}

/* UNIX, IPv4 and IPv6, and no raw ones: no packet, netlink, crypto or other odd socket. */
static int
refuse_sockets(scmp_filter_ctx ctx)
{
	const scmp_datum_t type = 0xf;
	int rc = refuse(ctx, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_GT, AF_INET6)) |
		 refuse(ctx, SCMP_SYS(socket), SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_RAW));

	for (scmp_datum_t family = AF_INET + 1; family < AF_INET6; family++)
		rc |= refuse(ctx, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, family));
	return rc;
}

/* Memory is never writable and executable, and never becomes executable (W^X). */
static int
refuse_new_code(scmp_filter_ctx ctx)
{
	const scmp_datum_t both = PROT_WRITE | PROT_EXEC;

	return refuse(ctx, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, both, both)) |
	       refuse(ctx, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

/* clone3 hides its flags in memory; libc falls back to clone. */
static int
refuse_spaces(scmp_filter_ctx ctx)
{
	static const scmp_datum_t spaces[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS,
	    CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		rc |=
		    refuse(ctx, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
	return rc;
}

/* No file that lends its owner's rights to who runs it. */
static int
refuse_setuid(scmp_filter_ctx ctx)
{
	static const scmp_datum_t bits[] = {S_ISUID, S_ISGID};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		const scmp_datum_t b = bits[i];

		rc |= refuse(ctx, SCMP_SYS(chmod), SCMP_A1(SCMP_CMP_MASKED_EQ, b, b)) |
		      refuse(ctx, SCMP_SYS(fchmod), SCMP_A1(SCMP_CMP_MASKED_EQ, b, b)) |
		      refuse(ctx, SCMP_SYS(fchmodat), SCMP_A2(SCMP_CMP_MASKED_EQ, b, b)) |
		      refuse(ctx, SCMP_SYS(creat), SCMP_A1(SCMP_CMP_MASKED_EQ, b, b)) |
		      seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 2,
			  SCMP_A1(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT),
			  SCMP_A2(SCMP_CMP_MASKED_EQ, b, b)) |
		      seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 2,
			  SCMP_A2(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT),
			  SCMP_A3(SCMP_CMP_MASKED_EQ, b, b));
	}
	return rc;
}

static int
filter(struct err *e)
{
#ifdef GK_SANITIZED
	(void)e;
	return 0; /* the sanitizers make calls of their own */
#endif
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = 0;

	if (ctx == NULL)
		return err_set(e, E_INTERNAL, "cannot build the system call filter");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	rc |= refuse_sockets(ctx) | refuse_new_code(ctx) | refuse_spaces(ctx) | refuse_setuid(ctx);
	/* Ordered by a tree: the filter runs at system calls of every daemon. */
	rc |= seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : err_set(e, E_INTERNAL, "cannot set the system call filter");
}

/* Files and directories that are another's, ports below 1024, the daemons' users and roots, and
 * signals to them. */
static int
capabilities(struct err *e)
{
	static const cap_value_t needed[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL,
	    CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};
	cap_t caps = cap_get_proc();
	int rc = 0;

	if (caps == NULL)
		return err_sys(e, "capabilities");
	for (cap_value_t c = 0; c <= CAP_LAST_CAP && rc == 0; c++) {
		bool keep = false;

		for (size_t i = 0; i < ARRAY_LEN(needed); i++)
			keep |= needed[i] == c;
		if (keep || prctl(PR_CAPBSET_READ, c, 0, 0, 0) < 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_CLEAR) < 0 ||
		    cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_CLEAR) < 0 ||
		    cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_CLEAR) < 0)
			rc = err_sys(e, "capabilities");
	}
	if (rc == 0 && cap_set_proc(caps) < 0)
		rc = err_sys(e, "capabilities");
	cap_free(caps);
	return rc;
}

int
confine_master(bool required, struct err *e)
{
	if (geteuid() == 0 && capabilities(e) < 0)
		return -1;
	/* Nothing that we start becomes more than we make it. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "no_new_privs");
	if (filter(e) < 0) {
		if (required)
			return err_wrap(e, "server.sandbox is \"required\"");
		log_warn("sandbox.missing", LZ("layer", "seccomp is missing"), LE(e));
	}
	return 0;
}
