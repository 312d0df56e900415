/*
 * kept.h - what the page was told of the last turns: of one for a page whose line broke in the
 * middle of it, of all for a page that was loaded anew.
 *
 * Text that follows text is kept as one. Errors: the oldest turns make room; of the last one what
 * is past KEPT_MAX is left out, but for its end, and a notice "gap" stands in its place.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"

#define KEPT_MAX   (512u << 10)
#define KEPT_TURNS 20u

struct kept {
	struct buf lines;         /* messages as they were told, an LF behind each */
	struct buf text;          /* of deltas, not yet among them */
	size_t begin[KEPT_TURNS]; /* of each turn in lines, the oldest first */
	size_t n;
	char id[72]; /* of the last; empty: there is none */
	bool gap;    /* something of it was left out */
};

void kept_init(struct kept *k);
void kept_free(struct kept *k);
/* All messages come by here; those of no turn are passed over. */
void kept_add(struct kept *k, const cJSON *message);
/* What is kept of that turn; tell() gets one message at a time. False: it is not the last. */
bool kept_tell(struct kept *k, struct str id, void (*tell)(void *arg, struct str), void *arg);
/* All that is kept, the oldest first. */
void kept_tell_all(struct kept *k, void (*tell)(void *arg, struct str), void *arg);
/* The conversation begins anew. */
void kept_clear(struct kept *k);
