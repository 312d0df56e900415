/* email_test.c - Email/get, /changes, /query, /queryChanges and /parse: RFC 8621 4, section by
 * section. */
#include "mailboxd/jmap/body.h"
#include "mailboxd/jmap/jmap_test_in.h"
#include "mailboxd/jmap/model.h"
#include "store/email.h"

#define PLAIN                                                                            \
	"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: Hello\r\n" \
	"Date: Tue, 14 Nov 2023 22:13:20 +0100\r\nMessage-ID: <1@example.test>\r\n\r\nHi!\r\n"

static struct str
id_of(const char *mailbox, uint32_t uid)
{
	char id[EMAIL_TEXT_SIZE];

	return arena_dup(
	    &scratch, str_z(email_text(mailbox_get(box(mailbox), uid)->email, EMAIL_LETTER, id)));
}

static uint32_t
append_at(const char *mailbox, int64_t date, const char *message, uint32_t flags)
{
	struct append *ap = append_new(home, strlen(message), &err);
	const struct flag_set set = {.flags = flags};
	uint32_t uid = 0;

	assert_int_equal(append_write(ap, str_z(message), &err), 0);
	assert_int_equal(append_finish(&ap, box(mailbox), &set, date, &by_test, &uid, &err), 0);
	return uid;
}

static void
store(const char *mailbox, uint32_t uid, enum store_mode mode, uint32_t flags)
{
	const struct flag_set set = {.flags = flags};

	assert_int_equal(mailbox_store(box(mailbox), &uid, 1, mode, &set, UINT64_MAX, &by_test,
			     &scratch, NULL, &err),
	    0);
}

static void
expunge(const char *mailbox, uint32_t uid)
{
	store(mailbox, uid, STORE_ADD, FLAG_DELETED);
	assert_int_equal(mailbox_expunge(box(mailbox), &uid, 1, &by_test, &err), 0);
}

/* One email, with these arguments. */
static void
get(struct str id, const char *more)
{
	struct str args =
	    arena_printf(&scratch, "{\"ids\":[\"%s\"]%s%s}", id.p, more[0] ? "," : "", more);

	(void)call("Email/get", args.p);
	if (strcmp(name, "Email/get") != 0)
		fail_msg("%s", text.p);
}

/* ---- 4.1.1 to 4.1.3 ---- */

static void
metadata(void **state)
{
	uint32_t uid = append("INBOX", PLAIN, FLAG_SEEN | FLAG_FLAGGED);
	struct copy_result r;
	struct str id = id_of("INBOX", uid);

	(void)state;
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Sent"), &by_test, &scratch, &r, &err), 0);
	store("Sent", r.to[0], STORE_REMOVE, FLAG_SEEN);
	get(id,
	    "\"properties\":[\"id\",\"blobId\",\"threadId\",\"mailboxIds\",\"keywords\",\"size\","
	    "\"receivedAt\"]");
	expect("/list/0/receivedAt", "\"2023-11-14T22:13:20Z\"");
	expect("/list/0/keywords", "{\"$flagged\":true}");
	expect("/list/0/mailboxIds",
	    arena_printf(&scratch, "{\"m%u\":true,\"m%u\":true}", box("INBOX")->id, box("Sent")->id)
		.p);
	expect("/list/0/size", arena_printf(&scratch, "%zu", strlen(PLAIN)).p);
	assert_true(str_starts(str_at("/list/0/threadId"), STR("t")));
	assert_true(str_starts(str_at("/list/0/blobId"), STR("be")));
	expect("/list/0/subject", "");
	/* The id is always there; \\Deleted copies are not. */
	store("Sent", r.to[0], STORE_ADD, FLAG_DELETED);
	get(id, "\"properties\":[\"mailboxIds\"]");
	expect("/list/0", arena_printf(&scratch, "{\"id\":\"%s\",\"mailboxIds\":{\"m%u\":true}}",
			      id.p, box("INBOX")->id)
			      .p);
	store("INBOX", uid, STORE_ADD, FLAG_DELETED);
	get(id, "\"properties\":[\"mailboxIds\"]");
	expect("/list", "[]");
	expect("/notFound", arena_printf(&scratch, "[\"%s\"]", id.p).p);
}

