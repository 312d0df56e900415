/*
 * email.c - Email/get and Email/changes (RFC 8621 4.2, 4.3).
 *
 * What lists show comes from the model and from rows that the index keeps; only bodies and other
 * header fields are read from the message. An email whose file is gone or cannot be read is not
 * found, and that is logged.
 */
#include "base/log.h"
#include "base/mem.h"
#include "mail/date.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/email_parse.h"
#include "mailboxd/jmap/email_query.h"
#include "mailboxd/jmap/email_show.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/past.h"
#include "mailboxd/jmap/std.h"

uint64_t
jmap_email_parse(struct str id)
{
	return email_parse(id, EMAIL_LETTER);
}

const char *
jmap_email_text(uint64_t n, char out[JMAP_ID_SIZE])
{
	return email_text(n, EMAIL_LETTER, out);
}

/* ---- /get ---- */

static int
get_begin(struct jmap_call *c)
{
	struct jmap_body_args *args = arena_new(&c->arena, struct jmap_body_args);

	c->extra = args;
	return jmap_body_args(c, args);
}

static void
put_mailboxes(const struct jmap_model *m, const struct jmap_email *em, cJSON *out)
{
	const struct jmap_place *v = jmap_email_places(em);
	cJSON *ids = cJSON_CreateObject();
	char id[16];

	for (size_t i = 0; i < em->nplaces; i++) {
		(void)snprintf(id, sizeof id, "m%u", jmap_model_mailbox(m, v[i].box)->id);
		/* Two copies in one mailbox. */
		if (json_get(ids, id) == NULL)
			json_put_named(ids, str_z(id), cJSON_CreateTrue());
	}
	json_put(out, "mailboxIds", ids);
}

static void
put_keywords(const struct jmap_model *m, const struct jmap_email *em, struct arena *a, cJSON *out)
{
	cJSON *list = cJSON_CreateObject();
	struct str *v;
	size_t n = jmap_email_keywords(m, em, a, &v);

	for (size_t i = 0; i < n; i++)
		json_put_named(list, v[i], cJSON_CreateTrue());
	json_put(out, "keywords", list);
}

/* RFC 8621 4.1.1, but for the thread. */
static void
put_metadata(struct jmap_call *c, const struct jmap_model *m, const struct jmap_email *em,
    struct arena *a, cJSON *out)
{
	char blob[JMAP_BLOB_EMAIL_SIZE], date[DATE_RFC3339_SIZE];

	if (jmap_wants(c, EMAIL_BLOB_ID))
		json_put_str(out, "blobId", str_z(jmap_blob_of_email(em->number, blob)));
	if (jmap_wants(c, EMAIL_MAILBOX_IDS))
		put_mailboxes(m, em, out);
	if (jmap_wants(c, EMAIL_KEYWORDS))
		put_keywords(m, em, a, out);
	if (jmap_wants(c, EMAIL_SIZE))
		json_put_num(out, "size", em->size);
	if (jmap_wants(c, EMAIL_RECEIVED_AT))
		json_put_str(out, "receivedAt", str_z(date_rfc3339(em->received, 0, date)));
}

static int
put_thread(struct jmap_call *c, struct jmap_model *m, const struct jmap_email *em, cJSON *out,
    struct err *e)
{
	char id[EMAIL_TEXT_SIZE];
	struct jmap_thread *t;

	jmap_tells_threads(c);
	if (jmap_model_thread(m, em, &t, e) < 0)
		return -1;
	json_put_str(out, "threadId", str_z(email_text(t->number, THREAD_LETTER, id)));
	return 0;
}

/* Where the octets of an email are; it has to be there still. */
static struct mailbox *
place_of(const struct jmap_model *m, const struct jmap_email *em, uint32_t *uid)
{
	*uid = jmap_email_places(em)->uid;
	return jmap_model_mailbox(m, jmap_email_places(em)->box);
}

static int
put_octets(struct jmap_call *c, const struct jmap_model *m, const struct jmap_email *em,
    struct arena *a, cJSON *out, struct err *e)
{
	char blob[JMAP_BLOB_EMAIL_SIZE];
	struct jmap_body body;
	struct content *content;
	struct mailbox *mb;
	uint32_t uid;
	int rc;

	mb = place_of(m, em, &uid);
	if ((content = content_open(mb, uid, e)) == NULL)
		return -1;
	jmap_body_open(&body, content->octets, str_z(jmap_blob_of_email(em->number, blob)), a);
	rc = jmap_email_show_octets(c, content->octets, &body, c->extra, out, e);
	content_close(&content);
	return rc;
}

