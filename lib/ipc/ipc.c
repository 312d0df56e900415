/*
 * ipc.c - channels: calls and their answers, messages to their reader, a peer that comes and goes.
 *
 * Owner of a channel: whoever made it. A channel may be freed inside any of its callbacks.
 */
#include "ipc/ipc.h"

#include <errno.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/kinds.h"
#include "ipc/packet.h"

#define CHAN_MAGIC    0x69706331u
#define TICK_MS       1000u
#define ATTACH_WAIT_S 10u /* how long calls wait for a restarted peer */

struct call {
	uint64_t id;
	uint64_t deadline;
	enum ipc_type reply;
	ipc_reply_fn fn;
	void *arg;
	UT_hash_handle hh;
};

struct ipc_chan {
	unsigned magic;
	int fd;
	enum ipc_peer self, peer;
	ipc_message_fn message;
	ipc_gone_fn gone;
	void *arg;
	char *label;
	struct loop_io *io;
	struct loop_timer *tick;
	struct loop_defer flush;
	struct packet_list out;
	struct call *calls;
	uint64_t next_id;
	bool *watch; /* set when the channel is freed under the one that watches */
};

static void on_io(void *arg, unsigned events);
static void on_flush(void *arg);
static void on_tick(void *arg);

struct ipc_chan *
ipc_new(int fd, enum ipc_peer self, enum ipc_peer peer, ipc_message_fn message, ipc_gone_fn gone,
    void *arg)
{
	struct ipc_chan *c = mem_alloc(sizeof(*c));

	c->magic = CHAN_MAGIC;
	c->fd = -1;
	c->self = self;
	c->peer = peer;
	c->message = message;
	c->gone = gone;
	c->arg = arg;
	/* Not from 1: an answer meant for a process that died must not fit a call of the next one,
	 * to which its channel was given. Never 0, and never at its end. */
	randombytes_buf(&c->next_id, sizeof(c->next_id));
	c->next_id = (c->next_id >> 2) + 1;
	TAILQ_INIT(&c->out);
	loop_defer_init(&c->flush, on_flush, c);
	c->tick = loop_timer_new(on_tick, c);
	if (fd >= 0)
		ipc_attach(c, fd);
	return c;
}

bool
ipc_is_open(const struct ipc_chan *c)
{
	return c->fd >= 0;
}

enum ipc_peer
ipc_peer_of(const struct ipc_chan *c)
{
	return c->peer;
}

void
ipc_set_label(struct ipc_chan *c, struct str label)
{
	free(c->label);
	c->label = mem_dup(label.p, label.n);
}

struct str
ipc_label(const struct ipc_chan *c)
{
	return str_z(c->label);
}

void *
ipc_arg(const struct ipc_chan *c)
{
	return c->arg;
}

size_t
ipc_pending(const struct ipc_chan *c)
{
	return HASH_COUNT(c->calls);
}

/* ---- freed under our feet ---- */

/* Around anything that calls back: tells afterwards whether the channel was freed meanwhile, and
 * passes it on to an outer watch of the same channel. */
struct watch {
	bool gone;
	bool *outer;
};

static void
watch_begin(struct ipc_chan *c, struct watch *w)
{
	w->gone = false;
	w->outer = c->watch;
	c->watch = &w->gone;
}

static bool
watch_end(struct ipc_chan *c, struct watch *w)
{
	if (!w->gone)
		c->watch = w->outer;
	else if (w->outer != NULL)
		*w->outer = true;
	return w->gone;
}

/* ---- ends of calls ---- */

static void
end_call(struct ipc_chan *c, struct call *call, struct ipc_in *in, const struct err *e)
{
	ipc_reply_fn fn = call->fn;
	void *arg = call->arg;

	HASH_DEL(c->calls, call);
	free(call);
	if (fn != NULL)
		fn(arg, in, e);
}

static struct packet *
queued(struct ipc_chan *c, uint64_t id)
{
	struct packet *p;

	TAILQ_FOREACH (p, &c->out, entry)
		if (p->id == id)
			return p;
	return NULL;
}

static struct call *
find_call(struct ipc_chan *c, bool (*which)(struct ipc_chan *, struct call *))
{
	struct call *call, *next;

	HASH_ITER (hh, c->calls, call, next)
		if (which(c, call))
			return call;
	return NULL;
}

/* Ends the calls that `which` chooses. Callbacks may do anything, so the search begins anew after
 * each. */
static void
end_calls(struct ipc_chan *c, bool (*which)(struct ipc_chan *, struct call *), const struct err *e)
{
	struct watch w;
	struct call *call;

	watch_begin(c, &w);
	while (!w.gone && (call = find_call(c, which)) != NULL)
		end_call(c, call, NULL, e);
	watch_end(c, &w);
}

static bool
is_any(struct ipc_chan *c, struct call *call)
{
	(void)c;
	(void)call;
	return true;
}

