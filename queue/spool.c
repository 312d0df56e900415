/*
 * spool.c - messages in: SPOOL_PUT and SPOOL_COMMIT of small ones, SPOOL_OPEN and
 * SPOOL_COMMIT_LARGE of large ones.
 *
 * Durability point: the answer. A small message is durable with its MESSAGE record (journal.h). A
 * large one is durable in mail/.incoming when LARGE_SEAL is answered (file and name synced by
 * gk-local), and counts with the MESSAGE record that names it; without that record its file is left
 * over and swept.
 *
 * Nothing the sender of a message hands over can change afterwards: a packet is a copy, a memory
 * file is sealed, a large message is copied out of the file that was lent (INVARIANTS 13).
 *
 * Full: below queue.min_free commits fail with E_NOSPACE (452 4.3.1); at queue.max_backlog they
 * wait for at most WITHHELD_MS, and users and clients take turns (fair.h). What delivers, expunges
 * and bounces goes on (INVARIANTS 7).
 */
#include <arpa/inet.h>
#include <sodium.h>
#include <stddef.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "queue/queue.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define WITHHELD_MS  30000u
#define WITHHELD_MAX 256u        /* each holds a descriptor */
#define SPACE_MS     1000u       /* free space is asked for at most so often */
#define UNWRITTEN    (64u << 20) /* octets waiting for the disk at which more have to wait too */

struct commit {
	TAILQ_ENTRY(commit) next; /* of those authd is asked about, or being sealed */
	struct fair_item turn;    /* of those withheld */
	char party[256];          /* whose it is, and how long that text is */
	size_t nparty;
	struct queue *q;
	struct asker *asker;
	char *envelope;    /* and behind it octets or prefix */
	struct str octets; /* of SPOOL_PUT */
	struct str prefix; /* of SPOOL_COMMIT_LARGE */
	enum ipc_type answer;
	struct record_message rm;
	char mid[ID_SIZE];
	unsigned char digest[RECORD_DIGEST];
	int fd;
	uint64_t began, deadline; /* us, ms */
	struct message *m;
	uint32_t nrcpts;
	struct arena a;           /* while authd is asked */
	struct str user, session; /* in it */
	char token[VOUCH_TOKEN_MAX];
	size_t ntoken;
};

static void commit_go(struct commit *c);

/* ---- room ---- */

static bool
space_is_low(struct queue *q)
{
	struct statvfs s;
	bool low;

	if (q->space_checked + SPACE_MS > clock_ms() && q->space_checked != 0)
		return q->space_low;
	q->space_checked = clock_ms();
	low = fstatvfs(q->dir, &s) == 0 && (uint64_t)s.f_bavail * s.f_frsize < q->o.min_free;
	if (low == q->space_low)
		return low;
	log_warn(low ? "queue.space_low" : "queue.space_back", LU("min_free", q->o.min_free));
	q->space_low = low;
	spool_tell_space(q);
	return low;
}

void
spool_tell_space(struct queue *q)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SPOOL_SPACE);
	ipc_put_u32(&m, q->space_low);
	ipc_send(svc_channel(PEER_SMTPD), &m);
}

static void
space_due(void *arg)
{
	struct queue *q = arg;

	(void)space_is_low(q);
	loop_timer_set(q->space_timer, SPACE_MS);
}

static bool
is_full(const struct queue *q, uint64_t size)
{
	return journal_waiting(q->journal) > UNWRITTEN || q->schedule.jobs >= q->o.max_waiting ||
	       (q->messages.waiting > 0 && q->messages.octets + size > q->o.max_backlog);
}

/* ---- one commit ---- */

static void
commit_free(struct commit *c)
{
	file_close(&c->fd);
	free(c->envelope);
	arena_free(&c->a);
	sodium_memzero(c->token, sizeof(c->token));
	free(c);
}

static void
commit_fail(struct commit *c, const struct err *e)
{
	log_warn("queue.refuse", LZ("mid", c->mid), LZ("code", err_code_name(e->code)), LE(e));
	asker_error(c->q, &c->asker, e);
	commit_free(c);
}

