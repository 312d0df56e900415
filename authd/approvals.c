/*
 * approvals.c - a human's word for what an agent has asked for: minted for a session of a browser
 * whose password was shown lately or for the operator, used once (INVARIANTS 20).
 *
 * Durability point: both answers. The one thread that writes sees one question after the other, so
 * that of two uses the second is refused, also after a crash between the two.
 */
#include <sodium.h>
#include <stdlib.h>

#include "authd/accounts.h"
#include "authd/agents.h"
#include "authd/audit.h"
#include "authd/authd.h"
#include "authd/token.h"
#include "authd/web.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/metrics.h"

struct asking {
	TAILQ_ENTRY(asking) link;
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call;
	enum ipc_type reply;
	struct arena a;
	struct approving x;
	struct str mid;
	enum {
		MINT,
		REDEEM,
		SETTLE
	} what;
	int64_t since; /* SETTLE */
	bool used;
	struct err e;
	int rc;
};

static TAILQ_HEAD(askings, asking) askings = TAILQ_HEAD_INITIALIZER(askings);

static void
asking_free(struct asking *q)
{
	TAILQ_REMOVE(&askings, q, link);
	arena_free(&q->a);
	free(q);
}

void
approvals_gone(struct ipc_chan *c)
{
	struct asking *q;

	TAILQ_FOREACH (q, &askings, link)
		if (q->chan == c)
			q->chan = NULL;
}

static struct asking *
asking_new(struct ipc_chan *c, const struct ipc_in *m)
{
	struct asking *q = mem_alloc(sizeof(*q));

	q->chan = c;
	q->call = m->id;
	q->reply = m->type + 1;
	arena_init(&q->a);
	q->x.now = clock_wall();
	q->x.expires = q->x.now + APPROVAL_LIFE_S;
	TAILQ_INSERT_TAIL(&askings, q, link);
	return q;
}

/* What was agreed to, by its digest. */
static void
note(const struct asking *q, const char *kind, const char *id, const char *why)
{
	char hex[2 * AGENT_DIGEST + 1];

	audit_note(kind, LS("user", q->x.user), LS("session", q->x.session), LZ("approval", id),
	    LS("mid", q->mid), LS("what", q->x.what),
	    LZ("digest", sodium_bin2hex(hex, sizeof(hex), q->x.digest, AGENT_DIGEST)),
	    LZ("outcome", why));
}

static void
fail(struct asking *q, const struct err *e)
{
	log_warn(q->what == REDEEM ? "approval.denied" : "approval.refused", LS("user", q->x.user),
	    LS("sid", q->x.session), LS("mid", q->mid), LZ("code", err_code_name(e->code)), LE(e));
	if (q->what == REDEEM)
		metric_add(METRIC_APPROVALS_DENIED, 1);
	note(q, q->what == REDEEM ? "approval-denied" : "approval-refused", "", e->text);
	if (q->chan != NULL)
		ipc_reply_error(q->chan, q->call, e);
	asking_free(q);
}

/* ---- the thread ---- */

static void
work(void *arg, struct db *db)
{
	struct asking *q = arg;

	if (q->what == REDEEM)
		q->rc = agents_db_redeem(
		    db, q->x.user, q->x.session, q->x.digest, q->mid, q->x.now, &q->x.id, &q->e);
	else if (q->what == SETTLE)
		q->rc = agents_db_settle(db, q->x.user, q->x.session, q->x.digest, q->since, &q->a,
		    &q->used, &q->mid, &q->e);
	else
		q->rc = agents_db_approve(db, &q->x, &q->e);
}

static void
tell_settled(struct asking *q)
{
	struct ipc_out out;

	note(q, "approval-settled", "", q->used ? "used" : "not used");
	log_info("approval.settled", LS("user", q->x.user), LS("sid", q->x.session),
	    LU("used", q->used), LS("mid", q->mid));
	if (q->chan != NULL) {
		ipc_begin(&out, q->reply);
		ipc_put_u32(&out, q->used);
		ipc_put_str(&out, q->mid);
		ipc_reply(q->chan, q->call, &out);
	}
	asking_free(q);
}

static void
done(void *arg)
{
	struct asking *q = arg;
	struct ipc_out out;
	char id[WEB_ID + 1];

	if (q->rc < 0) {
		fail(q, &q->e);
		return;
	}
	if (q->what == SETTLE) {
		tell_settled(q);
		return;
	}
	web_id(q->x.id, id);
	metric_add(q->what == REDEEM ? METRIC_APPROVALS_USED : METRIC_APPROVALS_MADE, 1);
	log_info(q->what == REDEEM ? "approval.used" : "approval.made", LZ("approval", id),
	    LS("user", q->x.user), LS("sid", q->x.session), LS("mid", q->mid),
	    LS("what", q->x.what));
	note(q, q->what == REDEEM ? "approval-used" : "approval-made", id, "ok");
	if (q->chan != NULL) {
		ipc_begin(&out, q->reply);
		ipc_put_z(&out, id);
		if (q->what == MINT)
			ipc_put_u64(&out, (uint64_t)q->x.expires);
		ipc_reply(q->chan, q->call, &out);
	}
	asking_free(q);
}

