/*
 * indexing.c - keeps the index of words in step with a user's emails.
 *
 * A round: each email of the model that is not in the index is read and put in, the newest first;
 * then what the model does not have any more is dropped; then the round is over until a request has
 * seen the model change. Batches are committed and joined in slices of their own. The place in the
 * model is a position from its end: emails that come meanwhile are found by the next round, since
 * the model's generation is then another one.
 */
#include "mailboxd/jmap/indexing.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "mailboxd/jmap/filter.h"
#include "mailboxd/jmap/model.h"

#define PATH     "db/search.db"
#define SLICE_US 3000u
#define PAUSE_MS 9u    /* between slices: a quarter of a processor at most */
#define LATER_MS 3000u /* after a request */

enum phase {
	PHASE_PUT,
	PHASE_COMMIT,
	PHASE_MERGE,
	PHASE_DROP,
	PHASE_DONE
};

struct jmap_indexing {
	struct jmap *jmap;
	struct search *search;
	struct loop_timer *timer;
	struct text_fields fields;
	struct arena arena;
	enum phase phase;
	bool put_all;        /* PHASE_PUT has come to its end in this round */
	size_t at;           /* emails of the model that were looked at; documents in PHASE_DROP */
	uint64_t generation; /* of the model when the round began */
	bool given_up;       /* no index for the life of this owner */
};

static void slice(void *arg);

static struct jmap_indexing *
get(struct jmap *j)
{
	struct jmap_indexing *x = j->indexing;

	if (x != NULL)
		return x;
	x = mem_alloc(sizeof(*x));
	x->jmap = j;
	x->phase = PHASE_DONE;
	x->timer = loop_timer_new(slice, x);
	arena_init(&x->arena);
	text_fields_init(&x->fields);
	j->indexing = x;
	return x;
}

static void
begin_round(struct jmap_indexing *x)
{
	x->phase = PHASE_PUT;
	x->put_all = false;
	x->at = 0;
	x->generation = jmap_model_generation(x->jmap->model);
}

static void
give_up(struct jmap_indexing *x, const struct err *e)
{
	log_warn("jmap.search_index", LS("user", x->jmap->user), LE(e));
	search_close(&x->search, e->code == E_PROTO);
	x->given_up = true;
	x->phase = PHASE_DONE;
	loop_timer_stop(x->timer);
}

static void
open_search(struct jmap_indexing *x)
{
	struct err e = {0};
	bool fresh;

	if ((x->search = search_open(PATH, &fresh, &e)) == NULL)
		give_up(x, &e);
	else
		log_debug("jmap.search_open", LS("user", x->jmap->user),
		    LU("emails", search_count(x->search)));
}

/* A damaged one is begun anew, and so is one that is half full of what has left; but not over and
 * over. */
static void
begin_anew(struct jmap_indexing *x)
{
	log_info("jmap.search_anew", LS("user", x->jmap->user));
	search_close(&x->search, true);
	open_search(x);
	if (x->search != NULL)
		begin_round(x);
}

/* ---- slices ---- */

/* What cannot be read now is left to who searches. */
static int
put(struct jmap_indexing *x, const struct jmap_email *em, struct err *e)
{
	struct content *content = jmap_email_open(x->jmap->model, em, e);

	if (content == NULL)
		return 0;
	text_fields_read(&x->fields, content->octets, TEXT_ALL, &x->arena);
	content_close(&content);
	arena_reset(&x->arena);
	return search_put(x->search, em->number, &x->fields, e);
}

static int
put_some(struct jmap_indexing *x, uint64_t until, struct err *e)
{
	struct jmap_email *const *v;
	size_t n;

	v = jmap_model_all(x->jmap->model, &n);
	for (; x->at < n; x->at++) {
		uint64_t email = v[n - 1 - x->at]->number;

		if (search_has(x->search, email))
			continue;
		if (search_batch_is_full(x->search)) {
			x->phase = PHASE_COMMIT;
			return 0;
		}
		if (put(x, v[n - 1 - x->at], e) < 0)
			return -1;
		if (clock_us() >= until)
			return 0;
		/* Looking for a file may have changed the model. */
		v = jmap_model_all(x->jmap->model, &n);
	}
	x->put_all = true;
	x->at = 0;
	x->phase = PHASE_DROP;
	return 0;
}

