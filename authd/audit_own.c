/*
 * audit_own.c - see audit_own.h.
 */
#include "authd/audit_own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/audit.h"
#include "authd/audit_file.h"
#include "authd/authd.h"
#include "authd/web.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "io/pool.h"
#include "json/json.h"

#define CHUNK         (64u << 10)
#define RECORD_VALUES 64u
#define ARGUMENTS_MAX 1000u
#define ANSWER_MAX    (40u << 10) /* octets of rows: an answer is one message */
#define JOBS_MAX      64u
#define JOBS_OF_USER  4u /* at a time: nobody keeps the thread from others */

/* ---- one record ---- */

static struct str
text_of(struct arena *a, const cJSON *record, const char *name, size_t max)
{
	const cJSON *v = json_get(record, name);

	if (cJSON_IsNumber(v))
		return arena_printf(a, "%.0f", v->valuedouble);
	return arena_dup(a, str_cut_utf8(json_str(v), max));
}

static bool
is_own(const struct audit_own *q, const cJSON *record)
{
	struct str at = json_str(json_get(record, "at"));

	return str_eq_z(json_str(json_get(record, "kind")), "tool") &&
	       str_eq(json_str(json_get(record, "user")), q->user) &&
	       (q->agent.n == 0 || str_eq(json_str(json_get(record, "agent")), q->agent)) &&
	       str_cmp(at, str_z(q->since)) >= 0;
}

/* Octets of the row, 0 where it is none. */
static size_t
add_row(struct audit_own *q, const cJSON *record)
{
	static const char *const columns[AUDIT_OWN_COLUMNS] = {"at", "agent", "session", "peer",
	    "tool", "arguments", "decision", "outcome", "result", "ms"};
	size_t octets = 0;

	for (size_t i = 0; i < AUDIT_OWN_COLUMNS; i++) {
		struct str v = text_of(q->arena, record, columns[i], ARGUMENTS_MAX);

		q->rows[q->n++] = v;
		octets += v.n + sizeof(uint32_t);
	}
	return octets;
}

/* mine: the user as a record has it. Most are of others: they are not even read. */
static size_t
take_line(struct audit_own *q, struct str line, struct str mine)
{
	cJSON *record;
	size_t octets = 0;

	if (line.n > CHAIN_LINE_MAX || str_find(line, mine) >= line.n ||
	    (record = json_parse(line, RECORD_VALUES, NULL)) == NULL)
		return 0;
	if (is_own(q, record))
		octets = add_row(q, record);
	cJSON_Delete(record);
	return octets;
}

/* ---- a file, backwards ---- */

struct scan {
	struct str mine;
	uint64_t left; /* octets that may be read */
	size_t octets; /* of rows */
};

static bool
is_enough(const struct audit_own *q, const struct scan *s)
{
	return q->n >= AUDIT_OWN_ROWS * AUDIT_OWN_COLUMNS || s->octets >= ANSWER_MAX ||
	       s->left < CHUNK;
}

/* The lines of a piece that ends at *at, the last first; *at is then where the first whole one of
 * them began. What is behind the last LF is no record (yet). */
static void
take_piece(struct audit_own *q, struct scan *s, struct str piece, uint64_t begin, uint64_t *at)
{
	size_t end = piece.n;

	while (end > 0 && piece.p[end - 1] != '\n')
		end--;
	*at = begin + end;
	while (end > 0 && !is_enough(q, s)) {
		size_t from = end - 1;

		while (from > 0 && piece.p[from - 1] != '\n')
			from--;
		/* The first may have begun before the piece. */
		if (from == 0 && begin > 0)
			break;
		s->octets += take_line(q, str_sub(piece, from, end - 1 - from), s->mine);
		end = from;
		*at = begin + end;
	}
}

/* From *at back to the file's begin, or as far as it takes. */
static int
read_back(struct audit_own *q, struct scan *s, int fd, uint64_t *at, struct err *e)
{
	char *room = mem_alloc(CHUNK);
	int rc = 0;

	while (rc == 0 && *at > 0 && !is_enough(q, s)) {
		size_t want = (size_t)num_min(*at, (uint64_t)CHUNK), got = 0;
		uint64_t begin = *at - want, was = *at;

		if ((rc = file_pread_some(fd, room, want, (off_t)begin, &got, e)) < 0)
			break;
		s->left -= num_min(s->left, (uint64_t)want);
		if (got == want)
			take_piece(q, s, str_of(room, want), begin, at);
		/* No line is as long as a piece: that is no log. */
		if (*at == was || got < want)
			*at = 0;
	}
	free(room);
	return rc;
}

static int
read_file(struct audit_own *q, struct scan *s, struct audit_place *p, struct err *e)
{
	char name[AUDIT_NAME_SIZE];
	uint64_t size = q->end.at;
	int fd, rc = -1;

	audit_files_name(p->file, name);
	if ((fd = file_open(q->dir, name, O_RDONLY | O_NOFOLLOW, 0, e)) < 0)
		return -1;
	if (p->file == q->end.file || file_size(fd, &size, e) == 0) {
		p->at = num_min(p->at, size);
		rc = read_back(q, s, fd, &p->at, e);
	}
	file_close(&fd);
	return rc;
}

