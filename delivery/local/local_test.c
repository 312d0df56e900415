/*
 * local_test.c - deliveries into homes of a folder of its own, large files, checkpoints; the queue
 * and mailboxd are the other ends of channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/mem.h"
#include "delivery/local/local.h"
#include "io/file.h"
#include "store/maildir.h"

#define MID  "01hzzzzzzzzzzzzzzzzz"
#define NAME "1700000000." MID ".mx.example.test,S="

static char path[64];
static bool by_packet; /* small messages come in the packet, not as a memory file */
static struct local local;
static struct ipc_chan *queue, *to_queue, *mailboxd;

/* What came back. */
static struct {
	int replies;
	struct err e;
	uint32_t n;
	char results[8][2][200];
	int fd;
	int ensured, told, fresh, junk;
	int dying;            /* mailboxds that die over the question */
	enum err_code refuse; /* what HOME_ENSURE is answered with */
} seen;

static void
local_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_DELIVER_PUT || m->type == MSG_DELIVER || m->type == MSG_DELIVER_LARGE)
		deliver_message(&local, c, m);
	else if (m->type == MSG_CHECKPOINT)
		checkpoint_run(&local, c, m);
	else if (m->type == MSG_LARGE_NEW)
		large_new(&local, c, m);
	else if (m->type == MSG_LARGE_SEAL)
		large_seal(&local, c, m);
	else if (m->type == MSG_LARGE_DROP)
		large_drop(&local, m);
	else
		large_read(&local, c, m);
}

static void
mailboxd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	bool junk;
	char copy[100];
	struct err e;

	(void)arg;
	assert_int_equal(str_cz(user, copy, sizeof(copy)), 0);
	if (m->type == MSG_DELIVERED) {
		seen.told++;
		seen.fresh += (int)ipc_get_u32(m);
		seen.junk += (int)ipc_get_u32(m);
		assert_int_equal(ipc_end(m), 0);
		return;
	}
	junk = ipc_get_u32(m) != 0;
	assert_int_equal(ipc_end(m), 0);
	seen.ensured++;
	if (seen.dying-- > 0) {
		err_set(&e, E_CLOSED, "gone");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	if (seen.refuse != E_OK) {
		err_set(&e, seen.refuse, "no");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	assert_int_equal(maildir_home_make(local.mail, str_z(copy), &e), 0);
	if (junk)
		assert_int_equal(maildir_junk_make(local.mail, str_z(copy), &e), 0);
	ipc_reply_ok(c, m->id, MSG_HOME_ENSURE_R);
}

static void
nothing(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c;
	ipc_refuse(m);
}

static void
pair(enum ipc_peer a, struct ipc_chan **at_a, ipc_message_fn fa, enum ipc_peer b,
    struct ipc_chan **at_b, ipc_message_fn fb)
{
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*at_a = ipc_new(fds[0], a, b, fa, NULL, NULL);
	*at_b = ipc_new(fds[1], b, a, fb, NULL, NULL);
}

static int
fresh(void **state)
{
	struct err e;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(&local, 0, sizeof(local));
	file_fault = NULL;
	snprintf(path, sizeof(path), "/tmp/gk-local-test.XXXXXX");
	if (!mkdtemp(path) || loop_init(NULL) < 0 || sodium_init() < 0)
		return -1;
	snprintf(local.host, sizeof(local.host), "mx.example.test");
	local.share = true;
	local.mail = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &e);
	local.sync = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &e);
	assert_int_equal(file_mkdir(local.mail, ".incoming", 0700, &e), 0);
	local.incoming = file_open(local.mail, ".incoming", O_RDONLY | O_DIRECTORY, 0, &e);
	local.pool = pool_new(2, 10, &e);
	pair(PEER_QUEUE, &queue, nothing, PEER_LOCAL, &to_queue, local_message);
	pair(PEER_MAILBOXD, &mailboxd, mailboxd_message, PEER_LOCAL, &local.mailboxd, nothing);
	local.queue = to_queue;
	deliver_init(&local);
	assert_int_equal(maildir_home_make(local.mail, STR("alice@example.test"), &e), 0);
	assert_int_equal(maildir_home_make(local.mail, STR("bob@example.test"), &e), 0);
	return 0;
}

