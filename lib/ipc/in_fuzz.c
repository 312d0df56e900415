/* in_fuzz.c - hostile packets: whatever comes, reading by the row's kinds stays within the octets.
 */
#include <stdint.h>

#include "ipc/kinds.h"
#include "ipc/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
read_list(struct ipc_in *in)
{
	uint32_t count = ipc_get_list(in);
	volatile char sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct str s = ipc_get_item(in);

		for (size_t k = 0; k < s.n; k++)
			sum ^= s.p[k];
	}
}

static void
read_field(struct ipc_in *in, char kind)
{
	if (kind == 'u')
		ipc_get_u32(in);
	else if (kind == 'q')
		ipc_get_u64(in);
	else if (kind == 's')
		ipc_get_str(in);
	else if (kind == 'l')
		read_list(in);
	else
		ipc_take_fd(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ipc_in in;
	uint32_t flags;

	/* No descriptor comes with these, so rows that have one are refused at once. */
	if (ipc_in_open(&in, p, n, -1, &flags) < 0)
		return 0;
	for (const char *k = ipc_kinds(in.type); *k != '\0'; k++)
		read_field(&in, *k);
	ipc_end(&in);
	return 0;
}
