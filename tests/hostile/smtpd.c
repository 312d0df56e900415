/*
 * smtpd.c - a hostile gk-smtpd: the real one, but it can still write to what it has committed
 * (INVARIANTS 13). Memory files are not sealed; the file lent for a large message stays open, and
 * is written over as soon as the message is taken. (A small message is copied with its commit.)
 *
 * Beside each message that it has signed it tries what a captured one would (INVARIANTS 15): tokens
 * that it has not, and other senders for the one that it has. Each attempt is a line
 * "hostile.attempt what=… result=refused" in the log.
 *
 * A message whose subject begins with "attack WORD" is handed in as another than it was (INVARIANTS
 * 20): the words are in the table of attacks.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "ipc/wire.h"
#include "mail/envelope.h"

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

/* ---- what was approved, handed in as something else ---- */

/* The message as it is about to be handed in. */
struct handing {
	struct envelope env;
	struct arena a;
	struct str octets;
	bool token; /* it has the one of the real message, also under another id */
};

static struct str token;

static struct str
insert(struct handing *h, size_t at, const char *text)
{
	return arena_printf(&h->a, STR_FMT "%s" STR_FMT, STR_ARG(str_sub(h->octets, 0, at)), text,
	    STR_ARG(str_from(h->octets, at)));
}

static void
change_body(struct handing *h)
{
	h->octets = arena_dup(&h->a, h->octets);
	*((char *)(uintptr_t)h->octets.p + h->octets.n - 3) ^= 1;
}

static void
add_line(struct handing *h)
{
	h->octets = insert(h, h->octets.n, "one line more\r\n");
}

static void
cut_line(struct handing *h)
{
	h->octets =
	    str_sub(h->octets, 0, str_rchr(str_sub(h->octets, 0, h->octets.n - 2), '\n') + 1);
}

static void
add_field(struct handing *h)
{
	h->octets = insert(h, h->env.return_path, "Reply-To: eve@elsewhere.test\r\n");
}

static void
change_subject(struct handing *h)
{
	h->octets = arena_dup(&h->a, h->octets);
	*((char *)(uintptr_t)h->octets.p + str_find(h->octets, STR("attack")) + 7) ^= 32;
}

/* Carol lives here too. */
static void
set_rcpt(struct handing *h, uint32_t i)
{
	struct envelope_rcpt *r = &h->env.rcpts[i];
	struct str host = str_from(h->env.sender, str_rchr(h->env.sender, '@'));

	*r = h->env.rcpts[0];
	r->address = arena_printf(&h->a, "carol" STR_FMT, STR_ARG(host));
	r->targets = arena_new(&h->a, struct str);
	r->targets[0] = r->address;
	r->ntargets = r->nlocal = 1;
}

static void
add_rcpt(struct handing *h)
{
	struct envelope_rcpt *v = arena_array(&h->a, h->env.nrcpts + 1, sizeof(*v));

	memcpy(v, h->env.rcpts, h->env.nrcpts * sizeof(*v));
	h->env.rcpts = v;
	set_rcpt(h, h->env.nrcpts++);
}

static void
change_rcpt(struct handing *h)
{
	set_rcpt(h, 0);
}

static void
change_sender(struct handing *h)
{
	h->env.sender = arena_printf(
	    &h->a, "bob" STR_FMT, STR_ARG(str_from(h->env.sender, str_rchr(h->env.sender, '@'))));
}

static void
change_hold(struct handing *h)
{
	h->env.release = h->env.arrived + 3600 * INT64_C(1000000);
}

static void
change_user(struct handing *h)
{
	h->env.user = arena_printf(
	    &h->a, "bob" STR_FMT, STR_ARG(str_from(h->env.user, str_rchr(h->env.user, '@'))));
}

static void
new_id(struct handing *h)
{
	char id[ID_SIZE];

	id_new(id);
	h->env.mid = arena_dup(&h->a, str_z(id));
}

static void
drop_token(struct handing *h)
{
	new_id(h);
	h->token = false;
}

static void
say_approved(struct handing *h)
{
	drop_token(h);
	h->env.approval = STR("0123456789abcdef");
	h->env.actor = STR("agent");
}

static const struct {
	const char *word;
	void (*change)(struct handing *h);
} attacks[] = {{"body", change_body}, {"line", add_line}, {"cut", cut_line}, {"field", add_field},
    {"subject", change_subject}, {"bcc", add_rcpt}, {"rcpt", change_rcpt},
    {"sender", change_sender}, {"hold", change_hold}, {"user", change_user}, {"token", drop_token},
    {"approval", say_approved}, {"twice", NULL}};

static void
put_answered(void *what, struct ipc_in *m, const struct err *e)
{
	log_info("hostile.attempt", LZ("what", what), LZ("result", m != NULL ? "taken" : "refused"),
	    LZ("why", m != NULL ? "" : e->text));
	if (m != NULL)
		(void)__real_ipc_end(m);
}

