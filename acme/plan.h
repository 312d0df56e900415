/*
 * plan.h - when the next certificate is asked for. Nothing here knows the time, or chance.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct plan {
	bool good;           /* there is a certificate, for all names */
	int64_t from, until; /* of it */
	unsigned failures;   /* since the last success */
	int64_t failed;      /* when the last was */
	uint32_t retry;      /* seconds, by the authority's word then (Retry-After); 0: none */
	uint32_t chance;     /* 0 to 999: spreads servers that were set up alike */
};

/* When, in seconds since the epoch; in the past: now. */
int64_t plan_next(const struct plan *p);
