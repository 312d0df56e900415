/*
 * vacation.c - see vacation.h: VacationResponse (RFC 8621 8), the one object of its type.
 */
#include "mailboxd/jmap/vacation.h"

#include "base/mem.h"
#include "mail/date.h"
#include "mailboxd/jmap/methods.h"

#define SUBJECT_MAX 500u
#define BODY_MAX    100000u

static const char *const properties[] = {
    "id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody", NULL};

cJSON *
jmap_vacation(struct home *h, uint64_t *id, struct err *e)
{
	cJSON *v;

	if (jmap_stored_one(h, OBJECT_VACATION, id, &v, e) < 0 || v != NULL)
		return v;
	v = cJSON_CreateObject();
	json_put_bool(v, "isEnabled", false);
	for (size_t i = 2; properties[i] != NULL; i++)
		json_put(v, properties[i], cJSON_CreateNull());
	return v;
}

bool
jmap_vacation_is_on(const cJSON *v, int64_t now)
{
	struct date from, to;

	if (!cJSON_IsTrue(json_get(v, "isEnabled")))
		return false;
	if (date_rfc3339_parse(json_str(json_get(v, "fromDate")), &from) == 0 && now < from.utc)
		return false;
	return date_rfc3339_parse(json_str(json_get(v, "toDate")), &to) < 0 || now < to.utc;
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	cJSON *v = jmap_vacation(c->home, &id, e);

	if (v == NULL)
		return -1;
	jmap_put_wanted(c, v, out);
	cJSON_Delete(v);
	return 1;
}

/* ---- set ---- */

static bool
is_valid(const cJSON *m)
{
	struct str name = json_name(m), value = json_str(m);
	int64_t utc;

	if (str_eq_z(name, "isEnabled"))
		return cJSON_IsBool(m);
	if (!str_eq_z(name, "fromDate") && !str_eq_z(name, "toDate") &&
	    !str_eq_z(name, "subject") && !str_eq_z(name, "textBody") &&
	    !str_eq_z(name, "htmlBody"))
		return false;
	if (cJSON_IsNull(m))
		return true;
	if (str_eq_z(name, "fromDate") || str_eq_z(name, "toDate"))
		return date_utc_parse(value, &utc) == 0;
	return value.p != NULL && value.n <= (str_eq_z(name, "subject") ? SUBJECT_MAX : BODY_MAX);
}

/* A property that a patch takes away is what it was at first. */
static cJSON *
completed(cJSON *then, struct jmap_item *it)
{
	const cJSON *m;

	cJSON_DeleteItemFromObjectCaseSensitive(then, "id");
	for (size_t i = 1; properties[i] != NULL; i++)
		if (json_get(then, properties[i]) == NULL)
			json_put(
			    then, properties[i], i == 1 ? cJSON_CreateFalse() : cJSON_CreateNull());
	cJSON_ArrayForEach(m, then)
	{
		if (!is_valid(m))
			(void)jmap_item_invalid(it, m->string, "no such value");
	}
	return then;
}

cJSON *
jmap_vacation_then(struct jmap_call *c, struct jmap_item *it, const cJSON *patch)
{
	struct err e;
	uint64_t id;
	cJSON *v = jmap_vacation(c->home, &id, &e), *then;

	if (v == NULL) {
		(void)jmap_item_err(c, it, &e);
		return NULL;
	}
	then = json_patched(v, patch, &e);
	cJSON_Delete(v);
	if (then == NULL) {
		(void)jmap_item_fail(it, "invalidPatch", "%s", e.text);
		return NULL;
	}
	then = completed(then, it);
	if (!jmap_item_failed(it))
		return then;
	cJSON_Delete(then);
	return NULL;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct err e;
	uint64_t id;
	cJSON *v = jmap_vacation(c->home, &id, &e), *then;
	bool was = cJSON_IsTrue(json_get(v, "isEnabled")), on;

	if (v == NULL)
		return jmap_item_err(c, it, &e);
	cJSON_Delete(v);
	if ((then = jmap_vacation_then(c, it, it->given)) == NULL)
		return JMAP_DONE;
	on = cJSON_IsTrue(json_get(then, "isEnabled"));
	/* What tells the parent is there before it is said to be on. */
	if (((on != was && jmap_vacation_switch(c->jmap, on, &e) < 0) ||
		jmap_store(c->home, OBJECT_VACATION, &id, then, c->by, &e) < 0))
		(void)jmap_item_err(c, it, &e);
	cJSON_Delete(then);
	return JMAP_DONE;
}

static const struct jmap_object object = {
    .name = "VacationResponse",
    .type = JMAP_VACATION_RESPONSE,
    .parse = jmap_singleton,
    .text = jmap_singleton_text,
    .properties = properties,
    .all = jmap_singleton_all,
    .get = get,
    .update = update,
    .is_singleton = true,
};

const struct jmap_method jmap_vacation_methods[] = {{.name = "VacationResponse/get",
							.capability = JMAP_VACATION,
							.run = jmap_get,
							.object = &object},
    {.name = "VacationResponse/set",
	.capability = JMAP_VACATION,
	.run = jmap_set,
	.object = &object},
    {0}};
