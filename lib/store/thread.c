/*
 * thread.c - see mailbox.h: which conversation a message belongs to.
 *
 * Messages belong together that name a common message id (Message-ID, In-Reply-To, References) and
 * have the same base subject (RFC 5256 2.1), as RFC 8621 3 proposes. A thread never changes once it
 * was shown: threads are not joined later, and a new one takes its number from the oldest id that
 * its first message names, so that the order in which messages are looked at hardly matters. Copies
 * come out the same by themselves.
 *
 * Once somebody uses threads, mail that comes has its thread before its row is written. What was
 * there before gets its own one by one, as somebody asks; the log tells which threads have grown so
 * (CHANGE_THREADED), in the transaction that has made them grow.
 */
#include <stdlib.h>

#include "base/num.h"
#include "mail/header.h"
#include "mail/msgid.h"
#include "mail/subject.h"
#include "store/model.h"

#define IDS_MAX      50u         /* of one message: its own, and the nearest that it names */
#define ROW_THREADS  16u         /* told in one row of the log */
#define THREADED_MAX (64u << 10) /* octets of what is to be told */

struct ids {
	uint64_t v[IDS_MAX]; /* its own first, then what it answers, the nearest first */
	size_t n;
	uint64_t oldest;
};

/* An id under a subject. */
static uint64_t
hash_id(struct str id, struct str subject, struct arena *a)
{
	return email_hash(arena_printf(a, STR_FMT "\n" STR_FMT, STR_ARG(id), STR_ARG(subject)));
}

static void
add_ids(struct ids *ids, struct str value, struct str subject, struct arena *a)
{
	struct msgid_list list;

	msgid_parse(value, a, &list);
	for (size_t i = list.n; i > 0 && ids->n < IDS_MAX; i--)
		ids->v[ids->n++] = hash_id(list.v[i - 1], subject, a);
	if (list.n == 0)
		return;
	/* Whoever names it alone is to find the way, too. */
	ids->oldest = hash_id(list.v[0], subject, a);
	if (ids->n == IDS_MAX)
		ids->v[IDS_MAX - 1] = ids->oldest;
}

static void
read_ids(struct str octets, struct ids *ids, struct arena *a)
{
	struct str header = str_sub(octets, 0, header_length(octets));
	struct str subject = subject_base(header_value(header, STR("Subject")), a);

	*ids = (struct ids){0};
	/* The last that names any says which is the oldest: References, if it is there. */
	add_ids(ids, header_value(header, STR("Message-ID")), subject, a);
	add_ids(ids, header_value(header, STR("In-Reply-To")), subject, a);
	add_ids(ids, header_value(header, STR("References")), subject, a);
}

/* The thread that the ids lead to, a new one if need be; they all lead there from now on. */
static int
join(struct index *ix, const struct ids *ids, uint64_t *thread, struct err *e)
{
	*thread = 0;
	for (size_t i = 0; i < ids->n && *thread == 0; i++)
		if (index_thread_get(ix, ids->v[i], thread, e) < 0)
			return -1;
	if (*thread == 0)
		*thread = ids->oldest;
	for (size_t i = 0; i < ids->n; i++)
		if (index_thread_put(ix, ids->v[i], *thread, e) < 0)
			return -1;
	return 0;
}

static int
find(struct home *h, struct str octets, uint64_t email, uint64_t *thread, struct err *e)
{
	struct arena a;
	struct ids ids;
	int rc = 0;

	arena_init(&a);
	read_ids(octets, &ids, &a);
	/* A message without any id is a thread of its own. */
	if (ids.n == 0)
		*thread = email;
	else if (join(h->index, &ids, thread, e) < 0)
		rc = home_fail(h, e);
	h->new_threads = true;
	arena_free(&a);
	return rc;
}

void
threads_of_new(struct mailbox *mb, const struct index_file *f, struct message *m)
{
	struct content *c;
	uint64_t thread;

	if (!mb->home->find_threads || m->thread != 0 || (c = content_new(mb, f, m)) == NULL)
		return;
	if (find(mb->home, c->octets, m->email, &thread, NULL) == 0)
		m->thread = thread;
	content_close(&c);
}

/* ---- of what was there before ---- */

static int
find_known(struct mailbox *mb, uint32_t uid, uint64_t email, uint64_t *thread, struct err *e)
{
	struct content *c;
	struct str octets;
	int rc;

	if (content_head(mb, uid, &octets, &c, e) < 0)
		return -1;
	rc = find(mb->home, octets, email, thread, e);
	content_close(&c);
	return rc;
}

static int
tell(struct mailbox *mb, const struct message *m, struct err *e)
{
	struct home_observer *o;
	bool told = false;

	LIST_FOREACH (o, &mb->home->observers, link) {
		if (o->threaded == NULL)
			continue;
		o->threaded(o->arg, mb, m);
		told = true;
	}
	return told || !mb->home->find_threads ? 0 : home_threaded(mb->home, m->thread, e);
}

