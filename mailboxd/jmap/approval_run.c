/*
 * approval_run.c - see approval.h: a human has agreed. A send goes to gk-smtpd in the name of the
 * agent session; for another action authd's approval is used up first, then it is done as any
 * request would do it, by actor "agent" with the agent session as sid, so that it can be undone.
 *
 * "approved" is durable before anything else is asked for. Where it is not known what became of one
 * (the owner, authd or the queue have ended in between), authd is told that nobody waits for the
 * approval any more, and says whether it was used and for which message; whether that message is
 * there the queue says. So one approval does at most one thing, and the record says what: what was
 * not used waits for the human again, what was used for nothing has failed.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/approval.h"
#include "mailboxd/jmap/mailbox.h"
#include "mailboxd/jmap/request.h"
#include "mailboxd/jmap/sending.h"

/* The call that waits for one; lives as long as the call. */
struct waiting {
	struct jmap_approving *run; /* NULL: it is over */
};

struct jmap_approving {
	LIST_ENTRY(jmap_approving) link;
	struct jmap *jmap;
	struct jmap_call *call; /* NULL: nobody waits */
	struct jmap_item *item;
	struct waiting *waiting;
	uint64_t id;
	struct arena arena;
	struct str session, digest, action, why; /* why: it was not done, so far */
	int64_t since;
	cJSON *what;
	struct str email, mid; /* of a send: the draft, the message in the queue */
	struct smtp_letter letter;
	bool is_send, asked, stopped; /* asked: an answer comes, also when it ends */
	struct home_waiter durable;
	struct jmap_request *request;
};

static void
run_free(struct jmap_approving *x)
{
	LIST_REMOVE(x, link);
	if (!x->stopped)
		jmap_due_changed(x->jmap);
	if (x->call != NULL)
		x->waiting->run = NULL;
	home_commit_cancel(x->jmap->home, &x->durable);
	jmap_request_free(&x->request);
	cJSON_Delete(x->what);
	arena_free(&x->arena);
	free(x);
}

/* It is over; type NULL: it was done. */
static void
end(struct jmap_approving *x, const char *type, const char *why)
{
	if (x->call != NULL) {
		if (type != NULL)
			(void)jmap_item_fail(x->item, type, "%s", why);
		jmap_continue(x->call);
	}
	run_free(x);
}

static void
on_call_ends(void *arg)
{
	struct waiting *w = arg;

	if (w->run != NULL)
		w->run->call = NULL;
}

/* ---- the record ---- */

/* Takes more, which becomes the member of that name. */
static void
note(struct jmap_approving *x, const char *state, struct str error, const char *name, cJSON *more)
{
	const struct change_by by = {.actor = STR("jmap")};
	struct err e;
	cJSON *v = jmap_stored(x->jmap->home, OBJECT_APPROVAL, x->id, &e);

	log_info("approval.state", LS("user", x->jmap->user), LS("sid", x->session),
	    LZ("state", state), LS("error", error));
	if (v == NULL) {
		cJSON_Delete(more);
		log_warn("jmap.approval", LS("user", x->jmap->user), LE(&e));
		return;
	}
	json_replace(v, "state", json_new_str(str_z(state)));
	json_replace(v, "error", error.n > 0 ? json_new_str(error) : cJSON_CreateNull());
	if (more != NULL)
		json_replace(v, name, more);
	if (jmap_store(x->jmap->home, OBJECT_APPROVAL, &x->id, v, &by, &e) < 0)
		log_warn("jmap.approval", LS("user", x->jmap->user), LE(&e));
	cJSON_Delete(v);
}

static void
failed(struct jmap_approving *x, const char *why)
{
	note(x, "failed", str_z(why), NULL, NULL);
	end(x, "forbiddenToSend", why);
}

/* ---- requests of our own ---- */

/* A single method call. agent: by the agent, and what it does is marked as such. Takes args. */
static void
request(struct jmap_approving *x, const char *method, cJSON *args, bool agent,
    void (*done)(void *arg, unsigned status, struct str json))
{
	const struct jmap_from from = {.ours = true, .session = agent ? x->session : STR_NONE};
	cJSON *r = cJSON_CreateObject(), *calls = cJSON_CreateArray(), *call = cJSON_CreateArray();
	cJSON *using = cJSON_CreateArray();

	json_add(using, json_new_str(STR(JMAP_CORE)));
	json_add(using, json_new_str(STR(JMAP_MAIL)));
	json_add(using, json_new_str(STR(JMAP_VACATION)));
	json_put_str(args, "accountId", str_z(x->jmap->account));
	json_add(call, json_new_str(str_z(method)));
	json_add(call, args);
	json_add(call, json_new_str(STR("0")));
	json_add(calls, call);
	json_put(r, "using", using);
	json_put(r, "methodCalls", calls);
	x->request = jmap_request_new_tree(x->jmap, &from, r, done, x);
}