static bool
is_sent(struct ipc_chan *c, struct call *call)
{
	return queued(c, call->id) == NULL;
}

static bool
is_late(struct ipc_chan *c, struct call *call)
{
	struct packet *p;

	if (clock_ms() < call->deadline)
		return false;
	p = queued(c, call->id);
	if (p != NULL) {
		TAILQ_REMOVE(&c->out, p, entry);
		packet_free(p);
	}
	return true;
}

static void
on_tick(void *arg)
{
	struct ipc_chan *c = arg;
	struct watch w;
	struct err e;

	OBJ(c, CHAN_MAGIC);
	err_set(&e, c->fd >= 0 ? E_TIMEOUT : E_TEMP, "%s does not answer", ipc_peer_name(c->peer));
	watch_begin(c, &w);
	end_calls(c, is_late, &e);
	if (!watch_end(c, &w) && c->calls != NULL)
		loop_timer_set(c->tick, TICK_MS);
}

/* ---- coming and going ---- */

static void
detach(struct ipc_chan *c)
{
	loop_io_free(&c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* The peer is gone. What it was asked is unknown; what was not sent yet waits for its successor. */
static void
lose(struct ipc_chan *c)
{
	struct watch w;
	struct err e;

	detach(c);
	err_set(&e, E_CLOSED, "%s is gone", ipc_peer_name(c->peer));
	watch_begin(c, &w);
	end_calls(c, is_sent, &e);
	if (!w.gone && c->gone != NULL)
		c->gone(c->arg, c);
	watch_end(c, &w);
}

void
ipc_attach(struct ipc_chan *c, int fd)
{
	struct err e;

	detach(c);
	err_set(&e, E_CLOSED, "%s was restarted", ipc_peer_name(c->peer));
	end_calls(c, is_sent, &e);
	c->fd = fd;
	c->io = loop_io_new(fd, LOOP_READ, on_io, c);
	if (!TAILQ_EMPTY(&c->out))
		loop_defer(&c->flush);
}

void
ipc_free(struct ipc_chan **cp)
{
	struct ipc_chan *c = *cp;
	struct packet *p;
	struct err e;

	if (c == NULL)
		return;
	*cp = NULL;
	if (c->watch != NULL)
		*c->watch = true;
	c->watch = NULL;
	err_set(&e, E_CLOSED, "%s is gone", ipc_peer_name(c->peer));
	end_calls(c, is_any, &e);
	detach(c);
	while ((p = TAILQ_FIRST(&c->out)) != NULL) {
		TAILQ_REMOVE(&c->out, p, entry);
		packet_free(p);
	}
	loop_defer_cancel(&c->flush);
	loop_timer_free(&c->tick);
	free(c->label);
	c->magic = 0;
	free(c);
}

/* ---- sending ---- */

static void
on_flush(void *arg)
{
	struct ipc_chan *c = arg;

	OBJ(c, CHAN_MAGIC);
	if (c->fd < 0)
		return;
	if (packet_send(c->fd, &c->out) < 0) {
		lose(c);
		return;
	}
	loop_io_want(c->io, TAILQ_EMPTY(&c->out) ? LOOP_READ : LOOP_READ | LOOP_WRITE);
}

void
ipc_flush(struct ipc_chan *c)
{
	on_flush(c);
}

static void
check_direction(const struct ipc_chan *c, enum ipc_type type)
{
	const struct ipc_row *r = ipc_row(type);

	assume((r->from & c->self) != 0 && (r->to & c->peer) != 0);
}

static void
enqueue(struct ipc_chan *c, struct ipc_out *m, uint32_t flags, uint64_t id)
{
	struct packet *p;

	check_direction(c, m->type);
	p = packet_new(m, flags, id);
	TAILQ_INSERT_TAIL(&c->out, p, entry);
	if (flags != IPC_FLAG_CALL)
		p->id = 0; /* only calls are looked for in the queue */
	loop_defer(&c->flush);
}

void
ipc_send(struct ipc_chan *c, struct ipc_out *m)
{
	if (c->fd < 0 || m->over) {
		if (m->over)
			log_error("ipc.too_large", LZ("message", ipc_row(m->type)->name));
		ipc_drop(m);
		return;
	}
	enqueue(c, m, 0, 0);
}

uint64_t
ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg)
{
	const struct ipc_row *r = ipc_row(m->type);
	struct call *call = mem_alloc(sizeof(*call));
	uint32_t seconds = r->timeout_s;

	assume(seconds > 0);
	if (c->fd < 0 && seconds > ATTACH_WAIT_S)
		seconds = ATTACH_WAIT_S;
	call->id = c->next_id++;
	call->fn = fn;
	call->arg = arg;
	call->reply = ipc_reply_type(m->type);
	call->deadline = clock_ms() + seconds * 1000u;
	HASH_ADD(hh, c->calls, id, sizeof(call->id), call);
	if (m->over) {
		log_error("ipc.too_large", LZ("message", r->name));
		call->deadline = 0;
		loop_timer_set(c->tick, 0);
		ipc_drop(m);
		return call->id;
	}
	enqueue(c, m, IPC_FLAG_CALL, call->id);
	if (!loop_timer_pending(c->tick))
		loop_timer_set(c->tick, TICK_MS);
	return call->id;
}

void
ipc_cancel(struct ipc_chan *c, uint64_t id)
{
	struct call *call;

	HASH_FIND(hh, c->calls, &id, sizeof(id), call);
	if (call != NULL)
		call->fn =
		    NULL; /* stays until the answer or the timeout: a late reply is known then */
}

void
ipc_reply(struct ipc_chan *c, uint64_t id, struct ipc_out *m)
{
	if (m->over) {
		struct err e;

		log_error("ipc.too_large", LZ("message", ipc_row(m->type)->name));
		ipc_drop(m);
		err_set(&e, E_LIMIT, "the answer is too large");
		ipc_reply_error(c, id, &e);
	} else if (c->fd < 0 || id == 0) {
		ipc_drop(m);
	} else {
		enqueue(c, m, IPC_FLAG_REPLY, id);
	}
}

void
ipc_reply_error(struct ipc_chan *c, uint64_t id, const struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_ERROR);
	ipc_put_u32(&m, e->code);
	ipc_put_z(&m, e->text);
	ipc_reply(c, id, &m);
}

