/*
 * offer.h - what a server offers in its answer to EHLO (RFC 5321 4.1.1.1).
 */
#pragma once

#include <stdint.h>

#include "delivery/remote/reply.h"

#define OFFER_ESMTP      0x001u /* EHLO was understood */
#define OFFER_PIPELINING 0x002u /* RFC 2920 */
#define OFFER_CHUNKING   0x004u /* RFC 3030 */
#define OFFER_8BITMIME   0x008u /* RFC 6152 */
#define OFFER_SMTPUTF8   0x010u /* RFC 6531 */
#define OFFER_DSN        0x020u /* RFC 3461 */
#define OFFER_STARTTLS   0x040u /* RFC 3207 */
#define OFFER_SIZE       0x080u /* RFC 1870 */
#define OFFER_PLAIN      0x100u /* AUTH PLAIN, RFC 4616 */
#define OFFER_LOGIN      0x200u /* AUTH LOGIN */
#define OFFER_SCRAM      0x400u /* AUTH SCRAM-SHA-256, RFC 7677 */

struct offer {
	uint32_t has;  /* OFFER_ bits */
	uint64_t size; /* the largest message taken; 0: not said */
};

/* Of a 250 to EHLO. What is not understood is passed over. */
void offer_read(const struct reply *r, struct offer *out);
/* The name that the server gives itself in the first line of a greeting or of the answer to EHLO.
 */
struct str offer_name(const struct reply *r);
