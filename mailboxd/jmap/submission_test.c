/* submission_test.c - Identity and EmailSubmission (RFC 8621 6, 7). */
#include "mailboxd/jmap/sending_test_in.h"

#include "mailboxd/jmap/stored.h"
#include "store/email.h"

#define DRAFT                                                                           \
	"From: Alice <alice@example.test>\r\nTo: Bob <bob@x.test>, Team: c@x.test;\r\n" \
	"Cc: BOB@x.test\r\nBcc: secret@x.test\r\nSubject: hi\r\n\r\nhello\r\n"

static const char *email, *identity;

static void
draft(const char *message)
{
	char id[EMAIL_TEXT_SIZE];
	uint32_t uid = append("Drafts", message, FLAG_DRAFT);

	email = arena_dupz(
	    &scratch, str_z(email_text(mailbox_get(box("Drafts"), uid)->email, EMAIL_LETTER, id)));
	call("Identity/get", "{}");
	identity = arena_dupz(&scratch, str_at("/list/0/id"));
}

static void
submit(const char *more)
{
	struct str args = arena_printf(&scratch,
	    "{\"create\":{\"k\":{\"identityId\":\"%s\",\"emailId\":\"%s\"%s}}}", identity, email,
	    more);

	call("EmailSubmission/set", args.p);
}

static bool
sent(const char *what)
{
	return str_find(buf_view(&world.message), str_z(what)) < world.message.n;
}

static void
each_address_has_an_identity(void **state)
{
	(void)state;
	call("Identity/get", "{}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 2);
	expect("/list/0/email", "\"alice@example.test\"");
	expect("/list/0/mayDelete", "false");
	expect("/list/1/email", "\"info@example.test\"");
	identity = arena_dupz(&scratch, str_at("/list/1/id"));
	call("Identity/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", identity).p);
	expect("/notDestroyed/*/type", "\"forbidden\"");
	call("Identity/set",
	    arena_printf(&scratch,
		"{\"update\":{\"%s\":{\"name\":\"Info\",\"htmlSignature\":\"<b>x</b>\"}}}",
		identity)
		.p);
	expect("/notUpdated", "null");
	call("Identity/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"email\":\"x@y.test\"}}}", identity).p);
	expect("/notUpdated/*/properties", "[\"email\"]");
	call("Identity/set",
	    "{\"create\":{\"a\":{\"email\":\"alice-tag@example.test\",\"name\":\"A\"},"
	    "\"b\":{\"email\":\"bob@example.test\"},\"c\":{\"name\":7},"
	    "\"d\":{\"email\":\"alice+tag@example.test\"},\"e\":{\"email\":\"alice-\\r\\n@x.test\"}"
	    "}}");
	expect("/notCreated/d/type", "\"forbiddenFrom\"");
	expect("/notCreated/e/properties", "[\"email\"]");
	expect("/created/a/mayDelete", "true");
	expect("/notCreated/b/type", "\"forbiddenFrom\"");
	expect("/notCreated/c/type", "\"invalidProperties\"");
	call("Identity/get", "{\"properties\":[\"name\"]}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 3);
	expect("/list/1/name", "\"Info\"");
	/* The list once, and three that are not in it. */
	assert_int_equal(world.asked, 4);
	world.away = true;
	call("Identity/set", "{\"create\":{\"a\":{\"email\":\"alice-x@example.test\"}}}");
	expect("/notCreated/a/type", "\"serverFail\"");
	world.away = false;
	/* Who may write from anywhere has no owner to ask for. */
	jmap->host.any_sender = true;
	call("Identity/set", "{\"create\":{\"a\":{\"email\":\"bob@example.test\"}}}");
	expect("/notCreated", "null");
	call("Identity/set",
	    arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", str_at("/created/a/id").p).p);
	jmap->host.any_sender = false;
	/* An address that is the user's no more takes its identity along. */
	world.senders[1] = NULL;
	clock_advance(120000);
	call("Identity/get", "{\"properties\":[\"email\"]}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 2);
}

static void
a_draft_goes_out_without_its_blind_copies(void **state)
{
	(void)state;
	draft(DRAFT);
	submit("");
	expect("/notCreated", "null");
	expect("/created/k/undoStatus", "\"final\"");
	expect("/created/k/envelope/mailFrom/email", "\"alice@example.test\"");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/created/k/envelope/rcptTo")), 3);
	expect("/created/k/deliveryStatus/bob@x.test/delivered", "\"queued\"");
	assert_int_equal(world.messages, 1);
	assert_string_equal(world.commands,
	    "MAIL FROM:<alice@example.test>\nRCPT TO:<bob@x.test>\nRCPT TO:<c@x.test>\n"
	    "RCPT TO:<secret@x.test>\n");
	assert_true(sent("Subject: hi\r\n\r\nhello\r\n"));
	assert_false(sent("secret"));
	assert_false(home_is_dirty(home));
	/* It is there when all opens again. */
	close_all();
	open_all();
	call("EmailSubmission/get", "{}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 1);
	expect("/list/0/undoStatus", "\"final\"");
	expect("/list/0/mid", "");
	call("EmailSubmission/query", "{\"filter\":{\"undoStatus\":\"final\"}}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/ids")), 1);
	call("EmailSubmission/query", "{\"filter\":{\"operator\":\"NOT\",\"conditions\":["
				      "{\"undoStatus\":\"final\"}]}}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/ids")), 0);
	call("EmailSubmission/query", "{\"filter\":{\"nonsense\":1}}");
	expect("/type", "\"unsupportedFilter\"");
}

