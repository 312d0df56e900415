/*
 * conn.c - one IMAP connection: its stream, its commands one after the other, its end.
 *
 * Purpose: reads commands and runs them, with pauses wherever the client is slow to read or a
 * command is long. Owner: owner.c of mailboxd, which frees connections only by imap_conn_free(); a
 * connection that ends by itself tells it by host->closed(). Errors: what the client does wrong is
 * answered; a stream that breaks ends the connection.
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/metrics.h"

#define IN_MAX (64u * 1024)
#define OUT_MAX                                                                                   \
	(64u * 1024 * 1024) /* never met: commands pause at IMAP_OUT_HIGH and answers are bounded \
			     */
#define BAD_MAX   50        /* senseless commands before we hang up */
#define LATER_MAX (64u * 1024) /* answers that wait for a commit, in octets */

static const struct imap_frame_limits limits_of_commands = {
    IMAP_COMMAND_MAX, IMAP_LITERAL_MAX, imap_parse_wants_message};

static void pump(struct imap_conn *c);

/* ---- ending ---- */

void
imap_conn_free(struct imap_conn **cp)
{
	struct imap_conn *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	if (c->cleanup != NULL)
		c->cleanup(c);
	imap_append_free(c);
	imap_idle_free(c);
	imap_view_close(c);
	home_commit_cancel(c->home, &c->waiter);
	home_commit_cancel(c->home, &c->later_waiter);
	loop_timer_free(&c->timer);
	loop_timer_free(&c->turn);
	stream_free(&c->stream);
	imap_frame_free(&c->frame);
	buf_free(&c->text);
	buf_free(&c->later);
	arena_free(&c->work);
	arena_free(&c->scratch);
	arena_free(&c->arena);
	c->magic = 0;
	free(c);
}

void
imap_conn_end(struct imap_conn *c, const char *why)
{
	const struct imap_host *host = c->host;
	uint64_t id = c->id;

	log_info("imap.close", LS("sid", c->sid), LS("user", c->user), LZ("why", why),
	    LU("commands", c->commands), LU("octets_in", c->octets_in));
	imap_conn_free(&c);
	host->closed(host->arg, id);
}

void
imap_conn_close_soon(struct imap_conn *c)
{
	c->ending = true;
	loop_timer_stop(c->timer);
	loop_timer_stop(c->turn);
	imap_view_close(c);
	stream_finish(c->stream);
}

void
imap_conn_hang_up(struct imap_conn *c, const char *text)
{
	if (c->ending)
		return;
	imap_printf(c, "* BYE %s\r\n", text);
	imap_conn_close_soon(c);
}

void
imap_conn_bye(struct imap_conn *c, const char *text)
{
	OBJ(c, IMAP_CONN_MAGIC);
	if (c->ending)
		return;
	/* In the middle of a response nothing else can be said. */
	if ((c->busy && c->idle == NULL) || c->append != NULL || c->later.n > 0) {
		c->bye = arena_dup(&c->arena, str_z(text));
		return;
	}
	imap_conn_hang_up(c, text);
}

bool
imap_conn_is_idle(const struct imap_conn *c)
{
	return c->idle != NULL && !imap_view_pending(&c->view);
}

/* ---- a command ---- */

static void
silence(void *arg)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	/* Who neither reads nor sends in the middle of something hears nothing either. */
	if (c->draining || c->append != NULL || c->bye.n > 0)
		imap_conn_end(c, "timeout");
	else
		imap_conn_bye(c, "Autologout; idle for too long");
}

static enum imap_step
lost(struct imap_conn *c)
{
	imap_conn_close_soon(c);
	return IMAP_WAIT;
}

void
imap_conn_lost_mailbox(struct imap_conn *c)
{
	if (c->cleanup == NULL)
		return;
	c->cleanup(c);
	c->cleanup = NULL;
	/* It may be in the middle of a literal whose rest nobody has any more: only hanging up is
	 * left. */
	c->step = lost;
	imap_conn_continue(c);
}

