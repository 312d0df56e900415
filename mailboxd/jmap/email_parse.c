/*
 * email_parse.c - see email_parse.h.
 *
 * What has no meaning for a blob (id, mailboxIds, keywords, receivedAt, threadId) is null.
 */
#include "mailboxd/jmap/email_parse.h"

#include "base/mem.h"
#include "mail/header.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/email_show.h"
#include "mailboxd/jmap/std.h"

struct run {
	struct jmap_body_args args;
	const cJSON *next;
	cJSON *parsed, *not_parsable, *not_found; /* of the result; the lists NULL while empty */
};

/* Where a message is: not a header field in it is no email. */
static bool
is_email(struct str octets)
{
	struct header_field f;

	while (header_next(&octets, &f))
		if (f.name.n > 0)
			return true;
	return false;
}

static int
show(
    struct jmap_call *c, struct run *r, struct str id, struct str octets, cJSON *out, struct err *e)
{
	static const enum jmap_email_property none[] = {
	    EMAIL_ID, EMAIL_THREAD_ID, EMAIL_MAILBOX_IDS, EMAIL_KEYWORDS, EMAIL_RECEIVED_AT};
	struct jmap_body body;
	struct arena a;
	struct buf row;
	int rc;

	arena_init(&a);
	buf_init(&row, 16u << 20);
	jmap_body_open(&body, octets, id, &a);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (jmap_wants(c, none[i]))
			json_put(out, jmap_email_properties[none[i]], cJSON_CreateNull());
	if (jmap_wants(c, EMAIL_BLOB_ID))
		json_put_str(out, "blobId", id);
	if (jmap_wants(c, EMAIL_SIZE))
		json_put_num(out, "size", (int64_t)octets.n);
	if (jmap_email_wants_row(c)) {
		jmap_row_make(octets, body.root, &row);
		jmap_email_show_row(c, buf_view(&row), out);
	}
	rc = jmap_email_wants_octets(c) ? jmap_email_show_octets(c, octets, &body, &r->args, out, e)
					: 0;
	buf_free(&row);
	arena_free(&a);
	return rc;
}

static void
note(struct jmap_call *c, cJSON **list, const char *name, struct str id)
{
	if (cJSON_IsNull(json_get(c->result, name))) {
		*list = cJSON_CreateArray();
		assume(cJSON_ReplaceItemInObjectCaseSensitive(c->result, name, *list));
	}
	json_add(*list, json_new_str(id));
}

static int
parse_one(struct jmap_call *c, struct run *r, struct str given, struct err *e)
{
	struct str id = jmap_real_id(c, given);
	struct jmap_blob blob = {0};
	cJSON *out;
	int rc = 0;

	if (id.p == NULL || jmap_blob_open(c->jmap, id, &blob, e) < 0) {
		if (home_has_failed(c->home))
			return -1;
		note(c, &r->not_found, "notFound", given);
		return 0;
	}
	if (is_email(blob.octets)) {
		out = cJSON_CreateObject();
		rc = show(c, r, id, blob.octets, out, e);
		json_put_named(r->parsed, given, out);
	} else {
		note(c, &r->not_parsable, "notParsable", given);
	}
	jmap_blob_close(&blob);
	return rc;
}

static enum jmap_step
parse_some(struct jmap_call *c)
{
	struct run *r = c->op;
	struct err e = {0};

	for (; r->next != NULL; r->next = r->next->next) {
		struct str id = json_str(r->next);

		if (jmap_slice_over(c))
			return JMAP_YIELD;
		/* Named twice, answered once. */
		if (cJSON_HasObjectItem(r->parsed, id.p))
			continue;
		if (parse_one(c, r, id, &e) < 0)
			return jmap_fail_err(c, &e);
	}
	/* RFC 8621 4.9: null where there are none. */
	if (r->parsed->child == NULL)
		assume(cJSON_ReplaceItemInObjectCaseSensitive(
		    c->result, "parsed", cJSON_CreateNull()));
	return JMAP_DONE;
}

enum jmap_step
jmap_email_parse_blobs(struct jmap_call *c)
{
	struct run *r = arena_new(&c->arena, struct run);
	const cJSON *ids, *v;

	if (jmap_args_only(c, "blobIds properties " JMAP_BODY_ARGS) < 0 ||
	    jmap_arg_array(c, "blobIds", &ids) < 0 || jmap_read_properties(c) < 0 ||
	    jmap_body_args(c, &r->args) < 0)
		return JMAP_DONE;
	if (ids == NULL)
		return jmap_fail(c, "invalidArguments", "blobIds is missing");
	if ((size_t)cJSON_GetArraySize(ids) > JMAP_MAX_GET)
		return jmap_fail(c, "requestTooLarge", "more than %u blobs", JMAP_MAX_GET);
	cJSON_ArrayForEach(v, ids)
	{
		if (!cJSON_IsString(v))
			return jmap_fail(c, "invalidArguments", "blobIds: no id");
	}
	json_put(c->result, "parsed", r->parsed = cJSON_CreateObject());
	json_put(c->result, "notParsable", cJSON_CreateNull());
	json_put(c->result, "notFound", cJSON_CreateNull());
	r->next = ids->child;
	c->op = r;
	c->step = parse_some;
	return parse_some(c);
}

static uint64_t
no_id(struct str id)
{
	(void)id;
	return 0;
}

/* RFC 8621 4.9, properties: those that are not of the store. */
const struct jmap_object jmap_parsed_object = {.name = "Email",
    .type = JMAP_EMAIL,
    .parse = no_id,
    .text = jmap_email_text,
    .properties = jmap_email_properties,
    .is_property = jmap_email_is_property,
    .default_properties = ((UINT64_C(1) << EMAIL_HEADERS) - 1) & ~((UINT64_C(1) << EMAIL_ROW) - 1)};
