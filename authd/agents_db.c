/* agents_db.c - agents and approvals in accounts.db. See agents.h. */
#include "authd/agents.h"

#include "base/clock.h"
#include "base/mem.h"

#define COLUMNS 8u
#define SELECT                                                                                \
	"SELECT agents.id, address, name, scopes, policy, rate, expires, used, revoked FROM " \
	"agents JOIN users ON users.id = agents.user "

static void
get(struct db_stmt *s, struct arena *a, struct agent *out)
{
	*out = (struct agent){.id = db_int(s, 0),
	    .user = arena_dup(a, db_str(s, 1)),
	    .name = arena_dup(a, db_str(s, 2)),
	    .scopes = (uint32_t)db_int(s, 3),
	    .policy = (uint32_t)db_int(s, 4),
	    .rate = (uint32_t)db_int(s, 5),
	    .expires = db_int(s, 6),
	    .used = db_int(s, 7),
	    .revoked = db_int(s, 8) != 0};
}

int
agents_db_token(struct db *db, const unsigned char digest[AGENT_DIGEST], struct arena *a,
    struct agent *out, struct err *e)
{
	struct db_stmt *s = db_sql(db, SELECT "WHERE digest = ?", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_blob(s, 1, str_of(digest, AGENT_DIGEST));
	if ((rc = db_step(s, e)) == 1)
		get(s, a, out);
	db_done(&s);
	return rc;
}

int
agents_db_find(struct db *db, struct str user, struct str name, struct arena *a, struct agent *out,
    struct err *e)
{
	struct db_stmt *s = db_sql(db, SELECT "WHERE address = ?1 AND name = ?2", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, name);
	if ((rc = db_step(s, e)) == 1)
		get(s, a, out);
	db_done(&s);
	/* They need no row before something of them is changed. */
	if (rc == 0 && agent_is_built_in(name)) {
		*out = (struct agent){.user = arena_dup(a, user),
		    .name = arena_dup(a, name),
		    .scopes = AGENT_SCOPES,
		    .policy = AGENT_POLICY_DEFAULT,
		    .rate = AGENT_RATE};
		rc = 1;
	}
	return rc;
}

/* ---- a list ---- */

static struct str
time_text(struct arena *a, int64_t t)
{
	char text[CLOCK_RFC3339_SIZE];

	return t == 0 ? STR("") : arena_dup(a, str_z(clock_rfc3339(t * 1000000, text)));
}

static struct str
words(struct arena *a, uint32_t v, void (*put)(uint32_t, struct buf *))
{
	struct buf b;
	struct str out;

	buf_init(&b, 1024);
	put(v, &b);
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}

static void
put_row(struct arena *a, const struct agent *g, int64_t created, struct str *row)
{
	row[0] = g->name;
	row[1] = words(a, g->scopes, agent_scopes_put);
	row[2] = words(a, g->policy, agent_policy_put);
	row[3] = arena_printf(a, "%u", g->rate);
	row[4] = time_text(a, created);
	row[5] = time_text(a, g->used);
	row[6] = time_text(a, g->expires);
	row[7] = g->revoked ? STR("1") : STR("");
}

int
agents_db_list(
    struct db *db, struct str user, struct arena *a, struct str **rows, size_t *n, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT agents.id, address, name, scopes, policy, rate, expires, used, revoked, "
	    "agents.created FROM agents JOIN users ON users.id = agents.user WHERE address = ? "
	    "ORDER BY name LIMIT 64",
	    e);
	bool assistant = false;
	struct agent g;
	int rc;

	if (s == NULL)
		return -1;
	*rows = arena_array(a, (64 + 1) * COLUMNS, sizeof(**rows));
	*n = 0;
	db_bind_str(s, 1, user);
	while ((rc = db_step(s, e)) == 1) {
		get(s, a, &g);
		put_row(a, &g, db_int(s, 9), *rows + *n);
		assistant |= str_eq_z(g.name, AGENT_ASSISTANT);
		*n += COLUMNS;
	}
	db_done(&s);
	if (rc == 0 && !assistant &&
	    agents_db_find(db, user, STR(AGENT_ASSISTANT), a, &g, e) == 1) {
		put_row(a, &g, 0, *rows + *n);
		*n += COLUMNS;
	}
	return rc;
}

/* ---- changing ---- */

static int
run(struct db *db, struct db_stmt **s, enum err_code none, const char *why, struct err *e)
{
	if (db_run(s, e) < 0)
		return -1;
	return db_changes(db) > 0 ? 0 : err_set(e, none, "%s", why);
}

int
agents_db_add(struct db *db, struct str user, const struct agent_new *n, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "INSERT INTO agents (user, name, digest, scopes, policy, rate, created, expires) "
	    "SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM users WHERE address = ?1 AND "
	    "(SELECT count(*) FROM agents WHERE user = users.id) < ?9",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, n->name);
	db_bind_blob(s, 3, str_of(n->digest, sizeof(n->digest)));
	db_bind_int(s, 4, n->scopes);
	db_bind_int(s, 5, AGENT_POLICY_DEFAULT);
	db_bind_int(s, 6, n->rate);
	db_bind_int(s, 7, clock_wall());
	db_bind_int(s, 8, (int64_t)n->expires);
	db_bind_int(s, 9, AGENTS_USER_MAX);
	if (run(db, &s, E_LIMIT, "no such user, or too many agents", e) == 0)
		return 0;
	if (e && e->code == E_EXISTS)
		err_set(e, E_EXISTS, "there is already an agent of that name");
	return -1;
}

