/*
 * import_maildir.c - gkmail import maildir: a Maildir with its folders, as Dovecot, Courier and
 * others keep them.
 *
 * Folders are those of Maildir++ (".A.B"), or stand in each other (Dovecot's LAYOUT=fs), or both.
 * The key of a message is its folder and the name of its file up to the colon, which stays the same
 * while flags change. Its date is that in the name, but the file's own where that is older: what
 * was put into a mailbox later (by IMAP APPEND) has the time of arrival there alone.
 */
#include "ctl/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/mbox.h"
#include "io/file.h"
#include "store/maildir.h"

#define DEPTH_MAX 16u
#define LIST_MAX  (1u << 20)
#define LETTERS   26u

struct source {
	const char *root;
	struct str *subscribed;
	size_t nsubscribed;
	bool knows; /* there is a list of subscriptions */
};

/* ---- folders ---- */

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_maildir(struct import *im, const char *path)
{
	return is_folder(arena_printf(&im->arena, "%s/cur", path).p);
}

/* The names in a folder, in an order of their own; *n of them. */
static struct str *
names_in(struct arena *a, const char *path, size_t *n, struct err *e)
{
	struct str *v = NULL, *out;
	struct dirent *d;
	size_t cap = 0;
	DIR *dir = opendir(path);

	*n = 0;
	if (dir == NULL) {
		err_sys(e, "%s", path);
		return NULL;
	}
	while (errno = 0, (d = readdir(dir)) != NULL) {
		if (*n == cap)
			v = mem_grow(v, cap = cap * 2 + 64, sizeof *v);
		v[(*n)++] = arena_dup(a, str_z(d->d_name));
	}
	if (errno != 0) {
		err_sys(e, "%s", path);
		closedir(dir);
		free(v);
		return NULL;
	}
	closedir(dir);
	out = arena_array(a, *n + 1, sizeof *out);
	if (*n > 0)
		memcpy(out, v, *n * sizeof *v);
	free(v);
	return out;
}

static bool
is_subscribed(const struct source *s, struct str name)
{
	for (size_t i = 0; i < s->nsubscribed; i++)
		if (str_eq(s->subscribed[i], name))
			return true;
	/* Where nobody said, all are. */
	return !s->knows;
}

static void
read_subscriptions(struct import *im, struct source *s, const char *file)
{
	const char *path = arena_printf(&im->arena, "%s/%s", s->root, file).p;
	struct str text, line, name;
	bool tabs = false, more = true;

	if (file_read_all(AT_FDCWD, path, LIST_MAX, &im->arena, &text, NULL) < 0)
		return;
	s->knows = true;
	s->subscribed = arena_array(&im->arena, text.n + 1, sizeof *s->subscribed);
	while (more) {
		more = str_cut(&text, '\n', &line);
		if (import_subscribed_line(line, &tabs, &im->arena, &name) == 0)
			s->subscribed[s->nsubscribed++] = name;
	}
}

static void
found(struct import *im, const char *path, struct str name)
{
	const struct source *s = im->own;
	bool subscribed = str_ieq_z(name, "INBOX") || is_subscribed(s, name);

	(void)import_found(im, str_z(path), name, NULL, subscribed);
}

