/* hash.c - the keyed hash under uthash. */
#include "base/hash.h"

#include <sodium.h>

unsigned
hash_keyed(const void *p, size_t n)
{
	static unsigned char key[crypto_shorthash_KEYBYTES];
	static bool drawn;
	unsigned char out[crypto_shorthash_BYTES];
	unsigned h;

	if (!drawn) {
		crypto_shorthash_keygen(key);
		drawn = true;
	}
	crypto_shorthash(out, p, n, key);
	memcpy(&h, out, sizeof(h));
	return h;
}
