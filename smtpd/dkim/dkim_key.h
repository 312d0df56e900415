/*
 * dkim_key.h - what a key of DKIM holds. For dkim_key.c and dkim_sign.c; others see dkim_sign.h.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "smtpd/dkim/dkim_sign.h"

/* RFC 8301 3.2: verifiers take up to 4,096. */
#define DKIM_BITS_MIN 1024
#define DKIM_BITS_MAX 4096

struct dkim_key {
	char *domain, *selector;
	EVP_PKEY *pkey;
	bool ed25519;
};
