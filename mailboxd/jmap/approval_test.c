/* approval_test.c - what an agent asks to be sent: frozen, shown, answered by a human. */
#include "mailboxd/jmap/sending_test_in.h"

#include <sodium.h>

#include "mail/approval.h"
#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/stored.h"
#include "store/email.h"

static struct jmap_agent desk;
static const char *email, *identity, *id;
static char subject[40] = "Hi";

/* A draft of the agent's own. */
static void
draft(const char *more)
{
	call("Email/set",
	    arena_printf(&scratch,
		"{\"create\":{\"k\":{\"mailboxIds\":{\"m%u\":true},\"keywords\":{\"$draft\":true},"
		"\"from\":[{\"email\":\"alice@example.test\"}],\"to\":[{\"email\":\"bob@X.test\"}],"
		"\"bcc\":[{\"email\":\"carol@x.test\"}],\"subject\":\"%s\","
		"\"textBody\":[{\"partId\":\"t\"}],\"bodyValues\":{\"t\":{\"value\":\"Text\"}}%s}}"
		"}",
		(unsigned)box("Drafts")->id, subject, more)
		.p);
	email = arena_dupz(&scratch, str_at("/created/k/id"));
}

static int
up(void **state)
{
	if (world_up(state) < 0)
		return -1;
	desk = (struct jmap_agent){.name = STR_INIT("desk"),
	    .session = STR_INIT("0123456789abcdef"),
	    .scopes = AGENT_SCOPES,
	    .policy = AGENT_POLICY_DEFAULT};
	call("Identity/get", "{}");
	identity = arena_dupz(&scratch, str_at("/list/0/id"));
	agent = &desk;
	draft("");
	return 0;
}

static int
down(void **state)
{
	agent = NULL;
	return world_down(state);
}

static void
request(const char *more)
{
	call(
	    "Approval/set", arena_printf(&scratch,
				"{\"create\":{\"k\":{\"identityId\":\"%s\",\"emailId\":\"%s\"%s}}}",
				identity, email, more)
				.p);
	if (at(answer, "/created/k/id") != NULL)
		id = arena_dupz(&scratch, str_at("/created/k/id"));
}

static void
answer_it(const char *state)
{
	call("Approval/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"state\":\"%s\"}}}", id, state).p);
}

static void
look(void)
{
	call("Approval/get",
	    arena_printf(&scratch,
		"{\"ids\":[\"%s\"],\"properties\":[\"state\",\"mid\",\"octets\",\"digest\","
		"\"envelope\",\"agent\",\"session\",\"action\",\"what\",\"origins\",\"error\","
		"\"outcome\"]}",
		id)
		.p);
}

