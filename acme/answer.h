/*
 * answer.h - what an ACME server says, in JSON (RFC 8555 7.1, RFC 7807): read into what an order
 * needs of it, and nothing else. All of it is a stranger's.
 *
 * Strings are copied into the arena. URLs are https, printable, of the directory's own host and
 * port: an authority cannot have us ask others. Errors: E_PROTO.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "svc/provider.h"

#define ANSWER_AUTH_MAX 100u

enum answer_status {
	ANSWER_PENDING,
	ANSWER_READY,
	ANSWER_PROCESSING,
	ANSWER_VALID,
	ANSWER_INVALID,
	ANSWER_OTHER /* "expired", "deactivated", "revoked", and what nobody has heard of */
};
const char *answer_status_name(enum answer_status s);

struct answer_directory {
	struct str nonce, account, order;
	struct str terms; /* or empty */
	bool binding;     /* it wants acme.eab_kid */
};

struct answer_problem {
	struct str type;   /* "badNonce": without the urn's common part; or empty */
	struct str detail; /* for people, at most 300 octets */
};

struct answer_order {
	enum answer_status status;
	struct str finalize, certificate; /* certificate: or empty */
	struct str authorizations[ANSWER_AUTH_MAX];
	size_t n;
	struct answer_problem problem;
};

struct answer_authorization {
	enum answer_status status;
	struct str name;
	/* The challenge of the type asked for; url empty: there is none. */
	struct str url, token;
	enum answer_status challenge;
	struct answer_problem problem; /* why it failed */
};

int answer_directory(struct str text, const struct provider *origin, struct arena *a,
    struct answer_directory *out, struct err *e);
int answer_order(struct str text, const struct provider *origin, struct arena *a,
    struct answer_order *out, struct err *e);
int answer_authorization(struct str text, const struct provider *origin, struct str type,
    struct arena *a, struct answer_authorization *out, struct err *e);
/* Never fails: what is none has neither type nor detail. */
void answer_problem(struct str text, struct arena *a, struct answer_problem *out);

/* Retry-After: seconds, or a date (RFC 9110 10.2.3). 0: none that is understood; a week at most. */
#define ANSWER_RETRY_MAX (7u * 86400u)
uint32_t answer_retry(struct str value, int64_t now);
/* RFC 8555 6.5.1 */
bool answer_is_nonce(struct str s);
