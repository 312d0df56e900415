/*
 * quota.h - how full users and domains are, in memory; written back now and then.
 *
 * The queue adds what it takes (USAGE_ADD), the owner of a mailbox says what there really is
 * (USAGE_SET).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "authd/accounts.h"
#include "base/str.h"

/* Forgets all and reads it anew. */
int quota_load(struct db *db, struct err *e);
void quota_done(void);

void quota_user_new(struct str user, uint64_t quota);
void quota_user_set(struct str user, uint64_t quota);
void quota_user_gone(struct str user);
void quota_domain_set(struct str domain, uint64_t quota);
void quota_domain_gone(struct str domain);

/* Is there room for so many octets more, of the user's and of the domain's quota? A full one takes
 * not even none. */
bool quota_room(struct str user, uint64_t octets);
void quota_add(struct str user, uint64_t octets, uint64_t messages);
void quota_set(struct str user, uint64_t octets, uint64_t messages);
/* Of one user, for listings; false: unknown. */
bool quota_usage(struct str user, uint64_t *octets, uint64_t *messages);

/* Up to max usages that changed since they were last taken, copied into a; how many. */
size_t quota_take_dirty(struct arena *a, size_t max, struct accounts_usage **out);
