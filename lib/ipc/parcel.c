/* parcel.c - see parcel.h. */
#include "ipc/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "ipc/ipc.h"

/* Output at which the writer is asked to wait, and what it may add all the same. */
#define BLOCK_AT (256u * 1024)
#define OUT_MAX  (1024u * 1024)
#define IN_CHUNK (64u * 1024)

struct parcel {
	const struct parcel_events *events;
	void *arg;
	struct buf held; /* while it may still fit a packet */
	struct stream *stream;
	bool streamed, blocked;
	struct err err; /* why it could not be streamed */
	struct loop_defer failing;
};

/* ---- the writer ---- */

static void
on_drained(void *arg)
{
	struct parcel *p = arg;

	if (!p->blocked)
		return;
	p->blocked = false;
	p->events->ready(p->arg);
}

/* The reader is gone: its channel says the rest. What still comes is dropped. */
static void
on_closed(void *arg, const struct err *e)
{
	struct parcel *p = arg;

	(void)e;
	stream_free(&p->stream);
	on_drained(p);
}

static void
on_input(void *arg)
{
	struct parcel *p = arg;

	stream_consume(p->stream, stream_input(p->stream).n);
}

static void
failed(void *arg)
{
	struct parcel *p = arg;

	p->events->failed(p->arg, &p->err);
}

static const struct stream_events out_events = {
    .input = on_input, .drained = on_drained, .closed = on_closed};

struct parcel *
parcel_new(const struct parcel_events *events, void *arg)
{
	struct parcel *p = mem_alloc(sizeof(*p));

	p->events = events;
	p->arg = arg;
	buf_init(&p->held, IPC_INLINE_MAX);
	loop_defer_init(&p->failing, failed, p);
	return p;
}

void
parcel_free(struct parcel **pp)
{
	struct parcel *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	loop_defer_cancel(&p->failing);
	stream_free(&p->stream);
	buf_free(&p->held);
	free(p);
}

static void
open_stream(struct parcel *p)
{
	static const struct stream_limits limits = {.in_max = 1, .out_max = OUT_MAX};
	int fds[2];

	p->streamed = true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		err_sys(&p->err, "socketpair");
		loop_defer(&p->failing);
		return;
	}
	p->stream = stream_new(fds[1], &limits, &out_events, p);
	stream_start(p->stream);
	stream_write(p->stream, p->held.p, p->held.n);
	buf_free(&p->held);
	buf_init(&p->held, 0);
	p->events->send(p->arg, STR_NONE, fds[0]);
}

void
parcel_put(struct parcel *p, struct str octets)
{
	if (!p->streamed && p->held.n + octets.n <= IPC_INLINE_MAX) {
		buf_str(&p->held, octets);
		return;
	}
	if (!p->streamed)
		open_stream(p);
	if (p->stream == NULL)
		return;
	stream_write(p->stream, octets.p, octets.n);
	p->blocked = stream_pending(p->stream) >= BLOCK_AT;
}

bool
parcel_blocked(const struct parcel *p)
{
	return p->blocked;
}

void
parcel_end(struct parcel *p)
{
	if (!p->streamed)
		p->events->send(p->arg, buf_view(&p->held), -1);
	else if (p->stream != NULL)
		stream_finish(p->stream);
}

/* ---- the reader ---- */

struct parcel_in {
	const struct parcel_in_events *events;
	void *arg;
	struct loop_io *io;
	int fd;
};

static void
on_readable(void *arg, unsigned what)
{
	static char chunk[IN_CHUNK];
	struct parcel_in *p = arg;
	struct err e;
	ssize_t n;

	(void)what;
	n = read(p->fd, chunk, sizeof(chunk));
	if (n > 0) {
		p->events->octets(p->arg, str_of(chunk, (size_t)n));
	} else if (n == 0) {
		p->events->end(p->arg, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		err_sys(&e, "read");
		p->events->end(p->arg, &e);
	}
}

struct parcel_in *
parcel_in_new(int fd, const struct parcel_in_events *events, void *arg)
{
	struct parcel_in *p = mem_alloc(sizeof(*p));

	p->events = events;
	p->arg = arg;
	p->fd = fd;
	/* Whoever handed it over may have left it as it liked. */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	p->io = loop_io_new(fd, LOOP_READ, on_readable, p);
	return p;
}

void
parcel_in_free(struct parcel_in **pp)
{
	struct parcel_in *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	loop_io_free(&p->io);
	close(p->fd);
	free(p);
}