static int
drop_some(struct jmap_indexing *x, uint64_t until, struct err *e)
{
	uint64_t email;

	for (unsigned looked = 0; (email = search_next(x->search, &x->at)) != 0;) {
		if (jmap_model_find(x->jmap->model, email) == NULL &&
		    search_drop(x->search, email, e) < 0)
			return -1;
		if (++looked % 64 == 0 && clock_us() >= until)
			return 0;
	}
	x->phase = PHASE_COMMIT;
	return 0;
}

static int
work(struct jmap_indexing *x, struct err *e)
{
	uint64_t until = clock_us() + SLICE_US;
	bool more = false;

	switch (x->phase) {
	case PHASE_PUT:
		return put_some(x, until, e);
	case PHASE_DROP:
		return drop_some(x, until, e);
	case PHASE_COMMIT:
		x->phase = PHASE_MERGE;
		return search_commit(x->search, e);
	case PHASE_MERGE:
		if (search_merge(x->search, &more, e) < 0)
			return -1;
		if (!more)
			x->phase = x->put_all ? PHASE_DONE : PHASE_PUT;
		break;
	case PHASE_DONE:
		break;
	}
	return 0;
}

static void
run_slice(struct jmap_indexing *x)
{
	struct err e = {0};

	if (jmap_emails(x->jmap, &e) == NULL) {
		log_warn("jmap.search_index", LS("user", x->jmap->user), LE(&e));
		return;
	}
	if (x->search == NULL)
		open_search(x);
	if (x->search == NULL)
		return;
	if (x->phase == PHASE_DONE)
		begin_round(x);
	if (work(x, &e) < 0) {
		/* A damaged file is worth one more; a full disk is not. */
		if (e.code == E_PROTO)
			begin_anew(x);
		else
			give_up(x, &e);
	} else if (x->phase == PHASE_DONE && search_is_stale(x->search)) {
		begin_anew(x);
	}
	if (x->phase != PHASE_DONE)
		loop_timer_set(x->timer, PAUSE_MS);
}

/* The room kept for what must go on when the disk is full is not for what can be made again. */
static void
slice(void *arg)
{
	bool (*full)(void) = file_full;

	file_full = NULL;
	run_slice(arg);
	file_full = full;
}

/* ---- from outside ---- */

static bool
is_behind(const struct jmap_indexing *x)
{
	return x->phase != PHASE_DONE || x->search == NULL ||
	       x->generation != jmap_model_generation(x->jmap->model);
}

struct search *
jmap_indexing_search(struct jmap *j)
{
	struct jmap_indexing *x = get(j);

	if (x->search == NULL && !x->given_up) {
		open_search(x);
		if (x->search != NULL)
			begin_round(x);
	}
	if (!x->given_up && is_behind(x) && !loop_timer_pending(x->timer))
		loop_timer_set(x->timer, PAUSE_MS);
	return x->search;
}

void
jmap_indexing_failed(struct jmap *j)
{
	struct jmap_indexing *x = get(j);

	if (x->search != NULL && search_has_failed(x->search) && !x->given_up)
		begin_anew(x);
}

void
jmap_indexing_later(struct jmap *j)
{
	struct jmap_indexing *x;

	/* Nobody has asked for an email. */
	if (j->model == NULL)
		return;
	x = get(j);
	if (!x->given_up && is_behind(x) && !loop_timer_pending(x->timer))
		loop_timer_set(x->timer, LATER_MS);
}

bool
jmap_indexing_is_done(struct jmap *j)
{
	return j->indexing != NULL && j->model != NULL && !is_behind(j->indexing);
}

bool
jmap_indexing_is_busy(const struct jmap *j)
{
	return j->indexing != NULL && loop_timer_pending(j->indexing->timer);
}

void
jmap_indexing_free(struct jmap_indexing **xp)
{
	struct jmap_indexing *x = *xp;

	if (x == NULL)
		return;
	loop_timer_free(&x->timer);
	search_close(&x->search, false);
	text_fields_free(&x->fields);
	arena_free(&x->arena);
	free(x);
	*xp = NULL;
}
