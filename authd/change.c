/*
 * change.c - see change.h.
 */
#include "authd/change.h"

#include <sodium.h>

#include "authd/audit.h"
#include "authd/authd.h"
#include "authd/gone.h"
#include "authd/quota.h"
#include "authd/web.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"

#define CHANGE_MAGIC 0x4348474eu

static TAILQ_HEAD(change_list, change) changes = TAILQ_HEAD_INITIALIZER(changes);

struct change *
change_new(struct ipc_chan *c, struct ipc_in *m)
{
	struct change *op = mem_alloc(sizeof(*op));

	op->magic = CHANGE_MAGIC;
	op->type = m->type;
	op->chan = c;
	op->call = m->id;
	arena_init(&op->a);
	TAILQ_INSERT_TAIL(&changes, op, link);
	return op;
}

void
change_free(struct change *op)
{
	TAILQ_REMOVE(&changes, op, link);
	arena_free(&op->a);
	sodium_memzero(op, sizeof(*op));
	free(op);
}

void
change_fail(struct change *op, const struct err *e)
{
	log_info("auth.refused", LZ("what", ipc_row(op->type)->name), LS("address", op->address),
	    LZ("code", err_code_name(e->code)), LE(e));
	if (op->chan != NULL)
		ipc_reply_error(op->chan, op->call, e);
	change_free(op);
}

static void
work(void *arg, struct db *db)
{
	struct change *op = arg;
	struct err *e = &op->e;

	switch ((unsigned)op->type) {
	case MSG_USER_ADD:
		op->rc = accounts_user_add(db, op->address, &op->secret, op->quota, e);
		break;
	case MSG_USER_PASSWD:
	case MSG_WEB_PASSWD:
		op->rc = accounts_passwd(db, op->address, &op->secret, op->session, e);
		break;
	case MSG_USER_QUOTA:
		op->rc = accounts_quota(db, op->address, op->quota, e);
		break;
	case MSG_USER_DEL:
	case MSG_USER_PURGE:
		op->rc = accounts_user_del(
		    db, op->address, op->rules.separator, op->type == MSG_USER_PURGE, e);
		break;
	case MSG_APPPASS_ADD:
	case MSG_WEB_APPPASS_ADD:
		op->rc = accounts_apppass_add(
		    db, op->address, &op->app, str_of(op->secret.salt, sizeof(op->secret.salt)), e);
		break;
	case MSG_APPPASS_DEL:
	case MSG_WEB_APPPASS_DEL:
		op->rc = accounts_apppass_del(db, op->address, op->name, e);
		break;
	case MSG_DOMAIN_ADD:
		op->rc = accounts_domain_add(db, op->address, op->quota, e);
		break;
	case MSG_DOMAIN_DEL:
		op->rc = accounts_domain_del(db, op->address, e);
		break;
	case MSG_ALIAS_ADD:
		op->rc =
		    accounts_alias_add(db, op->address, op->targets, op->ntargets, &op->rules, e);
		break;
	case MSG_ALIAS_DEL:
		op->rc = accounts_alias_del(db, op->address, op->targets, op->ntargets, e);
		break;
	case MSG_AGENT_ADD:
	case MSG_WEB_AGENT_ADD:
		op->rc = agents_db_add(db, op->address, &op->agent, e);
		break;
	case MSG_AGENT_REVOKE:
	case MSG_WEB_AGENT_REVOKE:
		op->rc = agents_db_revoke(db, op->address, op->name, e);
		break;
	case MSG_AGENT_POLICY:
	case MSG_WEB_AGENT_POLICY:
		op->rc = agents_db_policy(db, op->address, op->name, op->agent_policy, e);
		break;
	default:
		mem_die(__FILE__, __LINE__, "change");
	}
}

/* What a change means for what is in memory here and elsewhere. */
static void
consequences(const struct change *op)
{
	switch ((unsigned)op->type) {
	case MSG_USER_ADD:
		quota_user_new(op->address, op->quota);
		break;
	case MSG_USER_QUOTA:
		quota_user_set(op->address, op->quota);
		authd_quota(op->address, op->quota);
		break;
	case MSG_USER_DEL:
	case MSG_USER_PURGE:
		quota_user_gone(op->address);
		authd_revoke(op->address, true);
		web_revoke(op->address, true, 0);
		break;
	case MSG_USER_PASSWD:
	case MSG_WEB_PASSWD:
		authd_revoke(op->address, false);
		web_revoke(op->address, true, op->session);
		break;
	case MSG_APPPASS_DEL:
	case MSG_WEB_APPPASS_DEL:
		/* Which of them it was, programs' sessions do not say; a browser never has one. */
		authd_revoke(op->address, false);
		web_revoke(op->address, false, 0);
		break;
	case MSG_AGENT_REVOKE:
	case MSG_WEB_AGENT_REVOKE:
	case MSG_AGENT_POLICY:
	case MSG_WEB_AGENT_POLICY:
		/* Owners have been told of scopes and policy with the ticket: what lives by the old
		 * ones ends there too. */
		agents_end(op->address, op->name, 0);
		authd_revoke_mailbox(op->address);
		break;
	case MSG_DOMAIN_ADD:
		quota_domain_set(op->address, op->quota);
		break;
	case MSG_DOMAIN_DEL:
		quota_domain_gone(op->address);
		break;
	default:
		break;
	}
	authd_changed();
}

