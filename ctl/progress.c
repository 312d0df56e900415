/* progress.c - see progress.h. */
#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define WIDTH   40u
#define BAR_MS  100u
#define LINE_MS 10000u

static struct {
	uint64_t last;  /* clock_ms: shown */
	uint64_t began; /* clock_ms; 0: not yet */
	bool drawn;
	struct progress first; /* as it was then */
} self;

/* Of 10,000 what is done, by octets where these are known. */
static uint64_t
part_of(const struct progress *p, uint64_t done, uint64_t octets)
{
	double part = p->whole > 0 ? (double)octets / (double)p->whole
		      : p->all > 0 ? (double)done / (double)p->all
				   : 0;

	return part >= 1 ? 10000 : (uint64_t)(part * 10000);
}

/* "12/345 messages, 1.2 MiB, 350 KiB/s, 1:05 left" */
static void
words(const struct progress *p, const char *of)
{
	uint64_t ms = clock_ms() - self.began, now = part_of(p, p->done, p->octets);
	uint64_t then = part_of(p, self.first.done, self.first.octets), left;
	struct arena a;

	fprintf(stderr, "%" PRIu64, p->done);
	if (p->all > 0)
		fprintf(stderr, "%s%" PRIu64, of, p->all);
	fprintf(stderr, " %s", p->what);
	if (p->octets == 0 || ms == 0)
		return;
	arena_init(&a);
	fprintf(stderr, ", " STR_FMT ", " STR_FMT "/s",
	    STR_ARG(out_size(arena_printf(&a, "%" PRIu64, p->octets), &a)),
	    STR_ARG(out_size(
		arena_printf(&a, "%" PRIu64, (p->octets - self.first.octets) * 1000 / ms), &a)));
	arena_free(&a);
	if (now <= then)
		return;
	left = (10000 - now) * ms / (now - then) / 1000;
	fprintf(stderr, ", %" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
}

void
progress_show(const struct progress *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	uint64_t now = clock_ms(), full = part_of(p, p->done, p->octets) * WIDTH / 10000;

	if (ctl.json)
		return;
	if (self.began == 0) {
		self.began = now;
		self.first = *p;
	}
	if (self.last == 0 && !terminal)
		self.last = now; /* what is quick needs no line */
	if (now - self.last < (terminal ? BAR_MS : LINE_MS))
		return;
	self.last = now;
	if (terminal) {
		fprintf(stderr, "\r%s [", p->verb);
		for (unsigned i = 0; i < WIDTH; i++)
			fputc(i < full ? '#' : ' ', stderr);
		fputs("] ", stderr);
		words(p, "/");
		fputs("\033[K", stderr);
		self.drawn = true;
	} else {
		fprintf(stderr, "%s: ", p->verb);
		words(p, " of ");
		fputc('\n', stderr);
	}
	fflush(stderr);
}

void
progress_count(const char *verb, const char *what, uint64_t done, uint64_t all)
{
	const struct progress p = {.verb = verb, .what = what, .done = done, .all = all};

	progress_show(&p);
}

void
progress_end(void)
{
	if (self.drawn)
		fputs("\r\033[K", stderr);
	self.drawn = false;
	self.last = 0;
	self.began = 0;
}
