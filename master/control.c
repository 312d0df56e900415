/* control.c - gkmail's socket: who may open it may do everything, so its mode is the guard (root
 * and admin_group). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "master/master.h"
#include "svc/build.h"

#define CLIENTS_MAX 64u

static int listener = -1;
static unsigned clients;
static char path[PATH_MAX];

static void
hello(struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;

	ipc_get_str(m);
	if (ipc_end(m) < 0)
		return;
	ipc_begin(&out, MSG_CTL_HELLO_R);
	ipc_put_z(&out, build_id());
	ipc_put_u32(&out, (uint32_t)getpid());
	ipc_reply(c, m->id, &out);
}

static void
put_process(struct arena *a, struct str *v, const char *name, pid_t pid, const char *state,
    unsigned restarts, uint64_t up_ms)
{
	v[0] = str_z(name);
	v[1] = arena_printf(a, "%d", pid);
	v[2] = str_z(state);
	v[3] = arena_printf(a, "%u", restarts);
	v[4] = arena_printf(a, "%" PRIu64, up_ms / 1000);
}

static void
status(struct ipc_chan *c, struct ipc_in *m)
{
	struct str rows[(SERVICES + 1) * 5], *listeners;
	struct ipc_out out;
	struct arena a;
	size_t n;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	put_process(&a, rows, "master", getpid(), master.draining ? "draining" : "ready", 0,
	    clock_ms() - master.started_ms);
	for (size_t i = 0; i < SERVICES; i++) {
		const struct process *p = &master.processes[i];

		put_process(&a, rows + (i + 1) * 5, p->service->name, p->pid,
		    process_state_name(p->state), p->restarts,
		    p->pid ? clock_ms() - p->started_ms : 0);
	}
	n = listeners_list(&a, &listeners);
	ipc_begin(&out, MSG_CTL_STATUS_R);
	ipc_put_list(&out, rows, ARRAY_LEN(rows));
	ipc_put_list(&out, listeners, n);
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

static int
join(const struct process *p, struct err *e)
{
	struct ipc_out out;
	int fds[2];

	if (p == NULL)
		return err_set(e, E_NOTFOUND, "no such daemon");
	if (p->state != PROCESS_READY)
		return err_set(e, E_TEMP, "gk-%s is not ready", p->service->name);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return err_sys(e, "socketpair");
	ipc_begin(&out, MSG_SETUP_CHANNEL);
	ipc_put_u32(&out, PEER_CTL);
	ipc_put_z(&out, "ctl");
	ipc_put_fd(&out, fds[0]);
	ipc_send(p->control, &out);
	return fds[1];
}

static void
connect_to(struct ipc_chan *c, struct ipc_in *m)
{
	struct str daemon = ipc_get_str(m);
	char name[32] = "";
	struct ipc_out out;
	struct err e;
	int fd;

	if (ipc_end(m) < 0)
		return;
	str_cz(daemon, name, sizeof(name));
	fd = join(process_of(ipc_peer_parse(name)), &e);
	if (fd < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_CTL_CONNECT_R);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}

static void
reply_text(struct ipc_chan *c, uint64_t call, enum ipc_type answer, struct buf *text)
{
	struct ipc_out out;
	struct err e;
	int fd = file_memory("text", text->p, text->n, &e);

	if (fd < 0) {
		ipc_reply_error(c, call, &e);
		return;
	}
	ipc_begin(&out, answer);
	ipc_put_fd(&out, fd);
	ipc_reply(c, call, &out);
}

/* Of all processes, out of their pages. */
static void
trace(struct ipc_chan *c, struct ipc_in *m)
{
	const struct events_page *pages[SERVICES];
	struct str mid = ipc_get_str(m);
	struct buf text;

	if (ipc_end(m) < 0)
		return;
	for (size_t i = 0; i < SERVICES; i++)
		pages[i] = master.processes[i].events;
	buf_init(&text, 16u << 20);
	events_about(pages, SERVICES, mid, &text);
	reply_text(c, m->id, MSG_CTL_TRACE_R, &text);
	buf_free(&text);
}

