/*
 * backlog.h - finds in idle time what lists need of emails that were there before anybody asked:
 * the thread of each, the newest first, and the rows of the newest (row.h).
 *
 * What a message says of itself is read once and kept in the index. Begun by the first use of
 * emails, or by the owner that follows one which did not come to the end; in slices of some
 * milliseconds between which everybody else has their turn. Nobody waits for it but who asks for
 * what all threads decide.
 */
#pragma once

#include "mailboxd/jmap/jmap.h"

struct jmap_backlog;

/* Is anything left to be done, where there is a model? Cheap; to be called when emails were used or
 * have changed. */
void jmap_backlog_look(struct jmap *j);
/* Goes on with what an earlier process has left, if it has. */
void jmap_backlog_resume(struct jmap *j);
/* How long after a request it begins; for tests. */
extern unsigned jmap_backlog_after_ms;
/* Is it at work? The owner stays then. */
bool jmap_backlog_is_busy(const struct jmap *j);
void jmap_backlog_free(struct jmap_backlog **b);
