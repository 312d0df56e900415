/*
 * identity.c - Identity (RFC 8621 6): from whom the user writes.
 *
 * Each address of the user has one that cannot be destroyed (sending.c); others may be made for the
 * same addresses, with other names and signatures.
 */
#include "base/mem.h"
#include "mail/compose.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/sending.h"

#define SIGNATURE_MAX 65536u
#define NAME_MAX_TEXT 1000u
#define ADDRESSES_MAX 100

static const char *const properties[] = {
    "id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete", NULL};

JMAP_STORED_TYPE('i', OBJECT_IDENTITY)

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	cJSON *v = jmap_stored(c->home, OBJECT_IDENTITY, id, e);

	if (v == NULL)
		return e->code == E_NOTFOUND ? 0 : -1;
	jmap_put_wanted(c, v, out);
	cJSON_Delete(v);
	return 1;
}

/* ---- set ---- */

/* EmailAddress[]|null */
static bool
is_list(const cJSON *v)
{
	const cJSON *m;

	if (cJSON_IsNull(v))
		return true;
	cJSON_ArrayForEach(m, v)
	{
		const cJSON *name = json_member(m, "name");

		if (!cJSON_IsObject(m) || !compose_email_ok(json_str(json_get(m, "email"))) ||
		    (name != NULL && !cJSON_IsString(name)))
			return false;
	}
	return cJSON_IsArray(v) && cJSON_GetArraySize(v) <= ADDRESSES_MAX;
}

static bool
is_text(const cJSON *v, size_t max)
{
	return cJSON_IsString(v) && json_str(v).n <= max;
}

/* Is that a value for that property, which a client may give? */
static bool
is_valid(const cJSON *m)
{
	struct str name = json_name(m);

	if (str_eq_z(name, "name"))
		return is_text(m, NAME_MAX_TEXT);
	if (str_eq_z(name, "textSignature") || str_eq_z(name, "htmlSignature"))
		return is_text(m, SIGNATURE_MAX);
	return (str_eq_z(name, "replyTo") || str_eq_z(name, "bcc")) && is_list(m);
}

static void
replace(cJSON *object, const cJSON *m)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, m->string);
	json_put_named(object, json_name(m), cJSON_Duplicate(m, true));
}

/* ---- whose address it is ---- */

/* What stands in the list of the user's addresses needs no question; tags, catch-alls and the like
 * are authd's to know, by whom gk-smtpd decides too. */
struct owning {
	struct jmap_call *call;
	uint64_t question;
	bool answered, owned, failed;
	struct err e;
};

static void
on_owned(void *to, bool owned, const struct err *e)
{
	struct owning *a = to;

	a->answered = true;
	a->owned = owned;
	if ((a->failed = e != NULL))
		a->e = *e;
	jmap_continue(a->call);
}

static void
give_up(void *arg)
{
	struct owning *a = arg;
	const struct jmap_outside *o = a->call->jmap->host.outside;

	if (!a->answered)
		o->forget(o->arg, a->question);
}

/* JMAP_WAIT: it is asked; else the item has failed, or the address is the user's. */
static enum jmap_step
check_owner(struct jmap_call *c, struct jmap_item *it, struct str email)
{
	const struct jmap_outside *o = c->jmap->host.outside;
	struct owning *a = it->op;

	if (a == NULL && (c->jmap->host.any_sender || jmap_is_listed(c->jmap, email)))
		return JMAP_DONE;
	if (a == NULL && o == NULL)
		return jmap_item_fail(it, "forbiddenFrom", "not an address of yours");
	if (a == NULL) {
		it->op = a = arena_new(&c->arena, struct owning);
		a->call = c;
		arena_defer(&c->arena, give_up, a);
		a->question = o->sender(o->arg, email, on_owned, a);
	}
	if (!a->answered)
		return JMAP_WAIT;
	if (a->failed)
		(void)jmap_item_fail(it, "serverFail", "%s", a->e.text);
	else if (!a->owned)
		(void)jmap_item_fail(it, "forbiddenFrom", "not an address of yours");
	return JMAP_DONE;
}

/* ---- set: made ---- */

