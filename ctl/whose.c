/* whose.c - the users that arguments name: addresses, or local parts where that is enough. */
#include "base/buf.h"
#include "base/mem.h"
#include "ctl/client.h"

/* "alice is in several domains: alice@a.test, alice@b.test": of the users that have it. */
static int
choose(const char **who, const struct rows *domains, struct err *e)
{
	struct str local = str_z(*who), of;
	struct rows r;
	size_t n = 0, at;
	struct buf all;

	if (client_rows("authd", MSG_USER_LIST, 5, &r, e) < 0)
		return -1;
	buf_init(&all, 4096);
	for (size_t i = 0; i < r.n; i += r.width) {
		at = str_rchr(r.v[i], '@');
		if (!str_ieq(str_sub(r.v[i], 0, at), local))
			continue;
		of = r.v[i];
		(void)buf_printf(&all, "%s" STR_FMT, n++ > 0 ? ", " : "", STR_ARG(of));
	}
	if (n == 1)
		*who = arena_dupz(&ctl.arena, of);
	else if (n == 0)
		err_set(e, E_NOTFOUND, "%s: no such user in any of %zu domains", *who,
		    domains->n / domains->width);
	else
		err_set(e, E_INVAL, "%s is several users: " STR_FMT "; write which", *who,
		    STR_ARG(buf_view(&all)));
	buf_free(&all);
	return n == 1 ? 0 : -1;
}

int
client_whose(const char **who, struct err *e)
{
	struct rows r;

	if (strchr(*who, '@') != NULL || **who == '\0')
		return 0;
	if (client_rows("authd", MSG_DOMAIN_LIST, 5, &r, e) < 0)
		return -1;
	if (r.n == r.width)
		*who = arena_printf(&ctl.arena, "%s@" STR_FMT, *who, STR_ARG(r.v[0])).p;
	else if (r.n > 0)
		return choose(who, &r, e);
	return 0;
}

int
args_whose(struct err *e)
{
	const char *who = ctl.args[0];

	if (client_whose(&who, e) < 0)
		return -1;
	ctl.args[0] = (char *)(uintptr_t)who;
	return 0;
}
