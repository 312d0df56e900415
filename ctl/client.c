/* client.c - the control socket, and the channels that master makes from it. */
#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/mem.h"
#include "svc/build.h"

#define CHANNELS 4
#define ROWS_MAX 1000000u /* strings of a list, before we call it a mistake */

static struct {
	const char *socket;
	struct conf *conf;
	int master; /* 0: not connected (0 is standard input) */
	uint32_t pid;
	struct str build;
	struct {
		const char *name;
		int fd;
	} daemon[CHANNELS];
} self;

const char *
client_conf_path(void)
{
	return ctl.dir != NULL ? arena_printf(&ctl.arena, "%s/gkmail.toml", ctl.dir).p : ctl.config;
}

const struct conf *
client_conf(struct err *e)
{
	if (self.conf == NULL)
		self.conf = conf_load(client_conf_path(), NULL, 0, e);
	return self.conf;
}

/* A configuration that somebody has just broken does not keep gkmail from a suite that runs: it is
 * where it usually is. */
static const char *
usual_socket(void)
{
	const char *path =
	    ctl.dir != NULL
		? arena_printf(&ctl.arena, "%s/run/control.sock", ctl.dir).p
		: arena_printf(&ctl.arena, "%s/control.sock", conf_rows[CONF_SERVER_RUN_DIR].value)
		      .p;

	return access(path, F_OK) == 0 ? path : NULL;
}

const char *
client_socket(struct err *e)
{
	const struct conf *c;

	if (self.socket != NULL)
		return self.socket;
	if ((c = client_conf(e)) != NULL)
		self.socket =
		    arena_printf(&ctl.arena, "%s/control.sock", conf_z(c, CONF_SERVER_RUN_DIR)).p;
	else if (e->code == E_INVAL)
		self.socket = usual_socket();
	else if (ctl.dir != NULL)
		err_set(e, E_NOTFOUND,
		    "no sandbox was ever started in %s; gkmail sandbox --dir %s starts one",
		    ctl.dir, ctl.dir);
	return self.socket;
}

void
client_use_socket(const char *path)
{
	client_close();
	self.socket = path;
}

void
client_close(void)
{
	if (self.master > 0)
		close(self.master);
	self.master = 0;
	for (size_t i = 0; i < CHANNELS; i++) {
		if (self.daemon[i].name != NULL)
			close(self.daemon[i].fd);
		self.daemon[i].name = NULL;
	}
}

/* A socket's name may be longer than sun_path: it is reached through its directory's descriptor
 * then. */
static int
connect_path(int fd, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *slash = strrchr(path, '/');
	int dir = -1, rc, saved;

	if (strlen(path) < sizeof(sa.sun_path)) {
		memcpy(sa.sun_path, path, strlen(path));
	} else {
		char *parent = mem_dup(path, (size_t)(slash - path));

		dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
		free(parent);
		if (dir < 0)
			return -1;
		snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d%.60s", dir, slash);
	}
	rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	saved = errno;
	if (dir >= 0)
		close(dir);
	errno = saved;
	return rc;
}

static int
connect_master(struct err *e)
{
	const char *path = client_socket(e);
	int fd;

	if (path == NULL)
		return -1;
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) < 0)
		return err_sys(e, "socket");
	if (connect_path(fd, path) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		err_set(e, E_NOTFOUND,
		    "GK Mail is not running (nobody answers at %s); start it with \"%s%s\"", path,
		    ctl.dir != NULL ? "gkmail sandbox --dir " : "service gkmail start",
		    ctl.dir != NULL ? ctl.dir : "");
	else if (errno == EACCES || errno == EPERM)
		err_set(e, E_DENIED,
		    "%s: not allowed; run gkmail as root or as a member of the group of "
		    "server.admin_group (gkmail-admin)",
		    path);
	else
		err_sys(e, "connect %s", path);
	close(fd);
	return -1;
}

