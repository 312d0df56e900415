/*
 * owner.c - see owner.h: one user's process, from the fork to its end.
 *
 * Serves the connections that the parent hands over, speaks IMAP in those of gk-imapd
 * (mailboxd/imap) and JMAP in those of gk-webd (mailboxd/jmap), and leaves when it has had none for
 * mailbox.linger. It never just ends: it asks the parent, and goes
 * when nothing more can come (spawn.c); only the parent's own end is its end at once.
 * Exit codes: 0 done; 75 the home cannot be opened or its disk failed.
 */
#include "mailboxd/owner.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "mailboxd/approvals.h"
#include "mailboxd/imap/imap.h"
#include "mailboxd/import.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/backlog.h"
#include "mailboxd/jmap/conn.h"
#include "mailboxd/jmap/jmap.h"
#include "mailboxd/jmap/push.h"
#include "mailboxd/jmap/row.h"
#include "mailboxd/outside.h"
#include "mailboxd/restore.h"
#include "mailboxd/task.h"
#include "store/answered.h"
#include "store/home.h"
#include "store/reserve.h"
#include "svc/svc.h"

#define EXIT_AGAIN    75
#define LOCK_WAIT_MS  5000u /* for a predecessor that outlived its parent */
#define LOCK_EVERY_MS 20u
#define USAGE_MS      1000u
#define GOODBYE_MS    2000u /* for clients to take the last words */
#define BUSY_MS       200u  /* there is work that nobody waits for (jmap_is_busy) */
#define ROOM_TRIES    100u  /* looks for the room that the parent makes on a full disk */
#define ROOM_MS       2u
#define AGENT_FIELDS  4u /* AGENT_REDEEM_R */

/* Each front counts its own connections. */
struct session_key {
	uint64_t id;
	uint64_t front;
};

struct session {
	struct session_key key;
	struct imap_conn *imap; /* of gk-imapd */
	struct jmap_conn *jmap; /* of gk-webd and gk-mcpd */
	bool parking;
	UT_hash_handle hh;
};

static struct {
	struct home *home;
	struct ipc_chan *parent;
	struct imap_host host;
	struct jmap *jmap; /* from the first connection of gk-webd on */
	struct jmap_conn_host web_host, mcp_host;
	struct jmap_outside outside;
	struct session *sessions;
	size_t parking;
	struct loop_timer *linger, *usage, *end;
	uint64_t octets, messages, linger_ms, max_delay_s;
	int64_t due;         /* as the parent knows it */
	uint32_t ndelivered; /* OWN_DELIVERED */
	bool any_sender;
	char *user;
	const char *bye; /* it ends: what connections are told; NULL while it does not */
	bool told;       /* the parent sends nothing more */
	bool late;       /* who has not taken the last words does not */
	int status;
} self;

/* ---- confinement ---- */

static bool
may_chroot(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t v = CAP_CLEAR;

	if (caps != NULL)
		(void)cap_get_flag(caps, CAP_SYS_CHROOT, CAP_EFFECTIVE, &v);
	cap_free(caps);
	return v == CAP_SET;
}

static int
drop_capabilities(struct err *e)
{
	cap_t none = cap_init();
	int rc = none != NULL && cap_set_proc(none) == 0 ? 0 : err_sys(e, "drop capabilities");

	cap_free(none);
	return rc;
}

