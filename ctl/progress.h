/*
 * progress.h - how far a verb is: a bar on a terminal, a line now and then otherwise, nothing with
 * --json. All on standard error.
 */
#pragma once

#include <stdint.h>

struct progress {
	const char *verb, *what; /* "import", "messages" */
	uint64_t done, all;      /* all 0: nobody knows */
	/* Where octets are counted too. The bar goes by these where `whole` is known. */
	uint64_t octets, whole;
};

/* May be called as often as one likes. */
void progress_show(const struct progress *p);
void progress_count(const char *verb, const char *what, uint64_t done, uint64_t all);
/* The bar goes away; for what is to be printed in its place, too. */
void progress_end(void);
