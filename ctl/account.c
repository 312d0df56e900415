/* account.c - gkmail domain, user, apppass: what authd keeps. */
#include <sodium.h>
#include <stdio.h>

#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/password.h"

/* authd's word for "as auth.default_quota says" and "none at all" when a user is made (msg.h). */
#define QUOTA_DEFAULT 0
#define QUOTA_NONE    UINT64_MAX

static int
quota(const char *text, uint64_t *out, struct err *e)
{
	if (num_parse_size(str_z(text), out) == 0)
		return 0;
	return args_wrong(e, "\"%.40s\" is no size; write 500MiB, 2GiB or 0 for none", text);
}

/* One line of what was done, or {"ok":true,…}. */
static int
done(const char *what, const char *key, const char *value)
{
	struct json j;

	if (!ctl.json) {
		printf("%s %s\n", value, what);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, key, value);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

/* Does address (or domain) belong to the domain asked for? */
static bool
wanted(struct str address, const char *domain)
{
	size_t at = str_rchr(address, '@');

	return domain == NULL ||
	       str_ieq_z(at < address.n ? str_from(address, at + 1) : address, domain);
}

/* ---- domains ---- */

int
verb_domain_add(struct err *e)
{
	const char *size = args_value("--quota");
	struct ipc_out m;
	uint64_t octets = 0;

	if (args_end(1, 1, e) < 0 || (size != NULL && quota(size, &octets, e) < 0))
		return -1;
	ipc_begin(&m, MSG_DOMAIN_ADD);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_u64(&m, octets);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	return done("added", "domain", ctl.args[0]);
}

int
verb_domain_del(struct err *e)
{
	struct ipc_out m;

	if (args_end(1, 1, e) < 0)
		return -1;
	ipc_begin(&m, MSG_DOMAIN_DEL);
	ipc_put_z(&m, ctl.args[0]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	return done("removed", "domain", ctl.args[0]);
}

static struct str
quota_text(struct str octets)
{
	return str_eq_z(octets, "0") ? STR("none") : out_size(octets, &ctl.arena);
}

int
verb_domain_list(struct err *e)
{
	struct str *cells;
	struct rows r;
	struct json j;

	if (args_end(0, 0, e) < 0 || client_rows("authd", MSG_DOMAIN_LIST, 5, &r, e) < 0)
		return -1;
	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '[');
		for (size_t i = 0; i < r.n; i += 5) {
			json_open(&j, NULL, '{');
			json_str(&j, "domain", r.v[i]);
			json_auto(&j, "quota", r.v[i + 1]);
			json_auto(&j, "used", r.v[i + 2]);
			json_auto(&j, "users", r.v[i + 3]);
			json_str(&j, "created", r.v[i + 4]);
			json_close(&j, '}');
		}
		json_close(&j, ']');
		json_print(&j);
		return 0;
	}
	cells = arena_array(&ctl.arena, r.n + 5, sizeof(*cells));
	cells[0] = STR("DOMAIN"), cells[1] = STR("QUOTA"), cells[2] = STR("USED"),
	cells[3] = STR("USERS"), cells[4] = STR("CREATED");
	for (size_t i = 0; i < r.n; i += 5) {
		memcpy(cells + 5 + i, r.v + i, 5 * sizeof(*cells));
		cells[5 + i + 1] = quota_text(r.v[i + 1]);
		cells[5 + i + 2] = out_size(r.v[i + 2], &ctl.arena);
	}
	out_table(cells, r.n + 5, 5);
	return 0;
}

/* ---- users ---- */

/* Reads the password and sends it behind the address; wiped afterwards. */
static int
send_password(struct ipc_out *m, const char *address, struct err *e)
{
	char password[PASSWORD_MAX];
	int rc = password_read(address, password, e);

	ipc_put_z(m, address);
	ipc_put_z(m, rc == 0 ? password : "");
	sodium_memzero(password, sizeof(password));
	return rc;
}

/* Before a person types a password twice: does the suite run, and is (or is not) the user there? */
static int
check_user(const char *address, bool wanted_there, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	ipc_begin(&m, MSG_APPPASS_LIST);
	ipc_put_z(&m, address);
	if (client_call("authd", &m, &in, e) < 0) {
		if (e->code == E_NOTFOUND && !wanted_there && client_is_running())
			return 0;
		return client_about(e, address);
	}
	return wanted_there ? 0 : err_set(e, E_EXISTS, "user %s is already there", address);
}

