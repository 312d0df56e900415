/*
 * listen.c - see listen.h.
 *
 * A listener watches the user's owner (watch.h). When that tells of a change it is asked what has
 * changed since the states that are known, and each resource is looked up in that. Owner: the call
 * of subscriptions/listen, or the peer of a legacy session. Errors: a listener that loses the owner
 * ends: its client listens anew.
 */
#include "mcpd/listen.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/pipe.h"
#include "mcpd/owner.h"
#include "mcpd/request_in.h"
#include "mcpd/resource.h"
#include "mcpd/watch.h"

#define MAILBOX STR("mail://mailbox/")
#define MESSAGE STR("mail://message/")
#define THREAD  STR("mail://thread/")
#define TYPES   "Mailbox,Email"

struct mcp_listener {
	struct mcp_agent *agent;
	struct mcp_call *call; /* of subscriptions/listen; NULL: */
	struct mcp_peer *peer; /* a legacy session's */
	struct watch *watch;
	struct owner_call *asked;
	bool known;                /* states are */
	bool again;                /* there is more since it was asked */
	bool lists;                /* resources/list_changed */
	bool said;                 /* acknowledged */
	struct str mailbox, email; /* states; owned */
	char *uris[LISTEN_URIS];
	size_t nuris;
};

/* ---- telling ---- */

static void
tell(struct mcp_listener *l, const char *method, cJSON *params)
{
	cJSON *meta;
	struct buf b;

	if (l->call != NULL) {
		meta = cJSON_CreateObject();
		json_put(meta, "io.modelcontextprotocol/subscriptionId",
		    cJSON_Duplicate(l->call->request->message.id, false));
		json_put(params, "_meta", meta);
		request_notify(l->call->request, method, params);
		return;
	}
	buf_init(&b, 65536);
	mcp_notification_print(method, params, &b);
	if (l->peer->notify != NULL)
		l->peer->notify(l->peer->arg, buf_view(&b));
	buf_free(&b);
}

static void
tell_updated(struct mcp_listener *l, const char *uri)
{
	cJSON *params = cJSON_CreateObject();

	json_put_str(params, "uri", str_z(uri));
	tell(l, "notifications/resources/updated", params);
}

/* "The first message": what of the wishes is granted. */
static void
acknowledge(struct mcp_listener *l)
{
	cJSON *params = cJSON_CreateObject(), *granted = cJSON_CreateObject(), *uris;

	if (l->lists)
		json_put_bool(granted, "resourcesListChanged", true);
	if (l->nuris > 0) {
		uris = cJSON_CreateArray();
		for (size_t i = 0; i < l->nuris; i++)
			json_add(uris, json_new_str(str_z(l->uris[i])));
		json_put(granted, "resourceSubscriptions", uris);
	}
	json_put(params, "notifications", granted);
	l->said = true;
	tell(l, "notifications/subscriptions/acknowledged", params);
}

/* ---- what has changed ---- */

static bool
holds(const cJSON *ids, struct str id)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, ids) if (str_eq(json_str(one), id)) return true;
	return false;
}

static bool
among(const cJSON *changes, struct str id)
{
	return holds(json_get(changes, "created"), id) || holds(json_get(changes, "updated"), id) ||
	       holds(json_get(changes, "destroyed"), id);
}

static bool
any(const cJSON *changes)
{
	return cJSON_GetArraySize(json_get(changes, "created")) +
		   cJSON_GetArraySize(json_get(changes, "updated")) +
		   cJSON_GetArraySize(json_get(changes, "destroyed")) >
	       0;
}

/* RFC 3986 2.1; what is no escape stays as it is. */
static void
unescape(struct str in, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < in.n; i++) {
		const char *a, *b;

		if (in.p[i] == '%' && in.n - i > 2 && in.p[i + 1] != '\0' && in.p[i + 2] != '\0' &&
		    (a = strchr(hex, to_lower(in.p[i + 1]))) != NULL &&
		    (b = strchr(hex, to_lower(in.p[i + 2]))) != NULL) {
			buf_putc(out, (char)((a - hex) << 4 | (b - hex)));
			i += 2;
		} else {
			buf_putc(out, in.p[i]);
		}
	}
}

