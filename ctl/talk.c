/* talk.c - see talk.h. */
#include "ctl/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <unistd.h>

#include "net/sock.h"

#define CONNECT_MS 5000
#define ANSWER_S   20

int
talk_address(struct str listener, struct sockaddr_storage *a, socklen_t *n, bool *only_here)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;
	struct err e;

	if (sock_parse(listener, a, n, &e) < 0)
		return -1;
	*only_here = a->ss_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == 127
					     : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	if (a->ss_family == AF_INET && v4->sin_addr.s_addr == INADDR_ANY)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		v6->sin6_addr = in6addr_loopback;
	return 0;
}

int
talk_reach(const struct sockaddr_storage *a, socklen_t n)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)a, n) < 0) {
		error = errno;
		if (error == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
		else if (error == EINPROGRESS)
			error = ETIMEDOUT;
	}
	if (error != 0) {
		close(fd);
		errno = error;
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	fcntl(fd, F_SETFL, 0);
	return fd;
}

int
talk_open(struct talk *w, struct str listener, bool tls, struct err *e)
{
	struct sockaddr_storage a;
	bool only_here;
	socklen_t n;

	w->fd = -1;
	w->ssl = NULL;
	w->n = w->taken = 0;
	if (talk_address(listener, &a, &n, &only_here) < 0)
		return err_set(e, E_INVAL, "no address: " STR_FMT, STR_ARG(listener));
	if ((w->fd = talk_reach(&a, n)) < 0)
		return err_sys(e, "connect to " STR_FMT, STR_ARG(listener));
	return tls ? talk_secure(w, e) : 0;
}

int
talk_secure(struct talk *w, struct err *e)
{
	static SSL_CTX *ctx;

	if (ctx == NULL && (ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		return err_set(e, E_INTERNAL, "no TLS");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	w->n = w->taken = 0;
	if ((w->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(w->ssl, w->fd) != 1 ||
	    SSL_connect(w->ssl) != 1)
		return err_set(e, E_PROTO, "no TLS handshake");
	return 0;
}

static bool
is_address(const char *host)
{
	unsigned char any[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, any) == 1 || inet_pton(AF_INET6, host, any) == 1;
}

static int
expect_host(SSL *ssl, const char *host)
{
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -1;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -1;
}

int
talk_secure_as(struct talk *w, const char *host, const char *ca, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	long why;
	int rc = -1;

	/* What came in the clear counts for nothing from here on. */
	w->n = w->taken = 0;
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		err_set(e, E_INTERNAL, "no TLS");
	} else if ((ca != NULL ? SSL_CTX_load_verify_locations(ctx, ca, NULL)
			       : SSL_CTX_set_default_verify_paths(ctx)) != 1) {
		err_set(e, E_INVAL, "%s: no certificates of authorities",
		    ca != NULL ? ca : "the system");
	} else if ((w->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(w->ssl, w->fd) != 1 ||
		   expect_host(w->ssl, host) < 0) {
		err_set(e, E_INTERNAL, "no TLS with %.200s", host);
	} else {
		SSL_set_verify(w->ssl, SSL_VERIFY_PEER, NULL);
		rc = SSL_connect(w->ssl) == 1 ? 0 : -1;
		why = SSL_get_verify_result(w->ssl);
		if (rc < 0 && why != X509_V_OK)
			err_set(e, E_DENIED, "%.200s does not prove who it is: %s", host,
			    X509_verify_cert_error_string(why));
		else if (rc < 0)
			err_set(e, E_PROTO, "no TLS handshake with %.200s", host);
	}
	SSL_CTX_free(ctx);
	return rc;
}

int
talk_reach_host(struct talk *w, const char *host, const char *port, unsigned seconds, struct err *e)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	const struct timeval limit = {.tv_sec = seconds};
	struct addrinfo *all = NULL;
	int rc = getaddrinfo(host, port, &hints, &all);

	w->fd = -1;
	w->ssl = NULL;
	w->n = w->taken = 0;
	if (rc != 0)
		return err_set(
		    e, rc == EAI_AGAIN ? E_TEMP : E_NOTFOUND, "%.200s: %s", host, gai_strerror(rc));
	errno = 0;
	for (const struct addrinfo *a = all; a != NULL && w->fd < 0; a = a->ai_next) {
		struct sockaddr_storage to = {0};

		memcpy(&to, a->ai_addr, a->ai_addrlen);
		w->fd = talk_reach(&to, a->ai_addrlen);
	}
	freeaddrinfo(all);
	if (w->fd < 0)
		return err_sys(e, "connect to %.200s port %.20s", host, port);
	setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return 0;
}

int
talk_write(struct talk *w, struct str s, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = w->ssl != NULL ? SSL_write(w->ssl, s.p, (int)s.n)
					   : send(w->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			return err_set(e, E_CLOSED, "it hung up");
		s = str_from(s, (size_t)n);
	}
	return 0;
}

/* More octets; 0 at the end. */
static ssize_t
more(struct talk *w)
{
	char *p = w->room + w->n;
	size_t room = TALK_ROOM - w->n;

	if (room == 0)
		return -1;
	return w->ssl != NULL ? SSL_read(w->ssl, p, (int)room) : recv(w->fd, p, room, 0);
}

int
talk_line(struct talk *w, struct str *line, struct err *e)
{
	memmove(w->room, w->room + w->taken, w->n - w->taken);
	w->n -= w->taken;
	w->taken = 0;
	for (;;) {
		struct str in = str_of(w->room, w->n);
		ssize_t n;

		if (str_cut(&in, '\n', line)) {
			w->taken = line->n + 1;
			if (str_ends(*line, STR("\r")))
				line->n--;
			return 0;
		}
		if ((n = more(w)) <= 0)
			return err_set(e, E_CLOSED, "no answer");
		w->n += (size_t)n;
	}
}

int
talk_more(struct talk *w, struct err *e)
{
	ssize_t n;

	memmove(w->room, w->room + w->taken, w->n - w->taken);
	w->n -= w->taken;
	w->taken = 0;
	if ((n = more(w)) <= 0)
		return err_set(e, E_CLOSED, "the connection ended, or no answer came");
	w->n += (size_t)n;
	return 0;
}

int
talk_some(struct talk *w, struct str *in, struct err *e)
{
	if (w->taken == w->n && talk_more(w, e) < 0)
		return -1;
	*in = str_of(w->room + w->taken, w->n - w->taken);
	return 0;
}

void
talk_took(struct talk *w, size_t n)
{
	w->taken += n;
}

int
talk_rest(struct talk *w, struct str *all, struct err *e)
{
	ssize_t n;

	while ((n = more(w)) > 0)
		w->n += (size_t)n;
	if (w->n == TALK_ROOM)
		return err_set(e, E_LIMIT, "too long an answer");
	*all = str_of(w->room + w->taken, w->n - w->taken);
	return 0;
}

void
talk_close(struct talk *w)
{
	SSL_free(w->ssl);
	w->ssl = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
