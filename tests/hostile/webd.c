/*
 * webd.c - a hostile gk-webd: the real one, with what a captured front would try at gk-authd and
 * the parent of the owners beside its proper work (INVARIANTS 16). Linked in front of ipc_call();
 * each attempt is a line "hostile.attempt what=… result=refused" in the log.
 *
 * A login: the same credential for other services and mechanisms. A session: tokens that are
 * invented, changed, cut. A proof: for another session, another connection, twice, as a ticket; a
 * ticket as a proof, for another connection, twice. Another user's session by its id.
 */
#include <fcntl.h>
#include <sodium.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/kinds.h"
#include "ipc/packet.h"
#include "svc/svc.h"

#define BORROWED 1000000u

/* A call of the real front, whose answer is looked into. */
struct call {
	struct ipc_chan *chan;
	ipc_reply_fn fn;
	void *arg;
	struct str service, token;
	uint64_t conn;
};

static struct str victim, victim_id; /* the session that was opened first */

uint64_t __real_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
uint64_t __wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);

static struct str
copy(struct str s)
{
	return str_of(mem_dup(s.n > 0 ? s.p : "", s.n), s.n);
}

static void
skip(struct ipc_in *m)
{
	while (*m->fields != '\0')
		switch (*m->fields) {
		case 'u':
			(void)ipc_get_u32(m);
			break;
		case 'q':
			(void)ipc_get_u64(m);
			break;
		case 's':
			(void)ipc_get_str(m);
			break;
		default:
			for (uint32_t n = ipc_get_list(m); n > 0; n--)
				(void)ipc_get_item(m);
		}
	(void)ipc_end(m);
}

static void
tried(void *what, struct ipc_in *m, const struct err *e)
{
	bool taken = m != NULL;

	if (taken && m->type == MSG_AUTH_START_R)
		taken = ipc_get_u32(m) == AUTH_OK;
	if (m != NULL)
		skip(m);
	log_info("hostile.attempt", LZ("what", what), LZ("result", taken ? "taken" : "refused"),
	    LZ("why", m != NULL ? "" : e->text));
}

static void
send_try(struct ipc_chan *c, const char *what, struct ipc_out *m)
{
	__real_ipc_call(c, m, tried, (void *)(uintptr_t)what);
}

/* ---- attempts ---- */

/* A message of a token, and a word where the row has one. */
static void
try_token(const char *what, enum ipc_type type, struct str token, const char *word)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_str(&m, token);
	if (type == MSG_SESSION_OPEN) {
		ipc_put_z(&m, "192.0.2.66");
		ipc_put_z(&m, "");
	} else if (type == MSG_SESSION_TICKET)
		ipc_put_u64(&m, BORROWED);
	else if (word != NULL)
		ipc_put_z(&m, word);
	send_try(svc_channel(PEER_AUTHD), what, &m);
}

static void
try_proof(const char *what, struct str token, struct str proof, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_WEB_PASSWD);
	ipc_put_str(&m, token);
	ipc_put_str(&m, proof);
	ipc_put_u64(&m, conn);
	ipc_put_z(&m, "the password of a thief");
	send_try(svc_channel(PEER_AUTHD), what, &m);
}

static void
try_owner(const char *what, struct str ticket, uint64_t conn)
{
	struct ipc_out m;
	int pair[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	ipc_begin(&m, MSG_OWNER_OPEN);
	ipc_put_str(&m, ticket);
	ipc_put_u64(&m, conn);
	ipc_put_z(&m, "192.0.2.66");
	ipc_put_z(&m, "hostile");
	ipc_put_z(&m, "");
	ipc_put_fd(&m, pair[1]); /* our end stays open */
	send_try(svc_channel(PEER_MAILBOXD), what, &m);
}

static void
try_login(const char *what, const char *service, const char *mech, struct str initial)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_AUTH_START);
	ipc_put_z(&m, service);
	ipc_put_z(&m, mech);
	ipc_put_u32(&m, 1);
	ipc_put_str(&m, initial);
	ipc_put_z(&m, "192.0.2.66");
	ipc_put_u32(&m, 1);
	ipc_put_z(&m, "");
	ipc_put_z(&m, "");
	ipc_put_u64(&m, BORROWED);
	ipc_put_z(&m, "hostile");
	send_try(svc_channel(PEER_AUTHD), what, &m);
}

