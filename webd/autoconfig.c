/*
 * autoconfig.c - the three dialects of "how do I set up my mail program?". See autoconfig.h.
 *
 * They tell host, ports and that the password is used over TLS: nothing that is not the same for
 * everybody, so nobody logs in for it. Whether an address exists is not told.
 */
#include "webd/autoconfig.h"

#include <sodium.h>

#include "base/num.h"
#include "mail/address.h"
#include "svc/svc.h"
#include "webd/domains.h"
#include "webd/routes.h"

#define OUT_MAX (32u << 10)

/* ---- what is told ---- */

/* The port of the first of "*:993", "192.0.2.1:993", "[::]:993". */
static unsigned
port_of(const struct conf *c, enum conf_key k)
{
	const struct str *list;
	uint64_t port;
	size_t n;

	list = conf_list(c, k, &n);
	if (n == 0 || num_parse(str_from(list[0], str_rchr(list[0], ':') + 1), 1, 65535, &port) < 0)
		return 0;
	return (unsigned)port;
}

void
autoconfig_of(const struct conf *c, struct autoconfig *out)
{
	*out = (struct autoconfig){.host = conf_str(c, CONF_SERVER_HOST_NAME),
	    .imap = port_of(c, CONF_IMAP_LISTEN),
	    .imaps = port_of(c, CONF_IMAP_LISTEN_TLS),
	    .submission = port_of(c, CONF_SUBMISSION_LISTEN),
	    .submissions = port_of(c, CONF_SUBMISSION_LISTEN_TLS)};
}

static void
put_xml(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '"':
			buf_puts(b, "&quot;");
			break;
		default:
			buf_putc(b, s.p[i]);
		}
	}
}

/* "before", text escaped, "after" */
static void
put(struct buf *b, const char *before, struct str text, const char *after)
{
	buf_puts(b, before);
	put_xml(b, text);
	buf_puts(b, after);
}

/* ---- Thunderbird, and many others after it ---- */

static void
thunderbird_server(struct buf *b, const struct autoconfig *a, bool in, unsigned port, bool tls)
{
	const char *tag = in ? "incomingServer" : "outgoingServer";

	if (port == 0)
		return;
	buf_printf(b, "    <%s type=\"%s\">\n", tag, in ? "imap" : "smtp");
	put(b, "      <hostname>", a->host, "</hostname>\n");
	buf_printf(b,
	    "      <port>%u</port>\n      <socketType>%s</socketType>\n"
	    "      <authentication>password-cleartext</authentication>\n"
	    "      <username>%%EMAILADDRESS%%</username>\n    </%s>\n",
	    port, tls ? "SSL" : "STARTTLS", tag);
}

void
autoconfig_thunderbird(const struct autoconfig *a, struct str domain, struct buf *b)
{
	put(b,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n"
	    "  <emailProvider id=\"",
	    domain, "\">\n");
	put(b, "    <domain>", domain, "</domain>\n");
	put(b, "    <displayName>", domain, "</displayName>\n");
	put(b, "    <displayShortName>", domain, "</displayShortName>\n");
	thunderbird_server(b, a, true, a->imaps, true);
	thunderbird_server(b, a, true, a->imap, false);
	thunderbird_server(b, a, false, a->submissions, true);
	thunderbird_server(b, a, false, a->submission, false);
	buf_puts(b, "  </emailProvider>\n</clientConfig>\n");
}

/* ---- Outlook ---- */

struct str
autoconfig_asked(struct str xml)
{
	static const struct str open = STR_INIT("<EMailAddress>");
	size_t at = str_find(xml, open);
	struct str rest;

	if (at == xml.n)
		return STR_NONE;
	rest = str_from(xml, at + open.n);
	return str_trim(str_sub(rest, 0, str_chr(rest, '<')));
}

