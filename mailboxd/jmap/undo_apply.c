/*
 * undo_apply.c - see undo_apply.h.
 *
 * What somebody else did since is never trampled: a field that they wrote stays, what the session
 * made goes to the Trash where they had a hand in it, and the last copy of an email that was there
 * before goes nowhere.
 */
#include "mailboxd/jmap/undo_apply.h"

#include "base/mem.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/stored.h"
#include "store/email.h"

/* ---- what is told ---- */

static void
tell(cJSON *list, size_t *n, cJSON *v)
{
	if ((*n)++ < UNDO_TOLD_MAX)
		json_add(list, v);
	else
		cJSON_Delete(v);
}

static int
conflict(struct undo_run *r, const struct undo_message *m, const char *code, uint32_t mailbox,
    struct str keyword, const char *text)
{
	char id[EMAIL_TEXT_SIZE], box[16];
	cJSON *v = cJSON_CreateObject();

	json_put_str(v, "emailId", str_z(email_text(m->email->number, EMAIL_LETTER, id)));
	json_put_str(v, "code", str_z(code));
	if (mailbox != 0) {
		(void)snprintf(box, sizeof(box), "m%u", (unsigned)mailbox);
		json_put_str(v, "mailboxId", str_z(box));
	}
	if (keyword.n > 0)
		json_put_str(v, "keyword", keyword);
	json_put_str(v, "text", str_z(text));
	tell(r->report.conflicts, &r->report.nconflicts, v);
	return 0;
}

void
undo_lose(
    struct undo_run *r, const char *member, const char *id, const char *code, const char *text)
{
	cJSON *v = cJSON_CreateObject();

	if (member != NULL)
		json_put_str(v, member, str_z(id));
	json_put_str(v, "code", str_z(code));
	json_put_str(v, "text", str_z(text));
	tell(r->report.lost, &r->report.nlost, v);
}

/* The store said no to one thing, or to everything from now on. */
static int
failed(struct undo_run *r, const struct undo_message *m, const struct err *why, struct err *e)
{
	if (home_has_failed(r->u.home)) {
		*e = *why;
		return -1;
	}
	return conflict(r, m, "failed", 0, STR(""), why->text);
}

/* ---- where it stands ---- */

static const struct jmap_email *
email_of(struct undo_run *r, const struct undo_message *m)
{
	struct jmap_model *model = jmap_emails(r->jmap, NULL);
	const struct jmap_email *em =
	    model != NULL ? jmap_model_find(model, m->email->number) : NULL;

	return em != NULL && em->nplaces > 0 ? em : NULL;
}

static bool
stands_in(struct undo_run *r, const struct undo_message *m, const struct mailbox *mb)
{
	struct jmap_model *model = jmap_emails(r->jmap, NULL);
	const struct jmap_email *em = email_of(r, m);
	uint32_t box = model != NULL ? jmap_model_box(model, mb->id) : JMAP_NO_BOX;

	return em != NULL && box != JMAP_NO_BOX && jmap_email_in(em, box);
}

/* ---- flags ---- */

struct words {
	struct flag_set set;
	struct str keywords[KEYWORDS_MAX];
};

static void
add_word(struct words *w, struct str name)
{
	uint32_t flag = mailbox_flag_by_name(name);

	w->set.keywords = w->keywords;
	if (flag != 0)
		w->set.flags |= flag;
	else if (name.n > 0 && w->set.nkeywords < KEYWORDS_MAX)
		w->keywords[w->set.nkeywords++] = name;
}

static struct str
keyword_of(struct str name)
{
	uint32_t flag = mailbox_flag_by_name(name);

	return flag != 0 ? str_z(jmap_keyword_of_flag(flag)) : name;
}

static int
store(struct undo_run *r, struct mailbox *mb, uint32_t uid, enum store_mode mode,
    const struct words *w, struct err *e)
{
	if (mode != STORE_REPLACE && w->set.flags == 0 && w->set.nkeywords == 0)
		return 0;
	return mailbox_store(mb, &uid, 1, mode, &w->set, UINT64_MAX, &r->by, r->u.arena, NULL, e);
}

/* Those that the session has touched; the others stay. */
static int
restore_flags(
    struct undo_run *r, struct undo_message *m, struct mailbox *mb, uint32_t uid, struct err *e)
{
	const struct message *now = mailbox_get(mb, uid);
	struct words add = {0}, remove = {0};
	const struct undo_field *f;
	struct err why = {0};
	struct str is;

