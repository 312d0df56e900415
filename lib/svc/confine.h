/*
 * confine.h - what gk-master gives up although it stays root. Private to master; its daemons
 * inherit it, and close themselves in much further (sandbox.h).
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Drops, for good and for every process started from now on, the capabilities that the suite does
 * not need and the system calls that nothing of it makes. What is refused answers EPERM: a captured
 * master gets nothing, and a library that tries something does not end the suite. Where the kernel
 * has no seccomp: an error when required, else a line in the log. */
int confine_master(bool required, struct err *e);
