/*
 * transaction.c - one message on a session: MAIL, RCPT ..., DATA or BDAT (RFC 5321 3.3, RFC 3030).
 *
 * With PIPELINING (RFC 2920) commands go out in one write, with CHUNKING a short message along with
 * them, and answers are matched in their order. What a host does not offer is done without where
 * that is honest: a message that needs SMTPUTF8 or 8BITMIME, and a host that has neither, make a
 * bounce, as to rewrite it would break its signatures.
 *
 * Owner: the session. Errors: results of recipients, or session_fail().
 */
#include "base/mem.h"
#include "base/num.h"
#include "delivery/remote/session_in.h"
#include "io/file.h"

#define RCPTS_MAX 100u   /* in one transaction: what every host must take (RFC 5321 4.5.3.1.8) */
#define EARLY_MAX 65536u /* octets that go out before their recipients are answered */
#define CHUNK     65536u

enum command {
	COMMAND_RSET,
	COMMAND_MAIL,
	COMMAND_RCPT,
	COMMAND_OCTETS /* DATA or BDAT */
};

/* ---- which command is which ---- */

static size_t
count(const struct transaction *t)
{
	return t->reset + 1 + t->n + 1;
}

static enum command
command_at(const struct transaction *t, size_t i)
{
	if (i < t->reset)
		return COMMAND_RSET;
	i -= t->reset;
	return i == 0 ? COMMAND_MAIL : i <= t->n ? COMMAND_RCPT : COMMAND_OCTETS;
}

size_t
transaction_awaits(const struct session *s)
{
	const struct transaction *t = &s->tx;

	return t->step == TRANSACTION_COMMANDS ? t->sent - t->answered : 1;
}

const char *
transaction_waits_for(const struct session *s)
{
	static const char *const names[] = {
	    "the answer to RSET", "the answer to MAIL", "the answer to RCPT"};
	const struct transaction *t = &s->tx;
	enum command c;

	if (t->step == TRANSACTION_BODY)
		return "it to take the message";
	if (t->step == TRANSACTION_FINAL)
		return "the answer to the message";
	c = command_at(t, t->answered);
	if (c != COMMAND_OCTETS)
		return names[c];
	return t->chunking ? "the answer to the message" : "the answer to DATA";
}

static bool
offers(const struct session *s, uint32_t bit)
{
	return (s->offer.has & bit) != 0;
}

/* ---- results ---- */

/* What the reply means for one recipient. */
static void
decide(struct session *s, struct mail_rcpt *r, const char *otherwise)
{
	struct transaction *t = &s->tx;
	struct str words = reply_words(&s->reply, otherwise, &t->arena);
	int class = s->reply.code / 100;

	if (class == 2)
		r->dsn = offers(s, OFFER_DSN);
	if (class == 3)
		session_fail(s, SESSION_PROTO, "4.5.0 %d is no answer there", s->reply.code);
	else
		mail_decide(t->mail, r,
		    class == 2   ? DELIVER_OK
		    : class == 4 ? DELIVER_TEMP
				 : DELIVER_PERM,
		    words, s->setup.host);
}

static void
decide_accepted(struct session *s, const char *otherwise)
{
	struct transaction *t = &s->tx;

	for (size_t i = 0; i < t->n && s->state == SESSION_MAIL; i++)
		if (t->taken[i])
			decide(s, t->rcpts[i], otherwise);
}

/* Words of our own about all recipients: the message cannot go to this host. */
static void
refuse(struct session *s, enum deliver_result result, struct str text)
{
	mail_decide_all(s->tx.mail, result, text, s->setup.host);
}

void
transaction_broke(struct session *s)
{
	mail_note(s->tx.mail, str_z(s->why), s->setup.host);
}

/* ---- what can be done here ---- */

/* Nothing that would end a command's line or its argument stands in what others made. */
static bool
is_plain(struct str s, bool param)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]) || (param && (s.p[i] == ' ' || (unsigned char)s.p[i] > 126)))
			return false;
	return true;
}

