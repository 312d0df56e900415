/* path.c - see path.h. Bounded by what the reader took (HTTP_TARGET_MAX). */
#include "webd/path.h"

#include <stdbool.h>

#include "base/num.h"
#include "net/http.h"

static bool
is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* One octet or "%XX" from s at *i; false where it has no place in a path. */
static bool
put_one(struct str s, size_t *i, char *to, size_t *n)
{
	static const char digits[] = "0123456789ABCDEF";
	int high, low;
	unsigned char c;

	if (s.p[*i] != '%') {
		to[(*n)++] = s.p[(*i)++];
		return !is_cntl(to[*n - 1]) && to[*n - 1] != '\\';
	}
	if (s.n - *i < 3 || (high = num_hex(s.p[*i + 1])) < 0 || (low = num_hex(s.p[*i + 2])) < 0)
		return false;
	*i += 3;
	c = (unsigned char)(high << 4 | low);
	if (is_unreserved((char)c)) {
		to[(*n)++] = (char)c;
		return true;
	}
	to[(*n)++] = '%';
	to[(*n)++] = digits[high];
	to[(*n)++] = digits[low];
	return !is_cntl((char)c);
}

static bool
climbs(struct str path)
{
	struct str rest = str_from(path, 1), one;

	for (bool more = true; more;) {
		more = str_cut(&rest, '/', &one);
		if (str_eq(one, STR(".")) || str_eq(one, STR("..")) || (more && one.n == 0))
			return true;
	}
	return false;
}

int
path_normal(struct str path, struct arena *a, struct str *out)
{
	char *to = arena_alloc(a, path.n + 1);
	size_t n = 0;

	if (path.n == 0 || path.p[0] != '/')
		return -1;
	for (size_t i = 0; i < path.n;)
		if (!put_one(path, &i, to, &n))
			return -1;
	*out = str_of(to, n);
	return climbs(*out) ? -1 : 0;
}

bool
path_parameter(struct str query, const char *name, struct arena *a, struct str *out)
{
	struct str key, one;

	for (bool more = true; more;) {
		more = str_cut(&query, '&', &one);
		(void)str_cut(&one, '=', &key);
		if (http_decode(key, true, a, &key) < 0 || !str_eq_z(key, name))
			continue;
		return http_decode(one, true, a, out) == 0 && str_is_utf8(*out);
	}
	return false;
}

bool
path_segment(struct str path, size_t i, struct arena *a, struct str *out)
{
	struct str one = STR_NONE;
	bool more = path.n > 0;

	for (size_t k = 0; k <= i; k++) {
		if (!more)
			return false;
		more = str_cut(&path, '/', &one);
	}
	if (http_decode(one, false, a, out) < 0 || !str_is_utf8(*out))
		return false;
	for (size_t k = 0; k < out->n; k++)
		if (is_cntl(out->p[k]))
			return false;
	return true;
}
