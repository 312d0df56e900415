/* approval_fuzz.c - what stands on top of a message that was approved. */
#include "base/mem.h"
#include "mail/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_of((const char *)data, size);
	size_t n = 0, again = 1;
	struct err e;

	if (approval_prefix(s, STR("a@x.test"), 0, &n, &e) < 0)
		return 0;
	assume(n <= s.n && n <= APPROVAL_PREFIX_MAX);
	/* All of it was taken: nothing that may stand on top is left. */
	assume(approval_prefix(str_from(s, n), STR(""), 0, &again, &e) < 0 || again == 0);
	return 0;
}
