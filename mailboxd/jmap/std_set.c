/*
 * std_set.c - see jmap.h: /set (RFC 8620 5.3).
 *
 * First what is made, then what is changed, then what goes; within each, an object that needs
 * another one of the same call waits for it behind the others. The answer is given when all of it
 * is durable (INVARIANTS 4).
 */
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/agent_session.h"
#include "mailboxd/jmap/request.h"

#define KINDS 3u

TAILQ_HEAD(items, jmap_item);

struct set_run {
	struct jmap_item *all;
	size_t n;
	struct items left[KINDS]; /* by enum jmap_what */
	size_t idle;              /* items in a row that had to wait for others */
	struct jmap_state before;
};

/* ---- errors of one object ---- */

enum jmap_step
jmap_item_fail(struct jmap_item *it, const char *type, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (it->error != NULL)
		return JMAP_DONE;
	it->error = cJSON_CreateObject();
	json_put_str(it->error, "type", str_z(type));
	if (text[0] != '\0')
		json_put_str(it->error, "description", str_z(text));
	return JMAP_DONE;
}

enum jmap_step
jmap_item_invalid(struct jmap_item *it, const char *property, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	cJSON *list;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (it->error == NULL)
		(void)jmap_item_fail(it, "invalidProperties", "%s: %s", property, text);
	list = (cJSON *)json_get(it->error, "properties");
	if (list == NULL)
		json_put(it->error, "properties", list = cJSON_CreateArray());
	json_add(list, json_new_str(str_z(property)));
	return JMAP_DONE;
}

/* RFC 8620 5.3, 3.6.2. A full disk is no limit of the user's: later it may work. */
static const char *
set_error(enum err_code code)
{
	switch (code) {
	case E_QUOTA:
		return "overQuota";
	case E_NOSPACE:
		return "serverUnavailable";
	case E_NOTFOUND:
		return "notFound";
	case E_DENIED:
		return "forbidden";
	case E_LIMIT:
		return "tooLarge";
	case E_INVAL:
	case E_EXISTS:
		return "invalidProperties";
	case E_OK:
	case E_TEMP:
	case E_PERM:
	case E_PROTO:
	case E_IO:
	case E_TIMEOUT:
	case E_CLOSED:
	case E_INTERNAL:
		break;
	}
	return "serverFail";
}

enum jmap_step
jmap_item_err(struct jmap_call *c, struct jmap_item *it, const struct err *e)
{
	const char *type = set_error(e->code);

	if (strcmp(type, "serverFail") == 0)
		log_warn("jmap.error", LS("sid", c->by->sid), LS("user", c->jmap->user),
		    LZ("method", c->method->name), LE(e));
	return jmap_item_fail(it, type, "%s", e->text);
}

void
jmap_item_add(struct jmap_item *it, const char *name, cJSON *v)
{
	if (it->error != NULL)
		json_put(it->error, name, v);
	else
		cJSON_Delete(v);
}

bool
jmap_item_failed(const struct jmap_item *it)
{
	return it->error != NULL;
}

/* ---- reading ---- */

static struct jmap_item *
add_item(struct jmap_call *c, enum jmap_what what, struct str key, const cJSON *given)
{
	struct set_run *s = c->op;
	struct jmap_item *it = &s->all[s->n++];

	*it = (struct jmap_item){
	    .what = what, .key = key, .given = given, .out = cJSON_CreateObject()};
	if (what != JMAP_CREATE)
		it->id = c->method->object->parse(jmap_real_id(c, key));
	TAILQ_INSERT_TAIL(&s->left[what], it, link);
	return it;
}

struct jmap_item *
jmap_set_item(struct jmap_call *c, enum jmap_what what, struct str id)
{
	struct set_run *s = c->op;
	struct str key = what == JMAP_CREATE ? str_from(id, 1) : jmap_real_id(c, id);

	if (what == JMAP_CREATE && !str_starts(id, STR("#")))
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i].what == what &&
		    (str_eq(s->all[i].key, key) ||
			(what != JMAP_CREATE && s->all[i].id != 0 &&
			    s->all[i].id == c->method->object->parse(key))))
			return &s->all[i];
	return NULL;
}