static void
committed(void *arg, const struct journal_place *place, const struct err *e)
{
	struct commit *c = arg;
	struct queue *q = c->q;
	struct err io;

	if (e) {
		/* Whatever the disk said, to the client it is "try again": nothing of it counts. */
		message_forget(&q->messages, c->m);
		err_set(&io, e->code == E_NOSPACE ? E_NOSPACE : E_IO, "%s", e->text);
		commit_fail(c, &io);
		return;
	}
	message_place(c->m, place->segment, place->off, &c->rm);
	message_keep(&q->messages, c->m, c->envelope, c->rm.envelope.n + c->octets.n);
	c->envelope = NULL;
	metric_add(METRIC_QUEUE_ACCEPTED, 1);
	log_info("queue.accept", LZ("mid", c->mid), LU("size", c->rm.size), LU("rcpts", c->nrcpts),
	    LU("ms", (clock_us() - c->began) / 1000));
	asker_ok(q, &c->asker);
	schedule_message(q, c->m, 0);
	commit_free(c);
}

static void
commit_journal(struct commit *c)
{
	struct queue *q = c->q;
	struct err e = {0};
	struct buf *b;
	char *room;

	if (!(c->m = message_new(&q->messages, &c->rm))) {
		err_set(&e, E_EXISTS, "message %s was taken already", c->mid);
		commit_fail(c, &e);
		return;
	}
	if (c->session.n > 0)
		past_mark(c->m, c->rm.envelope);
	b = journal_begin(q->journal, RECORD_MESSAGE);
	record_put_message(b, &c->rm);
	if (c->octets.n > 0) {
		buf_str(b, c->octets);
	} else if (!c->rm.large) {
		room = buf_room(b, (size_t)c->rm.size);
		assume(room != NULL);
		if (file_pread(c->fd, room, (size_t)c->rm.size, 0, &e) < 0) {
			journal_cancel(q->journal);
			message_forget(&q->messages, c->m);
			commit_fail(c, &e);
			return;
		}
		buf_added(b, (size_t)c->rm.size);
		/* Kept for the delivery, or closed now: a slow disk must not use up our
		 * descriptors. */
		message_keep_fd(&q->messages, c->m, c->fd);
		c->fd = -1;
	}
	journal_end(q->journal, JOURNAL_NOW, committed, c);
}

static void
sealed(void *arg, struct ipc_in *in, const struct err *e)
{
	struct commit *c = arg;

	TAILQ_REMOVE(&c->q->sealing, c, next);
	if (e)
		commit_fail(c, e);
	else if (ipc_end(in) == 0)
		commit_journal(c);
	else
		commit_free(c);
}

static void
commit_seal(struct commit *c)
{
	struct ipc_out m;

	TAILQ_INSERT_TAIL(&c->q->sealing, c, next);
	ipc_begin(&m, MSG_LARGE_SEAL);
	ipc_put_z(&m, c->mid);
	ipc_put_u64(&m, c->rm.size - c->prefix.n);
	ipc_put_str(&m, c->rm.digest);
	ipc_put_str(&m, c->prefix);
	ipc_call(svc_channel(PEER_LOCAL), &m, sealed, c);
}

/* ---- withheld ---- */

static struct commit *
of_turn(struct fair_item *i)
{
	return (struct commit *)((char *)i - offsetof(struct commit, turn));
}

/* Who counts as one: a user, or a client's address, of IPv6 the /64 that one customer has. */
static void
name_party(struct commit *c, const struct envelope *env)
{
	struct in6_addr net = {0};
	char peer[INET6_ADDRSTRLEN];
	struct str key = env->user.n > 0 ? env->user : env->peer;

	if (env->user.n == 0 && str_cz(env->peer, peer, sizeof(peer)) == 0 &&
	    inet_pton(AF_INET6, peer, &net) == 1 && !IN6_IS_ADDR_V4MAPPED(&net))
		key = str_of((const char *)&net, 8);
	c->nparty = num_min(key.n, sizeof(c->party));
	memcpy(c->party, key.p, c->nparty);
}

static struct str
party(const struct commit *c)
{
	return str_of(c->party, c->nparty);
}

static void
refuse_withheld(struct commit *c)
{
	struct err e;

	err_set(&e, E_TEMP, "too much mail is waiting to be delivered");
	commit_fail(c, &e);
}

