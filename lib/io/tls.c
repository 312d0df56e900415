/*
 * tls.c - server contexts: certificates by name, and the policy of tls.h.
 *
 * Everything OpenSSL needs is read here, from descriptors, so that a closed-in process can do it
 * again at a reload: openssl.cnf is not read (the policy is ours and must not change with the
 * machine), and nothing is looked up by name. Owner: whoever made a context, and each session made
 * of it. Errors: E_INVAL for what is wrong with the files, E_IO for what cannot be read.
 */
#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/tls_private.h"

#define CONTEXT_MAGIC 0x544c5343u
#define TICKET_LIFE_S 7200
#define CA_MAX        (256u * 1024u)

/* TLS 1.2: forward secrecy and AEAD (RFC 9325 4.2). TLS 1.3 has nothing else. */
#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP"
#define GROUPS     "X25519:P-256:P-384"
/* No SHA-1 and SHA-224, no DSA. */
#define SIGNATURES                                                                      \
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:" \
	"RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

struct tls_context {
	unsigned magic;
	unsigned refs;
	SSL_CTX *ssl;
	struct str alpn;         /* owned */
	struct tls_cert **certs; /* the first is for those who ask for no name, or for another */
	size_t ncerts;
	const char *diverted;      /* the protocol whose clients are */
	struct tls_context *other; /* of this context; owned */
};

/* ---- policy ---- */

/* RFC 7301 3.2: no protocol in common ends the handshake, so that a peer which means to speak
 * another protocol is not answered by this one. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
    unsigned inlen, void *arg)
{
	const struct tls_context *c = arg;

	struct str ours = c->alpn, name;
	bool more = true;

	(void)ssl;
	while (more) {
		more = str_cut(&ours, ' ', &name);
		for (unsigned i = 0; i < inlen && in[i] < inlen - i; i += in[i] + 1u) {
			if (!str_eq(str_of(in + i + 1, in[i]), name))
				continue;
			*out = in + i + 1;
			*outlen = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* RFC 6066 3: the certificates of the name that the client asks for. A resumed session has its own
 * and does not come here. */
static int
choose_certificate(SSL *ssl, void *arg)
{
	struct tls_context *c = arg;
	struct str host = str_z(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	enum tls_match best = TLS_MATCH_NONE, m;
	size_t last = 0;

	OBJ(c, CONTEXT_MAGIC);
	for (size_t i = 0; i < c->ncerts; i++)
		if ((m = tls_cert_match(c->certs[i], host)) > best)
			best = m;
	for (size_t i = 0; best != TLS_MATCH_NONE && i < c->ncerts; i++)
		if (tls_cert_match(c->certs[i], host) == best)
			last = i;
	if (last == 0) /* the first is there already, and alone */
		return 1;
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < c->ncerts; i++)
		if (tls_cert_match(c->certs[i], host) == best && !tls_cert_use(c->certs[i], ssl))
			return 0;
	return 1;
}

/* tls-server-end-point belongs to the certificate that the client has seen, and a resumed session
 * shows none: its ticket remembers. */
static int
note_end_point(SSL *ssl, void *arg)
{
	unsigned char hash[64];
	size_t n;

	(void)arg;
	if (SSL_session_reused(ssl))
		return 1;
	n = tls_cert_end_point(SSL_get_certificate(ssl), hash);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), hash, n);
}