/* Folders of Maildir++ stand in the first level alone. */
static int
walk(struct import *im, const char *path, struct str name, unsigned depth, struct err *e)
{
	struct str *v;
	size_t n;

	if (depth > DEPTH_MAX)
		return 0;
	if (is_maildir(im, path))
		found(im, path, depth == 0 ? STR("INBOX") : name);
	if ((v = names_in(&im->arena, path, &n, e)) == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *below = arena_printf(&im->arena, "%s/" STR_FMT, path, STR_ARG(v[i])).p;
		struct str leaf;

		if (str_eq_z(v[i], ".") || str_eq_z(v[i], "..") || str_eq_z(v[i], "cur") ||
		    str_eq_z(v[i], "new") || str_eq_z(v[i], "tmp") || !is_folder(below))
			continue;
		if (v[i].p[0] == '.') {
			if (depth == 0 && is_maildir(im, below))
				found(im, below,
				    import_folder_name(str_from(v[i], 1), '.', &im->arena));
			continue;
		}
		leaf = import_folder_name(v[i], '/', &im->arena);
		if (depth > 0)
			leaf = arena_printf(
			    &im->arena, STR_FMT "/" STR_FMT, STR_ARG(name), STR_ARG(leaf));
		if (walk(im, below, leaf, depth + 1, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- messages ---- */

struct entry {
	struct str text; /* of the file's name */
	bool in_new;
	struct maildir_name name;
};

static int
compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->name.time != b->name.time)
		return a->name.time < b->name.time ? -1 : 1;
	return str_cmp(a->name.base, b->name.base);
}

/* Messages of both halves, in the order in which they came. */
static struct entry *
entries(const struct import_box *b, struct arena *a, size_t *n, struct err *e)
{
	static const char *const halves[] = {"cur", "new"};
	struct entry *v = NULL, *out;

	*n = 0;
	for (size_t h = 0; h < ARRAY_LEN(halves); h++) {
		const char *path = arena_printf(a, STR_FMT "/%s", STR_ARG(b->place), halves[h]).p;
		struct str *names;
		size_t k;

		if (!is_folder(path))
			continue;
		if ((names = names_in(a, path, &k, e)) == NULL) {
			free(v);
			return NULL;
		}
		v = mem_grow(v, *n + k + 1, sizeof *v);
		for (size_t i = 0; i < k; i++) {
			struct entry *x = &v[*n];

			*x = (struct entry){.text = names[i], .in_new = h == 1};
			*n += maildir_parse(names[i], &x->name) == 0;
		}
	}
	out = arena_array(a, *n + 1, sizeof *out);
	if (*n > 0)
		memcpy(out, v, *n * sizeof *v);
	free(v);
	qsort(out, *n, sizeof *out, compare);
	return out;
}

static void
read_keywords(const struct import_box *b, struct arena *a, struct str keywords[LETTERS])
{
	const char *path = arena_printf(a, STR_FMT "/dovecot-keywords", STR_ARG(b->place)).p;
	struct str text, line, name;
	unsigned letter;
	bool more = true;

	if (file_read_all(AT_FDCWD, path, LIST_MAX, a, &text, NULL) < 0)
		return;
	while (more) {
		more = str_cut(&text, '\n', &line);
		if (import_keyword_line(line, &letter, &name) == 0)
			keywords[letter] = name;
	}
}

static void
flags_of(const struct entry *x, const struct str keywords[LETTERS], struct buf *out)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} known[] = {{MAILDIR_DRAFT, "\\Draft"}, {MAILDIR_FLAGGED, "\\Flagged"},
	    {MAILDIR_PASSED, "$Forwarded"}, {MAILDIR_REPLIED, "\\Answered"},
	    {MAILDIR_SEEN, "\\Seen"}, {MAILDIR_TRASHED, "\\Deleted"}};

	buf_reset(out);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (x->name.letters & known[i].bit)
			(void)buf_printf(out, "%s%s", out->n > 0 ? " " : "", known[i].name);
	for (unsigned i = 0; i < LETTERS; i++)
		if ((x->name.letters & 1u << (i + 6)) && keywords[i].n > 0)
			(void)buf_printf(
			    out, "%s" STR_FMT, out->n > 0 ? " " : "", STR_ARG(keywords[i]));
}

/* What Dovecot's zlib plugin has made of it is no message. */
static bool
is_compressed(struct str s)
{
	return str_starts(s, STR("\x1f\x8b")) || str_starts(s, STR("BZh")) ||
	       str_starts(s, STR("\x28\xb5\x2f\xfd"));
}