static void
header_properties(void **state)
{
	uint32_t uid = append("INBOX",
	    "From: =?utf-8?q?=C3=89mile?= <e@x>\r\nTo: a@x, B <b@x>\r\nSubject: a\r\n b\r\n"
	    "Date: Tue, 14 Nov 2023 22:13:20 +0100\r\nMessage-ID: <1@x>\r\nReferences: <2@x> "
	    "<3@x>\r\n"
	    "X-Odd: =?utf-8?q?=C3=A9?=\r\nX-Odd: two\r\n\r\ntext\r\n",
	    0);

	(void)state;
	get(id_of("INBOX", uid), "");
	expect("/list/0/from", "[{\"name\":\"Émile\",\"email\":\"e@x\"}]");
	expect(
	    "/list/0/to", "[{\"name\":null,\"email\":\"a@x\"},{\"name\":\"B\",\"email\":\"b@x\"}]");
	expect("/list/0/subject", "\"a b\"");
	expect("/list/0/sentAt", "\"2023-11-14T22:13:20+01:00\"");
	expect("/list/0/messageId", "[\"1@x\"]");
	expect("/list/0/references", "[\"2@x\",\"3@x\"]");
	expect("/list/0/inReplyTo", "null");
	expect("/list/0/cc", "null");
	expect("/list/0/hasAttachment", "false");
	expect("/list/0/preview", "\"text\"");
	/* 4.2: not by default. */
	expect("/list/0/headers", "");
	expect("/list/0/bodyStructure", "");
	expect("/list/0/bodyValues", "{}");
	get(id_of("INBOX", uid), "\"properties\":[\"header:X-Odd:asText:all\",\"header:x-odd\","
				 "\"header:From:asAddresses\",\"header:None:asDate\"]");
	expect("/list/0/header:X-Odd:asText:all", "[\"é\",\"two\"]");
	expect("/list/0/header:x-odd", "\" two\"");
	expect("/list/0/header:From:asAddresses", "[{\"name\":\"Émile\",\"email\":\"e@x\"}]");
	expect("/list/0/header:None:asDate", "null");
	get(id_of("INBOX", uid), "\"properties\":[\"headers\"]");
	expect("/list/0/headers/2", "{\"name\":\"Subject\",\"value\":\" a\\r\\n b\"}");
	expect("/list/0/headers/7", "{\"name\":\"X-Odd\",\"value\":\" two\"}");
	expect("/list/0/headers/8", "");
	(void)call("Email/get", "{\"ids\":[],\"properties\":[\"header:From:asText\"]}");
	expect("/type", "\"invalidArguments\"");
	(void)call("Email/get", "{\"ids\":[],\"properties\":[\"nothing\"]}");
	expect("/type", "\"invalidArguments\"");
	(void)call("Email/get", "{\"ids\":null}");
	expect("/type", "\"requestTooLarge\"");
}

/* ---- 4.1.4 ---- */

#define PART(boundary, head, body) "--" boundary "\r\n" head "\r\n\r\n" body "\r\n"

/* The example of 4.1.4; the letters are the parts' texts. */
static const char decomposed[] = "Content-Type: multipart/mixed; boundary=1\r\n\r\n" PART("1",
    "Content-Type: text/plain\r\nContent-Disposition: inline",
    "A") "--1\r\nContent-Type: multipart/mixed; boundary=2\r\n\r\n"
	 "--2\r\nContent-Type: multipart/alternative; boundary=3\r\n\r\n"
	 "--3\r\nContent-Type: multipart/mixed; boundary=4\r\n\r\n" PART(
	     "4", "Content-Type: text/plain\r\nContent-Disposition: inline", "B")
	     PART("4", "Content-Type: image/jpeg\r\nContent-Disposition: inline", "C") PART("4",
		 "Content-Type: text/plain\r\nContent-Disposition: inline",
		 "D") "--4--\r\n"
		      "--3\r\nContent-Type: multipart/related; boundary=5\r\n\r\n" PART(
			  "5", "Content-Type: text/html", "E")
			  PART("5", "Content-Type: image/jpeg", "F") "--5--\r\n--3--\r\n" PART("2",
			      "Content-Type: image/jpeg\r\nContent-Disposition: attachment", "G")
			      PART("2", "Content-Type: application/x-excel", "H")
				  PART("2", "Content-Type: message/rfc822",
				      "Subject: J\r\n\r\ninside") "--2--\r\n" PART("1",
				      "Content-Type: text/plain\r\nContent-Disposition: inline",
				      "K") "--1--\r\n";

static void
expect_ids(const char *list, const char *want)
{
	const cJSON *v = at(answer, list), *p;
	struct str got = STR("");

	cJSON_ArrayForEach(p, v) got = arena_printf(&scratch, STR_FMT "%s%s", STR_ARG(got),
	    got.n ? " " : "", json_str(json_get(p, "partId")).p);
	if (!str_eq_z(got, want))
		fail_msg("%s: %s, not %s", list, got.p, want);
}

static void
parts_are_text_or_attachments(void **state)
{
	struct str id = id_of("INBOX", append("INBOX", decomposed, 0));

	(void)state;
	get(id, "\"properties\":[\"textBody\",\"htmlBody\",\"attachments\",\"bodyStructure\","
		"\"hasAttachment\"],\"bodyProperties\":[\"partId\",\"type\"]");
	/* A 1, B 2, C 3, D 4, E 5, F 6, G 7, H 8, J 9, K 10. */
	expect_ids("/list/0/textBody", "1 2 3 4 10");
	expect_ids("/list/0/htmlBody", "1 5 10");
	expect_ids("/list/0/attachments", "3 6 7 8 9");
	expect("/list/0/hasAttachment", "true");
	expect("/list/0/bodyStructure/partId", "null");
	expect("/list/0/bodyStructure/type", "\"multipart/mixed\"");
	expect("/list/0/bodyStructure/subParts/1/subParts/3",
	    "{\"partId\":\"9\",\"type\":\"message/rfc822\"}");
	expect("/list/0/bodyStructure/subParts/2", "{\"partId\":\"10\",\"type\":\"text/plain\"}");
}

