/*
 * talk.c - a turn with a model: asked, answered, tools called, asked again.
 *
 * Phases: at Ollama with assistant.local_only first where the model runs (a model with a remote
 * host would take the mail elsewhere); then rounds with tools, until an answer calls none; then, if
 * tools listed messages, one request without tools whose answer has a form (ask.c says why apart),
 * for what the page shows beside the answer.
 *
 * What a model says is text (plain.h), what it calls is decided on elsewhere. Each limit ends the
 * turn: rounds, tokens, octets here, time and calls in the turn.
 *
 * Owner: the turn. Errors: before anything was said or called the built-in brain takes over, later
 * the turn fails with a code of turn.h.
 */
#include "aid/llm/talk.h"

#include <stdlib.h>

#include "aid/llm/llm.h"
#include "aid/llm/prompt.h"
#include "aid/model/ask.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "svc/metrics.h"
#include "svc/provider.h"

#define SHOW_MAX     (4u << 20)
#define REQUEST_MAX  (8u << 20)
#define PICK_TOKENS  1024u
#define TEXT_MAX     (64u << 10)
#define CHECK_VALUES 200000u

struct llm_conf llm_conf;

/* ---- the life of a talk ---- */

static void
say_plain(void *arg, struct str text)
{
	struct talk *k = arg;

	k->spoke = k->said = true;
	turn_say(k->turn, text);
}

/* Of a reply under way, as it comes. */
static void
say(void *arg, struct str text)
{
	struct talk *k = arg;

	if (k->first_us == 0)
		k->first_us = clock_us();
	if (k->fresh && k->said)
		plain_put(&k->plain, STR("\n\n"));
	k->fresh = false;
	plain_put(&k->plain, text);
}

static void
talk_gone(void *arg)
{
	struct talk *k = arg;

	OBJ(k, TALK_MAGIC);
	post_cancel(&k->post);
	reply_free(&k->reply);
	plain_free(&k->plain);
	buf_free(&k->show);
	cJSON_Delete(k->messages);
	cJSON_Delete(k->listed);
	for (size_t i = 0; i < REPLY_CALLS_MAX; i++)
		cJSON_Delete(k->results[i]);
	k->magic = 0;
}

void
talk_fail(struct talk *k, const char *code, const char *why)
{
	struct turn *t = k->turn;

	log_warn("llm.failed", LS("user", turn_user(t)), LZ("provider", llm_conf.kind->name),
	    LZ("code", code), LU("round", k->round), LZ("why", why));
	post_cancel(&k->post);
	if (k->spoke)
		turn_fail(t, code, STR_NONE);
	else
		turn_hand_over(t, why);
}

static void
finish(struct talk *k)
{
	turn_done(k->turn);
}

/* ---- asking ---- */

static bool
on_octets(void *arg, struct str octets)
{
	struct talk *k = arg;

	OBJ(k, TALK_MAGIC);
	k->octets += octets.n;
	if (k->phase == TALK_CHECK)
		return buf_str(&k->show, octets) == 0;
	/* Whatever follows the end is of no interest; what makes no sense is seen at the end. */
	(void)reply_put(&k->reply, octets);
	return true;
}

static void on_ended(void *arg, unsigned status, const struct err *e);

static void
post(struct talk *k, const char *path, struct str body)
{
	struct post_want w = {.path = path,
	    .body = body,
	    .max = k->phase == TALK_CHECK ? SHOW_MAX : llm_conf.max_size - k->octets,
	    .silence_ms = llm_conf.silence_ms,
	    .octets = on_octets,
	    .ended = on_ended,
	    .arg = k};

	k->post = post_start(&w);
}

void
talk_ask(struct talk *k)
{
	bool openai = llm_conf.kind == &reply_openai, last = k->round >= llm_conf.max_rounds;
	cJSON *schema = k->phase == TALK_PICK ? cJSON_Parse(prompt_pick_schema) : NULL, *o;
	struct ask a = {.model = str_z(llm_conf.model),
	    .messages = k->messages,
	    .tools = k->phase == TALK_PICK || last ? NULL : turn_tools(k->turn),
	    .schema = schema,
	    .num_ctx = llm_conf.num_ctx,
	    .keep_alive_ms = llm_conf.keep_alive_ms,
	    .max_tokens = llm_conf.max_tokens - k->tokens};
	struct buf body;

	if (k->phase == TALK_PICK)
		a.max_tokens = num_min(a.max_tokens, (uint64_t)PICK_TOKENS);
	reply_free(&k->reply);
	reply_init(&k->reply, llm_conf.kind);
	if (k->phase == TALK_TOOLS) {
		k->reply.say = say;
		k->reply.arg = k;
		k->round++;
	}
	k->fresh = true;
	k->first_us = 0;
	k->asked_us = clock_us();
	o = openai ? ask_openai(&a) : ask_ollama(&a);
	buf_init(&body, REQUEST_MAX);
	json_print(o, &body);
	if (body.over)
		talk_fail(k, "size", "the conversation is too large");
	else
		post(k, openai ? "/v1/chat/completions" : "/api/chat", buf_view(&body));
	buf_free(&body);
	cJSON_Delete(o);
	cJSON_Delete(schema);
}

