/*
 * std_query.c - see jmap.h: /query (RFC 8620 5.5).
 */
#include "base/num.h"
#include "mailboxd/jmap/std.h"

struct query_run {
	struct jmap_query q;
	int64_t position, offset;
	struct str anchor;
	uint64_t limit;
	bool limited; /* by us */
	bool total;
	struct jmap_state state; /* when it began: what happens meanwhile is told by queryChanges */
};

int
jmap_query_read(struct jmap_call *c, struct jmap_query *q)
{
	const cJSON *m;

	if (jmap_arg_object(c, "filter", &q->filter) < 0 || jmap_arg_array(c, "sort", &q->sort) < 0)
		return -1;
	cJSON_ArrayForEach(m, q->sort)
	{
		const cJSON *up = json_member(m, "isAscending");

		if (!cJSON_IsObject(m) || !cJSON_IsString(json_get(m, "property")) ||
		    (up != NULL && !cJSON_IsBool(up))) {
			(void)jmap_fail(c, "invalidArguments", "sort: no Comparator");
			return -1;
		}
	}
	return 0;
}

static int
read_args(struct jmap_call *c, struct query_run *r)
{
	const struct jmap_object *o = c->method->object;
	struct str names = arena_printf(&c->arena,
	    "filter sort position anchor anchorOffset limit calculateTotal %s",
	    o->query_args ? o->query_args : "");

	if (jmap_args_only(c, names.p) < 0 || jmap_query_read(c, &r->q) < 0 ||
	    jmap_arg_int(c, "position", 0, &r->position) < 0 ||
	    jmap_arg_str(c, "anchor", &r->anchor) < 0 ||
	    jmap_arg_int(c, "anchorOffset", 0, &r->offset) < 0 ||
	    jmap_arg_uint(c, "limit", UINT64_MAX, &r->limit) < 0 ||
	    jmap_arg_bool(c, "calculateTotal", false, &r->total) < 0)
		return -1;
	if (r->limit > JMAP_MAX_QUERY) {
		r->limit = JMAP_MAX_QUERY;
		r->limited = true;
	}
	return 0;
}

/* How much of the result the answer is made of. One more tells whether there is more. */
static void
find_need(struct jmap_call *c, struct query_run *r)
{
	uint64_t shown = num_min(r->limit, (uint64_t)JMAP_MAX_QUERY) + 1;

	r->q.need = SIZE_MAX;
	if (r->total)
		return;
	if (r->anchor.p != NULL) {
		r->q.anchor = c->method->object->parse(r->anchor);
		r->q.behind_anchor = num_max(r->offset, -JSON_INT_MAX) + (int64_t)shown;
	} else if (r->position >= 0) {
		r->q.need = (size_t)r->position + shown;
	}
}

/* Where the answer begins; -1: the call has failed. */
static int
place(struct jmap_call *c, struct query_run *r, int64_t *out)
{
	uint64_t id = c->method->object->parse(r->anchor);
	size_t i = 0;

	if (r->anchor.p == NULL) {
		*out = r->position >= 0 ? r->position
					: num_max(r->position + (int64_t)r->q.n, (int64_t)0);
		return 0;
	}
	while (i < r->q.n && r->q.ids[i] != id)
		i++;
	if (id == 0 || i == r->q.n) {
		(void)jmap_fail(c, "anchorNotFound", "it is not in the results");
		return -1;
	}
	*out = num_max((int64_t)i + r->offset, (int64_t)0);
	return 0;
}

static enum jmap_step
answer(struct jmap_call *c, struct query_run *r)
{
	const struct jmap_object *o = c->method->object;
	cJSON *ids = cJSON_CreateArray();
	char text[JMAP_ID_SIZE];
	int64_t at;

	json_put_str(c->result, "queryState", str_z(r->state.text));
	json_put_bool(c->result, "canCalculateChanges", o->changed != NULL && !r->q.cannot_change);
	json_put(c->result, "ids", ids);
	if (place(c, r, &at) < 0)
		return JMAP_DONE;
	json_put_num(c->result, "position", at);
	for (uint64_t i = (uint64_t)at; i < r->q.n && i - (uint64_t)at < r->limit; i++)
		json_add(ids, json_new_str(str_z(o->text(r->q.ids[i], text))));
	if (r->total)
		json_put_num(c->result, "total", (int64_t)r->q.n);
	if (r->limited)
		json_put_num(c->result, "limit", JMAP_MAX_QUERY);
	return JMAP_DONE;
}

static enum jmap_step
query_step(struct jmap_call *c)
{
	struct query_run *r = c->op;
	enum jmap_step s = c->method->object->query(c, &r->q);

	return s != JMAP_DONE || jmap_failed(c) ? s : answer(c, r);
}

enum jmap_step
jmap_query(struct jmap_call *c)
{
	struct query_run *r = arena_new(&c->arena, struct query_run);

	if (read_args(c, r) < 0)
		return JMAP_DONE;
	find_need(c, r);
	r->state = jmap_state(c->jmap, c->method->object->type);
	c->op = r;
	c->step = query_step;
	return query_step(c);
}
