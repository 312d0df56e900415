/*
 * resolve.c - see resolve.h.
 *
 * A walk over aliases, depth first. Each alias is looked into once; one that is met again while it
 * is still being looked into is a circle. Targets that lead nowhere (a user who was deleted) are
 * passed over as long as another one leads somewhere. What is not in a domain of ours is a target
 * itself: mail to the alias is forwarded there, whoever sent it.
 */
#include "authd/resolve.h"

#include "authd/accounts.h"
#include "base/num.h"
#include "mail/address.h"
#include "net/idna.h"

struct walk {
	struct db *db;
	const struct resolve_rules *rules;
	struct arena *a;
	struct resolved *out;
	struct {
		struct str address;
		bool open; /* still being looked into */
	} seen[RESOLVE_ALIASES];
	size_t nseen;
	unsigned depth;
	struct str foreign[RESOLVE_TARGETS];
	size_t nforeign;
};

static int walk_address(struct walk *w, struct str address, struct err *e);
static int walk_target(struct walk *w, struct str target, struct err *e);

/* Adds to the n of v. */
static void
found(struct walk *w, struct str *v, size_t *n, struct str address)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(v[i], address))
			return;
	if (w->out->nlocal + w->nforeign == RESOLVE_TARGETS)
		w->out->over = true;
	else
		v[(*n)++] = arena_dup(w->a, address);
}

static void
found_user(struct walk *w, struct str user)
{
	if (w->out->targets == NULL)
		w->out->targets = arena_array(w->a, RESOLVE_TARGETS, sizeof(struct str));
	found(w, w->out->targets, &w->out->nlocal, user);
}

/* Follows all targets of an alias. 1: it is one; 0: it is not. */
static int
walk_alias(struct walk *w, struct str alias, struct err *e)
{
	struct str *targets;
	size_t n, me;
	int rc;

	for (size_t i = 0; i < w->nseen; i++)
		if (str_eq(w->seen[i].address, alias)) {
			w->out->loop |= w->seen[i].open;
			return 1;
		}
	if ((rc = accounts_alias(w->db, alias, w->a, &targets, &n, e)) <= 0)
		return rc;
	if (w->depth == RESOLVE_DEPTH || w->nseen == RESOLVE_ALIASES) {
		w->out->over = true;
		return 1;
	}
	me = w->nseen++;
	w->seen[me].address = arena_dup(w->a, alias);
	w->seen[me].open = true;
	w->depth++;
	for (size_t i = 0; i < n; i++)
		if (walk_target(w, targets[i], e) < 0)
			return -1;
	w->depth--;
	w->seen[me].open = false;
	return 1;
}

static int
walk_name(struct walk *w, struct str address, struct err *e)
{
	int rc = accounts_is_user(w->db, address, e);

	if (rc == 1)
		found_user(w, address);
	return rc != 0 ? rc : walk_alias(w, address, e);
}

/* postmaster and abuse, where nobody set them up: the configured address, or the first user of the
 * domain, or of all. */
static int
walk_postmaster(struct walk *w, struct str domain, struct err *e)
{
	struct str to = w->rules->postmaster;
	int rc;

	if (to.n > 0 && address_canonical(to, w->a, &to, NULL) == 0 &&
	    (rc = walk_name(w, to, e)) != 0)
		return rc;
	if ((rc = accounts_first_user(w->db, domain, w->a, &to, e)) == 0)
		rc = accounts_first_user(w->db, STR_NONE, w->a, &to, e);
	if (rc == 1)
		found_user(w, to);
	return rc;
}

static bool
is_role(struct str local)
{
	return str_eq_z(local, "postmaster") || str_eq_z(local, "abuse");
}

/* 1: it is one of ours. RFC 5321 4.5.1: postmaster at the server's own name, whether that is a mail
 * domain or not. */
