/*
 * sandbox_master.c - gk-master as our child: found, started, watched, ended.
 *
 * Signals are blocked and taken one at a time, so that nothing happens between two lines of ours.
 * Master stands in a process group of its own: Ctrl-C reaches us alone, and we pass it on once.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/sandbox.h"

#define ARGS_MAX 32u
#define READY_MS 60000u

static sigset_t watched;
static bool ended; /* master's wait status is in ended_status */
static int ended_status;

/* Beside gkmail (build/bin), or where `make install` puts it, from sbin/gkmail. */
static const char *
find_master(struct err *e)
{
	static const char *const places[] = {"", "/../libexec/gkmail"};
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0) {
		err_sys(e, "/proc/self/exe");
		return NULL;
	}
	self[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char copy[PATH_MAX];

		memcpy(copy, self, (size_t)n + 1);
		snprintf(path, sizeof(path), "%s%s/gk-master", dirname(copy), places[i]);
		if (access(path, X_OK) == 0)
			return arena_dupz(&ctl.arena, str_z(path));
	}
	err_set(e, E_NOTFOUND,
	    "gk-master is neither beside %s nor in ../libexec/gkmail; build or install it first",
	    self);
	return NULL;
}

/* In the child. Standard output belongs to gkmail's answer; what master says goes to standard
 * error. */
static void
become_master(const char *program, const struct sandbox *s, pid_t parent)
{
	const char *args[ARGS_MAX + 4] = {"gk-master", "-c", s->conf};
	sigset_t none;
	int null;

	for (size_t i = 0; i < ARGS_MAX && s->options[i] != NULL; i++)
		args[3 + i] = s->options[i];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAIL);
	setpgid(0, 0);
	if ((null = open("/dev/null", O_RDONLY)) < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0)
		_exit(EXIT_FAIL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(program, (char *const *)(const void *)args);
	fprintf(stderr, "gkmail: %s: %s\n", program, strerror(errno));
	_exit(EXIT_FAIL);
}

int
sandbox_master_start(struct sandbox *s, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	const char *program = find_master(e);
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	pid_t parent = getpid();

	if (program == NULL)
		return -1;
	sigemptyset(&watched);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&watched, signals[i]);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	fflush(NULL);
	if ((s->master = fork()) < 0) {
		s->master = 0;
		return err_sys(e, "fork");
	}
	if (s->master == 0)
		become_master(program, s, parent);
	return 0;
}

static bool
reap(struct sandbox *s)
{
	if (!ended && waitpid(s->master, &ended_status, WNOHANG) == s->master)
		ended = true;
	return ended;
}

enum sandbox_event
sandbox_event_wait(struct sandbox *s, int ms)
{
	struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	int sig = sigtimedwait(&watched, NULL, ms < 0 ? NULL : &wait);

	if (reap(s))
		return SANDBOX_DEAD;
	if (sig == SIGHUP || sig == SIGUSR1)
		kill(s->master, sig);
	if (sig != SIGTERM && sig != SIGINT)
		return SANDBOX_NOTHING;
	kill(s->master, SIGTERM);
	return SANDBOX_END;
}

/* The last lines of the log, for one who has to find out why. */
static void
show_log_end(const struct sandbox *s)
{
	int fd = s->dir[0] != '\0' ? open(sandbox_path(s, "log"), O_RDONLY | O_CLOEXEC) : -1;
	char text[4096];
	struct stat st;
	size_t lines = 0, at;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	n = pread(fd, text, sizeof(text),
	    st.st_size > (off_t)sizeof(text) ? st.st_size - (off_t)sizeof(text) : 0);
	close(fd);
	if (n <= 0)
		return;
	for (at = (size_t)n; at > 0; at--)
		if (text[at - 1] == '\n' && ++lines > 10)
			break;
	fprintf(stderr, "the end of %s:\n", sandbox_path(s, "log"));
	fwrite(text + at, 1, (size_t)n - at, stderr);
}

static int
describe_end(const struct sandbox *s, struct err *e)
{
	if (WIFEXITED(ended_status) && WEXITSTATUS(ended_status) == 0)
		return 0;
	show_log_end(s);
	if (WIFEXITED(ended_status))
		return err_set(e, E_IO,
		    "gk-master ended with exit code %d; what it said stands above",
		    WEXITSTATUS(ended_status));
	return err_set(e, E_IO, "gk-master was ended by signal %d (%s)", WTERMSIG(ended_status),
	    strsignal(WTERMSIG(ended_status)));
}

static int
not_ready(const struct sandbox *s, struct err *e)
{
	char names[200] = "";
	size_t n = 0;

	for (size_t i = 0; i < s->status.nprocesses && n < sizeof(names); i++)
		if (!str_eq_z(s->status.processes[i].state, "ready"))
			n += (size_t)snprintf(names + n, sizeof(names) - n,
			    "%sgk-" STR_FMT " (" STR_FMT ")", n != 0 ? ", " : "",
			    STR_ARG(s->status.processes[i].name),
			    STR_ARG(s->status.processes[i].state));
	show_log_end(s);
	return err_set(e, E_TIMEOUT, "not ready after %u s: %s", READY_MS / 1000,
	    names[0] != '\0' ? names : "gk-master does not answer");
}

int
sandbox_master_ready(struct sandbox *s, bool *asked, struct err *e)
{
	uint64_t start = clock_us();
	enum sandbox_event event;
	struct arena a;
	struct err none;
	bool ready = false;

	arena_init(&a);
	while (!ready) {
		event = sandbox_event_wait(s, 20);
		if (event == SANDBOX_END)
			*asked = true;
		if (event != SANDBOX_NOTHING)
			break;
		arena_reset(&a);
		if (status_get(&s->status, &a, &none) < 0)
			client_close();
		else
			ready = status_is_ready(&s->status);
		if (!ready && clock_us() - start > READY_MS * 1000ull)
			break;
	}
	if (ended)
		describe_end(s, e);
	else if (!ready && !*asked)
		not_ready(s, e);
	s->status = (struct status){0};
	arena_free(&a);
	if (ended)
		s->master = 0;
	return ready ? status_get(&s->status, &ctl.arena, e) : -1;
}

int
sandbox_master_end(struct sandbox *s, struct err *e)
{
	while (!ended)
		sandbox_event_wait(s, -1);
	return describe_end(s, e);
}
