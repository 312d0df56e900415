/* submitted_test.c - what became of a submission, and taking it back: by its user, while it waits.
 */
#include "queue/fixture.h"

#include <sys/socket.h>

static struct ipc_chan *parent, *here;
static struct {
	bool done;
	enum err_code code;
	uint32_t state, n;
	char first[3][64];
} got;

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	submitted_message(&fixture, c, m);
}

static int
up(void **state)
{
	int pair[2];

	if (fixture_setup(state) || fixture_open("boot1", false, NULL) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	TAILQ_INIT(&fixture.askers);
	parent = ipc_new(pair[0], PEER_MAILBOXD, PEER_QUEUE, NULL, NULL, NULL);
	here = ipc_new(pair[1], PEER_QUEUE, PEER_MAILBOXD, on_message, NULL, NULL);
	return 0;
}

static int
down(void **state)
{
	ipc_free(&parent);
	ipc_free(&here);
	fixture_kill();
	return fixture_teardown(state);
}

static void
on_answer(void *arg, struct ipc_in *m, const struct err *e)
{
	struct str item;

	(void)arg;
	got.done = true;
	if (m == NULL) {
		got.code = e->code;
		return;
	}
	got.state = ipc_get_u32(m);
	got.n = ipc_get_list(m);
	for (uint32_t i = 0; i < got.n; i++) {
		item = ipc_get_item(m);
		if (i < 3)
			(void)snprintf(got.first[i], sizeof(got.first[i]), STR_FMT, STR_ARG(item));
	}
	assert_int_equal(ipc_end(m), 0);
}

static void
ask(const char *user, const char *mid, bool cancel)
{
	struct ipc_out out;

	memset(&got, 0, sizeof(got));
	ipc_begin(&out, MSG_SUBMITTED);
	ipc_put_z(&out, user);
	ipc_put_z(&out, mid);
	ipc_put_u32(&out, cancel);
	ipc_call(parent, &out, on_answer, NULL);
	for (int i = 0; i < 2000 && !got.done; i++)
		loop_once(5);
	assert_true(got.done);
}

/* A message of alice's to two targets, durable. */
static struct message *
submit(unsigned n)
{
	struct str target = STR("bob@example.test");
	struct envelope_rcpt rcpts[] = {
	    {.address = STR("bob@example.test"), .targets = &target, .ntargets = 1, .nlocal = 1},
	    {.address = STR("c@elsewhere.test"), .targets = &target, .ntargets = 1, .nlocal = 0}};
	struct told told = {0};
	struct err e = {0};

	fixture_append_to(n, 10, STR("alice@example.test"), rcpts, 2, &told);
	fixture_settle();
	fixture_kill();
	if (fixture_open("boot1", false, &e) < 0)
		fail_msg("%s", e.text);
	TAILQ_INIT(&fixture.askers);
	return fixture_find(n);
}

static void
it_is_told_and_taken_back(void **state)
{
	struct message *m;

	(void)state;
	m = submit(1);
	ask("alice@example.test", m->mid, false);
	assert_int_equal(got.state, SUBMITTED_WAITS);
	assert_int_equal(got.n, 6);
	assert_string_equal(got.first[0], "bob@example.test");
	assert_string_equal(got.first[1], "0");
	ask("alice@example.test", m->mid, true);
	assert_int_equal(got.state, SUBMITTED_CANCELED);
	/* Durable by then. */
	fixture_kill();
	assert_int_equal(fixture_open("boot1", false, NULL), 0);
	TAILQ_INIT(&fixture.askers);
	m = fixture_find(1);
	assert_true(m == NULL || message_is_done(m));
}

/* Its segment goes, as after a restart when all of it is delivered. */
static void
let_go(struct message *m)
{
	char id[ID_SIZE];

	memcpy(id, m->mid, ID_SIZE);
	checkpoint_init(&fixture);
	loop_timer_stop(fixture.checkpoint.timer);
	for (uint32_t i = 0; i < m->ntargets; i++)
		message_set(&fixture.messages, m, i, OUTCOME_SETTLED);
	schedule_forget(&fixture, m);
	checkpoint_sweep(&fixture);
	for (int i = 0; i < 100 && message_find(&fixture.messages, str_z(id)) != NULL; i++)
		loop_once(1);
	assert_null(message_find(&fixture.messages, str_z(id)));
	loop_timer_free(&fixture.checkpoint.timer);
}

/* An owner that ended before it noted the 250 asks when all is delivered: that is no loss. */
static void
what_a_human_approved_stays_known(void **state)
{
	char mid[ID_SIZE];

	(void)state;
	fixture_approval = STR("7");
	let_go(submit(1));
	fixture_mid(1, mid);
	ask("alice@example.test", mid, false);
	assert_int_equal(got.state, SUBMITTED_SENT);
	ask("alice@example.test", mid, true);
	assert_int_equal(got.state, SUBMITTED_SENT);
	ask("bob@example.test", mid, false);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
	fixture_approval = STR_NONE;
	past_done(&fixture);
}

static void
what_nobody_had_to_approve_does_not(void **state)
{
	char mid[ID_SIZE];

	(void)state;
	let_go(submit(1));
	fixture_mid(1, mid);
	ask("alice@example.test", mid, false);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
}

static void
to_others_it_does_not_exist(void **state)
{
	struct message *m;

	(void)state;
	m = submit(1);
	ask("bob@example.test", m->mid, true);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
	ask("", m->mid, true);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
	ask("alice@example.test", "../../etc/passwd", true);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
	ask("alice@example.test", "01hx7h5k2mabcdefghjk", true);
	assert_int_equal(got.state, SUBMITTED_UNKNOWN);
	assert_false(message_is_done(m));
}

static void
what_is_under_way_is_not(void **state)
{
	struct message *m;

	(void)state;
	m = submit(1);
	m->running = 1;
	ask("alice@example.test", m->mid, true);
	assert_int_equal(got.state, SUBMITTED_SENT);
	m->running = 0;
	message_set(&fixture.messages, m, 0, OUTCOME_OK);
	message_set(&fixture.messages, m, 1, OUTCOME_FAILED);
	ask("alice@example.test", m->mid, true);
	assert_int_equal(got.state, SUBMITTED_SENT);
	assert_string_equal(got.first[1], "1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(it_is_told_and_taken_back, up, down),
	    cmocka_unit_test_setup_teardown(to_others_it_does_not_exist, up, down),
	    cmocka_unit_test_setup_teardown(what_a_human_approved_stays_known, up, down),
	    cmocka_unit_test_setup_teardown(what_nobody_had_to_approve_does_not, up, down),
	    cmocka_unit_test_setup_teardown(what_is_under_way_is_not, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
