/* routes.c - see routes.h. */
#include "webd/routes.h"

#include "base/mem.h"
#include "webd/files.h"

static const struct route *const tables[] = {
    auth_routes,
    agents_routes,
    jmap_routes,
    ws_routes,
    events_routes,
    mcp_routes,
    assistant_routes,
    wellknown_routes,
    autoconfig_routes,
    challenge_routes,
};

/* How much of the path the row takes; 0: it does not fit. */
static size_t
fits(const struct route *r, struct str path)
{
	struct str own = str_z(r->path);

	if (str_ends(own, STR("/")) ? str_starts(path, own) : str_eq(path, own))
		return own.n;
	return 0;
}

const struct route *routes_more;

/* The best row so far, for a path and method. */
struct search {
	struct str path;
	unsigned method, allow;
	size_t longest;
	const struct route *best;
};

static void
look(struct search *s, const struct route *table)
{
	for (const struct route *r = table; r->path; r++) {
		size_t n = fits(r, s->path);

		if (n == 0 || n < s->longest)
			continue;
		if (n > s->longest) {
			s->longest = n;
			s->best = NULL;
			s->allow = 0;
		}
		s->allow |= r->methods;
		if (r->methods & s->method)
			s->best = r;
	}
}

const struct route *
routes_find(struct str path, unsigned method, unsigned *status, unsigned *allow)
{
	struct search s = {.path = path, .method = method};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		look(&s, tables[i]);
	if (routes_more)
		look(&s, routes_more);
	if (s.longest == 0 && files_have(path)) {
		s.allow = files_route.methods;
		s.best = (method & METHOD_GET) ? &files_route : NULL;
	}
	*allow = s.allow;
	*status = s.allow == 0 ? 404 : 405;
	return s.best;
}
