/*
 * glance.h - what an administrator wants to see first, each in a line, out of the metrics.
 */
#pragma once

#include "base/str.h"

/* metrics: as Prometheus text. Counts are since the suite was started. */
void glance_print(struct str metrics);
/* "4.5 MiB" of that process; empty where it is not there. */
struct str glance_memory(struct str metrics, struct str process);
