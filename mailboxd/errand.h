/*
 * errand.h - what an owner asks of other daemons, through the parent, which alone says whose owner
 * it is (INVARIANTS 18, 19): a connection to gk-smtpd, the user's addresses, what became of a
 * message that the user has submitted, a POST to a push service.
 */
#pragma once

#include "mailboxd/parent.h"

/* False: the message is none of these. */
bool errand_message(struct user *u, struct ipc_in *m);
