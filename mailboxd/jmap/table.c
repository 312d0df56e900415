/* table.c - see table.h: linear probing; what is taken out leaves no trace (Knuth 6.4 R). */
#include "mailboxd/jmap/table.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

/* Numbers of threads follow from what senders write, so the hash has a key. */
static size_t
home_of(const struct jmap_table *t, uint64_t number)
{
	return hash_keyed(&number, sizeof number) & (t->cap - 1);
}

static size_t
place_of(const struct jmap_table *t, uint64_t number)
{
	size_t i = home_of(t, number);

	while (t->v[i] != NULL && *t->v[i] != number)
		i = (i + 1) & (t->cap - 1);
	return i;
}

void
jmap_table_free(struct jmap_table *t)
{
	free(t->v);
	*t = (struct jmap_table){0};
}

void *
jmap_table_get(const struct jmap_table *t, uint64_t number)
{
	return t->n > 0 ? t->v[place_of(t, number)] : NULL;
}

static void
grow(struct jmap_table *t)
{
	struct jmap_table bigger = {.cap = t->cap ? t->cap * 2 : 64, .n = t->n};

	bigger.v = mem_array(bigger.cap, sizeof *bigger.v);
	for (size_t i = 0; i < t->cap; i++)
		if (t->v[i] != NULL)
			bigger.v[place_of(&bigger, *t->v[i])] = t->v[i];
	free(t->v);
	*t = bigger;
}

void
jmap_table_put(struct jmap_table *t, uint64_t *thing)
{
	size_t i;

	if (t->n >= t->cap / 4 * 3)
		grow(t);
	i = place_of(t, *thing);
	assume(t->v[i] == NULL);
	t->v[i] = thing;
	t->n++;
}

void
jmap_table_remove(struct jmap_table *t, uint64_t number)
{
	size_t mask = t->cap - 1, i, j;

	if (t->n == 0 || t->v[i = place_of(t, number)] == NULL)
		return;
	t->v[i] = NULL;
	t->n--;
	/* What stands behind moves up when it could not be found over the hole. */
	for (j = (i + 1) & mask; t->v[j] != NULL; j = (j + 1) & mask) {
		size_t home = home_of(t, *t->v[j]);

		if (((j - home) & mask) >= ((j - i) & mask)) {
			t->v[i] = t->v[j];
			t->v[j] = NULL;
			i = j;
		}
	}
}

void *
jmap_table_next(const struct jmap_table *t, size_t *i)
{
	while (*i < t->cap)
		if (t->v[(*i)++] != NULL)
			return t->v[*i - 1];
	return NULL;
}