static int
fresh_put(void **state)
{
	by_packet = true;
	return fresh(state);
}

static int
remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static int
end(void **state)
{
	(void)state;
	file_fault = NULL;
	by_packet = false;
	pool_free(&local.pool);
	ipc_free(&queue);
	ipc_free(&to_queue);
	ipc_free(&mailboxd);
	ipc_free(&local.mailboxd);
	loop_defer_cancel(&local.tell);
	file_close(&local.incoming);
	file_close(&local.mail);
	file_close(&local.sync);
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
answered(void *arg, struct ipc_in *in, const struct err *e)
{
	enum ipc_type *expect = arg;

	seen.replies++;
	seen.e = e ? *e : (struct err){0};
	if (e)
		return;
	assert_int_equal(in->type, *expect);
	if (in->type == MSG_LARGE_NEW_R || in->type == MSG_LARGE_READ_R)
		seen.fd = ipc_take_fd(in);
	if (in->type == MSG_DELIVER_PUT_R || in->type == MSG_DELIVER_R ||
	    in->type == MSG_DELIVER_LARGE_R) {
		seen.n = ipc_get_list(in) / 2;
		for (uint32_t i = 0; i < seen.n; i++)
			for (int k = 0; k < 2; k++)
				str_cz(ipc_get_item(in), seen.results[i][k], 200);
	}
	assert_int_equal(ipc_end(in), 0);
}

static void
call(struct ipc_out *m, enum ipc_type answer)
{
	static enum ipc_type expect;
	int before = seen.replies;

	expect = answer;
	ipc_call(queue, m, answered, &expect);
	for (int i = 0; i < 1000 && seen.replies == before; i++)
		loop_once(10);
	assert_int_equal(seen.replies, before + 1);
	for (int i = 0; i < 3; i++)
		loop_once(1);
}

static void
deliver_fd(int fd, size_t size, uint32_t flags, const struct str *targets, size_t n)
{
	struct ipc_out m;

	ipc_begin(&m, fd < 0 ? MSG_DELIVER_LARGE : MSG_DELIVER);
	ipc_put_z(&m, MID);
	ipc_put_u64(&m, 1700000000123456);
	ipc_put_u64(&m, size);
	ipc_put_u32(&m, flags);
	ipc_put_list(&m, targets, n);
	if (fd >= 0)
		ipc_put_fd(&m, fd);
	call(&m, fd < 0 ? MSG_DELIVER_LARGE_R : MSG_DELIVER_R);
}

static const struct str both[] = {STR_INIT("alice@example.test"), STR_INIT("bob@example.test")};

static void
deliver_put(const char *octets, uint32_t flags, const struct str *targets, size_t n)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DELIVER_PUT);
	ipc_put_z(&m, MID);
	ipc_put_u64(&m, 1700000000123456);
	ipc_put_u32(&m, flags);
	ipc_put_list(&m, targets, n);
	ipc_put_z(&m, octets);
	call(&m, MSG_DELIVER_PUT_R);
}

static void
deliver(const char *octets, uint32_t flags, const struct str *targets, size_t n)
{
	size_t size = strlen(octets);

	if (by_packet)
		deliver_put(octets, flags, targets, n);
	else
		deliver_fd(file_memory("m", octets, size, NULL), size, flags, targets, n);
}

static ino_t
inode(const char *user, size_t size, const char *want)
{
	char name[300], octets[64] = "";
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "example.test/%s/Maildir/new/" NAME "%zu", user, size);
	if (fstatat(local.mail, name, &st, 0) < 0)
		return 0;
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(st.st_size, size);
	if (want) {
		fd = openat(local.mail, name, O_RDONLY);
		assert_int_equal(read(fd, octets, sizeof(octets) - 1), size);
		close(fd);
		assert_string_equal(octets, want);
	}
	return st.st_ino;
}

static unsigned
count_incoming(void)
{
	char name[80];
	unsigned n = 0;
	struct dirent *d;
	DIR *list;

	snprintf(name, sizeof(name), "%s/.incoming", path);
	list = opendir(name);
	while ((d = readdir(list)) != NULL)
		n += d->d_name[0] != '.';
	closedir(list);
	return n;
}

