/*
 * db.c - see db.h.
 *
 * Statements are cached by their text, and found by its address when that is asked for again, as
 * the literals of a program are. One that is asked for while it is in use (a recursion) is prepared
 * a second time and finalized when done. Misuse (a parameter that is not there, a handle closed
 * under a statement) asserts.
 */
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "db/db_file.h"
#include "io/file.h"

#define BY_ADDRESS 128 /* statements found without hashing */
#define CACHE_MAX  256 /* statements kept; the texts are literals of ours, so this is never met */

struct db_stmt {
	struct db *db;
	sqlite3_stmt *st;
	char *sql; /* NULL: not in the cache */
	bool busy;
	UT_hash_handle hh;
};

struct db {
	sqlite3 *h;
	struct db_stmt *cache, *by_address[BY_ADDRESS];
	size_t in_use;
	enum db_sync sync;
};

static enum err_code
code_of(int rc, int sys)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_TEMP;
	case SQLITE_FULL:
		return E_NOSPACE;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return E_EXISTS;
		return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? E_NOTFOUND : E_INVAL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_PROTO;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return E_DENIED;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return E_INTERNAL;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		break;
	default:
		return rc == SQLITE_OK ? E_INTERNAL : E_IO;
	}
	if (sys == ENOSPC || sys == EDQUOT)
		return E_NOSPACE;
	return sys == EACCES || sys == EPERM ? E_DENIED : E_IO;
}

int
db_error(struct db *db, struct err *e, const char *fmt, ...)
{
	int rc = sqlite3_extended_errcode(db->h);
	char what[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
		mem_die(__FILE__, __LINE__, "sqlite");
	return err_set(
	    e, code_of(rc, sqlite3_system_errno(db->h)), "%s: %s", what, sqlite3_errmsg(db->h));
}

/* ---- opening ---- */

/* A new file gets its mode before anything is in it, and its name is durable before a commit can
 * be. */
static int
create(const char *path, mode_t mode, struct err *e)
{
	struct str p = str_z(path);
	size_t slash = str_rchr(p, '/');
	char folder[4096];
	int rc = -1, fd = -1, dir = -1;
	struct stat st;

	if (slash == p.n)
		slash = 0;
	if (str_cz(slash ? str_sub(p, 0, slash) : STR("."), folder, sizeof(folder)) < 0)
		return err_set(e, E_INVAL, "path too long");
	if ((fd = file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode, e)) < 0) {
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			err_set(e, E_OK, "%s", "");
			return 0;
		}
		return -1;
	}
	/* Only a umask takes bits away; owners of mailboxes may not change modes at all. */
	if (fstat(fd, &st) < 0 || ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)) {
		err_sys(e, "mode of %s", path);
		goto out;
	}
	if ((dir = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    file_sync_dir(dir, "db.create", e) < 0)
		goto out;
	rc = 0;
out:
	file_close(&fd);
	file_close(&dir);
	return rc;
}

