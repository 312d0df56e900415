/*
 * push.c - see push.h: what is POSTed to push services (RFC 8620 7.2, RFC 8030, RFC 8291).
 *
 * A subscription is told by a watch (state.c), one POST at a time; what changes meanwhile is told
 * together when that has come. A service that does not take it is tried again, later and later; one
 * that knows nothing of the subscription (404, 410) ends it. The POST is gk-remote's, asked through
 * the parent.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "mailboxd/jmap/push_in.h"
#include "store/object.h"

#define RETRY_MS  15000u
#define RETRY_MAX 8u

static const struct change_by by_push = {.actor = STR_INIT("jmap")};

/* ---- one subscription ---- */

static struct str
text(const struct jmap_push *p, const char *name)
{
	return json_str(json_get(p->v, name));
}

static bool
is_verified(const struct jmap_push *p)
{
	return cJSON_IsTrue(json_get(p->v, "verified"));
}

int64_t
jmap_push_until(const struct jmap_push *p)
{
	int64_t n = 0;

	(void)json_int(json_get(p->v, "until"), 0, JSON_INT_MAX, &n);
	return n;
}

static uint32_t
types(const struct jmap_push *p)
{
	const cJSON *list = json_member(p->v, "types"), *m;
	uint32_t bits = list == NULL ? UINT32_MAX : 0;
	enum jmap_type t;

	/* RFC 8620 7.2: types that are not known are passed over. */
	cJSON_ArrayForEach(m, list)
	{
		if ((t = jmap_type_by_name(json_str(m))) < JMAP_TYPES)
			bits |= 1u << t;
	}
	return bits & ((1u << JMAP_TYPES) - 1);
}

static void
set_told(struct jmap_push *p, const char *state)
{
	cJSON_DeleteItemFromObjectCaseSensitive(p->v, "told");
	json_put_str(p->v, "told", str_z(state));
	p->dirty = true;
}

static void
stop(struct jmap_push *p)
{
	if (p->watching)
		jmap_unwatch(p->jmap, &p->watch);
	p->watching = false;
}

void
jmap_push_start(struct jmap_push *p)
{
	stop(p);
	if (!is_verified(p))
		return;
	p->watch.types = types(p);
	p->watching = true;
	jmap_watch(p->jmap, &p->watch, text(p, "told"));
}

struct jmap_push *
jmap_push_find(struct jmap *j, uint32_t id)
{
	struct jmap_push *p;

	LIST_FOREACH (p, &j->pushes, link)
		if (p->id == id)
			return p;
	return NULL;
}

void
jmap_push_free(struct jmap_push **pp)
{
	struct jmap_push *p = *pp;
	const struct jmap_outside *o = p->jmap->host.outside;

	stop(p);
	if (p->question != 0)
		o->forget(o->arg, p->question);
	loop_timer_free(&p->retry);
	LIST_REMOVE(p, link);
	cJSON_Delete(p->v);
	free(p);
	*pp = NULL;
}

/* It is gone for good. */
static void
end(struct jmap_push *p, const char *why)
{
	struct jmap *j = p->jmap;
	struct err e = {0};

	log_info("jmap.push.end", LS("user", j->user), LZ("why", why));
	if (object_remove(j->home, OBJECT_PUSH, p->id, &by_push, &e) < 0)
		log_warn("jmap.push", LS("user", j->user), LE(&e));
	jmap_push_free(&p);
	jmap_push_mark(j);
}

/* ---- POST ---- */

static void
posted(void *to, unsigned status)
{
	struct jmap_push *p = to;

	p->question = 0;
	if (status == 404 || status == 410) {
		end(p, "the service does not know it");
		return;
	}
	if (status < 200 || status > 299) {
		log_info("jmap.push.failed", LS("user", p->jmap->user), LU("status", status));
		if (p->fails < RETRY_MAX)
			loop_timer_set(p->retry, (uint64_t)RETRY_MS << p->fails++);
		return;
	}
	p->fails = 0;
	if (p->sending.text[0] != '\0')
		set_told(p, p->sending.text);
	if (p->stale)
		jmap_push_start(p);
	p->stale = false;
}

