/*
 * conf_check.c - what single keys ask beyond their type, and what keys ask of one another.
 */
#include <arpa/inet.h>

#include "base/network.h"
#include "base/num.h"
#include "svc/conf_in.h"
#include "svc/provider.h"

/* RFC 1123 2.1: labels of letters, digits and inner hyphens. */
static bool
is_host_name(struct str s)
{
	struct str label;
	bool more;

	if (s.n == 0 || s.n > 253)
		return false;
	do {
		more = str_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	} while (more);
	return true;
}

static const char *
host_name(struct str s)
{
	struct in_addr v4;
	char z[256];

	if (s.n == 0) /* conf_check_whole asks for it */
		return NULL;
	if (!is_host_name(s) || str_cz(s, z, sizeof(z)) < 0 || inet_pton(AF_INET, z, &v4) == 1)
		return "a host name such as \"mail.example.org\"";
	return NULL;
}

/* "*:25", "192.0.2.1:25", "[2001:db8::1]:25" */
static const char *
address(struct str s)
{
	static const char want[] =
	    "ADDRESS:PORT such as \"*:25\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\"";
	size_t colon = str_rchr(s, ':');
	struct str host = str_sub(s, 0, colon);
	unsigned char raw[sizeof(struct in6_addr)];
	uint64_t port;
	char z[INET6_ADDRSTRLEN];

	if (colon == s.n || num_parse(str_from(s, colon + 1), 0, 65535, &port) < 0)
		return want;
	if (str_eq_z(host, "*"))
		return NULL;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return str_cz(str_sub(host, 1, host.n - 2), z, sizeof(z)) == 0 &&
			       inet_pton(AF_INET6, z, raw) == 1
			   ? NULL
			   : want;
	return str_cz(host, z, sizeof(z)) == 0 && inet_pton(AF_INET, z, raw) == 1 ? NULL : want;
}

static const char *
directory(struct str s)
{
	return s.n > 0 && s.p[0] == '/' ? NULL : "an absolute path, which begins with /";
}

#define RUN_DIR_MAX  80u   /* sockets lie there: sun_path has room for 107 octets */
#define DATA_DIR_MAX 1000u /* of PATH_MAX, with homes and messages below it */

static const char *
run_dir(struct str s)
{
	return s.n <= RUN_DIR_MAX ? directory(s) : "an absolute path of at most 80 octets";
}

static const char *
data_dir(struct str s)
{
	return s.n <= DATA_DIR_MAX ? directory(s) : "an absolute path of at most 1000 octets";
}

static const char *
mailbox(struct str s)
{
	size_t at = str_rchr(s, '@');

	return s.n == 0 || (at > 0 && at + 1 < s.n) ? NULL
						    : "an address such as \"me@example.org\"";
}

static const char *
file(struct str s)
{
	return s.n == 0 ? NULL : directory(s);
}

static const char *
certificate_file(struct str s)
{
	return directory(s) == NULL ? NULL : "an absolute file name such as \"/etc/gkmail/b.pem\"";
}

static const char *
certificate_name(struct str s)
{
	if (str_starts(s, STR("*.")))
		s = str_from(s, 2);
	return is_host_name(s) ? NULL
			       : "host names such as \"mail.example.org\" or \"*.example.org\"";
}

static const char *
log_to(struct str s)
{
	if (str_eq_z(s, "stdout") || str_eq_z(s, "syslog") || directory(s) == NULL)
		return NULL;
	return "\"stdout\", \"syslog\" or an absolute file name";
}

