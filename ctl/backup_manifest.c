/*
 * backup_manifest.c - see backup.h: the text of a snapshot.
 *
 *	gkmail-backup 1
 *	scope all
 *	host mail.example.org
 *	...
 *
 *	f DIGEST SIZE MODE MTIME USER GROUP PATH
 *	d - 0 MODE 0 USER GROUP PATH
 *	end FILES OCTETS DIGEST
 *
 * MODE is octal, MTIME in nanoseconds, DIGEST of the last line over all before it. In PATH control
 * characters and '%' are %XX. Whoever restores writes where these paths lead, as root: none leaves
 * its tree.
 */
#include <inttypes.h>
#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup.h"

#define VERSION_LINE "gkmail-backup 1"
#define PATH_LEN_MAX 4096u

void
backup_digest(struct str octets, char out[BACKUP_HEX_SIZE])
{
	unsigned char d[BACKUP_DIGEST];

	crypto_generichash(d, sizeof(d), (const unsigned char *)octets.p, octets.n, NULL, 0);
	sodium_bin2hex(out, BACKUP_HEX_SIZE, d, sizeof(d));
}

bool
backup_name_valid(struct str name)
{
	if (name.n != BACKUP_NAME_LEN || name.p[8] != 'T' || name.p[15] != 'Z')
		return false;
	for (size_t i = 0; i < 15; i++)
		if (i != 8 && !is_digit(name.p[i]))
			return false;
	return true;
}

/* ---- writing ---- */

void
backup_manifest_head(struct buf *b, const struct backup_manifest *m)
{
	const struct {
		const char *key;
		struct str value;
	} lines[] = {
	    {"scope", m->scope},
	    {"host", m->host},
	    {"build", m->build},
	    {"base", m->base},
	    {"config", m->config},
	    {"data", m->data},
	};

	buf_puts(b, VERSION_LINE "\n");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		buf_printf(b, "%s " STR_FMT "\n", lines[i].key, STR_ARG(lines[i].value));
	buf_putc(b, '\n');
}

static void
put_path(struct buf *b, struct str path)
{
	for (size_t i = 0; i < path.n; i++)
		if (is_cntl(path.p[i]) || path.p[i] == '%')
			buf_printf(b, "%%%02X", (unsigned char)path.p[i]);
		else
			buf_putc(b, path.p[i]);
}

void
backup_manifest_add(struct buf *b, const struct backup_entry *x)
{
	buf_printf(b, "%c %s %" PRIu64 " %o %" PRId64 " " STR_FMT " " STR_FMT " ",
	    x->folder ? 'd' : 'f', x->folder ? "-" : x->digest, x->folder ? 0 : x->size, x->mode,
	    x->folder ? 0 : x->mtime, STR_ARG(x->user), STR_ARG(x->group));
	put_path(b, x->path);
	buf_putc(b, '\n');
}

void
backup_manifest_end(struct buf *b, uint64_t files, uint64_t octets)
{
	char digest[BACKUP_HEX_SIZE];

	buf_printf(b, "end %" PRIu64 " %" PRIu64 " ", files, octets);
	backup_digest(buf_view(b), digest);
	buf_printf(b, "%s\n", digest);
}

/* ---- reading ---- */

