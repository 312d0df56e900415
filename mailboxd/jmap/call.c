/*
 * call.c - see jmap.h: what a method call has to hand: its steps, errors, arguments.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/jmap/request.h"

/* ---- steps ---- */

unsigned jmap_slice_us = JMAP_SLICE_US;

static void
durable(void *arg, const struct err *e)
{
	struct jmap_call *c = arg;

	if (e != NULL) {
		c->step = NULL;
		(void)jmap_fail_err(c, e);
	}
	jmap_continue(c);
}

void
jmap_call_begin(struct jmap_request *r, const struct jmap_method *m, cJSON *args, struct str id)
{
	struct jmap_call *c = &r->call;

	*c = (struct jmap_call){.jmap = r->jmap,
	    .home = r->jmap->home,
	    .request = r,
	    .method = m,
	    .by = &r->by,
	    .args = args,
	    .result = cJSON_CreateObject(),
	    .step = m->run,
	    .runnable = true,
	    .waiter = {.fn = durable, .arg = c}};
	arena_init(&c->arena);
	c->id = arena_dup(&c->arena, id);
	if (!m->no_account)
		json_put_str(c->result, "accountId", str_z(r->jmap->account));
}

enum jmap_step
jmap_call_run(struct jmap_call *c)
{
	enum jmap_step s;

	if (!c->runnable)
		return JMAP_WAIT;
	if (c->step == NULL)
		return JMAP_DONE;
	c->began_us = clock_us();
	s = c->step(c);
	if (s == JMAP_WAIT)
		c->runnable = c->woken;
	c->woken = false;
	return s == JMAP_WAIT && c->runnable ? JMAP_YIELD : s;
}

void
jmap_call_end(struct jmap_call *c)
{
	if (c->cleanup != NULL)
		c->cleanup(c);
	home_commit_cancel(c->home, &c->waiter);
	cJSON_Delete(c->args);
	cJSON_Delete(c->result);
	cJSON_Delete(c->error_more);
	arena_free(&c->arena);
	*c = (struct jmap_call){0};
}

cJSON *
jmap_call_result(struct jmap_call *c)
{
	cJSON *v = c->result;

	if (c->error == NULL) {
		c->result = NULL;
		return v;
	}
	v = c->error_more != NULL ? c->error_more : cJSON_CreateObject();
	c->error_more = NULL;
	json_put_str(v, "type", str_z(c->error));
	if (c->why.n > 0)
		json_put_str(v, "description", c->why);
	return v;
}

void
jmap_continue(struct jmap_call *c)
{
	c->woken = true;
	c->runnable = true;
	jmap_request_wake(c->request);
}

enum jmap_step
jmap_commit(struct jmap_call *c, jmap_step_fn step)
{
	c->step = step;
	home_commit(c->home, &c->waiter);
	return JMAP_WAIT;
}

bool
jmap_slice_over(const struct jmap_call *c)
{
	return clock_us() - c->began_us >= jmap_slice_us;
}

/* ---- errors ---- */

enum jmap_step
jmap_fail(struct jmap_call *c, const char *type, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (c->error == NULL) {
		c->error = type;
		c->why = arena_dup(&c->arena, str_z(text));
	}
	return JMAP_DONE;
}

enum jmap_step
jmap_fail_err(struct jmap_call *c, const struct err *e)
{
	log_warn("jmap.error", LS("sid", c->by->sid), LS("user", c->jmap->user),
	    LZ("method", c->method->name), LE(e));
	return jmap_fail(
	    c, err_is_temporary(e) ? "serverUnavailable" : "serverFail", "%s", e->text);
}

bool
jmap_failed(const struct jmap_call *c)
{
	return c->error != NULL;
}

void
jmap_fail_add(struct jmap_call *c, const char *name, cJSON *v)
{
	if (c->error_more == NULL)
		c->error_more = cJSON_CreateObject();
	json_put(c->error_more, name, v);
}

/* ---- arguments ---- */

/* invalidArguments; says which (RFC 8620 3.6.2 leaves the form of the description open). */
static int
invalid(struct jmap_call *c, const char *name, const char *why)
{
	cJSON *list = cJSON_CreateArray();

	json_add(list, json_new_str(str_z(name)));
	if (c->error == NULL)
		jmap_fail_add(c, "arguments", list);
	else
		cJSON_Delete(list);
	(void)jmap_fail(c, "invalidArguments", "%s: %s", name, why);
	return -1;
}

static bool
is_named(const char *names, struct str name)
{
	struct str all = str_z(names), one;
	bool more = all.n > 0;

	while (more) {
		more = str_cut(&all, ' ', &one);
		if (str_eq(one, name))
			return true;
	}
	return false;
}

int
jmap_args_only(struct jmap_call *c, const char *names)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, c->args)
	{
		struct str name = json_name(m);

		if (!is_named(names, name) &&
		    !(str_eq_z(name, "accountId") && !c->method->no_account))
			return invalid(c, m->string, "no argument of this method");
	}
	return 0;
}

int
jmap_arg_str(struct jmap_call *c, const char *name, struct str *out)
{
	const cJSON *v = json_member(c->args, name);

	*out = json_str(v);
	return v == NULL || cJSON_IsString(v) ? 0 : invalid(c, name, "no string");
}

int
jmap_arg_bool(struct jmap_call *c, const char *name, bool otherwise, bool *out)
{
	const cJSON *v = json_member(c->args, name);

	*out = v == NULL ? otherwise : cJSON_IsTrue(v);
	return v == NULL || cJSON_IsBool(v) ? 0 : invalid(c, name, "no boolean");
}

int
jmap_arg_uint(struct jmap_call *c, const char *name, uint64_t otherwise, uint64_t *out)
{
	const cJSON *v = json_member(c->args, name);
	int64_t n = 0;

	*out = otherwise;
	if (v == NULL)
		return 0;
	if (json_int(v, 0, JSON_INT_MAX, &n) < 0)
		return invalid(c, name, "no unsigned integer");
	*out = (uint64_t)n;
	return 0;
}

int
jmap_arg_int(struct jmap_call *c, const char *name, int64_t otherwise, int64_t *out)
{
	const cJSON *v = json_member(c->args, name);

	*out = otherwise;
	if (v == NULL || json_int(v, -JSON_INT_MAX, JSON_INT_MAX, out) == 0)
		return 0;
	return invalid(c, name, "no integer");
}

int
jmap_arg_array(struct jmap_call *c, const char *name, const cJSON **out)
{
	const cJSON *v = json_member(c->args, name);

	*out = v;
	return v == NULL || cJSON_IsArray(v) ? 0 : invalid(c, name, "no list");
}

int
jmap_arg_object(struct jmap_call *c, const char *name, const cJSON **out)
{
	const cJSON *v = json_member(c->args, name);

	*out = v;
	return v == NULL || cJSON_IsObject(v) ? 0 : invalid(c, name, "no object");
}

/* ---- ids ---- */

bool
jmap_id_valid(struct str s)
{
	if (s.n < 1 || s.n > 255)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}
