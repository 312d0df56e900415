/*
 * listeners.c - the listening sockets: bound before any daemon runs, kept over restarts and
 * reloads, so that a port is never closed while the suite stands.
 *
 * One that a reload takes away first turns away whoever comes, and is served for a while yet: what
 * the kernel has taken, or is about to, would be reset with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "master/master.h"
#include "net/sock.h"

#define PARTING_MS 500u /* a handshake that has begun takes a round trip more */

struct listener {
	TAILQ_ENTRY(listener) entry;
	const struct service *service;
	char *id; /* "smtp|127.0.0.1:25" */
	int fd;
	bool wanted;                /* by the configuration being taken up */
	bool fresh;                 /* bound for it */
	struct loop_timer *parting; /* not in force any more; or NULL */
};

static TAILQ_HEAD(, listener) all = TAILQ_HEAD_INITIALIZER(all);

static void
remove_listener(struct listener *l)
{
	TAILQ_REMOVE(&all, l, entry);
	assume(l != TAILQ_FIRST(&all));
	loop_timer_free(&l->parting);
	close(l->fd);
	free(l->id);
	free(l);
}

/* Makes room beside sockets that the new configuration does not want any more, which serve until it
 * is taken up: "127.0.0.1:25" becomes "*:25". */
static int
bind_beside(struct str address, struct err *e)
{
	struct listener *l;
	int fd;

	TAILQ_FOREACH (l, &all, entry)
		if (!l->wanted)
			sock_share(l->fd, true);
	fd = sock_listen_beside(address, e);
	TAILQ_FOREACH (l, &all, entry)
		if (!l->wanted)
			sock_share(l->fd, false);
	if (fd >= 0)
		sock_share(fd, false);
	return fd;
}

static struct listener *
find(const char *id)
{
	struct listener *l;

	TAILQ_FOREACH (l, &all, entry)
		if (strcmp(l->id, id) == 0)
			return l;
	return NULL;
}

static int
want(const struct conf *c, const struct service *s, size_t k, struct str address, bool bind_missing,
    struct err *e)
{
	char id[128];
	struct listener *l;

	snprintf(id, sizeof(id), "%s|%.*s", s->listeners[k].name, (int)num_min(address.n, 100u),
	    address.p);
	if ((l = find(id)) != NULL || !bind_missing) {
		if (l != NULL)
			l->wanted = true;
		return 0;
	}
	l = mem_alloc(sizeof(*l));
	l->fd = sock_listen(address, e);
	if (l->fd < 0 && errno == EADDRINUSE)
		l->fd = bind_beside(address, e);
	if (l->fd < 0) {
		free(l);
		return config_refuse(c, (enum conf_key)s->listeners[k].key, e);
	}
	l->service = s;
	l->id = mem_dup(id, strlen(id));
	l->wanted = l->fresh = true;
	TAILQ_INSERT_TAIL(&all, l, entry);
	return 0;
}

static int
want_all_of(const struct conf *c, const struct service *s, bool bind_missing, struct err *e)
{
	for (size_t k = 0; k < ARRAY_LEN(s->listeners); k++) {
		const struct str *v;
		size_t n;

		if (s->listeners[k].key < 0)
			continue;
		if (s->listeners[k].key == CONF_ACME_LISTEN &&
		    !str_eq_z(conf_str(c, CONF_ACME_CHALLENGE), "http-01"))
			continue;
		v = conf_list(c, (enum conf_key)s->listeners[k].key, &n);
		for (size_t i = 0; i < n; i++)
			if (want(c, s, k, v[i], bind_missing, e) < 0)
				return -1;
	}
	return 0;
}

int
listeners_open(const struct conf *c, struct err *e)
{
	struct listener *l;

	TAILQ_FOREACH (l, &all, entry)
		l->wanted = l->fresh = false;
	for (size_t i = 0; i < SERVICES; i++)
		(void)want_all_of(c, &services[i], false, e); /* which of those there are stay */
	for (size_t i = 0; i < SERVICES; i++)
		if (want_all_of(c, &services[i], true, e) < 0) {
			listeners_rollback();
			return -1;
		}
	return 0;
}

static void
give(struct process *p, const struct listener *l)
{
	struct ipc_out m;
	int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return;
	ipc_begin(&m, MSG_SETUP_LISTEN);
	ipc_put_z(&m, l->id);
	ipc_put_fd(&m, fd);
	ipc_send(p->control, &m);
}

