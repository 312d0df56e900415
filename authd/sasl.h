/*
 * sasl.h - one SASL exchange (RFC 4422) as the server sees it: PLAIN (RFC 4616), LOGIN
 * (draft-murchison-sasl-login), SCRAM-SHA-256 and -PLUS. No I/O and no waiting; what a password
 * needs beyond it is the caller's to do.
 */
#pragma once

#include <stdbool.h>

#include "authd/scram.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SASL_DATA_MAX 9216u /* octets of one message: a base64 line of RFC 4954 4 */
#define SASL_USER_MAX 512u

enum sasl_mech {
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_256_PLUS,
	SASL_MECHS
};

enum sasl_result {
	SASL_CHALLENGE, /* send `out` and feed the answer */
	SASL_CHECK,     /* check `password` for `user` */
	SASL_DONE,      /* `user` is who it says, by secret `which` */
	SASL_DENIED,    /* wrong credential */
	SASL_MALFORMED,
	SASL_UNABLE /* the lookup failed */
};

/* What SCRAM needs of a user. Unknown users have a made-up salt and no secrets. */
struct sasl_secrets {
	struct str salt;
	uint32_t iterations;
	struct scram_keys *keys;
	struct str *names; /* of app passwords; the user's own has none */
	size_t n;
};

struct sasl_lookup {
	/* The canonical name of the user that a client calls `given` (prepared); -1: cannot be one.
	 */
	int (*name)(void *arg, struct str given, struct arena *a, struct str *out);
	int (*secrets)(
	    void *arg, struct str user, struct arena *a, struct sasl_secrets *out, struct err *e);
	void *arg;
};

struct sasl {
	enum sasl_mech mech;
	struct str out;        /* of SASL_CHALLENGE */
	struct str given;      /* the name as the client gave it, for the log */
	struct str user;       /* canonical; empty when it cannot be a user's */
	struct buf password;   /* prepared; wiped by sasl_done() */
	size_t which;          /* SCRAM: the secret that fitted */
	struct scram_keys key; /* and its keys */
	struct err why;        /* of the last three results */
	/* private */
	unsigned step;
	struct arena a;
	struct scram scram;
	struct scram_binding binding;
	const struct sasl_lookup *lookup;
};

/* "SCRAM-SHA-256". */
const char *sasl_mech_name(enum sasl_mech m);
/* SASL_MECHS for a name that is none. */
enum sasl_mech sasl_mech_parse(struct str name);

/* binding is copied. */
void sasl_init(struct sasl *s, enum sasl_mech mech, const struct scram_binding *binding,
    const struct sasl_lookup *lookup);
void sasl_done(struct sasl *s);
/* Without an initial response: what to challenge with. */
enum sasl_result sasl_begin(struct sasl *s);
/* The client's next octets (its initial response first). Not to be called after another result than
 * SASL_CHALLENGE. */
enum sasl_result sasl_feed(struct sasl *s, struct str data);
