/*
 * model.c - see model.h: emails, the order of time, and what observers tell.
 *
 * A change of one message is: take what the email counts for out of its mailboxes' counts, change
 * it, count it again. Threads are counted later, when somebody asks (model_thread.c).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/model_in.h"
#include "store/change.h"

#define REFRESH_MS 1000u /* so often foreign hands' changes are looked for at most */

/* ---- emails ---- */

static struct jmap_email *
new_email(struct jmap_model *m)
{
	struct jmap_email *em = m->unused;
	struct jmap_chunk *c;

	if (em != NULL) {
		m->unused = em->next;
	} else {
		if (m->chunks == NULL || m->chunk_used == CHUNK) {
			c = mem_alloc(sizeof *c);
			c->next = m->chunks;
			m->chunks = c;
			m->chunk_used = 0;
		}
		em = &m->chunks->v[m->chunk_used++];
	}
	*em = (struct jmap_email){0};
	return em;
}

int
jmap_email_compare(const struct jmap_email *a, const struct jmap_email *b)
{
	if (a->received != b->received)
		return a->received < b->received ? -1 : 1;
	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int
compare(const void *a, const void *b)
{
	return jmap_email_compare(*(struct jmap_email *const *)a, *(struct jmap_email *const *)b);
}

static void
put_in_order(struct jmap_model *m, struct jmap_email *em)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 256;
		m->order = mem_grow(m->order, m->cap, sizeof(struct jmap_email *));
	}
	/* Mail mostly comes in the order of time. */
	if (m->sorted == m->n && !m->holes && (m->n == 0 || compare(&m->order[m->n - 1], &em) < 0))
		m->sorted++;
	m->order[m->n++] = em;
	m->threaded = 0;
}

/* Takes out what has gone, which is free to be used again; what stands in a wrong place goes to the
 * end, to be sorted in. */
static void
close_holes(struct jmap_model *m)
{
	struct jmap_email **moved = mem_array(m->n + 1, sizeof(struct jmap_email *));
	size_t n = 0, sorted = 0, nmoved = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct jmap_email *em = m->order[i];

		if (em->nplaces == 0) {
			em->next = m->unused;
			m->unused = em;
		} else if (em->misplaced) {
			em->misplaced = false;
			moved[nmoved++] = em;
		} else {
			m->order[n++] = em;
			sorted += i < m->sorted;
		}
	}
	memcpy(m->order + n, moved, nmoved * sizeof(struct jmap_email *));
	free(moved);
	m->n = n + nmoved;
	m->sorted = sorted;
	m->holes = false;
	m->threaded = 0;
}

static void
sort_tail(struct jmap_model *m)
{
	size_t ntail = m->n - m->sorted, low = m->sorted, high = ntail, at = m->n;
	struct jmap_email **tail = mem_array(ntail, sizeof(struct jmap_email *));

	memcpy(tail, m->order + m->sorted, ntail * sizeof(struct jmap_email *));
	qsort(tail, ntail, sizeof(struct jmap_email *), compare);
	while (high > 0)
		if (low > 0 && compare(&m->order[low - 1], &tail[high - 1]) > 0)
			m->order[--at] = m->order[--low];
		else
			m->order[--at] = tail[--high];
	m->sorted = m->n;
	free(tail);
}

struct jmap_email *const *
jmap_model_all(struct jmap_model *m, size_t *n)
{
	if (m->holes)
		close_holes(m);
	if (m->sorted < m->n)
		sort_tail(m);
	*n = m->n;
	return m->order;
}

const struct jmap_email *
jmap_model_find(const struct jmap_model *m, uint64_t number)
{
	return jmap_table_get(&m->emails, number);
}

uint64_t
jmap_model_generation(const struct jmap_model *m)
{
	return m->generation;
}

/* ---- places ---- */

static void
add_place(struct jmap_email *em, struct jmap_place p)
{
	struct jmap_place *many;

	if (em->nplaces == 0) {
		em->at.one = p;
	} else if (em->nplaces == 1) {
		many = mem_array(2, sizeof *many);
		many[0] = em->at.one;
		many[1] = p;
		em->at.many = many;
	} else {
		em->at.many = mem_grow(em->at.many, em->nplaces + 1u, sizeof *many);
		em->at.many[em->nplaces] = p;
	}
	em->nplaces++;
}

