/*
 * blob.c - see blob.h: ids of blobs, their octets, Blob/copy (RFC 8620 6.3).
 */
#include "mailboxd/jmap/blob.h"

#include <sys/mman.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "mail/decode.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/upload.h"

#define PATH_PARTS 127u /* numbers in an id, whose length is 255 at most (RFC 8620 1.2) */

/* ---- ids ---- */

const char *
jmap_blob_of_email(uint64_t email, char out[JMAP_BLOB_EMAIL_SIZE])
{
	out[0] = 'b';
	(void)email_text(email, EMAIL_LETTER, out + 1);
	return out;
}

/* The numbers that lead to a part from the message whose tree it is in (see mime_find), the last
 * first. 0: it has none. */
static size_t
path_of(const struct mime_part *part, uint32_t path[PATH_PARTS])
{
	size_t n = 0;

	if (part->kind == MIME_MULTIPART)
		return 0;
	/* A message that has no parts: its body is part 1 of it. */
	if (part->parent == NULL || part->parent->kind == MIME_MESSAGE)
		path[n++] = 1;
	for (const struct mime_part *p = part; p->parent != NULL; p = p->parent) {
		if (p->parent->kind != MIME_MULTIPART)
			continue;
		if (n == PATH_PARTS)
			return 0;
		path[n++] = p->number;
	}
	return n;
}

struct str
jmap_blob_of_part(struct str of, const struct mime_part *part, struct arena *a)
{
	bool has_path = str_chr(of, '-') < of.n;
	uint32_t path[PATH_PARTS];
	size_t n = path_of(part, path);
	struct buf b;
	struct str out = STR_NONE;

	if (n == 0)
		return out;
	buf_init(&b, 255);
	buf_str(&b, of);
	while (n-- > 0) {
		buf_printf(&b, "%c%u", has_path ? '_' : '-', path[n]);
		has_path = true;
	}
	if (!b.over)
		out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}

uint64_t
jmap_blob_email(struct str id)
{
	return id.n > 0 && id.p[0] == 'b' ? email_parse(str_from(id, 1), EMAIL_LETTER) : 0;
}

static int
parse_path(struct str s, uint32_t path[PATH_PARTS], size_t *n)
{
	struct str one;
	uint64_t v;
	bool more = true;

	*n = 0;
	while (more) {
		more = str_cut(&s, '_', &one);
		if (*n == PATH_PARTS || num_parse(one, 1, UINT32_MAX, &v) < 0 || one.p[0] == '0')
			return -1;
		path[(*n)++] = (uint32_t)v;
	}
	return 0;
}

/* ---- whole things ---- */

static int
open_email(struct jmap *j, uint64_t email, struct jmap_blob *out, struct err *e)
{
	struct jmap_model *m = jmap_emails(j, e);
	const struct jmap_email *em = m != NULL ? jmap_model_find(m, email) : NULL;
	const struct jmap_place *place;

	if (m == NULL)
		return -1;
	if (em == NULL)
		return err_set(e, E_NOTFOUND, "no such blob");
	place = jmap_email_places(em);
	out->content = content_open(jmap_model_mailbox(m, place->box), place->uid, e);
	if (out->content == NULL)
		return -1;
	out->octets = out->content->octets;
	out->type = STR("message/rfc822");
	return 0;
}

static int
open_upload(struct jmap *j, struct str id, struct jmap_blob *out, struct err *e)
{
	uint64_t size;
	struct str type;
	int fd = jmap_upload_open(j, id, &type, e), rc;

	if (fd < 0)
		return -1;
	rc = file_size(fd, &size, e);
	if (rc == 0 && size > 0) {
		out->map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (out->map == MAP_FAILED) {
			out->map = NULL;
			rc = err_sys(e, "mmap");
		}
		out->mapped = out->map != NULL ? size : 0;
	}
	file_close(&fd);
	out->octets = str_of(out->map != NULL ? out->map : "", out->mapped);
	buf_str(&out->type_text, type);
	out->type = buf_view(&out->type_text);
	return rc;
}

/* ---- parts ---- */

