/*
 * push_set.c - PushSubscription/get and /set (RFC 8620 7.2.1, 7.2.2).
 *
 * It belongs to no account and has no state. Where it leads and its keys are never told again.
 * Until the client has said the code that was sent there, nothing but that code is sent.
 */
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mailboxd/jmap/push_in.h"
#include "store/object.h"

enum property {
	PUSH_ID,
	PUSH_DEVICE,
	PUSH_CODE,
	PUSH_EXPIRES,
	PUSH_TYPES
};

static const char *const properties[] = {
    "id", "deviceClientId", "verificationCode", "expires", "types", NULL};

static uint64_t
parse(struct str id)
{
	uint64_t n = 0;

	if (!str_starts(id, STR("p")) || num_parse(str_from(id, 1), 1, UINT32_MAX, &n) < 0)
		return 0;
	return n;
}

static const char *
id_text(uint64_t n, char out[JMAP_ID_SIZE])
{
	(void)snprintf(out, JMAP_ID_SIZE, "p%llu", (unsigned long long)n);
	return out;
}

/* ---- /get ---- */

static bool
is_secret(struct str name)
{
	return str_eq_z(name, "url") || str_eq_z(name, "keys");
}

/* RFC 8620 7.2.1: who asks for them by name is told so. */
static int
get_begin(struct jmap_call *c)
{
	size_t n;

	(void)jmap_more_properties(c, &n);
	if (n > 0) {
		(void)jmap_fail(c, "forbidden", "url and keys are never told");
		return -1;
	}
	jmap_push_expire(c->jmap);
	return 0;
}

static int
all(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e)
{
	struct jmap_push *p;
	size_t count = 0;

	(void)e;
	LIST_FOREACH (p, &c->jmap->pushes, link)
		count++;
	*ids = arena_array(&c->arena, count + 1, sizeof **ids);
	*n = 0;
	LIST_FOREACH (p, &c->jmap->pushes, link)
		(*ids)[(*n)++] = p->id;
	return 0;
}

static struct str
utc_date(int64_t s, char out[DATE_RFC3339_SIZE])
{
	return str_z(date_rfc3339(s, 0, out));
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	const struct jmap_push *p = jmap_push_find(c->jmap, (uint32_t)id);
	char date[DATE_RFC3339_SIZE];

	(void)e;
	if (p == NULL)
		return 0;
	if (jmap_wants(c, PUSH_DEVICE))
		json_put_str(out, "deviceClientId", json_str(json_get(p->v, "deviceClientId")));
	if (jmap_wants(c, PUSH_CODE))
		json_put_str(out, "verificationCode",
		    cJSON_IsTrue(json_get(p->v, "verified")) ? json_str(json_get(p->v, "code"))
							     : STR_NONE);
	if (jmap_wants(c, PUSH_EXPIRES))
		json_put_str(out, "expires", utc_date(jmap_push_until(p), date));
	if (jmap_wants(c, PUSH_TYPES))
		json_put(out, "types",
		    json_member(p->v, "types") != NULL
			? cJSON_Duplicate(json_get(p->v, "types"), true)
			: cJSON_CreateNull());
	return 1;
}

/* ---- what a client may say ---- */

static bool
read_types(struct jmap_item *it, const cJSON *v)
{
	const cJSON *m;
	size_t n = 0;

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsArray(v))
		(void)jmap_item_invalid(it, "types", "no list");
	cJSON_ArrayForEach(m, v)
	{
		if (!cJSON_IsString(m) || json_str(m).n > PUSH_TEXT_MAX || ++n > 100) {
			(void)jmap_item_invalid(it, "types", "no list of names");
			break;
		}
	}
	return !jmap_item_failed(it);
}

/* Later than now, and no later than we keep any. */
static bool
read_expires(struct jmap_item *it, const cJSON *v, int64_t *until)
{
	int64_t latest = clock_wall() + PUSH_KEEP_S;

	*until = latest;
	if (v == NULL || cJSON_IsNull(v))
		return true;
	if (date_utc_parse(json_str(v), until) < 0 || *until <= clock_wall()) {
		(void)jmap_item_invalid(it, "expires", "no UTCDate to come");
		return false;
	}
	*until = num_min(*until, latest);
	return true;
}

