/*
 * conn_test_in.h - what the tests of IMAP connections share: a home in a directory of its own,
 * sessions on socketpairs, and the client's side of them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "mailboxd/imap/imap.h"
#include "store/mailbox.h"

struct session {
	struct imap_conn *c;
	int fd;
	struct buf got;
	bool ended;
};

static struct home *home;
static struct err err;
static struct session sessions[4];
static struct imap_host host;
static unsigned changes;
static struct {
	unsigned asked;
	uint64_t conn, consumed;
	char record[IMAP_RECORD_MAX];
	size_t n;
	uint32_t exists, told;
} parking;

static inline void
on_park(void *arg, uint64_t conn, uint64_t consumed, struct str record, uint32_t exists)
{
	(void)arg;
	parking.asked++;
	parking.exists = exists;
	parking.conn = conn;
	parking.consumed = consumed;
	parking.n = record.n;
	memcpy(parking.record, record.p, record.n);
}

static inline void
on_closed(void *arg, uint64_t conn)
{
	(void)arg;
	sessions[conn].ended = true;
	sessions[conn].c = NULL;
}

static inline void
on_changed(void *arg)
{
	(void)arg;
	changes++;
}

static char dir[64];
static const struct home_options home_o = {.host = STR_INIT("host.test"), .render = imap_render};

static inline int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gk-imap-XXXXXX");
	if (loop_init(&err) < 0 || mkdtemp(dir) == NULL || chdir(dir) < 0 ||
	    mkdir("Maildir", 0700) < 0 || mkdir("Maildir/cur", 0700) < 0 ||
	    mkdir("Maildir/new", 0700) < 0 || mkdir("Maildir/tmp", 0700) < 0 ||
	    mkdir("db", 0700) < 0)
		return -1;
	if ((home = home_open(&home_o, &err)) == NULL) {
		print_message("home_open: %s\n", err.text);
		return -1;
	}
	host = (struct imap_host){.home = home,
	    .idle_ms = 1800000,
	    .park_after_ms = 60000, /* tests move the clock */
	    .max_message = 1u << 20,
	    .park = on_park,
	    .closed = on_closed,
	    .changed = on_changed};
	return 0;
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int
teardown(void **state)
{
	(void)state;
	home_close(&home);
	return chdir("/") < 0 ? -1 : nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
turn(struct session *s)
{
	char tmp[65536];
	ssize_t n;

	loop_once(1);
	while (s->fd >= 0 && (n = read(s->fd, tmp, sizeof(tmp))) > 0)
		buf_put(&s->got, tmp, (size_t)n);
}

static inline struct session *
begin(unsigned i, const char *tag, struct str record)
{
	struct session *s = &sessions[i];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*s = (struct session){.fd = fds[0]};
	buf_init(&s->got, 64u << 20);
	const struct imap_conn_args a = {.fd = fds[1],
	    .conn = i,
	    .peer = STR_INIT("192.0.2.1"),
	    .sid = STR_INIT("s"),
	    .user = STR_INIT("alice@example.test"),
	    .tag = str_z(tag),
	    .record = record,
	    .told = record.n > 0 ? parking.told : 0};

	s->c = imap_conn_new(&host, &a);
	return s;
}

static inline void
end(struct session *s)
{
	imap_conn_free(&s->c);
	if (s->fd >= 0)
		close(s->fd);
	buf_free(&s->got);
}

/* Everything that is said by itself within a few turns. */
static inline const char *
hear(struct session *s)
{
	buf_reset(&s->got);
	for (int i = 0; i < 8; i++)
		turn(s);
	return s->got.p ? s->got.p : "";
}

static inline void
say(struct session *s, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(s->fd, p, n);

		if (k < 0)
			assert_int_equal(errno, EAGAIN);
		p += k > 0 ? k : 0;
		n -= (size_t)(k > 0 ? k : 0);
		turn(s);
	}
}

static inline bool
answered(const struct session *s)
{
	struct str got = buf_view(&s->got);
	size_t at = str_starts(got, STR("a ")) ? 0 : str_find(got, STR("\na ")) + 1;

	return at < got.n && str_find(str_from(got, at), STR("\r\n")) < got.n - at;
}

/* Sends "a <command>" and returns all that came up to its answer. */
static inline const char *
ask_n(struct session *s, const char *command, size_t n)
{
	buf_reset(&s->got);
	say(s, "a ", 2);
	say(s, command, n);
	say(s, "\r\n", 2);
	for (int i = 0; i < 2000 && !answered(s) && !s->ended; i++)
		turn(s);
	return s->got.p ? s->got.p : "";
}

static inline const char *
ask(struct session *s, const char *command)
{
	return ask_n(s, command, strlen(command));
}

static inline bool
has(const char *hay, const char *needle)
{
	return strstr(hay, needle) != NULL;
}

#define expect(s, command, want)                                                      \
	do {                                                                          \
		const char *got_ = ask((s), (command));                               \
		if (!has(got_, (want)))                                               \
			fail_msg("%s\nwanted: %s\ngot: %s", (command), (want), got_); \
	} while (0)

#define expect_not(s, command, want)                                                    \
	do {                                                                            \
		const char *got_ = ask((s), (command));                                 \
		if (has(got_, (want)))                                                  \
			fail_msg("%s\nunwanted: %s\ngot: %s", (command), (want), got_); \
	} while (0)

#define expect_heard(s, want)                                          \
	do {                                                           \
		const char *got_ = hear(s);                            \
		if (!has(got_, (want)))                                \
			fail_msg("wanted: %s\ngot: %s", (want), got_); \
	} while (0)
