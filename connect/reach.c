/*
 * reach.c - a connection to the provider. See reach.h.
 *
 * Owner: who started it, until the callback or reach_cancel(). Errors: E_TEMP, why the last address
 * could not be reached, or why there is none.
 */
#include "connect/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"

#define REACH_MAGIC 0x52454143u

struct reach {
	unsigned magic;
	uint16_t port;
	bool local_only;
	uint64_t ms;
	struct dns_ask *v4, *v6;
	struct sockaddr_storage v[REACH_ADDRESSES];
	size_t n, at; /* at: the one being tried */
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct loop_defer next;
	struct err e;
	reach_fn fn;
	void *arg;
};

static socklen_t
size_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void
drop(struct reach *r)
{
	loop_io_free(&r->io);
	loop_timer_stop(r->timer);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static void
release(struct reach *r)
{
	drop(r);
	dns_cancel(&r->v4);
	dns_cancel(&r->v6);
	loop_timer_free(&r->timer);
	loop_defer_cancel(&r->next);
	r->magic = 0;
	free(r);
}

static void
address_text(const struct sockaddr_storage *a, char out[REACH_TEXT_SIZE])
{
	const void *p = a->ss_family == AF_INET
			    ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
			    : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
	uint16_t port = ntohs(((const struct sockaddr_in *)a)->sin_port); /* same place in both */
	char z[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(a->ss_family, p, z, sizeof(z));
	snprintf(
	    out, REACH_TEXT_SIZE, a->ss_family == AF_INET ? "%s:%u" : "[%s]:%u", z, (unsigned)port);
}

static void
end(struct reach *r)
{
	reach_fn fn = r->fn;
	void *arg = r->arg;
	struct err e = r->e;
	char text[REACH_TEXT_SIZE] = "";
	int fd = r->fd;

	if (fd >= 0)
		address_text(&r->v[r->at], text);
	else
		e.code = E_TEMP;
	r->fd = -1;
	release(r);
	fn(arg, fd, text, fd >= 0 ? NULL : &e);
}

static void
failed(struct reach *r, int no)
{
	char text[REACH_TEXT_SIZE];

	address_text(&r->v[r->at], text);
	errno = no;
	err_sys(&r->e, "connect to %s", text);
	drop(r);
	r->at++;
	loop_defer(&r->next);
}

static void
on_late(void *arg)
{
	struct reach *r = arg;

	OBJ(r, REACH_MAGIC);
	failed(r, ETIMEDOUT);
}

static void
on_io(void *arg, unsigned events)
{
	struct reach *r = arg;
	int no = 0;
	socklen_t size = sizeof(no);

	(void)events;
	OBJ(r, REACH_MAGIC);
	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &no, &size) < 0)
		no = errno;
	loop_io_free(&r->io);
	if (no != 0)
		failed(r, no);
	else
		end(r);
}

/* The next address. */
static void
go(void *arg)
{
	struct reach *r = arg;
	const struct sockaddr_storage *a;

	OBJ(r, REACH_MAGIC);
	if (r->at == r->n) {
		end(r);
		return;
	}
	a = &r->v[r->at];
	r->fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0 ||
	    (connect(r->fd, (const struct sockaddr *)a, size_of(a)) < 0 && errno != EINPROGRESS)) {
		failed(r, errno);
		return;
	}
	r->io = loop_io_new(r->fd, LOOP_WRITE, on_io, r);
	loop_timer_set(r->timer, r->ms);
}

static void
add(struct reach *r, const struct sockaddr_storage *a)
{
	if (r->local_only && !provider_address_is_local(a)) {
		err_set(
		    &r->e, E_TEMP, "assistant.local_only: an address that is not this machine's");
		return;
	}
	if (r->n < REACH_ADDRESSES)
		r->v[r->n++] = *a;
}

static void
take(struct reach *r, const struct dns_answer *answer)
{
	if (answer->status != DNS_FOUND && r->n == 0)
		err_set(&r->e, E_TEMP, "no address: %s " STR_FMT, dns_status_name(answer->status),
		    STR_ARG(answer->why));
	for (size_t i = 0; i < answer->n; i++) {
		struct sockaddr_storage a = {0};
		struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

		if (answer->type == DNS_A)
			*v4 = (struct sockaddr_in){.sin_family = AF_INET,
			    .sin_port = htons(r->port),
			    .sin_addr = answer->records[i].a};
		else
			*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
			    .sin6_port = htons(r->port),
			    .sin6_addr = answer->records[i].aaaa};
		add(r, &a);
	}
	if (r->v4 == NULL && r->v6 == NULL)
		go(r);
}

static void
on_v4(void *arg, const struct dns_answer *answer)
{
	struct reach *r = arg;

	OBJ(r, REACH_MAGIC);
	r->v4 = NULL;
	take(r, answer);
}

static void
on_v6(void *arg, const struct dns_answer *answer)
{
	struct reach *r = arg;

	OBJ(r, REACH_MAGIC);
	r->v6 = NULL;
	take(r, answer);
}

/* RFC 6761 6.3: never asked for. */
static void
add_localhost(struct reach *r)
{
	struct sockaddr_storage a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

	*v4 = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons(r->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	add(r, &a);
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
	    .sin6_port = htons(r->port),
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	add(r, &a);
}

struct reach *
reach_start(
    struct dns *dns, const struct provider *p, bool local_only, uint64_t ms, reach_fn fn, void *arg)
{
	struct reach *r = mem_alloc(sizeof(*r));
	struct sockaddr_storage a;

	r->magic = REACH_MAGIC;
	r->port = p->port;
	r->local_only = local_only;
	r->ms = ms;
	r->fd = -1;
	r->fn = fn;
	r->arg = arg;
	r->timer = loop_timer_new(on_late, r);
	loop_defer_init(&r->next, go, r);
	err_set(&r->e, E_TEMP, "no address");
	if (provider_address(p, &a)) {
		add(r, &a);
	} else if (str_eq_z(str_z(p->host), "localhost")) {
		add_localhost(r);
	} else {
		r->v6 = dns_ask(dns, str_z(p->host), DNS_AAAA, 0, on_v6, r);
		r->v4 = dns_ask(dns, str_z(p->host), DNS_A, 0, on_v4, r);
		return r;
	}
	loop_defer(&r->next);
	return r;
}

void
reach_cancel(struct reach **r)
{
	if (*r == NULL)
		return;
	OBJ(*r, REACH_MAGIC);
	release(*r);
	*r = NULL;
}