	if (now == NULL)
		return 0;
	is = mailbox_flags_text(mb, now, r->u.arena);
	for (f = m->flags; f != NULL; f = f->next) {
		if (!f->touched)
			continue;
		if (undo_in_conflict(f))
			(void)conflict(r, m, "changed", 0, keyword_of(f->name),
			    "somebody else set or took it since");
		if ((undo_target(f) != 0) != undo_has_flag(is, f->name))
			add_word(undo_target(f) != 0 ? &add : &remove, f->name);
	}
	if (add.set.flags == 0 && add.set.nkeywords == 0 && remove.set.flags == 0 &&
	    remove.set.nkeywords == 0)
		return 0;
	if (store(r, mb, uid, STORE_ADD, &add, &why) < 0 ||
	    store(r, mb, uid, STORE_REMOVE, &remove, &why) < 0)
		return failed(r, m, &why, e);
	r->report.flags++;
	return 0;
}

/* All of a message that had gone: what it had then, but for what the session had done to that. */
static int
put_flags(
    struct undo_run *r, struct undo_message *m, struct mailbox *mb, uint32_t uid, struct err *e)
{
	struct words all = {0};
	struct str rest = m->had, word;
	const struct undo_field *f;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(&rest, ' ', &word);
		for (f = m->flags; f != NULL; f = f->next)
			if (f->touched && str_ieq(f->name, word))
				break;
		if (f == NULL)
			add_word(&all, word);
	}
	for (f = m->flags; f != NULL; f = f->next)
		if (f->touched && undo_target(f) != 0)
			add_word(&all, f->name);
	return store(r, mb, uid, STORE_REPLACE, &all, e);
}

/* ---- places ---- */

static int
remove_from(struct undo_run *r, struct undo_message *m, struct mailbox *mb, struct err *e)
{
	struct err why = {0};

	if (mailbox_remove(mb, &m->at.uid, 1, &r->by, &why) < 0)
		return failed(r, m, &why, e);
	r->report.removed++;
	return 0;
}

static struct mailbox *
trash_of(struct home *h)
{
	struct mailbox *mb;
	size_t i = 0;

	while ((mb = home_next(h, &i)) != NULL && mb->use != USE_TRASH)
		;
	return mb;
}

static int
move_to(struct undo_run *r, struct undo_message *m, struct mailbox *mb, struct mailbox *to,
    uint32_t *uid, struct err *e)
{
	struct copy_result moved;
	struct err why = {0};

	*uid = 0;
	if (mailbox_move(mb, &m->at.uid, 1, to, &r->by, r->u.arena, &moved, &why) < 0)
		return failed(r, m, &why, e);
	if (moved.n > 0) {
		*uid = moved.to[0];
		r->report.moved++;
	}
	return 0;
}

/* What the session has made. */
static int
take_away(struct undo_run *r, struct undo_message *m, struct mailbox *mb, struct err *e)
{
	const struct jmap_email *em = email_of(r, m);
	struct mailbox *trash = trash_of(r->u.home);
	uint32_t uid;

	if (m->email->made && m->others != NULL) {
		(void)conflict(r, m, "changed", 0, STR(""),
		    "the agent wrote it, and somebody else changed it since");
		return mb->use == USE_TRASH || trash == NULL ? 0
							     : move_to(r, m, mb, trash, &uid, e);
	}
	if (!m->email->made && (em == NULL || em->nplaces < 2))
		return conflict(
		    r, m, "changed", 0, STR(""), "the agent's copy is the only one that is left");
	return remove_from(r, m, mb, e);
}

/* A copy in that mailbox which the session made: it would go away. */
static struct undo_message *
made_in(const struct undo_message *m, const struct mailbox *mb)
{
	struct undo_message *s = m->email->messages;

	while (s != NULL && !(s != m && !s->applied && s->at.mailbox == mb->id &&
				s->place.touched && undo_target(&s->place) == 0))
		s = s->next;
	return s;
}

static int
put_back(
    struct undo_run *r, struct undo_message *m, struct mailbox *mb, uint32_t target, struct err *e)
{
	struct mailbox *to = home_find_id(r->u.home, target);
	struct undo_message *made = to != NULL && to != mb ? made_in(m, to) : NULL;
	uint32_t uid = m->at.uid;