/* One that is built in has a row once something of it is changed. */
static int
ensure_built_in(struct db *db, struct str user, struct str name, struct err *e)
{
	struct db_stmt *s;

	if (!agent_is_built_in(name))
		return 0;
	s = db_sql(db,
	    "INSERT OR IGNORE INTO agents (user, name, scopes, policy, rate, created, expires) "
	    "SELECT id, ?2, ?3, ?4, ?5, ?6, 0 FROM users WHERE address = ?1",
	    e);
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, name);
	db_bind_int(s, 3, AGENT_SCOPES);
	db_bind_int(s, 4, AGENT_POLICY_DEFAULT);
	db_bind_int(s, 5, AGENT_RATE);
	db_bind_int(s, 6, clock_wall());
	return db_run(&s, e);
}

/* Of a user's agent: sql has ?3. */
static int
change(
    struct db *db, const char *sql, struct str user, struct str name, int64_t value, struct err *e)
{
	struct db_stmt *s;

	if (ensure_built_in(db, user, name, e) < 0 || (s = db_sql(db, sql, e)) == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, name);
	db_bind_int(s, 3, value);
	return run(db, &s, E_NOTFOUND, "no such agent", e);
}

int
agents_db_revoke(struct db *db, struct str user, struct str name, struct err *e)
{
	/* Its row stays, for who reads later what it did; its token is forgotten. */
	return change(db,
	    "UPDATE agents SET revoked = ?3, digest = NULL WHERE name = ?2 AND "
	    "user = (SELECT id FROM users WHERE address = ?1)",
	    user, name, 1, e);
}

int
agents_db_policy(struct db *db, struct str user, struct str name, uint32_t policy, struct err *e)
{
	return change(db,
	    "UPDATE agents SET policy = ?3 WHERE name = ?2 AND "
	    "user = (SELECT id FROM users WHERE address = ?1)",
	    user, name, policy, e);
}

int
agents_db_used(struct db *db, int64_t id, int64_t when, struct err *e)
{
	struct db_stmt *s = db_sql(db, "UPDATE agents SET used = ?2 WHERE id = ?1", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, id);
	db_bind_int(s, 2, when);
	return db_run(&s, e);
}

/* ---- approvals ---- */

int
agents_db_approve(struct db *db, const struct approving *a, struct err *e)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM approvals WHERE expires < ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, a->now - APPROVAL_KEPT_S);
	if (db_run(&s, e) < 0)
		return -1;
	s = db_sql(db,
	    "INSERT INTO approvals (id, user, session, digest, what, created, expires) "
	    "SELECT ?2, id, ?3, ?4, ?5, ?6, ?7 FROM users WHERE address = ?1",
	    e);
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, a->user);
	db_bind_int(s, 2, (int64_t)a->id);
	db_bind_str(s, 3, a->session);
	db_bind_blob(s, 4, str_of(a->digest, sizeof(a->digest)));
	db_bind_str(s, 5, a->what);
	db_bind_int(s, 6, a->now);
	db_bind_int(s, 7, a->expires);
	return run(db, &s, E_NOTFOUND, "no such user", e);
}

static int
find_approval(struct db *db, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], int64_t now, uint64_t *id, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT approvals.id FROM approvals JOIN users ON users.id = approvals.user WHERE "
	    "address = ?1 AND session = ?2 AND digest = ?3 AND approvals.created <= ?4 + 60 AND "
	    "expires > ?4 AND used = 0 ORDER BY approvals.created LIMIT 1",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, session);
	db_bind_blob(s, 3, str_of(digest, AGENT_DIGEST));
	db_bind_int(s, 4, now);
	if ((rc = db_step(s, e)) == 1)
		*id = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc;
}

int
agents_db_redeem(struct db *db, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], struct str mid, int64_t now, uint64_t *id,
    struct err *e)
{
	int rc = find_approval(db, user, session, digest, now, id, e);
	struct db_stmt *s;

	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, E_DENIED, "nobody has approved that");
	/* The one thread that writes does nothing in between; "used = 0" says what is meant. */
	s = db_sql(db, "UPDATE approvals SET used = ?2, mid = ?3 WHERE id = ?1 AND used = 0", e);
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)*id);
	db_bind_int(s, 2, now);
	db_bind_str(s, 3, mid);
	return run(db, &s, E_DENIED, "it was used already", e);
}

static void
bind_digest(struct db_stmt *s, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], int64_t since)
{
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, session);
	db_bind_blob(s, 3, str_of(digest, AGENT_DIGEST));
	db_bind_int(s, 4, since);
}

int
agents_db_settle(struct db *db, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], int64_t since, struct arena *a, bool *used,
    struct str *mid, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "UPDATE approvals SET expires = 0 WHERE user = (SELECT id FROM users WHERE address = "
	    "?1) AND session = ?2 AND digest = ?3 AND created >= ?4 AND used = 0",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	bind_digest(s, user, session, digest, since);
	if (db_run(&s, e) < 0)
		return -1;
	s = db_sql(db,
	    "SELECT mid FROM approvals JOIN users ON users.id = approvals.user WHERE address = ?1 "
	    "AND session = ?2 AND digest = ?3 AND approvals.created >= ?4 AND used <> 0 "
	    "ORDER BY used DESC LIMIT 1",
	    e);
	if (s == NULL)
		return -1;
	bind_digest(s, user, session, digest, since);
	if ((rc = db_step(s, e)) == 1)
		*mid = arena_dup(a, db_str(s, 0));
	*used = rc == 1;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}
