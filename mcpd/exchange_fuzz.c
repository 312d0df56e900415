/*
 * exchange_fuzz.c - fuzz target of the HTTP front: what gk-webd says in some exchanges at a time,
 * with the methods and sessions behind it. The input is a program: each octet an operation, the one
 * behind it what it is done to. scene_web.h holds what comes back to the order of frames; here it
 * is held to be JSON, or events of it.
 */
#include <errno.h>

#include "mcpd/scene_web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AT_A_TIME 4u

static const uint8_t *at, *end;
static char last_session[SESSION_ID + 1];

static unsigned
octet(void)
{
	return at < end ? *at++ : 0;
}

static struct str
some(void)
{
	size_t n = octet() | octet() << 8;
	struct str s = str_sub(str_of(at, (size_t)(end - at)), 0, n);

	at += s.n;
	return s;
}

/* One of them, or one of the input's own. */
static const char *
pick(const char *const *words, size_t n, char room[200])
{
	unsigned i = octet() % (n + 1);

	if (i < n)
		return words[i];
	return str_cz(some(), room, 200) == 0 ? room : NULL;
}

static void
say_head(struct web_exchange *x)
{
	static const char *const methods[] = {"POST", "GET", "DELETE", "PUT"},
				 *const tokens[] = {SCENE_TOKEN, SCENE_BOBS, "gka_none", NULL},
				 *const accepts[] = {"json,sse", "json,", ",sse", ","},
				 *const versions[] = {"2026-07-28", "2025-11-25", "2025-03-26",
				     NULL, "x"},
				 *const rpcs[] = {NULL, "tools/call", "initialize",
				     "resources/read", "subscriptions/listen", "server/discover"},
				 *const names[] = {NULL, "list_mailboxes", "mail://mailbox/inbox"};
	const char *sessions[] = {NULL, last_session, "x"};
	const char *v[PIPE_MCP_FIELDS];
	char room[PIPE_MCP_FIELDS][200];

	v[PIPE_MCP_METHOD] = pick(methods, ARRAY_LEN(methods), room[PIPE_MCP_METHOD]);
	v[PIPE_MCP_TOKEN] = pick(tokens, ARRAY_LEN(tokens), room[PIPE_MCP_TOKEN]);
	v[PIPE_MCP_ACCEPT] = pick(accepts, ARRAY_LEN(accepts), room[PIPE_MCP_ACCEPT]);
	v[PIPE_MCP_VERSION] = pick(versions, ARRAY_LEN(versions), room[PIPE_MCP_VERSION]);
	v[PIPE_MCP_RPC] = pick(rpcs, ARRAY_LEN(rpcs), room[PIPE_MCP_RPC]);
	v[PIPE_MCP_NAME] = pick(names, ARRAY_LEN(names), room[PIPE_MCP_NAME]);
	v[PIPE_MCP_SESSION] = pick(sessions, ARRAY_LEN(sessions), room[PIPE_MCP_SESSION]);
	web_head(x, v);
}

/* ---- what came back ---- */

static void
check_json(struct str text)
{
	cJSON *v = json_parse(text, 250000, NULL);

	assume(v != NULL);
	cJSON_Delete(v);
}

static void
check(struct web_exchange *x)
{
	struct str rest = buf_view(&x->body), line;

	if (x->session[0] != '\0')
		memcpy(last_session, x->session, sizeof(last_session));
	if (!x->headed)
		return;
	assume(x->head.status >= 200 && x->head.status < 600);
	if (strcmp(x->type, "text/event-stream") == 0) {
		assume(x->head.status == 200);
		while (str_cut(&rest, '\n', &line))
			if (str_starts(line, STR("data: ")))
				check_json(str_from(line, 6));
			else
				assume(line.n == 0 || str_eq(line, STR(":")));
	} else if (x->ended && x->type[0] != '\0') {
		check_json(rest);
	} else {
		assume(!x->ended || rest.n == 0);
	}
}

/* ---- operations ---- */

static void
tell_gone(void)
{
	struct ipc_out m;
	char id[AGENT_SESSION + 1];

	(void)snprintf(id, sizeof(id), "%016x", octet());
	ipc_begin(&m, MSG_AGENT_GONE);
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, id);
	ipc_send(scene.authd, &m);
}

static void
kick(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_KICK);
	ipc_put_u64(&m, scene.owner[octet() % SCENE_OWNERS].conn);
	ipc_send(scene.parent, &m);
}

static void
wake(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_WAKE);
	ipc_put_u64(&m, scene.owner[octet() % SCENE_OWNERS].conn);
	ipc_send(scene.parent, &m);
}

static void
around(void)
{
	static const enum scene_owner modes[] = {OWNER_GOOD, OWNER_NOTHING, OWNER_NOTHING,
	    OWNER_SILENT, OWNER_DIES, OWNER_DIES_HALF, OWNER_NO_HEAD, OWNER_TWO_HEADS,
	    OWNER_NO_JSON, OWNER_REFUSES, OWNER_OTHER, OWNER_ERROR, OWNER_TALKS_ON, OWNER_FAILS};

	switch (octet() % 8) {
	case 0:
		scene.mode = modes[octet() % ARRAY_LEN(modes)];
		scene.fails = octet();
		break;
	case 1:
		clock_advance(octet() * 1000u);
		break;
	case 2:
		tell_gone();
		break;
	case 3:
		kick();
		break;
	case 4:
		owner_tells();
		break;
	case 5:
		scene.temp = !scene.temp;
		break;
	case 6:
		mcp_exchange_drain();
		break;
	case 7:
		if (octet() == 7)
			mcp_agent_reset();
		else
			wake();
		break;
	}
}

static void
operate(void)
{
	unsigned what = octet();
	struct web_exchange *x = &web.x[octet() % AT_A_TIME];

	switch (what % 10) {
	case 0:
	case 1:
		if (!x->waits)
			web_open(x);
		break;
	case 2:
		say_head(x);
		break;
	case 3:
	case 4:
		web_body(x, some());
		break;
	case 5:
		web_say(x, PIPE_END);
		break;
	case 6:
		if (x->frames != NULL)
			frames_put(x->frames, octet() % 255 + 1, some());
		break;
	case 7:
		frames_free(&x->frames);
		break;
	case 8:
		around();
		break;
	case 9:
		web_say(x, PIPE_DRAIN);
		break;
	}
	for (unsigned i = what / 64; i > 0; i--)
		loop_once(0);
	check(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	at = data;
	end = data + size;
	log_set_level(LOG_LEVEL_ERROR);
	assume(web_up(NULL) == 0);
	last_session[0] = '\0';
	scene.scopes = octet() % 4 == 3 ? octet() & AGENT_SCOPES : AGENT_SCOPES;
	while (at < end)
		operate();
	for (int i = 0; i < 6; i++)
		loop_once(0);
	for (unsigned i = 0; i < AT_A_TIME; i++)
		check(&web.x[i]);
	scene.temp = false;
	assume(web_down(NULL) == 0);
	return 0;
}
