/*
 * replies.c - replies in the order of their commands, whatever order their answers come in.
 *
 * Under PIPELINING (RFC 2920) several RCPTs ask authd at the same time. Each has a slot; a reply is
 * written when all before it are. What a reply changes (a recipient is added, the transaction
 * opens) happens when it is written, so the session always stands where a client that waits for
 * every reply would have it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "smtpd/session.h"
#include "svc/conf.h"

static void
log_refusal(struct session *s, enum reply r, struct str about)
{
	metric_add(METRIC_SMTP_REJECTED, 1);
	log_info("smtp.reject", LZ("sid", s->sid), LZ("peer", s->peer), LZ("reason", reply_name(r)),
	    LU("code", reply_code(r)), LZ("dsn", reply_enhanced(r)), LS("user", s->user),
	    LS("from", s->tx.sender), LS("about", about));
}

/* Writes one reply now. */
static void
write_reply(struct session *s, enum reply r, struct str arg, struct str about)
{
	char line[REPLY_MAX];
	size_t n = reply_format(r, arg, line);

	stream_write(s->stream, line, n);
	s->active = clock_ms();
	if (reply_is_refusal(r))
		log_refusal(s, r, about);
	/* 4xx is the server's trouble, not the client's mistake, unless it goes on. */
	if (reply_code(r) >= 500 || r == REPLY_RATE_MESSAGES || r == REPLY_RATE_UNKNOWN)
		door_fault(s, r);
}

static enum reply
as_given(struct slot *slot)
{
	return slot->reply;
}

/* Writes what is ready, up to the first that is not. */
static void
flush(struct session *s)
{
	struct slot *slot;

	while (s->state != SESSION_CLOSING && (slot = TAILQ_FIRST(&s->slots)) && slot->ready) {
		enum reply r = slot->apply(slot);

		TAILQ_REMOVE(&s->slots, slot, link);
		metric_observe(METRIC_SMTP_COMMAND_SECONDS, clock_us() - slot->began);
		write_reply(s, r, slot->arg, slot->about);
	}
}

struct slot *
slot_new(struct session *s, enum reply (*apply)(struct slot *))
{
	struct slot *slot = arena_new(&s->tx.arena, struct slot);

	slot->s = s;
	slot->apply = apply;
	slot->began = clock_us();
	TAILQ_INSERT_TAIL(&s->slots, slot, link);
	return slot;
}

void
slot_ready(struct slot *slot, enum reply r)
{
	struct session *s = slot->s;

	slot->call = 0;
	slot->ready = true;
	slot->reply = r;
	flush(s);
}

void
slots_drop(struct session *s)
{
	struct slot *slot;

	while ((slot = TAILQ_FIRST(&s->slots))) {
		TAILQ_REMOVE(&s->slots, slot, link);
		if (slot->call)
			ipc_cancel(slot->chan, slot->call);
	}
}

void
session_reply_arg(struct session *s, enum reply r, struct str arg)
{
	/* Only RCPT runs while others wait, and its replies have no argument. */
	assume(TAILQ_EMPTY(&s->slots));
	write_reply(s, r, arg, STR_NONE);
}

void
session_refuse(struct session *s, enum reply r, struct str about)
{
	struct slot *slot;

	if (s->state == SESSION_CLOSING)
		return;
	if (TAILQ_EMPTY(&s->slots)) {
		write_reply(s, r, STR_NONE, about);
		return;
	}
	slot = slot_new(s, as_given);
	slot->about = arena_dup(&s->tx.arena, about);
	slot_ready(slot, r);
}

void
session_reply(struct session *s, enum reply r)
{
	session_refuse(s, r, STR_NONE);
}