static int
read_map(struct jmap_call *c, enum jmap_what what, const cJSON *v)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, v)
	{
		struct str key = json_name(m);

		if (!cJSON_IsObject(m) ||
		    !jmap_id_valid(
			what == JMAP_UPDATE && key.p[0] == '#' ? str_from(key, 1) : key)) {
			(void)jmap_fail(c, "invalidArguments", "%s: no map of ids to objects",
			    what == JMAP_CREATE ? "create" : "update");
			return -1;
		}
		(void)add_item(c, what, key, m);
	}
	return 0;
}

static int
read_destroy(struct jmap_call *c, const cJSON *v)
{
	struct jmap_item *update;
	const cJSON *m;

	cJSON_ArrayForEach(m, v)
	{
		struct str key = json_str(m);

		if (key.p == NULL || !jmap_id_valid(key.p[0] == '#' ? str_from(key, 1) : key)) {
			(void)jmap_fail(c, "invalidArguments", "destroy: no list of ids");
			return -1;
		}
		if (jmap_set_item(c, JMAP_DESTROY, key) != NULL)
			continue;
		(void)add_item(c, JMAP_DESTROY, key, NULL);
		if ((update = jmap_set_item(c, JMAP_UPDATE, key)) != NULL)
			(void)jmap_item_fail(update, "willDestroy", "it is destroyed by this call");
	}
	return 0;
}

static int
read_args(struct jmap_call *c)
{
	const struct jmap_object *o = c->method->object;
	struct str names = arena_printf(&c->arena, "create update destroy %s %s",
	    o->stateless ? "" : "ifInState", o->set_args ? o->set_args : "");
	const cJSON *create, *update, *destroy;
	struct set_run *s = c->op;
	struct str if_in;
	size_t n;

	if (jmap_args_only(c, names.p) < 0 || jmap_arg_str(c, "ifInState", &if_in) < 0 ||
	    jmap_arg_object(c, "create", &create) < 0 ||
	    jmap_arg_object(c, "update", &update) < 0 || jmap_arg_array(c, "destroy", &destroy) < 0)
		return -1;
	n = (size_t)cJSON_GetArraySize(create) + (size_t)cJSON_GetArraySize(update) +
	    (size_t)cJSON_GetArraySize(destroy);
	if (n > JMAP_MAX_SET) {
		(void)jmap_fail(c, "requestTooLarge", "more than %u objects", JMAP_MAX_SET);
		return -1;
	}
	if (if_in.p != NULL && !str_eq_z(if_in, s->before.text)) {
		(void)jmap_fail(c, "stateMismatch", "the state is %s", s->before.text);
		return -1;
	}
	s->all = arena_array(&c->arena, n + 1, sizeof *s->all);
	if (read_map(c, JMAP_CREATE, create) < 0 || read_map(c, JMAP_UPDATE, update) < 0)
		return -1;
	return read_destroy(c, destroy);
}

/* ---- the answer ---- */

static void
put_item(struct jmap_call *c, cJSON *maps[2], struct jmap_item *it)
{
	char text[JMAP_ID_SIZE] = "";
	cJSON *out = it->out;

	if (it->error != NULL) {
		json_put_named(maps[1], it->key, it->error);
		it->error = NULL;
	} else if (it->what == JMAP_DESTROY) {
		/* The id, also where it was named by its creation id. */
		json_add(maps[0], json_new_str(str_z(c->method->object->text(it->id, text))));
	} else {
		it->out = NULL;
		if (it->what == JMAP_UPDATE && out->child == NULL) {
			cJSON_Delete(out);
			out = cJSON_CreateNull();
		}
		json_put_named(maps[0],
		    it->what == JMAP_UPDATE ? str_z(c->method->object->text(it->id, text))
					    : it->key,
		    out);
	}
}

/* Empty ones are null. */
static void
put_map(cJSON *result, const char *name, cJSON *map)
{
	if (map->child == NULL) {
		cJSON_Delete(map);
		map = cJSON_CreateNull();
	}
	json_put(result, name, map);
}

