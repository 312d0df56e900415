/* email_set_test.c - Email/set, Email/import and Email/copy (RFC 8621 4.6 to 4.8). */
#include "mailboxd/jmap/jmap_test_in.h"

#include "mail/mime.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/model.h"

static const char *
mailbox_id(const char *mailbox)
{
	return arena_printf(&scratch, "m%u", (unsigned)box(mailbox)->id).p;
}

static const char *
fmt(const char *f, const char *a, const char *b)
{
	struct buf out;
	const char *r;

	buf_init(&out, 1u << 20);
	for (; *f != '\0'; f++) {
		if (*f == '%' && f[1] == 'a')
			buf_puts(&out, a);
		else if (*f == '%' && f[1] == 'b')
			buf_puts(&out, b);
		else {
			buf_putc(&out, *f);
			continue;
		}
		f++;
	}
	r = arena_dup(&scratch, buf_view(&out)).p;
	buf_free(&out);
	return r;
}

/* Email/set with one object to make, in Drafts. */
static void
create(const char *properties)
{
	call("Email/set", fmt("{\"create\":{\"k\":{\"mailboxIds\":{\"%a\":true}%b}}}",
			      mailbox_id("Drafts"), properties));
}

/* The message of the one email in Drafts. */
static struct str
stored(const char *mailbox)
{
	struct mailbox *mb = box(mailbox);
	struct content *content;
	struct str s;

	assert_int_equal(mb->n, 1);
	content = content_open(mb, mb->messages[0].uid, &err);
	assert_non_null(content);
	s = arena_dup(&scratch, content->octets);
	content_close(&content);
	return s;
}

static bool
has(struct str s, const char *what)
{
	return str_find(s, str_z(what)) < s.n;
}

static const char *
email_in(const char *mailbox)
{
	char id[EMAIL_TEXT_SIZE];

	assert_int_equal(box(mailbox)->n, 1);
	return arena_dupz(
	    &scratch, str_z(email_text(box(mailbox)->messages[0].email, EMAIL_LETTER, id)));
}