static int
set_policy(struct tls_context *c, const struct tls_options *o)
{
	SSL_CTX *ssl = c->ssl;

	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				     /* Mail programs often hang up without an alert. The protocols
					above know where a message ends. */
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	/* One system call for what is there, instead of two for each record. */
	SSL_CTX_set_read_ahead(ssl, 1);
	/* Tickets, which cost the server no memory; one, as a client seldom comes back twice at
	 * once. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_timeout(ssl, TICKET_LIFE_S);
	SSL_CTX_set_session_ticket_cb(ssl, note_end_point, NULL, NULL);
	if (o->tickets)
		tls_tickets_use(o->tickets, ssl);
	SSL_CTX_set_security_level(ssl, 2);
	if (o->alpn.n > 0) {
		c->alpn = str_of(mem_dup(o->alpn.p, o->alpn.n), o->alpn.n);
		SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, c);
	}
	SSL_CTX_set_cert_cb(ssl, choose_certificate, c);
	return SSL_CTX_set_min_proto_version(ssl, o->only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(ssl, CIPHERS_12) && SSL_CTX_set1_groups_list(ssl, GROUPS) &&
	       SSL_CTX_set1_sigalgs_list(ssl, SIGNATURES);
}

/* ---- clients' certificates ---- */

/* A bad one counts as none: what OpenSSL found is kept and asked for later. */
static int
take_any(int ok, X509_STORE_CTX *chain)
{
	(void)ok, (void)chain;
	return 1;
}

/* A session is resumed only where its client would be asked the same: a ticket of port 25 is no way
 * around a certificate (RFC 5246 7.4.1.3 leaves that to us; OpenSSL wants a context of it). */
static int
set_clients(struct tls_context *c, const struct tls_options *o, struct err *e)
{
	struct {
		uint32_t mode;
		unsigned char ca[28];
	} where = {.mode = o->clients};
	char *room = NULL;
	size_t n = 0;
	int rc = -1;

	if (o->clients != TLS_CLIENTS_OFF) {
		SSL_CTX_set_verify(c->ssl,
		    SSL_VERIFY_PEER |
			(o->clients == TLS_CLIENTS_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
		    o->clients == TLS_CLIENTS_REQUIRE ? NULL : take_any);
		if (tls_client_ca(c->ssl, o->client_ca_fd, e) < 0)
			goto out;
		room = mem_alloc(CA_MAX);
		if (file_pread_some(o->client_ca_fd, room, CA_MAX, 0, &n, e) < 0)
			goto out;
		crypto_generichash(where.ca, sizeof(where.ca), (void *)room, n, NULL, 0);
	}
	assume(SSL_CTX_set_session_id_context(c->ssl, (void *)&where, sizeof(where)) == 1);
	rc = 0;
out:
	free(room);
	return rc;
}

/* ---- clients of another context ---- */

/* RFC 7301 3.1: the list's length, then names with theirs. */
static bool
offers_only(SSL *ssl, const char *protocol)
{
	const unsigned char *p;
	size_t n, len = strlen(protocol);

	return SSL_client_hello_get0_ext(
		   ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) == 1 &&
	       n == len + 3 && p[0] == 0 && p[1] == len + 1 && p[2] == len &&
	       memcmp(p + 3, protocol, len) == 0;
}

/* RFC 6066 3: one name of type host_name. STR_NONE: it is written otherwise. */
static struct str
name_asked(SSL *ssl)
{
	const unsigned char *p;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 ||
	    ((size_t)p[0] << 8 | p[1]) != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name ||
	    ((size_t)p[3] << 8 | p[4]) != n - 5)
		return STR_NONE;
	return str_of(p + 5, n - 5);
}

/* A handshake goes on with a context that is nobody's any more. */
static void
let_go(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct tls_context *c = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	tls_context_free(&c);
}

static int
kept_by_session(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, let_go);
	assume(index >= 0);
	return index;
}

/* Before anything of the handshake is decided: certificate and protocol follow the context. */
static int
divert(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *c = arg;
	struct str name;

	(void)alert;
	OBJ(c, CONTEXT_MAGIC);
	if (c->other == NULL || !offers_only(ssl, c->diverted))
		return SSL_CLIENT_HELLO_SUCCESS;
	name = name_asked(ssl);
	for (size_t i = 0; i < c->other->ncerts; i++)
		if (tls_cert_match(c->other->certs[i], name) == TLS_MATCH_EXACT) {
			/* Tickets are c's, whatever the context. */
			SSL_set_options(ssl, SSL_OP_NO_TICKET);
			SSL_set_num_tickets(ssl, 0);
			SSL_set_SSL_CTX(ssl, c->other->ssl);
			SSL_set_ex_data(ssl, kept_by_session(), tls_context_ref(c->other));
			break;
		}
	return SSL_CLIENT_HELLO_SUCCESS;
}

