/*
 * stream_io.c - a stream's socket side: reading, writing, handshake, orderly end. No callback is
 * called from here.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "io/loop_private.h"
#include "io/stream_private.h"

/* What one read asks for grows with the peer's haste. Powers of two less one, as a buffer holds a
 * NUL more. */
#define CHUNK_MIN 4095u
#define CHUNK_MAX 65535u
/* What one stream reads in a turn before others have theirs. */
#define READ_SHARE 65536u

#define LINGER_MS     2000u
#define LINGER_OCTETS (1024u * 1024u)

/* ---- octets ---- */

static enum tls_result
plain_result(ssize_t n, size_t *done, unsigned waits_for, struct tls_why *why)
{
	if (n >= 0) {
		*done = (size_t)n;
		return TLS_OK;
	}
	*done = 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return waits_for == LOOP_READ ? TLS_WANT_READ : TLS_WANT_WRITE;
	*why = (struct tls_why){.no = errno};
	return TLS_BROKEN;
}

static enum tls_result
read_some(struct stream *s, void *p, size_t n, size_t *got, struct tls_why *why)
{
	enum tls_result r;
	ssize_t k;

	if (s->secure)
		return tls_session_read(s->tls, p, n, got, why);
	do
		k = read(s->fd, p, n);
	while (k < 0 && errno == EINTR);
	r = plain_result(k, got, LOOP_READ, why);
	return r == TLS_OK && k == 0 ? TLS_END : r;
}

/* Output that may go now. What is put after TLS was asked for must not go out in plain. */
static size_t
due(const struct stream *s)
{
	return s->state == STREAM_PLAIN_TAIL ? s->plain_left : s->out.n;
}

static enum tls_result
write_some(struct stream *s, size_t *taken, struct tls_why *why)
{
	ssize_t k;

	if (s->secure)
		return tls_session_write(s->tls, s->out.p, due(s), taken, why);
	do
		k = write(s->fd, s->out.p, due(s));
	while (k < 0 && errno == EINTR);
	return plain_result(k, taken, LOOP_WRITE, why);
}

static void
broken(struct stream *s, const struct tls_why *why)
{
	stream_over(s, why->text ? E_PROTO : E_CLOSED, why->text, why->no);
}

/* ---- reading ---- */

bool
stream_may_read(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->started && !s->paused && !s->at_end &&
	       s->in.n < s->limits.in_max;
}

static void
adapt_chunk(struct stream *s, size_t asked, size_t got)
{
	if (got == asked && asked == s->chunk)
		s->chunk = num_min(s->chunk * 4 + 3, CHUNK_MAX);
	else if (got < s->chunk / 4)
		s->chunk = CHUNK_MIN;
}

bool
stream_read(struct stream *s)
{
	size_t total = 0, got, n;
	enum tls_result r = TLS_OK;
	struct tls_why why;

	if (s->chunk == 0)
		s->chunk = CHUNK_MIN;
	s->read_needs = 0;
	while (r == TLS_OK && total < READ_SHARE && s->in.n < s->limits.in_max) {
		n = num_min(s->chunk, s->limits.in_max - s->in.n);
		r = read_some(s, buf_room(&s->in, n), n, &got, &why);
		if (r != TLS_OK)
			break;
		buf_added(&s->in, got);
		total += got;
		adapt_chunk(s, n, got);
		/* The socket is most likely empty; if not, it says so again. What tls has read
		 * already it does not show any more. */
		if (s->secure ? !tls_session_holds(s->tls) : got < n)
			break;
	}
	/* Stopped by ourselves: tls may hold octets that the socket does not show any more. */
	s->more = s->secure && r == TLS_OK;
	s->got = total;
	if (total > 0)
		s->last = clock_ms();
	if (r == TLS_WANT_WRITE)
		s->read_needs = LOOP_WRITE;
	if (r == TLS_END)
		s->at_end = true;
	if (r == TLS_BROKEN)
		broken(s, &why);
	return s->state == STREAM_OPEN && (total > 0 || r == TLS_END);
}

