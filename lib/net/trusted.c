/*
 * trusted.c - see trusted.h.
 */
#include "net/trusted.h"

static struct network trusted[TRUSTED_MAX];
static size_t ntrusted;

int
trusted_configure(const struct str *networks, size_t n, struct err *e)
{
	struct network parsed[TRUSTED_MAX];

	if (n > TRUSTED_MAX)
		return err_set(e, E_INVAL, "more than %u trusted networks", TRUSTED_MAX);
	for (size_t i = 0; i < n; i++)
		if (network_parse(networks[i], &parsed[i], e) < 0)
			return -1;
	if (n > 0)
		memcpy(trusted, parsed, n * sizeof(*parsed));
	ntrusted = n;
	return 0;
}

bool
trusted_has(const struct network *n)
{
	for (size_t i = 0; i < ntrusted; i++)
		if (network_holds(&trusted[i], n))
			return true;
	return false;
}

bool
trusted_peer(const struct sockaddr_storage *peer)
{
	struct network n;

	return network_of(peer, 32, 128, &n) && trusted_has(&n);
}
