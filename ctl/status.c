/* status.c - gkmail status, reload, version. */
#include "ctl/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "ctl/backup.h"
#include "ctl/client.h"
#include "ctl/glance.h"
#include "ctl/health.h"
#include "ctl/output.h"
#include "io/file.h"
#include "svc/build.h"

#define METRICS_MAX (16u * 1024 * 1024)

/* Reads a list whose items fill structs of `width` strings each. */
static struct str *
strings(struct ipc_in *in, size_t width, size_t *count, struct arena *a)
{
	uint32_t n = ipc_get_list(in);
	struct str *v = arena_array(a, (size_t)n + width, sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		v[i] = arena_dup(a, ipc_get_item(in));
	*count = n / width;
	return v;
}

int
status_get(struct status *s, struct arena *a, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str *v;

	ipc_begin(&m, MSG_CTL_STATUS);
	if (client_call(NULL, &m, &in, e) < 0)
		return -1;
	v = strings(&in, 5, &s->nprocesses, a);
	s->processes = arena_array(a, s->nprocesses + 1, sizeof(*s->processes));
	for (size_t i = 0; i < s->nprocesses; i++)
		s->processes[i] = (struct status_process){
		    v[i * 5], v[i * 5 + 1], v[i * 5 + 2], v[i * 5 + 3], v[i * 5 + 4]};
	v = strings(&in, 2, &s->nlisteners, a);
	s->listeners = arena_array(a, s->nlisteners + 1, sizeof(*s->listeners));
	for (size_t i = 0; i < s->nlisteners; i++)
		s->listeners[i] = (struct status_listener){v[i * 2], v[i * 2 + 1]};
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

bool
status_is_ready(const struct status *s)
{
	for (size_t i = 0; i < s->nprocesses; i++)
		if (!str_eq_z(s->processes[i].state, "ready"))
			return false;
	return s->nprocesses > 0;
}

/* Prometheus text as {"name{labels}":"value",...}: values may be no JSON numbers ("+Inf"). */
static void
metrics_json(struct str text)
{
	struct str line;
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	while (str_cut(&text, '\n', &line)) {
		size_t blank = str_rchr(line, ' ');

		if (line.n == 0 || line.p[0] == '#' || blank == line.n)
			continue;
		json_auto(
		    &j, arena_dupz(&ctl.arena, str_sub(line, 0, blank)), str_from(line, blank + 1));
	}
	json_close(&j, '}');
	json_print(&j);
}

static int
read_metrics(int fd, struct str *out, struct err *e)
{
	uint64_t size;
	char *text;

	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size > METRICS_MAX)
		return err_set(e, E_PROTO, "unreadable answer");
	text = arena_alloc(&ctl.arena, size + 1);
	*out = str_of(text, size);
	return file_pread(fd, text, size, 0, e);
}

/* All counters, as Prometheus text. */
static int
get_metrics(struct str *out, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	int fd, rc;

	ipc_begin(&m, MSG_CTL_METRICS);
	if (client_call("statd", &m, &in, e) < 0)
		return -1;
	fd = ipc_take_fd(&in);
	rc = ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : read_metrics(fd, out, e);
	file_close(&fd);
	return rc;
}

static int
print_metrics(struct err *e)
{
	struct str text, line;

	if (get_metrics(&text, e) < 0)
		return -1;
	if (ctl.json)
		metrics_json(text);
	else if (!isatty(STDOUT_FILENO))
		fwrite(text.p, 1, text.n, stdout);
	else
		while (str_cut(&text, '\n', &line)) {
			out_str(stdout, line);
			putchar('\n');
		}
	return 0;
}

/* "3d 4h", "5m 2s" */
static struct str
uptime(struct str seconds)
{
	uint64_t s;

	if (num_parse(seconds, 0, UINT32_MAX, &s) < 0)
		return seconds;
	if (s >= 86400)
		return arena_printf(
		    &ctl.arena, "%" PRIu64 "d %" PRIu64 "h", s / 86400, s % 86400 / 3600);
	if (s >= 3600)
		return arena_printf(
		    &ctl.arena, "%" PRIu64 "h %" PRIu64 "m", s / 3600, s % 3600 / 60);
	if (s >= 60)
		return arena_printf(&ctl.arena, "%" PRIu64 "m %" PRIu64 "s", s / 60, s % 60);
	return arena_printf(&ctl.arena, "%" PRIu64 "s", s);
}

/* metrics: empty where gk-statd does not answer. */
static void
print_processes(const struct status *s, struct str metrics)
{
	size_t n = 6 + s->nprocesses * 6;
	struct str *cells = arena_array(&ctl.arena, n, sizeof(*cells)), *c = cells;

	*c++ = STR("PROCESS"), *c++ = STR("PID"), *c++ = STR("STATE"), *c++ = STR("RESTARTS"),
	*c++ = STR("UP"), *c++ = STR("MEMORY");
	for (size_t i = 0; i < s->nprocesses; i++) {
		*c++ = s->processes[i].name;
		*c++ = s->processes[i].pid;
		*c++ = s->processes[i].state;
		*c++ = s->processes[i].restarts;
		*c++ = uptime(s->processes[i].uptime);
		*c++ = glance_memory(metrics, s->processes[i].name);
	}
	out_table(cells, n, 6);
}

static void
print_listeners(const struct status *s)
{
	size_t n = 2 + s->nlisteners * 2;
	struct str *cells = arena_array(&ctl.arena, n, sizeof(*cells)), *c = cells;

	*c++ = STR("LISTENER"), *c++ = STR("ADDRESS");
	for (size_t i = 0; i < s->nlisteners; i++) {
		*c++ = s->listeners[i].name;
		*c++ = s->listeners[i].address;
	}
	out_table(cells, n, 2);
}

static void
print_backup(void)
{
	struct str name;
	uint64_t age;

	if (backup_last(&name, &age))
		printf("last backup: " STR_FMT ", %" PRIu64 " h ago\n", STR_ARG(name), age / 3600);
	else
		puts("last backup: none");
}

/* What is wrong comes first, then what there is to do, then who does it. */
static void
print_text(const struct status *s, uint32_t pid, struct str build, const struct health *health,
    const struct err *why)
{
	struct str metrics = STR_NONE;
	struct err e;

	printf("gk-master " STR_FMT ", pid %" PRIu32 ", %s\n", STR_ARG(build), pid,
	    status_is_ready(s) ? "all ready" : "not all ready");
	if (health != NULL) {
		health_print(health);
	} else {
		fputs("health: unknown, ", stdout);
		out_str(stdout, str_z(why->text));
		putchar('\n');
	}
	print_backup();
	putchar('\n');
	if (health != NULL && get_metrics(&metrics, &e) == 0)
		glance_print(metrics);
	print_processes(s, metrics);
	putchar('\n');
	print_listeners(s);
}

/* health: NULL where gk-statd does not answer. */
static void
print_json(const struct status *s, uint32_t pid, struct str build, const struct health *health)
{
	struct str last;
	uint64_t age;
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ready", status_is_ready(s));
	json_num(&j, "pid", pid);
	json_str(&j, "build", build);
	json_open(&j, "processes", '[');
	for (size_t i = 0; i < s->nprocesses; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", s->processes[i].name);
		json_auto(&j, "pid", s->processes[i].pid);
		json_str(&j, "state", s->processes[i].state);
		json_auto(&j, "restarts", s->processes[i].restarts);
		json_auto(&j, "uptime", s->processes[i].uptime);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "listeners", '[');
	for (size_t i = 0; i < s->nlisteners; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", s->listeners[i].name);
		json_str(&j, "address", s->listeners[i].address);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	if (health != NULL)
		json_raw(&j, "health", health->raw);
	else
		json_null(&j, "health");
	if (backup_last(&last, &age)) {
		json_open(&j, "last_backup", '{');
		json_str(&j, "snapshot", last);
		json_num(&j, "age", age);
		json_close(&j, '}');
	} else {
		json_null(&j, "last_backup");
	}
	json_close(&j, '}');
	json_print(&j);
}

int
verb_status(struct err *e)
{
	bool want_metrics = args_flag("--metrics");
	struct health h, *health = NULL;
	struct status s;
	struct str build;
	struct err why;
	uint32_t pid;

	if (args_end(0, 0, e) < 0)
		return -1;
	if (want_metrics)
		return print_metrics(e);
	if (client_hello(&build, &pid, e) < 0 || status_get(&s, &ctl.arena, e) < 0)
		return -1;
	if (health_get(&h, &why) == 0)
		health = &h;
	if (ctl.json)
		print_json(&s, pid, build, health);
	else
		print_text(&s, pid, build, health, &why);
	return status_is_ready(&s) && health != NULL && health->healthy ? EXIT_DONE : EXIT_FAIL;
}

#define BUSY_TRIES 50u

int
verb_reload(struct err *e)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	struct ipc_out m;
	int rc = -1;

	if (args_end(0, 0, e) < 0)
		return -1;
	/* Another one under way (a SIGHUP) read the file before; ours is to follow it. */
	for (unsigned i = 0; rc < 0 && i < BUSY_TRIES && (i == 0 || e->code == E_TEMP); i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		ipc_begin(&m, MSG_CTL_RELOAD);
		rc = client_do(NULL, &m, e);
	}
	if (rc < 0)
		return err_wrap(e, "nothing was changed");
	puts(ctl.json ? "{\"ok\":true}" : "The new configuration is in force.");
	return 0;
}

int
verb_version(struct err *e)
{
	struct str running = STR_NONE;
	struct json j;
	uint32_t pid = 0;

	if (args_end(0, 0, e) < 0)
		return -1;
	/* Whether something runs is of interest, but no error here. */
	if (client_hello(&running, &pid, e) < 0)
		pid = 0;
	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '{');
		json_z(&j, "version", build_version());
		json_z(&j, "build", build_id());
		if (pid != 0)
			json_str(&j, "running", running);
		else
			json_null(&j, "running");
		json_close(&j, '}');
		json_print(&j);
		return 0;
	}
	printf("gkmail %s (build %s)\n", build_version(), build_id());
	if (pid != 0)
		printf("running: build " STR_FMT ", pid %" PRIu32 "\n", STR_ARG(running), pid);
	return 0;
}
