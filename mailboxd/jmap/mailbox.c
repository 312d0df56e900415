/*
 * mailbox.c - see mailbox.h: what a Mailbox is; Mailbox/get and /changes (RFC 8621 2.1, 2.2).
 */
#include "mailboxd/jmap/mailbox.h"

#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/jmap/std.h"

const char *const jmap_mailbox_properties[] = {[MAILBOX_ID] = "id",
    [MAILBOX_NAME] = "name",
    [MAILBOX_PARENT] = "parentId",
    [MAILBOX_ROLE] = "role",
    [MAILBOX_SORT] = "sortOrder",
    [MAILBOX_TOTAL_EMAILS] = "totalEmails",
    [MAILBOX_UNREAD_EMAILS] = "unreadEmails",
    [MAILBOX_TOTAL_THREADS] = "totalThreads",
    [MAILBOX_UNREAD_THREADS] = "unreadThreads",
    [MAILBOX_RIGHTS] = "myRights",
    [MAILBOX_SUBSCRIBED] = "isSubscribed",
    [MAILBOX_PROPERTIES] = NULL};

/* By enum mailbox_use: the role, and where it stands in lists when nobody said. */
static const struct {
	const char *name;
	int64_t sort;
} roles[] = {[USE_NONE] = {NULL, 100},
    [USE_DRAFTS] = {"drafts", 20},
    [USE_SENT] = {"sent", 30},
    [USE_ARCHIVE] = {"archive", 40},
    [USE_JUNK] = {"junk", 50},
    [USE_TRASH] = {"trash", 60}};

#define SORT_INBOX 10

/* ---- ids, names, roles ---- */

uint64_t
jmap_mailbox_parse(struct str id)
{
	uint64_t n = 0;

	if (!str_starts(id, STR("m")) || num_parse(str_from(id, 1), 1, UINT32_MAX, &n) < 0 ||
	    id.p[1] == '0')
		return 0;
	return n;
}

struct mailbox *
jmap_mailbox_of(struct jmap_call *c, struct str id)
{
	uint64_t n = jmap_mailbox_parse(jmap_real_id(c, id));

	return n != 0 ? home_find_id(c->home, (uint32_t)n) : NULL;
}

const char *
jmap_mailbox_text(uint64_t n, char out[JMAP_ID_SIZE])
{
	(void)snprintf(out, JMAP_ID_SIZE, "m%llu", (unsigned long long)n);
	return out;
}

bool
jmap_mailbox_is_inbox(const struct mailbox *mb)
{
	return str_eq_z(mb->name, "INBOX");
}

struct mailbox *
jmap_mailbox_parent(const struct mailbox *mb)
{
	struct str path = mb->name;
	struct mailbox *found = NULL;
	size_t slash;

	while (found == NULL && (slash = str_rchr(path, '/')) < path.n) {
		path.n = slash;
		found = home_find(mb->home, path);
	}
	return found;
}

struct str
jmap_mailbox_name(const struct mailbox *mb)
{
	const struct mailbox *parent = jmap_mailbox_parent(mb);

	if (jmap_mailbox_is_inbox(mb))
		return STR("Inbox");
	return parent != NULL ? str_from(mb->name, parent->name.n + 1) : mb->name;
}

const char *
jmap_mailbox_role(const struct mailbox *mb)
{
	return jmap_mailbox_is_inbox(mb) ? "inbox" : roles[mb->use].name;
}

bool
jmap_mailbox_use(struct str role, enum mailbox_use *out)
{
	for (enum mailbox_use u = USE_NONE + 1; u < ARRAY_LEN(roles); u++)
		if (str_eq_z(role, roles[u].name)) {
			*out = u;
			return true;
		}
	return false;
}

int64_t
jmap_mailbox_sort(const struct mailbox *mb)
{
	if (mb->sort >= 0)
		return mb->sort;
	return jmap_mailbox_is_inbox(mb) ? SORT_INBOX : roles[mb->use].sort;
}

/* RFC 8621 2: all is one's own, but the inbox stays. */
cJSON *
jmap_mailbox_rights(const struct mailbox *mb)
{
	static const char *const names[] = {"mayReadItems", "mayAddItems", "mayRemoveItems",
	    "maySetSeen", "maySetKeywords", "mayCreateChild", "maySubmit"};
	cJSON *v = cJSON_CreateObject();

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_put_bool(v, names[i], true);
	json_put_bool(v, "mayRename", !jmap_mailbox_is_inbox(mb));
	json_put_bool(v, "mayDelete", !jmap_mailbox_is_inbox(mb));
	return v;
}

