/* job.c - one message that is looked at. See job.h. */
#include "smtpd/screen/job.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "ipc/parcel.h"
#include "smtpd/screen/check.h"
#include "smtpd/screen/lookup.h"
#include "smtpd/screen/reports.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define JOB_MAGIC 0x4a4f4200u
/* The longest stream that is read to its end; smtpd's limit on messages is below. */
#define STREAM_MAX ((uint64_t)2 << 30)
/* How long all of a stream may be read while nobody says that it is all. */
#define END_MS 20000u

struct job {
	uint32_t magic;
	LIST_ENTRY(job) link;
	struct ipc_chan *chan;
	uint64_t call;
	enum ipc_type answer;
	struct check *check;
	struct report_arrival *arrival; /* NULL: no reports are expected */
	struct lookup *lookup;
	struct loop_timer *deadline;
	bool late; /* no more questions: what is not known is a temporary error */
	uint64_t stream;
	struct parcel_in *in; /* NULL: read to its end, or none */
	uint64_t got, size;   /* octets read; of the whole, once ended */
	bool ended;
	uint64_t began;
	struct str mid, sid, peer;
	struct arena arena;
};

static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs);
static size_t count;
static struct dns *dns;

static void evaluate(void *arg);

void
job_init(struct dns *d)
{
	dns = d;
}

static void
job_free(struct job *j)
{
	LIST_REMOVE(j, link);
	metric_add(METRIC_SCREEN_OPEN, -1);
	count--;
	lookup_free(&j->lookup);
	check_free(&j->check);
	report_arrival_free(&j->arrival);
	loop_timer_free(&j->deadline);
	parcel_in_free(&j->in);
	arena_free(&j->arena);
	j->magic = 0;
	free(j);
	if (svc_draining() && job_idle())
		svc_drained();
}

static void
fail(struct job *j, const struct err *e)
{
	log_warn("screen.error", LS("sid", j->sid), LS("mid", j->mid), LE(e));
	ipc_reply_error(j->chan, j->call, e);
	job_free(j);
}

/* ---- the answer ---- */

static void
count_verdict(enum check_verdict v)
{
	metric_add(v == CHECK_ACCEPT   ? METRIC_SCREEN_ACCEPT
		   : v == CHECK_JUNK   ? METRIC_SCREEN_JUNK
		   : v == CHECK_REJECT ? METRIC_SCREEN_REJECT
				       : METRIC_SCREEN_DEFER,
	    1);
}

static void
count_results(const struct check_result *r)
{
	static const enum metric spf[] = {
	    [SPF_NONE] = METRIC_SPF_NONE,
	    [SPF_NEUTRAL] = METRIC_SPF_NEUTRAL,
	    [SPF_PASS] = METRIC_SPF_PASS,
	    [SPF_FAIL] = METRIC_SPF_FAIL,
	    [SPF_SOFTFAIL] = METRIC_SPF_SOFTFAIL,
	    [SPF_TEMPERROR] = METRIC_SPF_TEMPERROR,
	    [SPF_PERMERROR] = METRIC_SPF_PERMERROR,
	};
	static const enum metric dmarc[] = {
	    [DMARC_NONE] = METRIC_DMARC_NONE,
	    [DMARC_PASS] = METRIC_DMARC_PASS,
	    [DMARC_FAIL] = METRIC_DMARC_FAIL,
	    [DMARC_TEMPERROR] = METRIC_DMARC_TEMPERROR,
	    [DMARC_PERMERROR] = METRIC_DMARC_PERMERROR,
	};
	bool good = false;

	for (size_t i = 0; i < r->nsignatures; i++)
		good |= r->signatures[i].result == DKIM_PASS;
	metric_add(good                 ? METRIC_DKIM_PASS
		   : r->nsignatures > 0 ? METRIC_DKIM_FAIL
					: METRIC_DKIM_NONE,
	    1);
	/* What was not looked at to the end counts nowhere. */
	if (r->spf.result != SPF_WAIT)
		metric_add(spf[r->spf.result], 1);
	if (r->dmarc.result != DMARC_WAIT)
		metric_add(dmarc[r->dmarc.result], 1);
}

static const char *
dkim_summary(const struct check_result *r)
{
	for (size_t i = 0; i < r->nsignatures; i++)
		if (r->signatures[i].result == DKIM_PASS)
			return "pass";
	return r->nsignatures > 0 ? dkim_result_name(r->signatures[0].result) : "none";
}