static int
hello(int fd, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str build;

	ipc_begin(&m, MSG_CTL_HELLO);
	ipc_put_z(&m, build_id());
	if (ipc_call_wait(fd, &m, &in, e) < 0)
		return -1;
	build = ipc_get_str(&in);
	self.pid = ipc_get_u32(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer from gk-master");
	self.build = arena_dup(&ctl.arena, build);
	return 0;
}

static int
open_master(struct err *e)
{
	int fd;

	if (self.master > 0)
		return 0;
	if ((fd = connect_master(e)) < 0)
		return -1;
	if (hello(fd, e) < 0) {
		close(fd);
		return -1;
	}
	self.master = fd;
	return 0;
}

int
client_hello(struct str *build, uint32_t *pid, struct err *e)
{
	if (open_master(e) < 0)
		return -1;
	*build = self.build;
	*pid = self.pid;
	return 0;
}

bool
client_is_running(void)
{
	return self.master > 0;
}

int
client_about(struct err *e, const char *what)
{
	if (!client_is_running() || strstr(e->text, what) != NULL)
		return -1;
	return err_wrap(e, "%.100s", what);
}

/* Messages are the same only within one build. */
static int
same_build(struct err *e)
{
	if (str_eq_z(self.build, build_id()))
		return 0;
	return err_set(e, E_DENIED,
	    "this gkmail is build %s, but build " STR_FMT " is running; restart it "
	    "(service gkmail restart), or use the gkmail that belongs to it",
	    build_id(), STR_ARG(self.build));
}

static int
open_daemon(const char *name, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	size_t i = 0;
	int fd;

	while (self.daemon[i].name != NULL && strcmp(self.daemon[i].name, name) != 0)
		assume(++i < CHANNELS);
	if (self.daemon[i].name != NULL)
		return self.daemon[i].fd;
	ipc_begin(&m, MSG_CTL_CONNECT);
	ipc_put_z(&m, name);
	if (ipc_call_wait(self.master, &m, &in, e) < 0)
		return err_wrap(e, "gk-%s", name);
	fd = ipc_take_fd(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer from gk-master");
	self.daemon[i].name = name;
	self.daemon[i].fd = fd;
	return fd;
}

/* The channel to a daemon, or to master (NULL). */
static int
channel_of(const char *daemon, struct err *e)
{
	if (open_master(e) < 0 || same_build(e) < 0)
		return -1;
	return daemon != NULL ? open_daemon(daemon, e) : self.master;
}

int
client_call(const char *daemon, struct ipc_out *m, struct ipc_in *in, struct err *e)
{
	int fd = channel_of(daemon, e);

	if (fd < 0) {
		ipc_drop(m);
		return -1;
	}
	return ipc_call_wait(fd, m, in, e);
}

int
client_do_many(const char *daemon, size_t n, void (*make)(void *arg, size_t i, struct ipc_out *m),
    void *arg, size_t *failed, struct err *e)
{
	int fd = channel_of(daemon, e);

	*failed = n;
	if (fd < 0)
		return -1;
	if (ipc_calls_wait(fd, n, make, arg, failed, e) == 0)
		return 0;
	client_close();
	return -1;
}

int
client_do(const char *daemon, struct ipc_out *m, struct err *e)
{
	struct ipc_in in;

	if (client_call(daemon, m, &in, e) < 0)
		return -1;
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

/* One page, appended. Returns whether there is more, or -1. */
static int
page(const char *daemon, enum ipc_type list, struct str after, const struct str *filter,
    size_t n_of, struct rows *out, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	uint32_t more, n;

	ipc_begin(&m, list);
	ipc_put_str(&m, after);
	for (size_t i = 0; i < n_of; i++)
		ipc_put_str(&m, filter[i]);
	if (client_call(daemon, &m, &in, e) < 0)
		return -1;
	more = ipc_get_u32(&in);
	n = ipc_get_list(&in);
	if (n % out->width != 0 || out->n + n > ROWS_MAX || (more != 0 && n == 0))
		return err_set(e, E_PROTO, "unreadable list");
	out->v = mem_grow(out->v, out->n + n + 1, sizeof(*out->v));
	for (uint32_t i = 0; i < n; i++)
		out->v[out->n++] = arena_dup(&ctl.arena, ipc_get_item(&in));
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable list");
	return more != 0;
}

int
client_rows(const char *daemon, enum ipc_type list, size_t width, struct rows *out, struct err *e)
{
	return client_rows_of(daemon, list, NULL, 0, width, out, e);
}

int
client_rows_of(const char *daemon, enum ipc_type list, const struct str *filter, size_t n,
    size_t width, struct rows *out, struct err *e)
{
	struct str after = STR("");
	int more;

	*out = (struct rows){.width = width};
	do {
		if ((more = page(daemon, list, after, filter, n, out, e)) > 0)
			after = out->v[out->n - width];
	} while (more > 0);
	return more;
}
