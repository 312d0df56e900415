/* network_fuzz.c - what is taken as a network has a text that is the same network, and holds
 * itself.
 */
#include "base/network.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct network n, again, part;
	char text[NETWORK_TEXT];
	struct err e;

	if (network_parse(str_of(data, size), &n, &e) < 0) {
		assume(e.code == E_INVAL && e.text[0] != '\0');
		return 0;
	}
	assume(network_parse(str_z(network_text(&n, text)), &again, &e) == 0);
	assume(network_eq(&n, &again));
	network_cut(&n, n.bits / 2u, &part);
	assume(network_holds(&n, &n) && network_holds(&part, &n));
	return 0;
}
