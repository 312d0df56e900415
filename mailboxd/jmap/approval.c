/*
 * approval.c - what an agent has asked to be sent (INVARIANTS 20;
 * docs/adr/0032-agents-and-approvals.md): frozen octets and envelope under a digest, shown to the
 * user, sent when a human has approved that digest at authd.
 *
 * An agent makes one and sees its own; a human's session approves or refuses. That it may be sent
 * is not decided here: gk-smtpd gets a token of the agent session, and gk-queue takes the message
 * only with authd's approval of exactly this.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/approval.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/submission.h"
#include "store/email.h"

#define FROZEN_MAX  (512u << 10) /* octets */
#define WAITING_MAX 20u
#define WAIT_S      604800  /* one that nobody answers is over */
#define KEPT_S      2592000 /* and what is over is kept so long */

static const char *const properties[] = {"id", "state", "agent", "session", "requestedAt",
    "emailId", "envelope", "subject", "digest", "size", "mid", "origins", "octets", NULL};
#define DEFAULT_PROPERTIES ((1u << 12) - 1) /* all but octets, in base64 */
#define ORIGINS_MAX        100
#define ORIGIN_TEXT_MAX    320u

JMAP_STORED_TYPE('q', OBJECT_APPROVAL)

static void
replace(cJSON *v, const char *name, cJSON *m)
{
	cJSON_DeleteItemFromObjectCaseSensitive(v, name);
	json_put(v, name, m);
}

static bool
is_in(const cJSON *v, const char *state)
{
	return str_eq_z(json_str(json_get(v, "state")), state);
}

static int64_t
age(const cJSON *v)
{
	struct date d;

	return date_rfc3339_parse(json_str(json_get(v, "requestedAt")), &d) == 0
		   ? clock_wall() - d.utc
		   : KEPT_S;
}

/* ---- get ---- */

/* An agent sees what it asked for itself. */
static bool
may_see(const struct jmap_call *c, const cJSON *v)
{
	const struct jmap_agent *g = c->request->agent;

	return g == NULL || str_eq(g->name, json_str(json_get(v, "agent")));
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	cJSON *v = jmap_stored(c->home, OBJECT_APPROVAL, id, e);
	int rc = 1;

	if (v == NULL)
		return e->code == E_NOTFOUND ? 0 : -1;
	if (!may_see(c, v)) {
		rc = 0;
	} else if (is_in(v, "requested") && age(v) >= WAIT_S) {
		replace(v, "state", json_new_str(STR("expired")));
		rc = jmap_store(c->home, OBJECT_APPROVAL, &id, v, c->by, e) < 0 ? -1 : 1;
	}
	if (rc == 1)
		jmap_put_wanted(c, v, out);
	cJSON_Delete(v);
	return rc;
}

/* ---- create: an agent asks ---- */

struct counting {
	size_t waiting;
	uint32_t old[100];
	size_t nold;
};

static bool
count(void *arg, uint32_t id, struct str t)
{
	struct counting *n = arg;
	cJSON *v = json_parse(t, JMAP_VALUES_MAX, NULL);
	bool waits = v != NULL && is_in(v, "requested") && age(v) < WAIT_S;

	n->waiting += waits;
	if (!waits && (v == NULL || age(v) >= KEPT_S) && n->nold < ARRAY_LEN(n->old))
		n->old[n->nold++] = id;
	cJSON_Delete(v);
	return true;
}

static int
make_room(struct jmap_call *c, struct err *e)
{
	struct counting n = {0};

	if (object_each(c->home, OBJECT_APPROVAL, count, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n.nold; i++)
		(void)object_remove(c->home, OBJECT_APPROVAL, n.old[i], c->by, NULL);
	return n.waiting < WAITING_MAX
		   ? 0
		   : err_set(e, E_LIMIT, "%u wait for the user already", WAITING_MAX);
}

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

/* Recipients that came from what a mail said: [{value, emailId, where}]. */
static bool
are_origins(const cJSON *list)
{
	const cJSON *one, *m;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > ORIGINS_MAX)
		return false;
	cJSON_ArrayForEach(one, list)
	{
		if (!cJSON_IsObject(one) || cJSON_GetArraySize(one) != 3 ||
		    json_get(one, "value") == NULL || json_get(one, "emailId") == NULL ||
		    json_get(one, "where") == NULL)
			return false;
		cJSON_ArrayForEach(
		    m, one) if (!cJSON_IsString(m) || json_str(m).n > ORIGIN_TEXT_MAX) return false;
	}
	return true;
}

