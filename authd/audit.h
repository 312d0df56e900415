/*
 * audit.h - the audit log: what agents were asked to do and did, and what humans let them do.
 * Append-only JSON lines in a hash chain (ipc/chain.h), in authd's folder `audit`.
 *
 * Durability point: AUDIT_ADD is answered when its record is synced; records that come meanwhile go
 * with the next sync. What authd notes itself is durable soon after. While the disk refuses,
 * gk-mcpd is told (AUDIT_STATE) and records wait, up to AUDIT_BACKLOG octets; then AUDIT_ADD is
 * refused, and others are counted as lost in a record of their own.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "ipc/ipc.h"

#define AUDIT_BACKLOG (1u << 20)

int audit_init(uint64_t room, struct err *e);
void audit_done(void);
void audit_set_room(uint64_t room);
/* Nothing waits to be written, or nothing can be. */
bool audit_settled(void);

/* audit_note("agent-made", LS("user", user), LS("agent", name)); never a secret. */
#define audit_note(kind, ...)                                                                 \
	do {                                                                                  \
		const struct log_field audit_fields_[] = {__VA_ARGS__};                       \
		audit_put(                                                                    \
		    (kind), audit_fields_, sizeof(audit_fields_) / sizeof(struct log_field)); \
	} while (0)
void audit_put(const char *kind, const struct log_field *fields, size_t n);

/* For who reads it: its folder, and how far it is durable. file 0: there is nothing. */
struct audit_place;
void audit_durable(int *dir, struct audit_place *end);

/* AUDIT_…; false when the message is none of these. */
bool audit_message(struct ipc_chan *c, struct ipc_in *m);
void audit_channel(struct ipc_chan *c); /* it is open */
void audit_gone(struct ipc_chan *c);
