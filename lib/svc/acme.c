/* acme.c - see acme.h. */
#include "svc/acme.h"

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
