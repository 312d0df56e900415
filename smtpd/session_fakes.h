/*
 * session_fakes.h - an authd, a queue, a gk-sign and a gk-screen for tests of whole sessions, and
 * what stands in place of the skeleton.
 *
 * They answer through real channels, at once or only when told to, so that every order of answers
 * can be had.
 */
#pragma once

#include <sodium.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "io/file.h"
#include "ipc/parcel.h"
#include "net/dns_script.h"
#include "smtpd/answers.h"
#include "smtpd/screening.h"
#include "smtpd/session.h"
#include "smtpd/signing.h"
#include "svc/conf.h"

/* ---- in place of the skeleton ---- */

static struct conf *conf;
static struct ipc_chan *to_authd, *to_queue, *to_sign, *to_screen;
static struct dns *names;
static bool draining, drained;

const struct conf *
svc_conf(void)
{
	return conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_AUTHD    ? to_authd
	       : peer == PEER_SIGN   ? to_sign
	       : peer == PEER_SCREEN ? to_screen
				     : to_queue;
}

bool
svc_draining(void)
{
	return draining;
}

void
svc_drained(void)
{
	drained = true;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

/* ---- the other processes ---- */

#define ASKED_MAX 512u

static struct ipc_chan *authd, *queue, *sign;
static bool authd_waits, queue_waits;
static uint64_t waiting[ASKED_MAX];
static char asked[ASKED_MAX][320];
static bool about_sender[ASKED_MAX], weighed[ASKED_MAX], first_rcpt[ASKED_MAX];
static unsigned nwaiting; /* questions so far */
static unsigned tokens_ended;
static struct buf stored; /* the last message */
static unsigned committed, aborted;
static unsigned vouched;    /* SPOOL_TOKEN with the token of the session */
static struct envelope env; /* of the last message */
static struct arena env_arena;
static uint64_t commit_id;
static enum ipc_type commit_answer;
static int lent = -1;
static struct err queue_error;

static void
answer_rcpt(uint64_t id, struct str address)
{
	struct ipc_out m;
	bool ours = str_ends(address, STR("@here.test")), user = !str_starts(address, STR("no"));

	ipc_begin(&m, MSG_RCPT_CHECK_R);
	ipc_put_u32(&m, !ours ? RCPT_RELAY : user ? RCPT_OK : RCPT_NO_USER);
	ipc_put_u32(&m, ours && user);
	ipc_put_list(&m, &address, ours && user);
	ipc_reply(authd, id, &m);
}

static void
answer_sender(uint64_t id, struct str address)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SENDER_CHECK_R);
	ipc_put_u32(&m, str_starts(address, STR("alice")));
	ipc_reply(authd, id, &m);
}

/* Users may send nothing to "later", and to "many" no more; "grey" is to come again. */
static void
answer_admit(unsigned i)
{
	struct str address = str_z(asked[i]);
	uint32_t verdict = RCPT_OK;
	struct ipc_out m;

	if (str_starts(address, STR("later")) && first_rcpt[i])
		verdict = RCPT_MESSAGES;
	else if (str_starts(address, STR("many")))
		verdict = RCPT_RECIPIENTS;
	else if (str_starts(address, STR("grey")))
		verdict = RCPT_GREY;
	else if (str_starts(address, STR("no")))
		verdict = RCPT_NO_USER;
	ipc_begin(&m, MSG_RCPT_ADMIT_R);
	ipc_put_u32(&m, verdict);
	ipc_put_u32(&m, verdict == RCPT_OK);
	ipc_put_list(&m, &address, verdict == RCPT_OK);
	ipc_put_u32(&m, 600);
	ipc_reply(authd, waiting[i], &m);
}

/* Answers question i. */
static void
answer(unsigned i)
{
	if (weighed[i])
		answer_admit(i);
	else if (about_sender[i])
		answer_sender(waiting[i], str_z(asked[i]));
	else
		answer_rcpt(waiting[i], str_z(asked[i]));
}

/* Whatever the password, it is alice. */
static void
log_in(struct ipc_in *m)
{
	struct ipc_out r;

	for (int i = 0; i < 10; i++) {
		if (i == 2 || i == 5)
			(void)ipc_get_u32(m);
		else if (i == 8)
			(void)ipc_get_u64(m);
		else
			(void)ipc_get_str(m);
	}
	assume(ipc_end(m) == 0);
	ipc_begin(&r, MSG_AUTH_START_R);
	ipc_put_u32(&r, AUTH_OK);
	ipc_put_u64(&r, 0);
	ipc_put_z(&r, "");
	ipc_put_z(&r, "alice@here.test");
	ipc_put_z(&r, "ticket");
	ipc_put_z(&r, "");
	ipc_reply(authd, m->id, &r);
}

