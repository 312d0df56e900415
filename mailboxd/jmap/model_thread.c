/*
 * model_thread.c - see model.h: threads, and what mailboxes count of them.
 *
 * A thread's part in the counts of its mailboxes is taken out at its first change and put in again
 * when somebody asks, once, however much has changed.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mailboxd/jmap/model_in.h"

/* ---- counts (RFC 8621 2) ---- */

static bool
is_only_in(const struct jmap_email *em, uint32_t box)
{
	const struct jmap_place *v = jmap_email_places(em);

	for (size_t i = 0; i < em->nplaces; i++)
		if (v[i].box != box)
			return false;
	return true;
}

/* RFC 8621 2, unreadThreads: an unread email counts for all mailboxes of its thread, but what is
 * only in the trash for the trash alone, and for the trash only what is in it. */
static void
count(struct jmap_model *m, const struct jmap_thread *t, int sign)
{
	bool outside = false, inside = false;

	for (const struct jmap_email *em = t->first; em != NULL; em = em->next) {
		if (!jmap_email_is_unread(em))
			continue;
		outside |= m->trash == JMAP_NO_BOX || !is_only_in(em, m->trash);
		inside |= m->trash != JMAP_NO_BOX && jmap_email_in(em, m->trash);
	}
	m->box_stamp++;
	for (const struct jmap_email *em = t->first; em != NULL; em = em->next) {
		const struct jmap_place *v = jmap_email_places(em);

		for (size_t i = 0; i < em->nplaces; i++) {
			struct jmap_box *b = m->boxes[v[i].box];

			if (b->stamp == m->box_stamp)
				continue;
			b->stamp = m->box_stamp;
			b->counts.threads += (uint32_t)sign;
			if (v[i].box == m->trash ? inside : outside)
				b->counts.unread_threads += (uint32_t)sign;
		}
	}
}

static void
make_stale(struct jmap_model *m, struct jmap_thread *t)
{
	t->counted = false;
	t->stale = m->stale;
	m->stale = t;
}

void
jmap_model_uncount(struct jmap_model *m, struct jmap_thread *t)
{
	if (!t->counted)
		return;
	count(m, t, -1);
	make_stale(m, t);
}

static uint32_t
find_trash(const struct jmap_model *m)
{
	for (size_t i = 0; i < m->nboxes; i++)
		if (m->boxes[i]->mb != NULL && m->boxes[i]->mb->use == USE_TRASH)
			return (uint32_t)i;
	return JMAP_NO_BOX;
}

static void
uncount_all(struct jmap_model *m)
{
	struct jmap_thread *t;
	size_t i = 0;

	while ((t = jmap_table_next(&m->threads, &i)) != NULL)
		jmap_model_uncount(m, t);
}

void
jmap_model_counts(struct jmap_model *m, uint32_t box, struct jmap_counts *out)
{
	uint32_t trash = find_trash(m);
	struct jmap_thread *t;

	if (trash != m->trash)
		uncount_all(m);
	m->trash = trash;
	while ((t = m->stale) != NULL) {
		m->stale = t->stale;
		if (t->n == 0) {
			jmap_table_remove(&m->threads, t->number);
			free(t);
			continue;
		}
		t->counted = true;
		count(m, t, 1);
	}
	*out = box < m->nboxes ? m->boxes[box]->counts : (struct jmap_counts){0};
}

/* ---- members ---- */

void
jmap_model_join(struct jmap_model *m, struct jmap_email *em, uint64_t number)
{
	struct jmap_thread *t = jmap_table_get(&m->threads, number);
	struct jmap_email **at;

	if (t == NULL) {
		t = mem_alloc(sizeof *t);
		t->number = number;
		jmap_table_put(&m->threads, &t->number);
		make_stale(m, t);
	}
	jmap_model_uncount(m, t);
	jmap_model_count_email(m, em, -1);
	/* Most are the newest of their thread. */
	at = t->last != NULL && jmap_email_compare(t->last, em) < 0 ? &t->last->next : &t->first;
	while (*at != NULL && jmap_email_compare(*at, em) < 0)
		at = &(*at)->next;
	em->next = *at;
	*at = em;
	if (em->next == NULL)
		t->last = em;
	em->thread = t;
	jmap_model_count_email(m, em, 1);
	t->n++;
	m->unthreaded--;
}

