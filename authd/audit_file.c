/*
 * audit_file.c - see audit_file.h.
 */
#include "authd/audit_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"

#define FILE_OCTETS_MAX (256u << 20) /* that are read at the start */
#define HEAD_SIZE       107u         /* two numbers, a hash, blanks, LF */

/* ---- names ---- */

void
audit_files_name(uint64_t number, char out[AUDIT_NAME_SIZE])
{
	(void)snprintf(out, AUDIT_NAME_SIZE, "%020" PRIu64 ".jsonl", number);
}

/* 0: it is none of ours. */
static uint64_t
number_of(struct str name)
{
	uint64_t n = 0;

	return name.n == 26 && str_eq_z(str_from(name, 20), ".jsonl") &&
		       num_parse(str_sub(name, 0, 20), 1, INT64_MAX, &n) == 0
		   ? n
		   : 0;
}

/* Calls fn for each file. */
static int
each(int dir, void (*fn)(void *arg, uint64_t number), void *arg, struct err *e)
{
	int fd = file_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
	const struct dirent *d;
	uint64_t n;
	DIR *list;

	if (fd < 0)
		return -1;
	if ((list = fdopendir(fd)) == NULL) {
		file_close(&fd);
		return err_sys(e, "audit");
	}
	while ((d = readdir(list)) != NULL)
		if ((n = number_of(str_z(d->d_name))) != 0)
			fn(arg, n);
	(void)closedir(list);
	return 0;
}

struct next {
	uint64_t from, found;
};

static void
is_next(void *arg, uint64_t number)
{
	struct next *n = arg;

	if (number >= n->from && (n->found == 0 || number < n->found))
		n->found = number;
}

int
audit_files_next(int dir, uint64_t number, uint64_t *out, struct err *e)
{
	struct next n = {.from = number};

	if (each(dir, is_next, &n, e) < 0)
		return -1;
	*out = n.found;
	return n.found != 0 ? 0 : err_set(e, E_NOTFOUND, "no further records");
}

static void
is_before(void *arg, uint64_t number)
{
	struct next *n = arg;

	if (number < n->from && number > n->found)
		n->found = number;
}

int
audit_files_before(int dir, uint64_t number, uint64_t *out, struct err *e)
{
	struct next n = {.from = number};

	if (each(dir, is_before, &n, e) < 0)
		return -1;
	*out = n.found;
	return 0;
}

static int
size_of(int dir, uint64_t number, uint64_t *out, struct err *e)
{
	char name[AUDIT_NAME_SIZE];
	struct stat st;

	audit_files_name(number, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "audit/%s", name);
	*out = (uint64_t)st.st_size;
	return 0;
}

/* ---- head ---- */

/* first 0: there is none that can be read. */
static void
read_head(struct audit_files *f, uint64_t *first, struct chain *at)
{
	char text[HEAD_SIZE];
	struct str s = str_of(text, sizeof(text)), word;
	uint64_t seq;
	size_t got = 0;

	chain_init(at);
	*first = 0;
	if (file_pread_some(f->head, text, sizeof(text), 0, &got, NULL) < 0 || got != HEAD_SIZE)
		return;
	if (!str_cut(&s, ' ', &word) || num_parse(word, 1, INT64_MAX, first) < 0 ||
	    !str_cut(&s, ' ', &word) || num_parse(word, 1, INT64_MAX, &seq) < 0 ||
	    !chain_hash_valid(str_sub(s, 0, CHAIN_HEX))) {
		*first = 0;
		return;
	}
	at->seq = seq;
	memcpy(at->hash, s.p, CHAIN_HEX);
}

static int
write_head(struct audit_files *f, const struct chain *at, struct err *e)
{
	char text[HEAD_SIZE + 1];
	int n = snprintf(
	    text, sizeof(text), "%020" PRIu64 " %020" PRIu64 " %s\n", f->first, at->seq, at->hash);

	assume(n == HEAD_SIZE);
	return file_pwrite(f->head, text, HEAD_SIZE, 0, e);
}

/* ---- as it was found ---- */

