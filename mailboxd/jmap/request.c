/*
 * request.c - see jmap.h: a Request becomes a Response (RFC 8620 3.3 to 3.6).
 *
 * Everything about the request as a whole is checked before its first method runs, so that a
 * request-level error means that nothing was done. Methods then run one after the other, in slices;
 * each response is written as soon as it is there, and kept as a tree only where a later call
 * refers to it.
 */
#include "mailboxd/jmap/request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/backlog.h"
#include "mailboxd/jmap/indexing.h"

#define FURTHER_MAX 8u /* calls that methods add */

/* ---- request-level errors ---- */

void
jmap_problem(
    struct buf *out, const char *type, unsigned status, const char *limit, const char *detail)
{
	buf_printf(out, "{\"type\":\"urn:ietf:params:jmap:error:%s\",\"status\":%u", type, status);
	if (limit != NULL)
		buf_printf(out, ",\"limit\":\"%s\"", limit);
	if (detail != NULL) {
		buf_puts(out, ",\"detail\":");
		json_print_str(str_z(detail), out);
	}
	buf_putc(out, '}');
}

static int
refuse(struct jmap_request *r, const char *type, const char *limit, const char *detail)
{
	buf_reset(&r->out);
	r->status = 400;
	jmap_problem(&r->out, type, r->status, limit, detail);
	return -1;
}

/* ---- what a Request must be ---- */

static int
check_using(struct jmap_request *r)
{
	const cJSON *v = json_get(r->text, "using"), *m;
	uint32_t bit;

	if (!cJSON_IsArray(v))
		return refuse(r, "notRequest", NULL, "using is no list");
	cJSON_ArrayForEach(m, v)
	{
		if (!cJSON_IsString(m))
			return refuse(r, "notRequest", NULL, "using is no list of strings");
		if ((bit = jmap_capability(json_str(m))) == 0)
			return refuse(r, "unknownCapability", NULL, m->valuestring);
		r->using |= bit;
	}
	return 0;
}

/* ["name", {…}, "id"] (RFC 8620 3.2) */
static bool
is_invocation(const cJSON *v)
{
	return cJSON_IsArray(v) && cJSON_GetArraySize(v) == 3 && cJSON_IsString(v->child) &&
	       cJSON_IsObject(v->child->next) && cJSON_IsString(v->child->next->next);
}

static int
check_calls(struct jmap_request *r)
{
	const cJSON *v = json_get(r->text, "methodCalls"), *m;

	if (!cJSON_IsArray(v))
		return refuse(r, "notRequest", NULL, "methodCalls is no list");
	cJSON_ArrayForEach(m, v)
	{
		if (!is_invocation(m))
			return refuse(r, "notRequest", NULL, "a method call is no invocation");
		if (++r->calls > JMAP_MAX_CALLS)
			return refuse(r, "limit", "maxCallsInRequest", NULL);
	}
	r->invocation = v->child;
	return 0;
}

static int
check_created(struct jmap_request *r)
{
	const cJSON *v = json_member(r->text, "createdIds"), *m;

	if (v == NULL)
		return 0;
	if (!cJSON_IsObject(v))
		return refuse(r, "notRequest", NULL, "createdIds is no map");
	cJSON_ArrayForEach(m, v)
	{
		if (!jmap_id_valid(json_name(m)) || !jmap_id_valid(json_str(m)))
			return refuse(r, "notRequest", NULL, "createdIds is no map of ids");
		jmap_created_put(r, json_name(m), json_str(m));
	}
	r->tell_created = true;
	return 0;
}

static int
check_text(struct jmap_request *r, struct str text)
{
	struct err e = {0};

	if (text.n > JMAP_MAX_REQUEST)
		return refuse(r, "limit", "maxSizeRequest", NULL);
	if ((r->text = json_parse(text, JSON_VALUES_MAX, &e)) != NULL)
		return 0;
	return e.code == E_LIMIT ? refuse(r, "limit", "maxSizeRequest", e.text)
				 : refuse(r, "notJSON", NULL, e.text);
}

static int
check(struct jmap_request *r)
{
	if (!r->ours && r->jmap->running > JMAP_MAX_REQUESTS)
		return refuse(r, "limit", "maxConcurrentRequests", NULL);
	if (!cJSON_IsObject(r->text))
		return refuse(r, "notRequest", NULL, "no object");
	if (check_using(r) < 0 || check_calls(r) < 0)
		return -1;
	return check_created(r);
}

/* ---- running ---- */

