/* ban.c - gkmail ban. */
#include <stdio.h>

#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"

static void
print_done(const char *network, const char *what)
{
	struct json j;

	if (!ctl.json) {
		printf("%s %s\n", network, what);
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "network", network);
	json_close(&j, '}');
	json_print(&j);
}

int
verb_ban_add(struct err *e)
{
	const char *lasts = args_value("--for"), *reason = args_value("--reason");
	uint64_t ms = 0;
	struct ipc_out m;

	if (args_end(1, 1, e) < 0)
		return -1;
	if (lasts != NULL && (num_parse_duration(str_z(lasts), &ms) < 0 || ms < 1000))
		return args_wrong(
		    e, "--for wants a duration such as 30m, 12h or 2d, not %.60s", lasts);
	ipc_begin(&m, MSG_BAN_ADD);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_u64(&m, ms / 1000);
	ipc_put_z(&m, reason != NULL ? reason : "");
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	print_done(ctl.args[0], "banned");
	return 0;
}

int
verb_ban_remove(struct err *e)
{
	struct ipc_out m;

	if (args_end(1, 1, e) < 0)
		return -1;
	ipc_begin(&m, MSG_BAN_DEL);
	ipc_put_z(&m, ctl.args[0]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	print_done(ctl.args[0], "is not banned any more");
	return 0;
}

static void
list_json(const struct rows *r)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->n; i += 6) {
		json_open(&j, NULL, '{');
		json_str(&j, "network", r->v[i]);
		json_str(&j, "since", r->v[i + 1]);
		if (r->v[i + 2].n > 0)
			json_str(&j, "until", r->v[i + 2]);
		else
			json_null(&j, "until");
		json_auto(&j, "times", r->v[i + 3]);
		json_str(&j, "reason", r->v[i + 4]);
		json_str(&j, "by", r->v[i + 5]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

int
verb_ban_list(struct err *e)
{
	struct str *cells;
	struct rows r;

	if (args_end(0, 0, e) < 0 || client_rows("authd", MSG_BAN_LIST, 6, &r, e) < 0)
		return -1;
	if (ctl.json) {
		list_json(&r);
		return 0;
	}
	cells = arena_array(&ctl.arena, r.n + 6, sizeof(*cells));
	cells[0] = STR("NETWORK"), cells[1] = STR("SINCE"), cells[2] = STR("UNTIL");
	cells[3] = STR("TIMES"), cells[4] = STR("REASON"), cells[5] = STR("BY");
	for (size_t i = 0; i < r.n; i++)
		cells[6 + i] = i % 6 == 2 && r.v[i].n == 0 ? STR("removed") : r.v[i];
	out_table(cells, r.n + 6, 6);
	return 0;
}
