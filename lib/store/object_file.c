/*
 * object_file.c - see object_file.h.
 */
#include "store/object_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "io/file.h"

#define OBJECTS_FILE "db/objects"
#define HEAD_LINE    "gkmail objects 1\n"
#define SUM_LEN      16u
#define SUM_HEX      (2 * SUM_LEN + 1)
#define SLACK        65536u /* octets that may be stale whatever the rest is */

/* ---- records ---- */

static void
checksum(struct str line, struct str text, char out[SUM_HEX])
{
	unsigned char sum[SUM_LEN];
	crypto_generichash_state s;

	(void)crypto_generichash_init(&s, NULL, 0, sizeof sum);
	(void)crypto_generichash_update(&s, (const unsigned char *)line.p, line.n);
	(void)crypto_generichash_update(&s, (const unsigned char *)text.p, text.n);
	(void)crypto_generichash_final(&s, sum, sizeof sum);
	(void)sodium_bin2hex(out, SUM_HEX, sum, sizeof sum);
}

static void
put(struct buf *b, char what, unsigned kind, uint32_t id, struct str text)
{
	char line[OBJECT_FRAME], sum[SUM_HEX];

	(void)snprintf(line, sizeof line, "%c %u %u %zu ", what, kind, id, text.n);
	checksum(str_z(line), text, sum);
	(void)buf_printf(b, "%s%s\n", line, sum);
	(void)buf_str(b, text);
	(void)buf_putc(b, '\n');
}

struct record {
	char what;
	uint32_t kind, id;
	struct str text;
};

static bool
get_num(struct str *line, uint64_t max, uint64_t *out)
{
	struct str word;

	(void)str_cut(line, ' ', &word);
	return num_parse(word, 0, max, out) == 0;
}

/* 1: the first record of *in, which is taken from it; 0: a line that is none; -1: at the end. */
static int
take(struct str *in, struct record *r)
{
	uint64_t kind, id, n;
	struct str all = *in, line, word;
	char sum[SUM_HEX];
	size_t at;

	if (!str_cut(in, '\n', &line))
		return -1;
	at = line.n + 1;
	(void)str_cut(&line, ' ', &word);
	if (word.n != 1 || !get_num(&line, UINT32_MAX, &kind) || !get_num(&line, UINT32_MAX, &id) ||
	    !get_num(&line, OBJECT_TEXT_MAX, &n) || line.n != SUM_HEX - 1 || n >= in->n ||
	    in->p[n] != '\n')
		return 0;
	r->what = word.p[0];
	r->kind = (uint32_t)kind;
	r->id = (uint32_t)id;
	r->text = str_sub(*in, 0, n);
	checksum(str_sub(all, 0, at - 1 - line.n), r->text, sum);
	if (!str_eq_z(line, sum))
		return 0;
	*in = str_from(*in, n + 1);
	return 1;
}

/* ---- reading ---- */

static int
restore_one(struct home *h, const struct record *r, uint64_t *last, struct err *e)
{
	*last = num_max(*last, r->id);
	if (r->what == 'P')
		return index_object_put(h->index, r->kind, r->id, r->text, e);
	return r->what == 'R' ? index_object_remove(h->index, r->kind, r->id, e) : 0;
}

int
object_file_restore(struct home *h, struct err *e)
{
	uint64_t last = 0, records = 0, damaged = 0;
	struct record r;
	struct arena a;
	struct err why = {0};
	struct str s;
	int found, rc = 0;

	arena_init(&a);
	if (file_read_all(AT_FDCWD, OBJECTS_FILE, OBJECT_FILE_MAX, &a, &s, &why) < 0) {
		if (why.code != E_NOTFOUND)
			log_warn("store.objects", LE(&why));
		goto out;
	}
	if (!str_starts(s, STR(HEAD_LINE))) {
		log_warn("store.objects", LZ("error", "not a file of objects"));
		goto out;
	}
	s = str_from(s, sizeof HEAD_LINE - 1);
	while (rc == 0 && (found = take(&s, &r)) >= 0) {
		records += found == 1;
		damaged += found == 0;
		if (found == 1)
			rc = restore_one(h, &r, &last, e);
	}
	if (rc == 0)
		rc = index_put(h->index, "objects", last, e);
	log_info("store.objects_restored", LU("records", records), LU("damaged", damaged));
out:
	arena_free(&a);
	return rc;
}