static void
finish(struct jmap_request *r)
{
	struct jmap *j = r->jmap;

	loop_timer_stop(r->turn);
	if (home_modseq(j->home) != r->modseq_before && j->host.changed != NULL)
		j->host.changed(j->host.arg);
	jmap_indexing_later(j);
	jmap_backlog_look(j);
	log_debug("jmap.request", LS("sid", r->by.sid), LS("user", j->user),
	    LU("status", r->status), LU("calls", r->calls), LU("octets", r->out.n),
	    LU("us", clock_us() - r->began_us));
	r->done(r->arg, r->status, buf_view(&r->out));
}

static void
put_created(struct jmap_request *r)
{
	struct created_id *c, *next;
	bool first = true;

	buf_puts(&r->out, ",\"createdIds\":{");
	HASH_ITER (hh, r->created, c, next) {
		buf_puts(&r->out, first ? "" : ",");
		json_print_str(c->key, &r->out);
		buf_putc(&r->out, ':');
		json_print_str(c->id, &r->out);
		first = false;
	}
	buf_putc(&r->out, '}');
}

static void
put_end(struct jmap_request *r)
{
	buf_puts(&r->out, "],\"sessionState\":");
	json_print_str(jmap_session_state(r->jmap), &r->out);
	if (r->tell_created)
		put_created(r);
	/* RFC 8887 4.3.2 */
	if (r->from_websocket) {
		buf_puts(&r->out, ",\"@type\":\"Response\"");
		if (json_str(json_get(r->text, "id")).p != NULL) {
			buf_puts(&r->out, ",\"requestId\":");
			json_print_str(json_str(json_get(r->text, "id")), &r->out);
		}
	}
	buf_putc(&r->out, '}');
}

static void
threads_durable(void *arg, const struct err *e)
{
	struct jmap_request *r = arg;

	OBJ(r, JMAP_REQUEST_MAGIC);
	if (e != NULL) {
		buf_reset(&r->out);
		r->status = 503;
		jmap_problem(&r->out, "serverUnavailable", r->status, NULL, e->text);
	}
	finish(r);
}

static void
finish_response(struct jmap_request *r)
{
	put_end(r);
	if (r->tells_threads && home_has_new_threads(r->jmap->home))
		home_commit(r->jmap->home, &r->durable);
	else
		finish(r);
}

void
jmap_tells_threads(struct jmap_call *c)
{
	c->request->tells_threads = true;
}

/* An answer that is too large is none: the place of its text is taken back. */
static void
put_result(struct jmap_request *r, const char *name, const cJSON *result, struct str id)
{
	size_t before = r->out.n;

	if (before > 0 && r->out.p[before - 1] != '[')
		buf_putc(&r->out, ',');
	buf_putc(&r->out, '[');
	json_print_str(str_z(name), &r->out);
	buf_putc(&r->out, ',');
	json_print(result, &r->out);
	buf_putc(&r->out, ',');
	json_print_str(id, &r->out);
	buf_putc(&r->out, ']');
	if (r->out.n <= JMAP_MAX_ANSWER)
		return;
	/* Above that the buffer has room for errors, with ids as long as the request. */
	r->out.n = before;
	r->out.over = false;
	buf_printf(&r->out, "%s[\"error\",{\"type\":\"requestTooLarge\"},",
	    r->out.p[before - 1] != '[' ? "," : "");
	json_print_str(id, &r->out);
	buf_putc(&r->out, ']');
}

/* The result of the call under way, which ends. */
static void
take_result(struct jmap_request *r)
{
	struct jmap_call *c = &r->call;
	bool failed = jmap_failed(c);
	const char *name = failed ? "error" : c->method->name;
	cJSON *result = jmap_call_result(c), *kept;

	put_result(r, name, result, c->id);
	if (r->invocation != NULL && jmap_is_referred_to(r->invocation, c->id)) {
		kept = cJSON_CreateArray();
		json_expand(result);
		json_add(kept, json_new_str(str_z(name)));
		json_add(kept, result);
		json_add(kept, json_new_str(c->id));
		json_add(r->results, kept);
	} else {
		cJSON_Delete(result);
	}
	jmap_call_end(c);
	r->in_call = false;
}

static void
fail_call(struct jmap_request *r, const char *type, const char *why, struct str id)
{
	cJSON *error = cJSON_CreateObject();

	json_put_str(error, "type", str_z(type));
	if (why != NULL)
		json_put_str(error, "description", str_z(why));
	put_result(r, "error", error, id);
	cJSON_Delete(error);
}

