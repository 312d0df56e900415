/*
 * plan.c - see plan.h.
 *
 * Renewal when a third of the life is left, up to a fiftieth of it earlier. After a failure the
 * waits grow: 1, 4, 16 and 64 minutes, 4 hours, then 12; an authority that counts failures (Let's
 * Encrypt: 5 of a name in an hour) does not shut us out.
 */
#include "acme/plan.h"

static int64_t
back_off(const struct plan *p)
{
	static const int64_t waits[] = {60, 240, 960, 3840, 14400, 43200};
	unsigned n = sizeof(waits) / sizeof(waits[0]), before = p->failures - 1;
	int64_t wait = waits[before < n ? before : n - 1];

	wait += wait * p->chance / 4000;
	return p->failed + (p->retry > wait ? p->retry : wait);
}

int64_t
plan_next(const struct plan *p)
{
	int64_t due = 0, life = p->until - p->from;

	if (p->good && life > 0)
		due = p->until - life / 3 - life * p->chance / 50000;
	if (p->failures > 0 && back_off(p) > due)
		due = back_off(p);
	return due;
}
