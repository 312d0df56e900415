/*
 * main.c - gk-dnsd: one caching, DNSSEC-validating resolver for the whole suite, on libunbound.
 *
 * Others ask by DNS_ASK (net/dns.h). It reads what strangers' name servers send, holds no secret
 * and nobody's mail, and may open sockets to the world; of the file system it has its own directory
 * alone, where the root's keys are kept (RFC 5011).
 */
#include "base/log.h"
#include "base/mem.h"
#include "dnsd/anchor.h"
#include "dnsd/asks.h"
#include "dnsd/resolver.h"
#include "svc/svc.h"

/* libunbound looks at the root's keys when it validates something after they have expired in its
 * cache. A server that asks nothing for weeks would miss a change of keys; RFC 5011 2.3 wants a
 * look at least every 15 days, and the root's keys expire after two. */
#define KEYS_EVERY_MS (12u * 3600 * 1000)

static struct loop_timer *keys;

static void
looked(void *arg, const struct dns_answer *r)
{
	(void)arg;
	log_debug("dns.keys", LZ("status", dns_status_name(r->status)), LU("secure", r->secure));
}

static void
look_at_keys(void *arg)
{
	(void)arg;
	resolver_ask(STR("."), DNS_NS, looked, NULL);
	loop_timer_set(keys, KEYS_EVERY_MS);
}

static int
take_conf(struct err *e)
{
	const char *anchors = NULL;

	if (conf_str(svc_conf(), CONF_DNS_TRUST_ANCHOR).n > 0) {
		if (anchor_prepare(svc_file("dns.trust_anchor"), e) < 0)
			return -1;
		anchors = ANCHOR_FILE;
	} else {
		log_warn("dns.no_trust_anchor", LZ("dnssec", "off"));
	}
	if (resolver_start(svc_conf(), anchors, e) < 0)
		return -1;
	asks_set_timeout(conf_num(svc_conf(), CONF_DNS_TIMEOUT));
	return 0;
}

static int
start(struct err *e)
{
	if (take_conf(e) < 0)
		return -1;
	keys = loop_timer_new(look_at_keys, NULL);
	loop_timer_set(keys, KEYS_EVERY_MS);
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_DNS_ASK)
		asks_take(c, m);
	else
		ipc_refuse(m);
}

static void
channel(struct ipc_chan *c, bool open)
{
	if (!open)
		asks_forget(c);
}

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "dnsd",
    .peer = PEER_DNSD,
    .sections = "server dns",
    .root = "dns",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_CONNECT,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = take_conf,
    .message = message,
    .channel = channel,
};

int
main(int argc, char **argv)
{
	int rc = svc_main(&svc, argc, argv);

	asks_done();
	resolver_stop();
	loop_timer_free(&keys);
	return rc;
}
