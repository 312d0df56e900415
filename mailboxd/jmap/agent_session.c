/*
 * agent_session.c - see agent_session.h.
 *
 * Undoing works in slices, so that a thousand changes hold up nobody: before each, what the log
 * has got meanwhile is taken in. It is answered when it is durable (home_commit). A human may undo
 * any session, an agent those of its own name.
 */
#include "mailboxd/jmap/agent_session.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "mail/date.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/undo_apply.h"

#define SESSIONS_TOLD 500u

static const char *const properties[] = {
    "id", "agent", "first", "last", "changes", "counts", "undoneAt", "complete", NULL};

/* ---- ids ---- */

static uint64_t
parse(struct str id)
{
	uint64_t n = 0;

	if (!agent_session_valid(id))
		return 0;
	for (size_t i = 0; i < id.n; i++)
		n = n << 4 | (uint64_t)(is_digit(id.p[i]) ? id.p[i] - '0' : id.p[i] - 'a' + 10);
	return n;
}

static const char *
text(uint64_t n, char out[JMAP_ID_SIZE])
{
	(void)snprintf(out, JMAP_ID_SIZE, "%016" PRIx64, n);
	return out;
}

/* ---- what the log says of one ---- */

enum count {
	COUNT_FLAGS,
	COUNT_MOVED,
	COUNT_COPIED,
	COUNT_ADDED,
	COUNT_EXPUNGED,
	COUNT_OTHER,
	COUNTS
};

static const char *const count_names[COUNTS] = {
    "flags", "moved", "copied", "added", "expunged", "other"};

struct summary {
	struct arena *a;
	struct str agent; /* STR_NONE: not known */
	int64_t first, last, undone;
	uint64_t last_row, changes, counts[COUNTS];
};

static enum count
count_of(enum change_kind kind)
{
	switch ((unsigned)kind) {
	case CHANGE_FLAGS:
		return COUNT_FLAGS;
	case CHANGE_MOVED:
		return COUNT_MOVED;
	case CHANGE_COPIED:
		return COUNT_COPIED;
	case CHANGE_ADDED:
		return COUNT_ADDED;
	case CHANGE_EXPUNGED:
		return COUNT_EXPUNGED;
	default:
		return COUNT_OTHER;
	}
}

static bool
sum_up(void *arg, const struct change *c)
{
	struct summary *s = arg;

	if (s->first == 0)
		s->first = c->time;
	s->last = c->time;
	s->last_row = c->row;
	if (c->kind == CHANGE_AGENT) {
		s->agent = arena_dup(s->a, c->before);
		return true;
	}
	s->changes++;
	s->counts[count_of(c->kind)]++;
	/* A move has two rows: where it came to, and where it left. */
	if (c->kind == CHANGE_MOVED && s->counts[COUNT_COPIED] > 0) {
		s->counts[COUNT_COPIED]--;
		s->changes--;
	}
	return true;
}

static bool
find_undone(void *arg, const struct change *c)
{
	struct summary *s = arg;

	if (c->kind == CHANGE_UNDONE && c->row > s->last_row)
		s->undone = c->time;
	return true;
}

/* 1; 0: there is no such session; -1. */
static int
summary_of(struct home *h, struct str session, struct arena *a, struct summary *s, struct err *e)
{
	*s = (struct summary){.a = a};
	if (change_rows_of(h, CHANGE_BY_AGENT, session, 0, sum_up, s, e) < 0 ||
	    change_rows_of(h, CHANGE_UNDO, session, 0, find_undone, s, e) < 0)
		return -1;
	return s->last_row != 0;
}

static bool
take_name(void *arg, const struct change *c)
{
	struct summary *s = arg;

	if (c->kind == CHANGE_AGENT)
		s->agent = arena_dup(s->a, c->before);
	/* It stands first. */
	return false;
}

int
agent_session_name(
    struct home *h, struct str session, struct arena *a, struct str *out, struct err *e)
{
	struct summary s = {.a = a};
	int rc = change_rows_of(h, CHANGE_BY_AGENT, session, 0, take_name, &s, e);

	*out = s.agent;
	return rc < 0 ? -1 : 0;
}

