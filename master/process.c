/* process.c - daemons started, watched, and started again with growing patience. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "master/master.h"
#include "svc/build.h"

#define BACKOFF_FIRST_MS 50u
#define BACKOFF_MAX_MS   30000u
#define STEADY_MS        60000u /* ran so long: the next crash is a new story */
#define EXIT_CONFIG      78
#define CONTROL_FD       3

static void start(struct process *p);

const char *
process_state_name(enum process_state s)
{
	static const char *const names[] = {"down", "starting", "ready", "ended"};

	return names[s];
}

struct process *
process_of(enum ipc_peer peer)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].service != NULL &&
		    master.processes[i].service->peer == peer)
			return &master.processes[i];
	return NULL;
}

struct process *
process_of_service(const struct service *s)
{
	return process_of(s->peer);
}

bool
process_all_ready(void)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].state != PROCESS_READY)
			return false;
	return true;
}

/* The suite never stood: there is no use in trying again what an operator must mend. The first to
 * say why is heard. */
static void
give_up(const struct process *p, const char *why)
{
	if (master.draining)
		return;
	fprintf(stderr, "gk-master: gk-%s cannot start: %s\n", p->service->name, why);
	master.draining = true;
	master.failed = true;
	loop_stop();
}

static void
configured(void *arg, struct ipc_in *m, const struct err *e)
{
	struct process *p = arg;

	if (m == NULL) {
		log_error("master.refused", LZ("process", p->service->name), LE(e));
		if (!master.was_ready && e->code != E_CLOSED)
			give_up(p, e->text);
		return;
	}
	ipc_end(m);
	p->state = PROCESS_READY;
	log_info("master.ready", LZ("process", p->service->name), LI("pid", p->pid),
	    LU("ms", clock_ms() - p->started_ms));
	if (!master.was_ready && process_all_ready()) {
		master.was_ready = true;
		log_info("master.all_ready", LU("processes", SERVICES));
		reload_ready();
	}
}

/* Programs of two builds do not talk: an installation that is half done, or was not followed by a
 * restart. What runs goes on; this one is tried again now and then, for its file may come back. */
static void
mismatch(struct process *p, struct str build)
{
	char why[200];

	log_error("master.build_mismatch", LZ("process", p->service->name), LS("its_build", build),
	    LZ("our_build", build_id()),
	    LZ("error", "a program of another build was installed; restart gkmail as a whole"));
	p->other_build = true;
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
	if (master.was_ready)
		return;
	snprintf(why, sizeof(why),
	    "it is of build " STR_FMT ", gk-master of %s; install them together",
	    STR_ARG(str_sub(build, 0, 60)), build_id());
	give_up(p, why);
}

static void
greet(struct process *p, struct ipc_in *m)
{
	struct str build = ipc_get_str(m), sections = ipc_get_str(m), root = ipc_get_str(m);
	char name[64];

	if (ipc_end(m) < 0 || str_cz(sections, p->sections, sizeof(p->sections)) < 0 ||
	    str_cz(root, name, sizeof(name)) < 0) {
		m->bad = true;
		return;
	}
	if (!str_eq_z(build, build_id())) {
		mismatch(p, build);
		return;
	}
	p->greeted = true;
	setup_begin(p, name);
	setup_channels(p);
	setup_config(p, master.conf, configured, p);
}

static void
control_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_HELLO)
		greet(arg, m);
	else if (m->type == MSG_STAT_STATE)
		stat_state(c, m);
	else if (m->type == MSG_STAT_PROBE)
		stat_probe(c, m);
	else if (m->type == MSG_ACME_KEEP)
		acme_keep(arg, m);
	else
		ipc_refuse(m);
}

/* A daemon without its channel cannot be led: it ends by itself, or is ended. */
static void
control_gone(void *arg, struct ipc_chan *c)
{
	struct process *p = arg;

	(void)c;
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}

/* The program beside our own. */
static int
program(const struct process *p, char path[PATH_MAX], struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 40);
	char *slash;

	if (n < 0)
		return err_sys(e, "read /proc/self/exe");
	path[n] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, 40, "gk-%s", p->service->name);
	return access(path, X_OK) < 0 ? err_sys(e, "%s", path) : 0;
}

