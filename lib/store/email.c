/* email.c - see email.h. */
#include "store/email.h"

#include <sodium.h>
#include <string.h>

#include "base/id.h"
#include "store/maildir.h"

/* As ids have it (id.h). */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

#define DIGITS 13u /* of 5 bits: 65 */

uint64_t
email_hash(struct str octets)
{
	uint64_t n = 0;

	crypto_generichash(
	    (unsigned char *)&n, sizeof n, (const unsigned char *)octets.p, octets.n, NULL, 0);
	return n != 0 ? n : 1;
}

const char *
email_text(uint64_t number, char letter, char out[EMAIL_TEXT_SIZE])
{
	out[0] = letter;
	for (unsigned i = 0; i < DIGITS; i++) {
		out[DIGITS - i] = digits[number & 31];
		number >>= 5;
	}
	out[DIGITS + 1] = 0;
	return out;
}

uint64_t
email_parse(struct str text, char letter)
{
	uint64_t n = 0;

	if (text.n != DIGITS + 1 || text.p[0] != letter)
		return 0;
	for (size_t i = 1; i < text.n; i++) {
		const char *at = text.p[i] ? strchr(digits, text.p[i]) : NULL;

		/* The first digit has room for one bit more than there is. */
		if (at == NULL || (i == 1 && at - digits > 15))
			return 0;
		n = n << 5 | (uint64_t)(at - digits);
	}
	return n;
}

uint64_t
email_number(struct str base)
{
	struct maildir_name name;
	uint64_t n = 0;

	if (maildir_parse(base, &name) < 0)
		return email_hash(base);
	if (name.email.n > 0)
		n = email_parse(name.email, EMAIL_LETTER);
	return n != 0 ? n : email_hash(id_valid(name.id) ? name.id : base);
}
