/*
 * saslprep.c - see saslprep.h.
 *
 * RFC 4013 names Unicode 3.2; utf8proc knows a newer one, in which more code points are assigned.
 * What 3.2 left unassigned was allowed in queries and refused in stored strings; here both follow
 * the newer tables.
 */
#include "authd/saslprep.h"

#include <sodium.h>
#include <utf8proc.h>

static bool
within(utf8proc_int32_t c, utf8proc_int32_t from, utf8proc_int32_t to)
{
	return c >= from && c <= to;
}

/* RFC 3454 C.1.2: spaces that are not ASCII. */
static bool
is_other_space(utf8proc_int32_t c)
{
	return c == 0xa0 || c == 0x1680 || within(c, 0x2000, 0x200b) || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* RFC 3454 B.1: commonly mapped to nothing. */
static bool
is_nothing(utf8proc_int32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x1806 || within(c, 0x180b, 0x180d) ||
	       within(c, 0x200c, 0x200d) || c == 0x2060 || within(c, 0xfe00, 0xfe0f) || c == 0xfeff;
}

/* RFC 4013 2.3. */
static bool
is_prohibited(utf8proc_int32_t c)
{
	utf8proc_category_t is = utf8proc_category(c);

	/* C.2.1 and C.2.2, C.3, C.5, C.4 with what is unassigned. */
	if (is == UTF8PROC_CATEGORY_CC || is == UTF8PROC_CATEGORY_CO ||
	    is == UTF8PROC_CATEGORY_CS || is == UTF8PROC_CATEGORY_CN)
		return true;
	return is_other_space(c) || c == 0x6dd || c == 0x70f || c == 0x180e ||
	       within(c, 0x2028, 0x2029) || within(c, 0x206a, 0x206f) || /* C.2.2 */
	       within(c, 0x2061, 0x2063) || within(c, 0x1d173, 0x1d17a) ||
	       within(c, 0xfff9, 0xfffd) || /* C.2.2, C.6 */
	       within(c, 0x2ff0, 0x2ffb) || /* C.7 */
	       within(c, 0x340, 0x341) || within(c, 0x200e, 0x200f) ||
	       within(c, 0x202a, 0x202e) ||                 /* C.8 */
	       c == 0xe0001 || within(c, 0xe0020, 0xe007f); /* C.9 */
}

/* RFC 3454 6: right-to-left text may not be mixed, and stands at both ends. */
static int
check_bidi(const utf8proc_uint8_t *p, size_t n, struct err *e)
{
	bool ral = false, left = false, first_ral = false, last_ral = false;
	utf8proc_ssize_t step;

	for (size_t i = 0; i < n; i += (size_t)step) {
		utf8proc_int32_t c;
		bool r;

		if ((step = utf8proc_iterate(p + i, (utf8proc_ssize_t)(n - i), &c)) <= 0)
			return err_set(e, E_INVAL, "not UTF-8");
		if (is_prohibited(c))
			return err_set(e, E_INVAL, "a character that may not be used");
		r = utf8proc_get_property(c)->bidi_class == UTF8PROC_BIDI_CLASS_R ||
		    utf8proc_get_property(c)->bidi_class == UTF8PROC_BIDI_CLASS_AL;
		left |= utf8proc_get_property(c)->bidi_class == UTF8PROC_BIDI_CLASS_L;
		if (i == 0)
			first_ral = r;
		last_ral = r;
		ral |= r;
	}
	if (ral && (left || !first_ral || !last_ral))
		return err_set(e, E_INVAL, "left-to-right and right-to-left text are mixed");
	return 0;
}

static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 126 || is_cntl(s.p[i]))
			return false;
	return true;
}

static utf8proc_int32_t
map(utf8proc_int32_t c, void *arg)
{
	(void)arg;
	return is_other_space(c) ? ' ' : c;
}

/* RFC 3454 B.1, into mapped: what maps to nothing is dropped. -1 for what is no UTF-8. */
static int
drop_nothing(struct str s, struct buf *mapped, struct err *e)
{
	utf8proc_ssize_t step;

	for (size_t i = 0; i < s.n; i += (size_t)step) {
		utf8proc_int32_t c;

		step = utf8proc_iterate(
		    (const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
		if (step <= 0)
			return err_set(e, E_INVAL, "not UTF-8");
		if (!is_nothing(c))
			buf_put(mapped, s.p + i, (size_t)step);
	}
	return mapped->over ? err_set(e, E_LIMIT, "too long") : 0;
}

static int
prepare(struct str s, struct buf *out, struct err *e)
{
	utf8proc_uint8_t *nfkc = NULL;
	utf8proc_ssize_t n = 0;
	struct buf mapped;
	int rc = -1;

	buf_init(&mapped, SASLPREP_MAX);
	if (drop_nothing(s, &mapped, e) < 0)
		goto out;
	n = utf8proc_map_custom((const utf8proc_uint8_t *)mapped.p, (utf8proc_ssize_t)mapped.n,
	    &nfkc, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT, map, NULL);
	if (n < 0) {
		err_set(e, E_INVAL, "%s", utf8proc_errmsg(n));
		goto out;
	}
	if (check_bidi(nfkc, (size_t)n, e) < 0)
		goto out;
	rc = buf_put(out, nfkc, (size_t)n);
	if (rc < 0)
		err_set(e, E_LIMIT, "too long");
out:
	if (nfkc != NULL && n > 0)
		sodium_memzero(nfkc, (size_t)n);
	free(nfkc);
	if (mapped.p != NULL)
		sodium_memzero(mapped.p, mapped.n);
	buf_free(&mapped);
	return rc;
}

int
saslprep(struct str s, struct buf *out, struct err *e)
{
	size_t before = out->n;

	if (s.n > SASLPREP_MAX)
		return err_set(e, E_LIMIT, "too long");
	if (is_plain(s)) {
		if (buf_str(out, s) < 0)
			return err_set(e, E_LIMIT, "too long");
	} else if (prepare(s, out, e) < 0)
		return -1;
	if (out->n == before)
		return err_set(e, E_INVAL, "empty");
	return 0;
}
