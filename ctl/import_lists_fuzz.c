/* import_lists_fuzz.c - lists and names of other programs: what is read lies in what was given, or
 * is without the separator. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of(data, size), line, name;
	bool tabs = false, more = true;
	unsigned letter;
	struct arena a;

	arena_init(&a);
	while (more) {
		more = str_cut(&rest, '\n', &line);
		if (import_keyword_line(line, &letter, &name) == 0)
			assume(letter < 26 && name.n > 0 && name.p >= line.p &&
			       name.p + name.n <= line.p + line.n);
		name = import_folder_name(line, '.', &a);
		assume(str_chr(name, '.') == name.n);
		if (import_subscribed_line(line, &tabs, &a, &name) == 0 && tabs)
			assume(str_chr(name, '\t') == name.n);
		arena_reset(&a);
	}
	arena_free(&a);
	return 0;
}
