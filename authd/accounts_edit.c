/*
 * accounts_edit.c - changes to accounts.db. See accounts.h.
 *
 * Runs in the writer's thread, touches nothing but the handle and its arguments, and has committed
 * (synchronous=FULL) when it returns 0.
 */
#include "authd/accounts.h"
#include "authd/resolve.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mail/address.h"

/* Ends a transaction well or badly. */
static int
finish(struct db *db, int rc, struct err *e)
{
	if (rc < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, e);
}

/* A statement that must have touched a row. */
static int
run_one(struct db *db, struct db_stmt **s, enum err_code none, const char *text, struct err *e)
{
	if (db_run(s, e) < 0)
		return -1;
	return db_changes(db) > 0 ? 0 : err_set(e, none, "%s", text);
}

int
accounts_domain_add(struct db *db, struct str domain, uint64_t quota, struct err *e)
{
	struct db_stmt *s =
	    db_sql(db, "INSERT INTO domains (name, quota, created) VALUES (?, ?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, domain);
	db_bind_int(s, 2, (int64_t)quota);
	db_bind_int(s, 3, clock_wall());
	if (db_run(&s, e) == 0)
		return 0;
	return e && e->code == E_EXISTS
		   ? err_set(e, E_EXISTS, "domain " STR_FMT " is already there", STR_ARG(domain))
		   : -1;
}

int
accounts_domain_del(struct db *db, struct str domain, struct err *e)
{
	static const char *const users[] = {
	    "SELECT 1 FROM users WHERE domain = ?", "SELECT 1 FROM aliases WHERE domain = ?"};
	static const char *const what[] = {"users", "aliases"}, *const noun[] = {"user", "alias"};
	struct db_stmt *s = NULL;
	int rc = -1, has;

	if (db_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		if ((s = db_sql(db, users[i], e)) == NULL)
			goto out;
		db_bind_str(s, 1, domain);
		has = db_step(s, e);
		db_done(&s);
		if (has == 1)
			err_set(e, E_EXISTS,
			    "domain " STR_FMT " still has %s; gkmail %s list shows them",
			    STR_ARG(domain), what[i], noun[i]);
		if (has != 0)
			goto out;
	}
	if ((s = db_sql(db, "DELETE FROM domains WHERE name = ?", e)) == NULL)
		goto out;
	db_bind_str(s, 1, domain);
	rc = run_one(db, &s, E_NOTFOUND, "no such domain", e);
out:
	return finish(db, rc, e);
}

static int
insert_user(struct db *db, struct str address, const struct password_secret *p, uint64_t quota,
    struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "INSERT INTO users (address, domain, hash, salt, iterations, stored, server, quota, "
	    "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_str(s, 2, address_host(address));
	db_bind_str(s, 3, str_z(p->hash));
	db_bind_blob(s, 4, str_of(p->salt, sizeof(p->salt)));
	db_bind_int(s, 5, p->iterations);
	db_bind_blob(s, 6, str_of(p->keys.stored, sizeof(p->keys.stored)));
	db_bind_blob(s, 7, str_of(p->keys.server, sizeof(p->keys.server)));
	db_bind_int(s, 8, (int64_t)quota);
	db_bind_int(s, 9, clock_wall());
	if (db_run(&s, e) == 0)
		return 0;
	if (e && e->code == E_EXISTS)
		err_set(e, E_EXISTS, "user " STR_FMT " is already there", STR_ARG(address));
	else if (e && e->code == E_NOTFOUND)
		err_set(e, E_NOTFOUND,
		    STR_FMT " is not a domain of ours; gkmail domain add makes it one",
		    STR_ARG(address_host(address)));
	return -1;
}

/* Is there a row? */
static int
has(struct db *db, const char *sql, struct str address, struct err *e)
{
	struct db_stmt *s = db_sql(db, sql, e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	rc = db_step(s, e);
	db_done(&s);
	return rc;
}

/* What an address must not be to become a user. */
static int
check_free(struct db *db, struct str address, struct err *e)
{
	int rc = has(db, "SELECT 1 FROM aliases WHERE address = ?", address, e);

	if (rc == 1)
		return err_set(e, E_EXISTS,
		    STR_FMT " is an alias; remove that first (gkmail alias del)", STR_ARG(address));
	if (rc == 0 && (rc = has(db, "SELECT 1 FROM gone WHERE address = ?", address, e)) == 1)
		return err_set(e, E_TEMP,
		    "the mail of the " STR_FMT
		    " who was removed is still being put aside; try again "
		    "in a moment",
		    STR_ARG(address));
	return rc;
}

int
accounts_user_add(struct db *db, struct str address, const struct password_secret *p,
    uint64_t quota, struct err *e)
{
	int rc = -1;

	if (db_begin(db, e) < 0)
		return -1;
	if (check_free(db, address, e) == 0)
		rc = insert_user(db, address, p, quota, e);
	return finish(db, rc, e);
}

/* A secret anew. old: what the hash must be still, or NULL. App passwords share the salt: it may
 * only change while there are none. */
static int
update_secret(struct db *db, struct str address, struct str old, const struct password_secret *p,
    struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "UPDATE users SET hash = ?2, salt = ?3, iterations = ?4, stored = ?5, server = ?6 "
	    "WHERE address = ?1 AND (?7 IS NULL OR hash = ?7) AND (salt = ?3 AND iterations = ?4 "
	    "OR "
	    "NOT EXISTS (SELECT 1 FROM app_passwords WHERE user = users.id))",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_str(s, 2, str_z(p->hash));
	db_bind_blob(s, 3, str_of(p->salt, sizeof(p->salt)));
	db_bind_int(s, 4, p->iterations);
	db_bind_blob(s, 5, str_of(p->keys.stored, sizeof(p->keys.stored)));
	db_bind_blob(s, 6, str_of(p->keys.server, sizeof(p->keys.server)));
	db_bind_str(s, 7, old);
	return db_run(&s, e) < 0 ? -1 : (int)db_changes(db);
}

int
accounts_passwd(struct db *db, struct str address, const struct password_secret *p, uint64_t keep,
    struct err *e)
{
	struct db_stmt *s;
	int rc = -1, rows;

	if (db_begin(db, e) < 0)
		return -1;
	if ((rows = update_secret(db, address, STR_NONE, p, e)) < 0)
		goto out;
	if (rows == 0) {
		err_set(e, E_TEMP, "the user changed meanwhile: try again");
		goto out;
	}
	s = db_sql(db,
	    "DELETE FROM web_sessions WHERE id <> ?2 AND "
	    "user = (SELECT id FROM users WHERE address = ?1)",
	    e);
	if (s == NULL)
		goto out;
	db_bind_str(s, 1, address);
	db_bind_int(s, 2, (int64_t)keep);
	rc = db_run(&s, e);
out:
	return finish(db, rc, e);
}

int
accounts_renew(struct db *db, struct str address, struct str old, const struct password_secret *p,
    struct err *e)
{
	return update_secret(db, address, old, p, e);
}

int
accounts_quota(struct db *db, struct str address, uint64_t quota, struct err *e)
{
	struct db_stmt *s = db_sql(db, "UPDATE users SET quota = ?2 WHERE address = ?1", e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_int(s, 2, (int64_t)quota);
	return run_one(db, &s, E_NOTFOUND, "no such user", e);
}

int
accounts_user_del(struct db *db, struct str address, char sep, bool purge, struct err *e)
{
	static const char targets[] = "DELETE FROM aliases WHERE target = ?1 OR "
				      "?3 <> '' AND substr(target, 1, length(?3)) = ?3 AND "
				      "substr(target, -length(?2)) = ?2";
	size_t at = str_rchr(address, '@');
	char prefix[ADDRESS_PATH_MAX + 2] = "";
	struct db_stmt *s = NULL;
	int rc = -1;

	if (sep != '\0')
		snprintf(
		    prefix, sizeof(prefix), STR_FMT "%c", STR_ARG(str_sub(address, 0, at)), sep);
	if (db_begin(db, e) < 0)
		return -1;
	if ((s = db_sql(db, "DELETE FROM users WHERE address = ?", e)) == NULL)
		goto out;
	db_bind_str(s, 1, address);
	if (run_one(db, &s, E_NOTFOUND, "no such user", e) < 0)
		goto out;
	if ((s = db_sql(db, targets, e)) == NULL)
		goto out;
	db_bind_str(s, 1, address);
	db_bind_str(s, 2, str_from(address, at));
	db_bind_str(s, 3, str_z(prefix));
	if (db_run(&s, e) < 0)
		goto out;
	if ((s = db_sql(db, "INSERT INTO gone (address, purge) VALUES (?, ?)", e)) == NULL)
		goto out;
	db_bind_str(s, 1, address);
	db_bind_int(s, 2, purge);
	rc = db_run(&s, e);
out:
	return finish(db, rc, e);
}

int
accounts_gone_forget(struct db *db, struct str address, struct err *e)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM gone WHERE address = ?", e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	return db_run(&s, e);
}

/* ---- aliases ---- */

/* One target, looked at before the alias has it. */
static int
check_target(struct db *db, struct str target, const struct resolve_rules *rules, struct arena *a,
    struct err *e)
{
	struct resolved r;
	int ours = accounts_domain(db, address_host(target), e);

	if (ours < 0)
		return -1;
	if (ours == 0)
		return 0; /* at another host: mail is forwarded there */
	if (resolve(db, target, rules, a, &r, e) < 0)
		return -1;
	if (r.verdict != RCPT_OK)
		return err_set(
		    e, E_NOTFOUND, "target " STR_FMT " leads to no user", STR_ARG(target));
	return 0;
}

static int
insert_target(struct db *db, struct str address, struct str target, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "INSERT INTO aliases (address, target, domain) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_str(s, 2, target);
	db_bind_str(s, 3, address_host(address));
	if (db_run(&s, e) == 0)
		return 0;
	return e && e->code == E_NOTFOUND
		   ? err_set(e, E_NOTFOUND,
			 STR_FMT " is not a domain of ours; gkmail domain add makes it one",
			 STR_ARG(address_host(address)))
		   : -1;
}

/* The alias as it stands now: few enough targets, no circle, no explosion. */
static int
check_alias(struct db *db, struct str address, const struct resolve_rules *rules, struct arena *a,
    struct err *e)
{
	struct db_stmt *s = db_sql(db, "SELECT count(*) FROM aliases WHERE address = ?", e);
	struct resolved r;
	int64_t n = 0;
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	if ((rc = db_step(s, e)) == 1)
		n = db_int(s, 0);
	db_done(&s);
	if (rc < 0)
		return -1;
	if (n > (int64_t)ACCOUNTS_TARGETS_MAX)
		return err_set(e, E_LIMIT, "an alias has at most %u targets", ACCOUNTS_TARGETS_MAX);
	if (resolve_alias(db, address, rules, a, &r, e) < 0)
		return -1;
	if (r.loop)
		return err_set(e, E_INVAL, STR_FMT " would lead in a circle", STR_ARG(address));
	if (r.over)
		return err_set(
		    e, E_LIMIT, STR_FMT " would lead to too many addresses", STR_ARG(address));
	return 0;
}

int
accounts_alias_add(struct db *db, struct str address, const struct str *targets, size_t n,
    const struct resolve_rules *rules, struct err *e)
{
	struct arena a;
	int rc = -1, taken;

	if (n == 0)
		return err_set(e, E_INVAL, "an alias needs a target");
	arena_init(&a);
	if (db_begin(db, e) < 0)
		goto free;
	if ((taken = accounts_is_user(db, address, e)) != 0) {
		if (taken == 1)
			err_set(e, E_EXISTS, STR_FMT " is a user", STR_ARG(address));
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (str_eq(targets[i], address)) {
			err_set(e, E_INVAL, STR_FMT " would lead in a circle", STR_ARG(address));
			goto out;
		}
		if (check_target(db, targets[i], rules, &a, e) < 0)
			goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (insert_target(db, address, targets[i], e) < 0)
			goto out;
	rc = check_alias(db, address, rules, &a, e);
out:
	rc = finish(db, rc, e);
free:
	arena_free(&a);
	return rc;
}

int
accounts_alias_del(
    struct db *db, struct str address, const struct str *targets, size_t n, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = -1;

	if (db_begin(db, e) < 0)
		return -1;
	if (n == 0) {
		if ((s = db_sql(db, "DELETE FROM aliases WHERE address = ?", e)) == NULL)
			goto out;
		db_bind_str(s, 1, address);
		rc = run_one(db, &s, E_NOTFOUND, "no such alias", e);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		s = db_sql(db, "DELETE FROM aliases WHERE address = ? AND target = ?", e);
		if (s == NULL)
			goto out;
		db_bind_str(s, 1, address);
		db_bind_str(s, 2, targets[i]);
		if (run_one(db, &s, E_NOTFOUND, "no such alias with that target", e) < 0)
			goto out;
	}
	rc = 0;
out:
	return finish(db, rc, e);
}

/* ---- app passwords ---- */

/* Room for another, and the salt it was made with is still the user's: then the user's id. */
static int64_t
apppass_room(struct db *db, struct str address, struct str salt, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT id, salt = ?2, (SELECT count(*) FROM app_passwords WHERE user = users.id) "
	    "FROM users WHERE address = ?1",
	    e);
	int64_t id = -1;
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_blob(s, 2, salt);
	if ((rc = db_step(s, e)) == 0)
		err_set(e, E_NOTFOUND, "no such user");
	else if (rc == 1 && db_int(s, 1) == 0)
		err_set(e, E_TEMP, "the user changed meanwhile: try again");
	else if (rc == 1 && db_int(s, 2) >= (int64_t)ACCOUNTS_APPPASS_MAX)
		err_set(e, E_LIMIT, "a user has at most %u app passwords", ACCOUNTS_APPPASS_MAX);
	else if (rc == 1)
		id = db_int(s, 0);
	db_done(&s);
	return id;
}

int
accounts_apppass_add(
    struct db *db, struct str address, const struct apppass *p, struct str user_salt, struct err *e)
{
	struct db_stmt *s = NULL;
	int64_t id;
	int rc = -1;

	if (db_begin(db, e) < 0)
		return -1;
	if ((id = apppass_room(db, address, user_salt, e)) < 0)
		goto out;
	s = db_sql(db,
	    "INSERT INTO app_passwords (user, name, salt, hash, stored, server, created) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?)",
	    e);
	if (s == NULL)
		goto out;
	db_bind_int(s, 1, id);
	db_bind_str(s, 2, p->name);
	db_bind_blob(s, 3, p->salt);
	db_bind_blob(s, 4, p->hash);
	db_bind_blob(s, 5, str_of(p->keys.stored, sizeof(p->keys.stored)));
	db_bind_blob(s, 6, str_of(p->keys.server, sizeof(p->keys.server)));
	db_bind_int(s, 7, clock_wall());
	if ((rc = db_run(&s, e)) < 0 && e && e->code == E_EXISTS)
		err_set(e, E_EXISTS, "there is already an app password of that name");
out:
	return finish(db, rc, e);
}

int
accounts_apppass_del(struct db *db, struct str address, struct str name, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "DELETE FROM app_passwords WHERE name = ?2 AND "
	    "user = (SELECT id FROM users WHERE address = ?1)",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, address);
	db_bind_str(s, 2, name);
	return run_one(db, &s, E_NOTFOUND, "no such app password", e);
}

int
accounts_usage_save(struct db *db, const struct accounts_usage *u, size_t n, struct err *e)
{
	int rc = -1;

	if (db_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct db_stmt *s =
		    db_sql(db, "UPDATE users SET octets = ?2, messages = ?3 WHERE address = ?1", e);

		if (s == NULL)
			goto out;
		db_bind_str(s, 1, u[i].address);
		db_bind_int(s, 2, (int64_t)u[i].octets);
		db_bind_int(s, 3, (int64_t)u[i].messages);
		if (db_run(&s, e) < 0)
			goto out;
	}
	rc = 0;
out:
	return finish(db, rc, e);
}
