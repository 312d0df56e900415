/*
 * headscan.h - what the server must know of a message's header, learned while its octets stream by.
 *
 * Takes runs of any size. Keeps only counts, and, when asked to collect, the values of From and
 * Sender. Names are compared as lenient readers do (any case, blanks before the colon), and a line
 * that is no field does not end the header: what some reader may take for a From field is counted
 * as one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define HEADSCAN_NAME_MAX  32u
#define HEADSCAN_VALUE_MAX 65536u
/* A text that has no field within so many octets has no header at all. */
#define HEADSCAN_JUNK_MAX 16384u

enum headscan_state {
	HEADSCAN_BOL,
	HEADSCAN_CR, /* at the beginning of a line, behind CR */
	HEADSCAN_NAME,
	HEADSCAN_BLANK, /* between a name and its colon */
	HEADSCAN_VALUE,
	HEADSCAN_JUNK, /* in a line that is no field */
	HEADSCAN_DONE
};

struct headscan {
	enum headscan_state state;
	uint64_t octets; /* of the header so far, with the empty line */
	unsigned fields, received, from, sender;
	bool date, message_id;
	bool absent;   /* no header: the text begins at once */
	bool overflow; /* From or Sender was longer than HEADSCAN_VALUE_MAX */
	char name[HEADSCAN_NAME_MAX];
	size_t name_n;
	bool collect;
	struct buf *into; /* where the current value goes, or NULL */
	struct buf from_value, sender_value;
};

void headscan_init(struct headscan *h, bool collect);
void headscan_free(struct headscan *h);
/* After DONE, octets are passed over. */
void headscan_feed(struct headscan *h, const char *p, size_t n);
/* The message is over, perhaps within its header. */
void headscan_finish(struct headscan *h);
