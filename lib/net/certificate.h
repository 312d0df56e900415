/*
 * certificate.h - certificates that we make ourselves: the embedded default, and a sandbox's own
 * CA.
 */
#pragma once

#include "base/err.h"

/* Writes a new P-256 key (0600) and a certificate for host and "localhost", 127.0.0.1 and ::1, good
 * for ten years, signed by itself. Existing files are replaced. */
int certificate_self_signed(
    const char *host, const char *cert_path, const char *key_path, struct err *e);
/* The same signed by a CA of its own whose certificate is written to ca_path; the CA's key is not
 * kept. */
int certificate_with_ca(const char *host, const char *cert_path, const char *key_path,
    const char *ca_path, struct err *e);
/* The certificate that answers a challenge of tls-alpn-01 (RFC 8737 3) for name, with a key of its
 * own in front of it, in a memory file. digest: SHA-256 of the key authorization. The descriptor,
 * or -1. */
int certificate_challenge(const char *name, const unsigned char digest[32], struct err *e);
