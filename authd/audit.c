/*
 * audit.c - see audit.h.
 */
#include "authd/audit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "authd/agents.h"
#include "authd/audit_file.h"
#include "authd/audit_own.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "io/pool.h"
#include "svc/metrics.h"
#include "svc/svc.h"
#include "json/json.h"

#define WORD_MAX     320u
#define ARGUMENT_MAX 4096u
#define AGAIN_MS     1000u

/* Who waits for a record to be durable. */
struct waiting {
	TAILQ_ENTRY(waiting) link;
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call, seq;
};

static TAILQ_HEAD(, waiting) waiters = TAILQ_HEAD_INITIALIZER(waiters);

static struct pool *pool;
static struct loop_timer *again;
static struct audit_files files; /* the thread's while a batch is under way */
static struct chain last;        /* of what was noted */
static struct buf queued;
static uint64_t lost;

/* One on its way; tried until it is durable. */
static struct batch {
	struct buf records;
	uint64_t from;
	struct chain end;
	bool runs, waits; /* in the thread; for the next try */
	int rc;
	struct err e;
} batch;

/* What is durable, as the loop may tell it. */
static struct {
	int dir;
	struct chain end;
	uint64_t first, number, size;
} durable;

static void submit(void);

/* ---- the thread ---- */

static void
work(void *arg)
{
	struct batch *b = arg;

	b->rc = audit_files_write(&files, buf_view(&b->records), b->from, &b->end, &b->e);
}

static void
answer(struct waiting *w)
{
	struct ipc_out out;

	if (w->chan != NULL) {
		ipc_begin(&out, MSG_AUDIT_ADD_R);
		ipc_put_u64(&out, w->seq);
		ipc_reply(w->chan, w->call, &out);
	}
	TAILQ_REMOVE(&waiters, w, link);
	free(w);
}

static void
tell(struct ipc_chan *mcpd)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_AUDIT_STATE);
	ipc_put_u32(&out, batch.waits);
	ipc_send(mcpd, &out);
}

/* Agents change nothing that cannot go on record. */
static void
set_down(bool down)
{
	if (batch.waits == down)
		return;
	batch.waits = down;
	metric_add(METRIC_AUDIT_DOWN, down ? 1 : -1);
	tell(svc_channel(PEER_MCPD));
}

void
audit_channel(struct ipc_chan *c)
{
	if (ipc_peer_of(c) == PEER_MCPD && batch.waits)
		tell(c);
}

static void
publish(void)
{
	durable.end = batch.end;
	durable.first = files.first;
	durable.number = files.number;
	durable.size = files.size;
}

static void
done(void *arg)
{
	struct batch *b = arg;
	struct waiting *w;

	b->runs = false;
	if (b->rc < 0) {
		if (!b->waits)
			log_error("audit.write", LE(&b->e));
		set_down(true);
		metric_add(METRIC_AUDIT_FAILED, 1);
		loop_timer_set(again, AGAIN_MS);
		return;
	}
	if (b->waits)
		log_info("audit.write_again", LU("seq", b->end.seq));
	set_down(false);
	publish();
	if (files.dropped > 0)
		log_info("audit.dropped", LU("files", files.dropped), LU("first", files.first));
	while ((w = TAILQ_FIRST(&waiters)) != NULL && w->seq <= b->end.seq)
		answer(w);
	buf_free(&b->records);
	buf_init(&b->records, 0);
	if (queued.n > 0)
		submit();
}

static void
run(void)
{
	struct err e;

	batch.runs = true;
	if (pool_submit(pool, work, done, &batch, &e) < 0) {
		batch.rc = -1;
		batch.e = e;
		done(&batch);
	}
}

static void
on_again(void *arg)
{
	(void)arg;
	if (batch.records.n > 0 && !batch.runs)
		run();
}

static void
submit(void)
{
	uint64_t from = batch.end.seq + 1;

	if (batch.records.n > 0 || batch.runs)
		return;
	buf_free(&batch.records);
	batch.records = queued;
	batch.from = from;
	batch.end = last;
	buf_init(&queued, AUDIT_BACKLOG);
	run();
}

