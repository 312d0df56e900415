/*
 * stat.c - what gk-statd is told of the suite, and what it cannot see or do itself: processes in
 * /proc, the room on disk, connections to our own listeners.
 *
 * Nothing is kept here. What cannot be read is left out, or 0.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "master/master.h"
#include "svc/page.h"

#define OWNERS_MAX 2000u /* whose memory is looked at */
#define CHILDREN   (OWNERS_MAX * 8)

void
stat_pages_give(struct process *p)
{
	for (size_t i = 0; i < SERVICES; i++) {
		char name[40];
		struct err e;
		int fd = page_read_only(master.processes[i].metrics_fd, &e);

		if (fd < 0)
			log_warn("master.page", LZ("process", services[i].name), LE(&e));
		snprintf(name, sizeof(name), "page.%zu", i);
		setup_file(p, name, fd);
	}
}

/* ---- /proc ---- */

/* The text of a file of a process; octets of it, 0 where it cannot be read. */
static struct str
proc_read(pid_t pid, const char *file, char *out, size_t size)
{
	char path[80];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, out, size);
		close(fd);
	}
	return str_of(out, n > 0 ? (size_t)n : 0);
}

/* The number that stands at a place, from 0, among words with a blank between; 0: none. */
static uint64_t
word_num(struct str s, size_t place)
{
	struct str word = STR_NONE;
	uint64_t v = 0;

	for (size_t i = 0; i <= place; i++)
		if (!str_cut(&s, ' ', &word) && i < place)
			return 0;
	return num_parse(word, 0, UINT64_MAX, &v) < 0 ? 0 : v;
}

/* proc(5), statm: size resident shared …, in pages. */
static void
memory_of(pid_t pid, uint64_t *resident, uint64_t *own)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[256];
	struct str s = proc_read(pid, "statm", text, sizeof(text));
	uint64_t all = word_num(s, 1), shared = word_num(s, 2);

	*resident = all * page;
	*own = (all > shared ? all - shared : 0) * page;
}

/* proc(5), stat: utime and stime are fields 14 and 15; the second, the name in parentheses, may
 * have blanks. */
static uint64_t
cpu_ms(pid_t pid)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	char text[1024];
	struct str s = proc_read(pid, "stat", text, sizeof(text));
	size_t end = str_rchr(s, ')');

	if (end == s.n)
		return 0;
	s = str_from(s, end + 2);
	return (word_num(s, 11) + word_num(s, 12)) * 1000 / hz;
}

/* The owners are children of gk-mailboxd. It shares its memory with them: only what is their own
 * counts. */
static uint64_t
owners_memory(pid_t parent)
{
	static char text[CHILDREN];
	char file[40];
	struct str s, word;
	unsigned n = 0;
	uint64_t sum = 0;

	snprintf(file, sizeof(file), "task/%d/children", (int)parent);
	s = proc_read(parent, file, text, sizeof(text));
	while (n++ < OWNERS_MAX && str_cut(&s, ' ', &word)) {
		uint64_t pid, all, own;

		if (num_parse(word, 1, INT32_MAX, &pid) < 0)
			continue;
		memory_of((pid_t)pid, &all, &own);
		sum += own;
	}
	return sum;
}

/* ---- the answer ---- */

#define PROCESS_WORDS 7u

static void
put_row(struct arena *a, struct str *v, const char *name, pid_t pid, const char *state,
    unsigned restarts, uint64_t up_ms)
{
	uint64_t resident = 0, own;

	if (pid > 0)
		memory_of(pid, &resident, &own);
	v[0] = str_z(name);
	v[1] = arena_printf(a, "%d", (int)pid);
	v[2] = str_z(state);
	v[3] = arena_printf(a, "%u", restarts);
	v[4] = arena_printf(a, "%" PRIu64, up_ms);
	v[5] = arena_printf(a, "%" PRIu64, resident);
	v[6] = arena_printf(a, "%" PRIu64, pid > 0 ? cpu_ms(pid) : 0);
}

