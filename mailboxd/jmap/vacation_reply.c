/*
 * vacation_reply.c - see vacation.h: the answer is given as mail comes (RFC 3834).
 *
 * The change log says what has been delivered since mail was looked at last, so nothing is missed
 * while no owner was there, and what the user puts into INBOX is not answered. That somebody was
 * answered is durable before the answer goes out: a crash may cost an answer, never repeat one. One
 * message at a time.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mail/header.h"
#include "mail/mime_write.h"
#include "mailboxd/jmap/vacation.h"
#include "store/answered.h"
#include "store/mailbox.h"

#define AGAIN_S    604800 /* to a sender at most once in so long (RFC 3834 2) */
#define ANSWER_MAX (1u << 20)

struct jmap_vacation_run {
	struct jmap *jmap;
	struct answered *answered; /* NULL: there is no answer to give */
	struct loop_defer look;
	bool over;  /* the user's JMAP ends */
	bool busy;  /* an answer, or a question, is under way */
	bool again; /* mail came meanwhile */
	uint64_t question;
	uint32_t *found; /* UIDs of INBOX */
	size_t n, cap, at;
	uint64_t seen; /* all up to here is looked at when found is */
	uint32_t inbox;
	struct arena arena; /* of the answer under way */
	struct buf octets;
	struct smtp_letter letter;
};

static void next(struct jmap_vacation_run *r);

/* ---- what has come ---- */

static bool
note(void *arg, const struct change *c)
{
	struct jmap_vacation_run *r = arg;

	r->seen = c->modseq;
	if (c->kind == CHANGE_ADDED && c->mailbox == r->inbox && str_eq_z(c->actor, "delivery")) {
		if (r->n == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 16;
			r->found = mem_grow(r->found, r->cap, sizeof *r->found);
		}
		r->found[r->n++] = c->uid;
	}
	return true;
}

static void
failed(struct jmap_vacation_run *r, const struct err *e)
{
	log_warn("jmap.vacation", LS("user", r->jmap->user), LE(e));
	r->busy = false;
}

/* Everything that was found is done with. */
static void
finish(struct jmap_vacation_run *r)
{
	bool more = r->again;
	struct err e;

	r->busy = r->again = false;
	if (r->answered != NULL && answered_set_seen(r->answered, r->seen, &e) < 0)
		failed(r, &e);
	else if (more)
		loop_defer(&r->look);
}

/* ---- the answer ---- */

static int
collect(void *arg, struct str octets, struct err *e)
{
	return buf_str(arg, octets) == 0 ? 0 : err_set(e, E_LIMIT, "an answer too large");
}

struct naming {
	struct str address, name;
	struct arena *a;
};

static bool
look_name(void *arg, uint32_t id, struct str text)
{
	struct naming *n = arg;
	cJSON *v = json_parse(text, 20000, NULL);

	(void)id;
	if (n->name.n == 0 && str_ieq(json_str(json_get(v, "email")), n->address))
		n->name = arena_dup(n->a, json_str(json_get(v, "name")));
	cJSON_Delete(v);
	return true;
}

static void
put_fields(struct jmap_vacation_run *r, const cJSON *v, const struct vacation_answer *w,
    const char *id, struct buf *out)
{
	struct str subject = json_str(json_get(v, "subject")), local, host;
	struct naming who = {.address = w->from, .a = &r->arena};
	struct str mid;

	(void)object_each(r->jmap->home, OBJECT_IDENTITY, look_name, &who, NULL);
	compose_date(out, "Date", clock_wall(), 0);
	compose_address(out, "From", who.name, w->from);
	compose_address(out, "To", STR_NONE, w->to);
	/* RFC 3834 3.1.5 */
	if (subject.n == 0)
		subject = arena_printf(&r->arena, "Auto: " STR_FMT,
		    STR_ARG(w->subject.n > 0 ? w->subject : STR("I am away")));
	compose_text(out, "Subject", subject);
	if (!address_split(w->from, &local, &host))
		host = STR("localhost");
	mid = arena_printf(&r->arena, "%s@" STR_FMT, id, STR_ARG(host));
	compose_ids(out, "Message-ID", &mid, 1);
	if (w->id.n > 0) {
		compose_ids(out, "In-Reply-To", &w->id, 1);
		compose_raw(out, "References", w->references);
	}
	compose_raw(out, "Auto-Submitted", STR("auto-replied (vacation)"));
}

