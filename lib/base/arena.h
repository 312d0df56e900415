/*
 * arena.h - memory that is freed together.
 *
 * One per configuration, connection, command or message. Allocations are zeroed and aligned for any
 * type. Deferred calls run, newest first, when the arena is reset or freed.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena_defer;

struct arena {
	struct arena_block *head;
	struct arena_defer *defers;
	size_t used; /* octets handed out since the last reset */
};

void arena_init(struct arena *a);
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
/* A copy with a NUL behind it (which does not count). */
struct str arena_dup(struct arena *a, struct str s);
char *arena_dupz(struct arena *a, struct str s) __attribute__((returns_nonnull));
struct str
arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);
void arena_reset(struct arena *a); /* keeps one block */
void arena_free(struct arena *a);  /* as after arena_init */

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
