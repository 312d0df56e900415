/*
 * mailrcpt.c - MAIL and RCPT: who sends, to whom, and may they.
 *
 * What is a recipient of ours, and what a user may do, authd says; nothing here can make a yes of
 * its no. On port 25 nobody is a user, so only recipients of ours pass (no open relay under any
 * input).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "smtpd/answers.h"
#include "smtpd/message.h"
#include "smtpd/session.h"
#include "svc/conf.h"

/* Octets of an envelope beside its recipients: sender, user, helo, envid … */
#define ENVELOPE_OTHERS 4096u

void
transaction_reset(struct session *s)
{
	struct arena arena;

	message_free(&s->tx.message);
	arena_reset(&s->tx.arena);
	arena = s->tx.arena;
	s->tx = (struct transaction){.arena = arena};
}

enum reply
reply_of_err(const struct err *e)
{
	switch (e->code) {
	case E_NOSPACE:
	case E_LIMIT:
		return REPLY_NO_SPACE;
	case E_PERM:
		return REPLY_REFUSED;
	case E_CLOSED:
	case E_TIMEOUT:
	case E_TEMP:
		return REPLY_UNAVAILABLE;
	case E_OK:
	case E_INVAL:
	case E_PROTO:
	case E_NOTFOUND:
	case E_EXISTS:
	case E_DENIED:
	case E_QUOTA:
	case E_IO:
	case E_INTERNAL:
		break;
	}
	return REPLY_LOCAL_ERROR;
}

/* ---- whose address it is ---- */

bool
sender_must_own(const struct session *s)
{
	struct str domain = str_from(s->user, str_rchr(s->user, '@'));
	const struct str *free_ones;
	size_t n;

	if (s->user.n == 0 || s->trusted ||
	    !conf_bool(svc_conf(), CONF_SUBMISSION_SENDER_OWNERSHIP))
		return false;
	free_ones = conf_list(svc_conf(), CONF_SUBMISSION_FREE_SENDERS, &n);
	for (size_t i = 0; i < n; i++)
		if (domain.n > 1 && str_ieq(free_ones[i], str_from(domain, 1)))
			return false;
	return true;
}

int
sender_check(struct session *s, struct str address, ipc_reply_fn fn, void *arg, uint64_t *call)
{
	struct ipc_out m;

	if (str_ieq(address, s->user) || answers_sender(s->user, address))
		return 1;
	ipc_begin(&m, MSG_SENDER_CHECK);
	ipc_put_str(&m, s->user);
	ipc_put_str(&m, address);
	*call = ipc_call(svc_channel(PEER_AUTHD), &m, fn, arg);
	return 0;
}

enum reply
sender_verdict(struct str user, struct str address, struct ipc_in *m, const struct err *e)
{
	uint32_t owned;

	if (!m)
		return reply_of_err(e);
	owned = ipc_get_u32(m);
	if (ipc_end(m) < 0)
		return REPLY_LOCAL_ERROR;
	if (!owned)
		return REPLY_NOT_OWNER;
	answers_add_sender(user, address);
	return REPLY_OK;
}

/* ---- MAIL ---- */

static enum reply
mail_apply(struct slot *slot)
{
	struct session *s = slot->s;

	s->tx.pending = false;
	if (slot->reply != REPLY_OK)
		return slot->reply;
	s->tx.open = true;
	return REPLY_SENDER_OK;
}

static void
mail_checked(void *arg, struct ipc_in *m, const struct err *e)
{
	struct slot *slot = arg;
	struct session *s = slot->s;

	slot_ready(slot, sender_verdict(s->user, s->tx.sender, m, e));
	session_run(s);
}

