/*
 * tries.c - what is tried, again and again: each listener as a client of it would, the DNS, the
 * accounts, the model's provider. See statd.h.
 *
 * A round begins metrics.probe_every after the one before; a try that is still under way then goes
 * on. Results outlive their round, so that whoever asks is answered at once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "net/dns.h"
#include "statd/statd.h"
#include "svc/provider.h"
#include "svc/svc.h"

#define TRY_MAGIC  0x54525921u
#define USERS_EACH 4u /* how many rounds an answer about mailboxes serves, of more than */
#define USERS_FEW  1000u
#define AGAIN_MS   ((uint64_t)2000)
#define DNS_TRY_MS 8000u
#define LISTENERS  256u

struct
try {
	unsigned magic;
	TAILQ_ENTRY(try) link;
	struct try_result r;
	bool running, wanted;
	uint64_t began;
};

TAILQ_HEAD(tries, try);

static struct {
	struct tries listeners;
	struct try dns, accounts, provider;
	struct state_wait wait;
	struct loop_timer *timer;
	struct dns *resolver;
	struct provider where;
	bool has_provider, stopped;
	unsigned round;
	struct arena arena; /* of mailboxes */
	struct mailboxes mailboxes;
} self = {.listeners = TAILQ_HEAD_INITIALIZER(self.listeners)};

/* Of an answer that no process of ours makes: its channel ends. */
static const char unreadable[] = "an answer that makes no sense";

/* ---- one ---- */

static bool
begin(struct try *t)
{
	if (t->running)
		return false;
	t->running = true;
	t->began = clock_us();
	return true;
}

static void
end(struct try *t, const char *why)
{
	bool ok = why == NULL;

	if (ok != t->r.ok || !t->r.tried) {
		if (!ok)
			log_warn("stat.down", LS("what", t->r.name), LS("address", t->r.address),
			    LZ("error", why));
		else if (t->r.tried)
			log_info("stat.up", LS("what", t->r.name), LS("address", t->r.address));
	}
	t->running = false;
	t->r.tried = true;
	t->r.ok = ok;
	snprintf(t->r.why, sizeof(t->r.why), "%s", ok ? "" : why);
	t->r.us = clock_us() - t->began;
	t->r.when = clock_ms();
}

static void
forget(struct try *t)
{
	TAILQ_REMOVE(&self.listeners, t, link);
	t->magic = 0;
	free((void *)(uintptr_t)t->r.name.p);
	free((void *)(uintptr_t)t->r.address.p);
	free(t);
}

/* ---- listeners ---- */

static const struct how {
	const char *name;
	enum probe_kind kind;
	bool tls;
} hows[] = {
    {"smtp", PROBE_SMTP, false},
    {"submission", PROBE_SMTP, false},
    {"submissions", PROBE_SMTP, true},
    {"imap", PROBE_IMAP, false},
    {"imaps", PROBE_IMAP, true},
    {"https", PROBE_HTTP, true},
    {"http", PROBE_HTTP, false},
};

/* Our own is none: who reads this has reached it. */
static const struct how *
how_of(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(hows); i++)
		if (str_eq_z(name, hows[i].name))
			return &hows[i];
	return NULL;
}

/* A listener may be gone from the configuration meanwhile. */
static void
listener_done(void *arg, const char *why)
{
	struct try *t = arg;

	OBJ(t, TRY_MAGIC);
	end(t, why);
	/* Soon known when it is back. */
	if (why != NULL && !self.stopped)
		loop_timer_set(
		    self.timer, num_min(conf_num(svc_conf(), CONF_METRICS_PROBE_EVERY), AGAIN_MS));
	if (!t->wanted)
		forget(t);
}

/* Who must show a certificate that we do not have is hung up on after the handshake. */
static bool
its_word_counts(const struct try *t)
{
	return !str_eq_z(t->r.name, "submissions") ||
	       !str_eq_z(conf_str(svc_conf(), CONF_SUBMISSION_CLIENT_CERTIFICATES), "require");
}

