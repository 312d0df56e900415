/* trace_head_fuzz.c - the top of a message's header. */
#include "base/mem.h"
#include "mailboxd/jmap/trace_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_head h;
	struct arena a;

	arena_init(&a);
	trace_head_read(str_of((const char *)data, size), STR("mx.test"), &a, &h);
	assume(h.nresults <= TRACE_RESULTS);
	assume(h.ours || (h.nresults == 0 && !h.screened && h.sender.p == NULL));
	for (size_t i = 0; i < h.nresults; i++)
		assume(h.results[i].method.n > 0);
	arena_free(&a);
	return 0;
}
