/*
 * sock.h - listening sockets and the text of addresses.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define SOCK_TEXT_SIZE 64

/* "127.0.0.1:25", "[::1]:25", "*:25" (every address, IPv6 and IPv4). Numbers only, no look-up. */
int sock_parse(struct str text, struct sockaddr_storage *out, socklen_t *size, struct err *e);
/* Could one listen there? 0, or -1 and why not. It does not listen itself: who came just then would
 * be let in and reset. */
int sock_try(struct str text, struct err *e);
/* A non-blocking listening TCP socket. "*" takes IPv4 alone where there is no IPv6. */
int sock_listen(struct str text, struct err *e);
/* The same where sockets of ours that are shared hold the port already: "*:25" while 127.0.0.1:25
 * is still served. */
int sock_listen_beside(struct str text, struct err *e);
void sock_share(int fd, bool on);
/* Lets nobody come to a listening socket any more (false: again), while all whose handshake has
 * begun get through: who is turned away asks again a second later (RFC 6298 2.1), and then meets
 * whoever has the port. What is accepted from it meanwhile is deaf until its own IP_MINTTL and
 * IPV6_MINHOPCOUNT are 0. */
void sock_turn_away(int fd, bool on);
/* The address a socket is bound to, with port. */
const char *sock_bound_text(int fd, char out[SOCK_TEXT_SIZE]);
