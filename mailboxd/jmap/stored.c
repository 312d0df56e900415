/*
 * stored.c - see stored.h.
 */
#include "mailboxd/jmap/stored.h"

#include <inttypes.h>

#include "base/num.h"

cJSON *
jmap_stored(struct home *h, enum object_kind kind, uint64_t id, struct err *e)
{
	struct arena a;
	struct str text;
	cJSON *v = NULL;

	if (id > UINT32_MAX) {
		err_set(e, E_NOTFOUND, "no such object");
		return NULL;
	}
	arena_init(&a);
	if (object_get(h, kind, (uint32_t)id, &a, &text, e) == 0)
		v = json_parse(text, JMAP_VALUES_MAX, e);
	arena_free(&a);
	return v;
}

int
jmap_store(struct home *h, enum object_kind kind, uint64_t *id, const cJSON *v,
    const struct change_by *by, struct err *e)
{
	uint32_t number = (uint32_t)*id;
	struct buf text;
	int rc;

	buf_init(&text, OBJECT_TEXT_MAX);
	json_print(v, &text);
	rc = text.over ? err_set(e, E_LIMIT, "too large")
		       : object_put(h, kind, &number, buf_view(&text), by, e);
	buf_free(&text);
	*id = number;
	return rc;
}

int
jmap_stored_changed(struct jmap_changes *ch, enum object_kind kind, const struct change *row)
{
	if (row->email != kind || row->mailbox != 0)
		return 0;
	if (row->kind == CHANGE_OBJECT_MADE)
		jmap_note(ch, row->uid, JMAP_CREATED);
	else if (row->kind == CHANGE_OBJECT_CHANGED)
		jmap_note(ch, row->uid, JMAP_UPDATED);
	else if (row->kind == CHANGE_OBJECT_GONE)
		jmap_note(ch, row->uid, JMAP_DESTROYED);
	return 0;
}

struct gathering {
	struct arena *a;
	uint64_t *v;
	size_t n, cap;
};

static bool
gather(void *arg, uint32_t id, struct str text)
{
	struct gathering *g = arg;
	uint64_t *more;

	(void)text;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		more = arena_array(g->a, g->cap, sizeof *more);
		if (g->n > 0)
			memcpy(more, g->v, g->n * sizeof *more);
		g->v = more;
	}
	g->v[g->n++] = id;
	return true;
}

int
jmap_stored_all(
    struct jmap_call *c, enum object_kind kind, uint64_t **ids, size_t *n, struct err *e)
{
	struct gathering g = {.a = &c->arena};

	if (object_each(c->home, kind, gather, &g, e) < 0)
		return -1;
	*ids = g.v;
	*n = g.n;
	return 0;
}

static bool
first(void *arg, uint32_t id, struct str text)
{
	(void)text;
	*(uint64_t *)arg = id;
	return false;
}

int
jmap_stored_one(struct home *h, enum object_kind kind, uint64_t *id, cJSON **v, struct err *e)
{
	*id = 0;
	*v = NULL;
	if (object_each(h, kind, first, id, e) < 0)
		return -1;
	return *id != 0 && (*v = jmap_stored(h, kind, *id, e)) == NULL ? -1 : 0;
}

uint64_t
jmap_singleton(struct str id)
{
	return str_eq_z(id, "singleton");
}

const char *
jmap_singleton_text(uint64_t n, char out[JMAP_ID_SIZE])
{
	(void)n;
	(void)snprintf(out, JMAP_ID_SIZE, "singleton");
	return out;
}

int
jmap_singleton_all(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e)
{
	(void)e;
	*ids = arena_new(&c->arena, uint64_t);
	**ids = 1;
	*n = 1;
	return 0;
}

uint64_t
jmap_number(struct str id, char letter)
{
	uint64_t n = 0;

	if (id.n < 2 || id.p[0] != letter || id.p[1] == '0' ||
	    num_parse(str_from(id, 1), 1, UINT32_MAX, &n) < 0)
		return 0;
	return n;
}

const char *
jmap_number_text(uint64_t n, char letter, char out[JMAP_ID_SIZE])
{
	(void)snprintf(out, JMAP_ID_SIZE, "%c%" PRIu64, letter, n);
	return out;
}

void
jmap_put_wanted(struct jmap_call *c, const cJSON *v, cJSON *out)
{
	const char *const *names = c->method->object->properties;

	for (unsigned i = 1; names[i] != NULL; i++) {
		const cJSON *m = json_get(v, names[i]);

		if (jmap_wants(c, i))
			json_put(out, names[i],
			    m != NULL ? cJSON_Duplicate(m, true) : cJSON_CreateNull());
	}
}
