/*
 * gone.c - see gone.h.
 */
#include "authd/gone.h"

#include "authd/accounts.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"

#define AGAIN_MS  10000u
#define ANSWER_MS 8000u /* the operator's call waits 10 s */

struct gone {
	char *address;
	bool purge;
	bool told; /* mailboxd is at it */
	struct ipc_chan *chan;
	uint64_t call;
	uint32_t type;
	struct loop_timer *patience;
	struct err e;
	TAILQ_ENTRY(gone) link;
};

static TAILQ_HEAD(, gone) all = TAILQ_HEAD_INITIALIZER(all);
static struct loop_timer *again;

static void
answer(struct gone *g)
{
	if (g->chan != NULL)
		ipc_reply_ok(g->chan, g->call, (enum ipc_type)(g->type + 1));
	g->chan = NULL;
	loop_timer_free(&g->patience);
}

static void
out_of_patience(void *arg)
{
	struct gone *g = arg;

	log_warn("auth.home_stays", LZ("user", g->address));
	answer(g);
}

static void
forget_work(void *arg, struct db *db)
{
	struct gone *g = arg;

	accounts_gone_forget(db, str_z(g->address), &g->e);
}

static void
forgotten(void *arg)
{
	struct gone *g = arg;

	/* Its row is there at the next start, then: asking again does no harm. */
	if (g->e.code != E_OK)
		log_warn("auth.gone", LZ("user", g->address), LE(&g->e));
	else
		log_info("auth.home_gone", LZ("user", g->address), LU("purged", g->purge));
	answer(g);
	TAILQ_REMOVE(&all, g, link);
	free(g->address);
	free(g);
}

static void
put_aside(void *arg, struct ipc_in *m, const struct err *why)
{
	struct gone *g = arg;
	struct err e;

	if (m != NULL && ipc_end(m) == 0) {
		if (writer_submit(forget_work, forgotten, g, &e) == 0)
			return;
		why = &e;
	}
	g->told = false;
	/* A mailboxd that is away is told when it is back. */
	if (why != NULL && why->code != E_CLOSED) {
		log_warn("auth.gone", LZ("user", g->address), LE(why));
		loop_timer_set(again, AGAIN_MS);
	}
}

static void
tell(struct gone *g)
{
	struct ipc_out m;

	g->told = true;
	ipc_begin(&m, MSG_HOME_GONE);
	ipc_put_z(&m, g->address);
	ipc_put_u32(&m, g->purge);
	ipc_call(svc_channel(PEER_MAILBOXD), &m, put_aside, g);
}

void
gone_resend(void)
{
	struct gone *g;

	TAILQ_FOREACH (g, &all, link)
		if (!g->told)
			tell(g);
}

static void
on_again(void *arg)
{
	(void)arg;
	gone_resend();
}

static struct gone *
add(struct str address, bool purge)
{
	struct gone *g = mem_alloc(sizeof(*g));

	g->address = mem_dup(address.p, address.n);
	g->purge = purge;
	TAILQ_INSERT_TAIL(&all, g, link);
	return g;
}

void
gone_add(struct str address, bool purge, struct ipc_chan *c, uint64_t call, uint32_t type)
{
	struct gone *g = add(address, purge);

	g->chan = c;
	g->call = call;
	g->type = type;
	g->patience = loop_timer_new(out_of_patience, g);
	loop_timer_set(g->patience, ANSWER_MS);
	tell(g);
}

void
gone_forget(struct ipc_chan *c)
{
	struct gone *g;

	TAILQ_FOREACH (g, &all, link)
		if (g->chan == c)
			g->chan = NULL;
}

static void
found(void *arg, struct str address, bool purge)
{
	(void)arg;
	add(address, purge);
}

int
gone_init(struct db *db, struct err *e)
{
	again = loop_timer_new(on_again, NULL);
	return accounts_gone(db, found, NULL, e);
}
