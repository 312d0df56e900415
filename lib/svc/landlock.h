/*
 * landlock.h - file rights of this process by Landlock. Private to lib/svc.
 */
#pragma once

#include "svc/sandbox.h"

/* Closes all paths but those given, and TCP unless connects. Needs no_new_privs and Landlock ABI 2
 * or newer. */
int landlock_enter(const struct sandbox_path *paths, size_t n, bool connects, struct err *e);
