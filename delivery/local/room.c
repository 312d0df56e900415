/*
 * room.c - the reserve of the store (store/reserve.h): what was accepted is delivered also when the
 * disk is full (INVARIANTS 7).
 */
#include "base/log.h"
#include "delivery/local/local.h"
#include "io/file.h"
#include "store/reserve.h"
#include "svc/svc.h"

#define REFILL_MS 2000u

static struct local *local;

static bool
give(void)
{
	return reserve_give(local->reserve);
}

static void
refill(void *arg)
{
	struct local *l = arg;

	(void)reserve_fill(l->reserve, l->reserve_size);
	loop_timer_set(l->refill, REFILL_MS);
}

void
room_reload(struct local *l)
{
	l->reserve_size = conf_num(svc_conf(), CONF_DELIVERY_RESERVE);
}

int
room_init(struct local *l, struct err *e)
{
	if ((l->reserve = reserve_open(l->mail, e)) < 0)
		return -1;
	room_reload(l);
	if (!reserve_fill(l->reserve, l->reserve_size))
		log_warn("local.no_reserve", LU("size", l->reserve_size),
		    LU("free", reserve_free(l->reserve)));
	local = l;
	file_full = give;
	l->refill = loop_timer_new(refill, l);
	loop_timer_set(l->refill, REFILL_MS);
	return 0;
}
