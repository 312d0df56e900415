/*
 * state.c - see jmap.h: states of types, out of the change log, and who hears of new ones.
 *
 * A state is "<epoch>-<modseq>", with the modseq of the last change that can have touched the type;
 * "-<rows>" behind it names so many rows of the log more, where /changes had to stop within one
 * operation (RFC 8620 5.2, hasMoreChanges). The epoch is for the eye: whether all changes after a
 * modseq can be told is known to the store (INVARIANTS 3).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/approval.h"
#include "mailboxd/jmap/backlog.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/indexing.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/push.h"
#include "mailboxd/jmap/request.h"
#include "mailboxd/jmap/sending.h"
#include "mailboxd/jmap/vacation.h"
#include "store/mailbox.h"
#include "store/object.h"

#define APPROVALS_LATER_S 60

static const char *const names[] = {"Mailbox", "Thread", "Email", "EmailDelivery", "Identity",
    "EmailSubmission", "VacationResponse", "Preferences", "Approval"};

const char *
jmap_type_name(enum jmap_type t)
{
	return names[t];
}

enum jmap_type
jmap_type_by_name(struct str name)
{
	enum jmap_type t = 0;

	while (t < JMAP_TYPES && !str_eq_z(name, names[t]))
		t++;
	return t;
}

/* ---- what a change touches ---- */

#define MESSAGE_CHANGES                                                                    \
	(CHANGE_BIT(CHANGE_ADDED) | CHANGE_BIT(CHANGE_COPIED) | CHANGE_BIT(CHANGE_FLAGS) | \
	    CHANGE_BIT(CHANGE_EXPUNGED) | CHANGE_BIT(CHANGE_MOVED) | CHANGE_BIT(CHANGE_VANISHED))
#define MAILBOX_CHANGES                                                                         \
	(CHANGE_BIT(CHANGE_CREATED) | CHANGE_BIT(CHANGE_DELETED) | CHANGE_BIT(CHANGE_RENAMED) | \
	    CHANGE_BIT(CHANGE_SUBSCRIBED) | CHANGE_BIT(CHANGE_ARRANGED))
#define OBJECT_CHANGES                                                        \
	(CHANGE_BIT(CHANGE_OBJECT_MADE) | CHANGE_BIT(CHANGE_OBJECT_CHANGED) | \
	    CHANGE_BIT(CHANGE_OBJECT_GONE))

/* Kinds of rows of the log for each type. Some touch it only now and then: a state may change where
 * nothing else does (RFC 8620 5.1). A deleted mailbox takes emails along. */
static const struct {
	uint32_t kinds;
	const char *actor;       /* only by this one */
	enum object_kind object; /* only of this kind */
} touches[JMAP_TYPES] = {
    [JMAP_MAILBOX] = {.kinds = MESSAGE_CHANGES | MAILBOX_CHANGES | CHANGE_BIT(CHANGE_THREADED)},
    [JMAP_THREAD] = {.kinds = MESSAGE_CHANGES | CHANGE_BIT(CHANGE_DELETED) |
			      CHANGE_BIT(CHANGE_THREADED)},
    [JMAP_EMAIL] = {.kinds = MESSAGE_CHANGES | CHANGE_BIT(CHANGE_DELETED)},
    /* RFC 8621 1.5: new mail from outside. */
    [JMAP_EMAIL_DELIVERY] = {.kinds = CHANGE_BIT(CHANGE_ADDED), .actor = "delivery"},
    [JMAP_IDENTITY] = {.kinds = OBJECT_CHANGES, .object = OBJECT_IDENTITY},
    [JMAP_EMAIL_SUBMISSION] = {.kinds = OBJECT_CHANGES, .object = OBJECT_SUBMISSION},
    [JMAP_VACATION_RESPONSE] = {.kinds = OBJECT_CHANGES, .object = OBJECT_VACATION},
    [JMAP_APPROVAL_TYPE] = {.kinds = OBJECT_CHANGES, .object = OBJECT_APPROVAL},
    [JMAP_PREFERENCES_TYPE] = {.kinds = OBJECT_CHANGES, .object = OBJECT_PREFERENCES},
};

static bool
is_flagged(struct str flags, const char *name)
{
	struct str word;
	bool more = flags.n > 0;

	while (more) {
		more = str_cut(&flags, ' ', &word);
		if (str_eq_z(word, name))
			return true;
	}
	return false;
}

/* Most changes of flags leave alone what mailboxes count and which emails are there. After the
 * start, what was logged before counts as if each did. */
