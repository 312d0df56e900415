/*
 * conf.c - the configuration: its sources in their order, and the getters.
 */
#include "svc/conf.h"

#include <fcntl.h>

#include "base/mem.h"
#include "io/file.h"
#include "svc/conf_in.h"
#include "svc/toml.h"

#define FILE_MAX (1024u * 1024)

#define ROW(id, section, key, type, value, limits, help) \
	{section, key, CONF_TYPE_##type, value, limits, help},
/* Nothing stands between the keys and those of tables: CONF_COUNT is where the latter begin. */
const struct conf_row conf_rows[CONF_ALL] = {CONF_KEYS(ROW) CONF_TABLE_KEYS(ROW)};
#undef ROW

extern char **environ;

/* ---- keys ---- */

enum conf_key
conf_find(struct str section, struct str key, bool table)
{
	size_t k = table ? CONF_COUNT : 0, end = table ? CONF_ALL : CONF_COUNT;

	while (k < end &&
	       (!str_eq_z(section, conf_rows[k].section) || !str_eq_z(key, conf_rows[k].key)))
		k++;
	return k < end ? (enum conf_key)k : CONF_ALL;
}

bool
conf_has_section(struct str section)
{
	for (size_t k = 0; k < CONF_COUNT; k++)
		if (str_eq_z(section, conf_rows[k].section))
			return true;
	return false;
}

/* "section.key"; a key alone is one of [server]. */
static enum conf_key
find_dotted(struct str name, struct str *section, struct str *key)
{
	*key = name;
	if (!str_cut(key, '.', section)) {
		*key = name;
		*section = STR("server");
	}
	return conf_find(*section, *key, false);
}

int
conf_no_such_key(struct str section, struct str key, struct err *e)
{
	char suggestion[CONF_SUGGESTION];

	/* From the environment or the command line. */
	if (conf_find(section, key, true) != CONF_ALL)
		return err_set(e, E_INVAL,
		    STR_FMT "." STR_FMT ": [[" STR_FMT "]] is read from the file alone",
		    STR_ARG(section), STR_ARG(key), STR_ARG(section));
	return err_set(e, E_INVAL, STR_FMT "." STR_FMT ": no such key; %s",
	    STR_ARG(str_sub(section, 0, 40)), STR_ARG(str_sub(key, 0, 60)),
	    conf_suggest_key(section, key, suggestion));
}

/* ---- the file ---- */

int
conf_place(const char *name, unsigned line, unsigned column, struct err *e)
{
	return err_wrap(e, "%s:%u:%u", name, line, column);
}

/* Each type takes the TOML that looks like it, and nothing else: "100" is no number, 100 no string.
 */
int
conf_set_toml(struct conf *c, struct conf_value *out, enum conf_key k, const struct toml *v,
    const char *name, struct err *e)
{
	enum conf_type type = conf_rows[k].type;
	struct str items[128], text = v->text;
	char number[24];
	size_t n = 0;
	int rc;

	if (type == CONF_TYPE_LIST && v->type == TOML_ARRAY) {
		for (const struct toml *i = v->child; i != NULL && n < 128; i = i->next) {
			if (i->type != TOML_STRING) {
				conf_value_refuse(k, STR("an item that is no string"), e);
				return conf_place(name, i->line, i->column, e);
			}
			items[n++] = i->text;
		}
		rc = conf_value_set_list(out, k, items, n, &c->a, e);
	} else if (v->type == TOML_STRING && type != CONF_TYPE_UINT && type != CONF_TYPE_BOOL &&
		   type != CONF_TYPE_LIST) {
		rc = conf_value_set(out, k, text, &c->a, e);
	} else if (v->type == TOML_INTEGER && (type == CONF_TYPE_UINT || type == CONF_TYPE_SIZE)) {
		snprintf(number, sizeof(number), "%lld", (long long)v->i);
		rc = conf_value_set(out, k, str_z(number), &c->a, e);
	} else if (v->type == TOML_BOOL && type == CONF_TYPE_BOOL) {
		rc = conf_value_set(out, k, v->i ? STR("true") : STR("false"), &c->a, e);
	} else {
		static const char *const what[] = {"a string", "a number", "a fraction",
		    "true or false", "a date", "a date", "a date", "a time", "a list", "a table"};
		char wanted[160];

		conf_value_wanted(k, wanted);
		rc = err_set(e, E_INVAL, "%s.%s: not %s; write %s", conf_rows[k].section,
		    conf_rows[k].key, what[v->type], wanted);
	}
	if (rc < 0)
		return conf_place(name, v->line, v->column, e);
	out->origin = arena_printf(&c->a, "%s:%u", name, v->key_line).p;
	return 0;
}

static int
set_from_file(
    struct conf *c, struct str section, const struct toml *v, const char *name, struct err *e)
{
	enum conf_key k = conf_find(section, v->key, false);

	if (k == CONF_ALL) {
		conf_no_such_key(section, v->key, e);
		return conf_place(name, v->key_line, v->key_column, e);
	}
	return conf_set_toml(c, &c->v[k], k, v, name, e);
}

static int
read_section(struct conf *c, const struct toml *section, const char *name, struct err *e)
{
	char suggestion[CONF_SUGGESTION];

	if (conf_find_table(section->key) != CONF_TABLES_COUNT) {
		err_set(e, E_INVAL,
		    "[" STR_FMT "] may stand there several times; write [[" STR_FMT "]]",
		    STR_ARG(section->key), STR_ARG(section->key));
		return conf_place(name, section->key_line, section->key_column, e);
	}
	if (!conf_has_section(section->key)) {
		err_set(e, E_INVAL, "[" STR_FMT "]: no such section; %s",
		    STR_ARG(str_sub(section->key, 0, 60)),
		    conf_suggest_section(section->key, suggestion));
		return conf_place(name, section->key_line, section->key_column, e);
	}
	for (const struct toml *v = section->child; v != NULL; v = v->next)
		if (set_from_file(c, section->key, v, name, e) < 0)
			return -1;
	return 0;
}

/* A key above the first section is one of [server], so that host_name alone is a file. */
static int
read_top(struct conf *c, const struct toml *v, const char *name, struct err *e)
{
	enum conf_table t = conf_find_table(v->key);
	const struct toml *again;

	if (t != CONF_TABLES_COUNT && v->type == TOML_ARRAY)
		return conf_read_rows(c, t, v, name, e);
	if (v->type == TOML_TABLE || (v->type == TOML_ARRAY && v->child != NULL &&
					 v->child->type == TOML_TABLE && !conf_has_section(v->key)))
		return read_section(c, v, name, e);
	if (conf_has_section(v->key)) {
		err_set(e, E_INVAL,
		    "[" STR_FMT "] is a section; write [" STR_FMT
		    "] on a line of its own, its keys "
		    "below",
		    STR_ARG(v->key), STR_ARG(v->key));
		return conf_place(name, v->key_line, v->key_column, e);
	}
	if (conf_find(STR("server"), v->key, false) != CONF_ALL && (again = v->next) != NULL) {
		while (
		    again != NULL && (again->type != TOML_TABLE || !str_eq_z(again->key, "server")))
			again = again->next;
		if (again != NULL && (again = toml_get(again, v->key)) != NULL) {
			err_set(e, E_INVAL, "server." STR_FMT ": stands there already, on line %u",
			    STR_ARG(v->key), v->key_line);
			return conf_place(name, again->key_line, again->key_column, e);
		}
	}
	return set_from_file(c, STR("server"), v, name, e);
}

static int
read_text(struct conf *c, struct str text, const char *name, struct err *e)
{
	const struct toml *root = toml_parse(text, name, &c->a, e);

	if (root == NULL)
		return -1;
	for (const struct toml *v = root->child; v != NULL; v = v->next)
		if (read_top(c, v, name, e) < 0)
			return -1;
	return 0;
}

/* ---- environment and command line ---- */

const char *
conf_variable(const struct conf_row *r, struct arena *a)
{
	struct str name = arena_printf(a, "GKMAIL_%s_%s", r->section, r->key);
	char *z = arena_dupz(a, name);

	for (char *p = z; *p != '\0'; p++)
		*p = to_upper(*p);
	return z;
}

/* A variable that begins with a section but names no key of it is a mistake; others are not ours.
 */
static int
check_variable(struct str name, struct err *e)
{
	char lower[128];
	struct str rest, section;

	if (!str_starts(name, STR("GKMAIL_")) || name.n >= sizeof(lower))
		return 0;
	str_lower(name, lower);
	rest = str_of(lower + 7, name.n - 7);
	if (!str_cut(&rest, '_', &section) ||
	    (!conf_has_section(section) && conf_find_table(section) == CONF_TABLES_COUNT) ||
	    conf_find(section, rest, false) != CONF_ALL)
		return 0;
	conf_no_such_key(section, rest, e);
	return err_wrap(e, STR_FMT " in the environment", STR_ARG(name));
}

static int
read_environment(struct conf *c, struct err *e)
{
	const char *name, *text;
	struct str rest, head;

	for (size_t k = 0; k < CONF_COUNT; k++) {
		name = conf_variable(&conf_rows[k], &c->a);
		if ((text = getenv(name)) == NULL)
			continue;
		if (conf_value_set(&c->v[k], (enum conf_key)k, str_z(text), &c->a, e) < 0)
			return err_wrap(e, "%s in the environment", name);
		c->v[k].origin = name;
	}
	for (char **v = environ; v != NULL && *v != NULL; v++) {
		rest = str_z(*v);
		str_cut(&rest, '=', &head);
		if (check_variable(head, e) < 0)
			return -1;
	}
	return 0;
}

static int
read_override(struct conf *c, const char *override, struct err *e)
{
	struct str value = str_z(override), name, section, key;
	enum conf_key k;

	if (!str_cut(&value, '=', &name))
		return err_set(e, E_INVAL,
		    "command line: \"%.80s\" is not taken; write section.key=value", override);
	if ((k = find_dotted(name, &section, &key)) == CONF_ALL) {
		conf_no_such_key(section, key, e);
		return err_wrap(e, "command line");
	}
	if (conf_value_set(&c->v[k], k, value, &c->a, e) < 0)
		return err_wrap(e, "command line");
	c->v[k].origin = "command line";
	return 0;
}

/* ---- the whole ---- */

static struct conf *
conf_new(void)
{
	struct conf *c = mem_alloc(sizeof(*c));
	struct err e;

	arena_init(&c->a);
	for (size_t k = 0; k < CONF_COUNT; k++) {
		assume(conf_value_set(
			   &c->v[k], (enum conf_key)k, str_z(conf_rows[k].value), &c->a, &e) == 0);
		c->v[k].origin = "default";
	}
	return c;
}

void
conf_free(struct conf **c)
{
	if (*c == NULL)
		return;
	arena_free(&(*c)->a);
	free(*c);
	*c = NULL;
}

static int
read_file(struct conf *c, const char *path, struct err *e)
{
	struct str text;

	if (file_read_all(AT_FDCWD, path, FILE_MAX, &c->a, &text, e) == 0)
		return read_text(c, text, path, e);
	if (e != NULL && e->code == E_NOTFOUND)
		return err_set(
		    e, E_NOTFOUND, "%s: there is no such file; \"gkmail setup\" writes one", path);
	return -1;
}

struct conf *
conf_load(const char *path, const char *const *overrides, size_t n, struct err *e)
{
	struct conf *c = conf_new();
	int rc = -1;

	if (path != NULL && read_file(c, path, e) < 0)
		goto out;
	if (read_environment(c, e) < 0)
		goto out;
	for (size_t i = 0; i < n; i++)
		if (read_override(c, overrides[i], e) < 0)
			goto out;
	rc = conf_check_whole(c, path != NULL ? path : "configuration", e);
out:
	if (rc < 0)
		conf_free(&c);
	return c;
}

struct conf *
conf_parse(struct str toml, const char *name, struct err *e)
{
	return conf_layers(&toml, &name, 1, e);
}

struct conf *
conf_layers(const struct str *texts, const char *const *names, size_t n, struct err *e)
{
	struct conf *c = conf_new();
	size_t i = 0;

	while (i < n && read_text(c, texts[i], names[i], e) == 0)
		i++;
	if (i < n || conf_check_whole(c, n > 0 ? names[n - 1] : "configuration", e) < 0)
		conf_free(&c);
	return c;
}

struct conf *
conf_unpack(const struct str *v, size_t n, struct err *e)
{
	struct conf *c = conf_new();
	struct str section, key;
	enum conf_key k;
	int rc;

	for (size_t i = 0; i + 1 < n; i += 2) {
		k = find_dotted(v[i], &section, &key);
		if (k != CONF_ALL) {
			rc = conf_value_set(&c->v[k], k, v[i + 1], &c->a, e);
			c->v[k].origin = "master";
		} else if (conf_find_table(section) != CONF_TABLES_COUNT) {
			rc = conf_row_unpack(c, v[i], v[i + 1], e);
		} else {
			rc = conf_no_such_key(section, key, e);
		}
		if (rc < 0) {
			err_wrap(e, "from master");
			conf_free(&c);
			return NULL;
		}
	}
	return c;
}
