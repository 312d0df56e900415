/*
 * agent.c - see agent.h.
 *
 * An agent's email is made from fields (INVARIANTS 20): what a reader would see, and nothing that
 * could be another message. It stands in Drafts, bears JMAP_AGENT_KEYWORD, and that alone may the
 * agent destroy or ask to have sent. A policy of "approval" is a refusal here: the way to a human's
 * word is Approval/set (approval.h).
 */
#include "mailboxd/jmap/agent.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/mailbox.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/request.h"
#include "store/mailbox.h"

/* ---- which methods ---- */

static const struct {
	const char *method;
	uint32_t scopes; /* any of these */
} allowed[] = {
    {"Core/echo", AGENT_SCOPES},
    /* Who writes or moves has to know where to. */
    {"Mailbox/get", AGENT_READ | AGENT_ORGANIZE | AGENT_DRAFT}, {"Mailbox/changes", AGENT_READ},
    {"Mailbox/query", AGENT_READ}, {"Mailbox/queryChanges", AGENT_READ}, {"Email/get", AGENT_READ},
    {"Email/changes", AGENT_READ}, {"Email/query", AGENT_READ}, {"Email/queryChanges", AGENT_READ},
    {"SearchSnippet/get", AGENT_READ}, {"Thread/get", AGENT_READ}, {"Thread/changes", AGENT_READ},
    {"Identity/get", AGENT_READ | AGENT_DRAFT | AGENT_SEND},
    {"Email/set", AGENT_ORGANIZE | AGENT_DRAFT}, /* more of it below */
    {"VacationResponse/get", AGENT_READ}, {"Approval/get", AGENT_SEND | AGENT_ORGANIZE},
    {"Approval/changes", AGENT_SEND | AGENT_ORGANIZE},
    {"Approval/set", AGENT_SEND | AGENT_ORGANIZE}, /* to ask: approval_ask.c */
    {"Email/why", AGENT_READ}, {"AgentSession/get", AGENT_READ}, {"AgentSession/query", AGENT_READ},
    {"AgentSession/undo", AGENT_ORGANIZE | AGENT_DRAFT}, /* its own */
};

/* Of its parts (RFC 8621 4.1.4). */
static const char *const text_names[] = {"partId", "type", NULL};
static const char *const attached_names[] = {"blobId", "type", "name", "disposition", NULL};

/* Properties of an Email that an agent may write (RFC 8621 4.1). */
static const char *const fields[] = {"mailboxIds", "keywords", "from", "to", "cc", "bcc", "subject",
    "inReplyTo", "references", "textBody", "bodyValues", "attachments"};

const struct jmap_agent *
jmap_agent_read(struct arena *a, const struct str *v, size_t n)
{
	struct jmap_agent *g;
	uint64_t scopes = 0, policy = 0;

	if (n == 0)
		return NULL;
	g = arena_new(a, struct jmap_agent);
	/* What cannot be read gives nothing. */
	if (n == 4 && agent_session_valid(v[1]) && num_parse(v[2], 0, UINT32_MAX, &scopes) == 0 &&
	    num_parse(v[3], 0, UINT32_MAX, &policy) == 0) {
		g->name = arena_dup(a, v[0]);
		g->session = arena_dup(a, v[1]);
		g->scopes = (uint32_t)scopes;
		g->policy = (uint32_t)policy;
	}
	return g;
}

/* Of a map of patches, how many say anything of mailboxes. */
static size_t
moves(const cJSON *update)
{
	const cJSON *patch, *m;
	size_t n = 0;

	cJSON_ArrayForEach(patch, update)
	{
		bool moved = false;

		cJSON_ArrayForEach(m, patch) moved |= str_starts(json_name(m), STR("mailboxIds"));
		n += moved;
	}
	return n;
}

static const char *
wants_approval(const struct jmap_agent *g, enum agent_class c)
{
	switch (agent_policy_get(g->policy, c)) {
	case AGENT_FREE:
		return NULL;
	case AGENT_APPROVAL:
		return "a human has to approve that";
	case AGENT_NEVER:
		break;
	}
	return "the agent's policy says never";
}

const char *
jmap_agent_refuses(const struct jmap_agent *g, struct str method, const cJSON *args)
{
	size_t i = 0;

	while (i < ARRAY_LEN(allowed) && !str_eq_z(method, allowed[i].method))
		i++;
	if (i == ARRAY_LEN(allowed))
		return "not for agents";
	if ((g->scopes & allowed[i].scopes) == 0)
		return "outside of the agent's scopes";
	if ((allowed[i].scopes & AGENT_READ) != 0 &&
	    agent_policy_get(g->policy, AGENT_CLASS_READ) != AGENT_FREE)
		return "the agent's policy says no";
	if (str_eq_z(method, "Email/set") && moves(json_get(args, "update")) > AGENT_MOVE_FREE)
		return wants_approval(g, AGENT_CLASS_MOVE);
	return NULL;
}

/* ---- objects of Email/set ---- */

static int
refuse(struct jmap_call *c, struct jmap_item *it, const char *why)
{
	log_info("agent.refuse", LS("sid", c->by->sid), LS("user", c->jmap->user),
	    LZ("method", c->method->name), LS("agent", c->request->agent->name), LZ("reason", why));
	(void)jmap_item_fail(it, "forbidden", "%s", why);
	return -1;
}

static int
check(struct jmap_call *c, struct jmap_item *it, uint32_t scope, enum agent_class class)
{
	const char *why = (c->request->agent->scopes & scope) == 0
			      ? "outside of the agent's scopes"
			      : wants_approval(c->request->agent, class);

	return why != NULL ? refuse(c, it, why) : 0;
}

