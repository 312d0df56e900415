/*
 * operator.c - see operator.h.
 *
 * One struct op is one change on its way: words checked in the loop, a secret made in a hashing
 * thread where one is needed, rows changed in the writer's thread, consequences and answer in the
 * loop again.
 */
#include "authd/operator.h"

#include <sodium.h>
#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/apppass.h"
#include "authd/authd.h"
#include "authd/cache.h"
#include "authd/password.h"
#include "authd/quota.h"
#include "authd/saslprep.h"
#include "authd/ticket.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"

#define OP_MAGIC 0x4f504552u

struct op {
	unsigned magic;
	enum ipc_type type;
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call;
	struct arena a;
	struct str address; /* canonical; a domain in DOMAIN_… */
	struct str name;
	struct str *targets;
	size_t ntargets;
	uint64_t quota;
	struct password_secret secret;
	struct apppass app;
	unsigned char app_salt[APPPASS_SALT], app_hash[APPPASS_HASH];
	char app_password[APPPASS_SIZE];
	struct resolve_rules rules;
	struct err e;
	int rc;
	TAILQ_ENTRY(op) link;
};

static TAILQ_HEAD(, op) ops = TAILQ_HEAD_INITIALIZER(ops);

static struct op *
op_new(struct ipc_chan *c, struct ipc_in *m)
{
	struct op *op = mem_alloc(sizeof(*op));

	op->magic = OP_MAGIC;
	op->type = m->type;
	op->chan = c;
	op->call = m->id;
	arena_init(&op->a);
	TAILQ_INSERT_TAIL(&ops, op, link);
	return op;
}

static void
op_free(struct op *op)
{
	TAILQ_REMOVE(&ops, op, link);
	arena_free(&op->a);
	sodium_memzero(op, sizeof(*op));
	free(op);
}

static void
op_fail(struct op *op, const struct err *e)
{
	log_info("auth.refused", LZ("what", ipc_row(op->type)->name), LS("address", op->address),
	    LZ("code", err_code_name(e->code)), LE(e));
	if (op->chan != NULL)
		ipc_reply_error(op->chan, op->call, e);
	op_free(op);
}

/* ---- words ---- */

/* What a request says, borrowed from the message. */
struct words {
	struct str first, second;
	uint64_t quota;
};

static int
read_words(struct op *op, struct ipc_in *m, struct words *w)
{
	*w = (struct words){.first = ipc_get_str(m)};
	switch ((unsigned)m->type) {
	case MSG_USER_ADD:
		w->second = ipc_get_str(m);
		w->quota = ipc_get_u64(m);
		break;
	case MSG_USER_PASSWD:
	case MSG_APPPASS_ADD:
	case MSG_APPPASS_DEL:
		w->second = ipc_get_str(m);
		break;
	case MSG_USER_QUOTA:
	case MSG_DOMAIN_ADD:
		w->quota = ipc_get_u64(m);
		break;
	case MSG_ALIAS_ADD:
	case MSG_ALIAS_DEL:
		op->ntargets = ipc_get_list(m);
		op->targets = arena_array(&op->a, op->ntargets + 1, sizeof(*op->targets));
		for (size_t i = 0; i < op->ntargets; i++)
			op->targets[i] = arena_dup(&op->a, ipc_get_item(m));
		break;
	default:
		break;
	}
	return ipc_end(m);
}

static int
take_address(struct op *op, struct str given, struct err *e)
{
	op->address = arena_dup(&op->a, given);
	return authd_name(given, &op->a, &op->address, e);
}

static int
take_domain(struct op *op, struct str given, struct err *e)
{
	op->address = arena_dup(&op->a, given);
	return address_domain(given, ADDRESS_UTF8, &op->a, &op->address, e);
}

/* "local@domain", or "@domain" for the catch-all. */
static int
take_alias(struct op *op, struct str given, struct err *e)
{
	struct str domain;

	op->address = arena_dup(&op->a, given);
	if (given.n == 0 || given.p[0] != '@')
		return authd_name(given, &op->a, &op->address, e);
	if (address_domain(str_from(given, 1), ADDRESS_UTF8, &op->a, &domain, e) < 0)
		return -1;
	op->address = arena_printf(&op->a, "@" STR_FMT, STR_ARG(domain));
	return 0;
}