static void
submit(struct asking *q)
{
	struct err e;

	if (writer_submit(work, done, q, &e) < 0)
		fail(q, &e);
}

static int
take(struct asking *q, struct str session, struct str digest, struct err *e)
{
	if (!agent_session_valid(session) || digest.n != sizeof(q->x.digest))
		return err_set(e, E_INVAL, "not an agent session and a digest");
	q->x.session = arena_dup(&q->a, session);
	memcpy(q->x.digest, digest.p, digest.n);
	return 0;
}

/* ---- APPROVAL_MINT, APPROVAL_ACCEPT ---- */

/* A browser's, and whoever sits there has shown the password within WEB_PROVEN_S. */
static int
of_browser(struct asking *q, struct str token, struct err *e)
{
	struct web *w = web_find(token);

	if (w == NULL)
		return err_set(e, E_DENIED, "no such session");
	if (w->kind != WEB_BROWSER)
		return err_set(e, E_PERM, "not without logging in on the page");
	q->x.user = arena_dup(&q->a, w->user);
	if (clock_wall() >= w->row.proven + WEB_PROVEN_S)
		return err_set(e, E_PROTO, "the password has to be shown again");
	return 0;
}

static int
of_operator(struct asking *q, struct str address, struct err *e)
{
	int rc;

	if (authd_name(address, &q->a, &q->x.user, e) < 0)
		return -1;
	rc = accounts_is_user(authd.db, q->x.user, e);
	return rc == 0 ? err_set(e, E_NOTFOUND, "no such user") : rc < 0 ? -1 : 0;
}

static void
on_mint(struct ipc_chan *c, struct ipc_in *m)
{
	struct asking *q = asking_new(c, m);
	struct str who = ipc_get_str(m), session = ipc_get_str(m), digest = ipc_get_str(m);
	struct str what = ipc_get_str(m);
	struct err e;

	if (ipc_end(m) < 0) {
		asking_free(q);
		return;
	}
	do
		randombytes_buf(&q->x.id, sizeof(q->x.id));
	while (q->x.id == 0);
	q->x.what = arena_dup(&q->a, str_cut_utf8(what, APPROVAL_WHAT_MAX));
	if ((m->type == MSG_APPROVAL_MINT ? of_browser(q, who, &e) : of_operator(q, who, &e)) < 0 ||
	    take(q, session, digest, &e) < 0)
		fail(q, &e);
	else
		submit(q);
}

/* ---- SENDER_VOUCH, APPROVAL_REDEEM, APPROVAL_ACTION ---- */

static void
on_vouch(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), user = ipc_get_str(m), whose, session;
	struct ipc_out out;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	/* What a program of this machine writes has its account for a user, or none. */
	if (!token_find_agent(token, &whose, &session) || !str_eq(whose, user)) {
		log_warn(
		    "auth.token", LS("user", user), LZ("reason", "not of this user's session"));
		err_set(&e, E_DENIED, "not a session of this user");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_SENDER_VOUCH_R);
	ipc_put_str(&out, session);
	ipc_reply(c, m->id, &out);
}

static void
on_redeem(struct ipc_chan *c, struct ipc_in *m)
{
	struct asking *q = asking_new(c, m);
	struct str first = ipc_get_str(m), second = ipc_get_str(m), third = ipc_get_str(m);
	struct str user = first, session = second, digest = third;
	struct err e;
	int rc = 0;

	if (ipc_end(m) < 0) {
		asking_free(q);
		return;
	}
	q->what = REDEEM;
	q->mid = STR("");
	if (m->type == MSG_APPROVAL_REDEEM) {
		digest = second;
		q->mid = arena_dup(&q->a, third);
		if (!token_find_agent(first, &user, &session) || session.n == 0)
			rc = err_set(&e, E_DENIED, "not the token of an agent session");
	}
	if (rc == 0) {
		q->x.user = arena_dup(&q->a, user);
		rc = take(q, session, digest, &e);
	}
	if (rc < 0)
		fail(q, &e);
	else
		submit(q);
}

static void
on_settle(struct ipc_chan *c, struct ipc_in *m)
{
	struct asking *q = asking_new(c, m);
	struct str user = ipc_get_str(m), session = ipc_get_str(m), digest = ipc_get_str(m);
	struct err e;

	q->since = (int64_t)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		asking_free(q);
		return;
	}
	q->what = SETTLE;
	q->mid = STR("");
	q->x.user = arena_dup(&q->a, user);
	if (take(q, session, digest, &e) < 0)
		fail(q, &e);
	else
		submit(q);
}

bool
approvals_message(struct ipc_chan *c, struct ipc_in *m)
{
	switch ((unsigned)m->type) {
	case MSG_APPROVAL_MINT:
	case MSG_APPROVAL_ACCEPT:
		on_mint(c, m);
		return true;
	case MSG_SENDER_VOUCH:
		on_vouch(c, m);
		return true;
	case MSG_APPROVAL_REDEEM:
	case MSG_APPROVAL_ACTION:
		on_redeem(c, m);
		return true;
	case MSG_APPROVAL_SETTLE:
		on_settle(c, m);
		return true;
	default:
		return false;
	}
}
