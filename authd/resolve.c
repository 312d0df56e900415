/*
 * resolve.c - see resolve.h.
 *
 * A walk over aliases, depth first. Each alias is looked into once; one that is met again while it
 * is still being looked into is a circle. Targets that lead nowhere (a user who was deleted) are
 * passed over as long as another one leads somewhere.
 */
#include "authd/resolve.h"

#include "authd/accounts.h"
#include "mail/address.h"

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
};

static int walk_address(struct walk *w, struct str address, struct err *e);

static void
found(struct walk *w, struct str user)
{
	struct resolved *r = w->out;

	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->targets[i], user))
			return;
	if (r->n == RESOLVE_TARGETS) {
		r->over = true;
		return;
	}
	if (r->targets == NULL)
		r->targets = arena_array(w->a, RESOLVE_TARGETS, sizeof(*r->targets));
	r->targets[r->n++] = arena_dup(w->a, user);
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
		if (walk_address(w, targets[i], e) < 0)
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
		found(w, address);
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
		found(w, to);
	return rc;
}

static bool
is_role(struct str local)
{
	return str_eq_z(local, "postmaster") || str_eq_z(local, "abuse");
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
conclude(struct resolved *r)
{
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
	struct str local, domain;
	int ours;

	*out = (struct resolved){.verdict = RCPT_NO_USER};
	if (!address_split(address, &local, &domain))
		return err_set(e, E_INVAL, "no address");
	if ((ours = accounts_domain(db, domain, e)) < 0)
		return -1;
	/* RFC 5321 4.5.1: postmaster at the server's own name, whether it is a mail domain or not.
	 */
	if (ours == 0 && !(is_role(local) && str_ieq(domain, rules->host))) {
		out->verdict = RCPT_RELAY;
		return 0;
	}
	if (walk_address(&w, address, e) < 0)
		return -1;
	conclude(out);
	return 0;
}

int
resolve_alias(struct db *db, struct str alias, const struct resolve_rules *rules, struct arena *a,
    struct resolved *out, struct err *e)
{
	struct walk w = {.db = db, .rules = rules, .a = a, .out = out};

	*out = (struct resolved){.verdict = RCPT_NO_USER};
	if (walk_alias(&w, alias, e) < 0)
		return -1;
	conclude(out);
	return 0;
}
