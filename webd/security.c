/* security.c - see security.h. */
#include "webd/security.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "svc/svc.h"
#include "webd/exchange_in.h"

static const struct {
	const char *name, *value;
} fields[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
	"camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"},
    /* What is no document of ours (files.c) loads nothing, runs nothing, is in no frame: data, and
     * what people were sent. */
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"},
};

void
security_fields(struct exchange *x)
{
	uint64_t hsts = conf_num(svc_conf(), CONF_WEB_HSTS) / 1000;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!respond_has(x, fields[i].name))
			exchange_set(x, fields[i].name, str_z(fields[i].value));
	/* RFC 6797 7.2: never over plain HTTP. */
	if (x->secure && hsts > 0)
		exchange_setf(
		    x, "Strict-Transport-Security", "max-age=%llu", (unsigned long long)hsts);
}

int
security_accept(struct str key, char out[SECURITY_ACCEPT_SIZE])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[EVP_MAX_MD_SIZE], nonce[16];
	char text[24 + sizeof(guid)];
	unsigned n = 0;
	size_t got = 0;

	if (key.n != 24 ||
	    sodium_base642bin(nonce, sizeof(nonce), key.p, key.n, NULL, &got, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    got != sizeof(nonce))
		return -1;
	memcpy(text, key.p, 24);
	memcpy(text + 24, guid, sizeof(guid));
	assume(
	    EVP_Digest(text, 24 + sizeof(guid) - 1, digest, &n, EVP_sha1(), NULL) == 1 && n == 20);
	sodium_bin2base64(out, SECURITY_ACCEPT_SIZE, digest, n, sodium_base64_VARIANT_ORIGINAL);
	return 0;
}