/* A thread without emails goes at the next count. */
void
jmap_model_leave(struct jmap_model *m, struct jmap_email *em)
{
	struct jmap_thread *t = em->thread;
	struct jmap_email **at = &t->first, *before = NULL;

	jmap_model_uncount(m, t);
	for (; *at != em; at = &before->next)
		before = *at;
	*at = em->next;
	if (t->last == em)
		t->last = before;
	jmap_model_count_email(m, em, -1);
	em->thread = NULL;
	jmap_model_count_email(m, em, 1);
	t->n--;
}

void
jmap_model_free_threads(struct jmap_model *m)
{
	struct jmap_thread *t;
	size_t i = 0;

	while ((t = jmap_table_next(&m->threads, &i)) != NULL)
		free(t);
	jmap_table_free(&m->threads);
}

const struct jmap_thread *
jmap_model_find_thread(const struct jmap_model *m, uint64_t number)
{
	const struct jmap_thread *t = jmap_table_get(&m->threads, number);

	return t != NULL && t->n > 0 ? t : NULL;
}

void
jmap_model_tell_thread(const struct jmap_thread *t)
{
	((struct jmap_thread *)t)->told = true;
}

/* ---- looking for threads ---- */

/* Counts change where a thread has more than this one, and a list that a client may have. */
void
jmap_model_found(struct jmap_model *m, const struct message *msg)
{
	struct jmap_email *em = jmap_table_get(&m->emails, msg->email);
	struct jmap_thread *t;

	if (em == NULL || em->thread != NULL)
		return;
	jmap_model_join(m, em, msg->thread);
	t = em->thread;
	if (t->n > 1)
		(void)home_threaded(m->home, t->told || m->tell_all ? t->number : 0, NULL);
}

int
jmap_model_thread(
    struct jmap_model *m, const struct jmap_email *em, struct jmap_thread **out, struct err *e)
{
	bool known = em->thread != NULL;
	uint64_t thread = em->number, found;

	/* All copies are told: the log is to know it when one goes. Looking for files may show that
	 * some have gone. */
	for (size_t i = 0; !known && i < em->nplaces; i++) {
		struct jmap_place p = jmap_email_places(em)[i];

		if (mailbox_thread(m->boxes[p.box]->mb, p.uid, &found, e) == 0)
			thread = found;
		else if (home_has_failed(m->home))
			return -1;
	}
	if (em->nplaces == 0)
		return err_set(e, E_NOTFOUND, "no such email");
	/* One whose file cannot be read is a thread of its own, for this time. */
	if (em->thread == NULL)
		jmap_model_join(m, (struct jmap_email *)em, thread);
	*out = em->thread;
	return 0;
}

bool
jmap_model_threads_are_known(const struct jmap_model *m)
{
	return m->unthreaded == 0;
}

int
jmap_model_thread_all(struct jmap_model *m, uint64_t slice_us, struct err *e)
{
	uint64_t since = clock_us();
	struct jmap_thread *t;
	size_t n;

	while (m->unthreaded > 0) {
		const struct jmap_email *em;

		(void)jmap_model_all(m, &n);
		assume(m->threaded < n);
		em = m->order[n - 1 - m->threaded];
		if (em->thread == NULL) {
			if (clock_us() - since >= slice_us)
				return 0;
			if (jmap_model_thread(m, em, &t, e) < 0 && home_has_failed(m->home))
				return -1;
		}
		/* Looking for a file may show that it has gone: then all begins anew. */
		if (!m->holes && m->sorted == m->n)
			m->threaded++;
	}
	return 1;
}

/* ---- marks ---- */

uint32_t
jmap_model_unmark(struct jmap_model *m)
{
	return ++m->stamp;
}

uint32_t
jmap_model_marks(const struct jmap_model *m)
{
	return m->stamp;
}

bool
jmap_model_mark_thread(struct jmap_model *m, struct jmap_thread *t)
{
	if (t->stamp == m->stamp)
		return false;
	t->stamp = m->stamp;
	return true;
}
