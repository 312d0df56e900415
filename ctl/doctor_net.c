/*
 * doctor_net.c - what others see of our listeners: whether they are reached, what certificate they
 * show, whether they relay.
 *
 * Blocking, with time limits: gkmail has nothing else to do meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/doctor.h"
#include "ctl/talk.h"
#include "ctl/zone.h"

/* ---- ports ---- */

static void
try_public(const char *name, const struct sockaddr_storage *a, socklen_t n, const char *text)
{
	int fd = talk_reach(a, n);

	if (fd >= 0) {
		close(fd);
		doctor_say(FINDING_OK, "ports", NULL, "%s is reached at %s", name, text);
	} else {
		doctor_say(FINDING_WARN, "ports",
		    "look at the firewall; from inside a network its router may be why",
		    "%s is not reached at %s from here: %m", name, text);
	}
}

/* By the addresses that the server's name has in the DNS. */
static int
try_name(const struct status_listener *l, uint16_t port, struct err *e)
{
	const struct conf *c = client_conf(e);
	struct dns_answer r;
	char text[INET_ADDRSTRLEN];

	if (c == NULL || zone_ask(conf_str(c, CONF_SERVER_HOST_NAME), DNS_A, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n && i < 4; i++) {
		struct sockaddr_storage a = {0};
		struct sockaddr_in *v4 = (struct sockaddr_in *)&a;

		*v4 = (struct sockaddr_in){
		    .sin_family = AF_INET, .sin_port = port, .sin_addr = r.records[i].a};
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		try_public(arena_dupz(&ctl.arena, l->name), &a, sizeof(*v4), text);
	}
	return 0;
}

int
doctor_ports(const struct status *s, bool online, struct err *e)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct status_listener *l = &s->listeners[i];
		struct sockaddr_storage a;
		bool only_here = false;
		socklen_t n;

		if (talk_address(l->address, &a, &n, &only_here) < 0 ||
		    str_eq_z(l->name, "metrics") || str_eq_z(l->name, "http"))
			continue;
		if (only_here)
			doctor_say(FINDING_WARN, "ports",
			    "let it listen on \"*\", where others shall come by it",
			    STR_FMT " at " STR_FMT " is for programs on this machine alone",
			    STR_ARG(l->name), STR_ARG(l->address));
		else if (online && try_name(l, ((struct sockaddr_in *)&a)->sin_port, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- certificates ---- */

static void
judge(const char *name, const char *host, SSL *ssl)
{
	X509 *shown = SSL_get0_peer_certificate(ssl);
	long trusted = SSL_get_verify_result(ssl);

	if (shown == NULL || X509_check_host(shown, host, 0, 0, NULL) != 1)
		doctor_say(FINDING_FAIL, "tls", "get a certificate for server.host_name",
		    "%s shows a certificate that is not for %s", name, host);
	else if (trusted != X509_V_OK)
		doctor_say(FINDING_WARN, "tls",
		    "get one of a public authority, and put its chain into tls.certificate",
		    "clients will not trust what %s shows: %s", name,
		    X509_verify_cert_error_string(trusted));
	else
		doctor_say(
		    FINDING_OK, "tls", NULL, "%s shows a certificate that clients trust", name);
}

static void
try_tls(SSL_CTX *ctx, const char *name, const char *host, struct str address)
{
	struct sockaddr_storage a;
	bool only_here;
	SSL *ssl = NULL;
	socklen_t n;
	int fd = -1;

	if (talk_address(address, &a, &n, &only_here) < 0 || (fd = talk_reach(&a, n)) < 0) {
		doctor_say(FINDING_FAIL, "tls", "gkmail log says what the process complains of",
		    "%s takes no connection: %m", name);
		return;
	}
	if ((ssl = SSL_new(ctx)) == NULL || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_set_tlsext_host_name(ssl, host) != 1 || SSL_connect(ssl) != 1)
		doctor_say(FINDING_FAIL, "tls", "gkmail log says what the process complains of",
		    "no TLS handshake with %s", name);
	else
		judge(name, host, ssl);
	SSL_free(ssl);
	close(fd);
}

void
doctor_tls(const struct status *s, const char *host)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	/* The system's authorities; what they do not sign is a finding, not an end. */
	if (ctx == NULL || SSL_CTX_set_default_verify_paths(ctx) != 1) {
		SSL_CTX_free(ctx);
		return;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct str name = s->listeners[i].name;

		if (str_eq_z(name, "submissions") || str_eq_z(name, "imaps") ||
		    str_eq_z(name, "https"))
			try_tls(ctx, arena_dupz(&ctl.arena, name), host, s->listeners[i].address);
	}
	SSL_CTX_free(ctx);
}

/* ---- relay ---- */

/* The code of an answer, its last line read (RFC 5321 4.2.1); -1: there is none. */
static int
answer(FILE *f)
{
	char line[1024];

	while (fgets(line, sizeof(line), f) != NULL)
		if (strlen(line) > 3 && line[3] != '-')
			return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	return -1;
}

static int
ask(FILE *f, const char *command)
{
	if (fprintf(f, "%s\r\n", command) < 0 || fflush(f) != 0)
		return -1;
	fseek(f, 0, SEEK_CUR); /* a stream for both ways turns round */
	return answer(f);
}

/* A stranger's mail for a stranger, in the shapes that lead relays astray. */
static void
try_relay(FILE *f, const char *address)
{
	static const char *const shapes[] = {"RCPT TO:<someone@example.net>",
	    "RCPT TO:<@localhost:someone@example.net>", "RCPT TO:<someone%example.net@localhost>",
	    "RCPT TO:<\"someone@example.net\"@localhost>",
	    "RCPT TO:<example.net!someone@localhost>", "RCPT TO:<someone@[192.0.2.1]>"};
	unsigned taken = 0;

	if (answer(f) != 220 || ask(f, "EHLO doctor.example.com") != 250 ||
	    ask(f, "MAIL FROM:<doctor@example.com>") != 250) {
		doctor_say(FINDING_WARN, "relay", "run it again later; gkmail log says more",
		    "%s does not take a transaction now", address);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		int code = ask(f, shapes[i]);

		if (code / 100 != 2)
			continue;
		taken++;
		doctor_say(FINDING_FAIL, "relay",
		    "find what lets it: gkmail config show; gkmail alias list",
		    "%s takes mail of strangers for strangers: %s", address, shapes[i]);
	}
	ask(f, "RSET");
	ask(f, "QUIT");
	if (taken == 0)
		doctor_say(FINDING_OK, "relay", NULL, "%s takes no mail of strangers for strangers",
		    address);
}

void
doctor_relay(const struct status *s)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		const char *address = arena_dupz(&ctl.arena, s->listeners[i].address);
		struct sockaddr_storage a;
		bool only_here;
		socklen_t n;
		FILE *f;
		int fd;

		if (!str_eq_z(s->listeners[i].name, "smtp") ||
		    talk_address(s->listeners[i].address, &a, &n, &only_here) < 0)
			continue;
		if ((fd = talk_reach(&a, n)) < 0 || (f = fdopen(fd, "r+")) == NULL) {
			doctor_say(FINDING_FAIL, "relay", "gkmail status shows what runs",
			    "%s takes no connection: %m", address);
			continue;
		}
		try_relay(f, address);
		fclose(f);
	}
}