/* ---- sent ---- */

static void
on_filed(void *arg, unsigned status, struct str json)
{
	struct jmap_approving *x = arg;

	if (status != 200 || str_find(json, STR("\"notUpdated\":null")) == json.n)
		log_info("approval.filed", LS("user", x->jmap->user),
		    LZ("result", "the draft is not there any more"));
	end(x, NULL, NULL);
}

/* The draft is what was sent, and stands where that does. */
static void
sent(struct jmap_approving *x, struct str mid)
{
	struct mailbox *mb = jmap_mailbox_for(x->jmap->home, USE_SENT);
	cJSON *args = cJSON_CreateObject(), *all = cJSON_CreateObject();
	cJSON *patch = cJSON_CreateObject(), *boxes = cJSON_CreateObject();

	log_info("approval.sent", LS("user", x->jmap->user), LS("sid", x->session), LS("mid", mid));
	note(x, "sent", STR(""), "mid", json_new_str(mid));
	if (mb != NULL) {
		json_put_named(
		    boxes, arena_printf(&x->arena, "m%u", (unsigned)mb->id), cJSON_CreateTrue());
		json_put(patch, "mailboxIds", boxes);
	} else {
		cJSON_Delete(boxes);
	}
	json_put(patch, "keywords/$draft", cJSON_CreateNull());
	json_put(patch, "keywords/" JMAP_AGENT_KEYWORD, cJSON_CreateNull());
	json_put(patch, "keywords/$seen", cJSON_CreateTrue());
	json_put_named(all, x->email, patch);
	json_put(args, "update", all);
	request(x, "Email/set", args, false, on_filed);
}

/* ---- what became of it ---- */

static void
unknown(struct jmap_approving *x, const char *why)
{
	/* It is looked for again when somebody looks at it, or the next owner comes. */
	x->jmap->approvals_left = true;
	end(x, "serverFail", why);
}

static void
on_submitted(void *to, const struct jmap_submitted *s, const struct err *e)
{
	struct jmap_approving *x = to;

	x->asked = false;
	if (x->stopped)
		run_free(x);
	else if (s == NULL)
		unknown(x, e->text);
	else if (s->state == SUBMITTED_UNKNOWN)
		failed(x, "its approval was used, and it was lost on its way: it has to be asked "
			  "for again");
	else if (s->state == SUBMITTED_CANCELED)
		failed(x, "it was taken back");
	else
		sent(x, x->mid);
}

static void
on_settled(void *to, bool used, struct str mid, const struct err *e)
{
	struct jmap_approving *x = to;

	x->asked = false;
	if (x->stopped) {
		run_free(x);
	} else if (e != NULL) {
		unknown(x, e->text);
	} else if (!used) {
		if (x->why.n == 0)
			x->why = STR("it was interrupted before anything was done");
		note(x, "requested", x->why, NULL, NULL);
		end(x, "forbiddenToSend", arena_dupz(&x->arena, x->why));
	} else if (x->is_send) {
		x->mid = arena_dup(&x->arena, mid);
		x->asked = true;
		jmap_ask_submitted(x->jmap, x->mid, on_submitted, x);
	} else {
		failed(x, "it was interrupted: a part of it may be done");
	}
}

static void
settle(struct jmap_approving *x)
{
	x->asked = true;
	jmap_ask_settle(x->jmap, x->session, x->digest, x->since, on_settled, x);
}

/* ---- doing it ---- */

static void
on_sent(void *arg, const struct smtp_result *r, const struct err *e)
{
	struct jmap_approving *x = arg;

	x->asked = false;
	if (x->stopped) {
		run_free(x);
	} else if (r != NULL && r->stage == SMTP_OUT_DONE) {
		sent(x, r->mid);
	} else {
		x->why = arena_dup(&x->arena, r != NULL ? r->text : str_z(e->text));
		settle(x);
	}
}

static size_t
members(const cJSON *v)
{
	return cJSON_IsArray(v) || cJSON_IsObject(v) ? (size_t)cJSON_GetArraySize(v) : 0;
}

