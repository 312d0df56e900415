/*
 * reach.h - one connection to the provider: its addresses by gk-dnsd, tried one after the other.
 */
#pragma once

#include "base/err.h"
#include "net/dns.h"
#include "svc/provider.h"

#define REACH_ADDRESSES 8u
#define REACH_TEXT_SIZE 64u

struct reach;

/* fd: connected, non-blocking, the caller's; -1: e says why. address: "127.0.0.1:11434". Called
 * once, from the loop, never from inside reach_start(). */
typedef void (*reach_fn)(void *arg, int fd, const char *address, const struct err *e);

/* local_only: addresses of the loopback, whatever a name leads to. ms: for each address. */
struct reach *reach_start(struct dns *dns, const struct provider *p, bool local_only, uint64_t ms,
    reach_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void reach_cancel(struct reach **r);
