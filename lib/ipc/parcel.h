/*
 * parcel.h - the octets of a message on their way to a process that looks at them while they still
 * come in (gk-screen, gk-sign), beside the call that asks about them.
 *
 * Up to IPC_INLINE_MAX they go in the call's packet. Of a longer message the call goes out as soon
 * as it is known to be longer, with the read end of a stream socket, and the octets follow through
 * that: nobody holds the whole of it, and the reader can change nothing of it.
 *
 *	p = parcel_new(&events, message);
 *	parcel_put(p, octets);         // events.send(fd) may come from inside
 *	if (parcel_blocked(p))
 *		...                    // feed no more until events.ready()
 *	parcel_end(p);                 // events.send(octets) may come from inside
 *
 * A writer that goes away ends the stream early; the reader cannot tell, and nobody waits for its
 * answer then.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct parcel;

struct parcel_events {
	/* Time for the call: with all octets (fd -1), or with fd, taken over, through which they
	 * come. */
	void (*send)(void *arg, struct str octets, int fd);
	/* No longer blocked. */
	void (*ready)(void *arg);
	/* It cannot be sent, and there is no call: only parcel_free() remains. From the loop. */
	void (*failed)(void *arg, const struct err *e);
};

struct parcel *parcel_new(const struct parcel_events *events, void *arg);
void parcel_put(struct parcel *p, struct str octets);
bool parcel_blocked(const struct parcel *p);
void parcel_end(struct parcel *p);
/* NULL inside is fine. */
void parcel_free(struct parcel **p);

/* ---- the reader's side of a stream ---- */

struct parcel_in;

/* Either may free it. */
struct parcel_in_events {
	void (*octets)(void *arg, struct str octets);
	/* e NULL: that was all. Only parcel_in_free() remains. */
	void (*end)(void *arg, const struct err *e);
};

/* fd is taken over. */
struct parcel_in *parcel_in_new(int fd, const struct parcel_in_events *events, void *arg);
void parcel_in_free(struct parcel_in **p);
