/*
 * order.c - see order.h.
 *
 * One request after the other; each function that ends in a request names what comes next. Owner:
 * who started it, until fn() or order_cancel(). Errors: E_DENIED, E_PROTO, E_TEMP, with what was
 * being done in front.
 */
#include "acme/order.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/ipc.h"
#include "svc/acme.h"
#include "svc/svc.h"

#define ORDER_MAGIC 0x6f726472u
#define ALL_MS      (20u * 60000u)
#define POLL_MS     500u
#define POLL_MAX_MS 30000u
#define BUSY_MS     3000u
#define BUSY_TRIES  40u

struct order {
	unsigned magic;
	struct arena arena;
	struct arena seen, seen_one; /* what was last said of the order, and of one authorization */
	struct talk *talk;
	struct provider origin;
	struct answer_directory directory;
	struct str kid, url; /* the account's and the order's URLs */
	struct answer_order order;
	size_t at; /* of its authorizations */
	struct answer_authorization z;
	bool answered;    /* the authority was told to try it */
	bool finalized;   /* it has the CSR */
	uint64_t wait_ms; /* before the next look */
	void (*look)(struct order *o);
	struct loop_timer *timer, *all;
	struct loop_defer begin;
	enum ipc_peer called; /* whose call is under way, by its id */
	uint64_t call;
	struct str chain;
	unsigned busy;
	const char *doing;
	order_fn fn;
	void *arg;
};

/* ---- the end ---- */

static void
release(struct order *o)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_ACME_CLEAR);
	ipc_send(svc_channel(PEER_WEBD), &m);
	talk_stop(o->talk);
	if (o->call != 0)
		ipc_cancel(svc_channel(o->called), o->call);
	loop_timer_free(&o->timer);
	loop_timer_free(&o->all);
	loop_defer_cancel(&o->begin);
	arena_free(&o->arena);
	arena_free(&o->seen);
	arena_free(&o->seen_one);
	o->magic = 0;
	free(o);
}

static void
finish(struct order *o, const struct order_end *end)
{
	o->fn(o->arg, end);
	release(o);
}

static void
fail(struct order *o, const struct err *e, uint32_t retry)
{
	struct err why = *e;
	const struct order_end end = {.e = &why, .retry = retry};

	err_wrap(&why, "%s", o->doing);
	finish(o, &end);
}

static void
on_late(void *arg)
{
	struct order *o = arg;
	struct err e;

	OBJ(o, ORDER_MAGIC);
	err_set(&e, E_TEMP, "it takes too long");
	fail(o, &e, 0);
}

void
order_cancel(struct order **o)
{
	if (*o == NULL)
		return;
	OBJ(*o, ORDER_MAGIC);
	release(*o);
	*o = NULL;
}

const char *
order_doing(const struct order *o)
{
	return o->doing;
}

/* False: it has failed, and is gone. */
static bool
went_well(struct order *o, const struct talk_answer *a, const struct err *e)
{
	OBJ(o, ORDER_MAGIC);
	if (e != NULL)
		fail(o, e, a != NULL ? a->retry : 0);
	return e == NULL;
}

/* What the authority says of a name, or of the whole. */
static void
fail_for(struct order *o, struct str name, const struct answer_problem *p)
{
	struct err e;

	err_set(&e, E_DENIED, STR_FMT "%s" STR_FMT " " STR_FMT, STR_ARG(name),
	    name.n > 0 ? ": " : "", STR_ARG(p->type), STR_ARG(p->detail));
	fail(o, &e, 0);
}

/* ---- waiting ---- */

static void
on_wait(void *arg)
{
	struct order *o = arg;

	OBJ(o, ORDER_MAGIC);
	o->look(o);
}

/* RFC 8555 7.5.1, 7.4: Retry-After says when to look again; else a little later each time. */
static void
look_later(struct order *o, const struct talk_answer *a, void (*look)(struct order *o))
{
	o->look = look;
	loop_timer_set(o->timer, a->retry > 0 ? (uint64_t)a->retry * 1000 : o->wait_ms);
	o->wait_ms = num_min(o->wait_ms * 2, POLL_MAX_MS);
}

/* ---- the chain ---- */

static void keep_chain(struct order *o);

