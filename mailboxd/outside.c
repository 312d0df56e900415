/*
 * outside.c - see outside.h.
 */
#include "mailboxd/outside.h"

#include <unistd.h>

#include "base/mem.h"

/* A question that the parent has. */
struct question {
	union {
		void (*smtp)(void *to, int fd, const struct err *e);
		void (*senders)(void *to, const struct str *v, size_t n, const struct err *e);
		void (*sender)(void *to, bool owned, const struct err *e);
		void (*submitted)(void *to, const struct jmap_submitted *s, const struct err *e);
		void (*action)(void *to, struct str approval, const struct err *e);
		void (*settled)(void *to, bool used, struct str mid, const struct err *e);
		void (*posted)(void *to, unsigned status);
	} fn;
	void *to;
};

static uint64_t next_number;

/* Those that nobody wants to hear of any more stay until they are answered. */
static struct {
	uint64_t number;
	struct question *q;
} * asked;
static size_t nasked;

static struct question *
question_new(void *to, uint64_t *number)
{
	struct question *q = mem_alloc(sizeof *q);

	q->to = to;
	*number = ++next_number;
	asked = mem_grow(asked, nasked + 1, sizeof *asked);
	asked[nasked].number = *number;
	asked[nasked++].q = q;
	return q;
}

/* True: somebody waits for it. */
static bool
take(struct question *q, struct question *out)
{
	bool wanted = q->to != NULL;

	*out = *q;
	for (size_t i = 0; i < nasked; i++)
		if (asked[i].q == q) {
			asked[i] = asked[--nasked];
			break;
		}
	free(q);
	return wanted;
}

static void
forget(void *arg, uint64_t number)
{
	(void)arg;
	for (size_t i = 0; i < nasked; i++)
		if (asked[i].number == number)
			asked[i].q->to = NULL;
}

static struct str *
items(struct ipc_in *m, size_t *n)
{
	struct str *v;

	*n = ipc_get_list(m);
	v = mem_array(*n + 1, sizeof *v);
	for (size_t i = 0; i < *n; i++)
		v[i] = ipc_get_item(m);
	return v;
}

/* ---- gk-smtpd ---- */

static void
on_smtp(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q);
	int fd = -1;

	if (m != NULL) {
		fd = ipc_take_fd(m);
		if (ipc_end(m) < 0 || !wanted) {
			if (fd >= 0)
				close(fd);
			return;
		}
	}
	if (wanted)
		q.fn.smtp(q.to, fd, e);
}

static uint64_t
ask_smtp(void *arg, void (*fn)(void *to, int fd, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.smtp = fn;
	ipc_begin(&m, MSG_OWN_SMTP);
	ipc_call(arg, &m, on_smtp, q);
	return number;
}

static uint64_t
ask_agent_smtp(
    void *arg, struct str session, void (*fn)(void *to, int fd, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.smtp = fn;
	ipc_begin(&m, MSG_OWN_AGENT_SMTP);
	ipc_put_str(&m, session);
	ipc_call(arg, &m, on_smtp, q);
	return number;
}

/* ---- authd ---- */

static void
on_senders(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q);
	struct str *v = NULL;
	size_t n = 0;

	if (m != NULL) {
		v = items(m, &n);
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.senders(q.to, v, n, e);
	free(v);
}

static uint64_t
ask_senders(
    void *arg, void (*fn)(void *to, const struct str *v, size_t n, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.senders = fn;
	ipc_begin(&m, MSG_OWN_SENDERS);
	ipc_call(arg, &m, on_senders, q);
	return number;
}

static void
on_sender(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q), owned = false;

	if (m != NULL) {
		owned = ipc_get_u32(m) != 0;
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.sender(q.to, owned, e);
}

static uint64_t
ask_sender(
    void *arg, struct str address, void (*fn)(void *to, bool owned, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.sender = fn;
	ipc_begin(&m, MSG_OWN_SENDER);
	ipc_put_str(&m, address);
	ipc_call(arg, &m, on_sender, q);
	return number;
}

static void
on_action(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q);
	struct str approval = STR("");

	if (m != NULL) {
		approval = ipc_get_str(m);
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.action(q.to, approval, e);
}

static uint64_t
ask_action(void *arg, struct str session, struct str digest,
    void (*fn)(void *to, struct str approval, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.action = fn;
	ipc_begin(&m, MSG_OWN_ACTION);
	ipc_put_str(&m, session);
	ipc_put_str(&m, digest);
	ipc_call(arg, &m, on_action, q);
	return number;
}

static void
on_settled(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q), used = false;
	struct str mid = STR("");

	if (m != NULL) {
		used = ipc_get_u32(m) != 0;
		mid = ipc_get_str(m);
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.settled(q.to, used, mid, e);
}

static uint64_t
ask_settle(void *arg, struct str session, struct str digest, int64_t since,
    void (*fn)(void *to, bool used, struct str mid, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.settled = fn;
	ipc_begin(&m, MSG_OWN_SETTLE);
	ipc_put_str(&m, session);
	ipc_put_str(&m, digest);
	ipc_put_u64(&m, (uint64_t)since);
	ipc_call(arg, &m, on_settled, q);
	return number;
}

/* ---- gk-queue ---- */

static void
on_submitted(void *arg, struct ipc_in *m, const struct err *e)
{
	struct jmap_submitted s = {0};
	struct question q;
	bool wanted = take(arg, &q);
	struct str *v = NULL;

	if (m != NULL) {
		s.state = (enum submitted_state)ipc_get_u32(m);
		s.results = v = items(m, &s.n);
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.submitted(q.to, m != NULL ? &s : NULL, e);
	free(v);
}

static uint64_t
ask_submitted(void *arg, struct str mid, bool cancel,
    void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.submitted = fn;
	ipc_begin(&m, MSG_OWN_SUBMITTED);
	ipc_put_str(&m, mid);
	ipc_put_u32(&m, cancel);
	ipc_call(arg, &m, on_submitted, q);
	return number;
}

/* ---- gk-remote ---- */

static void
on_posted(void *arg, struct ipc_in *m, const struct err *e)
{
	struct question q;
	bool wanted = take(arg, &q);
	unsigned status = 0;

	(void)e;
	if (m != NULL) {
		status = ipc_get_u32(m);
		wanted = ipc_end(m) == 0 && wanted;
	}
	if (wanted)
		q.fn.posted(q.to, status);
}

static uint64_t
ask_post(void *arg, struct str url, struct str body, bool sealed,
    void (*fn)(void *to, unsigned status), void *to)
{
	uint64_t number;
	struct question *q = question_new(to, &number);
	struct ipc_out m;

	q->fn.posted = fn;
	ipc_begin(&m, MSG_OWN_POST);
	ipc_put_str(&m, url);
	ipc_put_str(&m, body);
	ipc_put_u32(&m, sealed);
	ipc_call(arg, &m, on_posted, q);
	return number;
}

void
outside_init(struct jmap_outside *o, struct ipc_chan *parent)
{
	*o = (struct jmap_outside){.smtp = ask_smtp,
	    .agent_smtp = ask_agent_smtp,
	    .senders = ask_senders,
	    .sender = ask_sender,
	    .action = ask_action,
	    .settle = ask_settle,
	    .submitted = ask_submitted,
	    .post = ask_post,
	    .forget = forget,
	    .arg = parent};
}
