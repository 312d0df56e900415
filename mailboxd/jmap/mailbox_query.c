/*
 * mailbox_query.c - see mailbox.h: Mailbox/query (RFC 8621 2.3, 2.4).
 *
 * All mailboxes are looked at, as arrays: there are 10,000 of them at most. Cost is bounded by the
 * number of conditions, which the request's size bounds, in slices of no less than one mailbox.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "mail/needle.h"
#include "mailboxd/jmap/mailbox.h"

#define CONDITIONS_MAX 100u
#define SORTS_MAX      10u

/* A mailbox among the candidates. */
struct candidate {
	struct mailbox *mb;
	struct candidate *parent; /* NULL: at the top */
	struct str name;          /* folded, for sorting */
	struct str shown;
	bool matches;
	unsigned depth;
};

enum sort_key {
	SORT_ORDER,
	SORT_NAME,
	SORT_PARENT
};

struct query {
	struct jmap_call *call;
	struct candidate *v;
	size_t n;
	enum sort_key keys[SORTS_MAX];
	bool down[SORTS_MAX];
	size_t nkeys;
	bool as_tree, filter_as_tree;
	unsigned conditions;
	/* Of conditions on names, made ready once. */
	struct {
		const cJSON *of;
		struct needle needle;
		bool never; /* it is in no name */
	} needles[CONDITIONS_MAX];
	size_t nneedles;
};

/* ---- filter ---- */

static int
bad_filter(struct query *q, const char *name)
{
	(void)jmap_fail(q->call, "invalidArguments", "filter: %s is of another type", name);
	return -1;
}

static bool
name_contains(struct query *q, const struct candidate *cd, const cJSON *part)
{
	size_t i = 0;

	while (i < q->nneedles && q->needles[i].of != part)
		i++;
	if (i == q->nneedles) {
		q->nneedles++;
		q->needles[i].of = part;
		q->needles[i].never =
		    needle_init(&q->needles[i].needle, json_str(part), &q->call->arena) < 0;
	}
	return !q->needles[i].never && needle_in(&q->needles[i].needle, cd->shown);
}

/* One property of a FilterCondition. 1, 0, or -1: the call has failed. */
static int
matches_property(struct query *q, const struct candidate *cd, const cJSON *m)
{
	struct str name = json_name(m), v = json_str(m);
	const char *role = jmap_mailbox_role(cd->mb);
	char text[JMAP_ID_SIZE];

	if (str_eq_z(name, "parentId")) {
		if (!cJSON_IsNull(m) && v.p == NULL)
			return bad_filter(q, m->string);
		v = cJSON_IsNull(m) ? v : jmap_real_id(q->call, v);
		return cd->parent == NULL
			   ? cJSON_IsNull(m)
			   : str_eq_z(v, jmap_mailbox_text(cd->parent->mb->id, text));
	}
	if (str_eq_z(name, "name"))
		return v.p == NULL ? bad_filter(q, m->string) : name_contains(q, cd, m);
	if (str_eq_z(name, "role")) {
		if (!cJSON_IsNull(m) && v.p == NULL)
			return bad_filter(q, m->string);
		return role == NULL ? cJSON_IsNull(m) : str_eq_z(v, role);
	}
	if (str_eq_z(name, "hasAnyRole"))
		return !cJSON_IsBool(m) ? bad_filter(q, m->string)
					: (role != NULL) == cJSON_IsTrue(m);
	if (str_eq_z(name, "isSubscribed"))
		return !cJSON_IsBool(m) ? bad_filter(q, m->string)
					: cd->mb->subscribed == cJSON_IsTrue(m);
	(void)jmap_fail(q->call, "unsupportedFilter", "%s", m->string);
	return -1;
}

static int matches(struct query *q, const struct candidate *cd, const cJSON *filter);

/* RFC 8620 5.5: NOT is none of them. */
static int
matches_operator(struct query *q, const struct candidate *cd, struct str op, const cJSON *list)
{
	bool is_and = str_eq_z(op, "AND"), any = false, every = true;
	const cJSON *m;

	if (!is_and && !str_eq_z(op, "OR") && !str_eq_z(op, "NOT"))
		return bad_filter(q, "operator");
	if (!cJSON_IsArray(list))
		return bad_filter(q, "conditions");
	cJSON_ArrayForEach(m, list)
	{
		int rc = matches(q, cd, m);

		if (rc < 0)
			return -1;
		any |= rc == 1;
		every &= rc == 1;
	}
	return is_and ? every : str_eq_z(op, "OR") ? any : !any;
}

static int
matches(struct query *q, const struct candidate *cd, const cJSON *filter)
{
	const cJSON *m, *op = json_get(filter, "operator");
	bool every = true;

	if (!cJSON_IsObject(filter))
		return bad_filter(q, "a condition");
	if (++q->conditions > CONDITIONS_MAX) {
		(void)jmap_fail(q->call, "unsupportedFilter", "too many conditions");
		return -1;
	}
	if (op != NULL)
		return matches_operator(q, cd, json_str(op), json_get(filter, "conditions"));
	cJSON_ArrayForEach(m, filter)
	{
		int rc = matches_property(q, cd, m);

		if (rc < 0)
			return -1;
		every &= rc == 1;
	}
	return every;
}

/* ---- sort ---- */

