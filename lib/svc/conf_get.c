/* conf_get.c - reading values, one by one and packed for a CONFIG message. */
#include "base/mem.h"
#include "svc/conf_in.h"

struct str
conf_str(const struct conf *c, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_STR || conf_rows[k].type == CONF_TYPE_CHOICE);
	return c->v[k].text;
}

const char *
conf_z(const struct conf *c, enum conf_key k)
{
	return conf_str(c, k).p; /* arena_dup puts a NUL behind */
}

uint64_t
conf_num(const struct conf *c, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_UINT || conf_rows[k].type == CONF_TYPE_SIZE ||
	       conf_rows[k].type == CONF_TYPE_DURATION);
	return c->v[k].num;
}

bool
conf_bool(const struct conf *c, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_BOOL);
	return c->v[k].num != 0;
}

const struct str *
conf_list(const struct conf *c, enum conf_key k, size_t *n)
{
	assume(conf_rows[k].type == CONF_TYPE_LIST);
	*n = c->v[k].n;
	return c->v[k].list;
}

const char *
conf_origin(const struct conf *c, enum conf_key k)
{
	return c->v[k].origin;
}

/* ---- CONFIG messages ---- */

static bool
named(const char *sections, const char *section)
{
	struct str rest = str_z(sections), one;
	bool more;

	do {
		more = str_cut(&rest, ' ', &one);
		if (str_eq_z(one, section))
			return true;
	} while (more);
	return false;
}

size_t
conf_pack(const struct conf *c, const char *sections, struct arena *a, struct str **out)
{
	struct str *v = arena_array(a, (size_t)CONF_COUNT * 2, sizeof(*v));
	size_t n = 0;

	for (size_t k = 0; k < CONF_COUNT; k++) {
		if (!named(sections, conf_rows[k].section))
			continue;
		v[n++] = arena_printf(a, "%s.%s", conf_rows[k].section, conf_rows[k].key);
		v[n++] = arena_dup(a, c->v[k].text);
	}
	*out = v;
	return n;
}