bool
imap_is_choked(const struct imap_conn *c)
{
	return stream_pending(c->stream) > IMAP_OUT_HIGH;
}

bool
imap_slice_over(const struct imap_conn *c, uint64_t since_us)
{
	(void)c;
	return clock_us() - since_us > IMAP_SLICE_US;
}

/* Untagged news may not say EXPUNGE behind commands that speak of sequence numbers (RFC
 * 3501 7.4.1); the UID forms may have it, but UID SEARCH with numbers (RFC 7162 3.2.10.2). */
static bool
may_expunge(const struct imap_cmd *cmd)
{
	return (cmd->uid && !cmd->by_number) ||
	       (cmd->verb != VERB_FETCH && cmd->verb != VERB_STORE && cmd->verb != VERB_SEARCH);
}

/* With nothing under way: is this the end? */
static void
settle(struct imap_conn *c)
{
	if (c->ending)
		imap_conn_close_soon(c);
	else if (c->later.n > 0)
		return; /* asked again when those are written */
	else if (c->selected && c->view.gone)
		imap_conn_hang_up(c, "The selected mailbox was deleted");
	else if (c->bye.n > 0)
		imap_conn_hang_up(c, c->bye.p);
	else if (c->bad > BAD_MAX)
		imap_conn_hang_up(c, "Too many bad commands");
}

/* What a command leaves behind goes, with what it had to say or without. */
static void
over(struct imap_conn *c, const char *word)
{
	metric_add(METRIC_IMAP_COMMANDS, 1);
	metric_observe(METRIC_IMAP_COMMAND_SECONDS, clock_us() - c->began_us);
	log_debug("imap.command", LS("sid", c->sid), LZ("verb", imap_verb_name(c->cmd.verb)),
	    LZ("result", word), LU("us", clock_us() - c->began_us));
	c->commands++;
	if (c->result == IMAP_BAD)
		c->bad++;
	if (c->host->changed != NULL && home_modseq(c->home) != c->modseq_before)
		c->host->changed(c->host->arg);
	c->busy = false;
	c->step = NULL;
	c->op = NULL;
	c->cmd = (struct imap_cmd){0};
	arena_reset(&c->work);
	arena_reset(&c->scratch);
	imap_frame_reset(&c->frame);
	settle(c);
}

void
imap_conn_finish(struct imap_conn *c)
{
	static const char *const words[] = {[IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD"};
	bool tagged = c->cmd.tag.n > 0;
	char code[IMAP_MODSEQ_CODE];

	if (c->cleanup != NULL)
		c->cleanup(c);
	c->cleanup = NULL;
	/* NO would say that nothing was done; whether that is so, the next owner finds out. */
	if (c->result == IMAP_NO && home_has_failed(c->home)) {
		imap_conn_hang_up(c, "[UNAVAILABLE] Changes could not be saved");
		over(c, "lost");
		return;
	}
	imap_view_report(c, may_expunge(&c->cmd), c->cmd.uid);
	imap_tell_modseq(c, code);
	imap_printf(
	    c, STR_FMT " %s %s", STR_ARG(tagged ? c->cmd.tag : STR("*")), words[c->result], code);
	imap_put(c, buf_view(&c->text));
	imap_puts(c, "\r\n");
	over(c, words[c->result]);
}

/* Everything that was put off is durable now. */
static void
later_committed(void *arg, const struct err *e)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	if (e != NULL) {
		imap_conn_hang_up(c, "[UNAVAILABLE] Changes could not be saved");
		return;
	}
	if (c->ending)
		return;
	imap_view_report(c, true, false);
	imap_put(c, buf_view(&c->later));
	buf_reset(&c->later);
	buf_shrink(&c->later);
	if (!c->busy && c->append == NULL)
		settle(c);
	/* A command that is no APPEND may be waiting, or the end of the stream. */
	if (c->held)
		c->runnable = true;
	c->held = false;
	imap_conn_read_on(c);
}

void
imap_conn_finish_later(struct imap_conn *c)
{
	buf_printf(&c->later, STR_FMT " OK " STR_FMT "\r\n", STR_ARG(c->cmd.tag),
	    STR_ARG(buf_view(&c->text)));
	c->later_waiter.fn = later_committed;
	c->later_waiter.arg = c;
	if (!c->later_waiter.queued)
		home_commit(c->home, &c->later_waiter);
	over(c, "later");
}

bool
imap_conn_may_finish_later(const struct imap_conn *c)
{
	return c->later.n < LATER_MAX && c->cmd.tag.n < 1024;
}

/* Runs the command under way as far as it goes. */
static void
run(struct imap_conn *c)
{
	enum imap_step s;

	if (!c->busy || !c->runnable || c->draining || c->ending)
		return;
	c->runnable = false;
	s = c->step(c);
	switch (s) {
	case IMAP_DONE:
		imap_conn_finish(c);
		break;
	case IMAP_YIELD:
		imap_conn_continue(c);
		break;
	case IMAP_DRAIN:
		c->runnable = true;
		c->draining = true;
		stream_flush(c->stream);
		break;
	case IMAP_WAIT:
		break;
	}
}

static void
next_turn(void *arg)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	pump(c);
}