static int
read_sort(struct query *q, const cJSON *sort)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, sort)
	{
		struct str p = json_str(json_get(m, "property"));
		const cJSON *up = json_member(m, "isAscending"),
			    *coll = json_member(m, "collation");

		if (q->nkeys == SORTS_MAX ||
		    (!str_eq_z(p, "sortOrder") && !str_eq_z(p, "name") &&
			!str_eq_z(p, "parentId")) ||
		    (coll != NULL && !str_eq_z(json_str(coll), "i;ascii-casemap") &&
			!str_eq_z(json_str(coll), "i;unicode-casemap"))) {
			(void)jmap_fail(q->call, "unsupportedSort", STR_FMT, STR_ARG(p));
			return -1;
		}
		q->keys[q->nkeys] = str_eq_z(p, "name")       ? SORT_NAME
				    : str_eq_z(p, "parentId") ? SORT_PARENT
							      : SORT_ORDER;
		q->down[q->nkeys++] = cJSON_IsFalse(up);
	}
	return 0;
}

static int
compare_ids(const struct candidate *a, const struct candidate *b)
{
	uint32_t x = a != NULL ? a->mb->id : 0, y = b != NULL ? b->mb->id : 0;

	return x < y ? -1 : x > y;
}

/* As the client wants them, and in order of their ids where that leaves it open. */
static int
compare(const struct query *q, const struct candidate *a, const struct candidate *b)
{
	int64_t x = jmap_mailbox_sort(a->mb), y = jmap_mailbox_sort(b->mb);
	int d = 0;

	for (size_t i = 0; i < q->nkeys && d == 0; i++) {
		d = q->keys[i] == SORT_NAME     ? str_cmp(a->name, b->name)
		    : q->keys[i] == SORT_PARENT ? compare_ids(a->parent, b->parent)
						: (x > y) - (x < y);
		d = q->down[i] ? -d : d;
	}
	return d != 0 ? d : compare_ids(a, b);
}

/* sortAsTree (RFC 8621 2.3): by what sorts the ancestors of both that differ first; a mailbox
 * stands before those below it. */
static int
compare_trees(const struct query *q, const struct candidate *a, const struct candidate *b)
{
	const struct candidate *x = a, *y = b;

	while (x->depth > y->depth)
		x = x->parent;
	while (y->depth > x->depth)
		y = y->parent;
	if (x == y)
		return a->depth < b->depth ? -1 : a->depth > b->depth;
	while (x->parent != y->parent) {
		x = x->parent;
		y = y->parent;
	}
	return compare(q, x, y);
}

static int
by_query(const void *a, const void *b, void *arg)
{
	const struct candidate *x = *(const struct candidate *const *)a;
	const struct candidate *y = *(const struct candidate *const *)b;
	const struct query *q = arg;

	return q->as_tree ? compare_trees(q, x, y) : compare(q, x, y);
}

/* ---- candidates ---- */

static struct str
folded(struct str s, struct arena *a)
{
	struct needle nd;

	return needle_init(&nd, s, a) == 0 ? nd.folded : s;
}

/* Superiors stand before their inferiors (home_next), except that INBOX comes first. */
static void
gather(struct query *q)
{
	struct arena *a = &q->call->arena;
	struct mailbox *mb, *parent;
	size_t i = 0, n = 0;

	while (home_next(q->call->home, &i) != NULL)
		n++;
	q->v = arena_array(a, n + 1, sizeof *q->v);
	i = 0;
	while ((mb = home_next(q->call->home, &i)) != NULL) {
		struct candidate *cd = &q->v[q->n++];

		*cd = (struct candidate){.mb = mb, .shown = jmap_mailbox_name(mb)};
		cd->name = folded(cd->shown, a);
		if ((parent = jmap_mailbox_parent(mb)) == NULL)
			continue;
		for (size_t k = q->n - 1; k-- > 0 && cd->parent == NULL;)
			if (q->v[k].mb == parent)
				cd->parent = &q->v[k];
		cd->depth = cd->parent != NULL ? cd->parent->depth + 1 : 0;
	}
}

static int
filter_all(struct query *q, const cJSON *filter)
{
	for (size_t i = 0; i < q->n; i++) {
		struct candidate *cd = &q->v[i];
		int rc = 1;

		q->conditions = 0;
		if (filter != NULL && (rc = matches(q, cd, filter)) < 0)
			return -1;
		/* filterAsTree: only below one that is in the results itself. */
		cd->matches =
		    rc == 1 && (!q->filter_as_tree || cd->parent == NULL || cd->parent->matches);
	}
	return 0;
}

enum jmap_step
jmap_mailbox_query(struct jmap_call *c, struct jmap_query *out)
{
	struct query *q = arena_new(&c->arena, struct query);
	struct candidate **found;
	size_t n = 0;

	q->call = c;
	if (jmap_arg_bool(c, "sortAsTree", false, &q->as_tree) < 0 ||
	    jmap_arg_bool(c, "filterAsTree", false, &q->filter_as_tree) < 0 ||
	    read_sort(q, out->sort) < 0)
		return JMAP_DONE;
	gather(q);
	if (filter_all(q, out->filter) < 0)
		return JMAP_DONE;
	found = arena_array(&c->arena, q->n + 1, sizeof *found);
	for (size_t i = 0; i < q->n; i++)
		if (q->v[i].matches)
			found[n++] = &q->v[i];
	qsort_r(found, n, sizeof *found, by_query, q);
	out->ids = arena_array(&c->arena, n + 1, sizeof *out->ids);
	out->n = n;
	for (size_t i = 0; i < n; i++)
		out->ids[i] = found[i]->mb->id;
	/* A mailbox moves with its parent there. */
	out->cannot_change = q->as_tree || q->filter_as_tree;
	return JMAP_DONE;
}
