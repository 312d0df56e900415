/* dns_records.c - see dns_records.h. */
#include "ctl/dns_records.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "svc/acme.h"
#include "svc/certificates.h"
#include "svc/conf.h"

/* ---- judging ---- */

static bool
any(const struct want *w, const struct dns_answer *r)
{
	(void)w;
	return r->n > 0;
}

/* Our host is one of them; others may stand beside it. */
static bool
leads_to_host(const struct want *w, const struct dns_answer *r)
{
	struct str host = str_from(w->text, num_min(str_rchr(w->text, ' ') + 1, w->text.n));

	for (size_t i = 0; i < r->n; i++)
		if (str_ieq(r->records[i].name, host))
			return true;
	return false;
}

static bool
same_key(const struct want *w, const struct dns_answer *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (dkim_same_key(w->text, r->records[i].data))
			return true;
	return false;
}

/* One record of that version, as several are none (RFC 7208 4.5, RFC 9989 4.7, RFC 8461 3.1); what
 * it says beyond is the operator's choice. */
static bool
one_of_version(const struct want *w, const struct dns_answer *r)
{
	struct str version =
	    str_sub(w->text, 0, num_min(str_chr(w->text, ';'), str_chr(w->text, ' ')));
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += str_istarts(r->records[i].data, version);
	return n == 1;
}

/* ---- gathering ---- */

static struct want *
add(struct wants *w, const char *what, enum dns_type type, struct str name, struct str text)
{
	struct want *one = &w->v[num_min(w->n, (size_t)WANTS_MAX - 1)];

	w->n = num_min(w->n + 1, (size_t)WANTS_MAX);
	*one = (struct want){.what = what, .type = type, .name = name, .text = text};
	return one;
}

static struct str
below(const char *prefix, struct str domain)
{
	return arena_printf(&ctl.arena, "%s." STR_FMT, prefix, STR_ARG(domain));
}

static void
add_mail(struct wants *w)
{
	struct want *one;

	one = add(
	    w, "MX", DNS_MX, w->domain, arena_printf(&ctl.arena, "10 " STR_FMT, STR_ARG(w->host)));
	one->why = "where mail goes";
	one->needed = true;
	one->there = leads_to_host;
	one = add(w, "address", DNS_A, w->host, STR("<the address of this server>"));
	one->why =
	    "this server; AAAA too when it has IPv6. The PTR of each address has to be its name";
	one->needed = one->elsewhere = true;
	one->there = any;
}

/* All mail to others goes by another host. */
static bool
is_relayed(const struct conf *c)
{
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		if (str_eq_z(conf_row_str(c, CONF_ROUTE_DOMAIN, i), "*") &&
		    conf_row_str(c, CONF_ROUTE_HOST, i).n > 0)
			return true;
	return false;
}

static void
add_sender(struct wants *w, const struct conf *c)
{
	struct want *one = add(w, "SPF", DNS_TXT, w->domain, STR("v=spf1 mx -all"));

	one->why = is_relayed(c)
		       ? "who sends for the domain: its MX hosts and nobody else (RFC "
			 "7208). Put before -all what\n"
			 "; the smart host's provider says, such as include:spf.example.net"
		       : "who sends for the domain: its MX hosts and nobody else (RFC 7208)";
	one->needed = true;
	one->there = one_of_version;
	if (!str_ieq(w->host, w->domain)) {
		one = add(w, "SPF of the host", DNS_TXT, w->host, STR("v=spf1 a -all"));
		one->why = "and for the name in HELO, by which bounces are judged";
		one->there = one_of_version;
	}
}

