/* metrics.c - counters in shared memory. */
#include "svc/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"

/* Upper bounds of the histogram in microseconds; one more counts the rest. */
static const uint64_t bounds[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000};

#define BUCKETS ARRAY_LEN(bounds)

struct slot {
	_Atomic int64_t value; /* a histogram's sum in microseconds */
	_Atomic int64_t count[BUCKETS + 1];
};

#define RING (1u << 20)
#define LINE 4096u /* the longest that is kept */

struct metrics_page {
	struct slot slots[METRIC_COUNT];
	_Atomic uint64_t written; /* octets of events so far; the last RING of them stand in ring */
	char ring[RING];
};

enum kind {
	COUNTER,
	GAUGE,
	HISTOGRAM
};

#define METRIC_ROW(id, name, labels, kind, help) {name, labels, kind, help},

static const struct row {
	const char *name, *labels;
	enum kind kind;
	const char *help;
} rows[METRIC_COUNT] = {METRICS(METRIC_ROW)};

static struct metrics_page own;
static struct metrics_page *page = &own;

int
metrics_create(struct err *e)
{
	int fd = memfd_create("metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(e, "metrics page");
	/* Its size is for good: a reader must not be killed by a page that shrinks (SIGBUS). */
	if (ftruncate(fd, (off_t)sizeof(struct metrics_page)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err_sys(e, "metrics page");
		close(fd);
		return -1;
	}
	return fd;
}

static struct metrics_page *
map(int fd, int prot, struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct metrics_page)) {
		err_set(e, E_INVAL, "not a metrics page");
		return NULL;
	}
	p = mmap(NULL, sizeof(struct metrics_page), prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err_sys(e, "map metrics page");
		return NULL;
	}
	return p;
}

int
metrics_attach(int fd, struct err *e)
{
	struct metrics_page *p = map(fd, PROT_READ | PROT_WRITE, e);

	if (p == NULL)
		return -1;
	page = p;
	/* The page outlives the process; what a gauge measured died with it. */
	for (size_t m = 0; m < METRIC_COUNT; m++)
		if (rows[m].kind == GAUGE)
			metric_set((enum metric)m, 0);
	return 0;
}

const struct metrics_page *
metrics_map(int fd, struct err *e)
{
	return map(fd, PROT_READ, e);
}

void
metric_add(enum metric m, int64_t n)
{
	atomic_fetch_add_explicit(&page->slots[m].value, n, memory_order_relaxed);
}

void
metric_set(enum metric m, int64_t v)
{
	atomic_store_explicit(&page->slots[m].value, v, memory_order_relaxed);
}

void
metric_observe(enum metric m, uint64_t us)
{
	size_t i = 0;

	while (i < BUCKETS && us > bounds[i])
		i++;
	metric_add(m, (int64_t)us);
	atomic_fetch_add_explicit(&page->slots[m].count[i], 1, memory_order_relaxed);
}

static int64_t
sum(const struct metrics_page *const *pages, size_t n, size_t m, size_t bucket)
{
	int64_t all = 0;

	for (size_t i = 0; i < n; i++) {
		const struct slot *s = &pages[i]->slots[m];

		all += atomic_load_explicit(
		    bucket == SIZE_MAX ? &s->value : &s->count[bucket], memory_order_relaxed);
	}
	return all;
}

static void
histogram_text(const struct metrics_page *const *pages, size_t n, size_t m, struct buf *out)
{
	const struct row *r = &rows[m];
	int64_t below = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		below += sum(pages, n, m, i);
		buf_printf(out, "%s_bucket{le=\"%g\"} %" PRId64 "\n", r->name,
		    (double)bounds[i] / 1e6, below);
	}
	below += sum(pages, n, m, BUCKETS);
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", r->name, below);
	buf_printf(out, "%s_sum %.6f\n%s_count %" PRId64 "\n", r->name,
	    (double)sum(pages, n, m, SIZE_MAX) / 1e6, r->name, below);
}

void
metrics_text(const struct metrics_page *const *pages, size_t n, struct buf *out)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	for (size_t m = 0; m < METRIC_COUNT; m++) {
		const struct row *r = &rows[m];

		if (m == 0 || strcmp(rows[m - 1].name, r->name) != 0)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name,
			    kinds[r->kind]);
		if (r->kind == HISTOGRAM)
			histogram_text(pages, n, m, out);
		else
			buf_printf(out,
			    r->labels[0] ? "%s{%s} %" PRId64 "\n" : "%s%s %" PRId64 "\n", r->name,
			    r->labels, sum(pages, n, m, SIZE_MAX));
	}
}

/* ---- events about messages ---- */

/* Room is taken first, so that threads and owners who share the page write side by side. A reader
 * may meet a line half written: it is none, then. */
void
metrics_event(struct str line)
{
	char text[LINE + 1];
	uint64_t at;

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
put_events(const struct metrics_page *p, struct str mid, struct buf *out)
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
metrics_events(const struct metrics_page *const *pages, size_t n, struct str mid, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (pages[i])
			put_events(pages[i], mid, out);
}
