/*
 * append.c - APPEND (RFC 3501 6.3.11): a message goes from the stream into the store as it comes.
 *
 * Purpose: no message is held in memory. What is refused before its octets come is refused at once
 * when the client asks first; otherwise its octets are read and dropped (RFC 7888 5).
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

struct imap_append {
	struct append *into; /* NULL: the octets are dropped, the result is set */
	uint64_t left;
};

void
imap_append_free(struct imap_conn *c)
{
	if (c->append == NULL)
		return;
	append_free(&c->append->into);
	free(c->append);
	c->append = NULL;
}

static void
start(struct imap_conn *c, struct append *into)
{
	c->append = mem_alloc(sizeof(*c->append));
	c->append->into = into;
	c->append->left = c->cmd.literal;
	if (c->cmd.literal_sync)
		imap_puts(c, "+ OK\r\n");
	/* Part of the literal may be waiting already. */
	imap_conn_read_on(c);
}

enum imap_step
imap_append_refused(struct imap_conn *c)
{
	if (c->cmd.literal_sync)
		return IMAP_DONE;
	/* No client that means well sends more than this without asking. */
	if (c->cmd.literal > c->host->max_message * 4) {
		c->bye = STR("[TOOBIG] Literal too large");
		return IMAP_DONE;
	}
	start(c, NULL);
	return IMAP_WAIT;
}

enum imap_step
imap_append_begin(struct imap_conn *c)
{
	struct mailbox *mb = home_find(c->home, c->cmd.mailbox);
	struct append *into;
	struct err e = {0};

	if (mb == NULL) {
		imap_no(c, "[TRYCREATE] No such mailbox");
		return imap_append_refused(c);
	}
	if (c->cmd.literal > c->host->max_message) {
		imap_no(c, "[TOOBIG] Message too large");
		return imap_append_refused(c);
	}
	if (c->cmd.literal == 0) {
		imap_no(c, "[CANNOT] Empty message");
		return imap_append_refused(c);
	}
	if ((into = append_new(c->home, c->cmd.literal, &e)) == NULL) {
		imap_err(c, &e);
		return imap_append_refused(c);
	}
	start(c, into);
	return IMAP_WAIT;
}

static enum imap_step
appended(struct imap_conn *c)
{
	(void)c;
	return IMAP_DONE;
}

/* All octets are there. The command is answered, or waits for the commit. */
static void
finish(struct imap_conn *c)
{
	struct mailbox *mb = home_find(c->home, c->cmd.mailbox);
	int64_t date = c->cmd.has_date ? c->cmd.date : clock_wall();
	struct err e = {0};
	uint32_t uid;

	if (c->append->into == NULL) {
		imap_conn_finish(c);
	} else if (mb == NULL) {
		/* Another session has deleted it meanwhile. */
		imap_no(c, "[TRYCREATE] No such mailbox");
		imap_conn_finish(c);
	} else if (append_finish(&c->append->into, mb, &c->cmd.flags, date, &c->by, &uid, &e) < 0) {
		imap_err(c, &e);
		imap_conn_finish(c);
	} else {
		/* RFC 4315 3 */
		imap_ok(c, "[APPENDUID %u %u] Append completed", mb->uidvalidity, uid);
		if (imap_conn_may_finish_later(c))
			imap_conn_finish_later(c);
		else
			imap_commit(c, appended);
	}
}

static void
take(struct imap_conn *c, struct str in)
{
	struct imap_append *ap = c->append;
	struct str octets = str_sub(in, 0, (size_t)num_min((uint64_t)in.n, ap->left));
	struct err e = {0};

	if (ap->into != NULL && append_write(ap->into, octets, &e) < 0) {
		append_free(&ap->into);
		imap_err(c, &e);
	}
	ap->left -= octets.n;
	imap_conn_consume(c, octets.n);
}

bool
imap_append_input(struct imap_conn *c)
{
	struct imap_append *ap = c->append;
	struct str in = stream_input(c->stream);
	size_t nl;

	if (ap->left > 0) {
		take(c, in);
		in = stream_input(c->stream);
	}
	if (ap->left > 0)
		return true;
	/* The command's last line end. Anything else in front of it (a second message, RFC 3502) is
	 * not known. */
	nl = str_chr(in, '\n');
	if (nl == in.n && in.n < 1024)
		return true;
	if (nl > 1 || (nl == 1 && in.p[0] != '\r')) {
		append_free(&ap->into);
		imap_bad(c, "One message at a time");
	}
	imap_conn_consume(c, nl < in.n ? nl + 1 : in.n);
	if (nl == in.n) {
		c->bye = STR("Command too long");
		append_free(&ap->into);
	}
	finish(c);
	imap_append_free(c);
	return false;
}
