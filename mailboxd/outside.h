/*
 * outside.h - jmap/outside.h over an owner's channel to its parent.
 */
#pragma once

#include "ipc/ipc.h"
#include "mailboxd/jmap/outside.h"

void outside_init(struct jmap_outside *o, struct ipc_chan *parent);
