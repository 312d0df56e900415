/* provider.c - assistant.url. See provider.h. */
#include "svc/provider.h"

#include <arpa/inet.h>

#include "base/num.h"

const char provider_wanted[] =
    "an address such as \"http://127.0.0.1:11434\" or \"https://models.example.org\"";

/* RFC 3986 3.2.2, of which names are those of RFC 1123 2.1. */
static bool
is_name(struct str s)
{
	struct str label;
	bool more;

	do {
		more = str_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
				return false;
	} while (more);
	return true;
}

static bool
is_path(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && memchr("/-._~", s.p[i], 5) == NULL)
			return false;
	return true;
}

/* "host", "192.0.2.1", "[::1]" */
static int
take_host(struct provider *p, struct str s)
{
	struct sockaddr_storage any;
	bool bracketed = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';

	if (bracketed)
		s = str_sub(s, 1, s.n - 2);
	if (str_cz(s, p->host, sizeof(p->host)) < 0)
		return -1;
	str_lower(s, p->host);
	p->literal = true;
	p->literal = provider_address(p, &any);
	if (p->literal)
		return (any.ss_family == AF_INET6) == bracketed ? 0 : -1;
	return bracketed || !is_name(s) ? -1 : 0;
}

int
provider_parse(struct str url, struct provider *out)
{
	struct str host, port, path;
	uint64_t n;
	size_t colon;

	memset(out, 0, sizeof(*out));
	out->tls = str_istarts(url, STR("https://"));
	if (!out->tls && !str_istarts(url, STR("http://")))
		return -1;
	host = str_from(url, out->tls ? 8 : 7);
	path = str_from(host, str_chr(host, '/'));
	host.n -= path.n;
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	colon = str_rchr(host, ':');
	port = str_from(host, colon);
	if (str_chr(port, ']') < port.n) /* of an IPv6 address */
		port = STR_NONE;
	host.n -= port.n;
	n = out->tls ? 443 : 80;
	if (port.n > 0 && num_parse(str_from(port, 1), 1, 65535, &n) < 0)
		return -1;
	out->port = (uint16_t)n;
	if (!is_path(path) || str_cz(path, out->path, sizeof(out->path)) < 0)
		return -1;
	return take_host(out, host);
}

bool
provider_address(const struct provider *p, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (!p->literal)
		return false;
	if (inet_pton(AF_INET, p->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(p->port);
		return true;
	}
	if (inet_pton(AF_INET6, p->host, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(p->port);
	return true;
}

/* 127.0.0.0/8 (RFC 6890 2.2.2), ::1. A mapped IPv4 address is no address that anybody writes. */
bool
provider_address_is_local(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

bool
provider_is_local(const struct provider *p)
{
	struct sockaddr_storage a;

	return provider_address(p, &a) ? provider_address_is_local(&a)
				       : str_eq_z(str_z(p->host), "localhost");
}