/* ---- small ---- */

static void
one_file_with_a_name_in_each_home(void **state)
{
	(void)state;
	deliver("hello", 0, both, 2);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.results[0][0], "0");
	assert_string_equal(seen.results[1][0], "0");
	assert_int_not_equal(inode("alice", 5, "hello"), 0);
	assert_int_equal(inode("alice", 5, "hello"), inode("bob", 5, "hello"));
	assert_int_equal(count_incoming(), 0);
	assert_int_equal(seen.told, 2);
	assert_int_equal(seen.fresh, 2);
	assert_int_equal(seen.ensured, 0);
}

static void
homes_share_nothing_without_landlock(void **state)
{
	(void)state;
	local.share = false;
	deliver("hello", 0, both, 2);
	assert_int_not_equal(inode("alice", 5, "hello"), inode("bob", 5, "hello"));
	assert_int_equal(count_incoming(), 0);
}

static void
missing_home_is_asked_for(void **state)
{
	static const struct str targets[] = {
	    STR_INIT("dave@example.test"), STR_INIT("alice@example.test")};

	(void)state;
	deliver("hello", 0, targets, 2);
	assert_int_equal(seen.ensured, 1);
	assert_string_equal(seen.results[0][0], "0");
	assert_int_equal(inode("dave", 5, "hello"), inode("alice", 5, "hello"));
	assert_int_equal(count_incoming(), 0);
}

static void
a_mailboxd_that_dies_is_asked_again(void **state)
{
	static const struct str dave[] = {STR_INIT("dave@example.test")};
	static const struct str erin[] = {STR_INIT("erin@example.test")};

	(void)state;
	seen.dying = 1;
	deliver("hello", 0, dave, 1);
	assert_int_equal(seen.ensured, 2);
	assert_string_equal(seen.results[0][0], "0");
	seen.dying = 5;
	deliver("hello", 0, erin, 1);
	assert_int_equal(seen.ensured, 7);
	assert_string_equal(seen.results[0][0], "1");
}

static void
only_an_unknown_user_is_for_good(void **state)
{
	static const struct str dave = STR_INIT("dave@example.test");
	static const enum err_code temporary[] = {E_TEMP, E_DENIED, E_IO, E_NOSPACE, E_TIMEOUT};

	(void)state;
	seen.refuse = E_NOTFOUND;
	deliver("hello", 0, &dave, 1);
	assert_string_equal(seen.results[0][0], "2");
	assert_string_equal(seen.results[0][1], "5.1.1 no such user");
	for (size_t i = 0; i < ARRAY_LEN(temporary); i++) {
		seen.refuse = temporary[i];
		deliver("hello", 0, &dave, 1);
		assert_string_equal(seen.results[0][0], "1");
	}
	assert_int_equal(seen.told, 0);
	assert_int_equal(count_incoming(), 0);
}

static void
what_is_no_home_is_refused(void **state)
{
	static const struct str odd[] = {STR_INIT("../../etc@example.test"),
	    STR_INIT("a/b@example.test"), STR_INIT("nobody"), STR_INIT(".incoming@example.test"),
	    STR_INIT("x@../..")};

	(void)state;
	deliver("hello", 0, odd, ARRAY_LEN(odd));
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		assert_string_equal(seen.results[i][0], "2");
	assert_int_equal(seen.ensured, 0);
}

static void
repetition_finds_its_name(void **state)
{
	ino_t before;

	(void)state;
	deliver("hello", 0, both, 2);
	before = inode("alice", 5, NULL);
	deliver("hello", 0, both, 2);
	assert_string_equal(seen.results[0][0], "0");
	assert_int_equal(inode("alice", 5, NULL), before);
	assert_int_equal(seen.fresh, 2); /* the first time */
}

