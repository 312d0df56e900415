/*
 * smtpd.c - a hostile gk-smtpd: the real one, but it can still write to what it has committed
 * (INVARIANTS 13). Memory files are not sealed; the file lent for a large message stays open, and
 * is written over as soon as the message is taken. (A small message is copied with its commit.)
 *
 * Beside each message that it has signed it tries what a captured one would (INVARIANTS 15): tokens
 * that it has not, and other senders for the one that it has. Each attempt is a line
 * "hostile.attempt what=… result=refused" in the log.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/wire.h"

int __wrap_file_memory(const char *name, const void *p, size_t n, struct err *e);
int __real_ipc_take_fd(struct ipc_in *m);
int __wrap_ipc_take_fd(struct ipc_in *m);
int __real_ipc_end(struct ipc_in *m);
int __wrap_ipc_end(struct ipc_in *m);

uint64_t __real_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
uint64_t __wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);

static int lent = -1;

/* All seals but the one against writing. */
int
__wrap_file_memory(const char *name, const void *p, size_t n, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || file_write(fd, p, n, e) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -1;
	return fd;
}

int
__wrap_ipc_take_fd(struct ipc_in *m)
{
	enum ipc_type type = m->type;
	int fd = __real_ipc_take_fd(m);

	if (type == MSG_SPOOL_OPEN_R)
		lent = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}

int
__wrap_ipc_end(struct ipc_in *m)
{
	static const char over[4096] = "Subject: changed afterwards\r\n\r\n";

	for (off_t at = 0; m->type == MSG_SPOOL_COMMIT_LARGE_R && at < 64 * 4096; at += 4096)
		if (file_pwrite(lent, over, sizeof(over), at, NULL) < 0)
			abort();
	return __real_ipc_end(m);
}

/* ---- signatures for others ---- */

static void
tried(void *what, struct ipc_in *m, const struct err *e)
{
	struct str fields = m != NULL ? ipc_get_str(m) : STR("");

	log_info("hostile.attempt", LZ("what", what),
	    LZ("result", fields.n > 0 ? "signed" : "refused"), LZ("why", m == NULL ? e->text : ""));
	if (m != NULL)
		(void)__real_ipc_end(m);
}

static void
try_sign(struct ipc_chan *c, const char *what, struct str token, const char *header)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SIGN_PUT);
	ipc_put_z(&m, "hostile");
	ipc_put_str(&m, token);
	ipc_put_str(&m, str_z(header));
	__real_ipc_call(c, &m, tried, (void *)(uintptr_t)what);
}

#define REST "\r\nSubject: x\r\n\r\nx\r\n"

uint64_t
__wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	static char first[64];
	static size_t nfirst;
	static const char alice[] = "From: alice@example.test" REST;
	unsigned char invented[32];
	struct wire_in w;
	struct str token;

	if (m->type != MSG_SIGN_PUT)
		return __real_ipc_call(c, m, fn, arg);
	wire_open(&w, str_of(m->p + IPC_HEADER_SIZE, m->n - IPC_HEADER_SIZE));
	(void)wire_str(&w);
	token = wire_str(&w);
	randombytes_buf(invented, sizeof(invented));
	try_sign(c, "own address", token, alice);
	try_sign(c, "no token", STR(""), alice);
	try_sign(c, "invented token", str_of(invented, sizeof(invented)), alice);
	try_sign(c, "half a token", str_sub(token, 0, token.n / 2), alice);
	try_sign(c, "another user", token, "From: carol@example.test" REST);
	try_sign(c, "another domain", token, "From: boss@other.test" REST);
	try_sign(c, "the server", token, "From: root@mail.example.test" REST);
	try_sign(
	    c, "another author too", token, "From: alice@example.test, carol@example.test" REST);
	try_sign(
	    c, "two From fields", token, "From: alice@example.test\r\nFrom: boss@other.test" REST);
	try_sign(c, "Sender is own", token,
	    "From: carol@example.test\r\nSender: alice@example.test" REST);
	if (nfirst > 0 && !str_eq(token, str_of(first, nfirst)))
		try_sign(c, "token of a session that is over", str_of(first, nfirst), alice);
	nfirst = token.n < sizeof(first) ? token.n : 0;
	memcpy(first, token.p, nfirst);
	return __real_ipc_call(c, m, fn, arg);
}
