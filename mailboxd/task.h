/*
 * task.h - what the operator asks of a mailbox, done in its owner (gkmail mailbox).
 */
#pragma once

#include <stdbool.h>

#include "ipc/ipc.h"
#include "store/home.h"

/* Does and answers an OWN_TASK, all in one turn: the user's sessions wait. True when the home is to
 * be closed and opened again. */
bool task_run(struct home *h, struct ipc_chan *parent, struct ipc_in *m);
