/* scram_client_fuzz.c - any octets as what the server says in SCRAM. */
#include <stdint.h>

#include "base/mem.h"
#include "delivery/remote/scram_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str text = str_of(p, n), first, out;
	struct scram_client c;
	struct arena a;
	struct err e;

	arena_init(&a);
	(void)str_cut(&text, '\n', &first);
	(void)scram_client_first(&c, STR("user"), STR("pencil"), STR("nonce"), &a);
	if (scram_client_final(&c, first, &out, &e) == 0) {
		assume(str_starts(out, STR("c=biws,r=nonce")));
		(void)scram_client_check(&c, text, &e);
	}
	scram_client_done(&c);
	arena_free(&a);
	return 0;
}
