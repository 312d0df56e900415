/*
 * metrics.h - counters in shared memory, one page per process, read by others without asking.
 *
 * Adding is one relaxed atomic; owners share their parent's page. Before metrics_attach()
 * everything is counted in a page of the process's own.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "svc/metrics_keys.h"

struct metrics_page;

/* Maps the page in memory file fd (made by metrics_create) and counts there from now on: counters
 * go on where a predecessor left them, gauges begin at 0. */
int metrics_attach(int fd, struct err *e);
/* A descriptor to a new zeroed page, for master. Sealed: nobody changes its size. */
int metrics_create(struct err *e);
/* Maps a page for reading. NULL on error. */
const struct metrics_page *metrics_map(int fd, struct err *e);

void metric_add(enum metric m, int64_t n);       /* COUNTER, GAUGE */
void metric_set(enum metric m, int64_t v);       /* GAUGE */
void metric_observe(enum metric m, uint64_t us); /* HISTOGRAM */

enum metrics_format {
	METRICS_PROMETHEUS, /* text/plain; version=0.0.4 */
	METRICS_OPEN        /* application/openmetrics-text; version=1.0.0, without its end */
};

/* The sum over pages. */
void metrics_text(
    const struct metrics_page *const *pages, size_t n, enum metrics_format format, struct buf *out);
/* HELP and TYPE of one that is in no page. kind: "counter", "gauge". */
void metrics_introduce(const char *name, const char *kind, const char *help,
    enum metrics_format format, struct buf *out);
int64_t metrics_value(const struct metrics_page *const *pages, size_t n, enum metric m);
