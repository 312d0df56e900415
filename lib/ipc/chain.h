/*
 * chain.h - records that follow one another, each with the hash of the one before: the audit log,
 * as gk-authd writes it and gkmail verifies it (docs/adr/0035-undo-audit-trace.md).
 *
 * A record is a line of JSON: {"seq":7,…,"prev":"<64 digits>","hash":"<64 digits>"} and LF. The
 * hash is BLAKE2b-256 over the line up to its own member. Whoever can write the file can make
 * another chain that holds; where it ended is to be known elsewhere (gkmail audit verify --head).
 * Pure functions.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CHAIN_HEX      64u
#define CHAIN_LINE_MAX 16384u /* octets of a record */

/* Where a chain stands: its last record. */
struct chain {
	uint64_t seq; /* 0: nothing yet */
	char hash[CHAIN_HEX + 1];
};

/* Of zeros: what the first record has before it. */
void chain_init(struct chain *c);
/* Begins a record: "{"seq":8". Members follow, each with a comma before it. */
void chain_begin(const struct chain *c, struct buf *line);
/* Ends it, LF included, and is there. line is one record, from chain_begin() on. */
void chain_end(struct chain *c, struct buf *line);
/* Is the line, without its LF, a whole record? -1: it is damaged, or longer than any. */
int chain_read(struct str line, struct chain *out, char prev[CHAIN_HEX + 1], struct err *e);
/* Does it follow? Then c is there. Where c->seq is 0 any record may come first. */
int chain_follow(struct chain *c, struct str line, struct err *e);
bool chain_hash_valid(struct str s);
