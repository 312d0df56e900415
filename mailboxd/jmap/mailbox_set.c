/*
 * mailbox_set.c - see mailbox.h: Mailbox/set (RFC 8621 2.5).
 *
 * The store makes, renames and deletes durably by itself. Ids stay with a mailbox whatever becomes
 * of its path. Mailboxes of one call may refer to each other in any order: who needs another waits
 * for it.
 */
#include "mailboxd/jmap/mailbox.h"

#include "base/mem.h"

/* What a client wants a mailbox to be. */
struct wish {
	struct str name; /* as given */
	struct mailbox *parent;
	struct str path; /* the normal form */
	enum mailbox_use use;
	int64_t sort;
	bool subscribed;
};

struct set_args {
	bool remove_emails;
};

int
jmap_mailbox_set_begin(struct jmap_call *c)
{
	struct set_args *a = arena_new(&c->arena, struct set_args);

	c->extra = a;
	return jmap_arg_bool(c, "onDestroyRemoveEmails", false, &a->remove_emails);
}

/* ---- reading ---- */

/* false: the item waits for another one, or has failed. */
static bool
read_parent(struct jmap_call *c, struct jmap_item *it, const cJSON *v, struct wish *w, bool *later)
{
	struct str id = jmap_real_id(c, json_str(v));
	struct jmap_item *made;

	w->parent = NULL;
	if (v == NULL || cJSON_IsNull(v))
		return true;
	if (id.p == NULL && cJSON_IsString(v) && it->what == JMAP_CREATE && !it->last) {
		made = jmap_set_item(c, JMAP_CREATE, json_str(v));
		*later = made != NULL && made != it && !jmap_item_failed(made);
		if (*later)
			return false;
	}
	w->parent = home_find_id(c->home, (uint32_t)jmap_mailbox_parse(id));
	if (w->parent != NULL)
		return true;
	(void)jmap_item_invalid(it, "parentId", "no such mailbox");
	return false;
}

static bool
read_name(struct jmap_item *it, const cJSON *v, struct wish *w)
{
	w->name = json_str(v);
	if (w->name.p != NULL && w->name.n > 0 && str_chr(w->name, '/') == w->name.n)
		return true;
	(void)jmap_item_invalid(it, "name", "no name of a mailbox");
	return false;
}

/* The path that name and parent make, in normal form. */
static bool
make_path(struct jmap_call *c, struct jmap_item *it, struct wish *w)
{
	struct str path = w->parent == NULL ? w->name
					    : arena_printf(&c->arena, STR_FMT "/" STR_FMT,
						  STR_ARG(w->parent->name), STR_ARG(w->name));
	struct err e = {0};
	struct buf normal;
	bool ok;

	buf_init(&normal, FOLDER_NAME_MAX);
	ok = folder_normalize(path, &normal, &e) == 0;
	if (ok)
		w->path = arena_dup(&c->arena, buf_view(&normal));
	else
		(void)jmap_item_invalid(it, "name", "%s", e.text);
	buf_free(&normal);
	return ok;
}

/* mb: NULL for a new one. */
static bool
read_role(struct jmap_item *it, const cJSON *v, const struct mailbox *mb, struct wish *w)
{
	w->use = USE_NONE;
	if (v == NULL || cJSON_IsNull(v) ||
	    (mb != NULL && jmap_mailbox_is_inbox(mb) && str_eq_z(json_str(v), "inbox")))
		return true;
	if (jmap_mailbox_use(json_str(v), &w->use))
		return true;
	(void)jmap_item_invalid(it, "role", "no role that a mailbox can be given");
	return false;
}

static bool
read_rest(struct jmap_item *it, const cJSON *o, struct wish *w)
{
	const cJSON *sort = json_get(o, "sortOrder"), *subscribed = json_get(o, "isSubscribed");

	/* UnsignedInt below 2^31 (RFC 8621 2). */
	if (sort != NULL && json_int(sort, 0, INT32_MAX, &w->sort) < 0)
		(void)jmap_item_invalid(it, "sortOrder", "no number below 2^31");
	if (subscribed != NULL && !cJSON_IsBool(subscribed))
		(void)jmap_item_invalid(it, "isSubscribed", "no boolean");
	w->subscribed = subscribed == NULL ? true : cJSON_IsTrue(subscribed);
	return !jmap_item_failed(it);
}

