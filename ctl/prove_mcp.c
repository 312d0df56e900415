/*
 * prove_mcp.c - what the Model Context Protocol promises: the capabilities of server/discover, over
 * a stream as the user's agent "terminal".
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/prove.h"
#include "ctl/talk.h"
#include "json/json.h"

#define ANSWER_S 30

/* A request of each, and the member that its result has to have. */
static const struct proof {
	const char *capability, *method, *params, *member;
} proofs[] = {
    {"tools", "tools/list", "", "tools"},
    {"prompts", "prompts/list", "", "prompts"},
    {"resources", "resources/list", "", "resources"},
    {"completions", "completion/complete",
	"\"ref\":{\"type\":\"ref/"
	"prompt\",\"name\":\"%s\"},\"argument\":{\"name\":\"%s\",\"value\":\"\"},",
	"completion"},
    /* A level that a request asks for (deprecated, and taken). */
    {"logging", "tools/list", "", "tools"},
};

/* The result of a request, whose owner the caller is; NULL with e. */
static cJSON *
ask(struct talk *w, const char *method, struct str params, struct err *e)
{
	static unsigned number;
	struct str line = arena_printf(&ctl.arena,
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":{" STR_FMT "\"_meta\":{"
	    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	    "\"io.modelcontextprotocol/logLevel\":\"info\","
	    "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"gkmail\",\"version\":\"1\"},"
	    "\"io.modelcontextprotocol/clientCapabilities\":{}}}}\n",
	    ++number, method, STR_ARG(params));
	cJSON *v, *result;

	if (talk_write(w, line, e) < 0)
		return NULL;
	/* Notifications may come before it. */
	for (;;) {
		int64_t id;

		if (talk_line(w, &line, e) < 0 ||
		    (v = json_parse(line, JSON_VALUES_MAX, e)) == NULL)
			return NULL;
		if (json_int(json_get(v, "id"), 0, INT32_MAX, &id) == 0 && id == number)
			break;
		cJSON_Delete(v);
	}
	if ((result = cJSON_DetachItemFromObjectCaseSensitive(v, "result")) == NULL)
		err_set(
		    e, E_PROTO, "%s is answered " STR_FMT, method, STR_ARG(str_sub(line, 0, 200)));
	cJSON_Delete(v);
	return result;
}

/* Of the first prompt that has an argument. */
static struct str
completion_params(struct talk *w, const char *shape, struct err *e)
{
	cJSON *all = ask(w, "prompts/list", STR(""), e);
	struct str out = STR_NONE;
	const cJSON *prompt, *argument;

	cJSON_ArrayForEach(prompt, json_get(all, "prompts"))
	{
		argument = cJSON_GetArrayItem(json_get(prompt, "arguments"), 0);
		if (argument != NULL && out.p == NULL)
			out = arena_printf(&ctl.arena, shape, json_str(json_get(prompt, "name")).p,
			    json_str(json_get(argument, "name")).p);
	}
	cJSON_Delete(all);
	return out;
}

static const char *
prove_one(struct talk *w, const struct proof *f)
{
	struct str params = STR("");
	const char *why = NULL;
	struct err e = {0};
	cJSON *result;

	if (f->params[0] != '\0' && (params = completion_params(w, f->params, &e)).p == NULL)
		return "there is no prompt with an argument";
	if ((result = ask(w, f->method, params, &e)) == NULL)
		return arena_printf(&ctl.arena, "%s", e.text).p;
	if (json_get(result, f->member) == NULL)
		why = arena_printf(
		    &ctl.arena, "there is no %s in the answer to %s", f->member, f->method)
			  .p;
	cJSON_Delete(result);
	return why;
}

int
prove_mcp(const struct prove *p, struct err *e)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	const cJSON *capability;
	cJSON *found = NULL;
	int rc = -1;

	w->ssl = NULL;
	w->n = w->taken = 0;
	if (mcp_open(p->user, &w->fd, e) < 0)
		return -1;
	fcntl(w->fd, F_SETFL, 0);
	setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if ((found = ask(w, "server/discover", STR(""), e)) == NULL)
		goto out;
	prove_tell("mcp", STR("server/discover"), NULL);
	cJSON_ArrayForEach(capability, json_get(found, "capabilities"))
	{
		const char *why = "gkmail does not know how to try it";

		for (size_t i = 0; i < ARRAY_LEN(proofs); i++)
			if (strcmp(capability->string, proofs[i].capability) == 0)
				why = prove_one(w, &proofs[i]);
		prove_tell("mcp", str_z(capability->string), why);
	}
	rc = 0;
out:
	cJSON_Delete(found);
	talk_close(w);
	return rc;
}