/* RFC 6531 3.2: without SMTPUTF8 only what needs it in no place. */
static int
without_utf8(struct session *s, struct err *e)
{
	struct transaction *t = &s->tx;
	struct mail *m = t->mail;
	bool ascii;

	if (mail_is_ascii(m, MAIL_HEADER, &ascii, e) < 0)
		return -1;
	if (!ascii)
		refuse(s, DELIVER_PERM,
		    STR("5.6.9 its header is in UTF-8, and the host does not offer SMTPUTF8"));
	else if (mail_ascii_address(&t->arena, m->sender, &t->sender) < 0)
		refuse(s, DELIVER_PERM,
		    STR("5.6.7 the sender's address is not ASCII, and the host does not offer "
			"SMTPUTF8"));
	return 0;
}

/* RFC 6152 3: to a host without 8BITMIME go 7 bits, or nothing. */
static int
without_8bit(struct session *s, struct err *e)
{
	bool ascii;

	if (mail_is_ascii(s->tx.mail, MAIL_WHOLE, &ascii, e) < 0)
		return -1;
	s->tx.eight = false;
	if (!ascii)
		refuse(s, DELIVER_PERM,
		    STR("5.6.3 the message has 8-bit octets, and the host does not offer "
			"8BITMIME"));
	return 0;
}

static int
check_mail(struct session *s, struct err *e)
{
	struct transaction *t = &s->tx;
	struct mail *m = t->mail;

	t->sender = m->sender;
	t->utf8 = (m->flags & ENVELOPE_SMTPUTF8) != 0;
	t->eight = t->utf8 || (m->flags & ENVELOPE_8BITMIME) != 0 ||
		   (m->octets.n > 0 && !str_is_ascii(m->octets));
	if (!is_plain(m->sender, false)) {
		refuse(s, DELIVER_PERM, STR("5.1.7 the sender's address is none"));
		return 0;
	}
	/* RFC 1870 6.1: before anything is sent. */
	if (s->offer.size > 0 && m->size > s->offer.size) {
		refuse(s, DELIVER_PERM,
		    arena_printf(&t->arena,
			"5.3.4 the message has %llu octets, the host takes %llu",
			(unsigned long long)m->size, (unsigned long long)s->offer.size));
		return 0;
	}
	if (t->utf8 && !offers(s, OFFER_SMTPUTF8)) {
		t->utf8 = false;
		if (without_utf8(s, e) < 0)
			return -1;
	}
	if (t->eight && !offers(s, OFFER_8BITMIME) && mail_waiting(m) > 0)
		return without_8bit(s, e);
	return 0;
}

/* The recipients of this transaction, and what they are called here. */
static void
gather(struct session *s)
{
	struct transaction *t = &s->tx;
	struct mail *m = t->mail;
	size_t max = num_min(mail_waiting(m), (size_t)RCPTS_MAX);

	t->rcpts = arena_array(&t->arena, max + 1, sizeof(struct mail_rcpt *));
	t->addresses = arena_array(&t->arena, max + 1, sizeof(*t->addresses));
	t->taken = arena_array(&t->arena, max + 1, sizeof(*t->taken));
	for (size_t i = 0; i < m->n && t->n < max; i++) {
		struct mail_rcpt *r = &m->rcpts[i];

		if (r->decided)
			continue;
		t->addresses[t->n] = r->address;
		if (!is_plain(r->address, false))
			mail_decide(m, r, DELIVER_PERM, STR("5.1.3 not an address"), STR_NONE);
		else if (!t->utf8 &&
			 mail_ascii_address(&t->arena, r->address, &t->addresses[t->n]) < 0)
			mail_decide(m, r, DELIVER_PERM,
			    STR("5.6.7 the address is not ASCII, and the host does not offer "
				"SMTPUTF8"),
			    s->setup.host);
		else
			t->rcpts[t->n++] = r;
	}
}

/* ---- octets of the message ---- */