static void
on_done(void *arg, unsigned status, struct str json)
{
	struct jmap_approving *x = arg;
	cJSON *v = status == 200 ? json_parse(json, JSON_VALUES_MAX, NULL) : NULL, *outcome;
	const cJSON *first = json_get(v, "methodResponses");
	const cJSON *a = first != NULL && first->child != NULL ? first->child->child : NULL;
	const cJSON *result = a != NULL ? a->next : NULL;
	size_t good, bad;

	good = members(json_get(result, "updated")) + members(json_get(result, "destroyed"));
	bad = members(json_get(result, "notUpdated")) + members(json_get(result, "notDestroyed"));
	if (result == NULL || str_eq_z(json_str(a), "error") || (good == 0 && bad > 0)) {
		failed(x, "it could not be done: what it is about is not there any more");
	} else {
		outcome = cJSON_CreateObject();
		json_put_num(outcome, "done", (int64_t)good);
		json_put_num(outcome, "failed", (int64_t)bad);
		note(x, "done", STR(""), "outcome", outcome);
		end(x, NULL, NULL);
	}
	cJSON_Delete(v);
}

/* The mailbox is called what it was called when the human read of it. */
static bool
is_same_box(struct jmap_approving *x)
{
	struct str id = json_str(json_get(x->what, "mailboxId"));
	uint64_t n = jmap_mailbox_parse(id);
	struct mailbox *mb = n != 0 ? home_find_id(x->jmap->home, (uint32_t)n) : NULL;

	return id.p == NULL ||
	       (mb != NULL && str_eq(mb->name, json_str(json_get(x->what, "mailboxName"))));
}

static void
act(struct jmap_approving *x)
{
	struct str box = json_str(json_get(x->what, "mailboxId"));
	const cJSON *ids = json_get(x->what, "emailIds"), *m;
	cJSON *args = cJSON_CreateObject(), *all, *patch, *boxes;

	if (str_eq_z(x->action, "vacation")) {
		all = cJSON_CreateObject();
		json_put(all, "singleton", x->what);
		x->what = NULL;
		json_put(args, "update", all);
		request(x, "VacationResponse/set", args, true, on_done);
		return;
	}
	if (cJSON_IsTrue(json_get(x->what, "destroy"))) {
		json_put(args, "destroy", cJSON_Duplicate(ids, true));
	} else {
		all = cJSON_CreateObject();
		cJSON_ArrayForEach(m, ids)
		{
			patch = cJSON_CreateObject();
			boxes = cJSON_CreateObject();
			json_put_named(boxes, box, cJSON_CreateTrue());
			json_put(patch, "mailboxIds", boxes);
			json_put_named(all, json_str(m), patch);
		}
		json_put(args, "update", all);
	}
	request(x, "Email/set", args, true, on_done);
}

static void
on_action(void *to, struct str approval, const struct err *e)
{
	struct jmap_approving *x = to;

	x->asked = false;
	if (x->stopped) {
		run_free(x);
	} else if (e != NULL) {
		x->why = arena_dup(&x->arena, str_z(e->text));
		settle(x);
	} else {
		log_info("approval.act", LS("user", x->jmap->user), LS("sid", x->session),
		    LS("action", x->action), LS("approval", approval));
		if (is_same_box(x))
			act(x);
		else
			failed(x, "the mailbox is another one by now");
	}
}

static void
on_durable(void *arg, const struct err *e)
{
	struct jmap_approving *x = arg;

	if (e != NULL) {
		unknown(x, e->text);
		return;
	}
	x->asked = true;
	if (x->is_send)
		jmap_send_approved(x->jmap, x->session, &x->letter, on_sent, x);
	else
		jmap_ask_action(x->jmap, x->session, x->digest, on_action, x);
}

/* ---- the beginning ---- */