int
owner_confine(const char *home, const struct sandbox_filter *filter, bool required, struct err *e)
{
	static const struct sandbox_path paths[] = {
	    {"Maildir", SBP_READ | SBP_LIST | SBP_MAKE | SBP_REMOVE | SBP_REFER | SBP_MAKE_DIR |
			    SBP_REMOVE_DIR},
	    {"Maildir/tmp", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_REFER},
	    {"db", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
	};
	const struct sandbox box = {
	    .calls = OWNER_CALLS, .paths = paths, .n = ARRAY_LEN(paths), .required = required};

	if (chdir(home) < 0)
		return err_sys(e, "go to %s", home);
	if (may_chroot() && (chroot(".") < 0 || chdir("/") < 0))
		return err_sys(e, "chroot to %s", home);
	if (drop_capabilities(e) < 0)
		return -1;
	return sandbox_enter_prepared(&box, filter, e);
}

/* Other owners' channels, the parent's, the metrics page's descriptor: nothing of it is ours. */
static void
close_others(int a, int b)
{
	unsigned low = (unsigned)num_min(a, b), high = (unsigned)num_max(a, b);

	if (low > 3)
		(void)close_range(3, low - 1, 0);
	if (high > low + 1)
		(void)close_range(num_max(low + 1, 3u), high - 1, 0);
	(void)close_range(num_max(high + 1, 3u), ~0u, 0);
}

/* ---- the end ---- */

static void
drop(struct session *s)
{
	imap_conn_free(&s->imap);
	jmap_conn_free(&s->jmap);
}

static void
quit(int status)
{
	struct session *s, *next;

	HASH_ITER (hh, self.sessions, s, next) {
		HASH_DEL(self.sessions, s);
		drop(s);
		free(s);
	}
	jmap_free(&self.jmap);
	home_close(&self.home);
	log_flush();
	_exit(status);
}

static void
send_empty(enum ipc_type type)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_send(self.parent, &m);
}

/* With nobody left: stay a while, or go. */
static void
settle(void)
{
	if (self.sessions != NULL && !self.late)
		return;
	if (self.bye == NULL)
		loop_timer_set(self.linger, self.linger_ms);
	else if (self.told)
		quit(self.status);
}

static void
end_due(void *arg)
{
	(void)arg;
	self.late = true;
	settle();
}

/* Sessions hear it. One that is just being parked does when that is refused: the front may have it
 * already, and then the client has nothing to hear. */
static void
say_bye(const char *text)
{
	struct session *s, *next;

	self.bye = text;
	loop_timer_stop(self.linger);
	HASH_ITER (hh, self.sessions, s, next) {
		if (s->jmap != NULL)
			jmap_conn_bye(s->jmap);
		else if (!s->parking)
			imap_conn_bye(s->imap, text);
	}
}

/* It cannot go on, whoever is there. Called from within the store: ends nothing by itself. */
static void
must_end(int status, const char *text)
{
	if (status != 0)
		self.status = status;
	if (self.bye != NULL)
		return;
	send_empty(MSG_OWN_ENDING);
	say_bye(text);
	loop_timer_set(self.end, GOODBYE_MS);
}

/* Memory is ahead of the disk: what is on disk is read anew by the next owner. */
static void
on_failed(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	must_end(EXIT_AGAIN, "[UNAVAILABLE] Internal error, please reconnect");
}

/* ---- a full disk ---- */

/* The parent lets go of something (INVARIANTS 7). It is waited for here, as a sync is: whoever
 * meets the full disk may be in the middle of a transaction. */
static bool
make_room(void)
{
	const struct timespec pause = {.tv_nsec = ROOM_MS * 1000000};

	if (!reserve_is_full(reserve_free(-1)))
		return false;
	send_empty(MSG_OWN_ROOM);
	ipc_flush(self.parent);
	for (unsigned i = 0; i < ROOM_TRIES; i++) {
		(void)nanosleep(&pause, NULL);
		if (!reserve_is_full(reserve_free(-1)))
			return true;
	}
	return false;
}

/* ---- usage ---- */

static void
send_usage(void *arg)
{
	struct ipc_out m;

	(void)arg;
	loop_timer_stop(self.usage);
	ipc_begin(&m, MSG_OWN_USAGE);
	ipc_put_u64(&m, self.octets);
	ipc_put_u64(&m, self.messages);
	ipc_send(self.parent, &m);
}

static void
on_usage(void *arg, uint64_t octets, uint64_t messages)
{
	(void)arg;
	self.octets = octets;
	self.messages = messages;
	if (self.usage != NULL && !loop_timer_pending(self.usage))
		loop_timer_set(self.usage, USAGE_MS);
}

