/*
 * setup_check.c - what can be found out before the server runs. Each finding says what to do about
 * it; none holds setup up: most can be mended later.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/doctor.h"
#include "ctl/setup.h"
#include "ctl/zone.h"
#include "net/sock.h"

#define ADDRESSES_MAX 8u

/* ---- ports ---- */

static unsigned
try_ports(const struct setup *s, enum conf_key k)
{
	size_t n;
	const struct str *v = conf_list(s->c, k, &n);
	unsigned taken = 0;
	const char *port;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		if (sock_try(v[i], &e) == 0)
			continue;
		taken++;
		port = arena_dupz(&ctl.arena, str_from(v[i], str_rchr(v[i], ':') + 1));
		doctor_say(FINDING_FAIL, "ports",
		    arena_printf(&ctl.arena,
			"ss -ltnp 'sport = :%s' names the program that has it; end it for good "
			"(systemctl disable --now …) before GK Mail starts",
			port)
			.p,
		    "%s.%s: %s", conf_rows[k].section, conf_rows[k].key, e.text);
	}
	return taken;
}

static void
check_ports(const struct setup *s)
{
	static const enum conf_key keys[] = {CONF_SMTP_LISTEN, CONF_SUBMISSION_LISTEN,
	    CONF_SUBMISSION_LISTEN_TLS, CONF_IMAP_LISTEN, CONF_IMAP_LISTEN_TLS, CONF_WEB_LISTEN,
	    CONF_METRICS_LISTEN};
	unsigned taken = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		taken += try_ports(s, keys[i]);
	if (taken == 0)
		doctor_say(FINDING_OK, "ports", NULL, "all that it listens on are free");
}

void
setup_check_machine(const struct setup *s)
{
	doctor_clock();
	if (!setup_is_running() && geteuid() == 0)
		check_ports(s);
}

/* ---- the name ---- */

struct addresses {
	struct {
		enum dns_type type;
		struct in6_addr a; /* of A the first four octets */
		struct str text;
	} v[ADDRESSES_MAX];
	size_t n;
	struct str problem; /* the DNS does not answer */
};

static int
find_addresses(const char *host, struct addresses *out, struct err *e)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	struct dns_answer r;

	*out = (struct addresses){.n = 0};
	for (size_t t = 0; t < ARRAY_LEN(types) && out->problem.n == 0; t++) {
		if (zone_ask(str_z(host), types[t], &r, e) < 0)
			return -1;
		if (r.status == DNS_TEMP || r.status == DNS_BOGUS)
			out->problem = r.why.n > 0 ? arena_dup(&ctl.arena, r.why)
						   : str_z(dns_status_name(r.status));
		for (size_t i = 0; i < r.n && out->n < ADDRESSES_MAX; i++, out->n++) {
			out->v[out->n].type = types[t];
			out->v[out->n].text = zone_rdata(types[t], &r.records[i]);
			if (types[t] == DNS_A)
				memcpy(&out->v[out->n].a, &r.records[i].a, 4);
			else
				out->v[out->n].a = r.records[i].aaaa;
		}
	}
	return 0;
}

static bool
is_ours(enum dns_type type, const struct in6_addr *a)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		if (type == DNS_A && i->ifa_addr->sa_family == AF_INET)
			found =
			    found ||
			    memcmp(
				&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
				a, 4) == 0;
		if (type == DNS_AAAA && i->ifa_addr->sa_family == AF_INET6)
			found = found ||
				memcmp(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)
					    ->sin6_addr,
				    a, 16) == 0;
	}
	freeifaddrs(all);
	return found;
}

static void
check_name(const char *host, const struct addresses *a)
{
	if (a->n == 0)
		doctor_say(FINDING_FAIL, "name",
		    arena_printf(&ctl.arena,
			"put into the zone: %s. IN A <the address of this server>", host)
			.p,
		    "%s has no address in the DNS", host);
	for (size_t i = 0; i < a->n; i++) {
		if (is_ours(a->v[i].type, &a->v[i].a))
			doctor_say(FINDING_OK, "name", NULL, "%s is " STR_FMT ", this machine",
			    host, STR_ARG(a->v[i].text));
		else
			doctor_say(FINDING_WARN, "name",
			    "right where a router or provider leads it here; else correct the "
			    "record",
			    "%s is " STR_FMT ", which is no address of this machine", host,
			    STR_ARG(a->v[i].text));
	}
}

/* Others take no mail from an address whose name is another's, or that has none. */
static int
check_pointer(
    const char *host, enum dns_type type, const struct in6_addr *a, struct str text, struct err *e)
{
	struct sockaddr_storage at = {.ss_family = type == DNS_A ? AF_INET : AF_INET6};
	char name[DNS_REVERSE_SIZE];
	struct dns_answer r;

	if (type == DNS_A)
		memcpy(&((struct sockaddr_in *)&at)->sin_addr, a, 4);
	else
		((struct sockaddr_in6 *)&at)->sin6_addr = *a;
	if (zone_ask(str_z(dns_reverse(&at, name)), DNS_PTR, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i++)
		if (str_ieq_z(r.records[i].name, host)) {
			doctor_say(FINDING_OK, "ptr", NULL, "the name of " STR_FMT " is %s",
			    STR_ARG(text), host);
			return 0;
		}
	doctor_say(FINDING_WARN, "ptr",
	    arena_printf(&ctl.arena,
		"have it set to %s by whoever rents you the address: many refuse mail without it",
		host)
		.p,
	    "the name (PTR) of " STR_FMT " is " STR_FMT, STR_ARG(text),
	    STR_ARG(r.n > 0 ? r.records[0].name : STR("not set")));
	return 0;
}

int
setup_check_net(struct setup *s, struct err *e)
{
	struct addresses a;

	s->gets_out = true;
	if (s->offline)
		return 0;
	if (find_addresses(s->host, &a, e) < 0)
		return -1;
	if (a.problem.n > 0) {
		doctor_say(FINDING_WARN, "name",
		    "look whether port 53 outwards is open, or set dns.upstreams; then gkmail "
		    "doctor",
		    "the DNS does not answer: " STR_FMT, STR_ARG(a.problem));
		return 0;
	}
	check_name(s->host, &a);
	for (size_t i = 0; i < a.n; i++)
		if (check_pointer(s->host, a.v[i].type, &a.v[i].a, a.v[i].text, e) < 0)
			return -1;
	return doctor_outgoing(s->c, &s->gets_out, e);
}
