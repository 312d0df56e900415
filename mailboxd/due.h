/*
 * due.h - users whose owner has to be there at a time, though nobody looks: something was submitted
 * for later or is not known to have arrived, or a human has approved what was not finished
 * (docs/adr/0044-owners-wake-by-themselves.md).
 *
 * The owner says when (OWN_DUE). It is in the folder `.due` of the mail directory, a file for each
 * such user, so that it holds beyond the parent's end. That is not synced: what lost power takes is
 * found out when somebody looks.
 */
#pragma once

#include "mailboxd/parent.h"

/* Reads the folder. */
void due_start(void);
void due_message(struct user *u, struct ipc_in *m); /* OWN_DUE */
/* Its owner has ended: another one comes when it is due. */
void due_ended(struct user *u);
/* The user is gone. */
void due_forget(struct str user);
