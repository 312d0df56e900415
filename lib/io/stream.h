/*
 * stream.h - buffered octets over a connected non-blocking socket, plain or TLS.
 *
 * Input gathers in a buffer of at most in_max octets: when it is full, reading stops until the
 * owner consumes (back-pressure; the peer waits). Output gathers too and is written at the end of
 * the loop turn, in one write where the socket takes it. The owner of a stream frees it; callbacks
 * may free it at any time. No callback is ever called from inside a function of this page.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"
#include "io/tls.h"

struct stream;

struct stream_events {
	/* New octets stand in stream_input(), or the end was reached (stream_at_end). Also called
	 * after stream_resume() when input is waiting. */
	void (*input)(void *arg);
	/* All output is written: the owner may produce more (it does so from here, not in a loop of
	 * its own, and a fast peer starves nobody). Optional. */
	void (*drained)(void *arg);
	/* The TLS handshake is done. Optional. */
	void (*secured)(void *arg);
	/* Broken, timed out (E_TIMEOUT), or finished after stream_finish() (E_CLOSED). Nothing
	 * follows but stream_free(). */
	void (*closed)(void *arg, const struct err *e);
	/* The idle limit passed on an open stream that owes no output: the owner says so in its
	 * protocol and calls stream_finish(), or does nothing and the time begins anew. Optional:
	 * without it, closed(E_TIMEOUT). */
	void (*idle)(void *arg);
};

struct stream_limits {
	size_t in_max;    /* largest input held */
	size_t out_max;   /* largest output held; passing it closes the stream with E_LIMIT */
	uint64_t idle_ms; /* no octet in either direction for so long: E_TIMEOUT. 0 = never. Also
			   * the longest that a TLS handshake may take as a whole */
};

/* Takes over fd (made non-blocking, TCP_NODELAY where it is TCP). Nothing is read before
 * stream_start(). */
struct stream *stream_new(
    int fd, const struct stream_limits *limits, const struct stream_events *events, void *arg);
void stream_start(struct stream *s);
/* Closes the socket at once; output not yet written is lost. */
void stream_free(struct stream **s);

/* The octets stay where they are, consumed or not, until the callback returns (or, outside of one,
 * the turn ends), the stream is freed, or stream_tls_accept() empties the input. */
struct str stream_input(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
bool stream_at_end(const struct stream *s); /* the peer will send no more */
/* No more input callbacks, and no more reading, until stream_resume(). */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
void stream_set_idle(struct stream *s, uint64_t ms);

/* Never fail for the caller: past out_max the stream closes by itself at the end of the turn. */
void stream_write(struct stream *s, const void *p, size_t n);
void stream_puts(struct stream *s, const char *z);
void stream_printf(struct stream *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void
stream_vprintf(struct stream *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
size_t stream_pending(const struct stream *s); /* output not yet written */
/* The peer is in the middle of something that gets no answer before its end: what was read is
 * acknowledged when the turn ends without output. A peer under Nagle's algorithm (RFC 896) holds
 * back the rest of a literal until then, 40 ms with a delayed acknowledgment. One system call, on
 * TCP, for a short read; long ones the kernel acknowledges by itself. */
void stream_ack(struct stream *s);
/* Writes what is pending now instead of at the end of the turn. */
void stream_flush(struct stream *s);
/* Reads no more, writes what is pending, sends the closing alert, waits at most 2 s for the peer's
 * end (a socket closed with unread input would take our last words with it), then closed(E_CLOSED).
 * What is pending in a TLS handshake goes out under TLS, if that succeeds before the idle limit or
 * half a minute is over; secured() is not called any more. */
void stream_finish(struct stream *s);

/* Begins the server's handshake. Input that arrived before it is dropped: a STARTTLS command must
 * not be followed by plaintext (RFC 3207 4.2; CVE-2011-0411). Pending output is written first;
 * output put meanwhile waits for the end of the handshake. */
void stream_tls_accept(struct stream *s, struct tls_context *c);
/* Begins the client's handshake, as stream_tls_accept() the server's: STARTTLS was answered, or TLS
 * comes first. A server that is not what check demands ends the stream with E_PROTO; -1 when check
 * itself is of no use. */
int stream_tls_connect(
    struct stream *s, struct tls_context *c, const struct tls_check *check, struct err *e);
/* "dane" or "pkix" when the server has proven what was to be checked, else "". */
const char *stream_tls_verified(const struct stream *s);
/* Why it has not; "" where nothing was to be checked. */
const char *stream_tls_doubt(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" on a plain stream. */
const char *stream_tls_cipher(const struct stream *s);
/* The protocol that both chose (RFC 7301); empty where the client offered none. */
struct str stream_tls_alpn(const struct stream *s);
/* Writes channel binding data for SCRAM-…-PLUS into out (64 octets); its length, or 0 where there
 * is none. */
size_t stream_tls_binding(const struct stream *s, enum tls_binding kind, unsigned char out[64]);

/* The subject of the certificate that the client showed, where the context asks for one and it is
 * to be trusted ("CN=alice,O=Example", RFC 2253; at most 255 octets); else "". */
const char *stream_tls_client(const struct stream *s);
/* Is the client's certificate good for that mail address? One that names addresses (rfc822Name) is
 * good for these only; one that names none, or none at all, for any. */
bool stream_tls_client_is(const struct stream *s, struct str address);

/* The peer's address as text without port ("192.0.2.1", "2001:db8::1", "local"; "gone" when it
 * had left before we looked). */
const char *stream_peer(const struct stream *s);
/* The socket beneath, borrowed. */
int stream_fd(const struct stream *s);
