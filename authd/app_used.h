/*
 * app_used.h - when each app password was last used, so that a user can tell those no program
 * needs.
 *
 * A note (notes.h): to the hour, kept for 400 days, lost with the last seconds before a crash.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

void app_used(struct str user, struct str name);
/* Seconds since 1970; 0: never. A password that was removed leaves it to the next of its name. */
int64_t app_used_last(struct str user, struct str name);
