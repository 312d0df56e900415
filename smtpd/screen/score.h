/*
 * score.h - how much a message looks like spam: a few facts about it that honest mail seldom shows,
 * each with a name and points, added up.
 *
 * What the message says, in words or pictures, is not looked at.
 */
#pragma once

#include "smtpd/screen/check.h"

/* clang-format off */
#define SCORES(X) \
	X(SPF_FAIL,       3, "the sender's domain says that the client may not send for it, and DMARC does not pass") \
	X(SPF_SOFTFAIL,   1, "it says so with doubt") \
	X(SPF_PERMERROR,  1, "its SPF record cannot be made sense of") \
	X(DKIM_FAIL,      2, "there are DKIM signatures, and none of them verifies") \
	X(NO_AUTH,        1, "neither SPF nor DKIM says anything for or against it") \
	X(DMARC_FAIL,     2, "the author's domain does not stand behind it") \
	X(FROM_MISSING,   3, "no From field, several, or none that names one domain") \
	X(FROM_NAME,      3, "the name in From shows an address of another domain") \
	X(NO_DATE,        1, "no Date field (RFC 5322 3.6 wants one)") \
	X(ODD_DATE,       1, "a Date that is none, in the future, or over a month ago") \
	X(NO_MESSAGE_ID,  1, "no Message-ID field") \
	X(NO_CLIENT_NAME, 2, "the client's address has no name, or none that leads back to it") \
	X(HELO_ODD,       2, "HELO is no host name with a dot in it") \
	X(HELO_LITERAL,   1, "HELO is an address") \
	X(HELO_OURS,      4, "HELO is our own name")
/* clang-format on */

#define SCORE_ENUM(name, ...) SCORE_##name,
enum score_name {
	SCORES(SCORE_ENUM) SCORE_COUNT
};

/* Adds up what is known of a message: r without verdict and fields. reasons: names with commas
 * between. Both in the arena. */
void
score_make(const struct check_query *q, struct str header, struct check_result *r, struct arena *a);
