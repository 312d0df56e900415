/*
 * job.c - one message of the queue to some recipients of one destination. See remote.h.
 *
 * Every recipient gets a result. A connection that breaks before the message was all sent costs
 * nothing but time, the next host is tried; one that breaks behind the last octet leaves open
 * whether the host has it (RFC 5321 4.5.3.2.6), and the queue tries again later.
 *
 * Owner: itself, until it is answered. Errors: they are results.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "delivery/remote/remote.h"
#include "io/file.h"
#include "io/loop.h"
#include "svc/metrics.h"

#define JOB_MAGIC   0x52504a42u
#define BROKEN_MAX  4u /* connections that may break under it */
#define RESULT_SIZE 700u

struct job {
	unsigned magic;
	struct remote *remote;
	TAILQ_ENTRY(job) link;
	struct ipc_chan *queue; /* NULL: gone */
	uint64_t id;
	enum ipc_type answer;
	struct arena arena;
	struct str dest;
	struct mail mail;
	struct conn *conn;
	struct reach *reach;
	struct loop_timer *timer;
	unsigned broken;
	bool worked; /* a host has answered a transaction */
	uint64_t began;
	const char *cipher, *verified;
};

static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);
static size_t count;

/* ---- the end ---- */

static void
job_free(struct job *j)
{
	TAILQ_REMOVE(&jobs, j, link);
	count--;
	pool_drop(&j->conn);
	reach_free(&j->reach);
	loop_timer_free(&j->timer);
	file_close(&j->mail.fd);
	arena_free(&j->arena);
	j->magic = 0;
	free(j);
}

/* Whose hosts they are, by the names of MX hosts: which of the large receivers is unhappy with us.
 */
static void
count_class(const struct mail_rcpt *r)
{
	static const struct {
		struct str below;
		enum metric ok; /* temp and perm follow */
	} classes[] = {
	    {STR_INIT(".google.com"), METRIC_CLASS_GOOGLE_OK},
	    {STR_INIT(".googlemail.com"), METRIC_CLASS_GOOGLE_OK},
	    {STR_INIT(".outlook.com"), METRIC_CLASS_MICROSOFT_OK},
	    {STR_INIT(".yahoodns.net"), METRIC_CLASS_YAHOO_OK},
	    {STR_INIT(".icloud.com"), METRIC_CLASS_APPLE_OK},
	};
	enum metric m = METRIC_CLASS_OTHER_OK;

	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (str_ends(r->host, classes[i].below))
			m = classes[i].ok;
	metric_add((enum metric)(m + r->result), 1);
}

static void
log_result(const struct job *j, const struct mail_rcpt *r)
{
	static const enum metric metrics[] = {
	    METRIC_REMOTE_OK, METRIC_REMOTE_TEMP, METRIC_REMOTE_PERM};
	static const char *const events[] = {"remote.deliver", "remote.defer", "remote.fail"};

	metric_add(metrics[r->result], 1);
	count_class(r);
	log_info(events[r->result], LS("mid", j->mail.mid), LS("to", r->address),
	    LS("host", r->host), LS("text", r->text), LZ("tls", j->cipher),
	    LZ("verified", j->verified), LU("ms", (clock_us() - j->began) / 1000));
}

/* A packet holds what is said of so many recipients, when each says as much as it can. */
static size_t
text_max(const struct job *j)
{
	return num_min((size_t)RESULT_SIZE, (IPC_PAYLOAD_MAX - 2048) / (2 * (j->mail.n + 1)));
}