static void
put_processes(struct arena *a, struct ipc_out *m)
{
	struct str v[(SERVICES + 2) * PROCESS_WORDS], *row = v;
	const struct process *mailboxd = process_of(PEER_MAILBOXD);
	uint64_t memory = mailboxd->pid > 0 ? owners_memory(mailboxd->pid) : 0;

	put_row(a, row, "master", getpid(), master.draining ? "draining" : "ready", 0,
	    clock_ms() - master.started_ms);
	for (size_t i = 0; i < SERVICES; i++) {
		const struct process *p = &master.processes[i];

		put_row(a, row += PROCESS_WORDS, p->service->name, p->pid,
		    process_state_name(p->state), p->restarts,
		    p->pid > 0 ? clock_ms() - p->started_ms : 0);
	}
	put_row(a, row += PROCESS_WORDS, "owners", 0, "ready", 0, 0);
	row[5] = arena_printf(a, "%" PRIu64, memory);
	ipc_put_list(m, v, ARRAY_LEN(v));
}

/* Where the log is written, "" when that is no file. */
static const char *
log_place(struct arena *a)
{
	struct str to = conf_str(master.conf, CONF_LOG_TO);
	size_t slash = str_rchr(to, '/');

	return slash < to.n ? arena_dupz(a, str_sub(to, 0, slash + 1)) : "";
}

/* Is it on another file system than those before it, with a size of its own? */
static bool
stands_apart(const char *const *paths, size_t i)
{
	struct stat st, before;

	if (stat(paths[i], &st) < 0)
		return false;
	for (size_t k = 0; k < i; k++)
		if (stat(paths[k], &before) == 0 && before.st_dev == st.st_dev)
			return false;
	return true;
}

static void
put_disks(struct arena *a, struct ipc_out *m)
{
	const char *data = conf_z(master.conf, CONF_SERVER_DATA_DIR);
	const char *const paths[] = {data, conf_z(master.conf, CONF_SERVER_RUN_DIR),
	    arena_printf(a, "%s/spool", data).p, arena_printf(a, "%s/mail", data).p, log_place(a)};
	static const char *const names[] = {"data", "run", "spool", "mail", "log"};
	struct str v[ARRAY_LEN(paths) * 5];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct statvfs st;

		if ((i > 1 && !stands_apart(paths, i)) || statvfs(paths[i], &st) < 0)
			continue;
		v[n++] = str_z(names[i]);
		/* As df has it: what is kept for root is no part of it. */
		v[n++] = arena_printf(a, "%" PRIu64,
		    (uint64_t)(st.f_blocks - st.f_bfree + st.f_bavail) * st.f_frsize);
		v[n++] = arena_printf(a, "%" PRIu64, (uint64_t)st.f_bavail * st.f_frsize);
		v[n++] = arena_printf(a, "%" PRIu64, (uint64_t)st.f_files);
		v[n++] = arena_printf(a, "%" PRIu64, (uint64_t)st.f_favail);
	}
	ipc_put_list(m, v, n);
}

void
stat_state(struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct arena a;
	struct str *v;
	size_t n;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	ipc_begin(&out, MSG_STAT_STATE_R);
	ipc_put_u32(&out, master.draining);
	put_processes(&a, &out);
	n = listeners_list(&a, &v);
	ipc_put_list(&out, v, n);
	put_disks(&a, &out);
	n = tls_files_list(&a, &v);
	ipc_put_list(&out, v, n);
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}

void
stat_probe(struct ipc_chan *c, struct ipc_in *m)
{
	struct str listener = ipc_get_str(m), address = ipc_get_str(m);
	struct ipc_out out;
	struct err e;
	int fd;

	if (ipc_end(m) < 0)
		return;
	if ((fd = listeners_connect(listener, address, &e)) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_STAT_PROBE_R);
	ipc_put_fd(&out, fd);
	ipc_reply(c, m->id, &out);
}
