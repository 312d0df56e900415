/*
 * deliver.c - a message into Maildirs: written once into .incoming, then linked into new/ of each
 * home.
 *
 * Nothing here is durable when it is answered: that comes with the next CHECKPOINT, and until then
 * the queue's journal holds the message. The name in new/ is made of the message's id, so that a
 * repeated delivery finds it and is done; in a replay after lost power a name proves nothing, and
 * the file is linked in tmp/ and renamed over it (INVARIANTS 1). Message octets pass through unread
 * (INVARIANTS 14).
 *
 * Errors: a home that is not there is asked for at mailboxd, once; what a retry may mend (disk
 * full, mailboxd away) is temporary, a user that does not exist is for good.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "delivery/local/local.h"
#include "io/file.h"
#include "mail/address.h"
#include "store/maildir.h"
#include "svc/metrics.h"

#define JOB_MAGIC    0x676b6c6au
#define ENSURE_TRIES 5u /* a death is no answer, but a message that kills must end too */
#define SMALL_MAX    (256u << 10)
#define CHUNK        (256u << 10)
#define PATH_SIZE    (ADDRESS_HOME_SIZE + sizeof("/" MAILDIR_JUNK "/") + MAILDIR_NAME_SIZE)
#define SOURCE_SIZE  (ID_SIZE + sizeof(COPY_SUFFIX))

struct target {
	struct job *job;
	struct str user;
	enum deliver_result result;
	struct str text;
	bool ensured;  /* mailboxd made the home: not there now is not there */
	unsigned died; /* mailboxds that died over the question: the next one is asked */
};

struct job {
	unsigned magic;
	struct local *l;
	struct ipc_chan *queue;
	uint64_t id;
	enum ipc_type answer;
	struct arena arena;
	struct str mid;
	uint64_t size;
	bool replay, large, junk;
	bool moved;                   /* the source has gone to a home */
	bool linked;                  /* the file has a name in a home */
	struct str put;               /* what the file is written from: the packet, */
	int octets;                   /* or a memory file, or a large one */
	char source[SOURCE_SIZE];     /* in .incoming */
	char name[MAILDIR_NAME_SIZE]; /* in new/ */
	struct target *targets;
	size_t n, asking;
	uint64_t began;
};

static size_t jobs;

/* Its source exists only for this delivery. */
static bool
is_copy(const struct job *j)
{
	return str_ends(str_z(j->source), STR(COPY_SUFFIX));
}

/* ---- telling mailboxd ---- */

struct told {
	UT_hash_handle hh;
	uint32_t messages, junk;
	size_t n;
	char user[];
};

/* Each user once a turn, however many messages came. */
static void
tell_all(void *arg)
{
	struct local *l = arg;
	struct told *t, *next;
	struct ipc_out m;

	HASH_ITER (hh, l->told, t, next) {
		ipc_begin(&m, MSG_DELIVERED);
		ipc_put_str(&m, str_of(t->user, t->n));
		ipc_put_u32(&m, t->messages);
		ipc_put_u32(&m, t->junk);
		ipc_send(l->mailboxd, &m);
		HASH_DEL(l->told, t);
		free(t);
	}
}

static void
tell(struct local *l, struct str user, bool junk, bool fresh)
{
	struct told *t;

	HASH_FIND(hh, l->told, user.p, user.n, t);
	if (!t) {
		t = mem_alloc(sizeof(*t) + user.n + 1);
		t->n = user.n;
		memcpy(t->user, user.p, user.n);
		HASH_ADD(hh, l->told, user, t->n, t);
		loop_defer(&l->tell);
	}
	*(junk ? &t->junk : &t->messages) += fresh;
}

/* ---- the one file ---- */

static int
copy(int from, int to, uint64_t n, struct err *e)
{
	static char octets[CHUNK];

	for (uint64_t off = 0; off < n; off += CHUNK) {
		size_t some = (size_t)num_min((uint64_t)CHUNK, n - off);

		if (file_pread(from, octets, some, (off_t)off, e) < 0 ||
		    file_write(to, octets, some, e) < 0)
			return -1;
	}
	return 0;
}

/* A file that is there already is an interrupted attempt's. */
static int
open_source(struct job *j, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	int dir = j->l->incoming, fd = file_open(dir, j->source, flags, 0440, e);

	if (fd >= 0 || e->code != E_EXISTS)
		return fd;
	if (file_unlink(dir, j->source, e) < 0)
		return -1;
	return file_open(dir, j->source, flags, 0440, e);
}

/* Writes the file that homes get. */
static int
write_source(struct job *j, struct err *e)
{
	int rc, fd = open_source(j, e);

	if (fd < 0)
		return err_wrap(e, "write %s", j->source);
	rc = j->put.n > 0 ? file_write(fd, j->put.p, j->put.n, e) : copy(j->octets, fd, j->size, e);
	file_close(&fd);
	j->moved = false;
	return rc < 0 ? err_wrap(e, "write %s", j->source) : 0;
}