static cJSON *
record(struct jmap_outgoing *o, const struct jmap_agent *g, struct str octets,
    const unsigned char digest[APPROVAL_DIGEST], const cJSON *origins)
{
	char hex[2 * APPROVAL_DIGEST + 1], when[CLOCK_RFC3339_SIZE], id[JMAP_ID_SIZE];
	struct str subject = header_value(o->letter.head, STR("Subject"));
	cJSON *v = cJSON_CreateObject();

	clock_rfc3339(clock_wall_us(), when);
	json_put_str(v, "state", STR("requested"));
	json_put_str(v, "agent", g->name);
	json_put_str(v, "session", g->session);
	json_put_str(v, "requestedAt", arena_printf(&o->arena, "%.19sZ", when));
	json_put_str(v, "emailId", str_z(email_text(o->email, EMAIL_LETTER, id)));
	json_put(v, "envelope", o->envelope);
	o->envelope = NULL;
	json_put_str(v, "subject", str_is_utf8(subject) ? subject : STR(""));
	json_put_str(v, "digest", str_z(sodium_bin2hex(hex, sizeof hex, digest, APPROVAL_DIGEST)));
	json_put_num(v, "size", (int64_t)octets.n);
	json_put(v, "mid", cJSON_CreateNull());
	json_put(
	    v, "origins", origins != NULL ? cJSON_Duplicate(origins, true) : cJSON_CreateArray());
	put_base64(v, "octets", octets);
	return v;
}

static int
freeze(struct jmap_call *c, struct jmap_outgoing *o, const cJSON *origins)
{
	unsigned char digest[APPROVAL_DIGEST];
	struct str octets;
	struct buf all;
	struct err e;
	cJSON *v;
	int rc = -1;

	buf_init(&all, SIZE_MAX / 2);
	buf_str(&all, o->letter.head);
	buf_str(&all, o->letter.body);
	octets = buf_view(&all);
	if (check_octets(o, octets) < 0)
		goto out;
	if (make_room(c, &e) < 0 ||
	    digest_of(o, c->request->agent->session, octets, digest, &e) < 0) {
		(void)jmap_item_err(c, o->item, &e);
		goto out;
	}
	v = record(o, c->request->agent, octets, digest, origins);
	if ((rc = jmap_store(c->home, OBJECT_APPROVAL, &o->item->id, v, c->by, &e)) < 0)
		(void)jmap_item_err(c, o->item, &e);
	else {
		for (unsigned i = 1; i < 10; i++)
			json_put(o->item->out, properties[i],
			    cJSON_Duplicate(json_get(v, properties[i]), true));
		log_info("approval.request", LS("sid", c->by->sid), LS("user", c->jmap->user),
		    LS("agent", c->request->agent->name), LU("rcpts", o->letter.nrcpts),
		    LU("size", octets.n), LS("digest", json_str(json_get(v, "digest"))));
	}
	cJSON_Delete(v);
out:
	buf_free(&all);
	return rc;
}

static enum jmap_step
create(struct jmap_call *c, struct jmap_item *it)
{
	struct jmap_outgoing *o;
	cJSON *origins;

	if (c->request->agent == NULL)
		return jmap_item_fail(it, "forbidden", "an agent asks, a human sends");
	if (agent_policy_get(c->request->agent->policy, AGENT_CLASS_SEND) == AGENT_NEVER)
		return jmap_item_fail(it, "forbidden", "the agent's policy says never");
	/* What is left are the properties of a submission. */
	origins = cJSON_DetachItemFromObjectCaseSensitive((cJSON *)it->given, "origins");
	o = jmap_outgoing_new(c, it);
	if (origins != NULL && !are_origins(origins)) {
		(void)jmap_item_invalid(it, "origins", "no list of origins");
	} else if (jmap_outgoing_read(o) == 0) {
		if (!jmap_agent_owns(c, o->email))
			(void)jmap_item_fail(
			    it, "forbidden", "an agent asks for drafts that it has written");
		else if (o->held)
			(void)jmap_item_invalid(it, "envelope", "it is sent when it is approved");
		else
			(void)freeze(c, o, origins);
	}
	jmap_outgoing_free(&o);
	cJSON_Delete(origins);
	return JMAP_DONE;
}

/* ---- update: a human answers ---- */

/* On its way; lives until gk-smtpd has answered. */
struct approved {
	struct jmap *jmap;
	struct jmap_call *call; /* NULL: it has ended */
	struct jmap_item *item;
	uint64_t id;
	struct arena arena;
	struct smtp_letter letter;
	bool answered;
};

static void
approved_free(struct approved *x)
{
	arena_free(&x->arena);
	free(x);
}

