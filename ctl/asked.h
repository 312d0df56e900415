/*
 * asked.h - what an agent has asked for, as the user's mailbox tells it (APPROVALS): read, and
 * looked through so that what is shown is what would be approved.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "ipc/msg.h"

struct asked {
	cJSON *v;            /* the Approval (mailboxd/jmap/approval.h) */
	const cJSON *emails; /* those that an action is about: [{id, from, subject, receivedAt}] */
	struct str octets;   /* of a send; in the arena of gkmail */
	unsigned char digest[32];
	cJSON *answer; /* of which they are */
};

/* The members of an Approval. Empty where it is none of text. */
struct str asked_str(const cJSON *v, const char *name);

/* All of a user's; an array in *list, of *answer. */
int asked_list(const char *address, cJSON **answer, const cJSON **list, struct err *e);
/* One, complete. E_INVAL: what it says is not what its digest is of. */
int asked_get(const char *address, const char *id, struct asked *out, struct err *e);
/* APPROVAL_SEND or APPROVAL_REFUSE; *v is the Approval as it is then, of *answer. why: what was
 * said against it, or empty. */
int asked_answer(const char *address, const char *id, enum approval_task task, cJSON **answer,
    const cJSON **v, struct str *why, struct err *e);
