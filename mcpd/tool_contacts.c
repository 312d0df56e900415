/*
 * tool_contacts.c - contacts: whom the user has exchanged mail with, learnt from what was sent and
 * what came. Who was never written to counts as having written only.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "mail/words.h"
#include "mcpd/mail.h"
#include "mcpd/tools.h"

#define HISTORY       "500" /* messages looked at, each way */
#define PEOPLE_MAX    5000u
#define LIMIT_DEFAULT 20
#define SENT_WEIGHT   10u /* being written to says more than writing */

struct contact {
	UT_hash_handle hh;
	struct str email, name, key;
	unsigned sent, received;
	struct str last; /* the newest message either way */
};

struct contacts {
	struct contact *all;
	size_t n;
};

static void
clear(void *arg)
{
	struct contacts *all = arg;

	HASH_CLEAR(hh, all->all);
}

static void
add(struct mcp_call *c, const cJSON *address, bool sent, struct str when)
{
	struct contacts *all = c->state;
	struct str email = json_str(json_get(address, "email"));
	struct str name = json_str(json_get(address, "name"));
	struct contact *x;
	char *key;

	if (str_chr(email, '@') == email.n || all->n == PEOPLE_MAX)
		return;
	key = arena_dupz(&c->arena, email);
	str_lower(email, key);
	HASH_FIND(hh, all->all, key, email.n, x);
	if (x == NULL) {
		x = arena_new(&c->arena, struct contact);
		x->email = arena_dup(&c->arena, email);
		x->key = str_of(key, email.n);
		HASH_ADD_KEYPTR(hh, all->all, key, email.n, x);
		all->n++;
	}
	if (x->name.n == 0 && name.n > 0)
		x->name = arena_dup(&c->arena, name);
	x->sent += sent;
	x->received += !sent;
	if (str_cmp(x->last, when) < 0)
		x->last = arena_dup(&c->arena, when);
}

static void
add_all(struct mcp_call *c, const cJSON *emails, const char *property, bool sent)
{
	const cJSON *m, *a;

	cJSON_ArrayForEach(m, json_get(emails, "list")) cJSON_ArrayForEach(a, json_get(m, property))
	    add(c, a, sent, json_str(json_get(m, "receivedAt")));
}

static int
by_weight(const struct contact *a, const struct contact *b)
{
	unsigned x = a->sent * SENT_WEIGHT + a->received, y = b->sent * SENT_WEIGHT + b->received;

	return x != y ? (x < y ? 1 : -1) : str_cmp(a->key, b->key);
}

/* In the name by its words, in the address anywhere. */
static bool
matches(const struct contact *x, const struct phrases *p, struct str typed)
{
	uint64_t found = 0;
	char lower[64];

	if (typed.n == 0)
		return true;
	if (typed.n < sizeof lower) {
		str_lower(typed, lower);
		if (str_find(x->key, str_of(lower, typed.n)) < x->key.n)
			return true;
	}
	phrases_look(p, x->name, &found);
	phrases_look(p, x->email, &found);
	return phrases_found(p, found);
}

static void
put(struct mcp_call *c)
{
	int64_t limit = mail_arg_int(c, "limit", LIMIT_DEFAULT), matched = 0;
	struct contacts *all = c->state;
	struct str typed = mail_arg(c, "query");
	cJSON *list = cJSON_CreateArray(), *one;
	struct contact *x, *tmp;
	struct phrases p;
	struct fence f;

	typed = typed.p != NULL ? str_trim(typed) : STR("");
	(void)phrases_init(&p, typed, &c->arena); /* as many words as there is room for */
	HASH_SORT(all->all, by_weight);
	fence_new(&f);
	c->result = cJSON_CreateObject();
	mail_begin(c, &f, "list", NULL, c->result);
	json_put(c->result, "contacts", list);
	HASH_ITER (hh, all->all, x, tmp) {
		if (!matches(x, &p, typed) || matched++ >= limit)
			continue;
		one = cJSON_CreateObject();
		json_put_str(one, "email", mail_line(c, x->email, 254));
		if (x->name.n > 0)
			json_put_str(one, "name", mail_line(c, x->name, 80));
		json_put_num(one, "sent", x->sent);
		json_put_num(one, "received", x->received);
		json_put_str(one, "last", x->last);
		json_add(list, one);
	}
	mail_end(c, &f, c->result);
	json_put_num(c->result, "total", matched);
}

