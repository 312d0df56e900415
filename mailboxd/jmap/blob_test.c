/*
 * blob_test.c - tests of blobs: RFC 8620 6.
 */
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/jmap_test_in.h"
#include "mailboxd/jmap/upload.h"

static const char nested[] =
    "From: a@x.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=o\r\n\r\n"
    "--o\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "caf=C3=A9\r\n"
    "--o\r\nContent-Type: multipart/related; boundary=i\r\n\r\n"
    "--i\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--i--\r\n"
    "--o\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner\r\n\r\ninner text\r\n"
    "--o--\r\n";

static struct str
email_blob(const char *mailbox, uint32_t uid)
{
	char id[JMAP_BLOB_EMAIL_SIZE];

	jmap_blob_of_email(mailbox_get(box(mailbox), uid)->email, id);
	return arena_dup(&scratch, str_z(id));
}

static void
holds(struct str id, const char *octets, size_t n, const char *type)
{
	struct jmap_blob b;

	assert_int_equal(jmap_blob_open(jmap, id, &b, &err), 0);
	assert_int_equal(b.octets.n, n);
	assert_memory_equal(b.octets.p, octets, n);
	assert_true(str_eq_z(b.type, type));
	jmap_blob_close(&b);
}

static struct str
under(struct str id, const char *path)
{
	return arena_printf(&scratch, STR_FMT "-%s", STR_ARG(id), path);
}

