/*
 * checks.c - see checks.h. All of it is answered at once, from memory and sqlite's page cache.
 */
#include "authd/checks.h"

#include "authd/accounts.h"
#include "authd/authd.h"
#include "authd/quota.h"
#include "authd/resolve.h"
#include "authd/ticket.h"
#include "base/log.h"
#include "mail/address.h"

/* ---- recipients ---- */

static enum rcpt_verdict
rcpt_verdict(const struct resolved *r, struct str user, uint64_t size)
{
	/* A foreign address: strangers may not relay; users could, once outbound delivery is there.
	 */
	if (r->verdict == RCPT_RELAY)
		return user.n > 0 ? RCPT_NO_ROUTE : RCPT_RELAY;
	if (r->verdict != RCPT_OK)
		return r->verdict;
	/* One full mailbox defers the whole recipient: the sender hears of it, and nobody is left
	 * out in silence. */
	for (size_t i = 0; i < r->n; i++)
		if (!quota_room(r->targets[i], size))
			return RCPT_QUOTA;
	return RCPT_OK;
}

void
checks_rcpt(struct ipc_chan *c, struct ipc_in *m)
{
	struct str given = ipc_get_str(m), user = ipc_get_str(m), address;
	uint64_t size = ipc_get_u64(m);
	struct resolved r = {.verdict = RCPT_NO_USER};
	enum rcpt_verdict verdict;
	struct ipc_out out;
	struct arena a;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	/* What has no canonical form is nobody's: 550 5.1.1. */
	if (address_canonical(given, &a, &address, NULL) == 0 &&
	    resolve(authd.db, address, &authd.rules, &a, &r, &e) < 0) {
		log_error("auth.rcpt", LS("address", given), LE(&e));
		ipc_reply_error(c, m->id, &e);
		goto out;
	}
	if (r.over || r.loop)
		log_warn("auth.alias", LS("address", given),
		    LZ("reason", r.loop ? "leads in a circle" : "leads too far"));
	verdict = rcpt_verdict(&r, user, size);
	ipc_begin(&out, MSG_RCPT_CHECK_R);
	ipc_put_u32(&out, verdict);
	ipc_put_list(&out, r.targets, verdict == RCPT_OK ? r.n : 0);
	ipc_reply(c, m->id, &out);
out:
	arena_free(&a);
}

/* ---- senders ---- */

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
	for (size_t i = 0; i < r.n; i++)
		if (str_eq(r.targets[i], user))
			return 1;
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
