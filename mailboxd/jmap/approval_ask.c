/*
 * approval_ask.c - see approval.h: what an agent asks for is frozen, to the octet, under the digest
 * that a human's word will be for.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/approval.h"
#include "mailboxd/jmap/mailbox.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/request.h"
#include "mailboxd/jmap/submission.h"
#include "mailboxd/jmap/vacation.h"
#include "store/email.h"

#define FROZEN_MAX  (512u << 10) /* octets */
#define WAITING_MAX 20u
#define WAIT_S      604800  /* as in approval.c */
#define KEPT_S      2592000 /* and what is over is kept so long */
#define ORIGINS_MAX 100u
#define VALUE_MAX   320u

/* ---- room ---- */

struct counting {
	struct str digest, session;
	uint32_t same; /* waits, and is of that digest */
	size_t waiting;
	uint32_t old[100];
	size_t nold;
};

static bool
count(void *arg, uint32_t id, struct str t)
{
	struct counting *n = arg;
	cJSON *v = json_parse(t, JMAP_VALUES_MAX, NULL);
	int64_t age = clock_wall() - jmap_approval_since(v);
	bool waits = v != NULL && jmap_approval_is(v, "requested") && age < WAIT_S;

	n->waiting += waits;
	if (waits && str_eq(json_str(json_get(v, "digest")), n->digest) &&
	    str_eq(json_str(json_get(v, "session")), n->session))
		n->same = id;
	if (!waits && (v == NULL || age >= KEPT_S) && n->nold < ARRAY_LEN(n->old))
		n->old[n->nold++] = id;
	cJSON_Delete(v);
	return true;
}

static int
make_room(struct jmap_call *c, const cJSON *v, uint32_t *same, struct err *e)
{
	struct counting n = {
	    .digest = json_str(json_get(v, "digest")), .session = json_str(json_get(v, "session"))};

	if (object_each(c->home, OBJECT_APPROVAL, count, &n, e) < 0)
		return -1;
	*same = n.same;
	for (size_t i = 0; i < n.nold; i++)
		(void)object_remove(c->home, OBJECT_APPROVAL, n.old[i], c->by, NULL);
	return n.waiting < WAITING_MAX || n.same != 0
		   ? 0
		   : err_set(e, E_LIMIT, "%u wait for the user already", WAITING_MAX);
}

/* ---- what all of them have ---- */

static bool
is_short(const cJSON *v, size_t max)
{
	struct str s = json_str(v);

	return s.p != NULL && s.n <= max;
}

static bool
is_origin(const cJSON *v)
{
	const cJSON *m, *id = json_get(v, "emailId");

	if (!cJSON_IsObject(v) || !is_short(json_get(v, "value"), VALUE_MAX) ||
	    !is_short(json_get(v, "where"), VALUE_MAX))
		return false;
	if (id != NULL && !cJSON_IsNull(id) && !is_short(id, VALUE_MAX))
		return false;
	cJSON_ArrayForEach(m, v)
	{
		if (!str_eq_z(json_name(m), "value") && !str_eq_z(json_name(m), "where") &&
		    !str_eq_z(json_name(m), "emailId"))
			return false;
	}
	return true;
}

/* A list, also where none is given. -1: the item has failed. */
static int
read_origins(struct jmap_item *it, const cJSON **out)
{
	const cJSON *list = json_member(it->given, "origins"), *m;
	bool good =
	    list == NULL || (cJSON_IsArray(list) && cJSON_GetArraySize(list) <= (int)ORIGINS_MAX);

	cJSON_ArrayForEach(m, list) good = good && is_origin(m);
	*out = list;
	if (!good)
		(void)jmap_item_invalid(it, "origins", "no short list of values");
	return good ? 0 : -1;
}

static cJSON *
record(struct jmap_call *c, const char *action, const cJSON *origins)
{
	char when[CLOCK_RFC3339_SIZE];
	cJSON *v = cJSON_CreateObject();