int
agent_session_begin(struct jmap_call *c, struct err *e)
{
	const struct jmap_agent *g = c->request->agent;
	struct str known;

	if (str_eq_z(g->session, c->jmap->agent_noted))
		return 0;
	if (agent_session_name(c->home, g->session, &c->arena, &known, e) < 0 ||
	    (known.p == NULL && change_note(c->home, CHANGE_AGENT, g->name, c->by, e) < 0))
		return -1;
	(void)str_cz(g->session, c->jmap->agent_noted, sizeof(c->jmap->agent_noted));
	return 0;
}

static bool
may_see(const struct jmap_call *c, struct str session, struct str agent)
{
	const struct jmap_agent *g = c->request->agent;

	return g == NULL || str_eq(g->session, session) ||
	       (agent.p != NULL && str_eq(g->name, agent));
}

/* ---- get ---- */

static void
put_date(cJSON *out, const char *name, int64_t when)
{
	char date[DATE_RFC3339_SIZE];

	if (when == 0)
		json_put(out, name, cJSON_CreateNull());
	else
		json_put_str(out, name, str_z(date_rfc3339(when, 0, date)));
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	char session[JMAP_ID_SIZE];
	uint64_t forgotten = 0;
	struct summary s;
	cJSON *counts;
	int rc = summary_of(c->home, str_z(text(id, session)), &c->arena, &s, e);

	if (rc <= 0 || !may_see(c, str_z(session), s.agent))
		return rc < 0 ? -1 : 0;
	if (change_forgotten(c->home, &forgotten, e) < 0)
		return -1;
	if (jmap_wants(c, 1))
		json_put_str(out, "agent", s.agent);
	if (jmap_wants(c, 2))
		put_date(out, "first", s.first);
	if (jmap_wants(c, 3))
		put_date(out, "last", s.last);
	if (jmap_wants(c, 4))
		json_put_num(out, "changes", (int64_t)s.changes);
	if (jmap_wants(c, 5)) {
		json_put(out, "counts", counts = cJSON_CreateObject());
		for (unsigned i = 0; i < COUNTS; i++)
			json_put_num(counts, count_names[i], (int64_t)s.counts[i]);
	}
	if (jmap_wants(c, 6))
		put_date(out, "undoneAt", s.undone);
	if (jmap_wants(c, 7))
		json_put_bool(out, "complete", s.agent.p != NULL || forgotten == 0);
	return 1;
}

struct listing {
	struct jmap_call *c;
	uint64_t *ids;
	size_t n, cap;
};

static bool
list_one(void *arg, struct str sid)
{
	struct listing *l = arg;
	uint64_t id = parse(sid);

	if (id != 0)
		l->ids[l->n++] = id;
	return l->n < l->cap;
}

static int
sessions(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e)
{
	struct listing l = {.c = c, .cap = SESSIONS_TOLD};

	l.ids = arena_array(&c->arena, l.cap, sizeof(*l.ids));
	if (change_sessions(c->home, list_one, &l, e) < 0)
		return -1;
	*ids = l.ids;
	*n = l.n;
	return 0;
}

static const struct jmap_object object = {
    .name = "AgentSession",
    .parse = parse,
    .text = text,
    .properties = properties,
    .all = sessions,
    .get = get,
    .stateless = true,
};

/* ---- query ---- */

struct finding {
	uint64_t *ids;
	size_t n, i;
	struct str agent;
	int64_t after, before;
	uint64_t position, limit, found;
	cJSON *list;
};

static int
read_time(struct jmap_call *c, const cJSON *filter, const char *name, int64_t *out)
{
	const cJSON *v = json_member(filter, name);

	if (v == NULL || date_utc_parse(json_str(v), out) == 0)
		return 0;
	(void)jmap_fail(c, "unsupportedFilter", "%s is no UTCDate", name);
	return -1;
}

static int
read_query(struct jmap_call *c, struct finding *f)
{
	const cJSON *filter, *m;

	*f = (struct finding){.after = INT64_MIN, .before = INT64_MAX, .agent = STR_NONE};
	if (jmap_args_only(c, "filter position limit") < 0 ||
	    jmap_arg_object(c, "filter", &filter) < 0 ||
	    jmap_arg_uint(c, "position", 0, &f->position) < 0 ||
	    jmap_arg_uint(c, "limit", SESSIONS_TOLD, &f->limit) < 0 ||
	    read_time(c, filter, "after", &f->after) < 0 ||
	    read_time(c, filter, "before", &f->before) < 0)
		return -1;
	cJSON_ArrayForEach(m, filter)
	{
		if (str_eq_z(json_name(m), "agent") && cJSON_IsString(m))
			f->agent = arena_dup(&c->arena, json_str(m));
		else if (!str_eq_z(json_name(m), "after") && !str_eq_z(json_name(m), "before")) {
			(void)jmap_fail(c, "unsupportedFilter", "agent, after, before");
			return -1;
		}
	}
	return 0;
}