static void
log_result(const struct job *j, enum check_verdict v, const struct check_result *r)
{
	count_results(r);
	log_info("screen.verdict", LS("sid", j->sid), LS("mid", j->mid), LS("peer", j->peer),
	    LZ("verdict", check_verdict_name(v)), LZ("spf", spf_result_name(r->spf.result)),
	    LS("spf_domain", r->spf.domain), LZ("dkim", dkim_summary(r)),
	    LU("signatures", r->nsignatures), LZ("dmarc", dmarc_result_name(r->dmarc.result)),
	    LS("from", r->author), LU("score", r->score), LS("reasons", r->reasons),
	    LU("size", j->got), LU("ms", clock_ms() - j->began));
}

static enum screen_verdict
verdict_of(enum check_verdict v)
{
	switch (v) {
	case CHECK_ACCEPT:
		return SCREEN_ACCEPT;
	case CHECK_JUNK:
		return SCREEN_JUNK;
	case CHECK_REJECT:
		return SCREEN_REJECT;
	case CHECK_DEFER:
	case CHECK_WAIT:
		break;
	}
	return SCREEN_DEFER;
}

static void
answer(struct job *j, enum check_verdict v, const struct check_result *r)
{
	struct ipc_out m;

	ipc_begin(&m, j->answer);
	ipc_put_u32(&m, verdict_of(v));
	ipc_put_u32(&m, r->reason);
	ipc_put_u32(&m, r->score);
	ipc_put_str(&m, r->text);
	ipc_put_str(&m, r->fields);
	ipc_reply(j->chan, j->call, &m);
	log_result(j, v, r);
	count_verdict(v);
	reports_note(check_asked(j->check), r, check_facts(j->check), check_header(j->check));
	if (v == CHECK_ACCEPT || v == CHECK_JUNK)
		report_arrival_end(&j->arrival, r);
	metric_observe(METRIC_SCREEN_SECONDS, (clock_ms() - j->began) * 1000);
	job_free(j);
}

/* ---- the check ---- */

static void
give_up_wishes(struct facts *f)
{
	const struct fact *wish;

	while ((wish = facts_wish(f, NULL)) != NULL)
		facts_put(f, wish->name, wish->type, FACT_FAILED, NULL, 0);
}

static void
evaluate(void *arg)
{
	struct job *j = arg;
	const struct check_result *r;
	enum check_verdict v;

	OBJ(j, JOB_MAGIC);
	lookup_free(&j->lookup);
	while ((v = check_run(j->check, &r)) == CHECK_WAIT) {
		if (!j->late) {
			j->lookup = lookup_new(dns, check_facts(j->check), evaluate, j);
			return;
		}
		give_up_wishes(check_facts(j->check));
	}
	answer(j, v, r);
}

static void
on_deadline(void *arg)
{
	struct job *j = arg;
	struct err e;

	OBJ(j, JOB_MAGIC);
	if (j->lookup == NULL) {
		err_set(&e, E_PROTO, "a stream that nobody ends");
		fail(j, &e);
		return;
	}
	log_info("screen.late", LS("sid", j->sid), LS("mid", j->mid));
	j->late = true;
	give_up_wishes(check_facts(j->check));
	evaluate(j);
}

/* All octets are here. */
static void
whole(struct job *j)
{
	j->began = clock_ms();
	loop_timer_set(j->deadline, conf_num(svc_conf(), CONF_SCREEN_TIMEOUT));
	evaluate(j);
}

/* ---- a stream ---- */

/* The stream's end and the word that it was all come in either order. */
static void
check_end(struct job *j)
{
	struct err e;

	if (j->in != NULL)
		return;
	if (!j->ended) {
		loop_timer_set(j->deadline, END_MS);
	} else if (j->got != j->size || j->got > STREAM_MAX) {
		err_set(&e, E_PROTO, "a stream of another size than was said");
		fail(j, &e);
	} else {
		whole(j);
	}
}

static void
feed(struct job *j, struct str octets)
{
	j->got += octets.n;
	if (j->got > STREAM_MAX)
		return;
	check_feed(j->check, octets);
	report_arrival_feed(j->arrival, octets);
}

static void
on_octets(void *arg, struct str octets)
{
	struct job *j = arg;

	OBJ(j, JOB_MAGIC);
	feed(j, octets);
}

static void
on_end(void *arg, const struct err *e)
{
	struct job *j = arg;

	OBJ(j, JOB_MAGIC);
	parcel_in_free(&j->in);
	if (e != NULL)
		fail(j, e);
	else
		check_end(j);
}

static struct job *
find(uint64_t stream)
{
	struct job *j;

	LIST_FOREACH (j, &jobs, link)
		if (j->stream == stream && stream != 0)
			return j;
	return NULL;
}

void
job_end(struct ipc_in *m)
{
	uint64_t stream = ipc_get_u64(m), size = ipc_get_u64(m);
	struct job *j;

	if (ipc_end(m) < 0 || (j = find(stream)) == NULL)
		return;
	j->ended = true;
	j->size = size;
	check_end(j);
}