static struct str
octets(void)
{
	struct str b64 = str_at("/list/0/octets");
	char *out = arena_alloc(&scratch, b64.n + 1);
	size_t n = 0;

	assert_int_equal(sodium_base642bin((unsigned char *)out, b64.n, b64.p, b64.n, NULL, &n,
			     NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	return str_of(out, n);
}

static void
test_frozen(void **state)
{
	struct envelope_rcpt rcpts[] = {
	    {.address = STR("bob@x.test")}, {.address = STR("carol@x.test")}};
	struct approval a = {.user = STR("alice@example.test"),
	    .session = STR("0123456789abcdef"),
	    .sender = STR("alice@example.test"),
	    .rcpts = rcpts,
	    .nrcpts = 2};
	unsigned char digest[APPROVAL_DIGEST];
	char hex[2 * APPROVAL_DIGEST + 1];
	struct str all;

	(void)state;
	request("");
	expect("/created/k/state", "\"requested\"");
	look();
	expect("/list/0/agent", "\"desk\"");
	expect("/list/0/session", "\"0123456789abcdef\"");
	all = octets();
	assert_true(str_find(all, STR("\r\nDate: ")) < all.n || str_starts(all, STR("Date: ")));
	assert_true(str_find(all, STR("Message-ID: ")) < all.n);
	assert_int_equal(str_find(all, STR("carol")), all.n);
	/* As gk-queue will compute it. */
	a.size = all.n;
	approval_octets(all, a.octets);
	assert_int_equal(approval_digest(&a, digest, &err), 0);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	assert_true(str_eq_z(str_at("/list/0/digest"), hex));
	assert_string_equal(world.commands, "");
}

static void
test_approved(void **state)
{
	struct str all;

	(void)state;
	request("");
	look();
	all = octets();
	/* Not by the agent. */
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	assert_string_equal(world.commands, "");
	agent = NULL;
	answer_it("approved");
	expect("/notUpdated", "null");
	assert_string_equal(world.session, "0123456789abcdef");
	assert_string_equal(world.commands, "MAIL FROM:<alice@example.test>\n"
					    "RCPT TO:<bob@x.test>\nRCPT TO:<carol@x.test>\n");
	assert_int_equal(world.message.n, all.n);
	assert_memory_equal(world.message.p, all.p, all.n);
	look();
	expect("/list/0/state", "\"sent\"");
	expect("/list/0/mid", "\"01hx7h5k2mabcdefghjk\"");
	/* Once. */
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	assert_int_equal(world.messages, 1);
}

/* authd has no approval: the queue says no. */
static void
test_not_approved_at_authd(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	world.refuse = "BDAT";
	world.refusal = "554 5.7.1 Refused\r\n";
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbiddenToSend\"");
	look();
	expect("/list/0/state", "\"requested\"");
}

static void
test_refused(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	answer_it("perhaps");
	expect("/notUpdated/*/type", "\"invalidProperties\"");
	answer_it("refused");
	expect("/notUpdated", "null");
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	assert_string_equal(world.commands, "");
}

static void
test_expired(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	clock_advance(604800u * 1000u);
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	look();
	expect("/list/0/state", "\"expired\"");
	assert_string_equal(world.commands, "");
}

static void
test_who_may_ask(void **state)
{
	char number[EMAIL_TEXT_SIZE];
	uint32_t uid;

	(void)state;
	agent = NULL;
	request("");
	expect("/notCreated/k/type", "\"forbidden\"");
	agent = &desk;
	desk.policy |= (uint32_t)AGENT_NEVER << 2 * AGENT_CLASS_SEND;
	request("");
	expect("/notCreated/k/type", "\"forbidden\"");
	desk.policy = AGENT_POLICY_DEFAULT;
	request(",\"envelope\":{\"mailFrom\":{\"email\":\"alice@example.test\",\"parameters\":"
		"{\"HOLDFOR\":\"60\"}},\"rcptTo\":[{\"email\":\"bob@x.test\"}]}");
	expect("/notCreated/k/type", "\"invalidProperties\"");
	/* What the user, or anybody, has written is not the agent's to send. */
	uid = append("Drafts",
	    "From: alice@example.test\r\nTo: bob@x.test\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
	    "Message-ID: <a@b>\r\n\r\nx\r\n",
	    FLAG_DRAFT);
	email = arena_dupz(&scratch,
	    str_z(email_text(mailbox_get(box("Drafts"), uid)->email, EMAIL_LETTER, number)));
	request("");
	expect("/notCreated/k/type", "\"forbidden\"");
}

static void
test_another_agent_sees_nothing(void **state)
{
	(void)state;
	request("");
	desk.name = STR("other");
	look();
	expect("/list", "[]");
	desk.name = STR("desk");
	look();
	expect("/list/0/state", "\"requested\"");
}

static void
test_so_many_wait(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(subject, sizeof subject, "Hi %u", i);
		draft("");
		request("");
		expect("/notCreated", "null");
	}
	/* The same once more is the same. */
	request("");
	expect("/notCreated/k/type", "\"alreadyExists\"");
	assert_true(str_eq_z(str_at("/notCreated/k/existingId"), id));
	(void)snprintf(subject, sizeof subject, "Hi");
	draft("");
	request("");
	expect("/notCreated/k/type", "\"tooLarge\"");
}

/* ---- what is kept beside it ---- */

static void
test_origins(void **state)
{
	static const char *const wrong[] = {",\"origins\":\"x\"", ",\"origins\":[\"x\"]",
	    ",\"origins\":[{\"value\":\"x\"}]", ",\"origins\":[{\"value\":1,\"where\":\"body\"}]",
	    ",\"origins\":[{\"value\":\"x\",\"where\":\"body\",\"more\":1}]",
	    ",\"origins\":[{\"value\":\"x\",\"where\":\"body\",\"emailId\":1}]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		request(wrong[i]);
		expect("/notCreated/k/properties", "[\"origins\"]");
	}
	request(",\"origins\":[{\"value\":\"carol@x.test\",\"emailId\":\"e1\",\"where\":\"body\"},"
		"{\"value\":\"x\",\"where\":\"subject\"}]");
	expect("/created/k/origins/0/value", "\"carol@x.test\"");
	look();
	expect("/list/0/origins/1/where", "\"subject\"");
	assert_int_equal(str_find(octets(), STR("carol")), octets().n);
}

