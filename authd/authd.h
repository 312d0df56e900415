/*
 * authd.h - what the parts of gk-authd share: the handles and rules of this process.
 */
#pragma once

#include "authd/resolve.h"
#include "base/err.h"
#include "db/db.h"
#include "ipc/ipc.h"

struct authd {
	struct db *db;              /* the loop's handle, for reading */
	struct resolve_rules rules; /* strings live as long as the configuration */
	unsigned char fake_key[32]; /* of salts for users who do not exist */
	uint32_t iterations;        /* of SCRAM, what unknown users show */
	bool mechs[4];              /* by enum sasl_mech: what auth.mechanisms allows */
	uint64_t default_quota;
	uint64_t min_password;
	const struct str *group_senders; /* aliases of several that each of them may write from */
	size_t ngroup_senders;
};

extern struct authd authd;

/* From login and operator words to the canonical address: "alice" is alice at the only domain there
 * is. -1 when it cannot be a user's. */
int authd_name(struct str given, struct arena *a, struct str *out, struct err *e);

/* Notices: what smtpd has cached is old; a user's sessions end; a mailbox may grow to another size.
 */
void authd_changed(void);
void authd_revoke(struct str user, bool deleted);
/* Only what the user's mailbox serves ends: clients come again by themselves. */
void authd_revoke_mailbox(struct str user);
void authd_quota(struct str user, uint64_t quota);
