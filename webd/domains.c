/* domains.c - see domains.h. */
#include "webd/domains.h"

#include "ipc/ipc.h"
#include "svc/svc.h"

struct ask {
	struct exchange *x;
	void (*then)(struct exchange *x, void *arg);
	void *arg;
	uint64_t call;
};

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ask *a = arg;
	uint32_t known;

	(void)e;
	a->call = 0;
	if (m == NULL) {
		exchange_set(a->x, "Retry-After", STR("10"));
		exchange_problem(a->x, 503, NULL);
		return;
	}
	known = ipc_get_u32(m);
	if (ipc_end(m) < 0)
		return;
	if (known)
		a->then(a->x, a->arg);
	else
		exchange_problem(a->x, 404, "That domain has no mail here.");
}

static void
gone(struct exchange *x, void *arg)
{
	struct ask *a = arg;

	(void)x;
	if (a->call != 0)
		ipc_cancel(svc_channel(PEER_AUTHD), a->call);
}

void
domains_ask(
    struct exchange *x, struct str domain, void (*then)(struct exchange *x, void *arg), void *arg)
{
	static const struct exchange_events events = {.gone = gone};
	struct ask *a = arena_new(&x->arena, struct ask);
	struct ipc_out m;

	*a = (struct ask){.x = x, .then = then, .arg = arg};
	exchange_listen(x, &events, a);
	ipc_begin(&m, MSG_DOMAIN_CHECK);
	ipc_put_str(&m, domain);
	a->call = ipc_call(svc_channel(PEER_AUTHD), &m, answered, a);
}