static void
withhold(struct commit *c)
{
	struct queue *q = c->q;
	struct fair_item *greedy;

	if (q->withheld.n >= WITHHELD_MAX) {
		if (!(greedy = fair_greediest(&q->withheld, party(c)))) {
			refuse_withheld(c);
			return;
		}
		fair_take(&q->withheld, greedy);
		refuse_withheld(of_turn(greedy));
	}
	c->deadline = clock_ms() + WITHHELD_MS;
	fair_add(&q->withheld, party(c), &c->turn);
	if (!loop_timer_pending(q->withheld_timer))
		loop_timer_set(q->withheld_timer, WITHHELD_MS);
}

static void
find_oldest(void *arg, struct fair_item *i)
{
	struct commit **oldest = arg, *c = of_turn(i);

	if (!*oldest || c->deadline < (*oldest)->deadline)
		*oldest = c;
}

static void
withheld_due(void *arg)
{
	struct queue *q = arg;
	struct commit *c;

	for (;;) {
		c = NULL;
		fair_each(&q->withheld, find_oldest, &c);
		if (!c || c->deadline > clock_ms())
			break;
		fair_take(&q->withheld, &c->turn);
		refuse_withheld(c);
	}
	if (c)
		loop_timer_set(q->withheld_timer, c->deadline - clock_ms());
}

void
spool_room(struct queue *q)
{
	struct fair_item *i;

	while ((i = fair_next(&q->withheld)) != NULL && !is_full(q, of_turn(i)->rm.size)) {
		fair_take(&q->withheld, i);
		commit_go(of_turn(i));
	}
}

static void
commit_go(struct commit *c)
{
	if (c->rm.large)
		commit_seal(c);
	else
		commit_journal(c);
}

/* ---- from the channel ---- */

/* Is the envelope one that can be delivered? Takes what the record needs of it. unresolved: a
 * single recipient without targets is looked up here, as that of a bounce is. */
static int
check_envelope(struct commit *c, bool unresolved, struct err *e)
{
	struct envelope env;
	struct arena a;
	int rc = -1;

	arena_init(&a);
	if (envelope_decode(c->rm.envelope, &env, &a, e) < 0)
		goto out;
	if (env.nrcpts == 0 || message_targets(&env) > RECORD_TARGETS_MAX) {
		err_set(e, E_INVAL, "no recipients, or too many");
		goto out;
	}
	for (uint32_t i = 0; i < env.nrcpts; i++)
		if (env.rcpts[i].ntargets == 0 && !(unresolved && env.nrcpts == 1)) {
			err_set(e, E_INVAL, "a recipient that leads nowhere");
			goto out;
		}
	if (!id_valid(env.mid) || str_cz(env.mid, c->mid, sizeof(c->mid)) < 0) {
		err_set(e, E_INVAL, "no message id");
		goto out;
	}
	name_party(c, &env);
	c->rm.mid = str_z(c->mid);
	c->rm.arrived = env.arrived;
	c->rm.ntargets = message_targets(&env);
	c->nrcpts = env.nrcpts;
	c->user = arena_dup(&c->a, env.user);
	/* What says that it was approved says so after us. */
	if (env.approval.n > 0) {
		err_set(e, E_PERM, "an approval is not the sender's to say");
		goto out;
	}
	rc = 0;
out:
	arena_free(&a);
	return rc;
}

static int
check_octets(struct commit *c, struct err *e)
{
	uint64_t size;

	if (c->rm.size == 0)
		return err_set(e, E_INVAL, "an empty message");
	if (c->octets.n > 0)
		return c->octets.n <= IPC_INLINE_MAX
			   ? 0
			   : err_set(e, E_LIMIT, "too large for a packet");
	if (c->rm.large)
		return c->rm.digest.n == RECORD_DIGEST ? 0 : err_set(e, E_INVAL, "no digest");
	if (c->rm.size > MESSAGE_SMALL)
		return err_set(e, E_LIMIT, "too large to come in memory");
	if (!file_is_sealed(c->fd))
		return err_set(e, E_INVAL, "the memory file is not sealed");
	if (file_size(c->fd, &size, e) < 0)
		return -1;
	return size == c->rm.size ? 0 : err_set(e, E_INVAL, "not of the size that was said");
}

static char *
join(struct str a, struct str b)
{
	char *p = mem_grow(NULL, a.n + b.n + 1, 1);

	if (a.n > 0)
		memcpy(p, a.p, a.n);
	if (b.n > 0)
		memcpy(p + a.n, b.p, b.n);
	return p;
}

