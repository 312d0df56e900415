/*
 * main.c - gk-acme: gets the server's certificate from an authority, and renews it (RFC 8555).
 *
 * It alone speaks with the authority, whose answers are a stranger's, and has no key: gk-sign says
 * what is asked for, and signs it; gk-webd proves the names; gk-master keeps what comes
 * (docs/adr/0046-acme.md).
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/order.h"
#include "acme/plan.h"
#include "acme/state.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "ipc/ipc.h"
#include "svc/acme.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define LOOK_MS  3600000u /* the wall clock may be set meanwhile */
#define START_MS 1000u    /* the others are not ready yet */

static struct {
	struct talk *talk;
	struct order *order;
	struct loop_timer *timer;
	struct state state;
	/* Of the certificate that is served; good: for all names. */
	bool good;
	int64_t from, until;
	uint32_t chance;
	uint64_t ended; /* orders, since the start */
	bool asked;     /* by the operator, whatever the plan says: for until one has ended */
} self;

/* ---- what there is ---- */

static bool
has_all(const struct pemchain_facts *f)
{
	struct str *names;
	struct arena a;
	size_t n, found = 0;

	arena_init(&a);
	n = acme_names(svc_conf(), &a, &names);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < f->n; k++)
			if (str_eq(names[i], f->names[k])) {
				found++;
				break;
			}
	arena_free(&a);
	return found == n && f->n == n;
}

static void
take_chain(struct str chain)
{
	struct pemchain_facts f;
	struct arena a;
	struct err e;

	arena_init(&a);
	self.good = false;
	self.from = self.until = 0;
	self.chance = randombytes_uniform(1000);
	if (chain.n > 0 && pemchain_read(chain, &a, &f, &e) < 0) {
		log_error("acme.chain", LE(&e));
	} else if (chain.n > 0) {
		self.good = has_all(&f);
		self.from = f.from;
		self.until = f.until;
	}
	arena_free(&a);
}

/* Master gives it anew with each configuration. */
static void
read_chain(void)
{
	char *room = mem_alloc(ACME_PEM_MAX);
	int fd = svc_take_file("acme.chain");
	size_t n = 0;

	if (fd >= 0)
		(void)file_pread_some(fd, room, ACME_PEM_MAX, 0, &n, NULL);
	file_close(&fd);
	take_chain(str_of(room, n));
	free(room);
}

/* ---- when ---- */

static int64_t
next_time(void)
{
	struct plan p = {
	    .good = self.good, .from = self.from, .until = self.until, .chance = self.chance};

	state_heed(&self.state, clock_wall());
	p.failures = self.state.failures;
	p.failed = self.state.failed;
	p.retry = self.state.retry;
	return plan_next(&p);
}

static void
wait(uint64_t least_ms)
{
	int64_t left = next_time() - clock_wall();
	uint64_t ms = left <= 0                         ? 0
		      : (uint64_t)left > LOOK_MS / 1000 ? LOOK_MS
							: (uint64_t)left * 1000;

	loop_timer_set(self.timer, ms < least_ms ? least_ms : ms);
}

/* ---- an order ---- */

static const char *
remedy(void)
{
	return str_eq_z(conf_str(svc_conf(), CONF_ACME_CHALLENGE), "http-01")
		   ? "each name of acme.names leads here, and port 80 is reached from outside; "
		     "gkmail acme renew tries again"
		   : "each name of acme.names leads here, and port 443 is reached from outside "
		     "without a proxy that ends TLS; gkmail acme renew tries again";
}

static void
failed(const struct err *e, uint32_t retry)
{
	struct state *s = &self.state;

	s->failures++;
	s->failed = clock_wall();
	s->retry = retry;
	snprintf(s->error, sizeof(s->error), "%s", e->text);
	metric_add(METRIC_ACME_FAILED, 1);
	log_error("acme.failed", LE(e), LU("failures", s->failures),
	    LZ("remedy", e->code == E_DENIED ? remedy() : "it is tried again by itself"));
}

static void
issued(const struct order_end *end)
{
	char until[CLOCK_RFC3339_SIZE];
	struct err e;

	take_chain(end->chain);
	/* gk-sign has looked; but nothing may make us ask for one after the other. */
	if (!self.good || next_time() <= clock_wall()) {
		err_set(&e, E_PROTO, "what was issued would have to be renewed at once");
		failed(&e, 0);
		return;
	}
	self.state = (struct state){0};
	metric_add(METRIC_ACME_ISSUED, 1);
	clock_rfc3339(self.until * 1000000, until);
	log_info("acme.issued", LZ("until", until));
}

static void
write_down(const struct state *s)
{
	struct err e;

	if (state_write(s, &e) < 0)
		log_warn("acme.state", LE(&e));
}

