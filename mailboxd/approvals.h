/*
 * approvals.h - what agents wait for, asked and answered by the operator in the terminal (gkmail
 * approve), in the user's owner: by JMAP, as a page would.
 */
#pragma once

#include "ipc/ipc.h"
#include "mailboxd/jmap/jmap.h"

/* Does an OWN_APPROVALS, and answers it in a later turn; then done() is called. j has to last until
 * then or to the process's end. */
void approvals_run(struct jmap *j, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void));
/* Is one under way? */
bool approvals_are_busy(void);
