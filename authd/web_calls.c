/*
 * web_calls.c - see web_calls.h.
 */
#include "authd/web_calls.h"

#include <sodium.h>
#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/app_used.h"
#include "authd/authd.h"
#include "authd/operator.h"
#include "authd/ticket.h"
#include "authd/web.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define COLUMNS 8u /* of a session's row */

static void
refuse(struct ipc_chan *c, uint64_t call, enum err_code code, const char *text)
{
	struct err e;

	err_set(&e, code, "%s", text);
	ipc_reply_error(c, call, &e);
}

/* The session of a token; NULL: an error was answered. */
static struct web *
session_of(struct ipc_chan *c, uint64_t call, struct str token)
{
	struct web *w = web_find(token);

	if (w == NULL)
		refuse(c, call, E_DENIED, "no such session");
	return w;
}

/* The same for what programs may not do. */
static struct web *
browser_of(struct ipc_chan *c, uint64_t call, struct str token)
{
	struct web *w = session_of(c, call, token);

	if (w == NULL || w->kind == WEB_BROWSER)
		return w;
	refuse(c, call, E_PERM, "not without logging in on the page");
	return NULL;
}

/* ---- about the session ---- */

static void
call_open(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), peer = ipc_get_str(m), agent = ipc_get_str(m);
	char id[WEB_ID + 1];
	struct ipc_out out;
	struct web *w;

	if (ipc_end(m) < 0 || (w = session_of(c, m->id, token)) == NULL)
		return;
	web_used(w, peer, agent);
	web_id(w->row.id, id);
	ipc_begin(&out, MSG_SESSION_OPEN_R);
	ipc_put_str(&out, w->user);
	ipc_put_z(&out, id);
	ipc_put_u32(&out, w->kind == WEB_BROWSER);
	ipc_put_u64(&out, (uint64_t)w->row.created);
	ipc_put_u64(&out, (uint64_t)w->row.proven);
	ipc_put_u64(&out, (uint64_t)web_until(w));
	ipc_reply(c, m->id, &out);
}

static void
call_ticket(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m);
	uint64_t conn = ipc_get_u64(m);
	unsigned char ticket[TICKET_SIZE];
	struct ipc_out out;
	struct web *w;

	if (ipc_end(m) < 0 || (w = session_of(c, m->id, token)) == NULL)
		return;
	web_used(w, str_z(w->row.peer), str_z(w->row.agent));
	ticket_issue(w->user, STR("web"), ipc_peer_of(c), conn, ticket);
	ipc_begin(&out, MSG_SESSION_TICKET_R);
	ipc_put_str(&out, str_of(ticket, sizeof(ticket)));
	ipc_reply(c, m->id, &out);
	sodium_memzero(ticket, sizeof(ticket));
}

/* ---- lists ---- */

static struct str
time_text(int64_t seconds, struct arena *a)
{
	char text[CLOCK_RFC3339_SIZE];

	return arena_dup(a, str_z(clock_rfc3339(seconds * 1000000, text)));
}

static void
tell_sessions(struct ipc_chan *c, const struct ipc_in *m, struct str user, const struct web *self)
{
	struct str rows[2 * 2 * WEB_USER_MAX * COLUMNS];
	struct ipc_out out;
	struct arena a;
	size_t n = 0;

	arena_init(&a);
	for (struct web *w = web_first(user); w != NULL && n < ARRAY_LEN(rows); w = web_next(w)) {
		char id[WEB_ID + 1];

		web_id(w->row.id, id);
		rows[n++] = arena_dup(&a, str_z(id));
		rows[n++] = str_z(w->kind == WEB_BROWSER ? "browser" : "program");
		rows[n++] = time_text(w->row.created, &a);
		rows[n++] = time_text(w->row.used, &a);
		rows[n++] = time_text(w->row.proven, &a);
		rows[n++] = str_z(w->row.peer);
		rows[n++] = str_z(w->row.agent);
		rows[n++] = w == self ? STR("1") : STR("");
	}
	ipc_begin(&out, m->type + 1);
	ipc_put_list(&out, rows, n);
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

static void
call_list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m);
	struct web *w;

	if (ipc_end(m) == 0 && (w = browser_of(c, m->id, token)) != NULL)
		tell_sessions(c, m, w->user, w);
}

