/*
 * when.h - days and spans of time as people name them: today, last week, il y a trois jours, le 5
 * mars.
 */
#pragma once

#include <stdint.h>

#include "aid/grammar/lexicon.h"

struct now {
	int64_t utc;  /* seconds since the epoch */
	int32_t zone; /* minutes east of UTC of the person who speaks */
};

/* From the first second to the one after the last, UTC. */
struct span {
	int64_t from, to;
};

/* Reads a date that begins at word `at`. ahead: a name that fits past and future ("Monday", "in
 * March") means the next one, else the last. Returns how many words it takes; 0 when none begins
 * there. A date in figures that could be two days ("4/5/2026" in English) is read month first. */
size_t when_read(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out);

/* "3 days", "deux semaines": seconds into *out; the words it takes, or 0. */
size_t when_duration(const struct words_of *w, size_t at, int64_t *out);
