/*
 * resolver.c - libunbound: configured, asked, its messages logged.
 *
 * Everything runs in the loop's thread (ub_ctx_create_ub_event): no thread, no fork, no pipe. The
 * traps of ARCHITECTURE are met here: do-not-query-localhost is lifted only when the operator names
 * a server on this host, and the zones that libunbound answers by itself (.test, private reverse
 * zones …) are opened only where the operator says who serves them.
 *
 * Owner: the process. Errors: a configuration that libunbound refuses.
 */
#include "dnsd/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/queue.h>
#include <unbound-event.h>
#include <unbound.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "dnsd/events.h"
#include "dnsd/packet.h"

#define CLASS_IN     1
#define SEC_BOGUS    1
#define SEC_SECURE   2
#define RCODE_NONE   0
#define ADDRESS_SIZE 80u

struct asked {
	TAILQ_ENTRY(asked) link;
	int id; /* libunbound's */
	resolver_fn fn;
	void *arg;
	enum dns_type type;
	struct str name;
};

TAILQ_HEAD(asked_list, asked);

static struct ub_ctx *ctx;
static struct asked_list under_way = TAILQ_HEAD_INITIALIZER(under_way);
static FILE *messages;

/* ---- what libunbound has to say ---- */

/* "[time] libunbound[pid:0] error: text\n" */
static ssize_t
on_message(void *cookie, const char *p, size_t n)
{
	struct str line = str_trim(str_of(p, n)), at = STR("] ");
	size_t cut = str_find(line, STR("libunbound["));

	(void)cookie;
	line = str_from(line, cut < line.n ? cut : 0);
	cut = str_find(line, at);
	line = cut < line.n ? str_from(line, cut + at.n) : line;
	if (str_starts(line, STR("error")) || str_starts(line, STR("fatal")))
		log_warn("dns.unbound", LS("text", line));
	else
		log_debug("dns.unbound", LS("text", line));
	return (ssize_t)n;
}

static int
open_messages(struct err *e)
{
	static const cookie_io_functions_t calls = {.write = on_message};

	if (messages != NULL)
		return 0;
	if ((messages = fopencookie(NULL, "w", calls)) == NULL)
		return err_sys(e, "fopencookie");
	setvbuf(messages, NULL, _IOLBF, 1024);
	return 0;
}

/* ---- configuration ---- */

static int
result(int code, struct err *e, const char *what, const char *value)
{
	if (code == UB_NOERROR)
		return 0;
	return err_set(e, E_INVAL, "%s \"%.100s\": %s", what, value, ub_strerror(code));
}

static int
set(struct ub_ctx *c, const char *option, const char *value, struct err *e)
{
	return result(ub_ctx_set_option(c, option, value), e, option, value);
}

static int
set_size(struct ub_ctx *c, const char *option, uint64_t octets, struct err *e)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)octets);
	return set(c, option, text, e);
}

/* Signed data weigh more than messages; the rest is what keys and denials take. */
static int
set_caches(struct ub_ctx *c, uint64_t octets, struct err *e)
{
	return set_size(c, "rrset-cache-size:", octets / 2, e) < 0 ||
		       set_size(c, "msg-cache-size:", octets / 4, e) < 0 ||
		       set_size(c, "key-cache-size:", octets / 8, e) < 0 ||
		       set_size(c, "neg-cache-size:", octets / 8, e) < 0
		   ? -1
		   : 0;
}

/* The library's own defaults are those of a program that asks one question. */
static int
set_fixed(struct ub_ctx *c, struct err *e)
{
	static const char *const options[][2] = {
	    {"outgoing-range:", "1024"},
	    {"outgoing-num-tcp:", "64"},
	    {"num-queries-per-thread:", "2048"},
	    {"infra-cache-numhosts:", "20000"},
	    {"harden-short-bufsize:", "yes"},
	    {"harden-large-queries:", "yes"},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (set(c, options[i][0], options[i][1], e) < 0)
			return -1;
	return 0;
}

static bool
is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "::1", 3) == 0;
}

/* A server on this host that the operator named may be asked; without one, a zone that delegates to
 * 127.0.0.1 makes us ask nobody. */