static void
job_end(struct job *j, enum remote_outcome outcome, struct str why)
{
	static const char *const digits[] = {"0", "1", "2"};
	struct mail *m = &j->mail;
	struct str *v = arena_array(&j->arena, 4 * m->n + 1, sizeof(*v));
	size_t max = text_max(j);
	struct ipc_out out;

	for (size_t i = 0; i < m->n; i++) {
		struct mail_rcpt *r = &m->rcpts[i];

		assume(r->decided);
		log_result(j, r);
		v[4 * i] = str_z(digits[r->result]);
		v[4 * i + 1] = str_sub(r->text, 0, max);
		v[4 * i + 2] = str_sub(r->host, 0, max);
		if (r->result == DELIVER_OK)
			v[4 * i + 3] = r->dsn ? STR("dsn") : STR("relayed");
	}
	metric_observe(METRIC_REMOTE_SECONDS, clock_us() - j->began);
	if (j->queue) {
		ipc_begin(&out, j->answer);
		ipc_put_u32(&out, outcome);
		ipc_put_str(&out, str_sub(why, 0, RESULT_SIZE));
		ipc_put_list(&out, v, 4 * m->n);
		ipc_reply(j->queue, j->id, &out);
	}
	job_free(j);
}

/* What is not decided stays with the queue, or fails with the destination. */
static void
give_up(struct job *j, const struct reach_failure *f)
{
	bool for_good = f->outcome == REMOTE_IMPOSSIBLE;

	mail_decide_all(&j->mail, for_good ? DELIVER_PERM : DELIVER_TEMP, f->text, f->host);
	job_end(j, j->worked && !for_good ? REMOTE_WORKED : f->outcome, f->text);
}

static void
on_timer(void *arg)
{
	struct job *j = arg;
	struct reach_failure f = {
	    REMOTE_UNREACHED, STR("4.4.7 the delivery takes too long"), STR_NONE};

	OBJ(j, JOB_MAGIC);
	if (j->conn)
		f.host = arena_dup(&j->arena, session_host(j->conn->session));
	give_up(j, &f);
}

/* ---- a connection ---- */

static void on_done(void *arg, const struct session_why *why);

/* gone: while it was taken out of the pool, or made, and nothing was begun on it. */
static void
on_gone(void *arg, const struct session_why *why)
{
	on_done(arg, why);
}

static const struct session_events events = {.done = on_done, .gone = on_gone};

static void
send_on(struct job *j, struct conn *c)
{
	j->conn = c;
	session_give(c->session, &events, j);
	session_send(c->session, &j->mail);
}

static void
on_reach(void *arg, struct conn *c, const struct reach_failure *f)
{
	struct job *j = arg;

	OBJ(j, JOB_MAGIC);
	if (c)
		send_on(j, c);
	else
		give_up(j, f);
}

/* By another connection: to the next host, when this was one that had been reached for us. */
static void
go_on(struct job *j, struct str why, struct str host)
{
	if (j->reach)
		reach_next(j->reach, why, host);
	else
		j->reach = reach_new(j->remote, j->dest, on_reach, j);
}

static void
on_broken(struct job *j, const struct session_why *why)
{
	struct session *s = j->conn->session;
	bool sent = session_was_sent(s), stale = j->conn->used && session_was_stale(s);
	struct reach_failure f = {REMOTE_UNREACHED, arena_dup(&j->arena, why->text),
	    arena_dup(&j->arena, session_host(s))};

	if (!stale)
		log_info(
		    "remote.broken", LS("mid", j->mail.mid), LS("host", f.host), LS("why", f.text));
	pool_drop(&j->conn);
	if (mail_waiting(&j->mail) == 0)
		job_end(j, REMOTE_UNREACHED, f.text);
	else if (stale || (!sent && ++j->broken < BROKEN_MAX))
		go_on(j, f.text, f.host);
	else
		give_up(j, &f);
}

