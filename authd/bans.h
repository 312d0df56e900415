/*
 * bans.h - networks whose clients all fronts turn away, for a while.
 *
 * Made by failed logins (guard.h) or by the operator; kept in accounts.db; told to the fronts as
 * they come and change. A ban that has ended is remembered for as long as the longest ban, so that
 * the next one of the network lasts longer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/network.h"
#include "db/db.h"
#include "ipc/ipc.h"

#define BANS_REASON_MAX 200u

struct bans_rules {
	uint64_t first_ms, most_ms; /* of bans for failed logins */
};

int bans_load(struct db *db, struct err *e);
void bans_configure(const struct bans_rules *r);
void bans_init(void); /* the timer */
void bans_done(void);
/* A front has come: the whole list. */
void bans_tell(struct ipc_chan *c);
/* For failed logins; its length in ms, which doubles each time where it may grow. */
uint64_t bans_add(const struct network *n, const char *reason, bool grows);
bool bans_has(const struct network *n);
/* BAN_ADD, BAN_DEL, BAN_LIST. */
void bans_operator(struct ipc_chan *c, struct ipc_in *m);
/* Answers of the operator's channel go nowhere any more. */
void bans_gone(struct ipc_chan *c);

/* ---- in accounts.db (bans_db.c) ---- */

struct ban_row {
	struct network n;
	int64_t since, until; /* clock_wall; until 0: for ever */
	uint32_t times;
	bool by_hand;
	char reason[BANS_REASON_MAX + 1];
};

int bans_db_load(struct db *db, void (*fn)(const struct ban_row *r), struct err *e);
int bans_db_save(struct db *db, const struct ban_row *r, struct err *e);
int bans_db_del(struct db *db, const struct network *n, struct err *e);