/* RFC 5321 4.5.2: a dot at the beginning of a line is sent twice. */
static void
put_stuffed(struct session *s, struct str in)
{
	struct transaction *t = &s->tx;
	size_t from = 0, at = 0;

	while (at < in.n) {
		if (t->line_start && in.p[at] == '.') {
			stream_write(s->stream, in.p + from, at - from);
			stream_write(s->stream, ".", 1);
			from = at;
		}
		at += str_chr(str_from(in, at), '\n');
		t->line_start = at < in.n;
		at++;
	}
	stream_write(s->stream, in.p + from, in.n - from);
}

static void
put_octets(struct session *s, struct str in)
{
	if (s->tx.chunking)
		stream_write(s->stream, in.p, in.n);
	else
		put_stuffed(s, in);
	s->tx.at += in.n;
}

/* The end of all octets. With DATA a message that does not end in CRLF gets one. */
static void
put_end(struct session *s)
{
	struct transaction *t = &s->tx;

	if (!t->chunking)
		stream_puts(s->stream, t->line_start ? ".\r\n" : "\r\n.\r\n");
	t->complete = true;
}

/* As much as the stream should hold at a time. A file that cannot be read to its end takes the
 * connection with it: there is no other way to take back what was begun. */
static void
put_some(struct session *s)
{
	static char chunk[CHUNK];
	struct transaction *t = &s->tx;
	struct mail *m = t->mail;
	struct err e;

	if (m->octets.n > 0 && t->at == 0)
		put_octets(s, m->octets);
	while (t->at < m->size && stream_pending(s->stream) < CHUNK) {
		size_t n = (size_t)num_min((uint64_t)CHUNK, m->size - t->at);

		if (file_pread(m->fd, chunk, n, (off_t)(m->skip + t->at), &e) < 0) {
			session_fail(s, SESSION_LOST, "4.3.0 %s", e.text);
			return;
		}
		put_octets(s, str_of(chunk, n));
	}
	if (t->at == m->size)
		put_end(s);
}

static void
put_body(struct session *s)
{
	put_some(s);
	if (s->state == SESSION_MAIL && s->tx.complete && s->tx.step == TRANSACTION_BODY) {
		s->tx.step = TRANSACTION_FINAL;
		session_wait(s, s->setup.times->final);
		stream_set_idle(s->stream, 0);
	}
}

/* RFC 5321 4.5.3.2.5 sets a time for each block; a host that takes it by the octet also meets the
 * least rate. */
static void
begin_body(struct session *s)
{
	const struct session_times *times = s->setup.times;

	s->tx.step = TRANSACTION_BODY;
	session_wait(s, times->block + s->tx.mail->size * 1000 / times->min_rate);
	put_body(s);
	if (s->tx.step == TRANSACTION_BODY)
		stream_set_idle(s->stream, times->block);
}

void
transaction_drained(struct session *s)
{
	struct transaction *t = &s->tx;

	if (t->step == TRANSACTION_BODY)
		put_body(s);
	else if (t->early && t->sent == count(t) && !t->complete)
		put_some(s);
}

/* ---- commands ---- */

static void
put_mail(struct session *s)
{
	static const char *const rets[] = {[RET_FULL] = " RET=FULL", [RET_HDRS] = " RET=HDRS"};
	const struct transaction *t = &s->tx;
	const struct mail *m = t->mail;
	struct stream *out = s->stream;

	stream_printf(out, "MAIL FROM:<" STR_FMT ">", STR_ARG(t->sender));
	if (offers(s, OFFER_SIZE))
		stream_printf(out, " SIZE=%llu", (unsigned long long)m->size);
	if (t->eight)
		stream_puts(out, " BODY=8BITMIME");
	if (t->utf8)
		stream_puts(out, " SMTPUTF8");
	if (offers(s, OFFER_DSN)) {
		if (m->ret == RET_FULL || m->ret == RET_HDRS)
			stream_puts(out, rets[m->ret]);
		if (m->envid.n > 0 && is_plain(m->envid, true))
			stream_printf(out, " ENVID=" STR_FMT, STR_ARG(m->envid));
	}
	stream_puts(out, "\r\n");
}

