/*
 * approval.h - what a human approves of mail that an agent asked to be sent (INVARIANTS 20;
 * docs/adr/0032-agents-and-approvals.md).
 *
 * One digest over the exact envelope and octets. The owner of the mailbox computes it over what it
 * froze and shows, gk-queue over what it is about to store: they agree, or nothing is sent.
 * BLAKE2b-256 over the members of struct approval in the order below, each number as eight octets
 * and each string behind its length (ipc/wire.h), recipients sorted; of the octets their own
 * BLAKE2b-256 and their number, so that a message of any size is digested as it comes.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "mail/envelope.h"

#define APPROVAL_VERSION    1u
#define APPROVAL_DIGEST     32u
#define APPROVAL_PREFIX_MAX 8192u /* octets on top of what was frozen */
#define APPROVAL_SESSION    16u   /* hexadecimal digits of an agent session's id */

struct approval {
	struct str user, session;          /* the address; the agent session's id */
	struct str sender, envid;          /* MAIL FROM and its options */
	enum envelope_ret ret;             /* … */
	const struct envelope_rcpt *rcpts; /* address, orcpt and notify count, targets do not */
	uint32_t nrcpts;
	int64_t hold; /* seconds since the epoch, not to be sent before; or 0 */
	unsigned char octets[APPROVAL_DIGEST]; /* of the frozen octets: approval_octets() */
	uint64_t size;                         /* their number */
};

/* E_LIMIT: an envelope of more than ENVELOPE_MAX octets. */
int approval_digest(const struct approval *a, unsigned char out[APPROVAL_DIGEST], struct err *e);
void approval_octets(struct str octets, unsigned char out[APPROVAL_DIGEST]);

/* How much of s stands on top of the frozen octets: whole Received and DKIM-Signature fields,
 * behind a Return-Path of `return_path` octets that says the sender. What is frozen never begins
 * with one of these. -1: what is there is not so, or is longer than APPROVAL_PREFIX_MAX. */
int
approval_prefix(struct str s, struct str sender, uint32_t return_path, size_t *out, struct err *e);

/* An action of another kind than sending: what exactly it would do, in any text. The first string
 * keeps it apart from mail. */
void approval_action(
    struct str user, struct str session, struct str action, unsigned char out[APPROVAL_DIGEST]);
