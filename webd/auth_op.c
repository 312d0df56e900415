/* auth_op.c - see auth_op.h. */
#include "webd/auth_op.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/svc.h"

struct auth_waiting {
	struct auth_op *op; /* NULL: the client has left */
	void (*nobody)(struct ipc_in *m);
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

void
auth_op_forget_body(struct auth_op *o)
{
	wipe(o->body);
	cJSON_Delete(o->body);
	o->body = NULL;
}

/* A NUL within a string would be its end to cJSON: there is none. */
bool
auth_op_body(struct auth_op *o)
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

bool
auth_op_take(struct auth_op *o, const char *name, size_t max, struct str *out)
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

bool
auth_op_may(struct auth_op *o, const char *name, size_t max, struct str *out)
{
	return cJSON_GetObjectItemCaseSensitive(o->body, name) == NULL ||
	       auth_op_take(o, name, max, out);
}

bool
auth_op_word(struct exchange *x, struct str *out)
{
	if (exchange_segment(x, 0, out) && out->n > 0 && str_chr(x->tail, '/') == x->tail.n)
		return true;
	exchange_problem(x, 404, NULL);
	return false;
}

/* ---- JSON out ---- */

void
auth_op_put(struct auth_op *o, cJSON *to, const char *name, struct str v)
{
	assume(cJSON_AddStringToObject(to, name, arena_dupz(&o->x->arena, v)) != NULL);
}

void
auth_op_put_time(cJSON *to, const char *name, int64_t seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	assume(cJSON_AddStringToObject(to, name, clock_rfc3339(seconds * 1000000, text)) != NULL);
}

void
auth_op_answer(struct auth_op *o, unsigned status, cJSON *j)
{
	char *text = cJSON_PrintUnformatted(j);

	assume(text != NULL);
	exchange_json(o->x, status, str_z(text));
	sodium_memzero(text, strlen(text));
	free(text);
	wipe(j);
	cJSON_Delete(j);
}

void
auth_op_no_content(struct auth_op *o)
{
	exchange_respond(o->x, 204, NULL, STR(""));
}

/* ---- asking authd ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct auth_op *o = arg;

	(void)x;
	if (o->waiting != NULL)
		o->waiting->op = NULL;
	else if (o->call != 0)
		ipc_cancel(svc_channel(PEER_AUTHD), o->call);
	o->call = 0;
}

static const struct exchange_events events = {.gone = on_gone};

static void
forget_body(void *arg)
{
	auth_op_forget_body(arg);
}

struct auth_op *
auth_op_new(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = arena_new(&x->arena, struct auth_op);

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
	struct auth_op *o = arg;

	o->call = 0;
	if (m == NULL)
		webauth_problem(o->x, e);
	else
		o->then(o, m);
}

void
auth_op_ask(struct auth_op *o, struct ipc_out *m, auth_op_fn then)
{
	o->then = then;
	o->call = ipc_call(svc_channel(PEER_AUTHD), m, answered, o);
}

static void
waited(void *arg, struct ipc_in *m, const struct err *e)
{
	struct auth_waiting *w = arg;

	if (w->op != NULL) {
		w->op->waiting = NULL;
		answered(w->op, m, e);
	} else if (m != NULL) {
		w->nobody(m);
	}
	free(w);
}

void
auth_op_ask_anyway(
    struct auth_op *o, struct ipc_out *m, auth_op_fn then, void (*nobody)(struct ipc_in *m))
{
	o->waiting = mem_alloc(sizeof(*o->waiting));
	*o->waiting = (struct auth_waiting){.op = o, .nobody = nobody};
	o->then = then;
	ipc_call(svc_channel(PEER_AUTHD), m, waited, o->waiting);
}

void
auth_op_ask_for(struct auth_op *o, enum ipc_type type, const struct str *word, auth_op_fn then)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_str(&m, o->who->token);
	if (word != NULL)
		ipc_put_str(&m, *word);
	auth_op_ask(o, &m, then);
}

void
auth_op_broken(struct auth_op *o)
{
	exchange_problem(o->x, 503, NULL);
}

void
auth_op_done(struct auth_op *o, struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		auth_op_broken(o);
	else
		auth_op_no_content(o);
}

/* ---- passwords that are shown ---- */

bool
auth_op_ticket(struct auth_op *o, struct ipc_in *m, struct str *out)
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
		auth_op_broken(o);
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

void
auth_op_show(struct auth_op *o, struct str password, auth_op_fn then)
{
	struct ipc_out m;

	webauth_begin(&m, o->x, "prove", o->who->user, password, o->conn);
	auth_op_ask(o, &m, then);
}

void
auth_op_begin_proven(struct auth_op *o, enum ipc_type type, struct str proof, struct ipc_out *m)
{
	ipc_begin(m, type);
	ipc_put_str(m, o->who->token);
	ipc_put_str(m, proof);
	ipc_put_u64(m, o->conn);
}

static void
proof_told(struct auth_op *o, struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		auth_op_broken(o);
	else
		o->next(o);
}

static void
shown(struct auth_op *o, struct ipc_in *m)
{
	struct ipc_out out;
	struct str proof;

	if (!auth_op_ticket(o, m, &proof))
		return;
	auth_op_begin_proven(o, MSG_SESSION_PROVE, proof, &out);
	auth_op_ask(o, &out, proof_told);
}

void
auth_op_prove(struct auth_op *o, struct str password, void (*next)(struct auth_op *o))
{
	o->next = next;
	auth_op_show(o, password, shown);
}

void
auth_op_proven(struct auth_op *o, void (*next)(struct auth_op *o))
{
	struct str current;

	if (cJSON_GetObjectItemCaseSensitive(o->body, "current") == NULL)
		next(o);
	else if (auth_op_take(o, "current", AUTH_SECRET_MAX, &current))
		auth_op_prove(o, current, next);
}
