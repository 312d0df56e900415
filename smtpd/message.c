/*
 * message.c - one message being received. See message.h.
 */
#include "smtpd/message.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "smtpd/datascan.h"
#include "smtpd/forged.h"
#include "smtpd/headscan.h"
#include "smtpd/screening.h"
#include "smtpd/session.h"
#include "smtpd/signing.h"
#include "smtpd/spool.h"
#include "smtpd/trace.h"
#include "svc/conf.h"

#define MESSAGE_MAGIC 0x4d455347u
/* Different addresses in From and Sender together. */
#define AUTHORS_MAX 16u
/* How long the word of a full disk is believed. */
#define FULL_MS 1000u

/* An address of From or Sender about which authd is asked. */
struct author {
	struct message *m;
	struct str address;
	const char *field;
	uint64_t call; /* 0: answered */
};

struct message {
	uint32_t magic;
	struct session *s;
	char mid[ID_SIZE];
	int64_t arrived; /* wall clock, microseconds */
	uint64_t began;
	struct datascan scan;
	struct headscan head;
	bool header_known;
	bool finished; /* all octets are there */
	enum reply refusal;
	const char *refusal_arg; /* the field's name, or gk-screen's words */
	uint32_t flags;          /* ENVELOPE_ bits beside those of the transaction */
	struct spool *spool;
	struct author authors[AUTHORS_MAX];
	unsigned nauthors, asking;
	struct signing *signing;     /* asks gk-sign, or did */
	struct screening *screening; /* asks gk-screen, or did */
	bool checking;               /* it has not answered yet */
	struct str fields;           /* its answer, to stand on top */
};

static uint64_t full_until; /* clock_ms */
static bool space_low;      /* the queue's word */

static void go_on(struct message *m);

/* ---- room ---- */

/* What the queue said to the last message holds for the next ones too, for a moment: they need not
 * be sent first. */
static enum reply
queue_refused(const struct err *e)
{
	if (e->code == E_NOSPACE)
		full_until = clock_ms() + FULL_MS;
	return reply_of_err(e);
}

bool
message_no_room(void)
{
	return space_low || clock_ms() < full_until;
}

void
message_space(bool low)
{
	space_low = low;
}

/* ---- refusing ---- */

/* The first reason stands. */
static void
refuse(struct message *m, enum reply r, const char *arg)
{
	if (m->refusal != REPLY_COUNT)
		return;
	m->refusal = r;
	m->refusal_arg = arg;
	m->checking = false;
	signing_free(&m->signing);
	screening_free(&m->screening);
	spool_free(&m->spool);
}

/* ---- whose From and Sender ---- */

static void
on_author(void *arg, struct ipc_in *in, const struct err *e)
{
	struct author *author = arg;
	struct message *m = author->m;
	enum reply r = sender_verdict(m->s->user, author->address, in, e);

	author->call = 0;
	m->asking--;
	if (r == REPLY_NOT_OWNER)
		refuse(m, REPLY_FROM_NOT_OWNER, author->field);
	else if (r != REPLY_OK)
		refuse(m, r, NULL);
	go_on(m);
}

static bool
is_asked(const struct message *m, struct str address)
{
	for (unsigned i = 0; i < m->nauthors; i++)
		if (str_ieq(m->authors[i].address, address))
			return true;
	return false;
}

static void
check_author(struct message *m, struct str mailbox, struct str host, const char *field)
{
	struct arena *a = &m->s->tx.arena;
	struct str text = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(mailbox), STR_ARG(host));
	struct author *author;
	struct str address;

	if (address_canonical(text, a, &address, NULL) < 0) {
		refuse(m, REPLY_FROM_NOT_OWNER, field);
		return;
	}
	if (is_asked(m, address))
		return;
	if (m->nauthors == AUTHORS_MAX) {
		refuse(m, REPLY_FROM_BAD, field);
		return;
	}
	author = &m->authors[m->nauthors++];
	*author = (struct author){.m = m, .address = address, .field = field};
	if (!sender_check(m->s, address, on_author, author, &author->call))
		m->asking++;
}

static void
check_field(struct message *m, unsigned times, const struct buf *value, const char *field)
{
	struct addrlist list;
	size_t found = 0;

	if (times == 0)
		return;
	/* Two From fields: one for the check, one for the reader (RFC 5322 3.6 allows one). */
	if (times > 1 || m->head.overflow) {
		refuse(m, REPLY_FROM_BAD, field);
		return;
	}
	addrlist_parse(buf_view(value), &m->s->tx.arena, &list);
	for (size_t i = 0; i < list.n && m->refusal == REPLY_COUNT; i++) {
		if (!list.v[i].host.p)
			continue; /* the name of a group */
		found++;
		check_author(m, list.v[i].mailbox, list.v[i].host, field);
	}
	if (found == 0)
		refuse(m, REPLY_FROM_BAD, field);
}