/* What has changed, as the owner told it. */
struct news {
	const cJSON *mailboxes, *emails; /* of Mailbox/changes, Email/changes */
	const cJSON *all;                /* mailboxes */
	const cJSON *updated;            /* emails, with their mailboxIds */
};

/* Other marks of its messages are no change of a mailbox (RFC 8621 2), but of what reading it says.
 */
static bool
has_updated(const struct news *n, struct str id)
{
	const cJSON *one, *in;

	cJSON_ArrayForEach(one, n->updated)
	{
		cJSON_ArrayForEach(
		    in, json_get(one, "mailboxIds")) if (str_eq(json_name(in), id)) return true;
	}
	return false;
}

/* By id, role or name, as it is read. */
static bool
mailbox_changed(struct str name, const struct news *n)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, n->all)
	{
		struct str id = json_str(json_get(one, "id"));

		if ((among(n->mailboxes, id) || has_updated(n, id)) &&
		    (str_eq(id, name) || str_ieq(json_str(json_get(one, "role")), name) ||
			str_ieq(json_str(json_get(one, "name")), name)))
			return true;
	}
	return among(n->mailboxes, name);
}

static bool
changed(struct str uri, const struct news *n)
{
	struct buf name;
	bool yes = false;

	buf_init(&name, LISTEN_URI_MAX + 1);
	if (str_starts(uri, MAILBOX)) {
		unescape(str_from(uri, MAILBOX.n), &name);
		yes = mailbox_changed(buf_view(&name), n);
	} else if (str_starts(uri, MESSAGE)) {
		yes = among(n->emails, str_from(uri, MESSAGE.n));
	} else if (str_starts(uri, THREAD)) {
		/* Which conversation an email is of is not told: any may be this one's. */
		yes = any(n->emails);
	}
	buf_free(&name);
	return yes;
}

static const cJSON *
response(const cJSON *root, int i, const char *method)
{
	const cJSON *one = cJSON_GetArrayItem(json_get(root, "methodResponses"), i);

	return str_eq_z(json_str(cJSON_GetArrayItem(one, 0)), method) ? cJSON_GetArrayItem(one, 1)
								      : NULL;
}

static void
keep(struct str *state, const cJSON *v)
{
	struct str s = json_str(v);

	free((void *)(uintptr_t)state->p);
	*state = s.n > 0 ? str_of(mem_dup(s.p, s.n), s.n) : STR_NONE;
}

static void ask(struct mcp_listener *l);

/* all: what has changed cannot be said (cannotCalculateChanges, or too much): anything may have. */
static void
tell_changes(struct mcp_listener *l, const cJSON *root)
{
	const cJSON *mailboxes = response(root, 0, "Mailbox/changes");
	const cJSON *emails = response(root, 1, "Email/changes");
	const struct news news = {mailboxes, emails,
	    json_get(response(root, 2, "Mailbox/get"), "list"),
	    json_get(response(root, 3, "Email/get"), "list")};
	bool lost = mailboxes == NULL || emails == NULL || news.updated == NULL ||
		    cJSON_IsTrue(json_get(mailboxes, "hasMoreChanges")) ||
		    cJSON_IsTrue(json_get(emails, "hasMoreChanges"));

	/* Counts alone are no other list (RFC 8621 2.2, updatedProperties). */
	if (l->lists && (lost || cJSON_GetArraySize(json_get(mailboxes, "created")) > 0 ||
			    cJSON_GetArraySize(json_get(mailboxes, "destroyed")) > 0 ||
			    (cJSON_GetArraySize(json_get(mailboxes, "updated")) > 0 &&
				json_member(mailboxes, "updatedProperties") == NULL)))
		tell(l, "notifications/resources/list_changed", cJSON_CreateObject());
	for (size_t i = 0; i < l->nuris; i++)
		if (lost || changed(str_z(l->uris[i]), &news))
			tell_updated(l, l->uris[i]);
	l->known = !lost;
	if (lost) {
		l->again = true;
		return;
	}
	keep(&l->mailbox, json_get(mailboxes, "newState"));
	keep(&l->email, json_get(emails, "newState"));
}

