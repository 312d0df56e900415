/*
 * checks.c - see checks.h. All of it is answered at once, from memory and sqlite's page cache.
 */
#include "authd/checks.h"

#include <sodium.h>

#include "authd/accounts.h"
#include "authd/authd.h"
#include "authd/grey.h"
#include "authd/quota.h"
#include "authd/rates.h"
#include "authd/resolve.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/srs.h"
#include "svc/conf.h"
#include "svc/svc.h"

/* ---- recipients ---- */

/* An address at another host leads there for who may send abroad: users, and the queue, whose
 * notifications go to whoever wrote. Strangers may not relay. */
static void
relay(struct resolved *r, bool may, struct str given, struct arena *a)
{
	struct str foreign;

	if (r->verdict != RCPT_RELAY || !may)
		return;
	if (resolve_is_host(given, &authd.rules) || resolve_foreign(given, a, &foreign, NULL) < 0) {
		r->verdict = RCPT_NO_USER;
		return;
	}
	r->targets = arena_array(a, 1, sizeof(*r->targets));
	r->targets[r->n++] = foreign;
	r->verdict = RCPT_OK;
}

static enum rcpt_verdict
rcpt_verdict(const struct resolved *r, uint64_t size)
{
	if (r->verdict != RCPT_OK)
		return r->verdict;
	/* One full mailbox defers the whole recipient: the sender hears of it, and nobody is left
	 * out in silence. */
	for (size_t i = 0; i < r->nlocal; i++)
		if (!quota_room(r->targets[i], size))
			return RCPT_QUOTA;
	return RCPT_OK;
}

/* A question about a recipient, and what became of it. */
struct rcpt {
	struct str given, user, address;
	uint64_t size;
	struct arena a;
	struct resolved r;
	enum rcpt_verdict verdict;
};

/* ---- rewritten senders (mail/srs.h) ---- */

/* Their secret is made of the installation's, so that there is nothing more to keep. */
static void
srs_key(unsigned char out[SRS_KEY])
{
	static const unsigned char purpose[] = "sender rewriting";

	crypto_generichash(
	    out, SRS_KEY, purpose, sizeof(purpose) - 1, authd.fake_key, sizeof(authd.fake_key));
}

static uint64_t
today(void)
{
	return (uint64_t)clock_wall() / 86400;
}

/* A bounce to a sender that was rewritten here is for who wrote. What looks like one and is none
 * goes the way of any address. */
static bool
rewritten(struct str given, struct arena *a, struct str *out)
{
	struct str local, domain;
	unsigned char key[SRS_KEY];
	bool yes;

	if (!address_split(given, &local, &domain) || !srs_is(local) ||
	    address_domain(domain, ADDRESS_UTF8, a, &domain, NULL) < 0 ||
	    accounts_domain(authd.db, domain, NULL) != 1)
		return false;
	srs_key(key);
	yes = srs_reverse(key, local, today(), a, out, NULL) == 0;
	sodium_memzero(key, sizeof(key));
	return yes;
}

static struct str
forwarded(struct str sender, struct str domain, struct arena *a)
{
	struct str local, from, out = sender;
	unsigned char key[SRS_KEY];
	struct err e;

	/* What comes from us, SPF finds in order already. */
	if (!address_split(sender, &local, &from) || accounts_domain(authd.db, from, NULL) != 0 ||
	    accounts_domain(authd.db, domain, NULL) != 1)
		return sender;
	srs_key(key);
	if (srs_forward(key, sender, domain, today(), a, &out, &e) < 0) {
		log_info("auth.not_rewritten", LS("sender", sender), LE(&e));
		out = sender;
	}
	sodium_memzero(key, sizeof(key));
	return out;
}

