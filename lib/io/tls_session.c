/*
 * tls_session.c - one TLS session on a non-blocking socket, OpenSSL's answers put into
 * five.
 *
 * Owner: the stream. Errors: told as TLS_BROKEN with the reason; a session that broke is only
 * freed.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/tls_private.h"

#define SESSION_MAGIC 0x544c5353u
#define EXPORTER_SIZE 32

struct tls_session {
	unsigned magic;
	bool broken;
	SSL *ssl;
	struct tls_context *context;
	bool checks; /* the peer was to prove something */
	char cipher[64];
	char client[256];
};

static struct tls_session *
session_new(struct tls_context *c, int fd)
{
	struct tls_session *t = mem_alloc(sizeof(*t));

	t->magic = SESSION_MAGIC;
	t->context = tls_context_ref(c);
	t->ssl = SSL_new(tls_context_ssl(c));
	assume(t->ssl && SSL_set_fd(t->ssl, fd) == 1);
	return t;
}

struct tls_session *
tls_session_new(struct tls_context *c, int fd)
{
	struct tls_session *t = session_new(c, fd);

	SSL_set_accept_state(t->ssl);
	return t;
}

struct tls_session *
tls_session_connect(struct tls_context *c, int fd, const struct tls_check *check, struct err *e)
{
	struct tls_session *t = session_new(c, fd);

	SSL_set_connect_state(t->ssl);
	if (tls_client_check(t->ssl, check, e) < 0)
		tls_session_free(&t);
	else
		t->checks = check->ntlsa > 0 || check->nnames > 0;
	return t;
}

void
tls_session_free(struct tls_session **t)
{
	if (!*t)
		return;
	OBJ(*t, SESSION_MAGIC);
	SSL_free((*t)->ssl);
	tls_context_free(&(*t)->context);
	(*t)->magic = 0;
	free(*t);
	*t = NULL;
}

/* Before each operation: SSL_get_error() looks at the error queue and at errno, which others leave
 * behind. */
static void
prepare(struct tls_session *t)
{
	OBJ(t, SESSION_MAGIC);
	ERR_clear_error();
	errno = 0;
}

static enum tls_result
result(struct tls_session *t, int rc, struct tls_why *why)
{
	int no = errno;
	const char *reason;

	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	case SSL_ERROR_SYSCALL:
		t->broken = true;
		*why = (struct tls_why){.no = no ? no : ECONNRESET};
		return TLS_BROKEN;
	default:
		t->broken = true;
		reason = ERR_reason_error_string(ERR_peek_error());
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED)
			reason = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
		*why = (struct tls_why){.text = reason ? reason : "protocol error"};
		ERR_clear_error();
		return TLS_BROKEN;
	}
}

enum tls_result
tls_session_accept(struct tls_session *t, struct tls_why *why)
{
	enum tls_result r;

	prepare(t);
	r = result(t, SSL_do_handshake(t->ssl), why);
	if (r != TLS_END)
		return r;
	*why = (struct tls_why){.no = ECONNRESET};
	return TLS_BROKEN;
}

enum tls_result
tls_session_read(struct tls_session *t, void *p, size_t n, size_t *got, struct tls_why *why)
{
	prepare(t);
	*got = 0;
	return result(t, SSL_read_ex(t->ssl, p, n, got), why);
}

enum tls_result
tls_session_write(
    struct tls_session *t, const void *p, size_t n, size_t *taken, struct tls_why *why)
{
	prepare(t);
	*taken = 0;
	return result(t, SSL_write_ex(t->ssl, p, n, taken), why);
}

enum tls_result
tls_session_close(struct tls_session *t, struct tls_why *why)
{
	int rc;

	if (t->broken || !SSL_is_init_finished(t->ssl))
		return TLS_OK;
	prepare(t);
	rc = SSL_shutdown(t->ssl);
	return rc >= 0 ? TLS_OK : result(t, rc, why);
}

bool
tls_session_holds(const struct tls_session *t)
{
	OBJ(t, SESSION_MAGIC);
	return SSL_has_pending(t->ssl) == 1;
}

