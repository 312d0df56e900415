/* spf_match.c - which mechanisms match the peer (RFC 7208 5). */
#include <arpa/inet.h>

#include "sender/spf_in.h"

/* The first `bits` bits of both are the same. */
static bool
same_network(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned char mask = (unsigned char)(0xff00u >> (bits % 8));

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

static enum fact_type
address_type(const struct spf_check *c)
{
	return c->family == AF_INET ? FACT_A : FACT_AAAA;
}

/* One of the addresses is the peer's, by the first `bits`. */
static bool
any_address(const struct spf_check *c, const struct fact *f, unsigned bits)
{
	size_t size = c->family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < f->n; i++)
		if (f->records[i].n == size &&
		    same_network((const unsigned char *)f->records[i].p, c->ip, bits))
			return true;
	return false;
}

/* A question of the publisher's choosing. SPF_PASS: *out has records; SPF_FAIL: none, which counts
 * (4.6.4); a name that cannot be asked for has none. */
static enum spf_result
ask(struct spf_check *c, struct str name, enum fact_type type, const struct fact **out)
{
	if (!facts_name_ok(name))
		return SPF_FAIL;
	if ((*out = facts_get(c->f, name, type)) == NULL)
		return SPF_WAIT;
	if ((*out)->status == FACT_FAILED)
		return spf_problem(c, SPF_TEMPERROR, "no answer for " STR_FMT, STR_ARG(name));
	if ((*out)->status == FACT_FOUND)
		return SPF_PASS;
	if (++c->voids > SPF_VOIDS_MAX)
		return spf_problem(
		    c, SPF_PERMERROR, "more than %d names without records", SPF_VOIDS_MAX);
	return SPF_FAIL;
}

static unsigned
prefix(const struct spf_check *c, const struct spf_term *t)
{
	return c->family == AF_INET ? t->cidr4 : t->cidr6;
}

/* 5.3 */
static enum spf_result
match_a(struct spf_check *c, const struct spf_term *t, struct str target)
{
	const struct fact *f;
	enum spf_result got = ask(c, target, address_type(c), &f);

	if (got != SPF_PASS)
		return got;
	return any_address(c, f, prefix(c, t)) ? SPF_PASS : SPF_FAIL;
}

/* 5.4: no address of the name itself stands in for missing MX records. */
static enum spf_result
match_mx(struct spf_check *c, const struct spf_term *t, struct str target)
{
	const struct fact *mx, *f;
	enum spf_result got = ask(c, target, FACT_MX, &mx);

	if (got != SPF_PASS)
		return got;
	if (mx->n > SPF_HOSTS_MAX)
		return spf_problem(c, SPF_PERMERROR, STR_FMT " has more than %d MX records",
		    STR_ARG(target), SPF_HOSTS_MAX);
	/* All are wished for before the first is waited for. */
	for (size_t i = 0; i < mx->n; i++)
		if (facts_name_ok(mx->records[i]) &&
		    facts_get(c->f, mx->records[i], address_type(c)) == NULL)
			got = SPF_WAIT;
	if (got == SPF_WAIT)
		return got;
	for (size_t i = 0; i < mx->n; i++) {
		got = ask(c, mx->records[i], address_type(c), &f);
		if (got == SPF_PASS && any_address(c, f, prefix(c, t)))
			return SPF_PASS;
		if (got != SPF_PASS && got != SPF_FAIL)
			return got;
	}
	return SPF_FAIL;
}

static bool
is_under(struct str name, struct str domain)
{
	if (str_ieq(name, domain))
		return true;
	return name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
	       str_ieq(str_from(name, name.n - domain.n), domain);
}

enum spf_result
spf_validated(struct spf_check *c, struct str domain, struct str *best, bool *under)
{
	struct str reverse = spf_dotted(c), name, part;
	const struct fact *ptr;
	size_t hosts;

	*best = STR_NONE;
	*under = false;
	/* The parts of the address, last first. */
	name = c->family == AF_INET ? STR("in-addr.arpa") : STR("ip6.arpa");
	while (reverse.n > 0) {
		str_cut(&reverse, '.', &part);
		name = arena_printf(c->a, STR_FMT "." STR_FMT, STR_ARG(part), STR_ARG(name));
	}
	if ((ptr = facts_get(c->f, name, FACT_PTR)) == NULL)
		return SPF_WAIT;
	/* 5.5: an error finds nothing, and of many names ten count; they are the peer's to choose,
	 * not the publisher's, so none of it counts as void. */
	hosts = ptr->n < SPF_HOSTS_MAX ? ptr->n : SPF_HOSTS_MAX;
	enum spf_result got = SPF_NONE;

	for (size_t i = 0; i < hosts; i++)
		if (facts_name_ok(ptr->records[i]) &&
		    facts_get(c->f, ptr->records[i], address_type(c)) == NULL)
			got = SPF_WAIT;
	if (got == SPF_WAIT)
		return got;
	for (size_t i = 0; i < hosts; i++) {
		struct str host = ptr->records[i];

		if (!facts_name_ok(host) || !any_address(c, facts_get(c->f, host, address_type(c)),
						c->family == AF_INET ? 32 : 128))
			continue;
		/* 7.2: the domain itself before a name below it before any other. */
		if (best->n == 0 || str_ieq(host, domain) ||
		    (is_under(host, domain) && !is_under(*best, domain)))
			*best = host;
		*under = *under || is_under(host, domain);
	}
	return SPF_NONE;
}

static enum spf_result
match_ptr(struct spf_check *c, struct str target)
{
	struct str best;
	bool under;

	if (spf_validated(c, target, &best, &under) == SPF_WAIT)
		return SPF_WAIT;
	return under ? SPF_PASS : SPF_FAIL;
}

enum spf_result
spf_match(struct spf_check *c, const struct spf_term *t, struct str domain)
{
	const struct fact *f;
	struct str target;

	switch (t->kind) {
	case SPF_ALL:
		return SPF_PASS;
	case SPF_IP4:
		return c->family == AF_INET && same_network(c->ip, t->ip, t->cidr4) ? SPF_PASS
										    : SPF_FAIL;
	case SPF_IP6:
		return c->family == AF_INET6 && same_network(c->ip, t->ip, t->cidr6) ? SPF_PASS
										     : SPF_FAIL;
	case SPF_INCLUDE: /* spf.c has it */
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS:
		break;
	}
	if (spf_macro_target(c, t->domain, domain, &target) == SPF_WAIT)
		return SPF_WAIT;
	if (t->kind == SPF_A)
		return match_a(c, t, target);
	if (t->kind == SPF_MX)
		return match_mx(c, t, target);
	if (t->kind == SPF_PTR)
		return match_ptr(c, target);
	return ask(c, target, FACT_A, &f); /* 5.7: A whatever the peer's family */
}