static bool
is_field(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_eq_z(name, fields[i]))
			return true;
	return false;
}

/* Parts have no header fields of their own, and the text is text: what shows something else to a
 * reader is none. */
static bool
are_parts(const cJSON *list, const char *const *names, bool plain)
{
	const cJSON *part, *m;

	cJSON_ArrayForEach(part, list)
	{
		struct str type = json_str(json_get(part, "type"));

		if (plain && type.p != NULL && !str_ieq_z(type, "text/plain"))
			return false;
		cJSON_ArrayForEach(m, part)
		{
			size_t i = 0;

			while (names[i] != NULL && !str_eq_z(json_name(m), names[i]))
				i++;
			if (names[i] == NULL)
				return false;
		}
	}
	return true;
}

static int
check_create(struct jmap_call *c, struct jmap_item *it)
{
	const cJSON *boxes = json_get(it->given, "mailboxIds"), *m;
	cJSON *keywords = (cJSON *)json_get(it->given, "keywords");
	struct mailbox *mb;

	if (check(c, it, AGENT_DRAFT, AGENT_CLASS_DRAFT) < 0)
		return -1;
	cJSON_ArrayForEach(m, it->given)
	{
		if (!is_field(json_name(m)))
			return refuse(c, it,
			    "an agent writes plain text with addresses, a subject "
			    "and attachments");
	}
	if (!are_parts(json_get(it->given, "textBody"), text_names, true) ||
	    !are_parts(json_get(it->given, "attachments"), attached_names, false))
		return refuse(c, it, "an agent writes plain text, and attaches by blobId");
	mb = boxes != NULL && boxes->child != NULL && boxes->child->next == NULL
		 ? jmap_mailbox_of(c, json_name(boxes->child))
		 : NULL;
	if (mb == NULL || mb->use != USE_DRAFTS)
		return refuse(c, it, "what an agent writes stands in Drafts");
	if (!cJSON_IsObject(keywords) || !cJSON_IsTrue(json_get(keywords, "$draft")))
		return refuse(c, it, "what an agent writes is a $draft");
	cJSON_ArrayForEach(m, keywords)
	{
		if (!str_ieq_z(json_name(m), "$draft") && !str_ieq_z(json_name(m), "$seen"))
			return refuse(c, it, "a draft has no other keywords");
	}
	json_put_bool(keywords, JMAP_AGENT_KEYWORD, true);
	return 0;
}

bool
jmap_agent_owns(struct jmap_call *c, uint64_t id)
{
	struct jmap_model *model = jmap_emails(c->jmap, NULL);
	const struct jmap_email *em = model != NULL ? jmap_model_find(model, id) : NULL;
	struct str *v;
	size_t n = em != NULL ? jmap_email_keywords(model, em, &c->arena, &v) : 0;
	bool draft = false, own = false;

	for (size_t i = 0; i < n; i++) {
		draft |= str_eq_z(v[i], "$draft");
		own |= str_eq_z(v[i], JMAP_AGENT_KEYWORD);
	}
	return draft && own;
}

static bool
is_kept_keyword(struct str name)
{
	return str_ieq_z(name, "$draft") || str_ieq_z(name, JMAP_AGENT_KEYWORD);
}

/* "keywords/$flagged", "mailboxIds/m3", or mailboxIds as a whole. All keywords at once would take
 * those that an agent may not touch. */
static int
check_patch(struct jmap_call *c, struct jmap_item *it, const cJSON *m)
{
	struct str path = json_name(m), head;
	const cJSON *box;
	bool away = false;

	if (!str_cut(&path, '/', &head))
		path = STR_NONE;
	if (str_eq_z(head, "keywords")) {
		if (path.p == NULL || is_kept_keyword(path) || str_find(path, STR("~")) < path.n)
			return refuse(c, it, "an agent sets single keywords, and none of drafts");
		return check(c, it, AGENT_ORGANIZE, AGENT_CLASS_FLAG);
	}
	if (!str_eq_z(head, "mailboxIds"))
		return refuse(c, it, "an agent changes keywords and mailboxes");
	if (path.p != NULL) {
		struct mailbox *mb = jmap_mailbox_of(c, path);

		away = mb != NULL && (mb->use == USE_TRASH || mb->use == USE_JUNK);
	}
	cJSON_ArrayForEach(box, m)
	{
		struct mailbox *mb = jmap_mailbox_of(c, json_name(box));

		away |= mb != NULL && (mb->use == USE_TRASH || mb->use == USE_JUNK);
	}
	/* Out of sight is as good as deleted. One of few is what AGENT_MOVE_FREE lets pass. */
	return away ? check(c, it, AGENT_ORGANIZE, AGENT_CLASS_DELETE)
	       : (c->request->agent->scopes & AGENT_ORGANIZE) == 0
		   ? refuse(c, it, "outside of the agent's scopes")
		   : 0;
}

static int
check_update(struct jmap_call *c, struct jmap_item *it)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, it->given)
	{
		if (check_patch(c, it, m) < 0)
			return -1;
	}
	return 0;
}

int
jmap_agent_item(struct jmap_call *c, struct jmap_item *it)
{
	if (strcmp(c->method->name, "Email/set") != 0)
		return 0;
	if (it->what == JMAP_CREATE)
		return check_create(c, it);
	if (it->what == JMAP_UPDATE)
		return check_update(c, it);
	if (!jmap_agent_owns(c, it->id))
		return refuse(c, it, "an agent destroys its own drafts");
	return check(c, it, AGENT_DRAFT, AGENT_CLASS_DRAFT);
}
