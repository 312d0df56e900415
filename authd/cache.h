/*
 * cache.h - who has just logged in with what, so that a client that logs in a hundred times is
 * hashed once.
 *
 * A BLAKE2b of user and password under a key that this process drew, never on disk; bounded, for an
 * hour, and forgotten at any change of the user.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define CACHE_USERS 10000u
#define CACHE_MS    3600000u

void cache_init(void);
bool cache_knows(struct str user, struct str password);
void cache_add(struct str user, struct str password);
void cache_forget(struct str user);
void cache_done(void);
