/*
 * kept.h - what the page was told of the last turn, for a page whose line broke in the middle of
 * it: told again from its start.
 *
 * Text that follows text is kept as one. Errors: what is past KEPT_MAX is left out, but for the end
 * of the turn; a notice "gap" stands in its place.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"

#define KEPT_MAX (512u << 10)

struct kept {
	struct buf lines; /* messages as they were told, an LF behind each */
	struct buf text;  /* of deltas, not yet among them */
	char id[72];      /* of the turn; empty: there is none */
	bool gap;         /* something was left out */
};

void kept_init(struct kept *k);
void kept_free(struct kept *k);
/* All messages come by here; those of no turn are passed over. */
void kept_add(struct kept *k, const cJSON *message);
/* What is kept of that turn; tell() gets one message at a time. False: it is not the last. */
bool kept_tell(struct kept *k, struct str id, void (*tell)(void *arg, struct str), void *arg);