/* Who dies of an answer, again and again, is as one who fails: the next waits longer each time. */
static void
write_begun(void)
{
	struct state s = self.state;

	s.failures++;
	s.failed = clock_wall();
	s.retry = 0;
	snprintf(s.error, sizeof(s.error), "gk-acme ended while an order was under way");
	write_down(&s);
}

static void
ended(void *arg, const struct order_end *end)
{
	(void)arg;
	self.order = NULL;
	self.asked = false;
	self.ended++;
	if (end->e != NULL)
		failed(end->e, end->retry);
	else
		issued(end);
	metric_set(METRIC_ACME_FAILING, self.state.failures);
	write_down(&self.state);
	wait(START_MS);
}

/* By our own will: nobody failed. */
static void
give_up(void)
{
	if (self.order == NULL)
		return;
	order_cancel(&self.order);
	write_down(&self.state);
}

static void
on_timer(void *arg)
{
	(void)arg;
	if (self.order != NULL || !acme_is_on(svc_conf()) || svc_draining())
		return;
	if (!self.asked && next_time() > clock_wall()) {
		wait(0);
		return;
	}
	log_info("acme.begin", LS("directory", conf_str(svc_conf(), CONF_ACME_DIRECTORY)));
	write_begun();
	self.order = order_start(self.talk, ended, NULL);
}

/* ---- life ---- */

static int
take_conf(struct err *e)
{
	int fd = svc_take_file("acme.ca_file"), rc = 0;

	if (fd >= 0 && talk_trust(self.talk, fd, e) < 0)
		rc = err_wrap(e, "acme.ca_file");
	file_close(&fd);
	if (rc < 0)
		return -1;
	give_up(); /* it may be about other names, at another authority */
	self.asked = self.asked && acme_is_on(svc_conf());
	read_chain();
	wait(START_MS);
	return 0;
}

static int
start(struct err *e)
{
	self.talk = talk_new(dns_new(svc_channel(PEER_DNSD)), e);
	if (self.talk == NULL)
		return -1;
	self.timer = loop_timer_new(on_timer, NULL);
	state_read(&self.state);
	metric_set(METRIC_ACME_FAILING, self.state.failures);
	return take_conf(e);
}

/* ---- the operator ---- */

static struct str
time_text(struct arena *a, int64_t s)
{
	char text[CLOCK_RFC3339_SIZE];

	return s <= 0 ? STR("") : arena_dup(a, str_z(clock_rfc3339(s * 1000000, text)));
}

static void
status(struct ipc_chan *c, struct ipc_in *m)
{
	const struct conf *conf = svc_conf();
	struct str *names, facts[20], all = STR("");
	struct ipc_out out;
	struct arena a;
	size_t n = 0, count;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	count = acme_names(conf, &a, &names);
	for (size_t i = 0; i < count; i++)
		all = arena_printf(
		    &a, STR_FMT "%s" STR_FMT, STR_ARG(all), i > 0 ? " " : "", STR_ARG(names[i]));
	facts[n++] = STR("challenge"), facts[n++] = conf_str(conf, CONF_ACME_CHALLENGE);
	facts[n++] = STR("directory"), facts[n++] = conf_str(conf, CONF_ACME_DIRECTORY);
	facts[n++] = STR("names"), facts[n++] = all;
	facts[n++] = STR("now");
	facts[n++] = self.order != NULL ? str_z(order_doing(self.order)) : STR("");
	facts[n++] = STR("from"), facts[n++] = time_text(&a, self.from);
	facts[n++] = STR("until"), facts[n++] = time_text(&a, self.until);
	facts[n++] = STR("next"), facts[n++] = time_text(&a, acme_is_on(conf) ? next_time() : 0);
	facts[n++] = STR("failures"), facts[n++] = arena_printf(&a, "%u", self.state.failures);
	facts[n++] = STR("error"), facts[n++] = str_z(self.state.error);
	facts[n++] = STR("ended"), facts[n++] = arena_printf(&a, "%" PRIu64, self.ended);
	ipc_begin(&out, MSG_ACME_STATUS_R);
	ipc_put_list(&out, facts, n);
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

static void
renew(struct ipc_chan *c, struct ipc_in *m)
{
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if (!acme_is_on(svc_conf())) {
		err_set(&e, E_DENIED, "acme.challenge is off: no certificate is asked for");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	if (self.order == NULL) {
		self.asked = true;
		loop_timer_set(self.timer, 0);
	}
	ipc_reply_ok(c, m->id, MSG_ACME_RENEW_R);
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_ACME_STATUS)
		status(c, m);
	else if (m->type == MSG_ACME_RENEW)
		renew(c, m);
	else
		ipc_refuse(m);
}

static void
drain(void)
{
	give_up();
	svc_drained();
}

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "acme",
    .peer = PEER_ACME,
    .sections = "server acme",
    .root = "acme",
    .sandbox = SB_IPC | SB_STREAM | SB_CONNECT | SB_FILES | SB_WRITE,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = take_conf,
    .message = message,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