static void
absent(struct str id)
{
	struct jmap_blob b;

	err.code = E_OK;
	assert_int_equal(jmap_blob_open(jmap, id, &b, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
}

/* A message, and its parts decoded. */
static void
test_message(void **state)
{
	struct str id;

	(void)state;
	id = email_blob("INBOX", append("INBOX", nested, 0));
	holds(id, nested, strlen(nested), "message/rfc822");
	holds(under(id, "1"), "caf\xc3\xa9", 5, "text/plain");
	holds(under(id, "2_1"), "\0\1\2", 3, "image/png");
	holds(under(id, "3"), "Subject: inner\r\n\r\ninner text", 28, "message/rfc822");
	holds(under(id, "3_1"), "inner text", 10, "text/plain");
	absent(under(id, "2"));
	absent(under(id, "4"));
	absent(under(id, "1_2"));
	absent(under(id, "0"));
	absent(under(id, "01"));
	absent(under(id, "1_"));
	absent(under(id, ""));
	absent(STR("b"));
	absent(STR(""));
	absent(STR("be0000000000000"));
	absent(STR("../db/index.db"));
	absent(STR("u../../../../../../e"));
}

/* Every part's id leads to it. */
static void
each_part(struct str of, struct str octets, const struct mime_part *part)
{
	struct str id = jmap_blob_of_part(of, part, &scratch);
	struct jmap_blob b;

	assert_int_equal(part->kind == MIME_MULTIPART, id.p == NULL);
	if (id.p != NULL && part->encoding == MIME_7BIT) {
		assert_int_equal(jmap_blob_open(jmap, id, &b, &err), 0);
		assert_true(str_eq(b.octets, mime_octets(octets, part->body)));
		jmap_blob_close(&b);
	}
	for (const struct mime_part *p = part->child; p != NULL; p = p->next)
		each_part(of, octets, p);
}

static void
test_ids_of_parts(void **state)
{
	struct str id, inner;
	struct jmap_blob b;

	(void)state;
	id = email_blob("INBOX", append("INBOX", nested, 0));
	assert_true(jmap_blob_email(id) != 0);
	assert_true(jmap_blob_email(under(id, "1")) == 0);
	each_part(id, STR(nested), mime_parse(STR(nested), &scratch));
	/* In the tree of a part that is a message. */
	inner = under(id, "3");
	assert_int_equal(jmap_blob_open(jmap, inner, &b, &err), 0);
	each_part(inner, b.octets, mime_parse(b.octets, &scratch));
	jmap_blob_close(&b);
	/* A message without parts. */
	append("INBOX", "Subject: x\r\n\r\nonly\r\n", 0);
	id = email_blob("INBOX", 2);
	each_part(id, STR("Subject: x\r\n\r\nonly\r\n"),
	    mime_parse(STR("Subject: x\r\n\r\nonly\r\n"), &scratch));
	holds(under(id, "1"), "only\r\n", 6, "text/plain");
}

/* Held over a change of the mailbox: a download takes many turns. */
static void
test_held(void **state)
{
	uint32_t uid = append("INBOX", nested, FLAG_SEEN);
	struct jmap_blob b;
	const struct flag_set gone = {.flags = FLAG_DELETED};

	(void)state;
	assert_int_equal(jmap_blob_open(jmap, email_blob("INBOX", uid), &b, &err), 0);
	assert_int_equal(mailbox_store(box("INBOX"), &uid, 1, STORE_ADD, &gone, UINT64_MAX,
			     &by_test, &scratch, NULL, &err),
	    0);
	assert_int_equal(mailbox_expunge(box("INBOX"), NULL, SIZE_MAX, &by_test, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	assert_true(str_eq_z(b.octets, nested));
	jmap_blob_close(&b);
}

static struct str
upload(const char *type, struct str octets)
{
	struct jmap_upload *u = jmap_upload_new(jmap, str_z(jmap->account), str_z(type), &err);
	struct buf json;
	struct str id;
	cJSON *v;

	assert_non_null(u);
	for (size_t at = 0; at < octets.n; at += 1000)
		assert_int_equal(jmap_upload_write(u, str_sub(octets, at, 1000), &err), 0);
	buf_init(&json, 4096);
	assert_int_equal(jmap_upload_finish(&u, &json, &err), 0);
	assert_null(u);
	v = cJSON_Parse(json.p);
	assert_true(str_eq_z(json_str(json_get(v, "accountId")), jmap->account));
	assert_true(str_eq_z(json_str(json_get(v, "type")), type));
	assert_int_equal(json_get(v, "size")->valueint, octets.n);
	id = arena_dup(&scratch, json_str(json_get(v, "blobId")));
	assert_true(jmap_id_valid(id));
	cJSON_Delete(v);
	buf_free(&json);
	return id;
}

static void
test_upload(void **state)
{
	struct str id, empty, mail;
	struct jmap_upload *u;
	char path[300];

	(void)state;
	id = upload("text/x-a\"b", STR("some octets"));
	empty = upload("", STR(""));
	mail = upload("message/rfc822", STR(nested));
	holds(id, "some octets", 11, "text/x-a\"b");
	holds(empty, "", 0, "");
	holds(under(mail, "2_1"), "\0\1\2", 3, "image/png");
	/* Another owner knows it too; what did not end is gone. */
	u = jmap_upload_new(jmap, str_z(jmap->account), STR("a/b"), &err);
	(void)snprintf(path, sizeof path, "db/upload-%s", "x");
	assert_int_equal(jmap_upload_write(u, STR("x"), &err), 0);
	jmap_upload_free(&u);
	close(open("db/upload-01234567890123456789", O_CREAT | O_WRONLY, 0600));
	close(open("db/upload-01234567890123456789-7", O_CREAT | O_WRONLY, 0600));
	close_all();
	open_all();
	holds(id, "some octets", 11, "");
	assert_int_equal(access("db/upload-01234567890123456789", F_OK), -1);
	assert_int_equal(access("db/upload-01234567890123456789-7", F_OK), -1);
	/* A day later it is gone. */
	clock_advance(86400 * 1000 + 10000);
	(void)upload("a/b", STR("x"));
	absent(id);
}

static void
test_upload_bounds(void **state)
{
	static char chunk[1 << 20];
	struct jmap_upload *u[JMAP_MAX_UPLOADS + 1];
	struct buf json;

	(void)state;
	assert_null(jmap_upload_new(jmap, STR("a1"), STR(""), &err));
	assert_int_equal(err.code, E_NOTFOUND);
	for (unsigned i = 0; i < JMAP_MAX_UPLOADS; i++)
		u[i] = jmap_upload_new(jmap, str_z(jmap->account), STR(""), &err);
	assert_null(jmap_upload_new(jmap, str_z(jmap->account), STR(""), &err));
	buf_init(&json, 4096);
	assert_int_equal(jmap_blob_problem(&err, &json), 400);
	assert_true(str_find(buf_view(&json), STR("\"limit\":\"maxConcurrentUpload\"")) < json.n);
	for (unsigned i = 0; i < JMAP_MAX_UPLOADS; i++)
		jmap_upload_free(&u[i]);
	u[0] = jmap_upload_new(jmap, str_z(jmap->account), STR(""), &err);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(jmap_upload_write(u[0], str_of(chunk, sizeof chunk), &err), 0);
	assert_int_equal(jmap_upload_write(u[0], STR("x"), &err), -1);
	buf_reset(&json);
	assert_int_equal(jmap_blob_problem(&err, &json), 413);
	/* What would not fit is refused, and the oldest goes when it is old enough. */
	buf_reset(&json);
	assert_int_equal(jmap_upload_finish(&u[0], &json, &err), 0);
	jmap->uploads.octets = JMAP_UPLOAD_SPACE;
	assert_null(jmap_upload_new(jmap, str_z(jmap->account), STR(""), &err));
	assert_int_equal(err.code, E_QUOTA);
	clock_advance(3700 * 1000);
	jmap->uploads.octets = 250u << 20;
	u[0] = jmap_upload_new(jmap, str_z(jmap->account), STR(""), &err);
	assert_non_null(u[0]);
	assert_int_equal(jmap->uploads.octets, 200u << 20);
	jmap_upload_free(&u[0]);
	buf_free(&json);
}

static void
test_download(void **state)
{
	struct str id = upload("a/b", STR("x"));
	struct jmap_blob b;

	(void)state;
	assert_int_equal(jmap_download(jmap, STR("a1"), id, &b, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	jmap_blob_close(&b);
	assert_int_equal(jmap_download(jmap, str_z(jmap->account), id, &b, &err), 0);
	jmap_blob_close(&b);
}

/* RFC 8620 6.3, where there is one account. */
static void
test_copy(void **state)
{
	struct str id = upload("a/b", STR("x"));
	struct str args = arena_printf(&scratch,
	    "{\"fromAccountId\":\"$A\",\"blobIds\":[\"" STR_FMT "\",\"uno\"]}", STR_ARG(id));

	(void)state;
	call("Blob/copy", args.p);
	expect("/fromAccountId", "\"$A\"");
	expect("/notCopied", "{\"uno\":{\"type\":\"notFound\"}}");
	assert_true(str_eq(str_at("/copied/*"), id));
	call("Blob/copy", "{\"fromAccountId\":\"a1\",\"blobIds\":[]}");
	expect("/type", "\"fromAccountNotFound\"");
	call("Blob/copy", "{\"fromAccountId\":\"$A\"}");
	expect("/type", "\"invalidArguments\"");
	call("Blob/copy", "{\"fromAccountId\":\"$A\",\"blobIds\":[1]}");
	expect("/type", "\"invalidArguments\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ids_of_parts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_held, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_upload, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_upload_bounds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_download, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_copy, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
