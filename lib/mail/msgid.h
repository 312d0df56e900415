/*
 * msgid.h - message ids in Message-ID, In-Reply-To and References (RFC 5322 3.6.4), for threading.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define MSGID_LIST_MAX 1000u

struct msgid_list {
	struct str *v; /* without the angle brackets; comments and folding taken out */
	size_t n;
};

/* All ids of a value, in order; a bare word counts when there are no brackets at all. */
void msgid_parse(struct str value, struct arena *a, struct msgid_list *out);
