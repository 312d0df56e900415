/*
 * email_query.c - see email_query.h: finds, sorts and collapses emails.
 *
 * Emails are looked at in the order of time, which the model keeps, so the usual list needs no
 * sorting: 100,000 of them cost some milliseconds, and the next page of the same query none, since
 * the answer is kept. Any other order sorts keys that are gathered first: from the model or, for
 * from, to, subject and sentAt, from the rows that the index has of emails.
 *
 * While there are emails whose thread is not known (model.h) a list in the order of time looks for
 * those of the emails that it comes by, and ends as soon as it has what the answer needs: which
 * emails stand there depends on no others. What depends on all threads waits until they are known.
 *
 * Works in slices. What changes meanwhile lets it begin anew; after some such times it goes on to
 * its end without a pause.
 */
#include "mailboxd/jmap/email_query.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/filter.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/row.h"

#define SORTS_MAX  10u
#define RESTARTS   3u
#define THREADS_US 3000u

enum sort_by {
	BY_RECEIVED_AT,
	BY_SIZE,
	BY_FROM,
	BY_TO,
	BY_SUBJECT,
	BY_SENT_AT,
	BY_KEYWORD,
	BY_ALL_IN_THREAD,
	BY_SOME_IN_THREAD
};

static const struct {
	const char *name;
	enum jmap_row_entry row; /* for those of a row */
} sorts[] = {
    [BY_RECEIVED_AT] = {"receivedAt", 0},
    [BY_SIZE] = {"size", 0},
    [BY_FROM] = {"from", ROW_BY_FROM},
    [BY_TO] = {"to", ROW_BY_TO},
    [BY_SUBJECT] = {"subject", ROW_BY_SUBJECT},
    [BY_SENT_AT] = {"sentAt", ROW_BY_SENT_AT},
    [BY_KEYWORD] = {"hasKeyword", 0},
    [BY_ALL_IN_THREAD] = {"allInThreadHaveKeyword", 0},
    [BY_SOME_IN_THREAD] = {"someInThreadHaveKeyword", 0},
};

struct sort {
	enum sort_by by;
	bool descending;
	struct str keyword;
	struct jmap_keyword ready;
};

/* Arguments, read. */
struct query_args {
	bool collapse;
	struct sort sorts[SORTS_MAX];
	unsigned nsorts;
	bool by_time, rows, threads; /* it is the model's order; keys of rows; of threads */
};

union key {
	int64_t number;
	struct str text;
};

struct item {
	uint64_t email;
	int64_t received;
	uint32_t uid;
	union key *keys;
};

enum stage {
	STAGE_THREADS,
	STAGE_MATCH,
	STAGE_ROWS,
	STAGE_DONE
};

struct run {
	struct jmap_call *call;
	struct query_args *args;
	struct jmap_filter *filter;
	struct jmap_model *model;
	struct buf text; /* of the query, by which its answer is kept */
	enum stage stage;
	unsigned restarts;
	uint64_t generation;
	uint32_t marks;
	size_t i, room;
	size_t need;                         /* of the result */
	bool may_end;                        /* before all emails have been looked at */
	bool is_whole;                       /* all emails have been looked at */
	const struct jmap_email *last_noted; /* the last in the order that was noted */
	uint64_t *ids;                       /* where no keys are needed */
	struct item *items;
	size_t n;
};

/* ---- arguments ---- */

static int
bad_sort(struct jmap_call *c, const char *why)
{
	(void)jmap_fail(c, "unsupportedSort", "%s", why);
	return -1;
}