void
checks_forward(struct ipc_chan *c, struct ipc_in *m)
{
	struct str sender = ipc_get_str(m), domain = ipc_get_str(m);
	struct ipc_out out;
	struct arena a;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	ipc_begin(&out, MSG_SENDER_FORWARD_R);
	ipc_put_str(&out, forwarded(sender, domain, &a));
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

/* Where the address leads, and whether that is allowed. -1: an error was answered. */
static int
rcpt_look(struct rcpt *q, struct ipc_chan *c, uint64_t call)
{
	bool may = q->user.n > 0 || ipc_peer_of(c) == PEER_QUEUE;
	struct str given = q->given;
	struct err e;

	q->r = (struct resolved){.verdict = RCPT_NO_USER};
	may |= rewritten(q->given, &q->a, &given);
	/* What has no canonical form is nobody's: 550 5.1.1. */
	if (address_canonical(given, &q->a, &q->address, NULL) == 0 &&
	    resolve(authd.db, q->address, &authd.rules, &q->a, &q->r, &e) < 0) {
		log_error("auth.rcpt", LS("address", q->given), LE(&e));
		ipc_reply_error(c, call, &e);
		return -1;
	}
	if (q->r.over || q->r.loop)
		log_warn("auth.alias", LS("address", q->given),
		    LZ("reason", q->r.loop ? "leads in a circle" : "leads too far"));
	relay(&q->r, may, given, &q->a);
	q->verdict = rcpt_verdict(&q->r, q->size);
	if (q->user.n > 0 && q->verdict == RCPT_OK)
		grey_wrote(q->user, q->address);
	return 0;
}

static void
rcpt_tell(const struct rcpt *q, struct ipc_out *out)
{
	ipc_put_u32(out, q->verdict);
	ipc_put_u32(out, q->verdict == RCPT_OK ? (uint32_t)q->r.nlocal : 0);
	ipc_put_list(out, q->r.targets, q->verdict == RCPT_OK ? q->r.n : 0);
}

void
checks_rcpt(struct ipc_chan *c, struct ipc_in *m)
{
	struct rcpt q = {.given = ipc_get_str(m)};
	struct ipc_out out;

	q.user = ipc_get_str(m);
	q.size = ipc_get_u64(m);
	if (ipc_end(m) < 0)
		return;
	arena_init(&q.a);
	if (rcpt_look(&q, c, m->id) == 0) {
		ipc_begin(&out, MSG_RCPT_CHECK_R);
		rcpt_tell(&q, &out);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&q.a);
}

void
checks_admit(struct ipc_chan *c, struct ipc_in *m)
{
	struct rcpt q = {.given = ipc_get_str(m)};
	struct str sender, peer;
	struct ipc_out out;
	uint32_t first, wait = 0;

	q.user = ipc_get_str(m);
	q.size = ipc_get_u64(m);
	sender = ipc_get_str(m);
	peer = ipc_get_str(m);
	first = ipc_get_u32(m);
	if (ipc_end(m) < 0)
		return;
	arena_init(&q.a);
	if (rcpt_look(&q, c, m->id) < 0)
		goto out;
	/* A recipient that is refused anyway counts all the same: it was asked for. */
	if (q.user.n > 0) {
		enum rcpt_verdict v = rates_take(q.user, sender, first != 0, &wait);

		q.verdict = v != RCPT_OK ? v : q.verdict;
	} else if (q.verdict == RCPT_OK) {
		wait = grey_check(peer, sender, q.address, q.r.targets, q.r.n);
		q.verdict = wait > 0 ? RCPT_GREY : RCPT_OK;
	}
	ipc_begin(&out, MSG_RCPT_ADMIT_R);
	rcpt_tell(&q, &out);
	ipc_put_u32(&out, wait);
	ipc_reply(c, m->id, &out);
out:
	arena_free(&q.a);
}

/* ---- senders ---- */

/* An alias of several is nobody's own: its members write from it where the operator says so. */
static bool
is_granted(struct str address, struct arena *a)
{
	struct str local, domain, name = address, tag;

	if (address_split(address, &local, &domain)) {
		address_split_tag(local, authd.rules.separator, &name, &tag);
		name = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(domain));
	}
	for (size_t i = 0; i < authd.ngroup_senders; i++)
		if (str_eq_z(authd.group_senders[i], "*") ||
		    str_ieq(authd.group_senders[i], address) ||
		    str_ieq(authd.group_senders[i], name))
			return true;
	return false;
}

