/*
 * fixture.h - for tests: an accounts.db in a folder of its own, and quick ways to fill it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/accounts.h"
#include "authd/authd.h"
#include "authd/resolve.h"

static char fixture_folder[64];
static struct arena fixture_arena;

static inline int
fixture_up(void **state)
{
	(void)state;
	snprintf(fixture_folder, sizeof(fixture_folder), "%s/gkauth.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(fixture_folder) == NULL || chdir(fixture_folder) < 0 || sodium_init() < 0)
		return -1;
	arena_init(&fixture_arena);
	authd = (struct authd){.iterations = 4096, .min_password = 8};
	authd.rules = (struct resolve_rules){
	    .separator = '+', .host = STR("mail.example.test"), .postmaster = STR("")};
	memset(authd.mechs, true, sizeof(authd.mechs));
	authd.db = accounts_open(NULL);
	return authd.db != NULL ? 0 : -1;
}

static inline int
fixture_down(void **state)
{
	(void)state;
	db_close(&authd.db);
	arena_free(&fixture_arena);
	unlink("accounts.db");
	unlink("accounts.db-wal");
	unlink("accounts.db-shm");
	return chdir("/") == 0 && rmdir(fixture_folder) == 0 ? 0 : -1;
}

/* A secret that is cheap to make. */
static inline struct password_secret
fixture_secret(const char *password)
{
	struct password_secret s = {.iterations = 4096};

	randombytes_buf(s.salt, sizeof(s.salt));
	assert_int_equal(crypto_pwhash_str_alg(s.hash, password, strlen(password), 1,
			     crypto_pwhash_MEMLIMIT_MIN, crypto_pwhash_ALG_ARGON2ID13),
	    0);
	scram_derive(str_z(password), str_of(s.salt, sizeof(s.salt)), s.iterations, &s.keys);
	return s;
}

static inline void
fixture_domain(const char *name)
{
	assert_int_equal(accounts_domain_add(authd.db, str_z(name), 0, NULL), 0);
}

static inline void
fixture_user(const char *address, const char *password)
{
	struct password_secret s = fixture_secret(password);

	assert_int_equal(accounts_user_add(authd.db, str_z(address), &s, 0, NULL), 0);
}

static inline int
fixture_alias(const char *address, const char *target, struct err *e)
{
	struct str t = str_z(target);

	return accounts_alias_add(authd.db, str_z(address), &t, 1, &authd.rules, e);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_up, fixture_down)
