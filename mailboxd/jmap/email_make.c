/*
 * email_make.c - see email_make.h: the parts of a message, and its header as a whole.
 */
#include "mailboxd/jmap/email_make.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/compose.h"

#define FIELDS_MAX (1u << 20)

static void *
bad(struct jmap_draft *d, const char *property, const char *why)
{
	(void)jmap_item_invalid(d->it, property, "%s", why);
	return NULL;
}

/* ---- what parts hold ---- */

/* RFC 8621 4.6: the text of a partId, whole and as it was meant. */
static int
take_value(struct jmap_draft *d, struct str id, struct mime_out *part)
{
	const cJSON *v = d->values != NULL ? json_get(d->values, id.p) : NULL;

	if (!cJSON_IsObject(v) || !cJSON_IsString(json_get(v, "value"))) {
		(void)bad(d, "bodyValues", "nothing for a partId");
		return -1;
	}
	if (cJSON_IsTrue(json_get(v, "isEncodingProblem")) ||
	    cJSON_IsTrue(json_get(v, "isTruncated"))) {
		(void)bad(d, "bodyValues", "a value with a problem, or not whole");
		return -1;
	}
	part->octets = json_str(json_get(v, "value"));
	part->is_text = true;
	part->charset = str_is_ascii(part->octets) ? STR("us-ascii") : STR("utf-8");
	return 0;
}

static int
take_blob(struct jmap_draft *d, struct str id, struct mime_out *part)
{
	struct jmap_blob *b = &d->blobs[d->nblobs];
	struct err e;

	if (jmap_blob_open(d->c->jmap, jmap_real_id(d->c, id), b, &e) < 0) {
		if (e.code != E_NOTFOUND && e.code != E_INVAL) {
			(void)jmap_item_err(d->c, d->it, &e);
			return -1;
		}
		if (d->missing == NULL)
			d->missing = cJSON_CreateArray();
		json_add(d->missing, json_new_str(id));
		return 0;
	}
	d->nblobs++;
	part->octets = b->octets;
	if (part->type.n == 0 && compose_type_ok(b->type))
		part->type = b->type;
	return 0;
}

/* ---- one part ---- */

static int
take_string(struct jmap_draft *d, const cJSON *m, struct str *out)
{
	if (cJSON_IsNull(m))
		return 0;
	*out = json_str(m);
	if (out->p != NULL && str_is_utf8(*out))
		return 0;
	(void)bad(d, m->string, "no string");
	return -1;
}

static int
take_language(struct jmap_draft *d, const cJSON *v, struct mime_out *part)
{
	struct buf list;
	const cJSON *m;
	int rc = 0;

	if (cJSON_IsNull(v))
		return 0;
	buf_init(&list, 1000);
	cJSON_ArrayForEach(m, v)
	{
		if (list.n > 0)
			buf_puts(&list, ", ");
		if (!compose_word_ok(json_str(m)))
			rc = -1;
		else
			buf_str(&list, json_str(m));
	}
	if (!cJSON_IsArray(v) || list.over || rc < 0)
		rc = bad(d, "language", "no list of languages") == NULL ? -1 : 0;
	part->language = arena_dup(&d->c->arena, buf_view(&list));
	buf_free(&list);
	return rc;
}

/* 1: taken; 0: no such property. */
static int
take_property(struct jmap_draft *d, const cJSON *m, struct jmap_names *names, struct mime_out *part)
{
	struct str p = json_name(m);
	const struct {
		const char *name;
		struct str *to;
		struct str field; /* that header:… could name too */
	} strings[] = {{"type", &part->type, STR_NONE}, {"charset", &part->charset, STR_NONE},
	    {"name", &part->name, STR_NONE}, {"disposition", &part->disposition, STR_NONE},
	    {"cid", &part->cid, STR("Content-ID")},
	    {"location", &part->location, STR("Content-Location")},
	    {"language", NULL, STR("Content-Language")}};

	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		if (!str_eq_z(p, strings[i].name))
			continue;
		if (strings[i].field.n > 0 && !cJSON_IsNull(m) &&
		    jmap_draft_take_name(d, m->string, strings[i].field, names) < 0)
			return -1;
		return (strings[i].to != NULL ? take_string(d, m, strings[i].to)
					      : take_language(d, m, part)) < 0
			   ? -1
			   : 1;
	}
	/* What we say of parts may come back with them (RFC 8621 4.6, size). */
	return str_eq_z(p, "partId") || str_eq_z(p, "blobId") || str_eq_z(p, "subParts") ||
	       str_eq_z(p, "size");
}

static bool
is_valid(struct jmap_draft *d, const struct mime_out *part)
{
	if (part->type.n > 0 && !compose_type_ok(part->type))
		return bad(d, "type", "no media type") != NULL;
	if (part->disposition.n > 0 &&
	    (part->disposition.n > COMPOSE_NAME_MAX || !compose_name_ok(part->disposition) ||
		strpbrk(part->disposition.p, "()<>@,;\\\"/[]?=") != NULL))
		return bad(d, "disposition", "no token") != NULL;
	if (part->cid.n > 0 && !compose_word_ok(part->cid))
		return bad(d, "cid", "no message id") != NULL;
	if (part->location.n > 0 && !compose_foldable(part->location))
		return bad(d, "location", "too long") != NULL;
	return true;
}

