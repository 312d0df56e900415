/*
 * approval.c - see approval.h: what an agent has asked for (INVARIANTS 20;
 * docs/adr/0032-agents-and-approvals.md), shown to the user, answered by a human.
 *
 * An agent makes one and sees its own; a human's session approves or refuses. That it may be done
 * is not decided here: of a send gk-smtpd gets a token of the agent session, and gk-queue takes the
 * message only with authd's approval of exactly this; of another action the owner has the approval
 * used up before it acts.
 */
#include "mailboxd/jmap/approval.h"

#include "base/clock.h"
#include "base/log.h"
#include "mail/date.h"
#include "mailboxd/jmap/methods.h"

#define WAIT_S 604800 /* one that nobody answers is over */

static const char *const properties[] = {"id", "state", "action", "agent", "session", "requestedAt",
    "emailId", "envelope", "subject", "what", "origins", "digest", "size", "mid", "outcome",
    "error", "nonce", "octets", NULL};
#define DEFAULT_PROPERTIES ((1u << 17) - 1) /* all but octets, in base64 */

JMAP_STORED_TYPE('q', OBJECT_APPROVAL)

bool
jmap_approval_is(const cJSON *v, const char *state)
{
	return str_eq_z(json_str(json_get(v, "state")), state);
}

int64_t
jmap_approval_since(const cJSON *v)
{
	struct date d;

	return date_rfc3339_parse(json_str(json_get(v, "requestedAt")), &d) == 0 ? d.utc : 0;
}

static bool
waits(const cJSON *v)
{
	return jmap_approval_is(v, "requested") && clock_wall() - jmap_approval_since(v) < WAIT_S;
}

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
	} else if (jmap_approval_is(v, "requested") && !waits(v)) {
		json_replace(v, "state", json_new_str(STR("expired")));
		rc = jmap_store(c->home, OBJECT_APPROVAL, &id, v, c->by, e) < 0 ? -1 : 1;
	}
	if (rc == 1) {
		jmap_approval_look(c->jmap, id, v);
		jmap_put_wanted(c, v, out);
	}
	cJSON_Delete(v);
	return rc;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct str wanted = json_str(json_get(it->given, "state"));
	enum jmap_step step = JMAP_DONE;
	struct err e;
	cJSON *v;

	if (it->op != NULL)
		return jmap_approval_run(c, it, NULL);
	if (c->request->agent != NULL)
		return jmap_item_fail(it, "forbidden", "a human answers that");
	if (it->given->child == NULL || it->given->child->next != NULL ||
	    !(str_eq_z(wanted, "approved") || str_eq_z(wanted, "refused")))
		return jmap_item_invalid(it, "state", "approved or refused, and nothing else");
	if ((v = jmap_stored(c->home, OBJECT_APPROVAL, it->id, &e)) == NULL)
		return jmap_item_err(c, it, &e);
	jmap_approval_look(c->jmap, it->id, v);
	if (!waits(v)) {
		step = jmap_item_fail(it, "forbidden", "it does not wait any more");
	} else if (str_eq_z(wanted, "approved")) {
		step = jmap_approval_run(c, it, v);
	} else {
		json_replace(v, "state", json_new_str(STR("refused")));
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
    .create = jmap_approval_ask,
    .update = update,
};

const struct jmap_method jmap_approval_methods[] = {
    {.name = "Approval/get", .capability = JMAP_APPROVAL, .run = jmap_get, .object = &object},
    {.name = "Approval/changes",
	.capability = JMAP_APPROVAL,
	.run = jmap_changes,
	.object = &object},
    {.name = "Approval/set", .capability = JMAP_APPROVAL, .run = jmap_set, .object = &object}, {0}};