static void
remove_place(struct jmap_email *em, size_t i)
{
	struct jmap_place *many = em->at.many, left;

	if (--em->nplaces == 0)
		return;
	many[i] = many[em->nplaces];
	if (em->nplaces == 1) {
		left = many[0];
		free(many);
		em->at.one = left;
	}
}

static size_t
find_place(const struct jmap_email *em, struct jmap_place p)
{
	const struct jmap_place *v = jmap_email_places(em);
	size_t i = 0;

	while (i < em->nplaces && (v[i].box != p.box || v[i].uid != p.uid))
		i++;
	return i;
}

bool
jmap_email_in(const struct jmap_email *em, uint32_t box)
{
	const struct jmap_place *v = jmap_email_places(em);

	for (size_t i = 0; i < em->nplaces; i++)
		if (v[i].box == box)
			return true;
	return false;
}

void
jmap_model_count_email(struct jmap_model *m, const struct jmap_email *em, int sign)
{
	const struct jmap_place *v = jmap_email_places(em);

	for (size_t i = 0; i < em->nplaces; i++) {
		struct jmap_counts *c = &m->boxes[v[i].box]->counts;
		size_t k = 0;

		/* Two copies in one mailbox are one email. */
		while (v[k].box != v[i].box)
			k++;
		if (k < i)
			continue;
		c->emails += (uint32_t)sign;
		if (em->thread == NULL)
			c->threads += (uint32_t)sign;
		if (!jmap_email_is_unread(em))
			continue;
		c->unread_emails += (uint32_t)sign;
		if (em->thread == NULL)
			c->unread_threads += (uint32_t)sign;
	}
}

static uint32_t
uid_of(const struct jmap_model *m, const struct jmap_email *em)
{
	const struct jmap_place *v = jmap_email_places(em);
	uint32_t lowest = UINT32_MAX, uid = UINT32_MAX;

	for (size_t i = 0; i < em->nplaces; i++) {
		uint32_t id = m->boxes[v[i].box]->id;

		if (id < lowest || (id == lowest && v[i].uid < uid)) {
			lowest = id;
			uid = v[i].uid;
		}
	}
	return uid;
}

/* Its copies are others: perhaps it stands elsewhere in the order of time. */
static void
place_anew(struct jmap_model *m, struct jmap_email *em)
{
	uint32_t uid = uid_of(m, em);
	uint64_t thread = em->thread != NULL ? em->thread->number : 0;

	if (uid == em->uid)
		return;
	if (thread != 0)
		jmap_model_leave(m, em);
	em->uid = uid;
	em->misplaced = true;
	m->holes = true;
	if (thread != 0) {
		m->unthreaded++;
		jmap_model_join(m, em, thread);
	}
}

static void
begin_change(struct jmap_model *m, struct jmap_email *em)
{
	m->generation++;
	jmap_model_count_email(m, em, -1);
	if (em->thread != NULL)
		jmap_model_uncount(m, em->thread);
}

/* Flags anew from its copies. */
static void
end_change(struct jmap_model *m, struct jmap_email *em)
{
	const struct jmap_place *v = jmap_email_places(em);

	em->any = 0;
	em->all = FLAG_ALL;
	for (size_t i = 0; i < em->nplaces; i++) {
		const struct message *msg = mailbox_get(m->boxes[v[i].box]->mb, v[i].uid);

		if (msg == NULL)
			continue;
		em->any |= (uint8_t)msg->flags;
		em->all &= (uint8_t)msg->flags;
	}
	jmap_model_count_email(m, em, 1);
}

static void
add_copy(struct jmap_model *m, uint32_t box, const struct message *msg)
{
	struct jmap_email *em = jmap_table_get(&m->emails, msg->email);
	const struct jmap_place p = {box, msg->uid};

	if (msg->flags & FLAG_DELETED)
		return;
	if (em == NULL) {
		em = new_email(m);
		em->number = msg->email;
		em->received = msg->date;
		em->uid = msg->uid;
		em->size = (uint32_t)num_min(msg->size, UINT32_MAX);
		jmap_table_put(&m->emails, &em->number);
		put_in_order(m, em);
		m->unthreaded++;
	} else if (find_place(em, p) < em->nplaces) {
		return;
	}
	begin_change(m, em);
	add_place(em, p);
	if (em->nplaces == 1) {
		em->any = em->all = (uint8_t)msg->flags;
		jmap_model_count_email(m, em, 1);
	} else {
		end_change(m, em);
		place_anew(m, em);
	}
	if (em->thread == NULL && msg->thread != 0)
		jmap_model_join(m, em, msg->thread);
}

