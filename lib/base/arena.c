/* arena.c - memory that is freed together: blocks in a list, the newest first. */
#include "base/arena.h"

#include <stdalign.h>

#include "base/mem.h"
#include "base/num.h"

#define BLOCK_SIZE 4096u
/* Of the first: most connections that wait need no more. */
#define FIRST_SIZE 2048u

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct arena_defer {
	struct arena_defer *next;
	void (*fn)(void *);
	void *arg;
};

void
arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

static void
add_block(struct arena *a, size_t n)
{
	size_t size = (a->head == NULL ? FIRST_SIZE : BLOCK_SIZE) - sizeof(struct arena_block);
	struct arena_block *b;

	if (n > size)
		size = n;
	b = mem_grow(NULL, 1, sizeof(*b) + size);
	b->used = 0;
	b->size = size;
	b->next = a->head;
	a->head = b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	size_t want;
	void *p;

	assume(num_add(n, alignof(max_align_t) - 1, &want));
	want &= ~(alignof(max_align_t) - 1);
	if (a->head == NULL || a->head->size - a->head->used < want)
		add_block(a, want);
	p = a->head->data + a->head->used;
	a->head->used += want;
	a->used += want;
	return memset(p, 0, want);
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	size_t all;

	assume(num_mul(n, size, &all));
	return arena_alloc(a, all);
}

char *
arena_dupz(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct str
arena_dup(struct arena *a, struct str s)
{
	return str_of(arena_dupz(a, s), s.n);
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assume(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_of(p, (size_t)n);
}

void
arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct arena_defer *d = arena_new(a, struct arena_defer);

	d->fn = fn;
	d->arg = arg;
	d->next = a->defers;
	a->defers = d;
}

static void
run_defers(struct arena *a)
{
	while (a->defers != NULL) {
		struct arena_defer *d = a->defers;

		a->defers = d->next;
		d->fn(d->arg);
	}
}

/* Frees all blocks but the newest of an ordinary size, if there is one to keep. */
static struct arena_block *
free_blocks(struct arena_block *b, bool keep_one)
{
	struct arena_block *kept = NULL, *next;

	for (; b != NULL; b = next) {
		next = b->next;
		if (keep_one && kept == NULL && b->size <= BLOCK_SIZE - sizeof(*b))
			kept = b;
		else
			free(b);
	}
	return kept;
}

void
arena_reset(struct arena *a)
{
	run_defers(a);
	a->head = free_blocks(a->head, true);
	if (a->head != NULL) {
		a->head->next = NULL;
		a->head->used = 0;
	}
	a->used = 0;
}

void
arena_free(struct arena *a)
{
	run_defers(a);
	free_blocks(a->head, false);
	arena_init(a);
}
