/* policy_copy.c - answers of policy.h that outlive the question. */
#include <sodium.h>

#include "delivery/remote/policy.h"

void
policy_route_copy(struct arena *a, const struct policy_route *from, struct policy_route *to)
{
	struct policy_host *hosts = arena_array(a, from->nhosts + 1, sizeof(*hosts));

	*to = *from;
	to->key = arena_dup(a, from->key);
	to->name = arena_dup(a, from->name);
	to->domain = arena_dup(a, from->domain);
	to->user = arena_dup(a, from->user);
	to->password = arena_dup(a, from->password);
	to->ca_file = arena_dup(a, from->ca_file);
	for (size_t i = 0; i < from->nhosts; i++)
		hosts[i] =
		    (struct policy_host){arena_dup(a, from->hosts[i].name), from->hosts[i].port};
	to->hosts = hosts;
}

void
policy_route_wipe(struct policy_route *r)
{
	if (r->password.n > 0)
		sodium_memzero((char *)r->password.p, r->password.n);
	r->password = STR_NONE;
}

void
policy_tls_copy(struct arena *a, const struct policy_tls *from, struct policy_tls *to)
{
	const struct tls_check *c = &from->check;
	struct str *names = arena_array(a, c->nnames + 1, sizeof(*names));
	struct tls_tlsa *tlsa = arena_array(a, c->ntlsa + 1, sizeof(*tlsa));

	*to = *from;
	to->why = arena_dup(a, from->why);
	to->refused = arena_dup(a, from->refused);
	to->check.sni = arena_dup(a, c->sni);
	for (size_t i = 0; i < c->nnames; i++)
		names[i] = arena_dup(a, c->names[i]);
	for (size_t i = 0; i < c->ntlsa; i++) {
		tlsa[i] = c->tlsa[i];
		tlsa[i].data = arena_dup(a, c->tlsa[i].data);
	}
	to->check.names = names;
	to->check.tlsa = tlsa;
}
