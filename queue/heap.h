/*
 * heap.h - things that wait for a time, the earliest first. Items belong to the caller and know
 * their place, so that any of them can be taken out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
	uint64_t due; /* clock_ms */
	size_t at;    /* its place, counted from 1; 0: in no heap */
};

struct heap {
	struct heap_item **v;
	size_t n, cap;
};

/* Puts it in, or to its new place. */
void heap_put(struct heap *h, struct heap_item *i, uint64_t due);
/* Takes it out, if it is in. */
void heap_take(struct heap *h, struct heap_item *i);
/* NULL: nothing waits. */
struct heap_item *heap_first(const struct heap *h);
void heap_done(struct heap *h);
