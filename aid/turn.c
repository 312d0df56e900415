/* turn.c - see turn.h: one question and its answer, and the limits of both. */
#include "aid/turn.h"

#include <stdio.h>
#include <stdlib.h>

#include "aid/chat_in.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/visible.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define TURN_MAGIC   0x7475726eu
#define ITEMS_MAX    50u
#define ITEM_STR     300u
#define CHOICES_MAX  12u
#define CHOICE_MAX   300u
#define QUESTION_MAX 2000u

/* ---- telling the page ---- */

cJSON *
turn_message(const struct turn *t, const char *type)
{
	cJSON *m = cJSON_CreateObject();

	json_put_str(m, "type", str_z(type));
	json_put_str(m, "id", t->id);
	return m;
}

bool
turn_is_on(const struct turn *t)
{
	return t->state == TURN_ON;
}

cJSON *
turn_shown(struct str s, size_t max)
{
	struct buf b;
	cJSON *v;

	buf_init(&b, max + 8);
	(void)visible_text(s, max, &b);
	v = json_new_str(buf_view(&b));
	buf_free(&b);
	return v;
}

static void
tell_delta(struct turn *t, struct str text)
{
	cJSON *m = turn_message(t, "delta");

	json_put_str(m, "text", text);
	chat_tell(t->chat, m);
}

/* ---- the turn ---- */

static void
count(const struct turn *t)
{
	bool done = strcmp(t->outcome, "done") == 0;
	uint64_t us = clock_us() - t->began_us;

	metric_add(done                                   ? METRIC_AID_TURNS_DONE
		   : strcmp(t->outcome, "cancelled") == 0 ? METRIC_AID_TURNS_CANCELLED
							  : METRIC_AID_TURNS_FAILED,
	    1);
	metric_observe(METRIC_AID_TURN_SECONDS, us);
	log_info("aid.turn", LZ("user", t->chat->user), LZ("session", t->chat->session),
	    LZ("brain", t->brain->name), LZ("outcome", t->outcome), LU("calls", t->ncalls),
	    LU("changed", t->changed), LU("input_tokens", t->input_tokens),
	    LU("output_tokens", t->output_tokens), LU("ms", us / 1000));
}

static void
turn_free(struct turn *t)
{
	struct chat *c = t->chat;

	count(t);
	calls_drop(t);
	memory_add(&c->memory, true, t->asked.text);
	memory_add(&c->memory, false, buf_view(&t->said));
	loop_timer_free(&t->timer);
	loop_defer_cancel(&t->defer);
	buf_free(&t->said);
	t->magic = 0;
	arena_free(&t->arena);
	free(t);
	chat_turn_gone(c);
}

/* Says how it ended; what comes from the brain now is passed over. */
static void
end(struct turn *t, const char *outcome)
{
	t->outcome = outcome;
	t->state = TURN_OVER;
	calls_drop(t);
	loop_defer(&t->defer);
}

static void
hand_over(struct turn *t)
{
	cJSON *m = turn_message(t, "notice");
	struct chat *c = t->chat;

	json_put_str(m, "code", STR("fallback"));
	json_put_str(m, "text", STR(""));
	chat_tell(c, m);
	t->brain = &brain_builtin;
	t->state = TURN_ON;
	t->brain->ask(t);
}

static void
on_defer(void *arg)
{
	struct turn *t = arg;

	OBJ(t, TURN_MAGIC);
	if (t->state == TURN_HANDING)
		hand_over(t);
	else if (turn_is_on(t))
		calls_go(t);
	if (t->state == TURN_OVER)
		turn_free(t);
}

static void
on_time(void *arg)
{
	struct turn *t = arg;

	OBJ(t, TURN_MAGIC);
	if (!confirm_over(t, "time"))
		turn_stop(t, "time", "");
}

struct turn *
turn_new(struct chat *c, struct str id, struct str text)
{
	struct turn *t = mem_alloc(sizeof(*t));
	cJSON *m;

	t->magic = TURN_MAGIC;
	t->chat = c;
	t->brain = c->brain;
	arena_init(&t->arena);
	t->id = arena_dup(&t->arena, id);
	t->asked.text = arena_dup(&t->arena, text);
	TAILQ_INIT(&t->calls);
	buf_init(&t->said, TURN_TEXT_MAX);
	loop_defer_init(&t->defer, on_defer, t);
	t->timer = loop_timer_new(on_time, t);
	t->ends_ms = clock_ms() + conf_num(svc_conf(), CONF_ASSISTANT_MAX_TIME);
	loop_timer_set(t->timer, conf_num(svc_conf(), CONF_ASSISTANT_MAX_TIME));
	t->began_us = clock_us();
	t->outcome = "";
	m = turn_message(t, "start");
	json_put(m, "text", turn_shown(text, REQUEST_TEXT_MAX));
	chat_tell(c, m);
	return t;
}