/* RFC 8621 4.4.2 */
static int
read_sort(struct jmap_call *c, const cJSON *v, struct sort *s)
{
	struct str by = json_str(json_get(v, "property")),
		   collation = json_str(json_get(v, "collation"));
	unsigned i = 0;

	while (i < ARRAY_LEN(sorts) && !str_eq_z(by, sorts[i].name))
		i++;
	if (i == ARRAY_LEN(sorts))
		return bad_sort(c, "no such property to sort by");
	if (collation.p != NULL && !str_eq(collation, STR("i;ascii-casemap")) &&
	    !str_eq(collation, STR("i;unicode-casemap")))
		return bad_sort(c, "no such collation");
	s->by = (enum sort_by)i;
	s->descending = cJSON_IsFalse(json_get(v, "isAscending"));
	if (s->by < BY_KEYWORD)
		return 0;
	s->keyword = json_str(json_get(v, "keyword"));
	if (s->keyword.n == 0) {
		(void)jmap_fail(c, "invalidArguments", "sort: keyword is missing");
		return -1;
	}
	return 0;
}

static int
read_sorts(struct jmap_call *c, const cJSON *list, struct query_args *a)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, list)
	{
		struct sort *s = &a->sorts[a->nsorts];

		if (a->nsorts == SORTS_MAX)
			return bad_sort(c, "too many properties to sort by");
		if (read_sort(c, v, s) < 0)
			return -1;
		a->nsorts++;
		a->rows |= s->by >= BY_FROM && s->by <= BY_SENT_AT;
		a->threads |= s->by == BY_ALL_IN_THREAD || s->by == BY_SOME_IN_THREAD;
	}
	/* The newest first, where nothing is said. */
	if (a->nsorts == 0)
		a->sorts[a->nsorts++] = (struct sort){.by = BY_RECEIVED_AT, .descending = true};
	a->by_time = a->nsorts == 1 && a->sorts[0].by == BY_RECEIVED_AT;
	return 0;
}

static struct query_args *
query_args(struct jmap_call *c, const cJSON *sort)
{
	struct query_args *a = arena_new(&c->arena, struct query_args);

	return read_sorts(c, sort, a) < 0 ||
		       jmap_arg_bool(c, "collapseThreads", false, &a->collapse) < 0
		   ? NULL
		   : a;
}

/* ---- keys ---- */

static bool
thread_has(const struct jmap_model *m, const struct jmap_email *em, const struct sort *s)
{
	bool all = s->by == BY_ALL_IN_THREAD;

	if (em->thread == NULL)
		return jmap_email_has(m, em, &s->ready);
	for (em = em->thread->first; em != NULL; em = jmap_email_next(em))
		if (jmap_email_has(m, em, &s->ready) != all)
			return !all;
	return all;
}

static void
fill_keys(struct run *r, const struct jmap_email *em, union key *keys)
{
	for (unsigned i = 0; i < r->args->nsorts; i++) {
		const struct sort *s = &r->args->sorts[i];

		switch (s->by) {
		case BY_RECEIVED_AT:
			keys[i].number = em->received;
			break;
		case BY_SIZE:
			keys[i].number = em->size;
			break;
		case BY_KEYWORD:
			keys[i].number = jmap_email_has(r->model, em, &s->ready);
			break;
		case BY_ALL_IN_THREAD:
		case BY_SOME_IN_THREAD:
			keys[i].number = thread_has(r->model, em, s);
			break;
		case BY_FROM:
		case BY_TO:
		case BY_SUBJECT:
		case BY_SENT_AT:
			keys[i].text = STR("");
			break;
		}
	}
}

static int
fill_row_keys(struct jmap_call *c, struct run *r, struct item *it, struct err *e)
{
	const struct jmap_email *em = jmap_model_find(r->model, it->email);
	const struct jmap_place *p = em != NULL ? jmap_email_places(em) : NULL;
	struct jmap_row row;
	struct arena a;
	struct str text;
	int rc = 0;

	if (em == NULL)
		return 0;
	arena_init(&a);
	if (mailbox_cached(
		jmap_model_mailbox(r->model, p->box), p->uid, CACHE_EMAIL, &a, &text, e) < 0) {
		/* One that cannot be read sorts as one that says nothing. */
		rc = home_has_failed(c->home) ? -1 : 0;
	} else {
		jmap_row_read(text, &row);
		for (unsigned i = 0; i < r->args->nsorts; i++) {
			enum sort_by by = r->args->sorts[i].by;

			if (by >= BY_FROM && by <= BY_SENT_AT)
				it->keys[i].text = arena_dup(&c->arena, row.v[sorts[by].row]);
		}
	}
	arena_free(&a);
	return rc;
}

