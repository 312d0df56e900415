/*
 * spawn.c - starting and ending owners (INVARIANTS 12).
 *
 * A user's owner is starting, live or leaving, and only when it has been reaped another is started.
 * Every end is the same: first nothing goes there any more and what comes waits for the next one,
 * then the owner knows that it has seen all (GO, or DRAIN where the end is ours), then it is
 * reaped.
 *
 *	idle                          LEAVE; GO if nothing was sent to it meanwhile
 *	failed disk, index to rebuild ENDING; GO
 *	max_owners, revoked user,
 *	removed home, shutdown        DRAIN
 *	crash                         the channel closes
 *
 * At max_owners the one that idles longest is asked to end, and users wait in a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/due.h"
#include "mailboxd/hold.h"
#include "mailboxd/operator.h"
#include "mailboxd/parent.h"
#include "store/maildir.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define END_MS 5000u /* for an owner to say goodbye */

static struct sandbox_filter *filter;
static TAILQ_HEAD(, user) line = TAILQ_HEAD_INITIALIZER(line); /* waiting for a slot */
static size_t owners;

int
spawn_init(struct err *e)
{
	return (filter = sandbox_filter_new(OWNER_CALLS, e)) == NULL ? -1 : 0;
}

size_t
spawn_count(void)
{
	return owners;
}

/* ---- the end ---- */

static void
leave_line(struct user *u)
{
	if (u->slot)
		TAILQ_REMOVE(&line, u, slots);
	u->slot = false;
}

/* Connections that the owner had are closed by its end. */
static void
drop_live(struct user *u)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CONN_LIVE)
			park_closed(c, true);
	}
}

static void
report_end(const struct user *u, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_debug("mailbox.end", LZ("user", u->name), LU("pid", u->pid));
	else if (WIFSIGNALED(status))
		log_error("mailbox.crash", LZ("user", u->name), LU("pid", u->pid),
		    LU("signal", WTERMSIG(status)));
	else
		log_error("mailbox.exit", LZ("user", u->name), LU("pid", u->pid),
		    LU("status", WEXITSTATUS(status)));
}

static void
ended(struct user *u, int status)
{
	bool was_starting = u->state == OWNER_STARTING;
	struct err e;

	report_end(u, status);
	loop_io_free(&u->reaper);
	close(u->pidfd);
	u->pidfd = -1;
	u->pid = 0;
	u->state = OWNER_NONE;
	if (u->kill != NULL)
		loop_timer_stop(u->kill);
	if (u->owner != NULL)
		ipc_free(&u->owner);
	owners--;
	metric_add(METRIC_OWNERS, -1);
	drop_live(u);
	/* One that could not even start would not the next time. */
	if (was_starting) {
		err_set(&e, E_TEMP, "the mailbox cannot be opened now");
		open_refuse(u, &e);
		operator_refuse(u, &e);
	}
	due_ended(u);
	if (user_waits(u))
		spawn_want(u);
	user_settle(u);
	spawn_next();
	parent_ended();
}

static void
reap(void *arg, unsigned events)
{
	struct user *u = arg;
	int status = 0;

	(void)events;
	if (waitpid(u->pid, &status, WNOHANG) == u->pid)
		ended(u, status);
}

static void
kill_due(void *arg)
{
	struct user *u = arg;

	if (u->pidfd < 0)
		return;
	log_warn("mailbox.kill", LZ("user", u->name), LU("pid", u->pid));
	(void)syscall(SYS_pidfd_send_signal, u->pidfd, SIGKILL, NULL, 0);
}

void
spawn_log(struct user *u, enum log_format format, enum log_level level, int fd)
{
	struct ipc_out m;
	int copy;

	if (u->state == OWNER_NONE || (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return;
	ipc_begin(&m, MSG_OWN_LOG);
	ipc_put_u32(&m, format);
	ipc_put_u32(&m, level);
	ipc_put_fd(&m, copy);
	ipc_send(u->owner, &m);
}

void
spawn_config(struct user *u)
{
	struct ipc_out m;
	struct arena a;
	struct str *keys;
	size_t n;

	if (u->state == OWNER_NONE)
		return;
	arena_init(&a);
	n = conf_pack(svc_conf(), OWNER_SECTIONS, &a, &keys);
	ipc_begin(&m, MSG_OWN_CONFIG);
	ipc_put_list(&m, keys, n);
	ipc_send(u->owner, &m);
	arena_free(&a);
}

/* From here on nothing goes there; the last word is `type`, and then it has so long. */
static void
part(struct user *u, enum ipc_type type, uint64_t ms)
{
	struct ipc_out m;

	u->state = OWNER_LEAVING;
	ipc_begin(&m, type);
	ipc_send(u->owner, &m);
	if (u->kill == NULL)
		u->kill = loop_timer_new(kill_due, u);
	loop_timer_set(u->kill, ms);
}

void
spawn_end(struct user *u)
{
	if (u->state == OWNER_STARTING || u->state == OWNER_LIVE)
		part(u, MSG_OWN_DRAIN, END_MS);
}

void
spawn_idle(struct user *u)
{
	u->idle_since = u->nlive == 0 ? clock_ms() : 0;
	if (u->nlive == 0 && !TAILQ_EMPTY(&line))
		spawn_next();
}

/* ---- messages ---- */

void
spawn_message(struct user *u, struct ipc_in *m)
{
	uint32_t delivered = m->type == MSG_OWN_LEAVE ? ipc_get_u32(m) : 0;

	if (ipc_end(m) < 0)
		return;
	if (m->type == MSG_OWN_READY && u->state == OWNER_STARTING) {
		u->state = OWNER_LIVE;
		u->idle_since = clock_ms();
		u->mail = false; /* it looks itself */
		open_ready(u);
		operator_ready(u);
	} else if (m->type == MSG_OWN_LEAVE && u->state == OWNER_LIVE && u->nlive == 0 &&
		   u->njobs == 0 && delivered == u->ndelivered) {
		/* It may have thousands of names to mirror. */
		part(u, MSG_OWN_GO, 6 * END_MS);
	} else if (m->type == MSG_OWN_ENDING && u->state == OWNER_LIVE) {
		part(u, MSG_OWN_GO, END_MS);
	}
}

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)c;
	parent_owner_message(arg, m);
}