void
ipc_reply_ok(struct ipc_chan *c, uint64_t id, enum ipc_type type)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_reply(c, id, &m);
}

/* ---- receiving ---- */

static void
take_error(struct ipc_in *in, struct err *e)
{
	uint32_t code = ipc_get_u32(in);
	struct str text = ipc_get_str(in);

	if (ipc_end(in) == 0)
		err_set(e, code > E_OK && code <= E_INTERNAL ? (enum err_code)code : E_INTERNAL,
		    STR_FMT, STR_ARG(text));
	else
		err_set(e, E_INTERNAL, "unreadable error");
}

/* An answer to a call; -1 when it answers nothing that was asked in this way. */
static int
take_reply(struct ipc_chan *c, struct ipc_in *in)
{
	struct call *call;
	struct err e;

	HASH_FIND(hh, c->calls, &in->id, sizeof(in->id), call);
	if (call == NULL) {
		in->ended = true; /* late: its call ended before */
		return 0;
	}
	if (in->type == MSG_ERROR) {
		take_error(in, &e);
		end_call(c, call, NULL, &e);
		return 0;
	}
	if (in->type != call->reply)
		return -1;
	if (call->fn == NULL)
		in->ended = true;
	end_call(c, call, in, NULL);
	return 0;
}

static int
dispatch(struct ipc_chan *c, struct ipc_in *in, uint32_t flags)
{
	const struct ipc_row *r = ipc_row(in->type);

	if ((r->from & c->peer) == 0 || (r->to & c->self) == 0)
		return -1;
	if (flags == IPC_FLAG_REPLY)
		return take_reply(c, in);
	if (in->type == MSG_ERROR || (flags == IPC_FLAG_CALL) != (r->timeout_s > 0))
		return -1;
	c->message(c->arg, c, in);
	return 0;
}

/* One packet. False when the channel is gone or was closed for what came. */
static bool
take_packet(struct ipc_chan *c, const struct packet_received *r)
{
	struct ipc_in in;
	uint32_t flags = 0;
	struct watch w;
	bool bad;

	watch_begin(c, &w);
	bad = ipc_in_open(&in, r->p, r->n, r->fd, &flags) < 0 || dispatch(c, &in, flags) < 0;
	if (in.fd >= 0)
		close(in.fd);
	if (watch_end(c, &w))
		return false;
	if (bad || in.bad || !in.ended) {
		log_error("ipc.bad_message", LZ("peer", ipc_peer_name(c->peer)),
		    LZ("message", ipc_row(in.type) ? ipc_row(in.type)->name : "?"));
		lose(c);
		return false;
	}
	return c->fd >= 0;
}

/* Reads a batch. False when nothing is there now, or the channel ended. */
static bool
read_batch(struct ipc_chan *c)
{
	struct packet_received got[PACKETS_AT_ONCE];
	int n = packet_receive(c->fd, got), i = 0;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		lose(c);
		return false;
	}
	while (i < n && take_packet(c, &got[i]))
		i++;
	packet_forget(got, n);
	if (i == n)
		return true;
	for (i++; i < n; i++) /* what a dead channel brought more */
		if (got[i].fd >= 0)
			close(got[i].fd);
	return false;
}

static void
on_io(void *arg, unsigned events)
{
	struct ipc_chan *c = arg;

	OBJ(c, CHAN_MAGIC);
	if (events & LOOP_WRITE)
		loop_defer(&c->flush);
	if (events & LOOP_READ)
		read_batch(c);
}

void
ipc_drain(struct ipc_chan *c)
{
	while (c->fd >= 0 && read_batch(c))
		;
}