static void
one_of_two_alternatives_stands_for_both(void **state)
{
	struct str html =
	    id_of("INBOX", append("INBOX",
			       "Content-Type: multipart/alternative; boundary=b\r\n\r\n" PART(
				   "b", "Content-Type: text/html", "<p>x") "--b--\r\n",
			       0));
	struct str plain = id_of("INBOX", append("INBOX", PLAIN, 0));
	struct str named = id_of("INBOX",
	    append("INBOX",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n" PART(
		    "b", "Content-Type: text/plain; name=first.txt", "1") PART("b",
		    "Content-Type: text/plain; name=second.txt",
		    "2") PART("b", "Content-Type: text/plain", "3") PART("b",
		    "Content-Type: text/html\r\nContent-Disposition: ATTACHMENT", "4") "--b--\r\n",
		0));

	(void)state;
	get(html, "\"properties\":[\"textBody\",\"htmlBody\",\"attachments\"]");
	expect_ids("/list/0/textBody", "1");
	expect_ids("/list/0/htmlBody", "1");
	expect("/list/0/attachments", "[]");
	get(plain, "\"properties\":[\"textBody\",\"htmlBody\",\"attachments\"]");
	expect_ids("/list/0/textBody", "1");
	expect_ids("/list/0/htmlBody", "1");
	/* A text with a name that does not come first is a file. */
	get(named, "\"properties\":[\"textBody\",\"attachments\",\"hasAttachment\"]");
	expect_ids("/list/0/textBody", "1 3");
	expect_ids("/list/0/attachments", "2 4");
	expect("/list/0/hasAttachment", "true");
}

static void
an_image_in_html_is_no_attachment(void **state)
{
	struct str id = id_of("INBOX",
	    append("INBOX",
		"Content-Type: multipart/related; boundary=b\r\n\r\n" PART(
		    "b", "Content-Type: text/html", "<img src=cid:a@x>")
		    PART("b", "Content-Type: image/png\r\nContent-ID: <a@x>", "png") "--b--\r\n",
		0));

	(void)state;
	get(id, "\"properties\":[\"attachments\",\"hasAttachment\"]");
	expect_ids("/list/0/attachments", "2");
	expect("/list/0/hasAttachment", "false");
}

static void
properties_of_parts(void **state)
{
	struct str id = id_of(
	    "INBOX", append("INBOX",
			 "Content-Type: multipart/mixed; boundary=b\r\n\r\n" PART(
			     "b", "Content-Type: TEXT/Plain", "x") PART("b",
			     "Content-Type: image/PNG; "
			     "name=\"a.png\"\r\nContent-Transfer-Encoding: base64\r\n"
			     "Content-Disposition: Attachment; filename*=utf-8''caf%C3%A9.png\r\n"
			     "Content-ID: <cid@x>\r\nContent-Language: en, fr-CA\r\n"
			     "Content-Location: http://x/a\r\nX-Extra: 1",
			     "AAECAw==") "--b--\r\n",
			 0));

	(void)state;
	get(id, "\"properties\":[\"bodyStructure\",\"attachments\"]");
	expect("/list/0/bodyStructure/subParts/0/charset", "\"us-ascii\"");
	expect("/list/0/bodyStructure/subParts/0/type", "\"text/plain\"");
	expect("/list/0/bodyStructure/charset", "null");
	expect("/list/0/bodyStructure/blobId", "null");
	expect("/list/0/attachments/0/size", "4");
	expect("/list/0/attachments/0/name", "\"café.png\"");
	expect("/list/0/attachments/0/type", "\"image/png\"");
	expect("/list/0/attachments/0/charset", "null");
	expect("/list/0/attachments/0/disposition", "\"attachment\"");
	expect("/list/0/attachments/0/cid", "\"cid@x\"");
	expect("/list/0/attachments/0/language", "[\"en\",\"fr-CA\"]");
	expect("/list/0/attachments/0/location", "\"http://x/a\"");
	expect("/list/0/attachments/0/headers", "");
	assert_true(str_starts(str_at("/list/0/attachments/0/blobId"), STR("be")));
	get(id, "\"properties\":[\"attachments\"],\"bodyProperties\":[\"headers\",\"subParts\","
		"\"header:X-Extra:asText\",\"header:Missing\"]");
	expect("/list/0/attachments/0/header:X-Extra:asText", "\"1\"");
	expect("/list/0/attachments/0/header:Missing", "null");
	expect("/list/0/attachments/0/subParts", "null");
	expect("/list/0/attachments/0/headers/0",
	    "{\"name\":\"Content-Type\",\"value\":\" image/PNG; name=\\\"a.png\\\"\"}");
	expect("/list/0/attachments/0/size", "");
	get(id, "\"properties\":[\"attachments\"],\"bodyProperties\":[]");
	expect("/list/0/attachments/0", "{}");
	(void)call("Email/get", "{\"ids\":[],\"bodyProperties\":[\"nothing\"]}");
	expect("/type", "\"invalidArguments\"");
}