static bool
read_key(struct str s, unsigned char *out, size_t n)
{
	size_t got = 0;

	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	return s.p != NULL &&
	       sodium_base642bin(out, n, s.p, s.n, NULL, &got, NULL,
		   sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       got == n;
}

static struct str
unpadded(struct str s)
{
	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	return s;
}

static bool
read_keys(struct jmap_item *it, const cJSON *v, cJSON *out)
{
	struct str k = json_str(json_get(v, "p256dh")), a = json_str(json_get(v, "auth"));
	unsigned char key[PUSH_KEY_LEN], auth[PUSH_AUTH_LEN];

	if (v == NULL || cJSON_IsNull(v))
		return true;
	if (!read_key(k, key, sizeof key) || !read_key(a, auth, sizeof auth) ||
	    !push_key_valid(str_of(key, sizeof key))) {
		(void)jmap_item_invalid(it, "keys", "no keys of Web Push");
		return false;
	}
	json_put_str(out, "p256dh", unpadded(k));
	json_put_str(out, "auth", unpadded(a));
	return true;
}

static bool
is_url(struct str s)
{
	if (!str_starts(s, STR("https://")) || s.n > PUSH_URL_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]) || s.p[i] == ' ' || (unsigned char)s.p[i] > 126)
			return false;
	return true;
}

/* p: what it is now, of which may be said what is so (RFC 8620 5.3); NULL: nothing yet. */
static bool
only(struct jmap_item *it, const char *const *names, const struct jmap_push *p)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, it->given)
	{
		bool known =
		    p != NULL && ((str_eq_z(json_name(m), "id") && str_eq(json_str(m), it->key)) ||
				     (str_eq_z(json_name(m), "deviceClientId") &&
					 str_eq(json_str(m), json_str(json_get(p->v, m->string)))));

		for (size_t i = 0; names[i] != NULL; i++)
			known |= str_eq_z(json_name(m), names[i]);
		if (!known)
			(void)jmap_item_invalid(it, m->string, "not to be set");
	}
	return !jmap_item_failed(it);
}

/* ---- /set ---- */

static int
store(struct jmap_call *c, struct jmap_push *p, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, OBJECT_TEXT_MAX);
	json_print(p->v, &b);
	rc = object_put(c->home, OBJECT_PUSH, &p->id, buf_view(&b), c->by, e);
	buf_free(&b);
	p->dirty &= rc < 0;
	return rc;
}

static void
put_code(cJSON *v)
{
	unsigned char random[16];
	char code[sizeof random * 2 + 1];

	randombytes_buf(random, sizeof random);
	sodium_bin2hex(code, sizeof code, random, sizeof random);
	json_put_str(v, "code", str_z(code));
	json_put_bool(v, "verified", false);
}

static bool
has_room(struct jmap_call *c)
{
	struct jmap_push *p;
	size_t n = 0;

	jmap_push_expire(c->jmap);
	LIST_FOREACH (p, &c->jmap->pushes, link)
		n++;
	return n < PUSH_MAX;
}

static enum jmap_step
make(struct jmap_call *c, struct jmap_item *it, cJSON *v)
{
	char date[DATE_RFC3339_SIZE];
	struct jmap_push *p = jmap_push_new(c->jmap, 0, v);
	struct err e = {0};

	if (store(c, p, &e) < 0) {
		jmap_push_free(&p);
		return jmap_item_err(c, it, &e);
	}
	it->id = p->id;
	json_put_str(it->out, "expires", utc_date(jmap_push_until(p), date));
	jmap_push_verify(p);
	return JMAP_DONE;
}