void __real_ipc_send(struct ipc_chan *c, struct ipc_out *m);
void __wrap_ipc_send(struct ipc_chan *c, struct ipc_out *m);

static uint64_t
hand_in(struct ipc_chan *c, struct handing *h, ipc_reply_fn fn, void *arg)
{
	struct ipc_out m;
	struct buf raw;
	uint64_t call;

	if (h->token && token.n > 0) {
		ipc_begin(&m, MSG_SPOOL_TOKEN);
		ipc_put_str(&m, h->env.mid);
		ipc_put_str(&m, token);
		__real_ipc_send(c, &m);
	}
	buf_init(&raw, 65536);
	if (envelope_encode(&h->env, &raw, NULL) < 0)
		abort();
	ipc_begin(&m, MSG_SPOOL_PUT);
	ipc_put_str(&m, buf_view(&raw));
	ipc_put_str(&m, h->octets);
	call = __real_ipc_call(c, &m, fn, arg);
	buf_free(&raw);
	return call;
}

/* The word behind "Subject: attack "; empty: none. */
static struct str
attack_of(struct str octets)
{
	static const struct str mark = STR_INIT("\nSubject: attack ");
	size_t at = str_find(octets, mark);
	struct str rest = str_from(octets, at + mark.n);

	return at < octets.n ? str_sub(rest, 0, str_chr(rest, '\r')) : STR("");
}

/* 0: it is no attack. */
static uint64_t
attack(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	struct handing h = {.token = true};
	struct wire_in w;
	struct str raw, word;
	uint64_t call = 0;

	wire_open(&w, str_of(m->p + IPC_HEADER_SIZE, m->n - IPC_HEADER_SIZE));
	raw = wire_str(&w);
	h.octets = wire_str(&w);
	arena_init(&h.a);
	word = attack_of(h.octets);
	if (word.n == 0 || envelope_decode(raw, &h.env, &h.a, NULL) < 0)
		goto out;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (!str_eq_z(word, attacks[i].word))
			continue;
		if (attacks[i].change != NULL) {
			attacks[i].change(&h);
			call = hand_in(c, &h, fn, arg);
		} else {
			call = hand_in(c, &h, fn, arg);
			for (int n = 0; n < 3; n++) {
				new_id(&h);
				(void)hand_in(c, &h, put_answered, (void *)(uintptr_t) "twice");
			}
		}
	}
	if (call != 0)
		ipc_drop(m);
out:
	arena_free(&h.a);
	return call;
}

void
__wrap_ipc_send(struct ipc_chan *c, struct ipc_out *m)
{
	struct wire_in w;

	if (m->type == MSG_SPOOL_TOKEN) {
		wire_open(&w, str_of(m->p + IPC_HEADER_SIZE, m->n - IPC_HEADER_SIZE));
		(void)wire_str(&w);
		token = wire_str(&w);
		token = str_of(mem_dup(token.p, token.n), token.n);
	}
	__real_ipc_send(c, m);
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
	struct str own;
	uint64_t call;

	if (m->type == MSG_SPOOL_PUT && (call = attack(c, m, fn, arg)) != 0)
		return call;
	if (m->type != MSG_SIGN_PUT)
		return __real_ipc_call(c, m, fn, arg);
	wire_open(&w, str_of(m->p + IPC_HEADER_SIZE, m->n - IPC_HEADER_SIZE));
	(void)wire_str(&w);
	own = wire_str(&w);
	randombytes_buf(invented, sizeof(invented));
	try_sign(c, "own address", own, alice);
	try_sign(c, "no token", STR(""), alice);
	try_sign(c, "invented token", str_of(invented, sizeof(invented)), alice);
	try_sign(c, "half a token", str_sub(own, 0, own.n / 2), alice);
	try_sign(c, "another user", own, "From: carol@example.test" REST);
	try_sign(c, "another domain", own, "From: boss@other.test" REST);
	try_sign(c, "the server", own, "From: root@mail.example.test" REST);
	try_sign(c, "another author too", own, "From: alice@example.test, carol@example.test" REST);
	try_sign(
	    c, "two From fields", own, "From: alice@example.test\r\nFrom: boss@other.test" REST);
	try_sign(
	    c, "Sender is own", own, "From: carol@example.test\r\nSender: alice@example.test" REST);
	if (nfirst > 0 && !str_eq(own, str_of(first, nfirst)))
		try_sign(c, "token of a session that is over", str_of(first, nfirst), alice);
	nfirst = own.n < sizeof(first) ? own.n : 0;
	memcpy(first, own.p, nfirst);
	return __real_ipc_call(c, m, fn, arg);
}
