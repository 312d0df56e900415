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

#ifdef __clang_analyzer__
/* The analyzer cannot follow uthash's chains: it believes that an element which was added stays the
 * head, also when it is deleted and freed. For it, either leaves any head at all. */
void *hash_changed(const void *head, const void *element);
#undef HASH_ADD_KEYPTR_BYHASHVALUE
#undef HASH_DEL
#define HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, n, hash, element) \
	((head) = hash_changed((head), (element)))
#define HASH_DEL(head, element) ((head) = hash_changed((head), (element)))
#endif
