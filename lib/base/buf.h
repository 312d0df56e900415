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
void buf_free(struct buf *b);                             /* usable again only after buf_init */
void buf_reset(struct buf *b);                            /* empty, memory kept, over cleared */
int buf_put_grow(struct buf *b, const void *p, size_t n); /* buf_put where it does not fit yet */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Room for n more octets at p + n, to be counted in by buf_added(); NULL past the ceiling. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
/* Drops n octets from the front; cheap. They stay where they are until octets are added. */
void buf_consume(struct buf *b, size_t n);
/* Gives memory back when the buffer is empty (parked and idle connections). */
void buf_shrink(struct buf *b);

/* Most puts are of a few octets into memory that is there. */
static inline int
buf_put(struct buf *b, const void *p, size_t n)
{
	size_t held = (size_t)(b->p - b->base) + b->n;

	if (n >= b->cap - held || n > b->max - b->n)
		return buf_put_grow(b, p, n);
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
	return 0;
}

static inline int
buf_str(struct buf *b, struct str s)
{
	return buf_put(b, s.p, s.n);
}

static inline int
buf_puts(struct buf *b, const char *z)
{
	return buf_put(b, z, strlen(z));
}

static inline int
buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

static inline struct str
buf_view(const struct buf *b)
{
	return (struct str){b->p ? b->p : "", b->n};
}
