/*
 * answered.h - whom the answer of an absent user was given, db/vacation.db: the file is there as
 * long as there is such an answer, which is how the parent of the owners knows without looking into
 * anything.
 *
 * Changes are durable on return. It is thrown away with the answer, so nobody is told less of the
 * next one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define ANSWERED_PATH "db/vacation.db"

struct answered;

/* In the home that is the working directory. make: where it is not there; else NULL and E_NOTFOUND.
 */
struct answered *answered_open(bool make, struct err *e);
void answered_close(struct answered **a);
/* Closes it and removes the file. */
int answered_remove(struct answered **a, struct err *e);

/* Mail whose change has a modseq up to this one was looked at. */
int answered_seen(struct answered *a, uint64_t *modseq, struct err *e);
int answered_set_seen(struct answered *a, uint64_t modseq, struct err *e);

/* Was the sender answered after `since` (seconds)? 1, 0, -1. */
int answered_find(struct answered *a, struct str sender, int64_t since, struct err *e);
int answered_note(struct answered *a, struct str sender, int64_t now, struct err *e);
/* Those of before are forgotten. */
int answered_forget(struct answered *a, int64_t before, struct err *e);
