/*
 * answers.h - authd's good answers, remembered for a few seconds.
 *
 * A busy list or a busy client asks the same again and again. Only "yes" is remembered, never "no";
 * everything is forgotten when authd says that something changed (AUTH_CHANGED), and after
 * ANSWERS_TTL_MS anyway.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "mail/envelope.h"

#define ANSWERS_TTL_MS 10000u
#define ANSWERS_MAX    4096u

/* May user (empty: anybody) send size octets to r->address? Then its targets go into r, out of a.
 */
bool answers_rcpt(struct str user, uint64_t size, struct arena *a, struct envelope_rcpt *r);
void answers_add_rcpt(struct str user, uint64_t size, const struct envelope_rcpt *r);
/* An address that user owns. */
bool answers_sender(struct str user, struct str address);
void answers_add_sender(struct str user, struct str address);
void answers_forget(void);
