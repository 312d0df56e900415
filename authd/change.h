/*
 * change.h - one change to accounts.db on its way, asked for by the operator or, about its own
 * account, by a user in a browser.
 *
 * Words are checked in the loop (operator.c), a secret is made in a hashing thread where one is
 * needed, rows are written in the writer's thread; consequences and answer come in the loop again,
 * when it is durable.
 */
#pragma once

#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/agents.h"
#include "authd/apppass.h"
#include "authd/resolve.h"
#include "ipc/ipc.h"

struct change {
	unsigned magic;
	enum ipc_type type;
	struct ipc_chan *chan; /* NULL: gone */
	uint64_t call;
	struct arena a;
	struct str address; /* canonical; a domain in DOMAIN_… */
	struct str name;
	struct str *targets;
	size_t ntargets;
	uint64_t quota;
	uint64_t session; /* of a browser that asks: stays */
	struct password_secret secret;
	struct apppass app;
	unsigned char app_salt[APPPASS_SALT], app_hash[APPPASS_HASH];
	char app_password[APPPASS_SIZE];
	struct agent_new agent;
	char agent_token[AGENT_TOKEN_LEN + 1];
	uint32_t agent_policy;
	struct resolve_rules rules;
	struct err e;
	int rc;
	TAILQ_ENTRY(change) link;
};

/* Taken from message m of channel c. */
struct change *change_new(struct ipc_chan *c, struct ipc_in *m);
/* Answers with e, and frees. */
void change_fail(struct change *op, const struct err *e);
/* Frees without an answer. */
void change_free(struct change *op);
/* Everything is in op: write it, then answer and free. */
void change_submit(struct change *op);
/* The same, once a hashing thread has made the secret (password_made_fn). */
void change_made(void *op, const struct password_secret *s);
/* The channel goes away: its changes still happen, nobody is answered. */
void change_gone(struct ipc_chan *c);
/* Changes under way. */
size_t change_pending(void);