static cJSON *
made_of(struct jmap_item *it, struct str email)
{
	cJSON *v = jmap_identity_new(email, true);
	const cJSON *m;

	cJSON_ArrayForEach(m, it->given)
	{
		if (str_eq_z(json_name(m), "email"))
			continue;
		if (is_valid(m))
			replace(v, m);
		else
			(void)jmap_item_invalid(it, m->string, "no such value");
	}
	if (!compose_email_ok(email))
		(void)jmap_item_invalid(it, "email", email.n == 0 ? "not there" : "no address");
	return v;
}

static enum jmap_step
create(struct jmap_call *c, struct jmap_item *it)
{
	struct str email = json_str(json_get(it->given, "email"));
	cJSON *v = made_of(it, email);
	enum jmap_step step = JMAP_DONE;
	struct err e;

	if (!jmap_item_failed(it))
		step = check_owner(c, it, email);
	if (step == JMAP_DONE && !jmap_item_failed(it) &&
	    jmap_store(c->home, OBJECT_IDENTITY, &it->id, v, c->by, &e) < 0)
		(void)jmap_item_err(c, it, &e);
	if (step == JMAP_DONE)
		json_put_bool(it->out, "mayDelete", true);
	cJSON_Delete(v);
	return step;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct err e;
	cJSON *v = jmap_stored(c->home, OBJECT_IDENTITY, it->id, &e), *then = NULL;
	const cJSON *m, *was;

	if (v == NULL)
		return jmap_item_err(c, it, &e);
	if ((then = json_patched(v, it->given, &e)) == NULL) {
		(void)jmap_item_fail(it, "invalidPatch", "%s", e.text);
		goto out;
	}
	cJSON_ArrayForEach(m, then)
	{
		was = json_get(v, m->string);
		if (str_eq_z(json_name(m), "id") && str_eq(json_str(m), it->key))
			continue;
		if ((was == NULL || !cJSON_Compare(was, m, true)) && !is_valid(m))
			(void)jmap_item_invalid(it, m->string, "no such value");
	}
	cJSON_ArrayForEach(m, v) if (json_get(then, m->string) == NULL)(void)
	    jmap_item_invalid(it, m->string, "it cannot be removed");
	cJSON_DeleteItemFromObjectCaseSensitive(then, "id");
	if (!jmap_item_failed(it) &&
	    jmap_store(c->home, OBJECT_IDENTITY, &it->id, then, c->by, &e) < 0)
		(void)jmap_item_err(c, it, &e);
out:
	cJSON_Delete(then);
	cJSON_Delete(v);
	return JMAP_DONE;
}

static enum jmap_step
destroy(struct jmap_call *c, struct jmap_item *it)
{
	struct err e;
	cJSON *v = jmap_stored(c->home, OBJECT_IDENTITY, it->id, &e);
	bool stays = cJSON_IsFalse(json_get(v, "mayDelete"));

	cJSON_Delete(v);
	if (v == NULL)
		return jmap_item_err(c, it, &e);
	if (stays)
		return jmap_item_fail(it, "forbidden", "it belongs to an address of yours");
	if (object_remove(c->home, OBJECT_IDENTITY, (uint32_t)it->id, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	return JMAP_DONE;
}

/* ---- methods ---- */

static enum jmap_step
identity_get(struct jmap_call *c)
{
	return jmap_with_senders(c, jmap_get);
}

static enum jmap_step
identity_changes(struct jmap_call *c)
{
	return jmap_with_senders(c, jmap_changes);
}

static enum jmap_step
identity_set(struct jmap_call *c)
{
	return jmap_with_senders(c, jmap_set);
}

static const struct jmap_object object = {
    .name = "Identity",
    .type = JMAP_IDENTITY,
    .parse = parse,
    .text = text,
    .properties = properties,
    .all = all,
    .get = get,
    .changed = changed,
    .create = create,
    .update = update,
    .destroy = destroy,
};

const struct jmap_method jmap_identity_methods[] = {
    {.name = "Identity/get", .capability = JMAP_SUBMISSION, .run = identity_get, .object = &object},
    {.name = "Identity/changes",
	.capability = JMAP_SUBMISSION,
	.run = identity_changes,
	.object = &object},
    {.name = "Identity/set", .capability = JMAP_SUBMISSION, .run = identity_set, .object = &object},
    {0}};
