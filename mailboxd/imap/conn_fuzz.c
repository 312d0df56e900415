/* Any octets from a client that is logged in, against a real home with a message in it. What a
 * session leaves behind (mailboxes, flags) stays for the next input; a home that has grown is
 * thrown away. */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mailboxd/imap/imap.h"
#include "store/mailbox.h"

#define MESSAGE                                                                          \
	"From: a@b\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nContent-Type: multipart/mixed; " \
	"boundary=b\r\n\r\n"                                                             \
	"--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: "        \
	"x\r\n\r\ninner\r\n--b--\r\n"

static struct home *home;
static struct imap_host host;
static struct imap_conn *conn;
static bool asked;
static char dir[64];
static int start_dir = -1; /* the fuzzer's own files are relative to it */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void
throw_away(void)
{
	if (home == NULL)
		return;
	(void)!chdir(dir);
	home_close(&home);
	(void)!fchdir(start_dir);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
on_park(void *arg, uint64_t id, uint64_t consumed, struct str record, uint32_t exists)
{
	(void)arg, (void)id, (void)consumed, (void)record, (void)exists;
	asked = true;
}

static void
on_closed(void *arg, uint64_t id)
{
	(void)arg, (void)id;
	conn = NULL;
}

static void
make_home(void)
{
	const struct home_options o = {
	    .host = STR_INIT("h"), .render = imap_render, .no_timers = true};
	const struct change_by by = {.actor = STR_INIT("fuzz")};
	const struct flag_set none = {0};
	struct append *ap;
	struct err e;
	uint32_t uid;

	snprintf(dir, sizeof(dir), "/tmp/gk-imap-fuzz-XXXXXX");
	assume(mkdtemp(dir) != NULL && chdir(dir) == 0);
	assume(mkdir("Maildir", 0700) == 0 && mkdir("Maildir/cur", 0700) == 0);
	assume(mkdir("Maildir/new", 0700) == 0 && mkdir("Maildir/tmp", 0700) == 0);
	assume(mkdir("db", 0700) == 0 && (home = home_open(&o, &e)) != NULL);
	for (int i = 0; i < 3; i++) {
		assume((ap = append_new(home, sizeof(MESSAGE) - 1, &e)) != NULL);
		assume(append_write(ap, STR(MESSAGE), &e) == 0);
		assume(append_finish(&ap, home_find(home, STR("INBOX")), &none, 0, &by, &uid, &e) ==
		       0);
	}
	assume(home_flush(home, &e) == 0);
	host = (struct imap_host){.home = home,
	    .idle_ms = 60000,
	    .park_after_ms = 0,
	    .max_message = 4096,
	    .park = on_park,
	    .closed = on_closed};
}

static void
take_output(int fd)
{
	char waste[65536];

	while (read(fd, waste, sizeof(waste)) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct imap_conn_args a = {.conn = 1,
	    .peer = STR_INIT("p"),
	    .sid = STR_INIT("s"),
	    .user = STR_INIT("u"),
	    .tag = STR_INIT("t")};
	struct err e;
	size_t at = 0;
	int fds[2];

	if (runs == 0) {
		assume(loop_init(&e) == 0);
		assume((start_dir = open(".", O_RDONLY | O_DIRECTORY)) >= 0);
		log_set_level(LOG_LEVEL_ERROR);
		atexit(throw_away);
	}
	if (runs++ % 2000 == 0) {
		throw_away();
		make_home();
	}
	assume(chdir(dir) == 0);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	a.fd = fds[1];
	/* The first octet says whether it is a login, comes back from parking, or goes on behind
	 * the UIDVALIDITY of a QRESYNC. */
	if (size > 1 && data[0] == 'R') {
		a.tag = STR_NONE;
		a.told = data[1] % 8;
		a.record =
		    str_of(data + 1, size - 1 < IMAP_RECORD_MAX ? size - 1 : IMAP_RECORD_MAX);
		at = size;
	}
	asked = false;
	conn = imap_conn_new(&host, &a);
	if (size > 0 && data[0] == 'Q') {
		at = 1;
		dprintf(fds[0], "e ENABLE QRESYNC\r\ns SELECT INBOX (QRESYNC (%u ",
		    home_find(home, STR("INBOX"))->uidvalidity);
	} else if (at == 0) {
		(void)!write(fds[0], "s SELECT INBOX\r\n", 16);
	}
	for (unsigned turns = 0; conn != NULL && turns < 60 && (at < size || turns < 12); turns++) {
		size_t n = size - at < 1000 ? size - at : 1000;
		ssize_t k = n > 0 ? write(fds[0], data + at, n) : 0;

		at += k > 0 ? (size_t)k : 0;
		loop_once(0);
		take_output(fds[0]);
		if (asked && conn != NULL) {
			asked = false;
			imap_conn_parked(conn, turns % 3 == 0);
		}
	}
	imap_conn_free(&conn);
	close(fds[0]);
	assume(fchdir(start_dir) == 0);
	return 0;
}