/* What forbids a MAIL whatever it says. */
static enum reply
mail_forbidden(const struct session *s)
{
	if (s->helo_n == 0)
		return REPLY_HELO_FIRST;
	if (s->tx.open || s->tx.pending)
		return REPLY_IN_TRANSACTION;
	if (s->kind != SESSION_SMTP && s->user.n == 0) {
		bool plain = conf_bool(svc_conf(), CONF_SUBMISSION_AUTH_WITHOUT_TLS);

		return stream_is_tls(s->stream) || plain ? REPLY_AUTH_REQUIRED : REPLY_TLS_FIRST;
	}
	return message_no_room() ? REPLY_NO_SPACE : REPLY_OK;
}

/* A service of submission (RFC 4865 3). */
uint64_t
mail_max_hold(const struct session *s)
{
	return s->kind == SESSION_SMTP ? 0 : conf_num(svc_conf(), CONF_SUBMISSION_MAX_HOLD) / 1000;
}

/* RFC 4865 4, 5. A time that has passed is now. */
static enum reply
hold(const struct session *s, const struct command *c, int64_t *release)
{
	uint64_t max = mail_max_hold(s);
	int64_t now = clock_wall_us(), us;

	*release = 0;
	if (!(c->params & PARAM_HOLD))
		return REPLY_OK;
	if (max == 0)
		return REPLY_UNKNOWN_PARAM;
	us = c->hold_until > 0 ? c->hold_until * 1000000 : now + (int64_t)c->hold_for * 1000000;
	if (us > now + (int64_t)max * 1000000)
		return REPLY_SYNTAX;
	*release = us > now ? us : 0;
	return REPLY_OK;
}

/* All of them: an earlier MAIL that was refused may have left some. */
static void
take_params(struct transaction *tx, const struct command *c)
{
	tx->size = c->params & PARAM_SIZE ? c->size : 0;
	tx->envid = arena_dup(&tx->arena, c->envid);
	tx->ret = !(c->params & PARAM_RET) ? RET_NONE : c->ret_full ? RET_FULL : RET_HDRS;
	tx->flags = (c->params & PARAM_SMTPUTF8 ? ENVELOPE_SMTPUTF8 : 0) |
		    (c->eightbit ? ENVELOPE_8BITMIME : 0);
}

static enum reply
parse_address(struct session *s, struct str text, bool utf8, unsigned flags, struct address *out)
{
	struct arena *a = &s->tx.arena;

	if (address_parse(text, flags | (utf8 ? ADDRESS_UTF8 : 0), a, out, NULL) == 0)
		return REPLY_OK;
	/* RFC 6531 3.5: with the extension it would have been one. */
	if (!utf8 && !str_is_ascii(text) &&
	    address_parse(text, flags | ADDRESS_UTF8, a, out, NULL) == 0)
		return REPLY_NEED_SMTPUTF8;
	return REPLY_BAD_RCPT;
}

void
mail_command(struct session *s, const struct command *c)
{
	enum reply r = mail_forbidden(s);
	struct address address = {0};
	struct slot *slot;

	if (r == REPLY_OK)
		r = hold(s, c, &s->tx.release);
	if (r == REPLY_OK && c->params & PARAM_SIZE &&
	    c->size > conf_num(svc_conf(), CONF_SMTP_MAX_SIZE))
		r = REPLY_TOO_BIG;
	if (r == REPLY_OK && c->path.n > 0)
		r = parse_address(s, c->path, c->params & PARAM_SMTPUTF8, 0, &address);
	if (r == REPLY_OK)
		r = door_message(s);
	if (r != REPLY_OK) {
		session_refuse(s, r == REPLY_BAD_RCPT ? REPLY_BAD_SENDER : r, c->path);
		return;
	}
	take_params(&s->tx, c);
	s->tx.sender = address.text.n > 0 ? address.text : STR("");
	s->tx.pending = true;
	slot = slot_new(s, mail_apply);
	slot->about = s->tx.sender;
	slot->chan = svc_channel(PEER_AUTHD);
	/* The null path is what receipts (RFC 8098 3) and vacations come with; it is nobody's
	 * address. */
	if (s->kind == SESSION_SMTP || s->tx.sender.n == 0 || !sender_must_own(s) ||
	    sender_check(s, s->tx.sender, mail_checked, slot, &slot->call))
		slot_ready(slot, REPLY_OK);
}

