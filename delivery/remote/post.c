/*
 * post.c - see post.h.
 *
 * Owner: all posts under way, in a list; each ends by its answer. Errors are status 0.
 */
#include "delivery/remote/post.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/network.h"
#include "base/num.h"

#define POSTS_MAX     200u
#define ADDRESSES_MAX 4u
#define TIMEOUT_MS    20000u
#define ANSWER_MAX    (64u * 1024)
#define URL_MAX       2000u

struct post {
	struct arena arena;
	struct ipc_chan *chan;
	uint64_t call;
	struct https *https;
	struct post_url url;
	struct str body;
	bool sealed;
	struct dns_ask *asks[2]; /* AAAA, A */
	unsigned waiting;
	struct str addresses[ADDRESSES_MAX];
	size_t naddresses;
	struct https_get *get;
	LIST_ENTRY(post) link;
};

static LIST_HEAD(, post) posts = LIST_HEAD_INITIALIZER(posts);
static size_t nposts;

/* ---- where to ---- */

int
post_url_parse(struct str url, struct arena *a, struct post_url *out)
{
	struct str rest, authority, host;
	uint64_t port = 443;
	char *lower;

	if (!str_istarts(url, STR("https://")) || url.n > URL_MAX)
		return -1;
	for (size_t i = 0; i < url.n; i++)
		if (is_cntl(url.p[i]) || url.p[i] == ' ' || (unsigned char)url.p[i] > 126)
			return -1;
	rest = str_from(url, 8);
	/* A fragment is nobody's business but the client's. */
	rest = str_sub(rest, 0, str_chr(rest, '#'));
	authority = str_sub(rest, 0, num_min(str_chr(rest, '/'), str_chr(rest, '?')));
	rest = str_from(rest, authority.n);
	/* No user, no address in brackets. */
	if (str_chr(authority, '@') < authority.n || str_chr(authority, '[') < authority.n)
		return -1;
	if (str_cut(&authority, ':', &host) && num_parse(authority, 1, 65535, &port) < 0)
		return -1;
	lower = arena_dupz(a, host);
	str_lower(host, lower);
	host.p = lower;
	/* A last label of digits is an address, in one of the forms that libcurl would read. */
	if (!dns_is_host(host) || str_chr(host, '.') == host.n || !is_alpha(host.p[host.n - 1]))
		return -1;
	*out = (struct post_url){.host = host, .port = (uint16_t)port};
	out->path = str_starts(rest, STR("/")) ? rest : arena_printf(a, "/" STR_FMT, STR_ARG(rest));
	return 0;
}

/* RFC 6890 and what has been added to its registries; also what leads to IPv4 by translation. */
bool
post_is_public(struct str address)
{
	static const char *const private[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
	    "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/96", "64:ff9b::/96",
	    "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	    "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"};
	struct network n, net;

	if (network_parse(address, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(private); i++) {
		assume(network_parse(str_z(private[i]), &net, NULL) == 0);
		if (network_holds(&net, &n))
			return false;
	}
	return true;
}

/* Tests have no other addresses than their own. */
static bool
may_reach(struct str address)
{
	return getenv("GKMAIL_TEST_PUSH_ANYWHERE") != NULL || post_is_public(address);
}

/* ---- one post ---- */

static void
post_free(struct post *p)
{
	dns_cancel(&p->asks[0]);
	dns_cancel(&p->asks[1]);
	https_cancel(&p->get);
	LIST_REMOVE(p, link);
	nposts--;
	arena_free(&p->arena);
	free(p);
}

static void
answer(struct ipc_chan *c, uint64_t call, unsigned status)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_PUSH_POST_R);
	ipc_put_u32(&out, status);
	ipc_reply(c, call, &out);
}

static void
finish(struct post *p, unsigned status, const char *why)
{
	log_info("remote.push", LS("host", p->url.host), LU("status", status),
	    LZ("error", why != NULL ? why : ""));
	answer(p->chan, p->call, status);
	post_free(p);
}

static void
on_answer(void *arg, unsigned status, const struct err *e)
{
	struct post *p = arg;

	p->get = NULL;
	finish(p, status, e != NULL ? e->text : NULL);
}

static void
send_post(struct post *p)
{
	/* RFC 8030 5.2: kept for a device that is off for so long; what is newer is sent anyway. */
	const struct https_want w = {.host = p->url.host,
	    .port = p->url.port,
	    .path = arena_dupz(&p->arena, p->url.path),
	    .addresses = p->addresses,
	    .naddresses = p->naddresses,
	    .max = ANSWER_MAX,
	    .ms = TIMEOUT_MS,
	    .body = p->body,
	    .headers = {"TTL: 86400", "Urgency: normal",
		p->sealed ? "Content-Type: application/octet-stream"
			  : "Content-Type: application/json",
		p->sealed ? "Content-Encoding: aes128gcm" : NULL}};

	if (p->naddresses == 0)
		finish(p, 0, "no address that may be reached");
	else
		p->get = https_post(p->https, &w, on_answer, p);
}

static void
on_addresses(void *arg, const struct dns_answer *r)
{
	char text[INET6_ADDRSTRLEN];
	struct post *p = arg;
	bool v6 = r->type == DNS_AAAA;

	p->asks[!v6] = NULL;
	for (size_t i = 0; i < r->n && p->naddresses < ADDRESSES_MAX; i++) {
		const void *raw = v6 ? (const void *)&r->records[i].aaaa : &r->records[i].a;

		if (inet_ntop(v6 ? AF_INET6 : AF_INET, raw, text, sizeof text) != NULL &&
		    may_reach(str_z(text)))
			p->addresses[p->naddresses++] = arena_dup(&p->arena, str_z(text));
	}
	if (--p->waiting == 0)
		send_post(p);
}

void
post_message(struct dns *dns, struct https *https, struct ipc_chan *c, struct ipc_in *m)
{
	struct str url = ipc_get_str(m), body = ipc_get_str(m);
	uint32_t sealed = ipc_get_u32(m);
	struct post *p;

	if (ipc_end(m) < 0)
		return;
	if (nposts >= POSTS_MAX) {
		answer(c, m->id, 0);
		return;
	}
	p = mem_alloc(sizeof *p);
	arena_init(&p->arena);
	LIST_INSERT_HEAD(&posts, p, link);
	nposts++;
	p->chan = c;
	p->call = m->id;
	p->https = https;
	p->body = arena_dup(&p->arena, body);
	p->sealed = sealed != 0;
	if (post_url_parse(arena_dup(&p->arena, url), &p->arena, &p->url) < 0) {
		finish(p, 0, "no URL that is posted to");
		return;
	}
	p->waiting = 2;
	p->asks[0] = dns_ask(dns, p->url.host, DNS_AAAA, 0, on_addresses, p);
	p->asks[1] = dns_ask(dns, p->url.host, DNS_A, 0, on_addresses, p);
}

void
post_channel_gone(struct ipc_chan *c)
{
	struct post *p, *next;

	for (p = LIST_FIRST(&posts); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		if (p->chan == c)
			post_free(p);
	}
}
