/*
 * file_fault.h - faults from outside, in the build that is made for them (build/faults): nothing
 * of this is in the product.
 *
 * The environment's GKMAIL_FAULTS names a file of FAULT_PAGE octets, mapped when a process starts,
 * before its sandbox closes; what a test writes there counts at once, in every process. Its text is
 * a number that changes with the text, then rules, one a line:
 *
 *	<operation> <name> <action> [<process> [<how often> [<how many pass before>]]]
 *
 * operation: open read write sync syncdir syncall link rename unlink reserve truncate, or "*".
 * name: a sync's site, or a part of a file's name; "*" is every one. action: an error's name (EIO,
 * ENOSPC), "skip" (the sync is not done and succeeds), "sleep=MS". process: "gk-queue", or "*".
 * Counts are of each process. sqlite's files are "index.db" and "index.db-wal", "accounts.db" and
 * so on; so are the sites of its syncs.
 */
#pragma once

#include "io/file.h"

#ifdef GK_FAULTS
#define FAULT_PAGE 4096u

/* For file_fault; db_fault.c asks for sqlite. 0, an errno value, or FILE_LEAVE_OUT. */
int file_fault_page(enum file_op op, const char *name);
#endif