static int
compare_key(const struct sort *s, const union key *a, const union key *b)
{
	if (s->by >= BY_FROM && s->by <= BY_SENT_AT)
		return str_cmp(a->text, b->text);
	return a->number < b->number ? -1 : a->number > b->number;
}

/* What is equal: the newest first. */
static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct query_args *args = arg;
	const struct item *a = pa, *b = pb;

	for (unsigned i = 0; i < args->nsorts; i++) {
		int d = compare_key(&args->sorts[i], &a->keys[i], &b->keys[i]);

		if (d != 0)
			return args->sorts[i].descending ? -d : d;
	}
	if (a->received != b->received)
		return a->received > b->received ? -1 : 1;
	if (a->uid != b->uid)
		return a->uid > b->uid ? -1 : 1;
	return a->email > b->email ? -1 : a->email < b->email;
}

/* ---- matching ---- */

static void
add_match(struct jmap_call *c, struct run *r, const struct jmap_email *em)
{
	if (r->items == NULL) {
		r->ids[r->n++] = em->number;
		return;
	}
	r->items[r->n] = (struct item){em->number, em->received, em->uid,
	    arena_array(&c->arena, r->args->nsorts, sizeof(union key))};
	fill_keys(r, em, r->items[r->n++].keys);
}

struct farthest {
	struct run *run;
	const struct jmap_email *email;
};

static bool
look_at_noted(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct farthest *f = arg;
	const struct jmap_email *em = jmap_model_find(f->run->model, id);

	(void)what;
	if (em != NULL && (f->email == NULL || (jmap_email_compare(em, f->email) < 0) ==
						   f->run->args->sorts[0].descending))
		f->email = em;
	return true;
}

/* Is it enough to look at the emails up to some place in their order? Not when all is known: then
 * the whole answer costs little, and is kept. */
static void
find_end(struct run *r, const struct jmap_query *q)
{
	struct farthest f = {r, NULL};

	r->need = SIZE_MAX;
	r->last_noted = NULL;
	r->may_end = false;
	if (r->items != NULL || jmap_model_threads_are_known(r->model))
		return;
	r->may_end = true;
	r->need = q->need;
	if (q->noted == NULL)
		return;
	jmap_noted_each(q->noted, look_at_noted, &f);
	r->last_noted = f.email;
	if (f.email == NULL)
		r->need = 0;
}

static void
begin_matching(struct jmap_call *c, struct run *r, const struct jmap_query *q)
{
	size_t n;

	(void)jmap_model_all(r->model, &n);
	/* What comes meanwhile does not count: then it begins anew. */
	if (n > r->room || r->room == 0) {
		r->room = n + 1;
		if (r->args->by_time)
			r->ids = arena_array(&c->arena, r->room, sizeof *r->ids);
		else
			r->items = arena_array(&c->arena, r->room, sizeof *r->items);
	}
	for (unsigned i = 0; i < r->args->nsorts; i++)
		if (r->args->sorts[i].by >= BY_KEYWORD)
			jmap_keyword_init(&r->args->sorts[i].ready, r->model,
			    r->args->sorts[i].keyword, &c->arena);
	r->generation = jmap_model_generation(r->model);
	r->marks = jmap_model_unmark(r->model);
	r->i = r->n = 0;
	find_end(r, q);
	r->stage = STAGE_MATCH;
}

/* Without keys the order is right already, and the first of a thread is the one that stays. 1: it
 * is not the first; 0; -1. */
