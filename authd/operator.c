/*
 * operator.c - see operator.h. What becomes of a change is in change.c.
 */
#include "authd/operator.h"

#include <sodium.h>

#include "authd/authd.h"
#include "authd/change.h"
#include "authd/quota.h"
#include "authd/saslprep.h"
#include "mail/address.h"

/* ---- words ---- */

/* What a request says, borrowed from the message. */
struct words {
	struct str first, second;
	uint64_t quota;
};

static int
read_words(struct change *op, struct ipc_in *m, struct words *w)
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
take_address(struct change *op, struct str given, struct err *e)
{
	op->address = arena_dup(&op->a, given);
	return authd_name(given, &op->a, &op->address, e);
}

static int
take_domain(struct change *op, struct str given, struct err *e)
{
	op->address = arena_dup(&op->a, given);
	return address_domain(given, ADDRESS_UTF8, &op->a, &op->address, e);
}

/* "local@domain", or "@domain" for the catch-all. */
static int
take_alias(struct change *op, struct str given, struct err *e)
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
take_targets(struct change *op, struct err *e)
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
check_new_user(struct change *op, struct err *e)
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

/* ---- requests ---- */

static int
user_add(struct change *op, const struct words *w, struct err *e)
{
	struct buf prepared;
	int rc = -1;

	buf_init(&prepared, SASLPREP_MAX);
	op->quota = quota_of(w->quota == 0 ? authd.default_quota : w->quota);
	if (take_address(op, w->first, e) == 0 && check_new_user(op, e) == 0 &&
	    prepare_password(w->second, &prepared, e) == 0)
		rc = password_make(buf_view(&prepared), STR(""), 0, change_made, op, e);
	if (prepared.p != NULL)
		sodium_memzero(prepared.p, prepared.n);
	buf_free(&prepared);
	return rc;
}

/* The user a change is about. While there are app passwords, a new password shares their salt. */
static int
known_user(struct change *op, struct account *out, int *apps, struct err *e)
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
user_passwd(struct change *op, const struct words *w, struct err *e)
{
	struct account account;
	struct buf prepared;
	int rc = -1, apps;

	buf_init(&prepared, SASLPREP_MAX);
	if (take_address(op, w->first, e) == 0 && known_user(op, &account, &apps, e) == 0 &&
	    prepare_password(w->second, &prepared, e) == 0)
		rc = password_make(buf_view(&prepared), apps > 0 ? account.salt : STR(""),
		    account.iterations, change_made, op, e);
	if (prepared.p != NULL)
		sodium_memzero(prepared.p, prepared.n);
	buf_free(&prepared);
	return rc;
}

/* Characters of valid UTF-8 that change how others are shown: C0, DEL, C1, line and paragraph
 * separators, and what turns the direction of text (Unicode 23.2). */
static bool
has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		unsigned next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
		unsigned last = i + 2 < s.n ? (unsigned char)s.p[i + 2] : 0;

		if (is_cntl(s.p[i]) || (c == 0xc2 && next < 0xa0))
			return true;
		/* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
		if (c == 0xe2 && ((next == 0x80 && (last == 0x8e || last == 0x8f ||
						       (last >= 0xa8 && last <= 0xae))) ||
				     (next == 0x81 && last >= 0xa6 && last <= 0xa9)))
			return true;
	}
	return false;
}

static int
apppass_add(struct change *op, const struct words *w, struct err *e)
{
	struct str name = w->second;
	struct account account;
	int apps;

	if (take_address(op, w->first, e) < 0 || known_user(op, &account, &apps, e) < 0)
		return -1;
	if (name.n == 0 || name.n > ACCOUNTS_NAME_MAX || !str_is_utf8(name))
		return err_set(e, E_INVAL, "a name has 1 to %u octets of UTF-8", ACCOUNTS_NAME_MAX);
	if (has_control(name))
		return err_set(e, E_INVAL, "a name has no control characters");
	apppass_new(op->app_password);
	randombytes_buf(op->app_salt, sizeof(op->app_salt));
	op->name = arena_dup(&op->a, name);
	op->app.name = op->name;
	op->app.salt = str_of(op->app_salt, sizeof(op->app_salt));
	op->app.hash = str_of(op->app_hash, sizeof(op->app_hash));
	apppass_hash(op->app_password, op->app.salt, op->app_hash);
	return password_derive(
	    str_z(op->app_password), account.salt, account.iterations, change_made, op, e);
}

/* Those that need no secret: 0 to go on with change_submit(). */
static int
plain_change(struct change *op, const struct words *w, struct err *e)
{
	op->quota = quota_of(w->quota);
	switch ((unsigned)op->type) {
	case MSG_USER_QUOTA:
	case MSG_USER_DEL:
	case MSG_USER_PURGE:
		return take_address(op, w->first, e);
	case MSG_APPPASS_DEL:
	case MSG_WEB_APPPASS_DEL:
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
begin(struct change *op, const struct words *w)
{
	struct err e;
	int rc;

	switch ((unsigned)op->type) {
	case MSG_USER_ADD:
		rc = user_add(op, w, &e);
		break;
	case MSG_USER_PASSWD:
	case MSG_WEB_PASSWD:
		rc = user_passwd(op, w, &e);
		break;
	case MSG_APPPASS_ADD:
	case MSG_WEB_APPPASS_ADD:
		rc = apppass_add(op, w, &e);
		break;
	default:
		if ((rc = plain_change(op, w, &e)) == 0)
			change_submit(op);
	}
	if (rc < 0)
		change_fail(op, &e);
}

static void
change(struct ipc_chan *c, struct ipc_in *m)
{
	struct change *op = change_new(c, m);
	struct words w;

	if (read_words(op, m, &w) < 0)
		change_free(op);
	else
		begin(op, &w);
}

void
operator_as_user(
    struct ipc_chan *c, struct ipc_in *m, struct str user, uint64_t session, struct str word)
{
	const struct words w = {.first = user, .second = word};
	struct change *op = change_new(c, m);

	op->session = session;
	begin(op, &w);
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
	struct accounts_page page = {0};
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

#define SIZES_MAX 500u

void
operator_sizes(struct ipc_chan *c, struct ipc_in *m)
{
	uint32_t max = ipc_get_u32(m);
	struct accounts_sizes s;
	struct ipc_out out;
	struct arena a;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (accounts_list_largest(authd.db, max < SIZES_MAX ? max : SIZES_MAX, &a, &s, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
	} else {
		ipc_begin(&out, MSG_STAT_USERS_R);
		ipc_put_u64(&out, s.users);
		ipc_put_u64(&out, s.octets);
		ipc_put_u64(&out, s.messages);
		ipc_put_list(&out, s.rows, s.n);
		ipc_reply(c, m->id, &out);
	}
	arena_free(&a);
}

/* By the handle that only reads: the loop's. Accounts are few megabytes. */
static void
copy(struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct err e;
	int fd;

	if (ipc_end(m) < 0)
		return;
	if (db_copy(authd.db, "accounts.db", &fd, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_DB_COPY_R);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}

bool
operator_message(struct ipc_chan *c, struct ipc_in *m)
{
	switch ((unsigned)m->type) {
	case MSG_USER_ADD:
	case MSG_USER_PASSWD:
	case MSG_USER_QUOTA:
	case MSG_USER_DEL:
	case MSG_USER_PURGE:
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
	case MSG_DB_COPY:
		copy(c, m);
		return true;
	default:
		return false;
	}
}
