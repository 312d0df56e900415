/*
 * push.h - telling devices of new states by POST (RFC 8620 7.2), as long as there is an owner.
 */
#pragma once

struct jmap;

/* There in the home as long as a device is to be told: then mail starts an owner (mailboxd/wake.c).
 * The parent removes it when the user's sessions are ended, and with it goes what they asked for
 * (RFC 8620 7.2: a subscription is no better than the credentials that made it). */
#define PUSH_PATH "db/push"

/* Takes up the user's subscriptions; needs host.outside. */
void jmap_push_open(struct jmap *j);
/* Keeps how far each device was told. */
void jmap_push_close(struct jmap *j);
