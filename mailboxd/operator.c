/* operator.c - see operator.h: a task waits for authd's word on the user, for the owner, for its
 * answer. */
#include "mailboxd/operator.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/svc.h"

struct task {
	struct ipc_chan *ctl; /* NULL: the asker has gone */
	uint64_t call;
	enum ipc_type type; /* MAILBOX_TASK, APPROVALS, or that of the route */
	uint32_t what;
	const struct route *route; /* of what goes through as it is; NULL: none */
	struct ipc_out own;        /* of that: what the owner is told, until it is */
	char *id;                  /* of APPROVALS */
	struct user *user;         /* once authd knows it */
	uint64_t since;
	bool sent; /* to the owner */
	TAILQ_ENTRY(task) link;
};

static TAILQ_HEAD(, task) tasks = TAILQ_HEAD_INITIALIZER(tasks);

static void
task_free(struct task *t)
{
	if (t->user != NULL)
		t->user->njobs--;
	TAILQ_REMOVE(&tasks, t, link);
	if (t->own.type != 0 && !t->sent)
		ipc_drop(&t->own);
	free(t->id);
	free(t);
}

static void
fail(struct task *t, const struct err *e)
{
	if (t->ctl != NULL)
		ipc_reply_error(t->ctl, t->call, e);
	task_free(t);
}

/* ---- the owner's answer ---- */

/* The owner's answer, where somebody waits for it yet. Also called while its channel is freed: the
 * user may not be settled here. */
static void
pass_on(struct task *t, struct ipc_in *m, struct ipc_out *out)
{
	struct user *u = t->user;

	if (ipc_end(m) == 0 && t->ctl != NULL)
		ipc_reply(t->ctl, t->call, out);
	else
		ipc_drop(out);
	task_free(t);
	spawn_idle(u);
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;
	struct str *rows;
	uint32_t n;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_MAILBOX_TASK_R);
	for (size_t i = 0; i < 3; i++)
		ipc_put_u64(&out, ipc_get_u64(m));
	n = ipc_get_list(m);
	rows = mem_array((size_t)n + 1, sizeof *rows);
	for (uint32_t i = 0; i < n; i++)
		rows[i] = ipc_get_item(m);
	ipc_put_list(&out, rows, n);
	pass_on(arg, m, &out);
	free(rows);
}

static void
approvals_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_APPROVALS_R);
	ipc_put_fd(&out, ipc_take_fd(m));
	pass_on(arg, m, &out);
}

/* ---- what goes through as it is ---- */

/* The operator's message, the owner's, and their answers. The first begins with the address, and is
 * otherwise field by field the second. */
static const struct route {
	enum ipc_type from, to, answer;
} routes[] = {
    {MSG_MAILBOX_COPY, MSG_OWN_COPY, MSG_MAILBOX_COPY_R},
    {MSG_MAILBOX_PUT, MSG_OWN_PUT, MSG_MAILBOX_PUT_R},
    {MSG_MAILBOX_KEYS, MSG_OWN_KEYS, MSG_MAILBOX_KEYS_R},
    {MSG_MAILBOX_MAKE, MSG_OWN_MAKE, MSG_MAILBOX_MAKE_R},
    {MSG_MAILBOX_TAKE, MSG_OWN_TAKE, MSG_MAILBOX_TAKE_R},
};

static const struct route *
route_of(enum ipc_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (routes[i].from == type)
			return &routes[i];
	return NULL;
}

static void
pass_list(struct ipc_in *m, struct ipc_out *out)
{
	uint32_t n = ipc_get_list(m);
	struct str *v = mem_array((size_t)n + 1, sizeof *v);

	for (uint32_t i = 0; i < n; i++)
		v[i] = ipc_get_item(m);
	ipc_put_list(out, v, n);
	free(v);
}

/* The fields that m has left. */
static void
pass(struct ipc_in *m, struct ipc_out *out)
{
	while (*m->fields != '\0') {
		if (*m->fields == 'u')
			ipc_put_u32(out, ipc_get_u32(m));
		else if (*m->fields == 'q')
			ipc_put_u64(out, ipc_get_u64(m));
		else if (*m->fields == 's')
			ipc_put_str(out, ipc_get_str(m));
		else if (*m->fields == 'l')
			pass_list(m, out);
		else
			ipc_put_fd(out, ipc_take_fd(m));
	}
}

