/*
 * quota.c - see quota.h.
 *
 * Sums are kept saturated: nonsense from another process makes a mailbox look full or empty, never
 * wraps.
 */
#include "authd/quota.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"

struct domain {
	char *name;
	uint64_t quota;  /* 0: none */
	uint64_t octets; /* of all its users */
	UT_hash_handle hh;
};

struct user {
	char *address;
	size_t n;
	struct domain *domain;
	uint64_t quota;
	uint64_t octets, messages;
	bool dirty;
	UT_hash_handle hh;
};

static struct domain *domains;
static struct user *users;
static size_t dirty;

static struct domain *
domain_find(struct str name)
{
	struct domain *d;

	HASH_FIND(hh, domains, name.p, name.n, d);
	return d;
}

static struct user *
user_find(struct str address)
{
	struct user *u;

	HASH_FIND(hh, users, address.p, address.n, u);
	return u;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return num_add(a, b, &sum) ? sum : UINT64_MAX;
}

static void
user_drop(struct user *u)
{
	if (u->domain != NULL)
		u->domain->octets -= num_min(u->domain->octets, u->octets);
	dirty -= u->dirty;
	HASH_DEL(users, u);
	free(u->address);
	free(u);
}

void
quota_done(void)
{
	struct domain *d, *next;

	while (users != NULL)
		user_drop(users);
	HASH_ITER (hh, domains, d, next) {
		HASH_DEL(domains, d);
		free(d->name);
		free(d);
	}
}

static void
load_one(const struct accounts_usage *u)
{
	if (u->address.n == 0) {
		quota_domain_set(u->domain, u->quota);
		return;
	}
	quota_user_new(u->address, u->quota);
	quota_set(u->address, u->octets, u->messages);
}

int
quota_load(struct db *db, struct err *e)
{
	int rc;

	quota_done();
	rc = accounts_usage(db, load_one, e);
	/* What was just read needs no writing back. */
	for (struct user *u = users; u != NULL; u = u->hh.next)
		u->dirty = false;
	dirty = 0;
	return rc;
}

void
quota_user_new(struct str user, uint64_t quota)
{
	struct user *u = user_find(user);

	if (u != NULL)
		user_drop(u);
	u = mem_alloc(sizeof(*u));
	u->address = mem_dup(user.p, user.n);
	u->n = user.n;
	u->domain = domain_find(address_host(user));
	u->quota = quota;
	HASH_ADD_KEYPTR(hh, users, u->address, u->n, u);
}

void
quota_user_set(struct str user, uint64_t quota)
{
	struct user *u = user_find(user);

	if (u != NULL)
		u->quota = quota;
}

void
quota_user_gone(struct str user)
{
	struct user *u = user_find(user);

	if (u != NULL)
		user_drop(u);
}

void
quota_domain_set(struct str name, uint64_t quota)
{
	struct domain *d = domain_find(name);

	if (d == NULL) {
		d = mem_alloc(sizeof(*d));
		d->name = mem_dup(name.p, name.n);
		HASH_ADD_KEYPTR(hh, domains, d->name, name.n, d);
	}
	d->quota = quota;
}

void
quota_domain_gone(struct str name)
{
	struct domain *d = domain_find(name);

	if (d == NULL)
		return;
	for (struct user *u = users; u != NULL; u = u->hh.next)
		if (u->domain == d)
			u->domain = NULL;
	HASH_DEL(domains, d);
	free(d->name);
	free(d);
}

static bool
fits(uint64_t quota, uint64_t used, uint64_t more)
{
	return quota == 0 || plus(used, num_max(more, 1u)) <= quota;
}

bool
quota_room(struct str user, uint64_t octets)
{
	struct user *u = user_find(user);

	if (u == NULL)
		return true;
	return fits(u->quota, u->octets, octets) &&
	       (u->domain == NULL || fits(u->domain->quota, u->domain->octets, octets));
}

void
quota_set(struct str user, uint64_t octets, uint64_t messages)
{
	struct user *u = user_find(user);

	if (u == NULL || (u->octets == octets && u->messages == messages))
		return;
	if (u->domain != NULL) {
		u->domain->octets -= num_min(u->domain->octets, u->octets);
		u->domain->octets = plus(u->domain->octets, octets);
	}
	u->octets = octets;
	u->messages = messages;
	dirty += !u->dirty;
	u->dirty = true;
}

void
quota_add(struct str user, uint64_t octets, uint64_t messages)
{
	struct user *u = user_find(user);

	if (u != NULL)
		quota_set(user, plus(u->octets, octets), plus(u->messages, messages));
}

bool
quota_usage(struct str user, uint64_t *octets, uint64_t *messages)
{
	struct user *u = user_find(user);

	if (u == NULL)
		return false;
	*octets = u->octets;
	*messages = u->messages;
	return true;
}

size_t
quota_take_dirty(struct arena *a, size_t max, struct accounts_usage **out)
{
	size_t n = 0, want = num_min(dirty, max);

	if (want == 0)
		return 0;
	*out = arena_array(a, want, sizeof(**out));
	for (struct user *u = users; u != NULL && n < want; u = u->hh.next) {
		if (!u->dirty)
			continue;
		u->dirty = false;
		dirty--;
		(*out)[n++] = (struct accounts_usage){
		    .domain = STR(""),
		    .address = arena_dup(a, str_of(u->address, u->n)),
		    .quota = u->quota,
		    /* sqlite's integers have a sign. */
		    .octets = num_min(u->octets, (uint64_t)INT64_MAX),
		    .messages = num_min(u->messages, (uint64_t)INT64_MAX),
		};
	}
	return n;
}