cJSON *
jmap_mailbox_id_of(const struct mailbox *mb)
{
	char text[JMAP_ID_SIZE];

	return json_new_str(mb != NULL ? str_z(jmap_mailbox_text(mb->id, text)) : STR_NONE);
}

/* ---- /get ---- */

/* Of threads there may be more that turn out to be one (model.h): counts then change, and the state
 * with them. */
enum jmap_step
jmap_mailbox_ready(struct jmap_call *c)
{
	struct err e = {0};

	return jmap_emails(c->jmap, &e) == NULL ? jmap_fail_err(c, &e) : JMAP_DONE;
}

static int
all(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e)
{
	struct mailbox *mb;
	size_t i = 0, count = 0;

	(void)e;
	while (home_next(c->home, &i) != NULL)
		count++;
	*ids = arena_array(&c->arena, count + 1, sizeof **ids);
	*n = i = 0;
	while ((mb = home_next(c->home, &i)) != NULL)
		(*ids)[(*n)++] = mb->id;
	return 0;
}

static void
put_counts(struct jmap_call *c, const struct mailbox *mb, cJSON *out)
{
	struct jmap_model *m = c->jmap->model;
	struct jmap_counts n;

	jmap_model_counts(m, jmap_model_box(m, mb->id), &n);
	if (jmap_wants(c, MAILBOX_TOTAL_EMAILS))
		json_put_num(out, "totalEmails", n.emails);
	if (jmap_wants(c, MAILBOX_UNREAD_EMAILS))
		json_put_num(out, "unreadEmails", n.unread_emails);
	if (jmap_wants(c, MAILBOX_TOTAL_THREADS))
		json_put_num(out, "totalThreads", n.threads);
	if (jmap_wants(c, MAILBOX_UNREAD_THREADS))
		json_put_num(out, "unreadThreads", n.unread_threads);
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	struct mailbox *mb = home_find_id(c->home, (uint32_t)id);

	(void)e;
	if (mb == NULL)
		return 0;
	if (jmap_wants(c, MAILBOX_NAME))
		json_put_str(out, "name", jmap_mailbox_name(mb));
	if (jmap_wants(c, MAILBOX_PARENT))
		json_put(out, "parentId", jmap_mailbox_id_of(jmap_mailbox_parent(mb)));
	if (jmap_wants(c, MAILBOX_ROLE))
		json_put_str(out, "role", str_z(jmap_mailbox_role(mb)));
	if (jmap_wants(c, MAILBOX_SORT))
		json_put_num(out, "sortOrder", jmap_mailbox_sort(mb));
	put_counts(c, mb, out);
	if (jmap_wants(c, MAILBOX_RIGHTS))
		json_put(out, "myRights", jmap_mailbox_rights(mb));
	if (jmap_wants(c, MAILBOX_SUBSCRIBED))
		json_put_bool(out, "isSubscribed", mb->subscribed);
	return 1;
}

/* ---- /changes ---- */

static enum jmap_step
changes_ready(struct jmap_call *c, struct jmap_point since)
{
	enum jmap_step s = jmap_mailbox_ready(c);

	(void)since;
	if (s == JMAP_DONE && !jmap_failed(c))
		jmap_model_unmark(c->jmap->model);
	return s;
}

/* RFC 8621 2.2: where nothing but counts has changed, that is told. */
static void
begin_properties(struct jmap_changes *ch)
{
	if (ch->properties != NULL)
		return;
	ch->properties = cJSON_CreateArray();
	for (unsigned i = MAILBOX_TOTAL_EMAILS; i <= MAILBOX_UNREAD_THREADS; i++)
		json_add(ch->properties, json_new_str(str_z(jmap_mailbox_properties[i])));
}

static void
note_counts(struct jmap_call *c, struct jmap_changes *ch, uint32_t mailbox)
{
	if (home_find_id(c->home, mailbox) != NULL)
		jmap_note(ch, mailbox, JMAP_UPDATED);
}

static void
note_all_counts(struct jmap_call *c, struct jmap_changes *ch)
{
	struct mailbox *mb;
	size_t i = 0;

	while ((mb = home_next(c->home, &i)) != NULL)
		if (mb->exists > 0)
			jmap_note(ch, mb->id, JMAP_UPDATED);
}