static int
is_hidden(struct run *r, const struct jmap_email *em, struct err *e)
{
	struct jmap_thread *t;

	if (!r->args->collapse || r->items != NULL)
		return 0;
	if (jmap_model_thread(r->model, em, &t, e) < 0)
		return home_has_failed(r->call->home) ? -1 : 1;
	return !jmap_model_mark_thread(r->model, t);
}

/* An email that matches; -1. */
static int
take(struct run *r, const struct jmap_email *em, const struct jmap_query *q, struct err *e)
{
	int hidden = is_hidden(r, em, e);

	if (hidden != 0)
		return hidden < 0 ? -1 : 0;
	if (em->number == q->anchor && r->may_end)
		r->need = r->n + (size_t)num_max(q->behind_anchor, (int64_t)1);
	add_match(r->call, r, em);
	return 0;
}

static enum jmap_step
match(struct jmap_call *c, struct run *r, const struct jmap_query *q)
{
	struct err e = {0};
	struct jmap_email *const *v;
	size_t n;
	int rc;

	v = jmap_model_all(r->model, &n);
	if (jmap_filter_ready(r->filter, &e) < 0)
		return jmap_fail_err(c, &e);
	for (; r->i < n && r->n < r->need; r->i++) {
		bool newest_first = r->items != NULL || r->args->sorts[0].descending;
		const struct jmap_email *em = v[newest_first ? n - 1 - r->i : r->i];

		if ((r->i & 63) == 0 && r->restarts < RESTARTS && jmap_slice_over(c))
			return JMAP_YIELD;
		if ((rc = jmap_filter_match(r->filter, em, &e)) < 0 ||
		    (rc == 1 && em->nplaces > 0 && take(r, em, q, &e) < 0))
			return jmap_fail_err(c, &e);
		/* Reading a message may show that files have gone. */
		if (jmap_model_generation(r->model) != r->generation)
			return JMAP_YIELD;
		if (em == r->last_noted)
			r->need = r->n;
	}
	r->is_whole = r->i == n;
	r->i = 0;
	r->stage = r->args->rows && r->items != NULL ? STAGE_ROWS : STAGE_DONE;
	return JMAP_DONE;
}

static enum jmap_step
read_rows(struct jmap_call *c, struct run *r)
{
	struct err e = {0};

	for (; r->i < r->n; r->i++) {
		if (jmap_slice_over(c))
			return JMAP_YIELD;
		if (fill_row_keys(c, r, &r->items[r->i], &e) < 0)
			return jmap_fail_err(c, &e);
	}
	r->stage = STAGE_DONE;
	return JMAP_DONE;
}

/* ---- the end ---- */

static void
sort_items(struct jmap_call *c, struct run *r)
{
	size_t n = 0;

	qsort_r(r->items, r->n, sizeof *r->items, compare, r->args);
	r->ids = arena_array(&c->arena, r->n + 1, sizeof *r->ids);
	(void)jmap_model_unmark(r->model);
	for (size_t i = 0; i < r->n; i++) {
		const struct jmap_email *em = jmap_model_find(r->model, r->items[i].email);

		if (em == NULL || (r->args->collapse && em->thread != NULL &&
				      !jmap_model_mark_thread(r->model, em->thread)))
			continue;
		r->ids[n++] = em->number;
	}
	r->n = n;
}

static enum jmap_step
finish(struct jmap_call *c, struct run *r, struct jmap_query *q)
{
	if (r->items != NULL)
		sort_items(c, r);
	q->ids = r->ids;
	q->n = r->n;
	/* Keys of rows may be of before a change. */
	if (r->is_whole && jmap_model_generation(r->model) == r->generation)
		jmap_model_keep_answer(r->model, buf_view(&r->text), r->ids, r->n);
	return JMAP_DONE;
}

/* ---- the steps ---- */

