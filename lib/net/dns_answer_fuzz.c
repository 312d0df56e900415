/* dns_answer_fuzz.c - whatever gk-dnsd, captured, sends as an answer, it is read within bounds. */
#include "base/mem.h"
#include "ipc/ipc.h"
#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {
	    DNS_A, DNS_NS, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA};
	struct dns_answer r;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct ipc_in m = {
		    .type = MSG_DNS_ASK_R, .fields = "uuussl", .p = data, .n = size, .fd = -1};

		if (dns_answer_get(&m, types[i], &a, &r) == 0)
			assume(r.n <= DNS_RECORDS_MAX && r.status <= DNS_TOO_LARGE);
		else
			assume(m.bad);
		arena_reset(&a);
	}
	arena_free(&a);
	return 0;
}