void
job_abort(struct ipc_in *m)
{
	uint64_t stream = ipc_get_u64(m);
	struct job *j;

	if (ipc_end(m) == 0 && (j = find(stream)) != NULL)
		job_free(j);
}

/* ---- the beginning ---- */

static bool
take_peer(struct str text, struct sockaddr_storage *out)
{
	char z[INET6_ADDRSTRLEN];

	*out = (struct sockaddr_storage){0};
	if (str_cz(text, z, sizeof(z)) < 0)
		return false;
	out->ss_family = AF_INET;
	if (inet_pton(AF_INET, z, &((struct sockaddr_in *)out)->sin_addr) == 1)
		return true;
	out->ss_family = AF_INET6;
	return inet_pton(AF_INET6, z, &((struct sockaddr_in6 *)out)->sin6_addr) == 1;
}

static enum check_enforce
enforce(void)
{
	struct str s = conf_str(svc_conf(), CONF_DMARC_ENFORCE);

	return str_eq_z(s, "reject")       ? ENFORCE_REJECT
	       : str_eq_z(s, "quarantine") ? ENFORCE_QUARANTINE
					   : ENFORCE_NONE;
}

/* What the configuration says; the rest comes with the message. */
static struct check_query
new_query(void)
{
	const struct conf *c = svc_conf();

	return (struct check_query){.host = conf_str(c, CONF_SERVER_HOST_NAME),
	    .now = clock_wall(),
	    .enforce = enforce(),
	    .spf_engine = str_eq_z(conf_str(c, CONF_SCREEN_SPF_ENGINE), "libspf2")
			      ? CHECK_SPF_LIBSPF2
			      : CHECK_SPF_OWN,
	    .refuse_spf_fail = str_eq_z(conf_str(c, CONF_SCREEN_SPF_FAIL), "reject"),
	    .junk_score = (uint32_t)conf_num(c, CONF_SCREEN_JUNK_SCORE)};
}

static struct job *
job_new(struct ipc_chan *c, const struct ipc_in *m, const struct check_query *q, struct str sid,
    struct str peer)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->magic = JOB_MAGIC;
	arena_init(&j->arena);
	j->chan = c;
	j->call = m->id;
	j->answer = m->type == MSG_SCREEN_STREAM ? MSG_SCREEN_STREAM_R : MSG_SCREEN_PUT_R;
	j->check = check_new(q);
	j->arrival = report_arrival_new();
	j->deadline = loop_timer_new(on_deadline, j);
	j->began = clock_ms();
	j->mid = arena_dup(&j->arena, q->mid);
	j->sid = arena_dup(&j->arena, sid);
	j->peer = arena_dup(&j->arena, peer);
	LIST_INSERT_HEAD(&jobs, j, link);
	count++;
	metric_add(METRIC_SCREEN_OPEN, 1);
	return j;
}

void
job_start(struct ipc_chan *c, struct ipc_in *m)
{
	static const struct parcel_in_events events = {.octets = on_octets, .end = on_end};
	bool is_stream = m->type == MSG_SCREEN_STREAM;
	struct check_query q = new_query();
	uint64_t stream = is_stream ? ipc_get_u64(m) : 0;
	struct str sid, peer, octets = STR_NONE;
	uint32_t iprev;
	struct job *j;
	struct err e;
	int fd = -1;

	q.mid = ipc_get_str(m);
	sid = ipc_get_str(m);
	peer = ipc_get_str(m);
	iprev = ipc_get_u32(m);
	q.client = ipc_get_str(m);
	q.helo = ipc_get_str(m);
	q.sender = ipc_get_str(m);
	if (is_stream)
		fd = ipc_take_fd(m);
	else
		octets = ipc_get_str(m);
	if (ipc_end(m) < 0 || iprev > IPREV_FAIL || !take_peer(peer, &q.peer)) {
		file_close(&fd);
		ipc_refuse(m);
		return;
	}
	q.iprev = (enum screen_iprev)iprev;
	if (count >= JOBS_MAX) {
		file_close(&fd);
		err_set(&e, E_LIMIT, "%u messages are being looked at", JOBS_MAX);
		ipc_reply_error(c, m->id, &e);
		return;
	}
	j = job_new(c, m, &q, sid, peer);
	if (is_stream) {
		j->stream = stream;
		j->in = parcel_in_new(fd, &events, j);
		return;
	}
	feed(j, octets);
	whole(j);
}

void
job_forget_all(void)
{
	struct job *j, *next;

	for (j = LIST_FIRST(&jobs); j != NULL; j = next) {
		next = LIST_NEXT(j, link);
		job_free(j);
	}
}

bool
job_idle(void)
{
	return LIST_EMPTY(&jobs);
}