/* ---- connections ---- */

static void
linger_over(void *arg)
{
	struct ipc_out m;

	(void)arg;
	if (self.jmap != NULL && (jmap_is_busy(self.jmap) || approvals_are_busy())) {
		loop_timer_set(self.linger, BUSY_MS);
		return;
	}
	if (loop_timer_pending(self.usage))
		send_usage(NULL);
	ipc_begin(&m, MSG_OWN_LEAVE);
	ipc_put_u32(&m, self.ndelivered);
	ipc_send(self.parent, &m);
}

static struct session *
find(enum ipc_peer front, uint64_t id)
{
	const struct session_key key = {id, front};
	struct session *s;

	HASH_FIND(hh, self.sessions, &key, sizeof key, s);
	return s;
}

static void
closed(enum ipc_peer front, uint64_t id)
{
	struct session *s = find(front, id);
	struct ipc_out m;

	if (s == NULL)
		return;
	if (s->parking)
		self.parking--;
	HASH_DEL(self.sessions, s);
	free(s);
	ipc_begin(&m, MSG_OWN_CLOSED);
	ipc_put_u32(&m, front);
	ipc_put_u64(&m, id);
	ipc_send(self.parent, &m);
	settle();
}

static void
on_closed(void *arg, uint64_t id)
{
	(void)arg;
	closed(PEER_IMAPD, id);
}

static void
on_web_closed(void *arg, uint64_t id)
{
	(void)arg;
	closed(PEER_WEBD, id);
}

static void
on_mcp_closed(void *arg, uint64_t id)
{
	(void)arg;
	closed(PEER_MCPD, id);
}

/* Nobody has read a byte of it: the next owner does. */
static void
give_back(enum ipc_peer front, const struct imap_conn_args *a)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_OWN_BACK);
	ipc_put_u32(&m, front);
	ipc_put_u64(&m, a->conn);
	ipc_put_str(&m, a->peer);
	ipc_put_str(&m, a->sid);
	ipc_put_str(&m, a->tag);
	ipc_put_str(&m, a->record);
	ipc_put_fd(&m, a->fd);
	ipc_send(self.parent, &m);
}

static void on_changed(void *arg);

/* When there has to be an owner again, whatever becomes of this one. */
static void
on_due(void *arg, int64_t at)
{
	struct ipc_out m;

	(void)arg;
	if (at == self.due)
		return;
	self.due = at;
	ipc_begin(&m, MSG_OWN_DUE);
	ipc_put_u64(&m, (uint64_t)at);
	ipc_send(self.parent, &m);
}

static struct jmap *
begin_jmap(void)
{
	const struct jmap_host host = {.home = self.home,
	    .user = str_z(self.user),
	    .changed = on_changed,
	    .due = on_due,
	    .max_delay_s = self.max_delay_s,
	    .any_sender = self.any_sender,
	    .outside = &self.outside};

	if (self.jmap == NULL) {
		outside_init(&self.outside, self.parent);
		self.jmap = jmap_new(&host);
	}
	return self.jmap;
}

/* What comes from gk-mcpd is an agent's, whatever it says: without a word about which, one that may
 * nothing. */
static struct jmap_conn *
begin_pipe(enum ipc_peer front, const struct imap_conn_args *a, const struct str *agent, size_t n)
{
	static const struct jmap_agent nobody;
	struct jmap_conn_args args = {
	    .fd = a->fd, .conn = a->conn, .peer = a->peer, .sid = a->sid, .user = a->user};
	struct jmap_conn_host *host = front == PEER_MCPD ? &self.mcp_host : &self.web_host;
	struct jmap_conn *c;
	struct arena arena;

	*host = (struct jmap_conn_host){
	    .jmap = begin_jmap(), .closed = front == PEER_MCPD ? on_mcp_closed : on_web_closed};
	arena_init(&arena);
	if (front == PEER_MCPD && (args.agent = jmap_agent_read(&arena, agent, n)) == NULL)
		args.agent = &nobody;
	c = jmap_conn_new(host, &args);
	arena_free(&arena);
	return c;
}

