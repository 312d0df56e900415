/*
 * accounts.h - what authd keeps on disk: domains, users, their secrets, app passwords, aliases,
 * usage.
 *
 * accounts.db has two handles: the loop reads with one, a thread of its own writes with the other
 * (WAL: neither waits for the other), so no sync ever happens in the loop. Addresses are canonical
 * (address_canonical) everywhere below; a catch-all is the alias "@domain". Functions that look
 * something up return 1 found, 0 not, -1 error.
 */
#pragma once

#include <stdint.h>

#include "authd/password.h"
#include "authd/scram.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

#define ACCOUNTS_TARGETS_MAX   100u /* of one alias */
#define ACCOUNTS_APPPASS_MAX   32u  /* of one user */
#define ACCOUNTS_ADDRESSES_MAX 100u
#define ACCOUNTS_NAME_MAX      64u /* octets of an app password's name */

struct account {
	int64_t id;
	struct str address;
	struct str hash; /* argon2id, as crypto_pwhash_str gives it */
	struct str salt; /* SCRAM's, of the password and of every app password */
	uint32_t iterations;
	struct scram_keys keys;
	uint64_t quota; /* 0: none */
};

struct apppass {
	struct str name;
	struct str salt, hash; /* of the fast check, apppass.h */
	struct scram_keys keys;
};

/* Opens accounts.db in the working directory, making it when it is not there. */
struct db *accounts_open(struct err *e);

/* ---- looking up: any handle ---- */

int accounts_domain(struct db *db, struct str domain, struct err *e);
int accounts_user(
    struct db *db, struct str address, struct arena *a, struct account *out, struct err *e);
/* Is there such a user? */
int accounts_is_user(struct db *db, struct str address, struct err *e);
/* Since when: seconds since the epoch. 0, or -1 (E_NOTFOUND). */
int accounts_created(struct db *db, struct str address, int64_t *out, struct err *e);
/* The only domain there is; 0 when there are none or several. */
int accounts_sole_domain(struct db *db, struct arena *a, struct str *out, struct err *e);
/* The first user of a domain, or of all when domain is empty. */
int accounts_first_user(
    struct db *db, struct str domain, struct arena *a, struct str *out, struct err *e);
int accounts_alias(struct db *db, struct str address, struct arena *a, struct str **targets,
    size_t *n, struct err *e);
/* The user's own address and the aliases that lead to it, by whatever way, catch-alls left out;
 * ACCOUNTS_ADDRESSES_MAX at most. */
int accounts_addresses(
    struct db *db, struct str user, struct arena *a, struct str **out, size_t *n, struct err *e);
/* How many, -1 on error. */
int accounts_apppasses(
    struct db *db, int64_t user, struct arena *a, struct apppass **out, struct err *e);
/* The secret of this installation under which salts for unknown users are made. */
int accounts_fake_key(struct db *db, unsigned char out[32], struct err *e);
/* Calls fn for each domain, then for each user (domain empty). */
struct accounts_usage {
	struct str domain, address;
	uint64_t quota, octets, messages;
};
int accounts_usage(struct db *db, void (*fn)(const struct accounts_usage *u), struct err *e);
/* Calls fn for each removed user whose home is not put aside yet. */
int accounts_gone(
    struct db *db, void (*fn)(void *arg, struct str address, bool purge), void *arg, struct err *e);

/* ---- changing: the writer's handle. Durable on return ---- */

int accounts_domain_add(struct db *db, struct str domain, uint64_t quota, struct err *e);
int accounts_domain_del(struct db *db, struct str domain, struct err *e);
int accounts_user_add(struct db *db, struct str address, const struct password_secret *s,
    uint64_t quota, struct err *e);
/* E_TEMP when the user's salt changed since s was made with it. With the old password go the user's
 * browser sessions (web.h), but keep, whose user has shown it. */
int accounts_passwd(struct db *db, struct str address, const struct password_secret *s,
    uint64_t keep, struct err *e);
/* The same password, made into a secret anew, unless old is not its hash any more or the salt may
 * not change. Rows changed: 0 or 1. */
int accounts_renew(struct db *db, struct str address, struct str old,
    const struct password_secret *s, struct err *e);
int accounts_quota(struct db *db, struct str address, uint64_t quota, struct err *e);
/* With it go its app passwords and the alias targets that lead to it (also with a tag after sep).
 * Its home is noted as gone; until that is forgotten, accounts_user_add says E_TEMP. */
int accounts_user_del(struct db *db, struct str address, char sep, bool purge, struct err *e);
int accounts_gone_forget(struct db *db, struct str address, struct err *e);
/* Adds to what is there. Refuses targets that lead nowhere or in a circle. */
struct resolve_rules;
int accounts_alias_add(struct db *db, struct str address, const struct str *targets, size_t n,
    const struct resolve_rules *rules, struct err *e);
/* n = 0: the whole alias. */
int accounts_alias_del(
    struct db *db, struct str address, const struct str *targets, size_t n, struct err *e);
/* E_TEMP when the user's salt is not user_salt any more. */
int accounts_apppass_add(struct db *db, struct str address, const struct apppass *p,
    struct str user_salt, struct err *e);
int accounts_apppass_del(struct db *db, struct str address, struct str name, struct err *e);
/* All in one transaction; users that are gone meanwhile are passed over. */
int accounts_usage_save(struct db *db, const struct accounts_usage *u, size_t n, struct err *e);

/* ---- listing: pages of at most 500 entries and 48 KiB after `after` ---- */

struct accounts_page {
	struct str *rows;
	size_t n;
	bool more;
};
/* Sizes of all mailboxes, and of the max largest: address, octets, two a user (max at most 500). */
struct accounts_sizes {
	uint64_t users, octets, messages;
	struct str *rows;
	size_t n;
};

int accounts_list_largest(
    struct db *db, uint32_t max, struct arena *a, struct accounts_sizes *out, struct err *e);
int accounts_list_users(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e);
int accounts_list_domains(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e);
int accounts_list_aliases(
    struct db *db, struct str after, struct arena *a, struct accounts_page *out, struct err *e);
int accounts_list_apppasses(
    struct db *db, struct str address, struct arena *a, struct accounts_page *out, struct err *e);
