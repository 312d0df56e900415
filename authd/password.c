/*
 * password.c - see password.h.
 *
 * A job owns copies of all it works on and is wiped when done.
 */
#include "authd/password.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/pool.h"
#include "svc/metrics.h"

enum job_kind {
	JOB_CHECK,
	JOB_MAKE,
	JOB_DERIVE
};

struct job {
	enum job_kind kind;
	char password[PASSWORD_MAX];
	size_t n;
	struct password_secret secret; /* what to check against, or what is made */
	struct password_cost cost;
	bool known; /* there is such a user */
	bool ok;
	uint64_t started;
	password_checked_fn checked;
	password_made_fn made;
	void *arg;
};

static struct pool *pool;
static struct password_cost now;
static char nobody[crypto_pwhash_STRBYTES]; /* the hash that nothing fits */

static bool
make_hash(struct str password, const struct password_cost *cost, char out[crypto_pwhash_STRBYTES])
{
	return crypto_pwhash_str_alg(out, password.p, password.n, cost->passes, cost->memory,
		   crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* The hash that nothing fits: of a password that is forgotten at once. */
static int
make_nobody(const struct password_cost *cost, struct err *e)
{
	char noise[32], hash[crypto_pwhash_STRBYTES];

	randombytes_buf(noise, sizeof(noise));
	if (!make_hash(str_of(noise, sizeof(noise)), cost, hash))
		return err_set(e, E_PERM,
		    "argon2id does not work with auth.hash_memory and "
		    "auth.hash_passes as they are");
	memcpy(nobody, hash, sizeof(nobody));
	sodium_memzero(noise, sizeof(noise));
	return 0;
}

int
password_init(const struct password_cost *cost, struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, E_INTERNAL, "libsodium does not start");
	now = *cost;
	return make_nobody(cost, e);
}

int
password_set_cost(const struct password_cost *cost, struct err *e)
{
	if ((cost->memory != now.memory || cost->passes != now.passes) && make_nobody(cost, e) < 0)
		return -1;
	now = *cost;
	return 0;
}

int
password_start(unsigned threads, struct err *e)
{
	return (pool = pool_new(threads, PASSWORD_BACKLOG, e)) ? 0 : -1;
}

bool
password_is_stale(struct str hash)
{
	char z[crypto_pwhash_STRBYTES];

	return str_cz(hash, z, sizeof(z)) == 0 &&
	       crypto_pwhash_str_needs_rehash(z, now.passes, now.memory) == 1;
}

void
password_done(void)
{
	pool_free(&pool);
}

static void
work(void *arg)
{
	struct job *j = arg;
	struct str password = str_of(j->password, j->n);

	if (j->kind == JOB_CHECK) {
		j->ok = crypto_pwhash_str_verify(j->secret.hash, j->password, j->n) == 0;
		return;
	}
	if (j->kind == JOB_MAKE && !make_hash(password, &j->cost, j->secret.hash))
		return;
	scram_derive(password, str_of(j->secret.salt, sizeof(j->secret.salt)), j->secret.iterations,
	    &j->secret.keys);
	j->ok = true;
}

static void
done(void *arg)
{
	struct job *j = arg;

	metric_observe(METRIC_AUTH_HASH_SECONDS, clock_us() - j->started);
	if (j->kind == JOB_CHECK)
		j->checked(j->arg, j->ok && j->known);
	else {
		if (!j->ok)
			log_error("auth.hash", LZ("error", "out of memory for argon2id"));
		j->made(j->arg, j->ok ? &j->secret : NULL);
	}
	sodium_memzero(j, sizeof(*j));
	free(j);
}

static struct job *
job_new(enum job_kind kind, struct str password, void *arg)
{
	struct job *j = mem_alloc(sizeof(*j));

	assume(password.n <= PASSWORD_MAX);
	j->kind = kind;
	memcpy(j->password, password.p, password.n);
	j->n = password.n;
	j->cost = now;
	j->arg = arg;
	j->started = clock_us();
	return j;
}

static int
submit(struct job *j, struct err *e)
{
	if (pool == NULL)
		err_set(e, E_TEMP, "not started yet");
	else if (pool_submit(pool, work, done, j, e) == 0)
		return 0;
	sodium_memzero(j, sizeof(*j));
	free(j);
	return -1;
}

int
password_check(
    struct str hash, struct str password, password_checked_fn fn, void *arg, struct err *e)
{
	struct job *j;

	if (password.n > PASSWORD_MAX)
		return err_set(e, E_INVAL, "password too long");
	j = job_new(JOB_CHECK, password, arg);
	j->checked = fn;
	j->known = hash.n > 0 && str_cz(hash, j->secret.hash, sizeof(j->secret.hash)) == 0;
	if (!j->known)
		memcpy(j->secret.hash, nobody, sizeof(nobody));
	return submit(j, e);
}

static int
submit_make(enum job_kind kind, struct str password, struct str salt, uint32_t iterations,
    password_made_fn fn, void *arg, struct err *e)
{
	struct job *j;

	if (password.n > PASSWORD_MAX)
		return err_set(e, E_INVAL, "password too long");
	j = job_new(kind, password, arg);
	j->made = fn;
	if (salt.n == SCRAM_SALT) {
		memcpy(j->secret.salt, salt.p, SCRAM_SALT);
		j->secret.iterations = iterations;
	} else {
		randombytes_buf(j->secret.salt, SCRAM_SALT);
		j->secret.iterations = now.iterations;
	}
	return submit(j, e);
}

int
password_make(struct str password, struct str salt, uint32_t iterations, password_made_fn fn,
    void *arg, struct err *e)
{
	return submit_make(JOB_MAKE, password, salt, iterations, fn, arg, e);
}

int
password_derive(struct str password, struct str salt, uint32_t iterations, password_made_fn fn,
    void *arg, struct err *e)
{
	return submit_make(JOB_DERIVE, password, salt, iterations, fn, arg, e);
}
