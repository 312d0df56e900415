/* listen.c - taking connections. A listener is named "smtp|127.0.0.1:25": what it speaks, and
 * where. */
#include "svc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"

#define LINE_TURNS      (4096 / ACCEPTS_AT_ONCE)
#define ACCEPTS_AT_ONCE 32u
#define RETRY_MS        100u

struct listener {
	TAILQ_ENTRY(listener) entry;
	char *id;   /* the whole name */
	char *name; /* what it speaks */
	int fd;
	struct loop_io *io;
};

static TAILQ_HEAD(, listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);
static void (*accept_fn)(const struct svc_conn *c);
static struct loop_timer *retry;
static bool paused, started;

/* A socket for every address shows IPv4 as ::ffff:192.0.2.1. It is the same client as by an IPv4
 * socket: in logs, in Received, and where connections are counted by address or network. */
static void
plain_v4(struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return;
	v4.sin_port = v6->sin6_port;
	memcpy(&v4.sin_addr, v6->sin6_addr.s6_addr + 12, sizeof(v4.sin_addr));
	memset(a, 0, sizeof(*a));
	memcpy(a, &v4, sizeof(v4));
}

static void
peer_text(struct svc_conn *c)
{
	const void *a = NULL;
	int family = c->peer.ss_family;

	if (family == AF_INET)
		a = &((const struct sockaddr_in *)&c->peer)->sin_addr;
	else if (family == AF_INET6)
		a = &((const struct sockaddr_in6 *)&c->peer)->sin6_addr;
	if (a == NULL || inet_ntop(family, a, c->peer_text, sizeof(c->peer_text)) == NULL)
		snprintf(c->peer_text, sizeof(c->peer_text), "local");
}

static void
watch_all(bool on)
{
	struct listener *l;

	TAILQ_FOREACH (l, &listeners, entry)
		if (l->io != NULL)
			loop_io_want(l->io, on ? LOOP_READ : 0);
}

static void
on_retry(void *arg)
{
	(void)arg;
	if (!paused)
		watch_all(true);
}

/* Out of descriptors or memory: the connection stays in the backlog, and asking at once again would
 * spin. */
static void
wait_a_little(void)
{
	log_warn("svc.accept", LZ("error", strerror(errno)));
	watch_all(false);
	loop_timer_set(retry, RETRY_MS);
}

/* One that came through a listener which turns others away (net/sock.h) is as deaf as that. */
static void
hear_all(int fd)
{
	int ttl = 0;

	setsockopt(fd, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl));
	setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &ttl, sizeof(ttl));
}

/* False: nobody else waits. */
static bool
let_in(struct listener *l)
{
	struct svc_conn c = {.name = l->name};
	socklen_t size;

	for (unsigned i = 0; i < ACCEPTS_AT_ONCE && !paused; i++) {
		size = sizeof(c.peer);
		c.fd =
		    accept4(l->fd, (struct sockaddr *)&c.peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (c.fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			wait_a_little();
		if (c.fd < 0)
			return false;
		hear_all(c.fd);
		plain_v4(&c.peer);
		peer_text(&c);
		accept_fn(&c);
	}
	return !paused;
}

static void
on_readable(void *arg, unsigned events)
{
	(void)events;
	let_in(arg);
}

static void
watch(struct listener *l)
{
	l->io = loop_io_new(l->fd, paused ? 0 : LOOP_READ, on_readable, l);
}

void
listen_add(struct ipc_in *m)
{
	struct str id = ipc_get_str(m), rest = id, name;
	int fd = ipc_take_fd(m);
	struct listener *l;

	if (ipc_end(m) < 0)
		return;
	str_cut(&rest, '|', &name);
	l = mem_alloc(sizeof(*l));
	l->id = mem_dup(id.p, id.n);
	l->name = mem_dup(name.p, name.n);
	l->fd = fd;
	TAILQ_INSERT_TAIL(&listeners, l, entry);
	if (started)
		watch(l);
}

static void
remove_listener(struct listener *l)
{
	TAILQ_REMOVE(&listeners, l, entry);
	loop_io_free(&l->io);
	close(l->fd);
	free(l->id);
	free(l->name);
	free(l);
}

void
listen_end(struct ipc_in *m)
{
	struct str id = ipc_get_str(m);
	struct listener *l;

	if (ipc_end(m) < 0)
		return;
	TAILQ_FOREACH (l, &listeners, entry)
		if (str_eq_z(id, l->id)) {
			remove_listener(l);
			return;
		}
}

void
listen_local(struct ipc_chan *chan, struct ipc_in *m)
{
	struct svc_conn c = {.name = "local", .peer_text = "local"};

	c.user = ipc_get_str(m);
	c.trusted = ipc_get_u32(m);
	c.token = ipc_get_str(m);
	c.fd = ipc_take_fd(m);
	if (ipc_end(m) < 0)
		return;
	ipc_reply_ok(chan, m->id, MSG_LOCAL_CONN_R);
	if (started && accept_fn != NULL && !svc_draining())
		accept_fn(&c);
	else
		close(c.fd);
}

void
listen_start(void (*accept)(const struct svc_conn *c))
{
	struct listener *l;

	started = true;
	accept_fn = accept;
	retry = loop_timer_new(on_retry, NULL);
	TAILQ_FOREACH (l, &listeners, entry)
		watch(l);
}

void
listen_stop(void)
{
	struct listener *l;

	/* Who waits is told that this is the end, as all are, instead of being reset: whether or
	 * not there was room for more. However fast others come: no more than a kernel's line of
	 * them.
	 */
	paused = false;
	while ((l = TAILQ_FIRST(&listeners)) != NULL) {
		for (unsigned i = 0; i < LINE_TURNS && started && let_in(l); i++)
			;
		remove_listener(l);
	}
}

void
svc_accept_pause(bool pause)
{
	/* At the end nobody waits for room: all are let in, to be told. */
	if (pause == paused || (pause && svc_draining()))
		return;
	paused = pause;
	watch_all(!pause);
}
