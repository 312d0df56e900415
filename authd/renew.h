/*
 * renew.h - secrets made at an older cost are made anew when their password passes by (RFC 5802 5.1
 * lets the count grow; argon2id's cost is auth.hash_memory and auth.hash_passes).
 */
#pragma once

#include "authd/accounts.h"

/* password (prepared) was just found to be the account's. Returns at once; what it does is seen by
 * nobody, and is dropped when the user changes meanwhile. */
void renew_if_stale(const struct account *account, struct str password);
