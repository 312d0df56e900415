/*
 * hold.h - homes that no owner may open yet, in the queue's word (INVARIANTS 1).
 *
 * After lost power the queue delivers again what may be gone. Until that is durable a user's owner
 * is not started; who asks for it waits like anybody who waits for an owner, and is refused for now
 * when it takes too long. Before the queue has spoken for the first time nobody's home is known to
 * be whole. When the queue alone was started again no power was lost since its last word, which
 * holds until the next.
 */
#pragma once

#include <stdbool.h>

#include "ipc/ipc.h"

void hold_message(struct ipc_in *m); /* REPLAY_HOLD, REPLAY_READY, REPLAY_DONE */
/* A queue has come, which tells everything from the start. */
void hold_begin(void);
bool hold_has(struct str user);
