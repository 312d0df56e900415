/*
 * auth.c - /auth/: logging in and out, sessions, password, app passwords. JSON in and out.
 *
 *	POST   /auth/login            {"user", "password"}: 204 and the cookie
 *	POST   /auth/logout           204, and no cookie any more
 *	GET    /auth/session          {"user", "addresses", "id", "created", "proven", "until"}
 *	POST   /auth/prove            {"password"}: it is shown again; 204
 *	GET    /auth/sessions         {"sessions": [{"id", "kind", "created", "lastUsed", "proven",
 *	                              "peer", "userAgent", "current"}]}
 *	DELETE /auth/sessions         all others end: {"ended"}
 *	DELETE /auth/sessions/ID      204
 *	POST   /auth/password         {"current", "password"}: 204; all others end
 *	GET    /auth/app-passwords    {"appPasswords": [{"name", "created", "lastUsed"}]}; the
 *	                              last is missing where it never was
 *	POST   /auth/app-passwords    {"name"}: 201 {"name", "password"}; where the password was not
 *	                              shown within 15 minutes, 403 with "code": "password-needed":
 *	                              then with "current", or after /auth/prove
 *	DELETE /auth/app-passwords/NAME  204
 *
 * Times are RFC 3339. Passwords are wiped from what is ours once authd has them. Owner: the
 * exchange, in whose arena each call lives. Errors: problem details.
 */
#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/svc.h"
#include "webd/auth_op.h"
#include "webd/routes.h"

#define COOKIE_TEXT    sodium_base64_ENCODED_LEN(WEBAUTH_TOKEN, COOKIE_VARIANT)
#define COOKIE_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* ---- login ---- */

static void
set_cookie(struct exchange *x, struct str token)
{
	char text[COOKIE_TEXT];

	sodium_bin2base64(
	    text, sizeof(text), (const unsigned char *)token.p, token.n, COOKIE_VARIANT);
	exchange_setf(x, "Set-Cookie",
	    WEBAUTH_COOKIE "=%s; Path=/; Max-Age=%llu; Secure; HttpOnly; SameSite=Strict", text,
	    (unsigned long long)(conf_num(svc_conf(), CONF_WEB_SESSION_AGE) / 1000));
	sodium_memzero(text, sizeof(text));
}

static void
clear_cookie(struct exchange *x)
{
	exchange_set(x, "Set-Cookie",
	    STR(WEBAUTH_COOKIE "=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"));
}

static void
ignore(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	(void)e;
	if (m != NULL) {
		(void)ipc_get_u64(m);
		(void)ipc_end(m);
	}
}

static void
end_session(struct str token)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SESSION_END);
	ipc_put_str(&m, token);
	ipc_put_z(&m, "");
	ipc_call(svc_channel(PEER_AUTHD), &m, ignore, NULL);
}

/* The session that this browser had is not needed beside the new one. */
static void
end_old(struct exchange *x)
{
	unsigned char old[WEBAUTH_TOKEN];

	if (webauth_cookie(x, old))
		end_session(str_of(old, sizeof(old)));
}

static void
session_opened(struct auth_op *o, struct ipc_in *m)
{
	struct str user = arena_dup(&o->x->arena, ipc_get_str(m));

	(void)ipc_get_str(m);
	(void)ipc_get_u32(m);
	for (int i = 0; i < 3; i++)
		(void)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	exchange_set_user(o->x, user);
	end_old(o->x);
	set_cookie(o->x, o->token);
	auth_op_no_content(o);
}

static void
logged_in(struct auth_op *o, struct ipc_in *m)
{
	struct ipc_out out;

	if (!auth_op_ticket(o, m, &o->token))
		return;
	ipc_begin(&out, MSG_SESSION_OPEN);
	ipc_put_str(&out, o->token);
	ipc_put_z(&out, o->x->peer);
	ipc_put_str(&out, str_sub(exchange_field(o->x, "User-Agent"), 0, 256));
	auth_op_ask(o, &out, session_opened);
}

/* The client did not wait: a session whose token nobody has would only stand in the list. */
static void
nobody_waits(struct ipc_in *m)
{
	uint32_t state = ipc_get_u32(m);
	struct str token;

	(void)ipc_get_u64(m);
	(void)ipc_get_str(m);
	(void)ipc_get_str(m);
	token = ipc_get_str(m);
	(void)ipc_get_str(m);
	if (ipc_end(m) == 0 && state == AUTH_OK)
		end_session(token);
}

