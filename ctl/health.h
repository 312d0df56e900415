/*
 * health.h - what gk-statd says of the suite's health; for `status` and `doctor`.
 */
#pragma once

#include <cjson/cJSON.h>

#include "ctl/ctl.h"

struct health {
	cJSON *v;       /* /health, whole */
	struct str raw; /* the same as text */
	bool healthy;   /* nothing fails */
};

/* Lives as long as the process. */
int health_get(struct health *h, struct err *e);
/* Calls fn for each check: name ("smtp:responseTime"), the check. */
void health_each(
    const struct health *h, void (*fn)(void *arg, const char *name, const cJSON *check), void *arg);
/* Prints those that are no "pass", below a line with the whole's. */
void health_print(const struct health *h);