/* The client that asked may be gone when the reload is done: found again by its number. */
static struct {
	struct ipc_chan *client;
	uint64_t id;
} reloader;

static void
reloaded(void *arg, const struct err *e)
{
	(void)arg;
	if (reloader.client == NULL)
		return;
	if (e == NULL)
		ipc_reply_ok(reloader.client, reloader.id, MSG_CTL_RELOAD_R);
	else
		ipc_reply_error(reloader.client, reloader.id, e);
	reloader.client = NULL;
}

static void
reload(struct ipc_chan *c, struct ipc_in *m)
{
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if (reloader.client != NULL) {
		err_set(&e, E_TEMP, "another reload is under way");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	reloader.client = c;
	reloader.id = m->id;
	reload_begin(reloaded, NULL);
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_CTL_HELLO)
		hello(c, m);
	else if (m->type == MSG_CTL_STATUS)
		status(c, m);
	else if (m->type == MSG_CTL_CONNECT)
		connect_to(c, m);
	else if (m->type == MSG_CTL_RELOAD)
		reload(c, m);
	else if (m->type == MSG_CTL_TRACE)
		trace(c, m);
	else if (m->type == MSG_DKIM_ADD)
		dkim_add(c, m);
	else if (m->type == MSG_DKIM_CHANGE)
		dkim_change(c, m);
	else
		ipc_refuse(m);
}

static void
gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	if (reloader.client == c)
		reloader.client = NULL;
	dkim_client_gone(c);
	clients--;
	ipc_free(&c);
}

static void
on_client(void *arg, unsigned events)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)arg;
	(void)events;
	if (fd < 0)
		return;
	if (clients >= CLIENTS_MAX) {
		close(fd);
		return;
	}
	clients++;
	ipc_new(fd, PEER_MASTER, PEER_CTL, message, gone, NULL);
}

static int
set_group(struct err *e)
{
	struct group *g =
	    geteuid() == 0 ? getgrnam(conf_z(master.conf, CONF_SERVER_ADMIN_GROUP)) : NULL;

	if (g != NULL && chown(path, 0, g->gr_gid) < 0)
		return err_sys(e, "give %s to group %s", path, g->gr_name);
	if (chmod(path, g != NULL ? 0660 : 0600) < 0)
		return err_sys(e, "set the mode of %s", path);
	return 0;
}

/* Another master on the same run_dir would fight with us over everything. The lock goes with the
 * process, the file stays. */
int
control_lock(struct err *e)
{
	char text[32], old[32] = "";
	int fd, n;

	snprintf(path, sizeof(path), "%s/master.pid", conf_z(master.conf, CONF_SERVER_RUN_DIR));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (read(fd, old, sizeof(old) - 1) > 0)
			old[strcspn(old, "\n")] = '\0';
		close(fd);
		return err_set(e, E_INVAL, "another gk-master (pid %s) runs on %s", old,
		    conf_z(master.conf, CONF_SERVER_RUN_DIR));
	}
	n = snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || fchmod(fd, 0644) < 0 || write(fd, text, (size_t)n) != n)
		return err_sys(e, "write %s", path);
	return 0;
}

int
control_open(struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(path, sizeof(path), "%s/control.sock", conf_z(master.conf, CONF_SERVER_RUN_DIR));
	if (str_cz(str_z(path), a.sun_path, sizeof(a.sun_path)) < 0)
		return err_set(e, E_INVAL, "server.run_dir is too long for a socket: %s", path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path); /* of a master that was killed */
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 16) < 0)
		return err_sys(e, "control socket %s", path);
	if (set_group(e) < 0)
		return -1;
	loop_io_new(listener, LOOP_READ, on_client, NULL);
	return 0;
}

void
control_close(void)
{
	if (listener >= 0)
		unlink(path);
}
