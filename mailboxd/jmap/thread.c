/*
 * thread.c - Threads (RFC 8621 3).
 *
 * A thread is there as long as one of its emails is, which flags can hide and show again (past.h):
 * what came of it between two states is whether one was there at either. Until the threads of all
 * emails are known (backlog.h) one may have more emails than it shows: then /changes tells of it.
 */
#include "base/hash.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/past.h"
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

/* What may have come or gone; which of both is seen when all rows are known. */
static int
changed(struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e)
{
	const struct jmap_email *em;
	uint64_t id;

	(void)e;
	jmap_tells_threads(c);
	if (row->kind == CHANGE_THREADED)
		note_grown(ch, row->before);
	if (row->uid != 0 && row->email != 0 && row->kind < CHANGE_OBJECT_MADE && matters(c, row)) {
		em = jmap_model_find(c->jmap->model, row->email);
		id = em != NULL && em->thread != NULL ? em->thread->number : row->thread;
		/* Nobody has ever been told a thread that was not looked for. */
		if (id != 0)
			jmap_note(ch, id, JMAP_UPDATED);
	}
	/* One too many is told by later(), as those behind it. */
	if (!ch->full)
		jmap_past_row(ch->from, row);
	return 0;
}

static void
later(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	(void)c;
	jmap_past_row(ch->from, row);
	jmap_past_row(ch->until, row);
}

/* Emails of a thread that it does not show any more. */
struct gone {
	uint64_t thread;
	bool before, then;
	UT_hash_handle hh;
};

struct settling {
	struct jmap_call *call;
	struct jmap_changes *ch;
	struct gone *gone;
};

static void
gather_gone(void *arg, uint64_t email, uint64_t thread)
{
	struct settling *st = arg;
	const struct jmap_model *m = st->call->jmap->model;
	struct gone *g;

	if (thread == 0 || jmap_model_find(m, email) != NULL)
		return;
	HASH_FIND(hh, st->gone, &thread, sizeof thread, g);
	if (g == NULL) {
		g = arena_new(&st->call->arena, struct gone);
		g->thread = thread;
		HASH_ADD(hh, st->gone, thread, sizeof g->thread, g);
	}
	g->before |= jmap_past_had(st->ch->from, m, email);
	g->then |= jmap_past_had(st->ch->until, m, email);
}

static bool
settle_one(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct settling *st = arg;
	const struct jmap_model *m = st->call->jmap->model;
	const struct jmap_thread *t = jmap_model_find_thread(m, id);
	bool before = false, then = false;
	struct gone *g;

	HASH_FIND(hh, st->gone, &id, sizeof id, g);
	if (g != NULL) {
		before = g->before;
		then = g->then;
	}
	for (const struct jmap_email *em = t != NULL ? t->first : NULL; em != NULL;
	     em = jmap_email_next(em)) {
		before |= jmap_past_had(st->ch->from, m, em->number);
		then |= jmap_past_had(st->ch->until, m, em->number);
	}
	*what = !then ? JMAP_DESTROYED : before ? JMAP_UPDATED : JMAP_CREATED;
	return before || then;
}

static enum jmap_step
settle(struct jmap_call *c, struct jmap_changes *ch)
{
	struct settling st = {c, ch, NULL};

	jmap_past_each(ch->from, gather_gone, &st);
	jmap_noted_each(ch, settle_one, &st);
	HASH_CLEAR(hh, st.gone);
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
    .has_past = true,
    .changed = changed,
    .later = later,
    .settle = settle};

const struct jmap_method jmap_thread_methods[] = {
    {.name = "Thread/get", .capability = JMAP_MAIL, .run = jmap_get, .object = &thread},
    {.name = "Thread/changes", .capability = JMAP_MAIL, .run = jmap_changes, .object = &thread},
    {0}};
