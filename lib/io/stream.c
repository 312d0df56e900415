/*
 * stream.c - a stream's owner's side: its life, its events, its buffers.
 *
 * Everything the owner asks for only changes state and asks for the end of the turn; callbacks come
 * from three places alone: an event of the socket, the timer, the end of the turn. Each goes
 * through enter() and leave(), so that a callback may free the stream: it is then emptied at once
 * and its memory released by leave().
 *
 * Owner: whoever called stream_new(). Errors: told once by closed().
 */
#include "io/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/loop_private.h"
#include "io/stream_private.h"

/* A stream that is to end must, even when no idle limit is set. */
#define FINISH_MS 30000u

/* A read of two segments or more is acknowledged without our asking; on the loopback interface a
 * segment has up to 64 KiB. */
#define ACK_MAX 65536u

/* ---- events ---- */

/* Watches the socket for what the stream can use now. Reading is given up only once an unwanted
 * event has come: most pauses end before the peer says more, and cost no system call then. */
static void
watch(struct stream *s)
{
	unsigned want = s->write_needs | s->read_needs;

	if (stream_may_read(s) || s->state == STREAM_LINGERING)
		want |= LOOP_READ;
	if (s->state == STREAM_HANDSHAKE && s->started)
		want = s->handshake_needs;
	if (s->state == STREAM_OVER)
		want = 0;
	else if ((s->watched & LOOP_READ) && !s->idle_read)
		want |= LOOP_READ;
	s->idle_read = false;
	s->watched = want;
	loop_io_want(s->io, want);
}

static void
enter(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	assume(!s->busy && !s->freed);
	s->busy = true;
}

static void
tell_closed(struct stream *s)
{
	struct err e = {0};

	s->told = true;
	loop_timer_stop(s->timer);
	if (s->no != 0) {
		errno = s->no;
		err_set(&e, s->code, "connection: %m");
	} else
		err_set(&e, s->code, "%s%s", s->code == E_PROTO ? "tls: " : "", s->why);
	s->events.closed(s->arg, &e);
}

static void
leave(struct stream *s)
{
	if (!s->freed && s->state == STREAM_OVER && !s->told)
		tell_closed(s);
	s->busy = false;
	if (s->freed) {
		s->magic = 0;
		free(s);
	} else
		watch(s);
}

static void
tell_input(struct stream *s)
{
	s->resumed = false;
	s->events.input(s->arg);
}

/* Owners produce more when the last is written. Past a turn's share they do so in the next turn. */
static void
tell_drained(struct stream *s)
{
	if (s->freed || !s->drained || s->state != STREAM_OPEN || s->out.n > 0)
		return;
	if (!s->events.drained) {
		s->drained = false;
		return;
	}
	if (s->sent_turn == loop_turn_number() && s->sent > STREAM_TURN_MAX) {
		loop_io_again(s->io, LOOP_WRITE);
		return;
	}
	s->drained = false;
	s->events.drained(s->arg);
}

static void
begin_to_finish(struct stream *s)
{
	s->state = STREAM_FINISHING;
	s->last = clock_ms();
	loop_timer_set(s->timer, s->limits.idle_ms ? s->limits.idle_ms : FINISH_MS);
	loop_defer(&s->turn);
}

static void
on_handshake(struct stream *s)
{
	if (!stream_shake_hands(s))
		return;
	loop_defer(&s->turn); /* output that waited for this */
	if (s->ends)
		begin_to_finish(s);
	else if (s->events.secured)
		s->events.secured(s->arg);
}

static void
on_io(void *arg, unsigned events)
{
	struct stream *s = arg;

	enter(s);
	loop_defer(&s->turn);
	if (s->state == STREAM_HANDSHAKE) {
		on_handshake(s);
	} else if (s->state == STREAM_LINGERING) {
		stream_linger(s);
	} else {
		s->idle_read = (events & LOOP_READ) && !stream_may_read(s);
		if (s->out.n == 0 ? s->state == STREAM_FINISHING : (s->write_needs & events) != 0)
			stream_write_out(s);
		if (stream_may_read(s) && ((LOOP_READ | s->read_needs) & events) && stream_read(s))
			tell_input(s);
	}
	leave(s);
}

/* A peer that takes our output is told first; one that does not, or is in a handshake, cannot be.
 */
static void
idled(struct stream *s)
{
	if (s->events.idle && s->state == STREAM_OPEN && s->out.n == 0) {
		stream_set_idle(s, s->limits.idle_ms);
		s->events.idle(s->arg);
	} else
		stream_over(s, E_TIMEOUT, "no octet came or went in time", 0);
}

