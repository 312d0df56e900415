/*
 * talk.h - gkmail as a client, as others are: a socket, blocking with time limits, TLS on it where
 * it is asked for. For doctor and prove, of our own listeners; for import, of another host.
 *
 * talk_secure() checks no certificate: doctor looks at them, and prove speaks with this machine
 * alone.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

/* Where a program on this machine reaches a listener; *only_here: nobody else does. */
int talk_address(struct str listener, struct sockaddr_storage *a, socklen_t *n, bool *only_here);
/* Connected; -1 with errno. */
int talk_reach(const struct sockaddr_storage *a, socklen_t n);

#define TALK_ROOM 65536u

struct talk {
	int fd;
	SSL *ssl;
	size_t n, taken; /* octets in room, and of these those that were given out */
	char room[TALK_ROOM];
};

int talk_open(struct talk *w, struct str listener, bool tls, struct err *e);
/* The handshake, now. */
int talk_secure(struct talk *w, struct err *e);
/* The same with a host that has to prove its name, by an authority of the system, or of the PEM
 * file ca. */
int talk_secure_as(struct talk *w, const char *host, const char *ca, struct err *e);
/* To a host by name, or by address; not secured. An answer may take `seconds`. */
int talk_reach_host(
    struct talk *w, const char *host, const char *port, unsigned seconds, struct err *e);
int talk_write(struct talk *w, struct str s, struct err *e);
/* The next line without its end; good until the next call. */
int talk_line(struct talk *w, struct str *line, struct err *e);
/* What is there, some octets at least; they stay there until they are taken by talk_took(). */
int talk_some(struct talk *w, struct str *in, struct err *e);
void talk_took(struct talk *w, size_t n);
/* Waits for more than what is there. */
int talk_more(struct talk *w, struct err *e);
/* All that comes until the end. */
int talk_rest(struct talk *w, struct str *all, struct err *e);
void talk_close(struct talk *w);