static int
add_keys(struct wants *w, struct err *e)
{
	struct rows r;

	if (dkim_rows(w->domain, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i += r.width) {
		struct str selector = r.v[i], domain;
		struct want *one;

		(void)str_cut(&selector, ' ', &domain);
		one = add(w, "DKIM", DNS_TXT,
		    arena_printf(&ctl.arena, STR_FMT "._domainkey." STR_FMT, STR_ARG(selector),
			STR_ARG(domain)),
		    r.v[i + 4]);
		one->why = i == 0 ? "keys of signatures (RFC 6376)" : NULL;
		one->needed = str_eq(r.v[i + 1], STR("active"));
		one->there = same_key;
	}
	return 0;
}

static void
add_policy(struct wants *w, const struct conf *c)
{
	size_t n;
	const struct str *addresses = conf_list(c, CONF_DMARC_REPORT_ADDRESS, &n);
	struct str rua = n > 0
			     ? addresses[0]
			     : arena_printf(&ctl.arena, "postmaster@" STR_FMT, STR_ARG(w->domain));
	struct want *one;

	one = add(w, "DMARC", DNS_TXT, below("_dmarc", w->domain),
	    arena_printf(&ctl.arena, "v=DMARC1; p=quarantine; rua=mailto:" STR_FMT, STR_ARG(rua)));
	one->why = "what others do with mail that says it is from here and is not (RFC 9989); "
		   "p=none to begin with";
	one->needed = true;
	one->there = one_of_version;
}

/* RFC 8461 3.1: the id changes with the policy, which gk-webd publishes (webd/wellknown.c). */
static void
add_mta_sts(struct wants *w, const struct conf *c)
{
	struct str mx = conf_text(c, CONF_WEB_MTA_STS_MX, &ctl.arena);
	struct str policy = arena_printf(&ctl.arena, "%s " STR_FMT " " STR_FMT " %llu",
	    conf_z(c, CONF_WEB_MTA_STS), STR_ARG(w->host), STR_ARG(mx),
	    (unsigned long long)conf_num(c, CONF_WEB_MTA_STS_AGE));
	unsigned char digest[16];
	struct want *one;
	char hex[33];

	if (conf_z(c, CONF_WEB_MTA_STS)[0] == '\0')
		return;
	crypto_generichash(
	    digest, sizeof(digest), (const unsigned char *)policy.p, policy.n, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
	one = add(w, "MTA-STS", DNS_TXT, below("_mta-sts", w->domain),
	    arena_printf(&ctl.arena, "v=STSv1; id=%.16s", hex));
	one->why = "others insist on TLS (RFC 8461), by the policy that this server publishes "
		   "(web.mta_sts) when its\n"
		   "; certificate is for the second name too";
	one->there = one_of_version;
	one = add(w, "MTA-STS host", DNS_CNAME, below("mta-sts", w->domain), w->host);
	one->there = any;
}

static void
add_tls_reports(struct wants *w)
{
	struct want *one;

	one = add(w, "TLSRPT", DNS_TXT, below("_smtp._tls", w->domain),
	    arena_printf(
		&ctl.arena, "v=TLSRPTv1; rua=mailto:postmaster@" STR_FMT, STR_ARG(w->domain)));
	one->why = "others report connections that failed (RFC 8460)";
	one->there = one_of_version;
}

/* RFC 7672 3.1.1: 3 1 1 is the digest of the key alone, good over renewals that keep it. */
static void
add_tlsa(struct wants *w, const struct conf *c)
{
	const char *path = certificates_path(c, 0);
	unsigned char *der = NULL, digest[32];
	X509 *cert = NULL;
	struct want *one;
	char hex[65];
	FILE *f;
	int n;

	if (path[0] == '\0')
		path = arena_printf(&ctl.arena, "%s/%s", conf_z(c, CONF_SERVER_DATA_DIR),
		    acme_is_on(c) ? ACME_PEM : "tls/self-signed.pem")
			   .p;
	if ((f = fopen(path, "re")) != NULL) {
		cert = PEM_read_X509(f, NULL, NULL, NULL);
		fclose(f);
	}
	n = cert != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : 0;
	if (n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1) {
		sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
		one = add(w, "TLSA", DNS_TLSA, below("_25._tcp", w->host),
		    arena_printf(&ctl.arena, "3 1 1 %s", hex));
		one->why = "which key the server has (RFC 7672): only in a zone signed with DNSSEC";
	} else {
		w->tlsa_problem =
		    arena_printf(&ctl.arena, "no TLSA record: cannot read %s", path).p;
	}
	OPENSSL_free(der);
	X509_free(cert);
}

/* Names and addresses of what listens, from master. */
static int
listeners(struct str *v, size_t max, size_t *n, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	ipc_begin(&m, MSG_CTL_STATUS);
	if (client_call(NULL, &m, &in, e) < 0)
		return -1;
	for (uint32_t i = ipc_get_list(&in); i > 0; i--)
		(void)ipc_get_item(&in);
	*n = 0;
	for (uint32_t i = ipc_get_list(&in); i > 0; i--) {
		struct str one = arena_dup(&ctl.arena, ipc_get_item(&in));

		if (*n < max)
			v[(*n)++] = one;
	}
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

/* The port of the first such listener; 0: none. */
static unsigned
port_of(const char *name, const struct str *v, size_t n)
{
	uint64_t port;

	for (size_t i = 0; i + 1 < n; i += 2)
		if (str_eq_z(v[i], name) &&
		    num_parse(str_from(v[i + 1], str_rchr(v[i + 1], ':') + 1), 1, 65535, &port) ==
			0)
			return (unsigned)port;
	return 0;
}

/* RFC 6186 3.1, RFC 8314 5.1: "." where a service is not offered. */
static int
add_services(struct wants *w, struct err *e)
{
	static const struct {
		const char *name, *listener;
	} services[] = {{"_submissions._tcp", "submissions"}, {"_submission._tcp", "submission"},
	    {"_imaps._tcp", "imaps"}, {"_imap._tcp", "imap"}};
	struct str v[64];
	size_t n;

	if (listeners(v, ARRAY_LEN(v), &n, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		unsigned port = port_of(services[i].listener, v, n);
		struct want *one = add(w, "SRV", DNS_SRV, below(services[i].name, w->domain),
		    port > 0 ? arena_printf(&ctl.arena, "0 1 %u " STR_FMT, port, STR_ARG(w->host))
			     : STR("0 0 0 ."));

		one->why = i == 0 ? "what mail programs look for (RFC 6186, RFC 8314)" : NULL;
	}
	return 0;
}

int
dns_records(struct str domain, struct wants *out, struct err *e)
{
	const struct conf *c = client_conf(e);

	if (c == NULL)
		return -1;
	*out = (struct wants){.domain = domain};
	if (zone_domain(conf_z(c, CONF_SERVER_HOST_NAME), &out->host, e) < 0)
		return -1;
	add_mail(out);
	add_sender(out, c);
	if (add_keys(out, e) < 0)
		return -1;
	add_policy(out, c);
	add_mta_sts(out, c);
	add_tls_reports(out);
	add_tlsa(out, c);
	return add_services(out, e);
}