static int
allow_loopback(struct ub_ctx *c, const char *address, struct err *e)
{
	return is_loopback(address) ? set(c, "do-not-query-localhost:", "no", e) : 0;
}

static int
set_upstreams(struct ub_ctx *c, const struct conf *conf, struct err *e)
{
	char address[ADDRESS_SIZE];
	const struct str *v;
	size_t n;

	v = conf_list(conf, CONF_DNS_UPSTREAMS, &n);
	for (size_t i = 0; i < n; i++)
		if (str_cz(v[i], address, sizeof(address)) < 0 ||
		    result(ub_ctx_set_fwd(c, address), e, "dns.upstreams", address) < 0 ||
		    allow_loopback(c, address, e) < 0)
			return -1;
	/* They know the names of the private network around us. */
	return n > 0 && (set(c, "unblock-lan-zones:", "yes", e) < 0 ||
			    set(c, "insecure-lan-zones:", "yes", e) < 0)
		   ? -1
		   : 0;
}

static int
set_zone(struct ub_ctx *c, struct str value, struct err *e)
{
	char name[DNS_NAME_MAX + 2], address[ADDRESS_SIZE];
	struct str zone;

	str_cut(&value, ' ', &zone);
	if (str_cz(zone, name, sizeof(name)) < 0 ||
	    str_cz(str_trim(value), address, sizeof(address)) < 0)
		return err_set(e, E_INVAL, "dns.zones: too long");
	if (result(ub_ctx_set_stub(c, name, address, 0), e, "dns.zones", name) < 0)
		return -1;
	return allow_loopback(c, address, e);
}

static int
set_zones(struct ub_ctx *c, const struct conf *conf, struct err *e)
{
	const struct str *v;
	size_t n;

	v = conf_list(conf, CONF_DNS_ZONES, &n);
	for (size_t i = 0; i < n; i++)
		if (set_zone(c, v[i], e) < 0)
			return -1;
	return 0;
}

/* Zones that libunbound answers itself (.test, private reverse zones) hide what the operator says
 * is served elsewhere: they go, at each name and above it. The option "local-zone: NAME nodefault",
 * which is for this, does nothing in the library (1.17). Nothing can be set after this. */
static int
open_local_zones(struct ub_ctx *c, const struct conf *conf, struct err *e)
{
	char name[DNS_NAME_MAX + 2];
	const struct str *v;
	size_t n;

	v = conf_list(conf, CONF_DNS_ZONES, &n);
	for (size_t i = 0; i < n; i++) {
		struct str rest = v[i], zone, label;

		str_cut(&rest, ' ', &zone);
		do {
			if (str_cz(zone, name, sizeof(name)) < 0 ||
			    result(ub_ctx_zone_remove(c, name), e, "dns.zones", name) < 0)
				return -1;
		} while (str_cut(&zone, '.', &label) && zone.n > 0);
	}
	return 0;
}

static int
set_trust(struct ub_ctx *c, const struct conf *conf, const char *anchors, struct err *e)
{
	char text[2048];
	const struct str *v;
	size_t n;

	if (anchors != NULL &&
	    result(ub_ctx_add_ta_autr(c, anchors), e, "trust anchor", anchors) < 0)
		return -1;
	v = conf_list(conf, CONF_DNS_TRUST_ANCHORS, &n);
	for (size_t i = 0; i < n; i++)
		if (str_cz(v[i], text, sizeof(text)) < 0 ||
		    result(ub_ctx_add_ta(c, text), e, "dns.trust_anchors", text) < 0)
			return err_set(
			    e, E_INVAL, "dns.trust_anchors: \"%.80s\" is no record", text);
	v = conf_list(conf, CONF_DNS_INSECURE, &n);
	for (size_t i = 0; i < n; i++)
		if (str_cz(v[i], text, sizeof(text)) < 0 || set(c, "domain-insecure:", text, e) < 0)
			return -1;
	return 0;
}

static void
nothing(void *arg, int rcode, void *packet, int n, int sec, char *why, int limited)
{
	(void)arg, (void)rcode, (void)packet, (void)n, (void)sec, (void)why, (void)limited;
}

