/*
 * log.c - structured events: fields to lines, lines to a descriptor.
 *
 * Lines gather in one buffer until log_flush(). What a full disk does not take waits there, up to
 * GATHER_MAX; lines after that are lost and counted, never the process.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/buf.h"
#include "base/clock.h"

#define GATHER_MAX 65536u
#define VALUE_MAX  512u

static struct {
	const char *daemon;
	int fd;
	enum log_format format;
	enum log_level level;
	struct buf lines;
	bool stuck;    /* the last write did not take all: lines has the rest */
	bool torn;     /* and begins within a line whose first part is written */
	off_t end;     /* where the file ended then; -1: not a file */
	uint64_t lost; /* lines, not told yet */
} state = {"gkmail", 2, LOG_TEXT, LOG_LEVEL_INFO, {.max = GATHER_MAX * 2}, .end = -1};

static void (*on_lost)(void);

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void
lose(void)
{
	state.lost++;
	if (on_lost)
		on_lost();
}

static void
lose_first(void)
{
	const char *end = memchr(state.lines.p, '\n', state.lines.n);

	buf_consume(&state.lines, (size_t)(end - state.lines.p) + 1);
	state.torn = false;
	lose();
}

/* To be done with a target: what it does not take now is lost. */
static void
leave(void)
{
	log_flush();
	while (state.lines.n > 0)
		lose_first();
	state.stuck = false;
}

void
log_on_lost(void (*fn)(void))
{
	on_lost = fn;
}

void
log_init(const char *daemon, int fd, enum log_format format, enum log_level level)
{
	leave();
	state.daemon = daemon;
	state.fd = fd;
	state.format = format;
	state.level = level;
}

void
log_set_fd(int fd)
{
	leave();
	if (state.fd > 2)
		close(state.fd);
	state.fd = fd;
}

int
log_fd(void)
{
	return state.fd;
}

void
log_set_level(enum log_level level)
{
	state.level = level;
}

void
log_set_format(enum log_format format)
{
	log_flush();
	state.format = format;
}

bool
log_enabled(enum log_level level)
{
	return level <= state.level;
}

int
log_level_parse(struct str s, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (str_eq_z(s, level_names[i])) {
			*out = (enum log_level)i;
			return 0;
		}
	return -1;
}

int
log_format_parse(struct str s, enum log_format *out)
{
	if (str_eq(s, STR("text")))
		*out = LOG_TEXT;
	else if (str_eq(s, STR("json")))
		*out = LOG_JSON;
	else
		return -1;
	return 0;
}