/* An unread email counts for all mailboxes of its thread (RFC 8621 2, unreadThreads). */
static void
note_thread(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	struct jmap_model *m = c->jmap->model;
	const struct jmap_email *em = jmap_model_find(m, row->email);
	const struct jmap_thread *t =
	    em != NULL && em->thread != NULL ? em->thread : jmap_model_find_thread(m, row->thread);

	if (t == NULL || !jmap_model_mark_thread(m, (struct jmap_thread *)t))
		return;
	for (em = t->first; em != NULL; em = jmap_email_next(em)) {
		const struct jmap_place *v = jmap_email_places(em);

		for (size_t i = 0; i < em->nplaces; i++)
			note_counts(c, ch, jmap_model_mailbox(m, v[i].box)->id);
	}
}

/* Names and parents of those below, older ones, change with a mailbox that comes or goes between.
 */
static void
note_below(struct jmap_call *c, struct jmap_changes *ch, uint32_t id, struct str path)
{
	struct mailbox *mb;
	size_t i = 0;

	while ((mb = home_next(c->home, &i)) != NULL)
		if (mb->id < id && mb->name.n > path.n && str_starts(mb->name, path) &&
		    mb->name.p[path.n] == '/') {
			jmap_note(ch, mb->id, JMAP_UPDATED);
			ch->more_than_counts = true;
		}
}

static int
changed(struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e)
{
	const struct mailbox *mb;

	(void)e;
	begin_properties(ch);
	switch (row->kind) {
	case CHANGE_CREATED:
		/* Counts of earlier rows are of the mailboxes that are there now. */
		jmap_note_made(ch, row->mailbox);
		if ((mb = home_find_id(c->home, row->mailbox)) != NULL)
			note_below(c, ch, row->mailbox, mb->name);
		break;
	case CHANGE_DELETED:
		jmap_note(ch, row->mailbox, JMAP_DESTROYED);
		note_below(c, ch, UINT32_MAX, row->before);
		break;
	case CHANGE_RENAMED:
	case CHANGE_SUBSCRIBED:
	case CHANGE_ARRANGED:
		/* A subscription may be to a name that is no mailbox. */
		if (row->mailbox == 0)
			break;
		jmap_note(ch, row->mailbox, JMAP_UPDATED);
		ch->more_than_counts = true;
		break;
	case CHANGE_ADDED:
	case CHANGE_COPIED:
	case CHANGE_FLAGS:
	case CHANGE_EXPUNGED:
	case CHANGE_MOVED:
	case CHANGE_VANISHED:
		note_counts(c, ch, row->mailbox);
		note_thread(c, ch, row);
		break;
	case CHANGE_THREADED:
		note_all_counts(c, ch);
		break;
	case CHANGE_AGENT:
	case CHANGE_UNDONE:
	case CHANGE_OBJECT_MADE:
	case CHANGE_OBJECT_CHANGED:
	case CHANGE_OBJECT_GONE:
		break;
	}
	return 0;
}

/* Counts are of the mailboxes that are there now. */
static void
later(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	(void)c;
	if (row->kind == CHANGE_CREATED)
		jmap_note_not(ch, row->mailbox);
}

/* null stands for any property. */
static enum jmap_step
settle(struct jmap_call *c, struct jmap_changes *ch)
{
	(void)c;
	if (ch->more_than_counts) {
		cJSON_Delete(ch->properties);
		ch->properties = NULL;
	}
	return JMAP_DONE;
}

static const struct jmap_object mailbox = {.name = "Mailbox",
    .type = JMAP_MAILBOX,
    .parse = jmap_mailbox_parse,
    .text = jmap_mailbox_text,
    .properties = jmap_mailbox_properties,
    .all = all,
    .all_is_unbounded = true,
    .get_ready = jmap_mailbox_ready,
    .get = get,
    .changes_ready = changes_ready,
    .changed = changed,
    .later = later,
    .settle = settle,
    .query_args = "sortAsTree filterAsTree",
    .query = jmap_mailbox_query,
    .set_args = "onDestroyRemoveEmails",
    .set_begin = jmap_mailbox_set_begin,
    .create = jmap_mailbox_create,
    .update = jmap_mailbox_update,
    .destroy = jmap_mailbox_destroy};

const struct jmap_method jmap_mailbox_methods[] = {
    {.name = "Mailbox/get", .capability = JMAP_MAIL, .run = jmap_get, .object = &mailbox},
    {.name = "Mailbox/changes", .capability = JMAP_MAIL, .run = jmap_changes, .object = &mailbox},
    {.name = "Mailbox/query", .capability = JMAP_MAIL, .run = jmap_query, .object = &mailbox},
    {.name = "Mailbox/queryChanges",
	.capability = JMAP_MAIL,
	.run = jmap_query_changes,
	.object = &mailbox},
    {.name = "Mailbox/set", .capability = JMAP_MAIL, .run = jmap_set, .object = &mailbox}, {0}};