static void
authd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct str address;
	unsigned i = nwaiting % ASKED_MAX;

	(void)arg;
	assume(c == authd);
	if (m->type == MSG_AUTH_START) {
		log_in(m);
		return;
	}
	if (m->type == MSG_AUTH_ABORT) {
		(void)ipc_get_u64(m);
		assume(ipc_end(m) == 0);
		return;
	}
	if (m->type == MSG_SENDER_END) {
		tokens_ended += str_eq(ipc_get_str(m), STR("ticket"));
		assume(ipc_end(m) == 0);
		return;
	}
	about_sender[i] = m->type == MSG_SENDER_CHECK;
	weighed[i] = m->type == MSG_RCPT_ADMIT;
	assume(about_sender[i] || weighed[i] || m->type == MSG_RCPT_CHECK);
	if (about_sender[i])
		(void)ipc_get_str(m);
	address = str_sub(ipc_get_str(m), 0, sizeof(asked[i]) - 1);
	memcpy(asked[i], address.p, address.n);
	asked[i][address.n] = '\0';
	if (!about_sender[i]) {
		(void)ipc_get_str(m);
		(void)ipc_get_u64(m);
	}
	if (weighed[i]) {
		(void)ipc_get_str(m);
		(void)ipc_get_str(m);
		first_rcpt[i] = ipc_get_u32(m) != 0;
	}
	assume(ipc_end(m) == 0);
	nwaiting++;
	waiting[i] = m->id;
	if (!authd_waits)
		answer(i);
}

static void
take(int fd, uint64_t size)
{
	int (*fault)(enum file_op op, const char *name) = file_fault;
	char *room;
	struct err e;

	file_fault = NULL; /* it is another's process */
	buf_reset(&stored);
	room = buf_room(&stored, size);
	assume(room != NULL);
	assume(file_pread(fd, room, size, 0, &e) == 0);
	buf_added(&stored, size);
	file_fault = fault;
}

static enum ipc_type
answer_of(enum ipc_type type)
{
	if (type == MSG_SPOOL_PUT)
		return MSG_SPOOL_PUT_R;
	return type == MSG_SPOOL_COMMIT ? MSG_SPOOL_COMMIT_R : MSG_SPOOL_COMMIT_LARGE_R;
}

static void
queue_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct str envelope;
	uint64_t size;
	struct err e;
	int fd;

	(void)arg;
	if (m->type == MSG_SPOOL_OPEN) {
		struct ipc_out r;

		assume(id_valid(ipc_get_str(m)));
		assume(ipc_end(m) == 0);
		file_close(&lent);
		lent = memfd_create("lent", MFD_CLOEXEC);
		ipc_begin(&r, MSG_SPOOL_OPEN_R);
		ipc_put_fd(&r, dup(lent));
		ipc_reply(c, m->id, &r);
		return;
	}
	if (m->type == MSG_SPOOL_ABORT) {
		(void)ipc_get_str(m);
		assume(ipc_end(m) == 0);
		file_close(&lent);
		aborted++;
		return;
	}
	if (m->type == MSG_SPOOL_TOKEN) {
		assume(id_valid(ipc_get_str(m)));
		vouched += str_eq(ipc_get_str(m), STR("ticket"));
		assume(ipc_end(m) == 0);
		return;
	}
	arena_reset(&env_arena);
	envelope = arena_dup(&env_arena, ipc_get_str(m));
	size = m->type == MSG_SPOOL_PUT ? 0 : ipc_get_u64(m);
	if (m->type == MSG_SPOOL_PUT) {
		struct str octets = ipc_get_str(m);

		assume(octets.n <= IPC_INLINE_MAX);
		buf_reset(&stored);
		buf_str(&stored, octets);
	} else if (m->type == MSG_SPOOL_COMMIT) {
		fd = ipc_take_fd(m);
		assume(file_is_sealed(fd));
		take(fd, size);
		file_close(&fd);
	} else {
		uint64_t real;

		unsigned char digest[32];
		struct str said = ipc_get_str(m), prefix = ipc_get_str(m), octets;

		take(lent, size);
		crypto_generichash(digest, 32, (unsigned char *)stored.p, stored.n, NULL, 0);
		assume(str_eq(said, str_of(digest, 32)));
		octets = arena_dup(&env_arena, buf_view(&stored));
		buf_reset(&stored);
		buf_str(&stored, prefix);
		buf_str(&stored, octets);
		assume(file_size(lent, &real, &e) == 0);
		assume(real == size);
		file_close(&lent);
	}
	assume(ipc_end(m) == 0);
	assume(envelope_decode(envelope, &env, &env_arena, &e) == 0);
	committed++;
	commit_id = m->id;
	commit_answer = answer_of(m->type);
	if (queue_error.code != E_OK)
		ipc_reply_error(queue, m->id, &queue_error);
	else if (!queue_waits)
		ipc_reply_ok(queue, m->id, commit_answer);
}