static int
pragma_int(struct db *db, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(db->h, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		db_error(db, e, "%s", sql);
	else {
		*out = sqlite3_column_int64(st, 0);
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

static int
configure(struct db *db, const struct db_options *o, struct err *e)
{
	static const char *const sync[] = {"FULL", "NORMAL", "OFF"};
	char sql[512];

	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, o->busy_ms ? (int)o->busy_ms : 5000);
	/* What a damaged or planted file could use against us. */
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	/* The locking mode comes first: WAL then never makes a shared memory file. */
	snprintf(sql, sizeof(sql),
	    "%s; %s; PRAGMA synchronous = %s; PRAGMA foreign_keys = ON; PRAGMA temp_store = "
	    "MEMORY; "
	    "PRAGMA secure_delete = %s; PRAGMA cache_size = -%u",
	    o->exclusive ? "PRAGMA locking_mode = EXCLUSIVE" : "SELECT 1",
	    o->read_only ? "SELECT 1" : "PRAGMA journal_mode = WAL", sync[o->sync],
	    o->secure_delete ? "ON" : "OFF", o->cache_kib ? o->cache_kib : 2000);
	if (sqlite3_exec(db->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, e, "open");
	return 0;
}

static int
upgrade(struct db *db, const struct db_schema *schema, bool read_only, struct err *e)
{
	int64_t version = 0, id = 0;
	char sql[128];

	if (pragma_int(db, "PRAGMA user_version", &version, e) < 0 ||
	    pragma_int(db, "PRAGMA application_id", &id, e) < 0)
		return -1;
	if ((version != 0 || id != 0) && (uint32_t)id != schema->id)
		return err_set(e, E_PROTO, "a database of another kind");
	if (version < 0 || version > (int64_t)schema->version)
		return err_set(e, E_PERM,
		    "format %lld was written by a newer version; this one knows %u",
		    (long long)version, schema->version);
	if (version == (int64_t)schema->version)
		return 0;
	if (read_only)
		return err_set(e, E_PERM, "format %lld is old and opened for reading only",
		    (long long)version);
	if (db_begin(db, e) < 0)
		return -1;
	for (; version < (int64_t)schema->version; version++)
		if (db_exec(db, schema->steps[version], e) < 0) {
			db_rollback(db);
			return err_wrap(e, "format %lld", (long long)version + 1);
		}
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %u; PRAGMA application_id = %d",
	    schema->version, (int)schema->id);
	if (db_exec(db, sql, e) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, e);
}

/* sqlite counts its memory under one lock for the whole process; nobody reads that. That comes
 * before anything else. */
static void
set_up_sqlite(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	db_file_init();
}

struct db *
db_open(const char *path, const struct db_options *o, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = mem_alloc(sizeof(*db));
	int flags = (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

	pthread_once(&once, set_up_sqlite);
	db->sync = o->sync;
	if (o->mode != 0 && !o->read_only && create(path, o->mode, e) < 0)
		goto fail;
	if (sqlite3_open_v2(path, &db->h, flags, NULL) != SQLITE_OK) {
		if (db->h == NULL)
			mem_die(__FILE__, __LINE__, "sqlite");
		db_error(db, e, "open");
		goto fail;
	}
	if (configure(db, o, e) < 0)
		goto fail;
	if (o->extend && o->extend(db->h, e) < 0)
		goto fail;
	if (o->schema && upgrade(db, o->schema, o->read_only, e) < 0)
		goto fail;
	return db;
fail:
	err_wrap(e, "%s", path);
	db_close(&db);
	return NULL;
}

void
db_close(struct db **dbp)
{
	struct db *db = *dbp;
	struct db_stmt *s, *next;

	if (db == NULL)
		return;
	assume(db->in_use == 0);
	HASH_ITER (hh, db->cache, s, next) {
		HASH_DEL(db->cache, s);
		sqlite3_finalize(s->st);
		free(s->sql);
		free(s);
	}
	assume(sqlite3_close(db->h) == SQLITE_OK);
	free(db);
	*dbp = NULL;
}

/* ---- statements ---- */

static struct db_stmt *
prepare(struct db *db, const char *sql, bool keep, struct err *e)
{
	struct db_stmt *s = mem_alloc(sizeof(*s));
	const char *rest = "";
	size_t n = strlen(sql);

	s->db = db;
	if (sqlite3_prepare_v3(db->h, sql, (int)n + 1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &s->st,
		&rest) != SQLITE_OK) {
		db_error(db, e, "%s", sql);
		free(s);
		return NULL;
	}
	assume(s->st != NULL && *rest == '\0');
	if (keep) {
		s->sql = mem_dup(sql, n);
		HASH_ADD_KEYPTR(hh, db->cache, s->sql, n, s);
	}
	return s;
}

struct db_stmt *
db_sql(struct db *db, const char *sql, struct err *e)
{
	struct db_stmt **at = &db->by_address[((uintptr_t)sql >> 3) % BY_ADDRESS], *s = *at;

	if (s == NULL || strcmp(s->sql, sql) != 0)
		HASH_FIND_STR(db->cache, sql, s);
	if (s == NULL || s->busy) {
		bool keep = s == NULL && HASH_COUNT(db->cache) < CACHE_MAX;

		if ((s = prepare(db, sql, keep, e)) == NULL)
			return NULL;
	}
	if (s->sql != NULL)
		*at = s;
	s->busy = true;
	db->in_use++;
	return s;
}

void
db_bind_str(struct db_stmt *s, int i, struct str v)
{
	int rc = sqlite3_bind_text64(s->st, i, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);

	assume(rc == SQLITE_OK);
}

void
db_bind_blob(struct db_stmt *s, int i, struct str v)
{
	int rc = v.p != NULL && v.n == 0 ? sqlite3_bind_zeroblob(s->st, i, 0)
					 : sqlite3_bind_blob64(s->st, i, v.p, v.n, SQLITE_STATIC);

	assume(rc == SQLITE_OK);
}

void
db_bind_int(struct db_stmt *s, int i, int64_t v)
{
	int rc = sqlite3_bind_int64(s->st, i, v);

	assume(rc == SQLITE_OK);
}

void
db_bind_null(struct db_stmt *s, int i)
{
	int rc = sqlite3_bind_null(s->st, i);

	assume(rc == SQLITE_OK);
}

int
db_step(struct db_stmt *s, struct err *e)
{
	switch (sqlite3_step(s->st)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return db_error(s->db, e, "%s", sqlite3_sql(s->st));
	}
}

void
db_reset(struct db_stmt *s)
{
	sqlite3_reset(s->st);
}

void
db_done(struct db_stmt **sp)
{
	struct db_stmt *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	assume(s->busy && s->db->in_use > 0);
	s->busy = false;
	s->db->in_use--;
	if (s->sql == NULL) {
		sqlite3_finalize(s->st);
		free(s);
		return;
	}
	sqlite3_reset(s->st);
	sqlite3_clear_bindings(s->st);
}

int64_t
db_int(struct db_stmt *s, int col)
{
	return sqlite3_column_int64(s->st, col);
}

struct str
db_str(struct db_stmt *s, int col)
{
	const void *p;

	if (sqlite3_column_type(s->st, col) == SQLITE_NULL)
		return STR_NONE;
	p = sqlite3_column_blob(s->st, col);
	return str_of(p ? p : "", (size_t)sqlite3_column_bytes(s->st, col));
}

bool
db_null(struct db_stmt *s, int col)
{
	return sqlite3_column_type(s->st, col) == SQLITE_NULL;
}

int
db_run(struct db_stmt **sp, struct err *e)
{
	int rc = db_step(*sp, e);

	db_done(sp);
	assume(rc != 1);
	return rc;
}

int
db_exec(struct db *db, const char *sql, struct err *e)
{
	if (sqlite3_exec(db->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, e, "%.100s", sql);
	return 0;
}

int64_t
db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}

int64_t
db_changes(const struct db *db)
{
	return sqlite3_changes64(db->h);
}

/* ---- transactions and durability ---- */

static int
begin(struct db *db, const char *sql, struct err *e)
{
	struct db_stmt *s;

	assume(!db_in_transaction(db));
	if ((s = db_sql(db, sql, e)) == NULL)
		return -1;
	return db_run(&s, e);
}

int
db_begin(struct db *db, struct err *e)
{
	return begin(db, "BEGIN IMMEDIATE", e);
}

int
db_begin_reading(struct db *db, struct err *e)
{
	return begin(db, "BEGIN", e);
}

int
db_commit(struct db *db, struct err *e)
{
	struct db_stmt *s = db_sql(db, "COMMIT", e);

	if (s == NULL || db_run(&s, e) < 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

void
db_rollback(struct db *db)
{
	/* Some errors roll back by themselves. */
	if (db_in_transaction(db))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
}

bool
db_in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(db->h);
}

int
db_checkpoint(struct db *db, struct err *e)
{
	if (sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
	    SQLITE_OK)
		return db_error(db, e, "checkpoint");
	return 0;
}

int
db_sync(struct db *db, struct err *e)
{
	sqlite3_file *wal = NULL;

	if (sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK)
		return db_error(db, e, "sync");
	/* No WAL yet: nothing was committed. */
	if (wal == NULL || wal->pMethods == NULL)
		return 0;
	if (wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_sys(e, "sync of the log");
	return 0;
}

struct sqlite3 *
db_handle(struct db *db)
{
	return db->h;
}
