/*
 * submission_query.c - EmailSubmission/query (RFC 8621 7.3): all of them are looked at, which are
 * few.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "mail/date.h"
#include "mailboxd/jmap/submission.h"

struct row {
	uint64_t id;
	struct str email, thread;
	int64_t sent;
};

struct rows {
	struct jmap_call *c;
	struct row *v;
	size_t n, cap;
	bool bad; /* a filter that is none */
	const cJSON *filter;
};

static int64_t
seconds(struct str s)
{
	struct date d;

	return date_rfc3339_parse(s, &d) == 0 ? d.utc : INT64_MIN;
}

/* ---- filter ---- */

static bool
is_among(const cJSON *list, struct str s, bool *bad)
{
	const cJSON *m;

	*bad |= !cJSON_IsArray(list);
	cJSON_ArrayForEach(m, list) if (str_eq(json_str(m), s)) return true;
	return false;
}

static bool
condition(const cJSON *m, const cJSON *v, bool *bad)
{
	struct str name = json_name(m);
	int64_t sent = seconds(json_str(json_get(v, "sendAt")));

	if (cJSON_IsNull(m))
		return true;
	if (str_eq_z(name, "identityIds"))
		return is_among(m, json_str(json_get(v, "identityId")), bad);
	if (str_eq_z(name, "emailIds"))
		return is_among(m, json_str(json_get(v, "emailId")), bad);
	if (str_eq_z(name, "threadIds"))
		return is_among(m, json_str(json_get(v, "threadId")), bad);
	if (str_eq_z(name, "undoStatus"))
		return str_eq(json_str(m), json_str(json_get(v, "undoStatus")));
	if (str_eq_z(name, "before") || str_eq_z(name, "after")) {
		int64_t t = seconds(json_str(m));

		*bad |= t == INT64_MIN;
		return str_eq_z(name, "before") ? sent < t : sent >= t;
	}
	*bad = true;
	return false;
}

/* As deep as JSON may be (json.h). */
static bool
matches(const cJSON *f, const cJSON *v, bool *bad)
{
	struct str op = json_str(json_get(f, "operator"));
	bool all = true, any = false;
	const cJSON *m;

	if (op.p == NULL) {
		cJSON_ArrayForEach(m, f) all = condition(m, v, bad) && all;
		return all;
	}
	cJSON_ArrayForEach(m, json_get(f, "conditions"))
	{
		bool yes = cJSON_IsObject(m) && matches(m, v, bad);

		*bad |= !cJSON_IsObject(m);
		all = all && yes;
		any = any || yes;
	}
	if (str_eq_z(op, "AND"))
		return all;
	*bad |= !str_eq_z(op, "OR") && !str_eq_z(op, "NOT");
	return str_eq_z(op, "NOT") ? !any : any;
}

/* ---- sort ---- */

struct order {
	enum {
		BY_EMAIL,
		BY_THREAD,
		BY_SENT
	} by[3];
	bool descending[3];
	size_t n;
};

static int
read_sort(const cJSON *sort, struct order *o)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, sort)
	{
		struct str p = json_str(json_get(m, "property"));

		if (o->n == ARRAY_LEN(o->by))
			return -1;
		if (str_eq_z(p, "emailId"))
			o->by[o->n] = BY_EMAIL;
		else if (str_eq_z(p, "threadId"))
			o->by[o->n] = BY_THREAD;
		else if (str_eq_z(p, "sentAt") || str_eq_z(p, "sendAt"))
			o->by[o->n] = BY_SENT;
		else
			return -1;
		o->descending[o->n++] = cJSON_IsFalse(json_get(m, "isAscending"));
	}
	return 0;
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct order *o = arg;

	for (size_t i = 0; i < o->n; i++) {
		int d = o->by[i] == BY_EMAIL    ? str_cmp(x->email, y->email)
			: o->by[i] == BY_THREAD ? str_cmp(x->thread, y->thread)
						: (x->sent > y->sent) - (x->sent < y->sent);

		if (d != 0)
			return o->descending[i] ? -d : d;
	}
	return (x->id > y->id) - (x->id < y->id);
}

/* ---- all ---- */

static bool
look(void *arg, uint32_t id, struct str text)
{
	struct rows *r = arg;
	struct arena *a = &r->c->arena;
	cJSON *v = json_parse(text, JMAP_VALUES_MAX, NULL);

	if (v != NULL && (r->filter == NULL || matches(r->filter, v, &r->bad))) {
		if (r->n == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 64;
			r->v = mem_grow(r->v, r->cap, sizeof *r->v);
		}
		r->v[r->n++] = (struct row){.id = id,
		    .email = arena_dup(a, json_str(json_get(v, "emailId"))),
		    .thread = arena_dup(a, json_str(json_get(v, "threadId"))),
		    .sent = seconds(json_str(json_get(v, "sendAt")))};
	}
	cJSON_Delete(v);
	return !r->bad;
}

enum jmap_step
jmap_submission_query(struct jmap_call *c, struct jmap_query *q)
{
	struct rows r = {.c = c, .filter = q->filter};
	struct order order = {.n = 0};
	enum jmap_step step = JMAP_DONE;
	struct err e;

	if (q->filter != NULL) {
		/* Also where there is nothing to compare it with. */
		cJSON *none = cJSON_CreateObject();

		(void)matches(q->filter, none, &r.bad);
		cJSON_Delete(none);
	}
	if (r.bad)
		return jmap_fail(c, "unsupportedFilter", "no such condition");
	if (read_sort(q->sort, &order) < 0)
		return jmap_fail(c, "unsupportedSort", "no such property");
	if (object_each(c->home, OBJECT_SUBMISSION, look, &r, &e) < 0)
		step = jmap_fail_err(c, &e);
	if (r.n > 0)
		qsort_r(r.v, r.n, sizeof *r.v, compare, &order);
	q->ids = arena_array(&c->arena, r.n + 1, sizeof *q->ids);
	for (size_t i = 0; i < r.n; i++)
		q->ids[i] = r.v[i].id;
	q->n = r.n;
	free(r.v);
	return step;
}
