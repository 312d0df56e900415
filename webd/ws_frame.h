/*
 * ws_frame.h - frames of a WebSocket, as a server reads and writes them (RFC 6455 5).
 *
 * No I/O: the octets stand in a buffer. Frames are read by wslay; its context, of some 4 KiB, is
 * there while one is under way only, since most connections say nothing. Bounded: a message has at
 * most `most` octets; frames of control are taken whole, 125 octets at most. What has no place here
 * has the close code that tells so (RFC 6455 7.4.1), and nothing is read behind it.
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

#define WS_FRAME_HEAD        10u /* octets before a payload, written */
#define WS_FRAME_CONTROL_MAX 125u

enum ws_frame_event {
	WS_FRAME_MORE,  /* octets are needed */
	WS_FRAME_BEGIN, /* a message begins, of text */
	WS_FRAME_PIECE, /* octets of it */
	WS_FRAME_END,   /* it is whole, and was UTF-8 */
	WS_FRAME_CONTROL,
	WS_FRAME_BAD
};

struct wslay_frame_context;

struct ws_frame_reader {
	uint64_t most;
	/* private */
	struct wslay_frame_context *wslay; /* NULL between frames */
	struct buf *in;                    /* of the call under way */
	uint64_t held;                     /* octets that wslay took and has not told of */
	uint64_t size;                     /* of the message so far, with all of its last frame */
	uint64_t left;                     /* of the payload under way */
	struct str piece;                  /* that is still to be told */
	bool within;                       /* a message has begun */
	bool in_frame, last;               /* a frame of it is under way; the last one */
	unsigned char need;                /* octets to come of a character of UTF-8 */
	unsigned char low, high;           /* the next of them is between */
	unsigned char opcode;              /* of the control frame under way */
	unsigned char ncontrol;
	char control[WS_FRAME_CONTROL_MAX];
};

void ws_frame_init(struct ws_frame_reader *r, uint64_t most);
void ws_frame_done(struct ws_frame_reader *r);
/* The next of what stands in the buffer. PIECE: *out has some octets. CONTROL: *code is CLOSE, PING
 * or PONG, *out its payload. BAD: *code is the close code. *out stays until the next call. */
enum ws_frame_event
ws_frame_next(struct ws_frame_reader *r, struct buf *in, struct str *out, unsigned *code);

/* Writes the head of a frame with n octets behind it; its length. */
size_t ws_frame_head(unsigned char out[WS_FRAME_HEAD], bool fin, unsigned opcode, uint64_t n);
