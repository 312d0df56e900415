/*
 * scene.h - for unit tests and fuzz targets: clients at one end of gk-mcpd's streams, and at the
 * others a scripted gk-authd, parent of the owners, and owner, who may misbehave.
 */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/frames.h"
#include "ipc/pipe.h"
#include "mcpd/audited.h"
#include "mcpd/exchange.h"
#include "mcpd/method.h"
#include "mcpd/owner.h"
#include "mcpd/stream.h"
#include "mcpd/watch.h"
#include "svc/svc.h"

#define SCENE_TOKEN  "gka_good"
#define SCENE_BOBS   "gka_bobs" /* of another user */
#define SCENE_OWNERS 64u

enum scene_owner {
	OWNER_GOOD,
	OWNER_REFUSES,   /* the parent opens none */
	OWNER_OTHER,     /* that of somebody else */
	OWNER_SILENT,    /* never answers */
	OWNER_DIES,      /* when it is asked */
	OWNER_DIES_HALF, /* amid its answer */
	OWNER_NO_HEAD,   /* begins with DATA */
	OWNER_TWO_HEADS,
	OWNER_NO_KIND, /* a kind that there is not */
	OWNER_BAD_HEAD,
	OWNER_NO_JSON,
	OWNER_NO_RESPONSE, /* JSON, but no Response */
	OWNER_FAILS,       /* answers 500 */
	OWNER_FLOODS,      /* an answer without end */
	OWNER_TALKS_ON,    /* answers, and says more unasked */
	OWNER_ERROR,       /* an error of the method's */
	OWNER_NOTHING, /* answers each method, but has nothing; of the `fails`th it has an error */
	OWNER_SAYS,    /* what the test wrote, one after the other */
	OWNER_MODES
};

static struct {
	struct conf *conf;
	struct ipc_chan *to_authd, *authd, *to_parent, *parent, *from_aid, *aid;
	enum scene_owner mode;
	uint32_t scopes, rate;
	bool temp;       /* authd cannot say */
	unsigned opened; /* agent sessions */
	unsigned closed; /* by AGENT_CLOSE */
	unsigned tickets, asked, audited;
	unsigned watched, unwatched; /* OWNER_WATCH, CONN_GONE */
	char audited_tool[64], audited_decision[32], audited_outcome[256];
	bool unwritten; /* records are not durable: no answer */
	uint64_t unwritten_call;
	bool draining, drained;
	struct scene_pipe {
		struct frames *frames;
		bool call, push, left;
		struct buf body;
		uint64_t conn;
	} owner[SCENE_OWNERS];
	size_t nowners;
	unsigned fails;
	const char *const *says;
	/* the client */
	int fd;
	bool answered, refused;
	enum err_code why;
	struct buf in;
} scene;

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_AUTHD ? scene.to_authd : scene.to_parent;
}

const struct conf *
svc_conf(void)
{
	return scene.conf;
}

bool
svc_draining(void)
{
	return scene.draining;
}

void
svc_drained(void)
{
	scene.drained = true;
}

