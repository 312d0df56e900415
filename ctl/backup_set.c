/* backup_set.c - see backup.h: digests that were met. */
#include <sodium.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ctl/backup.h"

struct backup_set {
	unsigned char digest[BACKUP_DIGEST];
	UT_hash_handle hh;
};

static void
octets_of(const char *hex, unsigned char out[BACKUP_DIGEST])
{
	int rc = sodium_hex2bin(out, BACKUP_DIGEST, hex, BACKUP_HEX_SIZE - 1, NULL, NULL, NULL);

	assume(rc == 0);
}

bool
backup_set_has(struct backup_set *s, const char *digest)
{
	unsigned char key[BACKUP_DIGEST];
	struct backup_set *found;

	octets_of(digest, key);
	HASH_FIND(hh, s, key, sizeof(key), found);
	return found != NULL;
}

bool
backup_set_add(struct backup_set **s, const char *digest)
{
	struct backup_set *one;

	if (backup_set_has(*s, digest))
		return false;
	one = mem_alloc(sizeof(*one));
	octets_of(digest, one->digest);
	HASH_ADD(hh, *s, digest, sizeof(one->digest), one);
	return true;
}

void
backup_set_free(struct backup_set **s)
{
	struct backup_set *one, *next;

	HASH_ITER (hh, *s, one, next) {
		HASH_DEL(*s, one);
		free(one);
	}
}
