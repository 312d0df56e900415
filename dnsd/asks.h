/*
 * asks.h - who asked what: identical questions merged, deadlines kept, each asker's share bounded.
 *
 * A question is asked of the resolver once and answers all who wait for it. One who has waited long
 * enough gets DNS_TEMP; the question itself goes on and fills the cache. Of one asker ASKS_ACTIVE
 * questions are in the resolver at one time, ASKS_MAX may be open in all; so whoever asks much, or
 * about hosts that do not answer, takes no other's place.
 */
#pragma once

#include "ipc/ipc.h"

#define ASKS_ACTIVE 128u
#define ASKS_MAX    4096u

/* MSG_DNS_ASK */
void asks_take(struct ipc_chan *c, struct ipc_in *m);
/* The asker is gone. */
void asks_forget(struct ipc_chan *c);
/* The longest wait, dns.timeout. */
void asks_set_timeout(uint64_t ms);
void asks_done(void);
