/*
 * conn_text.c - JMAP over WebSocket (RFC 8887) and telling of changes, in the owner.
 *
 * gk-webd has the frames of the WebSocket; here are its messages. A Request is run as one that came
 * by HTTP is; what it answers says @type and whose answer it is.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/jmap/conn_in.h"

#define TYPES_MAX 1024u /* octets of their names */

/* ---- telling ---- */

static void
put_state(struct jmap_conn *c, struct str types)
{
	const struct str fields[] = {types, str_z(c->push)};

	(void)pipe_put(c->frames, PIPE_STATE, fields, 2);
}

static void
keep_push(struct jmap_conn *c, struct str push)
{
	(void)snprintf(c->push, sizeof c->push, STR_FMT, STR_ARG(push));
}

/* RFC 8887 4.3.5: what is said to a WebSocket has the pushState too. An event has it as its id. */
static void
on_changed(void *arg, struct str text, struct str push)
{
	struct jmap_conn *c = arg;
	struct buf b;

	OBJ(c, JMAP_CONN_MAGIC);
	/* In the middle of an answer, or for who reads slowly: later, and then the latest. */
	if (c->stale || c->state == CONN_ANSWERS || frames_blocked(c->frames)) {
		c->stale = true;
		return;
	}
	assume(text.n > 2 && text.p[text.n - 1] == '}');
	buf_init(&b, text.n + push.n + 64);
	buf_str(&b, str_sub(text, 0, text.n - 1));
	buf_puts(&b, ",\"pushState\":");
	json_print_str(push, &b);
	buf_putc(&b, '}');
	keep_push(c, push);
	frames_put(c->frames, PIPE_TEXT, STR_NONE);
	frames_cut(c->frames, PIPE_DATA, buf_view(&b));
	frames_put(c->frames, PIPE_END, STR_NONE);
	put_state(c, c->types);
	buf_free(&b);
}

static void
watch(struct jmap_conn *c, struct str since)
{
	c->watch.changed = on_changed;
	c->watch.arg = c;
	jmap_watch(c->jmap, &c->watch, since);
	c->pushing = true;
	c->stale = false;
}

void
jmap_push_off(struct jmap_conn *c)
{
	if (c->pushing)
		jmap_unwatch(c->jmap, &c->watch);
	c->pushing = c->stale = false;
	free((char *)c->types.p);
	c->types = STR_NONE;
}

void
jmap_push_on(struct jmap_conn *c)
{
	if (!c->stale || c->state == CONN_ANSWERS || frames_blocked(c->frames))
		return;
	jmap_unwatch(c->jmap, &c->watch);
	watch(c, str_z(c->push));
	if (c->resting)
		loop_defer(&c->turn);
}

/* From now on, of these types, what is new since then. */
static void
push(struct jmap_conn *c, uint32_t bits, struct str types, struct str since)
{
	jmap_push_off(c);
	c->types = str_of(mem_dup(types.p, types.n), types.n);
	c->watch.types = bits;
	if (since.n > 0 && since.n < sizeof c->push)
		keep_push(c, since);
	else
		keep_push(c, str_z(jmap_push_state(c->jmap, bits).text));
	watch(c, since);
	put_state(c, c->types);
}

int
jmap_push(struct jmap_conn *c, struct str types, struct str since)
{
	struct str rest = types, name;
	uint32_t bits = 0;
	bool more = true;

	if (types.n > TYPES_MAX)
		return -1;
	while (more) {
		enum jmap_type t;

		more = str_cut(&rest, ',', &name);
		if (str_eq_z(name, "*"))
			bits = (1u << JMAP_TYPES) - 1;
		else if ((t = jmap_type_by_name(name)) != JMAP_TYPES)
			bits |= 1u << t;
	}
	push(c, bits, types, since);
	return 0;
}

/* ---- messages ---- */

/* RFC 8887 4.3.3: a problem as a RequestError says so, and whose. */
static void
say_error(struct jmap_conn *c, struct str problem)
{
	assume(problem.n > 2 && problem.p[0] == '{');
	buf_puts(&c->made, "{\"@type\":\"RequestError\",\"requestId\":");
	if (c->request_id != NULL)
		json_print_str(str_z(c->request_id), &c->made);
	else
		buf_puts(&c->made, "null");
	buf_putc(&c->made, ',');
	buf_str(&c->made, str_from(problem, 1));
	jmap_conn_say(c, buf_view(&c->made));
}

static void
refuse(struct jmap_conn *c, const char *type, const char *limit, const char *detail)
{
	struct buf problem;

	buf_init(&problem, 8192);
	jmap_problem(&problem, type, 400, limit, detail);
	say_error(c, buf_view(&problem));
	buf_free(&problem);
}

static void
answered(void *arg, unsigned status, struct str json)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	if (status == 200)
		jmap_conn_say(c, json);
	else
		say_error(c, json);
}

/* RFC 8887 4.3.5.2: dataTypes null is all of them. */
static void
enable(struct jmap_conn *c, const cJSON *message)
{
	const cJSON *v = json_member(message, "dataTypes"), *m;
	struct str since = json_str(json_member(message, "pushState"));
	struct buf types;
	uint32_t bits = 0;

	if (v != NULL && !cJSON_IsArray(v)) {
		refuse(c, "notRequest", NULL, "dataTypes is no list");
		return;
	}
	buf_init(&types, TYPES_MAX);
	if (v == NULL) {
		bits = (1u << JMAP_TYPES) - 1;
		buf_putc(&types, '*');
	}
	cJSON_ArrayForEach(m, v)
	{
		enum jmap_type t = jmap_type_by_name(json_str(m));

		if (t == JMAP_TYPES || (bits & 1u << t))
			continue;
		bits |= 1u << t;
		buf_puts(&types, types.n > 0 ? "," : "");
		buf_puts(&types, jmap_type_name(t));
	}
	push(c, bits, buf_view(&types), since);
	buf_free(&types);
	jmap_conn_over(c);
}

static void
disable(struct jmap_conn *c)
{
	jmap_push_off(c);
	put_state(c, STR_NONE);
	jmap_conn_over(c);
}

void
jmap_text(struct jmap_conn *c)
{
	struct jmap_from from = c->from;
	struct err e = {0};
	struct str type, id;
	cJSON *message;

	if (c->body.over) {
		refuse(c, "limit", "maxSizeRequest", NULL);
		return;
	}
	message = json_parse(buf_view(&c->body), JSON_VALUES_MAX, &e);
	buf_reset(&c->body);
	buf_shrink(&c->body);
	type = json_str(json_get(message, "@type"));
	id = json_str(json_get(message, "id"));
	if (id.p != NULL)
		c->request_id = mem_dup(id.p, id.n);
	if (message == NULL && e.code == E_LIMIT) {
		refuse(c, "limit", "maxSizeRequest", e.text);
	} else if (message == NULL) {
		refuse(c, "notJSON", NULL, e.text);
	} else if (str_eq_z(type, "Request")) {
		from.websocket = true;
		c->request = jmap_request_new_tree(c->jmap, &from, message, answered, c);
		return;
	} else if (str_eq_z(type, "WebSocketPushEnable")) {
		enable(c, message);
	} else if (str_eq_z(type, "WebSocketPushDisable")) {
		disable(c);
	} else {
		refuse(c, "notRequest", NULL, "no message of RFC 8887");
	}
	cJSON_Delete(message);
}