static int
take_small(struct job *j, struct err *e)
{
	uint64_t size;

	if (j->put.n > 0)
		return write_source(j, e);
	if (!file_is_sealed(j->octets) || file_size(j->octets, &size, e) < 0 || size != j->size ||
	    size > SMALL_MAX)
		return err_set(e, E_INVAL, "not a sealed file of that size");
	return write_source(j, e);
}

/* A large message is there already, sealed. */
static int
take_large(struct job *j, struct err *e)
{
	uint64_t size;

	if ((j->octets = file_open(j->l->incoming, j->source, O_RDONLY, 0, e)) < 0 ||
	    file_size(j->octets, &size, e) < 0)
		return -1;
	if (size != j->size)
		return err_set(e, E_IO, "%s is of another size", j->source);
	/* Sealing did that too; lost power may have undone it. */
	return fchmod(j->octets, 0440) < 0 ? err_sys(e, "chmod %s", j->source) : 0;
}

/* Where no Landlock keeps an owner inside its home, homes share no file (INVARIANTS 9): each gets
 * one of its own, also of a large message, whose file another attempt may have linked elsewhere. */
static int
fresh_source(struct job *j, struct err *e)
{
	if (j->l->share || (!j->large && !j->linked))
		return 0;
	snprintf(j->source, sizeof(j->source), STR_FMT COPY_SUFFIX, STR_ARG(j->mid));
	return write_source(j, e);
}

/* ---- one target ---- */

static void
decide(struct target *t, enum deliver_result result, struct str text)
{
	static const enum metric metrics[] = {
	    METRIC_LOCAL_DELIVERED, METRIC_LOCAL_TEMP, METRIC_LOCAL_PERM};
	static const char *const events[] = {"local.deliver", "local.defer", "local.fail"};

	t->result = result;
	t->text = text;
	metric_add(metrics[result], 1);
	log_info(events[result], LS("mid", t->job->mid), LS("user", t->user), LS("text", text));
}

static void
refuse(struct target *t, const struct err *e)
{
	struct arena *a = &t->job->arena;

	if (e->code == E_NOSPACE)
		decide(t, DELIVER_TEMP, STR("4.3.1 disk full"));
	else
		decide(t, DELIVER_TEMP, arena_printf(a, "4.3.0 %s", e->text));
}

static void
new_path(const struct job *j, const char *home, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/%s/%s", home, j->junk ? MAILDIR_JUNK : MAILDIR_NEW, j->name);
}

/* In tmp/ and over whatever has the name. */
static int
put_over(struct job *j, const char *home, struct err *e)
{
	char tmp[PATH_SIZE], new[PATH_SIZE];
	struct local *l = j->l;

	snprintf(tmp, sizeof(tmp), "%s/" MAILDIR_TMP "/%s", home, j->name);
	new_path(j, home, new);
	if (file_unlink(l->mail, tmp, e) < 0 ||
	    file_link(l->incoming, j->source, l->mail, tmp, e) < 0)
		return -1;
	return file_rename(l->mail, tmp, l->mail, new, e);
}

/* The only home that gets this file takes it whole, with its name. */
static bool
may_move(const struct job *j)
{
	return is_copy(j) && (j->n == 1 || !j->l->share);
}

/* fresh: no file had the name before. */
static int
put_new(struct job *j, const char *home, bool *fresh, struct err *e)
{
	char new[PATH_SIZE];
	struct stat st;

	if (fresh_source(j, e) < 0)
		return -1;
	if (j->replay)
		return put_over(j, home, e);
	new_path(j, home, new);
	if (may_move(j)) {
		if (file_rename_new(j->l->incoming, j->source, j->l->mail, new, e) == 0) {
			j->moved = true;
			*fresh = true;
			return 0;
		}
	} else if (file_link(j->l->incoming, j->source, j->l->mail, new, e) == 0) {
		*fresh = true;
		return 0;
	}
	if (e->code != E_EXISTS)
		return -1;
	/* Delivered before, and the result was not written; or torn, and no message. */
	if (fstatat(j->l->mail, new, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)st.st_size == j->size)
		return 0;
	return put_over(j, home, e);
}

static void job_check(struct job *j);

static void place(struct target *t);
static void ensure_home(struct target *t);

static void
home_ensured(void *arg, struct ipc_in *in, const struct err *e)
{
	struct target *t = arg;
	struct job *j = t->job;

	OBJ(j, JOB_MAGIC);
	j->asking--;
	if (e && e->code == E_CLOSED && ++t->died < ENSURE_TRIES) {
		ensure_home(t);
		return;
	}
	t->ensured = true;
	if (!e && ipc_end(in) == 0)
		place(t);
	else if (e && e->code == E_NOTFOUND)
		decide(t, DELIVER_PERM, STR("5.1.1 no such user"));
	else
		decide(t, DELIVER_TEMP,
		    arena_printf(
			&j->arena, "4.3.0 mailbox not ready: %s", e ? e->text : "bad answer"));
	job_check(j);
}

static void
ensure_home(struct target *t)
{
	struct ipc_out m;

	t->job->asking++;
	ipc_begin(&m, MSG_HOME_ENSURE);
	ipc_put_str(&m, t->user);
	ipc_put_u32(&m, t->job->junk);
	ipc_call(t->job->l->mailboxd, &m, home_ensured, t);
}