int
checks_owns(struct str user, struct str address, struct arena *a, struct err *e)
{
	struct str local, domain, name, tag, canonical;
	struct resolved r;

	if (address_canonical(address, a, &canonical, NULL) < 0)
		return 0;
	if (str_eq(canonical, user))
		return 1;
	if (authd.rules.separator != '\0' && address_split(canonical, &local, &domain)) {
		address_split_tag(local, authd.rules.separator, &name, &tag);
		if (tag.p != NULL && str_eq(user, arena_printf(a, STR_FMT "@" STR_FMT,
						      STR_ARG(name), STR_ARG(domain))))
			return 1;
	}
	if (resolve(authd.db, canonical, &authd.rules, a, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.nlocal; i++)
		if (str_eq(r.targets[i], user))
			return r.nlocal == 1 || is_granted(canonical, a);
	return 0;
}

void
checks_sender(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m), address = ipc_get_str(m);
	struct ipc_out out;
	struct arena a;
	struct err e;
	int owns;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	/* Who is gone owns nothing, however long its session lasts. */
	if ((owns = accounts_is_user(authd.db, user, &e)) == 1)
		owns = checks_owns(user, address, &a, &e);
	if (owns < 0) {
		log_error("auth.sender", LS("user", user), LE(&e));
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_SENDER_CHECK_R);
		ipc_put_u32(&out, (uint32_t)owns);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

void
checks_sender_list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m), *v;
	struct ipc_out out;
	struct arena a;
	struct err e;
	size_t n = 0, kept = 0;
	int is;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if ((is = accounts_is_user(authd.db, user, &e)) == 0)
		is = err_set(&e, E_NOTFOUND, "no such user");
	if (is == 1)
		is = accounts_addresses(authd.db, user, &a, &v, &n, &e);
	/* What leads there may be cut off on the way: by a user of that name, say. */
	for (size_t i = 0; i < n && is >= 0; i++)
		if ((is = checks_owns(user, v[i], &a, &e)) == 1)
			v[kept++] = v[i];
	if (is < 0) {
		log_error("auth.sender", LS("user", user), LE(&e));
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_SENDER_LIST_R);
		ipc_put_list(&out, v, kept);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

/* ---- domains ---- */

void
checks_domain(struct ipc_chan *c, struct ipc_in *m)
{
	struct str given = ipc_get_str(m), domain;
	struct ipc_out out;
	struct arena a;
	struct err e;
	int known = 0;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (address_domain(given, ADDRESS_UTF8, &a, &domain, NULL) == 0)
		known = accounts_domain(authd.db, domain, &e);
	if (known < 0) {
		log_error("auth.domain", LS("domain", given), LE(&e));
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_DOMAIN_CHECK_R);
		ipc_put_u32(&out, (uint32_t)known);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

/* ---- what is to be signed ---- */

/* Where the operator lets users send as any address, it is signed for them in their own domain. */
static bool
is_free(struct str user, struct str address)
{
	const struct str *free_ones;
	size_t n;

	if (!str_ieq(address_host(user), address_host(address)))
		return false;
	if (!conf_bool(svc_conf(), CONF_SUBMISSION_SENDER_OWNERSHIP))
		return true;
	free_ones = conf_list(svc_conf(), CONF_SUBMISSION_FREE_SENDERS, &n);
	for (size_t i = 0; i < n; i++)
		if (str_ieq(free_ones[i], address_host(user)))
			return true;
	return false;
}

/* 1, 0, -1. */
static int
may_sign(struct str user, const struct str *addresses, size_t n, struct arena *a, struct err *e)
{
	int owns = n > 0;

	for (size_t i = 0; i < n && owns == 1; i++)
		if (!is_free(user, addresses[i]))
			owns = checks_owns(user, addresses[i], a, e);
	return owns;
}

void
checks_sign(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), user = STR("");
	uint32_t n = ipc_get_list(m);
	struct str *addresses;
	bool trusted = false;
	struct ipc_out out;
	struct arena a;
	struct err e = {0};
	int owns = -1;

	arena_init(&a);
	addresses = arena_array(&a, (size_t)n + 1, sizeof(*addresses));
	for (uint32_t i = 0; i < n; i++)
		addresses[i] = ipc_get_item(m);
	if (ipc_end(m) < 0)
		goto out;
	if (!token_find(token, &user, &trusted)) {
		log_warn("auth.token", LZ("reason", "unknown, or its session is over"));
		err_set(&e, E_DENIED, "bad token");
	} else {
		owns = trusted ? 1 : may_sign(user, addresses, n, &a, &e);
	}
	if (owns < 0) {
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_SIGN_CHECK_R);
		ipc_put_str(&out, user);
		ipc_put_u32(&out, (uint32_t)owns);
		ipc_reply(c, m->id, &out);
	}
