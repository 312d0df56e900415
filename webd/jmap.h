/* jmap.h - what the addresses of JMAP below /jmap/ share. */
#pragma once

#include "base/err.h"
#include "webd/exchange.h"
#include "webd/webauth.h"

/* RFC 8620 2: as mailboxd/jmap/jmap.h tells clients. */
#define JMAP_REQUEST_MAX 10000000u
#define JMAP_UPLOAD_MAX  (50u << 20)

/* Answers for a pipe that could not be had. limit: that was met where it is E_LIMIT. */
void jmap_refuse(struct exchange *x, const struct err *e, const char *limit);