static void
delivered(struct target *t, bool fresh)
{
	t->job->linked = true;
	tell(t->job->l, t->user, t->job->junk, fresh);
	decide(t, DELIVER_OK, STR("2.0.0 delivered"));
}

static void
place(struct target *t)
{
	char home[ADDRESS_HOME_SIZE];
	bool fresh = false;
	struct err e;

	if (address_home(t->user, home, &e) < 0)
		decide(t, DELIVER_PERM, STR("5.1.3 not an address of a mailbox"));
	else if (put_new(t->job, home, &fresh, &e) == 0)
		delivered(t, fresh);
	else if (e.code == E_NOTFOUND && !t->ensured)
		ensure_home(t);
	else
		refuse(t, &e);
}

/* ---- the message ---- */

static void
job_answer(struct job *j)
{
	static const char *const digits[] = {"0", "1", "2"};
	struct str *v = arena_array(&j->arena, 2 * j->n + 1, sizeof(*v));
	struct ipc_out m;

	for (size_t i = 0; i < j->n; i++) {
		v[2 * i] = str_z(digits[j->targets[i].result]);
		v[2 * i + 1] = str_sub(j->targets[i].text, 0, 200);
	}
	ipc_begin(&m, j->answer);
	ipc_put_list(&m, v, 2 * j->n);
	ipc_reply(j->queue, j->id, &m);
}

static void
job_check(struct job *j)
{
	struct err e;

	if (j->asking > 0)
		return;
	/* The links keep the file. A large one's own name stays until the queue drops it. */
	if (is_copy(j) && !j->moved && file_unlink(j->l->incoming, j->source, &e) < 0)
		log_warn("local.incoming_stays", LS("mid", j->mid), LE(&e));
	log_debug("local.deliver", LS("mid", j->mid), LU("targets", j->n),
	    LU("us", clock_us() - j->began));
	job_answer(j);
	file_close(&j->octets);
	arena_free(&j->arena);
	j->magic = 0;
	free(j);
	jobs--;
}

static enum ipc_type
answer_of(enum ipc_type type)
{
	if (type == MSG_DELIVER_PUT)
		return MSG_DELIVER_PUT_R;
	return type == MSG_DELIVER ? MSG_DELIVER_R : MSG_DELIVER_LARGE_R;
}

static struct job *
job_read(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	struct job *j = mem_alloc(sizeof(*j));
	int64_t arrived;
	uint32_t flags;
	struct str mid;

	j->magic = JOB_MAGIC;
	j->l = l;
	j->queue = c;
	j->id = m->id;
	j->began = clock_us();
	j->octets = -1;
	j->large = m->type == MSG_DELIVER_LARGE;
	j->answer = answer_of(m->type);
	arena_init(&j->arena);
	mid = arena_dup(&j->arena, ipc_get_str(m));
	j->mid = mid;
	arrived = (int64_t)ipc_get_u64(m);
	j->size = m->type == MSG_DELIVER_PUT ? 0 : ipc_get_u64(m);
	flags = ipc_get_u32(m);
	j->replay = (flags & DELIVER_REPLAY) != 0;
	j->junk = (flags & DELIVER_JUNK) != 0;
	j->n = ipc_get_list(m);
	j->targets = arena_array(&j->arena, j->n + 1, sizeof(*j->targets));
	for (size_t i = 0; i < j->n; i++)
		j->targets[i] =
		    (struct target){.job = j, .user = arena_dup(&j->arena, ipc_get_item(m))};
	if (m->type == MSG_DELIVER_PUT) {
		j->put = ipc_get_str(m);
		j->size = j->put.n;
	} else if (!j->large) {
		j->octets = ipc_take_fd(m);
	}
	if (ipc_end(m) < 0 || !id_valid(mid)) {
		file_close(&j->octets);
		arena_free(&j->arena);
		free(j);
		return NULL;
	}
	snprintf(
	    j->source, sizeof(j->source), STR_FMT "%s", STR_ARG(mid), j->large ? "" : COPY_SUFFIX);
	maildir_base(j->name, arrived / 1000000, mid, str_z(l->host), j->size);
	return j;
}

void
deliver_message(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	struct err e = {0};
	struct job *j = job_read(l, c, m);
	int rc;

	if (!j)
		return;
	jobs++;
	rc = j->large ? take_large(j, &e) : take_small(j, &e);
	if (rc < 0)
		log_error("local.source", LS("mid", j->mid), LE(&e));
	for (size_t i = 0; i < j->n; i++) {
		if (rc < 0)
			refuse(&j->targets[i], &e);
		else
			place(&j->targets[i]);
	}
	/* The packet goes with this turn, and a home that is being made may want a file of its own.
	 */
	if (j->asking > 0)
		j->put = arena_dup(&j->arena, j->put);
	job_check(j);
}

void
deliver_init(struct local *l)
{
	loop_defer_init(&l->tell, tell_all, l);
	/* Modes are what is asked for: 0440 at once, without a second call for the group's right.
	 */
	umask(0);
}

bool
deliver_idle(void)
{
	return jobs == 0;
}
