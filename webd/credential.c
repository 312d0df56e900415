/*
 * credential.c - reads what a request shows for itself. See webauth.h.
 */
#include <sodium.h>

#include "base/mem.h"
#include "webd/webauth.h"

#define BASIC_MAX 2048u /* octets of name and password; authd takes less of either */

/* Base 64 for addresses without padding (RFC 4648 5), the one form of 32 octets. */
static bool
take_token(struct str s, unsigned char out[WEBAUTH_TOKEN])
{
	size_t n = 0;

	return s.n == sodium_base64_ENCODED_LEN(
			  WEBAUTH_TOKEN, sodium_base64_VARIANT_URLSAFE_NO_PADDING) -
			  1 &&
	       sodium_base642bin(out, WEBAUTH_TOKEN, s.p, s.n, NULL, &n, NULL,
		   sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       n == WEBAUTH_TOKEN;
}

/* RFC 7617 2: name, a colon, password; in UTF-8. A NUL would divide what SASL PLAIN is told. */
static bool
take_basic(struct str s, struct arena *a, struct credential *out)
{
	char *text = arena_alloc(a, BASIC_MAX);
	struct str rest;
	size_t n = 0;

	if (sodium_base642bin((unsigned char *)text, BASIC_MAX, s.p, s.n, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) < 0)
		return false;
	rest = str_of(text, n);
	return str_is_utf8(rest) && str_cut(&rest, ':', &out->user) && out->user.n > 0 &&
	       (out->password = rest).n > 0;
}

void
credential_read(
    struct str authorization, struct str cookie, struct arena *a, struct credential *out)
{
	struct str scheme, rest = authorization;

	*out = (struct credential){.kind = CREDENTIAL_NONE};
	if (authorization.p == NULL) {
		if (cookie.p != NULL)
			out->kind =
			    take_token(cookie, out->token) ? CREDENTIAL_COOKIE : CREDENTIAL_BAD;
		return;
	}
	out->kind = CREDENTIAL_BAD;
	if (!str_cut(&rest, ' ', &scheme))
		return;
	rest = str_trim(rest);
	if (str_ieq_z(scheme, "bearer") && take_token(rest, out->token))
		out->kind = CREDENTIAL_BEARER;
	else if (str_ieq_z(scheme, "basic") && take_basic(rest, a, out))
		out->kind = CREDENTIAL_BASIC;
}
