/* answer_fuzz.c - what an ACME server says: whatever the octets, URLs lead to its own host. */
#include <stdint.h>

#include "acme/answer.h"
#include "base/mem.h"
#include "svc/acme.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct provider origin;
	const struct str text = str_of(p, n);
	struct answer_authorization z;
	struct answer_directory d;
	struct answer_problem problem;
	struct answer_order o;
	struct arena a;
	struct err e;

	assume(provider_parse(STR("https://ca.test:14000/dir"), &origin) == 0);
	arena_init(&a);
	if (answer_directory(text, &origin, &a, &d, &e) == 0)
		assume(acme_path(&origin, d.nonce).n > 0 && acme_path(&origin, d.order).n > 0);
	if (answer_order(text, &origin, &a, &o, &e) == 0) {
		assume(o.n > 0 && o.n <= ANSWER_AUTH_MAX);
		assume(acme_path(&origin, o.authorizations[o.n - 1]).n > 0);
	}
	if (answer_authorization(text, &origin, STR("http-01"), &a, &z, &e) == 0 && z.url.n > 0)
		assume(acme_path(&origin, z.url).n > 0 && z.token.n <= 128);
	answer_problem(text, &a, &problem);
	assume(problem.type.n <= 60 && problem.detail.n < 700);
	assume(answer_retry(text, 1800000000) <= ANSWER_RETRY_MAX);
	(void)answer_is_nonce(text);
	arena_free(&a);
	return 0;
}
