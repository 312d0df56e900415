/*
 * idle.c - IDLE (RFC 2177), and parking (INVARIANTS 17).
 *
 * Purpose: tells news as they happen. After a while without any, the connection is offered to the
 * front, which holds it without a process; the record says all that is needed to go on later as if
 * nothing had been.
 */
#include "mailboxd/imap/conn.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/wire.h"

#define RECORD_VERSION    2
#define ENABLED_CONDSTORE 1u
#define ENABLED_QRESYNC   2u
#define TAG_MAX           200

struct imap_idle {
	struct imap_conn *conn;
	struct loop_defer news;
	struct loop_timer *park;
	bool asked; /* the front is being asked: nothing is told meanwhile */
};

void
imap_idle_free(struct imap_conn *c)
{
	struct imap_idle *i = c->idle;

	if (i == NULL)
		return;
	loop_defer_cancel(&i->news);
	loop_timer_free(&i->park);
	free(i);
	c->idle = NULL;
}

static void
wait_to_park(struct imap_idle *i)
{
	loop_timer_set(i->park, i->conn->host->park_after_ms);
}

/* All that happened in this turn is told together. */
static void
tell(void *arg)
{
	struct imap_idle *i = arg;
	struct imap_conn *c = i->conn;

	OBJ(c, IMAP_CONN_MAGIC);
	if (i->asked || c->ending)
		return;
	if (c->view.gone) {
		imap_conn_hang_up(c, "The selected mailbox was deleted");
		return;
	}
	imap_view_report(c, true, false);
	wait_to_park(i);
}

void
imap_idle_notice(struct imap_conn *c)
{
	if (c->idle != NULL)
		loop_defer(&c->idle->news);
}

/* ---- parking ---- */

/* The lowest UID that is \Recent here: those are the last ones. */
static uint32_t
recent_from(const struct imap_view *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].recent)
			return w->v[i].uid;
	return UINT32_MAX;
}

static void
write_record(const struct imap_conn *c, struct buf *b)
{
	const struct mailbox *mb = c->selected ? c->view.mb : NULL;

	wire_put_u8(b, RECORD_VERSION);
	wire_put_str(b, c->cmd.tag);
	wire_put_u64(b, home_epoch(c->home));
	wire_put_u64(b, home_modseq(c->home));
	wire_put_u8(b,
	    (uint8_t)((c->condstore ? ENABLED_CONDSTORE : 0) | (c->qresync ? ENABLED_QRESYNC : 0)));
	wire_put_u32(b, mb ? mb->id : 0);
	if (mb == NULL)
		return;
	wire_put_u32(b, mb->uidvalidity);
	wire_put_u32(b, mb->uidnext);
	wire_put_u32(b, recent_from(&c->view));
	wire_put_u8(b, c->view.readonly);
}

/* New mail comes to INBOX, where it can be told by its number without an owner. */
static uint32_t
count(const struct imap_conn *c)
{
	bool inbox = c->selected && str_eq_z(c->view.mb->name, "INBOX");

	return inbox ? (uint32_t)c->view.n : IMAP_NO_COUNT;
}

static void
park(void *arg)
{
	struct imap_idle *i = arg;
	struct imap_conn *c = i->conn;
	struct buf b;

	OBJ(c, IMAP_CONN_MAGIC);
	/* Only with everything told, and nothing of the client's left to read. */
	if (i->asked || c->ending || imap_view_pending(&c->view) || c->bye.n > 0 ||
	    stream_input(c->stream).n > 0 || stream_pending(c->stream) > 0) {
		wait_to_park(i);
		return;
	}
	if (c->cmd.tag.n > TAG_MAX)
		return;
	buf_init(&b, IMAP_RECORD_MAX);
	write_record(c, &b);
	i->asked = !b.over;
	if (i->asked)
		c->host->park(c->host->arg, c->id, c->consumed, buf_view(&b), count(c));
	buf_free(&b);
}

void
imap_conn_parked(struct imap_conn *c, bool accepted)
{
	OBJ(c, IMAP_CONN_MAGIC);
	/* It may have ended or left IDLE while the question was under way; then the front said no,
	 * or will see the end of the socketpair. */
	if (c->idle == NULL || !c->idle->asked || c->ending)
		return;
	c->idle->asked = false;
	if (!accepted) {
		imap_idle_notice(c);
		wait_to_park(c->idle);
		/* What made the front refuse may be here already. */
		imap_conn_read_on(c);
		return;
	}
	/* News that came in between: those who are parked are woken. */
	if (c->host->changed != NULL && imap_view_pending(&c->view))
		c->host->changed(c->host->arg);
	imap_idle_free(c);
	imap_conn_close_soon(c);
}

