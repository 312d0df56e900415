/*
 * conn.c - see conn.h: the exchanges of a pipe.
 *
 * Owner: owner.c of mailboxd, which frees it only by jmap_conn_free(); one that ends by itself
 * tells by host->closed(). Errors: what the client did wrong is answered as HTTP would; what
 * gk-webd may not say ends the pipe.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/agent.h"
#include "mailboxd/jmap/conn_in.h"

#define MADE_MAX (JMAP_MAX_ANSWER + (64u << 10)) /* an answer, and what is put around it */

/* ---- the end ---- */

void
jmap_conn_free(struct jmap_conn **cp)
{
	struct jmap_conn *c = *cp;

	if (c == NULL)
		return;
	OBJ(c, JMAP_CONN_MAGIC);
	*cp = NULL;
	jmap_push_off(c);
	jmap_request_free(&c->request);
	free(c->request_id);
	jmap_upload_free(&c->upload);
	jmap_blob_close(&c->blob);
	loop_defer_cancel(&c->turn);
	frames_free(&c->frames);
	buf_free(&c->body);
	buf_free(&c->made);
	arena_free(&c->arena);
	c->magic = 0;
	free(c);
}

void
jmap_conn_end(struct jmap_conn *c, const char *why)
{
	const struct jmap_conn_host *host = c->host;
	uint64_t id = c->id;

	log_debug("jmap.close", LS("sid", c->from.sid), LS("user", c->user), LZ("why", why),
	    LU("exchanges", c->exchanges));
	jmap_conn_free(&c);
	host->closed(host->arg, id);
}

/* With nothing under way. */
static void
turn_due(void *arg)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	if (c->state != CONN_IDLE)
		return;
	if (c->ending) {
		frames_finish(c->frames);
	} else if (c->resting && !c->stale) {
		c->resting = false;
		jmap_push_off(c);
		frames_put(c->frames, PIPE_LEFT, STR_NONE);
	}
}

/* Behind the changes that are known, which are told at the end of the turn too. */
void
jmap_conn_rest(struct jmap_conn *c)
{
	OBJ(c, JMAP_CONN_MAGIC);
	c->resting = true;
	loop_defer(&c->turn);
}

void
jmap_conn_bye(struct jmap_conn *c)
{
	OBJ(c, JMAP_CONN_MAGIC);
	c->ending = true;
	if (c->state == CONN_BODY)
		c->state = CONN_IDLE; /* nothing of it is done, nor will be */
	jmap_upload_free(&c->upload);
	frames_pause(c->frames);
	loop_defer(&c->turn);
}

/* ---- answers ---- */

void
jmap_conn_over(struct jmap_conn *c)
{
	jmap_request_free(&c->request);
	free(c->request_id);
	c->request_id = NULL;
	jmap_blob_close(&c->blob);
	c->blob = (struct jmap_blob){0};
	buf_reset(&c->body);
	buf_shrink(&c->body);
	buf_reset(&c->made);
	buf_shrink(&c->made);
	c->exchanges++;
	c->state = CONN_IDLE;
	if (c->kind == PIPE_TEXT)
		frames_put(c->frames, PIPE_DONE, STR_NONE);
	jmap_push_on(c);
	if (c->ending || c->resting)
		loop_defer(&c->turn);
	if (!c->ending)
		frames_resume(c->frames);
}

/* As much as the other end takes now. */
static void
write_on(struct jmap_conn *c)
{
	while (c->answer.n > 0 && !frames_blocked(c->frames)) {
		struct str piece = str_sub(c->answer, 0, FRAMES_MAX);

		frames_put(c->frames, PIPE_DATA, piece);
		c->answer = str_from(c->answer, piece.n);
	}
	if (c->answer.n > 0)
		return;
	frames_put(c->frames, PIPE_END, STR_NONE);
	jmap_conn_over(c);
}

void
jmap_conn_answer(struct jmap_conn *c, const struct pipe_head *head, struct str body)
{
	pipe_put_head(c->frames, head);
	c->state = CONN_ANSWERS;
	c->answer = body;
	write_on(c);
}

void
jmap_conn_say(struct jmap_conn *c, struct str text)
{
	frames_put(c->frames, PIPE_TEXT, STR_NONE);
	c->state = CONN_ANSWERS;
	c->answer = text;
	write_on(c);
}

/* ---- exchanges ---- */

static void
answer_json(struct jmap_conn *c, unsigned status, struct str json)
{
	/* RFC 8620 3.6.1: errors are problem details. */
	const struct pipe_head head = {.status = status,
	    .length = json.n,
	    .type = status == 200 ? STR("application/json") : STR("application/problem+json")};

	jmap_conn_answer(c, &head, json);
}

static void
called(void *arg, unsigned status, struct str json)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	answer_json(c, status, json);
}