/* Who has a token of one user: what it opens. */
static void
with_token(struct str token)
{
	struct str bent = copy(token);
	char random[32];

	randombytes_buf(random, sizeof(random));
	((char *)(uintptr_t)bent.p)[31] ^= 1;
	try_token("invented token", MSG_SESSION_TICKET, str_of(random, sizeof(random)), NULL);
	try_token("changed token", MSG_SESSION_OPEN, bent, NULL);
	try_token("half a token", MSG_SESSION_TICKET, str_sub(token, 0, 16), NULL);
	try_token("no token", MSG_SESSION_LIST, STR(""), NULL);
	try_proof("no proof", token, STR(""), 1);
	if (victim.n == 0 || str_eq(token, victim))
		return;
	try_token("id in place of a token", MSG_SESSION_OPEN, victim_id, NULL);
	try_token("session of another user", MSG_SESSION_END, token, victim_id.p);
}

/* ---- what the real one hears ---- */

/* A wrong use spends a ticket: each attempt has one of its own. */
static void
got_ticket(struct str ticket, uint64_t conn, bool first)
{
	if (first) {
		try_proof("ticket as a proof", victim, ticket, conn);
		return;
	}
	try_owner("ticket of another connection", ticket, conn + BORROWED);
	try_owner("ticket that was shown wrongly", ticket, conn);
}

static void
got_proof(struct str proof, uint64_t conn)
{
	static unsigned n;

	if (n == 0)
		try_owner("proof as a ticket", proof, conn);
	else if (n == 1)
		try_proof("proof of another connection", victim, proof, conn + 1);
	else
		try_proof("proof of another user", victim, proof, conn);
	n++;
}

static void
heard(void *arg, struct ipc_in *m, const struct err *e)
{
	struct call *call = arg;
	struct ipc_in peek;

	if (m != NULL && m->type == MSG_SESSION_OPEN_R) {
		peek = *m;
		(void)ipc_get_str(&peek);
		if (victim.n == 0) {
			victim = copy(call->token);
			victim_id = copy(ipc_get_str(&peek));
		}
		with_token(call->token);
	} else if (m != NULL && m->type == MSG_AUTH_START_R) {
		peek = *m;
		if (ipc_get_u32(&peek) == AUTH_OK && str_eq(call->service, STR("prove"))) {
			(void)ipc_get_u64(&peek);
			(void)ipc_get_str(&peek);
			(void)ipc_get_str(&peek);
			got_proof(copy(ipc_get_str(&peek)), call->conn);
		}
	}
	call->fn(call->arg, m, e);
}

static void
hear_ticket(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)e;
	if (m == NULL)
		return;
	got_ticket(copy(ipc_get_str(m)), BORROWED, arg == &victim);
	(void)ipc_end(m);
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

static void
on_login(struct call *call, struct ipc_in in)
{
	struct str initial;

	call->service = copy(ipc_get_str(&in));
	(void)ipc_get_str(&in);
	(void)ipc_get_u32(&in);
	initial = copy(ipc_get_str(&in));
	(void)ipc_get_str(&in);
	(void)ipc_get_u32(&in);
	(void)ipc_get_str(&in);
	(void)ipc_get_str(&in);
	call->conn = ipc_get_u64(&in);
	if (str_eq(call->service, STR("web"))) {
		try_login("service of another front", "imap", "PLAIN", initial);
		try_login("service that signs", "smtp", "PLAIN", initial);
		try_login("service that is none", "", "PLAIN", initial);
		try_login("another mechanism", "web", "LOGIN", initial);
	}
}

uint64_t
__wrap_ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	struct call *call;
	struct ipc_out ticket;

	if (m->type != MSG_AUTH_START && m->type != MSG_SESSION_OPEN)
		return __real_ipc_call(c, m, fn, arg);
	call = mem_alloc(sizeof(*call));
	*call = (struct call){.chan = c, .fn = fn, .arg = arg};
	if (m->type == MSG_AUTH_START)
		on_login(call, look_into(m));
	else {
		struct ipc_in in = look_into(m);

		call->token = copy(ipc_get_str(&in));
		for (int i = 0; victim.n > 0 && i < 2; i++) {
			ipc_begin(&ticket, MSG_SESSION_TICKET);
			ipc_put_str(&ticket, call->token);
			ipc_put_u64(&ticket, BORROWED);
			__real_ipc_call(c, &ticket, hear_ticket, i == 0 ? &victim : NULL);
		}
	}
	return __real_ipc_call(c, m, heard, call);
}
