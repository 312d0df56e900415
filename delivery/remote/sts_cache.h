/*
 * sts_cache.h - policies of MTA-STS in memory, as many as fit, with their files beside them.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "delivery/remote/sts_file.h"

#define STS_CACHE_MAX 5000u /* domains; the one used longest ago goes */

struct sts_fetching;

struct sts_domain {
	char *name; /* lower case */
	struct sts_kept kept;
	struct arena arena;         /* of kept.policy */
	bool known;                 /* kept is a policy, as long as it has not ended */
	bool used;                  /* since it was fetched */
	uint64_t not_before;        /* clock_ms(): a fetch failed, no other before this */
	struct sts_fetching *fetch; /* under way: the domain stays */
	UT_hash_handle hh;
	TAILQ_ENTRY(sts_domain) link;
};

TAILQ_HEAD(sts_domains, sts_domain);

struct sts_cache {
	struct sts_domain *all;
	struct sts_domains order; /* used last at the end */
	size_t n;
	int dir; /* -1: no files */
};

/* Reads the files of dir. */
int sts_cache_init(struct sts_cache *c, int dir, struct err *e);
void sts_cache_done(struct sts_cache *c);

/* NULL where it is not there. */
struct sts_domain *sts_cache_find(struct sts_cache *c, struct str domain);
/* Makes it where it is not there. */
struct sts_domain *sts_cache_get(struct sts_cache *c, struct str domain);
/* The policy of a domain was fetched. */
void sts_cache_keep(struct sts_cache *c, struct sts_domain *d, const struct sts_policy *p);
/* Does a policy hold? */
bool sts_domain_holds(const struct sts_domain *d);
/* Forgets policies that have ended. */
void sts_cache_sweep(struct sts_cache *c);
