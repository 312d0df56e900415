/*
 * route.c - which route mail for a domain takes. See route.h.
 *
 * Routes are few (CONF_ROWS_MAX) and compared one by one. Owner: whoever made them; all is in their
 * arena. Errors: none, the configuration was checked.
 */
#include "svc/route.h"

#include <stdio.h>

#include "base/mem.h"

struct route {
	struct str domain; /* lower case; "*" and ".example.org" as written */
	struct str name;   /* as a destination; empty: goes by the domain's own hosts */
};

struct routes {
	struct arena a;
	struct route *v;
	size_t n;
};

/* Does all but the domain agree, so that both are one destination? */
static bool
same(const struct conf *c, size_t i, size_t j)
{
	static const enum conf_key text[] = {CONF_ROUTE_HOST, CONF_ROUTE_TLS, CONF_ROUTE_USER,
	    CONF_ROUTE_PASSWORD_FILE, CONF_ROUTE_CA_FILE};

	for (size_t k = 0; k < ARRAY_LEN(text); k++)
		if (!str_eq(conf_row_str(c, text[k], i), conf_row_str(c, text[k], j)))
			return false;
	return conf_row_num(c, CONF_ROUTE_PORT, i) == conf_row_num(c, CONF_ROUTE_PORT, j);
}

/* "relay.example.net:587"; another way to the same port is "relay.example.net:587/2". */
static struct str
name_of(struct routes *r, const struct conf *c, size_t i)
{
	struct str host = conf_row_str(c, CONF_ROUTE_HOST, i);
	unsigned port = (unsigned)conf_row_num(c, CONF_ROUTE_PORT, i), ways = 1;
	struct str name;

	if (host.n == 0)
		return STR_NONE;
	for (size_t j = 0; j < i; j++)
		if (same(c, i, j))
			return r->v[j].name;
	name = arena_printf(&r->a, STR_FMT ":%u", STR_ARG(host), port);
	for (size_t j = 0; j < i;)
		if (str_eq(r->v[j].name, name)) {
			name = arena_printf(&r->a, STR_FMT ":%u/%u", STR_ARG(host), port, ++ways);
			j = 0;
		} else {
			j++;
		}
	return name;
}

struct routes *
routes_new(const struct conf *c)
{
	struct routes *r = mem_alloc(sizeof(*r));
	char *domain;

	arena_init(&r->a);
	r->v = arena_array(&r->a, conf_count(c, CONF_TABLE_ROUTE) + 1, sizeof(*r->v));
	for (; r->n < conf_count(c, CONF_TABLE_ROUTE); r->n++) {
		domain = arena_dupz(&r->a, conf_row_str(c, CONF_ROUTE_DOMAIN, r->n));
		str_lower(str_z(domain), domain);
		r->v[r->n].domain = str_z(domain);
		r->v[r->n].name = name_of(r, c, r->n);
	}
	return r;
}

void
routes_free(struct routes **r)
{
	if (*r == NULL)
		return;
	arena_free(&(*r)->a);
	free(*r);
	*r = NULL;
}

/* How closely a route's domain names this one: 0 not at all, 1 for "*", then by length; nothing is
 * closer than the name itself. */
static size_t
closeness(struct str pattern, struct str domain)
{
	if (str_eq(pattern, domain))
		return (size_t)-1;
	if (str_eq_z(pattern, "*"))
		return 1;
	return pattern.p[0] == '.' && str_ends(domain, pattern) ? pattern.n : 0;
}

static size_t
find_domain(const struct routes *r, struct str domain)
{
	size_t best = 0, found = ROUTE_NONE, close;

	for (size_t i = 0; i < r->n; i++)
		if ((close = closeness(r->v[i].domain, domain)) > best) {
			best = close;
			found = i;
		}
	return found;
}

struct str
routes_destination(const struct routes *r, struct str domain)
{
	size_t i = find_domain(r, domain);

	return i == ROUTE_NONE || r->v[i].name.n == 0 ? domain : r->v[i].name;
}

size_t
route_file_row(const struct conf *c, enum conf_key k, size_t i)
{
	size_t first = 0;

	while (!str_eq(conf_row_str(c, k, first), conf_row_str(c, k, i)))
		first++;
	return first;
}

const char *
route_file_name(enum conf_key k, size_t row, char out[ROUTE_FILE_SIZE])
{
	snprintf(out, ROUTE_FILE_SIZE, "route.%zu.%s", row, conf_rows[k].key);
	return out;
}

/* A domain has no colon but in a literal, which ends in its bracket (RFC 5321 4.1.3). */
bool
routes_is_name(struct str dest)
{
	return str_chr(dest, ':') < dest.n && dest.p[dest.n - 1] != ']';
}

size_t
routes_find(const struct routes *r, struct str dest)
{
	if (!routes_is_name(dest))
		return find_domain(r, dest);
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->v[i].name, dest))
			return i;
	return ROUTE_NONE;
}
