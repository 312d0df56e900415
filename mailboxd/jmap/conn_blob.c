/* conn_blob.c - octets up and down a pipe (RFC 8620 6.1, 6.2). */
#include "base/log.h"
#include "mailboxd/jmap/conn_in.h"
#include "net/http_range.h"

static void
problem(struct jmap_conn *c, const struct err *e)
{
	unsigned status = jmap_blob_problem(e, &c->made);

	jmap_conn_answer(c,
	    &(struct pipe_head){.status = status,
		.length = c->made.n,
		.type = STR_INIT("application/problem+json")},
	    buf_view(&c->made));
}

/* ---- up ---- */

void
jmap_conn_upload(struct jmap_conn *c, struct str account, struct str type)
{
	c->failed = (struct err){0};
	c->state = CONN_BODY;
	c->upload = jmap_upload_new(c->jmap, account, type, &c->failed);
}

void
jmap_conn_upload_data(struct jmap_conn *c, struct str octets)
{
	/* What was refused is read to its end: then the client hears why. */
	if (c->upload != NULL && jmap_upload_write(c->upload, octets, &c->failed) < 0)
		jmap_upload_free(&c->upload);
}

void
jmap_conn_upload_end(struct jmap_conn *c)
{
	if (c->upload == NULL || jmap_upload_finish(&c->upload, &c->made, &c->failed) < 0) {
		buf_reset(&c->made);
		problem(c, &c->failed);
		return;
	}
	jmap_conn_answer(c,
	    &(struct pipe_head){
		.status = 201, .length = c->made.n, .type = STR_INIT("application/json")},
	    buf_view(&c->made));
}

/* ---- down ---- */

/* A type that a header can have (RFC 9110 8.3); what else a client asks for is none. */
static bool
is_type(struct str s)
{
	if (s.n == 0 || s.n > 255 || str_chr(s, '/') == s.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]) || (unsigned char)s.p[i] > 127)
			return false;
	return true;
}

/* What of the blob is asked for (RFC 9110 14.2). False: it is answered. */
static bool
take_range(struct jmap_conn *c, struct str range, struct pipe_head *head, struct str *part)
{
	struct str all = c->blob.octets;
	uint64_t n;

	*part = all;
	head->total = all.n;
	switch (http_range_read(range, all.n, &head->from, &n)) {
	case HTTP_RANGE_NONE:
		break;
	case HTTP_RANGE_PART:
		head->status = 206;
		*part = str_sub(all, (size_t)head->from, (size_t)n);
		break;
	case HTTP_RANGE_BEYOND:
		buf_puts(&c->made, "{\"type\":\"about:blank\",\"title\":\"Range Not "
				   "Satisfiable\",\"status\":416}");
		jmap_conn_answer(c,
		    &(struct pipe_head){.status = 416,
			.length = c->made.n,
			.total = all.n,
			.type = STR_INIT("application/problem+json")},
		    buf_view(&c->made));
		return false;
	}
	return true;
}

void
jmap_conn_download(struct jmap_conn *c, const struct str v[PIPE_FIELDS_MAX])
{
	struct pipe_head head = {.status = 200, .name = v[3]};
	struct str part;
	struct err e = {0};

	if (jmap_download(c->jmap, v[0], v[1], &c->blob, &e) < 0) {
		problem(c, &e);
		return;
	}
	if (!take_range(c, v[4], &head, &part))
		return;
	head.length = part.n;
	head.type = is_type(v[2])           ? v[2]
		    : is_type(c->blob.type) ? c->blob.type
					    : STR("application/octet-stream");
	jmap_conn_answer(c, &head, part);
}
