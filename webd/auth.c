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
#include "webd/routes.h"
#include "webd/webauth.h"

#define BODY_MAX       8192u
#define SECRET_MAX     1024u /* octets of a password, as authd takes them */
#define USER_MAX       512u
#define COOKIE_TEXT    sodium_base64_ENCODED_LEN(WEBAUTH_TOKEN, COOKIE_VARIANT)
#define COOKIE_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* A login that authd has to answer even when nobody waits any more. */
struct entering {
	struct op *op; /* NULL: the client has left */
};

/* What a request wants of authd, while it asks. */
struct op {
	struct exchange *x;
	const struct webauth *who; /* NULL: nobody yet */
	void (*then)(struct op *o, struct ipc_in *m);
	uint64_t call; /* 0: none under way */
	struct entering *entering;
	uint64_t conn; /* that a proof is bound to */
	cJSON *body;
	struct str token, proof; /* of an answer, in the arena */
};

static uint64_t
next_conn(void)
{
	static uint64_t last;

	return ++last;
}

/* ---- JSON in ---- */

static void
wipe(cJSON *j)
{
	for (; j != NULL; j = j->next) {
		if (j->valuestring != NULL)
			sodium_memzero(j->valuestring, strlen(j->valuestring));
		wipe(j->child);
	}
}

static void
forget_body(void *arg)
{
	struct op *o = arg;

	wipe(o->body);
	cJSON_Delete(o->body);
	o->body = NULL;
}

/* An object, of a whole body that is wiped. A NUL within a string would be its end to cJSON: there
 * is none. False: answered. */
static bool
take_body(struct op *o)
{
	struct exchange *x = o->x;
	const char *end = NULL;
	bool good = str_is_utf8(x->body) && str_find(x->body, STR("\\u0000")) == x->body.n;

	if (good)
		o->body = cJSON_ParseWithLengthOpts(x->body.p, x->body.n, &end, 0);
	good = good && cJSON_IsObject(o->body) &&
	       str_trim(str_from(x->body, (size_t)(end - x->body.p))).n == 0;
	sodium_memzero((void *)(uintptr_t)x->body.p, x->body.n);
	if (!good)
		exchange_problem(x, 400, "The body is no JSON object.");
	return good;
}

/* A member that has to be there: a string of 1 to max octets. False: answered. */
static bool
take(struct op *o, const char *name, size_t max, struct str *out)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o->body, name);
	const char *text;

	if (cJSON_IsString(v) && (out->n = strlen(v->valuestring)) > 0 && out->n <= max) {
		out->p = v->valuestring;
		return true;
	}
	text =
	    arena_printf(&o->x->arena, "The body needs %s, a string of 1 to %zu octets.", name, max)
		.p;
	exchange_problem(o->x, 400, text);
	return false;
}

/* ---- JSON out ---- */

static void
put(cJSON *to, const char *name, struct str v, struct arena *a)
{
	assume(cJSON_AddStringToObject(to, name, arena_dupz(a, v)) != NULL);
}

static void
put_time(cJSON *to, const char *name, int64_t seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	assume(cJSON_AddStringToObject(to, name, clock_rfc3339(seconds * 1000000, text)) != NULL);
}

static void
answer(struct exchange *x, unsigned status, cJSON *j)
{
	char *text = cJSON_PrintUnformatted(j);

	assume(text != NULL);
	exchange_json(x, status, str_z(text));
	sodium_memzero(text, strlen(text));
	free(text);
	wipe(j);
	cJSON_Delete(j);
}

static void
no_content(struct exchange *x)
{
	exchange_respond(x, 204, NULL, STR(""));
}

/* ---- asking authd ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct op *o = arg;

	(void)x;
	if (o->entering != NULL)
		o->entering->op = NULL;
	else if (o->call != 0)
		ipc_cancel(svc_channel(PEER_AUTHD), o->call);
	o->call = 0;
}

static const struct exchange_events events = {.gone = on_gone};

static struct op *
op_new(struct exchange *x, const struct webauth *who)
{
	struct op *o = arena_new(&x->arena, struct op);

	o->x = x;
	o->who = who;
	o->conn = next_conn();
	arena_defer(&x->arena, forget_body, o);
	exchange_listen(x, &events, o);
	return o;
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct op *o = arg;

	o->call = 0;
	if (m == NULL)
		webauth_problem(o->x, e);
	else
		o->then(o, m);
}

static void
ask(struct op *o, struct ipc_out *m, void (*then)(struct op *o, struct ipc_in *m))
{
	o->then = then;
	o->call = ipc_call(svc_channel(PEER_AUTHD), m, answered, o);
}

/* What authd said does not fit: its channel is closed. */
static void
broken(struct op *o)
{
	exchange_problem(o->x, 503, NULL);
}

