/*
 * heap.c - see heap.h.
 */
#include "queue/heap.h"

#include "base/mem.h"

static void
place(struct heap *h, size_t k, struct heap_item *i)
{
	h->v[k] = i;
	i->at = k + 1;
}

static void
sift_up(struct heap *h, size_t k)
{
	struct heap_item *i = h->v[k];

	for (; k > 0 && i->due < h->v[(k - 1) / 2]->due; k = (k - 1) / 2)
		place(h, k, h->v[(k - 1) / 2]);
	place(h, k, i);
}

static void
sift_down(struct heap *h, size_t k)
{
	struct heap_item *i = h->v[k];
	size_t child;

	while ((child = 2 * k + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1]->due < h->v[child]->due)
			child++;
		if (i->due <= h->v[child]->due)
			break;
		place(h, k, h->v[child]);
		k = child;
	}
	place(h, k, i);
}

void
heap_put(struct heap *h, struct heap_item *i, uint64_t due)
{
	heap_take(h, i);
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->v = mem_grow(h->v, h->cap, sizeof(struct heap_item *));
	}
	i->due = due;
	h->v[h->n] = i;
	sift_up(h, h->n++);
}

void
heap_take(struct heap *h, struct heap_item *i)
{
	struct heap_item *last;
	size_t k = i->at;

	if (k == 0)
		return;
	k--;
	assume(k < h->n && h->v[k] == i);
	i->at = 0;
	if (k == --h->n)
		return;
	/* The last one takes its place, and finds its own from there. */
	last = h->v[h->n];
	place(h, k, last);
	sift_down(h, k);
	sift_up(h, last->at - 1);
}

struct heap_item *
heap_first(const struct heap *h)
{
	return h->n > 0 ? h->v[0] : NULL;
}

void
heap_done(struct heap *h)
{
	free(h->v);
	*h = (struct heap){0};
}