/* Takes args. */
static void
begin_call(struct jmap_request *r, struct str name, cJSON *args, struct str id)
{
	const struct jmap_method *m = jmap_method_find(name);
	struct err e = {0};
	const char *type = "", *why;
	const cJSON *account;

	if (m == NULL || (r->using & jmap_capability(str_z(m->capability))) == 0) {
		fail_call(r, "unknownMethod", NULL, id);
		cJSON_Delete(args);
		return;
	}
	if (jmap_references(r, args, &type, &e) < 0) {
		fail_call(r, type, e.text, id);
		cJSON_Delete(args);
		return;
	}
	account = json_get(args, "accountId");
	if (!m->no_account && !cJSON_IsString(account)) {
		fail_call(r, "invalidArguments", "accountId", id);
		cJSON_Delete(args);
	} else if (!m->no_account && !str_eq_z(json_str(account), r->jmap->account)) {
		fail_call(r, "accountNotFound", NULL, id);
		cJSON_Delete(args);
	} else if (r->agent != NULL &&
		   (why = jmap_agent_refuses(r->agent, str_z(m->name), args)) != NULL) {
		log_info("agent.refuse", LS("sid", r->by.sid), LS("user", r->jmap->user),
		    LZ("method", m->name), LS("agent", r->agent->name), LZ("reason", why));
		fail_call(r, "forbidden", why, id);
		cJSON_Delete(args);
	} else {
		jmap_call_begin(r, m, args, id);
		r->in_call = true;
	}
}

static void
next_call(struct jmap_request *r)
{
	const cJSON *v = r->invocation;
	struct further *f = STAILQ_FIRST(&r->further);

	if (f != NULL) {
		STAILQ_REMOVE_HEAD(&r->further, link);
		begin_call(r, str_z(f->method->name), f->args, f->id);
		return;
	}
	r->invocation = v->next;
	begin_call(r, json_str(v->child), cJSON_Duplicate(v->child->next, true),
	    json_str(v->child->next->next));
}

static bool
is_over(const struct jmap_request *r)
{
	return r->invocation == NULL && STAILQ_EMPTY(&r->further) && !r->in_call;
}

/* The first request that may be about mail makes the model; others have their turn meanwhile. What
 * fails is told by the method that needs it. */
static bool
is_loading(const struct jmap_request *r)
{
	struct err e = {0};

	return (r->using & (jmap_capability(STR(JMAP_MAIL)) | jmap_capability(STR(JMAP_AGENTS)))) !=
		   0 &&
	       jmap_emails_load(r->jmap, &e) == 0;
}

static void
turn(void *arg)
{
	struct jmap_request *r = arg;
	uint64_t since = clock_us();

	OBJ(r, JMAP_REQUEST_MAGIC);
	if (r->status != 200) {
		finish(r);
		return;
	}
	if (is_loading(r)) {
		loop_timer_set(r->turn, 0);
		return;
	}
	while (!is_over(r)) {
		if (!r->in_call) {
			next_call(r);
			continue;
		}
		switch (jmap_call_run(&r->call)) {
		case JMAP_DONE:
			take_result(r);
			break;
		case JMAP_WAIT:
			return;
		case JMAP_YIELD:
		case JMAP_LATER:
			loop_timer_set(r->turn, 0);
			return;
		}
		if (clock_us() - since > JMAP_SLICE_US) {
			loop_timer_set(r->turn, 0);
			return;
		}
	}
	finish_response(r);
}

void
jmap_request_wake(struct jmap_request *r)
{
	loop_timer_set(r->turn, 0);
}

void
jmap_then(struct jmap_call *c, const char *method, cJSON *args)
{
	struct jmap_request *r = c->request;
	struct further *f = arena_new(&r->arena, struct further);

	f->method = jmap_method_find(str_z(method));
	f->args = args;
	f->id = arena_dup(&r->arena, c->id);
	assume(f->method != NULL && r->nfurther++ < FURTHER_MAX * JMAP_MAX_CALLS);
	json_put_str(args, "accountId", str_z(c->jmap->account));
	STAILQ_INSERT_TAIL(&r->further, f, link);
}

/* ---- beginning and end ---- */

