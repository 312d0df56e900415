/*
 * events.c - libunbound's pluggable events on lib/io/loop.
 *
 * ub_ctx_create_event() would take libevent's base itself; but then libunbound's callbacks run
 * behind the loop's back (its clock not set, slow turns not seen), and Debian's libunbound brings a
 * second copy of libevent with it, which works only as long as the symbols of the first win
 * (docs/adr/0012-dns.md).
 *
 * An event is what unbound takes from libevent: it fires for a descriptor, a time-out, or both; it
 * is gone after that unless it is persistent. Owner of an event: libunbound, which may free it
 * inside its callback. Errors: none.
 */
#include "dnsd/events.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unbound-event.h>

#include "base/mem.h"
#include "io/loop.h"

#define EVENT_MAGIC 0x55424556u

typedef void (*event_fn)(int fd, short bits, void *arg);

struct event_on_loop {
	struct ub_event super; /* first: libunbound knows this part */
	unsigned magic;
	int fd;
	short bits;
	event_fn fn;
	void *arg;
	struct loop_io *io; /* while it is added and has a descriptor */
	struct loop_timer *timer;
	uint64_t ms; /* of its time-out, where it has one */
};

static struct event_on_loop *
event_of(struct ub_event *e)
{
	struct event_on_loop *ev = (struct event_on_loop *)(void *)e;

	OBJ(ev, EVENT_MAGIC);
	return ev;
}

static void
deactivate(struct event_on_loop *ev)
{
	loop_io_free(&ev->io);
	loop_timer_stop(ev->timer);
	ev->ms = UINT64_MAX;
}

static void
fire(struct event_on_loop *ev, short bits)
{
	if (!(ev->bits & UB_EV_PERSIST))
		deactivate(ev);
	else if (ev->ms != UINT64_MAX)
		loop_timer_set(ev->timer, ev->ms); /* silence begins anew */
	ev->fn(ev->fd, bits, ev->arg);             /* may free ev */
}

static void
on_io(void *arg, unsigned events)
{
	fire(arg, events & LOOP_READ ? UB_EV_READ : UB_EV_WRITE);
}

static void
on_timer(void *arg)
{
	fire(arg, UB_EV_TIMEOUT);
}

static uint64_t
ms_of(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000 + ((uint64_t)tv->tv_usec + 999) / 1000;
}

/* ---- one event ---- */

static void
add_bits(struct ub_event *e, short bits)
{
	struct event_on_loop *ev = event_of(e);

	ev->bits = (short)(ev->bits | bits);
}

static void
del_bits(struct ub_event *e, short bits)
{
	struct event_on_loop *ev = event_of(e);

	ev->bits = (short)(ev->bits & ~bits);
}

static void
set_fd(struct ub_event *e, int fd)
{
	event_of(e)->fd = fd;
}

static void
event_free_(struct ub_event *e)
{
	struct event_on_loop *ev = event_of(e);

	deactivate(ev);
	loop_timer_free(&ev->timer);
	ev->magic = 0;
	free(ev);
}

static int
add(struct ub_event *e, struct timeval *tv)
{
	struct event_on_loop *ev = event_of(e);
	unsigned want = 0;

	deactivate(ev);
	if (ev->bits & UB_EV_READ)
		want |= LOOP_READ;
	if (ev->bits & UB_EV_WRITE)
		want |= LOOP_WRITE;
	if (want != 0 && ev->fd >= 0)
		ev->io = loop_io_new(ev->fd, want, on_io, ev);
	if (tv != NULL) {
		ev->ms = ms_of(tv);
		loop_timer_set(ev->timer, ev->ms);
	}
	return 0;
}

static int
del(struct ub_event *e)
{
	deactivate(event_of(e));
	return 0;
}

static int
add_timer(
    struct ub_event *e, struct ub_event_base *base, event_fn fn, void *arg, struct timeval *tv)
{
	struct event_on_loop *ev = event_of(e);

	(void)base;
	deactivate(ev);
	ev->fn = fn;
	ev->arg = arg;
	ev->ms = ms_of(tv);
	loop_timer_set(ev->timer, ev->ms);
	return 0;
}

/* Signals belong to the skeleton; libunbound asks for none. */
static int
add_signal(struct ub_event *e, struct timeval *tv)
{
	(void)e, (void)tv;
	return -1;
}

static void
no_winsock(struct ub_event *e)
{
	(void)e;
}

static void
no_wouldblock(struct ub_event *e, int bits)
{
	(void)e, (void)bits;
}

static struct ub_event_vmt event_calls = {
    .add_bits = add_bits,
    .del_bits = del_bits,
    .set_fd = set_fd,
    .free = event_free_,
    .add = add,
    .del = del,
    .add_timer = add_timer,
    .del_timer = del,
    .add_signal = add_signal,
    .del_signal = del,
    .winsock_unregister_wsaevent = no_winsock,
    .winsock_tcp_wouldblock = no_wouldblock,
};

/* ---- the base ---- */

static struct ub_event *
new_event(struct ub_event_base *base, int fd, short bits, event_fn fn, void *arg)
{
	struct event_on_loop *ev = mem_alloc(sizeof(*ev));

	(void)base;
	ev->super.magic = UB_EVENT_MAGIC;
	ev->super.vmt = &event_calls;
	ev->magic = EVENT_MAGIC;
	ev->fd = fd;
	ev->bits = bits;
	ev->fn = fn;
	ev->arg = arg;
	ev->ms = UINT64_MAX;
	ev->timer = loop_timer_new(on_timer, ev);
	return &ev->super;
}

static struct ub_event *
new_signal(struct ub_event_base *base, int fd, event_fn fn, void *arg)
{
	(void)base, (void)fd, (void)fn, (void)arg;
	return NULL;
}

static struct ub_event *
no_wsaevent(struct ub_event_base *base, void *wsaevent, event_fn fn, void *arg)
{
	(void)base, (void)wsaevent, (void)fn, (void)arg;
	return NULL;
}

static void
base_free(struct ub_event_base *base)
{
	(void)base;
}

static int
dispatch(struct ub_event_base *base)
{
	(void)base;
	return -1;
}

static int
loopexit(struct ub_event_base *base, struct timeval *tv)
{
	(void)base, (void)tv;
	return -1;
}

static struct ub_event_base_vmt base_calls = {
    .free = base_free,
    .dispatch = dispatch,
    .loopexit = loopexit,
    .new_event = new_event,
    .new_signal = new_signal,
    .winsock_register_wsaevent = no_wsaevent,
};

struct ub_event_base *
events_base(void)
{
	static struct ub_event_base base = {.magic = UB_EVENT_MAGIC, .vmt = &base_calls};

	return &base;
}
