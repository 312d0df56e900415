/* config.c - gkmail check, config show, config explain, config sample: all from the one table of
 * keys. */
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/output.h"
#include "svc/conf.h"

static const char *const type_names[] = {
    [CONF_TYPE_STR] = "string",
    [CONF_TYPE_UINT] = "number",
    [CONF_TYPE_SIZE] = "size",
    [CONF_TYPE_DURATION] = "duration",
    [CONF_TYPE_BOOL] = "boolean",
    [CONF_TYPE_LIST] = "list of strings",
    [CONF_TYPE_CHOICE] = "choice",
};

/* Is the row asked for by "section" or "section.key"? No word: every row is. */
static bool
wanted(const struct conf_row *r, const char *what)
{
	struct str key, section;

	if (what == NULL)
		return true;
	key = str_z(what);
	if (!str_cut(&key, '.', &section))
		return str_eq_z(section, r->section);
	return str_eq_z(section, r->section) && str_eq_z(key, r->key);
}

/* Is any key of the table asked for? */
static bool
wants_table(enum conf_table t, const char *what)
{
	for (size_t k = CONF_COUNT; k < CONF_ALL; k++)
		if (strcmp(conf_rows[k].section, conf_tables[t].name) == 0 &&
		    wanted(&conf_rows[k], what))
			return true;
	return false;
}

static int
check_wanted(const char *what, struct err *e)
{
	char suggestion[CONF_SUGGESTION];
	struct str key, section;

	for (size_t k = 0; k < CONF_ALL; k++)
		if (wanted(&conf_rows[k], what))
			return 0;
	key = str_z(what);
	if (str_cut(&key, '.', &section))
		return err_set(e, E_NOTFOUND, "there is no key %.60s; %s", what,
		    conf_suggest_key(section, key, suggestion));
	return err_set(e, E_NOTFOUND, "there is no section %.60s; %s", what,
	    conf_suggest_section(section, suggestion));
}

/* ---- show ---- */

static void
show_rows(const struct conf *c, enum conf_table t, const char *what)
{
	for (size_t i = 0; i < conf_count(c, t); i++) {
		printf("%s[[%s]]\n", i > 0 || what == NULL ? "\n" : "", conf_tables[t].name);
		for (size_t k = CONF_COUNT; k < CONF_ALL; k++)
			if (strcmp(conf_rows[k].section, conf_tables[t].name) == 0 &&
			    wanted(&conf_rows[k], what))
				printf("%s = " STR_FMT "  # %s\n", conf_rows[k].key,
				    STR_ARG(conf_row_text(c, (enum conf_key)k, i, &ctl.arena)),
				    conf_row_origin(c, (enum conf_key)k, i));
	}
}

static void
show_text(const struct conf *c, const char *what)
{
	const char *section = "";

	for (size_t k = 0; k < CONF_COUNT; k++) {
		const struct conf_row *r = &conf_rows[k];

		if (!wanted(r, what))
			continue;
		if (strcmp(section, r->section) != 0)
			printf("%s[%s]\n", section[0] != '\0' ? "\n" : "", r->section);
		section = r->section;
		printf("%s = " STR_FMT "  # %s\n", r->key,
		    STR_ARG(conf_text(c, (enum conf_key)k, &ctl.arena)),
		    conf_origin(c, (enum conf_key)k));
	}
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		if (wants_table((enum conf_table)t, what))
			show_rows(c, (enum conf_table)t, what);
}

/* A value of a table's i-th row, when the key is of one. */
static void
put_value(struct json *j, const struct conf *c, enum conf_key k, size_t i)
{
	bool row = k >= CONF_COUNT;
	const struct str *list;
	size_t n;

	switch (conf_rows[k].type) {
	case CONF_TYPE_STR:
	case CONF_TYPE_CHOICE:
		json_str(j, "value", row ? conf_row_str(c, k, i) : conf_str(c, k));
		break;
	case CONF_TYPE_UINT:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION:
		json_num(j, "value", row ? conf_row_num(c, k, i) : conf_num(c, k));
		break;
	case CONF_TYPE_BOOL:
		json_bool(j, "value", row ? conf_row_bool(c, k, i) : conf_bool(c, k));
		break;
	case CONF_TYPE_LIST:
		list = row ? conf_row_list(c, k, i, &n) : conf_list(c, k, &n);
		json_open(j, "value", '[');
		for (size_t at = 0; at < n; at++)
			json_str(j, NULL, list[at]);
		json_close(j, ']');
		break;
	}
	json_z(j, "origin", row ? conf_row_origin(c, k, i) : conf_origin(c, k));
}

/* "route.0.domain": what the i-th row says. */
static void
show_rows_json(struct json *j, const struct conf *c, enum conf_table t, const char *what)
{
	for (size_t i = 0; i < conf_count(c, t); i++)
		for (size_t k = CONF_COUNT; k < CONF_ALL; k++) {
			const struct conf_row *r = &conf_rows[k];

			if (strcmp(r->section, conf_tables[t].name) != 0 || !wanted(r, what))
				continue;
			json_open(
			    j, arena_printf(&ctl.arena, "%s.%zu.%s", r->section, i, r->key).p, '{');
			put_value(j, c, (enum conf_key)k, i);
			json_close(j, '}');
		}
}