static void
put_notify(struct stream *out, uint32_t notify)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{NOTIFY_NEVER, "NEVER"}, {NOTIFY_SUCCESS, "SUCCESS"},
	    {NOTIFY_FAILURE, "FAILURE"}, {NOTIFY_DELAY, "DELAY"}};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(notify & names[i].bit))
			continue;
		stream_printf(out, "%s%s", before, names[i].name);
		before = ",";
		if (names[i].bit == NOTIFY_NEVER)
			return; /* alone (RFC 3461 4.1) */
	}
}

static void
put_rcpt(struct session *s, size_t i)
{
	const struct mail_rcpt *r = s->tx.rcpts[i];
	struct stream *out = s->stream;

	stream_printf(out, "RCPT TO:<" STR_FMT ">", STR_ARG(s->tx.addresses[i]));
	if (offers(s, OFFER_DSN)) {
		put_notify(out, r->notify);
		if (r->orcpt.n > 0 && is_plain(r->orcpt, true))
			stream_printf(out, " ORCPT=" STR_FMT, STR_ARG(r->orcpt));
	}
	stream_puts(out, "\r\n");
}

static void
put_command(struct session *s, size_t i)
{
	struct transaction *t = &s->tx;

	switch (command_at(t, i)) {
	case COMMAND_RSET:
		stream_puts(s->stream, "RSET\r\n");
		break;
	case COMMAND_MAIL:
		put_mail(s);
		break;
	case COMMAND_RCPT:
		put_rcpt(s, i - t->reset - 1);
		break;
	case COMMAND_OCTETS:
		if (t->chunking)
			stream_printf(
			    s->stream, "BDAT %llu LAST\r\n", (unsigned long long)t->mail->size);
		else
			stream_puts(s->stream, "DATA\r\n");
		break;
	}
}

/* The octets, or that they come, are sent once it is known that somebody gets them; with PIPELINING
 * before that, where it costs little if nobody does. */
static bool
may_send_octets(const struct transaction *t, bool pipelining)
{
	return (pipelining && (!t->chunking || t->early)) || t->answered == t->sent;
}

/* Nobody gets the message: the transaction is left open for the next one's RSET. */
static void
give_up(struct session *s)
{
	s->needs_reset = s->tx.mail_ok;
	session_done(s);
}

static void
send_commands(struct session *s)
{
	struct transaction *t = &s->tx;
	bool pipelining = offers(s, OFFER_PIPELINING);

	while (t->sent < count(t) && (pipelining || t->sent == t->answered)) {
		enum command c = command_at(t, t->sent);

		if (c == COMMAND_OCTETS && !may_send_octets(t, pipelining))
			return;
		if (t->sent == t->answered && t->sent > t->reset &&
		    (!t->mail_ok || (c == COMMAND_OCTETS && t->accepted == 0))) {
			give_up(s);
			return;
		}
		put_command(s, t->sent++);
		if (c != COMMAND_OCTETS || !t->chunking)
			continue;
		if (t->early)
			put_some(s);
		else
			begin_body(s);
	}
}

/* ---- answers ---- */

static void
on_rcpt(struct session *s, size_t i)
{
	struct transaction *t = &s->tx;
	int code = s->reply.code;

	if (!t->mail_ok)
		return;
	if (code / 100 == 2) {
		t->taken[i] = true;
		t->accepted++;
	} else if ((code == 452 || code == 552) && t->accepted > 0) {
		/* Too many for one transaction (RFC 5321 4.5.3.1.10): the next one. */
		t->rcpts[i]->text =
		    arena_dup(t->mail->arena, reply_words(&s->reply, "x.5.3", &t->arena));
	} else {
		decide(s, t->rcpts[i], "x.0.0");
	}
}

static void
on_message(struct session *s)
{
	struct transaction *t = &s->tx;
	bool all = t->complete;

	decide_accepted(s, "x.0.0");
	s->needs_reset = s->reply.code / 100 != 2;
	if (all || s->state != SESSION_MAIL)
		session_done(s);
	else /* it gave its answer before the end: what is still to come would be commands to it */
		session_fail(s, SESSION_PROTO, "4.5.0 it answered before the message's end");
}