static void
passed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct task *t = arg;
	struct ipc_out out;

	if (m == NULL) {
		fail(t, e);
		return;
	}
	ipc_begin(&out, t->route->answer);
	pass(m, &out);
	pass_on(t, m, &out);
}

static void
give(struct task *t)
{
	struct ipc_out m;

	t->sent = true;
	t->user->idle_since = 0;
	if (t->route != NULL) {
		ipc_call(t->user->owner, &t->own, passed, t);
		return;
	}
	if (t->type == MSG_APPROVALS) {
		ipc_begin(&m, MSG_OWN_APPROVALS);
		ipc_put_u32(&m, t->what);
		ipc_put_z(&m, t->id);
		ipc_call(t->user->owner, &m, approvals_told, t);
		return;
	}
	ipc_begin(&m, MSG_OWN_TASK);
	ipc_put_u32(&m, t->what);
	ipc_call(t->user->owner, &m, answered, t);
}

void
operator_ready(struct user *u)
{
	struct task *t, *next;

	for (t = TAILQ_FIRST(&tasks); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->user == u && !t->sent)
			give(t);
	}
}

void
operator_refuse(struct user *u, const struct err *e)
{
	struct task *t, *next;

	for (t = TAILQ_FIRST(&tasks); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->user == u && !t->sent)
			fail(t, e);
	}
}

void
operator_expire(void)
{
	struct task *t, *next;
	struct user *u;
	struct err e;

	err_set(&e, E_TEMP, "no process for the mailbox in time");
	for (t = TAILQ_FIRST(&tasks); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if ((u = t->user) == NULL || t->sent || clock_ms() - t->since <= WAIT_MS)
			continue;
		fail(t, &e);
		user_settle(u);
	}
}

void
operator_gone(const struct ipc_chan *c)
{
	struct task *t;

	TAILQ_FOREACH (t, &tasks, link)
		if (t->ctl == c)
			t->ctl = NULL;
}

/* ---- the question ---- */

static void
checked(void *arg, struct ipc_in *m, const struct err *why)
{
	struct task *t = arg;
	struct str name;
	uint64_t quota;
	struct user *u;
	struct err e;

	if (m == NULL) {
		fail(t, why);
		return;
	}
	name = ipc_get_str(m);
	quota = ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		err_set(&e, E_PROTO, "unreadable answer");
		fail(t, &e);
		return;
	}
	u = t->user = user_get(name);
	u->njobs++;
	t->since = clock_ms();
	if (t->route == NULL)
		log_info("mailbox.task", LZ("user", u->name), LU("task", t->what));
	if (u->state == OWNER_NONE)
		u->quota = quota;
	if (u->state == OWNER_LIVE)
		give(t);
	else
		spawn_want(u);
	user_settle(u);
}

/* A task, which begins with the word of authd. */
static void
begin(struct task *t, struct str address)
{
	struct ipc_out out;

	TAILQ_INSERT_TAIL(&tasks, t, link);
	ipc_begin(&out, MSG_USER_CHECK);
	ipc_put_str(&out, address);
	ipc_call(svc_channel(PEER_AUTHD), &out, checked, t);
}

bool
operator_passes(struct ipc_chan *c, struct ipc_in *m)
{
	const struct route *r = route_of(m->type);
	struct str address;
	struct task *t;

	if (r == NULL)
		return false;
	address = ipc_get_str(m);
	t = mem_alloc(sizeof *t);
	t->ctl = c;
	t->call = m->id;
	t->type = m->type;
	t->route = r;
	t->id = mem_dup("", 0);
	ipc_begin(&t->own, r->to);
	pass(m, &t->own);
	if (ipc_end(m) == 0) {
		begin(t, address);
		return true;
	}
	ipc_drop(&t->own);
	free(t->id);
	free(t);
	return true;
}

void
operator_message(struct ipc_chan *c, struct ipc_in *m)
{
	struct str address = ipc_get_str(m);
	uint32_t what = ipc_get_u32(m), last = MAILBOX_REINDEX;
	struct str id = STR("");
	struct task *t;
	struct err e;

	if (m->type == MSG_APPROVALS) {
		id = ipc_get_str(m);
		last = APPROVAL_REFUSE;
	}
	if (ipc_end(m) < 0)
		return;
	if (what > last) {
		err_set(&e, E_INVAL, "no such task");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	t = mem_alloc(sizeof *t);
	t->ctl = c;
	t->call = m->id;
	t->type = m->type;
	t->what = what;
	t->id = mem_dup(id.n > 0 ? id.p : "", id.n);
	begin(t, address);
}