/* Octets do not move the timer, they are noted in last: it is set again only here. */
static void
on_timer(void *arg)
{
	struct stream *s = arg;
	uint64_t limit, now = clock_ms();

	enter(s);
	limit = s->limits.idle_ms;
	if (limit == 0 && (s->state == STREAM_FINISHING || s->ends))
		limit = FINISH_MS;
	if (s->state == STREAM_LINGERING)
		stream_over(s, E_CLOSED, "finished", 0);
	else if (limit > 0 && now - s->last >= limit)
		idled(s);
	else if (limit > 0)
		loop_timer_set(s->timer, limit - (now - s->last));
	leave(s);
}

/* Output carries the acknowledgment. */
static void
acknowledge(struct stream *s)
{
	if (s->ack && s->sent_turn != loop_turn_number())
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
	s->ack = false;
}

static void
on_turn_end(void *arg)
{
	struct stream *s = arg;

	enter(s);
	if (s->resumed && s->state == STREAM_OPEN && !s->paused && s->started)
		tell_input(s);
	if (!s->freed) {
		stream_write_out(s);
		acknowledge(s);
		tell_drained(s);
	}
	if (!s->freed) {
		if (s->more && stream_may_read(s) && tls_session_holds(s->tls))
			loop_io_again(s->io, LOOP_READ);
		buf_shrink(&s->in);
		buf_shrink(&s->out);
	}
	leave(s);
}

void
stream_over(struct stream *s, enum err_code code, const char *why, int no)
{
	if (s->state == STREAM_OVER)
		return;
	s->state = STREAM_OVER;
	s->code = code;
	s->why = why;
	s->no = no;
	loop_defer(&s->turn);
}

/* ---- life ---- */