/* ---- the header is known ---- */

static struct trace
trace_of(const struct message *m)
{
	const struct session *s = m->s;
	bool submitted = s->user.n > 0;

	return (struct trace){
	    .sender = s->tx.sender,
	    .helo = str_of(s->helo, s->helo_n),
	    .peer = str_z(s->peer),
	    .client = s->client,
	    .host = helo_host(),
	    .mid = str_of(m->mid, ID_LEN),
	    .tls = str_z(stream_tls_cipher(s->stream)),
	    .rcpt = s->tx.nrcpts == 1 ? s->tx.rcpts[0].address : STR_NONE,
	    .esmtp = s->esmtp,
	    .authed = submitted,
	    .account = s->kind == SESSION_LOCAL ? s->user : STR_NONE,
	    .from_mailbox = s->kind == SESSION_OWNER,
	    .utf8 = s->tx.flags & ENVELOPE_SMTPUTF8,
	    .add_date = submitted && !m->head.date,
	    .add_message_id = submitted && !m->head.message_id,
	    .no_header = m->head.absent,
	    .now = m->arrived / 1000000,
	    .fields = m->fields,
	};
}

/* ---- those who look at all of it ---- */

static void
on_signed(void *arg, enum reply r, struct str fields)
{
	struct message *m = arg;

	OBJ(m, MESSAGE_MAGIC);
	m->checking = false;
	if (r == REPLY_OK) {
		m->fields = arena_dup(&m->s->tx.arena, fields);
	} else if (r == REPLY_REVOKED) {
		/* authd knows this login no more: it takes a new one. */
		m->s->revoked = true;
		refuse(m, REPLY_NOT_SIGNED, NULL);
	} else {
		refuse(m, r, NULL);
	}
	go_on(m);
}

/* RFC 7372 3; a failure of the DNS is X.4.3. */
static enum reply
reply_of_verdict(const struct screening_answer *a)
{
	if (a->verdict == SCREEN_DEFER)
		return a->reason == SCREEN_BY_SPF ? REPLY_SCREEN_SPF_LATER : REPLY_SCREEN_DNS;
	if (a->reason == SCREEN_BY_SPF)
		return REPLY_SCREEN_SPF;
	return a->reason == SCREEN_BY_DMARC ? REPLY_SCREEN_DMARC : REPLY_SCREEN_REFUSED;
}

static void
on_screened(void *arg, const struct screening_answer *a, const struct err *e)
{
	struct message *m = arg;
	struct arena *arena = &m->s->tx.arena;

	OBJ(m, MESSAGE_MAGIC);
	m->checking = false;
	if (e) {
		log_warn("smtp.screen", LZ("sid", m->s->sid), LZ("mid", m->mid), LE(e));
		refuse(m, REPLY_SCREEN_AWAY, NULL);
	} else if (a->verdict >= SCREEN_REJECT) {
		refuse(m, reply_of_verdict(a), arena_dupz(arena, a->text));
	} else {
		m->flags |= a->verdict == SCREEN_JUNK ? ENVELOPE_JUNK : 0;
		m->fields = arena_dup(arena, a->fields);
	}
	go_on(m);
}

static void
on_ready(void *arg)
{
	struct message *m = arg;

	OBJ(m, MESSAGE_MAGIC);
	session_run(m->s);
}

/* Strangers' mail is screened as it came. */
static void
begin_screening(struct message *m)
{
	static const struct screening_events events = {.ready = on_ready, .answered = on_screened};

	m->screening = screening_new(m->s, m->mid, &events, m);
	m->checking = true;
	screening_put(m->screening, spool_held(m->spool));
}

/* What speaks in our name goes, whoever brings it (RFC 8601 5): only we know what we have said. */
static void
cut_forged(struct message *m)
{
	struct str header = str_sub(spool_held(m->spool), 0, m->head.octets);
	struct forged found[FORGED_MAX];
	bool more;
	size_t n;

	if (m->head.absent)
		return;
	n = forged_find(header, helo_host(), m->screening != NULL, found, &more);
	if (more)
		refuse(m, REPLY_FORGED, NULL);
	else if (n > 0)
		log_info("smtp.forged", LZ("sid", m->s->sid), LZ("mid", m->mid), LU("fields", n));
	while (!more && n-- > 0)
		spool_cut(m->spool, found[n].at, found[n].n);
}

