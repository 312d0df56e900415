/*
 * scram_client.h - SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677): the host never sees
 * the password, and proves that it knows it.
 *
 * Without channel binding ("n,,"): the connection is verified TLS already.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A host that asks for more would have us stand still: 50 ms here. */
#define SCRAM_CLIENT_ITERATIONS_MAX 100000u

struct scram_client {
	struct arena *a;
	struct str password; /* borrowed */
	struct str nonce, first_bare;
	unsigned char proof_of_server[32];
};

/* Can the password be used as it stands? SASLprep (RFC 4013) leaves ASCII alone. */
bool scram_client_can(struct str password);
/* The first message. nonce: empty, for a random one; tests say it. */
struct str scram_client_first(struct scram_client *c, struct str user, struct str password,
    struct str nonce, struct arena *a);
#define SCRAM_CLIENT_FINAL_MAX 1200u
/* The answer to the server's first message, of SCRAM_CLIENT_FINAL_MAX octets at most. */
int
scram_client_final(struct scram_client *c, struct str server_first, struct str *out, struct err *e);
/* Does the server's last message prove that it knows the password? */
int scram_client_check(const struct scram_client *c, struct str server_final, struct err *e);
void scram_client_done(struct scram_client *c);
