/*
 * dead.h - addresses that did not answer a moment ago, so that a dead first MX costs one message
 * its time-out and not each; and those at which TLS does not work, so that it is not tried each
 * time.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define DEAD_MAX 10000u /* addresses remembered; one more takes the place of the oldest */

enum dead_kind {
	DEAD_ADDRESS, /* no connection */
	DEAD_TLS      /* the handshake fails */
};

/* From now on for ms. */
void dead_mark(const struct sockaddr_storage *a, enum dead_kind kind, uint64_t ms);
bool dead_is(const struct sockaddr_storage *a, enum dead_kind kind);
/* It works again. */
void dead_clear(const struct sockaddr_storage *a, enum dead_kind kind);
void dead_forget_all(void);
