/*
 * security.h - what every response says to a browser so that it takes part in the defence, and the
 * key of RFC 6455.
 */
#pragma once

#include "webd/exchange.h"

/* Puts in the fields that are not set yet. */
void security_fields(struct exchange *x);

#define SECURITY_ACCEPT_SIZE 29
/* Sec-WebSocket-Accept for a key (RFC 6455 4.2.2); -1: it is not the base64 of 16 octets. */
int security_accept(struct str key, char out[SECURITY_ACCEPT_SIZE]);
