/*
 * drain_test.c - the end of gk-queue: not before all that others have half handed over is whole.
 * gk-local is the test.
 */
#include "queue/fixture.h"

#include <sys/socket.h>

int queue_main(int argc, char **argv);
#define main queue_main
#include "queue/main.c"
#undef main

static bool draining, drained;
static struct conf *conf;
static struct ipc_chan *to_local, *local, *nobody;
static uint64_t asked; /* the call of CHECKPOINT */

/* ---- in place of the skeleton ---- */

const struct conf *
svc_conf(void)
{
	return conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_LOCAL ? to_local : nobody;
}

bool
svc_draining(void)
{
	return draining;
}

void
svc_drained(void)
{
	drained = true;
}

const char *
svc_boot_id(void)
{
	return "boot1";
}

int
svc_main(const struct svc *s, int argc, char **argv)
{
	(void)s;
	(void)argc;
	(void)argv;
	return 0;
}

/* ---- the scene ---- */

static void
on_order(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	assert_int_equal(m->type, MSG_CHECKPOINT);
	assert_int_equal(ipc_end(m), 0);
	assert_int_equal(asked, 0);
	asked = m->id;
}

static int
up(void **state)
{
	int pair[2];
	struct err e;

	log_set_level(LOG_LEVEL_ERROR);
	if (fixture_setup(state) != 0 || chdir(fixture_path) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	to_local = ipc_new(pair[0], PEER_QUEUE, PEER_LOCAL, NULL, NULL, NULL);
	local = ipc_new(pair[1], PEER_LOCAL, PEER_QUEUE, on_order, NULL, NULL);
	nobody = ipc_new(-1, PEER_QUEUE, PEER_SMTPD, NULL, NULL, NULL);
	conf = conf_parse(STR("[server]\nhost_name = 'mx.test'\n"), "test", &e);
	return conf != NULL && start(&e) == 0 ? 0 : -1;
}

/* The timer of drain_step() comes again and again; the journal's threads end their work. */
static void
steps(void)
{
	for (int i = 0; i < 10; i++) {
		clock_advance(DRAIN_MS + 1);
		loop_once(0);
		for (int n = 0; n < 2000 && !journal_idle(queue.journal); n++)
			loop_once(5);
	}
}

static void
it_ends_when_all_is_whole(void **state)
{
	(void)state;
	draining = true;
	queue.checkpoint.moving = 1;
	drain();
	steps();
	assert_int_equal(asked, 0); /* the last checkpoint would come too early */
	queue.checkpoint.moving = 0;
	steps();
	assert_int_not_equal(asked, 0);
	assert_false(drained);
	/* Another process has not yet told what became of a message. */
	queue.schedule.running = 1;
	ipc_reply_ok(local, asked, MSG_CHECKPOINT_R);
	steps();
	assert_true(queue.checkpoint.over);
	assert_false(drained);
	queue.schedule.running = 0;
	steps();
	assert_true(drained);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(it_ends_when_all_is_whole, up, fixture_teardown),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
