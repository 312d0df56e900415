/* backup_progress.c - see backup.h. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "ctl/backup.h"
#include "ctl/ctl.h"

#define WIDTH   40u
#define BAR_MS  100u
#define LINE_MS 10000u

static struct {
	uint64_t last; /* clock_ms: shown */
	bool drawn;
} self;

void
backup_progress(const char *verb, const char *what, uint64_t done, uint64_t all)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	uint64_t now = clock_ms();
	unsigned full = all > 0 ? (unsigned)(done * WIDTH / all) : 0;

	if (ctl.json)
		return;
	if (self.last == 0 && !terminal)
		self.last = now; /* what is quick needs no line */
	if (now - self.last < (terminal ? BAR_MS : LINE_MS))
		return;
	self.last = now;
	if (terminal) {
		fprintf(stderr, "\r%s [", verb);
		for (unsigned i = 0; i < WIDTH; i++)
			fputc(i < full ? '#' : ' ', stderr);
		fprintf(stderr, "] %" PRIu64 "/%" PRIu64 " %s ", done, all, what);
		self.drawn = true;
	} else {
		fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " %s\n", verb, done, all, what);
	}
	fflush(stderr);
}

void
backup_progress_end(void)
{
	if (self.drawn)
		fputs("\r\033[K", stderr);
	self.drawn = false;
	self.last = 0;
}