/* ---- records ---- */

static void
put_field(struct buf *out, const struct log_field *f)
{
	buf_printf(out, ",\"%s\":", f->key);
	if (f->kind == LOG_FIELD_STR)
		json_print_str(str_cut_utf8(f->s.p != NULL ? f->s : STR(""),
				   str_eq_z(str_z(f->key), "arguments") ? ARGUMENT_MAX : WORD_MAX),
		    out);
	else if (f->kind == LOG_FIELD_INT)
		buf_printf(out, "%lld", (long long)(int64_t)f->u);
	else
		buf_printf(out, "%llu", (unsigned long long)f->u);
}

/* -1: there is no room. */
static int
append(const char *kind, const struct log_field *fields, size_t n)
{
	char when[CLOCK_RFC3339_SIZE];
	struct buf line;
	struct chain c = last;

	buf_init(&line, CHAIN_LINE_MAX);
	clock_rfc3339(clock_wall_us(), when);
	chain_begin(&c, &line);
	buf_printf(&line, ",\"at\":\"%s\",\"kind\":\"%s\"", when, kind);
	for (size_t i = 0; i < n; i++)
		put_field(&line, &fields[i]);
	if (line.n <= CHAIN_LINE_MAX - 200)
		chain_end(&c, &line);
	if (line.over || c.seq == last.seq || buf_str(&queued, buf_view(&line)) < 0) {
		buf_free(&line);
		return -1;
	}
	buf_free(&line);
	last = c;
	metric_add(METRIC_AUDIT_RECORDS, 1);
	return 0;
}

/* What could not be noted is a record itself, before the next. */
static int
note(const char *kind, const struct log_field *fields, size_t n)
{
	const struct log_field count[] = {LU("records", lost)};

	queued.over = false;
	if (lost > 0 && append("lost", count, 1) == 0)
		lost = 0;
	if (append(kind, fields, n) < 0)
		return -1;
	submit();
	return 0;
}

void
audit_put(const char *kind, const struct log_field *fields, size_t n)
{
	/* Unit tests of other parts have no log. */
	if (pool == NULL)
		return;
	if (note(kind, fields, n) < 0) {
		lost++;
		log_error("audit.lost", LZ("kind", kind), LU("records", lost));
	}
}

/* ---- messages ---- */

static void
on_add(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m), agent = ipc_get_str(m), session = ipc_get_str(m);
	struct str peer = ipc_get_str(m), tool = ipc_get_str(m), arguments = ipc_get_str(m);
	struct str decision = ipc_get_str(m), outcome = ipc_get_str(m);
	uint64_t result = ipc_get_u64(m);
	uint32_t ms = ipc_get_u32(m);
	const struct agent_session *s;
	struct waiting *w;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	/* By the session's own name where it lasts; who says it of another says so alone. */
	s = agents_session_of(user, session);
	const struct log_field fields[] = {LS("user", user),
	    LS("agent", s != NULL ? str_z(s->name) : agent), LS("session", session),
	    LZ("proven", s != NULL ? "yes" : "no"), LS("peer", peer), LS("tool", tool),
	    LS("arguments", arguments), LS("decision", decision), LS("outcome", outcome),
	    LU("result", result), LU("ms", ms)};

	if (note("tool", fields, ARRAY_LEN(fields)) < 0) {
		err_set(&e, E_LIMIT, "the audit log cannot be written");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	metric_add(str_eq_z(decision, "free")       ? METRIC_AGENT_CALLS_FREE
		   : str_eq_z(decision, "approval") ? METRIC_AGENT_CALLS_APPROVAL
		   : str_eq_z(decision, "held")     ? METRIC_AGENT_CALLS_HELD
						    : METRIC_AGENT_CALLS_REFUSED,
	    1);
	metric_observe(METRIC_AGENT_CALL_SECONDS, (uint64_t)ms * 1000);
	w = mem_alloc(sizeof(*w));
	*w = (struct waiting){.chan = c, .call = m->id, .seq = last.seq};
	TAILQ_INSERT_TAIL(&waiters, w, link);
}

