/*
 * status.h - what master says of its processes and listeners; for `status` and `sandbox`.
 */
#pragma once

#include "ctl/ctl.h"

struct status_process {
	struct str name, pid, state, restarts, uptime;
};

struct status_listener {
	struct str name, address;
};

struct status {
	struct status_process *processes;
	size_t nprocesses;
	struct status_listener *listeners;
	size_t nlisteners;
};

/* Strings live in a. */
int status_get(struct status *s, struct arena *a, struct err *e);
/* Every process, and there is one. */
bool status_is_ready(const struct status *s);
