/*
 * local.c - run_dir/submit.sock: programs on this machine hand over mail without a password.
 *
 * Anybody may connect. Who it is the kernel says (SO_PEERCRED, as of the moment of connect); the
 * name to the number stands in /etc/passwd, which gk-smtpd in its empty root cannot read. So the
 * connection is taken here, not a byte of it read, and given to gk-smtpd with the address of its
 * account. docs/adr/0011-sendmail.md.
 *
 * /etc/passwd is read as a file: the system's other sources of accounts may block, and this is
 * master's loop. Who is not in it is uid-1234.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/mem.h"
#include "master/master.h"

#define UNDER_WAY_MAX 16u /* given to gk-smtpd and not taken yet; others wait in the backlog */
#define RETRY_MS      100u
#define BACKLOG       128
#define GROUPS_MAX    256
#define NAME_SIZE     64

static int listener = -1;
static struct loop_io *io;
static struct loop_timer *retry;
static unsigned under_way;
static char path[PATH_MAX];
static gid_t admins;
static bool have_admins;

/* ---- who it is ---- */

/* What needs no quotes in an address (RFC 5322 3.2.3), nor a second thought anywhere else. */
static bool
is_plain(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < NAME_SIZE && name[n] == '\0';
}

static void
account_name(uid_t uid, char out[NAME_SIZE])
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;

	snprintf(out, NAME_SIZE, "uid-%u", uid);
	if (f == NULL)
		return;
	while ((pw = fgetpwent(f)) != NULL)
		if (pw->pw_uid == uid) {
			if (is_plain(pw->pw_name))
				snprintf(out, NAME_SIZE, "%s", pw->pw_name);
			break;
		}
	fclose(f);
}

/* Who may give orders by gkmail may write as anybody. */
static bool
is_trusted(int fd, const struct ucred *who)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (who->uid == 0 || who->uid == geteuid())
		return true;
	if (!have_admins)
		return false;
	if (who->gid == admins)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == admins)
			return true;
	return false;
}

/* ---- passing it on ---- */

static void on_client(void *arg, unsigned events);

static void
watch(bool on)
{
	if (io != NULL)
		loop_io_want(io, on ? LOOP_READ : 0);
}

static void
on_retry(void *arg)
{
	(void)arg;
	watch(under_way < UNDER_WAY_MAX);
}

/* One that was lost with a gk-smtpd that died is told by its end, and comes again. */
static void
taken(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	(void)e;
	if (m != NULL)
		ipc_end(m);
	under_way--;
	watch(true);
}

struct visitor {
	char user[NAME_SIZE + 260];
	bool trusted;
	int fd;
};

/* An authd that does not answer now makes its mail wait only where it has to be signed. */
static void
vouched(void *arg, struct ipc_in *in, const struct err *e)
{
	struct visitor *v = arg;
	struct process *p = process_of(PEER_SMTPD);
	struct str token = in != NULL ? ipc_get_str(in) : STR("");
	struct ipc_out m;

	(void)e;
	if (p == NULL || p->control == NULL || (in != NULL && ipc_end(in) < 0)) {
		close(v->fd);
		taken(NULL, NULL, NULL);
	} else {
		ipc_begin(&m, MSG_LOCAL_CONN);
		ipc_put_z(&m, v->user);
		ipc_put_u32(&m, v->trusted);
		ipc_put_str(&m, token);
		ipc_put_fd(&m, v->fd);
		ipc_call(p->control, &m, taken, NULL);
	}
	free(v);
}

static void
pass_on(int fd)
{
	struct process *authd = process_of(PEER_AUTHD);
	struct visitor *v = mem_alloc(sizeof(*v));
	socklen_t size = sizeof(struct ucred);
	char name[NAME_SIZE];
	struct ucred who;
	struct ipc_out m;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) {
		close(fd);
		free(v);
		return;
	}
	account_name(who.uid, name);
	snprintf(v->user, sizeof(v->user), "%s@%.255s", name,
	    conf_z(master.conf, CONF_SERVER_HOST_NAME));
	v->trusted = is_trusted(fd, &who);
	v->fd = fd;
	if (++under_way == UNDER_WAY_MAX)
		watch(false);
	if (authd == NULL || authd->state != PROCESS_READY) {
		vouched(v, NULL, NULL);
		return;
	}
	ipc_begin(&m, MSG_SENDER_TOKEN);
	ipc_put_z(&m, v->user);
	ipc_put_u32(&m, v->trusted);
	ipc_call(authd->control, &m, vouched, v);
}

/* While gk-smtpd does not run, who comes waits in the backlog. */
static void
on_client(void *arg, unsigned events)
{
	struct process *p = process_of(PEER_SMTPD);
	int fd = -1;

	(void)arg;
	(void)events;
	if (p != NULL && p->state == PROCESS_READY)
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		pass_on(fd);
	} else {
		watch(false);
		loop_timer_set(retry, RETRY_MS);
	}
}

/* ---- the socket ---- */

static int
local_open(struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct group *g =
	    geteuid() == 0 ? getgrnam(conf_z(master.conf, CONF_SERVER_ADMIN_GROUP)) : NULL;

	have_admins = g != NULL;
	admins = g != NULL ? g->gr_gid : 0;
	snprintf(path, sizeof(path), "%s/submit.sock", conf_z(master.conf, CONF_SERVER_RUN_DIR));
	if (str_cz(str_z(path), a.sun_path, sizeof(a.sun_path)) < 0)
		return err_set(e, E_INVAL, "server.run_dir is too long for a socket: %s", path);
	unlink(path); /* of a master that was killed */
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(path, 0666) < 0 || listen(listener, BACKLOG) < 0) {
		err_sys(e, "socket %s", path);
		local_close();
		return -1;
	}
	if (retry == NULL)
		retry = loop_timer_new(on_retry, NULL);
	io = loop_io_new(listener, LOOP_READ, on_client, NULL);
	return 0;
}

int
local_apply(struct err *e)
{
	if (!conf_bool(master.conf, CONF_SUBMISSION_LOCAL)) {
		local_close();
		return 0;
	}
	return listener < 0 ? local_open(e) : 0;
}

void
local_close(void)
{
	if (listener < 0)
		return;
	loop_io_free(&io);
	close(listener);
	listener = -1;
	unlink(path);
}