void
listeners_give(struct process *p)
{
	struct listener *l;

	TAILQ_FOREACH (l, &all, entry)
		if (l->service == p->service)
			give(p, l);
}

/* Its daemon has the socket too: ended here, the port is free whenever that closes its own. */
static void
part(void *arg)
{
	struct listener *l = arg;
	struct process *p = process_of_service(l->service);
	struct ipc_out m;

	if (reload_busy()) { /* which may want it back */
		loop_timer_set(l->parting, PARTING_MS);
		return;
	}
	shutdown(l->fd, SHUT_RDWR);
	if (p->greeted) {
		ipc_begin(&m, MSG_LISTEN_END);
		ipc_put_z(&m, l->id);
		ipc_send(p->control, &m);
	}
	remove_listener(l);
}

static void
begin_parting(struct listener *l)
{
	sock_turn_away(l->fd, true);
	l->parting = loop_timer_new(part, l);
	loop_timer_set(l->parting, PARTING_MS);
}

void
listeners_commit(void)
{
	struct listener *l;

	TAILQ_FOREACH (l, &all, entry) {
		struct process *p = process_of_service(l->service);

		if (l->wanted && l->fresh && p != NULL && p->greeted)
			give(p, l);
		l->fresh = false;
		if (!l->wanted && l->parting == NULL) {
			begin_parting(l);
		} else if (l->wanted && l->parting != NULL) {
			sock_turn_away(l->fd, false);
			loop_timer_free(&l->parting);
		}
	}
}

void
listeners_rollback(void)
{
	struct listener *l, *next;

	for (l = TAILQ_FIRST(&all); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->fresh)
			remove_listener(l);
	}
}

void
listeners_turn_away(void)
{
	struct listener *l;

	TAILQ_FOREACH (l, &all, entry)
		sock_turn_away(l->fd, true);
}

void
listeners_close(void)
{
	struct listener *l;

	while ((l = TAILQ_FIRST(&all)) != NULL)
		remove_listener(l);
}

size_t
listeners_list(struct arena *a, struct str **out)
{
	struct listener *l;
	size_t n = 0;

	TAILQ_FOREACH (l, &all, entry)
		n += l->parting == NULL ? 2 : 0;
	*out = arena_array(a, n, sizeof(**out));
	n = 0;
	TAILQ_FOREACH (l, &all, entry) {
		char text[SOCK_TEXT_SIZE];
		struct str rest = str_z(l->id), name;

		if (l->parting != NULL)
			continue;
		str_cut(&rest, '|', &name);
		(*out)[n++] = name;
		(*out)[n++] = arena_dup(a, str_z(sock_bound_text(l->fd, text)));
	}
	return n;
}

/* Where a program on this machine reaches it: one for every address is reached by loopback. */
static socklen_t
reachable(int fd, struct sockaddr_storage *a)
{
	socklen_t n = sizeof(*a);

	if (getsockname(fd, (struct sockaddr *)a, &n) < 0)
		return 0;
	if (a->ss_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)a;

		if (v4->sin_addr.s_addr == INADDR_ANY)
			v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (a->ss_family == AF_INET6) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;

		if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
			v6->sin6_addr = in6addr_loopback;
	}
	return n;
}

/* Is it the one that listeners_list() calls so? */
static bool
is_called(const struct listener *l, struct str name, struct str address)
{
	struct str rest = str_z(l->id), its;
	char text[SOCK_TEXT_SIZE];

	str_cut(&rest, '|', &its);
	return str_eq(its, name) && str_eq_z(address, sock_bound_text(l->fd, text));
}

int
listeners_connect(struct str name, struct str address, struct err *e)
{
	struct sockaddr_storage a;
	struct listener *l;
	socklen_t n;
	int fd;

	TAILQ_FOREACH (l, &all, entry)
		if (l->parting == NULL && is_called(l, name, address))
			break;
	if (l == NULL || (n = reachable(l->fd, &a)) == 0)
		return err_set(e, E_NOTFOUND, "no such listener");
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (connect(fd, (struct sockaddr *)&a, n) == 0 || errno == EINPROGRESS))
		return fd;
	err_sys(e, "connect");
	e->code = E_TEMP;
	if (fd >= 0)
		close(fd);
	return -1;
}
