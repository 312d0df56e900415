/*
 * submission_follow.c - see submission.h: what becomes of what was submitted (RFC 8621 7:
 * undoStatus, deliveryStatus), as the queue has it. Who listens hears of it by the type's state.
 *
 * The queue is asked at sendAt, after a submission was made, when a client looks, and when the
 * user's JMAP begins, since an owner may have been away, or have ended before it could write down
 * what the queue had done; then again at growing intervals, while anything of it is not settled.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mailboxd/jmap/submission.h"

#define ROUND_MAX  8u /* questions at a time: one owner may have 64, of all kinds */
#define PAUSE_MIN  1000u
#define PAUSE_MAX  300000u
#define AWAKE_MS   4000u    /* pauses up to which the owner stays */
#define ASLEEP_S   900u     /* pauses of one that does not, at least */
#define ASLEEP_MAX 3600000u /* the wall clock may be set meanwhile */

struct jmap_following {
	struct jmap *jmap;
	struct loop_timer *timer;
	uint64_t pause_ms;
	uint32_t after; /* number of the last one asked about, when not all fit into a round */
	unsigned asked; /* questions under way */
	bool begun;     /* all were asked about once */
	bool soon;      /* they are asked about again in a moment */
	int64_t due_at; /* when an owner has to look; 0: nothing is left */
};

struct told {
	struct jmap_following *f;
	uint64_t id;
};

int64_t
jmap_submission_time(const cJSON *v)
{
	struct date d;

	return date_rfc3339_parse(json_str(json_get(v, "sendAt")), &d) == 0 ? d.utc : 0;
}

static bool
is_pending(const cJSON *v)
{
	return str_eq_z(json_str(json_get(v, "undoStatus")), "pending");
}

static bool
is_queued(const cJSON *status)
{
	return str_eq_z(json_str(json_get(status, "delivered")), "queued");
}

static bool
is_settled(const cJSON *v)
{
	const cJSON *m;

	if (is_pending(v))
		return false;
	cJSON_ArrayForEach(m, json_get(v, "deliveryStatus")) if (is_queued(m)) return false;
	return true;
}

/* ---- an answer ---- */

static const char *
delivered_word(struct str digit)
{
	if (digit.n != 1)
		return "unknown";
	switch ((enum submitted_result)(digit.p[0] - '0')) {
	case SUBMITTED_QUEUED:
		return "queued";
	case SUBMITTED_DELIVERED:
		return "yes";
	case SUBMITTED_RELAYED:
		return "unknown"; /* another host has it (RFC 8621 7) */
	case SUBMITTED_FAILED:
		return "no";
	}
	return "unknown";
}

static void
take_result(cJSON *status, const struct str *r)
{
	cJSON *one = NULL, *m;

	cJSON_ArrayForEach(m, status) if (str_ieq(json_name(m), r[0])) one = m;
	if (one == NULL)
		return;
	json_replace(one, "delivered", json_new_str(str_z(delivered_word(r[1]))));
	if (r[2].n > 0)
		json_replace(one, "smtpReply", json_new_str(r[2]));
}

/* Those still queued are called something else. */
static void
no_longer_queued(cJSON *v, const char *word)
{
	cJSON *m;

	cJSON_ArrayForEach(m, json_get(v, "deliveryStatus"))
	{
		if (is_queued(m))
			json_replace(m, "delivered", json_new_str(str_z(word)));
	}
}

void
jmap_submission_told(cJSON *v, const struct jmap_submitted *s)
{
	bool early = jmap_submission_time(v) > clock_wall();

	/* Of a message that was to wait the queue knows nothing only where it was taken back. */
	if (is_pending(v) &&
	    (s->state == SUBMITTED_CANCELED || (s->state == SUBMITTED_UNKNOWN && early))) {
		json_replace(v, "undoStatus", json_new_str(STR("canceled")));
		no_longer_queued(v, "no");
	} else if (is_pending(v) && s->state != SUBMITTED_WAITS) {
		json_replace(v, "undoStatus", json_new_str(STR("final")));
	}
	/* It is done with, one way or the other. */
	if (s->state == SUBMITTED_UNKNOWN)
		no_longer_queued(v, "unknown");
	for (size_t i = 0; i + 2 < s->n; i += 3)
		take_result((cJSON *)json_get(v, "deliveryStatus"), s->results + i);
}

int64_t
jmap_following_due(const struct jmap *j)
{
	return j->following->due_at;
}

bool
jmap_following_is_busy(const struct jmap *j)
{
	const struct jmap_following *f = j->following;

	return j->host.outside != NULL && (!f->begun || f->asked > 0 || f->soon);
}

static void
set_due(struct jmap_following *f, int64_t at)
{
	f->due_at = at;
	jmap_due_changed(f->jmap);
}

/* Who has nothing else to do ends meanwhile, and comes again. */
static void
wait(struct jmap_following *f)
{
	loop_timer_set(f->timer, f->pause_ms);
	f->soon = f->pause_ms <= AWAKE_MS;
	set_due(f, clock_wall() + (int64_t)(f->soon ? f->pause_ms / 1000
						    : num_max(f->pause_ms / 1000, ASLEEP_S)));
	f->pause_ms = num_min(f->pause_ms * 2, PAUSE_MAX);
}