	clock_rfc3339(clock_wall_us(), when);
	json_put_str(v, "state", STR("requested"));
	json_put_str(v, "action", str_z(action));
	json_put_str(v, "agent", c->request->agent->name);
	json_put_str(v, "session", c->request->agent->session);
	json_put_str(v, "requestedAt", arena_printf(&c->arena, "%.19sZ", when));
	json_put(
	    v, "origins", origins != NULL ? cJSON_Duplicate(origins, true) : cJSON_CreateArray());
	return v;
}

static void
put_digest(cJSON *v, const unsigned char digest[APPROVAL_DIGEST])
{
	char hex[2 * APPROVAL_DIGEST + 1];

	json_put_str(v, "digest", str_z(sodium_bin2hex(hex, sizeof hex, digest, APPROVAL_DIGEST)));
}

/* Takes v. */
static void
keep(struct jmap_call *c, struct jmap_item *it, cJSON *v)
{
	char id[JMAP_ID_SIZE];
	struct err e;
	const cJSON *m;
	uint32_t same;

	if (make_room(c, v, &same, &e) < 0) {
		(void)jmap_item_err(c, it, &e);
	} else if (same != 0) {
		/* A human agrees to it once. */
		(void)jmap_item_fail(it, "alreadyExists", "that waits for the user already");
		jmap_item_add(
		    it, "existingId", json_new_str(str_z(c->method->object->text(same, id))));
	} else if (jmap_store(c->home, OBJECT_APPROVAL, &it->id, v, c->by, &e) < 0) {
		(void)jmap_item_err(c, it, &e);
	} else {
		for (const char *const *n = c->method->object->properties + 1; *n != NULL; n++)
			if (strcmp(*n, "octets") != 0)
				json_put(it->out, *n,
				    (m = json_get(v, *n)) != NULL ? cJSON_Duplicate(m, true)
								  : cJSON_CreateNull());
		log_info("approval.request", LS("sid", c->by->sid), LS("user", c->jmap->user),
		    LS("agent", c->request->agent->name),
		    LS("action", json_str(json_get(v, "action"))),
		    LS("digest", json_str(json_get(v, "digest"))));
	}
	cJSON_Delete(v);
}

static bool
may(struct jmap_call *c, struct jmap_item *it, uint32_t scope, enum agent_class class)
{
	const struct jmap_agent *g = c->request->agent;

	if ((g->scopes & scope) == 0)
		(void)jmap_item_fail(it, "forbidden", "outside of the agent's scopes");
	else if (agent_policy_get(g->policy, class) == AGENT_NEVER)
		(void)jmap_item_fail(it, "forbidden", "the agent's policy says never");
	return !jmap_item_failed(it);
}

/* ---- a send ---- */

/* The digest of what goes out: as gk-queue will find it. */
static int
digest_of(const struct jmap_outgoing *o, struct str session, struct str octets,
    unsigned char out[APPROVAL_DIGEST], struct err *e)
{
	struct envelope_rcpt *rcpts = mem_array(o->letter.nrcpts + 1, sizeof *rcpts);
	struct approval a = {.user = o->jmap->user,
	    .session = session,
	    .sender = o->letter.sender,
	    .rcpts = rcpts,
	    .nrcpts = (uint32_t)o->letter.nrcpts,
	    .size = octets.n};
	int rc;

	for (size_t i = 0; i < o->letter.nrcpts; i++)
		rcpts[i].address = o->letter.rcpts[i];
	approval_octets(octets, a.octets);
	rc = approval_digest(&a, out, e);
	free(rcpts);
	return rc;
}

/* Everything that a mail must have is in it, and nothing that somebody on the way could take for
 * what stands on top of it. */
