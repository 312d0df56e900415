/*
 * sandbox.h - what a process may still do once it reads bytes from others: Landlock for files,
 * seccomp for system calls, no new privileges. Holds alike for root and for an ordinary user; uids
 * and chroot come on top (svc.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* System calls beyond the common ground (memory, time, epoll, reading and writing descriptors one
 * has). */
#define SB_IPC     0x01u /* sendmsg, recvmsg and their mmsg forms, memfd */
#define SB_STREAM  0x02u /* accept4, shutdown, socket options, names of sockets */
#define SB_FILES   0x04u /* open, stat, read directories; what and where is Landlock's business */
#define SB_WRITE   0x08u /* create, link, rename, unlink, sync, allocate */
#define SB_THREADS 0x10u /* threads: whoever has a pool */
#define SB_FORK    0x20u /* fork and wait: the mailboxd parent */
#define SB_CHMOD   0x40u /* fchmod on own files: gk-local makes message files 0440 */
#define SB_SQLITE                                                                       \
	0x80u /* pread/pwrite, fcntl locks, ftruncate, mremap: with SB_FILES | SB_WRITE \
	       */
/* Sockets of its own to the world, TCP and UDP over IP and nothing else: bind, connect, their
 * options and names. Never listens. Landlock filters no addresses (INVARIANTS 10). */
#define SB_CONNECT 0x200u

/* Rights below a path, beyond none. */
#define SBP_READ       0x01u /* read files */
#define SBP_LIST       0x02u /* read directories */
#define SBP_WRITE      0x04u /* write files */
#define SBP_MAKE       0x08u /* create files */
#define SBP_REMOVE     0x10u /* remove files */
#define SBP_REFER      0x20u /* link or rename in and out across directories */
#define SBP_MAKE_DIR   0x40u
#define SBP_REMOVE_DIR 0x80u
#define SBP_TRUNCATE   0x100u /* open with O_TRUNC, truncate (kernels that know it) */

struct sandbox_path {
	const char *path; /* relative to the process's working directory; must exist */
	unsigned rights;
};

struct sandbox {
	unsigned calls;                   /* SB_… */
	const struct sandbox_path *paths; /* every other path is closed */
	size_t n;
	bool required; /* fail where the kernel lacks a layer; else log it once and go on */
};

/* Closes the process in. After this nothing can be taken back. */
int sandbox_enter(const struct sandbox *s, struct err *e);

/* The seccomp part compiled beforehand, for a child that must enter quickly: NULL on error. */
struct sandbox_filter;
struct sandbox_filter *sandbox_filter_new(unsigned calls, struct err *e);
/* The same as sandbox_enter with a prepared filter. */
int sandbox_enter_prepared(const struct sandbox *s, const struct sandbox_filter *f, struct err *e);

/* Does sandbox_enter() close anything here? Not in a build for the sanitizers (they make calls of
 * their own), nor where the kernel has no Landlock. For tests that prove what is refused. */
bool sandbox_confines(void);

/* What this kernel offers: Landlock ABI (0 = none), masked by tests with GKMAIL_TEST_LANDLOCK_ABI.
 */
int sandbox_landlock_abi(void);
