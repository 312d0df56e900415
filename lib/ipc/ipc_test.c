/* ipc_test.c - channels: calls, answers, descriptors, and what a broken peer cannot do. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/num.h"
#include "io/file.h"
#include "io/loop.h"
#include "ipc/ipc.h"

static struct ipc_chan *front, *authd;
static int fds[2];

static struct {
	unsigned messages, replies, gone;
	struct err e;
	bool free_in_reply;
	char text[64];
	int fd;
	uint64_t pending_id;
} seen;

static void
authd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct str targets[2] = {STR("bob@x.test"), STR("carol@x.test")};
	struct err e;

	(void)arg;
	seen.messages++;
	if (m->type != MSG_RCPT_CHECK) {
		ipc_refuse(m);
		return;
	}
	str_cz(ipc_get_str(m), seen.text, sizeof(seen.text));
	ipc_get_str(m);
	ipc_get_u64(m);
	if (ipc_end(m) < 0)
		return;
	if (strcmp(seen.text, "fail") == 0) {
		err_set(&e, E_QUOTA, "full");
		ipc_reply_error(c, m->id, &e);
	} else if (strcmp(seen.text, "silent") == 0) {
		seen.pending_id = m->id;
	} else {
		ipc_begin(&out, MSG_RCPT_CHECK_R);
		ipc_put_u32(&out, RCPT_OK);
		ipc_put_u32(&out, 0);
		ipc_put_list(&out, targets, 2);
		ipc_reply(c, m->id, &out);
	}
}

static void
front_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	seen.messages++;
	ipc_refuse(m);
}

static void
gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	(void)c;
	seen.gone++;
}

static void
reply(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	seen.replies++;
	if (m == NULL) {
		seen.e = *e;
	} else {
		assert_int_equal(ipc_get_u32(m), RCPT_OK);
		assert_int_equal(ipc_get_u32(m), 0);
		assert_int_equal(ipc_get_list(m), 2);
		ipc_get_item(m);
		str_cz(ipc_get_item(m), seen.text, sizeof(seen.text));
		assert_int_equal(ipc_end(m), 0);
	}
	if (seen.free_in_reply)
		ipc_free(&front);
}

static int
setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	front = ipc_new(fds[0], PEER_SMTPD, PEER_AUTHD, front_message, gone, NULL);
	authd = ipc_new(fds[1], PEER_AUTHD, PEER_SMTPD, authd_message, gone, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_free(&front);
	ipc_free(&authd);
	return 0;
}

static uint64_t
ask(const char *address)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_RCPT_CHECK);
	ipc_put_z(&m, address);
	ipc_put_z(&m, "");
	ipc_put_u64(&m, 1000);
	return ipc_call(front, &m, reply, NULL);
}

static void
turns(int n)
{
	while (n-- > 0)
		loop_once(5);
}

static void
test_call_is_answered(void **state)
{
	(void)state;
	ask("team@x.test");
	turns(4);
	assert_int_equal(seen.replies, 1);
	assert_string_equal(seen.text, "carol@x.test");
	assert_int_equal(ipc_pending(front), 0);
}

static void
test_many_calls_in_one_turn(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		ask("a@x.test");
	turns(60);
	assert_int_equal(seen.replies, 200);
}

static void
test_error_comes_back_with_its_code(void **state)
{
	(void)state;
	ask("fail");
	turns(4);
	assert_int_equal(seen.e.code, E_QUOTA);
	assert_string_equal(seen.e.text, "full");
}

static void
test_silence_times_out(void **state)
{
	(void)state;
	ask("silent");
	turns(3);
	assert_int_equal(seen.replies, 0);
	clock_advance(11000);
	turns(300);
	assert_int_equal(seen.replies, 1);
	assert_int_equal(seen.e.code, E_TIMEOUT);
}

static void
test_late_reply_is_dropped(void **state)
{
	struct ipc_out out;

	(void)state;
	ipc_cancel(front, ask("silent"));
	turns(3);
	ipc_begin(&out, MSG_RCPT_CHECK_R);
	ipc_put_u32(&out, RCPT_OK);
	ipc_put_u32(&out, 0);
	ipc_put_list(&out, NULL, 0);
	ipc_reply(authd, seen.pending_id, &out);
	turns(3);
	assert_int_equal(seen.replies, 0);
	assert_true(ipc_is_open(front));
}

/* The asker died and a new one asks on the same channel: the answer to the first is none to it. */
static void
test_answer_for_a_dead_process_fits_no_call_of_the_next(void **state)
{
	struct ipc_out out;
	uint64_t id;

	(void)state;
	ask("silent");
	turns(4);
	id = seen.pending_id;
	assert_int_not_equal(id, 0);
	ipc_free(&front);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	front = ipc_new(fds[0], PEER_SMTPD, PEER_AUTHD, front_message, gone, NULL);
	ipc_attach(authd, fds[1]);
	seen.replies = 0;
	ask("silent");
	turns(4);
	ipc_begin(&out, MSG_RCPT_CHECK_R);
	ipc_put_u32(&out, RCPT_OK);
	ipc_put_u32(&out, 0);
	ipc_put_list(&out, NULL, 0);
	ipc_reply(authd, id, &out);
	turns(4);
	assert_int_equal(seen.replies, 0);
	assert_int_equal(ipc_pending(front), 1);
}