/* Octets of a file; NULL: read. Else why they are not taken. */
static const char *
read_message(struct import *im, const char *path, struct arena *a, struct str *text, time_t *mtime)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *why = NULL;
	struct stat st = {0};
	size_t got = 0;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		why = arena_printf(a, "%s", strerror(errno)).p;
	else if (!S_ISREG(st.st_mode))
		why = "not a file";
	else if (st.st_size == 0)
		why = "it is empty";
	else if ((uint64_t)st.st_size > im->max_message)
		why = "it is larger than imap.max_size";
	if (why == NULL) {
		*mtime = st.st_mtime;
		p = arena_alloc(a, (size_t)st.st_size + 1);
		if (file_pread_some(fd, p, (size_t)st.st_size, 0, &got, NULL) < 0)
			why = "it cannot be read";
		*text = str_of(p, got);
		if (why == NULL && is_compressed(*text))
			why = "it is compressed; import it by IMAP, from the server that wrote it";
	}
	if (fd >= 0)
		close(fd);
	return why;
}

static int
bring_one(struct import *im, struct import_box *b, const struct entry *x, struct str flags,
    const unsigned char *key, struct arena *a, struct err *e)
{
	struct str path = arena_printf(a, STR_FMT "/%s/" STR_FMT, STR_ARG(b->place),
	    x->in_new ? "new" : "cur", STR_ARG(x->text));
	struct import_mail m = {.key = key, .flags = flags, .date = x->name.time};
	struct str text = STR_NONE;
	time_t mtime = 0;
	struct buf out;
	const char *why;
	int rc = 0;

	if ((why = read_message(im, path.p, a, &text, &mtime)) != NULL) {
		import_skip(im, path, why);
		return 0;
	}
	if (mtime > 0 && mtime < m.date)
		m.date = mtime;
	buf_init(&out, im->max_message);
	if (mbox_crlf(text, &out) < 0) {
		import_skip(im, path, "with CRLF it is larger than imap.max_size");
	} else {
		m.octets = buf_view(&out);
		m.read = text.n;
		rc = import_give(im, b, &m, e);
	}
	buf_free(&out);
	return rc;
}

static int
bring(struct import *im, struct import_box *b, struct err *e)
{
	struct str keywords[LETTERS] = {{0}};
	unsigned char key[IMPORT_KEY];
	struct arena a, one;
	struct entry *v;
	struct buf flags;
	size_t n;
	int rc = -1;

	arena_init(&a);
	arena_init(&one);
	buf_init(&flags, MBOX_FLAGS_MAX);
	read_keywords(b, &a, keywords);
	if ((v = entries(b, &a, &n, e)) == NULL)
		goto out;
	rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		import_key(im, b, &v[i].name.base, 1, key);
		if (!import_wants(im, b, key, 0))
			continue;
		flags_of(&v[i], keywords, &flags);
		rc = im->dry ? 0 : bring_one(im, b, &v[i], buf_view(&flags), key, &one, e);
		arena_reset(&one);
	}
out:
	buf_free(&flags);
	arena_free(&one);
	arena_free(&a);
	return rc;
}

/* ---- all of it ---- */

/* How much there is, for the progress: names alone. */
static int
count(struct import *im, struct err *e)
{
	for (size_t i = 0; i < im->n; i++) {
		struct arena a;
		struct entry *v;
		size_t n;

		arena_init(&a);
		v = entries(&im->boxes[i], &a, &n, e);
		arena_free(&a);
		if (v == NULL)
			return -1;
		im->all += n;
	}
	return 0;
}

static int
list(struct import *im, struct err *e)
{
	struct source *s = im->own;

	read_subscriptions(im, s, "subscriptions");
	if (!s->knows)
		read_subscriptions(im, s, "courierimapsubscribed");
	if (walk(im, s->root, STR_NONE, 0, e) < 0)
		return -1;
	if (im->n == 0)
		return err_set(e, E_INVAL,
		    "%s is no Maildir, and has none in it: a Maildir has the folders cur and new",
		    s->root);
	return count(im, e);
}

int
import_maildir_open(struct import *im, const char *path, struct err *e)
{
	static const struct import_source source = {"maildir", list, bring, NULL};
	struct source *s = arena_alloc(&im->arena, sizeof *s);

	s->root = path;
	im->source = &source;
	im->own = s;
	return is_folder(path) ? 0 : err_set(e, E_NOTFOUND, "%s: no such folder", path);
}