static void
on_kept(void *arg, struct ipc_in *m, const struct err *e)
{
	struct order *o = arg;
	struct order_end end = {0};

	OBJ(o, ORDER_MAGIC);
	o->call = 0;
	if (m != NULL) {
		ipc_end(m);
		end.chain = o->chain;
		finish(o, &end);
	} else if (e->code == E_TEMP && o->busy++ < BUSY_TRIES) {
		/* Master is about a reload. */
		o->look = keep_chain;
		loop_timer_set(o->timer, BUSY_MS);
	} else {
		fail(o, e, 0);
	}
}

static void
keep_chain(struct order *o)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_ACME_CHAIN);
	ipc_put_str(&m, o->chain);
	o->called = PEER_SIGN;
	o->call = ipc_call(svc_channel(PEER_SIGN), &m, on_kept, o);
}

static void
on_chain(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err long_one;

	if (!went_well(o, a, e))
		return;
	if (a->body.n > PEMCHAIN_MAX) {
		err_set(&long_one, E_PROTO, "the chain is too long");
		fail(o, &long_one, 0);
		return;
	}
	o->chain = arena_dup(&o->arena, a->body);
	o->doing = "take up the certificate";
	keep_chain(o);
}

/* ---- the order, once its names are proven ---- */

static void on_order(void *arg, const struct talk_answer *a, const struct err *e);

static void
look_at_order(struct order *o)
{
	talk_post(o->talk, ACME_GET, o->url, o->kid, on_order, o);
}

static void
go_on(struct order *o, const struct talk_answer *a)
{
	switch (o->order.status) {
	case ANSWER_READY:
		if (o->finalized)
			break;
		o->finalized = true;
		o->wait_ms = POLL_MS;
		o->doing = "send the CSR";
		talk_post(o->talk, ACME_FINALIZE, o->order.finalize, o->kid, on_order, o);
		return;
	case ANSWER_VALID:
		o->doing = "get the certificate";
		talk_post(o->talk, ACME_GET, o->order.certificate, o->kid, on_chain, o);
		return;
	case ANSWER_INVALID:
	case ANSWER_OTHER:
		fail_for(o, STR("the order is refused"), &o->order.problem);
		return;
	case ANSWER_PENDING:
	case ANSWER_PROCESSING:
		break;
	}
	look_later(o, a, look_at_order);
}

/* However often it is looked at: only the last answer is kept. */
static int
read_order(struct order *o, const struct talk_answer *a, struct err *e)
{
	arena_reset(&o->seen);
	return answer_order(a->body, &o->origin, &o->seen, &o->order, e);
}

static void
on_order(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err wrong;

	if (!went_well(o, a, e))
		return;
	if (read_order(o, a, &wrong) < 0)
		fail(o, &wrong, 0);
	else
		go_on(o, a);
}

/* ---- authorizations ---- */

static void on_authorization(void *arg, const struct talk_answer *a, const struct err *e);

static void
look_at_authorization(struct order *o)
{
	talk_post(o->talk, ACME_GET, o->order.authorizations[o->at], o->kid, on_authorization, o);
}

static void
on_tried(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;

	if (went_well(o, a, e))
		look_later(o, a, look_at_authorization);
}

static void
on_expected(void *arg, struct ipc_in *m, const struct err *e)
{
	struct order *o = arg;

	OBJ(o, ORDER_MAGIC);
	o->call = 0;
	if (m == NULL) {
		fail(o, e, 0);
		return;
	}
	ipc_end(m);
	o->answered = true;
	o->wait_ms = POLL_MS;
	talk_post(o->talk, ACME_ANSWER, o->z.url, o->kid, on_tried, o);
}

/* gk-webd answers before the authority asks. */
static void
expect(struct order *o)
{
	struct ipc_out m;

	log_info("acme.challenge", LS("name", o->z.name));
	ipc_begin(&m, MSG_ACME_CHALLENGE);
	ipc_put_str(&m, o->z.name);
	ipc_put_str(&m, o->z.token);
	o->called = PEER_WEBD;
	o->call = ipc_call(svc_channel(PEER_WEBD), &m, on_expected, o);
}

