/*
 * relay.c - octets between a client and its owner.
 *
 * Purpose: copies both ways under bounds: what one side does not take, the other is not asked for.
 * Counts what the owner was given, so that parking loses nothing (INVARIANTS 17).
 */
#include "imapd/imapd.h"

#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"

#define IN_MAX  (64u * 1024)
#define OUT_MAX (1u << 20)
#define HIGH    (128u * 1024) /* more waiting than this, and the other side is not read */

/* At the end an owner whose client says no more may go without a word. */
static const char *
lost(void)
{
	return svc_draining() ? FRONT_SHUTDOWN : "[UNAVAILABLE] Internal trouble, please reconnect";
}

void
relay_drop(struct front_conn *c)
{
	stream_free(&c->owner);
}

static void
on_owner(void *arg)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	if (c->state == FRONT_RELAY || c->state == FRONT_LEAVING)
		relay_pump(c);
}

static void
on_owner_closed(void *arg, const struct err *e)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	log_debug("imap.owner_gone", LZ("sid", c->sid), LE(e));
	relay_drop(c);
	if (c->state == FRONT_RELAY || c->state == FRONT_LEAVING)
		front_bye(c, lost());
}

int
relay_pair(struct front_conn *c, struct err *e)
{
	static const struct stream_events events = {
	    .input = on_owner, .drained = on_owner, .closed = on_owner_closed};
	static const struct stream_limits limits = {IN_MAX, OUT_MAX, 0};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(e, "socketpair");
	c->owner = stream_new(fds[0], &limits, &events, c);
	c->forwarded = 0;
	c->half_closed = false;
	c->bye_seen = c->in_literal = false;
	memset(c->tail, '\n', sizeof(c->tail)); /* a line can begin */
	return fds[1];
}

void
relay_begin(struct front_conn *c)
{
	loop_timer_stop(c->timer);
	c->state = FRONT_RELAY;
	stream_start(c->owner);
	stream_resume(c->client);
	relay_pump(c);
}

/* Does a line that the owner begins say BYE? Looked for only where one can be: behind a line end.
 * The rest is not understood here. */
static void
watch(struct front_conn *c, struct str s)
{
	struct str bye = STR("\n* BYE");
	char joint[2 * sizeof(c->tail)];
	size_t head = s.n < sizeof(c->tail) ? s.n : sizeof(c->tail);

	memcpy(joint, c->tail, sizeof(c->tail));
	memcpy(joint + sizeof(c->tail), s.p, head);
	/* A BYE is among the last things said, so only the end of a long piece is looked at. */
	struct str end = s.n > 1024 ? str_from(s, s.n - 1024) : s;

	c->bye_seen = str_find(end, bye) < end.n ||
		      str_find(str_of(joint, sizeof(c->tail) + head), bye) < sizeof(c->tail) + head;
	memmove(c->tail, joint + head, sizeof(c->tail));
	if (s.n >= sizeof(c->tail))
		memcpy(c->tail, s.p + s.n - sizeof(c->tail), sizeof(c->tail));
}

static void
to_client(struct front_conn *c)
{
	struct str in = stream_input(c->owner);

	if (in.n == 0 || stream_pending(c->client) > HIGH)
		return;
	watch(c, in);
	c->in_literal = in.p[0] == '+';
	stream_write(c->client, in.p, in.n);
	stream_consume(c->owner, in.n);
}

void
relay_shut(struct front_conn *c)
{
	if (c->half_closed || c->owner == NULL)
		return;
	c->half_closed = true;
	stream_flush(c->owner);
	shutdown(stream_fd(c->owner), SHUT_WR);
}

/* After "+", or behind a literal's announcement, nothing of ours tells the client that its octets
 * came: until the owner speaks again it may hold back the rest. */
static void
literal_goes_on(struct front_conn *c)
{
	c->in_literal = true;
	stream_ack(c->client);
}

static void
to_owner(struct front_conn *c)
{
	struct str in = stream_input(c->client);

	if (in.n > 0 && stream_pending(c->owner) <= HIGH && !c->half_closed) {
		stream_write(c->owner, in.p, in.n);
		c->forwarded += in.n;
		if (c->in_literal || (in.n >= 4 && str_eq(str_from(in, in.n - 4), STR("+}\r\n"))))
			literal_goes_on(c);
		stream_consume(c->client, in.n);
	}
	if (stream_at_end(c->client) && stream_input(c->client).n == 0 &&
	    stream_pending(c->owner) == 0)
		relay_shut(c);
}

/* The owner has said its last. */
static void
owner_done(struct front_conn *c)
{
	bool clean = c->bye_seen || stream_at_end(c->client) || c->tail[7] != '\n';

	relay_drop(c);
	if (c->state == FRONT_LEAVING)
		park_settle(c);
	else if (clean)
		front_close(c);
	else
		front_bye(c, lost());
}

void
relay_pump(struct front_conn *c)
{
	to_client(c);
	if (c->state == FRONT_RELAY)
		to_owner(c);
	if (stream_at_end(c->owner) && stream_input(c->owner).n == 0)
		owner_done(c);
}