int
svc_file(const char *name)
{
	(void)name;
	return -1;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

/* ---- the owner ---- */

static void
owner_end(struct scene_pipe *o)
{
	frames_free(&o->frames);
	buf_free(&o->body);
}

static void
owner_head(struct scene_pipe *o, uint32_t status)
{
	const struct pipe_head head = {.status = status, .length = PIPE_NO_LENGTH};

	pipe_put_head(o->frames, &head);
}

static void
owner_says(struct scene_pipe *o, const char *json)
{
	owner_head(o, 200);
	frames_cut(o->frames, PIPE_DATA, str_z(json));
	frames_put(o->frames, PIPE_END, STR(""));
}

static void
owner_flood(struct scene_pipe *o)
{
	static char much[FRAMES_MAX];

	while (o->frames != NULL && !frames_blocked(o->frames))
		frames_put(o->frames, PIPE_DATA, str_of(much, sizeof(much)));
}

static void
owner_says_nothing(struct scene_pipe *o)
{
	cJSON *root = json_parse(buf_view(&o->body), 10000, NULL), *call;
	struct buf b;
	unsigned i = 0;

	buf_init(&b, 1u << 20);
	cJSON_ArrayForEach(call, json_get(root, "methodCalls"))
	{
		buf_puts(&b, i == 0 ? "[" : ",[");
		if (i == scene.fails)
			buf_puts(&b, "\"error\",{\"type\":\"forbidden\"}");
		else
			json_print(cJSON_GetArrayItem(call, 0), &b);
		if (i++ != scene.fails)
			buf_puts(
			    &b, ",{\"list\":[],\"ids\":[],\"state\":\"s\",\"newState\":\"s\"}");
		buf_puts(&b, ",\"c\"]");
	}
	owner_head(o, 200);
	frames_cut(o->frames, PIPE_DATA, STR("{\"methodResponses\":["));
	frames_cut(o->frames, PIPE_DATA, buf_view(&b));
	frames_cut(o->frames, PIPE_DATA, STR("]}"));
	frames_put(o->frames, PIPE_END, STR(""));
	buf_free(&b);
	cJSON_Delete(root);
}

static void
owner_answer(struct scene_pipe *o)
{
	static const char boxes[] =
	    "{\"methodResponses\":[[\"Mailbox/get\",{\"list\":[{\"id\":\"m1\",\"name\":\"Inbox\","
	    "\"role\":\"inbox\",\"totalEmails\":3,\"unreadEmails\":1,\"parentId\":null}]},\"0\"]]}";

	scene.asked++;
	switch (scene.mode) {
	case OWNER_GOOD:
	case OWNER_REFUSES:
	case OWNER_OTHER:
	case OWNER_MODES:
		owner_says(o, boxes);
		break;
	case OWNER_SILENT:
		break;
	case OWNER_DIES:
		owner_end(o);
		break;
	case OWNER_DIES_HALF:
		owner_head(o, 200);
		frames_cut(o->frames, PIPE_DATA, STR("{\"methodResp"));
		frames_finish(o->frames);
		break;
	case OWNER_NO_HEAD:
		frames_cut(o->frames, PIPE_DATA, STR("{}"));
		break;
	case OWNER_TWO_HEADS:
		owner_head(o, 200);
		owner_head(o, 200);
		break;
	case OWNER_NO_KIND:
		frames_put(o->frames, 200, STR("x"));
		break;
	case OWNER_BAD_HEAD:
		frames_put(o->frames, PIPE_HEAD, STR("\1\2\3"));
		break;
	case OWNER_NO_JSON:
		owner_says(o, "{\"methodResponses\":[[");
		break;
	case OWNER_NO_RESPONSE:
		owner_says(o, "{\"type\":\"urn:ietf:params:jmap:error:limit\"}");
		break;
	case OWNER_FAILS:
		owner_head(o, 500);
		frames_put(o->frames, PIPE_END, STR(""));
		break;
	case OWNER_FLOODS:
		owner_head(o, 200);
		owner_flood(o);
		break;
	case OWNER_TALKS_ON:
		owner_says(o, boxes);
		owner_says(o, boxes);
		break;
	case OWNER_ERROR:
		owner_says(o, "{\"methodResponses\":[[\"error\",{\"type\":\"forbidden\","
			      "\"description\":\"the policy says no\"},\"0\"]]}");
		break;
	case OWNER_NOTHING:
		owner_says_nothing(o);
		break;
	case OWNER_SAYS:
		owner_says(o, scene.says != NULL && *scene.says != NULL ? *scene.says++ : "{}");
		break;
	}
}

static void
owner_state(struct scene_pipe *o)
{
	static const struct str fields[] = {
	    {"Mailbox,Email", sizeof("Mailbox,Email") - 1}, {"s1", 2}};

	if (pipe_put(o->frames, PIPE_STATE, fields, 2) < 0)
		abort();
}

/* Who watches is told that something has changed. */
static inline void
owner_tells(void)
{
	for (size_t i = 0; i < scene.nowners; i++) {
		struct scene_pipe *o = &scene.owner[i];

		if (o->frames == NULL || !o->push || o->left)
			continue;
		(void)pipe_put(o->frames, PIPE_TEXT, NULL, 0);
		frames_cut(o->frames, PIPE_DATA, STR("{\"@type\":\"StateChange\"}"));
		frames_put(o->frames, PIPE_END, STR(""));
		owner_state(o);
	}
}

static void
owner_frame(void *arg, unsigned kind, struct str octets)
{
	struct scene_pipe *o = arg;

	if (kind == PIPE_CALL || kind == PIPE_DOWNLOAD) {
		o->call = true;
		buf_free(&o->body);
		buf_init(&o->body, 4u << 20);
	}
	if (kind == PIPE_DATA && o->call)
		(void)buf_str(&o->body, octets);
	if (kind == PIPE_PUSH && scene.mode != OWNER_SILENT) {
		o->push = true;
		owner_state(o);
	}
	if (kind == PIPE_END && o->call)
		owner_answer(o);
}

static void
owner_drained(void *arg)
{
	struct scene_pipe *o = arg;

	if (scene.mode == OWNER_FLOODS && o->call)
		owner_flood(o);
}

static void
owner_closed(void *arg, const struct err *e)
{
	struct scene_pipe *o = arg;

	(void)e;
	owner_end(o);
}

/* The pipe is of no use to the owner any more. */
static void
parent_watch(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	assume(ipc_end(m) == 0);
	scene.watched++;
	for (size_t i = 0; i < scene.nowners; i++)
		if (scene.owner[i].conn == conn && scene.owner[i].frames != NULL &&
		    !scene.owner[i].left && scene.mode != OWNER_SILENT) {
			scene.owner[i].left = true;
			(void)pipe_put(scene.owner[i].frames, PIPE_LEFT, NULL, 0);
		}
}

static void
parent_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	static const struct frames_events events = {
	    .frame = owner_frame, .drained = owner_drained, .closed = owner_closed};
	const struct err e = {.code = E_TEMP, .text = "no owner now"};
	struct scene_pipe *o = scene.owner;
	struct ipc_out out;
	uint64_t conn;
	int fd;

	(void)arg;
	if (m->type == MSG_OWNER_WATCH) {
		parent_watch(m);
		return;
	}
	if (m->type == MSG_CONN_GONE) {
		scene.unwatched++;
		(void)ipc_get_u64(m);
		assume(ipc_end(m) == 0);
		return;
	}
	assume(m->type == MSG_OWNER_OPEN);
	assume(str_eq_z(ipc_get_str(m), "ticket"));
	conn = ipc_get_u64(m);
	(void)ipc_get_str(m);
	assume(ipc_get_str(m).n == AGENT_SESSION);
	(void)ipc_get_str(m);
	fd = ipc_take_fd(m);
	assume(ipc_end(m) == 0);
	while (o < scene.owner + scene.nowners && o->frames != NULL)
		o++;
	if (scene.mode == OWNER_REFUSES || o == scene.owner + SCENE_OWNERS) {
		close(fd);
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_OWNER_OPEN_R);
	ipc_put_z(&out, scene.mode == OWNER_OTHER ? "bob@example.test" : "alice@example.test");
	ipc_reply(c, m->id, &out);
	*o = (struct scene_pipe){.frames = frames_new(fd, &events, o), .conn = conn};
	scene.nowners += o == scene.owner + scene.nowners;
}