static struct mime_out *
make_part(struct jmap_draft *d, const cJSON *v, struct str type, const struct jmap_names *above);

static int
take_children(struct jmap_draft *d, const cJSON *list, struct mime_out *part)
{
	struct mime_out **at = &part->child;
	const cJSON *m;

	cJSON_ArrayForEach(m, list)
	{
		if ((*at = make_part(d, m, STR_NONE, NULL)) == NULL)
			return -1;
		at = &(*at)->next;
	}
	return 0;
}

/* One of the three, and what goes with it (RFC 8621 4.1.4, 4.6). */
static int
take_content(struct jmap_draft *d, const cJSON *v, struct mime_out *part)
{
	const cJSON *id = json_member(v, "partId"), *blob = json_member(v, "blobId"),
		    *sub = json_member(v, "subParts");
	bool multipart = str_istarts(part->type, STR("multipart/"));

	if ((id != NULL) + (blob != NULL) + (multipart ? 1 : 0) != 1 ||
	    (sub != NULL && !multipart)) {
		(void)bad(d, "partId", "a part has a partId, a blobId or subParts");
		return -1;
	}
	if (multipart) {
		if (!cJSON_IsArray(sub) || sub->child == NULL) {
			(void)bad(d, "subParts", "a multipart without parts");
			return -1;
		}
		return take_children(d, sub, part);
	}
	if (blob != NULL) {
		if (json_str(blob).n == 0 || !jmap_id_valid(json_str(blob))) {
			(void)bad(d, "blobId", "no id");
			return -1;
		}
		return take_blob(d, json_str(blob), part);
	}
	if (part->type.n > 0 && !str_istarts(part->type, STR("text/"))) {
		(void)bad(d, "type", "a partId is for text");
		return -1;
	}
	if (part->charset.n > 0 || json_member(v, "size") != NULL) {
		(void)bad(d, part->charset.n > 0 ? "charset" : "size", "not with a partId");
		return -1;
	}
	if (part->type.n == 0)
		part->type = STR("text/plain");
	return json_str(id).n > 0 ? take_value(d, json_str(id), part)
				  : (bad(d, "partId", "no string"), -1);
}

/* type: what it must be, or STR_NONE. above: fields that are in the same header already. */
static struct mime_out *
make_part(struct jmap_draft *d, const cJSON *v, struct str type, const struct jmap_names *above)
{
	struct mime_out *part = arena_new(&d->c->arena, struct mime_out);
	struct jmap_names names = {.above = above};
	struct buf fields;
	const cJSON *m;
	int taken = 1;

	if (!cJSON_IsObject(v) || ++d->nparts > JMAP_EMAIL_PARTS)
		return bad(d, "bodyStructure", "no part, or too many");
	names.v = arena_array(&d->c->arena, (size_t)cJSON_GetArraySize(v) + 1, sizeof *names.v);
	buf_init(&fields, FIELDS_MAX);
	cJSON_ArrayForEach(m, v)
	{
		if ((taken = take_property(d, m, &names, part)) == 0)
			taken = jmap_draft_field(d, m, &names, &fields);
		if (taken == 0)
			(void)bad(d, m->string, "no property that a part is made with");
		if (taken <= 0)
			break;
	}
	part->fields = arena_dup(&d->c->arena, buf_view(&fields));
	buf_free(&fields);
	if (taken <= 0)
		return NULL;
	if (part->type.n == 0)
		part->type = type;
	if (type.n > 0 && !str_ieq(part->type, type))
		return bad(d, "type", "another one than its property is for");
	if (!is_valid(d, part) || take_content(d, v, part) < 0)
		return NULL;
	if (part->type.n == 0)
		part->type = STR("application/octet-stream");
	return part;
}

/* ---- the tree ---- */

static struct mime_out *
multipart(struct jmap_draft *d, const char *type, struct mime_out *children)
{
	struct mime_out *m = arena_new(&d->c->arena, struct mime_out);

	m->type = str_z(type);
	m->child = children;
	return m;
}

/* textBody and htmlBody have one part each (RFC 8621 4.6). */
static int
take_body(struct jmap_draft *d, const char *property, struct str type, struct mime_out **out)
{
	const cJSON *v = json_member(d->it->given, property);

	*out = NULL;
	if (v == NULL)
		return 0;
	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 1) {
		(void)bad(d, property, "not one part");
		return -1;
	}
	*out = make_part(d, v->child, type, NULL);
	return *out != NULL ? 0 : -1;
}

static int
take_attachments(
    struct jmap_draft *d, bool html, struct mime_out **inside, struct mime_out **beside)
{
	const cJSON *v = json_member(d->it->given, "attachments"), *m;