static void
replies_come_as_they_come(void **state)
{
	(void)state;
	draft(DRAFT);
	world.slow = true;
	submit("");
	expect("/notCreated", "null");
	assert_int_equal(world.messages, 1);
	world.refuse = "RCPT TO:<c@";
	world.refusal = "550-5.1.1 no\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n";
	submit("");
	expect("/notCreated/k/invalidRecipients", "[\"c@x.test\"]");
	assert_int_equal(world.messages, 1);
}

static void
an_envelope_may_be_given(void **state)
{
	(void)state;
	draft(DRAFT);
	submit(",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\",\"parameters\":"
	       "{\"HOLDFOR\":\"60\"}},\"rcptTo\":[{\"email\":\"d@x.test\"}]}");
	expect("/notCreated", "null");
	expect("/created/k/undoStatus", "\"pending\"");
	assert_string_equal(
	    world.commands, "MAIL FROM:<alice@example.test> HOLDFOR=60\nRCPT TO:<d@x.test>\n");
	submit(",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\",\"parameters\":"
	       "{\"HOLDFOR\":\"99999999\"}},\"rcptTo\":[{\"email\":\"d@x.test\"}]}");
	expect("/notCreated/k/properties", "[\"envelope\"]");
	submit(",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\"},\"rcptTo\":[]}");
	expect("/notCreated/k/type", "\"noRecipients\"");
	submit(",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\"},\"rcptTo\":["
	       "{\"email\":\"a b\\r\\nDATA\"}]}");
	expect("/notCreated/k/type", "\"invalidRecipients\"");
	assert_int_equal(world.messages, 1);
}

static void
submit_with(const char *mail, const char *rcpt)
{
	world.commands[0] = '\0';
	submit(arena_printf(&scratch,
	    ",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\",\"parameters\":%s},"
	    "\"rcptTo\":[{\"email\":\"d@x.test\",\"parameters\":%s},{\"email\":\"e@x.test\"}]}",
	    mail, rcpt)
		   .p);
}

