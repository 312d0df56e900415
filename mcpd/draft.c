/*
 * draft.c - see draft.h.
 */
#include "mcpd/draft.h"

#include "base/mem.h"
#include "mail/addrlist.h"

#define SUBJECT_MAX 900u

/* ---- addresses ---- */

static struct str
joined(struct arena *a, const struct addr *x)
{
	return arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(x->mailbox), STR_ARG(x->host));
}

/* "Bob Miller <bob@there.test>"; also several of them in one text. */
static int
add_text(struct mcp_call *c, struct str text, cJSON *out)
{
	struct addrlist list;
	int before = cJSON_GetArraySize(out);

	addrlist_parse(text, &c->arena, &list);
	for (size_t i = 0; i < list.n; i++) {
		const struct addr *x = &list.v[i];
		cJSON *one;

		if (x->host.n == 0 || x->mailbox.n == 0)
			return -1;
		one = cJSON_CreateObject();
		if (x->name.n > 0)
			json_put_str(one, "name", x->name);
		json_put_str(one, "email", joined(&c->arena, x));
		json_add(out, one);
	}
	return cJSON_GetArraySize(out) > before ? 0 : -1;
}

cJSON *
draft_addresses(struct mcp_call *c, const char *argument)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(c->args, argument))
	{
		if (add_text(c, json_str(m), out) == 0 &&
		    cJSON_GetArraySize(out) <= DRAFT_RCPTS_MAX)
			continue;
		mcp_tool_error(c,
		    "%s: \"%.100s\" is no address like bob@example.org or Bob <bob@example.org>; "
		    "contacts finds addresses, and the user knows",
		    argument, m->valuestring);
		cJSON_Delete(out);
		return NULL;
	}
	return out;
}

/* ---- identities ---- */

static const cJSON *
find_identity(const cJSON *identities, struct str address)
{
	const cJSON *m;

	cJSON_ArrayForEach(
	    m, json_get(identities, "list")) if (str_ieq(json_str(json_get(m, "email")),
						     address)) return m;
	return NULL;
}

const cJSON *
draft_identity(const cJSON *identities, struct str wanted, const cJSON *original)
{
	static const char *const fields[] = {"to", "cc"};
	const cJSON *found, *m;

	if (wanted.p != NULL)
		return find_identity(identities, wanted);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		cJSON_ArrayForEach(m, json_get(original, fields[i]))
		{
			found = find_identity(identities, json_str(json_get(m, "email")));
			if (found != NULL)
				return found;
		}
	return cJSON_GetArrayItem(json_get(identities, "list"), 0);
}

/* ---- replies ---- */

static bool
is_in(const cJSON *list, struct str address)
{
	const cJSON *m;

	cJSON_ArrayForEach(
	    m, list) if (str_ieq(json_str(json_get(m, "email")), address)) return true;
	return false;
}

/* Those of the list that are not there yet and not the user. */
static void
add_others(cJSON *out, const cJSON *list, const cJSON *identities, const cJSON *but)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, list)
	{
		struct str address = json_str(json_get(m, "email"));

		if (!is_in(out, address) && !is_in(but, address) &&
		    find_identity(identities, address) == NULL &&
		    cJSON_GetArraySize(out) < DRAFT_RCPTS_MAX)
			json_add(out, cJSON_Duplicate(m, true));
	}
}

static bool
is_reply(struct str subject)
{
	static const struct str marks[] = {STR_INIT("re:"), STR_INIT("re :"),
	    STR_INIT("r\xc3\xa9p:"), STR_INIT("aw:"), STR_INIT("sv:")};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_istarts(subject, marks[i]))
			return true;
	return false;
}

static void
put_subject(cJSON *email, const cJSON *original)
{
	struct str subject = json_str(json_get(original, "subject"));
	struct buf line, text;

	buf_init(&line, SUBJECT_MAX + 1);
	buf_init(&text, SUBJECT_MAX + 10);
	fence_line(subject, SUBJECT_MAX, &line);
	buf_puts(&text, is_reply(buf_view(&line)) ? "" : "Re: ");
	buf_str(&text, buf_view(&line));
	json_put_str(email, "subject", buf_view(&text));
	buf_free(&line);
	buf_free(&text);
}

/* RFC 5322 3.6.4 */
static void
put_references(cJSON *email, const cJSON *original)
{
	const cJSON *ids = json_member(original, "messageId"), *m;
	const cJSON *before = json_member(original, "references");
	cJSON *references;

	if (ids == NULL || ids->child == NULL)
		return;
	if (before == NULL && cJSON_GetArraySize(json_get(original, "inReplyTo")) == 1)
		before = json_get(original, "inReplyTo");
	references = before != NULL ? cJSON_Duplicate(before, true) : cJSON_CreateArray();
	cJSON_ArrayForEach(m, ids) json_add(references, cJSON_Duplicate(m, true));
	json_put(email, "inReplyTo", cJSON_Duplicate(ids, true));
	json_put(email, "references", references);
}

void
draft_reply(cJSON *email, const cJSON *original, const cJSON *identities, bool all)
{
	const cJSON *to = json_member(original, "replyTo");
	cJSON *list, *cc;

	if (to == NULL || to->child == NULL)
		to = json_member(original, "from");
	if (json_get(email, "to") == NULL) {
		list = cJSON_CreateArray();
		/* What the user has sent is answered to whom it went. */
		if (find_identity(identities, mail_sender(original)) == NULL)
			add_others(list, to, identities, NULL);
		if (list->child == NULL)
			add_others(list, json_get(original, "to"), identities, NULL);
		json_put(email, "to", list);
	}
	if (all && json_get(email, "cc") == NULL) {
		cc = cJSON_CreateArray();
		list = (cJSON *)json_get(email, "to");
		add_others(cc, json_get(original, "to"), identities, list);
		add_others(cc, json_get(original, "cc"), identities, list);
		json_put(email, "cc", cc);
	}
	if (json_get(email, "subject") == NULL)
		put_subject(email, original);
	put_references(email, original);
}