int
verb_user_add(struct err *e)
{
	const char *size = args_value("--quota");
	struct ipc_out m;
	uint64_t octets = QUOTA_DEFAULT;
	int rc;

	if (args_end(1, 1, e) < 0 || (size != NULL && quota(size, &octets, e) < 0))
		return -1;
	if (args_whose(e) < 0 || check_user(ctl.args[0], false, e) < 0)
		return -1;
	if (size != NULL && octets == 0)
		octets = QUOTA_NONE;
	ipc_begin(&m, MSG_USER_ADD);
	rc = send_password(&m, ctl.args[0], e);
	ipc_put_u64(&m, octets);
	if (rc < 0)
		ipc_drop(&m);
	else
		rc = client_do("authd", &m, e);
	return rc < 0 ? client_about(e, ctl.args[0]) : done("added", "address", ctl.args[0]);
}

int
verb_user_passwd(struct err *e)
{
	struct ipc_out m;
	int rc;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0 || check_user(ctl.args[0], true, e) < 0)
		return -1;
	ipc_begin(&m, MSG_USER_PASSWD);
	rc = send_password(&m, ctl.args[0], e);
	if (rc < 0)
		ipc_drop(&m);
	else
		rc = client_do("authd", &m, e);
	return rc < 0 ? client_about(e, ctl.args[0])
		      : done("has a new password", "address", ctl.args[0]);
}

int
verb_user_quota(struct err *e)
{
	struct ipc_out m;
	uint64_t octets;

	if (args_end(2, 2, e) < 0 || quota(ctl.args[1], &octets, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_USER_QUOTA);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_u64(&m, octets);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	return done("has a new quota", "address", ctl.args[0]);
}

int
verb_user_del(struct err *e)
{
	bool purge = args_flag("--purge");
	struct ipc_out m;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, purge ? MSG_USER_PURGE : MSG_USER_DEL);
	ipc_put_z(&m, ctl.args[0]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	return done("removed", "address", ctl.args[0]);
}

static void
users_json(const struct rows *r, const char *domain)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->n; i += 5) {
		if (!wanted(r->v[i], domain))
			continue;
		json_open(&j, NULL, '{');
		json_str(&j, "address", r->v[i]);
		json_auto(&j, "quota", r->v[i + 1]);
		json_auto(&j, "used", r->v[i + 2]);
		json_auto(&j, "messages", r->v[i + 3]);
		json_str(&j, "created", r->v[i + 4]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

int
verb_user_list(struct err *e)
{
	const char *domain;
	struct str *cells;
	struct rows r;
	size_t n = 5;

	if (args_end(0, 1, e) < 0 || client_rows("authd", MSG_USER_LIST, 5, &r, e) < 0)
		return -1;
	domain = ctl.nargs > 0 ? ctl.args[0] : NULL;
	if (ctl.json) {
		users_json(&r, domain);
		return 0;
	}
	cells = arena_array(&ctl.arena, r.n + 5, sizeof(*cells));
	cells[0] = STR("ADDRESS"), cells[1] = STR("QUOTA"), cells[2] = STR("USED"),
	cells[3] = STR("MESSAGES"), cells[4] = STR("CREATED");
	for (size_t i = 0; i < r.n; i += 5) {
		if (!wanted(r.v[i], domain))
			continue;
		memcpy(cells + n, r.v + i, 5 * sizeof(*cells));
		cells[n + 1] = quota_text(r.v[i + 1]);
		cells[n + 2] = out_size(r.v[i + 2], &ctl.arena);
		n += 5;
	}
	out_table(cells, n, 5);
	return 0;
}

/* ---- passwords of programs ---- */

int
verb_apppass_add(struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str password;
	struct json j;

	if (args_end(2, 2, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_APPPASS_ADD);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.args[1]);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[0]);
	password = ipc_get_str(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (!ctl.json) {
		printf(STR_FMT "\n", STR_ARG(password));
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_z(&j, "address", ctl.args[0]);
	json_z(&j, "name", ctl.args[1]);
	json_str(&j, "password", password);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

int
verb_apppass_del(struct err *e)
{
	struct ipc_out m;

	if (args_end(2, 2, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_APPPASS_DEL);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_z(&m, ctl.args[1]);
	if (client_do("authd", &m, e) < 0)
		return client_about(e, ctl.args[0]);
	return done("removed", "name", ctl.args[1]);
}

int
verb_apppass_list(struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str *cells;
	struct json j;
	uint32_t n;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_APPPASS_LIST);
	ipc_put_z(&m, ctl.args[0]);
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, ctl.args[0]);
	n = ipc_get_list(&in);
	cells = arena_array(&ctl.arena, (size_t)n + 2, sizeof(*cells));
	cells[0] = STR("NAME"), cells[1] = STR("CREATED");
	for (uint32_t i = 0; i < n; i++)
		cells[2 + i] = ipc_get_item(&in);
	if (ipc_end(&in) < 0 || n % 2 != 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (!ctl.json) {
		out_table(cells, (size_t)n + 2, 2);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '[');
	for (uint32_t i = 0; i < n; i += 2) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", cells[2 + i]);
		json_str(&j, "created", cells[3 + i]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
	return 0;
}
