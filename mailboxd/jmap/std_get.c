/*
 * std_get.c - see jmap.h: /get (RFC 8620 5.1).
 */
#include "base/mem.h"
#include "mailboxd/jmap/std.h"

struct get_run {
	cJSON *list, *not_found; /* of c->result */
	struct str *given;       /* ids as they came; NULL where all are meant */
	uint64_t *ids;           /* 0: no such object can be */
	size_t n, i;
};

bool
jmap_wants(const struct jmap_call *c, unsigned i)
{
	return (c->wanted & UINT64_C(1) << i) != 0;
}

const struct str *
jmap_more_properties(const struct jmap_call *c, size_t *n)
{
	*n = c->nmore;
	return c->more;
}

/* ---- properties ---- */

static int
want(struct jmap_call *c, struct str name)
{
	const struct jmap_object *o = c->method->object;

	for (unsigned i = 0; o->properties[i] != NULL; i++)
		if (str_eq_z(name, o->properties[i])) {
			c->wanted |= UINT64_C(1) << i;
			return 0;
		}
	if (name.p == NULL || o->is_property == NULL || !o->is_property(name)) {
		(void)jmap_fail(c, "invalidArguments", "properties: no such property");
		return -1;
	}
	for (size_t i = 0; i < c->nmore; i++)
		if (str_eq(c->more[i], name))
			return 0;
	c->more[c->nmore++] = name;
	return 0;
}

int
jmap_read_properties(struct jmap_call *c)
{
	const struct jmap_object *o = c->method->object;
	const cJSON *v, *m;
	size_t n;

	if (jmap_arg_array(c, "properties", &v) < 0)
		return -1;
	if (v == NULL) {
		c->wanted = o->default_properties != 0 ? o->default_properties : UINT64_MAX;
		return 0;
	}
	if ((n = (size_t)cJSON_GetArraySize(v)) > JMAP_MAX_GET) {
		(void)jmap_fail(c, "invalidArguments", "properties: too many");
		return -1;
	}
	c->more = arena_array(&c->arena, n + 1, sizeof *c->more);
	cJSON_ArrayForEach(m, v)
	{
		if (want(c, json_str(m)) < 0)
			return -1;
	}
	return 0;
}

/* ---- ids ---- */

static bool
is_repeated(const struct get_run *g, size_t n, struct str id)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(g->given[i], id))
			return true;
	return false;
}

static int
read_ids(struct jmap_call *c, struct get_run *g, const cJSON *v)
{
	size_t n = (size_t)cJSON_GetArraySize(v);
	const cJSON *m;

	if (n > JMAP_MAX_GET) {
		(void)jmap_fail(c, "requestTooLarge", "more than %u ids", JMAP_MAX_GET);
		return -1;
	}
	g->given = arena_array(&c->arena, n + 1, sizeof *g->given);
	g->ids = arena_array(&c->arena, n + 1, sizeof *g->ids);
	cJSON_ArrayForEach(m, v)
	{
		struct str id = jmap_real_id(c, json_str(m));

		if (!cJSON_IsString(m) || (id.p != NULL && !jmap_id_valid(id))) {
			(void)jmap_fail(c, "invalidArguments", "ids: no id");
			return -1;
		}
		/* "#k" that nothing was made for stays as it is, and is not found. */
		if (id.p == NULL)
			id = json_str(m);
		/* RFC 8620 5.1: the same id twice is answered once. */
		if (is_repeated(g, g->n, id))
			continue;
		g->given[g->n] = id;
		g->ids[g->n++] = c->method->object->parse(id);
	}
	return 0;
}

static int
read_all(struct jmap_call *c, struct get_run *g)
{
	const struct jmap_object *o = c->method->object;
	struct err e = {0};

	if (o->all == NULL) {
		(void)jmap_fail(c, "requestTooLarge", "ids must be given");
		return -1;
	}
	if (o->all(c, &g->ids, &g->n, &e) < 0) {
		(void)jmap_fail_err(c, &e);
		return -1;
	}
	if (g->n > JMAP_MAX_GET && !o->all_is_unbounded) {
		(void)jmap_fail(c, "requestTooLarge", "more than %u objects", JMAP_MAX_GET);
		return -1;
	}
	return 0;
}

/* ---- the method ---- */

static int
get_one(struct jmap_call *c, struct get_run *g, size_t i, struct err *e)
{
	const struct jmap_object *o = c->method->object;
	char text[JMAP_ID_SIZE];
	cJSON *out;
	int rc = 0;

	if (g->ids[i] != 0) {
		out = cJSON_CreateObject();
		/* RFC 8620 5.1: the id is always there. */
		json_put_str(out, "id", str_z(o->text(g->ids[i], text)));
		if ((rc = o->get(c, g->ids[i], out, e)) == 1)
			json_add(g->list, out);
		else
			cJSON_Delete(out);
	}
	if (rc == 0 && g->given != NULL)
		json_add(g->not_found, json_new_str(g->given[i]));
	return rc < 0 ? -1 : 0;
}

static enum jmap_step
get_some(struct jmap_call *c)
{
	struct get_run *g = c->op;
	enum jmap_step ready =
	    c->method->object->get_ready != NULL ? c->method->object->get_ready(c) : JMAP_DONE;
	size_t begin = g->i;
	struct err e = {0};

	if (ready != JMAP_DONE || jmap_failed(c))
		return ready;
	for (; g->i < g->n; g->i++) {
		if (g->i > begin && jmap_slice_over(c))
			return JMAP_YIELD;
		if (get_one(c, g, g->i, &e) < 0)
			return jmap_fail_err(c, &e);
	}
	return JMAP_DONE;
}

static int
check_args(struct jmap_call *c)
{
	const struct jmap_object *o = c->method->object;
	struct str names =
	    arena_printf(&c->arena, "ids properties %s", o->get_args ? o->get_args : "");

	return jmap_args_only(c, names.p);
}

enum jmap_step
jmap_get(struct jmap_call *c)
{
	const struct jmap_object *o = c->method->object;
	struct get_run *g = arena_new(&c->arena, struct get_run);
	const cJSON *ids;

	if (check_args(c) < 0 || jmap_read_properties(c) < 0 ||
	    jmap_arg_array(c, "ids", &ids) < 0 ||
	    (ids != NULL ? read_ids(c, g, ids) : read_all(c, g)) < 0 ||
	    (o->get_begin != NULL && o->get_begin(c) < 0))
		return JMAP_DONE;
	/* The state is told with what was there when it began: what changes meanwhile is told
	 * again by /changes. */
	if (!o->stateless)
		json_put_str(c->result, "state", str_z(jmap_state(c->jmap, o->type).text));
	json_put(c->result, "list", g->list = cJSON_CreateArray());
	json_put(c->result, "notFound", g->not_found = cJSON_CreateArray());
	c->op = g;
	c->step = get_some;
	return get_some(c);
}
