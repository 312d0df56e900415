/*
 * writer.h - the one thread that writes accounts.db, so that no sync waits in the loop.
 *
 * Jobs run one after the other, in the order given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "db/db.h"

#define WRITER_BACKLOG 1024u

/* Opens the writer's handle and starts the thread. */
int writer_init(struct err *e);
void writer_done(void);
/* work() runs in the thread with the writer's handle; done() in the loop afterwards. */
int
writer_submit(void (*work)(void *, struct db *), void (*done)(void *), void *arg, struct err *e);
/* Jobs not yet done. */
size_t writer_pending(void);