void
turn_start(struct turn *t)
{
	t->brain->ask(t);
}

static void
tell_error(struct turn *t, const char *code, struct str text)
{
	cJSON *m = turn_message(t, "error");

	json_put_str(m, "code", str_z(code));
	json_put(m, "text", turn_shown(text, QUESTION_MAX));
	chat_tell(t->chat, m);
}

void
turn_stop(struct turn *t, const char *code, const char *text)
{
	OBJ(t, TURN_MAGIC);
	if (t->state != TURN_OVER) {
		if (!t->chat->waits && t->state == TURN_ON && t->brain->cancel != NULL)
			t->brain->cancel(t);
		tell_error(t, code, str_z(text));
		t->outcome = code;
		t->state = TURN_OVER;
	}
	turn_free(t);
}

/* ---- what was asked ---- */

const struct turn_asked *
turn_asked(const struct turn *t)
{
	return &t->asked;
}

struct str
turn_user(const struct turn *t)
{
	return str_z(t->chat->user);
}

struct arena *
turn_arena(struct turn *t)
{
	return &t->arena;
}

void
turn_defer(struct turn *t, void (*fn)(void *), void *arg)
{
	arena_defer(&t->arena, fn, arg);
}

size_t
turn_memory(const struct turn *t, const struct turn_said **out)
{
	*out = t->chat->memory.said;
	return t->chat->memory.n;
}

void **
turn_slot(struct turn *t)
{
	return t->brain == &brain_builtin ? &t->chat->slot_builtin : &t->chat->slot;
}

const cJSON *
turn_tools(const struct turn *t)
{
	return mcp_tools(t->chat->mcp);
}

/* ---- the answer ---- */

/* Octets at the end of s that begin a character and do not end it. */
static size_t
unfinished(struct str s)
{
	for (size_t n = 1; n <= 3 && n <= s.n; n++) {
		unsigned char c = (unsigned char)s.p[s.n - n];
		size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) == 0x80)
			continue;
		return needs > n ? n : 0;
	}
	return 0;
}

static void
say(struct turn *t, struct str text)
{
	size_t from = t->said.n;

	if (text.n == 0)
		return;
	(void)visible_text(text, TURN_TEXT_MAX - t->said.n, &t->said);
	if (t->said.n > from)
		tell_delta(t, str_from(buf_view(&t->said), from));
}

void
turn_say(struct turn *t, struct str text)
{
	struct buf b;
	size_t left;

	if (!turn_is_on(t))
		return;
	t->spoke = true;
	text = str_sub(text, 0, TURN_TEXT_MAX);
	buf_init(&b, TURN_TEXT_MAX + sizeof(t->tail));
	(void)buf_put(&b, t->tail, t->ntail);
	(void)buf_str(&b, text);
	left = unfinished(buf_view(&b));
	memcpy(t->tail, b.p + b.n - left, left);
	t->ntail = left;
	say(t, str_sub(buf_view(&b), 0, b.n - left));
	buf_free(&b);
}

void
turn_sayf(struct turn *t, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, TURN_TEXT_MAX);
	va_start(ap, fmt);
	(void)buf_vprintf(&b, fmt, ap);
	va_end(ap);
	turn_say(t, buf_view(&b));
	buf_free(&b);
}

static void
copy_str(cJSON *to, const cJSON *from, const char *name)
{
	json_put(to, name, turn_shown(json_str(json_get(from, name)), ITEM_STR));
}

static cJSON *
clean_item(const cJSON *item)
{
	const cJSON *from = json_get(item, "from");
	cJSON *out = cJSON_CreateObject(), *who = cJSON_CreateObject();

	copy_str(out, item, "emailId");
	copy_str(out, item, "threadId");
	copy_str(who, from, "name");
	copy_str(who, from, "email");
	json_put(out, "from", who);
	copy_str(out, item, "subject");
	copy_str(out, item, "receivedAt");
	json_put_bool(out, "unread", cJSON_IsTrue(json_get(item, "unread")));
	copy_str(out, item, "preview");
	return out;
}