static const char *
system_name(struct str s)
{
	bool good = s.n > 0 && s.n <= 24 && (is_alpha(s.p[0]) || s.p[0] == '_');

	for (size_t i = 0; i < s.n; i++)
		good = good && (is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_');
	return good ? NULL : "a name of letters, digits, - and _";
}

static const char *
tag_separator(struct str s)
{
	if (s.n == 0 || (s.n == 1 && memchr("+-_=#", s.p[0], 5) != NULL))
		return NULL;
	return "one of \"+\", \"-\", \"_\", \"=\", \"#\", or \"\" for no tags";
}

static const char *
mechanism(struct str s)
{
	static const char *const known[] = {
	    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq_z(s, known[i]))
			return NULL;
	return "names among \"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\", \"PLAIN\", \"LOGIN\"";
}

/* "192.0.2.1", "2001:db8::1@5353" */
static bool
is_server(struct str s)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char z[INET6_ADDRSTRLEN];
	struct str host;
	uint64_t port;

	if (str_cut(&s, '@', &host) && num_parse(s, 1, 65535, &port) < 0)
		return false;
	return str_cz(host, z, sizeof(z)) == 0 &&
	       (inet_pton(AF_INET, z, raw) == 1 || inet_pton(AF_INET6, z, raw) == 1);
}

static const char *
upstream(struct str s)
{
	return is_server(s) ? NULL : "ADDRESS or ADDRESS@PORT such as \"192.0.2.53\"";
}

/* Also what a host name must not be: "_tcp", "." */
static bool
is_domain(struct str s)
{
	struct str label;
	bool more = true;

	if (str_eq_z(s, "."))
		return true;
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || s.n > 253)
		return false;
	while (more) {
		more = str_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
				return false;
	}
	return true;
}

static const char *
zone(struct str s)
{
	struct str name;

	return str_cut(&s, ' ', &name) && is_domain(name) && is_server(str_trim(s))
		   ? NULL
		   : "ZONE ADDRESS or ZONE ADDRESS@PORT such as \"corp.example 10.0.0.53\"";
}

static const char *
domain(struct str s)
{
	return is_domain(s) ? NULL : "a domain such as \"corp.example\"";
}

static const char *
network(struct str s)
{
	struct network n;

	return network_parse(s, &n, NULL) == 0
		   ? NULL
		   : "an address or a network such as \"192.0.2.0/24\" or \"2001:db8::/32\"";
}

/* RFC 8461 3.1: a name, or "*." before one. */
static const char *
mx_pattern(struct str s)
{
	return is_host_name(str_starts(s, STR("*.")) ? str_from(s, 2) : s)
		   ? NULL
		   : "a host such as \"mx.example.org\" or \"*.example.org\"";
}

/* RFC 9116 2.5.3 */
static const char *
contact(struct str s)
{
	return str_starts(s, STR("mailto:")) || str_starts(s, STR("https://")) ||
		       str_starts(s, STR("tel:"))
		   ? NULL
		   : "an address such as \"mailto:security@example.org\" or "
		     "\"https://example.org/security\"";
}

static const char *
trust_anchor(struct str s)
{
	return str_find(s, STR(" DS ")) < s.n || str_find(s, STR(" DNSKEY ")) < s.n
		   ? NULL
		   : "a DS or DNSKEY record such as \"corp.example. DS 12345 13 2 0123...\"";
}

static const char *
provider_url(struct str s)
{
	struct provider p;

	return provider_parse(s, &p) == 0 ? NULL : provider_wanted;
}

/* ---- [[route]] ---- */

static const char *
route_domain(struct str s)
{
	if (str_eq_z(s, "*") || (is_host_name(s) && s.p[s.n - 1] != '.') ||
	    (s.n > 1 && s.p[0] == '.' && is_host_name(str_from(s, 1))))
		return NULL;
	return "a domain such as \"example.org\", \".example.org\" for all below it, or \"*\" "
	       "(other "
	       "letters than ASCII as xn--...)";
}

static bool
is_address(struct str s)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char z[INET6_ADDRSTRLEN];

	return str_cz(s, z, sizeof(z)) == 0 &&
	       (inet_pton(AF_INET, z, raw) == 1 || inet_pton(AF_INET6, z, raw) == 1);
}

static const char *
route_host(struct str s)
{
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']' && is_address(str_sub(s, 1, s.n - 2)))
		return NULL;
	if (str_starts(s, STR("mx:")))
		s = str_from(s, 3);
	else if (s.n == 0)
		return NULL;
	if (is_host_name(s) && !is_address(s))
		return NULL;
	return "a host such as \"mx.example.net\", \"[192.0.2.1]\" or \"mx:example.net\"";
}

