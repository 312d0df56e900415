/*
 * restore_user.c - gkmail restore --user: messages of a snapshot, put back by the owner of the
 * mailbox while the suite works.
 *
 * What there was, with flags and dates, the snapshot's index tells; the octets come as sealed
 * memory files, held against their digests on the way.
 */
#include "ctl/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "db/db.h"
#include "io/file.h"
#include "store/email.h"
#include "store/mailbox.h"
#include "store/maildir.h"

#define HEADER_MAX (256u << 10)

struct octets {
	struct str base;
	const struct backup_entry *x;
	UT_hash_handle hh;
};

struct putting {
	struct backup_store *store;
	const struct backup_manifest *m;
	const struct restore_wish *w;
	struct octets *files;
	uint64_t uid; /* of --message; 0: any */
	uint64_t added, there, missing, all, done;
};

/* ---- the files of the home ---- */

static void
gather(struct putting *p, struct str home)
{
	for (size_t i = 0; i < p->m->n; i++) {
		const struct backup_entry *x = &p->m->v[i];
		struct maildir_name name;
		struct octets *o;
		struct str folder = str_sub(x->path, 0, str_rchr(x->path, '/'));

		if (x->folder || !str_starts(x->path, home) ||
		    !(str_ends(folder, STR("/cur")) || str_ends(folder, STR("/new"))) ||
		    maildir_parse(str_from(x->path, folder.n + 1), &name) < 0)
			continue;
		o = arena_alloc(&ctl.arena, sizeof(*o));
		*o = (struct octets){.base = name.base, .x = x};
		HASH_ADD_KEYPTR(hh, p->files, o->base.p, o->base.n, o);
	}
}

/* ---- the index, in a folder of its own ---- */

static int
write_index(struct putting *p, int dir, struct str home, struct err *e)
{
	bool found = false;
	int rc = 0;

	for (size_t i = 0; i < p->m->n && rc == 0; i++) {
		const struct backup_entry *x = &p->m->v[i];
		struct str name;
		int fd;

		if (x->folder || !str_starts(x->path, home))
			continue;
		name = str_from(x->path, home.n);
		if (!str_eq_z(name, "db/index.db") && !str_eq_z(name, "db/index.db-wal"))
			continue;
		found = true;
		fd = file_open(dir, name.p + 3, O_WRONLY | O_CREAT | O_EXCL, 0600, e);
		rc = fd < 0 ? -1 : backup_store_get(p->store, x, fd, e);
		file_close(&fd);
	}
	if (rc == 0 && !found)
		rc = err_set(e, E_NOTFOUND, "%s is not in this snapshot", p->w->user);
	return rc;
}

/* ---- one message ---- */

static const struct {
	uint32_t bit;
	const char *name;
} flag_names[] = {{FLAG_SEEN, "\\Seen"}, {FLAG_ANSWERED, "\\Answered"}, {FLAG_FLAGGED, "\\Flagged"},
    {FLAG_DELETED, "\\Deleted"}, {FLAG_DRAFT, "\\Draft"}};

static size_t
flags_of(struct db *db, struct db_stmt *row, struct arena *a, struct str *out, struct err *e)
{
	uint64_t keywords = (uint64_t)db_int(row, 3);
	struct db_stmt *s;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		if ((uint64_t)db_int(row, 2) & flag_names[i].bit)
			out[n++] = str_z(flag_names[i].name);
	if (keywords == 0 ||
	    (s = db_sql(db, "SELECT bit, name FROM keyword WHERE mailbox = ?", e)) == NULL)
		return n;
	db_bind_int(s, 1, db_int(row, 0));
	while (db_step(s, e) == 1)
		if (db_int(s, 0) >= 0 && db_int(s, 0) < KEYWORDS_MAX &&
		    (keywords & (1ull << db_int(s, 0))) != 0 && n < KEYWORDS_MAX + 5)
			out[n++] = arena_dup(a, db_str(s, 1));
	db_done(&s);
	return n;
}

/* Its octets, held against their digest, in a memory file that nobody can change. */
static int
memory_of(struct putting *p, const struct backup_entry *x, struct err *e)
{
	int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(e, "memory file");
	if (backup_store_get(p->store, x, fd, e) == 0 && file_seal(fd, e) == 0)
		return fd;
	file_close(&fd);
	return -1;
}

/* Does the header have that Message-ID? */
static bool
has_message_id(int fd, struct str id)
{
	char *text = mem_alloc(HEADER_MAX);
	bool found = false, inside = false;
	struct str rest, line;
	size_t n = 0;

	if (file_pread_some(fd, text, HEADER_MAX, 0, &n, NULL) < 0)
		n = 0;
	rest = str_of(text, n);
	while (!found && str_cut(&rest, '\n', &line) && str_trim(line).n > 0) {
		/* A folded field goes on in the next line (RFC 5322 2.2.3). */
		if (!is_space(line.p[0]))
			inside = str_istarts(line, STR("message-id:"));
		found = inside && str_find(line, id) < line.n;
	}
	free(text);
	return found;
}

/* Is it the one that was asked for? */
static bool
is_wanted(const struct putting *p, struct db_stmt *row, int fd)
{
	const char *id = p->w->message;
	char email[EMAIL_TEXT_SIZE];

	if (id == NULL)
		return true;
	if (p->uid != 0)
		return (uint64_t)db_int(row, 1) == p->uid;
	if (id[0] == '<')
		return has_message_id(fd, str_z(id));
	return strcmp(email_text(email_number(db_str(row, 5)), EMAIL_LETTER, email), id) == 0;
}