static struct jmap_request *
new_request(struct jmap *j, const struct jmap_from *from,
    void (*done)(void *arg, unsigned status, struct str json), void *arg)
{
	struct jmap_request *r = mem_alloc(sizeof *r);

	r->magic = JMAP_REQUEST_MAGIC;
	r->jmap = j;
	r->done = done;
	r->arg = arg;
	arena_init(&r->arena);
	r->by = (struct change_by){
	    .actor = STR_INIT("jmap"), .sid = arena_dup(&r->arena, from->sid), .origin = r};
	/* Who it is comes from the channel it came on, never from what it says. */
	if (from->agent != NULL) {
		struct jmap_agent *g = arena_new(&r->arena, struct jmap_agent);

		*g = *from->agent;
		g->name = arena_dup(&r->arena, g->name);
		g->session = arena_dup(&r->arena, g->session);
		r->agent = g;
		r->by.actor = STR("agent");
		r->by.sid = g->session;
	}
	r->ours = from->ours;
	if (from->ours && from->session.n > 0) {
		r->by.actor = STR("agent");
		r->by.sid = arena_dup(&r->arena, from->session);
	}
	r->from_websocket = from->websocket;
	r->results = cJSON_CreateArray();
	r->budget = (struct budget){REFERENCE_LOOKS, REFERENCE_VALUES, REFERENCE_OCTETS};
	r->status = 200;
	r->durable = (struct home_waiter){.fn = threads_durable, .arg = r};
	STAILQ_INIT(&r->further);
	buf_init(&r->out, JMAP_MAX_ANSWER + 7 * JMAP_MAX_REQUEST);
	r->turn = loop_timer_new(turn, r);
	r->began_us = clock_us();
	r->modseq_before = home_modseq(j->home);
	LIST_INSERT_HEAD(&j->requests, r, link);
	j->running++;
	return r;
}

static void
start(struct jmap_request *r)
{
	if (r->status == 200 && check(r) == 0)
		buf_puts(&r->out, "{\"methodResponses\":[");
	loop_timer_set(r->turn, 0);
}

struct jmap_request *
jmap_request_new(struct jmap *j, const struct jmap_from *from, struct str text,
    void (*done)(void *arg, unsigned status, struct str json), void *arg)
{
	struct jmap_request *r = new_request(j, from, done, arg);

	(void)check_text(r, text);
	start(r);
	return r;
}

struct jmap_request *
jmap_request_new_tree(struct jmap *j, const struct jmap_from *from, cJSON *text,
    void (*done)(void *arg, unsigned status, struct str json), void *arg)
{
	struct jmap_request *r = new_request(j, from, done, arg);

	r->text = text;
	start(r);
	return r;
}

void
jmap_request_free(struct jmap_request **rp)
{
	struct jmap_request *r = *rp;
	struct further *f;

	if (r == NULL)
		return;
	OBJ(r, JMAP_REQUEST_MAGIC);
	if (r->in_call) {
		cJSON_Delete(jmap_call_result(&r->call));
		jmap_call_end(&r->call);
	}
	STAILQ_FOREACH (f, &r->further, link)
		cJSON_Delete(f->args);
	LIST_REMOVE(r, link);
	home_commit_cancel(r->jmap->home, &r->durable);
	r->jmap->running--;
	loop_timer_free(&r->turn);
	HASH_CLEAR(hh, r->created);
	cJSON_Delete(r->results);
	cJSON_Delete(r->text);
	buf_free(&r->out);
	arena_free(&r->arena);
	r->magic = 0;
	free(r);
	*rp = NULL;
}

/* ---- creation ids ---- */

static struct created_id *
find_created(const struct jmap_request *r, struct str key)
{
	struct created_id *c;

	HASH_FIND(hh, r->created, key.p, key.n, c);
	return c;
}

void
jmap_created_put(struct jmap_request *r, struct str key, struct str id)
{
	struct created_id *c = find_created(r, key);

	/* RFC 8620 5.3: of one that is used again the last counts. */
	if (c == NULL) {
		c = arena_new(&r->arena, struct created_id);
		c->key = arena_dup(&r->arena, key);
		HASH_ADD_KEYPTR(hh, r->created, c->key.p, c->key.n, c);
	}
	c->id = arena_dup(&r->arena, id);
}

void
jmap_created(struct jmap_call *c, struct str creation_id, struct str id)
{
	jmap_created_put(c->request, creation_id, id);
}

struct str
jmap_real_id(const struct jmap_call *c, struct str id)
{
	const struct created_id *found;

	if (id.n == 0 || id.p[0] != '#')
		return id;
	found = find_created(c->request, str_from(id, 1));
	return found != NULL ? found->id : STR_NONE;
}
