/*
 * reply.c - a model's answer as it comes. See reply.h.
 *
 * Owner: who made the reply. Errors: E_PROTO for what makes no sense, E_LIMIT for what is too much,
 * E_TEMP for what the provider says itself.
 */
#include "aid/model/reply.h"

#include <stdlib.h>

#include "base/mem.h"

#define ERROR_MAX 200u

void
reply_init(struct reply *r, const struct reply_kind *kind)
{
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	buf_init(&r->text, REPLY_TEXT_MAX);
	buf_init(&r->line, REPLY_LINE_MAX);
	buf_init(&r->event, REPLY_LINE_MAX);
}

void
reply_free(struct reply *r)
{
	buf_free(&r->text);
	buf_free(&r->line);
	buf_free(&r->event);
	for (size_t i = 0; i < r->ncalls; i++) {
		buf_free(&r->calls[i].text);
		cJSON_Delete(r->calls[i].args);
	}
	r->ncalls = 0;
}

/* ---- lines ---- */

static void
take_line(struct reply *r)
{
	struct str line = buf_view(&r->line);

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (r->kind->line(r, line, &r->error) < 0)
		r->state = REPLY_BAD;
	buf_reset(&r->line);
}

enum reply_state
reply_put(struct reply *r, struct str octets)
{
	while (octets.n > 0 && r->state == REPLY_MORE) {
		size_t at = str_chr(octets, '\n');

		if (buf_put(&r->line, octets.p, at) < 0) {
			err_set(&r->error, E_LIMIT, "a line of over %u octets", REPLY_LINE_MAX);
			r->state = REPLY_BAD;
			break;
		}
		if (at < octets.n) {
			take_line(r);
			at++;
		}
		octets = str_from(octets, at);
	}
	return r->state;
}

/* The arguments that came as a string are whole now. */
static void
read_args(struct reply_call *c)
{
	if (c->args == NULL && c->text.n > 0 && !c->text.over)
		c->args = json_parse(buf_view(&c->text), 10000, NULL);
	/* A call without arguments: some say "", some nothing. */
	if (c->args == NULL && c->text.n == 0 && !c->text.over)
		c->args = cJSON_CreateObject();
	if (!cJSON_IsObject(c->args)) {
		cJSON_Delete(c->args);
		c->args = NULL;
	}
}

enum reply_state
reply_end(struct reply *r)
{
	if (r->state == REPLY_MORE && r->line.n > 0)
		take_line(r); /* the last line's end is missing */
	if (r->state == REPLY_MORE && r->ended)
		r->state = REPLY_DONE;
	if (r->state == REPLY_MORE) {
		err_set(&r->error, E_PROTO, "the answer ended too early");
		r->state = REPLY_BAD;
	}
	for (size_t i = 0; i < r->ncalls; i++)
		read_args(&r->calls[i]);
	return r->state;
}

/* ---- for the kinds ---- */

int
reply_say(struct reply *r, struct str text, struct err *e)
{
	if (text.n == 0)
		return 0;
	if (buf_str(&r->text, text) < 0)
		return err_set(e, E_LIMIT, "an answer of over %u octets", REPLY_TEXT_MAX);
	if (r->say != NULL)
		r->say(r->arg, text);
	return 0;
}

static void
copy_name(struct str s, char out[REPLY_NAME_MAX + 1])
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && memchr("_-.:", s.p[i], 4) == NULL)
			return;
	(void)str_cz(s, out, REPLY_NAME_MAX + 1);
}

struct reply_call *
reply_add_call(struct reply *r, struct str id, struct str name)
{
	struct reply_call *c;

	if (r->ncalls == REPLY_CALLS_MAX)
		return NULL;
	c = &r->calls[r->ncalls++];
	memset(c, 0, sizeof(*c));
	buf_init(&c->text, REPLY_ARGS_MAX);
	copy_name(id, c->id);
	copy_name(name, c->name);
	return c;
}

void
reply_set_args(struct reply_call *c, const cJSON *v)
{
	if (cJSON_IsString(v)) {
		(void)buf_str(&c->text, json_str(v));
	} else if (cJSON_IsObject(v)) {
		cJSON_Delete(c->args);
		c->args = cJSON_Duplicate(v, true);
	} else if (v != NULL && !cJSON_IsNull(v)) {
		(void)buf_putc(&c->text, '!'); /* no arguments, and not none either */
	}
}

int
reply_told_error(const cJSON *error, struct err *e)
{
	struct str s = json_str(error);
	char text[ERROR_MAX + 1];
	size_t n = 0;

	if (s.n == 0)
		s = json_str(json_get(error, "message"));
	for (; n < s.n && n < ERROR_MAX; n++)
		text[n] = is_cntl(s.p[n]) || (unsigned char)s.p[n] > 126 ? '?' : s.p[n];
	text[n] = '\0';
	return err_set(e, E_TEMP, "the provider says: %s", n > 0 ? text : "an error");
}