static void
show_json(const struct conf *c, const char *what)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	for (size_t k = 0; k < CONF_COUNT; k++) {
		const struct conf_row *r = &conf_rows[k];

		if (!wanted(r, what))
			continue;
		json_open(&j, arena_printf(&ctl.arena, "%s.%s", r->section, r->key).p, '{');
		put_value(&j, c, (enum conf_key)k, 0);
		json_close(&j, '}');
	}
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		show_rows_json(&j, c, (enum conf_table)t, what);
	json_close(&j, '}');
	json_print(&j);
}

int
verb_config_show(struct err *e)
{
	const struct conf *c;
	const char *what;

	if (args_end(0, 1, e) < 0)
		return -1;
	what = ctl.nargs == 1 ? ctl.args[0] : NULL;
	if (check_wanted(what, e) < 0 || (c = client_conf(e)) == NULL)
		return -1;
	if (ctl.json)
		show_json(c, what);
	else
		show_text(c, what);
	return 0;
}

/* ---- explain ---- */

static void
explain_text(const struct conf_row *r)
{
	bool choice = r->type == CONF_TYPE_CHOICE, table = r >= conf_rows + CONF_COUNT;

	printf("%s.%s%s\n    %s\n    %s", r->section, r->key, table ? " (in every row)" : "",
	    r->help, type_names[r->type]);
	if (r->limits[0] != '\0')
		printf(choice ? ": %s" : ", %s", r->limits[0] == '|' ? r->limits + 1 : r->limits);
	if (r->value[0] != '\0')
		printf("; default %s", r->value);
	if (table)
		printf("\n    in the file alone, below [[%s]]\n\n", r->section);
	else
		printf("\n    environment: %s\n\n", conf_variable(r, &ctl.arena));
}

static void
explain_json(const char *what)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (const struct conf_row *r = conf_rows; r < conf_rows + CONF_ALL; r++) {
		bool table = r >= conf_rows + CONF_COUNT;

		if (!wanted(r, what))
			continue;
		json_open(&j, NULL, '{');
		json_z(&j, "section", r->section);
		json_z(&j, "key", r->key);
		json_z(&j, "type", type_names[r->type]);
		json_z(&j, "default", r->value);
		json_z(&j, "limits", r->limits);
		json_z(&j, "help", r->help);
		json_bool(&j, "table", table);
		json_z(&j, "environment", table ? "" : conf_variable(r, &ctl.arena));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

int
verb_config_explain(struct err *e)
{
	const char *what;

	if (args_end(0, 1, e) < 0)
		return -1;
	what = ctl.nargs == 1 ? ctl.args[0] : NULL;
	if (check_wanted(what, e) < 0)
		return -1;
	if (ctl.json) {
		explain_json(what);
		return 0;
	}
	for (size_t k = 0; k < CONF_ALL; k++)
		if (wanted(&conf_rows[k], what))
			explain_text(&conf_rows[k]);
	return 0;
}

/* ---- sample ---- */

/* A row of each table, all of it a comment. */
static void
sample_tables(void)
{
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++) {
		printf("\n# %s\n#[[%s]]\n", conf_tables[t].help, conf_tables[t].name);
		for (const struct conf_row *r = conf_rows + CONF_COUNT; r < conf_rows + CONF_ALL;
		     r++)
			if (strcmp(r->section, conf_tables[t].name) == 0)
				printf(r->type == CONF_TYPE_UINT || r->type == CONF_TYPE_BOOL
					   ? "# %s\n#%s = %s\n"
				       : r->type == CONF_TYPE_LIST ? "# %s\n#%s = [%s]\n"
								   : "# %s\n#%s = \"%s\"\n",
				    r->help, r->key, r->value);
	}
}

/* Every key as a comment with its default: etc/gkmail.toml. */
int
verb_config_sample(struct err *e)
{
	struct conf *c;
	const char *section = "";

	if (args_end(0, 0, e) < 0)
		return -1;
	c = conf_parse(STR("host_name = \"mail.example.org\""), "sample", e);
	if (c == NULL)
		return -1;
	puts("# GK Mail: every key with its default, as `gkmail config sample` prints it. Only "
	     "host_name must be\n"
	     "# set. See gkmail.toml(5); `gkmail check` validates a changed file, `gkmail reload` "
	     "takes it up.");
	for (size_t k = 0; k < CONF_COUNT; k++) {
		const struct conf_row *r = &conf_rows[k];

		if (strcmp(section, r->section) != 0)
			printf("\n[%s]\n", r->section);
		section = r->section;
		printf("# %s\n%s%s = " STR_FMT "\n", r->help, k == CONF_SERVER_HOST_NAME ? "" : "#",
		    r->key, STR_ARG(conf_text(c, (enum conf_key)k, &ctl.arena)));
	}
	sample_tables();
	conf_free(&c);
	return 0;
}
