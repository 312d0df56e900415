/* Fuzz target of the grammar: any request, and any answer to what it asks back. */
#include <stddef.h>
#include <stdint.h>

#include "aid/grammar/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct now now = {1795424400, 60};
	struct str text = str_of(data, size), request;
	struct command c;
	struct arena a;

	arena_init(&a);
	(void)str_cut(&text, '\t', &request);
	command_parse(&c, request, now, size % 2 ? LANGUAGE_FR : LANGUAGE_EN, &a);
	while (c.missing != MISSING_NOTHING && text.n > 0) {
		(void)str_cut(&text, '\t', &request);
		if (!command_answer(&c, request, now, &a))
			break;
	}
	arena_free(&a);
	return 0;
}
