/*
 * json.c - see json.h: reading, making and printing trees.
 */
#include "json/json.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/num.h"

/* ---- reading ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* RFC 7493 2.3 */
static int
check_names(const cJSON *object, struct err *e)
{
	size_t n = 0;
	const cJSON **v, *m;
	int rc = 0;

	cJSON_ArrayForEach(m, object) n++;
	if (n < 2)
		return 0;
	v = mem_array(n, sizeof *v);
	n = 0;
	cJSON_ArrayForEach(m, object) v[n++] = m;
	qsort(v, n, sizeof *v, by_name);
	for (size_t i = 1; i < n && rc == 0; i++)
		if (strcmp(v[i - 1]->string, v[i]->string) == 0)
			rc = err_set(e, E_INVAL, "a name twice in an object");
	free(v);
	return rc;
}

static int
check_tree(const cJSON *v, struct err *e)
{
	const cJSON *m;

	if (cJSON_IsObject(v) && check_names(v, e) < 0)
		return -1;
	cJSON_ArrayForEach(m, v) if (check_tree(m, e) < 0) return -1;
	return 0;
}

cJSON *
json_parse(struct str text, size_t max_values, struct err *e)
{
	cJSON *v;

	if (json_check(text, max_values, e) < 0)
		return NULL;
	if ((v = cJSON_ParseWithLength(text.p, text.n)) == NULL) {
		err_put(e, E_INVAL, "no JSON");
		return NULL;
	}
	if (check_tree(v, e) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	return v;
}

const cJSON *
json_get(const cJSON *object, const char *name)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const cJSON *
json_member(const cJSON *object, const char *name)
{
	const cJSON *v = json_get(object, name);

	return cJSON_IsNull(v) ? NULL : v;
}

struct str
json_str(const cJSON *v)
{
	return cJSON_IsString(v) ? str_z(v->valuestring) : STR_NONE;
}

int
json_int(const cJSON *v, int64_t min, int64_t max, int64_t *out)
{
	double d;

	if (!cJSON_IsNumber(v))
		return -1;
	d = v->valuedouble;
	if (d != floor(d) || d < -(double)JSON_INT_MAX || d > (double)JSON_INT_MAX)
		return -1;
	if ((int64_t)d < min || (int64_t)d > max)
		return -1;
	*out = (int64_t)d;
	return 0;
}

size_t
json_count(const cJSON *v)
{
	const cJSON *m;
	size_t n = 1;

	cJSON_ArrayForEach(m, v) n += json_count(m);
	return n;
}

/* ---- printing ---- */

/* Does s, of the octets of UTF-8, begin with U+FDD0 to U+FDEF, or the last two of a plane? */
static bool
is_noncharacter(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n >= 3 && p[0] == 0xef)
		return (p[1] == 0xb7 && p[2] >= 0x90 && p[2] <= 0xaf) ||
		       (p[1] == 0xbf && p[2] >= 0xbe);
	return s.n >= 4 && p[0] >= 0xf0 && (p[1] & 0x0f) == 0x0f && p[2] == 0xbf && p[3] >= 0xbe;
}

/* Nothing in it that I-JSON has no place for (RFC 7493 2.1). */
static bool
is_clean(struct str s)
{
	if (!str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0xef && is_noncharacter(str_from(s, i)))
			return false;
	return true;
}

/* Length of the UTF-8 character at the start of s, or 0. */
static size_t
character(struct str s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (str_is_utf8(str_of(s.p, n)))
			return n;
	return 0;
}

static struct str
cleaned(struct str s, struct buf *b)
{
	size_t n;

	if (is_clean(s))
		return s;
	for (; s.n > 0; s = str_from(s, n)) {
		n = character(s);
		if (n > 0 && !is_noncharacter(str_of(s.p, n)))
			buf_put(b, s.p, n);
		else
			buf_puts(b, "\xef\xbf\xbd");
		n = num_max(n, (size_t)1);
	}
	return buf_view(b);
}

