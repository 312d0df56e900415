/*
 * to_local.c - a message and its mailboxes to gk-local.
 */
#include "base/log.h"
#include "base/mem.h"
#include "queue/deliver.h"
#include "svc/svc.h"

#define TEXT_MAX      200u
#define PACKET_OTHERS 256u /* in a packet beside addresses and octets */

static void
delivered(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	struct attempt *results;
	struct err bad;
	uint32_t n;

	OBJ(d, DELIVERY_MAGIC);
	if (e) {
		deliver_away(d, e);
		return;
	}
	n = ipc_get_list(in);
	results = arena_array(&d->arena, d->naddresses, sizeof(*results));
	for (size_t i = 0; i < n / 2 && i < d->naddresses; i++) {
		results[i].outcome = deliver_outcome(ipc_get_item(in), OUTCOME_OK);
		results[i].text = arena_dup(&d->arena, str_sub(ipc_get_item(in), 0, TEXT_MAX));
	}
	if (ipc_end(in) < 0 || n != 2 * d->naddresses) {
		err_set(&bad, E_PROTO, "gk-local answered for other targets");
		deliver_away(d, &bad);
		return;
	}
	for (size_t i = 0; i < d->naddresses; i++)
		if (results[i].outcome == OUTCOME_OK)
			usage_add(d->q, d->addresses[i], d->m->size);
	for (size_t i = 0; i < d->n; i++) {
		d->tries[i].outcome = results[d->tries[i].at].outcome;
		d->tries[i].text = results[d->tries[i].at].text;
	}
	deliver_finish(d);
}

/* In one packet there is room for all of it. */
static bool
fits_packet(const struct delivery *d)
{
	uint64_t n = d->m->size;

	for (size_t i = 0; i < d->naddresses && n <= IPC_PAYLOAD_MAX; i++)
		n += sizeof(uint32_t) + d->addresses[i].n;
	return d->m->size <= IPC_INLINE_MAX && n <= IPC_PAYLOAD_MAX - PACKET_OTHERS;
}

static void
put_head(const struct delivery *d, enum ipc_type type, struct ipc_out *m)
{
	ipc_begin(m, type);
	ipc_put_z(m, d->m->mid);
	ipc_put_u64(m, (uint64_t)d->m->arrived);
	if (type != MSG_DELIVER_PUT)
		ipc_put_u64(m, d->m->size);
	ipc_put_u32(m, (d->m->flags & MESSAGE_REPLAY ? DELIVER_REPLAY : 0) |
			   (d->env.flags & ENVELOPE_JUNK ? DELIVER_JUNK : 0));
	ipc_put_list(m, d->addresses, d->naddresses);
}

static int
put_small(struct delivery *d, struct ipc_out *m, struct err *e)
{
	struct str octets;
	int fd;

	if (fits_packet(d)) {
		octets = message_kept(d->m);
		if (octets.n == 0 && message_read(d->m, IPC_INLINE_MAX, &d->arena, &octets, e) < 0)
			return -1;
		put_head(d, MSG_DELIVER_PUT, m);
		ipc_put_str(m, octets);
		return 0;
	}
	if ((fd = message_open(d->m, e)) < 0)
		return -1;
	put_head(d, MSG_DELIVER, m);
	ipc_put_fd(m, fd);
	return 0;
}

void
to_local(struct delivery *d)
{
	struct ipc_out m;
	struct err e;

	if (d->m->flags & MESSAGE_LARGE) {
		put_head(d, MSG_DELIVER_LARGE, &m);
	} else if (put_small(d, &m, &e) < 0) {
		deliver_later(d, &e);
		return;
	}
	ipc_call(svc_channel(PEER_LOCAL), &m, delivered, d);
}