static void
a_draft_is_made(void **state)
{
	struct str s;

	(void)state;
	create(",\"keywords\":{\"$draft\":true,\"$seen\":true,\"Foo\":true},"
	       "\"receivedAt\":\"2023-11-14T22:13:20Z\","
	       "\"from\":[{\"name\":\"Alice\",\"email\":\"alice@example.test\"}],"
	       "\"to\":[{\"name\":\"B\303\266b\",\"email\":\"bob@example.test\"}],"
	       "\"bcc\":[{\"email\":\"carol@example.test\"}],"
	       "\"subject\":\"Hello\",\"inReplyTo\":[\"1@x\"],\"references\":[\"0@x\",\"1@x\"],"
	       "\"header:X-Test:asText\":\"caf\303\251\","
	       "\"bodyValues\":{\"t\":{\"value\":\"one\\ntwo\"},\"h\":{\"value\":\"<p>one</p>\"}},"
	       "\"textBody\":[{\"partId\":\"t\",\"type\":\"text/plain\"}],"
	       "\"htmlBody\":[{\"partId\":\"h\",\"type\":\"text/html\"}]");
	expect("/notCreated", "null");
	assert_true(str_starts(str_at("/created/k/id"), STR("e")));
	assert_true(str_starts(str_at("/created/k/blobId"), STR("be")));
	assert_true(str_starts(str_at("/created/k/threadId"), STR("t")));
	s = stored("Drafts");
	assert_true(has(s, "From: Alice <alice@example.test>\r\n"));
	assert_true(has(s, "To: =?utf-8?q?B=C3=B6b?= <bob@example.test>\r\n"));
	assert_true(has(s, "Bcc: <carol@example.test>\r\n"));
	assert_true(has(s, "References: <0@x> <1@x>\r\n"));
	assert_true(has(s, "X-Test: =?utf-8?q?caf=C3=A9?=\r\n"));
	assert_true(has(s, "Message-ID: <") && has(s, "@example.test>\r\n"));
	assert_true(has(s, "Date: ") && has(s, "MIME-Version: 1.0\r\n"));
	assert_true(has(s, "multipart/alternative"));
	assert_true(has(s, "\r\n\r\none\r\ntwo\r\n--"));
	assert_int_equal(box("Drafts")->messages[0].flags, FLAG_DRAFT | FLAG_SEEN);
	assert_int_equal(box("Drafts")->messages[0].date, 1700000000);
	assert_true(str_eq_z(box("Drafts")->keywords[0], "foo"));
	assert_false(home_is_dirty(home));
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *properties, *named;
	} bad[] = {
	    {",\"id\":\"e1\"", "[\"id\"]"},
	    {",\"headers\":[]", "[\"headers\"]"},
	    {",\"from\":[{\"email\":\"a@b>\\r\\nBcc: <c@d\"}]", "[\"from\"]"},
	    {",\"from\":\"a@b\"", "[\"from\"]"},
	    {",\"messageId\":[\"a\",\"b\"]", "[\"messageId\"]"},
	    {",\"messageId\":[\"a>\\r\\nX: <b\"]", "[\"messageId\"]"},
	    {",\"sentAt\":\"yesterday\"", "[\"sentAt\"]"},
	    {",\"subject\":7", "[\"subject\"]"},
	    {",\"subject\":\"a\",\"header:subject\":\"b\"", "[\"header:subject\"]"},
	    {",\"header:X-A\":\"b\\r\\nBcc: c@d\"", "[\"header:X-A\"]"},
	    {",\"header:X A\":\"b\"", "[\"header:X A\"]"},
	    {",\"header:Content-Type\":\"text/plain\"", "[\"header:Content-Type\"]"},
	    {",\"keywords\":{\"a b\":true}", "[\"keywords\"]"},
	    {",\"keywords\":{\"a\":false}", "[\"keywords\"]"},
	    {",\"receivedAt\":\"now\"", "[\"receivedAt\"]"},
	    {",\"textBody\":[]", "[\"textBody\"]"},
	    {",\"textBody\":[{\"partId\":\"1\"}]", "[\"bodyValues\"]"},
	    {",\"bodyValues\":{\"1\":{\"value\":\"x\",\"isTruncated\":true}},"
	     "\"textBody\":[{\"partId\":\"1\"}]",
		"[\"bodyValues\"]"},
	    {",\"bodyValues\":{\"1\":{\"value\":\"x\"}},"
	     "\"textBody\":[{\"partId\":\"1\",\"type\":\"text/html\"}]",
		"[\"type\"]"},
	    {",\"bodyValues\":{\"1\":{\"value\":\"x\"}},"
	     "\"textBody\":[{\"partId\":\"1\",\"charset\":\"utf-8\"}]",
		"[\"charset\"]"},
	    {",\"bodyValues\":{\"1\":{\"value\":\"x\"}},"
	     "\"textBody\":[{\"partId\":\"1\",\"blobId\":\"u1\"}]",
		"[\"partId\"]"},
	    {",\"bodyStructure\":{\"type\":\"multipart/mixed\",\"subParts\":[]}", "[\"subParts\"]"},
	    {",\"bodyStructure\":{\"type\":\"a/b\\r\\nX: y\",\"blobId\":\"u1\"}", "[\"type\"]"},
	    {",\"bodyValues\":{\"1\":{\"value\":\"x\"}},\"bodyStructure\":{\"partId\":\"1\","
	     "\"header:Content-Transfer-Encoding\":\"x\"}",
		"[\"header:Content-Transfer-Encoding\"]"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		create(bad[i].properties);
		expect("/created", "null");
		expect("/notCreated/k/type", "\"invalidProperties\"");
		expect("/notCreated/k/properties", bad[i].named);
	}
	call("Email/set", "{\"create\":{\"k\":{\"subject\":\"x\"}}}");
	expect("/notCreated/k/properties", "[\"mailboxIds\"]");
	call("Email/set", "{\"create\":{\"k\":{\"mailboxIds\":{\"m9999\":true}}}}");
	expect("/notCreated/k/properties", "[\"mailboxIds\"]");
	create(",\"attachments\":[{\"blobId\":\"unothere\",\"type\":\"image/png\"}]");
	expect("/notCreated/k/type", "\"blobNotFound\"");
	expect("/notCreated/k/notFound", "[\"unothere\"]");
	assert_int_equal(box("Drafts")->n, 0);
}