static void
test_what_was_sent_stands_in_sent(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	answer_it("approved");
	expect("/notUpdated", "null");
	call("Email/get",
	    arena_printf(
		&scratch, "{\"ids\":[\"%s\"],\"properties\":[\"mailboxIds\",\"keywords\"]}", email)
		.p);
	expect("/list/0/keywords", "{\"$seen\":true}");
	expect("/list/0/mailboxIds",
	    arena_printf(&scratch, "{\"m%u\":true}", (unsigned)box("Sent")->id).p);
}

static void
test_another_message_in_it_is_forwarding(void **state)
{
	uint32_t uid = append("INBOX", "From: eve@x.test\r\n\r\nsecret\r\n", 0);
	char number[EMAIL_TEXT_SIZE];

	(void)state;
	call("Email/get",
	    arena_printf(&scratch, "{\"ids\":[\"%s\"],\"properties\":[\"blobId\"]}",
		email_text(mailbox_get(box("INBOX"), uid)->email, EMAIL_LETTER, number))
		.p);
	draft(arena_printf(&scratch,
	    ",\"attachments\":[{\"blobId\":\"" STR_FMT "\",\"type\":\"message/rfc822\"}]",
	    STR_ARG(str_at("/list/0/blobId")))
		  .p);
	request("");
	expect("/created/k/action", "\"forward\"");
	desk.policy |= (uint32_t)AGENT_NEVER << 2 * AGENT_CLASS_FORWARD;
	desk.policy &= ~((uint32_t)AGENT_APPROVAL << 2 * AGENT_CLASS_FORWARD);
	request("");
	expect("/notCreated/k/type", "\"forbidden\"");
}

/* ---- other actions ---- */

static const char *
mail(const char *mailbox)
{
	char number[EMAIL_TEXT_SIZE];
	uint32_t uid = append(mailbox, "From: eve@x.test\r\nSubject: s\r\n\r\nx\r\n", 0);

	return arena_dupz(&scratch,
	    str_z(email_text(mailbox_get(box(mailbox), uid)->email, EMAIL_LETTER, number)));
}

static void
request_action(const char *asked)
{
	call("Approval/set", arena_printf(&scratch, "{\"create\":{\"k\":%s}}", asked).p);
	if (at(answer, "/created/k/id") != NULL)
		id = arena_dupz(&scratch, str_at("/created/k/id"));
}

static void
stands_in(const char *which, const char *mailbox)
{
	call("Email/get",
	    arena_printf(&scratch, "{\"ids\":[\"%s\"],\"properties\":[\"mailboxIds\"]}", which).p);
	expect("/list/0/mailboxIds",
	    arena_printf(&scratch, "{\"m%u\":true}", (unsigned)box(mailbox)->id).p);
}

static bool
by_agent(void *arg, const struct change *c)
{
	unsigned *n = arg;

	*n += str_eq_z(c->actor, "agent") && str_eq_z(c->sid, "0123456789abcdef") &&
	      c->kind == CHANGE_MOVED;
	return true;
}

/* The page computes it from what it shows. */
static void
digest_is_of_what_is_shown(void)
{
	unsigned char digest[APPROVAL_DIGEST];
	char hex[2 * APPROVAL_DIGEST + 1];
	struct buf b;

	call("Approval/get", arena_printf(&scratch, "{\"ids\":[\"%s\"]}", id).p);
	assert_int_equal(str_at("/list/0/nonce").n, 32);
	buf_init(&b, 65536);
	(void)buf_printf(&b, "move " STR_FMT " ", STR_ARG(str_at("/list/0/nonce")));
	json_print(at(answer, "/list/0/what"), &b);
	approval_action(STR("alice@example.test"), STR("0123456789abcdef"), buf_view(&b), digest);
	buf_free(&b);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	assert_true(str_eq_z(str_at("/list/0/digest"), hex));
}

static void
test_moves(void **state)
{
	const char *a = mail("INBOX"), *b = mail("INBOX");
	unsigned moved = 0;

	(void)state;
	request_action(arena_printf(&scratch,
	    "{\"action\":\"move\",\"emailIds\":[\"%s\",\"%s\",\"%s\"],\"mailboxId\":\"m%u\"}", a, b,
	    a, (unsigned)box("Junk")->id)
			   .p);
	look();
	expect("/list/0/what/emailIds", arena_printf(&scratch, "[\"%s\",\"%s\"]", a, b).p);
	expect("/list/0/what/mailboxName", "\"Junk\"");
	digest_is_of_what_is_shown();
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	/* The page says so, authd does not. */
	agent = NULL;
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbiddenToSend\"");
	stands_in(a, "INBOX");
	look();
	expect("/list/0/state", "\"requested\"");
	assert_true(str_at("/list/0/error").n > 0);
	world.approved = true;
	answer_it("approved");
	expect("/notUpdated", "null");
	stands_in(a, "Junk");
	stands_in(b, "Junk");
	look();
	expect("/list/0/state", "\"done\"");
	expect("/list/0/outcome", "{\"done\":2,\"failed\":0}");
	expect("/list/0/error", "null");
	assert_int_equal(change_each(home, 0, by_agent, &moved, &err), 0);
	assert_int_equal(moved, 2);
	/* Once. */
	world.approved = true;
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbidden\"");
	assert_true(world.approved);
}

