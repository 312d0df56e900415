/*
 * sts_file.h - policies of MTA-STS on disk, so that a restart does not forget whom to distrust: one
 * file a domain in the directory "sts", named by the domain.
 *
 * The text: "gkmail-sts 1", then "id: ...", "fetched: <seconds since 1970>", then the policy as RFC
 * 8461 3.2 has it, then "end". A file that is not so is passed over: the policy is fetched anew.
 * For the same reason nothing is synced.
 */
#pragma once

#include "delivery/remote/sts_text.h"

struct sts_kept {
	struct sts_policy policy;
	int64_t fetched; /* seconds, wall clock */
};

struct str sts_file_text(const struct sts_kept *k, struct arena *a);
int sts_file_parse(struct str text, struct arena *a, struct sts_kept *out, struct err *e);

/* Makes or replaces the file of a domain (a host name) in the directory. */
int sts_file_write(int dir, struct str domain, const struct sts_kept *k, struct err *e);
int sts_file_remove(int dir, struct str domain, struct err *e);
/* Calls fn for every file that is right; removes the others. */
int sts_file_read_all(int dir, void (*fn)(void *arg, struct str domain, const struct sts_kept *k),
    void *arg, struct err *e);
