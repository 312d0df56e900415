/* dns_text.c - names of types and answers, names that can be asked for, reverse names. */
#include <stdio.h>

#include "base/mem.h"
#include "net/dns.h"

static const struct {
	enum dns_type type;
	const char *name;
} types[] = {{DNS_A, "A"}, {DNS_NS, "NS"}, {DNS_CNAME, "CNAME"}, {DNS_PTR, "PTR"}, {DNS_MX, "MX"},
    {DNS_TXT, "TXT"}, {DNS_AAAA, "AAAA"}, {DNS_SRV, "SRV"}, {DNS_TLSA, "TLSA"}};

const char *
dns_type_name(enum dns_type t)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == t)
			return types[i].name;
	return NULL;
}

enum dns_type
dns_type_parse(struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ieq_z(s, types[i].name))
			return types[i].type;
	return (enum dns_type)0;
}

const char *
dns_status_name(enum dns_status s)
{
	static const char *const names[] = {
	    "found", "no_data", "no_name", "temp", "bogus", "too_large"};

	assume((size_t)s < ARRAY_LEN(names));
	return names[s];
}

/* Without the dot that ends an absolute name. */
static struct str
without_dot(struct str s)
{
	return s.n > 1 && s.p[s.n - 1] == '.' ? str_sub(s, 0, s.n - 1) : s;
}

bool
dns_is_name(struct str s)
{
	struct str label;
	bool more;

	if (str_eq(s, STR(".")))
		return true;
	s = without_dot(s);
	if (s.n == 0 || s.n > DNS_NAME_MAX)
		return false;
	do {
		more = str_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63)
			return false;
	} while (more);
	return true;
}

bool
dns_is_host(struct str s)
{
	struct str label;
	bool more;

	if (!dns_is_name(s) || str_eq(s, STR(".")))
		return false;
	s = without_dot(s);
	do {
		more = str_cut(&s, '.', &label);
		if (label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	} while (more);
	return true;
}

const char *
dns_reverse(const struct sockaddr_storage *a, char out[DNS_REVERSE_SIZE])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
	const uint8_t *p = NULL;

	out[0] = '\0';
	if (a->ss_family == AF_INET)
		p = (const uint8_t *)&v4->sin_addr;
	else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		p = v6->sin6_addr.s6_addr + 12;
	if (p != NULL) {
		snprintf(out, DNS_REVERSE_SIZE, "%u.%u.%u.%u.in-addr.arpa", p[3], p[2], p[1], p[0]);
	} else if (a->ss_family == AF_INET6) {
		for (size_t i = 0; i < 16; i++) {
			uint8_t octet = v6->sin6_addr.s6_addr[15 - i];

			snprintf(out + 4 * i, 5, "%x.%x.", octet & 15u, octet >> 4);
		}
		snprintf(out + 64, DNS_REVERSE_SIZE - 64, "ip6.arpa");
	}
	return out;
}
