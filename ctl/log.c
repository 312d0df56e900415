/*
 * log.c - gkmail log and gkmail trace: the lines of log.to that are asked for. Where log.to cannot
 * be read back, a message is traced by what the processes' pages remember (svc/metrics.h).
 *
 * Lines are text ("ts level daemon event key=value …") or JSON, whatever log.format was when they
 * were written. With
 * --json, text becomes JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/log.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "io/file.h"

#define LINE_MAX_OCTETS 65536u
#define POLL_MS         250

struct filter {
	enum log_level level;
	struct str daemon, mid, sid; /* empty: any */
	bool about;                  /* mid: also lines of others that are about it */
};

/* The next "word" of a text line; a quoted value ends at its closing quote. */
static struct str
next_word(struct str *line)
{
	struct str word;
	size_t n = 0;
	bool inside = false;

	*line = str_trim(*line);
	while (n < line->n && (inside || line->p[n] != ' ')) {
		if (line->p[n] == '\\' && inside && n + 1 < line->n)
			n++;
		else if (line->p[n] == '"')
			inside = !inside;
		n++;
	}
	word = str_sub(*line, 0, n);
	*line = str_from(*line, n);
	return word;
}

/* The value of a key of a line in either form; what is escaped stays so, as ids and names never
 * are. */
static struct str
value_of(struct str line, const char *key)
{
	bool json = line.n > 0 && line.p[0] == '{';
	char needle[40];
	size_t at;

	snprintf(needle, sizeof(needle), json ? "\"%s\":\"" : " %s=", key);
	at = str_find(line, str_z(needle));
	if (at == line.n)
		return STR("");
	line = str_from(line, at + strlen(needle));
	return str_sub(line, 0, json ? str_chr(line, '"') : str_chr(line, ' '));
}

/* ts, level, daemon and event stand first in text lines, without keys. */
static struct str
head_of(struct str line, unsigned which, const char *key)
{
	struct str word = STR("");

	if (line.n > 0 && line.p[0] == '{')
		return value_of(line, key);
	for (unsigned i = 0; i <= which; i++)
		word = next_word(&line);
	return word;
}

static bool
matches(const struct filter *f, struct str line)
{
	enum log_level level;

	if (line.n == 0) /* the end of a line that a full disk tore, maybe of none */
		return false;
	if (log_level_parse(head_of(line, 1, "level"), &level) == 0 && level > f->level)
		return false;
	if (f->daemon.n != 0 && !str_eq(head_of(line, 2, "daemon"), f->daemon))
		return false;
	if (f->mid.n != 0 && !str_eq(value_of(line, "mid"), f->mid) &&
	    !(f->about && str_eq(value_of(line, "about"), f->mid)))
		return false;
	return f->sid.n == 0 || str_eq(value_of(line, "sid"), f->sid);
}

/* A text line as JSON. \x.. is no JSON escape: octets above 126 come as \u00.. */
static void
put_field(struct json *j, const char *key, struct str v)
{
	struct buf b;

	if (v.n < 2 || v.p[0] != '"') {
		json_auto(j, key, v);
		return;
	}
	buf_init(&b, LINE_MAX_OCTETS);
	for (size_t i = 1; i + 1 < v.n; i++) {
		if (v.p[i] == '\\' && (v.p[i + 1] == '"' || v.p[i + 1] == '\\'))
			i++;
		buf_putc(&b, v.p[i]);
	}
	json_str(j, key, buf_view(&b));
	buf_free(&b);
}

static void
print_as_json(struct str line)
{
	static const char *const heads[] = {"ts", "level", "daemon", "event"};
	struct str word, key;
	struct arena a;
	struct json j;

	arena_init(&a);
	json_init(&j);
	json_open(&j, NULL, '{');
	for (size_t i = 0; i < 4; i++)
		json_str(&j, heads[i], next_word(&line));
	while ((word = next_word(&line)).n != 0) {
		if (!str_cut(&word, '=', &key))
			continue;
		put_field(&j, arena_dupz(&a, key), word);
	}
	json_close(&j, '}');
	json_print(&j);
	arena_free(&a);
}

static void
print_line(struct str line)
{
	if (ctl.json && (line.n == 0 || line.p[0] != '{')) {
		print_as_json(line);
		return;
	}
	out_str(stdout, line);
	putchar('\n');
}

/* Prints the whole lines in b and keeps the rest. */
static void
take_lines(struct buf *b, const struct filter *f)
{
	struct str all = buf_view(b), line;
	size_t taken = 0;

	while (str_cut(&all, '\n', &line)) {
		taken += line.n + 1;
		if (line.n != 0 && matches(f, line))
			print_line(line);
	}
	buf_consume(b, taken);
	if (b->n >= LINE_MAX_OCTETS) /* no line of ours is so long */
		buf_reset(b);
	fflush(stdout);
}

