/*
 * content.c - see mailbox.h: the octets of a message, and the text that is cached of it.
 *
 * Small files are read, which takes fewer system calls than mapping them and no page faults; of
 * large ones only what is looked at comes into memory.
 *
 * A file of other programs may have bare LF at line ends. Its message then has the size that it has
 * with CRLF (RFC822.SIZE, scan.c), and so a file of another size than its message is converted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/file.h"
#include "mail/header.h"
#include "store/model.h"

#define CACHED_MAX (5u << 20)  /* octets of one cached text */
#define READ_MAX   (64u << 10) /* octets of a message that is read, not mapped */

/* ---- line ends ---- */

static struct str
with_crlf(struct str s, uint64_t size)
{
	char *out = mem_alloc(size + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = s.p[i];
	}
	return str_of(out, n);
}

/* ---- octets ---- */

/* The octets of a file while they are held: in memory of ours, or mapped. */
struct held {
	struct str octets;
	bool mapped;
};

static void
let_go(struct held *h)
{
	if (h->mapped)
		(void)munmap((void *)h->octets.p, h->octets.n);
	else
		free((char *)h->octets.p);
	*h = (struct held){.octets = STR_NONE};
}

static int
map_file(int fd, struct held *out, struct err *e)
{
	uint64_t size;
	void *p;

	*out = (struct held){.octets = STR_NONE};
	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size == 0)
		return 0;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "mmap");
	*out = (struct held){.octets = str_of(p, size), .mapped = true};
	return 0;
}

/* A file that should have size octets, or fewer; one that has more comes with one more. One call
 * does when it is as it should be. */
static int
read_file(int fd, size_t size, struct held *out, struct err *e)
{
	char *p = mem_grow(NULL, size + 1, 1);
	size_t n = 0;
	ssize_t got;

	do {
		got = pread(fd, p + n, size + 1 - n, (off_t)n);
		if (got > 0)
			n += (size_t)got;
	} while ((got < 0 && errno == EINTR) || (got > 0 && n < size));
	if (got < 0) {
		free(p);
		return err_sys(e, "read");
	}
	*out = (struct held){.octets = str_of(p, n)};
	return 0;
}

/* Opens the file where the index says, or where it has gone. */
static int
open_file(struct mailbox *mb, uint32_t uid, struct err *e)
{
	char path[PATH_SIZE], base[MAILDIR_NAME_SIZE];
	struct index_file f;
	int fd;

	if (index_file_get(mb->home->index, mb->id, uid, &f, base, e) < 0 ||
	    files_path(mb, &f, path, e) < 0)
		return -1;
	fd = files_open_quietly(path);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return err_sys(e, "%s", path);
	if (scan_locate(mb, uid, path, &f, base, e) < 0)
		return -1;
	return file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, e);
}

/* The octets of an open file as the message's, m (NULL: the message has just gone). */
static int
hold_file(int fd, const struct message *m, struct held *h, struct err *e)
{
	struct held converted;

	if (m != NULL && m->size <= READ_MAX ? read_file(fd, m->size, h, e) < 0
					     : map_file(fd, h, e) < 0)
		return -1;
	if (m == NULL || m->size == h->octets.n)
		return 0;
	if (files_crlf_size(h->octets) != m->size) {
		/* A name without its octets (INVARIANTS 1): the replay of its delivery mends it. */
		let_go(h);
		return err_set(e, E_TEMP, "the message's file is not whole");
	}
	converted = (struct held){.octets = with_crlf(h->octets, m->size)};
	let_go(h);
	*h = converted;
	return 0;
}

/* The beginning of a file; 1, or 0 where that does not do: the header does not end in it, or the
 * file is not as its message. */