static enum jmap_step
answer(struct jmap_call *c)
{
	static const char *const names[KINDS][2] = {
	    {"created", "notCreated"}, {"updated", "notUpdated"}, {"destroyed", "notDestroyed"}};
	const struct jmap_object *o = c->method->object;
	struct set_run *s = c->op;
	cJSON *maps[KINDS][2];

	if (o->set_end != NULL)
		o->set_end(c);
	if (!o->stateless) {
		json_put_str(c->result, "oldState", str_z(s->before.text));
		json_put_str(c->result, "newState", str_z(jmap_state(c->jmap, o->type).text));
	}
	for (unsigned i = 0; i < KINDS; i++) {
		maps[i][0] = i == JMAP_DESTROY ? cJSON_CreateArray() : cJSON_CreateObject();
		maps[i][1] = cJSON_CreateObject();
	}
	for (size_t i = 0; i < s->n; i++)
		put_item(c, maps[s->all[i].what], &s->all[i]);
	for (unsigned i = 0; i < KINDS; i++) {
		put_map(c->result, names[i][0], maps[i][0]);
		put_map(c->result, names[i][1], maps[i][1]);
	}
	return JMAP_DONE;
}

/* ---- running ---- */

static enum jmap_step
run_item(struct jmap_call *c, struct jmap_item *it)
{
	const struct jmap_object *o = c->method->object;
	/* cppcheck-suppress uninitvar */
	enum jmap_step (*fn[KINDS])(struct jmap_call *, struct jmap_item *) = {
	    o->create, o->update, o->destroy};

	if (it->error != NULL)
		return JMAP_DONE;
	if (it->what != JMAP_CREATE && it->id == 0)
		return jmap_item_fail(it, "notFound", "no such object");
	if (c->request->agent != NULL && it->op == NULL) {
		struct err e;

		if (jmap_agent_item(c, it) < 0)
			return JMAP_DONE;
		if (agent_session_begin(c, &e) < 0)
			return jmap_item_err(c, it, &e);
	}
	if (fn[it->what] == NULL)
		return jmap_item_fail(it,
		    o->is_singleton && it->what != JMAP_UPDATE ? "singleton" : "forbidden",
		    "not for this type");
	return fn[it->what](c, it);
}

static void
item_done(struct jmap_call *c, struct jmap_item *it)
{
	char text[JMAP_ID_SIZE];

	if (it->error != NULL || it->what != JMAP_CREATE)
		return;
	(void)c->method->object->text(it->id, text);
	json_put_str(it->out, "id", str_z(text));
	jmap_created(c, it->key, str_z(text));
}

static enum jmap_step
run_items(struct jmap_call *c)
{
	struct set_run *s = c->op;
	struct jmap_item *it;
	enum jmap_step step;
	unsigned kind = 0;
	size_t left, ran = 0;

	while (kind < KINDS) {
		if ((it = TAILQ_FIRST(&s->left[kind])) == NULL) {
			kind++;
			s->idle = 0;
			continue;
		}
		if (ran++ > 0 && jmap_slice_over(c))
			return JMAP_YIELD;
		step = run_item(c, it);
		if (step == JMAP_YIELD || step == JMAP_WAIT)
			return step;
		TAILQ_REMOVE(&s->left[kind], it, link);
		if (step == JMAP_DONE) {
			item_done(c, it);
			s->idle = 0;
			continue;
		}
		assume(!it->last);
		TAILQ_INSERT_TAIL(&s->left[kind], it, link);
		left = 0;
		TAILQ_FOREACH (it, &s->left[kind], link)
			left++;
		if (++s->idle >= left)
			TAILQ_FIRST(&s->left[kind])->last = true;
	}
	return jmap_commit(c, answer);
}

static void
cleanup(struct jmap_call *c)
{
	struct set_run *s = c->op;

	for (size_t i = 0; i < s->n; i++) {
		cJSON_Delete(s->all[i].out);
		cJSON_Delete(s->all[i].error);
	}
}

enum jmap_step
jmap_set(struct jmap_call *c)
{
	const struct jmap_object *o = c->method->object;
	struct set_run *s = arena_new(&c->arena, struct set_run);

	for (unsigned i = 0; i < KINDS; i++)
		TAILQ_INIT(&s->left[i]);
	s->before = jmap_state(c->jmap, o->type);
	c->op = s;
	c->cleanup = cleanup;
	if (read_args(c) < 0 || (o->set_begin != NULL && o->set_begin(c) < 0))
		return JMAP_DONE;
	c->step = run_items;
	return run_items(c);
}
