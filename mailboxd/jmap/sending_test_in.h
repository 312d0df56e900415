/*
 * sending_test_in.h - for tests of what sends: gk-smtpd, authd and gk-queue as they would answer.
 */
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include "mailboxd/jmap/jmap_test_in.h"

#include "base/id.h"
#include "io/stream.h"
#include "mailboxd/jmap/outside.h"

#define ASKS 12 /* gk-smtpd, authd, then questions to the queue */

static struct {
	int fd; /* gk-smtpd's end, or -1 */
	struct loop_io *io;
	struct buf in, out;
	bool slow;
	struct loop_defer drip;
	size_t octets; /* of BDAT still to come */
	bool in_data;
	char commands[4000]; /* MAIL and RCPT, one a line */
	struct buf message;
	unsigned messages;
	const char *refuse; /* a command that begins so gets … */
	const char *refusal;
	enum submitted_state state; /* of all that is asked about */
	struct str results[3];      /* of the first recipient, or none */
	bool cancel;                /* that was wanted last */
	unsigned asked_submitted;
	char session[20]; /* of the agent whose message is sent; "" for the user's */
	bool away;        /* nobody answers */
	bool hangs;       /* authd takes questions of approvals and does not answer */
	bool approved;    /* by a human: an action finds it, once */
	bool used;        /* it was, by the time that somebody asks */
	unsigned actions, settled;
	char mid[ID_SIZE]; /* for it */
	const char *senders[4];
	unsigned asked; /* questions of senders */
	struct {
		void (*smtp)(void *to, int fd, const struct err *e);
		void (*senders)(void *to, const struct str *v, size_t n, const struct err *e);
		void (*sender)(void *to, bool owned, const struct err *e);
		bool owned;
		void (*submitted)(void *to, const struct jmap_submitted *s, const struct err *e);
		void (*action)(void *to, struct str approval, const struct err *e);
		void (*settled)(void *to, bool used, struct str mid, const struct err *e);
		void *to;
		struct loop_defer defer;
	} ask[ASKS];
} world;

/* An octet a turn: a reader finds every split. */
static inline void
drip(void *arg)
{
	(void)arg;
	if (world.fd < 0 || world.out.n == 0)
		return;
	assert_int_equal(write(world.fd, world.out.p, 1), 1);
	buf_consume(&world.out, 1);
	loop_defer(&world.drip);
}

static inline void
say(const char *line)
{
	if (!world.slow) {
		assert_true(write(world.fd, line, strlen(line)) > 0);
		return;
	}
	buf_puts(&world.out, line);
	loop_defer(&world.drip);
}

static inline void
on_line(struct str line)
{
	size_t n;

	if (str_starts(line, STR("MAIL")) || str_starts(line, STR("RCPT"))) {
		n = strlen(world.commands);
		(void)snprintf(
		    world.commands + n, sizeof world.commands - n, STR_FMT "\n", STR_ARG(line));
	}
	if (world.refuse != NULL && str_starts(line, str_z(world.refuse)))
		say(world.refusal);
	else if (str_starts(line, STR("BDAT"))) {
		world.octets = (size_t)atoi_of(str_sub(line, 5, str_chr(str_from(line, 5), ' ')));
		world.in_data = true;
	} else if (str_starts(line, STR("EHLO")))
		say("250-here\r\n250 HELP\r\n");
	else if (!str_eq_z(line, "QUIT"))
		say("250 2.1.0 fine\r\n");
}

static inline void
on_smtp_readable(void *arg, unsigned events)
{
	char octets[65536];
	struct str line, rest;
	ssize_t n = read(world.fd, octets, sizeof octets);

	(void)arg, (void)events;
	if (n <= 0) {
		loop_io_free(&world.io);
		close(world.fd);
		world.fd = -1;
		return;
	}
	buf_put(&world.in, octets, (size_t)n);
	for (;;) {
		if (world.in_data) {
			struct str some = str_sub(buf_view(&world.in), 0, world.octets);

			buf_str(&world.message, some);
			world.octets -= some.n;
			buf_consume(&world.in, some.n);
			if (world.octets > 0)
				return;
			world.in_data = false;
			world.messages++;
			say("250 2.0.0 Queued as 01hx7h5k2mabcdefghjk\r\n");
		}
		rest = buf_view(&world.in);
		if (!str_cut(&rest, '\n', &line))
			return;
		line = arena_dup(&scratch, str_trim(line));
		buf_consume(&world.in, world.in.n - rest.n);
		on_line(line);
	}
}

static inline void
give_smtp(void *arg)
{
	int pair[2];
	struct err e;

	(void)arg;
	if (world.away) {
		err_set(&e, E_TEMP, "away");
		world.ask[0].smtp(world.ask[0].to, -1, &e);
		return;
	}
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	world.fd = pair[0];
	world.io = loop_io_new(world.fd, LOOP_READ, on_smtp_readable, NULL);
	buf_reset(&world.in);
	say("220 here\r\n");
	world.ask[0].smtp(world.ask[0].to, pair[1], NULL);
}

static inline uint64_t
ask_smtp(void *arg, void (*fn)(void *to, int fd, const struct err *e), void *to)
{
	(void)arg;
	world.ask[0].smtp = fn;
	world.ask[0].to = to;
	loop_defer_init(&world.ask[0].defer, give_smtp, NULL);
	loop_defer(&world.ask[0].defer);
	return 1;
}

static inline void
give_senders(void *arg)
{
	struct str v[4];
	struct err e;
	size_t n = 0;

	(void)arg;
	while (n < 4 && world.senders[n] != NULL) {
		v[n] = str_z(world.senders[n]);
		n++;
	}
	err_set(&e, E_TEMP, "away");
	world.asked++;
	world.ask[1].senders(world.ask[1].to, world.away ? NULL : v, world.away ? 0 : n, &e);
}