static void
done(struct op *o, struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		broken(o);
	else
		no_content(o->x);
}

/* A question with the session's token and, where it is not NULL, one more word. */
static void
ask_for(struct op *o, enum ipc_type type, const struct str *word,
    void (*then)(struct op *o, struct ipc_in *m))
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_str(&m, o->who->token);
	if (word != NULL)
		ipc_put_str(&m, *word);
	ask(o, &m, then);
}

/* ---- passwords that are shown ---- */

/* The ticket of AUTH_START_R, in the arena; false: answered. */
static bool
take_ticket(struct op *o, struct ipc_in *m, struct str *out)
{
	uint32_t state = ipc_get_u32(m);
	struct str ticket;

	(void)ipc_get_u64(m);
	(void)ipc_get_str(m);
	(void)ipc_get_str(m);
	ticket = ipc_get_str(m);
	*out = arena_dup(&o->x->arena, ticket);
	(void)ipc_get_str(m);
	if (ipc_end(m) < 0)
		broken(o);
	else if (state == AUTH_OK)
		return true;
	else if (state == AUTH_TEMP || state == AUTH_BAD) {
		exchange_set(o->x, "Retry-After", STR("5"));
		exchange_problem(o->x, 503, "It cannot be checked now. Try again in a moment.");
	} else if (o->who != NULL) {
		/* The session is as good as before: not 401, which says it is over. */
		exchange_problem_with(
		    o->x, 403, "The password is wrong.", STR(",\"code\":\"password-wrong\""));
	} else {
		exchange_set(o->x, "WWW-Authenticate", STR("Bearer realm=\"GK Mail\""));
		exchange_problem_with(o->x, 401, "The name or the password is wrong.",
		    STR(",\"code\":\"login-failed\""));
	}
	return false;
}

/* The user of the session shows the password; then then(). */
static void
prove(struct op *o, struct str password, void (*then)(struct op *o, struct ipc_in *m))
{
	struct ipc_out m;

	webauth_begin(&m, o->x, "prove", o->who->user, password, o->conn);
	ask(o, &m, then);
}

/* SESSION_PROVE and WEB_PASSWD begin alike. */
static void
begin_proven(struct op *o, enum ipc_type type, struct str proof, struct ipc_out *m)
{
	ipc_begin(m, type);
	ipc_put_str(m, o->who->token);
	ipc_put_str(m, proof);
	ipc_put_u64(m, o->conn);
}

static void
tell_proof(struct op *o, struct ipc_in *m, void (*then)(struct op *o, struct ipc_in *m))
{
	struct ipc_out out;
	struct str proof;

	if (!take_ticket(o, m, &proof))
		return;
	begin_proven(o, MSG_SESSION_PROVE, proof, &out);
	ask(o, &out, then);
}

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
session_opened(struct op *o, struct ipc_in *m)
{
	struct str user = arena_dup(&o->x->arena, ipc_get_str(m));

	(void)ipc_get_str(m);
	(void)ipc_get_u32(m);
	for (int i = 0; i < 3; i++)
		(void)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		broken(o);
		return;
	}
	exchange_set_user(o->x, user);
	end_old(o->x);
	set_cookie(o->x, o->token);
	no_content(o->x);
}

static void
logged_in(struct op *o, struct ipc_in *m)
{
	struct ipc_out out;

	if (!take_ticket(o, m, &o->token))
		return;
	ipc_begin(&out, MSG_SESSION_OPEN);
	ipc_put_str(&out, o->token);
	ipc_put_z(&out, o->x->peer);
	ipc_put_str(&out, str_sub(exchange_field(o->x, "User-Agent"), 0, 256));
	ask(o, &out, session_opened);
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
entered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct entering *n = arg;

	if (n->op != NULL) {
		n->op->entering = NULL;
		answered(n->op, m, e);
	} else if (m != NULL)
		nobody_waits(m);
	free(n);
}

static void
login(struct exchange *x)
{
	struct op *o = op_new(x, NULL);
	struct str user, password;
	struct ipc_out m;

	if (!x->secure) {
		exchange_problem(x, 403, "Passwords are taken over TLS only.");
		return;
	}
	if (!take_body(o) || !take(o, "user", USER_MAX, &user) ||
	    !take(o, "password", SECRET_MAX, &password))
		return;
	webauth_begin(&m, x, "web", user, password, o->conn);
	forget_body(o);
	o->entering = mem_alloc(sizeof(*o->entering));
	o->entering->op = o;
	o->then = logged_in;
	ipc_call(svc_channel(PEER_AUTHD), &m, entered, o->entering);
}