static void
parts_stand_where_they_belong(void **state)
{
	struct mime_part *root, *p;
	struct str s;
	const char *blob;
	char text_id[EMAIL_TEXT_SIZE];

	(void)state;
	append("INBOX", "Subject: a\r\n\r\nattached\r\n", 0);
	blob = arena_printf(
	    &scratch, "b%s", email_text(box("INBOX")->messages[0].email, EMAIL_LETTER, text_id))
		   .p;
	create(fmt(
	    ",\"bodyValues\":{\"t\":{\"value\":\"text\"},\"h\":{\"value\":\"<img>\"}},"
	    "\"textBody\":[{\"partId\":\"t\"}],\"htmlBody\":[{\"partId\":\"h\",\"type\":\"text/"
	    "html\"}],"
	    "\"attachments\":[{\"blobId\":\"%a\",\"type\":\"image/png\",\"cid\":\"c@x\","
	    "\"disposition\":\"inline\"},{\"blobId\":\"%a\",\"name\":\"r\303\251sum\303\251.eml\","
	    "\"type\":\"message/rfc822\"}]",
	    blob, ""));
	expect("/notCreated", "null");
	s = stored("Drafts");
	root = mime_parse(s, &scratch);
	assert_true(str_eq_z(root->subtype, "mixed"));
	p = root->child;
	assert_true(str_eq_z(p->subtype, "alternative"));
	assert_true(str_eq_z(p->child->subtype, "plain"));
	p = p->child->next;
	assert_true(str_eq_z(p->subtype, "related"));
	assert_true(str_eq_z(p->child->subtype, "html"));
	assert_true(str_eq_z(p->child->next->id, "<c@x>"));
	p = root->child->next;
	assert_int_equal(p->kind, MIME_MESSAGE);
	assert_true(str_eq_z(p->disposition, "attachment"));
	assert_true(has(s, "filename*=utf-8''r%C3%A9sum%C3%A9.eml"));
	assert_true(str_eq_z(mime_octets(s, p->body), "Subject: a\r\n\r\nattached\r\n"));
}

static void
keywords_and_mailboxes_change(void **state)
{
	const char *id, *inbox, *archive, *trash;
	uint64_t email;

	(void)state;
	append("INBOX", "Subject: a\r\n\r\nx\r\n", FLAG_FLAGGED);
	id = email_in("INBOX");
	email = box("INBOX")->messages[0].email;
	inbox = mailbox_id("INBOX"), archive = mailbox_id("Archive"), trash = mailbox_id("Trash");
	call("Email/set", fmt("{\"update\":{\"%a\":{\"keywords/$seen\":true,\"keywords/Blue\":true,"
			      "\"keywords/$flagged\":null}}}",
			      id, ""));
	expect("/updated/*", "null");
	assert_int_equal(box("INBOX")->messages[0].flags, FLAG_SEEN);
	assert_int_equal(box("INBOX")->messages[0].keywords, 1);
	call("Email/set", fmt("{\"update\":{\"%a\":{\"keywords\":{\"$answered\":true}}}}", id, ""));
	assert_int_equal(box("INBOX")->messages[0].flags, FLAG_ANSWERED);
	assert_int_equal(box("INBOX")->messages[0].keywords, 0);
	/* Into one more, then to others. */
	call("Email/set",
	    fmt(fmt("{\"update\":{\"%a\":{\"mailboxIds/%b\":true}}}", id, archive), "", ""));
	expect("/notUpdated", "null");
	assert_int_equal(box("INBOX")->n, 1);
	assert_int_equal(box("Archive")->n, 1);
	assert_int_equal(box("Archive")->messages[0].email, email);
	assert_int_equal(box("Archive")->messages[0].flags, FLAG_ANSWERED);
	call("Email/set",
	    fmt(fmt("{\"update\":{\"%a\":{\"mailboxIds\":{\"%b\":true}}}}", id, trash), "", ""));
	expect("/notUpdated", "null");
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(box("Archive")->n, 0);
	assert_int_equal(box("Trash")->n, 1);
	assert_int_equal(box("Trash")->messages[0].email, email);
	/* Not nowhere, and nothing else. */
	call("Email/set", fmt("{\"update\":{\"%a\":{\"mailboxIds/%b\":null}}}", id, trash));
	expect("/notUpdated/*/properties", "[\"mailboxIds\"]");
	call("Email/set", fmt("{\"update\":{\"%a\":{\"subject\":\"b\"}}}", id, ""));
	expect("/notUpdated/*/properties", "[\"subject\"]");
	call("Email/set", fmt("{\"update\":{\"%a\":{\"keywords/a/b\":true}}}", id, ""));
	expect("/notUpdated/*/type", "\"invalidPatch\"");
	call("Email/set", "{\"update\":{\"e0000000000001\":{\"keywords\":{}}}}");
	expect("/notUpdated/*/type", "\"notFound\"");
	assert_int_equal(box("Trash")->n, 1);
	(void)inbox;
}