static int
check_octets(struct jmap_outgoing *o, struct str octets)
{
	struct err e;
	size_t top;

	if (octets.n > FROZEN_MAX) {
		(void)jmap_item_fail(o->item, "tooLarge", "more than %u octets", FROZEN_MAX);
		return -1;
	}
	if (header_value(o->letter.head, STR("Date")).p != NULL &&
	    header_value(o->letter.head, STR("Message-ID")).p != NULL &&
	    approval_prefix(octets, STR(""), 0, &top, &e) == 0 && top == 0)
		return 0;
	(void)jmap_item_fail(o->item, "invalidEmail", "no email that an agent has written");
	return -1;
}

static bool
has_message(const struct mime_part *p)
{
	for (; p != NULL; p = p->next)
		if (str_ieq_z(p->type, "message") || has_message(p->child))
			return true;
	return false;
}

static void
put_base64(cJSON *v, const char *name, struct str octets)
{
	size_t size = sodium_base64_encoded_len(octets.n, sodium_base64_VARIANT_ORIGINAL);
	char *text = mem_alloc(size);

	sodium_bin2base64(
	    text, size, (const unsigned char *)octets.p, octets.n, sodium_base64_VARIANT_ORIGINAL);
	json_put_str(v, name, str_z(text));
	free(text);
}

static void
freeze(struct jmap_call *c, struct jmap_outgoing *o, const cJSON *origins)
{
	struct str subject = header_value(o->letter.head, STR("Subject")), octets;
	unsigned char digest[APPROVAL_DIGEST];
	char id[JMAP_ID_SIZE];
	bool forwards;
	struct buf all;
	struct err e;
	cJSON *v;

	buf_init(&all, SIZE_MAX / 2);
	buf_str(&all, o->letter.head);
	buf_str(&all, o->letter.body);
	octets = buf_view(&all);
	if (check_octets(o, octets) < 0)
		goto out;
	/* What another has written goes on to third parties. */
	forwards = has_message(mime_parse(octets, &o->arena));
	if (!may(c, o->item, AGENT_SEND, forwards ? AGENT_CLASS_FORWARD : AGENT_CLASS_SEND))
		goto out;
	if (digest_of(o, c->request->agent->session, octets, digest, &e) < 0) {
		(void)jmap_item_err(c, o->item, &e);
		goto out;
	}
	v = record(c, forwards ? "forward" : "send", origins);
	json_put_str(v, "emailId", str_z(email_text(o->email, EMAIL_LETTER, id)));
	json_put(v, "envelope", o->envelope);
	o->envelope = NULL;
	json_put_str(v, "subject", str_is_utf8(subject) ? subject : STR(""));
	put_digest(v, digest);
	json_put_num(v, "size", (int64_t)octets.n);
	put_base64(v, "octets", octets);
	keep(c, o->item, v);
out:
	buf_free(&all);
}

/* The object as EmailSubmission/set has it. */
static cJSON *
submission_of(const cJSON *given)
{
	cJSON *v = cJSON_Duplicate(given, true);

	cJSON_DeleteItemFromObjectCaseSensitive(v, "action");
	cJSON_DeleteItemFromObjectCaseSensitive(v, "origins");
	return v;
}

static void
ask_send(struct jmap_call *c, struct jmap_item *it, const cJSON *origins)
{
	const cJSON *given = it->given;
	struct jmap_outgoing *o;
	cJSON *rest;

	if (!may(c, it, AGENT_SEND, AGENT_CLASS_SEND))
		return;
	it->given = rest = submission_of(given);
	o = jmap_outgoing_new(c, it);
	if (jmap_outgoing_read(o) == 0) {
		if (!jmap_agent_owns(c, o->email))
			(void)jmap_item_fail(
			    it, "forbidden", "an agent asks for drafts that it has written");
		else if (o->held)
			(void)jmap_item_invalid(it, "envelope", "it is sent when it is approved");
		else
			freeze(c, o, origins);
	}
	jmap_outgoing_free(&o);
	it->given = given;
	cJSON_Delete(rest);
}