static const char *
acme_directory(struct str s)
{
	struct provider p;

	if (provider_parse(s, &p) == 0 && p.tls && strchr(p.host, ':') == NULL)
		return NULL;
	return "an address such as \"https://acme-v02.api.letsencrypt.org/directory\"";
}

static const char *
acme_name(struct str s)
{
	return s.n > 0 && host_name(s) == NULL
		   ? NULL
		   : "host names such as \"mail.example.org\"; http-01 and tls-alpn-01 prove no "
		     "wildcard";
}

static const char *
acme_contact(struct str s)
{
	return str_starts(s, STR("mailto:")) && s.n > 7 && mailbox(str_from(s, 7)) == NULL
		   ? NULL
		   : "\"mailto:\" and an address, such as \"mailto:admin@example.org\"";
}

static const struct {
	enum conf_key key;
	const char *(*check)(struct str value);
} rules[] = {
    {CONF_SERVER_HOST_NAME, host_name},
    {CONF_SERVER_DATA_DIR, data_dir},
    {CONF_SERVER_RUN_DIR, run_dir},
    {CONF_SERVER_USER_PREFIX, system_name},
    {CONF_SERVER_ADMIN_GROUP, system_name},
    {CONF_TLS_CERTIFICATE, file},
    {CONF_TLS_KEY, file},
    {CONF_TLS_CLIENT_CA, file},
    {CONF_ACME_DIRECTORY, acme_directory},
    {CONF_ACME_NAMES, acme_name},
    {CONF_ACME_CONTACT, acme_contact},
    {CONF_ACME_LISTEN, address},
    {CONF_ACME_CA_FILE, file},
    {CONF_ACME_EAB_KEY_FILE, file},
    {CONF_SMTP_LISTEN, address},
    {CONF_SUBMISSION_LISTEN, address},
    {CONF_SUBMISSION_LISTEN_TLS, address},
    {CONF_IMAP_LISTEN, address},
    {CONF_IMAP_LISTEN_TLS, address},
    {CONF_WEB_LISTEN, address},
    {CONF_WEB_LISTEN_PLAIN, address},
    {CONF_WEB_TRUSTED_PROXIES, network},
    {CONF_WEB_MTA_STS_MX, mx_pattern},
    {CONF_WEB_SECURITY_CONTACT, contact},
    {CONF_AUTH_MECHANISMS, mechanism},
    {CONF_AUTH_POSTMASTER, mailbox},
    {CONF_AUTH_TAG_SEPARATOR, tag_separator},
    {CONF_DNS_UPSTREAMS, upstream},
    {CONF_DNS_TRUST_ANCHOR, file},
    {CONF_DNS_TRUST_ANCHORS, trust_anchor},
    {CONF_DNS_ZONES, zone},
    {CONF_DNS_INSECURE, domain},
    {CONF_LIMITS_TRUSTED_NETWORKS, network},
    {CONF_METRICS_NETWORKS, network},
    {CONF_METRICS_LISTEN, address},
    {CONF_REMOTE_CA_FILE, file},
    {CONF_ASSISTANT_URL, provider_url},
    {CONF_ASSISTANT_API_KEY_FILE, file},
    {CONF_ASSISTANT_CA_FILE, file},
    {CONF_DMARC_REPORT_FROM, mailbox},
    {CONF_DMARC_REPORT_ADDRESS, mailbox},
    {CONF_LOG_TO, log_to},
    {CONF_CERTIFICATE_CERTIFICATE, certificate_file},
    {CONF_CERTIFICATE_KEY, certificate_file},
    {CONF_CERTIFICATE_NAMES, certificate_name},
    {CONF_ROUTE_DOMAIN, route_domain},
    {CONF_ROUTE_HOST, route_host},
    {CONF_ROUTE_PASSWORD_FILE, file},
    {CONF_ROUTE_CA_FILE, file},
};

