/* packet_fuzz.c - whatever a message holds, it is read within bounds, and what comes out can be
 * sent on. */
#include "dnsd/packet.h"

#include "base/mem.h"
#include "ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {
	    DNS_A, DNS_NS, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA};
	struct dns_answer r;
	struct ipc_out m;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		packet_read(str_of(data, size), STR("a.test"), types[i], &a, &r);
		assume(r.status == DNS_FOUND ? r.n > 0 : r.n == 0);
		assume(r.n <= DNS_RECORDS_MAX && r.type == types[i]);
		for (size_t k = 0; k < r.n; k++)
			for (size_t at = 0; at < r.records[k].name.n; at++)
				assume(!is_cntl(r.records[k].name.p[at]));
		dns_answer_put(&m, &r);
		assume(!m.over);
		ipc_drop(&m);
		arena_reset(&a);
	}
	arena_free(&a);
	return 0;
}
