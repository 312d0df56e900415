/*
 * backup_known.c - what a snapshot need not read again: the one before it has the same file, and
 * the store its octets. For backup_take.c, whose the snapshot before is.
 */
#include <stdio.h>

#include "base/mem.h"
#include "ctl/backup_take.h"

struct known {
	struct str key;
	const struct backup_entry *x;
	UT_hash_handle hh;
};

/* A message's file is known by its base, in whatever folder and with whatever flags it is; any
 * other by its path. */
static struct str
key_of(struct str path, struct arena *a)
{
	size_t maildir = str_find(path, STR("/Maildir/")), slash = str_rchr(path, '/'), colon;
	struct str folder = str_sub(path, 0, slash), base;

	if (maildir == path.n || !(str_ends(folder, STR("/cur")) || str_ends(folder, STR("/new"))))
		return path;
	base = str_from(path, slash + 1);
	colon = str_find(base, STR(":2,"));
	return arena_printf(a, STR_FMT "//" STR_FMT, STR_ARG(str_sub(path, 0, maildir)),
	    STR_ARG(str_sub(base, 0, colon)));
}

void
take_learn(struct take *t, bool whole)
{
	struct err e = {0};
	struct str name;

	/* One user's says little of all. The first of all, or one that is damaged: everything is
	 * copied. */
	if (backup_store_last(t->store, whole, &t->arena, &t->base, &name, &e) < 0) {
		t->base = (struct backup_manifest){0};
		t->base_name = STR("-");
		if (e.code != E_NOTFOUND)
			fprintf(stderr, "gkmail: %s; all is copied anew\n", e.text);
		return;
	}
	t->base_name = name;
	for (size_t i = 0; i < t->base.n; i++) {
		const struct backup_entry *x = &t->base.v[i];
		struct known *k, *there;

		if (x->folder)
			continue;
		backup_set_add(&t->digests, x->digest);
		k = arena_alloc(&t->arena, sizeof(*k));
		*k = (struct known){.key = key_of(x->path, &t->arena), .x = x};
		HASH_FIND(hh, t->known, k->key.p, k->key.n, there);
		if (there == NULL)
			HASH_ADD_KEYPTR(hh, t->known, k->key.p, k->key.n, k);
	}
}

bool
take_is_known(struct take *t, struct backup_entry *x)
{
	struct arena a;
	struct known *k;
	struct str key;

	arena_init(&a);
	key = key_of(x->path, &a);
	HASH_FIND(hh, t->known, key.p, key.n, k);
	arena_free(&a);
	if (k == NULL || k->x->size != x->size || k->x->mtime != x->mtime ||
	    !backup_store_has(t->store, k->x->digest, x->size))
		return false;
	memcpy(x->digest, k->x->digest, sizeof(x->digest));
	return true;
}

bool
take_has_digest(void *arg, const char *digest)
{
	struct take *t = arg;

	return backup_set_has(t->digests, digest);
}

void
take_forget(struct take *t)
{
	HASH_CLEAR(hh, t->known);
	backup_set_free(&t->digests);
}
