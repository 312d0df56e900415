/*
 * approvals_fuzz.c - fuzz target of approvals: what gk-webd, the operator, gk-queue and the owners
 * ask, in any order, some at a time, with words of the right and of the wrong ones. The input is a
 * program. What must hold (INVARIANTS 20): what is redeemed was minted for exactly that user,
 * session and digest, is redeemed once, within its life, and not behind an answer that said it is
 * over; it was minted by a browser's session that had shown the password lately, or the operator.
 */
#include "authd/fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "authd/agents.h"
#include "authd/cache.h"
#include "authd/token.h"
#include "authd/web.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "svc/svc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MINTED_MAX 256u
#define ASKED_MAX  32u

enum side {
	WEBD,
	CTL,
	QUEUE,
	MAILBOXD,
	SIDES
};

static const enum ipc_peer peers[SIDES] = {PEER_WEBD, PEER_CTL, PEER_QUEUE, PEER_MAILBOXD};
static const char *const users[] = {"alice@x.test", "bob@x.test", "eve@x.test", "bob", ""};
static const char *const sessions[] = {
    "0123456789abcdef", "fedcba9876543210", "", "0123456789ABCDE"};

static struct ipc_chan *ours[SIDES], *theirs[SIDES], *nobody;
/* Of alice and bob: a browser's session and a program's. */
static unsigned char webs[2][2][WEB_TOKEN];
static int64_t proven[2];
static unsigned char tokens[3][TOKEN_SIZE]; /* sender tokens: alice's, bob's, and of no agent */
static const uint8_t *at, *end;

struct key {
	size_t user, session, digest;
};

static struct minted {
	char id[WEB_ID + 1];
	struct key key;
	int64_t made, until;
	bool used;
	unsigned over; /* when it was said that it is; 0: never */
	char mid[8];
} minted[MINTED_MAX];
static size_t nminted;

static struct asked {
	bool waits, mints, settles, known;
	bool good; /* redeemed, or found used: id */
	char id[WEB_ID + 1];
	struct key key;
	int64_t when, since;
	char mid[8];
	size_t before; /* so many approvals were known when it was asked */
	unsigned turn; /* when it was asked */
} asked[ASKED_MAX];
static size_t nasked;
static unsigned turn; /* of questions and answers */

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return nobody;
}

const struct conf *
svc_conf(void)
{
	return NULL;
}

/* ---- what must hold ---- */

static bool
same(const struct key *a, const struct key *b)
{
	return a->user == b->user && a->session == b->session && a->digest == b->digest;
}

static void
check_minted(const struct asked *q, struct str id, uint64_t until)
{
	struct minted *x = &minted[nminted++];

	assume(q->known && str_cz(id, x->id, sizeof(x->id)) == 0 && id.n == WEB_ID);
	assume((int64_t)until >= q->when && (int64_t)until <= clock_wall() + APPROVAL_LIFE_S);
	for (size_t i = 0; i + 1 < nminted; i++)
		assume(strcmp(minted[i].id, x->id) != 0);
	x->key = q->key;
	x->made = q->when;
	x->until = (int64_t)until;
	x->used = false;
	x->over = 0;
}

static void
check_redeemed(const struct asked *q)
{
	struct minted *x = minted;

	while (x < minted + nminted && strcmp(q->id, x->id) != 0)
		x++;
	assume(x < minted + nminted && q->known);
	assume(same(&x->key, &q->key));
	assume(!x->used && (x->over == 0 || q->turn < x->over) && q->when < x->until);
	x->used = true;
	memcpy(x->mid, q->mid, sizeof(x->mid));
}

static void
check_used(const struct asked *q)
{
	bool found = false;

	for (size_t i = 0; i < nminted; i++)
		found = found || (same(&minted[i].key, &q->key) && minted[i].used &&
				     strcmp(q->id, minted[i].mid) == 0);
	assume(q->known && found);
}

/* What was minted meanwhile may be of before it, or behind it. */
static void
note_settled(const struct asked *q)
{
	for (size_t i = 0; i < q->before; i++)
		if (same(&minted[i].key, &q->key) && minted[i].made > q->since &&
		    minted[i].over == 0)
			minted[i].over = ++turn;
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct asked *q = arg;
	struct str id;
	uint64_t n = 0;

	q->waits = false;
	if (m == NULL) {
		assume(e->code != E_OK && e->code != E_TIMEOUT);
		return;
	}
	q->good = !q->mints;
	if (q->settles)
		q->good = ipc_get_u32(m) != 0;
	id = ipc_get_str(m);
	if (q->mints)
		n = ipc_get_u64(m);
	assume(ipc_end(m) == 0 && str_cz(id, q->id, sizeof(q->id)) == 0);
	if (q->mints)
		check_minted(q, id, n);
	else if (q->settles)
		note_settled(q);
}