/* ---- another action ---- */

void
jmap_approval_digest(const struct jmap *j, const cJSON *v, unsigned char out[APPROVAL_DIGEST])
{
	struct buf b;

	/* The nonce makes each request one of its own: what was agreed to is done once. */
	buf_init(&b, SIZE_MAX / 2);
	(void)buf_printf(&b, STR_FMT " " STR_FMT " ", STR_ARG(json_str(json_get(v, "action"))),
	    STR_ARG(json_str(json_get(v, "nonce"))));
	json_print(json_get(v, "what"), &b);
	approval_action(j->user, json_str(json_get(v, "session")), buf_view(&b), out);
	buf_free(&b);
}

/* Takes what. */
static void
keep_action(struct jmap_call *c, struct jmap_item *it, const char *action, cJSON *what,
    const cJSON *origins)
{
	unsigned char digest[APPROVAL_DIGEST], raw[16];
	cJSON *v = record(c, action, origins);
	char nonce[2 * sizeof raw + 1];

	randombytes_buf(raw, sizeof raw);
	json_put_str(v, "nonce", str_z(sodium_bin2hex(nonce, sizeof nonce, raw, sizeof raw)));
	json_put(v, "what", what);
	jmap_approval_digest(c->jmap, v, digest);
	put_digest(v, digest);
	keep(c, it, v);
}

/* Those that are there, each once; NULL: the item has failed. */
static cJSON *
read_emails(struct jmap_call *c, struct jmap_item *it)
{
	const cJSON *list = json_get(it->given, "emailIds"), *m;
	int n = cJSON_GetArraySize(list);
	cJSON *out, *seen;
	struct jmap_model *model;
	struct err e;

	if (!cJSON_IsArray(list) || n == 0 || n > (int)JMAP_MAX_SET) {
		(void)jmap_item_invalid(it, "emailIds", "1 to %u emails", JMAP_MAX_SET);
		return NULL;
	}
	if ((model = jmap_emails(c->jmap, &e)) == NULL) {
		(void)jmap_item_err(c, it, &e);
		return NULL;
	}
	out = cJSON_CreateArray();
	seen = cJSON_CreateObject();
	cJSON_ArrayForEach(m, list)
	{
		char id[JMAP_ID_SIZE];
		uint64_t number = email_parse(jmap_real_id(c, json_str(m)), EMAIL_LETTER);
		const struct jmap_email *em = number != 0 ? jmap_model_find(model, number) : NULL;

		if (em == NULL || em->nplaces == 0) {
			(void)jmap_item_invalid(it, "emailIds", "no such email");
			break;
		}
		(void)email_text(number, EMAIL_LETTER, id);
		if (json_get(seen, id) != NULL)
			continue;
		json_put_named(seen, str_z(id), cJSON_CreateTrue());
		json_add(out, json_new_str(str_z(id)));
	}
	cJSON_Delete(seen);
	if (!jmap_item_failed(it))
		return out;
	cJSON_Delete(out);
	return NULL;
}

/* mb NULL: nowhere, they are destroyed. */
static void
put_box(cJSON *what, const struct mailbox *mb, struct arena *a)
{
	json_put(what, "mailboxId",
	    mb != NULL ? json_new_str(arena_printf(a, "m%" PRIu32, mb->id)) : cJSON_CreateNull());
	json_put(what, "mailboxName", mb != NULL ? json_new_str(mb->name) : cJSON_CreateNull());
}

static int
only(struct jmap_item *it, const char *a, const char *b)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, it->given)
	{
		struct str name = json_name(m);

		if (!str_eq_z(name, "action") && !str_eq_z(name, "origins") && !str_eq_z(name, a) &&
		    !str_eq_z(name, b))
			(void)jmap_item_invalid(it, m->string, "it cannot be given");
	}
	return jmap_item_failed(it) ? -1 : 0;
}