static void
login(struct exchange *x)
{
	struct auth_op *o = auth_op_new(x, NULL);
	struct str user, password;
	struct ipc_out m;

	if (!x->secure) {
		exchange_problem(x, 403, "Passwords are taken over TLS only.");
		return;
	}
	if (!auth_op_body(o) || !auth_op_take(o, "user", AUTH_USER_MAX, &user) ||
	    !auth_op_take(o, "password", AUTH_SECRET_MAX, &password))
		return;
	webauth_begin(&m, x, "web", user, password, o->conn);
	auth_op_forget_body(o);
	auth_op_ask_anyway(o, &m, logged_in, nobody_waits);
}

static void
logged_out(struct auth_op *o, struct ipc_in *m)
{
	(void)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	clear_cookie(o->x);
	auth_op_no_content(o);
}

static void
logout_now(struct exchange *x, const struct webauth *who)
{
	struct str self = STR("");

	auth_op_ask_for(auth_op_new(x, who), MSG_SESSION_END, &self, logged_out);
}

static void
logout(struct exchange *x)
{
	webauth(x, logout_now);
}

/* ---- this session ---- */

static void
got_addresses(struct auth_op *o, struct ipc_in *m)
{
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "addresses");

	for (uint32_t n = ipc_get_list(m); n > 0; n--)
		cJSON_AddItemToArray(
		    list, cJSON_CreateString(arena_dupz(&o->x->arena, ipc_get_item(m))));
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		auth_op_broken(o);
		return;
	}
	auth_op_put(o, j, "user", o->who->user);
	auth_op_put(o, j, "id", o->who->id);
	auth_op_put(o, j, "kind", o->who->browser ? STR("browser") : STR("program"));
	auth_op_put_time(j, "created", o->who->created);
	auth_op_put_time(j, "proven", o->who->proven);
	auth_op_put_time(j, "until", o->who->until);
	auth_op_answer(o, 200, j);
}

static void
session_now(struct exchange *x, const struct webauth *who)
{
	auth_op_ask_for(auth_op_new(x, who), MSG_SESSION_ADDRESSES, NULL, got_addresses);
}

static void
session(struct exchange *x)
{
	webauth(x, session_now);
}

static void
prove_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);
	struct str password;

	if (auth_op_body(o) && auth_op_take(o, "password", AUTH_SECRET_MAX, &password))
		auth_op_prove(o, password, auth_op_no_content);
}

static void
prove_again(struct exchange *x)
{
	webauth(x, prove_now);
}

/* ---- all sessions ---- */

static void
got_sessions(struct auth_op *o, struct ipc_in *m)
{
	static const char *const names[] = {
	    "id", "kind", "created", "lastUsed", "proven", "peer", "userAgent"};
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "sessions");

	for (uint32_t n = ipc_get_list(m) / 8; n > 0; n--) {
		cJSON *one = cJSON_CreateObject();

		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			auth_op_put(o, one, names[i], ipc_get_item(m));
		cJSON_AddBoolToObject(one, "current", ipc_get_item(m).n > 0);
		cJSON_AddItemToArray(list, one);
	}
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		auth_op_broken(o);
		return;
	}
	auth_op_answer(o, 200, j);
}

static void
sessions_now(struct exchange *x, const struct webauth *who)
{
	auth_op_ask_for(auth_op_new(x, who), MSG_SESSION_LIST, NULL, got_sessions);
}

static void
sessions(struct exchange *x)
{
	webauth(x, sessions_now);
}

static void
others_ended(struct auth_op *o, struct ipc_in *m)
{
	uint64_t n = ipc_get_u64(m);
	cJSON *j;

	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	j = cJSON_CreateObject();
	cJSON_AddNumberToObject(j, "ended", (double)n);
	auth_op_answer(o, 200, j);
}

static void
end_others_now(struct exchange *x, const struct webauth *who)
{
	struct str others = STR("others");

	auth_op_ask_for(auth_op_new(x, who), MSG_SESSION_END, &others, others_ended);
}

static void
end_others(struct exchange *x)
{
	webauth(x, end_others_now);
}

static void
session_ended(struct auth_op *o, struct ipc_in *m)
{
	(void)ipc_get_u64(m);
	auth_op_done(o, m);
}