out:
	arena_free(&a);
}

void
checks_sender_token(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	bool trusted = ipc_get_u32(m) != 0;
	unsigned char token[TOKEN_SIZE];
	struct ipc_out out;

	if (ipc_end(m) < 0)
		return;
	/* Only the kernel's word, through master, makes anybody trusted. */
	trusted = trusted && ipc_peer_of(c) == PEER_MASTER;
	token_issue(user, trusted, token);
	ipc_begin(&out, MSG_SENDER_TOKEN_R);
	ipc_put_str(&out, str_of(token, sizeof(token)));
	ipc_reply(c, m->id, &out);
}

void
checks_sender_end(struct ipc_in *m)
{
	struct str token = ipc_get_str(m);

	if (ipc_end(m) == 0)
		token_end(token);
}

/* ---- users ---- */

static void
tell_user(struct ipc_chan *c, uint64_t call, enum ipc_type reply, struct str user)
{
	struct account account;
	struct ipc_out out;
	struct arena a;
	struct err e;
	int rc;

	arena_init(&a);
	if ((rc = accounts_user(authd.db, user, &a, &account, &e)) == 0)
		err_set(&e, E_NOTFOUND, "no such user");
	if (rc != 1)
		ipc_reply_error(c, call, &e);
	else {
		ipc_begin(&out, reply);
		ipc_put_str(&out, account.address);
		ipc_put_u64(&out, account.quota);
		ipc_reply(c, call, &out);
	}
	arena_free(&a);
}

void
checks_ticket(struct ipc_chan *c, struct ipc_in *m)
{
	struct str ticket = ipc_get_str(m), service = ipc_get_str(m), user;
	uint32_t front = ipc_get_u32(m);
	uint64_t conn = ipc_get_u64(m);
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if (ticket_redeem(ticket, service, (enum ipc_peer)front, conn, &user)) {
		tell_user(c, m->id, MSG_TICKET_REDEEM_R, user);
		return;
	}
	log_warn("auth.ticket", LS("service", service), LU("front", front), LU("conn", conn),
	    LZ("reason", "unknown, used, late, or of another connection"));
	err_set(&e, E_DENIED, "bad ticket");
	ipc_reply_error(c, m->id, &e);
}

void
checks_user(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m), canonical;
	struct arena a;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (address_canonical(user, &a, &canonical, &e) < 0)
		ipc_reply_error(c, m->id, &e);
	else
		tell_user(c, m->id, MSG_USER_CHECK_R, canonical);
	arena_free(&a);
}

void
checks_usage_set(struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	uint64_t octets = ipc_get_u64(m), messages = ipc_get_u64(m);

	if (ipc_end(m) == 0)
		quota_set(user, octets, messages);
}

void
checks_usage_add(struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	uint64_t octets = ipc_get_u64(m), messages = ipc_get_u64(m);

	if (ipc_end(m) == 0)
		quota_add(user, octets, messages);
}
