/*
 * confirm.c - what the person is asked before a model that was given mail changes anything
 * (docs/adr/0042-changes-after-reading.md).
 *
 * Calls that differ in nothing but the messages they are about stand on one card. It shows what
 * gk-mcpd says would be done, not what the model calls it. No answer in assistant.confirm_time is a
 * no; so are the end of the turn and of the conversation, where the calls are dropped. Who has said
 * no is not asked again in the same turn: a model cannot wear anybody out.
 */
#include <stdlib.h>

#include "aid/chat_in.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/chat.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SAYS_NO                                                                                   \
	"Not done: the user said no. Nothing was changed. Do not try it again, nor another way: " \
	"say so, and ask what is wanted instead."
#define SAYS_NOTHING                                                                           \
	"Not done: the user was asked and did not answer. Nothing was changed. Do not try it " \
	"again."
#define TOO_LONG                                                                                \
	"Not done: it is too long to be shown to the user, who has to agree to it. Do less at " \
	"once."

/* ---- mail that was read ---- */

/* What these answer with comes from no mail: names that the user gave, ids, words of our own. What
 * is not among them may hold what strangers wrote. */
static bool
tells_mail(const char *tool)
{
	static const char *const plain[] = {
	    "list_mailboxes", "flag", "move", "delete_draft", "set_vacation"};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (strcmp(tool, plain[i]) == 0)
			return false;
	return true;
}

static void
add_id(struct mail_read *r, struct str id)
{
	if (id.n == 0 || id.n > CHAT_ID_MAX)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq_z(id, r->ids[i]))
			return;
	if (r->n == READ_MAX) {
		r->listed = true;
		free(r->ids[0]);
		memmove(r->ids, r->ids + 1, sizeof(r->ids) - sizeof(r->ids[0]));
		r->n--;
	}
	r->ids[r->n++] = mem_dup(id.p, id.n);
}

void
confirm_note(struct chat *c, const struct tool_call *call, const cJSON *data)
{
	const cJSON *list = json_get(data, "messages"), *m;

	if (!tells_mail(call->name))
		return;
	c->read.any = true;
	if (call->about == NULL)
		c->read.listed = true;
	else if (!cJSON_IsArray(list))
		add_id(&c->read, str_z(call->about));
	else /* a conversation */
		cJSON_ArrayForEach(m, list) add_id(&c->read, json_str(json_get(m, "id")));
}

void
confirm_forget(struct chat *c)
{
	while (c->read.n > 0)
		free(c->read.ids[--c->read.n]);
	c->read = (struct mail_read){0};
}

/* ---- asking ---- */

/* The same but for the messages it is about. */
static bool
is_alike(const struct tool_call *a, const struct tool_call *b)
{
	cJSON *x, *y;
	bool same;

	if (strcmp(a->name, b->name) != 0 || json_get(a->args, "messages") == NULL ||
	    json_get(b->args, "messages") == NULL)
		return false;
	x = cJSON_Duplicate(a->args, true);
	y = cJSON_Duplicate(b->args, true);
	cJSON_DeleteItemFromObjectCaseSensitive(x, "messages");
	cJSON_DeleteItemFromObjectCaseSensitive(y, "messages");
	same = cJSON_Compare(x, y, true);
	cJSON_Delete(x);
	cJSON_Delete(y);
	return same;
}

static cJSON *
new_card(const struct tool_call *first)
{
	const struct turn *t = first->turn;
	const struct mail_read *r = &t->chat->read;
	cJSON *m = turn_message(t, "confirm"), *changes = cJSON_CreateArray(),
	      *ids = cJSON_CreateArray();
	const struct tool_call *c;
	const cJSON *v;

	json_put_num(m, "call", (int64_t)first->number);
	json_put_str(m, "tool", str_z(first->name));
	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_ASKED && c->card == first->number)
			cJSON_ArrayForEach(v, c->changes)
			    json_add(changes, cJSON_Duplicate(v, true));
	json_put(m, "changes", changes);
	for (size_t i = r->n; i > 0; i--)
		json_add(ids, json_new_str(str_z(r->ids[i - 1])));
	json_put(m, "read", ids);
	json_put_bool(m, "listed", r->listed);
	return m;
}

