/* routes.c - see routes.h. */
#include "webd/routes.h"

#include "base/mem.h"
#include "webd/files.h"

static const struct route *const tables[] = {
    auth_routes,
    wellknown_routes,
    autoconfig_routes,
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

const struct route *
routes_find(struct str path, unsigned method, unsigned *status, unsigned *allow)
{
	const struct route *best = NULL;
	size_t longest = 0;

	*allow = 0;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (const struct route *r = tables[i]; r->path; r++) {
			size_t n = fits(r, path);

			if (n == 0 || n < longest)
				continue;
			if (n > longest) {
				longest = n;
				best = NULL;
				*allow = 0;
			}
			*allow |= r->methods;
			if (r->methods & method)
				best = r;
		}
	}
	if (longest == 0 && files_have(path)) {
		*allow = files_route.methods;
		best = (method & METHOD_GET) ? &files_route : NULL;
	}
	*status = *allow == 0 ? 404 : 405;
	return best;
}