/* ---- bodyValues (4.1.4, 4.2) ---- */

static void
values(void **state)
{
	struct str id = id_of("INBOX",
	    append("INBOX",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n" PART("a",
		    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
		    "quoted-printable",
		    "caf=C3=A9\r\nline=0Dtwo")
		    PART("a", "Content-Type: text/html; charset=iso-8859-1",
			"<b>caf\xe9</b>") "--a--\r\n" PART("b",
			"Content-Type: text/csv\r\nContent-Disposition: attachment", "1,2")
			PART("b", "Content-Type: image/png", "png") "--b--\r\n",
		0));

	(void)state;
	get(id, "\"properties\":[\"bodyValues\"],\"fetchTextBodyValues\":true");
	expect("/list/0/bodyValues", "{\"1\":{\"value\":\"café\\nline\\rtwo\","
				     "\"isEncodingProblem\":false,\"isTruncated\":false}}");
	get(id, "\"properties\":[\"bodyValues\"],\"fetchHTMLBodyValues\":true");
	expect("/list/0/bodyValues/2/value", "\"<b>café</b>\"");
	expect("/list/0/bodyValues/1", "");
	get(id, "\"properties\":[\"bodyValues\"],\"fetchAllBodyValues\":true");
	expect("/list/0/bodyValues/3/value", "\"1,2\"");
	expect("/list/0/bodyValues/4", "");
	/* Not within a character, not within a tag. */
	get(id,
	    "\"properties\":[\"bodyValues\"],\"fetchAllBodyValues\":true,\"maxBodyValueBytes\":4");
	expect("/list/0/bodyValues/1",
	    "{\"value\":\"caf\",\"isEncodingProblem\":false,\"isTruncated\":true}");
	expect("/list/0/bodyValues/2/value", "\"<b>c\"");
	expect("/list/0/bodyValues/3/isTruncated", "false");
	get(id, "\"properties\":[\"bodyValues\"],\"fetchHTMLBodyValues\":true,"
		"\"maxBodyValueBytes\":10");
	expect("/list/0/bodyValues/2/value", "\"<b>café\"");
}

static const struct {
	const char *html;
	unsigned max;
	const char *cut;
} cuts[] = {
    {"<a href='x>y'>z</a>", 12, "\"\""},
    {"1 < 2 and so on", 9, "\"1 < 2 and\""},
    {"a<!-- > x -->b", 9, "\"a\""},
    {"a<!-- > x -->bc", 14, "\"a<!-- > x -->b\""},
    {"<p title=a'b>it's<p>so", 18, "\"<p title=a'b>it's\""},
    {"ab<c>", 3, "\"ab\""},
};

static void
html_is_not_cut_in_a_tag(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct str m =
		    arena_printf(&scratch, "Content-Type: text/html\r\n\r\n%s", cuts[i].html);

		get(id_of("INBOX", append("INBOX", m.p, 0)),
		    arena_printf(&scratch,
			"\"properties\":[\"bodyValues\"],\"fetchHTMLBodyValues\":true,"
			"\"maxBodyValueBytes\":%u",
			cuts[i].max)
			.p);
		expect("/list/0/bodyValues/1/value", cuts[i].cut);
	}
}

static void
encoding_problems(void **state)
{
	static const char *const bad[] = {
	    "Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xe9\r\n",
	    "Content-Type: text/plain; charset=x-klingon\r\n\r\nabc\r\n",
	    "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nabc\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		get(id_of("INBOX", append("INBOX", bad[i], 0)),
		    "\"properties\":[\"bodyValues\"],\"fetchTextBodyValues\":true");
		expect("/list/0/bodyValues/1/isEncodingProblem", "true");
	}
	/* No charset, and no UTF-8: what most programs mean by it. */
	get(id_of("INBOX", append("INBOX", "Subject: x\r\n\r\ncaf\xe9\r\n", 0)),
	    "\"properties\":[\"bodyValues\"],\"fetchTextBodyValues\":true");
	expect("/list/0/bodyValues/1/value", "\"café\\n\"");
}

/* ---- hostile messages ---- */

