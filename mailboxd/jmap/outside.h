/*
 * outside.h - what of other daemons JMAP needs, asked for through the parent by the owner process
 * (mailboxd/errand.h); tests have their own.
 *
 * Each question is answered by one call of its function, never before it returns, unless it is
 * given up first by forget().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc/msg.h"

struct jmap_submitted {
	enum submitted_state state;
	const struct str *results; /* address, enum submitted_result as a digit, text: three each */
	size_t n;                  /* of strings */
};

struct jmap_outside {
	/* A connection to gk-smtpd in the user's name (INVARIANTS 18, 19); fd -1: e. */
	uint64_t (*smtp)(void *arg, void (*fn)(void *to, int fd, const struct err *e), void *to);
	/* The same for what an agent session has asked for: it needs approval (INVARIANTS 20). */
	uint64_t (*agent_smtp)(void *arg, struct str session,
	    void (*fn)(void *to, int fd, const struct err *e), void *to);
	/* The addresses that the user may write from, the account's first; v NULL: e. */
	uint64_t (*senders)(void *arg,
	    void (*fn)(void *to, const struct str *v, size_t n, const struct err *e), void *to);
	/* Is an address the user's to write from, as gk-smtpd would have it? e NULL: it is told. */
	uint64_t (*sender)(void *arg, struct str address,
	    void (*fn)(void *to, bool owned, const struct err *e), void *to);
	/* What became of a message that the user submitted; cancel: it is not to be sent. NULL: e.
	 */
	uint64_t (*submitted)(void *arg, struct str mid, bool cancel,
	    void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e), void *to);
	/* Uses up a human's word for an action of an agent session's, by its digest; approval
	 * empty: e. */
	uint64_t (*action)(void *arg, struct str session, struct str digest,
	    void (*fn)(void *to, struct str approval, const struct err *e), void *to);
	/* Nobody waits any more for what was approved since then: was that used, and for which
	 * message? e NULL: it is told, and what was not used never will be. */
	uint64_t (*settle)(void *arg, struct str session, struct str digest, int64_t since,
	    void (*fn)(void *to, bool used, struct str mid, const struct err *e), void *to);
	/* A POST to a push service (RFC 8030); sealed: the body is aes128gcm (RFC 8291). status: of
	 * HTTP, 0 where there was no answer. */
	uint64_t (*post)(void *arg, struct str url, struct str body, bool sealed,
	    void (*fn)(void *to, unsigned status), void *to);
	void (*forget)(void *arg, uint64_t question);
	void *arg;
};
