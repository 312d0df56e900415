/*
 * submission.c - EmailSubmission (RFC 8621 7): an email goes out through gk-smtpd, in the user's
 * name and by the rules for all submissions (INVARIANTS 19).
 *
 * What is kept of one is written when gk-smtpd has answered that it took the message: the queue has
 * it durably by then, and the client's answer waits for our own commit. A client that is gone by
 * then finds it all the same. One that is put off (RFC 4865) waits in the queue, where alone it can
 * be taken back.
 */
#include "mailboxd/jmap/submission.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "store/email.h"

#define KEPT_S 2592000 /* what is over is kept so long (RFC 8621 7) */

static const char *const properties[] = {"id", "identityId", "emailId", "threadId", "envelope",
    "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds", "mdnBlobIds", NULL};

JMAP_STORED_TYPE('s', OBJECT_SUBMISSION)

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	cJSON *v = jmap_stored(c->home, OBJECT_SUBMISSION, id, e);

	if (v == NULL)
		return e->code == E_NOTFOUND ? 0 : -1;
	jmap_submission_seen(c->jmap, v);
	jmap_put_wanted(c, v, out);
	cJSON_Delete(v);
	return 1;
}

/* ---- set: made ---- */

/* What is over for long is not kept for ever. */
struct pruning {
	uint32_t ids[100];
	size_t n;
};

static bool
is_old(void *arg, uint32_t id, struct str t)
{
	struct pruning *p = arg;
	cJSON *v = json_parse(t, JMAP_VALUES_MAX, NULL);

	if (jmap_submission_time(v) + KEPT_S < clock_wall())
		p->ids[p->n++] = id;
	cJSON_Delete(v);
	return p->n < ARRAY_LEN(p->ids);
}

static void
prune(struct jmap *j, const struct change_by *by)
{
	struct pruning p = {.n = 0};

	if (object_each(j->home, OBJECT_SUBMISSION, is_old, &p, NULL) < 0)
		return;
	for (size_t i = 0; i < p.n; i++)
		(void)object_remove(j->home, OBJECT_SUBMISSION, p.ids[i], by, NULL);
}

static cJSON *
status_of(const struct jmap_outgoing *o, const struct smtp_result *r)
{
	cJSON *map = cJSON_CreateObject();

	for (size_t i = 0; i < o->letter.nrcpts; i++) {
		cJSON *one = cJSON_CreateObject();

		json_put_str(one, "smtpReply", r->rcpts[i]);
		json_put_str(one, "delivered", STR("queued"));
		json_put_str(one, "displayed", STR("unknown"));
		json_put_named(map, o->letter.rcpts[i], one);
	}
	return map;
}

static cJSON *
record(struct jmap_outgoing *o, const struct smtp_result *r)
{
	cJSON *v = cJSON_CreateObject();
	char id[JMAP_ID_SIZE], when[CLOCK_RFC3339_SIZE];

	json_put_str(v, "identityId", str_z(jmap_number_text(o->identity, 'i', id)));
	json_put_str(v, "emailId", str_z(email_text(o->email, EMAIL_LETTER, id)));
	json_put_str(v, "threadId", str_z(email_text(o->thread, THREAD_LETTER, id)));
	json_put(v, "envelope", o->envelope);
	o->envelope = NULL;
	/* UTCDate, without a fraction (RFC 8620 1.4). */
	clock_rfc3339(o->send_at * 1000000, when);
	json_put_str(v, "sendAt", arena_printf(&o->arena, "%.19sZ", when));
	json_put_str(v, "undoStatus", o->held ? STR("pending") : STR("final"));
	json_put(v, "deliveryStatus", status_of(o, r));
	json_put(v, "dsnBlobIds", cJSON_CreateArray());
	json_put(v, "mdnBlobIds", cJSON_CreateArray());
	json_put_str(v, "mid", r->mid);
	return v;
}