static enum jmap_step
find_some(struct jmap_call *c)
{
	struct finding *f = c->op;
	char id[JMAP_ID_SIZE];
	struct summary s;
	struct err e;
	int rc;

	for (bool some = false; f->i < f->n; some = true) {
		if (some && jmap_slice_over(c))
			return JMAP_YIELD;
		rc = summary_of(c->home, str_z(text(f->ids[f->i], id)), &c->arena, &s, &e);
		if (rc < 0)
			return jmap_fail_err(c, &e);
		f->i++;
		if (rc == 0 || !may_see(c, str_z(id), s.agent) || s.last < f->after ||
		    s.first >= f->before || (f->agent.p != NULL && !str_eq(f->agent, s.agent)))
			continue;
		if (f->found >= f->position && f->found - f->position < f->limit)
			json_add(f->list, json_new_str(str_z(id)));
		f->found++;
	}
	json_put_bool(c->result, "canCalculateChanges", false);
	json_put_num(c->result, "position", (int64_t)f->position);
	json_put_num(c->result, "total", (int64_t)f->found);
	return JMAP_DONE;
}

static enum jmap_step
query(struct jmap_call *c)
{
	struct finding *f = arena_new(&c->arena, struct finding);
	struct err e;

	if (read_query(c, f) < 0)
		return JMAP_DONE;
	if (sessions(c, &f->ids, &f->n, &e) < 0)
		return jmap_fail_err(c, &e);
	json_put(c->result, "ids", f->list = cJSON_CreateArray());
	c->op = f;
	c->step = find_some;
	return find_some(c);
}

/* ---- undo ---- */

struct undoing {
	struct undo_run run;
	size_t i;
	bool away; /* what comes back did: what goes away follows */
	const struct undo_object *object;
};

static bool
is_enough(void *arg)
{
	return jmap_slice_over(arg);
}

static void
undo_cleanup(struct jmap_call *c)
{
	struct undoing *x = c->op;

	undo_done(&x->run.u);
	cJSON_Delete(x->run.report.conflicts);
	cJSON_Delete(x->run.report.lost);
}

static enum jmap_step
answer(struct jmap_call *c)
{
	struct undoing *x = c->op;
	struct undo_report *r = &x->run.report;
	cJSON *restored = cJSON_CreateObject();

	json_put_str(c->result, "session", x->run.u.session);
	json_put(c->result, "restored", restored);
	json_put_num(restored, "flags", (int64_t)r->flags);
	json_put_num(restored, "moved", (int64_t)r->moved);
	json_put_num(restored, "copied", (int64_t)r->copied);
	json_put_num(restored, "removed", (int64_t)r->removed);
	json_put_num(restored, "approvals", (int64_t)r->approvals);
	json_put(c->result, "conflicts", r->conflicts);
	json_put(c->result, "lost", r->lost);
	json_put_num(c->result, "conflictsTotal", (int64_t)r->nconflicts);
	json_put_num(c->result, "lostTotal", (int64_t)r->nlost);
	r->conflicts = r->lost = NULL;
	log_info("agent.undone", LS("sid", c->by->sid), LS("user", c->jmap->user),
	    LS("session", x->run.u.session), LU("flags", r->flags), LU("moved", r->moved),
	    LU("copied", r->copied), LU("removed", r->removed), LU("conflicts", r->nconflicts),
	    LU("lost", r->nlost));
	return JMAP_DONE;
}

static enum jmap_step
finish(struct jmap_call *c)
{
	struct undoing *x = c->op;
	struct err e;

	if (x->run.u.mailboxes > 0)
		undo_lose(&x->run, NULL, NULL, "mailbox",
		    "mailboxes themselves were changed, which is not undone");
	if (change_note(c->home, CHANGE_UNDONE, c->by->sid, &x->run.by, &e) < 0)
		return jmap_fail_err(c, &e);
	return jmap_commit(c, answer);
}