/* Strings of the packet are copied: it goes when this turn does. */
static int
commit_read(struct commit *c, struct ipc_in *in)
{
	struct str raw = ipc_get_str(in), digest = STR_NONE, behind = STR_NONE;

	if (in->type == MSG_SPOOL_PUT) {
		behind = ipc_get_str(in);
		c->rm.size = behind.n;
		c->answer = MSG_SPOOL_PUT_R;
	} else {
		c->rm.size = ipc_get_u64(in);
		c->answer = MSG_SPOOL_COMMIT_R;
	}
	if (in->type == MSG_SPOOL_COMMIT) {
		c->fd = ipc_take_fd(in);
	} else if (in->type == MSG_SPOOL_COMMIT_LARGE) {
		digest = ipc_get_str(in);
		behind = ipc_get_str(in);
		c->rm.size += behind.n;
		c->rm.large = true;
		c->answer = MSG_SPOOL_COMMIT_LARGE_R;
	}
	if (ipc_end(in) < 0)
		return -1;
	c->envelope = join(raw, behind);
	c->rm.envelope = str_of(c->envelope, raw.n);
	*(c->rm.large ? &c->prefix : &c->octets) = str_of(c->envelope + raw.n, behind.n);
	if (digest.n == RECORD_DIGEST) {
		memcpy(c->digest, digest.p, RECORD_DIGEST);
		c->rm.digest = str_of(c->digest, RECORD_DIGEST);
	}
	return 0;
}

static void
commit_admit(struct commit *c)
{
	struct queue *q = c->q;
	struct err e = {0};

	if (message_find(&q->messages, c->rm.mid)) {
		err_set(&e, E_EXISTS, "message %s was taken already", c->mid);
		commit_fail(c, &e);
	} else if (space_is_low(q)) {
		err_set(&e, E_NOSPACE, "not enough free disk space");
		commit_fail(c, &e);
	} else if (!is_full(q, c->rm.size) && q->withheld.n == 0) {
		commit_go(c);
	} else {
		withhold(c);
	}
}

/* ---- in whose name ---- */

/* What authd knows nothing of is refused for good, all else for now. */
static void
whose_failed(struct commit *c, const struct err *e)
{
	struct err why;

	err_set(&why, e->code == E_DENIED || e->code == E_INVAL ? E_PERM : E_TEMP, "%s", e->text);
	commit_fail(c, &why);
}

/* The envelope says from now on whose it is and who approved it, by authd's word. */
static int
mark_approved(struct commit *c, struct str approval, struct err *e)
{
	struct str behind = c->rm.large ? c->prefix : c->octets;
	struct envelope env;
	struct buf raw;
	char *joined;
	int rc = -1;

	buf_init(&raw, ENVELOPE_MAX);
	if (envelope_decode(c->rm.envelope, &env, &c->a, e) < 0)
		goto out;
	env.approval = approval;
	env.actor = STR("agent");
	if (envelope_encode(&env, &raw, e) < 0)
		goto out;
	joined = join(buf_view(&raw), behind);
	free(c->envelope);
	c->envelope = joined;
	c->rm.envelope = str_of(joined, raw.n);
	*(c->rm.large ? &c->prefix : &c->octets) = str_of(joined + raw.n, behind.n);
	rc = 0;
out:
	buf_free(&raw);
	return rc;
}

static void
approved(void *arg, struct ipc_in *in, const struct err *e)
{
	struct commit *c = arg;
	struct str approval;
	struct err bad;

	TAILQ_REMOVE(&c->q->vouching, c, next);
	if (e) {
		whose_failed(c, e);
		return;
	}
	approval = arena_dup(&c->a, ipc_get_str(in));
	if (ipc_end(in) < 0 || approval.n == 0 || mark_approved(c, approval, &bad) < 0) {
		err_set(&bad, E_PROTO, "authd gave no approval");
		commit_fail(c, &bad);
		return;
	}
	log_info("queue.approved", LZ("mid", c->mid), LS("user", c->user), LS("sid", c->session),
	    LS("approval", approval));
	commit_admit(c);
}