/* ---- where the model runs ---- */

static void
ask_where(struct talk *k)
{
	cJSON *o = cJSON_CreateObject();
	struct buf body;

	k->phase = TALK_CHECK;
	k->asked_us = clock_us();
	json_put_str(o, "model", str_z(llm_conf.model));
	buf_init(&body, 1024);
	json_print(o, &body);
	post(k, "/api/show", buf_view(&body));
	buf_free(&body);
	cJSON_Delete(o);
}

static bool
is_said(const cJSON *o, const char *name)
{
	const cJSON *v = json_member(o, name);

	return v != NULL && !(cJSON_IsString(v) && json_str(v).n == 0);
}

static bool
can_call_tools(const cJSON *o)
{
	const cJSON *v = json_get(o, "capabilities"), *one;

	if (!cJSON_IsArray(v))
		return true; /* an older Ollama */
	cJSON_ArrayForEach(one, v) if (str_eq_z(json_str(one), "tools")) return true;
	return false;
}

/* Ollama's docs/api.md: remote_host and remote_model of a model that runs elsewhere. */
static void
take_where(struct talk *k)
{
	cJSON *o = json_parse(buf_view(&k->show), CHECK_VALUES, NULL);
	const char *why = NULL;

	if (!cJSON_IsObject(o))
		why = "the provider does not say where the model runs";
	else if (is_said(o, "remote_host") || is_said(o, "remote_model"))
		why = "the model runs on another host, which assistant.local_only forbids";
	else if (!can_call_tools(o))
		why = "the model cannot call tools";
	cJSON_Delete(o);
	buf_reset(&k->show);
	k->octets = 0;
	if (why != NULL) {
		talk_fail(k, "model", why);
		return;
	}
	k->phase = TALK_TOOLS;
	talk_ask(k);
}

/* ---- answers ---- */

static void
count(struct talk *k, const char *outcome)
{
	const struct reply *r = &k->reply;
	uint64_t now = clock_us();
	uint64_t first = k->first_us > 0 ? k->first_us : now;

	metric_add(strcmp(outcome, "ok") == 0 ? METRIC_LLM_OK : METRIC_LLM_FAILED, 1);
	metric_observe(METRIC_LLM_SECONDS, now - k->asked_us);
	metric_observe(METRIC_LLM_FIRST_SECONDS, first - k->asked_us);
	metric_add(METRIC_LLM_TOKENS_IN, (int64_t)r->input_tokens);
	metric_add(METRIC_LLM_TOKENS_OUT, (int64_t)r->output_tokens);
	log_info("llm.answer", LS("user", turn_user(k->turn)), LZ("provider", llm_conf.kind->name),
	    LU("round", k->round), LZ("outcome", outcome), LU("calls", r->ncalls),
	    LU("input_tokens", r->input_tokens), LU("output_tokens", r->output_tokens),
	    LU("first_ms", (first - k->asked_us) / 1000), LU("ms", (now - k->asked_us) / 1000));
	turn_usage(k->turn, r->input_tokens, r->output_tokens);
	k->tokens += r->output_tokens;
}

/* The answer is whole and calls no tool. */
static void
answered(struct talk *k)
{
	if (k->reply.text.n == 0) {
		talk_fail(k, "model", "the model says nothing");
		return;
	}
	if (k->listed == NULL || k->tokens >= llm_conf.max_tokens) {
		finish(k);
		return;
	}
	json_add(k->messages, ask_message("assistant", buf_view(&k->reply.text)));
	json_add(k->messages, ask_message("user", str_z(turn_asked(k->turn)->language == LANGUAGE_FR
							    ? prompt_pick_fr
							    : prompt_pick_en)));
	k->phase = TALK_PICK;
	talk_ask(k);
}

static void
take_reply(struct talk *k)
{
	if (k->reply.ncalls == 0)
		answered(k);
	else if (k->round > llm_conf.max_rounds)
		talk_fail(k, "rounds", "the model goes on calling tools");
	else if (k->tokens >= llm_conf.max_tokens)
		talk_fail(k, "size", "assistant.max_tokens");
	else
		talk_call_tools(k);
}