static void
print_clean(struct str s, struct buf *out)
{
	size_t from = 0;

	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		static const char letters[] = "btn-fr"; /* 8 to 13 */

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(out, s.p + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c >= 8 && c <= 13 && c != 11)
			buf_printf(out, "\\%c", letters[c - 8]);
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_put(out, s.p + from, s.n - from);
	buf_putc(out, '"');
}

void
json_print_str(struct str s, struct buf *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	print_clean(s.n > 0 ? cleaned(s, &b) : STR(""), out); /* no arithmetic on STR_NONE */
	buf_free(&b);
}

static void
print_number(double d, struct buf *out)
{
	if (d == floor(d) && fabs(d) <= (double)JSON_INT_MAX)
		buf_printf(out, "%lld", (long long)d);
	else
		buf_printf(out, "%.17g", d);
}

void
json_print(const cJSON *v, struct buf *out)
{
	const cJSON *m;

	if (cJSON_IsObject(v) || cJSON_IsArray(v)) {
		bool named = cJSON_IsObject(v);

		buf_putc(out, named ? '{' : '[');
		cJSON_ArrayForEach(m, v)
		{
			if (m != v->child)
				buf_putc(out, ',');
			if (named) {
				print_clean(json_name(m), out);
				buf_putc(out, ':');
			}
			json_print(m, out);
			if (out->over)
				return;
		}
		buf_putc(out, named ? '}' : ']');
	} else if (cJSON_IsRaw(v)) {
		buf_puts(out, v->valuestring);
	} else if (cJSON_IsString(v)) {
		print_clean(json_str(v), out);
	} else if (cJSON_IsNumber(v)) {
		print_number(v->valuedouble, out);
	} else {
		buf_puts(out, cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null");
	}
}

/* ---- making ---- */

/* cJSON gives NULL only where there is no memory. */
static cJSON *
made(cJSON *v)
{
	assume(v != NULL);
	return v;
}

cJSON *
json_new_str(struct str s)
{
	cJSON *v = made(cJSON_CreateNull());
	struct buf b;

	if (s.p == NULL)
		return v;
	buf_init(&b, SIZE_MAX / 2);
	s = cleaned(s, &b);
	v->type = cJSON_String;
	v->valuestring = mem_dup(s.p, s.n);
	buf_free(&b);
	return v;
}

void
json_put(cJSON *object, const char *name, cJSON *v)
{
	assume(cJSON_AddItemToObjectCS(object, name, made(v)));
}

void
json_replace(cJSON *object, const char *name, cJSON *v)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	json_put(object, name, v);
}

void
json_put_str(cJSON *object, const char *name, struct str s)
{
	json_put(object, name, json_new_str(s));
}

static cJSON *
new_raw(struct str text)
{
	cJSON *v = made(cJSON_CreateNull());

	v->type = cJSON_Raw;
	v->valuestring = mem_dup(text.p, text.n);
	return v;
}

void
json_put_raw(cJSON *object, const char *name, struct str text)
{
	json_put(object, name, new_raw(text));
}

void
json_put_raw_named(cJSON *object, struct str name, struct str text)
{
	json_put_named(object, name, new_raw(text));
}

void
json_expand(cJSON *v)
{
	cJSON *m, *tree;

	if (!cJSON_IsRaw(v)) {
		cJSON_ArrayForEach(m, v) json_expand(m);
		return;
	}
	assume((tree = cJSON_Parse(v->valuestring)) != NULL);
	cJSON_free(v->valuestring);
	v->type = (v->type & cJSON_StringIsConst) | (tree->type & ~cJSON_StringIsConst);
	v->child = tree->child;
	v->valuestring = tree->valuestring;
	v->valueint = tree->valueint;
	v->valuedouble = tree->valuedouble;
	tree->child = NULL;
	tree->valuestring = NULL;
	cJSON_Delete(tree);
}

void
json_put_num(cJSON *object, const char *name, int64_t n)
{
	json_put(object, name, cJSON_CreateNumber((double)n));
}

void
json_put_bool(cJSON *object, const char *name, bool v)
{
	json_put(object, name, cJSON_CreateBool(v));
}