static void
call_addresses(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), *addresses = NULL;
	struct ipc_out out;
	struct arena a;
	struct err e;
	struct web *w;
	size_t n = 0;

	if (ipc_end(m) < 0 || (w = session_of(c, m->id, token)) == NULL)
		return;
	arena_init(&a);
	if (accounts_addresses(authd.db, w->user, &a, &addresses, &n, &e) < 0) {
		log_error("auth.lookup", LE(&e));
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_SESSION_ADDRESSES_R);
		ipc_put_list(&out, addresses, n);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

static void
call_apppass_list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m);
	struct accounts_page page = {0};
	struct ipc_out out;
	struct arena a;
	struct err e;
	struct web *w;

	if (ipc_end(m) < 0 || (w = browser_of(c, m->id, token)) == NULL)
		return;
	arena_init(&a);
	if (accounts_list_apppasses(authd.db, w->user, &a, &page, &e) < 0) {
		log_error("auth.lookup", LE(&e));
		ipc_reply_error(c, m->id, &e);
	} else {
		struct str *rows = arena_array(&a, page.n / 2 * 3, sizeof(*rows));
		size_t n = 0;

		for (size_t i = 0; i + 1 < page.n; i += 2) {
			struct str created = page.rows[i + 1];
			int64_t last = app_used_last(w->user, page.rows[i]);
			struct str used = last > 0 ? time_text(last, &a) : STR("");

			/* Older than itself: of another that had its name. As text they order as in
			 * time. */
			if (str_cmp(used, created) < 0)
				used = STR("");
			rows[n++] = page.rows[i];
			rows[n++] = created;
			rows[n++] = used;
		}
		ipc_begin(&out, MSG_WEB_APPPASS_LIST_R);
		ipc_put_list(&out, rows, n);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

/* ---- ends ---- */

/* Who waits for sessions to have ended. */
struct waiter {
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call;
	enum ipc_type reply;
	TAILQ_ENTRY(waiter) link;
};

static TAILQ_HEAD(waiters, waiter) waiters = TAILQ_HEAD_INITIALIZER(waiters);

void
web_calls_gone(struct ipc_chan *c)
{
	struct waiter *x;

	TAILQ_FOREACH (x, &waiters, link)
		if (x->chan == c)
			x->chan = NULL;
}

static void
ended(void *arg, size_t n, const struct err *e)
{
	struct waiter *x = arg;
	struct ipc_out out;

	TAILQ_REMOVE(&waiters, x, link);
	if (x->chan != NULL && e != NULL)
		ipc_reply_error(x->chan, x->call, e);
	else if (x->chan != NULL) {
		ipc_begin(&out, x->reply);
		ipc_put_u64(&out, n);
		ipc_reply(x->chan, x->call, &out);
	}
	free(x);
}

static void
end(struct ipc_chan *c, const struct ipc_in *m, struct str user, uint64_t id, uint64_t keep)
{
	struct waiter *x = mem_alloc(sizeof(*x));

	*x = (struct waiter){.chan = c, .call = m->id, .reply = m->type + 1};
	TAILQ_INSERT_TAIL(&waiters, x, link);
	log_info("auth.session_end", LS("user", user), LZ("by", ipc_peer_name(ipc_peer_of(c))));
	web_end(user, id, keep, ended, x);
}

static void
call_end(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), id = ipc_get_str(m);
	struct web *w, *other;

	if (ipc_end(m) < 0 || (w = session_of(c, m->id, token)) == NULL)
		return;
	if (id.n == 0)
		end(c, m, w->user, w->row.id, 0);
	else if (w->kind != WEB_BROWSER)
		refuse(c, m->id, E_PERM, "not without logging in on the page");
	else if (str_eq(id, STR("others")))
		end(c, m, w->user, 0, w->row.id);
	else if ((other = web_by_id(w->user, id)) != NULL)
		end(c, m, w->user, other->row.id, 0);
	else
		refuse(c, m->id, E_NOTFOUND, "no such session");
}