/* RFC 8621 7.5: what a refusal is called. */
static void
refused(struct jmap_outgoing *o, struct jmap_item *it, const struct smtp_result *r)
{
	cJSON *list;

	if (r->code / 100 != 5) {
		/* RFC 3463 3.4: the mail system is full, or otherwise not ready. */
		(void)jmap_item_fail(it,
		    r->code == 0                                  ? "serverFail"
		    : str_find(r->text, STR(" 4.3.")) < r->text.n ? "serverUnavailable"
								  : "forbiddenToSend",
		    STR_FMT, STR_ARG(r->text));
	} else if (r->stage == SMTP_OUT_MAIL) {
		(void)jmap_item_fail(it,
		    str_find(r->text, STR("5.3.4")) < r->text.n ? "tooLarge" : "forbiddenMailFrom",
		    STR_FMT, STR_ARG(r->text));
	} else if (r->stage == SMTP_OUT_RCPT) {
		(void)jmap_item_fail(it, "invalidRecipients", STR_FMT, STR_ARG(r->text));
		list = cJSON_CreateArray();
		for (size_t i = 0; i < o->letter.nrcpts; i++)
			if (r->rcpts[i].n > 0 && r->rcpts[i].p[0] != '2')
				json_add(list, json_new_str(o->letter.rcpts[i]));
		jmap_item_add(it, "invalidRecipients", list);
	} else {
		(void)jmap_item_fail(it,
		    str_find(r->text, STR("5.7.1")) < r->text.n   ? "forbiddenFrom"
		    : str_find(r->text, STR("5.3.4")) < r->text.n ? "tooLarge"
								  : "invalidEmail",
		    STR_FMT, STR_ARG(r->text));
	}
}

static void
on_sent(void *arg, const struct smtp_result *r, const struct err *e)
{
	const struct change_by by = {.actor = STR("jmap")};
	struct jmap_outgoing *o = arg;
	struct err why = {0};
	cJSON *v;

	o->answered = true;
	if (r != NULL && r->stage == SMTP_OUT_DONE) {
		v = record(o, r);
		prune(o->jmap, &by);
		if (jmap_store(o->jmap->home, OBJECT_SUBMISSION, &o->id, v, &by, &why) < 0)
			log_warn("jmap.submission", LS("user", o->jmap->user), LS("mid", r->mid),
			    LE(&why));
		log_info("jmap.submit", LS("user", o->jmap->user), LS("mid", r->mid),
		    LU("rcpts", o->letter.nrcpts), LU("held", o->held));
		jmap_submission_made(o->jmap);
		if (o->item != NULL && o->id != 0) {
			o->item->id = o->id;
			jmap_put_made(o->item->out, v);
		}
		cJSON_Delete(v);
	}
	if (o->item != NULL && r == NULL)
		(void)jmap_item_fail(o->item, "serverFail", "%s", e->text);
	else if (o->item != NULL && r->stage != SMTP_OUT_DONE)
		refused(o, o->item, r);
	else if (o->item != NULL && o->id == 0)
		(void)jmap_item_fail(o->item, "serverFail", "%s", why.text);
	if (o->call != NULL)
		jmap_continue(o->call);
	else
		jmap_outgoing_free(&o);
}

/* The call ends, done or given up: what is on its way goes on without it. */
static void
on_call_ends(void *arg)
{
	struct jmap_outgoing *o = arg;

	o->call = NULL;
	o->item = NULL;
	if (o->answered || !o->started)
		jmap_outgoing_free(&o);
}

static enum jmap_step
create(struct jmap_call *c, struct jmap_item *it)
{
	struct jmap_outgoing *o = it->op;

	if (o != NULL)
		return o->answered ? JMAP_DONE : JMAP_WAIT;
	it->op = o = jmap_outgoing_new(c, it);
	arena_defer(&c->arena, on_call_ends, o);
	if (jmap_outgoing_read(o) < 0)
		return JMAP_DONE;
	if (c->jmap->host.outside == NULL)
		return jmap_item_fail(it, "forbiddenToSend", "nothing can be sent from here");
	o->started = true;
	jmap_send(c->jmap, &o->letter, on_sent, o);
	return JMAP_WAIT;
}

