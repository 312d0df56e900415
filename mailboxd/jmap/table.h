/*
 * table.h - things found by their number: pointers in an open hash, eight octets and some room
 * each.
 *
 * What is put in begins with a uint64_t, its number, which nothing else in the table has.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct jmap_table {
	uint64_t **v;
	size_t n, cap; /* a power of two */
};

void jmap_table_free(struct jmap_table *t); /* not what is in it */
void *jmap_table_get(const struct jmap_table *t, uint64_t number);
void jmap_table_put(struct jmap_table *t, uint64_t *thing);
void jmap_table_remove(struct jmap_table *t, uint64_t number);
/* Everything that is in it, in no order; *i begins at 0. */
void *jmap_table_next(const struct jmap_table *t, size_t *i);
