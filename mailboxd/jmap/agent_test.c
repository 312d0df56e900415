/* agent_test.c - what an agent may do by JMAP, and in whose name it is done. */
#include "mailboxd/jmap/jmap_test_in.h"

#include "mailboxd/jmap/agent.h"
#include "mailboxd/jmap/request.h"
#include "store/change.h"

static struct jmap_agent desk;

static const char *
id_of(const char *mailbox)
{
	return arena_printf(&scratch, "m%u", (unsigned)box(mailbox)->id).p;
}

static const char *
email_in(const char *mailbox, unsigned i)
{
	char id[EMAIL_TEXT_SIZE];

	assert_true(box(mailbox)->n > i);
	return arena_dupz(
	    &scratch, str_z(email_text(box(mailbox)->messages[i].email, EMAIL_LETTER, id)));
}

static int
up(void **state)
{
	if (setup(state) < 0)
		return -1;
	desk = (struct jmap_agent){.name = STR_INIT("desk"),
	    .session = STR_INIT("0123456789abcdef"),
	    .scopes = AGENT_SCOPES,
	    .policy = AGENT_POLICY_DEFAULT};
	for (unsigned i = 0; i < 25; i++)
		append("INBOX", "From: bob@x.test\r\nSubject: hello\r\n\r\nText\r\n", 0);
	agent = &desk;
	return 0;
}

static int
down(void **state)
{
	agent = NULL;
	return teardown(state);
}

static void
create(const char *mailbox, const char *more)
{
	call("Email/set", arena_printf(&scratch,
			      "{\"create\":{\"k\":{\"mailboxIds\":{\"%s\":true},"
			      "\"from\":[{\"email\":\"alice@example.test\"}],"
			      "\"to\":[{\"email\":\"bob@x.test\"}],\"subject\":\"Hi\","
			      "\"bodyValues\":{\"t\":{\"value\":\"Text\"}}%s}}}",
			      id_of(mailbox), more)
			      .p);
}

#define DRAFT ",\"keywords\":{\"$draft\":true},\"textBody\":[{\"partId\":\"t\"}]"

static void
update(const char *email, const char *patch)
{
	call("Email/set", arena_printf(&scratch, "{\"update\":{\"%s\":{%s}}}", email, patch).p);
}

static void
expect_forbidden(const char *where)
{
	expect(where, "\"forbidden\"");
}

/* ---- methods ---- */

static bool
is_allowed(const char *method)
{
	return jmap_agent_refuses(&desk, str_z(method), NULL) == NULL;
}

