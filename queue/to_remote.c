/*
 * to_remote.c - a message and its recipients at one destination to gk-remote.
 *
 * gk-remote knows hosts, the queue knows time: whatever is not final comes back as "try again", and
 * how the destination fared decides how much more is sent there (schedule.c). A delivery is not to
 * be repeated after lost power as one into a Maildir may have to be: it is settled at once.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "mail/address.h"
#include "mail/xtext.h"
#include "queue/deliver.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define TEXT_MAX      480u
#define HOST_MAX      200u
#define PACKET_OTHERS 512u /* in a packet beside what head_size() counts */
#define ITEMS         4u   /* of a recipient's result */

/* ---- what comes back ---- */

static void
count(const struct attempt *t)
{
	metric_add(t->outcome == OUTCOME_SETTLED  ? METRIC_REMOTE_DELIVERED
		   : t->outcome == OUTCOME_FAILED ? METRIC_REMOTE_FAILED
						  : METRIC_REMOTE_DEFERRED,
	    1);
}

static void
fared(struct delivery *d, uint32_t outcome, struct str why)
{
	/* What is impossible for good says nothing about how many it takes at a time. */
	if (outcome == REMOTE_WORKED)
		schedule_fared(d->q, d->job->dest, STR_NONE);
	else if (outcome == REMOTE_UNREACHED)
		schedule_fared(d->q, d->job->dest, why.n ? why : STR("no host was reached"));
}

/* gk-remote reads strangers' answers: its words are one line of printable text, whatever they are.
 */
static struct str
words(struct delivery *d, struct str said, size_t max)
{
	struct str s = arena_dup(&d->arena, str_sub(said, 0, max));
	char *p = (char *)s.p;

	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(p[i]))
			p[i] = '?';
	return s;
}

static void
sent(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	struct attempt *results;
	uint32_t outcome, n;
	struct str why;
	struct err bad;

	OBJ(d, DELIVERY_MAGIC);
	if (e) {
		deliver_away(d, e);
		return;
	}
	outcome = ipc_get_u32(in);
	why = words(d, ipc_get_str(in), TEXT_MAX);
	n = ipc_get_list(in);
	results = arena_array(&d->arena, d->naddresses, sizeof(*results));
	for (size_t i = 0; i < n / ITEMS && i < d->naddresses; i++) {
		results[i].outcome = deliver_outcome(ipc_get_item(in), OUTCOME_SETTLED);
		results[i].text = words(d, ipc_get_item(in), TEXT_MAX);
		results[i].host = words(d, ipc_get_item(in), HOST_MAX);
		results[i].took_over = str_eq(ipc_get_item(in), STR("dsn"));
	}
	if (ipc_end(in) < 0 || n != ITEMS * d->naddresses) {
		err_set(&bad, E_PROTO, "gk-remote answered for other recipients");
		deliver_away(d, &bad);
		return;
	}
	if (outcome == REMOTE_NO_ROUTE && !schedule_is_late(d->m, d->q->o.lifetime)) {
		err_set(&bad, E_TEMP, STR_FMT, STR_ARG(why));
		deliver_later(d, &bad);
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		const struct attempt *r = &results[d->tries[i].at];

		d->tries[i].outcome = r->outcome;
		d->tries[i].text = r->text;
		d->tries[i].host = r->host;
		d->tries[i].took_over = r->took_over;
		count(r);
	}
	/* When no host is there the other recipients need not be tried now. */
	if (outcome == REMOTE_UNREACHED)
		d->from = 0;
	fared(d, outcome, why);
	deliver_finish(d);
}

/* ---- what is sent ---- */

/* RFC 3461 5.2.7.3: a list of ours told of success itself when it took the message in; its members
 * are not to tell again. */
static uint32_t
notify_of(const struct attempt *t)
{
	uint32_t n = t->rcpt->notify;

	if (t->rcpt->ntargets < 2 || !(n & NOTIFY_SUCCESS))
		return n;
	n &= ~NOTIFY_SUCCESS;
	return n ? n : NOTIFY_NEVER;
}

/* RFC 3461 5.2.1: who was written to is told when the address becomes another. */
static struct str
orcpt_of(struct delivery *d, const struct attempt *t)
{
	struct buf b;
	struct str out;

	if (t->rcpt->orcpt.n > 0 || str_ieq(t->rcpt->address, t->address) ||
	    !str_is_ascii(t->rcpt->address))
		return t->rcpt->orcpt;
	buf_init(&b, 1024);
	buf_puts(&b, "rfc822;");
	xtext_encode(t->rcpt->address, &b);
	out = b.over ? STR_NONE : arena_dup(&d->arena, buf_view(&b));
	buf_free(&b);
	return out;
}

static struct str *
list_rcpts(struct delivery *d, size_t *octets)
{
	struct str *v = arena_array(&d->arena, 3 * d->naddresses, sizeof(*v));

	*octets = d->sender.n + d->env.envid.n + strlen(d->job->dest->key);
	for (size_t i = 0; i < d->naddresses; i++) {
		const struct attempt *t = d->by_address[i];

		v[3 * i] = t->address;
		v[3 * i + 1] = arena_printf(&d->arena, "%u", notify_of(t));
		v[3 * i + 2] = orcpt_of(d, t);
		*octets += v[3 * i].n + v[3 * i + 1].n + v[3 * i + 2].n + 3 * sizeof(uint32_t);
	}
	return v;
}

