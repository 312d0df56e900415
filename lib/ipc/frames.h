/*
 * frames.h - octets in pieces that have a kind, over a stream socket between two processes of the
 * suite.
 *
 * A frame on the wire: u32 length of the octets (big-endian), u8 kind, the octets. What the kinds
 * are the two ends agree on (ipc/pipe.h). Back-pressure is the socket's: who writes much asks
 * frames_blocked() and goes on from drained(), who cannot take more pauses. The other end is not
 * believed: a frame of more than FRAMES_MAX ends the stream.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FRAMES_MAX  65536u /* octets of one */
#define FRAMES_HEAD 5u

/* ---- one frame ---- */

enum frames_result {
	FRAMES_MORE, /* not all of it is there */
	FRAMES_DONE,
	FRAMES_BAD /* too long, or of a kind that is none */
};

struct frames_one {
	unsigned kind;     /* 1 to 255 */
	struct str octets; /* borrowed from the input */
	size_t size;       /* of all, head included */
};

enum frames_result frames_parse(struct str in, struct frames_one *out);

/* ---- a stream of them ---- */

struct frames;

/* Each may free the frames. None is called from inside a function of this page. */
struct frames_events {
	void (*frame)(void *arg, unsigned kind, struct str octets);
	/* All is written. Optional. */
	void (*drained)(void *arg);
	/* The other end is gone (E_CLOSED), or makes no sense (E_PROTO). Nothing follows but
	 * frames_free(). */
	void (*closed)(void *arg, const struct err *e);
};

/* fd is taken over. */
struct frames *frames_new(int fd, const struct frames_events *events, void *arg);
/* What events are told from now on: somebody else has it. */
void frames_pass(struct frames *f, void *arg);
/* At once; what is not yet written is lost. NULL inside is fine. */
void frames_free(struct frames **f);

/* At most FRAMES_MAX octets. */
void frames_put(struct frames *f, unsigned kind, struct str octets);
/* Octets of any number, in as many frames as it takes; none where there are none. */
void frames_cut(struct frames *f, unsigned kind, struct str octets);
/* Enough is waiting for the other end: no more before drained(). */
bool frames_blocked(const struct frames *f);
/* No frame comes until frames_resume(). */
void frames_pause(struct frames *f);
void frames_resume(struct frames *f);
/* Reads no more, writes what is pending, then closed(E_CLOSED). */
void frames_finish(struct frames *f);