static void
test_what_is_not_named_is_refused(void **state)
{
	static const char *const no[] = {"Identity/set", "Identity/changes", "Mailbox/set",
	    "Email/import", "Email/copy", "Email/parse", "EmailSubmission/set",
	    "EmailSubmission/get", "EmailSubmission/query", "VacationResponse/set",
	    "PushSubscription/get", "PushSubscription/set", "Blob/copy", "Preferences/set",
	    "Preferences/get", "Nothing/at/all"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(is_allowed(no[i]));
	call("EmailSubmission/set", "{\"create\":{}}");
	assert_string_equal(name, "error");
	expect_forbidden("/type");
	call("Identity/set", "{}");
	expect_forbidden("/type");
	call("Mailbox/get", "{\"ids\":null}");
	assert_string_equal(name, "Mailbox/get");
	/* A reader's own calls are what they were. */
	agent = NULL;
	call("Identity/set", "{}");
	assert_string_equal(name, "Identity/set");
}

static void
test_scopes(void **state)
{
	(void)state;
	desk.scopes = AGENT_READ;
	assert_true(is_allowed("Email/get"));
	assert_false(is_allowed("Email/set"));
	assert_false(is_allowed("Approval/set"));
	desk.scopes = AGENT_DRAFT;
	assert_false(is_allowed("Email/get"));
	assert_true(is_allowed("Mailbox/get"));
	assert_false(is_allowed("Mailbox/query"));
	create("Drafts", DRAFT);
	expect("/notCreated", "null");
	update(email_in("INBOX", 0), "\"keywords/$flagged\":true");
	expect_forbidden("/notUpdated/*/type");
	desk.scopes = AGENT_ORGANIZE;
	create("Drafts", DRAFT);
	expect_forbidden("/notCreated/k/type");
	update(email_in("INBOX", 0), "\"keywords/$flagged\":true");
	expect("/notUpdated", "null");
	desk.scopes = AGENT_SEND;
	assert_false(is_allowed("Mailbox/get"));
	desk.scopes = 0;
	assert_false(is_allowed("Core/echo"));
}

static void
test_read_is_never(void **state)
{
	(void)state;
	desk.policy |= (uint32_t)AGENT_NEVER << 2 * AGENT_CLASS_READ;
	assert_false(is_allowed("Email/get"));
	assert_true(is_allowed("Email/set"));
}

/* What comes with a ticket that makes no sense may nothing. */
static void
test_reading_what_authd_said(void **state)
{
	struct str good[] = {STR("desk"), STR("0123456789abcdef"), STR("1"), STR("2")};
	struct str bad[] = {STR("desk"), STR("../x"), STR("15"), STR("0")};

	(void)state;
	assert_null(jmap_agent_read(&scratch, good, 0));
	assert_int_equal(jmap_agent_read(&scratch, good, 4)->scopes, 1);
	assert_int_equal(jmap_agent_read(&scratch, good, 4)->policy, 2);
	assert_int_equal(jmap_agent_read(&scratch, good, 3)->scopes, 0);
	assert_int_equal(jmap_agent_read(&scratch, bad, 4)->scopes, 0);
}

/* ---- drafts ---- */

static void
test_a_draft(void **state)
{
	struct str id;

	(void)state;
	create("Drafts", DRAFT);
	expect("/notCreated", "null");
	id = str_at("/created/k/id");
	call("Email/get",
	    arena_printf(
		&scratch, "{\"ids\":[\"" STR_FMT "\"],\"properties\":[\"keywords\"]}", STR_ARG(id))
		.p);
	expect("/list/0/keywords", "{\"$draft\":true,\"" JMAP_AGENT_KEYWORD "\":true}");
	/* Its own it may throw away, nothing else. */
	call("Email/set", arena_printf(&scratch, "{\"destroy\":[\"" STR_FMT "\",\"%s\"]}",
			      STR_ARG(id), email_in("INBOX", 0))
			      .p);
	expect("/destroyed/1", "");
	expect_forbidden("/notDestroyed/*/type");
	assert_int_equal(box("Drafts")->n, 0);
}

static void
test_no_other_draft(void **state)
{
	static const char *const no[] = {",\"textBody\":[{\"partId\":\"t\"}]",
	    ",\"keywords\":{\"$draft\":true,\"$flagged\":true},\"textBody\":[{\"partId\":\"t\"}]",
	    ",\"keywords\":{\"$draft\":false},\"textBody\":[{\"partId\":\"t\"}]",
	    DRAFT ",\"header:X-A:asText\":\"b\"", DRAFT ",\"sender\":[{\"email\":\"eve@x.test\"}]",
	    DRAFT ",\"replyTo\":[{\"email\":\"eve@x.test\"}]",
	    DRAFT ",\"htmlBody\":[{\"partId\":\"t\",\"type\":\"text/html\"}]",
	    DRAFT ",\"receivedAt\":\"2023-11-14T22:13:20Z\"", DRAFT ",\"messageId\":[\"a@b\"]",
	    ",\"keywords\":{\"$draft\":true},\"bodyStructure\":{\"partId\":\"t\"}",
	    ",\"keywords\":{\"$draft\":true},"
	    "\"textBody\":[{\"partId\":\"t\",\"type\":\"text/html\"}]",
	    ",\"keywords\":{\"$draft\":true},"
	    "\"textBody\":[{\"partId\":\"t\",\"header:X-A:asText\":\"b\"}]",
	    DRAFT ",\"attachments\":[{\"blobId\":\"b1\",\"headers\":[]}]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		create("Drafts", no[i]);
		expect_forbidden("/notCreated/k/type");
	}
	create("INBOX", DRAFT);
	expect_forbidden("/notCreated/k/type");
	assert_int_equal(box("Drafts")->n, 0);
}

/* A human's draft is not the agent's by a keyword. */
static void
test_a_draft_of_the_user(void **state)
{
	const char *id;

	(void)state;
	agent = NULL;
	create("Drafts", DRAFT);
	agent = &desk;
	id = email_in("Drafts", 0);
	call("Email/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", id).p);
	expect_forbidden("/notDestroyed/*/type");
	update(id, "\"keywords/" JMAP_AGENT_KEYWORD "\":true");
	expect_forbidden("/notUpdated/*/type");
	update(id, "\"keywords/$Draft\":null");
	expect_forbidden("/notUpdated/*/type");
	update(id, "\"keywords/~0\":true");
	expect_forbidden("/notUpdated/*/type");
	update(id, "\"keywords\":{\"" JMAP_AGENT_KEYWORD "\":true}");
	expect_forbidden("/notUpdated/*/type");
}