void
turn_messages(struct turn *t, cJSON *items, uint64_t total, struct str query)
{
	cJSON *m, *out;
	const cJSON *item;

	if (turn_is_on(t)) {
		t->spoke = true;
		m = turn_message(t, "messages");
		out = cJSON_CreateArray();
		cJSON_ArrayForEach(item, items) if (cJSON_GetArraySize(out) < (int)ITEMS_MAX)
		    json_add(out, clean_item(item));
		json_put(m, "items", out);
		json_put_num(m, "total", (int64_t)total);
		json_put_str(m, "query", str_cut_utf8(query, CHOICE_MAX));
		chat_tell(t->chat, m);
	}
	cJSON_Delete(items);
}

void
turn_question(struct turn *t, struct str text, const struct str *choices, size_t n)
{
	cJSON *m, *list;

	if (!turn_is_on(t))
		return;
	t->spoke = true;
	m = turn_message(t, "question");
	list = cJSON_CreateArray();
	json_put(m, "text", turn_shown(text, QUESTION_MAX));
	for (size_t i = 0; i < n && i < CHOICES_MAX; i++)
		json_add(list, turn_shown(choices[i], CHOICE_MAX));
	json_put(m, "choices", list);
	chat_tell(t->chat, m);
	/* What is answered makes sense only with what was asked. */
	if (t->said.n > 0)
		(void)buf_putc(&t->said, '\n');
	(void)visible_text(text, num_min(QUESTION_MAX, TURN_TEXT_MAX - t->said.n), &t->said);
}

void
turn_approval(struct turn *t, struct str id, struct str what)
{
	cJSON *m;

	if (!turn_is_on(t))
		return;
	t->spoke = true;
	for (size_t i = 0; i < t->nowed; i++)
		if (str_eq(t->owed[i], id))
			t->owed[i] = t->owed[--t->nowed];
	m = turn_message(t, "approval");
	json_put_str(m, "approvalId", id);
	json_put(m, "what", turn_shown(what, CHOICE_MAX));
	chat_tell(t->chat, m);
}

void
turn_usage(struct turn *t, uint64_t input_tokens, uint64_t output_tokens)
{
	t->input_tokens += input_tokens;
	t->output_tokens += output_tokens;
}

/* ---- its end ---- */

static void
tell_rest(struct turn *t)
{
	cJSON *m;

	while (t->nowed > 0)
		turn_approval(t, t->owed[0], STR(""));
	if (t->changed == 0)
		return;
	m = turn_message(t, "undoable");
	json_put_str(m, "session", str_z(t->chat->session));
	json_put_num(m, "count", (int64_t)t->changed);
	chat_tell(t->chat, m);
}

static void
tell_done(struct turn *t)
{
	cJSON *m = turn_message(t, "done"), *usage = cJSON_CreateObject();

	json_put_num(usage, "calls", t->ncalls);
	json_put_num(usage, "ms", (int64_t)((clock_us() - t->began_us) / 1000));
	if (t->input_tokens + t->output_tokens > 0) {
		json_put_num(usage, "inputTokens", (int64_t)t->input_tokens);
		json_put_num(usage, "outputTokens", (int64_t)t->output_tokens);
	}
	json_put(m, "usage", usage);
	chat_tell(t->chat, m);
}

void
turn_done(struct turn *t)
{
	if (!turn_is_on(t))
		return;
	say(t, str_of(t->tail, t->ntail));
	tell_rest(t);
	tell_done(t);
	end(t, "done");
}

void
turn_fail(struct turn *t, const char *code, struct str text)
{
	if (!turn_is_on(t))
		return;
	tell_rest(t);
	tell_error(t, code, text);
	end(t, code);
}

void
turn_hand_over(struct turn *t, const char *why)
{
	if (!turn_is_on(t))
		return;
	assume(!t->spoke && t->brain != &brain_builtin);
	log_warn(
	    "aid.fallback", LZ("user", t->chat->user), LZ("brain", t->brain->name), LZ("why", why));
	metric_add(METRIC_AID_FALLBACKS, 1);
	t->state = TURN_HANDING;
	loop_defer(&t->defer);
}
