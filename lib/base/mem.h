/*
 * mem.h - allocation that cannot fail, and assertions.
 *
 * Out of memory ends the process (master starts it again): a size that a peer chose must meet its
 * limit before it comes here.
 */
#pragma once

#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *
mem_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed, checked */
void *mem_grow(void *p, size_t n, size_t size) __attribute__((returns_nonnull)); /* reallocarray */
char *mem_dup(const void *p, size_t n) __attribute__((malloc, returns_nonnull)); /* adds a NUL */

void mem_die(const char *file, int line, const char *what) __attribute__((noreturn, cold));

/* What can only be false through our own mistake. Input never reaches an assume(). */
#define assume(x) ((x) ? (void)0 : mem_die(__FILE__, __LINE__, #x))

/* An object begins with its magic number; OBJ() checks it where a callback gets it back. */
#define OBJ(p, m) assume((p) != NULL && (p)->magic == (m))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
