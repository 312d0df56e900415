/*
 * sandbox.c - gkmail sandbox: the whole suite below one directory, in the foreground.
 */
#include "ctl/sandbox.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/num.h"
#include "ctl/client.h"

const char *
sandbox_path(const struct sandbox *s, const char *name)
{
	return arena_printf(&ctl.arena, "%s/%s", s->dir, name).p;
}

/* Makes the directory (a temporary one without a name) and its absolute name. */
static int
choose_dir(struct sandbox *s, const char *dir, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char made[PATH_MAX];
	struct stat st;

	if (dir != NULL) {
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "make directory %s", dir);
		if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
			return err_set(e, E_INVAL, "%s is no directory", dir);
	} else {
		snprintf(made, sizeof(made), "%s/gkmail-sandbox-XXXXXX",
		    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
		if (mkdtemp(made) == NULL)
			return err_sys(e, "make a directory in %s", made);
		/* The suite's other users must be able to walk through. */
		if (chmod(made, 0755) < 0)
			return err_sys(e, "chmod %s", made);
		dir = made;
	}
	if (realpath(dir, s->dir) == NULL)
		return err_sys(e, "%s", dir);
	s->conf = sandbox_path(s, "gkmail.toml");
	return 0;
}

static int
options(struct sandbox *s, struct err *e)
{
	const char *dir = ctl.dir, *domain = args_value("--domain"), *count = args_value("--users"),
		   *v;
	uint64_t n = 3;

	s->demo = args_flag("--demo");
	s->extra = args_value("--config");
	if ((v = args_value("--dir")) != NULL)
		dir = v;
	s->domain = domain != NULL ? str_z(domain) : STR("example.test");
	if (count != NULL && num_parse(str_z(count), 1, SANDBOX_USERS_MAX, &n) < 0)
		return args_wrong(e, "--users takes a number from 1 to %u", SANDBOX_USERS_MAX);
	s->users = arena_array(&ctl.arena, SANDBOX_USERS_MAX, sizeof(*s->users));
	while ((v = args_value("--user")) != NULL)
		if (sandbox_users_name(s, v, e) < 0)
			return -1;
	if (args_end(0, 0, e) < 0)
		return -1;
	if (count != NULL && s->nusers != 0)
		return args_wrong(e, "write --users or --user, not both");
	if (choose_dir(s, dir, e) < 0)
		return -1;
	if (count != NULL)
		sandbox_users_count(s, n);
	if (sandbox_users_recall(s, e) < 0)
		return -1;
	if (s->nusers == 0)
		sandbox_users_count(s, 3);
	return 0;
}

/* Two masters over one directory would fight. */
static int
check_free(const struct sandbox *s, struct err *e)
{
	struct str build;
	struct err none;
	uint32_t pid;

	client_use_socket(arena_printf(&ctl.arena, "%s/control.sock", s->run).p);
	if (client_hello(&build, &pid, &none) < 0)
		return 0;
	return err_set(e, E_EXISTS,
	    "a sandbox runs in %s already (gk-master pid %u); end it first, or name "
	    "another --dir",
	    s->dir, (unsigned)pid);
}

/* From a live master to the report. */
static int
settle(struct sandbox *s, struct err *e)
{
	struct err warning;

	if (sandbox_dir_save_ports(s, e) < 0 || sandbox_users_make(s, e) < 0)
		return -1;
	if (s->demo && (demo_mbsyncrc(s, &warning) < 0 || demo_send(s, &warning) < 0))
		fprintf(stderr, "gkmail: sample mail: %s\n", warning.text);
	/* Pids may have changed meanwhile. */
	if (status_get(&s->status, &ctl.arena, e) < 0)
		return -1;
	sandbox_report(s);
	return 0;
}

/* From the start of master to its end. */
static int
live(struct sandbox *s, struct err *e)
{
	struct err later;
	bool asked = false;

	if (sandbox_master_ready(s, &asked, e) < 0 || settle(s, e) < 0) {
		if (s->master != 0) {
			kill(s->master, SIGTERM);
			sandbox_master_end(s, asked ? e : &later);
		}
		return asked ? EXIT_DONE : -1;
	}
	while (sandbox_event_wait(s, -1) == SANDBOX_NOTHING)
		;
	return sandbox_master_end(s, e);
}

int
verb_sandbox(struct err *e)
{
	/* Where we are root the daemons have numeric users: the system has none of the suite's, and
	 * gets none. */
	static const char *const as_root[] = {"-U", "64000", NULL};
	static const char *const as_user[] = {NULL};
	struct sandbox *s = arena_new(&ctl.arena, struct sandbox);
	int rc;

	s->options = geteuid() == 0 ? as_root : as_user;
	if (options(s, e) < 0 || sandbox_dir_run(s, e) < 0 || check_free(s, e) < 0)
		return -1;
	if (sandbox_dir_prepare(s, e) < 0 || sandbox_master_start(s, e) < 0) {
		sandbox_dir_leave(s);
		return -1;
	}
	rc = live(s, e);
	sandbox_dir_leave(s);
	return rc;
}