static void
remove_copy(struct jmap_model *m, uint32_t box, uint64_t number, uint32_t uid)
{
	struct jmap_email *em = jmap_table_get(&m->emails, number);
	size_t i = em != NULL ? find_place(em, (struct jmap_place){box, uid}) : 0;

	if (em == NULL || i == em->nplaces)
		return;
	begin_change(m, em);
	remove_place(em, i);
	if (em->nplaces > 0) {
		end_change(m, em);
		place_anew(m, em);
		return;
	}
	if (em->thread != NULL)
		jmap_model_leave(m, em);
	else
		m->unthreaded--;
	jmap_table_remove(&m->emails, number);
	m->holes = true;
}

/* ---- observers ---- */

static void
on_added(void *arg, struct mailbox *mb, uint32_t uid, const struct change_by *by)
{
	struct jmap_box *b = arg;

	(void)by;
	if (!b->read)
		return;
	for (size_t i = mailbox_lower(mb, uid); i < mb->n; i++)
		add_copy(b->model, b->number, &mb->messages[i]);
}

static void
on_flags(void *arg, struct mailbox *mb, const struct message *msg, const struct change_by *by)
{
	struct jmap_box *b = arg;
	struct jmap_model *m = b->model;
	struct jmap_email *em = jmap_table_get(&m->emails, msg->email);
	struct jmap_place p = {b->number, msg->uid};

	(void)mb;
	(void)by;
	if (!b->read && msg->uid >= b->next)
		return;
	if (em == NULL || find_place(em, p) == em->nplaces) {
		add_copy(m, p.box, msg);
	} else if (msg->flags & FLAG_DELETED) {
		remove_copy(m, p.box, msg->email, msg->uid);
	} else {
		begin_change(m, em);
		end_change(m, em);
	}
}

static void
on_expunged(void *arg, struct mailbox *mb, const struct message *was, const struct change_by *by)
{
	struct jmap_box *b = arg;

	(void)mb;
	(void)by;
	remove_copy(b->model, b->number, was->email, was->uid);
}

static void
on_gone(void *arg, struct mailbox *mb)
{
	struct jmap_box *b = arg;

	for (size_t i = 0; b->next > 0 && i < mb->n; i++)
		remove_copy(b->model, b->number, mb->messages[i].email, mb->messages[i].uid);
	b->mb = NULL;
	b->model->generation++;
}

static void
add_box(struct jmap_model *m, struct mailbox *mb)
{
	struct jmap_box *b = mem_alloc(sizeof *b);

	if (m->nboxes == m->capboxes) {
		m->capboxes = m->capboxes ? m->capboxes * 2 : 16;
		m->boxes = mem_grow(m->boxes, m->capboxes, sizeof(struct jmap_box *));
	}
	*b = (struct jmap_box){.mb = mb, .id = mb->id, .number = (uint32_t)m->nboxes, .model = m};
	b->observer = (struct mailbox_observer){.added = on_added,
	    .flags = on_flags,
	    .expunged = on_expunged,
	    .gone = on_gone,
	    .arg = b};
	m->boxes[m->nboxes++] = b;
	m->unread_boxes = true;
	mailbox_observe(mb, &b->observer);
}

static void
on_mailbox(void *arg, struct mailbox *mb, unsigned change, const struct change_by *by)
{
	struct jmap_model *m = arg;

	(void)by;
	m->generation++;
	if (change == CHANGE_CREATED)
		add_box(m, mb);
}

static void
on_threaded(void *arg, struct mailbox *mb, const struct message *msg)
{
	(void)mb;
	jmap_model_found(arg, msg);
}

