/*
 * pattern.h - mailbox patterns of LIST (RFC 3501 6.3.8): "*" is anything, "%" anything but "/".
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Does reference followed by pattern match name? INBOX matches in any case. Time and memory are
 * bounded by the product of the lengths. */
bool imap_pattern_match(struct str reference, struct str pattern, struct str name, struct arena *a);
