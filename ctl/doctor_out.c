/*
 * doctor_out.c - does mail get out? Hosts of well-known domains (remote.probe_domains), or the
 * smart host, are connected to as gk-remote would; a greeting is enough.
 */
#include <stdio.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/doctor.h"
#include "ctl/talk.h"
#include "ctl/zone.h"

#define HOSTS_MAX     2u
#define ADDRESSES_MAX 2u

#define ASK_PROVIDER                                                                        \
	"ask the provider to open port 25 outwards, or send by a smart host ([[route]] in " \
	"gkmail.toml(5))"

struct attempt {
	bool greeted;   /* all is well */
	bool told;      /* a finding was said */
	bool known;     /* there was an address to try */
	const char *at; /* the last one, and why it failed */
	const char *why;
};

/* One address; a greeting that refuses is told of at once: the port is open then. */
static void
greet(struct attempt *t, const char *host, struct str address, uint64_t port)
{
	bool v6 = str_chr(address, ':') < address.n;
	struct str at = arena_printf(&ctl.arena, v6 ? "[" STR_FMT "]:%llu" : STR_FMT ":%llu",
	    STR_ARG(address), (unsigned long long)port);
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	struct str line;
	struct err e;

	t->known = true;
	t->at = arena_printf(&ctl.arena, "%s (" STR_FMT ")", host, STR_ARG(at)).p;
	if (talk_open(w, at, false, &e) < 0 || talk_line(w, &line, &e) < 0) {
		t->why = arena_dupz(&ctl.arena, str_z(e.text));
	} else if (str_starts(line, STR("220"))) {
		t->greeted = t->told = true;
		doctor_say(FINDING_OK, "outgoing", NULL, "%s greets: mail gets out", t->at);
	} else {
		t->told = true;
		doctor_say(FINDING_WARN, "outgoing",
		    "their answer says what they hold against this address", "%s answers " STR_FMT,
		    t->at, STR_ARG(str_sub(line, 0, 200)));
	}
	if (w->fd >= 0 && t->told)
		(void)talk_write(w, STR("QUIT\r\n"), &e);
	talk_close(w);
}

static int
try_host(struct attempt *t, struct str host, uint64_t port, struct err *e)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	const char *name = arena_dupz(&ctl.arena, host);
	struct dns_answer r;

	if (str_starts(host, STR("[")) && str_ends(host, STR("]"))) {
		greet(t, name, str_sub(host, 1, host.n - 2), port);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(types) && !t->told; i++) {
		if (zone_ask(str_z(name), types[i], &r, e) < 0)
			return -1;
		for (size_t k = 0; k < r.n && k < ADDRESSES_MAX && !t->told; k++)
			greet(t, name, zone_rdata(types[i], &r.records[k]), port);
	}
	return 0;
}

/* The MX hosts of a domain, the best ones. */
static int
try_domain(struct attempt *t, struct str domain, uint64_t port, struct err *e)
{
	struct str hosts[HOSTS_MAX];
	struct dns_answer r;
	size_t n = 0;

	if (zone_ask(domain, DNS_MX, &r, e) < 0)
		return -1;
	for (uint32_t least = 0; n < HOSTS_MAX && least <= UINT16_MAX; least++) {
		uint32_t next = UINT16_MAX + 1;

		for (size_t i = 0; i < r.n; i++)
			if (r.records[i].preference >= least && r.records[i].preference < next)
				next = r.records[i].preference;
		for (size_t i = 0; i < r.n && n < HOSTS_MAX; i++)
			if (r.records[i].preference == next)
				hosts[n++] = arena_dup(&ctl.arena, r.records[i].name);
		least = next;
	}
	for (size_t i = 0; i < n && !t->told; i++)
		if (try_host(t, hosts[i], port, e) < 0)
			return -1;
	return 0;
}

/* The route of all mail, where it has a host of its own. -1: there is none. */
static int
smart_host(const struct conf *c)
{
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		if (strcmp(conf_row_z(c, CONF_ROUTE_DOMAIN, i), "*") == 0 &&
		    conf_row_z(c, CONF_ROUTE_HOST, i)[0] != '\0')
			return (int)i;
	return -1;
}

static void
say_closed(const struct attempt *t, bool smart)
{
	if (t->known)
		doctor_say(FINDING_FAIL, "outgoing",
		    smart ? "look whether it is right in [[route]], and whether the firewall lets "
			    "it out"
			  : ASK_PROVIDER,
		    "mail does not get out: %s: %s", t->at, t->why);
	else
		doctor_say(FINDING_WARN, "outgoing",
		    "gkmail dns lookup shows what the DNS answers; run it again later",
		    "whether mail gets out could not be tried: no address is known to connect to");
}

int
doctor_outgoing(const struct conf *c, bool *open, struct err *e)
{
	struct attempt t = {.greeted = false};
	struct str via = STR("mx:"), host;
	const struct str *domains;
	int route = smart_host(c), rc = 0;
	size_t n;

	if (route >= 0) {
		host = str_z(conf_row_z(c, CONF_ROUTE_HOST, (size_t)route));
		rc = str_starts(host, via)
			 ? try_domain(&t, str_from(host, via.n),
			       conf_row_num(c, CONF_ROUTE_PORT, (size_t)route), e)
			 : try_host(&t, host, conf_row_num(c, CONF_ROUTE_PORT, (size_t)route), e);
	} else {
		domains = conf_list(c, CONF_REMOTE_PROBE_DOMAINS, &n);
		if (n == 0) {
			*open = true;
			return 0;
		}
		for (size_t i = 0; i < n && !t.told && rc == 0; i++)
			rc = try_domain(&t, domains[i], conf_num(c, CONF_REMOTE_PORT), e);
	}
	if (rc == 0 && !t.told)
		say_closed(&t, route >= 0);
	*open = t.greeted || !t.known;
	return rc;
}