static bool
matters(struct jmap *j, enum jmap_type t, const struct change *c)
{
	struct mailbox *mb;
	const struct message *m;
	uint32_t was, changed;

	if (c->kind != CHANGE_FLAGS || (t != JMAP_MAILBOX && t != JMAP_THREAD))
		return true;
	mb = home_find_id(j->home, c->mailbox);
	m = mb != NULL && mb->loaded ? mailbox_get(mb, c->uid) : NULL;
	if (m == NULL)
		return true;
	was = (is_flagged(c->before, "\\Seen") ? FLAG_SEEN : 0) |
	      (is_flagged(c->before, "\\Draft") ? FLAG_DRAFT : 0) |
	      (is_flagged(c->before, "\\Deleted") ? FLAG_DELETED : 0);
	changed = was ^ (m->flags & (FLAG_SEEN | FLAG_DRAFT | FLAG_DELETED));
	return t == JMAP_MAILBOX ? changed != 0 : (changed & FLAG_DELETED) != 0;
}

static void
on_logged(void *arg, const struct change *c)
{
	struct jmap *j = arg;

	if (c->kind == CHANGE_ADDED && str_eq_z(c->actor, "delivery"))
		jmap_vacation_wake(j);
	for (enum jmap_type t = 0; t < JMAP_TYPES; t++) {
		if ((touches[t].kinds & CHANGE_BIT(c->kind)) == 0 ||
		    (touches[t].actor != NULL && !str_eq_z(c->actor, touches[t].actor)) ||
		    (touches[t].object != 0 && c->email != touches[t].object) || !matters(j, t, c))
			continue;
		j->modseq[t] = c->modseq;
		loop_defer(&j->tell);
	}
}

static uint64_t
highest(const struct jmap *j, uint32_t types)
{
	uint64_t modseq = 0;

	for (enum jmap_type t = 0; t < JMAP_TYPES; t++)
		if (types & 1u << t)
			modseq = num_max(modseq, j->modseq[t]);
	return modseq;
}

/* ---- states ---- */

struct jmap_state
jmap_state_at(struct jmap *j, struct jmap_point at)
{
	struct jmap_state s;
	char rows[24] = "";

	if (at.rows > 0)
		(void)snprintf(rows, sizeof rows, "-%llu", (unsigned long long)at.rows);
	(void)snprintf(s.text, sizeof s.text, "%llu-%llu%s",
	    (unsigned long long)home_epoch(j->home), (unsigned long long)at.modseq, rows);
	return s;
}

struct jmap_state
jmap_state(struct jmap *j, enum jmap_type t)
{
	return jmap_state_at(j, (struct jmap_point){.modseq = j->modseq[t]});
}

static int
parse(struct str text, uint64_t *epoch, struct jmap_point *out)
{
	struct str part;
	bool more;

	*out = (struct jmap_point){0};
	if (!str_cut(&text, '-', &part) || num_parse(part, 0, UINT64_MAX, epoch) < 0)
		return -1;
	more = str_cut(&text, '-', &part);
	if (num_parse(part, 0, INT64_MAX, &out->modseq) < 0)
		return -1;
	return more ? num_parse(text, 1, UINT32_MAX, &out->rows) : 0;
}

int
jmap_state_parse(struct jmap_call *c, struct str text, struct jmap_point *out)
{
	uint64_t epoch = 0;

	if (parse(text, &epoch, out) == 0 && epoch <= home_epoch(c->home) &&
	    change_is_known(c->home, out->modseq))
		return 0;
	(void)jmap_fail(c, "cannotCalculateChanges", "the log does not reach back to that state");
	return -1;
}

/* ---- telling ---- */

static void
tell(struct jmap *j, struct jmap_watch *w)
{
	cJSON *change = cJSON_CreateObject(), *accounts = cJSON_CreateObject(),
	      *states = cJSON_CreateObject();
	struct jmap_state push =
	    jmap_state_at(j, (struct jmap_point){.modseq = highest(j, w->types)});
	struct buf text;

	buf_init(&text, 4096);
	for (enum jmap_type t = 0; t < JMAP_TYPES; t++) {
		if ((w->types & 1u << t) == 0 || w->told[t] == j->modseq[t])
			continue;
		w->told[t] = j->modseq[t];
		json_put_str(states, names[t], str_z(jmap_state(j, t).text));
	}
	json_put_str(change, "@type", STR("StateChange"));
	json_put(change, "changed", accounts);
	json_put_named(accounts, str_z(j->account), states);
	json_print(change, &text);
	if (states->child != NULL)
		w->changed(w->arg, buf_view(&text), str_z(push.text));
	buf_free(&text);
	cJSON_Delete(change);
}

/* A watch may end any other while it is told; each is told what is new to it alone, so that going
 * on from the start again does no harm. */