static void
test_deletes(void **state)
{
	const char *a = mail("INBOX"), *b = mail("INBOX");

	(void)state;
	request_action(
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a).p);
	expect("/created/k/what/mailboxName", "\"Trash\"");
	world.approved = true;
	agent = NULL;
	answer_it("approved");
	stands_in(a, "Trash");
	agent = &desk;
	request_action(arena_printf(
	    &scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"],\"destroy\":true}", b)
			   .p);
	expect("/created/k/what/mailboxId", "null");
	world.approved = true;
	agent = NULL;
	answer_it("approved");
	expect("/notUpdated", "null");
	call(
	    "Email/get", arena_printf(&scratch, "{\"ids\":[\"%s\"],\"properties\":[\"id\"]}", b).p);
	expect("/notFound", arena_printf(&scratch, "[\"%s\"]", b).p);
	/* What is not there any more. */
	agent = &desk;
	a = mail("INBOX");
	request_action(
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a).p);
	agent = NULL;
	call("Email/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", a).p);
	world.approved = true;
	answer_it("approved");
	expect("/notUpdated/*/type", "\"forbiddenToSend\"");
	look();
	expect("/list/0/state", "\"failed\"");
}

static void
test_vacation(void **state)
{
	(void)state;
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"isEnabled\":true}}}");
	expect("/type", "\"forbidden\"");
	request_action("{\"action\":\"vacation\",\"vacation\":{\"htmlBody\":\"<p>x</p>\"}}");
	expect("/notCreated/k/type", "\"invalidProperties\"");
	request_action("{\"action\":\"vacation\",\"vacation\":{\"isEnabled\":1}}");
	expect("/notCreated/k/type", "\"invalidProperties\"");
	request_action("{\"action\":\"vacation\",\"vacation\":{\"isEnabled\":true,"
		       "\"subject\":\"Away\",\"textBody\":\"Back soon\"}}");
	expect("/created/k/what",
	    "{\"isEnabled\":true,\"fromDate\":null,\"toDate\":null,\"subject\":\"Away\","
	    "\"textBody\":\"Back soon\",\"htmlBody\":null}");
	agent = NULL;
	world.approved = true;
	answer_it("approved");
	expect("/notUpdated", "null");
	call("VacationResponse/get", "{\"ids\":null}");
	expect("/list/0/subject", "\"Away\"");
	expect("/list/0/isEnabled", "true");
}

static void
test_actions_that_cannot_be_asked_for(void **state)
{
	const char *a = mail("INBOX");
	struct str good =
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a);
	const char *const wrong[] = {"{\"action\":\"delete\"}",
	    "{\"action\":\"delete\",\"emailIds\":[]}",
	    "{\"action\":\"delete\",\"emailIds\":[\"e99999\"]}",
	    "{\"action\":\"delete\",\"emailIds\":[1]}", "{\"action\":\"other\"}",
	    "{\"action\":\"move\",\"emailIds\":[],\"mailboxId\":\"m99\"}",
	    "{\"action\":\"vacation\"}", "{\"action\":\"vacation\",\"vacation\":{},\"x\":1}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		request_action(wrong[i]);
		expect("/notCreated/k/type", "\"invalidProperties\"");
	}
	desk.scopes = AGENT_READ | AGENT_SEND;
	request_action(good.p);
	expect("/notCreated/k/type", "\"forbidden\"");
	desk.scopes = AGENT_READ | AGENT_ORGANIZE;
	request_action("{\"action\":\"vacation\",\"vacation\":{\"isEnabled\":true}}");
	expect("/notCreated/k/type", "\"forbidden\"");
	request("");
	expect("/notCreated/k/type", "\"forbidden\"");
	desk.policy = AGENT_POLICY_DEFAULT & ~(3u << 2 * AGENT_CLASS_DELETE);
	desk.policy |= (uint32_t)AGENT_NEVER << 2 * AGENT_CLASS_DELETE;
	request_action(good.p);
	expect("/notCreated/k/type", "\"forbidden\"");
	/* Nor by another name. */
	request_action(arena_printf(&scratch,
	    "{\"action\":\"move\",\"emailIds\":[\"%s\"],\"mailboxId\":\"m%u\"}", a,
	    (unsigned)box("Trash")->id)
			   .p);
	expect("/notCreated/k/type", "\"forbidden\"");
}