static enum jmap_step
create(struct jmap_call *c, struct jmap_item *it)
{
	static const char *const names[] = {
	    "deviceClientId", "url", "keys", "verificationCode", "expires", "types", NULL};
	struct str device = json_str(json_get(it->given, "deviceClientId")),
		   url = json_str(json_get(it->given, "url"));
	const cJSON *types = json_member(it->given, "types");
	int64_t until;
	cJSON *v;

	if (c->jmap->host.outside == NULL)
		return jmap_item_fail(it, "forbidden", "nothing is pushed here");
	if (!has_room(c))
		return jmap_item_fail(it, "overQuota", "more than %u subscriptions", PUSH_MAX);
	if (!only(it, names, NULL) || !read_types(it, types) ||
	    !read_expires(it, json_get(it->given, "expires"), &until))
		return JMAP_DONE;
	if (device.n == 0 || device.n > PUSH_TEXT_MAX)
		return jmap_item_invalid(it, "deviceClientId", "no id of a device");
	if (!is_url(url))
		return jmap_item_invalid(it, "url", "no URL of https");
	if (json_member(it->given, "verificationCode") != NULL)
		return jmap_item_invalid(it, "verificationCode", "it was not sent yet");
	v = cJSON_CreateObject();
	if (!read_keys(it, json_get(it->given, "keys"), v)) {
		cJSON_Delete(v);
		return JMAP_DONE;
	}
	json_put_str(v, "deviceClientId", device);
	json_put_str(v, "url", url);
	json_put_num(v, "until", until);
	if (types != NULL)
		json_put(v, "types", cJSON_Duplicate(types, true));
	json_put_str(v, "told", str_z(jmap_push_state(c->jmap, (1u << JMAP_TYPES) - 1).text));
	put_code(v);
	return make(c, it, v);
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	static const char *const names[] = {"verificationCode", "expires", "types", NULL};
	const cJSON *code = json_get(it->given, "verificationCode"),
		    *expires = json_get(it->given, "expires"),
		    *types = json_get(it->given, "types");
	struct jmap_push *p = jmap_push_find(c->jmap, (uint32_t)it->id);
	char date[DATE_RFC3339_SIZE];
	int64_t until;
	struct err e = {0};

	if (p == NULL)
		return jmap_item_fail(it, "notFound", "no such subscription");
	if (!only(it, names, p) || !read_types(it, types) || !read_expires(it, expires, &until))
		return JMAP_DONE;
	/* RFC 8620 7.2.2: a wrong code is no code. */
	if (code != NULL && !str_eq(json_str(code), json_str(json_get(p->v, "code"))))
		return jmap_item_invalid(it, "verificationCode", "it is another one");
	if (code != NULL)
		json_replace(p->v, "verified", cJSON_CreateTrue());
	if (types != NULL)
		json_replace(p->v, "types", cJSON_Duplicate(types, true));
	if (expires != NULL) {
		json_replace(p->v, "until", cJSON_CreateNumber((double)until));
		if (!str_eq(utc_date(until, date), json_str(expires)))
			json_put_str(it->out, "expires", str_z(date));
	}
	if (store(c, p, &e) < 0)
		return jmap_item_err(c, it, &e);
	jmap_push_start(p);
	jmap_push_mark(c->jmap);
	return JMAP_DONE;
}

static enum jmap_step
destroy(struct jmap_call *c, struct jmap_item *it)
{
	struct jmap_push *p = jmap_push_find(c->jmap, (uint32_t)it->id);
	struct err e = {0};

	if (p == NULL)
		return jmap_item_fail(it, "notFound", "no such subscription");
	if (object_remove(c->home, OBJECT_PUSH, p->id, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	jmap_push_free(&p);
	jmap_push_mark(c->jmap);
	return JMAP_DONE;
}

static const struct jmap_object push = {.name = "PushSubscription",
    .parse = parse,
    .text = id_text,
    .properties = properties,
    .is_property = is_secret,
    .stateless = true,
    .get_begin = get_begin,
    .all = all,
    .get = get,
    .create = create,
    .update = update,
    .destroy = destroy};

const struct jmap_method jmap_push_methods[] = {{.name = "PushSubscription/get",
						    .capability = JMAP_CORE,
						    .run = jmap_get,
						    .object = &push,
						    .no_account = true},
    {.name = "PushSubscription/set",
	.capability = JMAP_CORE,
	.run = jmap_set,
	.object = &push,
	.no_account = true},
    {0}};