static void
hostile_messages_are_bounded(void **state)
{
	static const char all[] = "\"properties\":[\"bodyStructure\",\"textBody\",\"htmlBody\","
				  "\"attachments\",\"bodyValues\",\"headers\",\"preview\",\"to\"],"
				  "\"fetchAllBodyValues\":true";
	const struct jmap_body_args args = {.properties = 1};
	struct jmap_body body;
	struct str deep;
	struct buf b, out;

	(void)state;
	/* Deep, deeper than what is taken as JSON. */
	buf_init(&out, 1u << 20);
	buf_init(&b, 64u << 20);
	for (unsigned i = 0; i < 300; i++)
		buf_printf(
		    &b, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	deep = id_of("INBOX", append("INBOX", b.p, 0));
	get(deep, "\"properties\":[\"textBody\",\"htmlBody\",\"attachments\",\"bodyValues\"],"
		  "\"fetchAllBodyValues\":true");
	assert_true(cJSON_GetArraySize(at(answer, "/list/0/attachments")) > 0);
	jmap_body_open(&body, buf_view(&b), STR("be0"), &scratch);
	jmap_body_structure(&body, &args, &out);
	assert_true(out.n > 1000 && out.n < 10000);
	/* Wide. */
	buf_reset(&b);
	buf_puts(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, "--b\r\nContent-Type: text/plain; name=%u\r\n\r\nx\r\n", i);
	get(id_of("INBOX", append("INBOX", b.p, 0)), all);
	assert_true(cJSON_GetArraySize(at(answer, "/list/0/attachments")) <= 10000);
	/* A header without end. */
	buf_reset(&b);
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, "To: <a%u@x>\r\n", i);
	get(id_of("INBOX", append("INBOX", b.p, 0)), all);
	expect("/list/0/to", "[{\"name\":null,\"email\":\"a19999@x\"}]");
	/* A text that is more than is given at once. */
	buf_reset(&b);
	buf_puts(&b, "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n");
	for (unsigned i = 0; i < 9u << 20; i += 8)
		buf_puts(&b, "\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9");
	get(id_of("INBOX", append("INBOX", b.p, 0)), all);
	expect("/list/0/bodyValues/1/isTruncated", "true");
	buf_free(&out);
	buf_free(&b);
}

/* ---- 4.3 ---- */

static struct str state_then;

static void
remember_state(void)
{
	(void)call("Email/get", "{\"ids\":[]}");
	state_then = str_at("/state");
}

static void
changes_since(const char *created, const char *updated, const char *destroyed)
{
	struct str args = arena_printf(&scratch, "{\"sinceState\":\"%s\"}", state_then.p);

	(void)call("Email/changes", args.p);
	expect("/created", created);
	expect("/updated", updated);
	expect("/destroyed", destroyed);
	remember_state();
}

static const char *
list_of(struct str id)
{
	return arena_printf(&scratch, "[\"%s\"]", id.p).p;
}

static void
changes_are_told(void **state)
{
	struct copy_result r;
	struct str id;
	uint32_t uid, other;

	(void)state;
	remember_state();
	uid = append("INBOX", PLAIN, 0);
	id = id_of("INBOX", uid);
	changes_since(list_of(id), "[]", "[]");
	store("INBOX", uid, STORE_ADD, FLAG_SEEN);
	changes_since("[]", list_of(id), "[]");
	/* A copy, and the end of one, change the email. */
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Sent"), &by_test, &scratch, &r, &err), 0);
	changes_since("[]", list_of(id), "[]");
	expunge("INBOX", uid);
	changes_since("[]", list_of(id), "[]");
	assert_int_equal(
	    mailbox_move(box("Sent"), r.to, 1, box("Trash"), &by_test, &scratch, &r, &err), 0);
	changes_since("[]", list_of(id), "[]");
	/* \Deleted hides it, its removal shows it. */
	store("Trash", r.to[0], STORE_ADD, FLAG_DELETED);
	changes_since("[]", "[]", list_of(id));
	store("Trash", r.to[0], STORE_REMOVE, FLAG_DELETED);
	changes_since(list_of(id), "[]", "[]");
	/* Of two copies one is hidden: what happens to it is news of an email that is known. */
	assert_int_equal(
	    mailbox_copy(box("Trash"), r.to, 1, box("Archive"), &by_test, &scratch, &r, &err), 0);
	store("Archive", r.to[0], STORE_ADD, FLAG_DELETED);
	remember_state();
	store("Archive", r.to[0], STORE_ADD, FLAG_FLAGGED);
	changes_since("[]", list_of(id), "[]");
	expunge("Archive", r.to[0]);
	expunge("Trash", r.from[0]);
	changes_since("[]", "[]", list_of(id));
	/* Come and gone: nothing; come, copied and gone from there: created. */
	expunge("INBOX", append("INBOX", PLAIN, 0));
	other = append("INBOX", PLAIN, 0);
	id = id_of("INBOX", other);
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &other, 1, box("Sent"), &by_test, &scratch, &r, &err), 0);
	expunge("INBOX", other);
	changes_since(list_of(id), "[]", "[]");
	/* A mailbox goes with what is in it. */
	assert_int_equal(home_create(home, STR("Work"), &by_test, NULL, &err), 0);
	assert_int_equal(
	    mailbox_move(box("Sent"), r.to, 1, box("Work"), &by_test, &scratch, &r, &err), 0);
	remember_state();
	assert_int_equal(home_delete(home, STR("Work"), &by_test, &err), 0);
	changes_since("[]", "[]", list_of(id));
}

/* ---- 4.4 ---- */

static struct str found;