static int
take_targets(struct op *op, struct err *e)
{
	if (op->ntargets > ACCOUNTS_TARGETS_MAX)
		return err_set(e, E_LIMIT, "an alias has at most %u targets", ACCOUNTS_TARGETS_MAX);
	for (size_t i = 0; i < op->ntargets; i++)
		if (authd_name(op->targets[i], &op->a, &op->targets[i], e) < 0)
			return -1;
	return 0;
}

/* octets, 0 or UINT64_MAX for none, within what sqlite counts. */
static uint64_t
quota_of(uint64_t quota)
{
	return quota > INT64_MAX ? 0 : quota;
}

static int
prepare_password(struct str password, struct buf *out, struct err *e)
{
	if (saslprep(password, out, e) < 0)
		return err_wrap(e, "password");
	if (out->n < authd.min_password)
		return err_set(e, E_INVAL, "the password is shorter than %llu characters",
		    (unsigned long long)authd.min_password);
	return 0;
}

/* A user name that the file system and the tags can live with. */
static int
check_new_user(struct op *op, struct err *e)
{
	char home[ADDRESS_HOME_SIZE];
	struct str local, domain, user, tag;

	if (address_home(op->address, home, e) < 0)
		return -1;
	address_split(op->address, &local, &domain);
	if (authd.rules.separator == '\0')
		return 0;
	address_split_tag(local, authd.rules.separator, &user, &tag);
	return tag.p == NULL
		   ? 0
		   : err_set(e, E_INVAL, "a user name has no %c in it: it divides off a tag",
			 authd.rules.separator);
}

/* ---- changing ---- */

static void
work(void *arg, struct db *db)
{
	struct op *op = arg;
	struct err *e = &op->e;

	switch ((unsigned)op->type) {
	case MSG_USER_ADD:
		op->rc = accounts_user_add(db, op->address, &op->secret, op->quota, e);
		break;
	case MSG_USER_PASSWD:
		op->rc = accounts_passwd(db, op->address, &op->secret, e);
		break;
	case MSG_USER_QUOTA:
		op->rc = accounts_quota(db, op->address, op->quota, e);
		break;
	case MSG_USER_DEL:
		op->rc = accounts_user_del(db, op->address, op->rules.separator, e);
		break;
	case MSG_APPPASS_ADD:
		op->rc = accounts_apppass_add(
		    db, op->address, &op->app, str_of(op->secret.salt, sizeof(op->secret.salt)), e);
		break;
	case MSG_APPPASS_DEL:
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
	default:
		mem_die(__FILE__, __LINE__, "change");
	}
}

