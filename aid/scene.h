/*
 * scene.h - for unit tests: a page at one end of a chat, and at the other a scripted gk-mcpd.
 *
 * The server answers server/discover and tools/list by itself; each tools/call must be the next of
 * the script (tool and exactly these arguments) and gets its result, or says nothing where there is
 * none. What the page is told is kept.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aid/chat.h"
#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "ipc/chat.h"
#include "ipc/frames.h"
#include "svc/svc.h"
#include "json/json.h"

/* Octets of any kind. */
#define THE_KEY "the\0key"

struct step {
	const char *tool, *args, *result; /* result: structuredContent; "!text": isError; "?[…]":
					   * held, what it must have asked for; NULL: no answer */
};

static struct {
	struct ipc_chan *to_mcpd, *mcpd, *from_webd, *webd;
	struct conf *conf;
	/* gk-mcpd */
	struct stream *server;
	const struct step *script;
	size_t nscript, at;
	bool hold; /* the last call asked for it */
	bool away; /* MCP_STREAM is refused */
	unsigned streams, cancelled;
	const char *tools; /* of tools/list */
	bool loose;        /* any tool may be called: answered by nothing, or by an error */
	/* the page */
	struct frames *page;
	bool closed;
	cJSON *told;  /* an array of what it was told */
	bool refused; /* AID_OPEN */
} scene;

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return scene.to_mcpd;
}

const struct conf *
svc_conf(void)
{
	return scene.conf;
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

/* ---- gk-mcpd ---- */

static void
server_say(const cJSON *id, const char *member, const char *value)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
	json_print(id, &b);
	buf_printf(&b, ",\"%s\":%s}\n", member, value);
	stream_write(scene.server, b.p, b.n);
	buf_free(&b);
}

static void
server_call(const cJSON *id, const cJSON *params)
{
	const cJSON *args = json_get(params, "arguments");
	const cJSON *hold = json_member(json_get(params, "_meta"), "x-gkmail/hold");
	struct buf said, b;
	const struct step *s;
	cJSON *meant;

	if (scene.loose) {
		server_say(id, "result",
		    scene.at++ % 2 == 0
			? "{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":"
			  "\"x\"}],\"structuredContent\":{\"messages\":[],\"total\":0}}"
			: "{\"resultType\":\"complete\",\"isError\":true,\"content\":[]}");
		return;
	}
	buf_init(&said, 1u << 20);
	json_print(args, &said);
	if (scene.at >= scene.nscript)
		fail_msg("call of %s with %s behind the script",
		    json_get(params, "name")->valuestring, said.p);
	s = &scene.script[scene.at++];
	meant = json_parse(str_z(s->args), 1000, NULL);
	assert_non_null(meant);
	if (strcmp(s->tool, json_get(params, "name")->valuestring) != 0 ||
	    !cJSON_Compare(args, meant, true))
		fail_msg("call %zu is %s with %s instead of %s with %s", scene.at,
		    json_get(params, "name")->valuestring, said.p, s->tool, s->args);
	cJSON_Delete(meant);
	scene.hold = cJSON_IsTrue(hold);
	buf_init(&b, 1u << 20);
	if (s->result != NULL && s->result[0] == '?') {
		assert_true(scene.hold);
		buf_printf(&b,
		    "{\"resultType\":\"complete\",\"isError\":true,\"content\":[],\"_meta\":{"
		    "\"x-gkmail/held\":%s}}",
		    s->result + 1);
	} else if (s->result != NULL && s->result[0] == '!') {
		buf_puts(&b, "{\"resultType\":\"complete\",\"isError\":true,\"content\":[{\"type\":"
			     "\"text\",\"text\":");
		json_print_str(str_z(s->result + 1), &b);
		buf_puts(&b, "}]}");
	} else if (s->result != NULL) {
		buf_printf(&b,
		    "{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],"
		    "\"structuredContent\":%s}",
		    s->result);
	}
	if (b.n > 0)
		server_say(id, "result", b.p);
	buf_free(&b);
	buf_free(&said);
}

