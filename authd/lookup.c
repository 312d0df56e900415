/*
 * lookup.c - see lookup.h.
 */
#include "authd/lookup.h"

#include <sodium.h>

#include "authd/accounts.h"
#include "authd/authd.h"

static int
lookup_name(void *arg, struct str given, struct arena *a, struct str *out)
{
	(void)arg;
	return authd_name(given, a, out, NULL);
}

/* RFC 5802 9: a name that is nobody's must look like one that is somebody's, each time the same. */
static void
fake_secrets(struct str user, struct arena *a, struct sasl_secrets *out)
{
	unsigned char *salt = arena_alloc(a, SCRAM_SALT);

	crypto_generichash(salt, SCRAM_SALT, (const unsigned char *)user.p, user.n, authd.fake_key,
	    sizeof(authd.fake_key));
	*out =
	    (struct sasl_secrets){.salt = str_of(salt, SCRAM_SALT), .iterations = authd.iterations};
}

static int
lookup_secrets(void *arg, struct str user, struct arena *a, struct sasl_secrets *out, struct err *e)
{
	struct account account;
	struct apppass *apps = NULL;
	int rc = accounts_user(authd.db, user, a, &account, e), n;

	(void)arg;
	if (rc < 0)
		return -1;
	if (rc == 0) {
		fake_secrets(user, a, out);
		return 0;
	}
	if ((n = accounts_apppasses(authd.db, account.id, a, &apps, e)) < 0)
		return -1;
	out->salt = account.salt;
	out->iterations = account.iterations;
	out->n = (size_t)n + 1;
	out->keys = arena_array(a, out->n, sizeof(*out->keys));
	out->names = arena_array(a, out->n, sizeof(*out->names));
	out->keys[0] = account.keys;
	for (int i = 0; i < n; i++) {
		out->keys[i + 1] = apps[i].keys;
		out->names[i + 1] = apps[i].name;
	}
	return 0;
}

const struct sasl_lookup lookup_users = {.name = lookup_name, .secrets = lookup_secrets};