/* ---- gk-sign: has keys for key.test, and says how many octets it was given ---- */

static struct {
	unsigned asked, tokens;
	bool waits, deaf; /* deaf: leaves a stream unread until told */
	struct err error;
	const char *fields; /* in place of the usual */
	uint64_t id;
	enum ipc_type answer;
	int fd;
	struct parcel_in *in;
	struct buf octets;
} signer;

static void
sign_answer(void)
{
	char text[80];
	struct ipc_out r;

	if (signer.error.code != E_OK) {
		ipc_reply_error(sign, signer.id, &signer.error);
		return;
	}
	snprintf(text, sizeof(text), "DKIM-Signature: n=%zu;\r\n\tb=x\r\n", signer.octets.n);
	ipc_begin(&r, signer.answer);
	ipc_put_z(&r, signer.fields ? signer.fields : text);
	ipc_reply(sign, signer.id, &r);
}

static void
sign_octets(void *arg, struct str octets)
{
	(void)arg;
	buf_str(&signer.octets, octets);
}

static void
sign_end(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	parcel_in_free(&signer.in);
	if (!signer.waits)
		sign_answer();
}

static void
sign_read(void)
{
	static const struct parcel_in_events in = {.octets = sign_octets, .end = sign_end};

	signer.in = parcel_in_new(signer.fd, &in, NULL);
	signer.fd = -1;
}

static void
sign_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	bool put = m->type == MSG_SIGN_PUT;

	(void)arg;
	(void)c;
	assume(put || m->type == MSG_SIGN_STREAM);
	signer.asked++;
	signer.id = m->id;
	signer.answer = put ? MSG_SIGN_PUT_R : MSG_SIGN_STREAM_R;
	buf_reset(&signer.octets);
	assume(id_valid(ipc_get_str(m)));
	signer.tokens += str_eq(ipc_get_str(m), STR("ticket"));
	if (put)
		buf_str(&signer.octets, ipc_get_str(m));
	else
		signer.fd = ipc_take_fd(m);
	assume(ipc_end(m) == 0);
	if (!put && !signer.deaf)
		sign_read();
	else if (put && !signer.waits)
		sign_answer();
}

static void
to_sign_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	assume(m->type == MSG_SIGN_DOMAINS);
	signing_domains(m);
}

static void
sign_open(void)
{
	static const struct str domains[] = {STR_INIT("key.test")};
	struct ipc_out m;
	int v[2];

	memset(&signer, 0, sizeof(signer));
	signer.fd = -1;
	buf_init(&signer.octets, 16u << 20);
	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, v) == 0);
	to_sign = ipc_new(v[0], PEER_SMTPD, PEER_SIGN, to_sign_message, NULL, NULL);
	sign = ipc_new(v[1], PEER_SIGN, PEER_SMTPD, sign_message, NULL, NULL);
	ipc_begin(&m, MSG_SIGN_DOMAINS);
	ipc_put_u32(&m, 0);
	ipc_put_list(&m, domains, 1);
	ipc_send(sign, &m);
	loop_once(0);
	loop_once(0);
}

static void
sign_close(void)
{
	parcel_in_free(&signer.in);
	file_close(&signer.fd);
	buf_free(&signer.octets);
	ipc_free(&to_sign);
	ipc_free(&sign);
}

/* ---- gk-screen ---- */

static struct ipc_chan *screen;
static struct screening_answer word; /* what gk-screen says; accept, if nothing is set */
static bool screen_waits;            /* it reads nothing and says nothing until told to */
static struct buf screened;          /* octets it has read of the last message */
static char screen_head[512];        /* of the last question: peer iprev client helo sender */
static uint64_t screen_call, stream_size;
static enum ipc_type screen_answer;
static int screen_pipe = -1;
static unsigned streams, screen_aborts;

static void
screen_says(void)
{
	struct ipc_out m;

	ipc_begin(&m, screen_answer);
	ipc_put_u32(&m, word.verdict);
	ipc_put_u32(&m, word.reason);
	ipc_put_u32(&m, word.score);
	ipc_put_str(&m, word.text);
	ipc_put_str(&m, word.fields);
	ipc_reply(screen, screen_call, &m);
}