/* What a change means for what is in memory here and elsewhere. */
static void
consequences(const struct op *op)
{
	switch ((unsigned)op->type) {
	case MSG_USER_ADD:
		quota_user_new(op->address, op->quota);
		break;
	case MSG_USER_QUOTA:
		quota_user_set(op->address, op->quota);
		break;
	case MSG_USER_DEL:
		quota_user_gone(op->address);
		authd_revoke(op->address, true);
		break;
	case MSG_USER_PASSWD:
	case MSG_APPPASS_DEL:
		authd_revoke(op->address, false);
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

static void
done(void *arg)
{
	struct op *op = arg;

	OBJ(op, OP_MAGIC);
	if (op->rc < 0) {
		op_fail(op, &op->e);
		return;
	}
	consequences(op);
	log_info("auth.changed", LZ("what", ipc_row(op->type)->name), LS("address", op->address));
	if (op->chan != NULL && op->type == MSG_APPPASS_ADD) {
		struct ipc_out out;

		ipc_begin(&out, MSG_APPPASS_ADD_R);
		ipc_put_z(&out, op->app_password);
		ipc_reply(op->chan, op->call, &out);
	} else if (op->chan != NULL)
		ipc_reply_ok(op->chan, op->call, op->type + 1);
	op_free(op);
}

static void
submit(struct op *op)
{
	struct err e;

	op->rules = authd.rules;
	op->rules.host = arena_dup(&op->a, authd.rules.host);
	op->rules.postmaster = arena_dup(&op->a, authd.rules.postmaster);
	if (writer_submit(work, done, op, &e) < 0)
		op_fail(op, &e);
}

static void
made(void *arg, const struct password_secret *s)
{
	struct op *op = arg;
	struct err e;

	OBJ(op, OP_MAGIC);
	if (s == NULL) {
		err_set(&e, E_TEMP, "the password could not be hashed");
		op_fail(op, &e);
		return;
	}
	op->secret = *s;
	op->app.keys = s->keys;
	submit(op);
}

/* ---- requests ---- */

static int
user_add(struct op *op, const struct words *w, struct err *e)
{
	struct buf prepared;
	int rc = -1;

	buf_init(&prepared, SASLPREP_MAX);
	op->quota = quota_of(w->quota == 0 ? authd.default_quota : w->quota);
	if (take_address(op, w->first, e) == 0 && check_new_user(op, e) == 0 &&
	    prepare_password(w->second, &prepared, e) == 0)
		rc = password_make(buf_view(&prepared), STR(""), 0, made, op, e);
	if (prepared.p != NULL)
		sodium_memzero(prepared.p, prepared.n);
	buf_free(&prepared);
	return rc;
}

/* The user a change is about. While there are app passwords, a new password shares their salt. */
static int
known_user(struct op *op, struct account *out, int *apps, struct err *e)
{
	struct apppass *list = NULL;
	int rc = accounts_user(authd.db, op->address, &op->a, out, e);

	if (rc == 0)
		return err_set(e, E_NOTFOUND, "no such user");
	if (rc < 0)
		return -1;
	return (*apps = accounts_apppasses(authd.db, out->id, &op->a, &list, e)) < 0 ? -1 : 0;
}

static int
user_passwd(struct op *op, const struct words *w, struct err *e)
{
	struct account account;
	struct buf prepared;
	int rc = -1, apps;

	buf_init(&prepared, SASLPREP_MAX);
	if (take_address(op, w->first, e) == 0 && known_user(op, &account, &apps, e) == 0 &&
	    prepare_password(w->second, &prepared, e) == 0)
		rc = password_make(buf_view(&prepared), apps > 0 ? account.salt : STR(""),
		    account.iterations, made, op, e);
	if (prepared.p != NULL)
		sodium_memzero(prepared.p, prepared.n);
	buf_free(&prepared);
	return rc;
}

static int
apppass_add(struct op *op, const struct words *w, struct err *e)
{
	struct str name = w->second;
	struct account account;
	int apps;

	if (take_address(op, w->first, e) < 0 || known_user(op, &account, &apps, e) < 0)
		return -1;
	if (name.n == 0 || name.n > ACCOUNTS_NAME_MAX || !str_is_utf8(name))
		return err_set(e, E_INVAL, "a name has 1 to %u octets of UTF-8", ACCOUNTS_NAME_MAX);
	for (size_t i = 0; i < name.n; i++)
		if (is_cntl(name.p[i]))
			return err_set(e, E_INVAL, "a name has no control characters");
	apppass_new(op->app_password);
	randombytes_buf(op->app_salt, sizeof(op->app_salt));
	op->name = arena_dup(&op->a, name);
	op->app.name = op->name;
	op->app.salt = str_of(op->app_salt, sizeof(op->app_salt));
	op->app.hash = str_of(op->app_hash, sizeof(op->app_hash));
	apppass_hash(op->app_password, op->app.salt, op->app_hash);
	return password_derive(
	    str_z(op->app_password), account.salt, account.iterations, made, op, e);
}

/* Those that need no secret: 0 to go on with submit(). */
static int
plain_change(struct op *op, const struct words *w, struct err *e)
{
	op->quota = quota_of(w->quota);
	switch ((unsigned)op->type) {
	case MSG_USER_QUOTA:
	case MSG_USER_DEL:
		return take_address(op, w->first, e);
	case MSG_APPPASS_DEL:
		op->name = arena_dup(&op->a, w->second);
		return take_address(op, w->first, e);
	case MSG_DOMAIN_ADD:
	case MSG_DOMAIN_DEL:
		return take_domain(op, w->first, e);
	default:
		return take_targets(op, e) < 0 ? -1 : take_alias(op, w->first, e);
	}
}

static void
change(struct ipc_chan *c, struct ipc_in *m)
{
	struct op *op = op_new(c, m);
	struct words w;
	struct err e;
	int rc;

	if (read_words(op, m, &w) < 0) {
		op_free(op);
		return;
	}
	if (m->type == MSG_USER_ADD)
		rc = user_add(op, &w, &e);
	else if (m->type == MSG_USER_PASSWD)
		rc = user_passwd(op, &w, &e);
	else if (m->type == MSG_APPPASS_ADD)
		rc = apppass_add(op, &w, &e);
	else if ((rc = plain_change(op, &w, &e)) == 0)
		submit(op);
	if (rc < 0)
		op_fail(op, &e);
}

/* ---- lists ---- */

/* Usage on disk is a little old: what is in memory counts. */
static void
fresh_usage(struct accounts_page *page, struct arena *a)
{
	uint64_t octets, messages;

	for (size_t i = 0; i + 5 <= page->n; i += 5)
		if (quota_usage(page->rows[i], &octets, &messages)) {
			page->rows[i + 2] = arena_printf(a, "%llu", (unsigned long long)octets);
			page->rows[i + 3] = arena_printf(a, "%llu", (unsigned long long)messages);
		}
}

static void
list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str which = ipc_get_str(m);
	struct accounts_page page;
	struct ipc_out out;
	struct arena a;
	struct err e;
	int rc;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (m->type == MSG_USER_LIST)
		rc = accounts_list_users(authd.db, which, &a, &page, &e);
	else if (m->type == MSG_DOMAIN_LIST)
		rc = accounts_list_domains(authd.db, which, &a, &page, &e);
	else if (m->type == MSG_ALIAS_LIST)
		rc = accounts_list_aliases(authd.db, which, &a, &page, &e);
	else if ((rc = authd_name(which, &a, &which, &e)) == 0 &&
		 (rc = accounts_is_user(authd.db, which, &e)) == 0)
		rc = err_set(&e, E_NOTFOUND, "no such user");
	else if (rc == 1)
		rc = accounts_list_apppasses(authd.db, which, &a, &page, &e);
	if (rc < 0)
		ipc_reply_error(c, m->id, &e);
	else {
		if (m->type == MSG_USER_LIST)
			fresh_usage(&page, &a);
		ipc_begin(&out, m->type + 1);
		if (m->type != MSG_APPPASS_LIST)
			ipc_put_u32(&out, page.more);
		ipc_put_list(&out, page.rows, page.n);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

bool
operator_message(struct ipc_chan *c, struct ipc_in *m)
{
	switch ((unsigned)m->type) {
	case MSG_USER_ADD:
	case MSG_USER_PASSWD:
	case MSG_USER_QUOTA:
	case MSG_USER_DEL:
	case MSG_APPPASS_ADD:
	case MSG_APPPASS_DEL:
	case MSG_DOMAIN_ADD:
	case MSG_DOMAIN_DEL:
	case MSG_ALIAS_ADD:
	case MSG_ALIAS_DEL:
		change(c, m);
		return true;
	case MSG_USER_LIST:
	case MSG_DOMAIN_LIST:
	case MSG_ALIAS_LIST:
	case MSG_APPPASS_LIST:
		list(c, m);
		return true;
	default:
		return false;
	}
}

void
operator_gone(struct ipc_chan *c)
{
	struct op *op;

	TAILQ_FOREACH (op, &ops, link)
		if (op->chan == c)
			op->chan = NULL;
}

size_t
operator_pending(void)
{
	struct op *op;
	size_t n = 0;

	TAILQ_FOREACH (op, &ops, link)
		n++;
	return n;
}