static int
digest_of(struct commit *c, unsigned char out[RECORD_DIGEST], struct err *e)
{
	struct vouch_octets o = {.all = c->octets};
	struct envelope env;
	char *room;

	if (c->rm.large) {
		o = (struct vouch_octets){
		    .prefix = c->prefix, .digest = c->rm.digest, .size = c->rm.size - c->prefix.n};
	} else if (c->octets.n == 0) {
		room = arena_alloc(&c->a, (size_t)c->rm.size);
		if (file_pread(c->fd, room, (size_t)c->rm.size, 0, e) < 0)
			return -1;
		o.all = str_of(room, (size_t)c->rm.size);
	}
	if (envelope_decode(c->rm.envelope, &env, &c->a, e) < 0)
		return -1;
	return vouch_digest(&env, c->session, &o, out, e);
}

/* An agent has written it: nothing of it is stored before a human's word for exactly this is used
 * up. A crash in between uses it up for nothing. */
static void
ask_approval(struct commit *c)
{
	unsigned char digest[RECORD_DIGEST];
	struct ipc_out m;
	struct err e;

	if (digest_of(c, digest, &e) < 0) {
		whose_failed(c, &e);
		return;
	}
	TAILQ_INSERT_TAIL(&c->q->vouching, c, next);
	ipc_begin(&m, MSG_APPROVAL_REDEEM);
	ipc_put_str(&m, str_of(c->token, c->ntoken));
	ipc_put_str(&m, str_of(digest, sizeof(digest)));
	ipc_put_z(&m, c->mid);
	ipc_call(svc_channel(PEER_AUTHD), &m, approved, c);
}

static void
whose(void *arg, struct ipc_in *in, const struct err *e)
{
	struct commit *c = arg;
	struct err bad;

	TAILQ_REMOVE(&c->q->vouching, c, next);
	if (e) {
		whose_failed(c, e);
		return;
	}
	c->session = arena_dup(&c->a, ipc_get_str(in));
	if (ipc_end(in) < 0) {
		err_set(&bad, E_TEMP, "authd's answer makes no sense");
		commit_fail(c, &bad);
	} else if (c->session.n > 0) {
		ask_approval(c);
	} else {
		commit_admit(c);
	}
}

/* A message in a user's name: whose it is authd says, not who hands it over. */
static void
ask_whose(struct commit *c)
{
	struct ipc_out m;
	struct err e;

	if (c->ntoken == 0) {
		/* authd was away when a program of this machine came (LOCAL_CONN). */
		err_set(&e, E_TEMP, "no word of authd about the sender");
		commit_fail(c, &e);
		return;
	}
	TAILQ_INSERT_TAIL(&c->q->vouching, c, next);
	ipc_begin(&m, MSG_SENDER_VOUCH);
	ipc_put_str(&m, str_of(c->token, c->ntoken));
	ipc_put_str(&m, c->user);
	ipc_call(svc_channel(PEER_AUTHD), &m, whose, c);
}

static void
commit_begin(struct queue *q, struct ipc_chan *chan, struct ipc_in *in)
{
	struct commit *c = mem_alloc(sizeof(*c));
	struct err e = {0};

	c->q = q;
	c->fd = -1;
	arena_init(&c->a);
	c->began = clock_us();
	if (commit_read(c, in) < 0) {
		commit_free(c);
		return;
	}
	c->asker = asker_new(q, chan, in->id, c->answer);
	/* gk-screen's reports: it has nobody to ask where an address leads. */
	if (check_envelope(c, ipc_peer_of(chan) == PEER_SCREEN, &e) < 0 ||
	    check_octets(c, &e) < 0) {
		commit_fail(c, &e);
	} else if (c->user.n > 0) {
		c->ntoken = vouch_take(&q->vouch, chan, c->rm.mid, c->token);
		ask_whose(c);
	} else {
		commit_admit(c);
	}
}

/* ---- lending a file ---- */

struct loan {
	struct queue *q;
	struct asker *asker;
};

static void
lent(void *arg, struct ipc_in *in, const struct err *e)
{
	struct loan *l = arg;
	struct err bad;
	int fd;

	if (e) {
		asker_error(l->q, &l->asker, e);
	} else {
		fd = ipc_take_fd(in);
		if (ipc_end(in) == 0 && fd >= 0) {
			asker_fd(l->q, &l->asker, fd);
		} else {
			err_set(&bad, E_PROTO, "no file was lent");
			asker_error(l->q, &l->asker, &bad);
		}
	}
	free(l);
}