/* ---- set: taken back ---- */

struct undoing {
	struct jmap_call *call; /* NULL: it has ended */
	struct jmap_item *item;
	struct jmap *jmap;
	bool answered;
};

static void
on_undone(void *to, const struct jmap_submitted *s, const struct err *e)
{
	struct undoing *u = to;
	struct err why;
	cJSON *v;

	u->answered = true;
	if (u->call == NULL) {
		free(u);
		return;
	}
	if (s == NULL) {
		(void)jmap_item_fail(u->item, "serverFail", "%s", e->text);
	} else if ((v = jmap_stored(u->jmap->home, OBJECT_SUBMISSION, u->item->id, &why)) == NULL) {
		(void)jmap_item_err(u->call, u->item, &why);
	} else {
		jmap_submission_told(v, s);
		if (jmap_store(
			u->jmap->home, OBJECT_SUBMISSION, &u->item->id, v, u->call->by, &why) < 0)
			(void)jmap_item_err(u->call, u->item, &why);
		else if (!str_eq_z(json_str(json_get(v, "undoStatus")), "canceled"))
			(void)jmap_item_fail(u->item, "cannotUnsend", "it is sent, or on its way");
		cJSON_Delete(v);
	}
	jmap_continue(u->call);
}

static void
on_undo_ends(void *arg)
{
	struct undoing *u = arg;

	u->call = NULL;
	if (u->answered)
		free(u);
}

/* 1: it is to be taken back; 0: nothing changes; -1: the item has failed. */
static int
read_update(struct jmap_item *it, const cJSON *v)
{
	struct str was = json_str(json_get(v, "undoStatus"));
	const cJSON *m;
	int wanted = 0;

	cJSON_ArrayForEach(m, it->given)
	{
		struct str name = json_name(m), to = json_str(m);

		if (str_eq_z(name, "undoStatus") && str_eq_z(to, "canceled"))
			wanted = !str_eq_z(was, "canceled");
		else if (!(str_eq_z(name, "id") && str_eq(to, it->key)) &&
			 (str_eq_z(name, "mid") || !cJSON_Compare(m, json_get(v, m->string), true)))
			(void)jmap_item_invalid(it, m->string, "it cannot be changed so");
	}
	if (jmap_item_failed(it))
		return -1;
	if (wanted && !str_eq_z(was, "pending")) {
		(void)jmap_item_fail(it, "cannotUnsend", "it is sent, or on its way");
		return -1;
	}
	return wanted;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	const struct jmap_outside *o = c->jmap->host.outside;
	struct undoing *u = it->op;
	struct err e;
	cJSON *v;
	int wanted;

	if (u != NULL)
		return u->answered ? JMAP_DONE : JMAP_WAIT;
	if ((v = jmap_stored(c->home, OBJECT_SUBMISSION, it->id, &e)) == NULL)
		return jmap_item_err(c, it, &e);
	wanted = read_update(it, v);
	if (wanted == 1 && o == NULL)
		wanted = jmap_item_fail(it, "cannotUnsend", "nobody to ask") == JMAP_DONE ? -1 : -1;
	if (wanted == 1) {
		it->op = u = mem_alloc(sizeof *u);
		*u = (struct undoing){.call = c, .item = it, .jmap = c->jmap};
		arena_defer(&c->arena, on_undo_ends, u);
		o->submitted(o->arg, json_str(json_get(v, "mid")), true, on_undone, u);
	}
	cJSON_Delete(v);
	return wanted == 1 ? JMAP_WAIT : JMAP_DONE;
}