static void
end_one_now(struct exchange *x, const struct webauth *who)
{
	struct str id;

	/* "others" is no id here. */
	if (!auth_op_word(x, &id))
		return;
	if (str_eq(id, STR("others")))
		exchange_problem(x, 404, NULL);
	else
		auth_op_ask_for(auth_op_new(x, who), MSG_SESSION_END, &id, session_ended);
}

static void
end_one(struct exchange *x)
{
	webauth(x, end_one_now);
}

/* ---- password and app passwords ---- */

static void
password_proven(struct auth_op *o, struct ipc_in *m)
{
	struct str password, proof;
	struct ipc_out out;

	if (!auth_op_ticket(o, m, &proof) ||
	    !auth_op_take(o, "password", AUTH_SECRET_MAX, &password))
		return;
	auth_op_begin_proven(o, MSG_WEB_PASSWD, proof, &out);
	ipc_put_str(&out, password);
	auth_op_forget_body(o);
	auth_op_ask(o, &out, auth_op_done);
}

static void
password_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);
	struct str current, password;

	if (auth_op_body(o) && auth_op_take(o, "current", AUTH_SECRET_MAX, &current) &&
	    auth_op_take(o, "password", AUTH_SECRET_MAX, &password))
		auth_op_show(o, current, password_proven);
}

static void
password(struct exchange *x)
{
	webauth(x, password_now);
}

static void
got_app_passwords(struct auth_op *o, struct ipc_in *m)
{
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "appPasswords");

	for (uint32_t n = ipc_get_list(m) / 3; n > 0; n--) {
		cJSON *one = cJSON_CreateObject();
		struct str used;

		auth_op_put(o, one, "name", ipc_get_item(m));
		auth_op_put(o, one, "created", ipc_get_item(m));
		used = ipc_get_item(m);
		if (used.n > 0)
			auth_op_put(o, one, "lastUsed", used);
		cJSON_AddItemToArray(list, one);
	}
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		auth_op_broken(o);
		return;
	}
	auth_op_answer(o, 200, j);
}

static void
app_passwords_now(struct exchange *x, const struct webauth *who)
{
	auth_op_ask_for(auth_op_new(x, who), MSG_WEB_APPPASS_LIST, NULL, got_app_passwords);
}

static void
app_passwords(struct exchange *x)
{
	webauth(x, app_passwords_now);
}

static void
app_password_made(struct auth_op *o, struct ipc_in *m)
{
	struct arena *a = &o->x->arena;
	struct str made = arena_dup(a, ipc_get_str(m)), name;
	cJSON *j;

	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	if (!auth_op_take(o, "name", AUTH_USER_MAX, &name))
		return;
	j = cJSON_CreateObject();
	auth_op_put(o, j, "name", name);
	auth_op_put(o, j, "password", made);
	auth_op_answer(o, 201, j);
}

static void
make_app_password(struct auth_op *o)
{
	struct str name;

	if (auth_op_take(o, "name", AUTH_USER_MAX, &name))
		auth_op_ask_for(o, MSG_WEB_APPPASS_ADD, &name, app_password_made);
}

static void
new_app_password_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);

	if (auth_op_body(o))
		auth_op_proven(o, make_app_password);
}

static void
new_app_password(struct exchange *x)
{
	webauth(x, new_app_password_now);
}

static void
drop_app_password_now(struct exchange *x, const struct webauth *who)
{
	struct str name;

	if (auth_op_word(x, &name))
		auth_op_ask_for(auth_op_new(x, who), MSG_WEB_APPPASS_DEL, &name, auth_op_done);
}

static void
drop_app_password(struct exchange *x)
{
	webauth(x, drop_app_password_now);
}

/* ---- routes ---- */

const struct route auth_routes[] = {
    {"/auth/login", METHOD_POST, login, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/logout", METHOD_POST, logout, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/session", METHOD_GET, session, 0, ROUTE_OUR_ORIGIN},
    {"/auth/prove", METHOD_POST, prove_again, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/sessions", METHOD_GET, sessions, 0, ROUTE_OUR_ORIGIN},
    {"/auth/sessions", METHOD_DELETE, end_others, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/sessions/", METHOD_DELETE, end_one, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/password", METHOD_POST, password, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/app-passwords", METHOD_GET, app_passwords, 0, ROUTE_OUR_ORIGIN},
    {"/auth/app-passwords", METHOD_POST, new_app_password, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/app-passwords/", METHOD_DELETE, drop_app_password, AUTH_BODY_MAX, AUTH_SENT},
    {NULL, 0, NULL, 0, 0},
};
