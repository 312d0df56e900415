/* proxy.c - see proxy.h. */
#include "webd/proxy.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/trusted.h"
#include "webd/web.h"

#define PROXIES_MAX 256u

static struct network *proxies;
static size_t nproxies;
static bool forwarded; /* RFC 7239, not X-Forwarded-* */

int
proxy_configure(const struct conf *c, struct err *e)
{
	size_t n;
	const struct str *list = conf_list(c, CONF_WEB_TRUSTED_PROXIES, &n);
	struct network *fresh;

	if (n > PROXIES_MAX)
		return err_set(e, E_INVAL, "web.trusted_proxies: more than %u", PROXIES_MAX);
	fresh = mem_array(n + 1, sizeof(*fresh));
	for (size_t i = 0; i < n; i++)
		if (network_parse(list[i], &fresh[i], e) < 0) {
			free(fresh);
			return err_wrap(e, "web.trusted_proxies");
		}
	free(proxies);
	proxies = fresh;
	nproxies = n;
	forwarded = str_eq_z(conf_str(c, CONF_WEB_PROXY_HEADER), "forwarded");
	return 0;
}

void
proxy_done(void)
{
	free(proxies);
	proxies = NULL;
	nproxies = 0;
}

static bool
is_proxy(const struct network *n)
{
	for (size_t i = 0; i < nproxies; i++)
		if (network_holds(&proxies[i], n))
			return true;
	return false;
}

bool
proxy_is_trusted(const struct sockaddr_storage *peer)
{
	struct network n;

	return network_of(peer, 32, 128, &n) && is_proxy(&n);
}

bool
proxy_is_loopback(const struct sockaddr_storage *peer)
{
	struct network n, four, six;

	assume(network_parse(STR("127.0.0.0/8"), &four, NULL) == 0 &&
	       network_parse(STR("::1"), &six, NULL) == 0);
	return network_of(peer, 32, 128, &n) &&
	       (network_holds(&four, &n) || network_holds(&six, &n));
}

/* ---- addresses ---- */

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" (RFC 7239 6). */
static bool
read_node(struct str s, struct network *out)
{
	size_t colon;

	s = str_trim(s);
	if (s.n > 0 && s.p[0] == '[')
		s = str_sub(s, 1, str_chr(s, ']') - 1);
	else if ((colon = str_chr(s, ':')) < s.n && str_rchr(s, ':') == colon)
		s = str_sub(s, 0, colon);
	return str_chr(s, '/') == s.n && network_parse(s, out, NULL) == 0;
}

/* One hop, the last not yet seen; true when it is the client (or nobody can tell who is). */
static bool
take_hop(struct str node, struct network *client, bool *known)
{
	struct network n;

	if (!read_node(node, &n))
		return true;
	*client = n;
	*known = true;
	return !is_proxy(&n);
}

/* Takes the last element of a comma-separated list off *s. Commas in quotes do not count: there is
 * none in what we look for, and a list that has some is not understood. */
static struct str
last_of(struct str *s)
{
	size_t comma = str_rchr(*s, ',');
	struct str last = comma < s->n ? str_from(*s, comma + 1) : *s;

	*s = str_sub(*s, 0, comma < s->n ? comma : 0);
	return str_trim(last);
}

/* ---- X-Forwarded-For, X-Forwarded-Proto ---- */

bool
proxy_read_x(const struct http_field *f, size_t n, struct network *client, bool *https)
{
	bool known = false, end = false;

	/* Several fields are one list (RFC 9110 5.3). */
	for (size_t i = n; i-- > 0 && !end;) {
		struct str rest = f[i].value;

		if (!str_ieq_z(f[i].name, "X-Forwarded-For"))
			continue;
		while (rest.n > 0 && !end)
			end = take_hop(last_of(&rest), client, &known);
	}
	/* The last proxy's word. */
	for (size_t i = n; i-- > 0;) {
		struct str rest = f[i].value, last;

		if (!str_ieq_z(f[i].name, "X-Forwarded-Proto"))
			continue;
		last = last_of(&rest);
		*https = str_ieq_z(last, "https");
		break;
	}
	return known;
}

/* ---- Forwarded (RFC 7239) ---- */

static struct str
unquoted(struct str s)
{
	s = str_trim(s);
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = str_sub(s, 1, s.n - 2);
	return s;
}

static struct str
parameter(struct str element, const char *name)
{
	struct str pair, key;

	for (bool more = true; more;) {
		more = str_cut(&element, ';', &pair);
		if (str_cut(&pair, '=', &key) && str_ieq_z(str_trim(key), name))
			return unquoted(pair);
	}
	return STR_NONE;
}

bool
proxy_read_forwarded(const struct http_field *f, size_t n, struct network *client, bool *https)
{
	bool known = false, end = false, first = true;

	for (size_t i = n; i-- > 0 && !end;) {
		struct str rest = f[i].value, element, proto;

		if (!str_ieq_z(f[i].name, "Forwarded"))
			continue;
		while (rest.n > 0 && !end) {
			element = last_of(&rest);
			proto = parameter(element, "proto");
			if (first && proto.p != NULL)
				*https = str_ieq_z(proto, "https");
			first = false;
			end = take_hop(parameter(element, "for"), client, &known);
		}
	}
	return known;
}

/* ---- a request ---- */

void
proxy_understand(const struct web_conn *c, struct exchange *x)
{
	struct network client;
	char text[NETWORK_TEXT];
	bool known = false;

	x->secure = stream_is_tls(c->stream);
	if (c->proxy)
		known = forwarded ? proxy_read_forwarded(x->fields, x->nfields, &client, &x->secure)
				  : proxy_read_x(x->fields, x->nfields, &client, &x->secure);
	x->peer = arena_dupz(
	    &x->arena, str_z(known ? network_text(&client, text) : stream_peer(c->stream)));
}
