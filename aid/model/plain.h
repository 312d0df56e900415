/*
 * plain.h - what a model says, on its way to a person: text, and nothing that leads out of it.
 *
 * A model repeats what mail told it to: an image whose address carries what it read, a link to a
 * page that looks like one's bank. So an address stays a link only where it stood, as it is, in
 * what the person said or the tools gave in this turn; of all others the scheme is left out, which
 * makes them text, and the mark of an image is always left out. (What a reader does not see is left
 * out by turn_say().)
 *
 * Text comes in pieces: what may be part of an address is held back until its end is known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define PLAIN_WORD_MAX 4096u /* octets held back at most */
#define PLAIN_LINKS    4096u /* addresses known at most: more are not */

struct plain {
	struct buf word;   /* held back */
	struct str *links; /* known, in the arena */
	size_t nlinks, room;
	struct arena *arena;
	void (*say)(void *arg, struct str text);
	void *arg;
};

void
plain_init(struct plain *p, struct arena *a, void (*say)(void *arg, struct str text), void *arg);
void plain_free(struct plain *p);
/* The addresses in this text are known from now on. */
void plain_know(struct plain *p, struct str source);
void plain_put(struct plain *p, struct str text);
/* Says what was held back. */
void plain_end(struct plain *p);