static void
on_data(struct session *s)
{
	struct transaction *t = &s->tx;

	if (s->reply.code == 354 && t->accepted > 0) {
		begin_body(s);
	} else if (s->reply.code == 354) {
		/* RFC 2920 3.1: DATA went along with recipients none of whom was taken. */
		stream_puts(s->stream, ".\r\n");
		t->complete = true;
		t->step = TRANSACTION_FINAL;
		session_wait(s, s->setup.times->final);
	} else if (s->reply.code < 400) {
		session_fail(s, SESSION_PROTO, "4.5.0 %d is no answer to DATA", s->reply.code);
	} else {
		decide_accepted(s, "x.0.0");
		s->needs_reset = true;
		session_done(s);
	}
}

static void
on_command(struct session *s, enum command c, size_t i)
{
	struct transaction *t = &s->tx;
	const struct session_times *times = s->setup.times;

	switch (c) {
	case COMMAND_RSET:
		if (s->reply.code / 100 != 2)
			session_refused(s, SESSION_REFUSED, "RSET");
		break;
	case COMMAND_MAIL:
		t->mail_ok = s->reply.code / 100 == 2;
		for (size_t r = 0; !t->mail_ok && r < t->mail->n; r++)
			if (!t->mail->rcpts[r].decided && s->state == SESSION_MAIL)
				decide(s, &t->mail->rcpts[r], "x.0.0");
		break;
	case COMMAND_RCPT:
		on_rcpt(s, i - t->reset - 1);
		break;
	case COMMAND_OCTETS:
		if (t->chunking)
			on_message(s);
		else
			on_data(s);
		return;
	}
	if (t->answered + 1 < count(t))
		session_wait(s, times->command);
	else
		session_wait(s, t->chunking ? times->final : times->data);
}

void
transaction_reply(struct session *s)
{
	struct transaction *t = &s->tx;
	size_t i = t->answered;

	t->stale = false;
	if (s->reply.code == 421) { /* RFC 5321 3.8: at any time, and then it closes */
		session_refused(s, SESSION_REFUSED, "anything");
		return;
	}
	if (t->step != TRANSACTION_COMMANDS) {
		on_message(s);
		return;
	}
	if (i == t->sent) {
		session_fail(s, SESSION_PROTO, "4.5.0 it speaks before it is spoken to");
		return;
	}
	t->answered++;
	on_command(s, command_at(t, i), i);
	if (s->state == SESSION_MAIL && t->step == TRANSACTION_COMMANDS)
		send_commands(s);
}

/* ---- beginning and end ---- */

void
transaction_init(struct session *s)
{
	arena_init(&s->tx.arena);
}

void
transaction_end(struct session *s)
{
	arena_free(&s->tx.arena);
}

void
session_send(struct session *s, struct mail *m)
{
	struct transaction *t = &s->tx;
	struct arena arena;
	struct err e;

	OBJ(s, SESSION_MAGIC);
	assume(s->state == SESSION_READY);
	arena = t->arena;
	arena_reset(&arena);
	*t = (struct transaction){.mail = m,
	    .arena = arena,
	    .stale = true,
	    .line_start = true,
	    .reset = s->needs_reset,
	    .chunking = offers(s, OFFER_CHUNKING) && s->setup.chunking};
	t->early = t->chunking && m->size <= EARLY_MAX;
	s->state = SESSION_MAIL;
	s->is_ready = false;
	s->messages++;
	if (check_mail(s, &e) < 0)
		mail_decide_all(
		    m, DELIVER_TEMP, arena_printf(&t->arena, "4.3.0 %s", e.text), STR_NONE);
	gather(s);
	if (t->n == 0) {
		session_done(s);
		return;
	}
	s->needs_reset = false;
	session_wait(s, s->setup.times->command);
	send_commands(s);
}

bool
session_was_stale(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->tx.stale;
}

bool
session_was_sent(const struct session *s)
{
	OBJ(s, SESSION_MAGIC);
	return s->tx.complete && !s->tx.stale;
}
