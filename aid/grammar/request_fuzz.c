/* Fuzz target of the grammar: any request, and any answer to what it asks back. */
#include <stddef.h>
#include <stdint.h>

#include "aid/grammar/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct now now = {1795424400, 60};
	struct str text = str_of(data, size), part;
	struct request c;
	struct arena a;

	arena_init(&a);
	(void)str_cut(&text, '\t', &part);
	request_parse(&c, part, now, size % 2 ? LANGUAGE_FR : LANGUAGE_EN, &a);
	while (c.missing != MISSING_NOTHING && text.n > 0) {
		(void)str_cut(&text, '\t', &part);
		if (!request_answer(&c, part, now, &a))
			break;
	}
	arena_free(&a);
	return 0;
}
