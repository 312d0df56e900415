/*
 * copymove.c - COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with the codes of UIDPLUS (RFC 4315 3).
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"

#define AT_ONCE 200 /* messages, before other sessions may have their turn */

struct copy_op {
	struct uid_list uids;
	size_t i;
	uint32_t to;
	struct copy_result result;
	uint32_t uidvalidity;
};

/* "[COPYUID 38505 304,319:320 3956:3958]" */
static void
put_code(struct buf *b, const struct copy_op *op)
{
	buf_printf(b, "[COPYUID %u ", op->uidvalidity);
	imap_uid_set(b, op->result.from, op->result.n);
	buf_putc(b, ' ');
	imap_uid_set(b, op->result.to, op->result.n);
	buf_puts(b, "] ");
}

static enum imap_step
copied(struct imap_conn *c)
{
	struct copy_op *op = c->op;
	bool move = c->cmd.verb == VERB_MOVE;
	struct buf code;

	if (op->result.n == 0)
		return imap_ok(c, "%s completed; nothing to do", move ? "Move" : "Copy");
	buf_init(&code, 1u << 20);
	put_code(&code, op);
	/* MOVE tells it before the EXPUNGEs that follow (RFC 6851 4.3). */
	if (move) {
		imap_puts(c, "* OK ");
		imap_put(c, buf_view(&code));
		imap_puts(c, "Moved\r\n");
		imap_ok(c, "Move completed");
	} else {
		imap_ok(c, STR_FMT "Copy completed", STR_ARG(buf_view(&code)));
	}
	buf_free(&code);
	return IMAP_DONE;
}

/* What a failed COPY has put into the other mailbox goes again (RFC 3501 6.4.7). */
static void
take_back(struct imap_conn *c, struct mailbox *to)
{
	const struct flag_set deleted = {.flags = FLAG_DELETED};
	const struct copy_result *r = &((struct copy_op *)c->op)->result;
	struct err e = {0};

	if (to == NULL || r->n == 0)
		return;
	if (mailbox_store(to, r->to, r->n, STORE_ADD, &deleted, UINT64_MAX, &c->by, &c->scratch,
		NULL, &e) < 0 ||
	    mailbox_expunge(to, r->to, r->n, &c->by, &e) < 0)
		log_error("imap.copy", LS("sid", c->sid), LE(&e));
}

static int
some(struct imap_conn *c, struct copy_op *op, struct mailbox *to, struct err *e)
{
	const uint32_t *uids = op->uids.uids + op->i;
	size_t n = num_min(op->uids.n - op->i, (size_t)AT_ONCE);
	struct copy_result part = {0};
	int rc;

	if (c->cmd.verb == VERB_MOVE)
		rc = mailbox_move(c->view.mb, uids, n, to, &c->by, &c->scratch, &part, e);
	else
		rc = mailbox_copy(c->view.mb, uids, n, to, &c->by, &c->scratch, &part, e);
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < part.n; i++) {
		op->result.from[op->result.n] = part.from[i];
		op->result.to[op->result.n++] = part.to[i];
	}
	op->i += n;
	arena_reset(&c->scratch);
	return 0;
}

static enum imap_step
failed(struct imap_conn *c, struct mailbox *to, const struct err *e)
{
	/* What MOVE has moved stays moved (RFC 6851 3.3); the EXPUNGEs tell it. */
	if (c->cmd.verb == VERB_COPY)
		take_back(c, to);
	return imap_err(c, e);
}

static enum imap_step
step(struct imap_conn *c)
{
	struct copy_op *op = c->op;
	uint64_t since = clock_us();
	struct err e = {0};

	while (op->i < op->uids.n) {
		/* Another session may have deleted either between two slices. */
		struct mailbox *to = home_find_id(c->home, op->to);

		if (imap_slice_over(c, since))
			return IMAP_YIELD;
		if (to == NULL || c->view.mb == NULL) {
			err_set(&e, E_NOTFOUND, "The mailbox was deleted");
			return failed(c, to, &e);
		}
		if (some(c, op, to, &e) < 0)
			return failed(c, to, &e);
	}
	return imap_commit(c, copied);
}

enum imap_step
imap_cmd_copy(struct imap_conn *c)
{
	struct copy_op *op = arena_new(&c->work, struct copy_op);
	struct mailbox *to = home_find(c->home, c->cmd.to);
	struct imap_picks picks;

	if (to == NULL)
		return imap_no(c, "[TRYCREATE] No such mailbox");
	if (imap_view_pick(&c->view, &c->cmd.set, c->cmd.uid, &c->work, &picks) < 0)
		return imap_bad(c, "No such message");
	imap_view_uids(&c->view, &picks, &c->work, &op->uids);
	/* RFC 3501 6.4.7: all or nothing; what another session has expunged cannot be copied. */
	if (!c->cmd.uid && op->uids.n < picks.n)
		return imap_no(c, "[EXPUNGEISSUED] Some of the messages are gone");
	op->result.from = arena_array(&c->work, op->uids.n + 1, sizeof(uint32_t));
	op->result.to = arena_array(&c->work, op->uids.n + 1, sizeof(uint32_t));
	op->uidvalidity = to->uidvalidity;
	op->to = to->id;
	c->op = op;
	c->step = step;
	return op->uids.n == 0 ? copied(c) : step(c);
}
