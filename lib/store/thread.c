/*
 * thread.c - see mailbox.h: which conversation a message belongs to.
 *
 * Messages belong together that name a common message id (Message-ID, In-Reply-To, References) and
 * have the same base subject (RFC 5256 2.1), as RFC 8621 3 proposes. A thread never changes once it
 * was shown: threads are not joined later, and a new one takes its number from the oldest id that
 * its first message names, so that the order in which messages are looked at hardly matters. Copies
 * come out the same by themselves.
 */
#include "mail/header.h"
#include "mail/msgid.h"
#include "mail/subject.h"
#include "store/model.h"

#define IDS_MAX 50u /* of one message: its own, and the nearest that it names */

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
	if (list.n > 0)
		ids->oldest = hash_id(list.v[0], subject, a);
	for (size_t i = list.n; i > 0 && ids->n < IDS_MAX; i--)
		ids->v[ids->n++] = hash_id(list.v[i - 1], subject, a);
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
find(struct mailbox *mb, uint32_t uid, uint64_t email, uint64_t *thread, struct err *e)
{
	struct content *c;
	struct arena a;
	struct ids ids;
	int rc;

	if ((c = content_open(mb, uid, e)) == NULL)
		return -1;
	arena_init(&a);
	read_ids(c->octets, &ids, &a);
	/* A message without any id is a thread of its own. */
	if (ids.n == 0) {
		*thread = email;
		rc = 0;
	} else if ((rc = join(mb->home->index, &ids, thread, e)) < 0) {
		rc = home_fail(mb->home, e);
	}
	arena_free(&a);
	content_close(&c);
	return rc;
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
	if (home_ready(mb->home, e) < 0 || find(mb, uid, m->email, thread, e) < 0)
		return -1;
	/* Opening its file may have moved the array, or shown that it is gone. */
	if ((m = (struct message *)mailbox_get(mb, uid)) == NULL)
		return err_set(e, E_NOTFOUND, "no such message");
	m->thread = *thread;
	if (index_message_thread(mb->home->index, mb->id, uid, *thread, e) < 0)
		return home_fail(mb->home, e);
	return 0;
}
