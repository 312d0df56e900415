/* setup.c - what a daemon is told when it starts, and again at a reload. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"

void
setup_log(struct process *p)
{
	struct ipc_out m;
	int fd = logs_fd();

	if (fd < 0)
		return;
	ipc_begin(&m, MSG_SETUP_LOG);
	ipc_put_u32(&m, logs_format(master.conf));
	ipc_put_u32(&m, logs_level(master.conf, p->service->log_level));
	ipc_put_fd(&m, fd);
	ipc_send(p->control, &m);
}

static void
give_page(struct process *p, enum ipc_type type, int page)
{
	struct ipc_out m;
	int fd = fcntl(page, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return;
	ipc_begin(&m, type);
	ipc_put_fd(&m, fd);
	ipc_send(p->control, &m);
}

void
setup_file(struct process *p, const char *name, int fd)
{
	struct ipc_out m;

	if (fd < 0)
		return;
	ipc_begin(&m, MSG_SETUP_FILE);
	ipc_put_z(&m, name);
	ipc_put_fd(&m, fd);
	ipc_send(p->control, &m);
}

/* Where it is missing gk-dnsd has the keys that were known when it was built. */
static void
give_trust_anchor(struct process *p)
{
	const char *path = conf_z(master.conf, CONF_DNS_TRUST_ANCHOR);
	int fd = path[0] != '\0' ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 && path[0] != '\0')
		log_warn("master.trust_anchor", LZ("file", path), LZ("error", strerror(errno)));
	setup_file(p, "dns.trust_anchor", fd);
}

void
setup_files(struct process *p)
{
	if (p->service->tls)
		tls_files_give(p);
	if (p->service->peer == PEER_DNSD)
		give_trust_anchor(p);
	files_give(p);
	if (p->service->peer == PEER_SIGN)
		dkim_files_give(p);
	if (p->service->peer == PEER_SIGN || p->service->peer == PEER_ACME)
		acme_files_give(p);
	if (p->service->peer == PEER_STATD)
		stat_pages_give(p);
}

void
setup_begin(struct process *p, const char *root)
{
	char path[PATH_MAX] = "";
	struct ipc_out m;
	struct err e = {0};
	uid_t uid = 0;
	gid_t gid = 0;

	if (dirs_identity(p->service, &uid, &gid, &e) < 0 ||
	    dirs_for(p->service, root, path, sizeof(path), &e) < 0)
		log_error("master.setup", LZ("process", p->service->name), LE(&e));
	ipc_begin(&m, MSG_SETUP_IDENTITY);
	ipc_put_u32(&m, uid);
	ipc_put_u32(&m, gid);
	ipc_put_z(&m, path);
	ipc_send(p->control, &m);
	setup_log(p);
	give_page(p, MSG_SETUP_METRICS, p->metrics_fd);
	give_page(p, MSG_SETUP_EVENTS, p->events_fd);
	setup_files(p);
	listeners_give(p);
}

static void
give_channel(struct process *p, const struct process *other, int fd)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SETUP_CHANNEL);
	ipc_put_u32(&m, other->service->peer);
	ipc_put_z(&m, other->service->name);
	ipc_put_fd(&m, fd);
	ipc_send(p->control, &m);
}

/* A pair for each of its neighbours that has greeted; the others make theirs when they come. */
void
setup_channels(struct process *p)
{
	for (size_t i = 0; i < service_nchannels; i++) {
		struct process *other;
		int fds[2];

		if (!(service_channels[i] & p->service->peer))
			continue;
		other =
		    process_of((enum ipc_peer)(service_channels[i] & ~(unsigned)p->service->peer));
		if (other == NULL || !other->greeted)
			continue;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) <
		    0) {
			log_error("master.channel", LZ("error", strerror(errno)));
			continue;
		}
		give_channel(p, other, fds[0]);
		give_channel(other, p, fds[1]);
	}
}

void
setup_config(struct process *p, const struct conf *c, ipc_reply_fn fn, void *arg)
{
	struct arena a;
	struct ipc_out m;
	struct str *keys;
	size_t n;

	arena_init(&a);
	n = conf_pack(c, p->sections, &a, &keys);
	ipc_begin(&m, MSG_CONFIG);
	ipc_put_list(&m, keys, n);
	ipc_call(p->control, &m, fn, arg);
	arena_free(&a);
}