static void
what_is_destroyed_is_nowhere(void **state)
{
	const char *id;
	struct copy_result r;
	uint32_t uid;

	(void)state;
	uid = append("INBOX", "Subject: a\r\n\r\nx\r\n", 0);
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Archive"), &by_test, &scratch, &r, &err), 0);
	id = email_in("INBOX");
	call("Email/set", fmt("{\"ifInState\":\"nonsense\",\"destroy\":[\"%a\"]}", id, ""));
	assert_string_equal(name, "error");
	expect("/type", "\"stateMismatch\"");
	call("Email/set", fmt("{\"destroy\":[\"%a\",\"e0000000000001\"]}", id, ""));
	expect("/notDestroyed/e0000000000001/type", "\"notFound\"");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/destroyed")), 1);
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(box("Archive")->n, 0);
	/* Durable before the answer: what opens again does not bring it back. */
	assert_false(home_is_dirty(home));
	close_all();
	open_all();
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(box("Archive")->n, 0);
}

static void
messages_are_imported(void **state)
{
	char text_id[EMAIL_TEXT_SIZE];
	const char *blob;

	(void)state;
	append("INBOX", "Subject: a\r\n\r\nx\ny\r\n", 0);
	blob = arena_printf(
	    &scratch, "b%s", email_text(box("INBOX")->messages[0].email, EMAIL_LETTER, text_id))
		   .p;
	call("Email/import",
	    fmt("{\"emails\":{\"k\":{\"blobId\":\"%a\",\"mailboxIds\":{\"%b\":true},"
		"\"keywords\":{\"$seen\":true},\"receivedAt\":\"2023-11-14T22:13:20Z\"},"
		"\"l\":{\"blobId\":\"unothere\",\"mailboxIds\":{\"%b\":true}},"
		"\"m\":{\"blobId\":\"%a\"},\"n\":{\"blobId\":\"%a\",\"from\":[],"
		"\"mailboxIds\":{\"%b\":true}}}}",
		blob, mailbox_id("Archive")));
	assert_true(str_starts(str_at("/created/k/id"), STR("e")));
	expect("/created/k/size", "20");
	expect("/notCreated/l/type", "\"invalidProperties\"");
	expect("/notCreated/l/properties", "[\"blobId\"]");
	expect("/notCreated/m/properties", "[\"mailboxIds\"]");
	expect("/notCreated/n/properties", "[\"from\"]");
	assert_true(str_eq_z(stored("Archive"), "Subject: a\r\n\r\nx\r\ny\r\n"));
	assert_int_equal(box("Archive")->messages[0].flags, FLAG_SEEN);
	assert_false(home_is_dirty(home));
}

/* RFC 8621 4.8: what no date is given of has that of the last Received. */
static void
imports_keep_their_date(void **state)
{
	static const char import[] =
	    "{\"emails\":{\"k\":{\"blobId\":\"b%a\",\"mailboxIds\":{\"%b\":true}}}}";
	char id[EMAIL_TEXT_SIZE];

	(void)state;
	append("INBOX",
	    "Received: from a.test by b.test; Tue, 14 Nov 2023 22:13:20 +0100\r\n"
	    "Received: from c.test by a.test; Mon, 13 Nov 2023 22:13:20 +0100\r\n\r\nx\r\n",
	    0);
	email_text(box("INBOX")->messages[0].email, EMAIL_LETTER, id);
	call("Email/import", fmt(import, id, mailbox_id("Archive")));
	expect("/notCreated", "null");
	assert_int_equal(box("Archive")->messages[0].date, 1699996400);
}

