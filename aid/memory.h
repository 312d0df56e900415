/*
 * memory.h - what was said in a conversation, as far back as TURN_MEMORY_SAID and TURN_MEMORY_MAX
 * (aid/turn.h) let it.
 */
#pragma once

#include "aid/turn.h"

struct memory {
	struct turn_said said[TURN_MEMORY_SAID]; /* oldest first; texts owned */
	size_t n;
	size_t octets;
};

/* A text alone that is too long is cut; an empty one is not kept. */
void memory_add(struct memory *m, bool by_person, struct str text);
void memory_clear(struct memory *m);