static void
on_conn(struct ipc_in *m)
{
	struct imap_conn_args a = {.user = str_z(self.user)};
	enum ipc_peer front = (enum ipc_peer)ipc_get_u32(m);
	struct str agent[AGENT_FIELDS];
	struct session *s;
	size_t n = 0;

	a.conn = ipc_get_u64(m);
	a.peer = ipc_get_str(m);
	a.sid = ipc_get_str(m);
	a.tag = ipc_get_str(m);
	a.record = ipc_get_str(m);
	a.told = ipc_get_u32(m);
	for (uint32_t left = ipc_get_list(m); left > 0; left--) {
		struct str item = ipc_get_item(m);

		if (n < AGENT_FIELDS)
			agent[n++] = item;
	}
	a.fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		if (a.fd >= 0)
			close(a.fd);
		return;
	}
	if (self.bye != NULL) {
		give_back(front, &a);
		return;
	}
	loop_timer_stop(self.linger);
	if ((s = find(front, a.conn)) != NULL) {
		/* A front that was started again counts from the start: the old one is dead. */
		drop(s);
		self.parking -= s->parking;
	} else {
		s = mem_alloc(sizeof *s);
		s->key = (struct session_key){a.conn, front};
		HASH_ADD(hh, self.sessions, key, sizeof s->key, s);
	}
	s->parking = false;
	if (front == PEER_WEBD || front == PEER_MCPD)
		s->jmap = begin_pipe(front, &a, agent, n);
	else
		s->imap = imap_conn_new(&self.host, &a);
}

static void
on_rest(struct ipc_in *m)
{
	enum ipc_peer front = (enum ipc_peer)ipc_get_u32(m);
	struct session *s = find(front, ipc_get_u64(m));

	if (ipc_end(m) == 0 && s != NULL && s->jmap != NULL)
		jmap_conn_rest(s->jmap);
}

/* ---- parking ---- */

static void
parked(void *arg, struct ipc_in *m, const struct err *e)
{
	struct session *s = find(PEER_IMAPD, *(uint64_t *)arg);
	bool accepted = false;

	(void)e;
	free(arg);
	if (m != NULL) {
		accepted = ipc_get_u32(m) == 1;
		if (ipc_end(m) < 0)
			return;
	}
	if (s == NULL || !s->parking)
		return;
	s->parking = false;
	self.parking--;
	imap_conn_parked(s->imap, accepted);
	if (!accepted && self.bye != NULL)
		imap_conn_bye(s->imap, self.bye);
}

static void
on_park(void *arg, uint64_t id, uint64_t consumed, struct str record, uint32_t exists)
{
	struct session *s = find(PEER_IMAPD, id);
	uint64_t *copy = mem_alloc(sizeof *copy);
	struct ipc_out m;

	(void)arg;
	assume(s != NULL && !s->parking);
	s->parking = true;
	self.parking++;
	*copy = id;
	ipc_begin(&m, MSG_OWN_PARK);
	ipc_put_u64(&m, id);
	ipc_put_u64(&m, consumed);
	ipc_put_str(&m, record);
	ipc_put_u32(&m, exists);
	ipc_call(self.parent, &m, parked, copy);
}

static void
on_changed(void *arg)
{
	(void)arg;
	send_empty(MSG_OWN_CHANGED);
}

/* ---- the operator's tasks ---- */

static void
on_task(struct ipc_in *m)
{
	loop_timer_stop(self.linger);
	/* An index that is to be made anew is read by the next owner. */
	if (task_run(self.home, self.parent, m))
		must_end(0, "[UNAVAILABLE] The mailbox is made anew, please reconnect");
	else
		settle();
}

/* ---- the parent ---- */

