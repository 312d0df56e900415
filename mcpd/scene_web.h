/*
 * scene_web.h - scene.h with gk-webd at one more end: exchanges of HTTP as it hands them over, each
 * with what came back, held to the order of frames.
 */
#pragma once

#include <stdio.h>

#include "mcpd/scene.h"

#define WEB_EXCHANGES 16u

struct web_exchange {
	struct frames *frames;
	bool waits;   /* for an answer to MCP_EXCHANGE */
	bool refused; /* by it */
	bool headed, ended, closed;
	struct pipe_head head;
	char type[64], session[SESSION_ID + 1];
	struct buf body;
};

static struct {
	struct ipc_chan *webd, *from_webd;
	struct web_exchange x[WEB_EXCHANGES];
} web;

static void
web_frame(void *arg, unsigned kind, struct str octets)
{
	struct web_exchange *x = arg;

	assume(!x->ended);
	if (kind == PIPE_HEAD) {
		assume(!x->headed && pipe_parse_head(octets, &x->head) == 0);
		assume(str_cz(x->head.type, x->type, sizeof(x->type)) == 0);
		assume(str_cz(x->head.name, x->session, sizeof(x->session)) == 0);
		x->headed = true;
	} else if (kind == PIPE_DATA) {
		assume(x->headed && octets.n > 0);
		assume(buf_str(&x->body, octets) == 0);
	} else {
		assume(kind == PIPE_END && x->headed);
		assume(x->head.length == PIPE_NO_LENGTH || x->head.length == x->body.n);
		x->ended = true;
	}
}

static void
web_closed(void *arg, const struct err *e)
{
	struct web_exchange *x = arg;

	assume(e->code == E_CLOSED);
	x->closed = true;
	frames_free(&x->frames);
}

static void
web_answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct web_exchange *x = arg;

	(void)e;
	x->waits = false;
	x->refused = m == NULL;
	if (m != NULL)
		assume(ipc_end(m) == 0);
}

static void
web_forget(struct web_exchange *x)
{
	frames_free(&x->frames);
	buf_free(&x->body);
}

static void
web_open(struct web_exchange *x)
{
	static const struct frames_events events = {.frame = web_frame, .closed = web_closed};
	struct ipc_out m;
	int fd[2];

	web_forget(x);
	*x = (struct web_exchange){.waits = true};
	buf_init(&x->body, 64u << 20);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	x->frames = frames_new(fd[0], &events, x);
	ipc_begin(&m, MSG_MCP_EXCHANGE);
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_z(&m, "https://a.test");
	ipc_put_fd(&m, fd[1]);
	(void)ipc_call(web.webd, &m, web_answered, x);
}

/* The head of a request: fields as of enum pipe_mcp, NULL: the client sent none. */
static void
web_head(struct web_exchange *x, const char *const fields[PIPE_MCP_FIELDS])
{
	struct str v[PIPE_MCP_FIELDS];

	for (size_t i = 0; i < PIPE_MCP_FIELDS; i++)
		v[i] = str_z(fields[i] != NULL ? fields[i] : "");
	if (x->frames != NULL)
		assume(pipe_put(x->frames, PIPE_MCP, v, PIPE_MCP_FIELDS) == 0);
}

static void
web_body(struct web_exchange *x, struct str octets)
{
	if (x->frames != NULL)
		frames_cut(x->frames, PIPE_DATA, octets);
}

static void
web_say(struct web_exchange *x, unsigned kind)
{
	if (x->frames != NULL)
		frames_put(x->frames, kind, STR(""));
}

/* ---- waiting ---- */

static inline void
turns(void)
{
	for (int i = 0; i < 10; i++)
		loop_once(1);
}

static inline void
until(const bool *what)
{
	for (int i = 0; i < 1000 && !*what; i++)
		loop_once(2);
	assume(*what);
}

static inline bool
said(const struct web_exchange *x, const char *what)
{
	return x->body.n > 0 && strstr(x->body.p, what) != NULL;
}

static inline void
hear(struct web_exchange *x, const char *what)
{
	for (int i = 0; i < 1000 && !said(x, what); i++)
		loop_once(2);
	if (!said(x, what))
		fprintf(stderr, "\"%s\" was not said, but \"%s\"\n", what,
		    x->body.n > 0 ? x->body.p : "");
	assume(said(x, what));
}

static int
web_up(void **state)
{
	memset(&web, 0, sizeof(web));
	return scene_up(state) < 0 || chan_pair(&web.from_webd, PEER_WEBD, mcpd_message, &web.webd,
					  aid_message) < 0
		   ? -1
		   : 0;
}

static int
web_down(void **state)
{
	for (size_t i = 0; i < WEB_EXCHANGES; i++)
		web_forget(&web.x[i]);
	for (int i = 0; i < 5; i++)
		loop_once(0);
	/* A request in a session goes on for who has left; a session for who may come again. */
	for (int i = 0; i < 400 && mcp_exchange_count() + mcp_session_count() > 0; i++) {
		if (i % 20 == 0)
			clock_advance(3600000);
		loop_once(1);
	}
	assume(mcp_exchange_count() == 0 && mcp_session_count() == 0);
	ipc_free(&web.webd);
	ipc_free(&web.from_webd);
	return scene_down(state);
}