/* RFC 8621 7: xtext is for SMTP, not for JSON. */
static void
an_envelope_has_parameters(void **state)
{
	static const char *const bad[][2] = {
	    {"{\"RET\":\"SOME\"}", "null"},
	    {"{\"RET\":null}", "null"},
	    {"{\"RET\":\"FULL\",\"ret\":\"HDRS\"}", "null"},
	    {"{\"RET\":\"FULL RCPT\"}", "null"},
	    {"{\"ENVID\":\"\"}", "null"},
	    {"{\"ENVID\":null}", "null"},
	    {"{\"SIZE\":\"-1\"}", "null"},
	    {"{\"SIZE\":5}", "null"},
	    {"{\"BODY\":\"BINARYMIME\"}", "null"},
	    {"{\"SMTPUTF8\":\"x\"}", "null"},
	    {"{\"HOLDFOR\":\"5\",\"HOLDUNTIL\":\"2026-01-01T00:00:00Z\"}", "null"},
	    {"{\"HOLDUNTIL\":\"2026-01-01T00:00:00Z\\r\\nRSET\"}", "null"},
	    {"{\"NOTIFY\":\"NEVER\"}", "null"},
	    {"{\"X\":null}", "null"},
	    {"[]", "null"},
	    {"null", "{\"NOTIFY\":\"NEVER,DELAY\"}"},
	    {"null", "{\"NOTIFY\":\"\"}"},
	    {"null", "{\"NOTIFY\":\"SUCCESS,\"}"},
	    {"null", "{\"ORCPT\":\"d@x.test\"}"},
	    {"null", "{\"ORCPT\":\"rfc822;\"}"},
	    {"null", "{\"ORCPT\":\"rfc 822;d@x.test\"}"},
	    {"null", "{\"RET\":\"FULL\"}"},
	};

	(void)state;
	draft(DRAFT);
	submit_with("{\"ret\":\"HDRS\",\"ENVID\":\"a b+c=\\u00e9\\r\\n\",\"SIZE\":\"400\","
		    "\"BODY\":\"8BITMIME\",\"SMTPUTF8\":null,\"HOLDFOR\":\"0\"}",
	    "{\"NOTIFY\":\"SUCCESS,delay\",\"ORCPT\":\"rfc822;d+tag@x.test\"}");
	expect("/notCreated", "null");
	assert_string_equal(world.commands,
	    "MAIL FROM:<alice@example.test> SMTPUTF8 BODY=8BITMIME RET=HDRS "
	    "ENVID=a+20b+2Bc+3D+C3+A9+0D+0A SIZE=400\n"
	    "RCPT TO:<d@x.test> NOTIFY=SUCCESS,delay ORCPT=rfc822;d+2Btag@x.test\n"
	    "RCPT TO:<e@x.test>\n");
	submit_with("{}", "{\"NOTIFY\":\"NEVER\"}");
	assert_string_equal(world.commands, "MAIL FROM:<alice@example.test>\nRCPT TO:<d@x.test> "
					    "NOTIFY=NEVER\nRCPT TO:<e@x.test>\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		submit_with(bad[i][0], bad[i][1]);
		expect("/notCreated/k/properties", "[\"envelope\"]");
	}
	/* No longer than RFC 3461 has it, when encoded. */
	submit_with(arena_printf(&scratch, "{\"ENVID\":\"%0101u\"}", 0).p, "null");
	expect("/notCreated/k/type", "\"invalidProperties\"");
	submit_with(arena_printf(&scratch, "{\"ENVID\":\"%0100u\"}", 0).p,
	    arena_printf(&scratch, "{\"ORCPT\":\"rfc822;%0493u\"}", 0).p);
	expect("/notCreated", "null");
	submit_with("null", arena_printf(&scratch, "{\"ORCPT\":\"rfc822;%0494u\"}", 0).p);
	expect("/notCreated/k/type", "\"invalidProperties\"");
	assert_int_equal(world.messages, 3);
}

static const char *
submit_later(const char *seconds)
{
	submit(arena_printf(&scratch,
	    ",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\",\"parameters\":"
	    "{\"HOLDFOR\":\"%s\"}},\"rcptTo\":[{\"email\":\"d@x.test\"}]}",
	    seconds)
		   .p);
	return arena_dupz(&scratch, str_at("/created/k/id"));
}

static void
what_waits_is_taken_back(void **state)
{
	const char *id;

	(void)state;
	draft(DRAFT);
	/* The queue has sent it before its time: it knows. */
	id = submit_later("60");
	call("EmailSubmission/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"undoStatus\":\"canceled\"}}}", id).p);
	expect("/notUpdated/*/type", "\"cannotUnsend\"");
	call("EmailSubmission/get", "{}");
	expect("/list/0/undoStatus", "\"final\"");
	call("EmailSubmission/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", id).p);
	id = submit_later("60");
	world.state = SUBMITTED_CANCELED;
	call("EmailSubmission/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"undoStatus\":\"canceled\"}}}", id).p);
	expect("/notUpdated", "null");
	assert_true(world.cancel);
	call("EmailSubmission/get", "{}");
	expect("/list/0/undoStatus", "\"canceled\"");
	expect("/list/0/deliveryStatus/d@x.test/delivered", "\"no\"");
	call("EmailSubmission/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"sendAt\":null}}}", id).p);
	expect("/notUpdated/*/properties", "[\"sendAt\"]");
	/* What has gone its way is not. */
	submit("");
	id = arena_dupz(&scratch, str_at("/created/k/id"));
	call("EmailSubmission/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"undoStatus\":\"canceled\"}}}", id).p);
	expect("/notUpdated/*/type", "\"cannotUnsend\"");
	call("EmailSubmission/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", id).p);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/destroyed")), 1);
}

