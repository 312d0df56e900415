/*
 * ws_frame.h - frames of a WebSocket, as a server reads and writes them (RFC 6455 5).
 *
 * No I/O: the octets stand in a buffer, which is unmasked in place. Bounded: a message has at most
 * `most` octets; frames of control are taken whole, 125 octets at most. What has no place here has
 * the close code that tells so (RFC 6455 7.4.1), and nothing is read behind it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define WS_FRAME_CONTINUATION 0u
#define WS_FRAME_TEXT         1u
#define WS_FRAME_CLOSE        8u
#define WS_FRAME_PING         9u
#define WS_FRAME_PONG         10u

#define WS_FRAME_HEAD 10u /* octets before a payload, written */

enum ws_frame_event {
	WS_FRAME_MORE,  /* octets are needed */
	WS_FRAME_BEGIN, /* a message begins, of text */
	WS_FRAME_PIECE, /* octets of it */
	WS_FRAME_END,   /* it is whole, and was UTF-8 */
	WS_FRAME_CONTROL,
	WS_FRAME_BAD
};

struct ws_frame_reader {
	uint64_t most;
	/* private */
	uint64_t size;           /* of the message so far, with all of the frame under way */
	uint64_t left;           /* of the payload under way */
	size_t taken;            /* octets of the buffer that were told of */
	unsigned char mask[4];   /* turned to the next octet */
	bool within;             /* a message has begun */
	bool in_frame, last;     /* a frame of it is under way; the last one */
	unsigned char need;      /* octets to come of a character of UTF-8 */
	unsigned char low, high; /* the next of them is between */
};

void ws_frame_init(struct ws_frame_reader *r, uint64_t most);
/* The next of what stands in the buffer. PIECE: *out has some octets. CONTROL: *code is CLOSE, PING
 * or PONG, *out its payload. BAD: *code is the close code. *out stays until the next call, or until
 * something is put into the buffer: it is taken out by the next call only. */
enum ws_frame_event
ws_frame_next(struct ws_frame_reader *r, struct buf *in, struct str *out, unsigned *code);

/* Writes the head of a frame with n octets behind it; its length. */
size_t ws_frame_head(unsigned char out[WS_FRAME_HEAD], bool fin, unsigned opcode, uint64_t n);