/* ---- authd ---- */

static void
authd_open(struct ipc_chan *c, struct ipc_in *m)
{
	struct err e;
	struct ipc_out out;
	char id[AGENT_SESSION + 1];
	struct str token = ipc_get_str(m);
	bool bobs = str_eq_z(token, SCENE_BOBS), good = bobs || str_eq_z(token, SCENE_TOKEN);

	(void)ipc_get_str(m);
	(void)ipc_get_str(m);
	assume(ipc_end(m) == 0);
	if (!good || scene.temp) {
		err_set(&e, scene.temp ? E_TEMP : E_DENIED, "no such agent");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	(void)snprintf(id, sizeof(id), "%016x", ++scene.opened);
	ipc_begin(&out, MSG_AGENT_OPEN_R);
	ipc_put_z(&out, bobs ? "bob@example.test" : "alice@example.test");
	ipc_put_z(&out, "desk");
	ipc_put_z(&out, id);
	ipc_put_u32(&out, scene.scopes);
	ipc_put_u32(&out, AGENT_POLICY_DEFAULT);
	ipc_put_u32(&out, scene.rate);
	ipc_put_u64(&out, 0);
	ipc_reply(c, m->id, &out);
}

static void
authd_audit(struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct str v[8];

	for (size_t i = 0; i < 8; i++)
		v[i] = ipc_get_str(m);
	(void)ipc_get_u64(m);
	(void)ipc_get_u32(m);
	assume(ipc_end(m) == 0);
	assume(str_ends(v[0], STR("@example.test")) && str_eq_z(v[1], "desk") && v[4].n > 0);
	assume(str_eq_z(v[3], "192.0.2.1"));
	(void)str_cz(v[4], scene.audited_tool, sizeof(scene.audited_tool));
	(void)str_cz(v[6], scene.audited_decision, sizeof(scene.audited_decision));
	(void)str_cz(v[7], scene.audited_outcome, sizeof(scene.audited_outcome));
	scene.audited++;
	scene.unwritten_call = m->id;
	if (scene.unwritten)
		return;
	ipc_begin(&out, MSG_AUDIT_ADD_R);
	ipc_put_u64(&out, scene.audited);
	ipc_reply(c, m->id, &out);
}

static void
authd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	const struct err gone = {.code = E_DENIED, .text = "no such agent session"};
	struct ipc_out out;

	(void)arg;
	if (m->type == MSG_AGENT_OPEN) {
		authd_open(c, m);
	} else if (m->type == MSG_AGENT_CLOSE) {
		scene.closed++;
		(void)ipc_get_str(m);
		(void)ipc_get_str(m);
		(void)ipc_end(m);
	} else if (m->type == MSG_AGENT_TICKET) {
		assume(str_starts(ipc_get_str(m), STR("gka_")));
		(void)ipc_get_str(m);
		(void)ipc_get_u64(m);
		assume(ipc_end(m) == 0);
		scene.tickets++;
		if (scene.temp) {
			ipc_reply_error(c, m->id, &gone);
			return;
		}
		ipc_begin(&out, MSG_AGENT_TICKET_R);
		ipc_put_z(&out, "ticket");
		ipc_reply(c, m->id, &out);
	} else if (m->type == MSG_AUDIT_ADD) {
		authd_audit(c, m);
	} else {
		ipc_refuse(m);
	}
}