/* What a query finds: numbers of `uids` that begin at 1. */
static void
expect_query(const char *args, const struct str *ids, const char *want)
{
	const cJSON *v, *p;

	(void)call("Email/query", args);
	if (strcmp(name, "Email/query") != 0)
		fail_msg("%s: %s", args, text.p);
	found = STR("");
	v = at(answer, "/ids");
	cJSON_ArrayForEach(p, v)
	{
		unsigned i = 0;

		while (!str_eq(ids[i], json_str(p)))
			i++;
		found = arena_printf(&scratch, "%s%s%u", found.p, found.n ? " " : "", i + 1);
	}
	if (!str_eq_z(found, want))
		fail_msg("%s: %s, not %s", args, found.p, want);
}

/* What stands behind receivedAt decides where that is the same. */
static void
emails_of_one_second_are_sorted(void **state)
{
	static const char *const subjects[] = {"b", "c", "a"};
	struct str ids[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct str m = arena_printf(&scratch, "Subject: %s\r\n\r\nx\r\n", subjects[i]);

		ids[i] = id_of("INBOX", append_at("INBOX", 100, m.p, 0));
	}
	expect_query(
	    "{\"sort\":[{\"property\":\"receivedAt\"},{\"property\":\"subject\"}]}", ids, "3 1 2");
}

static void
queries(void **state)
{
	/* By time: 2 4 1 5 3. */
	static const int64_t dates[] = {300, 100, 500, 200, 400};
	static const char *const heads[] = {
	    "From: Carol <c@x>\r\nTo: z@x\r\nSubject: Re: beta\r\nMessage-ID: <1@x>\r\n"
	    "Date: Thu, 1 Jan 1970 00:00:05 +0000\r\n",
	    "From: a@x\r\nTo: y@x\r\nSubject: alpha\r\nMessage-ID: <2@x>\r\n"
	    "Date: Thu, 1 Jan 1970 00:00:04 +0000\r\n",
	    "From: \"bob\" <z@x>\r\nTo: x@x\r\nSubject: beta\r\nReferences: <1@x>\r\nMessage-ID: "
	    "<3@x>\r\n"
	    "Date: Thu, 1 Jan 1970 00:00:01 +0000\r\n",
	    "From: dave@x\r\nTo: w@x\r\nSubject: Gamma\r\nMessage-ID: <4@x>\r\n"
	    "Date: Wed, 31 Dec 1969 23:59:00 +0000\r\n",
	    "Subject: Fwd: alpha\r\nReferences: <2@x>\r\nMessage-ID: <5@x>\r\n"};
	struct str ids[5];
	uint32_t uids[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct str m = arena_printf(&scratch, "%s\r\n%.*s", heads[i], (int)i * 10,
		    "..................................................");

		uids[i] =
		    append_at(i == 3 ? "Sent" : "INBOX", dates[i], m.p, i == 1 ? FLAG_FLAGGED : 0);
		ids[i] = id_of(i == 3 ? "Sent" : "INBOX", uids[i]);
	}
	expect_query("{}", ids, "3 5 1 4 2");
	expect("/position", "0");
	expect("/canCalculateChanges", "true");
	expect("/total", "");
	expect_query("{\"sort\":[{\"property\":\"receivedAt\"}]}", ids, "2 4 1 5 3");
	expect_query(
	    "{\"sort\":[{\"property\":\"size\",\"isAscending\":false}],\"limit\":1}", ids, "3");
	expect_query("{\"sort\":[{\"property\":\"from\"}]}", ids, "5 2 3 1 4");
	expect_query("{\"sort\":[{\"property\":\"to\"}]}", ids, "5 4 3 2 1");
	expect_query(
	    "{\"sort\":[{\"property\":\"sentAt\",\"isAscending\":false}]}", ids, "1 2 3 4 5");
	expect_query("{\"sort\":[{\"property\":\"subject\"}]}", ids, "5 2 3 1 4");
	expect_query("{\"sort\":[{\"property\":\"subject\"},{\"property\":\"receivedAt\"}]}", ids,
	    "2 5 1 3 4");
	expect_query("{\"sort\":[{\"property\":\"hasKeyword\",\"keyword\":\"$flagged\","
		     "\"isAscending\":false},{\"property\":\"receivedAt\",\"isAscending\":false}]}",
	    ids, "2 3 5 1 4");
	expect_query(
	    "{\"sort\":[{\"property\":\"someInThreadHaveKeyword\",\"keyword\":\"$flagged\","
	    "\"isAscending\":false}]}",
	    ids, "5 2 3 1 4");
	expect_query("{\"sort\":[{\"property\":\"allInThreadHaveKeyword\",\"keyword\":\"$flagged\","
		     "\"isAscending\":false}]}",
	    ids, "3 5 1 4 2");
	/* 4.4.3: the first of each thread. */
	expect_query("{\"collapseThreads\":true,\"calculateTotal\":true}", ids, "3 5 4");
	expect("/total", "3");
	expect_query(
	    "{\"collapseThreads\":true,\"sort\":[{\"property\":\"receivedAt\"}]}", ids, "2 4 1");
	expect_query("{\"collapseThreads\":true,\"sort\":[{\"property\":\"size\"}]}", ids, "5 1 4");
	expect_query(
	    arena_printf(&scratch, "{\"filter\":{\"inMailbox\":\"m%u\"},\"collapseThreads\":true}",
		box("INBOX")->id)
		.p,
	    ids, "3 5");
	/* Pages. */
	expect_query("{\"position\":1,\"limit\":2}", ids, "5 1");
	expect_query("{\"position\":-2}", ids, "4 2");
	expect_query(
	    arena_printf(&scratch, "{\"anchor\":\"%s\",\"anchorOffset\":-1,\"limit\":2}", ids[0].p)
		.p,
	    ids, "5 1");
	/* The answer that was kept is no more once something has changed. */
	store("INBOX", uids[2], STORE_ADD, FLAG_DELETED);
	expect_query("{}", ids, "5 1 4 2");
	expect_query("{\"collapseThreads\":true}", ids, "5 1 4");
	(void)call("Email/query", "{\"sort\":[{\"property\":\"colour\"}]}");
	expect("/type", "\"unsupportedSort\"");
	(void)call("Email/query", "{\"sort\":[{\"property\":\"from\",\"collation\":\"x\"}]}");
	expect("/type", "\"unsupportedSort\"");
	(void)call("Email/query", "{\"sort\":[{\"property\":\"hasKeyword\"}]}");
	expect("/type", "\"invalidArguments\"");
	(void)call("Email/query", "{\"anchor\":\"e0000000000000\"}");
	expect("/type", "\"anchorNotFound\"");
}