static void
listener_open(void *arg, struct ipc_in *m, const struct err *e)
{
	struct try *t = arg;
	const struct how *how;
	int fd;

	OBJ(t, TRY_MAGIC);
	how = how_of(t->r.name);
	if (m == NULL && e->code == E_NOTFOUND) { /* a reload took it away meanwhile */
		forget(t);
		return;
	}
	if (m == NULL) {
		listener_done(t, e->text);
		return;
	}
	fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		file_close(&fd);
		listener_done(t, unreadable);
		return;
	}
	probe_start(fd, how->kind, how->tls, its_word_counts(t), listener_done, t);
}

static struct try *
listener_find(const struct listener *l)
{
	struct try *t;

	TAILQ_FOREACH (t, &self.listeners, link)
		if (str_eq(t->r.name, l->name) && str_eq(t->r.address, l->address))
			return t;
	t = mem_alloc(sizeof(*t));
	*t = (struct try){.magic = TRY_MAGIC};
	t->r.name = str_of(mem_dup(l->name.p, l->name.n), l->name.n);
	t->r.address = str_of(mem_dup(l->address.p, l->address.n), l->address.n);
	TAILQ_INSERT_TAIL(&self.listeners, t, link);
	return t;
}

static void
try_listeners(const struct state *s)
{
	struct try *t, *next;

	if (!s->known)
		return;
	TAILQ_FOREACH (t, &self.listeners, link)
		t->wanted = false;
	for (size_t i = 0; i < s->nlisteners && i < LISTENERS; i++)
		if (how_of(s->listeners[i].name) != NULL)
			listener_find(&s->listeners[i])->wanted = true;
	for (t = TAILQ_FIRST(&self.listeners); t != NULL; t = next) {
		struct ipc_out m;

		next = TAILQ_NEXT(t, link);
		if (!t->wanted && !t->running) {
			forget(t);
			continue;
		}
		if (!t->wanted || !begin(t))
			continue;
		ipc_begin(&m, MSG_STAT_PROBE);
		ipc_put_str(&m, t->r.name);
		ipc_put_str(&m, t->r.address);
		ipc_call(svc_channel(PEER_MASTER), &m, listener_open, t);
	}
}

/* ---- the DNS ---- */

/* What is asked for need not be there: that there is an answer counts. */
static void
dns_done(void *arg, const struct dns_answer *r)
{
	char why[160];

	(void)arg;
	snprintf(why, sizeof(why), STR_FMT, STR_ARG(str_sub(r->why, 0, 150)));
	end(&self.dns, r->status == DNS_TEMP || r->status == DNS_BOGUS ? why : NULL);
}

static void
try_dns(void)
{
	if (begin(&self.dns))
		dns_ask(self.resolver, conf_str(svc_conf(), CONF_SERVER_HOST_NAME), DNS_A,
		    DNS_TRY_MS, dns_done, NULL);
}

/* ---- accounts ---- */

static void
accounts_done(void *arg, struct ipc_in *m, const struct err *e)
{
	struct mailboxes b = {0};
	struct mailbox_size *v;
	struct arena a;
	uint32_t n;

	(void)arg;
	if (m == NULL) {
		end(&self.accounts, e->text);
		return;
	}
	arena_init(&a);
	b.users = ipc_get_u64(m);
	b.octets = ipc_get_u64(m);
	b.messages = ipc_get_u64(m);
	n = ipc_get_list(m);
	v = arena_array(&a, n / 2 + 1, sizeof(*v));
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		v[i / 2].user = arena_dup(&a, ipc_get_item(m));
		(void)num_parse(ipc_get_item(m), 0, UINT64_MAX, &v[i / 2].octets);
	}
	if (ipc_end(m) < 0) {
		arena_free(&a);
		end(&self.accounts, unreadable);
		return;
	}
	b.v = v;
	b.n = n / 2;
	arena_free(&self.arena);
	self.arena = a;
	self.mailboxes = b;
	end(&self.accounts, NULL);
}