static void
on_told(void *to, const struct jmap_submitted *s, const struct err *why)
{
	const struct change_by by = {.actor = STR("jmap")};
	struct told *t = to;
	struct jmap *j = t->f->jmap;
	cJSON *v = s != NULL ? jmap_stored(j->home, OBJECT_SUBMISSION, t->id, NULL) : NULL;
	cJSON *before = v != NULL ? cJSON_Duplicate(v, true) : NULL;
	struct err e;

	(void)why;
	if (v != NULL) {
		jmap_submission_told(v, s);
		if (!cJSON_Compare(before, v, true) &&
		    jmap_store(j->home, OBJECT_SUBMISSION, &t->id, v, &by, &e) < 0)
			log_warn("jmap.submission", LS("user", j->user), LE(&e));
	}
	cJSON_Delete(before);
	cJSON_Delete(v);
	if (--t->f->asked == 0 && t->f->after > 0)
		loop_timer_set(t->f->timer, 0);
	else if (t->f->asked == 0)
		wait(t->f);
	free(t);
}

/* ---- who is asked about ---- */

struct looking {
	struct jmap_following *f;
	struct {
		uint32_t id;
		char mid[ID_SIZE];
	} v[ROUND_MAX];
	size_t n;
	bool more;    /* others are not settled either */
	int64_t next; /* the earliest sendAt to come; 0: none */
};

static bool
look(void *arg, uint32_t id, struct str text)
{
	struct looking *l = arg;
	struct str mid;
	int64_t at;
	cJSON *v;

	/* What is settled says neither, unless it quotes them. */
	if (str_find(text, STR("\"queued\"")) == text.n &&
	    str_find(text, STR("\"pending\"")) == text.n)
		return true;
	v = json_parse(text, JMAP_VALUES_MAX, NULL);
	mid = json_str(json_get(v, "mid"));
	at = jmap_submission_time(v);
	if (v == NULL || is_settled(v) || !id_valid(mid)) {
		/* Nothing to ask. */
	} else if (l->f->begun && is_pending(v) && at > clock_wall()) {
		l->next = l->next == 0 ? at : num_min(l->next, at);
	} else if (id <= l->f->after || l->n == ROUND_MAX) {
		l->more = true;
	} else {
		l->v[l->n].id = id;
		(void)snprintf(l->v[l->n++].mid, ID_SIZE, STR_FMT, STR_ARG(mid));
	}
	cJSON_Delete(v);
	return true;
}

static void
ask(struct jmap_following *f, uint32_t id, const char *mid)
{
	struct told *t = mem_alloc(sizeof *t);

	*t = (struct told){f, id};
	f->asked++;
	jmap_ask_submitted(f->jmap, str_z(mid), on_told, t);
}

static void
due(void *arg)
{
	struct jmap_following *f = arg;
	struct looking l = {.f = f};
	struct err e;

	f->soon = false;
	if (f->jmap->host.outside == NULL || f->asked > 0)
		return;
	if (object_each(f->jmap->home, OBJECT_SUBMISSION, look, &l, &e) < 0) {
		log_warn("jmap.submission", LS("user", f->jmap->user), LE(&e));
		return;
	}
	f->after = l.n == ROUND_MAX ? l.v[l.n - 1].id : 0;
	f->begun |= l.n < ROUND_MAX;
	if (l.n > 0)
		set_due(f, clock_wall());
	for (size_t i = 0; i < l.n; i++)
		ask(f, l.v[i].id, l.v[i].mid);
	if (l.n > 0)
		return;
	f->begun = true;
	if (l.more) {
		wait(f);
	} else if (l.next > 0) {
		int64_t ms = (l.next - clock_wall()) * 1000;

		f->pause_ms = PAUSE_MIN;
		loop_timer_set(f->timer, (uint64_t)num_min(num_max(ms, 0), (int64_t)ASLEEP_MAX));
		set_due(f, l.next);
	} else {
		set_due(f, 0);
	}
}

/* ---- life ---- */

void
jmap_following_open(struct jmap *j)
{
	struct jmap_following *f = mem_alloc(sizeof *f);

	f->jmap = j;
	f->pause_ms = PAUSE_MIN;
	f->timer = loop_timer_new(due, f);
	loop_timer_set(f->timer, 0);
	j->following = f;
}

void
jmap_following_close(struct jmap *j)
{
	loop_timer_free(&j->following->timer);
	free(j->following);
	j->following = NULL;
}

void
jmap_submission_made(struct jmap *j)
{
	struct jmap_following *f = j->following;

	f->pause_ms = PAUSE_MIN;
	if (f->asked == 0)
		wait(f);
}

void
jmap_submission_seen(struct jmap *j, const cJSON *v)
{
	struct jmap_following *f = j->following;

	if (f->asked == 0 && !is_settled(v) &&
	    (!is_pending(v) || jmap_submission_time(v) <= clock_wall()))
		loop_timer_set(f->timer, 0);
}