static void give_up(struct mcp_listener *l, const struct err *e);

static void
answered(void *arg, unsigned status, struct str octets, const struct err *e)
{
	struct mcp_listener *l = arg;
	cJSON *root = e == NULL && status == 200 ? json_parse(octets, JSON_VALUES_MAX, NULL) : NULL;
	struct err bad;

	l->asked = NULL;
	if (root == NULL) {
		err_set(&bad, E_TEMP, "the owner does not say what has changed");
		give_up(l, e != NULL ? e : &bad);
		return;
	}
	if (l->known) {
		tell_changes(l, root);
	} else {
		keep(&l->mailbox, json_get(response(root, 0, "Mailbox/get"), "state"));
		keep(&l->email, json_get(response(root, 1, "Email/get"), "state"));
		l->known = true;
		if (l->call != NULL && !l->said)
			acknowledge(l);
	}
	cJSON_Delete(root);
	if (l->again)
		ask(l);
}

static void
put_call(struct buf *b, const char *method, const char *account, const char *more)
{
	buf_printf(b, "%s[\"%s\",{\"accountId\":\"%s\",", b->p[b->n - 1] == ']' ? "," : "", method,
	    account);
	buf_puts(b, more);
	buf_printf(b, "},\"%s\"]", method);
}

static void
put_since(struct buf *b, const char *method, const char *account, struct str state)
{
	struct buf more;

	buf_init(&more, 4096);
	buf_puts(&more, "\"sinceState\":");
	json_print_str(state, &more);
	put_call(b, method, account, more.p);
	buf_free(&more);
}

static void
ask(struct mcp_listener *l)
{
	char account[PIPE_ACCOUNT];
	struct buf b;

	if (l->asked != NULL) {
		l->again = true;
		return;
	}
	l->again = false;
	pipe_account(l->agent->user, account);
	buf_init(&b, 65536);
	buf_puts(&b, "{\"using\":[\"urn:ietf:params:jmap:core\",\"urn:ietf:params:jmap:mail\"],"
		     "\"methodCalls\":[");
	if (l->known) {
		put_since(&b, "Mailbox/changes", account, l->mailbox);
		put_since(&b, "Email/changes", account, l->email);
		put_call(&b, "Mailbox/get", account,
		    "\"ids\":null,\"properties\":[\"id\",\"name\",\"role\"]");
		put_call(&b, "Email/get", account,
		    "\"#ids\":{\"resultOf\":\"Email/changes\",\"name\":\"Email/changes\","
		    "\"path\":\"/updated\"},\"properties\":[\"mailboxIds\"]");
	} else {
		put_call(&b, "Mailbox/get", account, "\"ids\":[]");
		put_call(&b, "Email/get", account, "\"ids\":[]");
	}
	buf_puts(&b, "]}");
	assume(!b.over);
	l->asked = owner_request(l->agent, buf_view(&b), answered, l);
	buf_free(&b);
}

/* ---- its life ---- */

static void
on_ready(void *arg)
{
	ask(arg);
}

static void
on_lost(void *arg, const struct err *e)
{
	give_up(arg, e);
}

static struct mcp_listener *
listener_new(struct mcp_agent *g)
{
	struct mcp_listener *l = mem_alloc(sizeof(*l));

	l->agent = g;
	return l;
}

static void
watch(struct mcp_listener *l)
{
	static const struct watch_events events = {
	    .ready = on_ready, .changed = on_ready, .lost = on_lost};

	if (l->watch == NULL)
		l->watch = watch_new(l->agent, TYPES, &events, l);
}

