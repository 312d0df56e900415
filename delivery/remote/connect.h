/*
 * connect.h - a TCP connection to the first of some addresses of a host that answers.
 *
 * One after the other; where one has not answered within CONNECT_STAGGER_MS the next is tried
 * beside it (RFC 8305 5), CONNECT_AT_ONCE at most, and the first connection wins. Addresses that
 * fail are marked (dead.h), as are those that were slower than CONNECT_STAGGER_MS when another had
 * won.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CONNECT_STAGGER_MS 1000u
#define CONNECT_AT_ONCE    2u
#define CONNECT_MAX        8u /* addresses */

struct connector;

/* at: which address fd is connected to, non-blocking. fd -1: none; e says why not the last. Called
 * once, from the loop, never from inside connect_start(). */
typedef void (*connect_fn)(void *arg, int fd, size_t at, const struct err *e);

/* ms: for each address. dead_ms: how long a failure is remembered. */
struct connector *connect_start(const struct sockaddr_storage *v, size_t n, uint64_t ms,
    uint64_t dead_ms, connect_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void connect_cancel(struct connector **c);