	if (made != NULL) {
		made->applied = true;
		if (remove_from(r, made, to, e) < 0)
			return -1;
	}
	if (to == NULL) {
		(void)conflict(r, m, "mailboxGone", target, STR(""),
		    "the mailbox that it was in is not there any more");
		to = mb;
	} else if (to != mb && stands_in(r, m, to)) {
		return remove_from(r, m, mb, e);
	} else if (to != mb && move_to(r, m, mb, to, &uid, e) < 0) {
		return -1;
	}
	return uid != 0 ? restore_flags(r, m, to, uid, e) : 0;
}

/* It went: another copy of the email is all that it can come back from. */
static int
bring_back(struct undo_run *r, struct undo_message *m, uint32_t target, struct err *e)
{
	struct mailbox *to = home_find_id(r->u.home, target), *from;
	struct jmap_model *model = jmap_emails(r->jmap, NULL);
	const struct jmap_email *em = email_of(r, m);
	char id[EMAIL_TEXT_SIZE];
	struct undo_message *made;
	struct copy_result copied;
	struct err why = {0};
	uint32_t uid;

	if (to == NULL)
		return conflict(r, m, "mailboxGone", target, STR(""),
		    "the mailbox that it was in is not there any more");
	if (em == NULL) {
		undo_lose(r, "emailId", email_text(m->email->number, EMAIL_LETTER, id), "expunged",
		    "the agent destroyed it, and there is no other copy");
		return 0;
	}
	made = made_in(m, to);
	if (made == NULL && stands_in(r, m, to))
		return 0;
	from = made != NULL ? to : jmap_model_mailbox(model, jmap_email_places(em)[0].box);
	uid = made != NULL ? made->at.uid : jmap_email_places(em)[0].uid;
	if (mailbox_copy(from, &uid, 1, to, &r->by, r->u.arena, &copied, &why) < 0 ||
	    (copied.n > 0 && put_flags(r, m, to, copied.to[0], &why) < 0))
		return failed(r, m, &why, e);
	r->report.copied += copied.n;
	if (made == NULL || copied.n == 0)
		return 0;
	made->applied = true;
	return remove_from(r, made, to, e);
}

int
undo_message_apply(struct undo_run *r, struct undo_message *m, struct err *e)
{
	struct mailbox *mb = m->at.mailbox != 0 ? home_find_id(r->u.home, m->at.mailbox) : NULL;
	uint32_t target = undo_target(&m->place);
	const struct message *now;

	if (mb != NULL && !mb->loaded && mailbox_load(mb, e) < 0)
		return -1;
	now = mb != NULL ? mailbox_get(mb, m->at.uid) : NULL;
	if (now == NULL) {
		if (m->place.touched && target != 0)
			return bring_back(r, m, target, e);
		/* What the session made and nobody has any more is as it was before. */
		return m->place.touched && m->place.before == 0
			   ? 0
			   : conflict(r, m, "gone", 0, STR(""), "it is not there any more");
	}
	undo_flags_are(&r->u, m, mailbox_flags_text(mb, now, r->u.arena));
	if (!m->place.touched)
		return restore_flags(r, m, mb, m->at.uid, e);
	if (undo_in_conflict(&m->place))
		(void)conflict(
		    r, m, "changed", m->place.before, STR(""), "somebody else moved it since");
	return target == 0 ? take_away(r, m, mb, e) : put_back(r, m, mb, target, e);
}

/* ---- what is no message ---- */

static int
withdraw(struct undo_run *r, const struct undo_object *o, struct err *e)
{
	char id[JMAP_ID_SIZE];
	uint64_t number = o->id;
	cJSON *v = jmap_stored(r->u.home, OBJECT_APPROVAL, number, e);
	struct str state = json_str(json_get(v, "state"));
	int rc = 0;

	if (v == NULL)
		return e->code == E_NOTFOUND ? 0 : -1;
	if (str_eq_z(state, "requested")) {
		json_replace(v, "state", json_new_str(STR("refused")));
		rc = jmap_store(r->u.home, OBJECT_APPROVAL, &number, v, &r->by, e);
		r->report.approvals++;
	} else if (str_eq_z(state, "sent")) {
		undo_lose(r, "approvalId", jmap_number_text(number, 'q', id), "sent",
		    "it was approved, and has been sent");
	}
	cJSON_Delete(v);
	return rc;
}

int
undo_object_apply(struct undo_run *r, const struct undo_object *o, struct err *e)
{
	if (o->kind == OBJECT_APPROVAL)
		return withdraw(r, o, e);
	undo_lose(r, NULL, NULL, "object", "a setting was changed, which is not undone");
	return 0;
}
