/* idna.c - internationalised domain names, by libidn2. See idna.h. */
#include "net/idna.h"

#include <idn2.h>

#define DOMAIN_MAX 1024u /* octets of UTF-8; 253 of A-labels come out at most */

int
idna_to_ascii(struct str domain, struct arena *a, struct str *out, struct err *e)
{
	char in[DOMAIN_MAX], *ascii = NULL;
	int rc;

	if (domain.n > 0 && domain.p[domain.n - 1] == '.')
		domain.n--;
	if (domain.n == 0 || str_cz(domain, in, sizeof(in)) < 0)
		return err_set(e, E_INVAL, "no domain name");
	if (str_is_ascii(domain)) {
		str_lower(domain, in);
		*out = arena_dup(a, str_of(in, domain.n));
		return domain.n <= 253
			   ? 0
			   : err_set(e, E_INVAL, "a domain name of %zu octets", domain.n);
	}
	rc = idn2_to_ascii_8z(in, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(
		    e, E_INVAL, "no internationalised domain name: %s", idn2_strerror(rc));
	*out = arena_dup(a, str_z(ascii));
	idn2_free(ascii);
	return 0;
}