/* Everything that was asked is answered. Answers of two channels come in any order: what they say
 * of each other is looked at here. */
static void
settle_down(void)
{
	for (size_t i = 0; i < nasked; i++)
		while (asked[i].waits)
			loop_once(20);
	for (size_t i = 0; i < nasked; i++)
		if (asked[i].good && !asked[i].settles)
			check_redeemed(&asked[i]);
	for (size_t i = 0; i < nasked; i++)
		if (asked[i].good && asked[i].settles)
			check_used(&asked[i]);
	nasked = 0;
}

/* ---- asking ---- */

static unsigned
octet(void)
{
	return at < end ? *at++ : 0;
}

static struct asked *
asked_new(void)
{
	struct asked *q;

	if (nasked == ASKED_MAX || nminted + nasked + 1 >= MINTED_MAX)
		settle_down();
	q = &asked[nasked++];
	turn++;
	*q = (struct asked){.waits = true, .before = nminted, .when = clock_wall(), .turn = turn};
	return q;
}

/* A digest of the right length, or not. */
static void
put_digest(struct ipc_out *m, struct asked *q, unsigned v)
{
	unsigned char digest[2 * AGENT_DIGEST];
	size_t n = v < 240 ? AGENT_DIGEST : v - 240u + 24u;

	q->key.digest = v % 3;
	memset(digest, (int)(v % 3), sizeof(digest));
	q->known = q->known && n == AGENT_DIGEST;
	ipc_put_str(m, str_of(digest, n));
}

static void
put_session(struct ipc_out *m, struct asked *q)
{
	q->key.session = octet() % ARRAY_LEN(sessions);
	q->known = q->known && q->key.session < 2;
	ipc_put_z(m, sessions[q->key.session]);
}

static void
put_user(struct ipc_out *m, struct asked *q, bool login)
{
	size_t v = octet() % ARRAY_LEN(users);

	/* The operator may say "bob". */
	q->key.user = login && v == 3 ? 1 : v;
	q->known = q->key.user < 2;
	ipc_put_z(m, users[v]);
}

static void
put_web(struct ipc_out *m, struct asked *q)
{
	unsigned v = octet();
	size_t user = v % 2, kind = v / 2 % 3;

	q->key.user = user;
	q->known = kind == 0 && clock_wall() < proven[user] + WEB_PROVEN_S + 2;
	ipc_put_str(m, kind == 2 ? STR("no such session") : str_of(webs[user][kind], WEB_TOKEN));
}

static void
put_token(struct ipc_out *m, struct asked *q)
{
	unsigned v = octet() % 4;

	/* Of alice's first session, bob's second, and of none. */
	q->key.user = q->key.session = v % 2;
	q->known = v < 2;
	ipc_put_str(m, v < 3 ? str_of(tokens[v], TOKEN_SIZE) : STR("x"));
}

static void
mint(struct ipc_out *m, struct asked *q, bool browser)
{
	q->mints = true;
	ipc_begin(m, browser ? MSG_APPROVAL_MINT : MSG_APPROVAL_ACCEPT);
	if (browser)
		put_web(m, q);
	else
		put_user(m, q, true);
	put_session(m, q);
	put_digest(m, q, octet());
	ipc_put_str(m, str_sub(str_of(at, (size_t)(end - at)), 0, 300));
}

static void
redeem(struct ipc_out *m, struct asked *q)
{
	ipc_begin(m, MSG_APPROVAL_REDEEM);
	put_token(m, q);
	put_digest(m, q, octet());
	(void)snprintf(q->mid, sizeof(q->mid), "m%u", octet());
	ipc_put_z(m, q->mid);
}

static void
act(struct ipc_out *m, struct asked *q, bool settles)
{
	q->settles = settles;
	ipc_begin(m, settles ? MSG_APPROVAL_SETTLE : MSG_APPROVAL_ACTION);
	put_user(m, q, false);
	put_session(m, q);
	put_digest(m, q, octet());
	if (!settles)
		return;
	q->since = octet() % 2 == 0 ? 0 : clock_wall() - (int64_t)octet();
	ipc_put_u64(m, (uint64_t)q->since);
}

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (!approvals_message(c, m))
		ipc_refuse(m);
}

static void
went(void *arg, struct ipc_chan *c)
{
	(void)arg;
	approvals_gone(c);
}

