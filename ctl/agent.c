/* agent.c - gkmail agent: the agents of a user, what they may do, and an end to them. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ipc/agent.h"
#include "svc/conf.h"

#define COLUMNS 8u /* of AGENT_LIST_R */

static const char *const names[COLUMNS] = {
    "name", "scopes", "policy", "rate", "created", "used", "expires", "revoked"};

static int
say_done(const char *name, const char *what)
{
	struct json j;

	if (!ctl.json) {
		printf("%s %s\n", name, what);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "name", name);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

int
verb_agent_add(struct err *e)
{
	const char *scopes = args_value("--scopes"), *days = args_value("--days");
	const char *rate = args_value("--rate");
	uint64_t per_minute = 0, lasts = 0;
	uint32_t bits;
	struct ipc_out m;
	struct ipc_in in;
	struct str token;
	struct json j;

	if (args_end(2, 2, e) < 0 || args_whose(e) < 0)
		return -1;
	if (agent_scopes_parse(str_z(scopes != NULL ? scopes : "mail:read"), &bits, e) < 0 ||
	    (rate != NULL && num_parse(str_z(rate), 1, 6000, &per_minute) < 0) ||
	    (days != NULL && num_parse(str_z(days), 1, 36500, &lasts) < 0))
		return args_wrong(e, "--scopes is a list of mail:read, mail:organize, mail:draft, "
				     "mail:send; --rate and --days are numbers");
	ipc_begin(&m, MSG_AGENT_ADD);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.args[1]);
	ipc_put_u32(&m, bits);
	ipc_put_u32(&m, (uint32_t)per_minute);
	ipc_put_u64(&m, lasts == 0 ? 0 : (uint64_t)clock_wall() + lasts * 86400);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[1]);
	token = ipc_get_str(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (!ctl.json) {
		printf(STR_FMT "\n", STR_ARG(token));
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_z(&j, "address", ctl.args[0]);
	json_z(&j, "name", ctl.args[1]);
	json_str(&j, "token", token);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

int
verb_agent_revoke(struct err *e)
{
	struct ipc_out m;

	if (args_end(2, 2, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_AGENT_REVOKE);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.args[1]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[1]);
	return say_done(ctl.args[1], "revoked");
}

/* ---- lists ---- */

static int
get_rows(struct str **rows, uint32_t *n, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	ipc_begin(&m, MSG_AGENT_LIST);
	ipc_put_z(&m, ctl.args[0]);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[0]);
	*n = ipc_get_list(&in);
	*rows = arena_array(&ctl.arena, (size_t)*n + 1, sizeof(**rows));
	for (uint32_t i = 0; i < *n; i++)
		(*rows)[i] = arena_dup(&ctl.arena, ipc_get_item(&in));
	if (ipc_end(&in) < 0 || *n % COLUMNS != 0)
		return err_set(e, E_PROTO, "unreadable answer");
	return 0;
}

static void
put_json(struct json *j, const struct str *row)
{
	json_open(j, NULL, '{');
	for (size_t k = 0; k < COLUMNS; k++)
		if (k == 3)
			json_auto(j, names[k], row[k]);
		else if (k == 7)
			json_bool(j, names[k], row[k].n > 0);
		else
			json_str(j, names[k], row[k]);
	json_close(j, '}');
}

int
verb_agent_list(struct err *e)
{
	static const char *const heads[] = {"NAME", "SCOPES", "USED", "EXPIRES", "STATE"};
	struct str *rows, *cells;
	size_t out = 0;
	struct json j;
	uint32_t n;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0 || get_rows(&rows, &n, e) < 0)
		return -1;
	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '[');
		for (uint32_t i = 0; i < n; i += COLUMNS)
			put_json(&j, rows + i);
		json_close(&j, ']');
		json_print(&j);
		return 0;
	}
	cells = arena_array(&ctl.arena, n + ARRAY_LEN(heads), sizeof(*cells));
	for (size_t k = 0; k < ARRAY_LEN(heads); k++)
		cells[out++] = str_z(heads[k]);
	for (uint32_t i = 0; i < n; i += COLUMNS) {
		cells[out++] = rows[i];
		cells[out++] = rows[i + 1];
		cells[out++] = rows[i + 5];
		cells[out++] = rows[i + 6];
		cells[out++] = rows[i + 7].n > 0 ? STR("revoked") : STR("");
	}
	out_table(cells, out, ARRAY_LEN(heads));
	return 0;
}

static int
show(const char *name, struct err *e)
{
	struct str *rows;
	struct json j;
	uint32_t n, i = 0;

	if (get_rows(&rows, &n, e) < 0)
		return -1;
	while (i < n && !str_eq_z(rows[i], name))
		i += COLUMNS;
	if (i == n)
		return err_set(e, E_NOTFOUND, "%s: no such agent", name);
	if (ctl.json) {
		json_init(&j);
		put_json(&j, rows + i);
		json_print(&j);
		return 0;
	}
	for (size_t k = 0; k < COLUMNS; k++)
		printf("%-8s " STR_FMT "\n", names[k], STR_ARG(rows[i + k]));
	return 0;
}

int
verb_agent_show(struct err *e)
{
	return args_end(2, 2, e) < 0 || args_whose(e) < 0 ? -1 : show(ctl.args[1], e);
}

int
verb_agent_policy(struct err *e)
{
	uint32_t tried = AGENT_POLICY_DEFAULT;
	struct ipc_out m;

	if (args_end(2, 3, e) < 0 || args_whose(e) < 0)
		return -1;
	if (ctl.nargs == 2)
		return show(ctl.args[1], e);
	if (agent_policy_parse(str_z(ctl.args[2]), &tried, e) < 0)
		return args_wrong(e, "%s", e->text);
	ipc_begin(&m, MSG_AGENT_POLICY);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.args[1]);
	ipc_put_z(&m, ctl.args[2]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[1]);
	return say_done(ctl.args[1], "has a new policy");
}
