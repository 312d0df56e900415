/*
 * numbers.h - numbers that never go backwards: UIDs, modseqs, UIDVALIDITY, epoch (INVARIANTS 3).
 *
 * db/state is a small file that is written and synced before any number of a reserved block is
 * shown. It says "unclean" while numbers may have been shown that the index does not have yet;
 * after an unclean end numbering goes on from the ceilings, with epoch + 1. Only lib/store includes
 * this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define NUMBERS_PATH         "db/state"
#define NUMBERS_UID_BLOCK    1000u
#define NUMBERS_MODSEQ_BLOCK 10000u

struct numbers_uid {
	uint32_t mailbox;
	uint32_t ceiling; /* no UID from here on was ever shown */
};

struct numbers {
	bool clean; /* the file says so now */
	uint64_t epoch;
	uint32_t next_uidvalidity;
	uint32_t next_mailbox;
	uint64_t modseq_ceiling;  /* the highest that may have been shown */
	struct numbers_uid *uids; /* owned; by mailbox, ascending */
	size_t nuids;
	uint64_t serial; /* of writes */
	uint32_t room;   /* for one slot in the file; 0: there is none of this version */
};

enum numbers_found {
	NUMBERS_CLEAN,
	NUMBERS_UNCLEAN,
	NUMBERS_LOST /* no such file, or damaged: *n holds zeros */
};

/* Never fails for what it finds in the file; -1 when it cannot be read at all. */
int numbers_read(struct numbers *n, enum numbers_found *found, struct err *e);
/* Writes n behind what was read or written last; durable on return. */
int numbers_write(struct numbers *n, const struct numbers *old, struct err *e);
/* 0 for an unknown mailbox. */
uint32_t numbers_ceiling(const struct numbers *n, uint32_t mailbox);
void numbers_done(struct numbers *n);
