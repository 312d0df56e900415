/* sock.c - listening sockets and the text of addresses. */
#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "base/num.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

static int
bad(struct str text, struct err *e)
{
	return err_set(e, E_INVAL,
	    "\"" STR_FMT "\" is no address: write \"127.0.0.1:25\", \"[::1]:25\" or \"*:25\"",
	    STR_ARG(text));
}

int
sock_parse(struct str text, struct sockaddr_storage *out, socklen_t *size, struct err *e)
{
	size_t colon = str_rchr(text, ':');
	struct str host = str_sub(text, 0, colon);
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	char z[INET6_ADDRSTRLEN];
	uint64_t port;

	memset(out, 0, sizeof(*out));
	if (colon == text.n || num_parse(str_from(text, colon + 1), 0, 65535, &port) < 0)
		return bad(text, e);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_sub(host, 1, host.n - 2);
	else if (str_eq(host, STR("*")))
		host = STR("::");
	if (str_cz(host, z, sizeof(z)) < 0)
		return bad(text, e);
	if (inet_pton(AF_INET, z, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*size = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, z, &v6->sin6_addr) != 1)
		return bad(text, e);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*size = sizeof(*v6);
	return 0;
}

/* What an administrator has to know beyond the system's word. */
static void
refuse(struct str text, struct err *e)
{
	int saved = errno;

	if (errno == EADDRINUSE)
		err_set(e, E_IO, "listen on " STR_FMT ": %s: ss -ltnp names the other program",
		    STR_ARG(text), strerror(saved));
	else if (errno == EACCES)
		err_set(e, E_DENIED, "listen on " STR_FMT ": %s: a port below 1024 takes root",
		    STR_ARG(text), strerror(saved));
	else
		err_sys(e, "listen on " STR_FMT, STR_ARG(text));
	errno = saved;
}

enum use {
	TRY,
	LISTEN,
	LISTEN_BESIDE
};

/* errno is the failed call's. */
static int
bind_to(const struct sockaddr_storage *a, socklen_t size, bool both, enum use use)
{
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, v6only = !both, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (use == LISTEN_BESIDE)
		sock_share(fd, true);
	if (a->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, (const struct sockaddr *)a, size) == 0 &&
	    (use == TRY || listen(fd, BACKLOG) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
open_on(struct str text, enum use use, struct err *e)
{
	bool all = str_starts(text, STR("*:"));
	struct sockaddr_storage a;
	socklen_t size;
	char v4[SOCK_TEXT_SIZE];
	int fd;

	if (sock_parse(text, &a, &size, e) < 0)
		return -1;
	fd = bind_to(&a, size, all, use);
	if (fd < 0 && all && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		snprintf(v4, sizeof(v4), "0.0.0.0" STR_FMT, STR_ARG(str_sub(text, 1, 10)));
		if (sock_parse(str_z(v4), &a, &size, e) < 0)
			return -1;
		fd = bind_to(&a, size, false, use);
	}
	if (fd < 0)
		refuse(text, e);
	return fd;
}

int
sock_try(struct str text, struct err *e)
{
	int fd = open_on(text, TRY, e);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int
sock_listen(struct str text, struct err *e)
{
	return open_on(text, LISTEN, e);
}

int
sock_listen_beside(struct str text, struct err *e)
{
	return open_on(text, LISTEN_BESIDE, e);
}

void
sock_share(int fd, bool on)
{
	int v = on;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &v, sizeof(v));
}

/* By the least TTL or hop limit of what is heard (ip(7), ipv6(7)): the highest one, which hardly
 * anybody sends. No SYN comes through then, and the end of a handshake is not held to it. A filter
 * could look at the SYN itself, but newer kernels take one of this kind from CAP_NET_ADMIN alone.
 */
void
sock_turn_away(int fd, bool on)
{
	int ttl = on ? 255 : 0;

	setsockopt(fd, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl)); /* IPv4 of "*" too */
	setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &ttl, sizeof(ttl));
}

const char *
sock_bound_text(int fd, char out[SOCK_TEXT_SIZE])
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {.v6 = {0}};
	socklen_t size = sizeof(a), one = sizeof(int);
	char host[INET6_ADDRSTRLEN] = "?";
	int v6only = 1;

	if (getsockname(fd, &a.any, &size) == 0 && a.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
		snprintf(out, SOCK_TEXT_SIZE, "%s:%u", host, ntohs(a.v4.sin_port));
	} else if (IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr) &&
		   getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &one) == 0 && !v6only) {
		snprintf(out, SOCK_TEXT_SIZE, "*:%u", ntohs(a.v6.sin6_port));
	} else {
		inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
		snprintf(out, SOCK_TEXT_SIZE, "[%s]:%u", host, ntohs(a.v6.sin6_port));
	}
	return out;
}
