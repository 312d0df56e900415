/* session.c - gkmail session: who is logged in on the page, or with a program over HTTP. */
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/output.h"

#define COLUMNS 8u /* of USER_SESSIONS, the last of which is empty here */

static void
list_json(const struct str *v, size_t n)
{
	static const char *const names[] = {
	    "id", "kind", "created", "used", "proven", "address", "agent"};
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i += COLUMNS) {
		json_open(&j, NULL, '{');
		for (size_t k = 0; k < COLUMNS - 1; k++)
			json_str(&j, names[k], v[i + k]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

static void
list_text(const struct str *v, size_t n)
{
	static const char *const names[] = {"ID", "KIND", "SINCE", "USED", "FROM", "WITH"};
	static const size_t from[] = {0, 1, 2, 3, 5, 6};
	struct str *cells = arena_array(&ctl.arena, n + 6, sizeof(*cells));
	size_t out = 0;

	for (size_t k = 0; k < 6; k++)
		cells[out++] = str_z(names[k]);
	for (size_t i = 0; i < n; i += COLUMNS)
		for (size_t k = 0; k < 6; k++)
			cells[out++] = v[i + from[k]];
	out_table(cells, out, 6);
}

int
verb_session_list(struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str *v;
	uint32_t n;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_USER_SESSIONS);
	ipc_put_z(&m, ctl.args[0]);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[0]);
	n = ipc_get_list(&in);
	v = arena_array(&ctl.arena, (size_t)n + 1, sizeof(*v));
	for (uint32_t i = 0; i < n; i++)
		v[i] = ipc_get_item(&in);
	if (ipc_end(&in) < 0 || n % COLUMNS != 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (ctl.json)
		list_json(v, n);
	else
		list_text(v, n);
	return 0;
}

int
verb_session_revoke(struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct json j;
	uint64_t count;

	if (args_end(1, 2, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_USER_SESSIONS_END);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.nargs > 1 ? ctl.args[1] : "");
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[ctl.nargs - 1]);
	count = ipc_get_u64(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (!ctl.json) {
		printf("%llu ended\n", (unsigned long long)count);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_num(&j, "ended", count);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}
