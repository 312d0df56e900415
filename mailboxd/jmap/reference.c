/*
 * reference.c - see request.h: references to results of earlier calls (RFC 8620 3.7).
 *
 * A request can ask for far more than it holds: "*" on what "*" has made, and that again in the
 * next call. So a request has a budget for all its references together, of values looked at and of
 * what is copied.
 */
#include "base/num.h"
#include "mailboxd/jmap/request.h"

#define SLASHES_MAX 64u

struct look {
	struct budget *budget;
	struct arena *arena;
	struct err *e;
};

static int
spend(size_t *budget, size_t n, struct err *e)
{
	if (n > *budget)
		return err_set(e, E_LIMIT, "references of this request cost too much");
	*budget -= n;
	return 0;
}

/* A token of a JSON pointer (RFC 6901 4). -1: it is none. */
static int
unescape(struct str token, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, token.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];

		if (c == '~') {
			char next = i + 1 < token.n ? token.p[++i] : '\0';

			if (next != '0' && next != '1')
				return -1;
			c = next == '0' ? '~' : '/';
		}
		p[n++] = c;
	}
	*out = str_of(p, n);
	return 0;
}

/* The value that a token leads to from v; NULL with *e when there is none. */
static const cJSON *
step(const struct look *l, const cJSON *v, struct str token)
{
	uint64_t index = 0, i = 0;
	const cJSON *m;

	/* RFC 6901 4: no leading zeros; "-" leads nowhere. */
	if (cJSON_IsArray(v) &&
	    (num_parse(token, 0, UINT32_MAX, &index) < 0 || (token.n > 1 && token.p[0] == '0'))) {
		err_put(l->e, E_INVAL, "the path has no index where there is an array");
		return NULL;
	}
	cJSON_ArrayForEach(m, v)
	{
		if (spend(&l->budget->looks, 1, l->e) < 0)
			return NULL;
		if (cJSON_IsArray(v) ? i++ == index : str_eq(json_name(m), token))
			return m;
	}
	err_put(l->e, E_INVAL, "the path leads nowhere");
	return NULL;
}

/* A copy that is paid for. */
static cJSON *
copy(const struct look *l, const cJSON *v)
{
	const cJSON *m;
	size_t octets = cJSON_IsString(v) ? strlen(v->valuestring) : 0;
	cJSON *out, *c;

	octets += v->string != NULL ? strlen(v->string) : 0;
	if (spend(&l->budget->values, 1, l->e) < 0 || spend(&l->budget->octets, octets, l->e) < 0)
		return NULL;
	if (!cJSON_IsArray(v) && !cJSON_IsObject(v))
		return cJSON_Duplicate(v, false);
	out = cJSON_IsArray(v) ? cJSON_CreateArray() : cJSON_CreateObject();
	cJSON_ArrayForEach(m, v)
	{
		if ((c = copy(l, m)) == NULL) {
			cJSON_Delete(out);
			return NULL;
		}
		if (cJSON_IsArray(v))
			json_add(out, c);
		else
			json_put_named(out, json_name(m), c);
	}
	return out;
}

static cJSON *evaluate(const struct look *l, const cJSON *v, struct str path);

/* RFC 8620 3.7: the rest of the path for each item; items of arrays that come of it, not arrays. */
static cJSON *
each(const struct look *l, const cJSON *array, struct str path)
{
	cJSON *out = cJSON_CreateArray(), *found, *item;
	const cJSON *m;

	cJSON_ArrayForEach(m, array)
	{
		if (spend(&l->budget->looks, 1, l->e) < 0 ||
		    (found = evaluate(l, m, path)) == NULL) {
			cJSON_Delete(out);
			return NULL;
		}
		if (!cJSON_IsArray(found)) {
			json_add(out, found);
			continue;
		}
		while ((item = found->child) != NULL)
			json_add(out, cJSON_DetachItemViaPointer(found, item));
		cJSON_Delete(found);
	}
	return out;
}

static cJSON *
evaluate(const struct look *l, const cJSON *v, struct str path)
{
	struct str head, token;

	while (path.n > 0) {
		if (path.p[0] != '/') {
			err_put(l->e, E_INVAL, "the path is no JSON pointer");
			return NULL;
		}
		path = str_from(path, 1);
		head = str_sub(path, 0, str_chr(path, '/'));
		path = str_from(path, head.n);
		if (cJSON_IsArray(v) && str_eq_z(head, "*"))
			return each(l, v, path);
		if (unescape(head, l->arena, &token) < 0) {
			err_put(l->e, E_INVAL, "the path is no JSON pointer");
			return NULL;
		}
		if ((v = step(l, v, token)) == NULL)
			return NULL;
	}
	return copy(l, v);
}

static bool
too_deep(struct str path)
{
	size_t n = 0;

	for (size_t i = 0; i < path.n; i++)
		n += path.p[i] == '/';
	return n > SLASHES_MAX;
}

/* The value of a ResultReference. */
static cJSON *
refer(struct jmap_request *r, const cJSON *ref, struct err *e)
{
	const struct look l = {.budget = &r->budget, .arena = &r->arena, .e = e};
	struct str of = json_str(json_get(ref, "resultOf")), name = json_str(json_get(ref, "name")),
		   path = json_str(json_get(ref, "path"));
	const cJSON *m;

	if (of.p == NULL || name.p == NULL || path.p == NULL || too_deep(path)) {
		err_put(e, E_INVAL, "no ResultReference");
		return NULL;
	}
	/* The first response to that call. */
	cJSON_ArrayForEach(m, r->results)
	{
		if (!str_eq(json_str(m->child->next->next), of))
			continue;
		if (str_eq(json_str(m->child), name))
			return evaluate(&l, m->child->next, path);
		break;
	}
	err_put(e, E_INVAL, "no such result");
	return NULL;
}

int
jmap_references(struct jmap_request *r, cJSON *args, const char **type, struct err *e)
{
	size_t n = (size_t)cJSON_GetArraySize(args);
	cJSON *m, *next, *v;

	for (m = args->child; m != NULL; m = next) {
		struct str name = json_name(m);

		next = m->next;
		if (!str_starts(name, STR("#")))
			continue;
		*type = "invalidArguments";
		if (spend(&r->budget.looks, n, e) < 0)
			return -1;
		if (json_get(args, name.p + 1) != NULL)
			return err_set(e, E_INVAL, "an argument is given twice");
		*type = "invalidResultReference";
		if ((v = refer(r, m, e)) == NULL)
			return -1;
		json_put_named(args, str_from(name, 1), v);
		cJSON_Delete(cJSON_DetachItemViaPointer(args, m));
	}
	return 0;
}

bool
jmap_is_referred_to(const cJSON *from, struct str id)
{
	const cJSON *m;

	for (; from != NULL; from = from->next)
		cJSON_ArrayForEach(m, from->child->next)
		{
			if (m->string[0] == '#' && str_eq(json_str(json_get(m, "resultOf")), id))
				return true;
		}
	return false;
}
