/* approval_test.c - what an agent asks to be sent: frozen, shown, answered by a human. */
#include "mailboxd/jmap/sending_test_in.h"

#include <sodium.h>

#include "mail/approval.h"
#include "mailboxd/jmap/agent.h"
#include "store/email.h"

static struct jmap_agent desk;
static const char *email, *identity, *id;

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
	call("Email/set",
	    arena_printf(&scratch,
		"{\"create\":{\"k\":{\"mailboxIds\":{\"m%u\":true},\"keywords\":{\"$draft\":true},"
		"\"from\":[{\"email\":\"alice@example.test\"}],\"to\":[{\"email\":\"bob@X.test\"}],"
		"\"bcc\":[{\"email\":\"carol@x.test\"}],\"subject\":\"Hi\","
		"\"textBody\":[{\"partId\":\"t\"}],\"bodyValues\":{\"t\":{\"value\":\"Text\"}}}}}",
		(unsigned)box("Drafts")->id)
		.p);
	email = arena_dupz(&scratch, str_at("/created/k/id"));
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
		"\"envelope\",\"agent\",\"session\"]}",
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
		request("");
		expect("/notCreated", "null");
	}
	request("");
	expect("/notCreated/k/type", "\"tooLarge\"");
}

/* What gk-mcpd says of recipients is kept for the card; what is no such list is none. */
static void
test_origins(void **state)
{
	static const char *const bad[] = {",\"origins\":{}", ",\"origins\":[1]",
	    ",\"origins\":[{\"value\":\"bob@x.test\"}]",
	    ",\"origins\":[{\"value\":1,\"emailId\":\"e1\",\"where\":\"body\"}]",
	    ",\"origins\":[{\"value\":\"b\",\"emailId\":\"e1\",\"where\":\"body\",\"x\":\"\"}]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		request(bad[i]);
		expect("/notCreated/k/properties/0", "\"origins\"");
	}
	request(",\"origins\":[{\"value\":\"bob@x.test\",\"emailId\":\"e1\",\"where\":\"body\"}]");
	agent = NULL;
	call("Approval/get", arena_printf(&scratch, "{\"ids\":[\"%s\"]}", id).p);
	expect("/list/0/origins/0/value", "\"bob@x.test\"");
	expect("/list/0/origins/0/emailId", "\"e1\"");
	expect("/list/0/origins/0/where", "\"body\"");
	agent = &desk;
	request("");
	call("Approval/get", arena_printf(&scratch, "{\"ids\":[\"%s\"]}", id).p);
	expect("/list/0/origins", "[]");
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
