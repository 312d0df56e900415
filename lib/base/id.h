/*
 * id.h - ids of messages, sessions and requests.
 *
 * 20 characters of Crockford's base 32 in lower case: 45 bits of wall clock milliseconds, then 55
 * bits of randomness. They sort by time, are safe in file names, and are unique over hosts and
 * restarts for all practical purposes; whoever relies on that (the queue) checks.
 */
#pragma once

#include "base/str.h"

#define ID_LEN  20
#define ID_SIZE (ID_LEN + 1)

void id_new(char out[ID_SIZE]);
/* The one id of those octets (a digest: 13 or more of them); it says nothing of time. */
void id_of(char out[ID_SIZE], struct str octets);
bool id_valid(struct str s);
