/*
 * segment.h - one file of the journal, journal/<number>.seg.
 *
 * A block with the header {magic, version, number, key, boot, time, checksum}, then records
 * (record.h) in batches that begin on block boundaries, so that no write touches a block that holds
 * what was acknowledged before. The file is allocated whole, and used again under a new number,
 * name and key when everything in it is done with.
 *
 * Batches bypass the page cache where the file system can do that (O_DIRECT): nobody reads them
 * back soon, and a sync is quicker by a third. Blocks that are reserved but were never written cost
 * a commit of the file system's own journal with each sync, which takes four times as long as the
 * sync: whenever a batch comes to the end of what was written, SEGMENT_AHEAD octets of zeros are
 * written behind it (docs/LIMITS.md).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "queue/record.h"

#define SEGMENT_BLOCK     4096u
#define SEGMENT_AHEAD     (1u << 20)
#define SEGMENT_VERSION   1u
#define SEGMENT_BOOT_SIZE 40u
#define SEGMENT_NAME_SIZE 32u

struct message;
TAILQ_HEAD(message_list, message);
TAILQ_HEAD(segment_list, segment);

struct segment {
	TAILQ_ENTRY(segment) next;
	uint64_t number;
	int fd;
	int direct;     /* the same without the page cache, or -1 */
	uint64_t size;  /* of the file */
	uint64_t ready; /* its blocks up to here were written, in whatever life */
	uint64_t used;  /* where the next batch goes; after recovery: where it ends */
	bool broken;    /* a sync failed: takes no more (INVARIANTS 5) */
	unsigned char key[RECORD_KEY];
	char boot[SEGMENT_BOOT_SIZE]; /* the boot in which all of it was written; "" unknown */
	struct message_list messages; /* message.c: whose record is here */
};

const char *segment_name(uint64_t number, char out[SEGMENT_NAME_SIZE]);
/* The number in a file name, or -1 when it is no segment's name. */
int segment_number(const char *name, uint64_t *out);

/* A new empty segment. Durable on return: its name, blocks and header. */
struct segment *
segment_create(int dir, uint64_t number, uint64_t size, const char *boot, struct err *e);
/* The same out of the file of segment `old`, whose descriptor fd is taken over (closed on failure).
 */
struct segment *segment_recycle(int dir, uint64_t old, int fd, uint64_t ready, uint64_t number,
    uint64_t size, const char *boot, struct err *e);
/* In a thread. Durable on return: n octets at off, whole blocks. room begins on a block, holds
 * them, and has SEGMENT_AHEAD octets more. */
int segment_write(struct segment *s, char *room, size_t n, uint64_t off, struct err *e);
/* Opens a segment for reading what is in it. E_INVAL: its header was never finished, and nothing is
 * in it. E_PERM: a version this build does not know. */
struct segment *segment_open(int dir, uint64_t number, struct err *e);
/* Closes the file and forgets it; the file stays. */
void segment_free(struct segment **s);

/* Does a buffer begin with the header of segment `number`? Fills in key and boot. For segment_open,
 * and fuzzing. */
int segment_header_read(struct str s, uint64_t number, struct segment *out, struct err *e);

/* Walks the records of a segment through a window of it. */
struct segment_cursor {
	int fd;        /* -1: the window holds all there is (tests) */
	uint64_t size; /* of the file */
	uint64_t end;  /* nothing counts from here on (CUT) */
	uint64_t off;  /* of the next record in the file */
	uint64_t base; /* of the window in the file */
	struct buf window;
};

void segment_cursor_init(struct segment_cursor *c, int fd, uint64_t size);
void segment_cursor_done(struct segment_cursor *c);
/* 1: a record, borrowed until the next call, whose payload is at *at in the file. 0: the first that
 * does not verify, the end. -1: the file cannot be read. */
int segment_next(struct segment_cursor *c, const unsigned char key[RECORD_KEY], struct record *out,
    uint64_t *at, struct err *e);