/* RFC 8621 4.6: a part's own fields, none of them twice. */
static void
parts_have_fields(void **state)
{
	static const char made[] = ",\"subject\":\"s\",\"bodyValues\":{\"t\":{\"value\":\"x\"}},"
				   "\"bodyStructure\":{\"partId\":\"t\",\"type\":\"text/plain\"%a}";
	static const struct {
		const char *fields, *property;
	} bad[] = {{",\"header:Content-Language\":\" en\",\"language\":[\"en\"]", "[\"language\"]"},
	    {",\"header:X-A\":\" 1\",\"header:x-a:asText\":\"1\"", "[\"header:x-a:asText\"]"},
	    {",\"header:Subject\":\" 1\"", "[\"header:Subject\"]"},
	    {",\"header:Content-Type\":\" text/plain\"", "[\"header:Content-Type\"]"},
	    {",\"header:Content-Transfer-Encoding\":\" 7bit\"",
		"[\"header:Content-Transfer-Encoding\"]"},
	    {",\"headers\":[]", "[\"headers\"]"}, {",\"charset\":\"utf-8\"", "[\"charset\"]"},
	    {",\"size\":1", "[\"size\"]"}};
	struct str s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		create(fmt(made, bad[i].fields, ""));
		expect("/notCreated/k/properties", bad[i].property);
	}
	create(fmt(made,
	    ",\"header:Content-Language\":\" en\",\"header:Date:asDate\":"
	    "\"2023-11-14T22:13:20Z\",\"language\":null",
	    ""));
	expect("/notCreated", "null");
	s = stored("Drafts");
	assert_true(has(s, "\r\nContent-Language: en\r\n"));
	assert_true(has(s, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
	assert_int_equal(str_find(str_from(s, str_find(s, STR("Date: ")) + 1), STR("Date: ")),
	    str_from(s, str_find(s, STR("Date: ")) + 1).n);
}

/* RFC 8620 5.3: a client may give the whole object back, with what it changes in it. */
static void
whole_objects_come_back(void **state)
{
	struct buf b;
	const char *id;
	cJSON *whole;

	(void)state;
	append("INBOX", "Subject: =?utf-8?q?caf=C3=A9?=\r\nFrom: A <a@x>\r\n\r\nx\r\n", 0);
	id = email_in("INBOX");
	call("Email/get", fmt("{\"ids\":[\"%a\"]}", id, ""));
	whole = cJSON_DetachItemFromArray((cJSON *)at(answer, "/list"), 0);
	cJSON_AddTrueToObject((cJSON *)json_get(whole, "keywords"), "$seen");
	buf_init(&b, 1u << 20);
	json_print(whole, &b);
	call("Email/set", fmt("{\"update\":{\"%a\":%b}}", id, b.p));
	expect("/notUpdated", "null");
	assert_int_equal(box("INBOX")->messages[0].flags, FLAG_SEEN);
	cJSON_ReplaceItemInObject(whole, "size", cJSON_CreateNumber(1));
	buf_reset(&b);
	json_print(whole, &b);
	call("Email/set", fmt("{\"update\":{\"%a\":%b}}", id, b.p));
	expect("/notUpdated/*/properties", "[\"size\"]");
	call(
	    "Email/set", fmt("{\"update\":{\"%a\":{\"header:subject:asText\":\"café\"}}}", id, ""));
	expect("/notUpdated", "null");
	buf_free(&b);
	cJSON_Delete(whole);
}

/* RFC 8621 4.1.1 */
static void
keywords_have_a_length(void **state)
{
	char word[257] = "";
	const char *id;

	(void)state;
	append("INBOX", "Subject: a\r\n\r\nx\r\n", 0);
	id = email_in("INBOX");
	memset(word, 'k', 255);
	call("Email/set", fmt("{\"update\":{\"%a\":{\"keywords/%b\":true}}}", id, word));
	expect("/notUpdated", "null");
	assert_int_equal(box("INBOX")->keywords[0].n, 255);
	word[255] = 'k';
	call("Email/set", fmt("{\"update\":{\"%a\":{\"keywords/%b\":true}}}", id, word));
	expect("/notUpdated/*/properties", "[\"keywords\"]");
}

static void
nothing_is_copied_from_elsewhere(void **state)
{
	(void)state;
	call("Email/copy", "{\"fromAccountId\":\"$A\",\"create\":{}}");
	expect("/type", "\"invalidArguments\"");
	call("Email/copy", "{\"fromAccountId\":\"a1\",\"create\":{}}");
	expect("/type", "\"fromAccountNotFound\"");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_draft_is_made),
	    TEST(what_is_wrong_is_named),
	    TEST(parts_stand_where_they_belong),
	    TEST(keywords_and_mailboxes_change),
	    TEST(what_is_destroyed_is_nowhere),
	    TEST(messages_are_imported),
	    TEST(imports_keep_their_date),
	    TEST(parts_have_fields),
	    TEST(whole_objects_come_back),
	    TEST(keywords_have_a_length),
	    TEST(nothing_is_copied_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