static void
put_head(const struct delivery *d, enum ipc_type type, const struct str *rcpts, struct ipc_out *m)
{
	ipc_begin(m, type);
	ipc_put_z(m, d->m->mid);
	ipc_put_z(m, d->job->dest->key);
	ipc_put_str(m, d->sender);
	ipc_put_u32(m, d->env.flags);
	ipc_put_u32(m, d->env.ret);
	ipc_put_str(m, d->env.envid);
	ipc_put_list(m, rcpts, 3 * d->naddresses);
}

/* Of a file: size octets in all, of which the first skip are ours alone. */
static void
send_fd(struct delivery *d, const struct str *rcpts, int fd, uint32_t skip, uint64_t size)
{
	struct ipc_out m;

	put_head(d, MSG_REMOTE_SEND, rcpts, &m);
	ipc_put_u32(&m, skip);
	ipc_put_u64(&m, size);
	ipc_put_fd(&m, fd);
	ipc_call(svc_channel(PEER_REMOTE), &m, sent, d);
}

static void
large_opened(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	size_t octets;
	int fd;

	OBJ(d, DELIVERY_MAGIC);
	if (e && (e->code == E_CLOSED || e->code == E_TEMP || e->code == E_TIMEOUT)) {
		deliver_later(d, e); /* gk-local is away, not gk-remote */
	} else if (!e && (fd = ipc_take_fd(in)) >= 0 && ipc_end(in) == 0) {
		send_fd(d, list_rcpts(d, &octets), fd, d->env.return_path, d->m->size);
	} else {
		deliver_all(d, OUTCOME_WAITING, STR("4.3.0 the message cannot be read"));
		deliver_finish(d);
	}
}

/* Behind our Return-Path line, which is for mailboxes. */
static int
put_small(struct delivery *d, const struct str *rcpts, struct ipc_out *m, struct err *e)
{
	struct str octets = d->leaving.n > 0 ? d->leaving : message_kept(d->m);
	size_t skip = d->leaving.n > 0 ? 0 : d->env.return_path;

	if (octets.n == 0 && message_read(d->m, (size_t)d->m->size, &d->arena, &octets, e) < 0)
		return -1;
	put_head(d, MSG_REMOTE_PUT, rcpts, m);
	ipc_put_str(m, str_from(octets, num_min(skip, octets.n)));
	return 0;
}

static void
send_file(struct delivery *d, const struct str *rcpts)
{
	bool made = d->leaving.n > 0;
	struct err e;
	int fd =
	    made ? file_memory("message", d->leaving.p, d->leaving.n, &e) : message_open(d->m, &e);

	if (fd < 0)
		deliver_later(d, &e);
	else
		send_fd(
		    d, rcpts, fd, made ? 0 : d->env.return_path, made ? d->leaving.n : d->m->size);
}

static void
send_it(struct delivery *d)
{
	struct str *rcpts;
	struct ipc_out m;
	size_t octets, size = d->leaving.n > 0 ? d->leaving.n : (size_t)d->m->size;
	struct err e;

	if (d->leaving.n == 0 && own_is(d)) {
		own_sign(d);
		return;
	}
	if (d->m->flags & MESSAGE_LARGE) {
		ipc_begin(&m, MSG_LARGE_READ);
		ipc_put_z(&m, d->m->mid);
		ipc_call(svc_channel(PEER_LOCAL), &m, large_opened, d);
		return;
	}
	rcpts = list_rcpts(d, &octets);
	if (size <= IPC_INLINE_MAX && octets + size <= IPC_PAYLOAD_MAX - PACKET_OTHERS) {
		if (put_small(d, rcpts, &m, &e) < 0)
			deliver_later(d, &e);
		else
			ipc_call(svc_channel(PEER_REMOTE), &m, sent, d);
	} else {
		send_file(d, rcpts);
	}
}

/* ---- forwards ---- */

/* The alias of ours that leads here; none where the address was written to itself. */
static struct str
alias_of(const struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!str_ieq(d->tries[i].rcpt->address, d->tries[i].address))
			return d->tries[i].rcpt->address;
	return STR_NONE;
}

static void
rewritten(void *arg, struct ipc_in *in, const struct err *e)
{
	struct delivery *d = arg;
	struct str sender;

	OBJ(d, DELIVERY_MAGIC);
	if (e) {
		deliver_later(d, e);
		return;
	}
	sender = arena_dup(&d->arena, ipc_get_str(in));
	/* A null sender would make its bounces go nowhere. */
	if (ipc_end(in) == 0 && sender.n > 0)
		d->sender = sender;
	send_it(d);
}

void
to_remote(struct delivery *d)
{
	struct str alias = alias_of(d), local, domain;
	struct ipc_out m;

	d->sender = d->env.sender;
	if (!d->q->o.srs || d->sender.n == 0 || alias.n == 0 ||
	    !address_split(alias, &local, &domain)) {
		send_it(d);
		return;
	}
	ipc_begin(&m, MSG_SENDER_FORWARD);
	ipc_put_str(&m, d->sender);
	ipc_put_str(&m, domain);
	ipc_call(svc_channel(PEER_AUTHD), &m, rewritten, d);
}
