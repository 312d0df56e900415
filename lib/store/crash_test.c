/*
 * crash_test.c - a process that appends, flags, moves and expunges is killed at any moment: what
 * was answered is there, nothing expunged comes back, no UID is given twice (INVARIANTS 2-4).
 */
#include <sodium.h>
#include <sys/wait.h>

#include "base/log.h"
#include "store/home_test_in.h"

#define ROUNDS  40
#define UID_MAX 200000u
#define MSG     "Subject: crash\r\n\r\nbody\r\n"

enum fate {
	UNKNOWN,
	SHOWN,   /* given out, not answered: may be there or not */
	THERE,   /* answered */
	LEAVING, /* told to go, not answered */
	GONE     /* its end was answered */
};

struct word {
	uint32_t inbox; /* 1: INBOX, 0: Archive */
	uint32_t uid;
	uint32_t fate;
};

static unsigned char fates[2][UID_MAX];

/* ---- the one who is killed ---- */

static int told = -1;

static void
say(bool inbox, uint32_t uid, enum fate fate)
{
	const struct word w = {inbox, uid, fate};

	if (write(told, &w, sizeof w) != sizeof w)
		_exit(1);
}

static uint32_t
any_uid(const struct mailbox *mb)
{
	return mb->n ? mb->messages[randombytes_uniform((uint32_t)mb->n)].uid : 0;
}

static void
flush(void)
{
	if (home_flush(home, &err) < 0)
		_exit(1);
}

static void
act(struct mailbox *in, struct mailbox *to)
{
	const struct flag_set deleted = {.flags = FLAG_DELETED};
	struct copy_result r;
	uint32_t uid, which = randombytes_uniform(10);

	if (which < 5 || in->n == 0) {
		uid = append(in, MSG, 0);
		say(true, uid, SHOWN);
		flush();
		say(true, uid, THERE);
	} else if (which < 7) {
		uid = any_uid(in);
		say(true, uid, LEAVING);
		if (mailbox_move(in, &uid, 1, to, &me, &scratch, &r, &err) < 0)
			_exit(1);
		say(false, r.to[0], SHOWN);
		flush();
		say(true, uid, GONE);
		say(false, r.to[0], THERE);
	} else if (which < 9) {
		uid = any_uid(in);
		say(true, uid, LEAVING);
		if (mailbox_store(in, &uid, 1, STORE_ADD, &deleted, UINT64_MAX, &me, &scratch, NULL,
			&err) < 0 ||
		    mailbox_expunge(in, NULL, SIZE_MAX, &me, &err) < 0)
			_exit(1);
		flush();
		say(true, uid, GONE);
	} else if (home_mirror(home, &err) < 0) {
		_exit(1);
	}
	arena_reset(&scratch);
}

static void
work(void)
{
	struct mailbox *in, *to;

	open_home();
	in = box("INBOX");
	to = box("Archive");
	for (;;)
		act(in, to);
}

/* ---- the one who looks afterwards ---- */

static void
hear(int fd)
{
	struct word w;

	while (read(fd, &w, sizeof w) == sizeof w) {
		unsigned char *f;

		assert_true(w.uid < UID_MAX);
		f = &fates[w.inbox][w.uid];
		if (w.fate == SHOWN)
			assert_int_equal(*f, UNKNOWN);
		*f = (unsigned char)w.fate;
	}
}

static void
check(const char *name, bool inbox)
{
	struct mailbox *mb = box(name);

	for (uint32_t uid = 1; uid < UID_MAX; uid++) {
		unsigned char *f = &fates[inbox][uid];
		bool is_there = mailbox_get(mb, uid) != NULL;

		if (*f != UNKNOWN)
			assert_true(uid < mb->uidnext);
		if (*f == THERE && !is_there)
			fail_msg("%s %u was answered and is gone", name, uid);
		if (*f == GONE && is_there)
			fail_msg("%s %u has come back", name, uid);
		if (*f == SHOWN || *f == LEAVING)
			*f = is_there ? THERE : GONE;
		/* A file whose row was lost is found again under a number of its own. */
		if (*f == UNKNOWN && is_there)
			*f = THERE;
	}
	for (size_t i = 0; i < mb->n; i++) {
		struct content *c = content_open(mb, mb->messages[i].uid, &err);

		assert_non_null(c);
		assert_true(str_eq_z(c->octets, MSG));
		content_close(&c);
	}
}

static void
killed_at_any_moment(void **state)
{
	(void)state;
	home_close(&home);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct timespec pause = {.tv_nsec = 1000000 + randombytes_uniform(40000000)};
		int pair[2];
		pid_t pid;

		assert_int_equal(pipe(pair), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(pair[0]);
			told = pair[1];
			work();
		}
		close(pair[1]);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		hear(pair[0]);
		close(pair[0]);
		open_home();
		check("INBOX", true);
		check("Archive", false);
		home_close(&home);
	}
	open_home();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(killed_at_any_moment, setup, teardown),
	};

	log_set_level(LOG_LEVEL_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
