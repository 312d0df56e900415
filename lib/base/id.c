/* id.c - ids that sort by time. */
#include "base/id.h"

#include <pthread.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford: no i, l, o, u */

/* Drawn many at a time, each octet used once. One thread: ids are made in the loop. */
static struct {
	unsigned char octets[512];
	size_t left;
	bool watched;
} drawn;

/* A child's ids must not be its parent's, nor its siblings'. */
static void
forget(void)
{
	drawn.left = 0;
}

static void
draw(unsigned char *out, size_t n)
{
	if (drawn.left < n) {
		if (!drawn.watched && pthread_atfork(NULL, NULL, forget) == 0)
			drawn.watched = true;
		randombytes_buf(drawn.octets, sizeof(drawn.octets));
		drawn.left = sizeof(drawn.octets);
	}
	drawn.left -= n;
	memcpy(out, drawn.octets + drawn.left, n);
	sodium_memzero(drawn.octets + drawn.left, n);
	/* Without the handler nothing may outlive a fork. */
	if (!drawn.watched)
		forget();
}

void
id_new(char out[ID_SIZE])
{
	uint64_t ms = (uint64_t)clock_wall_us() / 1000u;
	unsigned char r[7];
	uint64_t low = 0;

	draw(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		low = low << 8 | r[i];
	for (int i = 8; i >= 0; i--, ms >>= 5)
		out[i] = digits[ms & 31];
	for (int i = ID_LEN - 1; i >= 9; i--, low >>= 5)
		out[i] = digits[low & 31];
	out[ID_LEN] = '\0';
}

void
id_of(char out[ID_SIZE], struct str octets)
{
	unsigned bits = 0, have = 0;
	size_t at = 0;

	assume(octets.n * 8 >= (size_t)ID_LEN * 5);
	for (size_t i = 0; i < ID_LEN; i++) {
		if (have < 5) {
			bits = bits << 8 | (unsigned char)octets.p[at++];
			have += 8;
		}
		have -= 5;
		out[i] = digits[bits >> have & 31];
	}
	out[ID_LEN] = '\0';
}

bool
id_valid(struct str s)
{
	if (s.n != ID_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(digits, s.p[i]) == NULL)
			return false;
	return true;
}
