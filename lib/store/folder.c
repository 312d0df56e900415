/*
 * folder.c - see folder.h.
 *
 * '.' divides levels on disk, so that inside a component it is written %2E, and '%' %25: every
 * directory that folder_dir() writes reads back to the same name, and no other is read at all.
 */
#include "store/folder.h"

#include <stdlib.h>
#include <utf8proc.h>

#define PREFIX     "Maildir/"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define ENTRY_MAX  250 /* octets of a directory entry: below NAME_MAX */

/* What a name may not hold: controls (C0, DEL, C1), line and paragraph separators. Names are shown
 * in lists and logs (RFC 5198 2, RFC 9051 5.1). */
static bool
is_bad_point(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

static bool
has_bad_point(struct str s)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s.p;
	utf8proc_ssize_t left = (utf8proc_ssize_t)s.n;

	while (left > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(p, left, &c);

		if (n <= 0 || is_bad_point(c))
			return true;
		p += n;
		left -= n;
	}
	return false;
}

/* Checks the levels of a name that is already NFC. */
static int
check_levels(struct str name, struct err *e)
{
	struct str rest = name, part;
	unsigned depth = 0;
	bool more;

	do {
		more = str_cut(&rest, '/', &part);
		if (part.n == 0)
			return err_set(e, E_INVAL, "a mailbox name with an empty level");
		if (part.n > FOLDER_COMPONENT_MAX)
			return err_set(e, E_INVAL, "mailbox name too long");
		if (str_eq_z(part, ".") || str_eq_z(part, ".."))
			return err_set(e, E_INVAL, "a mailbox name cannot have . or .. as a level");
		if (++depth > FOLDER_DEPTH_MAX)
			return err_set(e, E_INVAL, "mailbox name too deep");
	} while (more);
	return 0;
}

/* NFC of s, NUL-terminated, for free(); NULL when it cannot be. */
static char *
to_nfc(struct str s)
{
	utf8proc_uint8_t *out = NULL;

	if (utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &out,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE) < 0)
		return NULL;
	return (char *)out;
}

int
folder_normalize(struct str name, struct buf *out, struct err *e)
{
	char dir[FOLDER_DIR_SIZE], *nfc = NULL;
	struct str s, first, rest;
	int rc = -1;

	buf_reset(out);
	if (name.n == 0)
		return err_set(e, E_INVAL, "an empty mailbox name");
	if (name.n > FOLDER_NAME_MAX)
		return err_set(e, E_INVAL, "mailbox name too long");
	if (!str_is_utf8(name) || has_bad_point(name))
		return err_set(e, E_INVAL, "a mailbox name with characters that are not allowed");
	if ((nfc = to_nfc(name)) == NULL) {
		err_set(e, E_INVAL, "a mailbox name that is not proper UTF-8");
		goto out;
	}
	s = str_z(nfc);
	if (check_levels(s, e) < 0)
		goto out;
	/* RFC 3501 5.1: INBOX in any case; so its inferiors have one name too. */
	rest = s;
	(void)str_cut(&rest, '/', &first);
	if (str_ieq_z(first, "INBOX"))
		memcpy(nfc, "INBOX", 5);
	if (folder_dir(s, dir, e) < 0)
		goto out;
	if (buf_str(out, s) < 0) {
		err_set(e, E_INVAL, "mailbox name too long");
		goto out;
	}
	rc = 0;
out:
	free(nfc);
	return rc;
}

int
folder_dir(struct str name, char out[FOLDER_DIR_SIZE], struct err *e)
{
	size_t n = PREFIX_LEN;

	if (str_eq_z(name, "INBOX")) {
		memcpy(out, "Maildir", 8);
		return 0;
	}
	memcpy(out, PREFIX ".", PREFIX_LEN + 1);
	n++;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (n + 3 > PREFIX_LEN + ENTRY_MAX)
			return err_set(e, E_INVAL, "mailbox name too long");
		if (c == '.' || c == '%') {
			memcpy(out + n, c == '.' ? "%2E" : "%25", 3);
			n += 3;
		} else {
			out[n++] = c == '/' ? '.' : c;
		}
	}
	out[n] = 0;
	return 0;
}

int
folder_of_dir(struct str entry, struct buf *out)
{
	struct buf normal;
	int rc = -1;

	buf_init(&normal, FOLDER_NAME_MAX);
	buf_reset(out);
	if (entry.n < 2 || entry.p[0] != '.')
		goto out;
	for (size_t i = 1; i < entry.n; i++) {
		struct str code = str_sub(entry, i, 3);

		if (entry.p[i] == '/')
			goto out;
		if (entry.p[i] == '%') {
			if (!str_eq_z(code, "%2E") && !str_eq_z(code, "%25"))
				goto out;
			(void)buf_putc(out, code.p[2] == 'E' ? '.' : '%');
			i += 2;
		} else {
			(void)buf_putc(out, entry.p[i] == '.' ? '/' : entry.p[i]);
		}
	}
	/* Only what we would write ourselves: anything else could not be told apart later. */
	if (out->over || folder_normalize(buf_view(out), &normal, NULL) < 0 ||
	    !str_eq(buf_view(out), buf_view(&normal)) || str_eq_z(buf_view(out), "INBOX"))
		goto out;
	rc = 0;
out:
	buf_free(&normal);
	return rc;
}