/* It reads all users: of many less often than the rest, once it has answered. */
static void
try_accounts(void)
{
	bool serves = self.accounts.r.ok && self.mailboxes.users > USERS_FEW;
	struct ipc_out m;

	if ((serves && self.round % USERS_EACH != 0) || !begin(&self.accounts))
		return;
	ipc_begin(&m, MSG_STAT_USERS);
	ipc_put_u32(&m, (uint32_t)conf_num(svc_conf(), CONF_METRICS_USERS));
	ipc_call(svc_channel(PEER_AUTHD), &m, accounts_done, NULL);
}

/* ---- the model's provider ---- */

static void
provider_done(void *arg, const char *why)
{
	(void)arg;
	end(&self.provider, why);
}

static void
provider_open(void *arg, struct ipc_in *m, const struct err *e)
{
	int fd;

	(void)arg;
	if (m == NULL) {
		end(&self.provider, e->text);
		return;
	}
	(void)ipc_get_str(m);
	fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		file_close(&fd);
		end(&self.provider, unreadable);
		return;
	}
	probe_start(fd, PROBE_HTTP, self.where.tls, true, provider_done, NULL);
}

static void
try_provider(void)
{
	struct ipc_out m;

	if (!self.has_provider || !begin(&self.provider))
		return;
	ipc_begin(&m, MSG_PROVIDER_OPEN);
	ipc_call(svc_channel(PEER_CONNECT), &m, provider_open, NULL);
}

/* ---- rounds ---- */

static void
with_state(void *arg)
{
	(void)arg;
	if (self.stopped)
		return;
	try_listeners(state_now());
	try_dns();
	try_accounts();
	try_provider();
	self.round++;
	loop_timer_set(self.timer, conf_num(svc_conf(), CONF_METRICS_PROBE_EVERY));
}

static void
tick(void *arg)
{
	(void)arg;
	state_want(&self.wait);
}

static int
take_conf(struct err *e)
{
	const struct conf *c = svc_conf();

	if (provider_parse(conf_str(c, CONF_ASSISTANT_URL), &self.where) < 0)
		return err_set(e, E_INVAL, "assistant.url: write %s", provider_wanted);
	self.has_provider = !str_eq_z(conf_str(c, CONF_ASSISTANT_PROVIDER), "builtin");
	return 0;
}

int
tries_init(struct err *e)
{
	if (take_conf(e) < 0)
		return -1;
	arena_init(&self.arena);
	self.resolver = dns_new(svc_channel(PEER_DNSD));
	self.dns.r.name = STR("dns");
	self.accounts.r.name = STR("accounts");
	self.provider.r.name = STR("llm");
	self.wait = (struct state_wait){.fn = with_state};
	self.timer = loop_timer_new(tick, NULL);
	loop_timer_set(self.timer, 0);
	return 0;
}

int
tries_reload(struct err *e)
{
	if (take_conf(e) < 0)
		return -1;
	loop_timer_set(self.timer, 0);
	return 0;
}

void
tries_stop(void)
{
	self.stopped = true;
	loop_timer_stop(self.timer);
	state_leave(&self.wait);
}

size_t
tries_list(const struct try_result **out, size_t max)
{
	const struct try *others[] = {
	    &self.dns, &self.accounts, self.has_provider ? &self.provider : NULL};
	const struct try *t;
	size_t n = 0;

	TAILQ_FOREACH (t, &self.listeners, link)
		if (n < max && t->wanted)
			out[n++] = &t->r;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (n < max && others[i] != NULL)
			out[n++] = &others[i]->r;
	return n;
}

const struct mailboxes *
tries_mailboxes(void)
{
	return &self.mailboxes;
}
