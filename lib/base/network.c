/*
 * network.c - see network.h.
 */
#include "base/network.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/num.h"

#define V4_BITS 96u /* of ::ffff:0:0/96, below which IPv4 lies (RFC 4291 2.5.5.2) */

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool
network_is_v4(const struct network *n)
{
	return n->bits >= V4_BITS && memcmp(n->net, v4_prefix, sizeof(v4_prefix)) == 0;
}

void
network_cut(const struct network *n, unsigned bits, struct network *out)
{
	unsigned whole;

	if (bits > n->bits)
		bits = n->bits;
	*out = *n;
	out->bits = (unsigned char)bits;
	whole = bits / 8;
	if (bits % 8 != 0) {
		out->net[whole] &= (unsigned char)(0xff00u >> (bits % 8));
		whole++;
	}
	memset(out->net + whole, 0, sizeof(out->net) - whole);
}

bool
network_eq(const struct network *a, const struct network *b)
{
	return a->bits == b->bits && memcmp(a->net, b->net, sizeof(a->net)) == 0;
}

bool
network_holds(const struct network *outer, const struct network *inner)
{
	struct network cut;

	if (inner->bits < outer->bits)
		return false;
	network_cut(inner, outer->bits, &cut);
	return network_eq(outer, &cut);
}

void
network_around(const struct network *n, unsigned v4, unsigned v6, struct network *out)
{
	network_cut(n, network_is_v4(n) ? V4_BITS + v4 : v6, out);
}

bool
network_of(const struct sockaddr_storage *peer, unsigned v4, unsigned v6, struct network *out)
{
	struct network n = {.bits = 128};

	assume(v4 <= 32 && v6 <= 128);
	*out = (struct network){.bits = 0};
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;

		memcpy(n.net, v4_prefix, sizeof(v4_prefix));
		memcpy(n.net + sizeof(v4_prefix), &in->sin_addr, 4);
	} else if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;

		memcpy(n.net, &in6->sin6_addr, 16);
	} else {
		return false;
	}
	network_around(&n, v4, v6, out);
	return true;
}

/* Address and prefix of the text; bits are those of its notation. */
static int
parse(struct str text, struct network *n, unsigned *most)
{
	char z[INET6_ADDRSTRLEN];
	struct str address;
	uint64_t bits;
	bool prefix = str_cut(&text, '/', &address);

	if (str_cz(address, z, sizeof(z)) < 0)
		return -1;
	if (inet_pton(AF_INET, z, n->net + sizeof(v4_prefix)) == 1) {
		memcpy(n->net, v4_prefix, sizeof(v4_prefix));
		*most = 32;
	} else if (inet_pton(AF_INET6, z, n->net) == 1) {
		*most = 128;
	} else {
		return -1;
	}
	bits = *most;
	/* "/08" would be read in another way by other programs. */
	if (prefix && (num_parse(text, 0, *most, &bits) < 0 || (text.n > 1 && text.p[0] == '0')))
		return -1;
	n->bits = (unsigned char)(bits + (128 - *most));
	return 0;
}

int
network_parse(struct str text, struct network *out, struct err *e)
{
	struct network n = {.bits = 0}, cut, whole;
	char meant[NETWORK_TEXT];
	unsigned most;

	if (parse(text, &n, &most) < 0)
		return err_set(e, E_INVAL,
		    "\"" STR_FMT "\" is neither an address nor a network such as 192.0.2.0/24 "
		    "or 2001:db8::/32",
		    STR_ARG(str_sub(text, 0, 64)));
	/* ::ffff:192.0.2.0/120 is written as what it is. */
	if (most == 128 && n.bits < V4_BITS && memcmp(n.net, v4_prefix, sizeof(v4_prefix)) == 0)
		return err_set(e, E_INVAL, "write IPv4 networks as 192.0.2.0/24");
	whole = n;
	whole.bits = 128;
	network_cut(&whole, n.bits, &cut);
	if (memcmp(cut.net, n.net, sizeof(n.net)) != 0)
		return err_set(e, E_INVAL,
		    "\"" STR_FMT "\" has bits behind its prefix; did you mean %s?", STR_ARG(text),
		    network_text(&cut, meant));
	*out = n;
	return 0;
}

const char *
network_text(const struct network *n, char out[NETWORK_TEXT])
{
	bool v4 = network_is_v4(n);
	size_t len;

	if (inet_ntop(v4 ? AF_INET : AF_INET6, n->net + (v4 ? sizeof(v4_prefix) : 0), out,
		NETWORK_TEXT) == NULL)
		mem_die(__FILE__, __LINE__, "inet_ntop");
	len = strlen(out);
	if (n->bits < 128)
		snprintf(out + len, NETWORK_TEXT - len, "/%u", n->bits - (v4 ? V4_BITS : 0));
	return out;
}
