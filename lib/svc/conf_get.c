/* conf_get.c - reading values, one by one and packed for a CONFIG message. */
#include "base/mem.h"
#include "svc/conf_in.h"

/* ---- one value, whether of a key or of a row ---- */

static struct str
get_str(const struct conf_value *v, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_STR || conf_rows[k].type == CONF_TYPE_CHOICE);
	return v->text;
}

static uint64_t
get_num(const struct conf_value *v, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_UINT || conf_rows[k].type == CONF_TYPE_SIZE ||
	       conf_rows[k].type == CONF_TYPE_DURATION);
	return v->num;
}

static bool
get_bool(const struct conf_value *v, enum conf_key k)
{
	assume(conf_rows[k].type == CONF_TYPE_BOOL);
	return v->num != 0;
}

static const struct str *
get_list(const struct conf_value *v, enum conf_key k, size_t *n)
{
	assume(conf_rows[k].type == CONF_TYPE_LIST);
	*n = v->n;
	return v->list;
}

/* ---- keys ---- */

struct str
conf_str(const struct conf *c, enum conf_key k)
{
	return get_str(&c->v[k], k);
}

const char *
conf_z(const struct conf *c, enum conf_key k)
{
	return conf_str(c, k).p; /* arena_dup puts a NUL behind */
}

uint64_t
conf_num(const struct conf *c, enum conf_key k)
{
	return get_num(&c->v[k], k);
}

bool
conf_bool(const struct conf *c, enum conf_key k)
{
	return get_bool(&c->v[k], k);
}

const struct str *
conf_list(const struct conf *c, enum conf_key k, size_t *n)
{
	return get_list(&c->v[k], k, n);
}

const char *
conf_origin(const struct conf *c, enum conf_key k)
{
	return c->v[k].origin;
}

struct str
conf_text(const struct conf *c, enum conf_key k, struct arena *a)
{
	return conf_value_text(&c->v[k], k, a);
}

/* ---- rows of tables ---- */

static const struct conf_value *
row(const struct conf *c, enum conf_key k, size_t i)
{
	enum conf_table t = conf_find_table(str_z(conf_rows[k].section));

	assume(k >= CONF_COUNT && i < c->tables[t].n);
	return &c->tables[t].v[i][k - CONF_COUNT];
}

size_t
conf_count(const struct conf *c, enum conf_table t)
{
	return c->tables[t].n;
}

struct str
conf_row_str(const struct conf *c, enum conf_key k, size_t i)
{
	return get_str(row(c, k, i), k);
}

const char *
conf_row_z(const struct conf *c, enum conf_key k, size_t i)
{
	return conf_row_str(c, k, i).p;
}

uint64_t
conf_row_num(const struct conf *c, enum conf_key k, size_t i)
{
	return get_num(row(c, k, i), k);
}

bool
conf_row_bool(const struct conf *c, enum conf_key k, size_t i)
{
	return get_bool(row(c, k, i), k);
}

const struct str *
conf_row_list(const struct conf *c, enum conf_key k, size_t i, size_t *n)
{
	return get_list(row(c, k, i), k, n);
}

const char *
conf_row_origin(const struct conf *c, enum conf_key k, size_t i)
{
	return row(c, k, i)->origin;
}

struct str
conf_row_text(const struct conf *c, enum conf_key k, size_t i, struct arena *a)
{
	return conf_value_text(row(c, k, i), k, a);
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

/* Of tables, what is no default: a row has at least one key that must be written. */
static size_t
pack_rows(const struct conf *c, enum conf_table t, struct arena *a, struct str *v)
{
	const struct conf_value *f;
	size_t n = 0;

	for (size_t i = 0; i < c->tables[t].n; i++)
		for (size_t k = CONF_COUNT; k < CONF_ALL; k++) {
			f = &c->tables[t].v[i][k - CONF_COUNT];
			if (strcmp(conf_rows[k].section, conf_tables[t].name) != 0 ||
			    str_eq_z(f->text, conf_rows[k].value))
				continue;
			v[n++] =
			    arena_printf(a, "%s.%zu.%s", conf_tables[t].name, i, conf_rows[k].key);
			v[n++] = arena_dup(a, f->text);
		}
	return n;
}

size_t
conf_pack(const struct conf *c, const char *sections, struct arena *a, struct str **out)
{
	size_t n = 0, room = CONF_COUNT;
	struct str *v;

	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		room += c->tables[t].n * CONF_FIELDS;
	v = arena_array(a, room * 2, sizeof(*v));
	for (size_t k = 0; k < CONF_COUNT; k++) {
		if (!named(sections, conf_rows[k].section))
			continue;
		v[n++] = arena_printf(a, "%s.%s", conf_rows[k].section, conf_rows[k].key);
		v[n++] = arena_dup(a, c->v[k].text);
	}
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		if (named(sections, conf_tables[t].name))
			n += pack_rows(c, (enum conf_table)t, a, v + n);
	*out = v;
	return n;
}
