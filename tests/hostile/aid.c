/*
 * aid.c - a hostile gk-aid: the real one, with what a captured one would try at gk-mcpd and
 * gk-connect beside its proper work. Linked in front of ipc_call(); each attempt is a line
 * "hostile.attempt what=… result=refused" in the log.
 *
 * Where a page's tools are opened: keys that are invented, changed, cut; the text of a token; the
 * key that was seen first, once there is another (the test ends its session before). A connection
 * where the configuration has no provider.
 */
#include <sodium.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/wire.h"
#include "svc/svc.h"

static struct str first; /* key */
static bool trying;

uint64_t __real_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
uint64_t __wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);

static void
tried(void *what, struct ipc_in *m, const struct err *e)
{
	log_info("hostile.attempt", LZ("what", what), LZ("result", m != NULL ? "taken" : "refused"),
	    LZ("why", m != NULL ? "" : e->text));
}

static void
try_key(const char *what, struct str key)
{
	struct ipc_out m;
	int pair[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	ipc_begin(&m, MSG_MCP_STREAM);
	ipc_put_str(&m, key);
	ipc_put_z(&m, "hostile");
	ipc_put_z(&m, "");
	ipc_put_fd(&m, pair[1]); /* our end stays open */
	__real_ipc_call(svc_channel(PEER_MCPD), &m, tried, (void *)(uintptr_t)what);
}

static void
with_key(struct str key)
{
	static const char token[] =
	    "gka_0000000000000000000000000000000000000000000000000000000000000000";
	struct str changed = str_of(mem_dup(key.p, key.n), key.n);
	unsigned char invented[32];
	struct ipc_out m;

	randombytes_buf(invented, sizeof(invented));
	((char *)(uintptr_t)changed.p)[key.n - 1] ^= 1;
	try_key("invented key", str_of(invented, sizeof(invented)));
	try_key("changed key", changed);
	try_key("half a key", str_sub(key, 0, key.n / 2));
	try_key("no key", STR(""));
	try_key("invented token", STR(token));
	if (first.n > 0)
		try_key("key of a session that is over", first);
	else
		first = str_of(mem_dup(key.p, key.n), key.n);
	ipc_begin(&m, MSG_PROVIDER_OPEN);
	__real_ipc_call(svc_channel(PEER_CONNECT), &m, tried,
	    (void *)(uintptr_t) "connection without a provider");
	free((void *)(uintptr_t)changed.p);
}

uint64_t
__wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	struct wire_in w;

	if (m->type == MSG_MCP_STREAM && !trying) {
		trying = true;
		wire_open(&w, str_of(m->p + IPC_HEADER_SIZE, m->n - IPC_HEADER_SIZE));
		with_key(wire_str(&w));
		trying = false;
	}
	return __real_ipc_call(c, m, fn, arg);
}
