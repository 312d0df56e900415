/*
 * state.h - what a restart must not forget: how often it failed, and since when; else one that
 * starts again and again would ask again and again. In data_dir/acme/state, JSON, version 1.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct state {
	unsigned failures;
	int64_t failed;
	uint32_t retry;
	char error[512];
};

/* What is not there, or of no use, is a state without failures. */
void state_read(struct state *out);
/* Of use to one who starts again, not to one who lost power: nothing is synced. */
int state_write(const struct state *s, struct err *e);
/* The clock may have been set back: nothing has failed in the time to come. */
void state_heed(struct state *s, int64_t now);
/* From text. */
void state_parse(struct str text, struct state *out);
