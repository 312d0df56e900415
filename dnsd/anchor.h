/*
 * anchor.h - the root's keys, with which DNSSEC begins: seeded from a file of the system, then kept
 * fresh by libunbound in a file of our own (RFC 5011).
 *
 * root.key is libunbound's: keys, their states and when they were seen. root.seed is the seed that
 * root.key was made from. When the system's file is another one (a newer package, another root),
 * its keys are where we begin anew; otherwise what RFC 5011 has learnt stays.
 */
#pragma once

#include "base/err.h"

#define ANCHOR_FILE "root.key"

/* Makes root.key ready in the working directory. fd: the system's file, or -1: then IANA's keys as
 * they were known when this was built. */
int anchor_prepare(int fd, struct err *e);