/* Its process ends too, or is made to. */
static void
on_gone(void *arg, struct ipc_chan *c)
{
	struct user *u = arg;

	(void)c;
	if (u->state == OWNER_LIVE)
		u->state = OWNER_LEAVING;
	if (u->kill == NULL)
		u->kill = loop_timer_new(kill_due, u);
	loop_timer_set(u->kill, END_MS);
}

/* ---- the start ---- */

static int
start(struct user *u, struct err *e)
{
	struct owner_start s = {.user = u->name,
	    .quota = u->quota,
	    .due = u->due_at != 0,
	    .filter = filter,
	    .sandbox_required = str_eq_z(conf_str(svc_conf(), CONF_SERVER_SANDBOX), "required")};
	char home[MAILDIR_HOME_SIZE];
	int pair[2];

	if (maildir_home(str_z(u->name), home, e) < 0 ||
	    maildir_home_make(AT_FDCWD, str_z(u->name), e) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_sys(e, "socketpair");
	/* What an opening home writes: it can ask for more only when it is there. */
	(void)parent_give_room();
	s.home = home;
	s.fd = pair[1];
	log_flush(); /* what is gathered is written once */
	u->pid = fork();
	if (u->pid == 0)
		owner_run(&s);
	close(pair[1]);
	if (u->pid < 0) {
		err_sys(e, "fork");
		close(pair[0]);
		return -1;
	}
	u->nerrands = 0;
	u->ndelivered = 0;
	u->pidfd = pidfd_open(u->pid, 0);
	assume(u->pidfd >= 0);
	u->reaper = loop_io_new(u->pidfd, LOOP_READ, reap, u);
	u->owner = ipc_new(pair[0], PEER_MAILBOXD, PEER_OWNER, on_message, on_gone, u);
	u->state = OWNER_STARTING;
	u->idle_since = 0;
	owners++;
	metric_add(METRIC_OWNERS, 1);
	metric_add(METRIC_OWNER_STARTS, 1);
	return 0;
}

/* All that wait for it. */
static void
refuse(struct user *u, const struct err *e)
{
	open_refuse(u, e);
	operator_refuse(u, e);
	u->mail = false;
}

static struct user *idlest;

static void
is_idlest(struct user *u)
{
	if (u->state == OWNER_LIVE && u->nlive == 0 && u->njobs == 0 && u->idle_since != 0 &&
	    (idlest == NULL || u->idle_since < idlest->idle_since))
		idlest = u;
}

/* Is there room for one more? Otherwise the owner that idles longest is asked to end. */
static bool
has_slot(void)
{
	if (owners < conf_num(svc_conf(), CONF_MAILBOX_MAX_OWNERS))
		return true;
	idlest = NULL;
	user_each(is_idlest);
	if (idlest != NULL)
		spawn_end(idlest);
	return false;
}

void
spawn_want(struct user *u)
{
	struct err e;

	if (u->state != OWNER_NONE || u->slot)
		return;
	if (svc_draining()) {
		err_set(&e, E_TEMP, "shutting down");
		refuse(u, &e);
		return;
	}
	if (hold_has(str_z(u->name)))
		return;
	if (!has_slot()) {
		u->slot = true;
		TAILQ_INSERT_TAIL(&line, u, slots);
		return;
	}
	if (start(u, &e) < 0) {
		log_error("mailbox.start", LZ("user", u->name), LE(&e));
		refuse(u, &e);
	}
}

void
spawn_next(void)
{
	struct user *u;

	while ((u = TAILQ_FIRST(&line)) != NULL) {
		if (user_waits(u) && !has_slot())
			return;
		leave_line(u);
		if (user_waits(u))
			spawn_want(u);
		user_settle(u);
	}
}
