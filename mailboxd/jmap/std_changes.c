/*
 * std_changes.c - see jmap.h: /changes (RFC 8620 5.2) and /queryChanges (RFC 8620 5.6), from the
 * change log.
 *
 * The log is walked from where the client stands. Where it asks for fewer changes than there are,
 * the answer ends between two rows, and the state in between names that place.
 */
#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/past.h"
#include "mailboxd/jmap/std.h"

#define WHOLE_ROWS 20000u /* of one operation, in a slice */

struct jmap_noted_id {
	uint64_t id;
	enum jmap_noted first, last;
	bool forgotten;
	UT_hash_handle hh;
};

/* ---- what was noted ---- */

void
jmap_note(struct jmap_changes *ch, uint64_t id, enum jmap_noted what)
{
	struct jmap_noted_id *n;

	HASH_FIND(hh, ch->noted, &id, sizeof id, n);
	if (n != NULL) {
		/* What is told of one that has gone comes of its going. */
		if (n->last != JMAP_DESTROYED || what == JMAP_CREATED)
			n->last = what;
		return;
	}
	if (ch->n >= ch->max) {
		ch->full = true;
		return;
	}
	ch->n++;
	n = arena_new(&ch->call->arena, struct jmap_noted_id);
	n->id = id;
	n->first = n->last = what;
	HASH_ADD(hh, ch->noted, id, sizeof n->id, n);
}

void
jmap_note_made(struct jmap_changes *ch, uint64_t id)
{
	struct jmap_noted_id *n;

	jmap_note(ch, id, JMAP_CREATED);
	HASH_FIND(hh, ch->noted, &id, sizeof id, n);
	if (n != NULL)
		n->first = JMAP_CREATED;
}

void
jmap_note_not(struct jmap_changes *ch, uint64_t id)
{
	struct jmap_noted_id *n;

	HASH_FIND(hh, ch->noted, &id, sizeof id, n);
	if (n != NULL)
		n->forgotten = true;
}

/* What came of it in all; false: nothing that the client has to hear. */
static bool
sum(const struct jmap_noted_id *n, enum jmap_noted *out)
{
	if (n->forgotten || (n->first == JMAP_CREATED && n->last == JMAP_DESTROYED))
		return false;
	*out = n->last == JMAP_DESTROYED  ? JMAP_DESTROYED
	       : n->first == JMAP_CREATED ? JMAP_CREATED
					  : JMAP_UPDATED;
	return true;
}

void
jmap_noted_each(
    struct jmap_changes *ch, bool (*fn)(void *arg, uint64_t id, enum jmap_noted *what), void *arg)
{
	struct jmap_noted_id *n, *next;
	enum jmap_noted what;

	HASH_ITER (hh, ch->noted, n, next) {
		if (!sum(n, &what))
			continue;
		n->forgotten = !fn(arg, n->id, &what);
		n->first = n->last = what;
	}
}

bool
jmap_noted(const struct jmap_changes *ch, uint64_t id, enum jmap_noted *what)
{
	struct jmap_noted_id *n;

	HASH_FIND(hh, ch->noted, &id, sizeof id, n);
	return n != NULL && sum(n, what);
}

/* ---- the walk ---- */

static bool
on_row(void *arg, const struct change *row)
{
	struct jmap_changes *ch = arg;

	bool begins = row->modseq != ch->modseq;

	/* The operation before is complete: rows count from its modseq on. */
	if (begins) {
		if (ch->modseq > ch->at.modseq)
			ch->at = (struct jmap_point){.modseq = ch->modseq};
		ch->modseq = row->modseq;
		ch->row = 0;
	}
	/* Told before, or in an earlier slice. */
	if (ch->row++ < ch->at.rows)
		return true;
	/* The next slice reads again what this operation has already told: it is broken off only
	 * where it is very large. */
	if (ch->done > 0 && (begins || ch->done % WHOLE_ROWS == 0) && jmap_slice_over(ch->call)) {
		ch->sliced = true;
		return false;
	}
	ch->done++;
	ch->rc = ch->object->changed(ch->call, ch, row, &ch->err);
	if (ch->rc < 0 || ch->full)
		return false;
	ch->at.rows = ch->row;
	return true;
}

/* Not in slices: it is only looked at. */
static bool
on_later_row(void *arg, const struct change *row)
{
	struct jmap_changes *ch = arg;

	if (ch->row++ >= ch->at.rows)
		ch->object->later(ch->call, ch, row);
	return true;
}

