/*
 * verdict.h - what our own host found out about who sent a mail (RFC 8601), in a word beside its
 * text.
 *
 * Only the topmost field counts, and only where it bears our name: others came with the message
 * (gk-smtpd takes out those that came in our name).
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum verdict {
	VERDICT_NONE,     /* nobody has looked: mail of this host's users, or of before */
	VERDICT_UNPROVEN, /* it was looked at, and nothing spoke for it */
	VERDICT_PASS,
	VERDICT_FAIL /* the author's domain says that this is not from there */
};

struct verdict_read {
	enum verdict verdict;
	/* Results, "" where there is none: of dkim the best of all signatures. */
	char spf[12], dkim[12], dmarc[12];
};

/* field: the value of Authentication-Results; host: server.host_name. */
void verdict_read(struct str field, struct str host, struct verdict_read *out);
const char *verdict_name(enum verdict v);
/* "dmarc=pass dkim=pass spf=none", or "none". */
void verdict_put(const struct verdict_read *v, struct buf *out);
