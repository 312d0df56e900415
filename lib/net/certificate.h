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