/* ---- RCPT ---- */

static bool
is_repeated(const struct transaction *tx, struct str address)
{
	for (uint32_t i = 0; i < tx->nrcpts; i++)
		if (str_ieq(tx->rcpts[i].address, address))
			return true;
	return false;
}

/* Octets of a recipient in an encoded envelope. */
static size_t
weight(const struct envelope_rcpt *r)
{
	size_t n = 4 + r->address.n + 4 + r->orcpt.n + 4 + 4 + 4;

	for (uint32_t i = 0; i < r->ntargets; i++)
		n += 4 + r->targets[i].n;
	return n;
}

static void
add_rcpt(struct transaction *tx, const struct envelope_rcpt *r)
{
	if (tx->nrcpts == tx->cap) {
		uint32_t cap = tx->cap ? tx->cap * 2 : 8;
		struct envelope_rcpt *v = arena_array(&tx->arena, cap, sizeof(*v));

		if (tx->nrcpts > 0)
			memcpy(v, tx->rcpts, tx->nrcpts * sizeof(*v));
		tx->rcpts = v;
		tx->cap = cap;
	}
	tx->rcpts[tx->nrcpts++] = *r;
}

/* The recipient's turn in the order of replies: only now is it known whether MAIL was taken. */
static enum reply
rcpt_apply(struct slot *slot)
{
	struct transaction *tx = &slot->s->tx;
	size_t w = weight(&slot->rcpt);

	tx->waiting--;
	if (!tx->open)
		return REPLY_MAIL_FIRST;
	/* No message more: whichever recipient it is for. */
	if (slot->first && slot->reply == REPLY_USER_MESSAGES)
		tx->refused = slot->arg;
	if (tx->refused.n > 0) {
		slot->arg = tx->refused;
		return REPLY_USER_MESSAGES;
	}
	if (slot->reply != REPLY_OK)
		return slot->reply;
	/* Given twice, it gets one copy. */
	if (is_repeated(tx, slot->rcpt.address))
		return REPLY_RCPT_OK;
	if (tx->weight + w > ENVELOPE_MAX - ENVELOPE_OTHERS)
		return REPLY_TOO_MANY_RCPTS;
	tx->weight += w;
	add_rcpt(tx, &slot->rcpt);
	return REPLY_RCPT_OK;
}

static enum reply
verdict_reply(uint32_t verdict)
{
	static const enum reply replies[] = {
	    [RCPT_OK] = REPLY_OK,
	    [RCPT_NO_USER] = REPLY_NO_USER,
	    [RCPT_RELAY] = REPLY_RELAY,
	    [RCPT_QUOTA] = REPLY_QUOTA,
	    [RCPT_LOOP] = REPLY_LOOP,
	    [RCPT_MESSAGES] = REPLY_USER_MESSAGES,
	    [RCPT_RECIPIENTS] = REPLY_USER_RCPTS,
	    [RCPT_GREY] = REPLY_GREYLISTED,
	};

	return verdict < ARRAY_LEN(replies) ? replies[verdict] : REPLY_LOCAL_ERROR;
}

/* For people, who read it in a program's window. */
static struct str
wait_text(uint32_t seconds, struct arena *a)
{
	if (seconds < 120)
		return arena_printf(a, "%u seconds", seconds);
	if (seconds < 7200)
		return arena_printf(a, "%u minutes", (seconds + 59) / 60);
	return arena_printf(a, "%u hours", (seconds + 3599) / 3600);
}

