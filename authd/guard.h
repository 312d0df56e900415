/*
 * guard.h - against guessing of passwords, whatever front it comes by.
 *
 * Failed logins are counted by address (IPv6: /64) and by network (/24, /48); who fails too often
 * within the window is banned (bans.h). Failures of an account from addresses that it has never
 * logged in from slow down further logins to it from such addresses, and from no other: nobody can
 * lock somebody else out. Users who do not exist are treated as those who do.
 *
 * The same wrong password again counts once: it is a client with an old one, and teaches a guesser
 * nothing. A success takes back what the same user failed from there.
 *
 * The fronts say where a login comes from. What a captured one could do by lying is bounded by
 * GUARD_BANS_HOUR; trusted networks are never banned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "ipc/msg.h"

#define GUARD_DELAY_MAX 8000u /* ms; the fronts wait 30 s for an answer */
#define GUARD_BANS_HOUR 1000u /* that one front's failures may lead to */

struct guard_rules {
	uint64_t failures; /* of an address within the window; 0: nobody is banned or slowed down */
	uint64_t window_ms;
	uint64_t factor; /* how many times as many of a network */
};

struct guard_login {
	enum ipc_peer front;
	struct str service, peer; /* the client's address as text */
	struct str user;          /* canonical, or as it was given */
	struct str password;      /* empty: not known (SCRAM) */
};

void guard_configure(const struct guard_rules *r);
void guard_done(void);
/* Is the address banned? */
bool guard_bans(struct str peer);
/* How many ms the check of this login is put off. */
uint64_t guard_delay(const struct guard_login *l);
/* It has failed: how many ms the answer is put off. */
uint64_t guard_failed(const struct guard_login *l);
void guard_ok(const struct guard_login *l);
/* Addresses, networks and accounts in memory. */
size_t guard_remembered(void);
