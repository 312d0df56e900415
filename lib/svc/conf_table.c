/*
 * conf_table.c - tables that stand in the file several times, as [[route]]: their rows read,
 * completed and checked.
 *
 * A row has a value for every key of every table, those of the others unused: memory that is not
 * worth an index. Owner: struct conf, in its arena. Errors name the place, or in rows from master
 * the key.
 */
#include "base/mem.h"
#include "base/num.h"
#include "svc/conf_in.h"

#define TABLE(id, name, help) {name, help},
const struct conf_table_row conf_tables[CONF_TABLES_COUNT] = {CONF_TABLES(TABLE)};
#undef TABLE

enum conf_table
conf_find_table(struct str name)
{
	size_t t = 0;

	while (t < CONF_TABLES_COUNT && !str_eq_z(name, conf_tables[t].name))
		t++;
	return (enum conf_table)t;
}

/* Does the key belong to the table? */
static bool
is_of(size_t k, enum conf_table t)
{
	return strcmp(conf_rows[k].section, conf_tables[t].name) == 0;
}

/* Another row: every key empty, which is no key's text until set_defaults(). */
static struct conf_value *
new_row(struct conf *c, enum conf_table t, const char *origin)
{
	struct conf_rows *rows = &c->tables[t];
	struct conf_value *v = arena_array(&c->a, CONF_FIELDS, sizeof(*v));

	for (size_t k = 0; k < CONF_FIELDS; k++)
		v[k] = (struct conf_value){.text = STR(""), .origin = origin};
	rows->v[rows->n++] = v;
	return v;
}

/* A key whose default its own rule refuses must be written. */
static int
set_default(struct conf *c, struct conf_value *v, enum conf_key k, struct err *e)
{
	const struct conf_row *r = &conf_rows[k];
	const char *wanted;

	if (r->type == CONF_TYPE_STR && (wanted = conf_check_value(k, str_z(r->value))) != NULL)
		return err_set(
		    e, E_INVAL, "[[%s]]: %s is missing; write %s", r->section, r->key, wanted);
	assume(conf_value_set(v, k, str_z(r->value), &c->a, e) == 0);
	v->origin = "default";
	return 0;
}

/* ---- the file ---- */

/* The table has few keys, and the reader lets none stand twice: each is looked up. */
static int
set_row(struct conf *c, enum conf_table t, struct conf_value *v, const struct toml *row,
    const char *name, struct err *e)
{
	const struct toml *value;

	for (size_t k = CONF_COUNT; k < CONF_ALL; k++) {
		if (!is_of(k, t))
			continue;
		value = toml_get(row, str_z(conf_rows[k].key));
		if (value != NULL) {
			if (conf_set_toml(c, &v[k - CONF_COUNT], (enum conf_key)k, value, name, e) <
			    0)
				return -1;
		} else if (set_default(c, &v[k - CONF_COUNT], (enum conf_key)k, e) < 0) {
			return conf_place(name, row->line, row->column, e);
		}
	}
	return 0;
}

static int
read_row(struct conf *c, enum conf_table t, const struct toml *row, const char *name, struct err *e)
{
	struct str section = str_z(conf_tables[t].name);

	if (row->type != TOML_TABLE) {
		err_set(e, E_INVAL,
		    "%s: not a table; write [[%s]] on a line of its own, its keys below",
		    conf_tables[t].name, conf_tables[t].name);
		return conf_place(name, row->line, row->column, e);
	}
	for (const struct toml *v = row->child; v != NULL; v = v->next)
		if (conf_find(section, v->key, true) == CONF_ALL) {
			conf_no_such_key(section, v->key, e);
			return conf_place(name, v->key_line, v->key_column, e);
		}
	if (c->tables[t].n == CONF_ROWS_MAX) {
		err_set(e, E_INVAL, "[[%s]]: more than %u", conf_tables[t].name, CONF_ROWS_MAX);
		return conf_place(name, row->line, row->column, e);
	}
	if (set_row(c, t, new_row(c, t, name), row, name, e) < 0)
		return -1;
	if (conf_check_row(c, t, c->tables[t].n - 1, e) < 0)
		return conf_place(name, row->line, row->column, e);
	return 0;
}

int
conf_read_rows(
    struct conf *c, enum conf_table t, const struct toml *rows, const char *name, struct err *e)
{
	c->tables[t].n = 0;
	for (const struct toml *row = rows->child; row != NULL; row = row->next)
		if (read_row(c, t, row, name, e) < 0)
			return -1;
	return 0;
}

/* ---- from master ---- */

/* "route.0.domain" */
static int
take_apart(struct str name, enum conf_table *t, uint64_t *i, enum conf_key *k)
{
	struct str table, number;

	if (!str_cut(&name, '.', &table) || !str_cut(&name, '.', &number))
		return -1;
	*t = conf_find_table(table);
	*k = conf_find(table, name, true);
	return *k == CONF_ALL ? -1 : num_parse(number, 0, CONF_ROWS_MAX - 1, i);
}

int
conf_row_unpack(struct conf *c, struct str name, struct str text, struct err *e)
{
	struct conf_value *v;
	enum conf_table t;
	enum conf_key k;
	uint64_t i;

	if (take_apart(name, &t, &i, &k) < 0 || i > c->tables[t].n)
		return err_set(e, E_INVAL, STR_FMT ": no such key", STR_ARG(str_sub(name, 0, 60)));
	if (i == c->tables[t].n) {
		v = new_row(c, t, "master");
		/* What must be written follows; it was checked by whoever packed it. */
		for (size_t f = CONF_COUNT; f < CONF_ALL; f++)
			if (is_of(f, t))
				(void)set_default(c, &v[f - CONF_COUNT], (enum conf_key)f, e);
	}
	v = &c->tables[t].v[i][k - CONF_COUNT];
	v->origin = "master";
	return conf_value_set(v, k, text, &c->a, e);
}
