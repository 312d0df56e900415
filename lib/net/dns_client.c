/*
 * dns_client.c - PTR, then addresses of its names until one leads back. See dns_client.h.
 *
 * Owner: who asked, until the callback or dns_client_cancel(). Errors: none; they are results.
 */
#include "net/dns_client.h"

#include "base/mem.h"

#define CLIENT_MAGIC 0x444e5343u

struct dns_client {
	uint32_t magic;
	struct dns *dns;
	struct dns_ask *ask;
	struct sockaddr_storage peer;
	uint32_t ms;
	dns_client_fn fn;
	void *arg;
	struct arena arena;
	struct str names[DNS_CLIENT_NAMES];
	size_t n, at;
	bool temp; /* some name could not be looked at */
};

static void
client_free(struct dns_client *c)
{
	dns_cancel(&c->ask);
	arena_free(&c->arena);
	c->magic = 0;
	free(c);
}

static void
end(struct dns_client *c, enum dns_client_result result, struct str name)
{
	dns_client_fn fn = c->fn;
	void *arg = c->arg;
	char copy[DNS_NAME_MAX + 1];

	if (str_cz(name, copy, sizeof(copy)) < 0)
		copy[0] = '\0';
	client_free(c);
	fn(arg, result, str_z(copy));
}

/* The address without the wrapping of IPv4 in IPv6. */
static enum dns_type
address_of(const struct sockaddr_storage *peer, const void **p, size_t *n)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)peer;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)peer;

	*n = sizeof(v4->sin_addr);
	*p = &v4->sin_addr;
	if (peer->ss_family == AF_INET)
		return DNS_A;
	*p = v6->sin6_addr.s6_addr + 12;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return DNS_A;
	*n = sizeof(v6->sin6_addr);
	*p = &v6->sin6_addr;
	return DNS_AAAA;
}

static bool
leads_back(const struct dns_client *c, const struct dns_answer *r)
{
	const void *p;
	size_t n;
	enum dns_type type = address_of(&c->peer, &p, &n);

	for (size_t i = 0; i < r->n; i++) {
		const struct dns_record *rec = &r->records[i];

		if (memcmp(p, type == DNS_A ? (const void *)&rec->a : (const void *)&rec->aaaa,
			n) == 0)
			return true;
	}
	return false;
}

static void look_at_next(struct dns_client *c);

static void
on_addresses(void *arg, const struct dns_answer *r)
{
	struct dns_client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	c->ask = NULL;
	if (r->status == DNS_TEMP || r->status == DNS_BOGUS)
		c->temp = true;
	if (leads_back(c, r)) {
		end(c, DNS_CLIENT_PASS, c->names[c->at]);
		return;
	}
	c->at++;
	look_at_next(c);
}

static void
look_at_next(struct dns_client *c)
{
	const void *p;
	size_t n;

	if (c->at == c->n)
		end(c, c->temp ? DNS_CLIENT_TEMP : DNS_CLIENT_FAIL, STR_NONE);
	else
		c->ask = dns_ask(
		    c->dns, c->names[c->at], address_of(&c->peer, &p, &n), c->ms, on_addresses, c);
}

static void
on_names(void *arg, const struct dns_answer *r)
{
	struct dns_client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	c->ask = NULL;
	c->temp = r->status == DNS_TEMP || r->status == DNS_BOGUS;
	for (size_t i = 0; i < r->n && c->n < DNS_CLIENT_NAMES; i++)
		if (dns_is_host(r->records[i].name))
			c->names[c->n++] = arena_dup(&c->arena, r->records[i].name);
	look_at_next(c);
}

struct dns_client *
dns_client_ask(
    struct dns *d, const struct sockaddr_storage *peer, uint32_t ms, dns_client_fn fn, void *arg)
{
	struct dns_client *c = mem_alloc(sizeof(*c));
	char name[DNS_REVERSE_SIZE];

	c->magic = CLIENT_MAGIC;
	c->dns = d;
	c->peer = *peer;
	c->ms = ms;
	c->fn = fn;
	c->arg = arg;
	arena_init(&c->arena);
	c->ask = dns_ask(d, str_z(dns_reverse(peer, name)), DNS_PTR, ms, on_names, c);
	return c;
}

void
dns_client_cancel(struct dns_client **c)
{
	if (*c == NULL)
		return;
	OBJ(*c, CLIENT_MAGIC);
	client_free(*c);
	*c = NULL;
}