/* What the pipe holds now. */
static void
screen_reads(void)
{
	ssize_t n;

	do {
		n = screen_pipe < 0 ? 0 : read(screen_pipe, buf_room(&screened, 65536), 65536);
		if (n > 0)
			buf_added(&screened, (size_t)n);
	} while (n > 0);
	if (n == 0)
		file_close(&screen_pipe);
}

static inline void
screen_ends(void)
{
	screen_reads();
	if (stream_size != 0 && screened.n == stream_size) {
		stream_size = 0;
		screen_says();
	}
}

static void
read_head(struct ipc_in *m)
{
	struct str mid = ipc_get_str(m), sid = ipc_get_str(m), peer = ipc_get_str(m);
	uint32_t iprev = ipc_get_u32(m);
	struct str client = ipc_get_str(m), helo = ipc_get_str(m), sender = ipc_get_str(m);

	assume(id_valid(mid) && id_valid(sid));
	snprintf(screen_head, sizeof(screen_head), STR_FMT " %u " STR_FMT " " STR_FMT " " STR_FMT,
	    STR_ARG(peer), iprev, STR_ARG(client), STR_ARG(helo), STR_ARG(sender));
}

static void
screen_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	if (m->type == MSG_SCREEN_END) {
		(void)ipc_get_u64(m);
		stream_size = ipc_get_u64(m);
		assume(ipc_end(m) == 0);
		return;
	}
	if (m->type == MSG_SCREEN_ABORT) {
		(void)ipc_get_u64(m);
		assume(ipc_end(m) == 0);
		file_close(&screen_pipe);
		screen_aborts++;
		return;
	}
	buf_reset(&screened);
	stream_size = 0;
	screen_call = m->id;
	if (m->type == MSG_SCREEN_STREAM) {
		screen_answer = MSG_SCREEN_STREAM_R;
		(void)ipc_get_u64(m);
		read_head(m);
		file_close(&screen_pipe);
		screen_pipe = ipc_take_fd(m);
		assume(ipc_end(m) == 0);
		streams++;
		return;
	}
	assume(m->type == MSG_SCREEN_PUT);
	screen_answer = MSG_SCREEN_PUT_R;
	read_head(m);
	buf_str(&screened, ipc_get_str(m));
	assume(ipc_end(m) == 0);
	if (!screen_waits)
		screen_says();
}

/* ---- the whole ---- */

static void
fakes_open(const char *toml)
{
	int a[2], q[2], s[2];
	struct err e = {0};

	assume(loop_init(&e) == 0);
	conf = conf_parse(str_z(toml), "test", &e);
	assume(conf != NULL);
	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, a) == 0);
	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, q) == 0);
	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s) == 0);
	to_screen = ipc_new(s[0], PEER_SMTPD, PEER_SCREEN, NULL, NULL, NULL);
	screen = ipc_new(s[1], PEER_SCREEN, PEER_SMTPD, screen_message, NULL, NULL);
	to_authd = ipc_new(a[0], PEER_SMTPD, PEER_AUTHD, NULL, NULL, NULL);
	authd = ipc_new(a[1], PEER_AUTHD, PEER_SMTPD, authd_message, NULL, NULL);
	to_queue = ipc_new(q[0], PEER_SMTPD, PEER_QUEUE, NULL, NULL, NULL);
	queue = ipc_new(q[1], PEER_QUEUE, PEER_SMTPD, queue_message, NULL, NULL);
	sign_open();
	session_init(names = dns_script_new());
	assume(door_configure(&e) == 0);
	buf_init(&stored, 16u << 20);
	buf_init(&screened, 16u << 20);
	word = (struct screening_answer){0};
	screen_waits = false;
	streams = screen_aborts = 0;
	arena_init(&env_arena);
	authd_waits = queue_waits = draining = drained = false;
	nwaiting = committed = aborted = tokens_ended = vouched = 0;
	queue_error = (struct err){0};
	answers_forget();
}

static void
fakes_close(void)
{
	ipc_free(&to_authd);
	ipc_free(&authd);
	ipc_free(&to_queue);
	ipc_free(&queue);
	sign_close();
	ipc_free(&to_screen);
	ipc_free(&screen);
	file_close(&screen_pipe);
	buf_free(&screened);
	dns_free(&names);
	conf_free(&conf);
	buf_free(&stored);
	arena_free(&env_arena);
	file_close(&lent);
	answers_forget();
	limits_done();
}
