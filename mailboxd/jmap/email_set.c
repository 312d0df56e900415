/*
 * email_set.c - see email_set.h: Email/set (RFC 8621 4.6).
 *
 * A message is never changed: an update is keywords and mailboxes. What is asked for is compared
 * with what the model has, and only the difference is done, so that copies of an email which differ
 * in a keyword that nobody mentioned go on to do so.
 */
#include "mailboxd/jmap/email_set.h"

#include "base/id.h"
#include "base/mem.h"
#include "mailboxd/jmap/email_make.h"
#include "mailboxd/jmap/email_show.h"
#include "mailboxd/jmap/methods.h"

/* ---- create ---- */

struct putting {
	struct jmap_draft *draft;
	struct str id; /* of boundaries: the same both times */
	struct append *ap;
};

static int
put_octets(void *arg, struct str octets, struct err *e)
{
	struct putting *p = arg;

	return append_write(p->ap, octets, e);
}

static int
write_draft(void *arg, struct append *ap, struct err *e)
{
	struct putting *p = arg;

	p->ap = ap;
	return mime_write(p->draft->root, p->id, buf_view(&p->draft->fields), put_octets, p, e);
}

static enum jmap_step
put_draft(struct jmap_call *c, struct jmap_item *it, struct jmap_draft *d,
    const struct jmap_standing *standing)
{
	struct putting p = {.draft = d};
	char id[ID_SIZE];
	uint64_t size;
	struct err e;

	id_new(id);
	p.id = str_z(id);
	if (mime_write_size(d->root, p.id, buf_view(&d->fields), &size, &e) < 0)
		return jmap_item_invalid(it, "bodyStructure", "%s", e.text);
	if (size > JMAP_EMAIL_SIZE)
		return jmap_item_fail(it, "tooLarge", "%llu octets", (unsigned long long)size);
	return jmap_email_put(c, it, standing, size, write_draft, &p);
}

static enum jmap_step
create(struct jmap_call *c, struct jmap_item *it)
{
	struct jmap_standing *s = arena_new(&c->arena, struct jmap_standing);
	struct jmap_draft d = {0};

	if (jmap_standing_read(c, it, it->given, s) < 0)
		return JMAP_DONE;
	if (jmap_draft_make(c, it, &d) == 0)
		(void)put_draft(c, it, &d, s);
	jmap_draft_done(&d);
	return JMAP_DONE;
}

/* ---- update ---- */

struct updating {
	struct jmap_call *c;
	struct jmap_item *it;
	struct jmap_model *model;
	const struct jmap_email *em;
	struct jmap_place *places; /* as they were */
	size_t nplaces;
	struct str *had; /* keywords */
	size_t nhad;
	struct jmap_standing want;
};

/* The part of the object that an update may be about. */
static cJSON *
current(struct updating *u)
{
	cJSON *v = cJSON_CreateObject(), *boxes = cJSON_CreateObject(),
	      *keywords = cJSON_CreateObject();
	char id[16];

	for (size_t i = 0; i < u->nplaces; i++) {
		(void)snprintf(id, sizeof id, "m%u",
		    (unsigned)jmap_model_mailbox(u->model, u->places[i].box)->id);
		json_put_named(boxes, str_z(id), cJSON_CreateTrue());
	}
	for (size_t i = 0; i < u->nhad; i++)
		json_put_named(keywords, u->had[i], cJSON_CreateTrue());
	json_put(v, "mailboxIds", boxes);
	json_put(v, "keywords", keywords);
	return v;
}

static bool
may_change(const cJSON *m)
{
	struct str name = json_name(m), head;

	(void)str_cut(&name, '/', &head);
	return str_eq_z(head, "mailboxIds") || str_eq_z(head, "keywords");
}

/* What else a patch names must be what it is already: a client may give the whole object back (RFC
 * 8620 5.3). */