static void
free_listener(void *arg)
{
	struct mcp_listener *l = arg;

	watch_free(&l->watch);
	owner_drop(&l->asked);
	keep(&l->mailbox, NULL);
	keep(&l->email, NULL);
	for (size_t i = 0; i < l->nuris; i++)
		free(l->uris[i]);
	free(l);
}

static void
give_up(struct mcp_listener *l, const struct err *e)
{
	struct mcp_peer *p = l->peer;

	log_info("mcp.listen_end", LS("sid", l->agent->session), LE(e));
	if (l->call != NULL) {
		mcp_tool_error(l->call, "the mailbox cannot be watched now");
		return;
	}
	/* Whoever subscribed is told of everything it subscribed to: it looks, and subscribes again
	 * where it wants to. */
	for (size_t i = 0; i < l->nuris; i++)
		tell_updated(l, l->uris[i]);
	mcp_listen_forget(p);
}

void
mcp_listen_forget(struct mcp_peer *p)
{
	if (p->listener != NULL)
		free_listener(p->listener);
	p->listener = NULL;
}

/* False: it is none, or there are too many. */
static bool
add(struct mcp_listener *l, struct str uri)
{
	for (size_t i = 0; i < l->nuris; i++)
		if (str_eq_z(uri, l->uris[i]))
			return true;
	if (uri.n == 0 || uri.n > LISTEN_URI_MAX || l->nuris == LISTEN_URIS ||
	    !mcp_resource_known(uri))
		return false;
	l->uris[l->nuris++] = mem_dup(uri.p, uri.n);
	return true;
}

/* ---- 2026-07-28 ---- */

void
mcp_listen(struct mcp_call *c)
{
	const cJSON *filter = json_get(c->args, "notifications"), *uri;
	struct mcp_listener *l;

	if (!cJSON_IsObject(filter)) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "notifications is an object");
		return;
	}
	l = listener_new(c->agent);
	arena_defer(&c->arena, free_listener, l);
	l->call = c;
	c->state = l;
	if ((c->agent->scopes & AGENT_READ) != 0) {
		l->lists = cJSON_IsTrue(json_get(filter, "resourcesListChanged"));
		cJSON_ArrayForEach(uri, json_get(filter, "resourceSubscriptions"))(void)
		    add(l, json_str(uri));
	}
	/* Who reads a resource behind the acknowledgement misses nothing that comes later. */
	if (l->lists || l->nuris > 0)
		watch(l);
	else
		acknowledge(l);
}

void
mcp_listen_end(struct mcp_request *r)
{
	struct mcp_call *c = &r->call;
	cJSON *meta;

	if (!str_eq_z(r->message.method, "subscriptions/listen"))
		return;
	meta = cJSON_CreateObject();
	json_put(
	    meta, "io.modelcontextprotocol/subscriptionId", cJSON_Duplicate(r->message.id, false));
	c->result = cJSON_CreateObject();
	json_put(c->result, "_meta", meta);
	mcp_done(c);
}

/* ---- before ---- */

void
mcp_subscribe(struct mcp_call *c)
{
	struct mcp_peer *p = c->request->peer;

	if (p->listener == NULL) {
		p->listener = listener_new(c->agent);
		p->listener->peer = p;
	}
	if (add(p->listener, json_str(json_get(c->args, "uri")))) {
		watch(p->listener);
		mcp_done(c);
	} else {
		mcp_fail_call(
		    c, MCP_RESOURCE_NOT_FOUND, "no such resource, or too many subscriptions");
	}
}

void
mcp_unsubscribe(struct mcp_call *c)
{
	struct mcp_listener *l = c->request->peer->listener;
	struct str uri = json_str(json_get(c->args, "uri"));

	for (size_t i = 0; l != NULL && i < l->nuris; i++)
		if (str_eq_z(uri, l->uris[i])) {
			free(l->uris[i]);
			l->uris[i] = l->uris[--l->nuris];
		}
	if (l != NULL && l->nuris == 0)
		mcp_listen_forget(c->request->peer);
	mcp_done(c);
}