const char *
conf_check_value(enum conf_key k, struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (is_cntl(value.p[i]))
			return "text without control characters";
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].key == k)
			return rules[i].check(value);
	return NULL;
}

static int
check_route(const struct conf *c, size_t i, struct err *e)
{
	struct str domain = conf_row_str(c, CONF_ROUTE_DOMAIN, i), tls;
	bool user = conf_row_str(c, CONF_ROUTE_USER, i).n != 0;
	bool password = conf_row_str(c, CONF_ROUTE_PASSWORD_FILE, i).n != 0;

	if (user != password)
		return err_set(e, E_INVAL, "[[route]]: %s is set but %s is not; write both or none",
		    user ? "user" : "password_file", user ? "password_file" : "user");
	if (user && conf_row_str(c, CONF_ROUTE_HOST, i).n == 0)
		return err_set(e, E_INVAL,
		    "[[route]]: user is set but host is not; write the host to "
		    "log in at");
	/* A password goes to nobody but the host that it is for. */
	tls = conf_row_str(c, CONF_ROUTE_TLS, i);
	if (user && !str_eq_z(tls, "required") && !str_eq_z(tls, "dane"))
		return err_set(e, E_INVAL,
		    "[[route]]: user is set; write tls = \"required\" (or \"dane\"), so "
		    "that the password is safe");
	for (size_t other = 0; other < i; other++)
		if (str_ieq(domain, conf_row_str(c, CONF_ROUTE_DOMAIN, other)))
			return err_set(e, E_INVAL,
			    "[[route]]: there is one for \"" STR_FMT "\" already, at %s",
			    STR_ARG(domain), conf_row_origin(c, CONF_ROUTE_DOMAIN, other));
	return 0;
}

int
conf_check_row(const struct conf *c, enum conf_table t, size_t i, struct err *e)
{
	switch (t) {
	case CONF_TABLE_ROUTE:
		return check_route(c, i, e);
	case CONF_TABLE_CERTIFICATE:
	case CONF_TABLES_COUNT:
		break;
	}
	return 0;
}

/* A CONFIG message has to hold the rows of all tables (IPC_PAYLOAD_MAX), beside the keys. */
#define TABLES_TEXT_MAX 40000u

static int
check_tables(const struct conf *c, const char *name, struct err *e)
{
	size_t octets = 0, n;
	struct arena a;
	struct str *v;

	arena_init(&a);
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		for (n = conf_pack(c, conf_tables[t].name, &a, &v); n > 0; n--)
			octets += v[n - 1].n + sizeof(uint32_t);
	arena_free(&a);
	if (octets > TABLES_TEXT_MAX)
		return err_set(e, E_INVAL,
		    "%s: the tables ([[%s]] ...) are too long: %zu octets, where %u fit", name,
		    conf_tables[0].name, octets, TABLES_TEXT_MAX);
	return 0;
}

/* "file:line:column: " of what was written, not of a default. */
static int
at_key(const struct conf *c, enum conf_key k, const char *name, struct err *e)
{
	const char *origin = conf_origin(c, k);

	return err_wrap(e, "%s", strcmp(origin, "default") == 0 ? name : origin);
}

/* Mail goes to a model on this machine, or by leave; a key goes to nobody who can be overheard. */
static int
check_assistant(const struct conf *c, const char *name, struct err *e)
{
	struct str url = conf_str(c, CONF_ASSISTANT_URL);
	struct provider p;

	if (str_eq_z(conf_str(c, CONF_ASSISTANT_PROVIDER), "builtin") ||
	    provider_parse(url, &p) < 0)
		return 0;
	if (conf_str(c, CONF_ASSISTANT_MODEL).n == 0) {
		err_set(e, E_INVAL,
		    "assistant.provider is set but assistant.model is not; write its name, such as "
		    "\"qwen3:8b\"");
		return at_key(c, CONF_ASSISTANT_PROVIDER, name, e);
	}
	if (conf_bool(c, CONF_ASSISTANT_LOCAL_ONLY) && !provider_is_local(&p)) {
		err_set(e, E_INVAL,
		    "assistant.url: \"" STR_FMT "\" is not on this machine, and mail would leave "
		    "it; write \"http://127.0.0.1:%u\", or local_only = false to allow it",
		    STR_ARG(url), p.port);
		return at_key(c, CONF_ASSISTANT_URL, name, e);
	}
	if (conf_str(c, CONF_ASSISTANT_API_KEY_FILE).n > 0 && !p.tls && !provider_is_local(&p)) {
		err_set(e, E_INVAL,
		    "assistant.url: the key would cross the network unencrypted; write "
		    "\"https://%s\"",
		    p.host);
		return at_key(c, CONF_ASSISTANT_URL, name, e);
	}
	return 0;
}

