/* chain_fuzz.c - what is read as a record of the audit log. */
#include "base/mem.h"
#include "ipc/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_of((const char *)data, size);
	char prev[CHAIN_HEX + 1];
	struct chain c, again;
	struct err e;

	if (chain_read(s, &c, prev, &e) < 0) {
		assume(e.code == E_INVAL);
		return 0;
	}
	assume(c.seq > 0 && chain_hash_valid(str_z(c.hash)) && chain_hash_valid(str_z(prev)));
	chain_init(&again);
	assume(chain_follow(&again, s, &e) == 0 && again.seq == c.seq);
	/* Not itself. */
	assume(chain_follow(&again, s, &e) < 0);
	return 0;
}