/* Nothing of use came. */
static void
no_reply(struct talk *k, unsigned status, const struct err *e)
{
	char why[ERR_TEXT_MAX + 40];

	count(k, "failed");
	if (e != NULL)
		snprintf(why, sizeof(why), "%s", e->text);
	else
		snprintf(why, sizeof(why), "HTTP status %u", status);
	if (k->phase == TALK_PICK) /* the answer stands without it */
		finish(k);
	else if (e != NULL && e->code == E_LIMIT)
		talk_fail(k, "size", why);
	else
		talk_fail(k, "away", why);
}

static void
on_ended(void *arg, unsigned status, const struct err *e)
{
	struct talk *k = arg;

	OBJ(k, TALK_MAGIC);
	k->post = NULL;
	if (e != NULL || status != 200) {
		no_reply(k, status, e);
		return;
	}
	if (k->phase == TALK_CHECK) {
		take_where(k);
		return;
	}
	if (reply_end(&k->reply) == REPLY_BAD) {
		plain_end(&k->plain);
		no_reply(k, status, &k->reply.error);
		return;
	}
	plain_end(&k->plain);
	count(k, "ok");
	if (k->phase == TALK_PICK) {
		talk_show_picked(k);
		finish(k);
	} else {
		take_reply(k);
	}
}

/* ---- the brains ---- */

static void
put_memory(struct talk *k)
{
	const struct turn_said *said;
	size_t n = turn_memory(k->turn, &said);

	for (size_t i = 0; i < n; i++)
		json_add(k->messages,
		    ask_message(said[i].by_person ? "user" : "assistant", said[i].text));
}

static void
llm_ask(struct turn *t)
{
	struct talk *k = arena_new(turn_arena(t), struct talk);
	struct buf text;

	k->magic = TALK_MAGIC;
	k->turn = t;
	k->phase = TALK_TOOLS;
	k->began_us = clock_us();
	k->messages = cJSON_CreateArray();
	reply_init(&k->reply, llm_conf.kind);
	buf_init(&k->show, SHOW_MAX);
	plain_init(&k->plain, turn_arena(t), say_plain, k);
	turn_defer(t, talk_gone, k);
	buf_init(&text, TEXT_MAX);
	prompt_system(t, &text);
	json_add(k->messages, ask_message("system", buf_view(&text)));
	put_memory(k);
	buf_reset(&text);
	prompt_asked(t, &text);
	json_add(k->messages, ask_message("user", buf_view(&text)));
	buf_free(&text);
	plain_know(&k->plain, turn_asked(t)->text);
	if (llm_conf.kind == &reply_ollama && llm_conf.local_only)
		ask_where(k);
	else
		talk_ask(k);
}

static struct str
model(void)
{
	return str_z(llm_conf.model);
}

static bool
local(void)
{
	return llm_conf.local;
}

const struct brain brain_ollama = {
    .name = "ollama", .ask = llm_ask, .model = model, .local = local, .obeys = true};
const struct brain brain_openai = {
    .name = "openai", .ask = llm_ask, .model = model, .local = local, .obeys = true};

int
llm_init(struct err *e)
{
	return post_init(e);
}

int
llm_configure(const struct conf *c, const struct brain **out, struct err *e)
{
	struct str provider = conf_str(c, CONF_ASSISTANT_PROVIDER);
	struct llm_conf fresh = {.kind = &reply_ollama,
	    .local_only = conf_bool(c, CONF_ASSISTANT_LOCAL_ONLY),
	    .num_ctx = conf_num(c, CONF_ASSISTANT_NUM_CTX),
	    .keep_alive_ms = conf_num(c, CONF_ASSISTANT_KEEP_ALIVE),
	    .max_rounds = conf_num(c, CONF_ASSISTANT_MAX_ROUNDS),
	    .silence_ms = conf_num(c, CONF_ASSISTANT_SILENCE),
	    .max_tokens = conf_num(c, CONF_ASSISTANT_MAX_TOKENS),
	    .max_size = conf_num(c, CONF_ASSISTANT_MAX_SIZE)};
	struct provider p;

	*out = &brain_builtin;
	if (!str_eq_z(provider, "builtin")) {
		if (str_cz(conf_str(c, CONF_ASSISTANT_MODEL), fresh.model, sizeof(fresh.model)) < 0)
			return err_set(e, E_INVAL, "assistant.model: too long");
		if (post_configure(c, e) < 0)
			return -1;
		*out = &brain_ollama;
	}
	if (str_eq_z(provider, "openai")) {
		fresh.kind = &reply_openai;
		*out = &brain_openai;
	}
	fresh.local = fresh.local_only;
	if (provider_parse(conf_str(c, CONF_ASSISTANT_URL), &p) == 0 && provider_is_local(&p) &&
	    fresh.kind == &reply_openai)
		fresh.local = true;
	llm_conf = fresh;
	return 0;
}