#define ACME_NAMES_MAX 100u

static int
check_acme(const struct conf *c, const char *name, struct err *e)
{
	const char *wrong = NULL;
	size_t n;

	(void)conf_list(c, CONF_ACME_NAMES, &n);
	if (str_eq_z(conf_str(c, CONF_ACME_CHALLENGE), "off"))
		return 0;
	if (!conf_bool(c, CONF_ACME_TERMS_AGREED))
		wrong = "acme.terms_agreed is not; read the authority's terms of service, and "
			"write terms_agreed = true if you agree";
	else if (conf_str(c, CONF_TLS_CERTIFICATE).n > 0)
		wrong = "tls.certificate is too; take one of them away";
	else if ((conf_str(c, CONF_ACME_EAB_KID).n > 0) !=
		 (conf_str(c, CONF_ACME_EAB_KEY_FILE).n > 0))
		wrong = "of eab_kid and eab_key_file only one is; write both or none";
	else if (n > ACME_NAMES_MAX)
		wrong = "acme.names has more than 100 names; an authority takes no more in one "
			"certificate";
	if (wrong == NULL)
		return 0;
	err_set(e, E_INVAL, "acme.challenge is set, and %s", wrong);
	return at_key(c, CONF_ACME_CHALLENGE, name, e);
}

int
conf_check_whole(const struct conf *c, const char *name, struct err *e)
{
	const char *present = NULL, *absent = NULL;

	if (conf_str(c, CONF_SERVER_HOST_NAME).n == 0)
		return err_set(e, E_INVAL,
		    "%s: the name of this server is missing; write host_name = "
		    "\"mail.example.org\" (with "
		    "your name) on a line of its own below [server], or set "
		    "GKMAIL_SERVER_HOST_NAME",
		    name);
	if (conf_str(c, CONF_TLS_CERTIFICATE).n != 0 && conf_str(c, CONF_TLS_KEY).n == 0)
		present = "certificate", absent = "key";
	if (conf_str(c, CONF_TLS_CERTIFICATE).n == 0 && conf_str(c, CONF_TLS_KEY).n != 0)
		present = "key", absent = "certificate";
	if (present != NULL)
		return err_set(e, E_INVAL,
		    "%s: tls.%s is set but tls.%s is not; write both or none", name, present,
		    absent);
	if (!str_eq_z(conf_str(c, CONF_SUBMISSION_CLIENT_CERTIFICATES), "off") &&
	    conf_str(c, CONF_TLS_CLIENT_CA).n == 0)
		return err_set(e, E_INVAL,
		    "%s: submission.client_certificates is set but tls.client_ca is not; write the "
		    "file with the authority that signs them",
		    name);
	if (conf_num(c, CONF_QUEUE_RETRY_FIRST) > conf_num(c, CONF_QUEUE_RETRY_MAX))
		return err_set(e, E_INVAL,
		    "%s: queue.retry_first (%s) is longer than queue.retry_max (%s); write a "
		    "shorter first wait",
		    name, c->v[CONF_QUEUE_RETRY_FIRST].text.p, c->v[CONF_QUEUE_RETRY_MAX].text.p);
	if (check_acme(c, name, e) < 0 || check_assistant(c, name, e) < 0)
		return -1;
	return check_tables(c, name, e);
}
