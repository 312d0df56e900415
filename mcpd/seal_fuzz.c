/* Fuzz target of seal.c: nothing that somebody else has written is opened. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "mcpd/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal_use use;
	struct buf text;
	cJSON *state;
	struct err e;

	seal_use_init(&use, STR("0123456789abcdef"), STR("tools/call"), NULL);
	buf_init(&text, SEAL_TEXT_MAX);
	assume(seal(&use, NULL, &text) == 0);
	assume(seal_open(&use, str_of(data, size), &state, &e) < 0);
	assume(seal_open(&use, buf_view(&text), &state, &e) == 0);
	buf_free(&text);
	return 0;
}
