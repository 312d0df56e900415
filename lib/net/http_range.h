/*
 * http_range.h - a part of a content, as a client asks for it (RFC 9110 14).
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum http_range {
	HTTP_RANGE_NONE, /* all of it: nothing is asked for that is understood, or several parts */
	HTTP_RANGE_PART,
	HTTP_RANGE_BEYOND /* there is nothing there: 416 */
};

/* What the value of a Range field is of length octets. PART: n octets from *from on, n > 0. */
enum http_range http_range_read(struct str value, uint64_t length, uint64_t *from, uint64_t *n);
