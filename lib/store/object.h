/*
 * object.h - small things of a home that are neither mailboxes nor messages: identities, what was
 * submitted, a vacation's answer, subscriptions to push,
 * preferences. A text (JSON, where JMAP keeps them) under
 * a kind and a number.
 *
 * They are rows of the index and go the way of all changes: in memory of sqlite at once, durable by
 * home_commit(), each with a modseq in the change log. They cannot be had from the messages when
 * the index is lost: db/objects has them once more (object_file.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/home.h"

/* Written to disk: numbers are added, never changed. */
enum object_kind {
	OBJECT_IDENTITY = 1,
	OBJECT_SUBMISSION = 2,
	OBJECT_VACATION = 3,
	OBJECT_PUSH = 4,
	OBJECT_PREFERENCES = 5,
	OBJECT_APPROVAL = 6,
	OBJECT_KINDS /* one more than the last */
};

#define OBJECT_TEXT_MAX (1u << 20)
#define OBJECTS_MAX     10000u /* of a kind */
/* Of all of a home, with some for each one: they stand in memory while db/objects is written. */
#define OBJECTS_OCTETS_MAX (32u << 20)

/* E_NOTFOUND. The text is copied into a. */
int object_get(struct home *h, enum object_kind kind, uint32_t id, struct arena *a,
    struct str *text, struct err *e);
/* All of a kind, by number, until fn returns false. The text holds during the call; fn must not
 * change the store. */
int object_each(struct home *h, enum object_kind kind,
    bool (*fn)(void *arg, uint32_t id, struct str text), void *arg, struct err *e);
/* *id 0: a new one, whose number is told and never used again. E_LIMIT: too long, or too many. */
int object_put(struct home *h, enum object_kind kind, uint32_t *id, struct str text,
    const struct change_by *by, struct err *e);
/* E_NOTFOUND. */
int object_remove(
    struct home *h, enum object_kind kind, uint32_t id, const struct change_by *by, struct err *e);
