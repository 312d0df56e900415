/*
 * imapd.c - a hostile gk-imapd: the real one, with what a captured front would try at the parent of
 * the owners beside its proper work (INVARIANTS 16). Linked in front of ipc_call() and
 * park_message(); each attempt is a line "hostile.attempt what=… result=refused" in the log.
 *
 * A login: the ticket again, for another connection, as the second try of a ticket that was first
 * shown for another connection; an invented one. A resume: token, record and connection of two
 * users' parked connections in every wrong mixture, changed octets, the right ones twice. A kick:
 * the token of who was parked.
 */
#include <fcntl.h>
#include <sodium.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "imapd/imapd.h"
#include "ipc/kinds.h"

struct parked {
	uint64_t conn;
	struct str token, record;
	struct parked *next;
};

static struct parked *all;
static unsigned opens;

uint64_t __real_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
uint64_t __wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
void __real_park_message(struct ipc_chan *ch, struct ipc_in *m);
void __wrap_park_message(struct ipc_chan *ch, struct ipc_in *m);

static struct str
copy(struct str s)
{
	return str_of(mem_dup(s.p, s.n), s.n);
}

static void
tried(void *what, struct ipc_in *m, const struct err *e)
{
	log_info("hostile.attempt", LZ("what", what), LZ("result", m != NULL ? "taken" : "refused"),
	    LZ("why", m != NULL ? "" : e->text));
	if (m != NULL) {
		if (m->type == MSG_OWNER_OPEN_R)
			ipc_get_str(m);
		(void)ipc_end(m);
	}
}

static void
put_pair(struct ipc_out *m)
{
	int pair[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	ipc_put_fd(m, pair[1]); /* our end stays open */
}

static void
try_open(struct ipc_chan *c, const char *what, struct str ticket, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_OWNER_OPEN);
	ipc_put_str(&m, ticket);
	ipc_put_u64(&m, conn);
	ipc_put_z(&m, "192.0.2.66");
	ipc_put_z(&m, "hostile");
	ipc_put_z(&m, "x");
	put_pair(&m);
	__real_ipc_call(c, &m, tried, (void *)(uintptr_t)what);
}

static uint32_t told; /* of new mail, by the next try */

static void
try_resume(struct ipc_chan *c, const char *what, struct str token, struct str record, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_OWNER_RESUME);
	ipc_put_str(&m, token);
	ipc_put_str(&m, record);
	ipc_put_u64(&m, conn);
	ipc_put_z(&m, "192.0.2.66");
	ipc_put_z(&m, "hostile");
	ipc_put_u32(&m, told);
	put_pair(&m);
	__real_ipc_call(c, &m, tried, (void *)(uintptr_t)what);
}

/* What the front itself has just put into a message. */
static struct ipc_in
look_into(const struct ipc_out *m)
{
	return (struct ipc_in){.type = m->type,
	    .fields = ipc_kinds(m->type),
	    .p = m->p + IPC_HEADER_SIZE,
	    .n = m->n - IPC_HEADER_SIZE,
	    .fd = -1};
}

static uint64_t
on_open(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	struct ipc_in in = look_into(m);
	struct str ticket = copy(ipc_get_str(&in));
	uint64_t conn = ipc_get_u64(&in), id;
	char random[32];

	randombytes_buf(random, sizeof random);
	if (++opens == 2)
		try_open(c, "ticket of another connection", ticket, conn + 1000000);
	try_open(c, "invented ticket", str_of(random, sizeof random), conn + 1000001);
	try_open(c, "empty ticket", STR_NONE, conn + 1000002);
	try_open(c, "half a ticket", str_sub(ticket, 0, ticket.n / 2), conn);
	id = __real_ipc_call(c, m, fn, arg);
	try_open(c, "ticket again", ticket, conn);
	try_open(c, "ticket again, another connection", ticket, conn + 1000003);
	return id;
}

static uint64_t
on_resume(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	struct ipc_in in = look_into(m);
	struct str token = copy(ipc_get_str(&in)), record = copy(ipc_get_str(&in));
	uint64_t conn = ipc_get_u64(&in), id;
	struct str bent = copy(token), other = copy(record);
	char random[32];

	randombytes_buf(random, sizeof random);
	((char *)(uintptr_t)bent.p)[0] ^= 1;
	((char *)(uintptr_t)other.p)[other.n - 1] ^= 1;
	try_resume(c, "invented token", str_of(random, sizeof random), record, conn);
	try_resume(c, "changed token", bent, record, conn);
	try_resume(c, "changed record", token, other, conn);
	try_resume(c, "empty token", STR_NONE, record, conn);
	told = 1000000;
	try_resume(c, "mail that was never told of", token, record, conn);
	told = 0;
	try_resume(c, "moved border", str_of(token.p, token.n - 1), record, conn);
	for (const struct parked *p = all; p != NULL; p = p->next) {
		if (p->conn == conn)
			continue;
		try_resume(c, "own token, connection of another", token, record, p->conn);
		try_resume(c, "own token, record of another", token, p->record, conn);
		try_resume(c, "token of another, own connection", p->token, p->record, conn);
		try_resume(c, "token of another, own record", p->token, record, p->conn);
	}
	id = __real_ipc_call(c, m, fn, arg);
	try_resume(c, "token again", token, record, conn);
	return id;
}

uint64_t
__wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	if (m->type == MSG_OWNER_OPEN)
		return on_open(c, m, fn, arg);
	if (m->type == MSG_OWNER_RESUME)
		return on_resume(c, m, fn, arg);
	return __real_ipc_call(c, m, fn, arg);
}

static void
on_park(struct ipc_in peek)
{
	struct parked *p = mem_alloc(sizeof *p);

	p->conn = ipc_get_u64(&peek);
	(void)ipc_get_u64(&peek);
	p->token = copy(ipc_get_str(&peek));
	p->record = copy(ipc_get_str(&peek));
	p->next = all;
	all = p;
}

static void
on_kick(struct ipc_chan *c, struct ipc_in peek)
{
	uint64_t conn = ipc_get_u64(&peek);

	for (const struct parked *p = all; p != NULL; p = p->next)
		if (p->conn == conn)
			try_resume(c, "token of a revoked user", p->token, p->record, conn);
}

void
__wrap_park_message(struct ipc_chan *ch, struct ipc_in *m)
{
	if (m->type == MSG_PARK)
		on_park(*m);
	else if (m->type == MSG_KICK)
		on_kick(ch, *m);
	__real_park_message(ch, m);
}
