/* filter_fuzz.c - any JSON is a filter within its bounds, or refused by one of two names. */
#include "base/mem.h"
#include "mailboxd/jmap/filter_in.h"
#include "mailboxd/jmap/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count(const struct jmap_term *t, unsigned depth)
{
	size_t n = 1;
	unsigned last = 0;

	/* Conditions of one object stand one level below it. */
	assume(depth <= JMAP_FILTER_DEPTH + 1);
	for (const struct jmap_term *c = t->child; c != NULL; c = c->next) {
		assume(c->cost >= last && c->cost <= COST_MAX);
		last = c->cost;
		n += count(c, depth + 1);
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *v = json_parse(str_of(data, size), JSON_VALUES_MAX, NULL);
	struct jmap_request request = {0};
	struct jmap_call call = {.request = &request};
	struct jmap_filter *f = NULL;

	if (v == NULL)
		return 0;
	arena_init(&call.arena);
	if (jmap_filter_parse(&call, v, &f) == 0) {
		size_t i = 0, n = 0;

		assume(count(f->root, 0) <= JMAP_FILTER_TERMS && f->texts <= JMAP_FILTER_TEXTS);
		while (jmap_filter_next_text(f, TEXT_BODY, &i) != NULL)
			n++;
		assume(n <= JMAP_FILTER_TEXTS);
	} else {
		assume(strcmp(call.error, "invalidArguments") == 0 ||
		       strcmp(call.error, "unsupportedFilter") == 0);
	}
	arena_free(&call.arena);
	cJSON_Delete(v);
	return 0;
}