	*inside = *beside = NULL;
	if (v != NULL && !cJSON_IsArray(v)) {
		(void)bad(d, "attachments", "no list");
		return -1;
	}
	cJSON_ArrayForEach(m, v)
	{
		struct mime_out *part = make_part(d, m, STR_NONE, NULL);

		if (part == NULL)
			return -1;
		/* What the text shows inside itself (RFC 2387) has a name and is not offered. */
		if (html && part->cid.n > 0 && !str_ieq_z(part->disposition, "attachment")) {
			*inside = part;
			inside = &part->next;
		} else {
			if (part->disposition.n == 0)
				part->disposition = STR("attachment");
			*beside = part;
			beside = &part->next;
		}
	}
	return 0;
}

/* mixed(alternative(text, related(html, images)), files), with no more of it than is needed. */
static struct mime_out *
assemble(struct jmap_draft *d)
{
	struct mime_out *text, *html, *inside, *beside, *body;

	if (take_body(d, "textBody", STR("text/plain"), &text) < 0 ||
	    take_body(d, "htmlBody", STR("text/html"), &html) < 0 ||
	    take_attachments(d, html != NULL, &inside, &beside) < 0)
		return NULL;
	body = html;
	if (inside != NULL) {
		html->next = inside;
		body = multipart(d, "multipart/related", html);
	}
	if (text != NULL && body != NULL) {
		text->next = body;
		body = multipart(d, "multipart/alternative", text);
	} else if (text != NULL) {
		body = text;
	}
	if (body == NULL) {
		body = arena_new(&d->c->arena, struct mime_out);
		body->type = STR("text/plain");
		body->is_text = true;
	}
	if (beside != NULL) {
		body->next = beside;
		body = multipart(d, "multipart/mixed", body);
	}
	return body;
}

static struct mime_out *
make_tree(struct jmap_draft *d)
{
	static const char *const others[] = {"textBody", "htmlBody", "attachments"};
	const cJSON *structure = json_member(d->it->given, "bodyStructure");

	if (structure == NULL)
		return assemble(d);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (json_member(d->it->given, others[i]) != NULL)
			return bad(d, others[i], "not together with bodyStructure");
	return make_part(d, structure, STR_NONE, &d->names);
}

/* ---- the header ---- */

static bool
is_for_others(struct str p)
{
	static const char *const names[] = {"mailboxIds", "keywords", "receivedAt", "bodyStructure",
	    "bodyValues", "textBody", "htmlBody", "attachments"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_z(p, names[i]))
			return true;
	return false;
}

static bool
is_field_in(struct str rest, const char *name)
{
	struct str line;

	while (str_cut(&rest, '\n', &line)) {
		struct str head;

		(void)str_cut(&line, ':', &head);
		if (str_ieq_z(head, name))
			return true;
	}
	return false;
}

/* The one part of a message has its fields in the message's header. */
static bool
has_field(const struct jmap_draft *d, const char *name)
{
	return is_field_in(buf_view(&d->fields), name) || is_field_in(d->root->fields, name);
}

/* RFC 8621 4.6: what must be there and was not given. */
static void
complete(struct jmap_draft *d, const char *id)
{
	struct str local, host;
	struct str mid;

	if (!has_field(d, "Date"))
		compose_date(&d->fields, "Date", clock_wall(), 0);
	if (has_field(d, "Message-ID") || !address_split(d->c->jmap->user, &local, &host))
		return;
	mid = arena_printf(&d->c->arena, "%s@" STR_FMT, id, STR_ARG(host));
	compose_ids(&d->fields, "Message-ID", &mid, 1);
}

static int
make_header(struct jmap_draft *d)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, d->it->given)
	{
		int taken =
		    is_for_others(json_name(m)) ? 1 : jmap_draft_field(d, m, &d->names, &d->fields);

		if (taken == 0)
			(void)bad(d, m->string, "no property that an email is made with");
	}
	if (d->fields.over)
		(void)jmap_item_fail(d->it, "tooLarge", "the header");
	return jmap_item_failed(d->it) ? -1 : 0;
}

int
jmap_draft_make(struct jmap_call *c, struct jmap_item *it, struct jmap_draft *d)
{
	char id[ID_SIZE];

	*d = (struct jmap_draft){.c = c, .it = it};
	buf_init(&d->fields, FIELDS_MAX);
	d->values = json_member(it->given, "bodyValues");
	d->blobs = arena_array(&c->arena, JMAP_EMAIL_PARTS + 1, sizeof *d->blobs);
	d->names.v =
	    arena_array(&c->arena, (size_t)cJSON_GetArraySize(it->given) + 1, sizeof *d->names.v);
	id_new(id);
	if (make_header(d) < 0 || (d->root = make_tree(d)) == NULL) {
		if (!jmap_item_failed(it))
			(void)jmap_item_fail(it, "serverFail", "no message");
		return -1;
	}
	if (d->missing != NULL) {
		(void)jmap_item_fail(it, "blobNotFound", "no such blob");
		jmap_item_add(it, "notFound", d->missing);
		d->missing = NULL;
		return -1;
	}
	complete(d, id);
	return 0;
}

void
jmap_draft_done(struct jmap_draft *d)
{
	for (size_t i = 0; i < d->nblobs; i++)
		jmap_blob_close(&d->blobs[i]);
	d->nblobs = 0;
	cJSON_Delete(d->missing);
	d->missing = NULL;
	buf_free(&d->fields);
}
