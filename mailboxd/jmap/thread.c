/*
 * thread.c - Threads (RFC 8621 3).
 *
 * A thread is there as long as one of its emails is. It was made by a run of the log when none of
 * its emails, those that have gone since included, was there before. Until the threads of all
 * emails are known (backlog.h) one may have more emails than it shows: then /changes tells of it.
 */
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/std.h"

static const char *const properties[] = {"id", "emailIds", NULL};

static uint64_t
parse(struct str id)
{
	return email_parse(id, THREAD_LETTER);
}

static const char *
text(uint64_t n, char out[JMAP_ID_SIZE])
{
	return email_text(n, THREAD_LETTER, out);
}

static enum jmap_step
get_ready(struct jmap_call *c)
{
	struct err e = {0};

	return jmap_emails(c->jmap, &e) == NULL ? jmap_fail_err(c, &e) : JMAP_DONE;
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	const struct jmap_thread *t = jmap_model_find_thread(c->jmap->model, id);
	char email[EMAIL_TEXT_SIZE];
	cJSON *ids;

	(void)e;
	if (t == NULL || t->n == 0)
		return 0;
	if (!jmap_wants(c, 1))
		return 1;
	jmap_tells_threads(c);
	jmap_model_tell_thread(t);
	json_put(out, "emailIds", ids = cJSON_CreateArray());
	for (const struct jmap_email *em = t->first; em != NULL; em = jmap_email_next(em))
		json_add(ids, json_new_str(str_z(email_text(em->number, EMAIL_LETTER, email))));
	return 1;
}

/* ---- /changes ---- */

/* Of what came before threads were used the log does not say the thread: all must be known for who
 * asks from so far back. */
static enum jmap_step
changes_ready(struct jmap_call *c, struct jmap_point since)
{
	struct err e = {0};
	struct jmap_model *m = jmap_emails(c->jmap, &e);
	int rc = m == NULL ? -1 : 1;

	if (rc == 1 && since.modseq < home_threads_since(c->home))
		rc = jmap_model_thread_all(m, JMAP_SLICE_US, &e);
	if (rc < 0)
		return jmap_fail_err(c, &e);
	return rc == 0 ? JMAP_YIELD : JMAP_DONE;
}

/* Emails that were there before have been found to be of these. */
static void
note_grown(struct jmap_changes *ch, struct str ids)
{
	struct str id;
	uint64_t thread;
	bool more = ids.n > 0;

	while (more) {
		more = str_cut(&ids, ' ', &id);
		if ((thread = parse(id)) != 0)
			jmap_note(ch, thread, JMAP_UPDATED);
	}
}

static struct jmap_seen *
see(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	struct jmap_seen *s = jmap_seen(ch, row->email);
	const struct jmap_email *em;

	if (s == NULL) {
		s = jmap_see(ch, row->email);
		em = jmap_model_find(c->jmap->model, row->email);
		s->is_new =
		    row->kind == CHANGE_ADDED || jmap_email_was_hidden(c->jmap->model, row, em);
		s->thread = em != NULL && em->thread != NULL ? em->thread->number : 0;
	}
	if (s->thread == 0)
		s->thread = row->thread;
	return s;
}

/* Only what has to do with \Deleted changes which emails there are (model.h). */
static bool
matters(struct jmap_call *c, const struct change *row)
{
	struct mailbox *mb;
	const struct message *m;

	if (row->kind != CHANGE_FLAGS)
		return true;
	if (str_find(row->before, STR("\\Deleted")) < row->before.n)
		return true;
	mb = home_find_id(c->home, row->mailbox);
	m = mb != NULL && mb->loaded ? mailbox_get(mb, row->uid) : NULL;
	return m == NULL || (m->flags & FLAG_DELETED);
}

static int
changed(struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e)
{
	struct jmap_seen *s;

	(void)e;
	jmap_tells_threads(c);
	if (row->kind == CHANGE_THREADED)
		note_grown(ch, row->before);
	if (row->uid == 0 || row->email == 0 || row->kind >= CHANGE_OBJECT_MADE || !matters(c, row))
		return 0;
	s = see(c, ch, row);
	/* Nobody has ever been told a thread that was not looked for. */
	if (s->thread != 0)
		jmap_note(ch, s->thread, s->is_new ? JMAP_CREATED : JMAP_UPDATED);
	return 0;
}

/* An email that comes only then is no old one of its thread. */
static void
later(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	if (row->uid != 0 && row->email != 0 && row->kind < CHANGE_OBJECT_MADE)
		(void)see(c, ch, row);
}

static bool
is_made(struct jmap_changes *ch, const struct jmap_thread *t)
{
	const struct jmap_seen *s;

	for (const struct jmap_email *em = t->first; em != NULL; em = jmap_email_next(em))
		if ((s = jmap_seen(ch, em->number)) == NULL || !s->is_new)
			return false;
	return true;
}

struct settling {
	struct jmap_call *call;
	struct jmap_changes *ch;
};

static bool
settle_one(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct settling *st = arg;
	const struct jmap_thread *t = jmap_model_find_thread(st->call->jmap->model, id);

	if (t == NULL || t->n == 0) {
		if (*what == JMAP_CREATED)
			return false;
		*what = JMAP_DESTROYED;
	} else {
		*what = *what == JMAP_CREATED && is_made(st->ch, t) ? JMAP_CREATED : JMAP_UPDATED;
	}
	return true;
}

static enum jmap_step
settle(struct jmap_call *c, struct jmap_changes *ch)
{
	struct settling st = {c, ch};
	struct jmap_seen *s, *next;

	/* Emails that were there before make their threads old ones. */
	HASH_ITER (hh, ch->seen, s, next) {
		if (!s->is_new)
			jmap_note_old(ch, s->thread);
	}
	jmap_noted_each(ch, settle_one, &st);
	return JMAP_DONE;
}

static const struct jmap_object thread = {.name = "Thread",
    .type = JMAP_THREAD,
    .parse = parse,
    .text = text,
    .properties = properties,
    .get_ready = get_ready,
    .get = get,
    .changes_ready = changes_ready,
    .changed = changed,
    .later = later,
    .settle = settle};

const struct jmap_method jmap_thread_methods[] = {
    {.name = "Thread/get", .capability = JMAP_MAIL, .run = jmap_get, .object = &thread},
    {.name = "Thread/changes", .capability = JMAP_MAIL, .run = jmap_changes, .object = &thread},
    {0}};