/* What a file holds. */
struct walk {
	struct chain first, good; /* of its whole records, up to where one is not; seq 0: none */
	uint64_t octets;          /* up to there */
	struct chain later;       /* a whole record behind that place; seq 0: none */
	bool other;               /* the head's record is there, and another one */
};

static void
walk(struct str octets, const struct chain *head, struct walk *w)
{
	char prev[CHAIN_HEX + 1];
	struct str rest = octets, line;
	struct chain c;
	bool whole = true;

	*w = (struct walk){0};
	while (str_cut(&rest, '\n', &line)) {
		if (whole && chain_follow(&w->good, line, NULL) == 0) {
			if (w->first.seq == 0)
				w->first = w->good;
			w->octets = octets.n - rest.n;
			w->other |=
			    w->good.seq == head->seq && strcmp(w->good.hash, head->hash) != 0;
			continue;
		}
		whole = false;
		if (chain_read(line, &c, prev, NULL) == 0)
			w->later = c;
	}
}

static int
walk_file(struct audit_files *f, uint64_t number, const struct chain *head, struct walk *w,
    uint64_t *size, struct err *e)
{
	char name[AUDIT_NAME_SIZE];
	struct str octets;
	struct arena a;
	int rc;

	audit_files_name(number, name);
	arena_init(&a);
	if ((rc = file_read_all(f->dir, name, FILE_OCTETS_MAX, &a, &octets, e)) == 0) {
		walk(octets, head, w);
		*size = octets.n;
	}
	arena_free(&a);
	return rc;
}

/* What power took before it was durable. */
static int
mend(struct audit_files *f, uint64_t number, uint64_t octets, uint64_t size,
    struct audit_found *found, struct err *e)
{
	char name[AUDIT_NAME_SIZE];

	found->mended += size - octets;
	if (octets == 0) {
		audit_files_name(number, name);
		f->total -= size;
		return file_unlink(f->dir, name, e);
	}
	if (size == octets)
		return 0;
	f->total -= size - octets;
	return file_truncate(f->fd, (off_t)octets, e) < 0 ? -1
							  : file_sync(f->fd, "authd.audit_mend", e);
}

static void
broken(struct audit_found *found, const char *why)
{
	found->broken = true;
	(void)snprintf(found->why, sizeof(found->why), "%s", why);
}

static int
open_last(struct audit_files *f, uint64_t number, struct err *e)
{
	char name[AUDIT_NAME_SIZE];

	audit_files_name(number, name);
	if ((f->fd = file_open(f->dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW, 0, e)) < 0)
		return -1;
	f->number = number;
	return 0;
}

struct listing {
	struct audit_files *f;
	uint64_t last, before; /* the last of those that are below `before` */
};

static void
list_one(void *arg, uint64_t number)
{
	struct listing *l = arg;
	uint64_t size;

	if (size_of(l->f->dir, number, &size, NULL) == 0)
		l->f->total += size;
	if (l->f->first == 0 || number < l->f->first)
		l->f->first = number;
	l->last = num_max(l->last, number);
}

static void
last_below(void *arg, uint64_t number)
{
	struct listing *l = arg;

	if (number < l->before)
		l->last = num_max(l->last, number);
}

/* The last file that has a record, where the chain goes on. Those behind it were begun and never
 * finished. */
static int
find_end(struct audit_files *f, const struct chain *head, struct chain *last,
    struct audit_found *found, struct err *e)
{
	struct listing l = {.f = f};
	struct walk w = {0};
	uint64_t size = 0;