void
object_file_begin(struct home *h, bool in_order)
{
	h->objects_stale = !in_order || access(OBJECTS_FILE, F_OK) < 0;
}

/* ---- writing ---- */

void
object_file_note(struct home *h, unsigned kind, uint32_t id, struct str text)
{
	put(&h->object_lines, 'P', kind, id, text);
}

void
object_file_note_gone(struct home *h, unsigned kind, uint32_t id)
{
	put(&h->object_lines, 'R', kind, id, STR(""));
}

struct writing {
	struct buf *to;
	unsigned kind;
};

static bool
write_object(void *arg, uint32_t id, struct str text)
{
	struct writing *w = arg;

	put(w->to, 'P', w->kind, id, text);
	return true;
}

/* All of it as it is to be; b is empty where there is nothing to keep. */
static int
print_all(struct home *h, struct buf *b, struct err *e)
{
	uint64_t last;

	if (index_get(h->index, "objects", &last, e) < 0)
		return -1;
	if (last == 0)
		return 0;
	(void)buf_puts(b, HEAD_LINE);
	put(b, 'N', 0, (uint32_t)last, STR(""));
	for (unsigned kind = OBJECT_IDENTITY; kind < OBJECT_KINDS; kind++) {
		struct writing w = {b, kind};

		if (index_objects(h->index, kind, write_object, &w, e) < 0)
			return -1;
	}
	return b->over ? err_set(e, E_LIMIT, "too many objects for " OBJECTS_FILE) : 0;
}

static int
replace(struct home *h, struct err *e)
{
	int rc = -1, fd = -1, dir = -1;
	struct buf b;

	buf_init(&b, OBJECT_FILE_MAX);
	if (print_all(h, &b, e) < 0)
		goto out;
	if (b.n > 0 &&
	    ((dir = file_open(AT_FDCWD, "db", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
		(fd = file_open(dir, "objects.new", O_WRONLY | O_CREAT | O_TRUNC, 0600, e)) < 0 ||
		file_write(fd, b.p, b.n, e) < 0 || file_sync(fd, "store.objects", e) < 0 ||
		file_rename(dir, "objects.new", dir, "objects", e) < 0 ||
		file_sync_dir(dir, "store.objects_name", e) < 0))
		goto out;
	rc = 0;
out:
	file_close(&fd);
	file_close(&dir);
	buf_free(&b);
	return rc;
}

/* What failed to be written or synced may be there or not: all of it is written elsewhere. */
static void
append(struct home *h)
{
	struct err e = {0};
	uint64_t size = 0;
	int fd = file_open(AT_FDCWD, OBJECTS_FILE, O_WRONLY | O_APPEND, 0600, &e);

	if (fd < 0 || file_write(fd, h->object_lines.p, h->object_lines.n, &e) < 0 ||
	    file_sync(fd, "store.objects", &e) < 0 || file_size(fd, &size, &e) < 0) {
		log_warn("store.objects", LE(&e));
		h->objects_stale = true;
	}
	file_close(&fd);
	h->objects_mostly_stale = size > 2 * h->object_octets + SLACK;
}

void
object_file_append(struct home *h)
{
	if (h->object_lines.n == 0 && !h->object_lines.over)
		return;
	if (!h->objects_stale && !h->object_lines.over)
		append(h);
	else
		h->objects_stale = true;
	buf_reset(&h->object_lines);
	object_file_settle(h);
}

void
object_file_settle(struct home *h)
{
	struct err e = {0};

	if (!h->objects_stale && !h->objects_mostly_stale)
		return;
	if (replace(h, &e) < 0) {
		log_warn("store.objects", LE(&e));
		h->objects_stale = true;
		return;
	}
	h->objects_stale = h->objects_mostly_stale = false;
}
