/* output.c - JSON and tables. */
#include "ctl/output.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/num.h"

#define JSON_MAX (256u * 1024 * 1024)

void
json_init(struct json *j)
{
	buf_init(&j->b, JSON_MAX);
	j->comma = false;
}

/* Takes a character, or an octet that is none. Whether a terminal just shows it: senders of mail
 * choose some of what is printed here, and a control character (the C1 ones too: U+009B begins an
 * escape sequence) moves the cursor, one of format turns the line round. */
static bool
take_shown(struct str *s, utf8proc_int32_t *c)
{
	utf8proc_ssize_t n =
	    utf8proc_iterate((const utf8proc_uint8_t *)s->p, (utf8proc_ssize_t)s->n, c);

	if (n <= 0)
		*c = (unsigned char)s->p[0];
	*s = str_from(*s, n > 0 ? (size_t)n : 1);
	if (n <= 0)
		return false;
	switch ((int)utf8proc_category(*c)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return false;
	default:
		return true;
	}
}

static void
quoted(struct buf *b, struct str s)
{
	bool utf8 = str_is_utf8(s);
	utf8proc_int32_t c;

	buf_putc(b, '"');
	while (s.n > 0) {
		struct str before = s;

		if (!take_shown(&s, &c) || (c > 127 && !utf8)) {
			if (c == '\n')
				buf_puts(b, "\\n");
			else if (c > 0xffff) /* RFC 8259 7: two surrogates */
				buf_printf(b, "\\u%04x\\u%04x",
				    0xd800u + ((unsigned)(c - 0x10000) >> 10),
				    0xdc00u + ((unsigned)(c - 0x10000) & 0x3ff));
			else
				buf_printf(b, "\\u%04x", (unsigned)c);
		} else if (c == '"' || c == '\\') {
			buf_printf(b, "\\%c", (char)c);
		} else {
			buf_put(b, before.p, before.n - s.n);
		}
	}
	buf_putc(b, '"');
}

static void
begin(struct json *j, const char *key)
{
	if (j->comma)
		buf_putc(&j->b, ',');
	if (key != NULL) {
		quoted(&j->b, str_z(key));
		buf_putc(&j->b, ':');
	}
	j->comma = true;
}

void
json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	buf_putc(&j->b, bracket);
	j->comma = false;
}

void
json_close(struct json *j, char bracket)
{
	buf_putc(&j->b, bracket);
	j->comma = true;
}

void
json_str(struct json *j, const char *key, struct str v)
{
	begin(j, key);
	quoted(&j->b, v);
}

void
json_z(struct json *j, const char *key, const char *v)
{
	json_str(j, key, str_z(v));
}

void
json_num(struct json *j, const char *key, uint64_t v)
{
	begin(j, key);
	buf_printf(&j->b, "%" PRIu64, v);
}

void
json_auto(struct json *j, const char *key, struct str v)
{
	uint64_t n;

	if (num_parse(v, 0, UINT64_MAX, &n) == 0)
		json_num(j, key, n);
	else
		json_str(j, key, v);
}

void
json_bool(struct json *j, const char *key, bool v)
{
	begin(j, key);
	buf_puts(&j->b, v ? "true" : "false");
}

void
json_null(struct json *j, const char *key)
{
	begin(j, key);
	buf_puts(&j->b, "null");
}

void
json_raw(struct json *j, const char *key, struct str text)
{
	begin(j, key);
	buf_str(&j->b, text);
}

void
json_print(struct json *j)
{
	fwrite(j->b.p, 1, j->b.n, stdout);
	putchar('\n');
	fflush(stdout);
	buf_free(&j->b);
}

/* ---- text ---- */

void
out_str(FILE *f, struct str s)
{
	utf8proc_int32_t c;

	while (s.n > 0) {
		struct str before = s;

		if (take_shown(&s, &c))
			fwrite(before.p, 1, before.n - s.n, f);
		else
			fputc('?', f);
	}
}

/* Characters, as out_str writes them. */
static size_t
columns(struct str s)
{
	utf8proc_int32_t c;
	size_t n = 0;

	for (; s.n > 0; n++)
		(void)take_shown(&s, &c);
	return n;
}

void
out_table(const struct str *cells, size_t n, size_t width)
{
	size_t *wide = mem_array(width, sizeof(*wide));

	for (size_t i = 0; i < n; i++)
		wide[i % width] = num_max(wide[i % width], columns(cells[i]));
	for (size_t i = 0; i < n; i++) {
		out_str(stdout, cells[i]);
		if (i % width + 1 == width)
			putchar('\n');
		else
			printf("%*s", (int)(wide[i % width] - columns(cells[i]) + 2), "");
	}
	free(wide);
}

struct str
out_size(struct str digits, struct arena *a)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t v;
	double d;
	size_t u = 0;

	if (num_parse(digits, 0, UINT64_MAX, &v) < 0)
		return digits;
	for (d = (double)v; d >= 1024 && u + 1 < ARRAY_LEN(units); u++)
		d /= 1024;
	return arena_printf(a, u == 0 || d >= 100 ? "%.0f %s" : "%.1f %s", d, units[u]);
}

const char *
out_word(const char *text, struct arena *a)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "/._-+@%,:=~";
	const char *out;
	struct buf b;

	if (text[0] != '\0' && text[0] != '~' && text[strspn(text, safe)] == '\0')
		return text;
	buf_init(&b, 65536);
	buf_putc(&b, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buf_puts(&b, "'\\'");
		buf_putc(&b, *text);
	}
	buf_putc(&b, '\'');
	out = arena_dupz(a, buf_view(&b));
	buf_free(&b);
	return out;
}

const char *
out_self(struct arena *a)
{
	char self[PATH_MAX];
	struct str path = str_z(getenv("PATH")), dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct stat mine, other;
	bool more;

	if (n < 0)
		return "gkmail";
	self[n] = '\0';
	do {
		more = str_cut(&path, ':', &dir);
		if (stat(arena_printf(a, STR_FMT "/gkmail", STR_ARG(dir)).p, &other) < 0)
			continue;
		/* The first one on PATH is the one that is run. */
		if (stat(self, &mine) == 0 && mine.st_ino == other.st_ino &&
		    mine.st_dev == other.st_dev)
			return "gkmail";
		break;
	} while (more);
	return out_word(arena_dupz(a, str_z(self)), a);
}
