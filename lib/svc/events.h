/*
 * events.h - the last events about messages, for gkmail trace: a ring of text lines in shared
 * memory, one per process, that outlives the process, wherever the log goes.
 *
 * Apart from the metrics (metrics.h): these lines name senders and recipients, and whoever reads
 * counters has nothing to do with them.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct events_page;

/* As of metrics. Before events_attach() nothing is kept. */
int events_create(struct err *e);
int events_attach(int fd, struct err *e);
const struct events_page *events_map(int fd, struct err *e);

/* For log_tap(). */
void events_note(struct str line);
/* The lines of the pages that are about the message (mid=, about=), page by page in their order. */
void
events_about(const struct events_page *const *pages, size_t n, struct str mid, struct buf *out);
