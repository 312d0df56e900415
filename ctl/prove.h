/*
 * prove.h - gkmail prove: every capability that the running server advertises is tried, and told
 * of in a line.
 */
#pragma once

#include "ctl/ctl.h"
#include "ctl/status.h"

struct prove {
	const struct status *status;
	const char *user, *password;
};

/* why: NULL when it did as it promises. */
void prove_tell(const char *protocol, struct str capability, const char *why);

/* "PLAIN" (RFC 4616), in base64. */
const char *prove_plain(const struct prove *p);
const char *prove_base64(struct str s);
/* The first message of SCRAM (RFC 5802 7), in base64; plus: with channel binding. */
const char *prove_scram(const struct prove *p, bool plus);
/* The listener's address; STR_NONE: there is none. */
struct str prove_listener(const struct prove *p, const char *name);
/* "%A" in a command is the user's address. */
struct str prove_fill(const struct prove *p, const char *text);

/* Each tells of its capabilities itself; -1: not even that can be. */
int prove_smtp(const struct prove *p, struct err *e);
int prove_imap(const struct prove *p, struct err *e);
int prove_jmap(const struct prove *p, struct err *e);
int prove_mcp(const struct prove *p, struct err *e);

/* mcp.c: a stream to gk-mcpd as the user's agent "terminal"; it does not block. */
int mcp_open(const char *user, int *fd, struct err *e);