static bool
fits(const cJSON *message)
{
	struct buf b;
	bool over;

	buf_init(&b, CHAT_OUT_MAX);
	json_print(message, &b);
	over = b.over;
	buf_free(&b);
	return !over;
}

static void
refuse_card(struct turn *t, uint64_t card, const char *why)
{
	struct tool_call *c;

	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_ASKED && c->card == card) {
			c->refused = true;
			call_refuse(c, why);
		}
}

/* It and all that are like it. */
static void
ask_about(struct tool_call *first)
{
	struct turn *t = first->turn;
	struct tool_call *c;
	cJSON *m;

	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_HELD && (c == first || is_alike(first, c))) {
			c->state = CALL_ASKED;
			c->card = first->number;
		}
	m = new_card(first);
	if (fits(m)) {
		chat_tell(t->chat, m);
		return;
	}
	cJSON_Delete(m);
	refuse_card(t, first->number, TOO_LONG);
}

static bool
is_asked(const struct turn *t)
{
	const struct tool_call *c;

	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_ASKED)
			return true;
	return false;
}

/* The time of the turn stands still while the person thinks. */
static void
settle(struct turn *t)
{
	uint64_t now = clock_ms();
	bool asking = is_asked(t);

	if (asking == t->asking)
		return;
	t->asking = asking;
	if (asking) {
		t->ends_ms = t->ends_ms > now ? t->ends_ms - now : 0;
		loop_timer_set(t->timer, conf_num(svc_conf(), CONF_ASSISTANT_CONFIRM_TIME));
	} else {
		loop_timer_set(t->timer, t->ends_ms);
		t->ends_ms += now;
	}
}

void
confirm_ask(struct turn *t)
{
	struct tool_call *c;

	TAILQ_FOREACH (c, &t->calls, link) {
		if (c->state != CALL_HELD)
			continue;
		if (t->refused) {
			c->refused = true;
			call_refuse(c, SAYS_NO);
		} else {
			ask_about(c);
		}
	}
	settle(t);
}

/* ---- answers ---- */

static void
tell_answer(const struct turn *t, uint64_t card, const char *how)
{
	cJSON *m = turn_message(t, "confirmed");

	json_put_num(m, "call", (int64_t)card);
	json_put_str(m, "answer", str_z(how));
	chat_tell(t->chat, m);
	metric_add(strcmp(how, "yes") == 0  ? METRIC_AID_CONFIRMS_YES
		   : strcmp(how, "no") == 0 ? METRIC_AID_CONFIRMS_NO
					    : METRIC_AID_CONFIRMS_NONE,
	    1);
	log_info("aid.confirm", LZ("user", t->chat->user), LZ("session", t->chat->session),
	    LZ("answer", how));
}

static struct tool_call *
on_card(struct turn *t, uint64_t card)
{
	struct tool_call *c;

	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_ASKED && c->card == card)
			return c;
	return NULL;
}

void
confirm_take(struct turn *t, uint64_t card, bool yes)
{
	struct tool_call *c;

	if (on_card(t, card) == NULL)
		return;
	tell_answer(t, card, yes ? "yes" : "no");
	if (!yes) {
		t->refused = true;
		refuse_card(t, card, SAYS_NO);
	}
	while ((c = on_card(t, card)) != NULL) {
		c->state = CALL_WAITS;
		c->hold = false;
		loop_defer(&t->defer);
	}
	settle(t);
}

bool
confirm_over(struct turn *t, const char *how)
{
	struct tool_call *c;

	if (!is_asked(t))
		return false;
	t->refused = true;
	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == CALL_ASKED) {
			tell_answer(t, c->card, how);
			refuse_card(t, c->card, SAYS_NOTHING);
		}
	settle(t);
	return true;
}
