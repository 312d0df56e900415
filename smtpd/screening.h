/*
 * screening.h - the client's side of gk-screen: one message is looked at while it comes in, and
 * nobody takes it before the answer is here.
 *
 * gk-screen sees the octets as they came and can change none: what it may say is a verdict, a line
 * of text for a refusal, and header fields of a few names, which are checked here.
 */
#pragma once

#include "base/err.h"
#include "ipc/ipc.h"

struct screening;
struct session;

struct screening_answer {
	enum screen_verdict verdict;
	enum screen_reason reason;
	uint32_t score;
	struct str text, fields; /* live until the callback returns */
};

struct screening_events {
	/* No longer blocked. */
	void (*ready)(void *arg);
	/* Once. e: there is no verdict now, and so the message cannot be taken; also before
	 * screening_end(). */
	void (*answered)(void *arg, const struct screening_answer *a, const struct err *e);
};

/* Is mail of this session looked at? */
bool screening_wanted(const struct session *s);
struct screening *
screening_new(struct session *s, const char *mid, const struct screening_events *events, void *arg);
/* Nobody wants an answer any more. NULL inside is fine. */
void screening_free(struct screening **s);
void screening_put(struct screening *s, struct str octets);
bool screening_blocked(const struct screening *s);
/* All octets are there. */
void screening_end(struct screening *s);

/* Are these whole header fields, not too many, and of the names that gk-screen may say? */
bool screening_fields_ok(struct str fields);
