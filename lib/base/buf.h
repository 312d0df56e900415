/*
 * buf.h - owned, growing octets with a ceiling.
 *
 * The ceiling given at init is never passed: a put that would pass it adds nothing, returns -1 and
 * sets `over`, which stays set until buf_reset() (so a run of puts may be checked once). p[n] is
 * always a NUL that does not count.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;   /* first octet */
	size_t n;  /* octets held */
	bool over; /* a put did not fit */
	/* private */
	char *base;
	size_t cap;
	size_t max;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);  /* usable again only after buf_init */
void buf_reset(struct buf *b); /* empty, memory kept, over cleared */
int buf_put(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, struct str s);
int buf_puts(struct buf *b, const char *z);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Room for n more octets at p + n, to be counted in by buf_added(); NULL past the ceiling. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
/* Drops n octets from the front; cheap. */
void buf_consume(struct buf *b, size_t n);
/* Gives memory back when the buffer is empty (parked and idle connections). */
void buf_shrink(struct buf *b);

static inline struct str
buf_view(const struct buf *b)
{
	return (struct str){b->p ? b->p : "", b->n};
}