static void
tell_all(void *arg)
{
	struct jmap *j = arg;
	struct jmap_watch *w;
	bool found;

	do {
		found = false;
		LIST_FOREACH (w, &j->watches, link) {
			for (enum jmap_type t = 0; t < JMAP_TYPES && !found; t++)
				found = (w->types & 1u << t) && w->told[t] != j->modseq[t];
			if (found) {
				tell(j, w);
				break;
			}
		}
	} while (found);
	jmap_backlog_look(j);
}

void
jmap_watch(struct jmap *j, struct jmap_watch *w, struct str since)
{
	struct jmap_point at = {0};
	uint64_t epoch;
	bool known = since.n > 0 && parse(since, &epoch, &at) == 0;

	/* A state that makes no sense here is an old one: all is told. */
	for (enum jmap_type t = 0; t < JMAP_TYPES; t++)
		w->told[t] = since.n == 0 || (known && j->modseq[t] <= at.modseq) ? j->modseq[t]
										  : UINT64_MAX;
	LIST_INSERT_HEAD(&j->watches, w, link);
	loop_defer(&j->tell);
}

void
jmap_unwatch(struct jmap *j, struct jmap_watch *w)
{
	(void)j;
	LIST_REMOVE(w, link);
}

struct jmap_state
jmap_push_state(struct jmap *j, uint32_t types)
{
	return jmap_state_at(j, (struct jmap_point){.modseq = highest(j, types)});
}

/* ---- a user's JMAP ---- */

struct jmap *
jmap_new(const struct jmap_host *host)
{
	struct jmap *j = mem_alloc(sizeof *j);
	struct err e = {0};
	bool before;

	j->host = *host;
	j->home = host->home;
	j->user = str_of(mem_dup(host->user.p, host->user.n), host->user.n);
	pipe_account(j->user, j->account);
	LIST_INIT(&j->requests);
	LIST_INIT(&j->watches);
	LIST_INIT(&j->approving);
	loop_defer_init(&j->tell, tell_all, j);
	for (enum jmap_type t = 0; t < JMAP_TYPES; t++)
		if (change_latest(j->home, touches[t].kinds, touches[t].object,
			str_z(touches[t].actor), &j->modseq[t], &e) < 0)
			log_warn("jmap.state", LS("user", j->user), LE(&e));
	j->observer = (struct home_observer){.logged = on_logged, .arg = j};
	home_observe(j->home, &j->observer);
	/* Before a state is told. */
	if (home_find_threads(j->home, &before, &e) < 0)
		log_warn("jmap.state", LS("user", j->user), LE(&e));
	jmap_uploads_open(j);
	jmap_vacation_start(j);
	jmap_following_open(j);
	jmap_push_open(j);
	jmap_approval_start(j);
	return j;
}

int
jmap_emails_load(struct jmap *j, struct err *e)
{
	if (j->model == NULL)
		j->model = jmap_model_begin(j->home, e);
	return j->model != NULL ? jmap_model_load(j->model, jmap_slice_us, e) : -1;
}

struct jmap_model *
jmap_emails(struct jmap *j, struct err *e)
{
	if (j->model == NULL)
		j->model = jmap_model_new(j->home, e);
	return j->model != NULL && jmap_model_ready(j->model, e) == 0 ? j->model : NULL;
}

void
jmap_due_changed(struct jmap *j)
{
	int64_t at = jmap_following_due(j);

	/* What is under way for a human is to be settled at once, but not by who just failed. */
	if (jmap_approval_is_busy(j))
		at = 1;
	else if (j->approvals_left)
		at = clock_wall() + APPROVALS_LATER_S;
	if (j->host.due != NULL)
		j->host.due(j->host.arg, at);
}

bool
jmap_is_busy(const struct jmap *j)
{
	return jmap_vacation_is_busy(j) || jmap_backlog_is_busy(j) || jmap_indexing_is_busy(j) ||
	       jmap_approval_is_busy(j) || jmap_following_is_busy(j);
}

void
jmap_free(struct jmap **jp)
{
	struct jmap *j = *jp;
	struct jmap_request *r;

	if (j == NULL)
		return;
	jmap_approval_stop(j);
	while ((r = LIST_FIRST(&j->requests)) != NULL)
		jmap_request_free(&r);
	jmap_push_close(j);
	jmap_uploads_close(j);
	jmap_indexing_free(&j->indexing);
	jmap_backlog_free(&j->backlog);
	jmap_vacation_stop(j);
	jmap_sending_free(j);
	jmap_following_close(j);
	jmap_vacation_free(j);
	jmap_model_free(&j->model);
	home_unobserve(j->home, &j->observer);
	loop_defer_cancel(&j->tell);
	free((char *)j->user.p);
	free(j);
	*jp = NULL;
}