static void
on_delivered(void)
{
	self.ndelivered++;
	home_delivered(self.home);
	/* Mail that crossed LEAVE keeps it here: there may be somebody to answer. */
	if (self.bye == NULL && !loop_timer_pending(self.linger))
		settle();
	/* Who is just being parked reports nothing any more: the parent wakes it. */
	if (self.parking > 0)
		on_changed(NULL);
}

/* Nothing more comes: GO, or DRAIN when the end is the parent's wish. */
static void
on_last_word(void)
{
	self.told = true;
	if (self.bye == NULL)
		say_bye("Server is shutting down");
	settle();
}

/* As gk-smtpd has it (sender_must_own). */
static bool
is_free_sender(const struct conf *conf)
{
	struct str user = str_z(self.user), domain = str_from(user, str_rchr(user, '@'));
	const struct str *free_ones;
	size_t n;

	if (!conf_bool(conf, CONF_SUBMISSION_SENDER_OWNERSHIP))
		return true;
	free_ones = conf_list(conf, CONF_SUBMISSION_FREE_SENDERS, &n);
	for (size_t i = 0; i < n; i++)
		if (domain.n > 1 && str_ieq(free_ones[i], str_from(domain, 1)))
			return true;
	return false;
}

/* Every key that an owner reads. */
static void
take_config(const struct conf *conf)
{
	self.linger_ms = conf_num(conf, CONF_MAILBOX_LINGER);
	self.host.idle_ms = conf_num(conf, CONF_IMAP_IDLE_TIMEOUT);
	self.host.park_after_ms = conf_num(conf, CONF_IMAP_PARK_AFTER);
	self.host.max_message = conf_num(conf, CONF_IMAP_MAX_SIZE);
	self.max_delay_s = conf_num(conf, CONF_SUBMISSION_MAX_HOLD) / 1000;
	self.any_sender = is_free_sender(conf);
	if (self.jmap != NULL) {
		self.jmap->host.max_delay_s = self.max_delay_s;
		self.jmap->host.any_sender = self.any_sender;
	}
	home_set_host(self.home, conf_str(conf, CONF_SERVER_HOST_NAME));
}

static void
on_config(struct ipc_in *m)
{
	uint32_t n = ipc_get_list(m);
	struct str *keys = mem_array((size_t)n + 1, sizeof *keys);
	struct conf *conf = NULL;
	struct err e = {0};

	for (uint32_t i = 0; i < n; i++)
		keys[i] = ipc_get_item(m);
	if (ipc_end(m) == 0 && (conf = conf_unpack(keys, n, &e)) == NULL)
		log_error("mailbox.config", LZ("user", self.user), LE(&e));
	if (conf != NULL)
		take_config(conf);
	conf_free(&conf);
	free(keys);
	if (loop_timer_pending(self.linger))
		settle();
}

static void
on_log(struct ipc_in *m)
{
	uint32_t format = ipc_get_u32(m), level = ipc_get_u32(m);
	int fd = ipc_take_fd(m);

	if (ipc_end(m) < 0)
		return;
	log_set_format((enum log_format)format);
	log_set_level((enum log_level)level);
	log_set_fd(fd);
}

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	if (m->type == MSG_OWN_CONN) {
		on_conn(m);
	} else if (m->type == MSG_OWN_REST) {
		on_rest(m);
	} else if (m->type == MSG_OWN_LOG) {
		on_log(m);
	} else if (m->type == MSG_OWN_QUOTA) {
		uint64_t quota = ipc_get_u64(m);

		if (ipc_end(m) == 0)
			home_set_quota(self.home, quota);
	} else if (m->type == MSG_OWN_DELIVERED && ipc_end(m) == 0) {
		on_delivered();
	} else if (m->type == MSG_OWN_TASK) {
		on_task(m);
	} else if (m->type == MSG_OWN_APPROVALS) {
		loop_timer_stop(self.linger);
		approvals_run(begin_jmap(), self.parent, m, settle);
	} else if (m->type == MSG_OWN_COPY) {
		restore_copy(self.home, self.parent, m);
		/* A backup calls every user's: one that it alone has called goes at once. */
		if (self.sessions == NULL && self.bye == NULL)
			loop_timer_set(self.linger, 1);
	} else if (m->type == MSG_OWN_PUT) {
		loop_timer_stop(self.linger);
		restore_put(self.home, self.parent, m, settle);
	} else if (m->type == MSG_OWN_KEYS || m->type == MSG_OWN_MAKE || m->type == MSG_OWN_TAKE) {
		loop_timer_stop(self.linger);
		import_message(self.home, self.parent, m, settle);
	} else if (m->type == MSG_OWN_CONFIG) {
		on_config(m);
	} else if ((m->type == MSG_OWN_GO || m->type == MSG_OWN_DRAIN) && ipc_end(m) == 0) {
		on_last_word();
	} else {
		ipc_refuse(m);
	}
}

