/*
 * import.c - see import.h.
 *
 * All octets are written to Maildir/tmp, one syncfs makes them durable, then they get their names
 * and rows, and the next commit makes directories and rows durable. A crash before that leaves
 * names without rows, which the next scan takes in as messages that somebody put there. The id in
 * such a name follows from the key: so the message is known when it is brought again, and its key
 * is written then.
 */
#include "store/import.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "store/model.h"

struct coming {
	const struct import_message *m;
	struct append *ap; /* NULL: it is there */
	char id[ID_SIZE], base[MAILDIR_NAME_SIZE];
	bool has_key;
	uint32_t uid; /* of one that a scan took in; 0: none */
};

/* ---- is it there? ---- */

static int
look(struct home *h, struct coming *c, bool *there, struct err *e)
{
	struct mailbox *mb = c->m->to;
	enum tombstone t = TOMBSTONE_NONE;
	struct index_file f;

	id_of(c->id, c->m->key);
	maildir_base(c->base, c->m->date, str_z(c->id), STR(IMPORT_HOST), c->m->octets.n);
	if (index_import_has(h->index, c->m->key, &c->has_key, e) < 0)
		return -1;
	/* Loading looks for names that came without us. */
	if (!c->has_key &&
	    (mailbox_load(mb, e) < 0 ||
		index_find_base(h->index, mb->id, str_z(c->base), &c->uid, &f, e) < 0 ||
		index_tombstone(h->index, mb->id, str_z(c->base), &t, e) < 0))
		return -1;
	*there = c->has_key || c->uid != 0 || t != TOMBSTONE_NONE;
	return 0;
}

/* ---- octets ---- */

/* pending: octets of those before it, which count for the quota once they have rows. */
static int
write_octets(struct home *h, struct coming *c, uint64_t pending, struct err *e)
{
	struct str octets = c->m->octets;

	if (append_check(h, pending + octets.n, e) < 0 ||
	    (c->ap = append_new(h, octets.n, e)) == NULL)
		return -1;
	c->ap->as = c->id;
	if (append_write(c->ap, octets, e) < 0) {
		append_free(&c->ap);
		return -1;
	}
	/* There may be more of them than a process may have open. */
	file_close(&c->ap->fd);
	return 0;
}

/* Those that can be written; *n: how many of v are done with that. */
static int
write_all(struct home *h, struct coming *v, size_t *n, struct err *e)
{
	uint64_t pending = 0;
	size_t all = *n, written = 0;
	bool there;
	int fd = -1, rc = 0;

	/* Opened before the first write, so that it is told what that comes to (INVARIANTS 5). */
	if ((fd = file_open(AT_FDCWD, MAILDIR_TMP, O_RDONLY | O_DIRECTORY, 0, e)) < 0)
		return -1;
	for (*n = 0; *n < all; (*n)++) {
		struct coming *c = &v[*n];

		if ((rc = look(h, c, &there, e)) == 0 && !there)
			rc = write_octets(h, c, pending, e);
		if (rc < 0)
			break;
		written += !there;
		pending += there ? 0 : c->m->octets.n;
	}
	if (*n > 0)
		rc = 0;
	if (rc == 0 && written > 0)
		rc = file_sync_all(fd, "store.import", e);
	file_close(&fd);
	return rc;
}

/* ---- names and rows ---- */

/* The keywords that the mailbox can have, into room. */
static struct flag_set
keywords_that_fit(struct mailbox *mb, const struct flag_set *set, struct str *room)
{
	struct flag_set out = {.flags = set->flags, .keywords = room};

	for (size_t i = 0; i < set->nkeywords && i < KEYWORDS_MAX; i++) {
		const struct flag_set one = {.keywords = &set->keywords[i], .nkeywords = 1};
		uint64_t bits;

		if (model_keywords(mb, &one, true, &bits, NULL) == 0)
			room[out.nkeywords++] = set->keywords[i];
	}
	return out;
}

static int
settle(struct home *h, struct coming *c, const struct change_by *by, struct import_result *out,
    struct err *e)
{
	struct str room[KEYWORDS_MAX];
	struct mailbox *mb = c->m->to;
	struct flag_set set;
	uint32_t uid;

	/* Somebody may bring it twice at once. */
	if (home_ready(h, e) < 0 ||
	    (c->ap != NULL && index_import_has(h->index, c->m->key, &c->has_key, e) < 0))
		return -1;
	if (c->has_key)
		append_free(&c->ap);
	/* A name does not hold keywords: a scan could not see them. */
	if (c->ap != NULL || c->uid != 0) {
		set = keywords_that_fit(mb, &c->m->set, room);
		if (c->ap != NULL && append_finish(&c->ap, mb, &set, c->m->date, by, &uid, e) < 0)
			return -1;
		if (c->uid != 0 && mailbox_store(mb, &c->uid, 1, STORE_ADD, &set, UINT64_MAX, by,
				       NULL, NULL, e) < 0)
			return -1;
		out->added++;
	} else {
		out->there++;
	}
	if (!c->has_key && index_import_put(h->index, c->m->key, e) < 0)
		return home_fail(h, e);
	return 0;
}

int
import_messages(struct home *h, const struct import_message *v, size_t n,
    const struct change_by *by, struct import_result *out, struct err *e)
{
	struct coming *c = mem_array(n, sizeof *c);
	size_t done = 0, some = n;
	int rc;

	*out = (struct import_result){0};
	for (size_t i = 0; i < n; i++)
		c[i].m = &v[i];
	rc = home_ready(h, e) < 0 ? -1 : write_all(h, c, &some, e);
	for (; rc == 0 && done < some; done++) {
		if (c[done].ap != NULL)
			c[done].ap->durable = true;
		if ((rc = settle(h, &c[done], by, out, e)) < 0)
			break;
	}
	for (size_t i = done; i < some; i++)
		append_free(&c[i].ap);
	free(c);
	return done > 0 && !home_has_failed(h) ? 0 : rc;
}

int
import_keys(
    struct home *h, int (*fn)(void *arg, struct str key, struct err *e), void *arg, struct err *e)
{
	return index_imports(h->index, fn, arg, e);
}