static void
on_emails(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *sent, *received;

	if ((sent = mail_answer(c, responses, 1, "Email/get")) == NULL ||
	    (received = mail_answer(c, responses, 3, "Email/get")) == NULL)
		return;
	add_all(c, sent, "to", true);
	add_all(c, sent, "cc", true);
	add_all(c, sent, "bcc", true);
	add_all(c, received, "from", false);
	put(c);
	mcp_done(c);
}

static void
ask(cJSON *calls, cJSON *filter, const char *properties)
{
	cJSON *args = mail_json("{\"sort\":[{\"property\":\"receivedAt\",\"isAscending\":false}],"
				"\"limit\":" HISTORY "}");
	size_t of = (size_t)cJSON_GetArraySize(calls);

	json_put(args, "filter", filter);
	mail_call(calls, "Email/query", args);
	args = cJSON_CreateObject();
	json_put(args, "properties", mail_json(properties));
	mail_ref(args, "#ids", calls, of, "/ids");
	mail_call(calls, "Email/get", args);
}

static void
on_boxes(struct mcp_call *c, const cJSON *responses)
{
	static const struct str aside[] = {
	    STR_INIT("sent"), STR_INIT("drafts"), STR_INIT("junk"), STR_INIT("trash")};
	const cJSON *answer = mail_answer(c, responses, 0, "Mailbox/get");
	cJSON *calls, *sent, *others, *received;
	struct search boxes;

	if (answer == NULL)
		return;
	mail_boxes(c, answer, &boxes);
	calls = cJSON_CreateArray();
	sent = cJSON_CreateObject();
	received = cJSON_CreateObject();
	others = cJSON_CreateArray();
	json_put_str(sent, "inMailbox", STR("none"));
	for (size_t i = 0; i < boxes.nboxes; i++)
		for (size_t k = 0; k < ARRAY_LEN(aside); k++) {
			if (!str_eq(boxes.boxes[i].role, aside[k]))
				continue;
			json_add(others, json_new_str(boxes.boxes[i].id));
			if (k == 0)
				json_replace(sent, "inMailbox", json_new_str(boxes.boxes[i].id));
		}
	json_put(received, "inMailboxOtherThan", others);
	ask(calls, sent, "[\"to\",\"cc\",\"bcc\",\"receivedAt\"]");
	ask(calls, received, "[\"from\",\"receivedAt\"]");
	mcp_jmap(c, calls, on_emails);
}

static void
run(struct mcp_call *c)
{
	struct contacts *all = arena_new(&c->arena, struct contacts);
	cJSON *calls = cJSON_CreateArray();

	c->state = all;
	arena_defer(&c->arena, clear, all);
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	mcp_jmap(c, calls, on_boxes);
}

const struct mcp_tool tool_contacts = {
    .name = "contacts",
    .title = "Contacts",
    .description = "People the user has exchanged mail with lately, by how much: sent to them, "
		   "received from them. Be careful with one whom the user has not written to.",
    .input = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"query\":{"
	     "\"type\":\"string\",\"maxLength\":100,\"description\":\"Part of a name or an "
	     "address\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":"
	     "20}}}",
    .output = "{\"type\":\"object\",\"required\":[\"begin\",\"contacts\",\"end\",\"total\"],"
	      "\"properties\":{\"begin\":{\"type\":\"string\"},\"contacts\":{\"type\":\"array\","
	      "\"items\":{"
	      "\"type\":\"object\",\"required\":[\"email\",\"sent\",\"received\",\"last\"],"
	      "\"properties\":{\"email\":{\"type\":\"string\"}}}},"
	      "\"end\":{\"type\":\"string\"},\"total\":{\"type\":\"integer\"}}}",
    .scopes = AGENT_READ,
    .hints = MCP_READ_ONLY | MCP_IDEMPOTENT,
    .run = run,
};
