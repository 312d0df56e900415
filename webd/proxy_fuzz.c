/* proxy_fuzz.c - any value of the fields of a proxy. */
#include <stdint.h>

#include "webd/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = str_of(p, n), one;
	struct http_field f[8];
	struct network client;
	size_t k = 0;
	bool https = false;

	for (bool more = n > 0; more && k < 8;) {
		more = str_cut(&in, '\n', &one);
		f[k] = (struct http_field){k % 3 ? STR("Forwarded") : STR("X-Forwarded-For"), one};
		k++;
	}
	(void)proxy_read_x(f, k, &client, &https);
	(void)proxy_read_forwarded(f, k, &client, &https);
	return 0;
}
