/* memory.c - see memory.h. */
#include "aid/memory.h"

#include <stdlib.h>

#include "base/mem.h"

static void
drop_oldest(struct memory *m)
{
	m->octets -= m->said[0].text.n;
	free((char *)(uintptr_t)m->said[0].text.p);
	memmove(m->said, m->said + 1, (m->n - 1) * sizeof(m->said[0]));
	m->n--;
}

void
memory_add(struct memory *m, bool by_person, struct str text)
{
	text = str_cut_utf8(text, TURN_MEMORY_MAX / 4);
	if (text.n == 0)
		return;
	while (m->n == TURN_MEMORY_SAID || m->octets + text.n > TURN_MEMORY_MAX)
		drop_oldest(m);
	m->said[m->n++] = (struct turn_said){by_person, str_of(mem_dup(text.p, text.n), text.n)};
	m->octets += text.n;
}

void
memory_clear(struct memory *m)
{
	while (m->n > 0)
		drop_oldest(m);
}