void
imap_conn_continue(struct imap_conn *c)
{
	/* Never from inside the store's callback: the command may change the store. */
	c->runnable = true;
	loop_timer_set(c->turn, 0);
}

void
imap_conn_read_on(struct imap_conn *c)
{
	loop_timer_set(c->turn, 0);
}

static void
committed(void *arg, const struct err *e)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	if (e != NULL) {
		/* The owner ends now: what was done is lost, and so must not be answered. */
		imap_conn_hang_up(c, "[UNAVAILABLE] Changes could not be saved");
		return;
	}
	imap_conn_continue(c);
}

enum imap_step
imap_commit(struct imap_conn *c, imap_step_fn step)
{
	c->step = step;
	c->waiter.fn = committed;
	c->waiter.arg = c;
	home_commit(c->home, &c->waiter);
	return IMAP_WAIT;
}

/* ---- reading ---- */

void
imap_conn_consume(struct imap_conn *c, size_t n)
{
	stream_consume(c->stream, n);
	c->consumed += n;
	c->octets_in += n;
}

static void
begin(struct imap_conn *c)
{
	c->busy = true;
	c->runnable = true;
	c->began_us = clock_us();
	c->modseq_before = home_modseq(c->home);
	c->result = IMAP_OK;
	buf_reset(&c->text);
}

/* A whole command is in the frame, or for APPEND all of it in front of the message. */
static void
dispatch(struct imap_conn *c, enum imap_frame_end end)
{
	struct err e = {0};

	begin(c);
	if (imap_parse(buf_view(&c->frame.text), &c->work, &c->cmd, &e) < 0) {
		if (c->cmd.code != NULL)
			imap_no(c, "[%s] %s", c->cmd.code, e.text);
		else
			imap_bad(c, "%s", e.text);
		c->step = end == FRAME_MESSAGE ? imap_append_refused : NULL;
	} else {
		c->step = end == FRAME_MESSAGE ? imap_append_begin : imap_command;
	}
	/* Only an APPEND may overtake the commit of another: it has nothing to say meanwhile. */
	c->held = c->later.n > 0 && c->step == imap_command;
	if (c->held)
		c->runnable = false;
	else if (c->step != NULL)
		run(c);
	else
		imap_conn_finish(c);
}

static void
refuse(struct imap_conn *c)
{
	begin(c);
	/* For the tag alone. */
	imap_parse(str_sub(buf_view(&c->frame.text), 0, 1024), &c->work, &c->cmd, NULL);
	imap_bad(c, "[TOOBIG] Command too long");
	imap_conn_finish(c);
}

