/*
 * own.c - what the suite itself writes (bounces, reports) gets its DKIM signature when it leaves
 * for another host, from gk-sign, which signs nothing of the queue's but mail in this server's
 * name.
 *
 * The journal has it unsigned: a notification is written in the same record as the result that
 * causes it (INVARIANTS 6), which cannot wait for another process. Each attempt is signed anew.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "queue/deliver.h"
#include "svc/svc.h"

bool
own_is(const struct delivery *d)
{
	return d->env.user.n == 0 && !str_eq(d->env.actor, STR("smtp")) &&
	       !(d->m->flags & MESSAGE_LARGE);
}

static int
read_all(const struct delivery *d, struct arena *a, struct str *out, struct err *e)
{
	*out = message_kept(d->m);
	if (out->n == 0 && message_read(d->m, (size_t)d->m->size, a, out, e) < 0)
		return -1;
	*out = str_from(*out, num_min((size_t)d->env.return_path, out->n));
	return 0;
}

/* What makes gk-sign fall over each time is not to be tried for ever. */
static void
away(struct delivery *d, const struct err *e)
{
	if (schedule_is_late(d->m, d->q->o.lifetime)) {
		deliver_all(d, OUTCOME_WAITING, STR("4.7.5 the message cannot be signed"));
		deliver_finish(d);
	} else {
		deliver_later(d, e);
	}
}

/* What cannot be signed at all goes without: better told than lost. */
static void
answered(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	struct str octets, fields = STR("");
	struct err bad;

	OBJ(d, DELIVERY_MAGIC);
	if (e && e->code != E_PERM) {
		away(d, e);
		return;
	}
	if (e)
		log_warn("queue.unsigned", LZ("mid", d->m->mid), LE(e));
	else
		fields = arena_dup(&d->arena, ipc_get_str(in));
	if (in && ipc_end(in) < 0) {
		err_set(&bad, E_TEMP, "the answer of gk-sign makes no sense");
		deliver_later(d, &bad);
	} else if (read_all(d, &d->arena, &octets, &bad) < 0) {
		deliver_later(d, &bad);
	} else {
		d->leaving =
		    arena_printf(&d->arena, STR_FMT STR_FMT, STR_ARG(fields), STR_ARG(octets));
		to_remote(d);
	}
}

void
own_sign(struct delivery *d)
{
	bool small = d->m->size <= IPC_INLINE_MAX;
	struct str octets = STR_NONE;
	struct ipc_out m;
	struct err e;
	int fd = -1;

	if (small ? read_all(d, &d->arena, &octets, &e) < 0 : (fd = message_open(d->m, &e)) < 0) {
		deliver_later(d, &e);
		return;
	}
	ipc_begin(&m, small ? MSG_SIGN_OWN : MSG_SIGN_OWN_FILE);
	ipc_put_z(&m, d->m->mid);
	if (small) {
		ipc_put_str(&m, octets);
	} else {
		ipc_put_u32(&m, d->env.return_path);
		ipc_put_u64(&m, d->m->size);
		ipc_put_fd(&m, fd);
	}
	ipc_call(svc_channel(PEER_SIGN), &m, answered, d);
}
