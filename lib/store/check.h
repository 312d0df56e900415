/*
 * check.h - a home held against itself: files, index, uid list, state. For the operator.
 *
 * Everything that differs is told, one finding at a time; what is known to be on its way (names
 * that are behind their flags, files of tombstones) is none. Mending brings index and uid list in
 * step with the files, which are the truth. Where rows themselves cannot be trusted the index is
 * marked to be made anew from files and uid list by the next home_open() (`rebuild`). Octets that
 * are lost stay so: a file that is not whole is told and left alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct home;

struct home_report {
	/* One finding; mailbox is empty for what concerns the whole home. */
	void (*say)(void *arg, struct str mailbox, struct str text);
	void *arg;
	uint64_t messages; /* looked at */
	uint64_t found, mended;
	bool rebuild; /* the home is to be closed and opened again */
};

/* -1 only when the home cannot be read at all. */
int home_check(struct home *h, bool mend, struct home_report *r, struct err *e);
/* Forgets what can be had from the messages again: cached structure, what directories looked like,
 * the uid list. */
int home_reindex(struct home *h, struct home_report *r, struct err *e);