/* ---- gk-mcpd ---- */

static void
mcpd_kicked(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	if (ipc_end(m) == 0 && !watch_kick(conn))
		owner_kick(conn);
}

static void
mcpd_woken(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	if (ipc_end(m) == 0)
		watch_wake(conn);
}

static void
mcpd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_MCP_STREAM)
		mcp_stream_open(c, m);
	else if (m->type == MSG_MCP_EXCHANGE)
		mcp_exchange_open(c, m);
	else if (m->type == MSG_AGENT_GONE)
		mcp_agent_gone(m);
	else if (m->type == MSG_KICK)
		mcpd_kicked(m);
	else if (m->type == MSG_WAKE)
		mcpd_woken(m);
	else if (m->type == MSG_AUDIT_STATE)
		audited_state(m);
	else
		ipc_refuse(m);
}

static void
aid_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	ipc_refuse(m);
}

/* ---- the client ---- */

static void
client_opened(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	scene.answered = true;
	scene.refused = m == NULL;
	scene.why = m == NULL ? e->code : E_OK;
	if (m == NULL)
		return;
	assume(str_eq_z(ipc_get_str(m), "alice@example.test"));
	assume(str_eq_z(ipc_get_str(m), "desk"));
	assume(ipc_get_str(m).n == AGENT_SESSION);
	assume(ipc_end(m) == 0);
}

