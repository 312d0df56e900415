/*
 * past.h - which emails were there for JMAP at an earlier point of the change log.
 *
 * A copy with \Deleted is not there (RFC 8621 4.1.1), so that flags make emails come and go. The
 * first row of the log about a copy says what it was before; copies of which no row speaks are as
 * they were. Memory is the caller's arena: a record for each copy that changed.
 */
#pragma once

#include "mailboxd/jmap/model.h"
#include "store/change.h"

struct jmap_past;

struct jmap_past *jmap_past_new(struct arena *a);
void jmap_past_free(struct jmap_past **p);
/* The rows behind the point, in their order; other rows than of messages do nothing. */
void jmap_past_row(struct jmap_past *p, const struct change *row);
/* Was the email there? true also of one that is there now and of which no row spoke. */
bool jmap_past_had(struct jmap_past *p, const struct jmap_model *m, uint64_t email);
/* For each email of which rows spoke. thread: as a row said it, or 0. fn must not add rows. */
void jmap_past_each(
    struct jmap_past *p, void (*fn)(void *arg, uint64_t email, uint64_t thread), void *arg);