static void
on_sent(void *arg, const struct smtp_result *r, const struct err *e)
{
	const struct change_by by = {.actor = STR("jmap")};
	struct approved *x = arg;
	bool sent = r != NULL && r->stage == SMTP_OUT_DONE;
	struct err why;
	cJSON *v;

	x->answered = true;
	if (sent) {
		log_info("approval.sent", LS("user", x->jmap->user), LS("mid", r->mid));
		v = jmap_stored(x->jmap->home, OBJECT_APPROVAL, x->id, &why);
		if (v != NULL) {
			replace(v, "state", json_new_str(STR("sent")));
			replace(v, "mid", json_new_str(r->mid));
			if (jmap_store(x->jmap->home, OBJECT_APPROVAL, &x->id, v, &by, &why) < 0)
				log_warn("jmap.approval", LS("user", x->jmap->user), LE(&why));
			cJSON_Delete(v);
		}
	} else if (x->item != NULL) {
		/* It can be approved again. */
		(void)jmap_item_fail(x->item, "forbiddenToSend", STR_FMT,
		    STR_ARG(r != NULL ? r->text : str_z(e->text)));
	}
	if (x->call != NULL)
		jmap_continue(x->call);
	else
		approved_free(x);
}

static void
on_call_ends(void *arg)
{
	struct approved *x = arg;

	x->call = NULL;
	x->item = NULL;
	if (x->answered)
		approved_free(x);
}

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
thaw(struct approved *x, const cJSON *v)
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

static enum jmap_step
submit(struct jmap_call *c, struct jmap_item *it, const cJSON *v)
{
	struct approved *x;

	if (c->jmap->host.outside == NULL || c->jmap->host.outside->agent_smtp == NULL)
		return jmap_item_fail(it, "forbiddenToSend", "nothing can be sent from here");
	x = mem_alloc(sizeof *x);
	*x = (struct approved){.jmap = c->jmap, .call = c, .item = it, .id = it->id};
	arena_init(&x->arena);
	thaw(x, v);
	it->op = x;
	arena_defer(&c->arena, on_call_ends, x);
	if (x->letter.nrcpts == 0 || x->letter.head.n == 0) {
		x->answered = true;
		return jmap_item_fail(it, "serverFail", "what was frozen is damaged");
	}
	jmap_send_approved(c->jmap, json_str(json_get(v, "session")), &x->letter, on_sent, x);
	return JMAP_WAIT;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct approved *x = it->op;
	struct str wanted = json_str(json_get(it->given, "state"));
	enum jmap_step step = JMAP_DONE;
	struct err e;
	cJSON *v;

	if (x != NULL)
		return x->answered ? JMAP_DONE : JMAP_WAIT;
	if (c->request->agent != NULL)
		return jmap_item_fail(it, "forbidden", "a human answers that");
	if (it->given->child == NULL || it->given->child->next != NULL ||
	    !(str_eq_z(wanted, "approved") || str_eq_z(wanted, "refused")))
		return jmap_item_invalid(it, "state", "approved or refused, and nothing else");
	if ((v = jmap_stored(c->home, OBJECT_APPROVAL, it->id, &e)) == NULL)
		return jmap_item_err(c, it, &e);
	if (!is_in(v, "requested") || age(v) >= WAIT_S) {
		step = jmap_item_fail(it, "forbidden", "it does not wait any more");
	} else if (str_eq_z(wanted, "approved")) {
		step = submit(c, it, v);
	} else {
		replace(v, "state", json_new_str(STR("refused")));
		log_info("approval.no", LS("sid", c->by->sid), LS("user", c->jmap->user));
		if (jmap_store(c->home, OBJECT_APPROVAL, &it->id, v, c->by, &e) < 0)
			(void)jmap_item_err(c, it, &e);
	}
	cJSON_Delete(v);
	return step;
}

static const struct jmap_object object = {
    .name = "Approval",
    .type = JMAP_APPROVAL_TYPE,
    .parse = parse,
    .text = text,
    .properties = properties,
    .default_properties = DEFAULT_PROPERTIES,
    .all = all,
    .get = get,
    .changed = changed,
    .create = create,
    .update = update,
};

const struct jmap_method jmap_approval_methods[] = {
    {.name = "Approval/get", .capability = JMAP_APPROVAL, .run = jmap_get, .object = &object},
    {.name = "Approval/changes",
	.capability = JMAP_APPROVAL,
	.run = jmap_changes,
	.object = &object},
    {.name = "Approval/set", .capability = JMAP_APPROVAL, .run = jmap_set, .object = &object}, {0}};
