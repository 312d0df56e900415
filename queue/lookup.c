/*
 * lookup.c - whither a notification goes: its one recipient, the sender of another message, is
 * looked up at authd, and the message rewritten in the journal with the targets it leads to.
 *
 * Then it is a message like any other: mailboxes of ours, addresses elsewhere, or both.
 */
#include "base/log.h"
#include "base/mem.h"
#include "queue/deliver.h"
#include "svc/svc.h"

/* The job is for no target any more: the next look at it makes those that are (deliver.c). After a
 * failed write everything is as it was. */
static void
resolved(void *arg, const struct err *e)
{
	struct delivery *d = arg;

	OBJ(d, DELIVERY_MAGIC);
	deliver_again(d, e ? 1000 : 0);
}

static void
refused(struct delivery *d, uint32_t verdict)
{
	static const char *const texts[] = {[RCPT_NO_USER] = "5.1.1 no such user",
	    [RCPT_RELAY] = "5.4.4 not an address of this server",
	    [RCPT_LOOP] = "5.4.6 its aliases lead in a circle"};

	if (verdict == RCPT_QUOTA)
		deliver_all(d, OUTCOME_WAITING, STR("4.2.2 mailbox full"));
	else
		deliver_all(d, OUTCOME_FAILED,
		    str_z(verdict < ARRAY_LEN(texts) && texts[verdict] ? texts[verdict]
								       : "5.0.0 refused"));
	deliver_finish(d);
}

static void
looked_up(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	struct envelope_rcpt rcpt;
	struct envelope env;
	uint32_t verdict;
	struct err bad;

	OBJ(d, DELIVERY_MAGIC);
	rcpt = d->env.rcpts[0];
	env = d->env;
	if (e) {
		deliver_away(d, e);
		return;
	}
	verdict = ipc_get_u32(in);
	rcpt.nlocal = ipc_get_u32(in);
	rcpt.ntargets = ipc_get_list(in);
	rcpt.targets = arena_array(&d->arena, rcpt.ntargets, sizeof(*rcpt.targets));
	for (uint32_t i = 0; i < rcpt.ntargets; i++)
		rcpt.targets[i] = arena_dup(&d->arena, ipc_get_item(in));
	env.rcpts = &rcpt;
	if (ipc_end(in) < 0 || (verdict == RCPT_OK && rcpt.ntargets == 0)) {
		err_set(&bad, E_PROTO, "authd gave no answer");
		deliver_away(d, &bad);
	} else if (verdict != RCPT_OK) {
		refused(d, verdict);
	} else if (message_is_done(d->m)) {
		deliver_again(d, 0); /* the operator was quicker */
	} else if (move_resolved(d->q, d->m, &env, resolved, d, &bad) < 0) {
		deliver_later(d, &bad);
	}
}

void
lookup(struct delivery *d)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_RCPT_CHECK);
	ipc_put_str(&m, d->tries[0].rcpt->address);
	ipc_put_str(&m, STR_NONE);
	ipc_put_u64(&m, d->m->size);
	ipc_call(svc_channel(PEER_AUTHD), &m, looked_up, d);
}