static struct str
decode(struct arena *a, struct str text)
{
	unsigned char *out = arena_alloc(a, text.n + 1);
	size_t n = 0;

	if (sodium_base642bin(
		out, text.n, text.p, text.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return STR("");
	return str_of((char *)out, n);
}

/* The letter, as it was frozen. */
static void
thaw(struct jmap_approving *x, const cJSON *v)
{
	const cJSON *envelope = json_get(v, "envelope"), *to = json_get(envelope, "rcptTo"), *m;
	struct str octets = decode(&x->arena, json_str(json_get(v, "octets")));
	size_t n = header_length(octets);
	struct str *rcpts;

	x->letter.sender =
	    arena_dup(&x->arena, json_str(json_get(json_get(envelope, "mailFrom"), "email")));
	rcpts = arena_array(&x->arena, (size_t)cJSON_GetArraySize(to) + 1, sizeof *rcpts);
	cJSON_ArrayForEach(m, to)
	{
		rcpts[x->letter.nrcpts] = arena_dup(&x->arena, json_str(json_get(m, "email")));
		x->letter.utf8 |= !str_is_ascii(rcpts[x->letter.nrcpts++]);
	}
	x->letter.rcpts = rcpts;
	x->letter.head = str_sub(octets, 0, n);
	x->letter.body = str_from(octets, n);
	x->letter.utf8 |= !str_is_ascii(x->letter.head) || !str_is_ascii(x->letter.sender);
	x->letter.eightbit = !str_is_ascii(x->letter.body);
}

static struct jmap_approving *
run_new(struct jmap *j, uint64_t id, const cJSON *v)
{
	struct jmap_approving *x = mem_alloc(sizeof *x);
	struct str digest = json_str(json_get(v, "digest"));
	unsigned char *raw;
	size_t n;

	*x = (struct jmap_approving){.jmap = j, .id = id, .since = jmap_approval_since(v)};
	x->durable = (struct home_waiter){.fn = on_durable, .arg = x};
	arena_init(&x->arena);
	raw = arena_alloc(&x->arena, APPROVAL_DIGEST);
	if (sodium_hex2bin(raw, APPROVAL_DIGEST, digest.p, digest.n, NULL, &n, NULL) == 0)
		x->digest = str_of((char *)raw, n);
	x->session = arena_dup(&x->arena, json_str(json_get(v, "session")));
	x->action = arena_dup(&x->arena, json_str(json_get(v, "action")));
	x->email = arena_dup(&x->arena, json_str(json_get(v, "emailId")));
	x->what = cJSON_Duplicate(json_member(v, "what"), true);
	/* Those of before there were other actions say none. */
	x->is_send = x->what == NULL;
	LIST_INSERT_HEAD(&j->approving, x, link);
	jmap_due_changed(j);
	return x;
}

/* What was frozen is what it was. */
static bool
is_whole(struct jmap_approving *x, const cJSON *v)
{
	unsigned char digest[APPROVAL_DIGEST];

	if (x->is_send) {
		thaw(x, v);
		return x->letter.nrcpts > 0 && x->letter.head.n > 0 && x->email.n > 0;
	}
	jmap_approval_digest(x->jmap, v, digest);
	return str_eq(x->digest, str_of((char *)digest, sizeof digest));
}

enum jmap_step
jmap_approval_run(struct jmap_call *c, struct jmap_item *it, cJSON *v)
{
	struct waiting *w = it->op;
	struct jmap_approving *x;
	struct err e;

	if (w != NULL)
		return w->run == NULL ? JMAP_DONE : JMAP_WAIT;
	if (c->jmap->host.outside == NULL || c->jmap->host.outside->agent_smtp == NULL)
		return jmap_item_fail(it, "forbiddenToSend", "nothing can be done from here");
	x = run_new(c->jmap, it->id, v);
	if (!is_whole(x, v)) {
		run_free(x);
		return jmap_item_fail(it, "serverFail", "what was frozen is damaged");
	}
	json_replace(v, "state", json_new_str(STR("approved")));
	json_replace(v, "error", cJSON_CreateNull());
	if (jmap_store(c->home, OBJECT_APPROVAL, &it->id, v, c->by, &e) < 0) {
		run_free(x);
		return jmap_item_err(c, it, &e);
	}
	x->call = c;
	x->item = it;
	it->op = x->waiting = w = arena_new(&c->arena, struct waiting);
	w->run = x;
	arena_defer(&c->arena, on_call_ends, w);
	home_commit(c->home, &x->durable);
	return JMAP_WAIT;
}

void
jmap_approval_look(struct jmap *j, uint64_t id, const cJSON *v)
{
	struct jmap_approving *x;

	if (!jmap_approval_is(v, "approved") || j->host.outside == NULL ||
	    j->host.outside->settle == NULL)
		return;
	LIST_FOREACH (x, &j->approving, link)
		if (x->id == id)
			return;
	settle(run_new(j, id, v));
}

static bool
resume(void *arg, uint32_t id, struct str text)
{
	cJSON *v;

	if (str_find(text, STR("\"approved\"")) == text.n)
		return true;
	if ((v = json_parse(text, JMAP_VALUES_MAX, NULL)) != NULL)
		jmap_approval_look(arg, id, v);
	cJSON_Delete(v);
	return true;
}

void
jmap_approval_start(struct jmap *j)
{
	struct err e;

	if (object_each(j->home, OBJECT_APPROVAL, resume, j, &e) < 0)
		log_warn("jmap.approval", LS("user", j->user), LE(&e));
}

/* ---- the end ---- */

bool
jmap_approval_is_busy(const struct jmap *j)
{
	return !LIST_EMPTY(&j->approving);
}

void
jmap_approval_stop(struct jmap *j)
{
	struct jmap_approving *x, *next;

	for (x = LIST_FIRST(&j->approving); x != NULL; x = next) {
		next = LIST_NEXT(x, link);
		x->stopped = true;
		if (!x->asked)
			run_free(x);
	}
}