/* The folder is asked for where the user has none, also in a replay. */
static void
junk_goes_to_its_folder(void **state)
{
	const char *name = "example.test/alice/Maildir/.Junk/new/" NAME "5";

	(void)state;
	deliver("hello", DELIVER_JUNK, both, 2);
	assert_int_equal(seen.ensured, 2);
	assert_string_equal(seen.results[0][0], "0");
	assert_int_equal(faccessat(local.mail, name, F_OK, 0), 0);
	assert_int_equal(inode("alice", 5, NULL), 0);
	assert_int_equal(seen.fresh, 0);
	assert_int_equal(seen.junk, 2);
	deliver("hello", DELIVER_JUNK, both, 2);
	deliver("hello", DELIVER_JUNK | DELIVER_REPLAY, both, 2);
	assert_string_equal(seen.results[1][0], "0");
	assert_int_equal(faccessat(local.mail, name, F_OK, 0), 0);
	assert_int_equal(seen.ensured, 2);
	assert_int_equal(seen.junk, 2);
	assert_int_equal(count_incoming(), 0);
}

static void
torn_name_is_replaced(void **state)
{
	int fd;

	(void)state;
	fd = openat(
	    local.mail, "example.test/alice/Maildir/new/" NAME "5", O_WRONLY | O_CREAT, 0440);
	assert_true(fd >= 0);
	close(fd);
	deliver("hello", 0, both, 1);
	assert_string_equal(seen.results[0][0], "0");
	assert_int_not_equal(inode("alice", 5, "hello"), 0);
}

static void
replay_trusts_no_name(void **state)
{
	(void)state;
	deliver("wrong", 0, both, 2);
	deliver("hello", DELIVER_REPLAY, both, 2);
	assert_int_not_equal(inode("alice", 5, "hello"), 0);
	assert_int_not_equal(inode("bob", 5, "hello"), 0);
	/* A left-over in tmp/ of a replay that was interrupted is no hindrance. */
	assert_int_equal(linkat(local.mail, "example.test/bob/Maildir/new/" NAME "5", local.mail,
			     "example.test/bob/Maildir/tmp/" NAME "5", 0),
	    0);
	deliver("again", DELIVER_REPLAY, both, 2);
	assert_int_not_equal(inode("bob", 5, "again"), 0);
	assert_int_equal(
	    faccessat(local.mail, "example.test/bob/Maildir/tmp/" NAME "5", F_OK, 0), -1);
}

static void
unsealed_memory_is_not_taken(void **state)
{
	int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	deliver_fd(fd, 5, 0, both, 1);
	assert_string_equal(seen.results[0][0], "1");
	assert_int_equal(inode("alice", 5, NULL), 0);
}

static enum file_op fail_op;
static int fail_errno;

static int
fault(enum file_op op, const char *name)
{
	(void)name;
	return op == fail_op ? fail_errno : 0;
}

static void
full_disk_is_temporary_and_leaves_nothing(void **state)
{
	static const enum file_op ops[] = {FILE_WRITE, FILE_LINK, FILE_OPEN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		int fd = file_memory("m", "hello", 5, NULL);

		fail_op = ops[i];
		fail_errno = ENOSPC;
		file_fault = fault;
		deliver_fd(fd, 5, 0, both, 2);
		file_fault = NULL;
		assert_string_equal(seen.results[0][0], "1");
		assert_string_equal(seen.results[0][1], "4.3.1 disk full");
		assert_int_equal(inode("alice", 5, NULL), 0);
		assert_int_equal(count_incoming(), 0);
	}
}

