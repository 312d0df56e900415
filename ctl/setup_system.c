/*
 * setup_system.c - the system users of the daemons (etc/gkmail.sysusers), made with Debian's
 * groupadd and useradd where they are missing.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "ctl/setup.h"

static const char *const roles[] = {"auth", "dns", "smtp", "screen", "sign", "queue", "store",
    "out", "imap", "web", "mcp", "ai", "connect", "stat", "acme"};

static const char *
user_name(const struct setup *s, size_t i)
{
	return arena_printf(&ctl.arena, "%s-%s", conf_z(s->c, CONF_SERVER_USER_PREFIX), roles[i]).p;
}

int
setup_run(const char *const *args, const char *else_do, struct err *e)
{
	pid_t pid;
	int status;

	fflush(NULL);
	if ((pid = fork()) < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		dup2(2, 1);
		execvp(args[0], (char *const *)(const void *)args);
		fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, E_IO, "%s failed; %s", args[0], else_do);
}

static int
run(const char *const *args, struct err *e)
{
	return setup_run(args,
	    "make the system users in another way (etc/gkmail.sysusers lists them), then run "
	    "gkmail setup again",
	    e);
}

void
setup_made(struct setup *s, const char *name)
{
	if (s->nmade < ARRAY_LEN(s->made))
		s->made[s->nmade++] = name;
}

int
setup_system(struct setup *s, struct err *e)
{
	const char *group = conf_z(s->c, CONF_SERVER_ADMIN_GROUP);
	const char *add_group[] = {"/usr/sbin/groupadd", "--system", group, NULL};

	if (getgrnam(group) == NULL) {
		if (run(add_group, e) < 0)
			return -1;
		setup_made(s, group);
	}
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		const char *name = user_name(s, i);
		const char *add_user[] = {"/usr/sbin/useradd", "--system", "--user-group",
		    "--no-create-home", "--home-dir", "/nonexistent", "--shell",
		    "/usr/sbin/nologin", name, NULL};

		if (getpwnam(name) != NULL)
			continue;
		if (run(add_user, e) < 0)
			return -1;
		setup_made(s, name);
	}
	return 0;
}

void
setup_system_print(const struct setup *s)
{
	const char *group = conf_z(s->c, CONF_SERVER_ADMIN_GROUP);

	if (getgrnam(group) == NULL)
		printf("  groupadd --system %s\n", group);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (getpwnam(user_name(s, i)) == NULL)
			printf("  useradd --system --user-group --no-create-home --home-dir "
			       "/nonexistent --shell /usr/sbin/nologin %s\n",
			    user_name(s, i));
}