/* The targets of an answer, into the transaction. */
static enum reply
take_answer(struct session *s, struct slot *slot, struct ipc_in *m)
{
	bool weighed = m->type == MSG_RCPT_ADMIT_R;
	uint32_t verdict = ipc_get_u32(m), nlocal = ipc_get_u32(m), n = ipc_get_list(m);
	struct str *targets = arena_array(&s->tx.arena, n, sizeof(*targets));

	for (uint32_t i = 0; i < n; i++)
		targets[i] = arena_dup(&s->tx.arena, ipc_get_item(m));
	if (weighed)
		slot->arg = wait_text(ipc_get_u32(m), &s->tx.arena);
	if (ipc_end(m) < 0)
		return REPLY_LOCAL_ERROR;
	if (verdict != RCPT_OK)
		return verdict_reply(verdict);
	if (n == 0 || nlocal > n)
		return REPLY_LOCAL_ERROR;
	slot->rcpt.targets = targets;
	slot->rcpt.ntargets = n;
	slot->rcpt.nlocal = nlocal;
	if (!weighed)
		answers_add_rcpt(s->user, s->tx.size, &slot->rcpt);
	return REPLY_OK;
}

static void
rcpt_checked(void *arg, struct ipc_in *m, const struct err *e)
{
	struct slot *slot = arg;
	struct session *s = slot->s;

	slot_ready(slot, m ? take_answer(s, slot, m) : reply_of_err(e));
	session_run(s);
}

static void
ask(struct session *s, struct slot *slot)
{
	struct envelope_rcpt *r = &slot->rcpt;
	bool weighed = door_is_weighed(s);
	struct ipc_out m;

	if (!weighed && answers_rcpt(s->user, s->tx.size, &s->tx.arena, r)) {
		slot_ready(slot, REPLY_OK);
		return;
	}
	ipc_begin(&m, weighed ? MSG_RCPT_ADMIT : MSG_RCPT_CHECK);
	ipc_put_str(&m, r->address);
	ipc_put_str(&m, s->user);
	ipc_put_u64(&m, s->tx.size);
	if (weighed) {
		ipc_put_str(&m, s->tx.sender);
		ipc_put_z(&m, s->peer);
		ipc_put_u32(&m, slot->first);
	}
	slot->chan = svc_channel(PEER_AUTHD);
	slot->call = ipc_call(slot->chan, &m, rcpt_checked, slot);
}

/* "<Postmaster>" alone is this server's (RFC 5321 4.5.1). */
static struct str
whole_address(struct session *s, const struct address *address)
{
	if (address->domain.n > 0)
		return address->text;
	return arena_printf(&s->tx.arena, "postmaster@" STR_FMT, STR_ARG(helo_host()));
}

bool
rcpt_command(struct session *s, const struct command *c)
{
	struct transaction *tx = &s->tx;
	uint64_t max = conf_num(svc_conf(), CONF_SMTP_MAX_RECIPIENTS);
	struct address address;
	struct slot *slot;
	enum reply r;

	if (!tx->open && !tx->pending) {
		session_refuse(s, REPLY_MAIL_FIRST, c->path);
		return true;
	}
	if (tx->bdat) {
		session_refuse(s, REPLY_BDAT_OPEN, c->path);
		return true;
	}
	/* Whether there is room is known when those under way are answered. */
	if (tx->nrcpts + tx->waiting >= max || tx->seen >= 4 * max + 100) {
		if (!TAILQ_EMPTY(&s->slots))
			return false;
		session_refuse(s, REPLY_TOO_MANY_RCPTS, c->path);
		return true;
	}
	tx->seen++;
	if ((r = door_rcpt(s)) == REPLY_OK)
		r = parse_address(
		    s, c->path, tx->flags & ENVELOPE_SMTPUTF8, ADDRESS_POSTMASTER, &address);
	if (r != REPLY_OK) {
		session_refuse(s, r, c->path);
		return true;
	}
	slot = slot_new(s, rcpt_apply);
	slot->rcpt.address = slot->about = whole_address(s, &address);
	slot->rcpt.orcpt = arena_dup(&tx->arena, c->orcpt);
	slot->rcpt.notify = c->params & PARAM_NOTIFY ? c->notify : NOTIFY_DEFAULT;
	slot->first = tx->asked == 0;
	tx->asked++;
	tx->waiting++;
	ask(s, slot);
	return true;
}