/* The first question makes libunbound open what it works with. "localhost" it answers itself. */
static int
warm_up(struct ub_ctx *c, struct err *e)
{
	int id;

	return result(ub_resolve_event(c, "localhost", DNS_A, CLASS_IN, NULL, nothing, &id), e,
	    "libunbound", "start");
}

/* ---- questions ---- */

static void
answered(void *arg, int rcode, void *packet, int n, int sec, char *why, int limited)
{
	struct asked *q = arg;
	struct dns_answer r = {.status = DNS_TEMP, .type = q->type, .why = STR("server failure")};
	struct arena a;

	(void)limited;
	arena_init(&a);
	if (sec == SEC_BOGUS) {
		r.status = DNS_BOGUS;
		r.why =
		    why != NULL ? arena_dup(&a, str_trim(str_z(why))) : STR("validation failed");
	} else if (rcode == RCODE_NONE && packet != NULL && n > 0) {
		packet_read(str_of(packet, (size_t)n), q->name, q->type, &a, &r);
		r.secure = sec == SEC_SECURE && (r.status == DNS_FOUND || r.status == DNS_NO_DATA ||
						    r.status == DNS_NO_NAME);
	}
	TAILQ_REMOVE(&under_way, q, link);
	q->fn(q->arg, &r);
	arena_free(&a);
	free(q);
}

static void
ask(struct asked *q)
{
	struct dns_answer r = {.status = DNS_TEMP, .type = q->type, .why = STR("libunbound fails")};
	char text[DNS_TEXT_SIZE];

	TAILQ_INSERT_TAIL(&under_way, q, link);
	/* May call back, which frees q, before it returns. The id is written before that. */
	if (ub_resolve_event(ctx, packet_name_out(q->name, text), (int)q->type, CLASS_IN, q,
		answered, &q->id) == UB_NOERROR)
		return;
	TAILQ_REMOVE(&under_way, q, link);
	q->fn(q->arg, &r);
	free(q);
}

/* Deleting the context would call back for each question; a cancelled one is silent. */
static void
drop(void)
{
	struct asked *q;

	if (ctx == NULL)
		return;
	TAILQ_FOREACH (q, &under_way, link)
		(void)ub_cancel(ctx, q->id);
	ub_ctx_delete(ctx);
	ctx = NULL;
}

static void
take_up(struct ub_ctx *c)
{
	struct asked_list again = TAILQ_HEAD_INITIALIZER(again);
	struct asked *q;

	drop();
	ctx = c;
	ub_ctx_debugout(c, messages); /* deleting the old one has closed that */
	TAILQ_CONCAT(&again, &under_way, link);
	while ((q = TAILQ_FIRST(&again)) != NULL) {
		TAILQ_REMOVE(&again, q, link);
		ask(q);
	}
}

int
resolver_start(const struct conf *conf, const char *anchors, struct err *e)
{
	struct ub_ctx *c = NULL;

	if (open_messages(e) < 0)
		return -1;
	if ((c = ub_ctx_create_ub_event(events_base())) == NULL)
		return err_set(e, E_INTERNAL, "libunbound cannot start");
	ub_ctx_debugout(c, messages);
	if (set_fixed(c, e) < 0 || set_caches(c, conf_num(conf, CONF_DNS_CACHE_SIZE), e) < 0 ||
	    set_upstreams(c, conf, e) < 0 || set_zones(c, conf, e) < 0 ||
	    set_trust(c, conf, anchors, e) < 0 || open_local_zones(c, conf, e) < 0 ||
	    warm_up(c, e) < 0) {
		ub_ctx_delete(c);
		return -1;
	}
	take_up(c);
	return 0;
}

void
resolver_stop(void)
{
	struct asked *q;

	drop();
	while ((q = TAILQ_FIRST(&under_way)) != NULL) {
		TAILQ_REMOVE(&under_way, q, link);
		free(q);
	}
}

void
resolver_ask(struct str name, enum dns_type type, resolver_fn fn, void *arg)
{
	struct asked *q = mem_alloc(sizeof(*q));

	q->fn = fn;
	q->arg = arg;
	q->type = type;
	q->name = name;
	ask(q);
}
