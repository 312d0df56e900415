/*
 * apppass.c - see apppass.h.
 */
#include "authd/apppass.h"

#include <sodium.h>

#include "base/mem.h"

#define LETTERS 20u
#define GROUP   5u

/* No 0, 1, l, o: they are read wrong. */
static const char alphabet[] = "23456789abcdefghijkmnpqrstuvwxyz";

void
apppass_new(char out[APPPASS_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < LETTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	}
	assume(n == APPPASS_LEN);
	out[n] = '\0';
}

bool
apppass_normal(struct str s, char out[APPPASS_SIZE])
{
	size_t letters = 0, n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = to_lower(s.p[i]);

		if (c == '-' || c == ' ')
			continue;
		if (c == '\0' || strchr(alphabet, c) == NULL || letters == LETTERS)
			return false;
		if (letters > 0 && letters % GROUP == 0)
			out[n++] = '-';
		out[n++] = c;
		letters++;
	}
	out[n] = '\0';
	return letters == LETTERS;
}

void
apppass_hash(const char written[APPPASS_SIZE], struct str salt, unsigned char out[APPPASS_HASH])
{
	assume(salt.n == APPPASS_SALT);
	assume(crypto_generichash(out, APPPASS_HASH, (const unsigned char *)written, APPPASS_LEN,
		   (const unsigned char *)salt.p, salt.n) == 0);
}
