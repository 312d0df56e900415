/*
 * wire.h - octets in order: the codec under IPC, the journal and other formats of ours.
 *
 * Numbers are big-endian, strings carry a u32 length. The reader is sticky: after the first thing
 * that does not fit every get returns 0 or STR_NONE, and wire_end() says so. Allocates nothing,
 * copies nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct wire_in {
	const unsigned char *p;
	size_t n;
	bool bad;
};

void wire_open(struct wire_in *w, struct str s);
uint8_t wire_u8(struct wire_in *w);
uint32_t wire_u32(struct wire_in *w);
uint64_t wire_u64(struct wire_in *w);
struct str wire_str(struct wire_in *w); /* borrows from what was opened */
struct str wire_raw(struct wire_in *w, size_t n);
/* 0 when everything was read and fitted, else -1. */
int wire_end(const struct wire_in *w);

/* Writers append to b, whose ceiling is checked by the caller once (b->over). */
void wire_put_u8(struct buf *b, uint8_t v);
void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_u64(struct buf *b, uint64_t v);
void wire_put_str(struct buf *b, struct str s);