static int
check_names(struct updating *u)
{
	cJSON *others = cJSON_CreateObject(), *now = cJSON_CreateObject();
	struct jmap_item *it = u->it;
	const cJSON *m, *is;
	struct err e = {0};

	cJSON_ArrayForEach(m, it->given)
	{
		if (!may_change(m))
			json_put(others, m->string, cJSON_CreateTrue());
	}
	if (others->child != NULL && jmap_email_as_it_is(u->c, it->id, others, now, &e) < 0)
		(void)jmap_item_err(u->c, it, &e);
	json_put_str(now, "id", it->key);
	cJSON_ArrayForEach(m, it->given)
	{
		is = json_get(now, m->string);
		if (!may_change(m) && (is == NULL || !cJSON_Compare(m, is, true)))
			(void)jmap_item_invalid(
			    it, m->string, "an email's %s cannot be changed", m->string);
	}
	cJSON_Delete(others);
	cJSON_Delete(now);
	return jmap_item_failed(it) ? -1 : 0;
}

static int
read_update(struct updating *u)
{
	cJSON *now = current(u), *then;
	struct err e;
	int rc = -1;

	if ((then = json_patched(now, u->it->given, &e)) == NULL)
		(void)jmap_item_fail(u->it, "invalidPatch", "%s", e.text);
	else
		rc = jmap_standing_read(u->c, u->it, then, &u->want);
	cJSON_Delete(then);
	cJSON_Delete(now);
	return rc;
}

static bool
wants_keyword(const struct updating *u, struct str word)
{
	uint32_t flag = jmap_flag_of_keyword(word);

	if (flag != 0)
		return (u->want.set.flags & flag) != 0;
	for (size_t i = 0; i < u->want.set.nkeywords; i++)
		if (str_eq(u->want.set.keywords[i], word))
			return true;
	return false;
}

static bool
had_keyword(const struct updating *u, struct str word)
{
	for (size_t i = 0; i < u->nhad; i++)
		if (str_ieq(u->had[i], word))
			return true;
	return false;
}

/* What is new, what goes. */
static void
differences(const struct updating *u, struct flag_set *add, struct flag_set *remove)
{
	struct str *more = arena_array(&u->c->arena, JMAP_KEYWORDS + 4, sizeof *more);
	struct str *less = arena_array(&u->c->arena, u->nhad + 1, sizeof *less);

	*add = (struct flag_set){.flags = u->want.set.flags, .keywords = more};
	*remove = (struct flag_set){.keywords = less};
	for (size_t i = 0; i < u->want.set.nkeywords; i++)
		if (!had_keyword(u, u->want.set.keywords[i]))
			more[add->nkeywords++] = u->want.set.keywords[i];
	for (size_t i = 0; i < u->nhad; i++) {
		uint32_t flag = jmap_flag_of_keyword(u->had[i]);

		add->flags &= ~flag;
		if (wants_keyword(u, u->had[i]))
			continue;
		remove->flags |= flag;
		if (flag == 0)
			less[remove->nkeywords++] = u->had[i];
	}
}

static int
store_all(struct updating *u, enum store_mode mode, const struct flag_set *set, struct err *e)
{
	if (set->flags == 0 && set->nkeywords == 0)
		return 0;
	for (size_t i = 0; i < u->nplaces; i++) {
		struct mailbox *mb = jmap_model_mailbox(u->model, u->places[i].box);

		if (mailbox_store(mb, &u->places[i].uid, 1, mode, set, UINT64_MAX, u->c->by,
			&u->c->arena, NULL, e) < 0)
			return -1;
	}
	return 0;
}

static bool
wants_box(const struct updating *u, const struct mailbox *mb)
{
	for (size_t i = 0; i < u->want.nboxes; i++)
		if (u->want.boxes[i] == mb)
			return true;
	return false;
}

static bool
stands_in(const struct updating *u, const struct mailbox *mb)
{
	for (size_t i = 0; i < u->nplaces; i++)
		if (jmap_model_mailbox(u->model, u->places[i].box) == mb)
			return true;
	return false;
}

/* Copies come first, one place that it leaves is where a move is from (INVARIANTS 4: link, commit,
 * unlink), the others it leaves go last: at no time is it nowhere. */