/* The rest of a mailbox; what comes meanwhile is behind. 1, or 0: the time is over. */
static int
read_box(struct jmap_model *m, struct jmap_box *b, uint64_t since, uint64_t slice_us)
{
	unsigned done = 0;

	for (size_t k = mailbox_lower(b->mb, b->next); k < b->mb->n; k++) {
		if (done++ % 256 == 255 && clock_us() - since >= slice_us)
			return 0;
		add_copy(m, b->number, &b->mb->messages[k]);
		b->next = b->mb->messages[k].uid + 1;
	}
	b->read = true;
	return 1;
}

int
jmap_model_load(struct jmap_model *m, uint64_t slice_us, struct err *e)
{
	uint64_t since = clock_us();

	for (size_t i = 0; m->unread_boxes && i < m->nboxes; i++) {
		struct jmap_box *b = m->boxes[i];

		if (b->read || b->mb == NULL)
			continue;
		if (b->next == 0 && mailbox_load(b->mb, e) < 0)
			return -1;
		b->next = num_max(b->next, 1u);
		m->generation++;
		if (read_box(m, b, since, slice_us) == 0)
			return 0;
	}
	m->unread_boxes = false;
	return 1;
}

/* ---- the whole ---- */

struct jmap_model *
jmap_model_begin(struct home *h, struct err *e)
{
	struct jmap_model *m = mem_alloc(sizeof *m);
	struct mailbox *mb;
	size_t i = 0;

	*m = (struct jmap_model){
	    .home = h, .generation = 1, .trash = JMAP_NO_BOX, .refreshed_ms = clock_ms()};
	m->observer =
	    (struct home_observer){.mailbox = on_mailbox, .threaded = on_threaded, .arg = m};
	home_observe(h, &m->observer);
	while ((mb = home_next(h, &i)) != NULL)
		add_box(m, mb);
	if (home_find_threads(h, &m->tell_all, e) < 0)
		jmap_model_free(&m);
	return m;
}

struct jmap_model *
jmap_model_new(struct home *h, struct err *e)
{
	struct jmap_model *m = jmap_model_begin(h, e);

	if (m != NULL && jmap_model_load(m, UINT64_MAX, e) < 0)
		jmap_model_free(&m);
	return m;
}

int
jmap_model_ready(struct jmap_model *m, struct err *e)
{
	if (jmap_model_load(m, UINT64_MAX, e) < 0)
		return -1;
	if (clock_ms() - m->refreshed_ms < REFRESH_MS)
		return 0;
	for (size_t i = 0; i < m->nboxes; i++)
		if (m->boxes[i]->mb != NULL && mailbox_refresh(m->boxes[i]->mb, e) < 0)
			return -1;
	m->refreshed_ms = clock_ms();
	return 0;
}

void
jmap_model_free(struct jmap_model **mp)
{
	struct jmap_model *m = *mp;
	struct jmap_chunk *c;

	*mp = NULL;
	if (m == NULL)
		return;
	home_unobserve(m->home, &m->observer);
	for (size_t i = 0; i < m->n; i++)
		if (m->order[i]->nplaces > 1)
			free(m->order[i]->at.many);
	for (size_t i = 0; i < m->nboxes; i++) {
		if (m->boxes[i]->mb != NULL)
			mailbox_unobserve(m->boxes[i]->mb, &m->boxes[i]->observer);
		free(m->boxes[i]);
	}
	while ((c = m->chunks) != NULL) {
		m->chunks = c->next;
		free(c);
	}
	jmap_model_free_answers(m);
	jmap_model_free_threads(m);
	jmap_table_free(&m->emails);
	free(m->boxes);
	free(m->order);
	free(m);
}

/* ---- mailboxes ---- */

uint32_t
jmap_model_box(const struct jmap_model *m, uint32_t mailbox)
{
	for (size_t i = 0; i < m->nboxes; i++)
		if (m->boxes[i]->mb != NULL && m->boxes[i]->id == mailbox)
			return (uint32_t)i;
	return JMAP_NO_BOX;
}

struct mailbox *
jmap_model_mailbox(const struct jmap_model *m, uint32_t box)
{
	return box < m->nboxes ? m->boxes[box]->mb : NULL;
}

const struct jmap_email *
jmap_model_at(const struct jmap_model *m, const struct mailbox *mb, uint32_t uid)
{
	const struct message *msg = mailbox_get(mb, uid);

	return msg == NULL || (msg->flags & FLAG_DELETED) ? NULL : jmap_model_find(m, msg->email);
}