/* ---- 4.5: a client that follows has what a new query would find ---- */

struct follower {
	const char *args; /* of the query */
	struct str state;
	struct str ids[200];
	size_t n;
};

static void
read_ids(struct follower *f, struct str *ids, size_t *n)
{
	const cJSON *v, *p;

	(void)call("Email/query", arena_printf(&scratch, "{%s}", f->args).p);
	assert_string_equal(name, "Email/query");
	*n = 0;
	v = at(answer, "/ids");
	cJSON_ArrayForEach(p, v) ids[(*n)++] = arena_dup(&scratch, json_str(p));
	f->state = str_at("/queryState");
}

/* RFC 8620 5.6: what was removed goes, then what was added is put at its index. */
static void
follow(struct follower *f)
{
	const cJSON *v, *p;
	struct str now[200];
	size_t n = 0, k;

	(void)call("Email/queryChanges",
	    arena_printf(&scratch, "{\"sinceQueryState\":\"%s\",%s}", f->state.p, f->args).p);
	if (strcmp(name, "Email/queryChanges") != 0)
		fail_msg("%s", text.p);
	v = at(answer, "/removed");
	for (size_t i = 0; i < f->n; i++) {
		bool gone = false;

		cJSON_ArrayForEach(p, v) gone |= str_eq(json_str(p), f->ids[i]);
		if (!gone)
			f->ids[n++] = f->ids[i];
	}
	v = at(answer, "/added");
	cJSON_ArrayForEach(p, v)
	{
		int64_t index = 0;

		assert_int_equal(json_int(json_get(p, "index"), 0, (int64_t)n, &index), 0);
		memmove(f->ids + index + 1, f->ids + index, (n - (size_t)index) * sizeof f->ids[0]);
		f->ids[index] = arena_dup(&scratch, json_str(json_get(p, "id")));
		n++;
	}
	f->n = n;
	read_ids(f, now, &k);
	if (n != k)
		fail_msg("%s: %zu, not %zu", f->args, n, k);
	for (size_t i = 0; i < n; i++)
		if (!str_eq(now[i], f->ids[i]))
			fail_msg("%s: at %zu %s, not %s", f->args, i, f->ids[i].p, now[i].p);
}

static void
change_something(unsigned step)
{
	static const char *const names[] = {"INBOX", "Sent", "Trash"};
	const char *mailbox = names[random() % 3], *other = names[random() % 3];
	struct mailbox *mb = box(mailbox);
	struct copy_result r;
	uint32_t uid;

	if (mb->n < 3 || random() % 4 == 0) {
		struct str m = arena_printf(&scratch,
		    "Message-ID: <%u@x>\r\nReferences: <%ld@x>\r\nSubject: s\r\n\r\n%ld\r\n", step,
		    random() % (step + 1), random() % 1000);

		(void)append_at(mailbox, random() % 30, m.p, random() % 2 ? FLAG_SEEN : 0);
		return;
	}
	uid = mb->messages[random() % (long)mb->n].uid;
	switch (random() % 4) {
	case 0:
		expunge(mailbox, uid);
		break;
	case 1:
		if (strcmp(mailbox, other) != 0)
			assert_int_equal(
			    mailbox_move(mb, &uid, 1, box(other), &by_test, &scratch, &r, &err), 0);
		break;
	default:
		store(mailbox, uid, random() % 2 ? STORE_ADD : STORE_REMOVE,
		    random() % 3 ? FLAG_SEEN : FLAG_DELETED);
		break;
	}
}

