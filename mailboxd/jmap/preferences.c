/*
 * preferences.c - Preferences, a type of ours (docs/adr/0033-preferences.md): how a user wants the
 * web client, on whatever device. One object, "singleton"; a property that is null is left to the
 * client. What the words mean is the client's affair; here they are bounded.
 */
#include "base/mem.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/stored.h"

#define WORD_MAX    32u
#define SECONDS_MAX 3600.0
#define SENDERS_MAX 1000u
#define SENDER_MAX  320u /* RFC 5321 4.5.3.1: local part, "@", domain */

static bool
is_word(const cJSON *m)
{
	struct str word = json_str(m);

	return cJSON_IsNull(m) || (word.p != NULL && word.n > 0 && word.n <= WORD_MAX);
}

static bool
is_seconds(const cJSON *m)
{
	return cJSON_IsNull(m) ||
	       (cJSON_IsNumber(m) && m->valuedouble >= 0 && m->valuedouble <= SECONDS_MAX);
}

static bool
is_choice(const cJSON *m)
{
	return cJSON_IsNull(m) || cJSON_IsBool(m);
}

/* String[Boolean], so that a patch adds one and two devices do not undo one another. */
static bool
is_senders(const cJSON *m)
{
	const cJSON *sender;
	unsigned n = 0;

	if (!cJSON_IsObject(m))
		return false;
	cJSON_ArrayForEach(sender, m)
	{
		if (!cJSON_IsTrue(sender) || json_name(sender).n > SENDER_MAX || ++n > SENDERS_MAX)
			return false;
	}
	return true;
}

static const char *const properties[] = {
    "id", "theme", "accent", "density", "language", "undoSeconds", "assistant", "imagesFrom", NULL};

static bool (*const rules[])(const cJSON *m) = {
    NULL, is_word, is_word, is_word, is_word, is_seconds, is_choice, is_senders};

/* A property that was never given, or that a patch takes away, is what it was at first. */
static void
complete(cJSON *v)
{
	for (unsigned i = 1; properties[i] != NULL; i++)
		if (json_get(v, properties[i]) == NULL)
			json_put(v, properties[i],
			    rules[i] == is_senders ? cJSON_CreateObject() : cJSON_CreateNull());
}

static cJSON *
current(struct home *h, uint64_t *id, struct err *e)
{
	cJSON *v;

	if (jmap_stored_one(h, OBJECT_PREFERENCES, id, &v, e) < 0)
		return NULL;
	if (v == NULL)
		v = cJSON_CreateObject();
	complete(v);
	return v;
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	cJSON *v = current(c->home, &id, e);

	if (v == NULL)
		return -1;
	jmap_put_wanted(c, v, out);
	cJSON_Delete(v);
	return 1;
}

static void
check(const cJSON *v, struct jmap_item *it)
{
	const cJSON *m;
	unsigned i;

	cJSON_ArrayForEach(m, v)
	{
		for (i = 1; properties[i] != NULL && !str_eq_z(json_name(m), properties[i]); i++)
			;
		if (properties[i] == NULL || !rules[i](m))
			(void)jmap_item_invalid(it, m->string, "no such value");
	}
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct err e;
	uint64_t id;
	cJSON *v = current(c->home, &id, &e), *then;

	if (v == NULL)
		return jmap_item_err(c, it, &e);
	then = json_patched(v, it->given, &e);
	cJSON_Delete(v);
	if (then == NULL)
		return jmap_item_fail(it, "invalidPatch", "%s", e.text);
	cJSON_DeleteItemFromObjectCaseSensitive(then, "id");
	complete(then);
	check(then, it);
	if (!jmap_item_failed(it) &&
	    jmap_store(c->home, OBJECT_PREFERENCES, &id, then, c->by, &e) < 0)
		(void)jmap_item_err(c, it, &e);
	cJSON_Delete(then);
	return JMAP_DONE;
}

static const struct jmap_object object = {
    .name = "Preferences",
    .type = JMAP_PREFERENCES_TYPE,
    .parse = jmap_singleton,
    .text = jmap_singleton_text,
    .properties = properties,
    .all = jmap_singleton_all,
    .get = get,
    .update = update,
    .is_singleton = true,
};

const struct jmap_method jmap_preferences_methods[] = {
    {.name = "Preferences/get", .capability = JMAP_PREFERENCES, .run = jmap_get, .object = &object},
    {.name = "Preferences/set", .capability = JMAP_PREFERENCES, .run = jmap_set, .object = &object},
    {0}};
