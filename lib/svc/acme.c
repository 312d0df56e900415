/* acme.c - see acme.h. */
#include "svc/acme.h"

#include "base/num.h"

bool
acme_is_on(const struct conf *c)
{
	return !str_eq_z(conf_str(c, CONF_ACME_CHALLENGE), "off");
}

size_t
acme_names(const struct conf *c, struct arena *a, struct str **out)
{
	const struct str host = conf_str(c, CONF_SERVER_HOST_NAME), *v;
	size_t n, done = 0;

	v = conf_list(c, CONF_ACME_NAMES, &n);
	if (n == 0)
		v = &host, n = 1;
	*out = arena_array(a, n, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		char *lower = arena_dupz(a, v[i]);
		size_t at = 0;

		str_lower(v[i], lower);
		while (at < done && !str_eq_z((*out)[at], lower))
			at++;
		if (at == done)
			(*out)[done++] = str_of(lower, v[i].n);
	}
	return done;
}

size_t
acme_chain_at(struct str pem)
{
	return str_find(pem, STR("-----BEGIN CERTIFICATE-----"));
}

struct str
acme_path(const struct provider *origin, struct str url)
{
	struct str rest = str_from(url, 8), authority, host;
	uint64_t port = 443;

	if (!str_istarts(url, STR("https://")) || url.n > ACME_URL_MAX)
		return STR_NONE;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '#')
			return STR_NONE;
	authority = str_sub(rest, 0, str_chr(rest, '/'));
	rest = str_from(rest, authority.n);
	if (str_cut(&authority, ':', &host) && num_parse(authority, 1, 65535, &port) < 0)
		return STR_NONE;
	return rest.n > 0 && port == origin->port && str_ieq_z(host, origin->host) ? rest
										   : STR_NONE;
}