static void
outlook_server(struct buf *b, const struct autoconfig *a, const char *type, unsigned tls_port,
    unsigned port, struct str address)
{
	if (tls_port == 0 && port == 0)
		return;
	buf_printf(b, "      <Protocol>\n        <Type>%s</Type>\n", type);
	put(b, "        <Server>", a->host, "</Server>\n");
	buf_printf(b,
	    "        <Port>%u</Port>\n        <SSL>on</SSL>\n"
	    "        <Encryption>%s</Encryption>\n"
	    "        <AuthRequired>on</AuthRequired>\n        <SPA>off</SPA>\n",
	    tls_port ? tls_port : port, tls_port ? "SSL" : "TLS");
	put(b, "        <LoginName>", address, "</LoginName>\n      </Protocol>\n");
}

void
autoconfig_outlook(const struct autoconfig *a, struct str address, struct buf *b)
{
	static const char ns[] = "http://schemas.microsoft.com/exchange/autodiscover/";

	buf_printf(b,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Autodiscover "
	    "xmlns=\"%sresponseschema/2006\">\n"
	    "  <Response xmlns=\"%soutlook/responseschema/2006a\">\n    <Account>\n"
	    "      <AccountType>email</AccountType>\n      <Action>settings</Action>\n",
	    ns, ns);
	outlook_server(b, a, "IMAP", a->imaps, a->imap, address);
	outlook_server(b, a, "SMTP", a->submissions, a->submission, address);
	buf_puts(b, "    </Account>\n  </Response>\n</Autodiscover>\n");
}

/* ---- Apple ---- */

/* The same for the same address and purpose: a profile fetched again takes the place of the first.
 * RFC 9562 5.8. */