static void
who_follows_has_what_is_there(void **state)
{
	struct follower f[] = {{.args = "\"sort\":[{\"property\":\"receivedAt\"}]"},
	    {.args = "\"filter\":{\"notKeyword\":\"$seen\"}"}, {.args = "\"collapseThreads\":true"},
	    {.args = "\"collapseThreads\":true,\"filter\":{\"hasKeyword\":\"$seen\"},"
		     "\"sort\":[{\"property\":\"size\"}]"},
	    {.args = "\"filter\":{\"someInThreadHaveKeyword\":\"$seen\"}"}};

	(void)state;
	srandom(11);
	for (unsigned i = 0; i < 20; i++)
		change_something(i);
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		read_ids(&f[i], f[i].ids, &f[i].n);
	for (unsigned step = 20; step < 140; step++) {
		for (long k = random() % 3; k >= 0; k--)
			change_something(step * 4 + (unsigned)k);
		follow(&f[step % ARRAY_LEN(f)]);
	}
}

/* ---- 4.9 ---- */

static void
blobs_are_parsed(void **state)
{
	struct str id = id_of("INBOX", append("INBOX", decomposed, 0)), whole, part, excel;
	char blob[64];

	(void)state;
	get(id, "\"properties\":[\"blobId\",\"attachments\"]");
	whole = str_at("/list/0/blobId");
	excel = str_at("/list/0/attachments/3/blobId");
	part = str_at("/list/0/attachments/4/blobId");
	(void)call(
	    "Email/parse", arena_printf(&scratch, "{\"blobIds\":[\"%s\",\"%s\",\"%s\",\"bnone\"]}",
			       part.p, part.p, excel.p)
			       .p);
	(void)snprintf(blob, sizeof blob, "/parsed/%s/subject", part.p);
	expect(blob, "\"J\"");
	(void)snprintf(blob, sizeof blob, "/parsed/%s/preview", part.p);
	expect(blob, "\"inside\"");
	(void)snprintf(blob, sizeof blob, "/parsed/%s/id", part.p);
	expect(blob, "");
	expect("/notParsable", list_of(excel));
	expect("/notFound", "[\"bnone\"]");
	(void)call("Email/parse", arena_printf(&scratch,
				      "{\"blobIds\":[\"%s\"],\"properties\":[\"id\","
				      "\"blobId\",\"mailboxIds\",\"receivedAt\",\"size\","
				      "\"bodyValues\",\"header:Subject\"],"
				      "\"fetchTextBodyValues\":true}",
				      part.p)
				      .p);
	expect("/parsed/*", arena_printf(&scratch,
				"{\"id\":null,\"blobId\":\"%s\",\"mailboxIds\":null,"
				"\"receivedAt\":null,\"size\":20,\"header:Subject\":\" "
				"J\",\"bodyValues\":{\"1\":{\"value\":"
				"\"inside\",\"isEncodingProblem\":false,\"isTruncated\":false}}}",
				part.p)
				.p);
	expect("/notFound", "null");
	(void)call("Email/parse", arena_printf(&scratch, "{\"blobIds\":[\"%s\"]}", whole.p).p);
	expect("/parsed/*/textBody/0/partId", "\"1\"");
	(void)call("Email/parse", "{\"blobIds\":[\"u123\"]}");
	expect("/parsed", "null");
	(void)call("Email/parse", "{}");
	expect("/type", "\"invalidArguments\"");
}

/* A later call may refer to what was written as text. */
static void
results_can_be_referred_to(void **state)
{
	struct str id = id_of("INBOX", append("INBOX", PLAIN, 0));

	(void)state;
	(void)calls(
	    "[\"Email/query\",{\"accountId\":\"$A\"},\"a\"],"
	    "[\"Email/get\",{\"accountId\":\"$A\",\"properties\":[\"subject\",\"messageId\"],"
	    "\"#ids\":{\"resultOf\":\"a\",\"name\":\"Email/query\",\"path\":\"/ids\"}},\"b\"],"
	    "[\"Core/echo\",{\"#x\":{\"resultOf\":\"b\",\"name\":\"Email/get\","
	    "\"path\":\"/list/*/messageId\"}},\"c\"]");
	expect("/methodResponses/1/1/list",
	    arena_printf(&scratch,
		"[{\"id\":\"%s\",\"subject\":\"Hello\",\"messageId\":[\"1@example.test\"]}]", id.p)
		.p);
	expect("/methodResponses/2/1/x", "[\"1@example.test\"]");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(metadata),
	    TEST(header_properties),
	    TEST(parts_are_text_or_attachments),
	    TEST(one_of_two_alternatives_stands_for_both),
	    TEST(an_image_in_html_is_no_attachment),
	    TEST(properties_of_parts),
	    TEST(values),
	    TEST(html_is_not_cut_in_a_tag),
	    TEST(encoding_problems),
	    TEST(hostile_messages_are_bounded),
	    TEST(changes_are_told),
	    TEST(emails_of_one_second_are_sorted),
	    TEST(queries),
	    TEST(who_follows_has_what_is_there),
	    TEST(blobs_are_parsed),
	    TEST(results_can_be_referred_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