/* RFC 8621 7.5: what is sent, or will be, is not touched. */
static enum jmap_step
destroy(struct jmap_call *c, struct jmap_item *it)
{
	struct err e;
	cJSON *v = jmap_stored(c->home, OBJECT_SUBMISSION, it->id, &e);

	if (v == NULL)
		return jmap_item_err(c, it, &e);
	/* For onSuccess…: which email it was. */
	it->op = arena_dupz(&c->arena, json_str(json_get(v, "emailId")));
	cJSON_Delete(v);
	if (object_remove(c->home, OBJECT_SUBMISSION, (uint32_t)it->id, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	return JMAP_DONE;
}

/* ---- set: what follows ---- */

static int
set_begin(struct jmap_call *c)
{
	const cJSON *v;

	return jmap_arg_object(c, "onSuccessUpdateEmail", &v) < 0 ||
		       jmap_arg_array(c, "onSuccessDestroyEmail", &v) < 0
		   ? -1
		   : 0;
}

/* The email of a submission that this call has made, changed or destroyed; STR_NONE: none. */
static struct str
email_of(struct jmap_call *c, struct str id)
{
	const struct jmap_item *it = NULL;
	struct str email = STR_NONE;
	cJSON *v;

	for (unsigned what = JMAP_CREATE; what <= JMAP_DESTROY && it == NULL; what++)
		it = jmap_set_item(c, (enum jmap_what)what, id);
	if (it == NULL || jmap_item_failed(it))
		return STR_NONE;
	if (it->what == JMAP_DESTROY)
		return str_z(it->op);
	if ((v = jmap_stored(c->home, OBJECT_SUBMISSION, it->id, NULL)) != NULL)
		email = arena_dup(&c->arena, json_str(json_get(v, "emailId")));
	cJSON_Delete(v);
	return email;
}

/* RFC 8621 7.5: one Email/set for all that went well. */
static void
set_end(struct jmap_call *c)
{
	cJSON *args = cJSON_CreateObject(), *patches = cJSON_CreateObject(),
	      *gone = cJSON_CreateArray();
	const cJSON *m;
	struct str email;

	cJSON_ArrayForEach(m, json_member(c->args, "onSuccessUpdateEmail"))
	{
		if ((email = email_of(c, json_name(m))).n > 0)
			json_put_named(patches, email, cJSON_Duplicate(m, true));
	}
	cJSON_ArrayForEach(m, json_member(c->args, "onSuccessDestroyEmail"))
	{
		if ((email = email_of(c, json_str(m))).n > 0)
			json_add(gone, json_new_str(email));
	}
	if (patches->child == NULL && gone->child == NULL) {
		cJSON_Delete(patches);
		cJSON_Delete(gone);
		cJSON_Delete(args);
		return;
	}
	json_put(args, "update", patches);
	json_put(args, "destroy", gone);
	jmap_then(c, "Email/set", args);
}

/* ---- methods ---- */

static enum jmap_step
submission_set(struct jmap_call *c)
{
	return jmap_with_senders(c, jmap_set);
}

const struct jmap_object jmap_submission_object = {
    .name = "EmailSubmission",
    .type = JMAP_EMAIL_SUBMISSION,
    .parse = parse,
    .text = text,
    .properties = properties,
    .all = all,
    .get = get,
    .changed = changed,
    .query = jmap_submission_query,
    .set_args = "onSuccessUpdateEmail onSuccessDestroyEmail",
    .set_begin = set_begin,
    .set_end = set_end,
    .create = create,
    .update = update,
    .destroy = destroy,
};

#define METHOD(verb, fn)                                                                   \
	{                                                                                  \
		.name = "EmailSubmission/" verb, .capability = JMAP_SUBMISSION, .run = fn, \
		.object = &jmap_submission_object                                          \
	}

const struct jmap_method jmap_submission_methods[] = {METHOD("get", jmap_get),
    METHOD("changes", jmap_changes), METHOD("set", submission_set), METHOD("query", jmap_query),
    METHOD("queryChanges", jmap_query_changes), {0}};
