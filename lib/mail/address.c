/*
 * address.c - the grammar of SMTP addresses (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3).
 *
 * A cursor (struct str *in) moves over the text; every take_ function moves it only over what it
 * took.
 */
#include "mail/address.h"

#include <arpa/inet.h>
#include <utf8proc.h>

#include "base/mem.h"

#define LABEL_MAX 63u /* RFC 1035 2.3.4 */

static bool
take(struct str *in, char c)
{
	if (in->n == 0 || in->p[0] != c)
		return false;
	*in = str_from(*in, 1);
	return true;
}

static bool
is_high(char c)
{
	return (unsigned char)c > 127;
}

/* atext, RFC 5322 3.2.3; RFC 6531 3.3 adds UTF8-non-ascii. */
static bool
is_atext(char c)
{
	return is_alnum(c) || is_high(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Dot-string = Atom *("." Atom) */
static bool
is_dot_string(struct str s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? after_dot : !is_atext(s.p[i]))
			return false;
		after_dot = s.p[i] == '.';
	}
	return !after_dot;
}

static int
take_dot_string(struct str *in, struct str *out, struct err *e)
{
	size_t n = 0;

	while (n < in->n && (in->p[n] == '.' || is_atext(in->p[n])))
		n++;
	*out = str_of(in->p, n);
	if (!is_dot_string(*out))
		return err_set(e, E_INVAL, "bad local part");
	*in = str_from(*in, n);
	return 0;
}

/* Quoted-string with qtextSMTP and quoted-pairSMTP: printable ASCII, and UTF-8. */
static int
take_quoted(struct str *in, struct arena *a, struct str *out, struct err *e)
{
	char *to = arena_alloc(a, in->n);
	size_t i = 1, n = 0;

	while (i < in->n && in->p[i] != '"') {
		bool escaped = in->p[i] == '\\';

		if (escaped && ++i == in->n)
			break;
		/* quoted-pairSMTP escapes ASCII only, RFC 6531 leaves it so. */
		if (is_cntl(in->p[i]) || (escaped && is_high(in->p[i])))
			return err_set(e, E_INVAL, "bad character in local part");
		to[n++] = in->p[i++];
	}
	if (i >= in->n)
		return err_set(e, E_INVAL, "quoted local part does not end");
	*out = str_of(to, n);
	*in = str_from(*in, i + 1);
	return 0;
}

/* One character as utf8proc sees it, lower-cased. */
static size_t
put_lower(utf8proc_int32_t c, utf8proc_uint8_t *to)
{
	return (size_t)utf8proc_encode_char(utf8proc_tolower(c), to);
}