static void
refusals_have_names(void **state)
{
	static const struct {
		const char *refuse, *refusal, *type;
	} all[] = {
	    {"MAIL", "550 5.7.1 not yours\r\n", "\"forbiddenMailFrom\""},
	    {"MAIL", "552 5.3.4 too big\r\n", "\"tooLarge\""},
	    {"RCPT", "550 5.1.1 unknown\r\n", "\"invalidRecipients\""},
	    {"RCPT", "450 4.7.1 too many\r\n", "\"forbiddenToSend\""},
	    {"MAIL", "452 4.3.1 No room\r\n", "\"serverUnavailable\""},
	    {"220", "", ""},
	};

	(void)state;
	draft(DRAFT);
	for (size_t i = 0; i + 1 < ARRAY_LEN(all); i++) {
		world.refuse = all[i].refuse;
		world.refusal = all[i].refusal;
		submit("");
		expect("/notCreated/k/type", all[i].type);
	}
	world.refuse = NULL;
	world.away = true;
	submit("");
	expect("/notCreated/k/type", "\"serverFail\"");
	assert_int_equal(world.messages, 0);
	world.away = false;
	email = "e0000000000001";
	submit("");
	expect("/notCreated/k/properties", "[\"emailId\"]");
	draft("Subject: x\r\n\r\n");
	submit("");
	expect("/notCreated/k/type", "\"invalidEmail\"");
	draft("From: other@x.test\r\nTo: b@x.test\r\n\r\n");
	submit("");
	expect("/notCreated/k/type", "\"forbiddenFrom\"");
	draft("From: alice@example.test\r\n\r\n");
	submit("");
	expect("/notCreated/k/type", "\"noRecipients\"");
	identity = "i99999";
	submit("");
	expect("/notCreated/k/properties", "[\"identityId\"]");
	call("EmailSubmission/get", "{}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 0);
}

static void
what_was_sent_moves_on(void **state)
{
	(void)state;
	draft(DRAFT);
	calls(arena_printf(&scratch,
	    "[\"EmailSubmission/"
	    "set\",{\"accountId\":\"$A\",\"create\":{\"k\":{\"identityId\":\"%s\","
	    "\"emailId\":\"%s\"}},\"onSuccessUpdateEmail\":{\"#k\":{\"keywords/$draft\":null,"
	    "\"mailboxIds/m%u\":null,\"mailboxIds/m%u\":true}}},\"c\"]",
	    identity, email, (unsigned)box("Drafts")->id, (unsigned)box("Sent")->id)
		  .p);
	expect("/methodResponses/0/0", "\"EmailSubmission/set\"");
	expect("/methodResponses/1/0", "\"Email/set\"");
	expect("/methodResponses/1/2", "\"c\"");
	expect("/methodResponses/1/1/notUpdated", "null");
	assert_int_equal(box("Drafts")->n, 0);
	assert_int_equal(box("Sent")->n, 1);
	assert_int_equal(box("Sent")->messages[0].flags, 0);
	/* A refusal moves nothing. */
	world.refuse = "RCPT";
	world.refusal = "550 5.1.1 unknown\r\n";
	calls(arena_printf(&scratch,
	    "[\"EmailSubmission/"
	    "set\",{\"accountId\":\"$A\",\"create\":{\"k\":{\"identityId\":\"%s\","
	    "\"emailId\":\"%s\"}},\"onSuccessDestroyEmail\":[\"#k\"]},\"c\"]",
	    identity, email)
		  .p);
	expect("/methodResponses/1", "");
	assert_int_equal(box("Sent")->n, 1);
}

/* Until the queue was asked once more, with time going by. */
static void
until_asked(void)
{
	unsigned before = world.asked_submitted;

	for (unsigned i = 0; world.asked_submitted == before; i++) {
		assert_true(i < 1000);
		clock_advance(1000);
		loop_once(0);
	}
	while (world.ask[2].submitted != NULL)
		loop_once(1);
}

static struct str
kept(const char *id, const char *property)
{
	cJSON *v = jmap_stored(home, OBJECT_SUBMISSION, jmap_number(str_z(id), 's'), &err);
	const cJSON *m = json_get(v, property);
	struct str s =
	    arena_dup(&scratch, json_str(m->child != NULL ? json_get(m->child, "delivered") : m));

	cJSON_Delete(v);
	return s;
}

static void
assert_kept(const char *id, const char *undo, const char *delivered)
{
	assert_true(str_eq_z(kept(id, "undoStatus"), undo));
	assert_true(str_eq_z(kept(id, "deliveryStatus"), delivered));
}

/* Nobody asks, and it is written down all the same: what the queue says, when the time has come. */
static void
what_becomes_of_it_is_followed(void **state)
{
	uint64_t modseq;
	const char *id;

	(void)state;
	draft(DRAFT);
	id = submit_later("60");
	world.state = SUBMITTED_WAITS;
	until_asked();
	assert_kept(id, "pending", "queued");
	/* A minute later the queue has it still; it is the queue's word that counts. */
	clock_advance(60000);
	until_asked();
	assert_kept(id, "pending", "queued");
	world.state = SUBMITTED_SENT;
	modseq = jmap->modseq[JMAP_EMAIL_SUBMISSION];
	until_asked();
	assert_kept(id, "final", "queued");
	assert_true(jmap->modseq[JMAP_EMAIL_SUBMISSION] > modseq);
	world.results[0] = STR("d@x.test");
	world.results[1] = STR("3");
	world.results[2] = STR("550 5.1.1 no such user");
	until_asked();
	assert_kept(id, "final", "no");
	/* It is settled: nobody is asked any more. */
	world.asked_submitted = 0;
	for (unsigned i = 0; i < 100; i++) {
		clock_advance(100000);
		loop_once(0);
	}
	assert_int_equal(world.asked_submitted, 0);
}

/* The owner was away when the time came, or ended before it wrote down what it had done. */
static void
a_start_asks_what_became_of_it(void **state)
{
	const char *ids[3];

	(void)state;
	draft(DRAFT);
	ids[0] = submit_later("60");
	ids[1] = submit_later("6000");
	submit("");
	ids[2] = arena_dupz(&scratch, str_at("/created/k/id"));
	close_all();
	clock_advance(120000);
	open_all();
	jmap->host.outside = &fake_outside;
	world.state = SUBMITTED_UNKNOWN;
	until_asked();
	while (world.asked_submitted % 3 != 0 || world.ask[2].submitted != NULL)
		loop_once(1);
	assert_kept(ids[0], "final", "unknown");
	assert_kept(ids[1], "canceled", "no");
	assert_kept(ids[2], "final", "unknown");
}

/* More of them than may be asked about at a time. */
static void
they_take_turns(void **state)
{
	const char *ids[12];

	(void)state;
	draft(DRAFT);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = submit_later("600");
	world.state = SUBMITTED_SENT;
	clock_advance(600000);
	for (unsigned i = 0; i < 20; i++)
		until_asked();
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_kept(ids[i], "final", "queued");
}

/* Who asked is gone before gk-smtpd answers: what was taken is kept all the same. */
static void
a_client_that_leaves_takes_nothing_back(void **state)
{
	const struct jmap_from from = {.sid = STR_INIT("s9")};
	struct jmap_request *r;
	bool done = false;
	struct str text_of;

	(void)state;
	draft(DRAFT);
	text_of = with_account(arena_printf(&scratch,
	    "{" USING ",\"methodCalls\":[[\"EmailSubmission/set\",{\"accountId\":\"$A\",\"create\":"
	    "{\"k\":{\"identityId\":\"%s\",\"emailId\":\"%s\"}}},\"c\"]]}",
	    identity, email)
				   .p);
	r = jmap_request_new(jmap, &from, text_of, on_done, &done);
	while (world.fd < 0)
		loop_once(1);
	jmap_request_free(&r);
	while (world.fd >= 0)
		loop_once(1);
	assert_false(done);
	assert_int_equal(world.messages, 1);
	call("EmailSubmission/get", "{}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)
	const struct CMUnitTest tests[] = {
	    TEST(each_address_has_an_identity),
	    TEST(a_draft_goes_out_without_its_blind_copies),
	    TEST(replies_come_as_they_come),
	    TEST(an_envelope_may_be_given),
	    TEST(an_envelope_has_parameters),
	    TEST(what_waits_is_taken_back),
	    TEST(refusals_have_names),
	    TEST(what_was_sent_moves_on),
	    TEST(what_becomes_of_it_is_followed),
	    TEST(a_start_asks_what_became_of_it),
	    TEST(they_take_turns),
	    TEST(a_client_that_leaves_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