/* Only properties that a client may set, or (RFC 8620 5.3) says as they are. */
static bool
check_properties(struct jmap_item *it, const cJSON *o, const cJSON *now)
{
	static const char *const settable[] = {
	    "name", "parentId", "role", "sortOrder", "isSubscribed"};
	const cJSON *m;

	cJSON_ArrayForEach(m, o)
	{
		const cJSON *is = now != NULL ? json_get(now, m->string) : NULL;
		bool ok = is != NULL && cJSON_Compare(m, is, true);

		for (size_t i = 0; i < ARRAY_LEN(settable) && !ok; i++)
			ok = str_eq_z(json_name(m), settable[i]);
		if (!ok)
			(void)jmap_item_invalid(it, m->string, "not to be set");
	}
	return !jmap_item_failed(it);
}

struct mailbox *
jmap_mailbox_for(struct home *h, enum mailbox_use use)
{
	struct mailbox *mb;
	size_t i = 0;

	while ((mb = home_next(h, &i)) != NULL)
		if (use != USE_NONE && mb->use == use)
			return mb;
	return NULL;
}

/* Is another mailbox in the way that this call changes too? */
static bool
may_give_way(struct jmap_call *c, const struct jmap_item *it, const struct mailbox *mb)
{
	char text[JMAP_ID_SIZE];
	const struct jmap_item *other =
	    jmap_set_item(c, JMAP_UPDATE, str_z(jmap_mailbox_text(mb->id, text)));

	return other != NULL && other != it && !jmap_item_failed(other) && !it->last;
}

/* RFC 8620 5.4 says of it which one there is. */
static void
exists(struct jmap_item *it, const struct mailbox *there)
{
	(void)jmap_item_fail(it, "alreadyExists", "there is one of that name");
	jmap_item_add(it, "existingId", jmap_mailbox_id_of(there));
}

/* ---- create ---- */

static void
put_made(const struct mailbox *mb, const struct wish *w, const cJSON *given, cJSON *out)
{
	if (json_get(given, "parentId") == NULL)
		json_put(out, "parentId", cJSON_CreateNull());
	if (!str_eq(jmap_mailbox_name(mb), w->name))
		json_put_str(out, "name", jmap_mailbox_name(mb));
	/* A name may bring a role along. */
	json_put_str(out, "role", str_z(jmap_mailbox_role(mb)));
	json_put_num(out, "sortOrder", jmap_mailbox_sort(mb));
	json_put_bool(out, "isSubscribed", mb->subscribed);
	json_put(out, "myRights", jmap_mailbox_rights(mb));
	for (unsigned i = MAILBOX_TOTAL_EMAILS; i <= MAILBOX_UNREAD_THREADS; i++)
		json_put_num(out, jmap_mailbox_properties[i], 0);
}