int
mailbox_thread(struct mailbox *mb, uint32_t uid, uint64_t *thread, struct err *e)
{
	struct message *m;

	*thread = 0;
	if ((!mb->loaded && mailbox_load(mb, e) < 0))
		return -1;
	if ((m = (struct message *)mailbox_get(mb, uid)) == NULL)
		return err_set(e, E_NOTFOUND, "no such message");
	*thread = m->thread;
	if (*thread != 0)
		return 0;
	if (home_ready_lazily(mb->home, e) < 0 || find_known(mb, uid, m->email, thread, e) < 0)
		return -1;
	/* Opening its file may have moved the array, or shown that it is gone. */
	if ((m = (struct message *)mailbox_get(mb, uid)) == NULL)
		return err_set(e, E_NOTFOUND, "no such message");
	m->thread = *thread;
	if (index_message_thread(mb->home->index, mb->id, uid, *thread, e) < 0)
		return home_fail(mb->home, e);
	return tell(mb, m, e);
}

/* ---- the log ---- */

int
home_threaded(struct home *h, uint64_t thread, struct err *e)
{
	char id[EMAIL_TEXT_SIZE];

	if (home_ready_lazily(h, e) < 0)
		return -1;
	h->counts_threaded = true;
	if (thread != 0)
		(void)buf_printf(&h->threaded, "%s%s", h->threaded.n > 0 ? " " : "",
		    email_text(thread, THREAD_LETTER, id));
	/* A commit that is late: the log does not wait for it. */
	return h->threaded.n >= THREADED_MAX && threads_log(h, e) < 0 ? home_fail(h, e) : 0;
}

/* Rows of a few threads: a client may ask for changes in small steps (RFC 8620 5.2). */
static int
log_rows(struct home *h, uint64_t modseq, struct err *e)
{
	static const struct change_by by = {.actor = STR_INIT("threads")};
	struct str rest = buf_view(&h->threaded);

	do {
		struct str row = str_sub(rest, 0, ROW_THREADS * EMAIL_TEXT_SIZE - 1);

		rest = str_from(rest, num_min(row.n + 1, rest.n));
		if (model_log(h, modseq, CHANGE_THREADED, 0, NULL, row, &by, e) < 0)
			return -1;
	} while (rest.n > 0);
	return 0;
}

int
threads_log(struct home *h, struct err *e)
{
	uint64_t modseq;
	int rc = 0;

	if (!h->counts_threaded)
		return 0;
	h->counts_threaded = false;
	if (model_next_modseq(h, &modseq, e) < 0 || log_rows(h, modseq, e) < 0)
		rc = -1;
	buf_reset(&h->threaded);
	return rc;
}

/* ---- who uses threads ---- */

/* What the fact "threads" says. */
enum {
	THREADS_UNUSED,
	THREADS_LEFT,
	THREADS_DONE
};

int
threads_open(struct home *h, struct err *e)
{
	uint64_t use;

	buf_init(&h->threaded, 2 * THREADED_MAX);
	if (index_get(h->index, "threads", &use, e) < 0 ||
	    index_get(h->index, "threads_since", &h->threads_since, e) < 0)
		return -1;
	h->find_threads = h->found_before = use != THREADS_UNUSED;
	h->threads_left = use == THREADS_LEFT;
	return 0;
}

void
threads_close(struct home *h)
{
	buf_free(&h->threaded);
	free(h->head);
}

static int
put_since(struct home *h, uint64_t modseq, struct err *e)
{
	h->threads_since = modseq;
	if (home_ready_lazily(h, e) < 0)
		return -1;
	if (index_put(h->index, "threads_since", modseq, e) < 0)
		return home_fail(h, e);
	return home_threads_done(h, false, e);
}

int
threads_leave(struct home *h, uint64_t modseq, struct err *e)
{
	return h->find_threads ? put_since(h, modseq, e) : 0;
}

int
home_find_threads(struct home *h, bool *before, struct err *e)
{
	*before = h->found_before;
	if (h->find_threads)
		return 0;
	h->find_threads = true;
	/* What comes after this one has its thread; what nobody has is never asked about. */
	return put_since(h, num_max(h->modseq, UINT64_C(1)), e);
}

bool
home_threads_left(const struct home *h)
{
	return h->threads_left;
}

int
home_threads_done(struct home *h, bool done, struct err *e)
{
	if (h->threads_left == !done)
		return 0;
	if (home_ready_lazily(h, e) < 0)
		return -1;
	h->threads_left = !done;
	return index_put(h->index, "threads", done ? THREADS_DONE : THREADS_LEFT, e) < 0
		   ? home_fail(h, e)
		   : 0;
}

uint64_t
home_threads_since(const struct home *h)
{
	return h->find_threads ? h->threads_since : 0;
}

bool
home_has_new_threads(const struct home *h)
{
	return h->new_threads;
}
