/*
 * seal.h - what a client keeps for us from one request to the next (requestState, basic/patterns/
 * mrtr): a state that is sealed, so that it can neither be read nor changed, is good for one agent
 * session, one request and ten minutes, and is taken once.
 *
 * The key is drawn when the process starts: what was sealed before is refused, and asked for again.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "json/json.h"

#define SEAL_STATE_MAX 8192u /* octets of a state, as text */
#define SEAL_TEXT_MAX  16384u
#define SEAL_MS        600000u
#define SEAL_MANY      16384u /* that nobody has brought back: the oldest are forgotten */
#define SEAL_OF_ONE    64u    /* of one session */

/* What it is for: the session, and a digest of what is asked. */
struct seal_use {
	struct str session;
	unsigned char request[32];
};

/* The request: its method and parameters, but for what differs from one attempt to the next (_meta,
 * inputResponses, requestState). params may be NULL. */
void
seal_use_init(struct seal_use *use, struct str session, struct str method, const cJSON *params);
/* Appends the sealed text. state: NULL is a state as well. -1: it is too long. */
int seal(const struct seal_use *use, const cJSON *state, struct buf *out);
/* 0: *state is what was sealed (or NULL where that was nothing), the caller's. -1 with E_DENIED: it
 * is not ours, for something else, too old, or was here before. */
int seal_open(const struct seal_use *use, struct str text, cJSON **state, struct err *e);
void seal_reset(void); /* tests: as if the process began */
