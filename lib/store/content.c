/*
 * content.c - see mailbox.h: the octets of a message, and the text that is cached of it.
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
#include "store/model.h"

#define CACHED_MAX (4u << 20) /* octets of one cached text */

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

static int
map_file(int fd, struct str *out, struct err *e)
{
	uint64_t size;
	void *p;

	if (file_size(fd, &size, e) < 0)
		return -1;
	*out = STR("");
	if (size == 0)
		return 0;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "mmap");
	*out = str_of(p, size);
	return 0;
}

static void
unmap(struct str s)
{
	if (s.n > 0)
		(void)munmap((void *)s.p, s.n);
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
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return err_sys(e, "%s", path);
	if (scan_locate(mb, uid, path, &f, base, e) < 0)
		return -1;
	return file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, e);
}

struct content *
content_open(struct mailbox *mb, uint32_t uid, struct err *e)
{
	const struct message *m;
	struct content *c = mb->home->last;
	struct str file;
	int fd, rc;
	bool lf;

	if (c != NULL && c->mb == mb && c->uid == uid) {
		c->refs++;
		return c;
	}
	if ((fd = open_file(mb, uid, e)) < 0)
		return NULL;
	rc = map_file(fd, &file, e);
	file_close(&fd);
	if (rc < 0)
		return NULL;
	m = mailbox_get(mb, uid);
	lf = m != NULL && m->size != file.n;
	if (lf && files_crlf_size(file) != m->size) {
		/* A name without its octets (INVARIANTS 1): the replay of its delivery mends it. */
		unmap(file);
		err_set(e, E_TEMP, "the message's file is not whole");
		return NULL;
	}
	c = mem_alloc(sizeof *c);
	*c = (struct content){.octets = file, .refs = 2, .mapped = true, .mb = mb, .uid = uid};
	if (lf) {
		c->octets = with_crlf(file, m->size);
		c->mapped = false;
		unmap(file);
	}
	if (mb->home->last != NULL)
		content_close(&mb->home->last);
	mb->home->last = c;
	return c;
}

void
content_close(struct content **cp)
{
	struct content *c = *cp;

	*cp = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	if (c->mapped)
		unmap(c->octets);
	else
		free((char *)c->octets.p);
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
	if (home_ready(h, e) == 0 && !text.over &&
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