static inline uint64_t
ask_senders(
    void *arg, void (*fn)(void *to, const struct str *v, size_t n, const struct err *e), void *to)
{
	(void)arg;
	world.ask[1].senders = fn;
	world.ask[1].to = to;
	loop_defer_init(&world.ask[1].defer, give_senders, NULL);
	loop_defer(&world.ask[1].defer);
	return 2;
}

/* What authd would say: tags, too. */
static inline void
give_sender(void *arg)
{
	struct err e;

	(void)arg;
	err_set(&e, E_TEMP, "away");
	world.asked++;
	world.ask[1].sender(world.ask[1].to, world.ask[1].owned, world.away ? &e : NULL);
}

static inline uint64_t
ask_sender(
    void *arg, struct str address, void (*fn)(void *to, bool owned, const struct err *e), void *to)
{
	(void)arg;
	world.ask[1].sender = fn;
	world.ask[1].to = to;
	world.ask[1].owned = str_starts(address, STR("alice-"));
	loop_defer_init(&world.ask[1].defer, give_sender, NULL);
	loop_defer(&world.ask[1].defer);
	return 2;
}

static inline void
give_submitted(void *arg)
{
	const struct jmap_submitted s = {
	    .state = world.state, .results = world.results, .n = world.results[0].n > 0 ? 3 : 0};
	unsigned i = (unsigned)(uintptr_t)arg;
	void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e) =
	    world.ask[i].submitted;

	world.ask[i].submitted = NULL;
	fn(world.ask[i].to, &s, NULL);
}

static inline uint64_t
ask_submitted(void *arg, struct str mid, bool cancel,
    void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e), void *to)
{
	unsigned i = 2;

	(void)arg;
	assert_true(str_eq_z(mid, "01hx7h5k2mabcdefghjk"));
	while (world.ask[i].submitted != NULL)
		assert_true(++i < ASKS);
	world.ask[i].submitted = fn;
	world.ask[i].to = to;
	world.cancel = cancel;
	world.asked_submitted++;
	loop_defer_init(&world.ask[i].defer, give_submitted, (void *)(uintptr_t)i);
	loop_defer(&world.ask[i].defer);
	return i + 1;
}

static inline void
forget(void *arg, uint64_t question)
{
	(void)arg;
	loop_defer_cancel(&world.ask[question - 1].defer);
	world.ask[question - 1].submitted = NULL;
}

static inline uint64_t
ask_agent_smtp(
    void *arg, struct str session, void (*fn)(void *to, int fd, const struct err *e), void *to)
{
	(void)snprintf(world.session, sizeof world.session, STR_FMT, STR_ARG(session));
	return ask_smtp(arg, fn, to);
}

static inline void
give_action(void *arg)
{
	struct err e;

	(void)arg;
	err_set(&e, E_DENIED, "nobody has approved that");
	if (world.hangs)
		return;
	world.actions++;
	world.used |= world.approved;
	world.ask[1].action(
	    world.ask[1].to, world.approved ? STR("0123") : STR(""), world.approved ? NULL : &e);
	world.approved = false;
}

static inline uint64_t
ask_action(void *arg, struct str session, struct str digest,
    void (*fn)(void *to, struct str approval, const struct err *e), void *to)
{
	(void)arg;
	(void)snprintf(world.session, sizeof world.session, STR_FMT, STR_ARG(session));
	assert_int_equal(digest.n, 32);
	world.ask[1].action = fn;
	world.ask[1].to = to;
	loop_defer_init(&world.ask[1].defer, give_action, NULL);
	loop_defer(&world.ask[1].defer);
	return 2;
}

static inline void
give_settled(void *arg)
{
	struct err e;

	(void)arg;
	err_set(&e, E_TEMP, "away");
	if (world.hangs)
		return;
	world.settled++;
	world.ask[1].settled(world.ask[1].to, world.used, str_z(world.mid), world.away ? &e : NULL);
}

static inline uint64_t
ask_settle(void *arg, struct str session, struct str digest, int64_t since,
    void (*fn)(void *to, bool used, struct str mid, const struct err *e), void *to)
{
	(void)arg;
	assert_true(session.n == 16 && digest.n == 32 && since > 0);
	world.ask[1].settled = fn;
	world.ask[1].to = to;
	loop_defer_init(&world.ask[1].defer, give_settled, NULL);
	loop_defer(&world.ask[1].defer);
	return 2;
}

static const struct jmap_outside fake_outside = {.smtp = ask_smtp,
    .agent_smtp = ask_agent_smtp,
    .senders = ask_senders,
    .sender = ask_sender,
    .submitted = ask_submitted,
    .action = ask_action,
    .settle = ask_settle,
    .forget = forget};

static inline int
world_up(void **state)
{
	if (setup(state) < 0)
		return -1;
	memset(&world, 0, sizeof world);
	world.fd = -1;
	world.state = SUBMITTED_SENT;
	world.senders[0] = "alice@example.test";
	world.senders[1] = "info@example.test";
	buf_init(&world.in, 1u << 22);
	buf_init(&world.out, 1u << 20);
	loop_defer_init(&world.drip, drip, NULL);
	buf_init(&world.message, 1u << 22);
	jmap->host.outside = &fake_outside;
	jmap->host.max_delay_s = 86400;
	return 0;
}

static inline int
world_down(void **state)
{
	int rc = teardown(state);

	loop_io_free(&world.io);
	if (world.fd >= 0)
		close(world.fd);
	loop_defer_cancel(&world.drip);
	buf_free(&world.in);
	buf_free(&world.out);
	buf_free(&world.message);
	return rc;
}
