/*
 * password.h - passwords into secrets, and checked against them: argon2id (RFC 9106) and SCRAM's
 * PBKDF2, in threads.
 *
 * The loop never hashes. Jobs wait in a bounded backlog; when it is full the answer is E_LIMIT, a
 * temporary failure to the client. A check for a user who does not exist takes the same work
 * against a hash that nothing fits.
 */
#pragma once

#include <sodium.h>
#include <stdbool.h>

#include "authd/scram.h"
#include "base/err.h"
#include "base/str.h"

#define PASSWORD_MAX     1024u /* octets */
#define PASSWORD_BACKLOG 512u  /* checks waiting: some 5 s of work */

/* What is kept of a password. */
struct password_secret {
	char hash[crypto_pwhash_STRBYTES];
	unsigned char salt[SCRAM_SALT];
	uint32_t iterations;
	struct scram_keys keys;
};

struct password_cost {
	uint64_t memory; /* octets */
	uint64_t passes;
	uint32_t iterations;
};

/* Makes the hash that nothing fits. */
int password_init(const struct password_cost *cost, struct err *e);
/* Starts the threads. Until then everything below fails. */
int password_start(unsigned threads, struct err *e);
/* The cost of secrets made from now on. */
int password_set_cost(const struct password_cost *cost, struct err *e);
void password_done(void);

/* Was hash made at another cost than now? */
bool password_is_stale(struct str hash);

/* Checks password (prepared, not kept by the caller) against hash; empty: no such user. fn is
 * called in the loop. */
typedef void (*password_checked_fn)(void *arg, bool fits);
int password_check(
    struct str hash, struct str password, password_checked_fn fn, void *arg, struct err *e);

/* Makes a secret from password (prepared). salt, iterations: those to keep, or empty and 0 for new
 * ones. s lives until fn returns; NULL when it could not be made. */
typedef void (*password_made_fn)(void *arg, const struct password_secret *s);
int password_make(struct str password, struct str salt, uint32_t iterations, password_made_fn fn,
    void *arg, struct err *e);
/* The same for SCRAM's keys only (an app password, which argon2id would not make any safer). */
int password_derive(struct str password, struct str salt, uint32_t iterations, password_made_fn fn,
    void *arg, struct err *e);
