/*
 * connect.c - connecting to one of several addresses. See connect.h.
 *
 * Owner: who started it, until the callback or connect_cancel(). Errors: E_IO and E_TIMEOUT, of the
 * address that failed last.
 */
#include "delivery/remote/connect.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/dead.h"
#include "delivery/remote/hosts.h"
#include "io/loop.h"

#define CONNECT_MAGIC 0x52504354u

struct attempt {
	struct connector *owner;
	size_t at;
	int fd;
	struct loop_io *io;
	uint64_t began;
};

struct connector {
	unsigned magic;
	struct sockaddr_storage v[CONNECT_MAX];
	size_t n, next; /* addresses; the first not tried */
	uint64_t ms, dead_ms;
	struct attempt attempts[CONNECT_AT_ONCE]; /* fd -1: free */
	struct loop_timer *timer;
	struct loop_defer go;
	struct err e;
	connect_fn fn;
	void *arg;
};

static void
drop(struct attempt *t)
{
	if (t->fd < 0)
		return;
	loop_io_free(&t->io);
	close(t->fd);
	t->fd = -1;
}

static void
release(struct connector *c)
{
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++)
		drop(&c->attempts[i]);
	loop_timer_free(&c->timer);
	loop_defer_cancel(&c->go);
	c->magic = 0;
	free(c);
}

static void
end(struct connector *c, int fd, size_t at)
{
	connect_fn fn = c->fn;
	void *arg = c->arg;
	struct err e = c->e;

	release(c);
	fn(arg, fd, at, fd < 0 ? &e : NULL);
}

static void
failed(struct attempt *t, int no)
{
	struct connector *c = t->owner;

	errno = no;
	err_sys(&c->e, "connect");
	if (no == ETIMEDOUT)
		c->e.code = E_TIMEOUT;
	dead_mark(&c->v[t->at], DEAD_ADDRESS, c->dead_ms);
	drop(t);
}

static void
won(struct attempt *t)
{
	struct connector *c = t->owner;
	size_t at = t->at;
	int fd = t->fd;

	dead_clear(&c->v[at], DEAD_ADDRESS);
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++) {
		struct attempt *other = &c->attempts[i];

		if (other != t && other->fd >= 0 && clock_ms() - other->began >= CONNECT_STAGGER_MS)
			dead_mark(&c->v[other->at], DEAD_ADDRESS, c->dead_ms);
	}
	loop_io_free(&t->io);
	t->fd = -1;
	end(c, fd, at);
}

static void
on_io(void *arg, unsigned events)
{
	struct attempt *t = arg;
	struct connector *c = t->owner;
	int no = 0;
	socklen_t size = sizeof(no);

	(void)events;
	OBJ(c, CONNECT_MAGIC);
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &no, &size) < 0)
		no = errno;
	if (no == 0) {
		won(t);
		return;
	}
	failed(t, no);
	loop_defer(&c->go);
}

/* Begins the next address. True when it may come to something. */
static bool
try_next(struct connector *c, struct attempt *t)
{
	const struct sockaddr_storage *a = &c->v[c->next];

	*t = (struct attempt){.owner = c, .at = c->next++, .began = clock_ms()};
	t->fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0) {
		err_sys(&c->e, "socket");
		return false;
	}
	if (connect(t->fd, (const struct sockaddr *)a, hosts_address_size(a)) < 0 &&
	    errno != EINPROGRESS) {
		failed(t, errno);
		return false;
	}
	t->io = loop_io_new(t->fd, LOOP_WRITE, on_io, t);
	return true;
}

static void
expire(struct connector *c)
{
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++)
		if (c->attempts[i].fd >= 0 && clock_ms() - c->attempts[i].began >= c->ms)
			failed(&c->attempts[i], ETIMEDOUT);
}

/* How long nothing need be done, or 0. */
static uint64_t
quiet_for(const struct connector *c)
{
	uint64_t wait = 0, now = clock_ms();

	for (size_t i = 0; i < CONNECT_AT_ONCE; i++) {
		const struct attempt *t = &c->attempts[i];
		uint64_t limit =
		    c->next < c->n && c->ms > CONNECT_STAGGER_MS ? CONNECT_STAGGER_MS : c->ms;
		uint64_t past = t->fd >= 0 ? now - t->began : 0;

		if (t->fd < 0)
			continue;
		if (past >= limit)
			limit = c->ms; /* it has been waited for once */
		if (wait == 0 || limit - past < wait)
			wait = limit > past ? limit - past : 1;
	}
	return wait;
}

/* Is it time for one more? */
static bool
is_due(const struct connector *c)
{
	if (c->next == c->n)
		return false;
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++)
		if (c->attempts[i].fd >= 0 &&
		    clock_ms() - c->attempts[i].began < CONNECT_STAGGER_MS)
			return false;
	return true;
}

static void
go(void *arg)
{
	struct connector *c = arg;
	uint64_t wait;

	OBJ(c, CONNECT_MAGIC);
	expire(c);
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++)
		while (is_due(c) && c->attempts[i].fd < 0 && !try_next(c, &c->attempts[i]))
			;
	if ((wait = quiet_for(c)) == 0)
		end(c, -1, 0);
	else
		loop_timer_set(c->timer, wait);
}

struct connector *
connect_start(const struct sockaddr_storage *v, size_t n, uint64_t ms, uint64_t dead_ms,
    connect_fn fn, void *arg)
{
	struct connector *c = mem_alloc(sizeof(*c));

	assume(n <= CONNECT_MAX);
	c->magic = CONNECT_MAGIC;
	memcpy(c->v, v, n * sizeof(*v));
	c->n = n;
	c->ms = ms;
	c->dead_ms = dead_ms;
	c->fn = fn;
	c->arg = arg;
	for (size_t i = 0; i < CONNECT_AT_ONCE; i++)
		c->attempts[i].fd = -1;
	err_set(&c->e, E_IO, "no address");
	c->timer = loop_timer_new(go, c);
	loop_defer_init(&c->go, go, c);
	loop_defer(&c->go);
	return c;
}

void
connect_cancel(struct connector **c)
{
	if (*c == NULL)
		return;
	OBJ(*c, CONNECT_MAGIC);
	release(*c);
	*c = NULL;
}