static int
place_all(struct updating *u, struct err *e)
{
	size_t from = 0, left = 0;
	struct copy_result r = {0};

	while (from < u->nplaces && wants_box(u, jmap_model_mailbox(u->model, u->places[from].box)))
		from++;
	for (size_t i = 0; i < u->want.nboxes; i++)
		left += !stands_in(u, u->want.boxes[i]);
	for (size_t i = 0; i < u->want.nboxes; i++) {
		const struct jmap_place *p = &u->places[from < u->nplaces ? from : 0];
		bool move;

		if (stands_in(u, u->want.boxes[i]))
			continue;
		move = --left == 0 && from < u->nplaces;
		if ((move ? mailbox_move : mailbox_copy)(jmap_model_mailbox(u->model, p->box),
			&p->uid, 1, u->want.boxes[i], u->c->by, &u->c->arena, &r, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < u->nplaces; i++) {
		struct mailbox *mb = jmap_model_mailbox(u->model, u->places[i].box);

		/* What was moved is not there any more. */
		if (!wants_box(u, mb) && mailbox_remove(mb, &u->places[i].uid, 1, u->c->by, e) < 0)
			return -1;
	}
	return 0;
}

static int
find(struct updating *u, struct err *e)
{
	if ((u->model = jmap_emails(u->c->jmap, e)) == NULL)
		return -1;
	if ((u->em = jmap_model_find(u->model, u->it->id)) == NULL || u->em->nplaces == 0)
		return err_set(e, E_NOTFOUND, "no such email");
	u->nplaces = u->em->nplaces;
	u->places = arena_array(&u->c->arena, u->nplaces, sizeof *u->places);
	memcpy(u->places, jmap_email_places(u->em), u->nplaces * sizeof *u->places);
	u->nhad = jmap_email_keywords(u->model, u->em, &u->c->arena, &u->had);
	return 0;
}

static enum jmap_step
update(struct jmap_call *c, struct jmap_item *it)
{
	struct updating *u = arena_new(&c->arena, struct updating);
	struct flag_set add, remove;
	struct err e = {0};

	u->c = c;
	u->it = it;
	if (find(u, &e) < 0)
		return jmap_item_err(c, it, &e);
	if (it->given->child == NULL || check_names(u) < 0 || read_update(u) < 0)
		return JMAP_DONE;
	differences(u, &add, &remove);
	if (store_all(u, STORE_ADD, &add, &e) < 0 || store_all(u, STORE_REMOVE, &remove, &e) < 0) {
		if (e.code == E_LIMIT)
			return jmap_item_fail(it, "tooManyKeywords", "%s", e.text);
		return jmap_item_err(c, it, &e);
	}
	return place_all(u, &e) < 0 ? jmap_item_err(c, it, &e) : JMAP_DONE;
}

/* ---- destroy ---- */

static enum jmap_step
destroy(struct jmap_call *c, struct jmap_item *it)
{
	struct updating *u = arena_new(&c->arena, struct updating);
	struct err e = {0};

	u->c = c;
	u->it = it;
	if (find(u, &e) < 0)
		return jmap_item_err(c, it, &e);
	for (size_t i = 0; i < u->nplaces; i++)
		if (mailbox_remove(jmap_model_mailbox(u->model, u->places[i].box),
			&u->places[i].uid, 1, c->by, &e) < 0)
			return jmap_item_err(c, it, &e);
	return JMAP_DONE;
}

/* ---- the type ---- */

static uint64_t
parse(struct str id)
{
	return email_parse(id, EMAIL_LETTER);
}

static const char *
text(uint64_t n, char out[JMAP_ID_SIZE])
{
	return email_text(n, EMAIL_LETTER, out);
}

const struct jmap_object jmap_email_set_object = {
    .name = "Email",
    .type = JMAP_EMAIL,
    .parse = parse,
    .text = text,
    .create = create,
    .update = update,
    .destroy = destroy,
};

const struct jmap_method jmap_email_set_methods[] = {{.name = "Email/set",
							 .capability = JMAP_MAIL,
							 .run = jmap_set,
							 .object = &jmap_email_set_object},
    {0}};
