/* facts.c - what DNS has said so far. See facts.h. */
#include "sender/facts.h"

void
facts_init(struct facts *f, struct arena *a)
{
	*f = (struct facts){.arena = a};
	f->last = &f->first;
}

bool
facts_name_ok(struct str name)
{
	struct str label;
	bool more;

	if (name.n == 0 || name.n > 253)
		return false;
	do {
		more = str_cut(&name, '.', &label);
		if (label.n == 0 || label.n > 63)
			return false;
	} while (more);
	return true;
}

static struct fact *
find(const struct facts *f, struct str name, enum fact_type type)
{
	for (struct fact *x = f->first; x != NULL; x = x->next)
		if (x->type == type && str_ieq(x->name, name))
			return x;
	return NULL;
}

static struct fact *
add(struct facts *f, struct str name, enum fact_type type)
{
	struct fact *x = arena_new(f->arena, struct fact);
	char *lower = arena_alloc(f->arena, name.n + 1);

	str_lower(name, lower);
	x->name = str_of(lower, name.n);
	x->type = type;
	*f->last = x;
	f->last = &x->next;
	f->count++;
	return x;
}

const struct fact *
facts_get(struct facts *f, struct str name, enum fact_type type)
{
	static const struct fact failed = {.status = FACT_FAILED};
	struct fact *x;

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if ((x = find(f, name, type)) != NULL)
		return x->status == FACT_WISHED ? NULL : x;
	if (f->count >= FACTS_MAX)
		return &failed;
	(void)add(f, name, type);
	return NULL;
}

void
facts_put(struct facts *f, struct str name, enum fact_type type, enum fact_status status,
    const struct str *records, size_t n)
{
	struct fact *x = find(f, name, type);

	if (x == NULL)
		x = add(f, name, type);
	x->status = status;
	x->n = n;
	x->records = arena_array(f->arena, n + 1, sizeof(*x->records));
	for (size_t i = 0; i < n; i++)
		x->records[i] = arena_dup(f->arena, records[i]);
}

const struct fact *
facts_wish(const struct facts *f, const struct fact *after)
{
	const struct fact *x = after == NULL ? f->first : after->next;

	while (x != NULL && x->status != FACT_WISHED)
		x = x->next;
	return x;
}
