/*
 * owner.h - the owner process: one user's mail, and all that user's connections.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "svc/sandbox.h"

/* System calls of an owner, in its filter on top of the parent's. */
#define OWNER_CALLS (SB_IPC | SB_STREAM | SB_FILES | SB_WRITE | SB_SQLITE)

/* Of the configuration, what an owner reads. */
#define OWNER_SECTIONS "server mailbox imap submission"

/* Everything an owner needs, made by the parent before it forks. */
struct owner_start {
	const char *user;
	const char *home; /* relative to the working directory */
	int fd;           /* its end of the channel */
	uint64_t quota;
	bool due; /* an owner before it said that there is something to be done (due.h) */
	const struct sandbox_filter *filter;
	bool sandbox_required;
};

/* Runs as a forked child, to the end. */
void owner_run(const struct owner_start *s) __attribute__((noreturn));

/*
 * Closes the calling process in for the home: goes there, makes it the root where the process may,
 * drops every capability, enters Landlock and the filter. Afterwards it reads below Maildir/ and
 * db/, makes and removes names below Maildir/, and writes to files below Maildir/tmp and db/ alone
 * (INVARIANTS 9). Used by owner_run() and by the test that tries to get out.
 */
int
owner_confine(const char *home, const struct sandbox_filter *filter, bool required, struct err *e);