static void
server_take(struct str line)
{
	cJSON *root = json_parse(line, 10000, NULL);
	const cJSON *id = json_get(root, "id"), *params = json_get(root, "params");
	struct str method = json_str(json_get(root, "method"));
	const cJSON *meta = json_get(params, "_meta");
	struct buf b;

	assert_non_null(root);
	assert_true(str_eq_z(
	    json_str(json_get(meta, "io.modelcontextprotocol/protocolVersion")), "2026-07-28"));
	assert_non_null(json_get(meta, "io.modelcontextprotocol/clientCapabilities"));
	if (str_eq_z(method, "server/discover")) {
		server_say(id, "result",
		    "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"],"
		    "\"capabilities\":{\"tools\":{}},\"ttlMs\":0,\"cacheScope\":\"private\"}");
	} else if (str_eq_z(method, "tools/list")) {
		buf_init(&b, 1u << 20);
		buf_printf(&b, "{\"resultType\":\"complete\",\"tools\":[%s]}", scene.tools);
		server_say(id, "result", b.p);
		buf_free(&b);
	} else if (str_eq_z(method, "tools/call")) {
		server_call(id, params);
	} else {
		assert_true(str_eq_z(method, "notifications/cancelled"));
		scene.cancelled++;
	}
	cJSON_Delete(root);
}

static void
server_input(void *arg)
{
	struct str in, line;

	(void)arg;
	while (scene.server != NULL) {
		in = stream_input(scene.server);
		if (!str_cut(&in, '\n', &line))
			break;
		server_take(line);
		if (scene.server != NULL)
			stream_consume(scene.server, line.n + 1);
	}
	if (scene.server != NULL && stream_at_end(scene.server))
		stream_free(&scene.server);
}

static void
server_closed(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	stream_free(&scene.server);
}

static void
mcpd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	static const struct stream_limits limits = {.in_max = 1u << 20, .out_max = 4u << 20};
	static const struct stream_events events = {.input = server_input, .closed = server_closed};
	const struct err e = {.code = E_TEMP, .text = "away"};
	struct ipc_out out;
	int fd;

	(void)arg;
	assert_int_equal(m->type, MSG_MCP_STREAM);
	assert_true(str_eq(ipc_get_str(m), STR(THE_KEY)));
	(void)ipc_get_str(m);
	assert_true(str_eq_z(ipc_get_str(m), "+01:00") || scene.loose);
	fd = ipc_take_fd(m);
	assert_int_equal(ipc_end(m), 0);
	scene.streams++;
	if (scene.away) {
		close(fd);
		ipc_reply_error(c, m->id, &e);
		return;
	}
	stream_free(&scene.server);
	scene.server = stream_new(fd, &limits, &events, NULL);
	stream_start(scene.server);
	ipc_begin(&out, MSG_MCP_STREAM_R);
	ipc_put_z(&out, "alice@example.test");
	ipc_put_z(&out, "assistant");
	ipc_put_z(&out, "0123456789abcdef");
	ipc_reply(c, m->id, &out);
}

/* ---- gk-webd and its page ---- */

static void
webd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_AID_OPEN)
		chat_open(c, m);
	else
		ipc_refuse(m);
}

static void
page_frame(void *arg, unsigned kind, struct str octets)
{
	static struct buf b;
	cJSON *v;

	(void)arg;
	if (b.max == 0)
		buf_init(&b, CHAT_OUT_MAX);
	assert_int_equal(buf_str(&b, octets), 0);
	if (kind == CHAT_PART)
		return;
	assert_int_equal(kind, CHAT_TEXT);
	v = json_parse(buf_view(&b), 100000, NULL);
	buf_reset(&b);
	buf_shrink(&b);
	assert_non_null(v);
	json_add(scene.told, v);
}

static void
page_closed(void *arg, const struct err *e)
{
	(void)e;
	/* One of another line, which the test frees. */
	if (arg != NULL)
		return;
	scene.closed = true;
	frames_free(&scene.page);
}

