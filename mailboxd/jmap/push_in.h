/*
 * push_in.h - between push.c and push_set.c.
 */
#pragma once

#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/outside.h"
#include "mailboxd/jmap/push.h"
#include "mailboxd/jmap/push_seal.h"

#define PUSH_MAX       20u          /* subscriptions of a user */
#define PUSH_KEEP_S    (30 * 86400) /* RFC 8620 7.2: the server may say when they expire */
#define PUSH_URL_MAX   2000u
#define PUSH_TEXT_MAX  255u
#define PUSH_CODE_SIZE 33u

/* A subscription that is told, or waits to be verified. */
struct jmap_push {
	struct jmap *jmap;
	uint32_t id;
	cJSON *v; /* as it is stored */
	struct jmap_watch watch;
	bool watching;
	uint64_t question;         /* the POST under way; 0: none */
	struct jmap_state sending; /* what the device knows once that has come */
	bool stale;                /* there is more by now */
	bool dirty;                /* `told` is not stored yet */
	unsigned fails;
	struct loop_timer *retry;
	LIST_ENTRY(jmap_push) link;
};

struct jmap_push *jmap_push_find(struct jmap *j, uint32_t id);
/* Takes v. */
struct jmap_push *jmap_push_new(struct jmap *j, uint32_t id, cJSON *v);
void jmap_push_free(struct jmap_push **p);
/* After it was verified, or its types have changed. */
void jmap_push_start(struct jmap_push *p);
/* RFC 8620 7.2.2: proves that the device wants it. */
void jmap_push_verify(struct jmap_push *p);
int64_t jmap_push_until(const struct jmap_push *p);
/* Throws away what has expired. */
void jmap_push_expire(struct jmap *j);
/* Makes or removes PUSH_PATH. */
void jmap_push_mark(struct jmap *j);