/* Only submissions are signed, as they leave. What of the message has come already goes first. */
static void
begin_signing(struct message *m)
{
	static const struct signing_events signing_events = {.ready = on_ready, .done = on_signed};
	struct session *s = m->s;
	struct trace t = trace_of(m);

	if (s->user.n == 0 || m->head.from == 0 ||
	    !signing_wanted(buf_view(&m->head.from_value), &s->tx.arena))
		return;
	m->signing = signing_new(m->mid, s->token, &signing_events, m);
	m->checking = true;
	signing_put(m->signing, trace_added(&t, &s->tx.arena));
	signing_put(m->signing, spool_held(m->spool));
}

static void
header_known(struct message *m)
{
	m->header_known = true;
	if (m->head.received > conf_num(svc_conf(), CONF_SMTP_MAX_RECEIVED))
		refuse(m, REPLY_TOO_MANY_HOPS, NULL);
	if (sender_must_own(m->s) && m->refusal == REPLY_COUNT) {
		/* A program that says by Sender who it is may write for another (RFC 5322 3.6.2).
		 */
		if (m->s->kind != SESSION_LOCAL || m->head.sender == 0)
			check_field(m, m->head.from, &m->head.from_value, "From");
		check_field(m, m->head.sender, &m->head.sender_value, "Sender");
	}
	if (m->refusal != REPLY_COUNT)
		return;
	if (screening_wanted(m->s))
		begin_screening(m);
	cut_forged(m);
	if (m->refusal != REPLY_COUNT)
		return;
	begin_signing(m);
	spool_go(m->spool);
}

/* ---- octets ---- */

/* A run of the message, without stuffed dots. */
static void
on_octets(void *arg, const char *p, size_t n)
{
	struct message *m = arg;

	if (m->refusal != REPLY_COUNT)
		return;
	if (m->scan.octets > conf_num(svc_conf(), CONF_SMTP_MAX_SIZE))
		refuse(m, REPLY_TOO_BIG, NULL);
	if (m->refusal != REPLY_COUNT)
		return;
	if (m->signing)
		signing_put(m->signing, str_of(p, n));
	if (m->screening)
		screening_put(m->screening, str_of(p, n));
	spool_put(m->spool, p, n);
	if (m->header_known)
		return;
	headscan_feed(&m->head, p, n);
	if (m->head.octets > conf_num(svc_conf(), CONF_SMTP_MAX_HEADER) && !m->head.absent)
		refuse(m, REPLY_HEADER_TOO_BIG, NULL);
	else if (m->head.state == HEADSCAN_DONE)
		header_known(m);
}

size_t
message_feed(struct message *m, const char *p, size_t n)
{
	size_t used;

	OBJ(m, MESSAGE_MAGIC);
	used = datascan_feed(&m->scan, p, n);
	if (m->scan.bare_eol)
		refuse(m, REPLY_BARE_EOL, NULL);
	else if (m->scan.long_line)
		refuse(m, REPLY_TEXT_TOO_LONG, NULL);
	return used;
}

bool
message_blocked(const struct message *m)
{
	return (m->spool && spool_blocked(m->spool)) ||
	       (m->signing && signing_blocked(m->signing)) ||
	       (m->screening && screening_blocked(m->screening));
}

bool
message_ended(const struct message *m)
{
	return m->scan.state == DATASCAN_END;
}

enum reply
message_refusal(const struct message *m)
{
	return m->refusal;
}

struct str
message_refusal_arg(const struct message *m)
{
	return str_z(m->refusal_arg);
}

/* ---- the end ---- */

/* An owner sends what its user has written, or answers in the name of one who is away: that alone
 * has no sender (RFC 3834 3.3; INVARIANTS 19). */
static struct str
actor_of(const struct session *s)
{
	if (s->kind == SESSION_OWNER)
		return s->tx.sender.n > 0 ? STR("jmap") : STR("vacation");
	if (s->kind == SESSION_LOCAL)
		return STR("local");
	return s->user.n > 0 ? STR("submission") : STR("smtp");
}