/* ---- the end ---- */

/* All output is written: the closing alert, then the end of our side. */
static void
shut_down(struct stream *s)
{
	struct tls_why why;

	if (s->secure) {
		switch (tls_session_close(s->tls, &why)) {
		case TLS_WANT_READ:
			s->write_needs = LOOP_READ;
			return;
		case TLS_WANT_WRITE:
			s->write_needs = LOOP_WRITE;
			return;
		case TLS_OK:
		case TLS_END:
		case TLS_BROKEN:
			break;
		}
	}
	/* Closing a socket with unread input resets the connection, and the peer then loses what it
	 * has not read yet: our last reply. So the peer's end is awaited, for a while and for so
	 * many octets. */
	if (shutdown(s->fd, SHUT_WR) < 0 || s->at_end) {
		stream_over(s, E_CLOSED, "finished", 0);
		return;
	}
	s->state = STREAM_LINGERING;
	s->linger_left = LINGER_OCTETS;
	loop_timer_set(s->timer, LINGER_MS);
}

void
stream_linger(struct stream *s)
{
	static char waste[65536];
	ssize_t n;

	n = read(s->fd, waste, sizeof(waste));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n >= s->linger_left)
		stream_over(s, E_CLOSED, "finished", 0);
	else
		s->linger_left -= (size_t)n;
}

/* ---- writing ---- */

static void
count_sent(struct stream *s, size_t n)
{
	if (s->sent_turn != loop_turn_number()) {
		s->sent_turn = loop_turn_number();
		s->sent = 0;
	}
	s->sent += n;
	s->last = clock_ms();
}

static void
all_written(struct stream *s)
{
	switch (s->state) {
	case STREAM_PLAIN_TAIL:
		s->state = STREAM_HANDSHAKE;
		s->handshake_needs = s->speaks_first ? LOOP_WRITE : LOOP_READ;
		s->last = clock_ms();
		break;
	case STREAM_FINISHING:
		shut_down(s);
		break;
	case STREAM_OPEN:
	case STREAM_HANDSHAKE:
	case STREAM_LINGERING:
	case STREAM_OVER:
		break;
	}
}

void
stream_write_out(struct stream *s)
{
	enum tls_result r;
	struct tls_why why;
	size_t taken;

	if (s->state != STREAM_OPEN && s->state != STREAM_PLAIN_TAIL &&
	    s->state != STREAM_FINISHING)
		return;
	s->write_needs = 0;
	while (due(s) > 0) {
		r = write_some(s, &taken, &why);
		if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
			s->write_needs = r == TLS_WANT_READ ? LOOP_READ : LOOP_WRITE;
			return;
		}
		if (r != TLS_OK) {
			if (r == TLS_END)
				why = (struct tls_why){.no = EPIPE};
			broken(s, &why);
			return;
		}
		buf_consume(&s->out, taken);
		if (s->state == STREAM_PLAIN_TAIL)
			s->plain_left -= taken;
		count_sent(s, taken);
		s->drained = s->out.n == 0;
	}
	all_written(s);
}

/* ---- handshake ---- */

bool
stream_shake_hands(struct stream *s)
{
	struct tls_why why;

	switch (tls_session_accept(s->tls, &why)) {
	case TLS_OK:
		s->state = STREAM_OPEN;
		s->secure = true;
		s->more = true; /* the client's first words may have come with its last of the
				   handshake */
		s->last = clock_ms();
		return true;
	case TLS_WANT_READ:
		s->handshake_needs = LOOP_READ;
		return false;
	case TLS_WANT_WRITE:
		s->handshake_needs = LOOP_WRITE;
		return false;
	case TLS_END:
	case TLS_BROKEN:
		break;
	}
	broken(s, &why);
	return false;
}