/* ---- moves ---- */

static const char *
moves(unsigned n, const char *to)
{
	struct buf b;
	const char *out;

	buf_init(&b, 1u << 20);
	buf_puts(&b, "{\"update\":{");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "%s\"%s\":{\"mailboxIds\":{\"%s\":true}}", i ? "," : "",
		    email_in("INBOX", i), id_of(to));
	buf_puts(&b, "}}");
	out = arena_dupz(&scratch, buf_view(&b));
	buf_free(&b);
	return out;
}

static void
test_moves(void **state)
{
	(void)state;
	call("Email/set", moves(AGENT_MOVE_FREE + 1, "Archive"));
	assert_string_equal(name, "error");
	expect_forbidden("/type");
	call("Email/set", moves(AGENT_MOVE_FREE, "Archive"));
	expect("/notUpdated", "null");
	assert_int_equal(box("Archive")->n, AGENT_MOVE_FREE);
}

static void
test_away_is_deleted(void **state)
{
	(void)state;
	call("Email/set", moves(1, "Trash"));
	expect_forbidden("/notUpdated/*/type");
	update(email_in("INBOX", 0),
	    arena_printf(&scratch, "\"mailboxIds/%s\":true", id_of("Junk")).p);
	expect_forbidden("/notUpdated/*/type");
	assert_int_equal(agent_policy_parse(STR("delete=free"), &desk.policy, &err), 0);
	call("Email/set", moves(1, "Trash"));
	expect("/notUpdated", "null");
	assert_int_equal(box("Trash")->n, 1);
}

/* ---- in whose name ---- */

static bool
look(void *arg, const struct change *c)
{
	unsigned *n = arg;

	if (c->kind == CHANGE_FLAGS || c->kind == CHANGE_MOVED) {
		assert_true(str_eq_z(c->actor, "agent"));
		assert_true(str_eq(c->sid, desk.session));
		++*n;
	}
	return true;
}

static void
test_marked(void **state)
{
	unsigned n = 0;

	(void)state;
	update(email_in("INBOX", 0), "\"keywords/$seen\":true");
	expect("/notUpdated", "null");
	call("Email/set", moves(2, "Archive"));
	assert_int_equal(change_each(home, 0, look, &n, &err), 0);
	assert_int_equal(n, 3);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_what_is_not_named_is_refused),
	    T(test_scopes),
	    T(test_read_is_never),
	    T(test_reading_what_authd_said),
	    T(test_a_draft),
	    T(test_no_other_draft),
	    T(test_a_draft_of_the_user),
	    T(test_moves),
	    T(test_away_is_deleted),
	    T(test_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