/* The record on disk says something else than what was asked for. */
static void
test_a_changed_id(void **state)
{
	const struct change_by by = {.actor = STR("jmap")};
	const char *a = mail("INBOX"), *b = mail("INBOX");
	uint64_t number;
	cJSON *v;

	(void)state;
	request_action(
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a).p);
	number = jmap_number(str_z(id), 'q');
	v = jmap_stored(home, OBJECT_APPROVAL, number, &err);
	assert_non_null(v);
	cJSON_ReplaceItemInArray(
	    (cJSON *)json_get(json_get(v, "what"), "emailIds"), 0, cJSON_CreateString(b));
	assert_int_equal(jmap_store(home, OBJECT_APPROVAL, &number, v, &by, &err), 0);
	cJSON_Delete(v);
	world.approved = true;
	agent = NULL;
	answer_it("approved");
	expect("/notUpdated/*/type", "\"serverFail\"");
	stands_in(b, "INBOX");
	assert_true(world.approved);
}

/* ---- interrupted ---- */

/* As an owner leaves it that ends in between. */
static void
interrupt(void)
{
	const struct change_by by = {.actor = STR("jmap")};
	uint64_t number = jmap_number(str_z(id), 'q');
	cJSON *v = jmap_stored(home, OBJECT_APPROVAL, number, &err);

	json_replace(v, "state", json_new_str(STR("approved")));
	assert_int_equal(jmap_store(home, OBJECT_APPROVAL, &number, v, &by, &err), 0);
	cJSON_Delete(v);
}

static void
expect_settled(const char *state)
{
	unsigned before = world.settled;

	look();
	expect("/list/0/state", "\"approved\"");
	for (unsigned i = 0; i < 200 && (world.settled == before || jmap_is_busy(jmap)); i++)
		calls("[\"Core/echo\",{},\"0\"]");
	look();
	expect("/list/0/state", state);
	assert_int_equal(world.settled, before + 1);
}

static void
test_interrupted_before(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	interrupt();
	expect_settled("\"requested\"");
	answer_it("approved");
	expect("/notUpdated", "null");
	assert_int_equal(world.messages, 1);
}

static void
test_interrupted_after(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	interrupt();
	world.used = true;
	(void)snprintf(world.mid, sizeof world.mid, "01hx7h5k2mabcdefghjk");
	expect_settled("\"sent\"");
	expect("/list/0/mid", "\"01hx7h5k2mabcdefghjk\"");
	assert_int_equal(world.messages, 0);
}

static void
test_interrupted_and_lost(void **state)
{
	(void)state;
	request("");
	agent = NULL;
	interrupt();
	world.used = true;
	world.state = SUBMITTED_UNKNOWN;
	(void)snprintf(world.mid, sizeof world.mid, "01hx7h5k2mabcdefghjk");
	expect_settled("\"failed\"");
	assert_true(str_at("/list/0/error").n > 0);
}

static void
test_interrupted_action(void **state)
{
	const char *a = mail("INBOX");

	(void)state;
	request_action(
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a).p);
	agent = NULL;
	interrupt();
	expect_settled("\"requested\"");
	interrupt();
	world.used = true;
	expect_settled("\"failed\"");
	stands_in(a, "INBOX");
}

/* authd does not answer, and the owner ends. */
static void
test_ends_while_it_waits(void **state)
{
	const char *a = mail("INBOX");

	(void)state;
	request_action(
	    arena_printf(&scratch, "{\"action\":\"delete\",\"emailIds\":[\"%s\"]}", a).p);
	agent = NULL;
	interrupt();
	world.hangs = true;
	look();
	assert_true(jmap_is_busy(jmap));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_frozen),
	    T(test_approved),
	    T(test_not_approved_at_authd),
	    T(test_refused),
	    T(test_expired),
	    T(test_who_may_ask),
	    T(test_another_agent_sees_nothing),
	    T(test_so_many_wait),
	    T(test_origins),
	    T(test_what_was_sent_stands_in_sent),
	    T(test_another_message_in_it_is_forwarding),
	    T(test_moves),
	    T(test_deletes),
	    T(test_vacation),
	    T(test_actions_that_cannot_be_asked_for),
	    T(test_a_changed_id),
	    T(test_interrupted_before),
	    T(test_interrupted_after),
	    T(test_interrupted_and_lost),
	    T(test_interrupted_action),
	    T(test_ends_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
