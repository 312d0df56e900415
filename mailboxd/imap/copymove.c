/*
 * copymove.c - COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with the codes of UIDPLUS (RFC 4315 3).
 */
#include "mailboxd/imap/conn.h"

struct copy_op {
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

enum imap_step
imap_cmd_copy(struct imap_conn *c)
{
	struct copy_op *op = arena_new(&c->work, struct copy_op);
	struct mailbox *to = home_find(c->home, c->cmd.to);
	struct imap_picks picks;
	struct uid_list uids;
	struct err e = {0};
	int rc;

	if (to == NULL)
		return imap_no(c, "[TRYCREATE] No such mailbox");
	if (imap_view_pick(&c->view, &c->cmd.set, c->cmd.uid, &c->work, &picks) < 0)
		return imap_bad(c, "No such message");
	imap_view_uids(&c->view, &picks, &c->work, &uids);
	/* RFC 3501 6.4.7: all or nothing; what another session has expunged cannot be copied. */
	if (!c->cmd.uid && uids.n < picks.n)
		return imap_no(c, "[EXPUNGEISSUED] Some of the messages are gone");
	op->uidvalidity = to->uidvalidity;
	c->op = op;
	if (uids.n == 0)
		return copied(c);
	if (c->cmd.verb == VERB_MOVE)
		rc = mailbox_move(
		    c->view.mb, uids.uids, uids.n, to, &c->by, &c->work, &op->result, &e);
	else
		rc = mailbox_copy(
		    c->view.mb, uids.uids, uids.n, to, &c->by, &c->work, &op->result, &e);
	return rc < 0 ? imap_err(c, &e) : imap_commit(c, copied);
}