static void
logged_out(struct op *o, struct ipc_in *m)
{
	(void)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		broken(o);
		return;
	}
	clear_cookie(o->x);
	no_content(o->x);
}

static void
logout_now(struct exchange *x, const struct webauth *who)
{
	struct str self = STR("");

	ask_for(op_new(x, who), MSG_SESSION_END, &self, logged_out);
}

static void
logout(struct exchange *x)
{
	webauth(x, logout_now);
}

/* ---- this session ---- */

static void
got_addresses(struct op *o, struct ipc_in *m)
{
	struct arena *a = &o->x->arena;
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "addresses");

	for (uint32_t n = ipc_get_list(m); n > 0; n--)
		cJSON_AddItemToArray(list, cJSON_CreateString(arena_dupz(a, ipc_get_item(m))));
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		broken(o);
		return;
	}
	put(j, "user", o->who->user, a);
	put(j, "id", o->who->id, a);
	put(j, "kind", o->who->browser ? STR("browser") : STR("program"), a);
	put_time(j, "created", o->who->created);
	put_time(j, "proven", o->who->proven);
	put_time(j, "until", o->who->until);
	answer(o->x, 200, j);
}

static void
session_now(struct exchange *x, const struct webauth *who)
{
	ask_for(op_new(x, who), MSG_SESSION_ADDRESSES, NULL, got_addresses);
}

static void
session(struct exchange *x)
{
	webauth(x, session_now);
}

static void
prove_told(struct op *o, struct ipc_in *m)
{
	tell_proof(o, m, done);
}

static void
prove_now(struct exchange *x, const struct webauth *who)
{
	struct op *o = op_new(x, who);
	struct str password;

	if (take_body(o) && take(o, "password", SECRET_MAX, &password))
		prove(o, password, prove_told);
}

static void
prove_again(struct exchange *x)
{
	webauth(x, prove_now);
}

/* ---- all sessions ---- */

static void
got_sessions(struct op *o, struct ipc_in *m)
{
	static const char *const names[] = {
	    "id", "kind", "created", "lastUsed", "proven", "peer", "userAgent"};
	struct arena *a = &o->x->arena;
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "sessions");

	for (uint32_t n = ipc_get_list(m) / 8; n > 0; n--) {
		cJSON *one = cJSON_CreateObject();

		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			put(one, names[i], ipc_get_item(m), a);
		cJSON_AddBoolToObject(one, "current", ipc_get_item(m).n > 0);
		cJSON_AddItemToArray(list, one);
	}
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		broken(o);
		return;
	}
	answer(o->x, 200, j);
}

static void
sessions_now(struct exchange *x, const struct webauth *who)
{
	ask_for(op_new(x, who), MSG_SESSION_LIST, NULL, got_sessions);
}

static void
sessions(struct exchange *x)
{
	webauth(x, sessions_now);
}

static void
others_ended(struct op *o, struct ipc_in *m)
{
	uint64_t n = ipc_get_u64(m);
	cJSON *j;

	if (ipc_end(m) < 0) {
		broken(o);
		return;
	}
	j = cJSON_CreateObject();
	cJSON_AddNumberToObject(j, "ended", (double)n);
	answer(o->x, 200, j);
}

static void
end_others_now(struct exchange *x, const struct webauth *who)
{
	struct str others = STR("others");

	ask_for(op_new(x, who), MSG_SESSION_END, &others, others_ended);
}

static void
end_others(struct exchange *x)
{
	webauth(x, end_others_now);
}

static void
session_ended(struct op *o, struct ipc_in *m)
{
	(void)ipc_get_u64(m);
	done(o, m);
}

/* The one word behind the route's path; false: answered. */
static bool
take_word(struct exchange *x, struct str *out)
{
	if (exchange_segment(x, 0, out) && out->n > 0 && str_chr(x->tail, '/') == x->tail.n)
		return true;
	exchange_problem(x, 404, NULL);
	return false;
}

static void
end_one_now(struct exchange *x, const struct webauth *who)
{
	struct str id;

	/* "others" is no id here. */
	if (!take_word(x, &id))
		return;
	if (str_eq(id, STR("others")))
		exchange_problem(x, 404, NULL);
	else
		ask_for(op_new(x, who), MSG_SESSION_END, &id, session_ended);
}

static void
end_one(struct exchange *x)
{
	webauth(x, end_one_now);
}

/* ---- password and app passwords ---- */

