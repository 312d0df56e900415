/*
 * object.c - see object.h.
 */
#include "store/object.h"

#include "base/num.h"
#include "store/object_file.h"

/* The log has the object's number where messages have their UID, and its kind as the email. */
static int
note(struct home *h, enum change_kind change, enum object_kind kind, uint32_t id, struct str before,
    const struct change_by *by, struct err *e)
{
	const struct message m = {.uid = id, .email = kind};
	uint64_t modseq;

	if (model_next_modseq(h, &modseq, e) < 0)
		return -1;
	return model_log(h, modseq, change, 0, &m, before, by, e) < 0 ? home_fail(h, e) : 0;
}

int
object_get(struct home *h, enum object_kind kind, uint32_t id, struct arena *a, struct str *text,
    struct err *e)
{
	if (index_object_get(h->index, kind, id, a, text, e) < 0)
		return -1;
	return text->p != NULL ? 0 : err_set(e, E_NOTFOUND, "no such object");
}

int
object_each(struct home *h, enum object_kind kind,
    bool (*fn)(void *arg, uint32_t id, struct str text), void *arg, struct err *e)
{
	return index_objects(h->index, kind, fn, arg, e);
}

/* Numbers of all kinds come from one counter, kept with the rows. */
static int
next_id(struct home *h, enum object_kind kind, uint32_t *id, struct err *e)
{
	uint64_t last, n;

	if (index_object_count(h->index, kind, &n, e) < 0)
		return -1;
	if (n >= OBJECTS_MAX)
		return err_set(e, E_LIMIT, "too many objects");
	if (index_get(h->index, "objects", &last, e) < 0)
		return -1;
	if (last >= UINT32_MAX - 1)
		return err_set(e, E_LIMIT, "no numbers are left");
	*id = (uint32_t)last + 1;
	return index_put(h->index, "objects", *id, e) < 0 ? home_fail(h, e) : 0;
}

/* What the objects need changes by one of them: from so many octets to so many, 0: it is not there.
 * They are counted once in an owner's life. */
static int
resize(struct home *h, uint64_t was, uint64_t now, struct err *e)
{
	uint64_t all;

	if (h->object_octets == 0 &&
	    index_object_octets(h->index, OBJECT_FRAME, &h->object_octets, e) < 0)
		return -1;
	all = h->object_octets - num_min(h->object_octets, was) + now;
	if (now > was && all > OBJECTS_OCTETS_MAX)
		return err_set(e, E_LIMIT, "objects of more than %u octets", OBJECTS_OCTETS_MAX);
	h->object_octets = all;
	return 0;
}

int
object_put(struct home *h, enum object_kind kind, uint32_t *id, struct str text,
    const struct change_by *by, struct err *e)
{
	bool made = *id == 0;
	struct str before = STR_NONE;
	struct arena a;
	int rc = -1;

	if (text.n > OBJECT_TEXT_MAX)
		return err_set(e, E_LIMIT, "an object of more than %u octets", OBJECT_TEXT_MAX);
	if (home_ready(h, e) < 0 || (made && next_id(h, kind, id, e) < 0))
		return -1;
	arena_init(&a);
	if (!made && object_get(h, kind, *id, &a, &before, e) < 0)
		goto out;
	if (resize(h, made ? 0 : before.n + OBJECT_FRAME, text.n + OBJECT_FRAME, e) < 0)
		goto out;
	if (index_object_put(h->index, kind, *id, text, e) < 0) {
		(void)home_fail(h, e);
		goto out;
	}
	object_file_note(h, kind, *id, text);
	rc = note(h, made ? CHANGE_OBJECT_MADE : CHANGE_OBJECT_CHANGED, kind, *id, before, by, e);
out:
	arena_free(&a);
	return rc;
}

int
object_remove(
    struct home *h, enum object_kind kind, uint32_t id, const struct change_by *by, struct err *e)
{
	struct str before;
	struct arena a;
	int rc = -1;

	if (home_ready(h, e) < 0)
		return -1;
	arena_init(&a);
	if (object_get(h, kind, id, &a, &before, e) < 0 ||
	    resize(h, before.n + OBJECT_FRAME, 0, e) < 0)
		goto out;
	if (index_object_remove(h->index, kind, id, e) < 0) {
		(void)home_fail(h, e);
		goto out;
	}
	object_file_note_gone(h, kind, id);
	rc = note(h, CHANGE_OBJECT_GONE, kind, id, before, by, e);
out:
	arena_free(&a);
	return rc;
}
