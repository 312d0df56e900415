/*
 * keyed.c - see keyed.h.
 */
#include "authd/keyed.h"

#include <sodium.h>

void
keyed_digest(const unsigned char key[KEYED_KEY], struct str head, const struct str *parts, size_t n,
    void *out, size_t size)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, KEYED_KEY, size);
	crypto_generichash_update(&state, (const unsigned char *)head.p, head.n);
	for (size_t i = 0; i < n; i++) {
		uint64_t len = parts[i].n;

		crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
		crypto_generichash_update(&state, (const unsigned char *)parts[i].p, parts[i].n);
	}
	crypto_generichash_final(&state, out, size);
}
