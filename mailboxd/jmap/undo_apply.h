/*
 * undo_apply.h - one message goes back to what it would be without an agent's session, and what
 * stands in the way is told.
 */
#pragma once

#include "mailboxd/jmap/undo.h"

#define UNDO_TOLD_MAX 100u /* conflicts, and what is lost: further ones are counted */

struct undo_report {
	cJSON *conflicts, *lost; /* arrays */
	size_t nconflicts, nlost;
	size_t flags, moved, copied, removed, approvals;
};

struct undo_run {
	struct undo u;
	struct jmap *jmap;
	struct change_by by; /* who undoes */
	struct undo_report report;
};

/* In memory at once, durable by home_commit(). -1: the store has failed. */
int undo_message_apply(struct undo_run *r, struct undo_message *m, struct err *e);
int undo_object_apply(struct undo_run *r, const struct undo_object *o, struct err *e);
void undo_lose(
    struct undo_run *r, const char *member, const char *id, const char *code, const char *text);