static void
ask_delete(struct jmap_call *c, struct jmap_item *it, const cJSON *origins)
{
	bool destroy = cJSON_IsTrue(json_get(it->given, "destroy"));
	struct mailbox *trash = jmap_mailbox_for(c->home, USE_TRASH);
	cJSON *emails, *what;

	if (!may(c, it, AGENT_ORGANIZE, AGENT_CLASS_DELETE) || only(it, "emailIds", "destroy") < 0)
		return;
	if (!destroy && trash == NULL) {
		(void)jmap_item_invalid(it, "destroy", "there is no Trash");
		return;
	}
	if ((emails = read_emails(c, it)) == NULL)
		return;
	what = cJSON_CreateObject();
	json_put(what, "emailIds", emails);
	json_put_bool(what, "destroy", destroy);
	put_box(what, destroy ? NULL : trash, &c->arena);
	keep_action(c, it, "delete", what, origins);
}

static void
ask_move(struct jmap_call *c, struct jmap_item *it, const cJSON *origins)
{
	struct mailbox *mb = jmap_mailbox_of(c, json_str(json_get(it->given, "mailboxId")));
	bool away = mb != NULL && (mb->use == USE_TRASH || mb->use == USE_JUNK);
	cJSON *emails, *what;

	if (!may(c, it, AGENT_ORGANIZE, AGENT_CLASS_MOVE) ||
	    (away && !may(c, it, AGENT_ORGANIZE, AGENT_CLASS_DELETE)) ||
	    only(it, "emailIds", "mailboxId") < 0)
		return;
	if (mb == NULL) {
		(void)jmap_item_invalid(it, "mailboxId", "no such mailbox");
		return;
	}
	if ((emails = read_emails(c, it)) == NULL)
		return;
	what = cJSON_CreateObject();
	json_put(what, "emailIds", emails);
	put_box(what, mb, &c->arena);
	keep_action(c, it, "move", what, origins);
}

/* An agent writes plain text here too: what a reader would not see is in no HTML of its own. */
static cJSON *
plain(const cJSON *patch)
{
	cJSON *v = cJSON_Duplicate(patch, true);

	if (json_get(v, "textBody") != NULL)
		json_replace(v, "htmlBody", cJSON_CreateNull());
	return v;
}

static void
ask_vacation(struct jmap_call *c, struct jmap_item *it, const cJSON *origins)
{
	const cJSON *patch = json_get(it->given, "vacation");
	cJSON *given, *what;

	if (!may(c, it, AGENT_SEND, AGENT_CLASS_VACATION) || only(it, "vacation", "vacation") < 0)
		return;
	if (!cJSON_IsObject(patch) || json_member(patch, "htmlBody") != NULL) {
		(void)jmap_item_invalid(it, "vacation", "a patch, without htmlBody");
		return;
	}
	given = plain(patch);
	if ((what = jmap_vacation_then(c, it, given)) != NULL)
		keep_action(c, it, "vacation", what, origins);
	cJSON_Delete(given);
}

enum jmap_step
jmap_approval_ask(struct jmap_call *c, struct jmap_item *it)
{
	static const struct {
		const char *name;
		void (*ask)(struct jmap_call *c, struct jmap_item *it, const cJSON *origins);
	} actions[] = {{"send", ask_send}, {"forward", ask_send}, {"delete", ask_delete},
	    {"move", ask_move}, {"vacation", ask_vacation}};
	const cJSON *action = json_member(it->given, "action"), *origins;

	if (c->request->agent == NULL)
		return jmap_item_fail(it, "forbidden", "an agent asks, a human does it");
	if (read_origins(it, &origins) < 0)
		return JMAP_DONE;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (action == NULL || str_eq_z(json_str(action), actions[i].name)) {
			actions[i].ask(c, it, origins);
			return JMAP_DONE;
		}
	return jmap_item_invalid(it, "action", "send, forward, delete, move or vacation");
}
