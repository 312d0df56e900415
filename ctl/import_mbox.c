/*
 * import_mbox.c - gkmail import mbox: a file of messages, or a folder of such files.
 *
 * A file is read through a window that holds one message. The key of a message is its octets, and
 * the how manieth of these octets it is in the mailbox: neither moves when others are removed from
 * the file, or flags in it change.
 */
#include "ctl/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ctl/mbox.h"
#include "io/file.h"

#define DEPTH_MAX 16u
#define PIECE     (256u << 10)
#define TAIL      4096u /* of what is too large, kept in case it holds the next From_ line */

/* ---- files ---- */

/* Does it begin as one does? */
static bool
is_mbox(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char head[5];
	size_t got = 0;
	bool is = fd >= 0 && file_pread_some(fd, head, sizeof head, 0, &got, NULL) == 0 &&
		  str_eq(str_of(head, got), STR("From "));

	file_close(&fd);
	return is;
}

static void
found(struct import *im, const char *path, struct str name, uint64_t size)
{
	if (import_found(im, str_z(path), name, NULL, true) != NULL)
		im->whole += size;
}

/* "Work.sbd" and "Work.mbox" are what programs call the folder of "Work". */
static struct str
level(struct str s)
{
	if (str_ends(s, STR(".sbd")) || str_ends(s, STR(".mbox")))
		s.n = str_rchr(s, '.');
	return str_ieq_z(s, "inbox") ? STR("INBOX") : s;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
walk(struct import *im, const char *path, struct str name, unsigned depth, struct err *e);

static int
enter(struct import *im, const char *path, const char *entry, struct str name, unsigned depth,
    struct err *e)
{
	const char *below = arena_printf(&im->arena, "%s/%s", path, entry).p;
	struct str leaf = level(str_z(entry));
	struct stat st;

	if (entry[0] == '.' || stat(below, &st) < 0)
		return 0;
	/* Apple's "Work.mbox/mbox". */
	if (S_ISREG(st.st_mode) && strcmp(entry, "mbox") == 0 && name.n > 0)
		leaf = name;
	else if (name.n > 0)
		leaf = arena_printf(&im->arena, STR_FMT "/" STR_FMT, STR_ARG(name), STR_ARG(leaf));
	leaf = import_folder_name(leaf, '/', &im->arena);
	if (S_ISDIR(st.st_mode))
		return walk(im, below, leaf, depth + 1, e);
	if (S_ISREG(st.st_mode) && is_mbox(below))
		found(im, below, leaf, (uint64_t)st.st_size);
	return 0;
}

static int
walk(struct import *im, const char *path, struct str name, unsigned depth, struct err *e)
{
	struct dirent **v;
	int n, rc = 0;

	if (depth > DEPTH_MAX)
		return 0;
	if ((n = scandir(path, &v, NULL, by_name)) < 0)
		return err_sys(e, "%s", path);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = enter(im, path, v[i]->d_name, name, depth, e);
		free(v[i]);
	}
	free(v);
	return rc;
}

static int
list(struct import *im, struct err *e)
{
	const char *path = im->own;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		if (walk(im, path, STR_NONE, 0, e) < 0)
			return -1;
		return im->n > 0 ? 0
				 : err_set(e, E_INVAL,
				       "%s: no file in it begins with a line \"From ...\", as an "
				       "mbox does",
				       path);
	}
	if (st.st_size > 0 && !is_mbox(path))
		return err_set(e, E_INVAL,
		    "%s is no mbox: octet 0 does not begin a line \"From sender date\"", path);
	found(im, path, STR("INBOX"), (uint64_t)st.st_size);
	return 0;
}

/* ---- messages ---- */

/* How often these octets came before, in this mailbox. */
struct twin {
	unsigned char digest[IMPORT_KEY];
	uint64_t n;
	UT_hash_handle hh;
};

struct reading {
	struct import *im;
	struct import_box *box;
	int fd;
	struct buf window, out, flags;
	uint64_t at; /* offset of the window in the file */
	size_t seen;
	bool end, lost; /* lost: within a message that is too large */
	struct twin *twins;
};

static uint64_t
how_manieth(struct reading *r, const unsigned char *digest)
{
	struct twin *t;

	HASH_FIND(hh, r->twins, digest, IMPORT_KEY, t);
	if (t == NULL) {
		t = mem_alloc(sizeof *t);
		memcpy(t->digest, digest, IMPORT_KEY);
		HASH_ADD(hh, r->twins, digest, IMPORT_KEY, t);
	}
	return t->n++;
}

static void
free_twins(struct reading *r)
{
	struct twin *t, *next;

	HASH_ITER (hh, r->twins, t, next) {
		HASH_DEL(r->twins, t);
		free(t);
	}
}