/* What of it is about agents goes into the audit log. */
static void
note(const struct change *op)
{
	const char *by = op->type == MSG_WEB_AGENT_ADD || op->type == MSG_WEB_AGENT_REVOKE ||
				 op->type == MSG_WEB_AGENT_POLICY
			     ? "user"
			     : "operator";
	struct buf text;

	buf_init(&text, 512);
	switch ((unsigned)op->type) {
	case MSG_AGENT_ADD:
	case MSG_WEB_AGENT_ADD:
		agent_scopes_put(op->agent.scopes, &text);
		audit_note("agent-made", LS("user", op->address), LS("agent", op->name),
		    LZ("by", by), LS("scopes", buf_view(&text)), LU("rate", op->agent.rate),
		    LU("expires", op->agent.expires));
		break;
	case MSG_AGENT_REVOKE:
	case MSG_WEB_AGENT_REVOKE:
		audit_note(
		    "agent-revoked", LS("user", op->address), LS("agent", op->name), LZ("by", by));
		break;
	case MSG_AGENT_POLICY:
	case MSG_WEB_AGENT_POLICY:
		agent_policy_put(op->agent_policy, &text);
		audit_note("agent-policy", LS("user", op->address), LS("agent", op->name),
		    LZ("by", by), LS("policy", buf_view(&text)));
		break;
	default:
		break;
	}
	buf_free(&text);
}

static void
done(void *arg)
{
	struct change *op = arg;

	OBJ(op, CHANGE_MAGIC);
	if (op->rc < 0) {
		change_fail(op, &op->e);
		return;
	}
	consequences(op);
	note(op);
	log_info("auth.changed", LZ("what", ipc_row(op->type)->name), LS("address", op->address));
	if (op->type == MSG_USER_DEL || op->type == MSG_USER_PURGE) {
		gone_add(op->address, op->type == MSG_USER_PURGE, op->chan, op->call, op->type);
	} else if (op->chan != NULL &&
		   (op->type == MSG_APPPASS_ADD || op->type == MSG_WEB_APPPASS_ADD)) {
		struct ipc_out out;

		ipc_begin(&out, op->type + 1);
		ipc_put_z(&out, op->app_password);
		ipc_reply(op->chan, op->call, &out);
	} else if (op->chan != NULL &&
		   (op->type == MSG_AGENT_ADD || op->type == MSG_WEB_AGENT_ADD)) {
		struct ipc_out out;

		ipc_begin(&out, op->type + 1);
		ipc_put_z(&out, op->agent_token);
		ipc_reply(op->chan, op->call, &out);
	} else if (op->chan != NULL)
		ipc_reply_ok(op->chan, op->call, op->type + 1);
	change_free(op);
}

void
change_submit(struct change *op)
{
	struct err e;

	op->rules = authd.rules;
	op->rules.host = arena_dup(&op->a, authd.rules.host);
	op->rules.postmaster = arena_dup(&op->a, authd.rules.postmaster);
	if (writer_submit(work, done, op, &e) < 0)
		change_fail(op, &e);
}

void
change_made(void *arg, const struct password_secret *s)
{
	struct change *op = arg;
	struct err e;

	OBJ(op, CHANGE_MAGIC);
	if (s == NULL) {
		err_set(&e, E_TEMP, "the password could not be hashed");
		change_fail(op, &e);
		return;
	}
	op->secret = *s;
	op->app.keys = s->keys;
	change_submit(op);
}

void
change_gone(struct ipc_chan *c)
{
	struct change *op;

	TAILQ_FOREACH (op, &changes, link)
		if (op->chan == c)
			op->chan = NULL;
	gone_forget(c);
}

size_t
change_pending(void)
{
	struct change *op;
	size_t n = 0;

	TAILQ_FOREACH (op, &changes, link)
		n++;
	return n;
}
