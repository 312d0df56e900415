/* metrics.c - counters in shared memory. */
#include "svc/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "svc/page.h"

/* Upper bounds of the histogram in microseconds; one more counts the rest. */
static const uint64_t bounds[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000};

#define BUCKETS ARRAY_LEN(bounds)

struct slot {
	_Atomic int64_t value; /* a histogram's sum in microseconds */
	_Atomic int64_t count[BUCKETS + 1];
};

struct metrics_page {
	struct slot slots[METRIC_COUNT];
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
	return page_create("metrics", sizeof(struct metrics_page), e);
}

int
metrics_attach(int fd, struct err *e)
{
	struct metrics_page *p =
	    page_map(fd, sizeof(struct metrics_page), PROT_READ | PROT_WRITE, e);

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
	return page_map(fd, sizeof(struct metrics_page), PROT_READ, e);
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

/* OpenMetrics wants the bounds as its floats are written canonically: 1.0, not 1. */
static void
put_bound(uint64_t us, enum metrics_format format, struct buf *out)
{
	bool whole = us % 1000000 == 0;

	buf_printf(out, format == METRICS_OPEN && whole ? "%.1f" : "%g", (double)us / 1e6);
}

static void
histogram_text(const struct metrics_page *const *pages, size_t n, size_t m,
    enum metrics_format format, struct buf *out)
{
	const struct row *r = &rows[m];
	int64_t below = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		below += sum(pages, n, m, i);
		buf_printf(out, "%s_bucket{le=\"", r->name);
		put_bound(bounds[i], format, out);
		buf_printf(out, "\"} %" PRId64 "\n", below);
	}
	below += sum(pages, n, m, BUCKETS);
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", r->name, below);
	buf_printf(out, "%s_sum %.6f\n%s_count %" PRId64 "\n", r->name,
	    (double)sum(pages, n, m, SIZE_MAX) / 1e6, r->name, below);
}

void
metrics_introduce(const char *name, const char *kind, const char *help, enum metrics_format format,
    struct buf *out)
{
	struct str family = str_z(name);

	/* There the samples of a counter have _total, and its name has not. */
	if (format == METRICS_OPEN && strcmp(kind, "counter") == 0 &&
	    str_ends(family, STR("_total")))
		family.n -= strlen("_total");
	buf_printf(out, "# HELP " STR_FMT " %s\n# TYPE " STR_FMT " %s\n", STR_ARG(family), help,
	    STR_ARG(family), kind);
}

void
metrics_text(
    const struct metrics_page *const *pages, size_t n, enum metrics_format format, struct buf *out)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	for (size_t m = 0; m < METRIC_COUNT; m++) {
		const struct row *r = &rows[m];

		if (m == 0 || strcmp(rows[m - 1].name, r->name) != 0)
			metrics_introduce(r->name, kinds[r->kind], r->help, format, out);
		if (r->kind == HISTOGRAM)
			histogram_text(pages, n, m, format, out);
		else
			buf_printf(out,
			    r->labels[0] ? "%s{%s} %" PRId64 "\n" : "%s%s %" PRId64 "\n", r->name,
			    r->labels, sum(pages, n, m, SIZE_MAX));
	}
}

int64_t
metrics_value(const struct metrics_page *const *pages, size_t n, enum metric m)
{
	return sum(pages, n, m, SIZE_MAX);
}
