/*
 * search.h - the language of the search field, for agents: what a person types becomes the filter
 * of Email/query (RFC 8621 4.4.1).
 *
 * Words, "phrases" and operators (from: to: cc: bcc: subject: body: has:attachment is:unread
 * is:starred in: before: after: larger: smaller:), each of which may be turned round by a minus; OR
 * between two. The page has the same in TypeScript (webd/ui/src/store/search.ts); both are tested
 * by tests/data/search_operators.json.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"

struct search_box {
	struct str id, name, role; /* role: STR_NONE where it has none */
};

struct search {
	const struct search_box *boxes;
	size_t nboxes;
	int64_t now;  /* seconds since the epoch */
	int32_t zone; /* minutes east of UTC: where the days of dates begin */
	/* Set by search_filter(): the first operator whose value says nothing ("before:soon"),
	 * looked for as words; STR_NONE: none. Borrowed from what was typed. */
	struct str odd;
};

/* The filter; owned by who asked. What is typed may be anything. */
cJSON *search_filter(struct search *s, struct str typed);
/* By id, role or name, whatever its case; NULL: there is none. */
const struct search_box *search_box(const struct search *s, struct str named);