/* What comes back may come from a copy that goes away. */
static bool
is_next(const struct undoing *x, const struct undo_message *m)
{
	bool away = m->place.touched && undo_target(&m->place) == 0;

	return !m->applied && (x->away || !away);
}

/* One message or more, the one changed last first, each as the log knows it by now. */
static enum jmap_step
apply(struct jmap_call *c)
{
	struct undoing *x = c->op;
	struct undo *u = &x->run.u;
	struct err e;
	int rc;

	if (jmap_emails(c->jmap, &e) == NULL)
		return jmap_fail_err(c, &e);
	u->rows = 0;
	if ((rc = undo_walk(u, &e)) <= 0)
		return rc < 0 ? jmap_fail_err(c, &e) : JMAP_YIELD;
	for (bool some = false; x->i < u->nall || !x->away; x->i++) {
		if (x->i == u->nall) {
			x->away = true;
			x->i = 0;
		}
		if (x->i == u->nall || !is_next(x, u->all[x->i]))
			continue;
		if (some && jmap_slice_over(c))
			return JMAP_YIELD;
		u->all[x->i]->applied = true;
		if (undo_message_apply(&x->run, u->all[x->i], &e) < 0)
			return jmap_fail_err(c, &e);
		some = true;
	}
	for (; x->object != NULL; x->object = x->object->next)
		if (undo_object_apply(&x->run, x->object, &e) < 0)
			return jmap_fail_err(c, &e);
	return finish(c);
}

static enum jmap_step
walk(struct jmap_call *c)
{
	struct undoing *x = c->op;
	struct err e;
	int rc;

	x->run.u.rows = 0;
	if ((rc = undo_walk(&x->run.u, &e)) <= 0)
		return rc < 0 ? jmap_fail_err(c, &e) : JMAP_YIELD;
	undo_order(&x->run.u);
	x->object = x->run.u.objects;
	c->step = apply;
	return apply(c);
}

static enum jmap_step
gather(struct jmap_call *c)
{
	struct undoing *x = c->op;
	struct err e;
	int rc;

	x->run.u.rows = 0;
	if ((rc = undo_gather(&x->run.u, &e)) <= 0)
		return rc < 0 ? jmap_fail_err(c, &e) : JMAP_YIELD;
	if (x->run.u.first == 0)
		return jmap_fail(c, "notFound", "no such session");
	c->step = walk;
	return walk(c);
}

static int
read_undo(struct jmap_call *c, struct str *session)
{
	struct str agent = STR_NONE;
	struct err e;

	if (jmap_args_only(c, "session") < 0 || jmap_arg_str(c, "session", session) < 0)
		return -1;
	if (session->p == NULL && c->request->agent != NULL)
		*session = c->request->agent->session;
	if (session->p == NULL || !agent_session_valid(*session)) {
		(void)jmap_fail(c, "invalidArguments", "session: the id of an agent's session");
		return -1;
	}
	*session = arena_dup(&c->arena, *session);
	if (agent_session_name(c->home, *session, &c->arena, &agent, &e) < 0) {
		(void)jmap_fail_err(c, &e);
		return -1;
	}
	if (!may_see(c, *session, agent)) {
		(void)jmap_fail(c, "notFound", "no such session");
		return -1;
	}
	return 0;
}

static enum jmap_step
undo(struct jmap_call *c)
{
	struct undoing *x = arena_new(&c->arena, struct undoing);
	struct str session;

	if (read_undo(c, &session) < 0)
		return JMAP_DONE;
	undo_init(&x->run.u, c->home, session, &c->arena, is_enough, c);
	x->run.jmap = c->jmap;
	x->run.by = (struct change_by){
	    .actor = STR_INIT(CHANGE_UNDO), .sid = session, .origin = c->by->origin};
	x->run.report.conflicts = cJSON_CreateArray();
	x->run.report.lost = cJSON_CreateArray();
	c->op = x;
	c->cleanup = undo_cleanup;
	c->step = gather;
	return gather(c);
}

const struct jmap_method jmap_agent_session_methods[] = {
    {.name = "AgentSession/get", .capability = JMAP_AGENTS, .run = jmap_get, .object = &object},
    {.name = "AgentSession/query", .capability = JMAP_AGENTS, .run = query},
    {.name = "AgentSession/undo", .capability = JMAP_AGENTS, .run = undo}, {0}};