static void
skip(struct reading *r, const char *why)
{
	char where[512];

	(void)snprintf(
	    where, sizeof where, STR_FMT ", octet %" PRIu64, STR_ARG(r->box->place), r->at);
	import_skip(r->im, str_z(where), why);
}

static int
take(struct reading *r, const struct mbox_message *m, struct err *e)
{
	unsigned char key[IMPORT_KEY];
	struct import_mail mail = {.key = key, .date = m->date, .read = m->used};
	char number[24];
	struct str words[2];
	bool keeper;

	buf_reset(&r->out);
	buf_reset(&r->flags);
	if (mbox_write(m, &r->out, &r->flags, &keeper) < 0) {
		skip(r, "with CRLF it is larger than imap.max_size");
		return 0;
	}
	if (keeper)
		return 0;
	if (r->out.n == 0) {
		skip(r, "it is empty");
		return 0;
	}
	mail.octets = words[0] = buf_view(&r->out);
	mail.flags = buf_view(&r->flags);
	words[1] = STR_NONE;
	import_key(r->im, r->box, words, 1, key);
	(void)snprintf(number, sizeof number, "%" PRIu64, how_manieth(r, key));
	words[1] = str_z(number);
	import_key(r->im, r->box, words, 2, key);
	if (!import_wants(r->im, r->box, key, m->used) || r->im->dry)
		return 0;
	return import_give(r->im, r->box, &mail, e);
}

static int
fill(struct reading *r, struct err *e)
{
	char *p = buf_room(&r->window, PIECE);
	size_t got = 0;

	assume(p != NULL);
	if (file_pread_some(r->fd, p, PIECE, (off_t)(r->at + r->window.n), &got, e) < 0)
		return -1;
	buf_added(&r->window, got);
	r->end = got < PIECE;
	return 0;
}

static void
go_on(struct reading *r, size_t n)
{
	buf_consume(&r->window, n);
	r->at += n;
	r->seen = 0;
}

/* To the message behind one that is too large, as far as the window goes. */
static void
find_again(struct reading *r)
{
	size_t next = mbox_next(buf_view(&r->window), r->end, 0);

	if (next < r->window.n) {
		r->lost = false;
		go_on(r, next);
	} else if (r->end) {
		go_on(r, r->window.n);
	} else if (r->window.n > TAIL) {
		go_on(r, r->window.n - TAIL);
	}
}

/* Empty lines at the beginning of a file. */
static void
skip_empty(struct reading *r)
{
	size_t n = 0;

	while (n < r->window.n && (r->window.p[n] == '\r' || r->window.p[n] == '\n'))
		n++;
	if (n > 0)
		go_on(r, n);
}

static int
step(struct reading *r, struct err *e)
{
	struct mbox_message m;

	if (r->lost) {
		find_again(r);
		return r->lost && !r->end ? fill(r, e) : 0;
	}
	switch (mbox_split(buf_view(&r->window), r->end, &r->seen, &m)) {
	case MBOX_DONE:
		if (take(r, &m, e) < 0)
			return -1;
		go_on(r, m.used);
		return 0;
	case MBOX_BAD:
		skip(r, "no line \"From sender date\" where a message should begin");
		r->lost = true;
		return 0;
	case MBOX_MORE:
		break;
	}
	if (r->window.n > r->im->max_message) {
		skip(r, "it is larger than imap.max_size");
		r->lost = true;
		return 0;
	}
	return fill(r, e);
}

static int
bring(struct import *im, struct import_box *b, struct err *e)
{
	struct reading r = {.im = im, .box = b, .fd = -1};
	int rc = -1;

	buf_init(&r.window, im->max_message + 2 * PIECE);
	buf_init(&r.out, im->max_message);
	buf_init(&r.flags, MBOX_FLAGS_MAX);
	if ((r.fd = file_open(AT_FDCWD, b->place.p, O_RDONLY, 0, e)) < 0 || fill(&r, e) < 0)
		goto out;
	skip_empty(&r);
	rc = 0;
	while (rc == 0 && (r.window.n > 0 || !r.end))
		rc = r.window.n > 0 ? step(&r, e) : fill(&r, e);
out:
	file_close(&r.fd);
	free_twins(&r);
	buf_free(&r.window);
	buf_free(&r.out);
	buf_free(&r.flags);
	return rc;
}

int
import_mbox_open(struct import *im, const char *path, struct err *e)
{
	static const struct import_source source = {"mbox", list, bring, NULL};

	im->source = &source;
	im->own = (void *)(uintptr_t)path;
	return access(path, R_OK) == 0 ? 0 : err_sys(e, "%s", path);
}