static bool
is_digest(struct str s)
{
	if (s.n != BACKUP_HEX_SIZE - 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (num_hex(s.p[i]) < 0 || (s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
	return true;
}

/* Decoded into a; only what stays below its tree. */
static int
take_path(struct str in, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, in.n + 1);
	struct str rest, part;
	size_t n = 0;
	bool more;

	for (size_t i = 0; i < in.n; i++) {
		int octet = (unsigned char)in.p[i];

		if (octet == '%') {
			if (in.n - i < 3 || (octet = num_hex_octet(in, i + 1)) <= 0)
				return -1;
			i += 2;
		} else if (is_cntl(in.p[i])) {
			return -1;
		}
		p[n++] = (char)octet;
	}
	p[n] = '\0';
	*out = rest = str_of(p, n);
	if (n == 0 || n > PATH_LEN_MAX)
		return -1;
	do {
		more = str_cut(&rest, '/', &part);
		if (part.n == 0 || str_eq_z(part, ".") || str_eq_z(part, ".."))
			return -1;
	} while (more);
	return str_eq_z(*out, "data") || str_starts(*out, STR("data/")) ||
		       str_starts(*out, STR("config/"))
		   ? 0
		   : -1;
}

static int
parse_octal(struct str s, uint32_t *out)
{
	*out = 0;
	if (s.n == 0 || s.n > 4)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return -1;
		*out = *out * 8 + (uint32_t)(s.p[i] - '0');
	}
	return 0;
}

static int
read_entry(struct str line, struct arena *a, struct backup_entry *x)
{
	struct str kind, digest, size, mode, mtime;
	uint64_t t;

	if (!str_cut(&line, ' ', &kind) || !str_cut(&line, ' ', &digest) ||
	    !str_cut(&line, ' ', &size) || !str_cut(&line, ' ', &mode) ||
	    !str_cut(&line, ' ', &mtime) || !str_cut(&line, ' ', &x->user) ||
	    !str_cut(&line, ' ', &x->group))
		return -1;
	x->folder = str_eq_z(kind, "d");
	if (!x->folder && !(str_eq_z(kind, "f") && is_digest(digest)))
		return -1;
	if (!x->folder)
		memcpy(x->digest, digest.p, digest.n);
	if (num_parse(size, 0, INT64_MAX, &x->size) < 0 || parse_octal(mode, &x->mode) < 0 ||
	    num_parse(mtime, 0, INT64_MAX, &t) < 0 || x->user.n == 0 || x->group.n == 0)
		return -1;
	x->mtime = (int64_t)t;
	return take_path(line, a, &x->path);
}

static int
read_head(struct str *text, struct backup_manifest *m, struct err *e)
{
	struct str line, key;

	if (!str_cut(text, '\n', &line) || !str_starts(line, STR("gkmail-backup ")))
		return err_set(e, E_PROTO, "not a snapshot of gkmail backup");
	if (!str_eq_z(line, VERSION_LINE))
		return err_set(e, E_PERM, "a snapshot of a version that this build does not know");
	while (str_cut(text, '\n', &line) && line.n > 0) {
		struct str *to = NULL;

		if (!str_cut(&line, ' ', &key))
			return err_set(e, E_PROTO, "a damaged snapshot");
		to = str_eq_z(key, "scope")    ? &m->scope
		     : str_eq_z(key, "host")   ? &m->host
		     : str_eq_z(key, "build")  ? &m->build
		     : str_eq_z(key, "base")   ? &m->base
		     : str_eq_z(key, "config") ? &m->config
		     : str_eq_z(key, "data")   ? &m->data
					       : NULL;
		if (to != NULL)
			*to = line;
	}
	return 0;
}

/* "end FILES OCTETS DIGEST", the last line; *body is what it is about, without "end". */
static int
check_end(struct str text, struct str *lines, uint64_t *files, uint64_t *octets)
{
	char digest[BACKUP_HEX_SIZE];
	struct str last, word, rest;
	size_t at;

	if (text.n == 0 || text.p[text.n - 1] != '\n')
		return -1;
	at = str_rchr(str_sub(text, 0, text.n - 1), '\n');
	if (at >= text.n - 1)
		return -1;
	last = rest = str_sub(text, at + 1, text.n - at - 2);
	if (!str_cut(&rest, ' ', &word) || !str_eq_z(word, "end") || !str_cut(&rest, ' ', &word) ||
	    num_parse(word, 0, INT64_MAX, files) < 0 || !str_cut(&rest, ' ', &word) ||
	    num_parse(word, 0, INT64_MAX, octets) < 0)
		return -1;
	backup_digest(str_sub(text, 0, (size_t)(rest.p - text.p)), digest);
	*lines = str_sub(text, 0, (size_t)(last.p - text.p));
	return str_eq_z(rest, digest) ? 0 : -1;
}

int
backup_manifest_read(struct str text, struct arena *a, struct backup_manifest *out, struct err *e)
{
	uint64_t files, octets, nfiles = 0;
	struct str lines, line;
	size_t room = 0;

	*out = (struct backup_manifest){0};
	if (check_end(text, &lines, &files, &octets) < 0)
		return err_set(e, E_PROTO, "a damaged snapshot");
	if (read_head(&lines, out, e) < 0)
		return -1;
	for (size_t i = 0; i < lines.n; i++)
		room += lines.p[i] == '\n';
	out->v = arena_array(a, room + 1, sizeof(*out->v));
	while (str_cut(&lines, '\n', &line)) {
		struct backup_entry *x = &out->v[out->n++];

		*x = (struct backup_entry){0};
		if (read_entry(line, a, x) < 0)
			return err_set(e, E_PROTO, "a damaged snapshot");
		nfiles += !x->folder;
		if (!num_add(out->octets, x->size, &out->octets))
			return err_set(e, E_PROTO, "a damaged snapshot");
	}
	if (lines.n > 0 || nfiles != files || out->octets != octets)
		return err_set(e, E_PROTO, "a damaged snapshot");
	return 0;
}