enum jmap_step
jmap_mailbox_create(struct jmap_call *c, struct jmap_item *it)
{
	const cJSON *o = it->given;
	struct wish w = {.sort = -1};
	struct mailbox *mb, *other;
	struct err e = {0};
	bool later = false;

	if (!check_properties(it, o, NULL) || !read_name(it, json_get(o, "name"), &w) ||
	    !read_role(it, json_get(o, "role"), NULL, &w) || !read_rest(it, o, &w) ||
	    !read_parent(c, it, json_get(o, "parentId"), &w, &later) || !make_path(c, it, &w))
		return later ? JMAP_LATER : JMAP_DONE;
	if ((other = jmap_mailbox_for(c->home, w.use)) != NULL)
		return jmap_item_invalid(it, "role", "another mailbox has it");
	if ((other = home_find(c->home, w.path)) != NULL) {
		exists(it, other);
		return JMAP_DONE;
	}
	if (home_create(c->home, w.path, c->by, &mb, &e) < 0)
		return jmap_item_err(c, it, &e);
	it->id = mb->id;
	if (home_arrange(c->home, mb, w.use != USE_NONE ? w.use : mb->use, w.sort, c->by, &e) < 0 ||
	    home_subscribe(c->home, w.path, w.subscribed, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	put_made(mb, &w, o, it->out);
	return JMAP_DONE;
}

/* ---- update ---- */

static bool
speaks_of_threads(const struct jmap_item *it)
{
	return json_get(it->given, "totalThreads") != NULL ||
	       json_get(it->given, "unreadThreads") != NULL;
}

/* What it is; but for counts of threads, which few patches speak of and cost the most. */
static cJSON *
as_it_is(struct jmap_call *c, const struct jmap_item *it, const struct mailbox *mb)
{
	cJSON *v = cJSON_CreateObject();
	struct jmap_counts n = {0};
	struct jmap_model *m = jmap_emails(c->jmap, NULL);

	if (m != NULL)
		jmap_model_counts(m, jmap_model_box(m, mb->id), &n);
	json_put(v, "id", jmap_mailbox_id_of(mb));
	json_put_str(v, "name", jmap_mailbox_name(mb));
	json_put(v, "parentId", jmap_mailbox_id_of(jmap_mailbox_parent(mb)));
	json_put_str(v, "role", str_z(jmap_mailbox_role(mb)));
	json_put_num(v, "sortOrder", jmap_mailbox_sort(mb));
	json_put_num(v, "totalEmails", n.emails);
	json_put_num(v, "unreadEmails", n.unread_emails);
	if (speaks_of_threads(it)) {
		json_put_num(v, "totalThreads", n.threads);
		json_put_num(v, "unreadThreads", n.unread_threads);
	}
	json_put(v, "myRights", jmap_mailbox_rights(mb));
	json_put_bool(v, "isSubscribed", mb->subscribed);
	return v;
}

static bool
is_below(const struct mailbox *mb, const struct mailbox *top)
{
	return mb == top || (mb->name.n > top->name.n && str_starts(mb->name, top->name) &&
				mb->name.p[top->name.n] == '/');
}

/* Subscriptions of IMAP are names and stay where they are (RFC 3501 6.3.5), isSubscribed is the
 * mailbox's own. */
static int
rename_tree(struct jmap_call *c, struct mailbox *top, struct str to, struct err *e)
{
	struct str *names, from = arena_dup(&c->arena, top->name);
	struct mailbox *mb;
	size_t i = 0, n = 0;

	while (home_next(c->home, &i) != NULL)
		n++;
	names = arena_array(&c->arena, n + 1, sizeof *names);
	i = n = 0;
	while ((mb = home_next(c->home, &i)) != NULL)
		if (is_below(mb, top) && mb->subscribed)
			names[n++] = arena_dup(&c->arena, mb->name);
	if (home_rename(c->home, from, to, c->by, e) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		struct str new = arena_printf(
		    &c->arena, STR_FMT STR_FMT, STR_ARG(to), STR_ARG(str_from(names[i], from.n)));

		if (home_subscribe(c->home, names[i], false, c->by, e) < 0 ||
		    home_subscribe(c->home, new, true, c->by, e) < 0)
			return -1;
	}
	return 0;
}

/* A new place in the tree. false: it failed, or is to be tried again. */
static bool
move(struct jmap_call *c, struct jmap_item *it, struct mailbox *mb, struct wish *w, bool *later)
{
	struct mailbox *there;
	struct err e = {0};

	if (jmap_mailbox_is_inbox(mb)) {
		(void)jmap_item_fail(it, "forbidden", "the inbox stays where it is");
		return false;
	}
	if (w->parent != NULL && is_below(w->parent, mb)) {
		(void)jmap_item_invalid(it, "parentId", "it is below the mailbox itself");
		return false;
	}
	if (!read_name(it, json_get(it->op, "name"), w) || !make_path(c, it, w))
		return false;
	if (str_eq(w->path, mb->name))
		return true;
	if ((there = home_find(c->home, w->path)) != NULL) {
		if (!(*later = may_give_way(c, it, there)))
			exists(it, there);
		return false;
	}
	if (rename_tree(c, mb, w->path, &e) < 0) {
		(void)jmap_item_err(c, it, &e);
		return false;
	}
	return true;
}

static enum jmap_step
change(struct jmap_call *c, struct jmap_item *it, struct mailbox *mb, const cJSON *now)
{
	const cJSON *o = it->op;
	struct wish w = {.sort = jmap_mailbox_sort(mb)};
	struct mailbox *other;
	struct err e = {0};
	bool later = false, moves;

	if (!check_properties(it, o, now) || !read_role(it, json_get(o, "role"), mb, &w) ||
	    !read_rest(it, o, &w) || !read_parent(c, it, json_get(o, "parentId"), &w, &later))
		return JMAP_DONE;
	if (jmap_mailbox_is_inbox(mb) && json_get(o, "role") == NULL)
		return jmap_item_fail(it, "forbidden", "the inbox stays what it is");
	if ((other = jmap_mailbox_for(c->home, w.use)) != NULL && other != mb)
		return may_give_way(c, it, other)
			   ? JMAP_LATER
			   : jmap_item_invalid(it, "role", "another mailbox has it");
	moves = !cJSON_Compare(json_get(o, "name"), json_get(now, "name"), true) ||
		w.parent != jmap_mailbox_parent(mb);
	if (moves && !move(c, it, mb, &w, &later))
		return later ? JMAP_LATER : JMAP_DONE;
	if (w.sort == jmap_mailbox_sort(mb))
		w.sort = mb->sort;
	if (json_get(o, "isSubscribed") == NULL)
		w.subscribed = mb->subscribed;
	if (home_arrange(c->home, mb, w.use, w.sort, c->by, &e) < 0 ||
	    home_subscribe(c->home, arena_dup(&c->arena, mb->name), w.subscribed, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	/* What the server made of a name in another form. */
	if (moves && !str_eq(jmap_mailbox_name(mb), w.name))
		json_put_str(it->out, "name", jmap_mailbox_name(mb));
	return JMAP_DONE;
}

enum jmap_step
jmap_mailbox_update(struct jmap_call *c, struct jmap_item *it)
{
	struct mailbox *mb = home_find_id(c->home, (uint32_t)it->id);
	struct err e = {0};
	enum jmap_step s;
	cJSON *now, *patched;

	if (mb == NULL)
		return jmap_item_fail(it, "notFound", "no such mailbox");
	if (speaks_of_threads(it) && ((s = jmap_mailbox_ready(c)) != JMAP_DONE || jmap_failed(c)))
		return s;
	now = as_it_is(c, it, mb);
	if ((patched = json_patched(now, it->given, &e)) == NULL) {
		s = jmap_item_fail(it, "invalidPatch", "%s", e.text);
	} else {
		it->op = patched;
		s = change(c, it, mb, now);
		it->op = NULL;
	}
	cJSON_Delete(now);
	cJSON_Delete(patched);
	return s;
}

/* ---- destroy ---- */

/* One of those below stays; *later: all of them go by this call too. */
static bool
has_child(struct jmap_call *c, const struct jmap_item *it, const struct mailbox *top, bool *later)
{
	struct mailbox *mb;
	bool found = false;
	char text[JMAP_ID_SIZE];
	size_t i = 0;

	*later = !it->last;
	while ((mb = home_next(c->home, &i)) != NULL) {
		const struct jmap_item *other;

		if (mb == top || !is_below(mb, top))
			continue;
		found = true;
		other = jmap_set_item(c, JMAP_DESTROY, str_z(jmap_mailbox_text(mb->id, text)));
		*later &= other != NULL && !jmap_item_failed(other);
	}
	return found;
}

enum jmap_step
jmap_mailbox_destroy(struct jmap_call *c, struct jmap_item *it)
{
	struct mailbox *mb = home_find_id(c->home, (uint32_t)it->id);
	const struct set_args *a = c->extra;
	struct err e = {0};
	bool later;

	if (mb == NULL)
		return jmap_item_fail(it, "notFound", "no such mailbox");
	if (jmap_mailbox_is_inbox(mb))
		return jmap_item_fail(it, "forbidden", "the inbox stays");
	if (has_child(c, it, mb, &later))
		return later ? JMAP_LATER
			     : jmap_item_fail(it, "mailboxHasChild", "a mailbox is below it");
	/* What has \Deleted is no email (model.h). */
	if (!a->remove_emails && mb->exists > mb->deleted)
		return jmap_item_fail(it, "mailboxHasEmail", "%u emails", mb->exists - mb->deleted);
	if (mb->subscribed &&
	    home_subscribe(c->home, arena_dup(&c->arena, mb->name), false, c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	if (home_delete(c->home, arena_dup(&c->arena, mb->name), c->by, &e) < 0)
		return jmap_item_err(c, it, &e);
	return JMAP_DONE;
}
