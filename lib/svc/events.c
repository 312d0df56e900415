/* events.c - see events.h. */
#include "svc/events.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "svc/page.h"

#define RING (1u << 20)
#define LINE 4096u /* the longest that is kept */

struct events_page {
	_Atomic uint64_t written; /* octets so far; the last RING of them stand in ring */
	char ring[RING];
};

static struct events_page *page;

int
events_create(struct err *e)
{
	return page_create("events", sizeof(struct events_page), e);
}

int
events_attach(int fd, struct err *e)
{
	struct events_page *p = page_map(fd, sizeof(struct events_page), PROT_READ | PROT_WRITE, e);

	if (p == NULL)
		return -1;
	page = p;
	return 0;
}

const struct events_page *
events_map(int fd, struct err *e)
{
	return page_map(fd, sizeof(struct events_page), PROT_READ, e);
}

/* Room is taken first, so that threads and owners who share the page write side by side. A reader
 * may meet a line half written: it is none, then. */
void
events_note(struct str line)
{
	char text[LINE + 1];
	uint64_t at;

	if (page == NULL)
		return;
	line = str_sub(line, 0, LINE);
	memcpy(text, line.p, line.n);
	text[line.n++] = '\n';
	at = atomic_fetch_add_explicit(&page->written, line.n, memory_order_relaxed) % RING;
	if (line.n > RING - at) {
		memcpy(page->ring + at, text, RING - at);
		memcpy(page->ring, text + (RING - at), line.n - (RING - at));
	} else {
		memcpy(page->ring + at, text, line.n);
	}
}

static bool
is_about(struct str line, struct str mid)
{
	static const struct str keys[] = {STR_INIT(" mid="), STR_INIT(" about=")};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t at = str_find(line, keys[i]);
		struct str value = str_from(line, at < line.n ? at + keys[i].n : line.n);

		if (str_eq(str_sub(value, 0, str_chr(value, ' ')), mid))
			return true;
	}
	return false;
}

static void
put_events(const struct events_page *p, struct str mid, struct buf *out)
{
	uint64_t written = atomic_load_explicit(&p->written, memory_order_relaxed);
	size_t n = (size_t)(written < RING ? written : RING);
	size_t from = (size_t)((written - n) % RING), first = n < RING - from ? n : RING - from;
	struct buf copy;
	struct str all, line;

	buf_init(&copy, RING + 1);
	buf_put(&copy, p->ring + from, first);
	buf_put(&copy, p->ring, n - first);
	all = buf_view(&copy);
	/* The first line has lost its beginning when the ring went round. */
	if (written > RING)
		str_cut(&all, '\n', &line);
	while (str_cut(&all, '\n', &line))
		if (is_about(line, mid)) {
			buf_str(out, line);
			buf_putc(out, '\n');
		}
	buf_free(&copy);
}

void
events_about(const struct events_page *const *pages, size_t n, struct str mid, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (pages[i])
			put_events(pages[i], mid, out);
}
