/*
 * sts_text.h - the texts of MTA-STS: the TXT record that says which policy a domain has (RFC 8461
 * 3.1), and the policy (3.2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define STS_ID_MAX  32u       /* RFC 8461 3.1 */
#define STS_AGE_MAX 31557600u /* seconds: a year */
#define STS_MX_MAX  128u      /* patterns; a policy with more is none */

enum sts_mode {
	STS_NONE,
	STS_TESTING,
	STS_ENFORCE
};

struct sts_policy {
	struct str id; /* of the TXT record that it was fetched for */
	enum sts_mode mode;
	uint32_t max_age;     /* seconds */
	const struct str *mx; /* "mx.example.org", "*.example.org", lower case */
	size_t nmx;
};

/* "none", "testing", "enforce" */
const char *sts_mode_name(enum sts_mode m);
int sts_mode_parse(struct str s, enum sts_mode *out);

/* 1 to 32 letters and digits */
bool sts_is_id(struct str s);
/* Is the record one of MTA-STS at all? Others are passed over; several of them are as good as none
 * (RFC 8461 3.1). */
bool sts_is_record(struct str txt);
/* Its id, borrowed from txt. -1: the record is broken. */
int sts_record_id(struct str txt, struct str *id, struct err *e);

/* The policy; all but its id. -1: it is none, and says why. */
int sts_policy_parse(struct str text, struct arena *a, struct sts_policy *out, struct err *e);
void sts_policy_copy(struct arena *a, const struct sts_policy *from, struct sts_policy *to);

/* Does the policy name the host (RFC 8461 4.1)? */
bool sts_policy_matches(const struct sts_policy *p, struct str host);