/* Was the file renamed and opened anew, or cut? */
static bool
replaced(int fd, const char *path, off_t read_to)
{
	struct stat mine, now;

	if (stat(path, &now) < 0 || fstat(fd, &mine) < 0)
		return false;
	return mine.st_ino != now.st_ino || mine.st_dev != now.st_dev || now.st_size < read_to;
}

static int
read_log(const char *path, const struct filter *f, bool follow, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), next;
	off_t at = 0;
	struct buf b;
	ssize_t n;
	char *room;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	buf_init(&b, LINE_MAX_OCTETS * 2);
	for (;;) {
		while ((room = buf_room(&b, LINE_MAX_OCTETS)) != NULL &&
		       (n = pread(fd, room, LINE_MAX_OCTETS, at)) > 0) {
			buf_added(&b, (size_t)n);
			at += n;
			take_lines(&b, f);
		}
		if (!follow || ferror(stdout))
			break;
		if (replaced(fd, path, at) && (next = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
			close(fd);
			fd = next;
			at = 0;
			continue;
		}
		poll(NULL, 0, POLL_MS);
	}
	buf_free(&b);
	close(fd);
	return 0;
}

int
verb_log(struct err *e)
{
	bool follow = args_flag("--follow");
	const char *level = args_value("--level"), *path;
	struct filter f = {.level = LOG_LEVEL_DEBUG};
	const struct conf *c;

	f.mid = str_z(args_value("--mid"));
	f.sid = str_z(args_value("--sid"));
	f.daemon = str_z(args_value("--daemon"));
	if (str_starts(f.daemon, STR("gk-")))
		f.daemon = str_from(f.daemon, 3);
	if (level != NULL && log_level_parse(str_z(level), &f.level) < 0)
		return args_wrong(
		    e, "\"%.20s\" is no level; write error, warn, info or debug", level);
	if (args_end(0, 0, e) < 0 || (c = client_conf(e)) == NULL)
		return -1;
	path = conf_z(c, CONF_LOG_TO);
	if (path[0] != '/')
		return err_set(e, E_INVAL,
		    "log.to is \"%s\", which cannot be read back; look there (journalctl -u "
		    "gkmail, /var/log/mail.log), or set log.to to a file name",
		    path);
	path = arena_dupz(&ctl.arena, str_z(path));
	return read_log(path, &f, follow, e);
}

/* ---- trace ---- */

static int
by_time(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int order = str_cmp(str_sub(*x, 0, str_chr(*x, ' ')), str_sub(*y, 0, str_chr(*y, ' ')));

	/* What happened in one millisecond in one process stays in its order. */
	return order != 0 ? order : x->p < y->p ? -1 : x->p > y->p;
}

static int
print_events(int fd, const char *mid, struct err *e)
{
	uint64_t size;
	struct str all, line, *v;
	size_t n = 0;
	char *p;

	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size == 0)
		return err_set(e, E_NOTFOUND,
		    "no process remembers anything of %s; a log in a file (log.to) goes back "
		    "further",
		    mid);
	p = arena_alloc(&ctl.arena, (size_t)size);
	if (file_pread(fd, p, (size_t)size, 0, e) < 0)
		return -1;
	v = arena_array(&ctl.arena, (size_t)size / 2 + 1, sizeof(*v));
	all = str_of(p, (size_t)size);
	while (str_cut(&all, '\n', &line))
		v[n++] = line;
	qsort(v, n, sizeof(*v), by_time);
	for (size_t i = 0; i < n; i++)
		print_line(v[i]);
	return 0;
}

static int
trace_pages(const char *mid, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	int fd, rc;

	ipc_begin(&m, MSG_CTL_TRACE);
	ipc_put_z(&m, mid);
	if (client_call(NULL, &m, &in, e) < 0)
		return -1;
	fd = ipc_take_fd(&in);
	rc = ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : print_events(fd, mid, e);
	file_close(&fd);
	return rc;
}

int
verb_trace(struct err *e)
{
	struct filter f = {.level = LOG_LEVEL_DEBUG, .about = true};
	bool recent = args_flag("--recent");
	const struct conf *c;
	const char *path;

	if (args_end(1, 1, e) < 0)
		return -1;
	f.mid = str_z(ctl.args[0]);
	if (!id_valid(f.mid))
		return args_wrong(e, "\"%.40s\" is no message's id", ctl.args[0]);
	if (recent)
		return trace_pages(ctl.args[0], e);
	if ((c = client_conf(e)) == NULL)
		return -1;
	path = conf_z(c, CONF_LOG_TO);
	if (path[0] != '/')
		return trace_pages(ctl.args[0], e);
	return read_log(arena_dupz(&ctl.arena, str_z(path)), &f, false, e);
}