static int
compose(struct jmap_vacation_run *r, const cJSON *v, const struct vacation_answer *w, struct err *e)
{
	struct str plain = json_str(json_get(v, "textBody")),
		   rich = json_str(json_get(v, "htmlBody"));
	struct mime_out html = {
	    .type = STR("text/html"), .charset = STR("utf-8"), .is_text = true, .octets = rich};
	struct mime_out text = {.type = STR("text/plain"),
	    .charset = STR("utf-8"),
	    .is_text = true,
	    .octets = plain.n > 0 || rich.n > 0
			  ? plain
			  : STR("I am away, and will read your message later.\n")};
	struct mime_out both = {.type = STR("multipart/alternative"), .child = &text};
	const struct mime_out *root = plain.n == 0 && rich.n > 0 ? &html : &text;
	struct buf fields;
	char id[ID_SIZE];
	int rc;

	if (plain.n > 0 && rich.n > 0) {
		text.next = &html;
		root = &both;
	}
	id_new(id);
	buf_init(&fields, ANSWER_MAX);
	put_fields(r, v, w, id, &fields);
	buf_reset(&r->octets);
	rc = mime_write(root, str_z(id), buf_view(&fields), collect, &r->octets, e);
	buf_free(&fields);
	return rc;
}

static void
on_sent(void *arg, const struct smtp_result *res, const struct err *e)
{
	struct jmap_vacation_run *r = arg;

	if (res != NULL && res->stage == SMTP_OUT_DONE)
		log_info("jmap.vacation", LS("user", r->jmap->user), LS("to", r->letter.rcpts[0]),
		    LS("mid", res->mid));
	else
		log_warn("jmap.vacation", LS("user", r->jmap->user), LS("to", r->letter.rcpts[0]),
		    LS("error", res != NULL ? res->text : str_z(e->text)));
	r->at++;
	if (!r->over)
		next(r);
}

static int
give(struct jmap_vacation_run *r, const cJSON *v, const struct vacation_answer *w, struct err *e)
{
	struct str *to = arena_new(&r->arena, struct str);
	int64_t now = clock_wall();
	struct str key = w->to;
	int rc;

	(void)address_canonical(w->to, &r->arena, &key, NULL);
	if ((rc = answered_find(r->answered, key, now - AGAIN_S, e)) != 0)
		return rc < 0 ? -1 : 0;
	if (compose(r, v, w, e) < 0 || answered_note(r->answered, key, now, e) < 0)
		return -1;
	*to = w->to;
	r->letter = (struct smtp_letter){.rcpts = to, .nrcpts = 1, .body = buf_view(&r->octets)};
	r->letter.utf8 = !str_is_ascii(buf_view(&r->octets)) || !str_is_ascii(*to);
	jmap_send(r->jmap, &r->letter, on_sent, r);
	return 1;
}

static bool
is_own(void *arg, struct str address)
{
	return jmap_is_sender(arg, address);
}

/* 1: an answer is under way. */
static int
consider(struct jmap_vacation_run *r, uint32_t uid, const cJSON *v, struct err *e)
{
	struct mailbox *mb = home_find_id(r->jmap->home, r->inbox);
	struct vacation_answer w;
	struct content *content;
	const char *why;
	struct str all;
	int rc = 0;

	if (mb == NULL || mailbox_load(mb, e) < 0)
		return -1;
	if ((content = content_open(mb, uid, e)) == NULL)
		return e->code == E_NOTFOUND ? 0 : -1;
	arena_reset(&r->arena);
	all = content->octets;
	why = vacation_judge(str_sub(all, 0, header_length(all)), is_own, r->jmap, &r->arena, &w);
	if (why != NULL)
		log_debug(
		    "jmap.vacation", LS("user", r->jmap->user), LU("uid", uid), LZ("not", why));
	else
		rc = give(r, v, &w, e);
	content_close(&content);
	return rc;
}