static enum jmap_step
walk(struct jmap_call *c, struct jmap_changes *ch)
{
	enum jmap_step ready;
	struct err e = {0};

	if (ch->walked)
		return JMAP_DONE;
	ready =
	    ch->object->changes_ready != NULL ? ch->object->changes_ready(c, ch->since) : JMAP_DONE;
	if (ready != JMAP_DONE || jmap_failed(c))
		return ready;
	ch->sliced = false;
	ch->done = 0;
	ch->modseq = ch->at.modseq;
	ch->row = 0;
	if (c->jmap->modseq[ch->object->type] > ch->at.modseq &&
	    change_each(c->home, ch->at.modseq, on_row, ch, &e) < 0)
		return jmap_fail_err(c, &e);
	if (ch->rc < 0)
		return jmap_fail_err(c, &ch->err);
	if (ch->sliced)
		return JMAP_YIELD;
	/* One row may be about more than is asked for. */
	if (ch->full && ch->at.modseq == ch->since.modseq && ch->at.rows == ch->since.rows)
		return jmap_fail(c, "cannotCalculateChanges", "not in such small steps");
	ch->row = 0;
	if (ch->full && ch->object->later != NULL &&
	    change_each(c->home, ch->at.modseq, on_later_row, ch, &e) < 0)
		return jmap_fail_err(c, &e);
	ch->walked = true;
	/* What happens from now on, before the answer is there, is told the next time. */
	ch->now = ch->full ? jmap_state_at(c->jmap, ch->at) : jmap_state(c->jmap, ch->object->type);
	return JMAP_DONE;
}

void
jmap_changes_begin(struct jmap_call *c, struct jmap_changes *ch, struct jmap_point since)
{
	*ch = (struct jmap_changes){
	    .since = since, .max = UINT64_MAX, .object = c->method->object, .call = c, .at = since};
	if (ch->object->has_past) {
		ch->from = jmap_past_new(&c->arena);
		ch->until = jmap_past_new(&c->arena);
	}
}

enum jmap_step
jmap_changes_walk(struct jmap_call *c, struct jmap_changes *ch)
{
	enum jmap_step s = walk(c, ch);

	if (s == JMAP_DONE && !jmap_failed(c) && ch->object->settle != NULL && !ch->settled) {
		s = ch->object->settle(c, ch);
		ch->settled = s == JMAP_DONE;
	}
	return s;
}

void
jmap_changes_done(struct jmap_changes *ch)
{
	HASH_CLEAR(hh, ch->noted);
	jmap_past_free(&ch->from);
	jmap_past_free(&ch->until);
}

/* ---- /changes ---- */

struct changes_run {
	struct jmap_changes ch;
	cJSON *lists[3]; /* by enum jmap_noted; of the result */
};

static void
cleanup(struct jmap_call *c)
{
	struct changes_run *r = c->op;

	jmap_changes_done(&r->ch);
	cJSON_Delete(r->ch.properties);
}

static bool
put_noted(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct changes_run *r = arg;
	char text[JMAP_ID_SIZE];

	json_add(r->lists[*what], json_new_str(str_z(r->ch.object->text(id, text))));
	return true;
}

static enum jmap_step
changes_step(struct jmap_call *c)
{
	static const char *const names[] = {"created", "updated", "destroyed"};
	struct changes_run *r = c->op;
	const struct jmap_object *o = c->method->object;
	enum jmap_step s = jmap_changes_walk(c, &r->ch);

	if (s != JMAP_DONE || jmap_failed(c))
		return s;
	json_put_str(c->result, "newState", str_z(r->ch.now.text));
	json_put_bool(c->result, "hasMoreChanges", r->ch.full);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		json_put(c->result, names[i], r->lists[i] = cJSON_CreateArray());
	jmap_noted_each(&r->ch, put_noted, r);
	/* RFC 8621 2.2 */
	if (o->type == JMAP_MAILBOX) {
		json_put(c->result, "updatedProperties",
		    r->ch.properties != NULL ? r->ch.properties : cJSON_CreateNull());
		r->ch.properties = NULL;
	}
	return JMAP_DONE;
}

static int
begin_since(struct jmap_call *c, const char *name, struct jmap_changes *ch)
{
	struct jmap_point since;
	struct str text;

	if (jmap_arg_str(c, name, &text) < 0)
		return -1;
	if (text.p == NULL) {
		(void)jmap_fail(c, "invalidArguments", "%s is missing", name);
		return -1;
	}
	if (jmap_state_parse(c, text, &since) < 0)
		return -1;
	jmap_changes_begin(c, ch, since);
	return 0;
}

static int
read_max(struct jmap_call *c, uint64_t *max)
{
	if (jmap_arg_uint(c, "maxChanges", UINT64_MAX, max) < 0)
		return -1;
	/* RFC 8620 5.2 */
	if (*max == 0) {
		(void)jmap_fail(c, "invalidArguments", "maxChanges: must be above 0");
		return -1;
	}
	return 0;
}