	if (each(f->dir, list_one, &l, e) < 0)
		return -1;
	while (l.last != 0) {
		if (walk_file(f, l.last, head, &w, &size, e) < 0)
			return -1;
		if (w.good.seq != 0 || w.later.seq != 0 || head->seq >= l.last)
			break;
		if (mend(f, l.last, 0, size, found, e) < 0)
			return -1;
		l.before = l.last;
		l.last = 0;
		if (each(f->dir, last_below, &l, e) < 0)
			return -1;
	}
	if (w.good.seq < head->seq && w.later.seq < head->seq)
		broken(found, "records that were there at its end are missing");
	else if (w.other)
		broken(found, "the last record is another one than was written");
	else if (w.later.seq != 0)
		broken(found, "a record was altered");
	/* It goes on behind what is known to have been there. */
	*last = w.good.seq > w.later.seq ? w.good : w.later;
	if (last->seq < head->seq || w.other)
		*last = *head;
	if (last->seq == 0)
		chain_init(last);
	if (found->broken || l.last == 0)
		return 0;
	if (open_last(f, l.last, e) < 0)
		return -1;
	f->size = w.octets;
	return mend(f, l.last, w.octets, size, found, e);
}

int
audit_files_open(struct audit_files *f, uint64_t room, struct chain *last,
    struct audit_found *found, struct err *e)
{
	struct chain head;
	uint64_t first;

	*f = (struct audit_files){.dir = -1, .fd = -1, .head = -1, .room = room};
	*found = (struct audit_found){0};
	if (file_mkdir(AT_FDCWD, "audit", 0700, e) < 0 ||
	    (f->dir = file_open(AT_FDCWD, "audit", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    (f->head = file_open(f->dir, "head", O_RDWR | O_CREAT | O_NOFOLLOW, 0600, e)) < 0)
		return err_wrap(e, "audit log");
	read_head(f, &first, &head);
	if (find_end(f, &head, last, found, e) < 0)
		return err_wrap(e, "audit log");
	return 0;
}

void
audit_files_close(struct audit_files *f)
{
	file_close(&f->fd);
	file_close(&f->head);
	file_close(&f->dir);
}

/* ---- writing ---- */

static int
begin_file(struct audit_files *f, uint64_t number, struct err *e)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW;
	char name[AUDIT_NAME_SIZE], aside[AUDIT_NAME_SIZE + 8];
	struct err why = {0};

	audit_files_name(number, name);
	f->fd = file_open(f->dir, name, flags, 0600, &why);
	if (f->fd < 0 && why.code == E_EXISTS) {
		/* Of a batch that failed, or of a log that is broken: it is not thrown away. */
		(void)snprintf(aside, sizeof(aside), "%s.aside", name);
		if (file_rename(f->dir, name, f->dir, aside, e) < 0)
			return -1;
		f->fd = file_open(f->dir, name, flags, 0600, &why);
	}
	if (f->fd < 0) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	f->number = number;
	f->size = 0;
	if (f->first == 0)
		f->first = number;
	return file_sync_dir(f->dir, "authd.audit_file", e);
}

/* The oldest go; never the one that is written. */
static int
make_room(struct audit_files *f, struct err *e)
{
	char name[AUDIT_NAME_SIZE];
	uint64_t number, size;

	while (f->total > f->room) {
		if (audit_files_next(f->dir, 1, &number, e) < 0 ||
		    size_of(f->dir, number, &size, e) < 0)
			return -1;
		if (number == f->number)
			break;
		audit_files_name(number, name);
		if (file_unlink(f->dir, name, e) < 0)
			return -1;
		f->total -= num_min(size, f->total);
		f->dropped++;
	}
	return audit_files_next(f->dir, 1, &f->first, e);
}

int
audit_files_write(struct audit_files *f, struct str records, uint64_t from, const struct chain *end,
    struct err *e)
{
	f->dropped = 0;
	if (f->fd >= 0 && f->size > 0 && f->size + records.n > f->room / AUDIT_FILES)
		file_close(&f->fd);
	if ((f->fd < 0 && begin_file(f, from, e) < 0) ||
	    file_write(f->fd, records.p, records.n, e) < 0 ||
	    file_sync(f->fd, "authd.audit", e) < 0)
		goto fail;
	f->size += records.n;
	f->total += records.n;
	/* What follows is durable when it may be. */
	if (f->total > f->room)
		(void)make_room(f, NULL);
	(void)write_head(f, end, NULL);
	return 0;
fail:
	if (f->fd >= 0)
		(void)file_truncate(f->fd, (off_t)f->size, NULL);
	file_close(&f->fd);
	return -1;
}
