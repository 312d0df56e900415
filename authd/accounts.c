/*
 * accounts.c - the schema of accounts.db, and looking things up in it. See accounts.h.
 */
#include "authd/accounts.h"

#include <sodium.h>

#include "base/mem.h"

#define ACCOUNTS_ID 0x474b4143u /* "GKAC" */

/* Numbers are octets, counts and seconds since the epoch. Secrets: hash is an argon2id string;
 * stored and server are SCRAM's StoredKey and ServerKey (RFC 5802 3). The password itself is
 * nowhere. */
static const char *const steps[] = {
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO settings VALUES ('fake_key', randomblob(32));"
    "CREATE TABLE domains ("
    " name TEXT PRIMARY KEY, quota INTEGER NOT NULL, created INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE,"
    " domain TEXT NOT NULL REFERENCES domains (name), hash TEXT NOT NULL,"
    " salt BLOB NOT NULL, iterations INTEGER NOT NULL, stored BLOB NOT NULL, server BLOB NOT NULL,"
    " quota INTEGER NOT NULL, octets INTEGER NOT NULL DEFAULT 0,"
    " messages INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX users_domain ON users (domain);"
    "CREATE TABLE app_passwords ("
    " user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " salt BLOB NOT NULL, hash BLOB NOT NULL, stored BLOB NOT NULL, server BLOB NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY (user, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE aliases ("
    " address TEXT NOT NULL, target TEXT NOT NULL,"
    " domain TEXT NOT NULL REFERENCES domains (name), PRIMARY KEY (address, target)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX aliases_target ON aliases (target);"
    "CREATE INDEX aliases_domain ON aliases (domain);",

    /* Version 2: removed users whose homes are yet to be put aside, or removed (gone.h). */
    "CREATE TABLE gone (address TEXT PRIMARY KEY, purge INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    /* Version 3: networks that are banned or were lately (bans.h), and notes (notes.h). until 0: a
     * ban without end. */
    "CREATE TABLE bans ("
    " network TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL,"
    " times INTEGER NOT NULL, by_hand INTEGER NOT NULL, reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE notes ("
    " kind INTEGER NOT NULL, key BLOB NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL,"
    " until INTEGER NOT NULL, PRIMARY KEY (kind, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX notes_until ON notes (until);",

    /* Version 4: browsers' sessions (web.h), each known by the BLAKE2b of its token. */
    "CREATE TABLE web_sessions ("
    " id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " digest BLOB NOT NULL UNIQUE, created INTEGER NOT NULL, proven INTEGER NOT NULL,"
    " used INTEGER NOT NULL, peer TEXT NOT NULL, agent TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX web_sessions_user ON web_sessions (user);",

    /* Version 5: agents, each known by the BLAKE2b of its token (none: it has no token, or not any
     * more), and approvals (agents.h). */
    "CREATE TABLE agents ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " digest BLOB UNIQUE, scopes INTEGER NOT NULL, policy INTEGER NOT NULL,"
    " rate INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0, UNIQUE (user, name)"
    ") STRICT;"
    "CREATE TABLE approvals ("
    " id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " session TEXT NOT NULL, digest BLOB NOT NULL, what TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, mid TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE INDEX approvals_digest ON approvals (digest);"
    "CREATE INDEX approvals_user ON approvals (user);",
};
static const struct db_schema schema = {ACCOUNTS_ID, steps, ARRAY_LEN(steps)};

struct db *
accounts_open(struct err *e)
{
	const struct db_options o = {
	    .schema = &schema,
	    .mode = 0600,
	    .sync = DB_SYNC_FULL,
	    .secure_delete = true,
	};

	return db_open("accounts.db", &o, e);
}

/* Binds one string and steps once. */
static int
look(struct db *db, const char *sql, struct str key, struct db_stmt **s, struct err *e)
{
	if ((*s = db_sql(db, sql, e)) == NULL)
		return -1;
	db_bind_str(*s, 1, key);
	return db_step(*s, e);
}

static int
exists(struct db *db, const char *sql, struct str key, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = look(db, sql, key, &s, e);

	db_done(&s);
	return rc;
}

static int
one_string(
    struct db *db, const char *sql, struct str key, struct arena *a, struct str *out, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = look(db, sql, key, &s, e);

	if (rc == 1)
		*out = arena_dup(a, db_str(s, 0));
	db_done(&s);
	return rc;
}

static int
get_keys(struct db_stmt *s, int col, struct scram_keys *out, struct err *e)
{
	struct str stored = db_str(s, col), server = db_str(s, col + 1);

	if (stored.n != sizeof(out->stored) || server.n != sizeof(out->server))
		return err_set(e, E_PROTO, "damaged SCRAM secret");
	memcpy(out->stored, stored.p, sizeof(out->stored));
	memcpy(out->server, server.p, sizeof(out->server));
	return 0;
}

int
accounts_domain(struct db *db, struct str domain, struct err *e)
{
	return exists(db, "SELECT 1 FROM domains WHERE name = ?", domain, e);
}

int
accounts_is_user(struct db *db, struct str address, struct err *e)
{
	return exists(db, "SELECT 1 FROM users WHERE address = ?", address, e);
}

int
accounts_created(struct db *db, struct str address, int64_t *out, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = look(db, "SELECT created FROM users WHERE address = ?", address, &s, e);

	if (rc == 1)
		*out = db_int(s, 0);
	db_done(&s);
	return rc == 1 ? 0 : rc == 0 ? err_set(e, E_NOTFOUND, "no such user") : -1;
}

int
accounts_user(
    struct db *db, struct str address, struct arena *a, struct account *out, struct err *e)
{
	static const char sql[] =
	    "SELECT id, address, hash, salt, iterations, quota, stored, server "
	    "FROM users WHERE address = ?";
	struct db_stmt *s = NULL;
	int rc;

	if ((rc = look(db, sql, address, &s, e)) == 1) {
		out->id = db_int(s, 0);
		out->address = arena_dup(a, db_str(s, 1));
		out->hash = arena_dup(a, db_str(s, 2));
		out->salt = arena_dup(a, db_str(s, 3));
		out->iterations = (uint32_t)db_int(s, 4);
		out->quota = (uint64_t)db_int(s, 5);
		if (get_keys(s, 6, &out->keys, e) < 0)
			rc = -1;
	}
	db_done(&s);
	return rc;
}

int
accounts_sole_domain(struct db *db, struct arena *a, struct str *out, struct err *e)
{
	return one_string(db,
	    "SELECT min(name) FROM domains WHERE ?1 = '' GROUP BY 1 = 1 HAVING count(*) = 1",
	    STR(""), a, out, e);
}

int
accounts_first_user(
    struct db *db, struct str domain, struct arena *a, struct str *out, struct err *e)
{
	if (domain.n == 0)
		return one_string(db, "SELECT address FROM users WHERE ?1 = '' ORDER BY id LIMIT 1",
		    STR(""), a, out, e);
	return one_string(db, "SELECT address FROM users WHERE domain = ? ORDER BY id LIMIT 1",
	    domain, a, out, e);
}

int
accounts_alias(struct db *db, struct str address, struct arena *a, struct str **targets, size_t *n,
    struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = look(
	    db, "SELECT target FROM aliases WHERE address = ? ORDER BY target", address, &s, e);

	*n = 0;
	*targets = NULL;
	for (; rc == 1 && *n < ACCOUNTS_TARGETS_MAX; rc = db_step(s, e)) {
		if (*targets == NULL)
			*targets = arena_array(a, ACCOUNTS_TARGETS_MAX, sizeof(**targets));
		(*targets)[(*n)++] = arena_dup(a, db_str(s, 0));
	}
	db_done(&s);
	return rc < 0 ? -1 : *n > 0;
}

int
accounts_addresses(
    struct db *db, struct str user, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	static const char sql[] =
	    "WITH RECURSIVE mine (address) AS (SELECT ?1 UNION SELECT aliases.address FROM aliases "
	    "JOIN mine ON aliases.target = mine.address LIMIT 100) SELECT address FROM mine "
	    "WHERE substr(address, 1, 1) <> '@'";
	struct db_stmt *s = NULL;
	int rc = look(db, sql, user, &s, e);

	*n = 0;
	*out = arena_array(a, ACCOUNTS_ADDRESSES_MAX, sizeof(**out));
	for (; rc == 1 && *n < ACCOUNTS_ADDRESSES_MAX; rc = db_step(s, e))
		(*out)[(*n)++] = arena_dup(a, db_str(s, 0));
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
accounts_apppasses(
    struct db *db, int64_t user, struct arena *a, struct apppass **out, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT name, salt, hash, stored, server FROM app_passwords WHERE user = ? ORDER BY "
	    "name",
	    e);
	int rc = -1, n = 0;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, user);
	for (rc = db_step(s, e); rc == 1 && n < (int)ACCOUNTS_APPPASS_MAX; rc = db_step(s, e)) {
		struct apppass *p;

		if (n == 0)
			*out = arena_array(a, ACCOUNTS_APPPASS_MAX, sizeof(**out));
		p = &(*out)[n++];
		p->name = arena_dup(a, db_str(s, 0));
		p->salt = arena_dup(a, db_str(s, 1));
		p->hash = arena_dup(a, db_str(s, 2));
		if (get_keys(s, 3, &p->keys, e) < 0) {
			rc = -1;
			break;
		}
	}
	db_done(&s);
	return rc < 0 ? -1 : n;
}

int
accounts_fake_key(struct db *db, unsigned char out[32], struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = look(db, "SELECT value FROM settings WHERE name = ?", STR("fake_key"), &s, e);

	if (rc == 1 && db_str(s, 0).n == 32)
		memcpy(out, db_str(s, 0).p, 32);
	else if (rc >= 0)
		rc = err_set(e, E_PROTO, "no fake_key");
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
accounts_usage(struct db *db, void (*fn)(const struct accounts_usage *u), struct err *e)
{
	static const char *const sql[] = {
	    "SELECT name, '', quota, 0, 0 FROM domains",
	    "SELECT '', address, quota, octets, messages FROM users",
	};

	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		struct db_stmt *s = db_sql(db, sql[i], e);
		int rc;

		if (s == NULL)
			return -1;
		while ((rc = db_step(s, e)) == 1) {
			const struct accounts_usage u = {
			    .domain = db_str(s, 0),
			    .address = db_str(s, 1),
			    .quota = (uint64_t)db_int(s, 2),
			    .octets = (uint64_t)db_int(s, 3),
			    .messages = (uint64_t)db_int(s, 4),
			};

			fn(&u);
		}
		db_done(&s);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int
accounts_gone(
    struct db *db, void (*fn)(void *arg, struct str address, bool purge), void *arg, struct err *e)
{
	struct db_stmt *s = db_sql(db, "SELECT address, purge FROM gone", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1)
		fn(arg, db_str(s, 0), db_int(s, 1) != 0);
	db_done(&s);
	return rc;
}