static void
on_parent_gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	(void)c;
	quit(0);
}

/* ---- the start ---- */

/* The home of an owner whose parent died may be open for a moment yet. */
static struct home *
open_home(const struct home_options *o, struct err *e)
{
	struct home *h;

	for (unsigned waited = 0;; waited += LOCK_EVERY_MS) {
		const struct timespec pause = {.tv_nsec = LOCK_EVERY_MS * 1000000};

		if ((h = home_open(o, e)) != NULL || e->code != E_TEMP || waited >= LOCK_WAIT_MS)
			return h;
		(void)nanosleep(&pause, NULL);
	}
}

static void
render(void *arg, enum cache_kind kind, struct str octets, struct buf *out)
{
	if (kind == CACHE_EMAIL)
		jmap_row_write(octets, out);
	else
		imap_render(arg, kind, octets, out);
}

static int
begin(const struct owner_start *s, struct err *e)
{
	const struct conf *conf = svc_conf();
	const struct home_options o = {.host = conf_str(conf, CONF_SERVER_HOST_NAME),
	    .quota = s->quota,
	    .render = render,
	    .render_version = IMAP_RENDER_VERSION << 8 | JMAP_RENDER_VERSION,
	    .usage = on_usage,
	    .failed = on_failed};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	/* The parent's handler speaks to a loop that is gone; who ends us is the parent. */
	(void)sigaction(SIGTERM, &ignore, NULL);
	if (owner_confine(s->home, s->filter, s->sandbox_required, e) < 0 ||
	    loop_init_forked(e) < 0)
		return -1;
	self.user = mem_dup(s->user, strlen(s->user));
	self.linger = loop_timer_new(linger_over, NULL);
	self.usage = loop_timer_new(send_usage, NULL);
	self.end = loop_timer_new(end_due, NULL);
	self.parent = ipc_new(s->fd, PEER_OWNER, PEER_MAILBOXD, on_message, on_parent_gone, NULL);
	file_full = make_room;
	if ((self.home = open_home(&o, e)) == NULL)
		return -1;
	self.host = (struct imap_host){
	    .home = self.home, .park = on_park, .changed = on_changed, .closed = on_closed};
	take_config(conf);
	self.octets = home_octets(self.home);
	self.messages = home_messages(self.home);
	/* Whoever is away is answered for, and devices are told, whether or not a client comes. */
	self.due = s->due ? -1 : 0;
	if (access(ANSWERED_PATH, F_OK) == 0 || access(PUSH_PATH, F_OK) == 0 ||
	    home_threads_left(self.home) || s->due)
		jmap_backlog_resume(begin_jmap());
	return 0;
}

void
owner_run(const struct owner_start *s)
{
	uint64_t began = clock_us();
	struct err e = {0};

	close_others(s->fd, log_fd());
	if (begin(s, &e) < 0) {
		log_error("mailbox.open", LZ("user", s->user), LE(&e));
		log_flush();
		_exit(EXIT_AGAIN);
	}
	log_debug("mailbox.start", LZ("user", s->user), LU("us", clock_us() - began));
	send_empty(MSG_OWN_READY);
	send_usage(NULL);
	settle();
	loop_run();
	quit(0);
	_exit(0);
}