static size_t
write_out(struct str s)
{
	size_t done = 0;

	while (done < s.n) {
		ssize_t n = write(state.fd, s.p + done, s.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static off_t
file_end(void)
{
	struct stat st;

	return fstat(state.fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
}

/* All daemons append to one file. Where nobody wrote since it was full, it may end within a line:
 * ours goes on where it was torn, one of another daemon is ended. After others' lines the rest of
 * ours would be a line of its own: it is left out. */
static bool
go_on(void)
{
	if (file_end() != state.end) {
		if (state.torn)
			lose_first();
		return true;
	}
	return state.torn || state.end < 0 || write_out(STR("\n")) == 1;
}

static void
tell_lost(void)
{
	uint64_t n = state.lost;

	state.lost = 0;
	if (n > 0)
		log_error("log.lost", LU("lines", n));
}

void
log_flush(void)
{
	size_t n;

	if (state.lines.n == 0 || (state.stuck && !go_on()))
		return;
	n = write_out(buf_view(&state.lines));
	if (n > 0)
		state.torn = state.lines.p[n - 1] != '\n';
	state.stuck = n < state.lines.n;
	if (state.stuck) {
		buf_consume(&state.lines, n);
		state.end = file_end();
		return;
	}
	buf_reset(&state.lines);
	tell_lost();
}

static void
put_escaped(struct buf *b, struct str s, bool json)
{
	bool cut = s.n > VALUE_MAX;

	s = str_sub(s, 0, VALUE_MAX);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 32 || c > 126)
			buf_printf(b, json ? "\\u%04x" : "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	if (cut)
		buf_puts(b, "...");
}

static bool
is_plain(struct str s)
{
	if (s.n == 0 || s.n > VALUE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 32 || s.p[i] > 126 || strchr("\"\\=", s.p[i]) != NULL)
			return false;
	return true;
}

static void
put_value(struct buf *b, const struct log_field *f, bool json)
{
	switch (f->kind) {
	case LOG_FIELD_UINT:
		buf_printf(b, "%" PRIu64, f->u);
		break;
	case LOG_FIELD_INT:
		buf_printf(b, "%" PRId64, (int64_t)f->u);
		break;
	case LOG_FIELD_STR:
		if (!json && is_plain(f->s)) {
			buf_str(b, f->s);
			break;
		}
		buf_putc(b, '"');
		put_escaped(b, f->s, json);
		buf_putc(b, '"');
		break;
	}
}

static void
put_text(struct buf *b, bool dated, enum log_level level, const char *event,
    const struct log_field *f, size_t n)
{
	char ts[CLOCK_RFC3339_SIZE];

	if (dated)
		buf_printf(b, "%s ", clock_rfc3339(clock_wall_us(), ts));
	buf_printf(b, "%s %s %s", level_names[level], state.daemon, event);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, " %s=", f[i].key);
		put_value(b, &f[i], false);
	}
}

static void
put_json(
    struct buf *b, enum log_level level, const char *event, const struct log_field *f, size_t n)
{
	char ts[CLOCK_RFC3339_SIZE];

	buf_printf(b,
	    "{\"ts\":\"%s\",\"level\":\"%s\",\"daemon\":\"%s\",\"pid\":%d,\"event\":\"%s\"",
	    clock_rfc3339(clock_wall_us(), ts), level_names[level], state.daemon, getpid(), event);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, ",\"%s\":", f[i].key);
		put_value(b, &f[i], true);
	}
	buf_putc(b, '}');
}

/* A datagram to syslog is one line: "<facility|severity>gkmail-daemon[pid]: text" (RFC 3164 as
 * syslog(3) writes it). */
static void
to_syslog(enum log_level level, const char *event, const struct log_field *f, size_t n)
{
	static const int severity[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	struct buf b;

	buf_init(&b, GATHER_MAX);
	buf_printf(&b, "<%d>gk-%s[%d]: ", LOG_MAIL | severity[level], state.daemon, getpid());
	put_text(&b, false, level, event, f, n);
	if (write_out(buf_view(&b)) < b.n)
		lose();
	else
		tell_lost();
	buf_free(&b);
}

static void (*tap)(struct str line);

void
log_tap(void (*fn)(struct str line))
{
	tap = fn;
}

static void
tell_tap(enum log_level level, const char *event, const struct log_field *f, size_t n)
{
	struct buf b;
	size_t i = 0;

	while (i < n && strcmp(f[i].key, "mid") != 0 && strcmp(f[i].key, "about") != 0)
		i++;
	if (i == n)
		return;
	buf_init(&b, GATHER_MAX);
	put_text(&b, true, level, event, f, n);
	tap(buf_view(&b));
	buf_free(&b);
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	if (!log_enabled(level))
		return;
	if (tap)
		tell_tap(level, event, fields, n);
	if (state.format == LOG_TO_SYSLOG) {
		to_syslog(level, event, fields, n);
		return;
	}
	if (state.stuck && state.lines.n >= GATHER_MAX)
		log_flush();
	if (state.lines.n >= GATHER_MAX) {
		lose();
		return;
	}
	if (state.format == LOG_JSON)
		put_json(&state.lines, level, event, fields, n);
	else
		put_text(&state.lines, true, level, event, fields, n);
	buf_putc(&state.lines, '\n');
	if (level <= LOG_LEVEL_WARN || state.lines.n >= GATHER_MAX)
		log_flush();
}