static void
next(struct jmap_vacation_run *r)
{
	struct err e = {0};
	uint64_t id;
	cJSON *v = jmap_vacation(r->jmap->home, &id, &e);
	bool on = jmap_vacation_is_on(v, clock_wall());
	int rc = v != NULL && r->answered != NULL ? 0 : -1;

	for (; rc == 0 && r->at < r->n && on; r->at++)
		if ((rc = consider(r, r->found[r->at], v, &e)) != 0)
			break;
	cJSON_Delete(v);
	if (r->answered == NULL)
		r->busy = false; /* it was switched off meanwhile */
	else if (rc < 0)
		failed(r, &e);
	else if (rc == 0)
		finish(r);
}

/* ---- looking ---- */

static void
on_senders(void *to, const struct str *v, size_t n, const struct err *e)
{
	struct jmap_vacation_run *r = to;

	r->question = 0;
	jmap_senders_known(r->jmap, v, n, e);
	next(r);
}

static void
look(void *arg)
{
	struct jmap_vacation_run *r = arg;
	const struct jmap_outside *o = r->jmap->host.outside;
	struct mailbox *inbox = home_find(r->jmap->home, STR("INBOX"));
	struct err e;
	uint64_t since;

	r->again = r->busy;
	if (r->busy || r->answered == NULL || inbox == NULL || o == NULL)
		return;
	r->inbox = inbox->id;
	r->n = r->at = 0;
	if (answered_seen(r->answered, &since, &e) < 0 ||
	    answered_forget(r->answered, clock_wall() - AGAIN_S, &e) < 0)
		goto fail;
	r->seen = since;
	if (change_each(r->jmap->home, since, note, r, &e) < 0)
		goto fail;
	r->busy = true;
	if (r->n == 0)
		finish(r);
	else
		r->question = o->senders(o->arg, on_senders, r);
	return;
fail:
	failed(r, &e);
}

void
jmap_vacation_wake(struct jmap *j)
{
	if (j->vacation != NULL && j->vacation->answered != NULL)
		loop_defer(&j->vacation->look);
}

bool
jmap_vacation_is_busy(const struct jmap *j)
{
	return j->vacation != NULL && j->vacation->busy;
}

/* ---- life ---- */

static struct jmap_vacation_run *
run_of(struct jmap *j)
{
	struct jmap_vacation_run *r = j->vacation;

	if (r != NULL)
		return r;
	r = j->vacation = mem_alloc(sizeof *r);
	r->jmap = j;
	arena_init(&r->arena);
	buf_init(&r->octets, ANSWER_MAX);
	loop_defer_init(&r->look, look, r);
	return r;
}

int
jmap_vacation_switch(struct jmap *j, bool on, struct err *e)
{
	struct jmap_vacation_run *r = run_of(j);

	if (answered_remove(&r->answered, e) < 0)
		return -1;
	if (!on)
		return 0;
	/* What is there already was not sent to somebody absent. */
	if ((r->answered = answered_open(true, e)) == NULL)
		return -1;
	return answered_set_seen(r->answered, home_modseq(j->home), e);
}

void
jmap_vacation_start(struct jmap *j)
{
	struct answered *a;
	struct err e;
	uint64_t id;
	cJSON *v;

	if ((a = answered_open(false, &e)) == NULL) {
		if (e.code != E_NOTFOUND)
			log_warn("jmap.vacation", LS("user", j->user), LE(&e));
		return;
	}
	v = jmap_vacation(j->home, &id, &e);
	run_of(j)->answered = a;
	/* The object may be lost, with an index that was. */
	if (v != NULL && !cJSON_IsTrue(json_get(v, "isEnabled")))
		(void)answered_remove(&j->vacation->answered, &e);
	cJSON_Delete(v);
	jmap_vacation_wake(j);
}

void
jmap_vacation_stop(struct jmap *j)
{
	if (j->vacation != NULL)
		j->vacation->over = true;
}

void
jmap_vacation_free(struct jmap *j)
{
	struct jmap_vacation_run *r = j->vacation;

	if (r == NULL)
		return;
	if (r->question != 0)
		j->host.outside->forget(j->host.outside->arg, r->question);
	loop_defer_cancel(&r->look);
	answered_close(&r->answered);
	buf_free(&r->octets);
	free(r->found);
	arena_free(&r->arena);
	free(r);
	j->vacation = NULL;
}