/* It comes by the channel of another: nobody of whom that may be asked. */
static void
lie(struct ipc_out *m, struct asked *q, enum side side, enum side of)
{
	struct ipc_chan *us, *them;
	int fd[2];

	q->known = false;
	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	us = ipc_new(fd[0], peers[side], PEER_AUTHD, NULL, NULL, NULL);
	them = ipc_new(fd[1], PEER_AUTHD, peers[of], serve, went, NULL);
	q->settles = q->mints = false;
	ipc_call(us, m, answered, q);
	for (int i = 0; i < 3; i++)
		loop_once(0);
	ipc_free(&us);
	ipc_free(&them);
	nasked = 0;
}

static void
operate(void)
{
	static const enum side side_of[] = {WEBD, CTL, QUEUE, MAILBOXD, MAILBOXD};
	unsigned what = octet(), kind = what % 8;
	struct asked *q;
	struct ipc_out m;
	enum side of;

	if (kind == 5) {
		settle_down();
		clock_advance(octet() * 5000u);
	} else if (kind == 6) {
		kind = octet() % 2;
		settle_down();
		web_proven(web_find(str_of(webs[kind][0], WEB_TOKEN)));
		proven[kind] = clock_wall();
	} else if (kind == 7) {
		settle_down();
	} else {
		if (what >= 240)
			settle_down();
		q = asked_new();
		of = side_of[kind];
		if (kind < 2)
			mint(&m, q, kind == 0);
		else if (kind == 2)
			redeem(&m, q);
		else
			act(&m, q, kind == 4);
		if (what >= 240 && peers[what % SIDES] != peers[of])
			lie(&m, q, of, (enum side)(what % SIDES));
		else
			(void)ipc_call(ours[of], &m, answered, q);
	}
	for (unsigned i = what / 64; i > 0 && what < 240; i--)
		loop_once(0);
}

/* ---- once ---- */

static void
opened(void *arg, const unsigned char *token, const struct err *e)
{
	(void)e;
	assume(token != NULL);
	memcpy(arg, token, WEB_TOKEN);
}

static void
begin_once(void)
{
	static const char *const names[] = {"alice@x.test", "bob@x.test"};
	struct password_secret s = {.iterations = 4096};
	int fd[2], here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assume(
	    here >= 0 && loop_init(NULL) == 0 && fixture_up(NULL) == 0 && writer_init(NULL) == 0);
	cache_init();
	web_configure(&(struct web_rules){INT64_C(1) << 50, INT64_C(1) << 50});
	for (unsigned i = 0; i < SIDES; i++) {
		assume(
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
		ours[i] = ipc_new(fd[0], peers[i], PEER_AUTHD, NULL, NULL, NULL);
		theirs[i] = ipc_new(fd[1], PEER_AUTHD, peers[i], serve, went, NULL);
	}
	nobody = ipc_new(-1, PEER_AUTHD, PEER_SMTPD, NULL, NULL, NULL);
	assume(accounts_domain_add(authd.db, STR("x.test"), 0, NULL) == 0);
	memcpy(s.hash, "$argon2id$x", 12);
	for (unsigned i = 0; i < 2; i++)
		assume(accounts_user_add(authd.db, str_z(names[i]), &s, 0, NULL) == 0);
	for (unsigned i = 0; i < 2; i++) {
		web_open(WEB_BROWSER, str_z(names[i]), str_z(s.hash), STR("p"), opened, webs[i][0]);
		web_open(WEB_PROGRAM, str_z(names[i]), str_z(s.hash), STR("p"), opened, webs[i][1]);
	}
	while (writer_pending() > 0)
		loop_once(20);
	/* The files are open: their names need not stay behind. */
	unlink("accounts.db");
	unlink("accounts.db-wal");
	unlink("accounts.db-shm");
	assume(rmdir(fixture_folder) == 0 && fchdir(here) == 0);
	close(here);
}

static void
forget_all(void *arg, struct db *db)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM approvals", NULL);

	(void)arg;
	assume(s != NULL && db_run(&s, NULL) == 0);
}

static void
forgotten(void *arg)
{
	(void)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	log_set_level(LOG_LEVEL_ERROR);
	if (!begun)
		begin_once();
	begun = true;
	at = data;
	end = data + size;
	nminted = nasked = 0;
	token_issue_agent(STR("alice@x.test"), str_z(sessions[0]), tokens[0]);
	token_issue_agent(STR("bob@x.test"), str_z(sessions[1]), tokens[1]);
	token_issue(STR("alice@x.test"), false, tokens[2]);
	for (unsigned i = 0; i < 2; i++) {
		web_proven(web_find(str_of(webs[i][0], WEB_TOKEN)));
		proven[i] = clock_wall();
	}
	while (at < end)
		operate();
	settle_down();
	assume(writer_submit(forget_all, forgotten, NULL, NULL) == 0);
	while (writer_pending() > 0)
		loop_once(20);
	token_done();
	arena_reset(&fixture_arena);
	return 0;
}