static enum jmap_step
find_threads(struct jmap_call *c, struct run *r, const struct jmap_query *q)
{
	struct err e = {0};
	int rc = 1;

	if ((r->args->collapse && !r->args->by_time) || r->args->threads ||
	    jmap_filter_needs_threads(r->filter))
		rc = jmap_model_thread_all(r->model, THREADS_US, &e);
	if (rc < 0)
		return jmap_fail_err(c, &e);
	if (rc == 0)
		return JMAP_YIELD;
	begin_matching(c, r, q);
	return JMAP_DONE;
}

static void
free_text(void *arg)
{
	buf_free(arg);
}

/* What the answer follows from. */
static void
write_query(struct jmap_call *c, struct run *r, const struct jmap_query *q)
{
	buf_init(&r->text, JMAP_MAX_REQUEST);
	arena_defer(&c->arena, free_text, &r->text);
	json_print(q->filter, &r->text);
	(void)buf_putc(&r->text, ' ');
	json_print(q->sort, &r->text);
	(void)buf_puts(&r->text, r->args->collapse ? " c" : "");
}

static bool
is_answered(struct jmap_call *c, struct run *r, struct jmap_query *q)
{
	const uint64_t *ids;

	if (!jmap_model_answer(r->model, buf_view(&r->text), &ids, &q->n))
		return false;
	q->ids = arena_array(&c->arena, q->n + 1, sizeof *ids);
	if (q->n > 0)
		memcpy(q->ids, ids, q->n * sizeof *ids);
	return true;
}

static struct run *
begin(struct jmap_call *c, struct jmap_query *q)
{
	struct run *r = arena_new(&c->arena, struct run);
	struct err e = {0};

	q->op = r;
	r->call = c;
	if ((r->args = query_args(c, q->sort)) == NULL ||
	    jmap_filter_parse(c, q->filter, &r->filter) < 0)
		return NULL;
	if ((r->model = jmap_emails(c->jmap, &e)) == NULL) {
		(void)jmap_fail_err(c, &e);
		return NULL;
	}
	write_query(c, r, q);
	return r;
}

/* Has anything changed since the slice before? */
static bool
is_spoilt(const struct run *r)
{
	return r->stage == STAGE_MATCH && (jmap_model_generation(r->model) != r->generation ||
					      (r->args->collapse && r->items == NULL &&
						  jmap_model_marks(r->model) != r->marks));
}

enum jmap_step
jmap_email_query(struct jmap_call *c, struct jmap_query *q)
{
	struct run *r = q->op;
	enum jmap_step s = JMAP_DONE;

	if (r == NULL) {
		if ((r = begin(c, q)) == NULL || is_answered(c, r, q))
			return JMAP_DONE;
	}
	if (is_spoilt(r)) {
		r->restarts++;
		r->stage = STAGE_THREADS;
	}
	while (s == JMAP_DONE && r->stage != STAGE_DONE && !jmap_failed(c)) {
		if (r->stage == STAGE_THREADS)
			s = find_threads(c, r, q);
		else
			s = r->stage == STAGE_MATCH ? match(c, r, q) : read_rows(c, r);
	}
	return s != JMAP_DONE || jmap_failed(c) ? s : finish(c, r, q);
}

struct jmap_email_query_changes *
jmap_email_query_changes(struct jmap_call *c)
{
	struct jmap_email_query_changes *x = c->extra;
	struct jmap_filter *f;
	struct query_args *a;
	const cJSON *filter, *sort;

	if (x != NULL)
		return x;
	c->extra = x = arena_new(&c->arena, struct jmap_email_query_changes);
	if (jmap_arg_object(c, "filter", &filter) == 0 && jmap_arg_array(c, "sort", &sort) == 0 &&
	    (a = query_args(c, sort)) != NULL && jmap_filter_parse(c, filter, &f) == 0)
		x->is_of_threads = a->collapse || a->threads || jmap_filter_needs_threads(f);
	return x;
}