static void
next_authorization(struct order *o)
{
	o->answered = false;
	o->doing = "prove the names";
	if (o->at < o->order.n)
		look_at_authorization(o);
	else
		look_at_order(o);
}

static void
on_authorization(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err wrong;

	if (!went_well(o, a, e))
		return;
	arena_reset(&o->seen_one);
	if (answer_authorization(a->body, &o->origin, conf_str(svc_conf(), CONF_ACME_CHALLENGE),
		&o->seen_one, &o->z, &wrong) < 0) {
		fail(o, &wrong, 0);
	} else if (o->z.status == ANSWER_VALID) {
		o->at++;
		next_authorization(o);
	} else if (o->z.status != ANSWER_PENDING) {
		fail_for(o, o->z.name, &o->z.problem);
	} else if (o->z.url.n == 0) {
		err_set(&wrong, E_DENIED,
		    STR_FMT ": the authority offers no %s for it; set acme.challenge to another",
		    STR_ARG(o->z.name), conf_z(svc_conf(), CONF_ACME_CHALLENGE));
		fail(o, &wrong, 0);
	} else if (o->answered || o->z.challenge != ANSWER_PENDING) {
		look_later(o, a, look_at_authorization);
	} else {
		expect(o);
	}
}

/* ---- directory, account, new order ---- */

static int
take_location(struct order *o, const struct talk_answer *a, struct str *out, struct err *e)
{
	if (acme_path(&o->origin, a->location).n == 0)
		return err_set(e, E_PROTO, "its answer has no Location on its own host");
	*out = arena_dup(&o->arena, a->location);
	return 0;
}

static void
on_new_order(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err wrong;

	if (!went_well(o, a, e))
		return;
	if (take_location(o, a, &o->url, &wrong) < 0 || read_order(o, a, &wrong) < 0)
		fail(o, &wrong, 0);
	else
		next_authorization(o);
}

/* RFC 8555 7.3.1: an account that is there already is found by its key. */
static void
on_account(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err wrong;

	if (!went_well(o, a, e))
		return;
	if (take_location(o, a, &o->kid, &wrong) < 0) {
		fail(o, &wrong, 0);
		return;
	}
	o->doing = "order the certificate";
	talk_post(o->talk, ACME_ORDER, o->directory.order, o->kid, on_new_order, o);
}

static void
on_directory(void *arg, const struct talk_answer *a, const struct err *e)
{
	struct order *o = arg;
	struct err wrong;

	if (!went_well(o, a, e))
		return;
	if (answer_directory(a->body, &o->origin, &o->arena, &o->directory, &wrong) < 0) {
		fail(o, &wrong, 0);
		return;
	}
	if (o->directory.binding && conf_str(svc_conf(), CONF_ACME_EAB_KID).n == 0) {
		err_set(&wrong, E_DENIED,
		    "it wants an account that you have there: set acme.eab_kid and "
		    "acme.eab_key_file");
		fail(o, &wrong, 0);
		return;
	}
	log_info("acme.directory", LZ("host", o->origin.host), LS("terms", o->directory.terms));
	talk_nonces(o->talk, o->directory.nonce);
	o->doing = "open the account";
	talk_post(o->talk, ACME_ACCOUNT, o->directory.account, STR_NONE, on_account, o);
}

static void
begin(void *arg)
{
	struct order *o = arg;

	OBJ(o, ORDER_MAGIC);
	talk_begin(o->talk, &o->origin, on_directory, o);
}

struct order *
order_start(struct talk *t, order_fn fn, void *arg)
{
	struct order *o = mem_alloc(sizeof(*o));

	o->magic = ORDER_MAGIC;
	arena_init(&o->arena);
	arena_init(&o->seen);
	arena_init(&o->seen_one);
	o->talk = t;
	/* conf_check.c has looked at it. */
	assume(provider_parse(conf_str(svc_conf(), CONF_ACME_DIRECTORY), &o->origin) == 0);
	o->fn = fn;
	o->arg = arg;
	o->wait_ms = POLL_MS;
	o->doing = "reach the directory";
	o->timer = loop_timer_new(on_wait, o);
	o->all = loop_timer_new(on_late, o);
	loop_timer_set(o->all, ALL_MS);
	loop_defer_init(&o->begin, begin, o);
	loop_defer(&o->begin);
	return o;
}