const char *
tls_session_verified(const struct tls_session *t)
{
	OBJ(t, SESSION_MAGIC);
	if (!t->checks || !SSL_is_init_finished(t->ssl) ||
	    SSL_get_verify_result(t->ssl) != X509_V_OK || !SSL_get0_peer_certificate(t->ssl))
		return "";
	return SSL_get0_dane_authority(t->ssl, NULL, NULL) >= 0 ? "dane" : "pkix";
}

const char *
tls_session_doubt(const struct tls_session *t)
{
	long found;

	OBJ(t, SESSION_MAGIC);
	found = SSL_get_verify_result(t->ssl);
	return t->checks && found != X509_V_OK ? X509_verify_cert_error_string(found) : "";
}

const char *
tls_session_cipher(struct tls_session *t)
{
	OBJ(t, SESSION_MAGIC);
	if (!SSL_is_init_finished(t->ssl))
		return "";
	snprintf(t->cipher, sizeof(t->cipher), "%s %s", SSL_get_version(t->ssl),
	    SSL_get_cipher_name(t->ssl));
	return t->cipher;
}

/* RFC 9266 2: 32 octets under this label and no context. 4.2: before TLS 1.3 only where the
 * extended master secret (RFC 7627) ties the exporter to the whole handshake. */
static size_t
export_binding(SSL *ssl, unsigned char out[64])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return 0;
	if (SSL_export_keying_material(
		ssl, out, EXPORTER_SIZE, label, sizeof(label) - 1, NULL, 0, 0) != 1)
		return 0;
	return EXPORTER_SIZE;
}

/* RFC 5929 4. */
static size_t
end_point(SSL *ssl, unsigned char out[64])
{
	void *kept;
	size_t n;

	if (!SSL_session_reused(ssl))
		return tls_cert_end_point(SSL_get_certificate(ssl), out);
	if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept, &n) != 1 || n > 64)
		return 0;
	if (n > 0)
		memcpy(out, kept, n);
	return n;
}

struct str
tls_session_alpn(const struct tls_session *t)
{
	const unsigned char *p;
	unsigned n;

	OBJ(t, SESSION_MAGIC);
	SSL_get0_alpn_selected(t->ssl, &p, &n);
	return str_of(p, n);
}

size_t
tls_session_binding(const struct tls_session *t, enum tls_binding kind, unsigned char out[64])
{
	OBJ(t, SESSION_MAGIC);
	if (t->broken || !SSL_is_init_finished(t->ssl))
		return 0;
	switch (kind) {
	case TLS_BINDING_EXPORTER:
		return export_binding(t->ssl, out);
	case TLS_BINDING_END_POINT:
		return end_point(t->ssl, out);
	}
	return 0;
}

/* ---- the client's certificate ---- */

static X509 *
client_certificate(const struct tls_session *t)
{
	OBJ(t, SESSION_MAGIC);
	if (!SSL_is_init_finished(t->ssl) || SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE ||
	    SSL_get_verify_result(t->ssl) != X509_V_OK)
		return NULL;
	return SSL_get0_peer_certificate(t->ssl);
}

const char *
tls_session_client(struct tls_session *t)
{
	X509 *x = client_certificate(t);
	BIO *bio;
	int n;

	t->client[0] = '\0';
	if (!x)
		return t->client;
	bio = BIO_new(BIO_s_mem());
	assume(bio);
	X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
	n = BIO_read(bio, t->client, sizeof(t->client) - 1);
	t->client[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	/* Who signed it is who counts; an empty subject is still somebody. */
	return n > 0 ? t->client : "-";
}

bool
tls_session_client_is(const struct tls_session *t, struct str address)
{
	X509 *x = client_certificate(t);
	GENERAL_NAMES *all = x ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;
	bool any = false, found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type != GEN_EMAIL)
			continue;
		any = true;
		found = found || str_ieq(str_of(ASN1_STRING_get0_data(g->d.rfc822Name),
					     (size_t)ASN1_STRING_length(g->d.rfc822Name)),
				     address);
	}
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return found || !any;
}