static void
test_dead_peer_ends_calls(void **state)
{
	(void)state;
	ask("silent");
	turns(3);
	ipc_free(&authd);
	turns(3);
	assert_int_equal(seen.e.code, E_CLOSED);
	assert_int_equal(seen.gone, 1);
	assert_false(ipc_is_open(front));
}

static void
test_calls_wait_for_a_restarted_peer(void **state)
{
	(void)state;
	ipc_free(&authd);
	turns(3);
	ask("a@x.test");
	turns(2);
	assert_int_equal(seen.replies, 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	authd = ipc_new(fds[1], PEER_AUTHD, PEER_SMTPD, authd_message, gone, NULL);
	ipc_attach(front, fds[0]);
	turns(4);
	assert_int_equal(seen.replies, 1);
	assert_string_equal(seen.text, "carol@x.test");
}

static void
test_channel_freed_in_its_callback(void **state)
{
	(void)state;
	seen.free_in_reply = true;
	ask("a@x.test");
	ask("b@x.test");
	turns(4);
	assert_null(front);
	assert_int_equal(seen.replies, 2); /* the second one ended with the channel */
}

static void
test_descriptor_goes_along(void **state)
{
	struct ipc_out m;
	struct err e;
	int pair[2];
	struct ipc_chan *queue, *smtpd;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	smtpd = ipc_new(pair[0], PEER_SMTPD, PEER_QUEUE, front_message, NULL, NULL);
	ipc_begin(&m, MSG_SPOOL_COMMIT);
	ipc_put_z(&m, "envelope");
	ipc_put_u64(&m, 5);
	ipc_put_fd(&m, file_memory("m", "hello", 5, &e));
	ipc_call(smtpd, &m, reply, NULL);
	/* The reader refuses the message: its descriptor is closed with it, and the channel ends.
	 */
	queue = ipc_new(pair[1], PEER_QUEUE, PEER_SMTPD, front_message, gone, NULL);
	turns(4);
	assert_int_equal(seen.messages, 1);
	assert_false(ipc_is_open(queue));
	ipc_free(&smtpd);
	ipc_free(&queue);
}

static void
raw(const void *p, size_t n)
{
	ipc_free(&front); /* speak for it by hand */
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	ipc_attach(authd, fds[1]);
	assert_int_equal(send(fds[0], p, n, 0), n);
	turns(3);
	close(fds[0]);
}

static void
header(unsigned char *p, uint32_t type, uint32_t flags)
{
	num_put_u32(p, type);
	num_put_u32(p + 4, flags);
	num_put_u64(p + 8, 1);
}

static void
test_bad_messages_end_the_channel(void **state)
{
	unsigned char p[64] = {0};

	(void)state;
	raw("short", 5);
	assert_false(ipc_is_open(authd));
	header(p, 0xffff, 1); /* unknown type */
	raw(p, 16);
	assert_false(ipc_is_open(authd));
	header(p, MSG_USAGE_ADD, 0); /* not smtpd's to say */
	raw(p, 40);
	assert_false(ipc_is_open(authd));
	header(p, MSG_RCPT_CHECK, 1); /* a string longer than the message */
	num_put_u32(p + 16, 1000);
	raw(p, 32);
	assert_false(ipc_is_open(authd));
	header(p, MSG_RCPT_CHECK_R, 2); /* an answer nobody asked for, of a type not ours */
	raw(p, 24);
	assert_false(ipc_is_open(authd));
}

static void
test_trailing_octets_end_the_channel(void **state)
{
	unsigned char p[64] = {0};

	(void)state;
	header(p, MSG_RCPT_CHECK, 1);
	raw(p, 16 + 4 + 4 + 8 + 1);
	assert_false(ipc_is_open(authd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_call_is_answered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_calls_in_one_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_error_comes_back_with_its_code, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_silence_times_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_late_reply_is_dropped, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_answer_for_a_dead_process_fits_no_call_of_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dead_peer_ends_calls, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_calls_wait_for_a_restarted_peer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_channel_freed_in_its_callback, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_descriptor_goes_along, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_messages_end_the_channel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_trailing_octets_end_the_channel, setup, teardown),
	};
	struct err e;

	loop_init(&e);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
