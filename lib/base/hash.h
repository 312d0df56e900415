/*
 * hash.h - uthash with a keyed hash, so that a peer who chooses keys cannot make them collide.
 *
 * Include this instead of <uthash.h>.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* SipHash-2-4 (libsodium) under a key drawn at process start. */
unsigned hash_keyed(const void *p, size_t n);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = hash_keyed((keyptr), (keylen)))
#include <uthash.h>
