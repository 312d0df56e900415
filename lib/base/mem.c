/* mem.c - allocation that cannot fail. A failure ends the process; master starts it again. */
#include "base/mem.h"

#include "base/num.h"

void
mem_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: assumption failed: %s\n", file, line, what);
	abort();
}

void *
mem_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (p == NULL)
		mem_die(__FILE__, __LINE__, "out of memory");
	return p;
}

void *
mem_array(size_t n, size_t size)
{
	size_t all;

	assume(num_mul(n, size, &all));
	return mem_alloc(all);
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size);
	if (p == NULL)
		mem_die(__FILE__, __LINE__, "out of memory");
	return p;
}

char *
mem_dup(const void *p, size_t n)
{
	char *copy = mem_alloc(n + 1);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}
