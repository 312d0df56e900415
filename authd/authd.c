/*
 * authd.c - see authd.h.
 */
#include "authd/authd.h"

#include "authd/accounts.h"
#include "authd/agents.h"
#include "authd/cache.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "mail/address.h"
#include "svc/svc.h"

struct authd authd;

int
authd_name(struct str given, struct arena *a, struct str *out, struct err *e)
{
	struct str domain;

	if (given.n > 0 && str_chr(given, '@') == given.n) {
		if (accounts_sole_domain(authd.db, a, &domain, NULL) != 1)
			return err_set(e, E_INVAL, "the address needs a domain");
		given = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(given), STR_ARG(domain));
	}
	return address_canonical(given, a, out, e);
}

void
authd_changed(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_AUTH_CHANGED);
	ipc_send(svc_channel(PEER_SMTPD), &m);
}

static void
tell_revoked(enum ipc_peer peer, struct str user, bool deleted)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_USER_REVOKED);
	ipc_put_str(&m, user);
	ipc_put_u32(&m, deleted);
	ipc_send(svc_channel(peer), &m);
}

void
authd_revoke_mailbox(struct str user)
{
	tell_revoked(PEER_MAILBOXD, user, false);
}

void
authd_revoke(struct str user, bool deleted)
{
	static const enum ipc_peer peers[] = {PEER_MAILBOXD, PEER_SMTPD, PEER_WEBD};

	cache_forget(user);
	ticket_revoke(user);
	token_revoke(user);
	agents_end(user, STR(""), 0);
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		tell_revoked(peers[i], user, deleted);
}

void
authd_quota(struct str user, uint64_t quota)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_QUOTA_CHANGED);
	ipc_put_str(&m, user);
	ipc_put_u64(&m, quota);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}