static inline void
client_open(const char *credential)
{
	struct ipc_out m;
	int fd[2];

	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	scene.fd = fd[0];
	scene.answered = false;
	ipc_begin(&m, MSG_MCP_STREAM);
	ipc_put_z(&m, credential);
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_z(&m, "+01:00");
	ipc_put_fd(&m, fd[1]);
	(void)ipc_call(scene.aid, &m, client_opened, NULL);
	for (int i = 0; i < 200 && !scene.answered; i++)
		loop_once(5);
}

static void
client_read(void)
{
	char room[65536];
	ssize_t n;

	while (scene.fd >= 0 && (n = read(scene.fd, room, sizeof(room))) > 0)
		(void)buf_put(&scene.in, room, (size_t)n);
}

static inline void
client_say(struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(scene.fd, s.p, s.n, MSG_NOSIGNAL);

		if (n > 0)
			s = str_from(s, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			return;
		loop_once(0);
		client_read();
	}
}

static int
chan_pair(struct ipc_chan **here, enum ipc_peer peer, ipc_message_fn at_mcpd,
    struct ipc_chan **there, ipc_message_fn at_peer)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	*here = ipc_new(fd[0], PEER_MCPD, peer, at_mcpd, NULL, NULL);
	*there = ipc_new(fd[1], peer, PEER_MCPD, at_peer, NULL, NULL);
	return 0;
}

static int
scene_up(void **state)
{
	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.fd = -1;
	scene.scopes = AGENT_SCOPES;
	scene.rate = 6000;
	buf_init(&scene.in, 64u << 20);
	scene.conf = conf_parse(
	    STR("[server]\nhost_name = \"a.test\"\n[mcp]\nmax_clients = 3\n"), "test", NULL);
	if (scene.conf == NULL || loop_init(NULL) < 0 ||
	    chan_pair(&scene.to_authd, PEER_AUTHD, mcpd_message, &scene.authd, authd_message) < 0 ||
	    chan_pair(
		&scene.to_parent, PEER_MAILBOXD, mcpd_message, &scene.parent, parent_message) < 0 ||
	    chan_pair(&scene.from_aid, PEER_AID, mcpd_message, &scene.aid, aid_message) < 0)
		return -1;
	mcp_agent_init();
	mcp_tools_init();
	return 0;
}

static int
scene_down(void **state)
{
	(void)state;
	if (scene.fd >= 0)
		close(scene.fd);
	/* What is under way for who has left ends in its time. */
	for (int i = 0; i < 400 && mcp_stream_count() > 0; i++) {
		if (i == 20)
			clock_advance(61000);
		loop_once(5);
	}
	mcp_agent_reset(); /* those that are shared stay for a while */
	for (int i = 0; i < 5; i++)
		loop_once(0);
	for (size_t i = 0; i < scene.nowners; i++)
		owner_end(&scene.owner[i]);
	/* Records that were not answered are said to the next one, once. */
	ipc_free(&scene.authd);
	for (int i = 0; i < 5; i++)
		loop_once(0);
	ipc_free(&scene.to_authd);
	ipc_free(&scene.to_parent);
	ipc_free(&scene.parent);
	ipc_free(&scene.from_aid);
	ipc_free(&scene.aid);
	buf_free(&scene.in);
	conf_free(&scene.conf);
	return mcp_stream_count() == 0 && mcp_requests_active() == 0 ? 0 : -1;
}