/* ---- the command ---- */

static void
start(struct imap_conn *c)
{
	struct imap_idle *i = mem_alloc(sizeof(*i));

	i->conn = c;
	loop_defer_init(&i->news, tell, i);
	i->park = loop_timer_new(park, i);
	c->idle = i;
	wait_to_park(i);
	/* What is pending from before is told now, and DONE may be here already. */
	if (imap_view_pending(&c->view))
		loop_defer(&i->news);
	imap_conn_read_on(c);
}

enum imap_step
imap_cmd_idle(struct imap_conn *c)
{
	imap_puts(c, "+ idling\r\n");
	imap_ok(c, "Idle completed");
	start(c);
	return IMAP_WAIT;
}

bool
imap_idle_input(struct imap_conn *c)
{
	struct str in = stream_input(c->stream), line;
	size_t nl = str_chr(in, '\n');

	/* While the front decides, its count must not be overtaken: it will say no, having seen
	 * this input. */
	if (c->idle->asked)
		return true;
	if (nl == in.n && in.n < 1024)
		return true;
	line = str_trim(str_sub(in, 0, nl));
	if (!str_ieq_z(line, "DONE"))
		imap_bad(c, "Expected DONE");
	imap_conn_consume(c, nl < in.n ? nl + 1 : in.n);
	imap_idle_free(c);
	imap_conn_finish(c);
	return false;
}

/* ---- coming back ---- */

struct record {
	struct str tag;
	uint64_t epoch, modseq;
	uint8_t enabled;
	uint32_t mailbox, uidvalidity, uidnext, recent_from;
	bool readonly;
};

static int
read_record(struct str s, struct record *r, struct err *e)
{
	struct wire_in w;
	uint8_t version;

	wire_open(&w, s);
	version = wire_u8(&w);
	r->tag = wire_str(&w);
	r->epoch = wire_u64(&w);
	r->modseq = wire_u64(&w);
	r->enabled = wire_u8(&w);
	r->mailbox = wire_u32(&w);
	if (r->mailbox != 0) {
		r->uidvalidity = wire_u32(&w);
		r->uidnext = wire_u32(&w);
		r->recent_from = wire_u32(&w);
		r->readonly = wire_u8(&w) != 0;
	}
	if (wire_end(&w) < 0 || version != RECORD_VERSION || r->tag.n == 0 || r->tag.n > TAG_MAX)
		return err_set(e, E_PROTO, "bad park record");
	return 0;
}

static int
restore_view(struct imap_conn *c, const struct record *r, uint32_t told, struct err *e)
{
	struct mailbox *mb = home_find_id(c->home, r->mailbox);

	if (r->mailbox == 0)
		return 0;
	if (mb == NULL || mb->uidvalidity != r->uidvalidity)
		return err_set(e, E_NOTFOUND, "the mailbox is gone");
	/* Numbers from before an unclean end: those above what was durable mean nothing (INVARIANTS
	 * 3). */
	if (!home_modseq_is_known(c->home, r->modseq))
		return err_set(e, E_NOTFOUND, "changes since then are no longer known");
	if (imap_view_reopen(c, mb, r->readonly, r->modseq, r->uidnext, r->recent_from, e) < 0)
		return -1;
	imap_view_told(&c->view, told);
	return 0;
}

int
imap_idle_resume(struct imap_conn *c, struct str record, uint32_t told, struct err *e)
{
	struct record r = {0};

	if (read_record(record, &r, e) < 0)
		return -1;
	c->condstore = (r.enabled & ENABLED_CONDSTORE) != 0;
	c->qresync = (r.enabled & ENABLED_QRESYNC) != 0;
	if (restore_view(c, &r, told, e) < 0)
		return -1;
	c->cmd.verb = VERB_IDLE;
	c->cmd.tag = arena_dup(&c->work, r.tag);
	c->runnable = false;
	imap_ok(c, "Idle completed");
	start(c);
	return 0;
}