static void
commit(struct message *m)
{
	struct session *s = m->s;
	struct envelope env = {
	    .mid = str_of(m->mid, ID_LEN),
	    .arrived = m->arrived,
	    .sender = s->tx.sender,
	    .user = s->user,
	    .actor = actor_of(s),
	    .peer = str_z(s->peer),
	    .helo = str_of(s->helo, s->helo_n),
	    .envid = s->tx.envid,
	    .release = s->tx.release,
	    .ret = s->tx.ret,
	    .flags = s->tx.flags | m->flags | (s->user.n > 0 ? ENVELOPE_SUBMITTED : 0),
	    .rcpts = s->tx.rcpts,
	    .nrcpts = s->tx.nrcpts,
	};
	struct trace t = trace_of(m);

	s->state = SESSION_WAIT;
	spool_prefix(m->spool, trace_make(&t, &s->tx.arena, &env.return_path));
	spool_commit(m->spool, &env, s->user.n > 0 ? s->token : STR_NONE);
}

/* The reply of the message, and the end of its transaction. m is gone afterwards. */
static void
answer(struct message *m, enum reply r, struct str arg)
{
	struct session *s = m->s;
	metric_observe(METRIC_SMTP_COMMAND_SECONDS, clock_us() - m->began);
	s->state = SESSION_COMMAND;
	session_reply_arg(s, r, arg);
	if (s->state != SESSION_CLOSING)
		transaction_reset(s);
	session_run(s);
}

static void
on_committed(void *arg, const struct err *e)
{
	struct message *m = arg;
	struct session *s;
	char mid[ID_SIZE];

	OBJ(m, MESSAGE_MAGIC);
	s = m->s;
	if (e) {
		log_warn("smtp.spool", LZ("sid", s->sid), LZ("mid", m->mid), LE(e));
		answer(m, queue_refused(e), STR_NONE);
		return;
	}
	s->messages++;
	s->chatter = 0;
	metric_add(METRIC_SMTP_MESSAGES, 1);
	metric_add(METRIC_SMTP_OCTETS, (int64_t)spool_size(m->spool));
	log_info("smtp.accept", LZ("sid", s->sid), LZ("mid", m->mid), LZ("peer", s->peer),
	    LS("client", s->client), LS("user", s->user), LS("from", s->tx.sender),
	    LU("rcpts", s->tx.nrcpts), LU("size", spool_size(m->spool)),
	    LU("ms", (clock_us() - m->began) / 1000));
	memcpy(mid, m->mid, ID_SIZE);
	answer(m, REPLY_QUEUED, str_z(mid));
}

static void
on_failed(void *arg, const struct err *e)
{
	struct message *m = arg;

	OBJ(m, MESSAGE_MAGIC);
	log_warn("smtp.spool", LZ("sid", m->s->sid), LZ("mid", m->mid), LE(e));
	refuse(m, queue_refused(e), NULL);
	go_on(m);
}

/* Something the message waited for has come. */
static void
go_on(struct message *m)
{
	if (!m->finished)
		session_run(m->s);
	else if (m->refusal != REPLY_COUNT)
		answer(m, m->refusal, message_refusal_arg(m));
	else if (m->asking == 0 && !m->checking)
		commit(m);
}

void
message_finish(struct message *m)
{
	OBJ(m, MESSAGE_MAGIC);
	m->finished = true;
	m->s->state = SESSION_WAIT;
	datascan_finish(&m->scan);
	if (m->scan.bare_eol)
		refuse(m, REPLY_BARE_EOL, NULL);
	if (!m->header_known && m->refusal == REPLY_COUNT) {
		headscan_finish(&m->head);
		header_known(m);
	}
	if (m->signing)
		signing_end(m->signing);
	if (m->screening)
		screening_end(m->screening);
	go_on(m);
}

static const struct spool_events events = {
    .ready = on_ready, .failed = on_failed, .committed = on_committed};

struct message *
message_new(struct session *s, bool dots)
{
	struct message *m = arena_new(&s->tx.arena, struct message);
	size_t header = conf_num(svc_conf(), CONF_SMTP_MAX_HEADER);

	m->magic = MESSAGE_MAGIC;
	m->s = s;
	m->refusal = REPLY_COUNT;
	m->arrived = clock_wall_us();
	m->began = clock_us();
	id_new(m->mid);
	datascan_init(&m->scan, dots, on_octets, m);
	headscan_init(&m->head, s->user.n > 0);
	m->spool = spool_new(svc_channel(PEER_QUEUE), m->mid, header, &events, m);
	return m;
}

void
message_free(struct message **mp)
{
	struct message *m = *mp;

	if (!m)
		return;
	OBJ(m, MESSAGE_MAGIC);
	*mp = NULL;
	for (unsigned i = 0; i < m->nauthors; i++)
		if (m->authors[i].call)
			ipc_cancel(svc_channel(PEER_AUTHD), m->authors[i].call);
	signing_free(&m->signing);
	screening_free(&m->screening);
	spool_free(&m->spool);
	headscan_free(&m->head);
	m->magic = 0;
}