static void
open_large(struct queue *q, struct ipc_chan *chan, struct ipc_in *in)
{
	struct str mid = ipc_get_str(in);
	struct err e;
	struct ipc_out m;
	struct loan *l;

	if (ipc_end(in) < 0)
		return;
	if (!id_valid(mid) || message_find(&q->messages, mid)) {
		err_set(&e, E_INVAL, "not an id for a new message");
		ipc_reply_error(chan, in->id, &e);
		return;
	}
	if (space_is_low(q)) {
		err_set(&e, E_NOSPACE, "not enough free disk space");
		ipc_reply_error(chan, in->id, &e);
		return;
	}
	l = mem_alloc(sizeof(*l));
	l->q = q;
	l->asker = asker_new(q, chan, in->id, MSG_SPOOL_OPEN_R);
	ipc_begin(&m, MSG_LARGE_NEW);
	ipc_put_str(&m, mid);
	ipc_call(svc_channel(PEER_LOCAL), &m, lent, l);
}

struct match {
	struct str mid;
	bool found;
};

static void
match_mid(void *arg, struct fair_item *i)
{
	struct match *m = arg;

	m->found |= str_eq_z(m->mid, of_turn(i)->mid);
}

bool
spool_is_taking(const struct queue *q, struct str mid)
{
	struct match m = {.mid = mid};
	const struct commit *c;

	TAILQ_FOREACH (c, &q->sealing, next)
		if (str_eq_z(mid, c->mid))
			return true;
	TAILQ_FOREACH (c, &q->vouching, next)
		if (str_eq_z(mid, c->mid))
			return true;
	fair_each(&q->withheld, match_mid, &m);
	return m.found;
}

static bool
is_needed(const struct queue *q, struct str mid)
{
	return message_find(&q->messages, mid) || spool_is_taking(q, mid);
}

static void
abort_large(struct queue *q, struct ipc_in *in)
{
	struct str mid = ipc_get_str(in);
	struct ipc_out m;

	if (ipc_end(in) < 0 || !id_valid(mid) || is_needed(q, mid))
		return;
	ipc_begin(&m, MSG_LARGE_DROP);
	ipc_put_str(&m, mid);
	ipc_send(svc_channel(PEER_LOCAL), &m);
}

/* What lies in .incoming: which of it does no message need? */
static void
check_incoming(struct queue *q, struct ipc_chan *chan, struct ipc_in *in)
{
	uint32_t n = ipc_get_list(in), ndrop = 0;
	struct str *drop = mem_array((size_t)n + 1, sizeof(*drop));
	struct ipc_out m;

	for (uint32_t i = 0; i < n; i++) {
		struct str mid = ipc_get_item(in);

		if (id_valid(mid) && !is_needed(q, mid))
			drop[ndrop++] = mid;
	}
	if (ipc_end(in) == 0) {
		ipc_begin(&m, MSG_INCOMING_CHECK_R);
		ipc_put_list(&m, drop, ndrop);
		ipc_reply(chan, in->id, &m);
	}
	free(drop);
}

void
spool_init(struct queue *q)
{
	fair_init(&q->withheld);
	TAILQ_INIT(&q->sealing);
	TAILQ_INIT(&q->vouching);
	vouch_init(&q->vouch);
	TAILQ_INIT(&q->askers);
	q->withheld_timer = loop_timer_new(withheld_due, q);
	q->space_timer = loop_timer_new(space_due, q);
	loop_timer_set(q->space_timer, SPACE_MS);
}

void
spool_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_SPOOL_PUT || m->type == MSG_SPOOL_COMMIT ||
	    m->type == MSG_SPOOL_COMMIT_LARGE)
		commit_begin(q, c, m);
	else if (m->type == MSG_SPOOL_TOKEN)
		vouch_message(&q->vouch, c, m);
	else if (m->type == MSG_SPOOL_OPEN)
		open_large(q, c, m);
	else if (m->type == MSG_SPOOL_ABORT)
		abort_large(q, m);
	else if (m->type == MSG_INCOMING_CHECK)
		check_incoming(q, c, m);
	else
		ipc_refuse(m);
}
