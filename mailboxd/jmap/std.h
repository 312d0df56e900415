/*
 * std.h - between the files of the standard methods.
 */
#pragma once

#include "mailboxd/jmap/request.h"

/* ---- std_get.c ---- */

/* The argument properties, for jmap_wants() and jmap_more_properties(); -1: the call has failed. */
int jmap_read_properties(struct jmap_call *c);

/* ---- std_changes.c ---- */

void jmap_changes_begin(struct jmap_call *c, struct jmap_changes *ch, struct jmap_point since);
/* Notes what the log has; DONE when all is noted or the call has failed. c->cleanup frees it. */
enum jmap_step jmap_changes_walk(struct jmap_call *c, struct jmap_changes *ch);
/* The object was made by this row, whatever was noted of it before. */
void jmap_note_made(struct jmap_changes *ch, uint64_t id);
/* Nothing is to be told of the object now. */
void jmap_note_not(struct jmap_changes *ch, uint64_t id);
/* What came of an id; false: nothing. */
bool jmap_noted(const struct jmap_changes *ch, uint64_t id, enum jmap_noted *what);
void jmap_changes_done(struct jmap_changes *ch);

/* ---- std_query.c ---- */

/* Arguments filter and sort; -1: the call has failed. */
int jmap_query_read(struct jmap_call *c, struct jmap_query *q);