static void
put_uuid(struct buf *b, const struct autoconfig *a, struct str address, const char *purpose)
{
	unsigned char h[16];
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, sizeof(h));
	crypto_generichash_update(&s, (const unsigned char *)purpose, strlen(purpose) + 1);
	crypto_generichash_update(&s, (const unsigned char *)a->host.p, a->host.n);
	crypto_generichash_update(&s, (const unsigned char *)"", 1);
	crypto_generichash_update(&s, (const unsigned char *)address.p, address.n);
	crypto_generichash_final(&s, h, sizeof(h));
	h[6] = (unsigned char)((h[6] & 0x0f) | 0x80);
	h[8] = (unsigned char)((h[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(h); i++)
		buf_printf(b, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", h[i]);
}

static void
apple_server(struct buf *b, const struct autoconfig *a, const char *side, unsigned tls_port,
    unsigned port, struct str address)
{
	if (tls_port == 0 && port == 0)
		return;
	buf_printf(b,
	    "\t\t\t<key>%sMailServerAuthentication</key><string>EmailAuthPassword</string>\n",
	    side);
	buf_printf(b, "\t\t\t<key>%sMailServerHostName</key>", side);
	put(b, "<string>", a->host, "</string>\n");
	buf_printf(b, "\t\t\t<key>%sMailServerPortNumber</key><integer>%u</integer>\n", side,
	    tls_port ? tls_port : port);
	buf_printf(b, "\t\t\t<key>%sMailServerUseSSL</key><true/>\n", side);
	buf_printf(b, "\t\t\t<key>%sMailServerUsername</key>", side);
	put(b, "<string>", address, "</string>\n");
}

static void
apple_payload(struct buf *b, const struct autoconfig *a, struct str address, const char *type,
    const char *purpose)
{
	buf_printf(b, "<key>PayloadType</key><string>%s</string>\n", type);
	buf_puts(
	    b, "<key>PayloadVersion</key><integer>1</integer>\n<key>PayloadUUID</key><string>");
	put_uuid(b, a, address, purpose);
	put(b, "</string>\n<key>PayloadIdentifier</key><string>", a->host, ".");
	buf_printf(b, "%s.", purpose);
	put(b, "", address, "</string>\n<key>PayloadDisplayName</key>");
	put(b, "<string>", address, "</string>\n");
}

void
autoconfig_apple(const struct autoconfig *a, struct str address, struct buf *b)
{
	buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		    "<plist version=\"1.0\">\n<dict>\n");
	apple_payload(b, a, address, "Configuration", "profile");
	buf_puts(b, "<key>PayloadContent</key>\n<array>\n\t<dict>\n"
		    "\t\t\t<key>EmailAccountType</key><string>EmailTypeIMAP</string>\n");
	put(b, "\t\t\t<key>EmailAddress</key><string>", address, "</string>\n");
	put(b, "\t\t\t<key>EmailAccountDescription</key><string>", address, "</string>\n");
	apple_server(b, a, "Incoming", a->imaps, a->imap, address);
	apple_server(b, a, "Outgoing", a->submissions, a->submission, address);
	buf_puts(b, "\t\t\t<key>OutgoingPasswordSameAsIncomingPassword</key><true/>\n");
	apple_payload(b, a, address, "com.apple.mail.managed", "mail");
	buf_puts(b, "\t</dict>\n</array>\n</dict>\n</plist>\n");
}

/* ---- routes ---- */

enum dialect {
	THUNDERBIRD,
	OUTLOOK,
	APPLE
};

struct question {
	enum dialect dialect;
	struct str address, domain;
};

static void
tell(struct exchange *x, void *arg)
{
	const struct question *q = arg;
	struct autoconfig a;
	struct buf b;

	autoconfig_of(svc_conf(), &a);
	buf_init(&b, OUT_MAX);
	switch (q->dialect) {
	case THUNDERBIRD:
		autoconfig_thunderbird(&a, q->domain, &b);
		break;
	case OUTLOOK:
		autoconfig_outlook(&a, q->address, &b);
		break;
	case APPLE:
		autoconfig_apple(&a, q->address, &b);
		exchange_set(
		    x, "Content-Disposition", STR("attachment; filename=\"mail.mobileconfig\""));
		break;
	}
	exchange_respond(x, 200,
	    q->dialect == APPLE ? "application/x-apple-aspen-config"
				: "application/xml; charset=utf-8",
	    buf_view(&b));
	buf_free(&b);
}

/* address may be none where a domain is known. */
static void
ask(struct exchange *x, enum dialect d, struct str address, struct str domain)
{
	struct question *q = arena_new(&x->arena, struct question);
	struct str local;

	q->dialect = d;
	q->domain = domain;
	if (address.n > 0 && (address_canonical(address, &x->arena, &q->address, NULL) < 0 ||
				 !address_split(q->address, &local, &q->domain))) {
		exchange_problem(x, 400, "The address is none.");
		return;
	}
	domains_ask(x, q->domain, tell, q);
}

static void
thunderbird(struct exchange *x)
{
	struct str host = x->host, name, address = STR_NONE;

	(void)str_cut(&host, ':', &name);
	if (str_starts(name, STR("autoconfig.")))
		name = str_from(name, 11);
	if (!exchange_parameter(x, "emailaddress", &address))
		address = STR_NONE;
	ask(x, THUNDERBIRD, address, name);
}

static void
outlook(struct exchange *x)
{
	struct str address = autoconfig_asked(x->body);

	if (address.n == 0)
		exchange_problem(x, 400, "No EMailAddress is asked about.");
	else
		ask(x, OUTLOOK, address, STR_NONE);
}

static void
apple(struct exchange *x)
{
	struct str address;

	if (!exchange_parameter(x, "email", &address) || address.n == 0)
		exchange_problem(x, 400, "The parameter email is missing.");
	else
		ask(x, APPLE, address, STR_NONE);
}

#define OUTLOOK_ROW(path)                                          \
	{                                                          \
		path, METHOD_POST, outlook, 16u << 10, ROUTE_WHOLE \
	}

const struct route autoconfig_routes[] = {
    {"/mail/config-v1.1.xml", METHOD_GET, thunderbird, 0, 0},
    {"/.well-known/autoconfig/mail/config-v1.1.xml", METHOD_GET, thunderbird, 0, 0},
    /* Programs differ in how they write it. */
    OUTLOOK_ROW("/autodiscover/autodiscover.xml"),
    OUTLOOK_ROW("/Autodiscover/Autodiscover.xml"),
    OUTLOOK_ROW("/AutoDiscover/AutoDiscover.xml"),
    {"/apple.mobileconfig", METHOD_GET, apple, 0, 0},
    {0},
};