static void
page_opened(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	(void)e;
	scene.refused = m == NULL;
	if (m != NULL)
		(void)ipc_end(m);
}

static void
scene_turns(void)
{
	for (int i = 0; i < 5; i++)
		loop_once(2);
}

/* What the browser's session is called. */
static const char *page_web = "w1";

static void
page_open(const char *language)
{
	static const struct frames_events events = {.frame = page_frame, .closed = page_closed};
	struct ipc_out m;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	ipc_begin(&m, MSG_AID_OPEN);
	ipc_put_str(&m, STR(THE_KEY));
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, page_web);
	ipc_put_z(&m, language);
	ipc_put_z(&m, "60");
	ipc_put_fd(&m, fd[1]);
	(void)ipc_call(scene.webd, &m, page_opened, NULL);
	scene.page = frames_new(fd[0], &events, NULL);
	scene.closed = false;
	scene_turns();
}

static void
page_say(const char *json)
{
	frames_put(scene.page, CHAT_TEXT, str_z(json));
}

/* The session is over: no way back. */
static void
page_end(void)
{
	if (scene.page == NULL)
		return;
	frames_put(scene.page, CHAT_GONE, STR(""));
	scene_turns();
	frames_free(&scene.page);
	scene_turns();
}

/* The i-th message of the type that it was told, from 0; NULL: there is none. */
static const cJSON *
page_told(const char *type, size_t i)
{
	const cJSON *v;

	cJSON_ArrayForEach(
	    v, scene.told) if (str_eq_z(json_str(json_get(v, "type")), type) && i-- == 0) return v;
	return NULL;
}

static const char *
page_str(const char *type, const char *member)
{
	const cJSON *v = json_get(page_told(type, 0), member);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static void
page_forget(void)
{
	cJSON_Delete(scene.told);
	scene.told = cJSON_CreateArray();
}

/* All that a brain has said, as one text; good until it is called again. */
static inline const char *
page_text(void)
{
	static struct buf b;
	const cJSON *v;

	buf_free(&b);
	buf_init(&b, 1u << 20);
	for (size_t i = 0; (v = page_told("delta", i)) != NULL; i++)
		(void)buf_str(&b, json_str(json_get(v, "text")));
	return b.n > 0 ? b.p : "";
}

/* Waits until there is such a message. */
static void
page_wait(const char *type)
{
	for (int i = 0; i < 2000 && page_told(type, 0) == NULL; i++)
		loop_once(5);
	if (page_told(type, 0) == NULL)
		fail_msg("the page was told of no %s", type);
}

static void
scene_script(const struct step *script, size_t n)
{
	scene.script = script;
	scene.nscript = n;
	scene.at = 0;
}

static int
scene_up(void **state)
{
	int fd[2];

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.tools = "{\"name\":\"search\",\"annotations\":{\"readOnlyHint\":true}},"
		      "{\"name\":\"flag\",\"annotations\":{\"readOnlyHint\":false}}";
	if (loop_init(NULL) < 0 ||
	    (scene.conf = conf_parse(
		 STR("[server]\nhost_name = \"mail.example.test\"\n"), "test", NULL)) == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	scene.to_mcpd = ipc_new(fd[0], PEER_AID, PEER_MCPD, webd_message, NULL, NULL);
	scene.mcpd = ipc_new(fd[1], PEER_MCPD, PEER_AID, mcpd_message, NULL, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	scene.from_webd = ipc_new(fd[0], PEER_AID, PEER_WEBD, webd_message, NULL, NULL);
	scene.webd = ipc_new(fd[1], PEER_WEBD, PEER_AID, webd_message, NULL, NULL);
	scene.told = cJSON_CreateArray();
	return 0;
}

static int
scene_down(void **state)
{
	(void)state;
	page_end();
	(void)page_text();
	stream_free(&scene.server);
	ipc_free(&scene.to_mcpd);
	ipc_free(&scene.mcpd);
	ipc_free(&scene.webd);
	ipc_free(&scene.from_webd);
	cJSON_Delete(scene.told);
	conf_free(&scene.conf);
	return 0;
}
