/* logs.c - where log lines go: one descriptor that master owns, copied to each daemon. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "master/master.h"

static int target = 2;

/* A syslog daemon that hangs costs each line so long, and then the line: mail goes on. */
static const struct timeval patience = {.tv_usec = 100000};

static int
open_syslog(struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0)
		return fd;
	err_sys(e, "open %s", a.sun_path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Who may use gkmail may read the log with it. A group that an administrator chose stays. */
static void
share(int fd, const struct conf *c)
{
	struct group *g = geteuid() == 0 ? getgrnam(conf_z(c, CONF_SERVER_ADMIN_GROUP)) : NULL;
	struct stat st;

	if (g == NULL || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_gid != 0)
		return;
	if (fchown(fd, (uid_t)-1, g->gr_gid) < 0 || fchmod(fd, (st.st_mode & 07777) | 0040) < 0)
		log_warn("master.log_group", LZ("group", g->gr_name), LZ("error", strerror(errno)));
}

static int
open_file(const char *to, const struct conf *c, struct err *e)
{
	int fd = open(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_sys(e, "open %s", to);
	share(fd, c);
	return fd;
}

int
logs_open(const struct conf *c, struct err *e)
{
	const char *to = conf_z(c, CONF_LOG_TO);
	int fd;

	if (strcmp(to, "stdout") == 0)
		fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
	else if (strcmp(to, "syslog") == 0)
		fd = open_syslog(e);
	else
		fd = open_file(to, c, e);
	return fd < 0 ? config_refuse(c, CONF_LOG_TO, e) : fd;
}

enum log_format
logs_format(const struct conf *c)
{
	enum log_format f = LOG_TEXT;

	if (strcmp(conf_z(c, CONF_LOG_TO), "syslog") == 0)
		return LOG_TO_SYSLOG;
	log_format_parse(conf_str(c, CONF_LOG_FORMAT), &f);
	return f;
}

enum log_level
logs_level(const struct conf *c, enum conf_key own)
{
	enum log_level level = LOG_LEVEL_INFO;

	if (log_level_parse(conf_str(c, own), &level) < 0)
		log_level_parse(conf_str(c, CONF_LOG_LEVEL), &level);
	return level;
}

void
logs_use(const struct conf *c, int fd)
{
	log_set_format(logs_format(c));
	log_set_level(logs_level(c, CONF_LOG_MASTER));
	log_set_fd(fd);
	target = fd;
}

int
logs_fd(void)
{
	return fcntl(target, F_DUPFD_CLOEXEC, 3);
}

/* SIGUSR1: a rotated file is let go everywhere. */
void
logs_reopen(void)
{
	struct err e;
	int fd = logs_open(master.conf, &e);

	if (fd < 0) {
		log_error("master.log_reopen", LE(&e));
		return;
	}
	logs_use(master.conf, fd);
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].greeted)
			setup_log(&master.processes[i]);
	log_info("master.log_reopened", LU("pid", getpid()));
}