static int
narrow(struct jmap_blob *b, struct str numbers, struct err *e)
{
	uint32_t path[PATH_PARTS];
	const struct mime_part *part = NULL;
	struct arena a;
	size_t n;

	arena_init(&a);
	if (parse_path(numbers, path, &n) == 0)
		part = mime_find(mime_parse(b->octets, &a), path, n);
	if (part == NULL || part->kind == MIME_MULTIPART) {
		arena_free(&a);
		return err_set(e, E_NOTFOUND, "no such blob");
	}
	buf_reset(&b->type_text);
	buf_printf(&b->type_text, STR_FMT "/" STR_FMT, STR_ARG(part->type), STR_ARG(part->subtype));
	b->type = buf_view(&b->type_text);
	if (part->encoding == MIME_QP || part->encoding == MIME_BASE64) {
		decode_part(part, b->octets, &b->decoded);
		b->octets = buf_view(&b->decoded);
	} else {
		b->octets = mime_octets(b->octets, part->body);
	}
	arena_free(&a);
	return 0;
}

int
jmap_blob_open(struct jmap *j, struct str id, struct jmap_blob *out, struct err *e)
{
	struct str whole;
	bool has_path = str_cut(&id, '-', &whole);
	uint64_t email = jmap_blob_email(whole);
	int rc;

	*out = (struct jmap_blob){.octets = STR_NONE};
	/* Decoding makes nothing longer than the message, whose size is bounded. */
	buf_init(&out->decoded, SIZE_MAX / 2);
	buf_init(&out->type_text, 1024);
	if (email != 0)
		rc = open_email(j, email, out, e);
	else if (str_starts(whole, STR("u")) && id_valid(str_from(whole, 1)))
		rc = open_upload(j, str_from(whole, 1), out, e);
	else
		rc = err_set(e, E_NOTFOUND, "no such blob");
	if (rc == 0 && has_path)
		rc = narrow(out, id, e);
	if (rc < 0)
		jmap_blob_close(out);
	return rc;
}

void
jmap_blob_close(struct jmap_blob *b)
{
	content_close(&b->content);
	if (b->map != NULL)
		(void)munmap(b->map, b->mapped);
	buf_free(&b->decoded);
	buf_free(&b->type_text);
	*b = (struct jmap_blob){.octets = STR_NONE};
}

int
jmap_download(
    struct jmap *j, struct str account, struct str id, struct jmap_blob *out, struct err *e)
{
	*out = (struct jmap_blob){.octets = STR_NONE};
	if (!str_eq_z(account, j->account))
		return err_set(e, E_NOTFOUND, "no such account");
	return jmap_blob_open(j, id, out, e);
}

/* ---- Blob/copy ---- */

/* There is one account: a blob that is there is there already. */
static enum jmap_step
copy(struct jmap_call *c)
{
	cJSON *copied = cJSON_CreateObject(), *not = cJSON_CreateObject(), *error;
	const cJSON *ids = json_get(c->args, "blobIds"), *m;
	struct jmap_blob b;
	struct err e = {0};

	cJSON_ArrayForEach(m, ids)
	{
		if (json_get(copied, m->valuestring) != NULL ||
		    json_get(not, m->valuestring) != NULL)
			continue;
		if (jmap_blob_open(c->jmap, json_str(m), &b, &e) == 0) {
			jmap_blob_close(&b);
			json_put_named(copied, json_str(m), json_new_str(json_str(m)));
			continue;
		}
		error = cJSON_CreateObject();
		json_put_str(error, "type", STR("notFound"));
		json_put_named(not, json_str(m), error);
	}
	json_put_str(c->result, "fromAccountId", str_z(c->jmap->account));
	json_put(c->result, "copied", copied);
	json_put(c->result, "notCopied", not );
	return JMAP_DONE;
}

static enum jmap_step
begin_copy(struct jmap_call *c)
{
	const cJSON *ids, *m;
	struct str from;

	if (jmap_args_only(c, "fromAccountId blobIds") < 0 ||
	    jmap_arg_str(c, "fromAccountId", &from) < 0 || jmap_arg_array(c, "blobIds", &ids) < 0)
		return JMAP_DONE;
	if (!str_eq_z(from, c->jmap->account))
		return jmap_fail(c, "fromAccountNotFound", "no such account");
	if (ids == NULL)
		return jmap_fail(c, "invalidArguments", "blobIds is missing");
	if (cJSON_GetArraySize(ids) > (int)JMAP_MAX_SET)
		return jmap_fail(c, "requestTooLarge", "more than %u blobs", JMAP_MAX_SET);
	cJSON_ArrayForEach(m, ids)
	{
		if (!jmap_id_valid(json_str(m)))
			return jmap_fail(c, "invalidArguments", "blobIds: no id");
	}
	return copy(c);
}

const struct jmap_method jmap_blob_methods[] = {
    {.name = "Blob/copy", .capability = JMAP_CORE, .run = begin_copy}, {0}};
