/*
 * record.h - the journal's records: how they look in octets, and reading them back.
 *
 * A record is a header of RECORD_HEADER octets {length, type, sequence, checksum} and a payload.
 * The checksum is BLAKE2b under the segment's own random key, over header and payload: octets that
 * a recycled segment holds from an earlier life, or that a message's author made up, never verify.
 * Nothing here does I/O or allocates.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/str.h"

#define RECORD_HEADER      32u
#define RECORD_KEY         32u
#define RECORD_DIGEST      32u
#define RECORD_PAYLOAD_MAX (512u * 1024)
#define RECORD_TARGETS_MAX 20000u

/* Numbers are on disk: add, never change. */
enum record_type {
	RECORD_PAD = 1,        /* fills the last block of a batch */
	RECORD_MESSAGE = 2,    /* a message was taken */
	RECORD_RESULT = 3,     /* what became of targets, and the message that follows from it */
	RECORD_MOVED = 4,      /* a message with its state, out of an older segment */
	RECORD_HOLD = 5,       /* by the operator */
	RECORD_RELEASE = 6,    /* by the operator */
	RECORD_DELETE = 7,     /* by the operator */
	RECORD_REPLAY = 8,     /* deliveries of the message so far do not count */
	RECORD_CHECKPOINT = 9, /* deliveries told by records below a sequence are durable */
	RECORD_CUT = 10        /* a segment counts only up to an offset: its sync failed there */
};

struct record {
	enum record_type type;
	uint64_t seq;
	struct str payload;
	size_t size; /* header and payload */
};

/* A message inside MESSAGE, MOVED or RESULT. */
struct record_message {
	struct str mid;
	int64_t arrived;
	uint64_t size;
	uint32_t ntargets; /* a recipient without targets counts as one, resolved when delivered */
	struct str envelope;
	bool large;
	struct str digest; /* large: BLAKE2b-256 of it as it was handed over */
	struct str octets; /* small */
};

/* Numbers are on disk. */
enum record_outcome {
	OUTCOME_WAITING = 0,
	OUTCOME_OK = 1,      /* delivered; durable after the next checkpoint */
	OUTCOME_FAILED = 2,  /* for good */
	OUTCOME_SETTLED = 3, /* delivered and durable (MOVED only) */
	OUTCOME_DELAYED = 4  /* still waiting, and the sender was told so (RESULT only) */
};

struct record_result {
	uint32_t target;
	enum record_outcome outcome;
	struct str text;
};

#define RECORD_MOVED_HELD    0x01u
#define RECORD_MOVED_DELAYED 0x02u
#define RECORD_MOVED_REPLAY  0x04u

struct record_moved {
	uint32_t flags;      /* RECORD_MOVED_ bits */
	struct str outcomes; /* an octet for each target */
	struct record_message message;
};

/* Writes a header for the payload that stands behind it, without sequence and checksum. */
void record_header(unsigned char out[RECORD_HEADER], enum record_type type, size_t payload);
/* Fills in sequence and checksum of the record at p, whose header is there. Its whole size. */
size_t record_seal(unsigned char *p, uint64_t seq, const unsigned char key[RECORD_KEY]);
/* The record at the start of s. False when nothing there verifies: the segment ends. */
bool record_read(struct str s, const unsigned char key[RECORD_KEY], struct record *out);

/* Payloads. Writers append to b (whose ceiling tells); readers return -1 for what they do not
 * understand. All but the octets of a small message, which follow last and are put by the caller.
 */
void record_put_message(struct buf *b, const struct record_message *m);
int record_get_message(struct str payload, struct record_message *m);
/* Where envelope and octets stand in a message payload. */
size_t record_envelope_at(const struct record_message *m);
size_t record_octets_at(const struct record_message *m);

void record_put_moved(struct buf *b, const struct record_moved *m);
int record_get_moved(struct str payload, struct record_moved *m);
/* Where the message payload stands in MOVED and in RESULT. */
size_t record_moved_message_at(const struct record_moved *m);
#define RECORD_RESULT_MESSAGE_AT (4u + ID_LEN + 4u + 4u)

/* message: a whole message payload, or empty. */
void record_put_result(
    struct buf *b, struct str mid, const struct record_result *v, size_t n, struct str message);

struct record_results {
	struct str mid;
	uint32_t n;
	struct str items; /* for record_next_result */
	struct str message;
};

int record_get_results(struct str payload, struct record_results *out);
bool record_next_result(struct record_results *r, struct record_result *out);

/* HOLD, RELEASE, DELETE, REPLAY. */
void record_put_mid(struct buf *b, struct str mid);
int record_get_mid(struct str payload, struct str *mid);
/* CHECKPOINT: sequence. CUT: number of the segment, offset. */
void record_put_numbers(struct buf *b, uint64_t first, uint64_t second);
int record_get_numbers(struct str payload, uint64_t *first, uint64_t *second);

const char *record_type_name(enum record_type t);