static int
is_ours(struct walk *w, struct str address, struct err *e)
{
	struct str local, domain;
	int ours;

	if (!address_split(address, &local, &domain))
		return 0;
	if ((ours = accounts_domain(w->db, domain, e)) != 0)
		return ours;
	return is_role(local) && str_ieq(domain, w->rules->host);
}

bool
resolve_is_host(struct str address, const struct resolve_rules *rules)
{
	return str_ieq(address_host(address), rules->host);
}

/* 1: it led somewhere, or is at another host. */
static int
walk_target(struct walk *w, struct str target, struct err *e)
{
	int ours = is_ours(w, target, e);
	struct str foreign;

	if (ours != 0)
		return ours < 0 ? ours : walk_address(w, target, e);
	if (resolve_is_host(target, w->rules))
		return 0;
	if (resolve_foreign(target, w->a, &foreign, NULL) < 0)
		return 0;
	found(w, w->foreign, &w->nforeign, foreign);
	return 1;
}

static int
walk_address(struct walk *w, struct str address, struct err *e)
{
	struct str local, domain, user, tag;
	int rc;

	if ((rc = walk_name(w, address, e)) != 0)
		return rc;
	if (!address_split(address, &local, &domain))
		return 0;
	if (w->rules->separator != '\0') {
		address_split_tag(local, w->rules->separator, &user, &tag);
		if (tag.p != NULL) {
			struct str plain =
			    arena_printf(w->a, STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(domain));

			if ((rc = walk_name(w, plain, e)) != 0)
				return rc;
			local = user;
		}
	}
	if (is_role(local))
		return walk_postmaster(w, domain, e);
	return walk_alias(w, arena_printf(w->a, "@" STR_FMT, STR_ARG(domain)), e);
}

static void
conclude(struct walk *w)
{
	struct resolved *r = w->out;

	if (w->nforeign > 0 && r->targets == NULL)
		r->targets = arena_array(w->a, RESOLVE_TARGETS, sizeof(struct str));
	if (w->nforeign > 0)
		memcpy(r->targets + r->nlocal, w->foreign, w->nforeign * sizeof(struct str));
	r->n = r->nlocal + w->nforeign;
	if (r->n > 0)
		r->verdict = RCPT_OK;
	else
		r->verdict = r->loop || r->over ? RCPT_LOOP : RCPT_NO_USER;
}

int
resolve(struct db *db, struct str address, const struct resolve_rules *rules, struct arena *a,
    struct resolved *out, struct err *e)
{
	struct walk w = {.db = db, .rules = rules, .a = a, .out = out};
	int ours;

	*out = (struct resolved){.verdict = RCPT_NO_USER};
	if ((ours = is_ours(&w, address, e)) < 0)
		return -1;
	if (ours == 0) {
		out->verdict = RCPT_RELAY;
		return 0;
	}
	if (walk_address(&w, address, e) < 0)
		return -1;
	conclude(&w);
	return 0;
}

int
resolve_foreign(struct str given, struct arena *a, struct str *out, struct err *e)
{
	struct address addr;
	struct str domain;

	if (address_parse(given, ADDRESS_UTF8, a, &addr, e) < 0)
		return -1;
	domain = addr.domain;
	if (!addr.literal && idna_to_ascii(addr.domain, a, &domain, e) < 0)
		return -1;
	/* What stands before the last '@' is quoted where it must be. */
	*out = arena_printf(a, STR_FMT "@" STR_FMT,
	    STR_ARG(str_sub(addr.text, 0, addr.text.n - addr.domain.n - 1)), STR_ARG(domain));
	return out->n + 2 > ADDRESS_PATH_MAX ? err_set(e, E_LIMIT, "address too long") : 0;
}

int
resolve_alias(struct db *db, struct str alias, const struct resolve_rules *rules, struct arena *a,
    struct resolved *out, struct err *e)
{
	struct walk w = {.db = db, .rules = rules, .a = a, .out = out};

	*out = (struct resolved){.verdict = RCPT_NO_USER};
	if (walk_alias(&w, alias, e) < 0)
		return -1;
	conclude(&w);
	return 0;
}