static void
on_done(void *arg, const struct session_why *why)
{
	struct job *j = arg;
	struct session *s;

	OBJ(j, JOB_MAGIC);
	s = j->conn->session;
	if (why) {
		on_broken(j, why);
		return;
	}
	j->worked = true;
	/* Kept for the log: the connection may go to another message before that. */
	j->cipher = arena_dupz(&j->arena, str_z(session_cipher(s)));
	j->verified = session_verified(s);
	if (mail_waiting(&j->mail) == 0) {
		pool_put(&j->conn);
		job_end(j, REMOTE_WORKED, STR_NONE);
	} else if (session_is_idle(s)) {
		session_send(s, &j->mail); /* more recipients than one transaction takes */
	} else {
		pool_drop(&j->conn);
		go_on(j, STR("4.4.2 the connection went away"), STR_NONE);
	}
}

/* ---- the beginning ---- */

static void
read_rcpts(struct job *j, struct ipc_in *m)
{
	size_t n = ipc_get_list(m) / 3;
	uint64_t notify;

	j->mail.rcpts = arena_array(&j->arena, n + 1, sizeof(*j->mail.rcpts));
	j->mail.n = n;
	for (size_t i = 0; i < n; i++) {
		struct mail_rcpt *r = &j->mail.rcpts[i];

		r->address = arena_dup(&j->arena, ipc_get_item(m));
		if (num_parse(ipc_get_item(m), 0, 15, &notify) < 0)
			notify = NOTIFY_DEFAULT;
		r->notify = (uint32_t)notify;
		r->orcpt = arena_dup(&j->arena, ipc_get_item(m));
	}
}

static void
read_octets(struct job *j, struct ipc_in *m)
{
	struct mail *mail = &j->mail;
	uint64_t size;

	if (m->type == MSG_REMOTE_PUT) {
		mail->octets = arena_dup(&j->arena, ipc_get_str(m));
		mail->size = mail->octets.n;
		return;
	}
	mail->skip = ipc_get_u32(m);
	size = ipc_get_u64(m);
	mail->fd = ipc_take_fd(m);
	mail->size = size > mail->skip ? size - mail->skip : 0;
}

static struct job *
job_read(struct remote *r, struct ipc_chan *c, struct ipc_in *m)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->magic = JOB_MAGIC;
	j->remote = r;
	j->queue = c;
	j->id = m->id;
	j->answer = m->type == MSG_REMOTE_PUT ? MSG_REMOTE_PUT_R : MSG_REMOTE_SEND_R;
	j->began = clock_us();
	j->cipher = j->verified = "";
	arena_init(&j->arena);
	j->mail.arena = &j->arena;
	j->mail.fd = -1;
	j->mail.mid = arena_dup(&j->arena, ipc_get_str(m));
	j->dest = arena_dup(&j->arena, ipc_get_str(m));
	j->mail.sender = arena_dup(&j->arena, ipc_get_str(m));
	j->mail.flags = ipc_get_u32(m);
	j->mail.ret = (enum envelope_ret)ipc_get_u32(m);
	j->mail.envid = arena_dup(&j->arena, ipc_get_str(m));
	read_rcpts(j, m);
	read_octets(j, m);
	TAILQ_INSERT_TAIL(&jobs, j, link);
	count++;
	if (ipc_end(m) < 0) {
		job_free(j);
		return NULL;
	}
	return j;
}

void
job_message(struct remote *r, struct ipc_chan *c, struct ipc_in *m)
{
	struct job *j = job_read(r, c, m);
	struct conn *idle;

	if (!j)
		return;
	j->timer = loop_timer_new(on_timer, j);
	loop_timer_set(j->timer, r->transaction_ms);
	if (r->draining) {
		struct reach_failure f = {
		    REMOTE_UNREACHED, STR("4.3.2 this server is being stopped"), STR_NONE};

		give_up(j, &f);
	} else if ((idle = pool_take(j->dest))) {
		send_on(j, idle);
	} else {
		go_on(j, STR_NONE, STR_NONE);
	}
}

void
job_queue_gone(const struct ipc_chan *c)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(&jobs); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->queue != c)
			continue;
		j->queue = NULL;
		if (!j->conn || !session_was_sent(j->conn->session))
			job_free(j);
	}
}

size_t
job_count(void)
{
	return count;
}