static void
password_proven(struct op *o, struct ipc_in *m)
{
	struct str password, proof;
	struct ipc_out out;

	if (!take_ticket(o, m, &proof) || !take(o, "password", SECRET_MAX, &password))
		return;
	begin_proven(o, MSG_WEB_PASSWD, proof, &out);
	ipc_put_str(&out, password);
	forget_body(o);
	ask(o, &out, done);
}

static void
password_now(struct exchange *x, const struct webauth *who)
{
	struct op *o = op_new(x, who);
	struct str current, password;

	if (take_body(o) && take(o, "current", SECRET_MAX, &current) &&
	    take(o, "password", SECRET_MAX, &password))
		prove(o, current, password_proven);
}

static void
password(struct exchange *x)
{
	webauth(x, password_now);
}

static void
got_app_passwords(struct op *o, struct ipc_in *m)
{
	struct arena *a = &o->x->arena;
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "appPasswords");

	for (uint32_t n = ipc_get_list(m) / 3; n > 0; n--) {
		cJSON *one = cJSON_CreateObject();
		struct str used;

		put(one, "name", ipc_get_item(m), a);
		put(one, "created", ipc_get_item(m), a);
		used = ipc_get_item(m);
		if (used.n > 0)
			put(one, "lastUsed", used, a);
		cJSON_AddItemToArray(list, one);
	}
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		broken(o);
		return;
	}
	answer(o->x, 200, j);
}

static void
app_passwords_now(struct exchange *x, const struct webauth *who)
{
	ask_for(op_new(x, who), MSG_WEB_APPPASS_LIST, NULL, got_app_passwords);
}

static void
app_passwords(struct exchange *x)
{
	webauth(x, app_passwords_now);
}

static void
app_password_made(struct op *o, struct ipc_in *m)
{
	struct arena *a = &o->x->arena;
	struct str made = arena_dup(a, ipc_get_str(m)), name;
	cJSON *j;

	if (ipc_end(m) < 0) {
		broken(o);
		return;
	}
	if (!take(o, "name", USER_MAX, &name))
		return;
	j = cJSON_CreateObject();
	put(j, "name", name, a);
	put(j, "password", made, a);
	answer(o->x, 201, j);
}

static void
make_app_password(struct op *o)
{
	struct str name;

	if (take(o, "name", USER_MAX, &name))
		ask_for(o, MSG_WEB_APPPASS_ADD, &name, app_password_made);
}

static void
app_password_allowed(struct op *o, struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		broken(o);
	else
		make_app_password(o);
}

static void
app_password_proven(struct op *o, struct ipc_in *m)
{
	tell_proof(o, m, app_password_allowed);
}

static void
new_app_password_now(struct exchange *x, const struct webauth *who)
{
	struct op *o = op_new(x, who);
	struct str current;

	if (!take_body(o))
		return;
	if (!cJSON_HasObjectItem(o->body, "current"))
		make_app_password(o);
	else if (take(o, "current", SECRET_MAX, &current))
		prove(o, current, app_password_proven);
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

	if (take_word(x, &name))
		ask_for(op_new(x, who), MSG_WEB_APPPASS_DEL, &name, done);
}

static void
drop_app_password(struct exchange *x)
{
	webauth(x, drop_app_password_now);
}

/* ---- routes ---- */

#define SENT (ROUTE_WHOLE | ROUTE_JSON | ROUTE_OUR_ORIGIN)

const struct route auth_routes[] = {
    {"/auth/login", METHOD_POST, login, BODY_MAX, SENT},
    {"/auth/logout", METHOD_POST, logout, BODY_MAX, SENT},
    {"/auth/session", METHOD_GET, session, 0, ROUTE_OUR_ORIGIN},
    {"/auth/prove", METHOD_POST, prove_again, BODY_MAX, SENT},
    {"/auth/sessions", METHOD_GET, sessions, 0, ROUTE_OUR_ORIGIN},
    {"/auth/sessions", METHOD_DELETE, end_others, BODY_MAX, SENT},
    {"/auth/sessions/", METHOD_DELETE, end_one, BODY_MAX, SENT},
    {"/auth/password", METHOD_POST, password, BODY_MAX, SENT},
    {"/auth/app-passwords", METHOD_GET, app_passwords, 0, ROUTE_OUR_ORIGIN},
    {"/auth/app-passwords", METHOD_POST, new_app_password, BODY_MAX, SENT},
    {"/auth/app-passwords/", METHOD_DELETE, drop_app_password, BODY_MAX, SENT},
    {NULL, 0, NULL, 0, 0},
};
