/*
 * session.h - logins under way: AUTH_START, AUTH_STEP and AUTH_ABORT.
 *
 * A session belongs to the front that began it, ends by itself after two minutes, and their number
 * is bounded.
 */
#pragma once

#include "base/err.h"
#include "ipc/ipc.h"

#define SESSION_MAX         20000u
#define SESSION_MS          120000u
#define SESSION_PEER_CHECKS 32u /* passwords of one peer being checked at one time */

void session_init(void);
void session_done(void);
void session_start(struct ipc_chan *c, struct ipc_in *m);
void session_step(struct ipc_chan *c, struct ipc_in *m);
void session_abort(struct ipc_chan *c, struct ipc_in *m);
