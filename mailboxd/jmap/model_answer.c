/* model_answer.c - see model.h: what queries found, the last few of them. */
#include <stdlib.h>

#include "base/mem.h"
#include "mailboxd/jmap/model_in.h"

static void
forget(struct jmap_answer *a)
{
	free((char *)a->query.p);
	free(a->ids);
	*a = (struct jmap_answer){0};
}

void
jmap_model_free_answers(struct jmap_model *m)
{
	for (unsigned i = 0; i < ANSWERS; i++)
		forget(&m->answers[i]);
}

bool
jmap_model_answer(const struct jmap_model *m, struct str query, const uint64_t **ids, size_t *n)
{
	for (unsigned i = 0; i < ANSWERS; i++) {
		const struct jmap_answer *a = &m->answers[i];

		if (a->generation != m->generation || !str_eq(a->query, query))
			continue;
		*ids = a->ids;
		*n = a->n;
		return true;
	}
	return false;
}

void
jmap_model_keep_answer(struct jmap_model *m, struct str query, const uint64_t *ids, size_t n)
{
	struct jmap_answer *a = &m->answers[0];

	if (n > ANSWER_MAX || query.n > QUERY_MAX)
		return;
	for (unsigned i = 1; i < ANSWERS; i++)
		if (m->answers[i].used < a->used)
			a = &m->answers[i];
	forget(a);
	*a = (struct jmap_answer){.generation = m->generation,
	    .used = ++m->answered,
	    .query = {mem_dup(query.p, query.n), query.n},
	    .ids = mem_array(n + 1, sizeof *ids),
	    .n = n};
	if (n > 0)
		memcpy(a->ids, ids, n * sizeof *ids);
}