int
audit_own_read(struct audit_own *q, struct err *e)
{
	struct audit_place p = q->from.file == 0 ? q->end : q->from;
	struct scan s = {.left = AUDIT_OWN_SCAN};
	struct buf mine;
	struct err why;
	int rc = 0;

	buf_init(&mine, CHAIN_LINE_MAX);
	buf_puts(&mine, "\"user\":");
	json_print_str(q->user, &mine);
	s.mine = buf_view(&mine);
	q->rows = arena_array(q->arena, AUDIT_OWN_ROWS * AUDIT_OWN_COLUMNS, sizeof(*q->rows));
	while (rc == 0 && p.file != 0 && !is_enough(q, &s)) {
		/* It made room meanwhile, and all before it had gone by then. */
		if ((rc = read_file(q, &s, &p, &why)) < 0 && why.code == E_NOTFOUND) {
			p.file = 0;
			rc = 0;
		} else if (rc == 0 && p.at == 0) {
			rc = audit_files_before(q->dir, p.file, &p.file, &why);
			p.at = UINT64_MAX;
		}
	}
	if (rc < 0)
		*e = why;
	buf_free(&mine);
	q->next = p;
	return rc;
}

/* ---- in the thread ---- */

struct job {
	TAILQ_ENTRY(job) link;
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call;
	struct arena arena;
	char since[CLOCK_RFC3339_SIZE];
	struct audit_own q;
	int rc;
	struct err e;
};

static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);
static struct pool *pool;

static void
work(void *arg)
{
	struct job *j = arg;

	j->rc = audit_own_read(&j->q, &j->e);
}

static void
job_free(struct job *j)
{
	TAILQ_REMOVE(&jobs, j, link);
	arena_free(&j->arena);
	free(j);
}

static void
done(void *arg)
{
	struct job *j = arg;
	struct ipc_out out;

	if (j->chan != NULL && j->rc < 0) {
		ipc_reply_error(j->chan, j->call, &j->e);
	} else if (j->chan != NULL) {
		ipc_begin(&out, MSG_WEB_AUDIT_R);
		ipc_put_u64(&out, j->q.next.file);
		ipc_put_u64(&out, j->q.next.file == 0 ? 0 : j->q.next.at);
		ipc_put_list(&out, j->q.rows, j->q.n);
		ipc_reply(j->chan, j->call, &out);
	}
	job_free(j);
}

/* ---- the question ---- */

static size_t
jobs_of(struct str user)
{
	const struct job *j;
	size_t n = 0;

	TAILQ_FOREACH (j, &jobs, link)
		n += str_eq(j->q.user, user);
	return n;
}

static int
begin(struct job *j, struct str user, struct err *e)
{
	int64_t created;

	if (jobs_of(user) >= JOBS_OF_USER || pool_waiting(pool) >= JOBS_MAX)
		return err_set(e, E_TEMP, "too many look into the audit log");
	if (accounts_created(authd.db, user, &created, e) < 0)
		return -1;
	clock_rfc3339(created * 1000000, j->since);
	j->q.since = j->since;
	j->q.user = arena_dup(&j->arena, user);
	j->q.arena = &j->arena;
	audit_durable(&j->q.dir, &j->q.end);
	if (j->q.from.file > j->q.end.file)
		j->q.from = j->q.end;
	return pool_submit(pool, work, done, j, e);
}

bool
audit_own_message(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token, agent;
	struct audit_place from;
	struct web *w;
	struct job *j;
	struct err e;

	if (m->type != MSG_WEB_AUDIT)
		return false;
	token = ipc_get_str(m);
	agent = ipc_get_str(m);
	from = (struct audit_place){.file = ipc_get_u64(m)};
	from.at = ipc_get_u64(m);
	if (ipc_end(m) < 0)
		return true;
	if ((w = web_find(token)) == NULL || w->kind != WEB_BROWSER) {
		(void)err_set(&e, w == NULL ? E_DENIED : E_PERM, "no such session of a browser");
		ipc_reply_error(c, m->id, &e);
		return true;
	}
	j = mem_alloc(sizeof(*j));
	j->chan = c;
	j->call = m->id;
	arena_init(&j->arena);
	j->q.agent = arena_dup(&j->arena, agent);
	j->q.from = from;
	TAILQ_INSERT_TAIL(&jobs, j, link);
	if (begin(j, w->user, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
		job_free(j);
	}
	return true;
}

void
audit_own_gone(struct ipc_chan *c)
{
	struct job *j;

	TAILQ_FOREACH (j, &jobs, link)
		if (j->chan == c)
			j->chan = NULL;
}

int
audit_own_init(struct err *e)
{
	return (pool = pool_new(1, JOBS_MAX + 1, e)) != NULL ? 0 : -1;
}

void
audit_own_done(void)
{
	struct job *j;

	/* Nobody is told any more. */
	TAILQ_FOREACH (j, &jobs, link)
		j->chan = NULL;
	if (pool != NULL)
		pool_free(&pool);
	while (!TAILQ_EMPTY(&jobs))
		job_free(TAILQ_FIRST(&jobs));
}
