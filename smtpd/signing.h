/*
 * signing.h - a submission on its way through gk-sign, which puts DKIM signatures on it (RFC 6376).
 *
 * gk-sign says which domains have keys. A message from one of these goes out signed or not at all:
 * while gk-sign is away its sender gets 451, and the mail of other domains is not held up.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/id.h"
#include "ipc/ipc.h"
#include "smtpd/reply.h"

struct signing;

struct signing_events {
	/* No longer blocked. */
	void (*ready)(void *arg);
	/* REPLY_OK with header fields, perhaps none, borrowed; or why the message cannot go. Once,
	 * from the loop, and maybe before its end. */
	void (*done)(void *arg, enum reply r, struct str fields);
};

/* Is gk-sign to be asked about mail with this From field? */
bool signing_wanted(struct str from, struct arena *a);

/* token: of the session. */
struct signing *signing_new(
    const char mid[ID_SIZE], struct str token, const struct signing_events *events, void *arg);
/* The message without Return-Path and Received. */
void signing_put(struct signing *s, struct str octets);
bool signing_blocked(const struct signing *s);
void signing_end(struct signing *s);
/* NULL inside is fine. */
void signing_free(struct signing **s);

/* SIGN_DOMAINS. */
void signing_domains(struct ipc_in *m);