/* Sealed where the client gave keys. */
static int
seal(const struct jmap_push *p, struct str body, struct buf *out, struct err *e)
{
	unsigned char key[PUSH_KEY_LEN], auth[PUSH_AUTH_LEN];
	struct str k = text(p, "p256dh"), a = text(p, "auth");
	size_t nkey = 0, nauth = 0;

	if (sodium_base642bin(key, sizeof key, k.p, k.n, NULL, &nkey, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
	    sodium_base642bin(auth, sizeof auth, a.p, a.n, NULL, &nauth, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0)
		return err_set(e, E_INVAL, "no base64url");
	return push_seal(body, str_of(key, nkey), str_of(auth, nauth), out, e);
}

static void
post(struct jmap_push *p, struct str body)
{
	const struct jmap_outside *o = p->jmap->host.outside;
	bool sealed = text(p, "p256dh").n > 0;
	struct err e = {0};
	struct buf b;

	buf_init(&b, 8192);
	if (sealed && seal(p, body, &b, &e) < 0)
		log_warn("jmap.push", LS("user", p->jmap->user), LE(&e));
	else
		p->question = o->post(
		    o->arg, text(p, "url"), sealed ? buf_view(&b) : body, sealed, posted, p);
	buf_free(&b);
}

/* Of a watch. */
static void
on_changed(void *arg, struct str state_change, struct str push)
{
	struct jmap_push *p = arg;

	if (p->question != 0 || loop_timer_pending(p->retry)) {
		p->stale = true;
		return;
	}
	(void)str_cz(push, p->sending.text, sizeof p->sending.text);
	post(p, state_change);
}

void
jmap_push_verify(struct jmap_push *p)
{
	cJSON *v = cJSON_CreateObject();
	char id[24];
	struct buf b;

	(void)snprintf(id, sizeof id, "p%u", p->id);
	json_put_str(v, "@type", STR("PushVerification"));
	json_put_str(v, "pushSubscriptionId", str_z(id));
	json_put_str(v, "verificationCode", text(p, "code"));
	buf_init(&b, 4096);
	json_print(v, &b);
	p->sending.text[0] = '\0';
	post(p, buf_view(&b));
	buf_free(&b);
	cJSON_Delete(v);
}

static void
retry(void *arg)
{
	struct jmap_push *p = arg;

	p->stale = false;
	if (is_verified(p))
		jmap_push_start(p);
	else
		jmap_push_verify(p);
}

struct jmap_push *
jmap_push_new(struct jmap *j, uint32_t id, cJSON *v)
{
	struct jmap_push *p = mem_alloc(sizeof *p);

	p->jmap = j;
	p->id = id;
	p->v = v;
	p->watch = (struct jmap_watch){.changed = on_changed, .arg = p};
	p->retry = loop_timer_new(retry, p);
	LIST_INSERT_HEAD(&j->pushes, p, link);
	return p;
}

/* ---- all of a user ---- */

void
jmap_push_mark(struct jmap *j)
{
	struct jmap_push *p;
	struct err e = {0};
	bool any = false;
	int fd = -1;

	LIST_FOREACH (p, &j->pushes, link)
		any |= is_verified(p);
	if (!any)
		(void)file_unlink(AT_FDCWD, PUSH_PATH, NULL);
	else if ((fd = file_open(AT_FDCWD, PUSH_PATH, O_WRONLY | O_CREAT, 0600, &e)) < 0)
		log_warn("jmap.push", LS("user", j->user), LE(&e));
	file_close(&fd);
}

void
jmap_push_expire(struct jmap *j)
{
	struct jmap_push *p, *next;

	for (p = LIST_FIRST(&j->pushes); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		if (jmap_push_until(p) <= clock_wall())
			end(p, "expired");
	}
}

/* While there was no owner the parent has taken the mark away. */
static void
end_revoked(struct jmap *j)
{
	struct jmap_push *p, *next;

	for (p = LIST_FIRST(&j->pushes); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		if (is_verified(p))
			end(p, "the user's sessions were ended");
	}
}

static bool
take_up(void *arg, uint32_t id, struct str stored)
{
	cJSON *v = json_parse(stored, 1000, NULL);

	if (v != NULL)
		(void)jmap_push_new(arg, id, v);
	return true;
}

void
jmap_push_open(struct jmap *j)
{
	struct jmap_push *p;
	struct err e = {0};

	LIST_INIT(&j->pushes);
	if (j->host.outside == NULL)
		return;
	if (object_each(j->home, OBJECT_PUSH, take_up, j, &e) < 0)
		log_warn("jmap.push", LS("user", j->user), LE(&e));
	if (access(PUSH_PATH, F_OK) < 0)
		end_revoked(j);
	jmap_push_expire(j);
	LIST_FOREACH (p, &j->pushes, link)
		jmap_push_start(p);
	/* Also where an index was lost that had some. */
	jmap_push_mark(j);
}

void
jmap_push_close(struct jmap *j)
{
	struct jmap_push *p;
	struct err e = {0};
	struct buf b;

	buf_init(&b, OBJECT_TEXT_MAX);
	while ((p = LIST_FIRST(&j->pushes)) != NULL) {
		buf_reset(&b);
		json_print(p->v, &b);
		if (p->dirty &&
		    object_put(j->home, OBJECT_PUSH, &p->id, buf_view(&b), &by_push, &e) < 0)
			log_warn("jmap.push", LS("user", j->user), LE(&e));
		jmap_push_free(&p);
	}
	buf_free(&b);
}