static void
on_head(struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;

	if (ipc_end(m) < 0)
		return;
	ipc_begin(&out, MSG_AUDIT_HEAD_R);
	ipc_put_u64(&out, durable.end.seq == 0 ? 0 : durable.first);
	ipc_put_u64(&out, durable.end.seq);
	ipc_put_z(&out, durable.end.hash);
	ipc_reply(c, m->id, &out);
}

/* A file that is begun just now is not there yet. */
static int
open_file(uint64_t from, uint64_t *number, uint64_t *size, struct err *e)
{
	char name[AUDIT_NAME_SIZE];
	int fd;

	if (audit_files_next(durable.dir, from, number, e) < 0)
		return -1;
	if (*number > durable.end.seq)
		return err_set(e, E_NOTFOUND, "no further records");
	audit_files_name(*number, name);
	if ((fd = file_open(durable.dir, name, O_RDONLY | O_NOFOLLOW, 0, e)) < 0)
		return -1;
	*size = durable.size;
	if (*number != durable.number && file_size(fd, size, e) < 0)
		file_close(&fd);
	return fd;
}

static void
on_file(struct ipc_chan *c, struct ipc_in *m)
{
	uint64_t from = ipc_get_u64(m), number, size;
	struct ipc_out out;
	struct err e;
	int fd;

	if (ipc_end(m) < 0)
		return;
	if ((fd = open_file(from, &number, &size, &e)) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_AUDIT_FILE_R);
	ipc_put_u64(&out, number);
	ipc_put_u64(&out, size);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}

void
audit_durable(int *dir, struct audit_place *end)
{
	*dir = durable.dir;
	*end = (struct audit_place){0};
	if (durable.end.seq != 0)
		*end = (struct audit_place){durable.number, durable.size};
}

bool
audit_message(struct ipc_chan *c, struct ipc_in *m)
{
	switch ((unsigned)m->type) {
	case MSG_AUDIT_ADD:
		on_add(c, m);
		return true;
	case MSG_AUDIT_HEAD:
		on_head(c, m);
		return true;
	case MSG_AUDIT_FILE:
		on_file(c, m);
		return true;
	default:
		return false;
	}
}

void
audit_gone(struct ipc_chan *c)
{
	struct waiting *w;

	TAILQ_FOREACH (w, &waiters, link)
		if (w->chan == c)
			w->chan = NULL;
}

/* ---- life ---- */

void
audit_set_room(uint64_t room)
{
	/* The thread reads it once a batch; either value will do. */
	__atomic_store_n(&files.room, room, __ATOMIC_RELAXED);
}

int
audit_init(uint64_t room, struct err *e)
{
	struct audit_found found;

	if (audit_files_open(&files, room, &last, &found, e) < 0 ||
	    (pool = pool_new(1, 1, e)) == NULL)
		return -1;
	again = loop_timer_new(on_again, NULL);
	buf_init(&queued, AUDIT_BACKLOG);
	buf_init(&batch.records, 0);
	batch.end = last;
	durable.dir = files.dir;
	publish();
	if (found.mended > 0) {
		log_warn("audit.mended", LU("octets", found.mended), LU("seq", last.seq));
		audit_note("mended", LU("octets", found.mended));
	}
	if (found.broken) {
		log_error("audit.broken", LZ("error", found.why), LU("seq", last.seq));
		audit_note("broken", LZ("error", found.why));
	}
	if (last.seq > 0)
		log_info("audit.head", LU("seq", batch.end.seq), LZ("hash", batch.end.hash));
	return 0;
}

void
audit_done(void)
{
	struct waiting *w;

	if (pool == NULL)
		return;
	pool_free(&pool);
	while ((w = TAILQ_FIRST(&waiters)) != NULL) {
		TAILQ_REMOVE(&waiters, w, link);
		free(w);
	}
	loop_timer_free(&again);
	buf_free(&queued);
	buf_free(&batch.records);
	audit_files_close(&files);
}

bool
audit_settled(void)
{
	return batch.waits || (batch.records.n == 0 && !batch.runs && queued.n == 0);
}
