/* alias.c - gkmail alias. */
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/output.h"

static int
change(enum ipc_type type, int min, const char *what, struct err *e)
{
	struct str *targets;
	struct ipc_out m;
	struct json j;
	size_t n;

	if (args_end(min, -1, e) < 0)
		return -1;
	n = (size_t)ctl.nargs - 1;
	targets = arena_array(&ctl.arena, n + 1, sizeof(*targets));
	for (size_t i = 0; i < n; i++)
		targets[i] = str_z(ctl.args[i + 1]);
	ipc_begin(&m, type);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_list(&m, targets, n);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	if (!ctl.json) {
		printf("%s %s\n", ctl.args[0], what);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "address", ctl.args[0]);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

int
verb_alias_add(struct err *e)
{
	return change(MSG_ALIAS_ADD, 2, "added", e);
}

int
verb_alias_del(struct err *e)
{
	return change(MSG_ALIAS_DEL, 1, "removed", e);
}

static bool
wanted(struct str address)
{
	size_t at = str_rchr(address, '@');

	return ctl.nargs == 0 ||
	       (at < address.n && str_ieq_z(str_from(address, at + 1), ctl.args[0]));
}

/* Rows of one address stand together. */
static void
list_json(const struct rows *r)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->n; i += 2) {
		bool first = i == 0 || !str_eq(r->v[i], r->v[i - 2]);
		bool last = i + 2 >= r->n || !str_eq(r->v[i], r->v[i + 2]);

		if (!wanted(r->v[i]))
			continue;
		if (first) {
			json_open(&j, NULL, '{');
			json_str(&j, "address", r->v[i]);
			json_open(&j, "targets", '[');
		}
		json_str(&j, NULL, r->v[i + 1]);
		if (last) {
			json_close(&j, ']');
			json_close(&j, '}');
		}
	}
	json_close(&j, ']');
	json_print(&j);
}

int
verb_alias_list(struct err *e)
{
	struct str *cells;
	struct rows r;
	size_t n = 2;

	if (args_end(0, 1, e) < 0 || client_rows("authd", MSG_ALIAS_LIST, 2, &r, e) < 0)
		return -1;
	if (ctl.json) {
		list_json(&r);
		return 0;
	}
	cells = arena_array(&ctl.arena, r.n + 2, sizeof(*cells));
	cells[0] = STR("ADDRESS"), cells[1] = STR("LEADS TO");
	for (size_t i = 0; i < r.n; i += 2) {
		if (!wanted(r.v[i]))
			continue;
		cells[n++] = r.v[i];
		cells[n++] = r.v[i + 1];
	}
	out_table(cells, n, 2);
	return 0;
}
