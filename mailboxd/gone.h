/*
 * gone.h - homes of users who were removed: renamed out of the way of a later user of the name, or
 * removed.
 *
 * mail/DOMAIN/USER becomes mail/DOMAIN/.deleted-USER-TIME (no user's home begins with a dot), or
 * .purge-USER and then nothing. authd asks until it is answered, so each step may be repeated.
 */
#pragma once

#include "ipc/ipc.h"

void gone_message(struct ipc_in *m); /* HOME_GONE */