enum jmap_step
jmap_changes(struct jmap_call *c)
{
	struct changes_run *r = arena_new(&c->arena, struct changes_run);
	uint64_t max;

	if (jmap_args_only(c, "sinceState maxChanges") < 0 ||
	    begin_since(c, "sinceState", &r->ch) < 0 || read_max(c, &max) < 0)
		return JMAP_DONE;
	r->ch.max = max;
	json_put(c->result, "oldState", cJSON_Duplicate(json_get(c->args, "sinceState"), false));
	c->op = r;
	c->cleanup = cleanup;
	c->step = changes_step;
	return changes_step(c);
}

/* ---- /queryChanges ---- */

struct query_changes_run {
	struct jmap_changes ch;
	struct jmap_query q;
	uint64_t max;
	bool total;
	cJSON *removed; /* of the result */
};

static void
cleanup_query(struct jmap_call *c)
{
	struct query_changes_run *r = c->op;

	jmap_changes_done(&r->ch);
	cJSON_Delete(r->ch.properties);
}

static bool
put_removed(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct query_changes_run *r = arg;
	char text[JMAP_ID_SIZE];

	if (*what != JMAP_CREATED)
		json_add(r->removed, json_new_str(str_z(r->ch.object->text(id, text))));
	return true;
}

/* RFC 8620 5.6: whatever has changed counts as removed, and as added where it is in the results
 * now. */
static enum jmap_step
answer_query_changes(struct jmap_call *c, struct query_changes_run *r)
{
	const struct jmap_object *o = c->method->object;
	cJSON *added = cJSON_CreateArray(), *item;
	enum jmap_noted what;
	char text[JMAP_ID_SIZE];
	uint64_t n;

	json_put_str(c->result, "newQueryState", str_z(r->ch.now.text));
	if (r->total)
		json_put_num(c->result, "total", (int64_t)r->q.n);
	json_put(c->result, "removed", r->removed = cJSON_CreateArray());
	json_put(c->result, "added", added);
	jmap_noted_each(&r->ch, put_removed, r);
	n = (uint64_t)cJSON_GetArraySize(r->removed);
	for (size_t i = 0; i < r->q.n; i++) {
		if (!jmap_noted(&r->ch, r->q.ids[i], &what) || what == JMAP_DESTROYED)
			continue;
		item = cJSON_CreateObject();
		json_put_str(item, "id", str_z(o->text(r->q.ids[i], text)));
		json_put_num(item, "index", (int64_t)i);
		json_add(added, item);
		n++;
	}
	if (n > r->max)
		return jmap_fail(c, "tooManyChanges", "%llu changes", (unsigned long long)n);
	return JMAP_DONE;
}

static enum jmap_step
query_changes_step(struct jmap_call *c)
{
	struct query_changes_run *r = c->op;
	enum jmap_step s = jmap_changes_walk(c, &r->ch);

	if (s == JMAP_DONE && !jmap_failed(c))
		s = c->method->object->query(c, &r->q);
	if (s != JMAP_DONE || jmap_failed(c))
		return s;
	if (r->q.cannot_change)
		return jmap_fail(c, "cannotCalculateChanges", "not for such a query");
	return answer_query_changes(c, r);
}

static int
read_query_changes(struct jmap_call *c, struct query_changes_run *r)
{
	const struct jmap_object *o = c->method->object;
	struct str names = arena_printf(&c->arena,
	    "filter sort sinceQueryState maxChanges upToId calculateTotal %s",
	    o->query_args ? o->query_args : "");
	struct str up_to;

	if (jmap_args_only(c, names.p) < 0 || begin_since(c, "sinceQueryState", &r->ch) < 0 ||
	    read_max(c, &r->max) < 0 || jmap_query_read(c, &r->q) < 0)
		return -1;
	/* upToId saves work only where nothing that it is about can change (RFC 8620 5.6): it may
	 * be passed over. */
	return jmap_arg_str(c, "upToId", &up_to) < 0 ||
		       jmap_arg_bool(c, "calculateTotal", false, &r->total) < 0
		   ? -1
		   : 0;
}

enum jmap_step
jmap_query_changes(struct jmap_call *c)
{
	struct query_changes_run *r = arena_new(&c->arena, struct query_changes_run);

	if (read_query_changes(c, r) < 0)
		return JMAP_DONE;
	/* Only where what has changed stands now is told. */
	r->q.need = SIZE_MAX;
	if (!r->total)
		r->q.noted = &r->ch;
	json_put(c->result, "oldQueryState",
	    cJSON_Duplicate(json_get(c->args, "sinceQueryState"), false));
	c->op = r;
	c->cleanup = cleanup_query;
	c->step = query_changes_step;
	return query_changes_step(c);
}
