/* sts_text_fuzz.c - any octets as a record, as a policy, and as a file of the cache: bounded, and
 * what is written is read again. */
#include "base/mem.h"
#include "delivery/remote/sts_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
same(const struct sts_kept *x, const struct sts_kept *y)
{
	assume(x->policy.mode == y->policy.mode && x->policy.max_age == y->policy.max_age);
	assume(x->policy.nmx == y->policy.nmx && x->fetched == y->fetched);
	assume(str_eq(x->policy.id, y->policy.id));
	for (size_t i = 0; i < x->policy.nmx; i++)
		assume(str_eq(x->policy.mx[i], y->policy.mx[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sts_kept kept = {.fetched = 1700000000}, again;
	struct str text = str_of(p, n), id;
	struct arena a;
	struct err e;

	arena_init(&a);
	if (!sts_is_record(text) || sts_record_id(text, &id, &e) < 0)
		id = STR("1");
	assume(id.n > 0 && id.n <= STS_ID_MAX);
	if (sts_policy_parse(text, &a, &kept.policy, &e) == 0) {
		kept.policy.id = id;
		assume(sts_file_parse(sts_file_text(&kept, &a), &a, &again, &e) == 0);
		same(&kept, &again);
		(void)sts_policy_matches(&kept.policy, text);
	}
	if (sts_file_parse(text, &a, &kept, &e) == 0) {
		assume(sts_file_parse(sts_file_text(&kept, &a), &a, &again, &e) == 0);
		same(&kept, &again);
	}
	arena_free(&a);
	return 0;
}