static struct str
place_of(const struct putting *p, struct str mailbox, struct arena *a)
{
	if (p->w->to_mailbox == NULL)
		return arena_dup(a, mailbox);
	if (p->w->mailbox != NULL)
		return str_z(p->w->to_mailbox);
	return arena_printf(a, "%s/" STR_FMT, p->w->to_mailbox, STR_ARG(mailbox));
}

static int
put(struct putting *p, struct db *db, struct db_stmt *row, struct err *e)
{
	struct str base = db_str(row, 5), flags[KEYWORDS_MAX + 5];
	struct ipc_out m;
	struct ipc_in in;
	struct octets *o;
	struct arena a;
	uint32_t added;
	int fd, rc = -1;
	size_t n;

	HASH_FIND(hh, p->files, base.p, base.n, o);
	if (o == NULL) {
		p->missing++;
		return 0;
	}
	if ((fd = memory_of(p, o->x, e)) < 0)
		return -1;
	if (!is_wanted(p, row, fd)) {
		file_close(&fd);
		return 0;
	}
	arena_init(&a);
	n = flags_of(db, row, &a, flags, e);
	ipc_begin(&m, MSG_MAILBOX_PUT);
	ipc_put_z(&m, p->w->user);
	ipc_put_str(&m, place_of(p, db_str(row, 6), &a));
	ipc_put_list(&m, flags, n);
	ipc_put_u64(&m, (uint64_t)db_int(row, 4));
	ipc_put_fd(&m, fd);
	if (client_call("mailboxd", &m, &in, e) == 0) {
		added = ipc_get_u32(&in);
		(void)ipc_get_u32(&in);
		rc = ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
		*(added ? &p->added : &p->there) += rc == 0;
	}
	arena_free(&a);
	return rc;
}

/* ---- all of them ---- */

static int
put_rows(struct putting *p, struct db *db, struct err *e)
{
	const char *mailbox = p->w->mailbox;
	struct db_stmt *s;
	bool inbox = mailbox != NULL && str_ieq_z(str_z(mailbox), "INBOX");
	int rc;

	s = db_sql(db,
	    "SELECT m.mailbox, m.uid, m.flags, m.keywords, m.date, m.base, b.name FROM message m "
	    "JOIN mailbox b ON b.id = m.mailbox WHERE b.doomed = 0 AND (?1 IS NULL OR b.name = ?1) "
	    "AND (?2 = 0 OR m.uid = ?2) ORDER BY b.name, m.uid",
	    e);
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, mailbox == NULL ? STR_NONE : inbox ? STR("INBOX") : str_z(mailbox));
	db_bind_int(s, 2, (int64_t)p->uid);
	while ((rc = db_step(s, e)) == 1) {
		progress_count("restore", "messages", p->done++, p->all);
		if (put(p, db, s, e) < 0) {
			rc = -1;
			break;
		}
	}
	db_done(&s);
	progress_end();
	return rc;
}

static int
put_all(struct putting *p, const char *index, struct err *e)
{
	const struct db_options o = {.sync = DB_SYNC_OFF, .exclusive = true};
	struct db *db = db_open(index, &o, e);
	struct db_stmt *s;
	int rc = -1;

	if (db == NULL)
		return -1;
	if ((s = db_sql(db, "SELECT count(*) FROM message", e)) != NULL && db_step(s, e) == 1)
		p->all = (uint64_t)db_int(s, 0);
	db_done(&s);
	rc = put_rows(p, db, e);
	db_close(&db);
	return rc;
}

static void
print_put(const struct putting *p)
{
	struct json j;

	if (!ctl.json) {
		printf("restored %" PRIu64 " message%s; %" PRIu64 " %s there already\n", p->added,
		    p->added == 1 ? "" : "s", p->there, p->there == 1 ? "was" : "were");
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_num(&j, "restored", p->added);
	json_num(&j, "there", p->there);
	json_num(&j, "missing", p->missing);
	json_close(&j, '}');
	json_print(&j);
}

int
restore_user(struct backup_store *s, const struct backup_manifest *m, const struct restore_wish *w,
    struct err *e)
{
	struct putting p = {.store = s, .m = m, .w = w};
	char relative[MAILDIR_HOME_SIZE], folder[] = "/tmp/gkmail-restore.XXXXXX";
	struct str home;
	int dir = -1, rc = -1;

	if (w->message != NULL && num_parse(str_z(w->message), 1, UINT32_MAX, &p.uid) == 0 &&
	    w->mailbox == NULL)
		return err_set(e, E_INVAL, "a UID is one of a --mailbox");
	if (maildir_home(str_z(w->user), relative, e) < 0)
		return -1;
	home = arena_printf(&ctl.arena, "data/mail/%s/", relative);
	gather(&p, home);
	if (mkdtemp(folder) == NULL)
		return err_sys(e, "make %s", folder);
	if ((dir = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, e)) >= 0 &&
	    write_index(&p, dir, home, e) == 0)
		rc = put_all(&p, arena_printf(&ctl.arena, "%s/index.db", folder).p, e);
	if (dir >= 0) {
		(void)unlinkat(dir, "index.db", 0);
		(void)unlinkat(dir, "index.db-wal", 0);
	}
	file_close(&dir);
	(void)rmdir(folder);
	HASH_CLEAR(hh, p.files);
	if (rc == 0 && p.added + p.there == 0 && (w->message != NULL || w->mailbox != NULL))
		return err_set(e, E_NOTFOUND, "nothing of that in the snapshot");
	if (rc == 0)
		print_put(&p);
	return rc;
}