static int
put_row(struct jmap_call *c, const struct jmap_model *m, const struct jmap_email *em,
    struct arena *a, cJSON *out, struct err *e)
{
	struct mailbox *mb;
	struct str row;
	uint32_t uid;

	mb = place_of(m, em, &uid);
	if (mailbox_cached(mb, uid, CACHE_EMAIL, a, &row, e) < 0)
		return -1;
	jmap_email_show_row(c, row, out);
	return 0;
}

/* Reading a file may show that it has gone, and the email with it. */
static bool
is_there(const struct jmap_email *em)
{
	return em->nplaces > 0;
}

static int
get_all(struct jmap_call *c, struct jmap_model *m, const struct jmap_email *em, struct arena *a,
    cJSON *out, struct err *e)
{
	put_metadata(c, m, em, a, out);
	if (jmap_wants(c, EMAIL_THREAD_ID) && put_thread(c, m, em, out, e) < 0)
		return -1;
	if (jmap_email_wants_row(c) && (!is_there(em) || put_row(c, m, em, a, out, e) < 0))
		return -1;
	if (jmap_email_wants_octets(c) && (!is_there(em) || put_octets(c, m, em, a, out, e) < 0))
		return -1;
	return 0;
}

static int
get(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e)
{
	struct jmap_model *m = jmap_emails(c->jmap, e);
	const struct jmap_email *em;
	struct arena a;
	int rc;

	if (m == NULL)
		return -1;
	if ((em = jmap_model_find(m, id)) == NULL)
		return 0;
	arena_init(&a);
	rc = get_all(c, m, em, &a, out, e);
	arena_free(&a);
	if (rc == 0)
		return 1;
	if (home_has_failed(c->home) || !is_there(em) || e->code == E_NOTFOUND)
		return home_has_failed(c->home) ? -1 : 0;
	log_warn("jmap.email", LS("sid", c->by->sid), LE(e));
	return 0;
}

int
jmap_email_as_it_is(struct jmap_call *c, uint64_t id, const cJSON *given, cJSON *out, struct err *e)
{
	struct jmap_body_args *args = arena_new(&c->arena, struct jmap_body_args);
	const cJSON *m;
	int rc;

	c->wanted = 0;
	c->nmore = 0;
	c->more = arena_array(&c->arena, (size_t)cJSON_GetArraySize(given) + 1, sizeof *c->more);
	for (unsigned i = 0; i < EMAIL_PROPERTIES; i++)
		if (json_get(given, jmap_email_properties[i]) != NULL)
			c->wanted |= UINT64_C(1) << i;
	cJSON_ArrayForEach(m, given)
	{
		if (jmap_email_is_property(json_name(m)))
			c->more[c->nmore++] = json_name(m);
	}
	c->extra = args;
	rc = jmap_body_args(c, args) < 0 ? -1 : get(c, id, out, e);
	c->extra = NULL;
	json_expand(out);
	return rc;
}

/* ---- /changes ---- */

/* /queryChanges where threads matter: which email of a thread stands for it, and what a filter says
 * of threads, may follow from any email of it. So all emails of a thread have changed with one. */
struct touched {
	uint64_t *threads; /* of emails that have gone, as the log has them */
	size_t n, room;
	uint64_t *emails;
	size_t nemails;
};

static void
add_number(uint64_t **v, size_t *n, size_t *room, uint64_t number, struct arena *a)
{
	uint64_t *old = *v;

	if (*n == *room) {
		*room = *room ? *room * 2 : 64;
		*v = arena_array(a, *room, sizeof **v);
		if (*n > 0)
			memcpy(*v, old, *n * sizeof **v);
	}
	(*v)[(*n)++] = number;
}

static struct touched *
touched(struct jmap_call *c)
{
	struct jmap_email_query_changes *x;

	if (c->method->run != jmap_query_changes)
		return NULL;
	x = jmap_email_query_changes(c);
	if (x->is_of_threads && x->touched == NULL)
		x->touched = arena_new(&c->arena, struct touched);
	return x->touched;
}

static void
note_thread(struct jmap_changes *ch, const struct jmap_thread *t)
{
	const struct jmap_email *em = t != NULL ? t->first : NULL;

	for (; em != NULL; em = jmap_email_next(em))
		jmap_note(ch, em->number, JMAP_UPDATED);
}

struct gathering {
	struct jmap_call *call;
	struct jmap_changes *changes;
	struct touched *touched;
	size_t room;
};

