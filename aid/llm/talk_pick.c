/*
 * talk_pick.c - the messages that the page shows beside an answer: of those that tools listed in
 * this turn, the ones that the model names. A model cannot show what no tool gave. See talk.c.
 */
#include "aid/llm/talk.h"
#include "base/mem.h"

#define LISTED_MAX 200
#define SHOWN_MAX  50

/* "Bob <bob@there.test>", as the tools write it. */
static cJSON *
person(struct str s)
{
	cJSON *o = cJSON_CreateObject();
	size_t open = str_rchr(s, '<');

	if (open < s.n && s.p[s.n - 1] == '>') {
		json_put_str(o, "name", str_trim(str_sub(s, 0, open)));
		json_put_str(o, "email", str_sub(s, open + 1, s.n - open - 2));
	} else {
		json_put_str(o, "email", s);
	}
	return o;
}

static struct str
first(const cJSON *v)
{
	return json_str(cJSON_IsArray(v) ? cJSON_GetArrayItem(v, 0) : v);
}

static cJSON *
item(struct str id, const cJSON *m)
{
	cJSON *o = cJSON_CreateObject();

	json_put_str(o, "emailId", id);
	json_put_str(o, "threadId", json_str(json_get(m, "thread")));
	json_put(o, "from", person(first(json_get(m, "from"))));
	json_put_str(o, "subject", json_str(json_get(m, "subject")));
	json_put_str(o, "receivedAt", json_str(json_get(m, "date")));
	json_put_bool(o, "unread", cJSON_IsTrue(json_get(m, "unread")));
	json_put_str(o, "preview", json_str(json_get(m, "preview")));
	return o;
}

void
talk_listed(struct talk *k, const cJSON *data)
{
	const cJSON *list = json_get(data, "messages"), *m;

	if (!cJSON_IsArray(list))
		return;
	cJSON_ArrayForEach(m, list)
	{
		struct str id = json_str(json_get(m, "id"));

		if (id.n == 0 || id.n > 64 || memchr(id.p, '\0', id.n) != NULL)
			continue;
		if (k->listed == NULL)
			k->listed = cJSON_CreateObject();
		if (cJSON_GetArraySize(k->listed) >= LISTED_MAX ||
		    cJSON_GetObjectItemCaseSensitive(k->listed, id.p) != NULL)
			continue;
		json_put_named(k->listed, id, item(id, m));
	}
}

void
talk_show_picked(struct talk *k)
{
	cJSON *o = json_parse(buf_view(&k->reply.text), 1000, NULL), *items;
	const cJSON *id;

	items = cJSON_CreateArray();
	cJSON_ArrayForEach(id, json_get(o, "messages"))
	{
		cJSON *found = cJSON_IsString(id)
				   ? cJSON_GetObjectItemCaseSensitive(k->listed, id->valuestring)
				   : NULL;

		/* Each once. */
		if (found != NULL && cJSON_GetArraySize(items) < SHOWN_MAX)
			json_add(items, cJSON_DetachItemViaPointer(k->listed, found));
	}
	cJSON_Delete(o);
	if (cJSON_GetArraySize(items) > 0)
		turn_messages(k->turn, items, (uint64_t)cJSON_GetArraySize(items), STR_NONE);
	else
		cJSON_Delete(items);
}