/* Takes commands from the input until one has to wait. */
static void
read_commands(struct imap_conn *c)
{
	uint64_t since = clock_us();

	while (!c->busy && !c->ending) {
		struct str in = stream_input(c->stream);
		size_t used;
		enum imap_frame_end end;

		if (imap_is_choked(c)) {
			c->draining = true;
			return;
		}
		if (in.n > 0 && imap_slice_over(c, since)) {
			loop_timer_set(c->turn, 0);
			return;
		}
		end = imap_frame_feed(&c->frame, in, &used);
		imap_conn_consume(c, used);
		if (end == FRAME_MORE)
			break;
		if (end == FRAME_CONTINUE)
			imap_puts(c, "+ OK\r\n");
		else if (end == FRAME_REFUSED)
			refuse(c);
		else
			dispatch(c, end);
	}
}

/* One round of whatever can go on; false when all of it waits for more input. */
static bool
advance(struct imap_conn *c)
{
	run(c);
	if (!c->ending && c->append != NULL && imap_append_input(c))
		return false;
	if (!c->ending && c->idle != NULL && imap_idle_input(c))
		return false;
	read_commands(c);
	return c->busy;
}

static void
pump(struct imap_conn *c)
{
	uint64_t since = clock_us();
	bool busy;

	/* The literals of APPENDs that came together are taken together, so that they share a
	 * commit. */
	do
		busy = advance(c);
	while (busy && !c->ending && c->append != NULL && stream_input(c->stream).n > 0 &&
	       !imap_slice_over(c, since));
	/* Nothing more comes, and what is there is no whole command. */
	if (!busy && !c->ending && !c->draining && c->later.n == 0 && stream_at_end(c->stream) &&
	    !loop_timer_pending(c->turn))
		imap_conn_close_soon(c);
}

static void
on_input(void *arg)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	if (c->ending)
		return;
	loop_timer_set(c->timer, c->host->idle_ms);
	pump(c);
}

static void
on_drained(void *arg)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	if (!c->draining || c->ending)
		return;
	c->draining = false;
	loop_timer_set(c->timer, c->host->idle_ms);
	pump(c);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct imap_conn *c = arg;

	OBJ(c, IMAP_CONN_MAGIC);
	imap_conn_end(c, c->ending ? "done" : e->text);
}

/* ---- beginning ---- */

static void
resume(struct imap_conn *c, struct str record, uint32_t told)
{
	struct err e = {0};

	begin(c);
	if (imap_idle_resume(c, record, told, &e) < 0) {
		log_info("imap.resume_failed", LS("sid", c->sid), LS("user", c->user), LE(&e));
		c->busy = false;
		imap_conn_hang_up(c, "[UNAVAILABLE] Reconnect, please");
	}
}

struct imap_conn *
imap_conn_new(const struct imap_host *host, const struct imap_conn_args *a)
{
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .closed = on_closed};
	const struct stream_limits limits = {IN_MAX, OUT_MAX, host->idle_ms + 60000};
	struct imap_conn *c = mem_alloc(sizeof(*c));

	c->magic = IMAP_CONN_MAGIC;
	c->host = host;
	c->home = host->home;
	c->id = a->conn;
	arena_init(&c->arena);
	arena_init(&c->work);
	arena_init(&c->scratch);
	buf_init(&c->text, IMAP_SET_MAX);
	buf_init(&c->later, LATER_MAX * 2);
	imap_frame_init(&c->frame, &limits_of_commands);
	c->sid = arena_dup(&c->arena, a->sid);
	c->peer = arena_dup(&c->arena, a->peer);
	c->user = arena_dup(&c->arena, a->user);
	c->by = (struct change_by){STR("imap"), c->sid, c};
	c->timer = loop_timer_new(silence, c);
	c->turn = loop_timer_new(next_turn, c);
	c->stream = stream_new(a->fd, &limits, &events, c);
	stream_start(c->stream);
	loop_timer_set(c->timer, host->idle_ms);
	log_info("imap.open", LS("sid", c->sid), LS("user", c->user), LS("peer", c->peer),
	    LU("resumed", a->record.n > 0));
	if (a->record.n > 0)
		resume(c, a->record, a->told);
	else
		imap_printf(c, STR_FMT " OK [CAPABILITY %s] Logged in\r\n", STR_ARG(a->tag),
		    imap_capabilities(c));
	return c;
}