/* ---- the account ---- */

/* Does the proof say that the session's user has just shown the password? Then that is noted. */
static bool
prove(struct ipc_chan *c, uint64_t call, struct web *w, struct str proof, uint64_t conn)
{
	struct str user;

	if (!ticket_redeem(proof, STR("prove"), ipc_peer_of(c), conn, &user) ||
	    !str_eq(user, w->user)) {
		refuse(c, call, E_PROTO, "the password was not shown");
		return false;
	}
	web_proven(w);
	return true;
}

static void
call_prove(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), proof = ipc_get_str(m);
	uint64_t conn = ipc_get_u64(m);
	struct web *w;

	if (ipc_end(m) < 0 || (w = browser_of(c, m->id, token)) == NULL)
		return;
	if (prove(c, m->id, w, proof, conn))
		ipc_reply_ok(c, m->id, MSG_SESSION_PROVE_R);
}

static void
call_passwd(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), proof = ipc_get_str(m);
	uint64_t conn = ipc_get_u64(m);
	struct str password = ipc_get_str(m);
	struct web *w;

	if (ipc_end(m) < 0 || (w = browser_of(c, m->id, token)) == NULL)
		return;
	if (prove(c, m->id, w, proof, conn))
		operator_as_user(c, m, w->user, w->row.id, password);
}

static void
call_apppass(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), name = ipc_get_str(m);
	struct web *w;

	if (ipc_end(m) < 0 || (w = browser_of(c, m->id, token)) == NULL)
		return;
	/* It would outlast a session that was stolen. */
	if (m->type == MSG_WEB_APPPASS_ADD && clock_wall() >= w->row.proven + WEB_PROVEN_S)
		refuse(c, m->id, E_PROTO, "the password has to be shown again");
	else
		operator_as_user(c, m, w->user, w->row.id, name);
}

/* ---- the operator ---- */

static void
call_operator(struct ipc_chan *c, struct ipc_in *m)
{
	struct str given = ipc_get_str(m), id = STR(""), user;
	struct web *w = NULL;
	struct arena a;
	struct err e;
	int rc;

	if (m->type == MSG_USER_SESSIONS_END)
		id = ipc_get_str(m);
	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if ((rc = authd_name(given, &a, &user, &e)) == 0 &&
	    (rc = accounts_is_user(authd.db, user, &e)) == 0)
		rc = err_set(&e, E_NOTFOUND, "no such user");
	else if (rc == 1 && id.n > 0 && (w = web_by_id(user, id)) == NULL)
		rc = err_set(&e, E_NOTFOUND, "no such session");
	if (rc < 0)
		ipc_reply_error(c, m->id, &e);
	else if (m->type == MSG_USER_SESSIONS)
		tell_sessions(c, m, user, NULL);
	else
		end(c, m, user, w != NULL ? w->row.id : 0, 0);
	arena_free(&a);
}

bool
web_calls(struct ipc_chan *c, struct ipc_in *m)
{
	static void (*const calls[MSG_COUNT])(struct ipc_chan *, struct ipc_in *) = {
	    [MSG_SESSION_OPEN] = call_open,
	    [MSG_SESSION_TICKET] = call_ticket,
	    [MSG_SESSION_LIST] = call_list,
	    [MSG_SESSION_ADDRESSES] = call_addresses,
	    [MSG_SESSION_END] = call_end,
	    [MSG_SESSION_PROVE] = call_prove,
	    [MSG_WEB_PASSWD] = call_passwd,
	    [MSG_WEB_APPPASS_ADD] = call_apppass,
	    [MSG_WEB_APPPASS_DEL] = call_apppass,
	    [MSG_WEB_APPPASS_LIST] = call_apppass_list,
	    [MSG_USER_SESSIONS] = call_operator,
	    [MSG_USER_SESSIONS_END] = call_operator,
	};

	if (calls[m->type] == NULL)
		return false;
	calls[m->type](c, m);
	return true;
}