static bool
gather(void *arg, uint64_t id, enum jmap_noted *what)
{
	struct gathering *g = arg;

	(void)what;
	add_number(&g->touched->emails, &g->touched->nemails, &g->room, id, &g->call->arena);
	return true;
}

static bool
settle_one(void *arg, uint64_t id, enum jmap_noted *what)
{
	const struct gathering *g = arg;
	const struct jmap_model *m = g->call->jmap->model;
	bool before = jmap_past_had(g->changes->from, m, id);
	bool then = jmap_past_had(g->changes->until, m, id);

	*what = !then ? JMAP_DESTROYED : before ? JMAP_UPDATED : JMAP_CREATED;
	return before || then;
}

/* What a query has shown has a known thread; what is new is looked at. */
static enum jmap_step
settle(struct jmap_call *c, struct jmap_changes *ch)
{
	struct touched *t = touched(c);
	struct gathering g = {c, ch, t, 0};
	struct jmap_model *m = c->jmap->model;
	struct jmap_thread *thread;
	struct err e = {0};

	jmap_noted_each(ch, settle_one, &g);
	if (t == NULL)
		return JMAP_DONE;
	jmap_noted_each(ch, gather, &g);
	for (size_t i = 0; i < t->nemails; i++) {
		const struct jmap_email *em = jmap_model_find(m, t->emails[i]);

		if (em != NULL && jmap_model_thread(m, em, &thread, &e) == 0)
			note_thread(ch, thread);
	}
	for (size_t i = 0; i < t->n; i++)
		note_thread(ch, jmap_model_find_thread(m, t->threads[i]));
	return JMAP_DONE;
}

/* While the log is read nothing may be written, as looking for new mail does. */
static enum jmap_step
changes_ready(struct jmap_call *c, struct jmap_point since)
{
	struct err e = {0};

	(void)since;
	return jmap_emails(c->jmap, &e) == NULL ? jmap_fail_err(c, &e) : JMAP_DONE;
}

/* What may have come or gone; which of both is seen when all rows are known. */
static int
changed(struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e)
{
	struct touched *t;

	(void)e;
	if (row->uid == 0 || row->mailbox == 0 || row->kind >= CHANGE_OBJECT_MADE)
		return 0;
	if (row->email == 0) {
		(void)jmap_fail(c, "cannotCalculateChanges", "the log is of an older version");
		return 0;
	}
	jmap_note(ch, row->email, JMAP_UPDATED);
	/* One too many is told by later(), as those behind it. */
	if (ch->full)
		return 0;
	jmap_past_row(ch->from, row);
	if (row->thread != 0 && jmap_model_find(c->jmap->model, row->email) == NULL &&
	    (t = touched(c)) != NULL)
		add_number(&t->threads, &t->n, &t->room, row->thread, &c->arena);
	return 0;
}

static void
later(struct jmap_call *c, struct jmap_changes *ch, const struct change *row)
{
	enum jmap_noted what;

	(void)c;
	if (!jmap_noted(ch, row->email, &what))
		return;
	jmap_past_row(ch->from, row);
	jmap_past_row(ch->until, row);
}

/* ---- the type ---- */

/* RFC 8621 4.2: without headers and bodyStructure. */
#define DEFAULTS                                   \
	(((UINT64_C(1) << EMAIL_PROPERTIES) - 1) & \
	    ~(UINT64_C(1) << EMAIL_HEADERS | UINT64_C(1) << EMAIL_BODY_STRUCTURE))

static const struct jmap_object email_object = {.name = "Email",
    .type = JMAP_EMAIL,
    .parse = jmap_email_parse,
    .text = jmap_email_text,
    .properties = jmap_email_properties,
    .is_property = jmap_email_is_property,
    .get_args = JMAP_BODY_ARGS,
    .get_begin = get_begin,
    .default_properties = DEFAULTS,
    .get = get,
    .changes_ready = changes_ready,
    .has_past = true,
    .changed = changed,
    .later = later,
    .settle = settle,
    .query_args = "collapseThreads",
    .query = jmap_email_query};

const struct jmap_method jmap_email_methods[] = {
    {"Email/get", JMAP_MAIL, jmap_get, &email_object, false},
    {"Email/changes", JMAP_MAIL, jmap_changes, &email_object, false},
    {"Email/query", JMAP_MAIL, jmap_query, &email_object, false},
    {"Email/queryChanges", JMAP_MAIL, jmap_query_changes, &email_object, false},
    {"Email/parse", JMAP_MAIL, jmap_email_parse_blobs, &jmap_parsed_object, false}, {0}};