static void
call(struct jmap_conn *c)
{
	if (c->body.over) {
		jmap_problem(&c->made, "limit", 400, "maxSizeRequest", NULL);
		answer_json(c, 400, buf_view(&c->made));
		return;
	}
	c->request = jmap_request_new(c->jmap, &c->from, buf_view(&c->body), called, c);
	buf_reset(&c->body);
	buf_shrink(&c->body);
}

/* The whole of what is asked is there. */
static void
run(struct jmap_conn *c)
{
	c->state = CONN_RUNS;
	frames_pause(c->frames);
	if (c->kind == PIPE_TEXT)
		jmap_text(c);
	else if (c->kind == PIPE_UPLOAD)
		jmap_conn_upload_end(c);
	else
		call(c);
}

static void
session(struct jmap_conn *c, struct str base)
{
	jmap_session_object(c->jmap, base, &c->made);
	answer_json(c, 200, buf_view(&c->made));
}

/* Octets of mail are read by who may read mail; an agent brings none of its own. */
static bool
may(const struct jmap_conn *c, unsigned kind)
{
	const struct jmap_agent *g = c->from.agent;

	if (g == NULL || kind == PIPE_CALL || kind == PIPE_SESSION)
		return true;
	return kind != PIPE_UPLOAD && (g->scopes & AGENT_READ) != 0;
}

/* -1: not now, or not so. */
static int
begin(struct jmap_conn *c, unsigned kind, struct str octets)
{
	struct str v[PIPE_FIELDS_MAX];

	if (pipe_parse(kind, octets, v) < 0)
		return -1;
	c->kind = (enum pipe_kind)kind;
	if (!may(c, kind))
		return -1;
	if (kind == PIPE_CALL || kind == PIPE_TEXT) {
		c->state = CONN_BODY;
		return 0;
	}
	if (kind == PIPE_UPLOAD) {
		jmap_conn_upload(c, v[0], v[1]);
		return 0;
	}
	if (kind == PIPE_PUSH)
		return jmap_push(c, v[0], v[1]);
	if (kind != PIPE_SESSION && kind != PIPE_DOWNLOAD)
		return -1;
	c->state = CONN_RUNS;
	frames_pause(c->frames);
	if (kind == PIPE_SESSION)
		session(c, v[0]);
	else
		jmap_conn_download(c, v);
	return 0;
}

static int
take(struct jmap_conn *c, unsigned kind, struct str octets)
{
	if (c->state == CONN_IDLE)
		return begin(c, kind, octets);
	if (c->state != CONN_BODY)
		return -1;
	if (kind == PIPE_DATA && c->kind == PIPE_UPLOAD)
		jmap_conn_upload_data(c, octets);
	else if (kind == PIPE_DATA)
		(void)buf_str(&c->body, octets);
	else if (kind == PIPE_END && octets.n == 0)
		run(c);
	else
		return -1;
	return 0;
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	if (take(c, kind, octets) == 0)
		return;
	log_error("jmap.pipe", LS("user", c->user), LZ("kind", pipe_kind_name(kind)),
	    LU("octets", octets.n), LU("state", c->state));
	jmap_conn_end(c, "a frame out of order");
}

static void
on_drained(void *arg)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	if (c->state == CONN_ANSWERS)
		write_on(c);
	else
		jmap_push_on(c);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct jmap_conn *c = arg;

	OBJ(c, JMAP_CONN_MAGIC);
	jmap_conn_end(c, e->text);
}

struct jmap_conn *
jmap_conn_new(const struct jmap_conn_host *host, const struct jmap_conn_args *a)
{
	static const struct frames_events events = {
	    .frame = on_frame, .drained = on_drained, .closed = on_closed};
	struct jmap_conn *c = mem_alloc(sizeof *c);

	c->magic = JMAP_CONN_MAGIC;
	c->host = host;
	c->jmap = host->jmap;
	c->id = a->conn;
	arena_init(&c->arena);
	c->from.sid = arena_dup(&c->arena, a->sid);
	c->from.peer = arena_dup(&c->arena, a->peer);
	c->user = arena_dup(&c->arena, a->user);
	if (a->agent != NULL) {
		struct jmap_agent *g = arena_new(&c->arena, struct jmap_agent);

		*g = *a->agent;
		g->name = arena_dup(&c->arena, g->name);
		g->session = arena_dup(&c->arena, g->session);
		c->from.agent = g;
	}
	buf_init(&c->body, JMAP_MAX_REQUEST);
	buf_init(&c->made, MADE_MAX);
	loop_defer_init(&c->turn, turn_due, c);
	c->frames = frames_new(a->fd, &events, c);
	log_debug(
	    "jmap.open", LS("sid", c->from.sid), LS("user", c->user), LS("peer", c->from.peer));
	return c;
}
