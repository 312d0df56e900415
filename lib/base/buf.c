/* buf.c - owned, growing octets with a ceiling. */
#include "base/buf.h"

#include "base/mem.h"

#define PRINTF_SMALL 256u /* what is longer is formatted twice */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_free(struct buf *b)
{
	size_t max = b->max;

	free(b->base);
	buf_init(b, max);
}

void
buf_reset(struct buf *b)
{
	b->p = b->base;
	b->n = 0;
	b->over = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

/* Makes room for n more octets and a NUL behind them. The ceiling was checked. */
static void
make_room(struct buf *b, size_t n)
{
	size_t off = b->base ? (size_t)(b->p - b->base) : 0;
	size_t cap = b->cap ? b->cap : 64;

	if (b->n == 0 && off > 0) {
		b->p = b->base;
		off = 0;
	}
	if (b->base != NULL && off + b->n + n < b->cap)
		return;
	/* What was consumed at the front is used again first: half empty buffers do not grow. */
	if (b->base != NULL && b->n + n < b->cap && off >= b->cap / 2) {
		memmove(b->base, b->p, b->n);
		b->p = b->base;
		return;
	}
	while (cap <= b->n + n)
		cap *= 2;
	if (off > 0) {
		memmove(b->base, b->p, b->n);
		b->p = b->base;
	}
	b->base = mem_grow(b->base, cap, 1);
	b->p = b->base;
	b->cap = cap;
}

char *
buf_room(struct buf *b, size_t n)
{
	if (n > b->max || b->n > b->max - n) {
		b->over = true;
		return NULL;
	}
	make_room(b, n);
	b->p[b->n] = '\0';
	return b->p + b->n;
}

void
buf_added(struct buf *b, size_t n)
{
	assume((size_t)(b->p - b->base) + b->n + n < b->cap);
	b->n += n;
	b->p[b->n] = '\0';
}

int
buf_put_grow(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (to == NULL)
		return -1;
	if (n > 0)
		memcpy(to, p, n);
	buf_added(b, n);
	return 0;
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char small[PRINTF_SMALL] __attribute__((uninitialized));
	va_list again;
	char *to = NULL;
	int n, rc = -1;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n >= 0 && (size_t)n < sizeof(small)) {
		rc = buf_put(b, small, (size_t)n);
	} else if (n >= 0 && (to = buf_room(b, (size_t)n)) != NULL) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		buf_added(b, (size_t)n);
		rc = 0;
	}
	va_end(again);
	return rc;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

void
buf_consume(struct buf *b, size_t n)
{
	assume(n <= b->n);
	b->n -= n;
	b->p = b->p != NULL ? b->p + n : NULL;
}

void
buf_shrink(struct buf *b)
{
	if (b->n == 0) {
		free(b->base);
		b->base = b->p = NULL;
		b->cap = 0;
	}
}