/* "192.0.2.1" also for what came through an IPv6 socket. */
static void
name_peer(struct stream *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	} a = {0};
	socklen_t n = sizeof(a);
	const struct in6_addr *in6 = &a.in6.sin6_addr;

	snprintf(s->peer, sizeof(s->peer), "local");
	if (getpeername(s->fd, &a.any, &n) < 0)
		snprintf(s->peer, sizeof(s->peer), "gone");
	else if (a.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a.in.sin_addr, s->peer, sizeof(s->peer));
	else if (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		inet_ntop(AF_INET, &in6->s6_addr[12], s->peer, sizeof(s->peer));
	else if (a.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, in6, s->peer, sizeof(s->peer));
	s->tcp = a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6;
	if (s->tcp)
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

struct stream *
stream_new(
    int fd, const struct stream_limits *limits, const struct stream_events *events, void *arg)
{
	struct stream *s = mem_alloc(sizeof(*s));
	int flags = fcntl(fd, F_GETFL);

	assume(flags >= 0 && limits->in_max > 0 && events->input && events->closed);
	if (!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	s->magic = STREAM_MAGIC;
	s->fd = fd;
	s->limits = *limits;
	s->events = *events;
	s->arg = arg;
	s->last = clock_ms();
	buf_init(&s->in, limits->in_max);
	buf_init(&s->out, limits->out_max);
	s->io = loop_io_new(fd, 0, on_io, s);
	s->timer = loop_timer_new(on_timer, s);
	loop_defer_init(&s->turn, on_turn_end, s);
	name_peer(s);
	return s;
}

void
stream_start(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	if (s->started)
		return;
	s->started = true;
	stream_set_idle(s, s->limits.idle_ms);
	if (!s->busy)
		watch(s);
}

void
stream_free(struct stream **ss)
{
	struct stream *s = *ss;

	*ss = NULL;
	if (!s)
		return;
	OBJ(s, STREAM_MAGIC);
	assume(!s->freed);
	loop_io_free(&s->io);
	loop_timer_free(&s->timer);
	loop_defer_cancel(&s->turn);
	tls_session_free(&s->tls);
	close(s->fd);
	buf_free(&s->in);
	buf_free(&s->out);
	s->freed = true;
	if (s->busy)
		return; /* leave() does the rest */
	s->magic = 0;
	free(s);
}

/* ---- input ---- */

struct str
stream_input(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return buf_view(&s->in);
}

void
stream_consume(struct stream *s, size_t n)
{
	OBJ(s, STREAM_MAGIC);
	buf_consume(&s->in, n);
	loop_defer(&s->turn); /* there is room again; empty, its memory goes */
}

bool
stream_at_end(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->at_end;
}

void
stream_pause(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	s->paused = true;
	s->resumed = false;
}

void
stream_resume(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	if (!s->paused)
		return;
	s->paused = false;
	s->resumed = s->in.n > 0 || s->at_end;
	loop_defer(&s->turn);
}

void
stream_set_idle(struct stream *s, uint64_t ms)
{
	OBJ(s, STREAM_MAGIC);
	s->limits.idle_ms = ms;
	if (!s->started || s->ends || s->state >= STREAM_FINISHING)
		return;
	s->last = clock_ms();
	if (ms > 0)
		loop_timer_set(s->timer, ms);
	else
		loop_timer_stop(s->timer);
}

/* ---- output ---- */

void
stream_ack(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	s->ack = s->tcp && s->got <= ACK_MAX;
	loop_defer(&s->turn);
}

/* Before a put: false when the stream takes no more. */
static bool
may_write(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return !s->ends && s->state < STREAM_FINISHING;
}

/* After a put, which fitted or not. */
static void
written(struct stream *s, int rc)
{
	if (rc < 0)
		stream_over(s, E_LIMIT, "too much output waits for the peer", 0);
	else
		loop_defer(&s->turn);
}

void
stream_write(struct stream *s, const void *p, size_t n)
{
	if (may_write(s))
		written(s, buf_put(&s->out, p, n));
}

void
stream_puts(struct stream *s, const char *z)
{
	stream_write(s, z, strlen(z));
}

void
stream_vprintf(struct stream *s, const char *fmt, va_list ap)
{
	if (may_write(s))
		written(s, buf_vprintf(&s->out, fmt, ap));
}

void
stream_printf(struct stream *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stream_vprintf(s, fmt, ap);
	va_end(ap);
}

size_t
stream_pending(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->out.n;
}

void
stream_flush(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	stream_write_out(s);
	loop_defer(&s->turn);
}

void
stream_finish(struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	if (s->ends || s->state >= STREAM_FINISHING)
		return;
	/* Half a handshake carries no output, and what was meant for TLS does not go out in plain.
	 */
	s->ends = (s->state == STREAM_PLAIN_TAIL && s->out.n > s->plain_left) ||
		  (s->state == STREAM_HANDSHAKE && s->out.n > 0);
	if (!s->ends) {
		begin_to_finish(s);
		return;
	}
	s->last = clock_ms();
	loop_timer_set(s->timer, s->limits.idle_ms ? s->limits.idle_ms : FINISH_MS);
}

/* ---- TLS ---- */

static void
shake_hands(struct stream *s, struct tls_session *t)
{
	assume(s->state == STREAM_OPEN && !s->tls);
	s->tls = t;
	s->state = STREAM_PLAIN_TAIL;
	s->plain_left = s->out.n;
	s->resumed = false;
	buf_reset(&s->in);
	loop_defer(&s->turn);
}

void
stream_tls_accept(struct stream *s, struct tls_context *c)
{
	OBJ(s, STREAM_MAGIC);
	if (s->state < STREAM_FINISHING)
		shake_hands(s, tls_session_new(c, s->fd));
}

int
stream_tls_connect(
    struct stream *s, struct tls_context *c, const struct tls_check *check, struct err *e)
{
	struct tls_session *t;

	OBJ(s, STREAM_MAGIC);
	if (s->state >= STREAM_FINISHING)
		return 0;
	if (!(t = tls_session_connect(c, s->fd, check, e)))
		return -1;
	s->speaks_first = true;
	shake_hands(s, t);
	return 0;
}

const char *
stream_tls_verified(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->secure ? tls_session_verified(s->tls) : "";
}

const char *
stream_tls_doubt(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->tls ? tls_session_doubt(s->tls) : "";
}

bool
stream_is_tls(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->secure;
}

const char *
stream_tls_cipher(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->secure ? tls_session_cipher(s->tls) : "";
}

struct str
stream_tls_alpn(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->secure ? tls_session_alpn(s->tls) : STR_NONE;
}

size_t
stream_tls_binding(const struct stream *s, enum tls_binding kind, unsigned char out[64])
{
	OBJ(s, STREAM_MAGIC);
	return s->secure ? tls_session_binding(s->tls, kind, out) : 0;
}

const char *
stream_tls_client(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->secure ? tls_session_client(s->tls) : "";
}

bool
stream_tls_client_is(const struct stream *s, struct str address)
{
	OBJ(s, STREAM_MAGIC);
	return !s->secure || tls_session_client_is(s->tls, address);
}

/* ---- the socket ---- */

const char *
stream_peer(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->peer;
}

int
stream_fd(const struct stream *s)
{
	OBJ(s, STREAM_MAGIC);
	return s->fd;
}