/* Lower case and NFC of valid UTF-8. */
static struct str
lower_nfc(struct str s, struct arena *a)
{
	utf8proc_uint8_t *low, *nfc = NULL;
	utf8proc_ssize_t len;
	utf8proc_int32_t c;
	size_t i = 0, n = 0;
	struct str out;

	if (str_is_ascii(s)) {
		out = arena_dup(a, s);
		str_lower(s, (char *)(uintptr_t)out.p);
		return out;
	}
	low = arena_alloc(a, s.n * 4 + 1);
	while (i < s.n) {
		len = utf8proc_iterate(
		    (const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
		assume(len > 0); /* checked to be UTF-8 before */
		n += put_lower(c, low + n);
		i += (size_t)len;
	}
	len = utf8proc_map(low, (utf8proc_ssize_t)n, &nfc, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	if (len < 0)
		return arena_dup(a, str_of(low, n));
	out = arena_dup(a, str_of(nfc, (size_t)len));
	free(nfc);
	return out;
}

/* sub-domain = Let-dig [Ldh-str], or a U-label, RFC 6531 3.3 */
static bool
is_label(struct str s)
{
	if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && !is_high(s.p[i]))
			return false;
	return true;
}

static bool
is_domain(struct str s)
{
	struct str label;
	bool more = true;

	while (more) {
		more = str_cut(&s, '.', &label);
		if (!is_label(label))
			return false;
	}
	return true;
}

static int
take_domain(struct str *in, struct arena *a, struct str *out, struct err *e)
{
	size_t n = 0;
	struct str s;

	while (n < in->n &&
	       (is_alnum(in->p[n]) || in->p[n] == '-' || in->p[n] == '.' || is_high(in->p[n])))
		n++;
	s = str_of(in->p, n);
	if (!str_is_ascii(s) && !str_is_utf8(s))
		return err_set(e, E_INVAL, "domain is not UTF-8");
	if (s.n > ADDRESS_DOMAIN_MAX)
		return err_set(e, E_LIMIT, "domain over %u octets", ADDRESS_DOMAIN_MAX);
	*out = lower_nfc(s, a);
	if (!is_domain(*out))
		return err_set(e, E_INVAL, "bad domain");
	if (out->n > ADDRESS_DOMAIN_MAX)
		return err_set(e, E_LIMIT, "domain over %u octets", ADDRESS_DOMAIN_MAX);
	*in = str_from(*in, n);
	return 0;
}

/* Snum 3("." Snum), Snum = 1*3DIGIT of at most 255. (inet_pton refuses the leading zeros that RFC
 * 5321 allows.) */
static bool
is_ipv4(struct str s)
{
	struct str part;
	bool more = true;
	int parts = 0;

	while (more) {
		int v = 0;

		more = str_cut(&s, '.', &part);
		if (part.n == 0 || part.n > 3)
			return false;
		for (size_t i = 0; i < part.n; i++) {
			if (!is_digit(part.p[i]))
				return false;
			v = v * 10 + (part.p[i] - '0');
		}
		if (v > 255)
			return false;
		parts++;
	}
	return parts == 4;
}

static bool
is_ipv6(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ip;

	return str_cz(s, text, sizeof(text)) == 0 && inet_pton(AF_INET6, text, &ip) == 1;
}

/* address-literal, RFC 5321 4.1.3. IPv6 is the only tag that is registered: others are refused. */
static int
take_literal(struct str *in, struct arena *a, struct str *out, struct err *e)
{
	size_t end = str_chr(*in, ']');
	struct str inner = str_sub(*in, 1, end - 1);
	char *to;

	if (end == in->n)
		return err_set(e, E_INVAL, "address literal does not end");
	if (!(str_istarts(inner, STR("IPv6:")) ? is_ipv6(str_from(inner, 5)) : is_ipv4(inner)))
		return err_set(e, E_INVAL, "bad address literal");
	to = arena_alloc(a, end + 1);
	str_lower(str_of(in->p, end + 1), to);
	*out = str_of(to, end + 1);
	*in = str_from(*in, end + 1);
	return 0;
}

/* The local part as it is written: quoted only where it must be. */
static void
put_local(struct str local, char *to, size_t *n)
{
	if (is_dot_string(local)) {
		memcpy(to + *n, local.p, local.n);
		*n += local.n;
		return;
	}
	to[(*n)++] = '"';
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			to[(*n)++] = '\\';
		to[(*n)++] = local.p[i];
	}
	to[(*n)++] = '"';
}

static struct str
join(struct str local, struct str domain, struct arena *a)
{
	char *to = arena_alloc(a, local.n * 2 + domain.n + 3);
	size_t n = 0;

	put_local(local, to, &n);
	if (domain.n > 0) {
		to[n++] = '@';
		memcpy(to + n, domain.p, domain.n);
		n += domain.n;
	}
	return str_of(to, n);
}

static int
take_local(struct str *in, unsigned flags, struct arena *a, struct str *out, struct err *e)
{
	size_t before = in->n;
	int rc;

	if (in->n == 0)
		return err_set(e, E_INVAL, "address is empty");
	rc = in->p[0] == '"' ? take_quoted(in, a, out, e) : take_dot_string(in, out, e);
	if (rc < 0)
		return -1;
	/* As it was written: its quotes count. */
	if (before - in->n > ADDRESS_LOCAL_MAX)
		return err_set(e, E_LIMIT, "local part over %u octets", ADDRESS_LOCAL_MAX);
	if (str_is_ascii(*out))
		return 0;
	if (!(flags & ADDRESS_UTF8))
		return err_set(e, E_INVAL, "non-ASCII address needs SMTPUTF8");
	if (!str_is_utf8(*out))
		return err_set(e, E_INVAL, "local part is not UTF-8");
	return 0;
}

/* What comes behind the '@'. */
static int
take_host(struct str *in, unsigned flags, struct arena *a, struct address *out, struct err *e)
{
	out->literal = in->n > 0 && in->p[0] == '[';
	if ((out->literal ? take_literal(in, a, &out->domain, e)
			  : take_domain(in, a, &out->domain, e)) < 0)
		return -1;
	if (!(flags & ADDRESS_UTF8) && !str_is_ascii(out->domain))
		return err_set(e, E_INVAL, "non-ASCII address needs SMTPUTF8");
	return 0;
}

static int
take_mailbox(struct str *in, unsigned flags, struct arena *a, struct address *out, struct err *e)
{
	if (take_local(in, flags, a, &out->local, e) < 0)
		return -1;
	if (take(in, '@')) {
		if (take_host(in, flags, a, out, e) < 0)
			return -1;
	} else if (!(flags & ADDRESS_POSTMASTER) || !str_ieq(out->local, STR("postmaster"))) {
		/* RFC 5321 4.1.1.3: only <Postmaster> stands without a domain. */
		return err_set(e, E_INVAL,
		    in->n == 0 || in->p[0] == '>' ? "address has no domain" : "bad local part");
	}
	out->text = join(out->local, out->domain, a);
	out->utf8 = !str_is_ascii(out->text);
	/* The limit is on the path with its brackets. */
	if (out->text.n + 2 > ADDRESS_PATH_MAX)
		return err_set(e, E_LIMIT, "address over %u octets", ADDRESS_PATH_MAX - 2);
	return 0;
}

/* A-d-l ":": "@a,@b:", must be accepted and should be ignored (RFC 5321 4.1.1.3, appendix C). */
static int
skip_route(struct str *in, struct arena *a, struct err *e)
{
	struct str domain;

	do {
		if (!take(in, '@'))
			return err_set(e, E_INVAL, "bad source route");
		if (take_domain(in, a, &domain, e) < 0)
			return -1;
	} while (take(in, ','));
	return take(in, ':') ? 0 : err_set(e, E_INVAL, "bad source route");
}

int
address_path(struct str *in, unsigned flags, struct arena *a, struct address *out, struct err *e)
{
	struct str s = *in;

	*out = (struct address){.text = STR("")};
	if (!take(&s, '<'))
		return err_set(e, E_INVAL, "address needs angle brackets");
	if (take(&s, '>')) {
		if (!(flags & ADDRESS_NULL))
			return err_set(e, E_INVAL, "address is empty");
		*in = s;
		return 0;
	}
	if (s.n > 0 && s.p[0] == '@' && skip_route(&s, a, e) < 0)
		return -1;
	if (take_mailbox(&s, flags, a, out, e) < 0)
		return -1;
	if (!take(&s, '>'))
		return err_set(e, E_INVAL, "bad address");
	*in = s;
	return 0;
}

int
address_parse(struct str s, unsigned flags, struct arena *a, struct address *out, struct err *e)
{
	*out = (struct address){.text = STR("")};
	if (take_mailbox(&s, flags, a, out, e) < 0)
		return -1;
	return s.n == 0 ? 0 : err_set(e, E_INVAL, "bad address");
}

int
address_domain(struct str s, unsigned flags, struct arena *a, struct str *out, struct err *e)
{
	if (take_domain(&s, a, out, e) < 0)
		return -1;
	if (s.n > 0)
		return err_set(e, E_INVAL, "bad domain");
	if (!(flags & ADDRESS_UTF8) && !str_is_ascii(*out))
		return err_set(e, E_INVAL, "non-ASCII domain");
	return 0;
}

int
address_canonical(struct str s, struct arena *a, struct str *out, struct err *e)
{
	struct address addr;
	struct str local;

	if (address_parse(s, ADDRESS_UTF8, a, &addr, e) < 0)
		return -1;
	local = lower_nfc(addr.local, a);
	if (local.n > ADDRESS_LOCAL_MAX)
		return err_set(e, E_LIMIT, "local part over %u octets", ADDRESS_LOCAL_MAX);
	*out = join(local, addr.domain, a);
	if (out->n + 2 > ADDRESS_PATH_MAX)
		return err_set(e, E_LIMIT, "address over %u octets", ADDRESS_PATH_MAX - 2);
	return 0;
}

void
address_split_tag(struct str local, char sep, struct str *user, struct str *tag)
{
	/* A separator at the front belongs to the name: the user is never empty. */
	size_t at = local.n > 1 ? 1 + str_chr(str_from(local, 1), sep) : local.n;

	*user = str_sub(local, 0, at);
	*tag = at < local.n ? str_from(local, at + 1) : STR_NONE;
}

struct str
address_host(struct str address)
{
	struct str local, host;

	return address_split(address, &local, &host) ? host : STR("");
}

bool
address_split(struct str address, struct str *local, struct str *domain)
{
	size_t at = str_rchr(address, '@');

	*local = str_sub(address, 0, at);
	*domain = at < address.n ? str_from(address, at + 1) : STR_NONE;
	return at < address.n;
}

/* Characters that a directory's name of ours may have: no controls, no separators, nothing
 * invisible. */
static bool
is_plain_name(struct str s)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t len;

	if (s.n == 0 || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i += (size_t)len) {
		len = utf8proc_iterate(
		    (const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
		if (len <= 0 || c == '/' || c == '\\' || c < 32 || c == 127)
			return false;
		if (c > 127 && (utf8proc_category(c) == UTF8PROC_CATEGORY_CN ||
				   utf8proc_category(c) >= UTF8PROC_CATEGORY_ZS))
			return false;
	}
	return true;
}

int
address_home(struct str user, char out[ADDRESS_HOME_SIZE], struct err *e)
{
	struct arena a;
	struct address addr;
	struct str canonical;
	int rc = -1;

	arena_init(&a);
	if (address_canonical(user, &a, &canonical, e) < 0 ||
	    address_parse(canonical, ADDRESS_UTF8, &a, &addr, e) < 0)
		goto out;
	if (!str_eq(canonical, user)) {
		err_set(e, E_INVAL, "address is not in its canonical form");
		goto out;
	}
	if (addr.literal || !is_plain_name(addr.local)) {
		err_set(e, E_INVAL, "address cannot have a mailbox here");
		goto out;
	}
	memcpy(out, addr.domain.p, addr.domain.n);
	out[addr.domain.n] = '/';
	memcpy(out + addr.domain.n + 1, addr.local.p, addr.local.n);
	out[addr.domain.n + 1 + addr.local.n] = '\0';
	rc = 0;
out:
	arena_free(&a);
	return rc;
}
