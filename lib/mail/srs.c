/*
 * srs.c - see srs.h. What comes back is a stranger's: nothing of it is believed before the hash
 * holds.
 */
#include "mail/srs.h"

#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"

#define HASH_LEN 4u
#define DAYS_ALL 1024u /* two characters of base32 */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* ---- parts ---- */

static bool
starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	/* The separator behind the name may be any of three (published); ours is '='. */
	return s.n > n && str_ieq(str_sub(s, 0, n), str_of(prefix, n)) &&
	       (s.p[n] == '=' || s.p[n] == '+' || s.p[n] == '-');
}

bool
srs_is(struct str local)
{
	return starts(local, "SRS0") || starts(local, "SRS1");
}

/* Over all that must not be changed, without case. */
static void
hash(const unsigned char *key, struct str a, struct str b, struct str c, char out[HASH_LEN + 1])
{
	const struct str parts[] = {a, b, c};
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state s;
	char text[64];

	crypto_auth_hmacsha256_init(&s, key, SRS_KEY);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (size_t k = 0; k < parts[i].n; k++) {
			unsigned char ch = (unsigned char)parts[i].p[k];

			if (ch >= 'A' && ch <= 'Z')
				ch = (unsigned char)(ch - 'A' + 'a');
			crypto_auth_hmacsha256_update(&s, &ch, 1);
		}
	crypto_auth_hmacsha256_final(&s, mac);
	sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
	memcpy(out, text, HASH_LEN);
	out[HASH_LEN] = '\0';
}

static bool
holds(const unsigned char *key, struct str said, struct str a, struct str b, struct str c)
{
	char want[HASH_LEN + 1];

	hash(key, a, b, c, want);
	return str_ieq(said, str_of(want, HASH_LEN));
}

static int
digit(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	at = c != '\0' ? strchr(base32, c) : NULL;
	return at ? (int)(at - base32) : -1;
}

static bool
is_recent(struct str stamp, uint64_t day)
{
	int high = stamp.n == 2 ? digit(stamp.p[0]) : -1, low = high < 0 ? -1 : digit(stamp.p[1]);

	return low >= 0 && (day + DAYS_ALL - (uint64_t)(high * 32 + low)) % DAYS_ALL <= SRS_DAYS;
}

/* ---- there ---- */

/* One line, of which the parts can be told apart again. */
static bool
is_plain(struct str local, struct str domain)
{
	for (size_t i = 0; i < local.n; i++)
		if (is_cntl(local.p[i]) || local.p[i] == '"' || local.p[i] == '@')
			return false;
	for (size_t i = 0; i < domain.n; i++)
		if (is_cntl(domain.p[i]) || domain.p[i] == '=')
			return false;
	return local.n > 0 && domain.n > 0;
}

static int
finish(struct str local, struct str domain, struct arena *a, struct str *out, struct err *e)
{
	if (local.n > ADDRESS_LOCAL_MAX || local.n + domain.n + 3 > ADDRESS_PATH_MAX)
		return err_set(e, E_LIMIT, "too long for an address");
	*out = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain));
	return 0;
}

int
srs_forward(const unsigned char key[SRS_KEY], struct str sender, struct str domain, uint64_t day,
    struct arena *a, struct str *out, struct err *e)
{
	struct str local, from, said, hop, rest, to;
	char sum[HASH_LEN + 1], stamp[3];

	if (!address_split(sender, &local, &from) || !is_plain(local, from))
		return err_set(e, E_INVAL, "not an address that can be rewritten");
	rest = str_from(local, num_min(local.n, (size_t)5));
	if (starts(local, "SRS1") && str_cut(&rest, '=', &said) && str_cut(&rest, '=', &hop) &&
	    hop.n > 0 && rest.n > 0) {
		/* It leads back to the first forwarder, whoever comes between. */
		hash(key, hop, rest, STR_NONE, sum);
		to = arena_printf(
		    a, "SRS1=%s=" STR_FMT "=" STR_FMT, sum, STR_ARG(hop), STR_ARG(rest));
	} else if (starts(local, "SRS0")) {
		rest = str_from(local, 4); /* with its separator */
		hash(key, from, rest, STR_NONE, sum);
		to = arena_printf(
		    a, "SRS1=%s=" STR_FMT "=" STR_FMT, sum, STR_ARG(from), STR_ARG(rest));
	} else {
		snprintf(
		    stamp, sizeof(stamp), "%c%c", base32[day % DAYS_ALL / 32], base32[day % 32]);
		hash(key, str_of(stamp, 2), from, local, sum);
		to = arena_printf(a, "SRS0=%s=%s=" STR_FMT "=" STR_FMT, sum, stamp, STR_ARG(from),
		    STR_ARG(local));
	}
	return finish(to, domain, a, out, e);
}

/* ---- and back ---- */

int
srs_reverse(const unsigned char key[SRS_KEY], struct str local, uint64_t day, struct arena *a,
    struct str *out, struct err *e)
{
	struct str rest = str_from(local, num_min(local.n, (size_t)5)), said, stamp, domain;

	if (!srs_is(local) || !str_cut(&rest, '=', &said))
		return err_set(e, E_INVAL, "not a rewritten address");
	if (starts(local, "SRS1")) {
		if (!str_cut(&rest, '=', &domain) || domain.n == 0 || rest.n == 0)
			return err_set(e, E_INVAL, "not a rewritten address");
		if (!holds(key, said, domain, rest, STR_NONE))
			return err_set(e, E_DENIED, "not one of ours");
		return finish(arena_printf(a, "SRS0" STR_FMT, STR_ARG(rest)), domain, a, out, e);
	}
	if (!str_cut(&rest, '=', &stamp) || !str_cut(&rest, '=', &domain) || domain.n == 0 ||
	    rest.n == 0)
		return err_set(e, E_INVAL, "not a rewritten address");
	if (!holds(key, said, stamp, domain, rest) || !is_recent(stamp, day))
		return err_set(e, E_DENIED, "not one of ours, or too old");
	return finish(rest, domain, a, out, e);
}
