/* path_fuzz.c - the one form of a path is its own one form, leads nowhere upwards, and splits. */
#include <stdint.h>

#include "base/mem.h"
#include "webd/autoconfig.h"
#include "webd/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = str_of(p, n), once, twice, s;
	struct arena a;

	arena_init(&a);
	if (path_normal(in, &a, &once) == 0) {
		assume(once.n <= in.n && once.p[0] == '/');
		assume(path_normal(once, &a, &twice) == 0 && str_eq(once, twice));
		assume(str_find(once, STR("/../")) == once.n && !str_ends(once, STR("/..")));
		for (size_t i = 0; i < 8; i++)
			if (path_segment(once, i, &a, &s))
				assume(str_is_utf8(s));
	}
	if (path_parameter(in, "a", &a, &s))
		assume(str_is_utf8(s));
	s = autoconfig_asked(in);
	assume(s.n <= n);
	arena_free(&a);
	return 0;
}