void
json_put_named(cJSON *object, struct str name, cJSON *v)
{
	struct buf b;
	char *copy;

	buf_init(&b, SIZE_MAX / 2);
	name = cleaned(name, &b);
	copy = mem_dup(name.p, name.n);
	assume(cJSON_AddItemToObject(object, copy, made(v)));
	free(copy);
	buf_free(&b);
}

void
json_add(cJSON *array, cJSON *v)
{
	assume(cJSON_AddItemToArray(array, made(v)));
}

/* ---- patches ---- */

/* A token of a JSON pointer (RFC 6901 4): "~1" is '/', "~0" is '~'. -1: it is none. */
static int
unescape(struct str token, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];

		if (c == '~') {
			char next = i + 1 < token.n ? token.p[++i] : '\0';

			if (next != '0' && next != '1')
				return -1;
			c = next == '0' ? '~' : '/';
		}
		buf_putc(out, c);
	}
	/* An empty buffer has no NUL yet. */
	return buf_put(out, "", 0) < 0 || out->over ? -1 : 0;
}

static int
patch_one(cJSON *object, const cJSON *patch, struct buf *token, struct err *e)
{
	struct str path = json_name(patch), head;
	cJSON *at = object, *next;

	for (;;) {
		bool more = str_cut(&path, '/', &head);

		if (unescape(head, token) < 0 || token->p == NULL)
			return err_set(e, E_INVAL, "a bad pointer");
		/* RFC 8620 5.3: all parts before the last must be there, and none in an array. */
		if (!cJSON_IsObject(at))
			return err_set(e, E_INVAL, "a pointer into what is no object");
		next = cJSON_GetObjectItemCaseSensitive(at, token->p);
		if (!more)
			break;
		if (next == NULL)
			return err_set(e, E_INVAL, "a pointer that leads nowhere");
		at = next;
	}
	if (next != NULL)
		cJSON_Delete(cJSON_DetachItemViaPointer(at, next));
	if (!cJSON_IsNull(patch))
		json_put_named(at, buf_view(token), cJSON_Duplicate(patch, true));
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* RFC 8620 5.3: no pointer may be the beginning of another ("a" and "a/b"). */
static int
check_paths(const cJSON *patch, size_t n, struct err *e)
{
	size_t i = 0;
	const char **v = mem_array(n + 1, sizeof *v);
	const cJSON *m;
	struct buf b;
	int rc = 0;

	buf_init(&b, SIZE_MAX / 2);
	cJSON_ArrayForEach(m, patch) v[i++] = m->string;
	qsort(v, n, sizeof *v, by_path);
	for (i = 0; i < n && rc == 0; i++) {
		const char *slash = v[i], *z;
		unsigned depth = 0;

		while (rc == 0 && (slash = strchr(slash, '/')) != NULL) {
			if (++depth > JSON_DEPTH_MAX)
				rc = err_set(e, E_INVAL, "a pointer that leads too deep");
			buf_reset(&b);
			buf_put(&b, v[i], (size_t)(slash++ - v[i]));
			z = b.n > 0 ? b.p : "";
			if (bsearch(&z, v, n, sizeof *v, by_path) != NULL)
				rc = err_set(e, E_INVAL, "pointers into one another");
		}
	}
	buf_free(&b);
	free(v);
	return rc;
}

cJSON *
json_patched(const cJSON *object, const cJSON *patch, struct err *e)
{
	cJSON *v = made(cJSON_Duplicate(object, true));
	const cJSON *m;
	size_t n = 0;
	struct buf token;
	int rc;

	cJSON_ArrayForEach(m, patch) n++;
	buf_init(&token, SIZE_MAX / 2);
	if (n > JSON_PATCH_MAX)
		rc = err_set(e, E_LIMIT, "a patch of more than %u pointers", JSON_PATCH_MAX);
	else
		rc = check_paths(patch, n, e);
	cJSON_ArrayForEach(m, patch)
	{
		if (rc == 0)
			rc = patch_one(v, m, &token, e);
	}
	buf_free(&token);
	if (rc < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	return v;
}