static int
read_head(int fd, const struct message *m, struct home *h, struct str *out)
{
	struct stat st;
	ssize_t n;

	if (h->head == NULL)
		h->head = mem_alloc(HEAD_SIZE);
	do
		n = pread(fd, h->head, HEAD_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (m == NULL || n < 0)
		return 0;
	*out = str_of(h->head, (size_t)n);
	if ((size_t)n < HEAD_SIZE)
		return (uint64_t)n == m->size;
	return fstat(fd, &st) == 0 && (uint64_t)st.st_size == m->size &&
	       header_length(*out) < out->n;
}

int
content_head(struct mailbox *mb, uint32_t uid, struct str *out, struct content **c, struct err *e)
{
	int fd = open_file(mb, uid, e), rc;

	*c = NULL;
	if (fd < 0)
		return -1;
	rc = read_head(fd, mailbox_get(mb, uid), mb->home, out);
	file_close(&fd);
	if (rc == 1)
		return 0;
	if ((*c = content_open(mb, uid, e)) == NULL)
		return -1;
	*out = (*c)->octets;
	return 0;
}

/* A file that no row names yet. */
struct content *
content_new(struct mailbox *mb, const struct index_file *f, const struct message *m)
{
	struct held h = {.octets = STR_NONE};
	char path[PATH_SIZE];
	struct content *c;
	int fd, rc;

	if (files_path(mb, f, path, NULL) < 0 || (fd = files_open_quietly(path)) < 0)
		return NULL;
	rc = hold_file(fd, m, &h, NULL);
	file_close(&fd);
	if (rc < 0)
		return NULL;
	c = mem_alloc(sizeof *c);
	*c = (struct content){.octets = h.octets, .refs = 1, .mapped = h.mapped};
	return c;
}

struct content *
content_open(struct mailbox *mb, uint32_t uid, struct err *e)
{
	struct content *c = mb->home->last;
	struct held h = {.octets = STR_NONE};
	int fd, rc;

	if (c != NULL && c->mb == mb && c->uid == uid) {
		c->refs++;
		return c;
	}
	if ((fd = open_file(mb, uid, e)) < 0)
		return NULL;
	rc = hold_file(fd, mailbox_get(mb, uid), &h, e);
	file_close(&fd);
	if (rc < 0)
		return NULL;
	c = mem_alloc(sizeof *c);
	*c = (struct content){
	    .octets = h.octets, .refs = 2, .mapped = h.mapped, .mb = mb, .uid = uid};
	if (mb->home->last != NULL)
		content_close(&mb->home->last);
	mb->home->last = c;
	return c;
}

void
content_close(struct content **cp)
{
	struct content *c = *cp;
	struct held h = {.octets = STR_NONE};

	*cp = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	h = (struct held){c->octets, c->mapped};
	let_go(&h);
	free(c);
}

/* ---- cached text ---- */

int
mailbox_cached(struct mailbox *mb, uint32_t uid, enum cache_kind kind, struct arena *a,
    struct str *out, struct err *e)
{
	struct home *h = mb->home;
	struct content *c;
	struct buf text;
	int rc = -1;

	if (index_cache_get(h->index, mb->id, uid, kind, h->o.render_version, a, out, e) < 0)
		return -1;
	if (out->p != NULL)
		return 0;
	if (h->o.render == NULL)
		return err_set(e, E_INTERNAL, "nobody renders");
	if ((c = content_open(mb, uid, e)) == NULL)
		return -1;
	buf_init(&text, CACHED_MAX);
	h->o.render(h->o.arg, kind, c->octets, &text);
	*out = arena_dup(a, buf_view(&text));
	/* Not being able to keep it is no reason not to give it. */
	if (home_ready_lazily(h, e) == 0 && !text.over &&
	    index_cache_put(h->index, mb->id, uid, kind, h->o.render_version, buf_view(&text), e) <
		0) {
		(void)home_fail(h, e);
		goto out;
	}
	rc = text.over ? err_set(e, E_LIMIT, "structure too large") : 0;
out:
	buf_free(&text);
	content_close(&c);
	return rc;
}