static _Noreturn void
run(const char *path, int control)
{
	char *argv[] = {(char *)(uintptr_t)strrchr(path, '/') + 1, NULL};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(control, CONTROL_FD) < 0)
		_exit(75);
	close_range(CONTROL_FD + 1, ~0u, 0);
	execv(path, argv);
	fprintf(stderr, "gk-master: %s: %s\n", path, strerror(errno));
	_exit(75);
}

static int
spawn(struct process *p, struct err *e)
{
	char path[PATH_MAX];
	int fds[2];

	if (program(p, path, e) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return err_sys(e, "socketpair");
	log_flush();
	p->pid = fork();
	if (p->pid == 0)
		run(path, fds[1]);
	close(fds[1]);
	if (p->pid < 0) {
		p->pid = 0;
		close(fds[0]);
		return err_sys(e, "fork");
	}
	p->control =
	    ipc_new(fds[0], PEER_MASTER, p->service->peer, control_message, control_gone, p);
	return 0;
}

static void
again_later(struct process *p)
{
	p->state = PROCESS_DOWN;
	if (p->other_build)
		p->backoff_ms = BACKOFF_MAX_MS;
	else if (clock_ms() - p->started_ms > STEADY_MS)
		p->backoff_ms = 0;
	loop_timer_set(p->restart, p->backoff_ms);
	p->backoff_ms =
	    p->backoff_ms == 0 ? BACKOFF_FIRST_MS : num_min(p->backoff_ms * 2, BACKOFF_MAX_MS);
}

static void
on_restart(void *arg)
{
	struct process *p = arg;

	p->restarts++;
	start(p);
}

static void
start(struct process *p)
{
	struct err e;

	p->started_ms = clock_ms();
	p->state = PROCESS_STARTING;
	p->greeted = p->other_build = false;
	if (spawn(p, &e) < 0) {
		log_error("master.start_failed", LZ("process", p->service->name), LE(&e));
		if (!master.was_ready)
			give_up(p, e.text);
		else
			again_later(p);
	}
}

static void
log_exit(const struct process *p, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error(
		    "master.sandbox_violation", LZ("process", p->service->name), LI("pid", p->pid));
	else if (WIFSIGNALED(status))
		log_error("master.crash", LZ("process", p->service->name), LI("pid", p->pid),
		    LI("signal", WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0 || !master.draining)
		log_error("master.exit", LZ("process", p->service->name), LI("pid", p->pid),
		    LI("code", WEXITSTATUS(status)));
	else
		log_info("master.drained", LZ("process", p->service->name), LI("pid", p->pid));
}

static void
ended(struct process *p, int status)
{
	bool config = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG;
	char why[64];

	if (!p->other_build)
		log_exit(p, status);
	p->pid = 0; /* it may be another's from now on */
	/* The answer that says why may still lie in the channel. */
	ipc_drain(p->control);
	p->greeted = false; /* before the calls under way end: nothing is said to it any more */
	ipc_free(&p->control);
	if (master.draining) {
		p->state = PROCESS_ENDED;
		drain_step();
	} else if (!master.was_ready && (config || p->restarts >= 3)) {
		snprintf(why, sizeof(why), "%s %d; the log says more",
		    WIFSIGNALED(status) ? "it was ended by signal" : "it ended with exit code",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		give_up(p, why);
	} else if (config) {
		p->state = PROCESS_ENDED;
	} else {
		again_later(p);
	}
}

static void
on_child(void *arg)
{
	int status;
	pid_t pid;

	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < SERVICES; i++)
			if (master.processes[i].pid == pid)
				ended(&master.processes[i], status);
}

void
process_start_ended(void)
{
	if (master.draining)
		return;
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].state == PROCESS_ENDED)
			start(&master.processes[i]);
}

int
process_start_all(struct err *e)
{
	loop_signal_new(SIGCHLD, on_child, NULL);
	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		p->service = &services[i];
		p->restart = loop_timer_new(on_restart, p);
		p->metrics_fd = metrics_create(e);
		p->events_fd = events_create(e);
		if (p->metrics_fd < 0 || p->events_fd < 0 ||
		    (p->events = events_map(p->events_fd, e)) == NULL)
			return -1;
	}
	for (size_t i = 0; i < SERVICES; i++)
		start(&master.processes[i]);
	return 0;
}
