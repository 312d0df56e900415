/*
 * request.h - a request under way, as request.c, call.c and reference.c share it.
 */
#pragma once

#include "base/hash.h"
#include "mailboxd/jmap/jmap.h"

#define JMAP_REQUEST_MAGIC 0x6a6d6170u
/* What all references of a request may cost together: values looked at, values and octets copied.
 */
#define REFERENCE_LOOKS  1000000u
#define REFERENCE_VALUES JSON_VALUES_MAX
#define REFERENCE_OCTETS JMAP_MAX_REQUEST

struct created_id {
	struct str key, id;
	UT_hash_handle hh;
};

struct budget {
	size_t looks, values, octets;
};

/* A method that is to run when the one before it is done. */
struct further {
	const struct jmap_method *method;
	cJSON *args;
	struct str id;
	STAILQ_ENTRY(further) link;
};

struct jmap_request {
	unsigned magic;
	struct jmap *jmap;
	struct change_by by;
	const struct jmap_agent *agent; /* that asks; NULL: the user */
	struct arena arena;
	void (*done)(void *arg, unsigned status, struct str json);
	void *arg;
	cJSON *text;             /* the Request */
	uint32_t using;          /* bits of capabilities */
	const cJSON *invocation; /* the call under way, of text */
	cJSON *results;          /* an array of [name, result, id] that later calls refer to */
	struct created_id *created;
	bool tell_created, from_websocket, ours;
	bool tells_threads;         /* the answer names threads */
	struct home_waiter durable; /* for those that were found just now */
	struct budget budget;
	struct jmap_call call;
	bool in_call;
	STAILQ_HEAD(, further) further;
	size_t nfurther;
	struct buf out;
	unsigned status;
	struct loop_timer *turn;
	uint64_t began_us, modseq_before;
	size_t calls;
	LIST_ENTRY(jmap_request) link;
};

/* Bits of capabilities; 0: unknown. */
uint32_t jmap_capability(struct str urn);

/* Puts what "#name" members refer to in their place (RFC 8620 3.7). args is changed. -1: *type is
 * the method-level error. */
int jmap_references(struct jmap_request *r, cJSON *args, const char **type, struct err *e);
/* May a call after `from` refer to a result of the call id? */
bool jmap_is_referred_to(const cJSON *from, struct str id);

/* The turn in which the call goes on. */
void jmap_request_wake(struct jmap_request *r);
void jmap_created_put(struct jmap_request *r, struct str key, struct str id);
/* call.c: the call begins, runs until its step is done, ends. */
void
jmap_call_begin(struct jmap_request *r, const struct jmap_method *m, cJSON *args, struct str id);
enum jmap_step jmap_call_run(struct jmap_call *c);
cJSON *jmap_call_result(struct jmap_call *c); /* or the error; the caller's */
void jmap_call_end(struct jmap_call *c);

/* core.c: changes when the session object does. */
struct str jmap_session_state(struct jmap *j);
