/*
 * bans_db.c - bans in accounts.db. See bans.h.
 */
#include "authd/bans.h"
#include "base/log.h"

int
bans_db_load(struct db *db, void (*fn)(const struct ban_row *r), struct err *e)
{
	struct db_stmt *s =
	    db_sql(db, "SELECT network, since, until, times, by_hand, reason FROM bans", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1) {
		struct ban_row r = {.since = db_int(s, 1),
		    .until = db_int(s, 2),
		    .times = (uint32_t)db_int(s, 3),
		    .by_hand = db_int(s, 4) != 0};

		if (network_parse(db_str(s, 0), &r.n, NULL) < 0 ||
		    str_cz(db_str(s, 5), r.reason, sizeof(r.reason)) < 0) {
			log_warn("auth.ban_row", LS("network", db_str(s, 0)));
			continue;
		}
		fn(&r);
	}
	db_done(&s);
	return rc;
}

int
bans_db_save(struct db *db, const struct ban_row *r, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "INSERT OR REPLACE INTO bans (network, since, until, times, by_hand, reason) "
	    "VALUES (?, ?, ?, ?, ?, ?)",
	    e);
	char text[NETWORK_TEXT];

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, str_z(network_text(&r->n, text)));
	db_bind_int(s, 2, r->since);
	db_bind_int(s, 3, r->until);
	db_bind_int(s, 4, r->times);
	db_bind_int(s, 5, r->by_hand);
	db_bind_str(s, 6, str_z(r->reason));
	return db_run(&s, e);
}

int
bans_db_del(struct db *db, const struct network *n, struct err *e)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM bans WHERE network = ?", e);
	char text[NETWORK_TEXT];

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, str_z(network_text(n, text)));
	return db_run(&s, e);
}