void
tls_server_divert(struct tls_context *c, const char *alpn, struct tls_context *other)
{
	OBJ(c, CONTEXT_MAGIC);
	tls_context_free(&c->other);
	c->diverted = alpn;
	c->other = other != NULL ? tls_context_ref(other) : NULL;
	SSL_CTX_set_client_hello_cb(c->ssl, divert, c);
}

/* ---- contexts ---- */

static void
keep(struct tls_context *c, struct tls_cert *cert)
{
	c->certs = mem_grow(c->certs, c->ncerts + 1, sizeof(struct tls_cert *));
	c->certs[c->ncerts++] = cert;
}

/* The first one. OpenSSL sees here whether key and algorithms are strong enough. */
static int
load(struct tls_context *c, int cert_fd, int key_fd, struct err *e)
{
	struct tls_cert *cert = tls_cert_load(cert_fd, key_fd, e);

	if (!cert)
		return -1;
	keep(c, cert);
	return tls_cert_use_ctx(cert, c->ssl) ? 0 : tls_err(e, "certificate");
}

struct tls_context *
tls_context_new(struct ssl_ctx_st *ssl)
{
	struct tls_context *c = mem_alloc(sizeof(*c));

	c->magic = CONTEXT_MAGIC;
	c->refs = 1;
	c->ssl = ssl;
	return c;
}

struct tls_context *
tls_server_new(int cert_fd, int key_fd, const struct tls_options *o, struct err *e)
{
	struct tls_context *c;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	c = tls_context_new(SSL_CTX_new(TLS_server_method()));
	if (!c->ssl || !set_policy(c, o)) {
		tls_err(e, "tls");
		goto fail;
	}
	if (set_clients(c, o, e) < 0 || load(c, cert_fd, key_fd, e) < 0)
		goto fail;
	return c;
fail:
	tls_context_free(&c);
	return NULL;
}

int
tls_server_add(struct tls_context *c, int cert_fd, int key_fd, const struct str *names, size_t n,
    struct err *e)
{
	struct tls_cert *cert;
	SSL *trial = NULL;
	int rc = -1;

	OBJ(c, CONTEXT_MAGIC);
	if (!(cert = tls_cert_load(cert_fd, key_fd, e)))
		goto out;
	if (n > 0)
		tls_cert_set_names(cert, names, n);
	if (tls_cert_names(cert) == 0) {
		err_set(e, E_INVAL,
		    "certificate: there is no host name in it (subjectAltName); write names = "
		    "[\"mail.example.org\"] with those that it is for");
		goto out;
	}
	trial = SSL_new(c->ssl);
	assume(trial);
	if (!tls_cert_use(cert, trial)) {
		tls_err(e, "certificate");
		goto out;
	}
	keep(c, cert);
	cert = NULL;
	rc = 0;
out:
	SSL_free(trial);
	tls_cert_free(&cert);
	return rc;
}

bool
tls_context_serves(const struct tls_context *c, struct str host)
{
	OBJ(c, CONTEXT_MAGIC);
	assume(c->ncerts > 0);
	return tls_cert_match(c->certs[c->ncerts - 1], host) != TLS_MATCH_NONE;
}

int64_t
tls_context_expires(const struct tls_context *c)
{
	OBJ(c, CONTEXT_MAGIC);
	assume(c->ncerts > 0);
	return tls_cert_expires(c->certs[c->ncerts - 1]);
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	OBJ(c, CONTEXT_MAGIC);
	c->refs++;
	return c;
}

void
tls_context_free(struct tls_context **c)
{
	struct tls_context *old = *c;

	*c = NULL;
	if (!old)
		return;
	OBJ(old, CONTEXT_MAGIC);
	if (--old->refs > 0)
		return;
	SSL_CTX_free(old->ssl);
	for (size_t i = 0; i < old->ncerts; i++)
		tls_cert_free(&old->certs[i]);
	free(old->certs);
	tls_context_free(&old->other);
	free((char *)old->alpn.p);
	old->magic = 0;
	free(old);
}

struct ssl_ctx_st *
tls_context_ssl(const struct tls_context *c)
{
	OBJ(c, CONTEXT_MAGIC);
	return c->ssl;
}