/* Renamed, not linked: it has never more than one name. */
static void
the_only_home_takes_the_file_itself(void **state)
{
	struct stat st;

	(void)state;
	/* An interrupted attempt's. */
	close(openat(local.incoming, MID COPY_SUFFIX, O_WRONLY | O_CREAT, 0440));
	deliver("hello", 0, both, 1);
	assert_string_equal(seen.results[0][0], "0");
	assert_int_not_equal(inode("alice", 5, "hello"), 0);
	assert_int_equal(
	    fstatat(local.mail, "example.test/alice/Maildir/new/" NAME "5", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(count_incoming(), 0);
	fail_op = FILE_RENAME;
	fail_errno = ENOSPC;
	file_fault = fault;
	deliver("hello", 0, both + 1, 1);
	file_fault = NULL;
	assert_string_equal(seen.results[0][1], "4.3.1 disk full");
	assert_int_equal(count_incoming(), 0);
	/* On a file system that cannot rename like that it is linked. */
	fail_errno = EINVAL;
	file_fault = fault;
	deliver("hello", 0, both + 1, 1);
	file_fault = NULL;
	assert_string_equal(seen.results[0][0], "0");
	assert_int_not_equal(inode("bob", 5, "hello"), 0);
	assert_int_equal(count_incoming(), 0);
}

/* The packet is gone by the time that their mailboxd has made them. */
static void
missing_homes_get_files_of_their_own(void **state)
{
	static const struct str targets[] = {STR_INIT("alice@example.test"),
	    STR_INIT("dave@example.test"), STR_INIT("erin@example.test")};

	(void)state;
	local.share = false;
	deliver("hello", 0, targets, 3);
	assert_int_equal(seen.ensured, 2);
	assert_int_not_equal(inode("dave", 5, "hello"), inode("erin", 5, "hello"));
	assert_int_not_equal(inode("alice", 5, "hello"), inode("erin", 5, NULL));
	assert_int_equal(count_incoming(), 0);
}

/* ---- large ---- */

static int
lend(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_LARGE_NEW);
	ipc_put_z(&m, MID);
	call(&m, MSG_LARGE_NEW_R);
	assert_int_equal(seen.e.code, E_OK);
	return seen.fd;
}

/* Of octets that are there so many are said. */
static void
seal(const char *octets, uint64_t size, const char *prefix)
{
	unsigned char digest[32];
	struct ipc_out m;

	crypto_generichash(
	    digest, sizeof(digest), (const unsigned char *)octets, strlen(octets), NULL, 0);
	ipc_begin(&m, MSG_LARGE_SEAL);
	ipc_put_z(&m, MID);
	ipc_put_u64(&m, size);
	ipc_put_str(&m, str_of(digest, sizeof(digest)));
	ipc_put_z(&m, prefix);
	call(&m, MSG_LARGE_SEAL_R);
}

static void
large_is_sealed_linked_and_dropped(void **state)
{
	struct ipc_out m;
	int fd = lend();
	struct stat st;

	(void)state;
	assert_int_equal(write(fd, "large one", 9), 9);
	close(fd);
	seal("large one", 9, "a ");
	assert_int_equal(seen.e.code, E_OK);
	assert_int_equal(count_incoming(), 1);
	deliver_fd(-1, 11, 0, both, 2);
	assert_string_equal(seen.results[1][0], "0");
	assert_int_equal(inode("alice", 11, "a large one"), inode("bob", 11, NULL));
	assert_int_equal(fstatat(local.incoming, MID, &st, 0), 0);
	assert_int_equal(st.st_ino, inode("alice", 11, NULL));
	ipc_begin(&m, MSG_LARGE_READ);
	ipc_put_z(&m, MID);
	call(&m, MSG_LARGE_READ_R);
	assert_int_equal(fcntl(seen.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(seen.fd);
	ipc_begin(&m, MSG_LARGE_DROP);
	ipc_put_z(&m, MID);
	ipc_send(queue, &m);
	for (int i = 0; i < 3; i++)
		loop_once(5);
	assert_int_equal(count_incoming(), 0);
	assert_int_not_equal(inode("bob", 11, "a large one"), 0);
}

/* INVARIANTS 13: who was lent a file has nothing of the message in hand. */
static void
large_is_out_of_reach_once_sealed(void **state)
{
	int fd = lend();

	(void)state;
	assert_int_equal(write(fd, "a large one", 11), 11);
	seal("a large one", 11, "");
	assert_int_equal(seen.e.code, E_OK);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	deliver_fd(-1, 11, 0, both, 1);
	assert_int_not_equal(inode("alice", 11, "a large one"), 0);
	close(fd);
}

static void
large_that_is_not_what_was_said_is_not_sealed(void **state)
{
	int fd = lend();

	(void)state;
	assert_int_equal(write(fd, "a large one", 11), 11);
	close(fd);
	seal("a large two", 11, "");
	assert_int_equal(seen.e.code, E_INVAL);
	seal("a large one", 12, "");
	assert_int_equal(seen.e.code, E_INVAL);
	assert_int_equal(count_incoming(), 1);
}

static void
large_is_not_lent_twice(void **state)
{
	struct ipc_out m;
	int fd = lend();

	(void)state;
	ipc_begin(&m, MSG_LARGE_NEW);
	ipc_put_z(&m, MID);
	call(&m, MSG_LARGE_NEW_R);
	assert_int_equal(seen.e.code, E_EXISTS);
	close(fd);
}

static void
large_homes_share_nothing_without_landlock(void **state)
{
	struct stat st;
	int fd = lend();

	(void)state;
	local.share = false;
	assert_int_equal(write(fd, "a large one", 11), 11);
	close(fd);
	seal("a large one", 11, "");
	/* Not even over two attempts. */
	deliver_fd(-1, 11, 0, both, 1);
	deliver_fd(-1, 11, 0, both + 1, 1);
	assert_int_not_equal(inode("alice", 11, "a large one"), inode("bob", 11, "a large one"));
	assert_int_equal(fstatat(local.incoming, MID, &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
}

static void
lost_large_file_is_temporary(void **state)
{
	(void)state;
	deliver_fd(-1, 11, 0, both, 2);
	assert_string_equal(seen.results[0][0], "1");
	assert_string_equal(seen.results[1][0], "1");
}

/* ---- durability ---- */

static void
failed_syncs_are_told(void **state)
{
	static const enum file_op ops[] = {FILE_SYNC, FILE_SYNC_DIR};
	struct ipc_out m;

	(void)state;
	fail_errno = EIO;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		int fd = lend();

		assert_int_equal(write(fd, "a large one", 11), 11);
		close(fd);
		fail_op = ops[i];
		file_fault = fault;
		seal("a large one", 11, "");
		assert_int_equal(seen.e.code, E_IO);
		file_fault = NULL;
		/* A second sync of the same file would be believed for nothing. */
		seal("a large one", 11, "");
		assert_int_equal(seen.e.code, E_NOTFOUND);
	}
	file_fault = fault;
	fail_op = FILE_SYNC_ALL;
	ipc_begin(&m, MSG_CHECKPOINT);
	call(&m, MSG_CHECKPOINT_R);
	assert_int_equal(seen.e.code, E_IO);
	file_fault = NULL;
	ipc_begin(&m, MSG_CHECKPOINT);
	call(&m, MSG_CHECKPOINT_R);
	assert_int_equal(seen.e.code, E_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, end)
#define P(name) cmocka_unit_test_setup_teardown(name, fresh_put, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(one_file_with_a_name_in_each_home),
	    T(homes_share_nothing_without_landlock),
	    T(missing_home_is_asked_for),
	    T(a_mailboxd_that_dies_is_asked_again),
	    T(only_an_unknown_user_is_for_good),
	    T(what_is_no_home_is_refused),
	    T(repetition_finds_its_name),
	    T(junk_goes_to_its_folder),
	    P(junk_goes_to_its_folder),
	    T(torn_name_is_replaced),
	    T(replay_trusts_no_name),
	    T(the_only_home_takes_the_file_itself),
	    T(missing_homes_get_files_of_their_own),
	    P(one_file_with_a_name_in_each_home),
	    P(homes_share_nothing_without_landlock),
	    P(missing_home_is_asked_for),
	    P(repetition_finds_its_name),
	    P(torn_name_is_replaced),
	    P(replay_trusts_no_name),
	    P(the_only_home_takes_the_file_itself),
	    P(missing_homes_get_files_of_their_own),
	    T(unsealed_memory_is_not_taken),
	    T(full_disk_is_temporary_and_leaves_nothing),
	    T(large_is_sealed_linked_and_dropped),
	    T(large_is_out_of_reach_once_sealed),
	    T(large_that_is_not_what_was_said_is_not_sealed),
	    T(large_is_not_lent_twice),
	    T(large_homes_share_nothing_without_landlock),
	    T(lost_large_file_is_temporary),
	    T(failed_syncs_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
