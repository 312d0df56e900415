/*
 * mailbox_test.c - tests of Mailboxes: RFC 8621 2, and of the standard methods (RFC 8620 5) by
 * them.
 */
#include "mailboxd/jmap/jmap_test_in.h"

#define MAIL "From: a@x.test\r\nSubject: s\r\nMessage-ID: <1@x>\r\n\r\ntext\r\n"

/* The id of a mailbox by its path. */
static const char *
id_of(const char *path)
{
	struct mailbox *mb = home_find(home, str_z(path));

	assert_non_null(mb);
	return arena_printf(&scratch, "m%u", mb->id).p;
}

/* Arguments with ids in the place of "%s". */
static cJSON *callf(const char *method, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static cJSON *
callf(const char *method, const char *fmt, ...)
{
	struct buf b;
	cJSON *v;
	va_list ap;

	buf_init(&b, SIZE_MAX / 2);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	v = call(method, b.p);
	buf_free(&b);
	return v;
}

static const char *
state_now(void)
{
	call("Mailbox/get", "{\"ids\":[]}");
	return arena_dupz(&scratch, str_at("/state"));
}

/* The path of what was created as "k". */
static const char *
made(const char *k)
{
	struct str id = str_at(arena_printf(&scratch, "/created/%s/id", k).p);
	uint64_t n = 0;
	struct mailbox *mb;

	assert_true(id.n > 1);
	assert_int_equal(num_parse(str_from(id, 1), 1, UINT32_MAX, &n), 0);
	mb = home_find_id(home, (uint32_t)n);
	assert_non_null(mb);
	return arena_dupz(&scratch, mb->name);
}

/* ---- /get ---- */

static void
test_get_all(void **state)
{
	(void)state;
	call("Mailbox/get", "{\"ids\":null}");
	assert_string_equal(name, "Mailbox/get");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 6);
	expect("/notFound", "[]");
	expect("/list/0/name", "\"Inbox\"");
	expect("/list/0/role", "\"inbox\"");
	expect("/list/0/parentId", "null");
	expect("/list/0/sortOrder", "10");
	expect("/list/0/totalEmails", "0");
	expect("/list/0/isSubscribed", "true");
	expect("/list/0/myRights",
	    "{\"mayReadItems\":true,\"mayAddItems\":true,\"mayRemoveItems\":true,\"maySetSeen\":"
	    "true,"
	    "\"maySetKeywords\":true,\"mayCreateChild\":true,\"maySubmit\":true,"
	    "\"mayRename\":false,\"mayDelete\":false}");
	expect("/list/1/role", "\"archive\"");
	expect("/list/1/myRights/mayRename", "true");
}

static void
test_get_some(void **state)
{
	(void)state;
	callf("Mailbox/get",
	    "{\"ids\":[\"%s\",\"m999\",\"%s\",\"x\",\"m01\",\"m999\"],\"properties\":[\"name\"]}",
	    id_of("Sent"), id_of("Sent"));
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 1);
	expect("/list/0",
	    arena_printf(&scratch, "{\"id\":\"%s\",\"name\":\"Sent\"}", id_of("Sent")).p);
	expect("/notFound", "[\"m999\",\"x\",\"m01\"]");
}

static void
test_get_is_strict(void **state)
{
	static const char *const bad[] = {"{\"ids\":1}", "{\"ids\":[1]}", "{\"ids\":[\"a b\"]}",
	    "{\"ids\":[\"\"]}", "{\"properties\":[\"no\"]}", "{\"properties\":\"name\"}",
	    "{\"properties\":[null]}", "{\"more\":1}"};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		call("Mailbox/get", bad[i]);
		assert_string_equal(name, "error");
		expect("/type", "\"invalidArguments\"");
	}
	buf_init(&b, SIZE_MAX / 2);
	buf_puts(&b, "{\"ids\":[\"m1\"");
	for (unsigned i = 0; i < JMAP_MAX_GET; i++)
		buf_printf(&b, ",\"m%u\"", i);
	buf_puts(&b, "]}");
	call("Mailbox/get", b.p);
	expect("/type", "\"requestTooLarge\"");
	buf_free(&b);
}

/* RFC 8620 3.6.2 */
static void
test_account(void **state)
{
	(void)state;
	calls("[\"Mailbox/get\",{},\"c\"],[\"Mailbox/get\",{\"accountId\":\"a1\"},\"d\"],"
	      "[\"Mailbox/get\",{\"accountId\":1},\"e\"]");
	expect("/methodResponses/0/1/type", "\"invalidArguments\"");
	expect("/methodResponses/1/1/type", "\"accountNotFound\"");
	expect("/methodResponses/2/1/type", "\"invalidArguments\"");
}

static void
test_counts(void **state)
{
	(void)state;
	append("INBOX", MAIL, 0);
	append("INBOX", MAIL, FLAG_SEEN);
	append("INBOX", MAIL, FLAG_DELETED);
	append("INBOX", "Subject: other\r\nMessage-ID: <2@x>\r\n\r\nx\r\n", FLAG_DRAFT);
	callf("Mailbox/get", "{\"ids\":[\"%s\"]}", id_of("INBOX"));
	expect("/list/0/totalEmails", "3");
	expect("/list/0/unreadEmails", "1");
	expect("/list/0/totalThreads", "2");
	expect("/list/0/unreadThreads", "1");
}

/* ---- /set: create ---- */

static void
test_create(void **state)
{
	const char *before = state_now();

	(void)state;
	call("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"Work\"}}}");
	assert_string_equal(made("k"), "Work");
	expect("/notCreated", "null");
	expect("/updated", "null");
	expect("/destroyed", "null");
	expect("/oldState", arena_printf(&scratch, "\"%s\"", before).p);
	assert_false(str_eq_z(str_at("/newState"), before));
	expect("/created/k/parentId", "null");
	expect("/created/k/role", "null");
	expect("/created/k/totalEmails", "0");
	expect("/created/k/isSubscribed", "true");
	expect("/created/k/name", "");
	assert_false(home_is_dirty(home));
	assert_true(changes > 0);
	/* What it has from then on. */
	callf("Mailbox/get", "{\"ids\":[\"%s\"]}", id_of("Work"));
	expect("/list/0/name", "\"Work\"");
	expect("/list/0/sortOrder", "100");
}

/* Children before their parents: the map has no order (RFC 8620 5.3). */
static void
test_create_tree(void **state)
{
	(void)state;
	calls("[\"Mailbox/set\",{\"accountId\":\"$A\",\"create\":{"
	      "\"c\":{\"name\":\"C\",\"parentId\":\"#b\",\"isSubscribed\":false},"
	      "\"b\":{\"name\":\"B\",\"parentId\":\"#a\",\"sortOrder\":5},"
	      "\"a\":{\"name\":\"A\",\"role\":null}}},\"0\"],"
	      "[\"Mailbox/set\",{\"accountId\":\"$A\",\"create\":{"
	      "\"d\":{\"name\":\"D\",\"parentId\":\"#a\"}},"
	      "\"update\":{\"#b\":{\"name\":\"BB\"}}},\"1\"],"
	      "[\"Mailbox/get\",{\"accountId\":\"$A\",\"ids\":[\"#c\",\"#zz\"]},\"2\"]");
	expect("/methodResponses/0/1/notCreated", "null");
	assert_non_null(home_find(home, STR("A/BB/C")));
	assert_non_null(home_find(home, STR("A/D")));
	assert_false(home_find(home, STR("A/BB/C"))->subscribed);
	expect("/methodResponses/2/1/list/0/name", "\"C\"");
	expect("/methodResponses/2/1/notFound", "[\"#zz\"]");
}

static void
test_create_is_strict(void **state)
{
	static const struct {
		const char *object, *property;
	} bad[] = {{"{}", "name"}, {"{\"name\":\"\"}", "name"}, {"{\"name\":null}", "name"},
	    {"{\"name\":\"a/b\"}", "name"}, {"{\"name\":\"..\"}", "name"},
	    {"{\"name\":\"x\",\"parentId\":\"m999\"}", "parentId"},
	    {"{\"name\":\"x\",\"parentId\":\"#k\"}", "parentId"},
	    {"{\"name\":\"x\",\"parentId\":\"#no\"}", "parentId"},
	    {"{\"name\":\"x\",\"parentId\":5}", "parentId"},
	    {"{\"name\":\"x\",\"role\":\"sent\"}", "role"},
	    {"{\"name\":\"x\",\"role\":\"inbox\"}", "role"},
	    {"{\"name\":\"x\",\"role\":\"no\"}", "role"},
	    {"{\"name\":\"x\",\"sortOrder\":-1}", "sortOrder"},
	    {"{\"name\":\"x\",\"sortOrder\":2147483648}", "sortOrder"},
	    {"{\"name\":\"x\",\"sortOrder\":1.5}", "sortOrder"},
	    {"{\"name\":\"x\",\"isSubscribed\":1}", "isSubscribed"},
	    {"{\"name\":\"x\",\"id\":\"m9\"}", "id"},
	    {"{\"name\":\"x\",\"totalEmails\":0}", "totalEmails"},
	    {"{\"name\":\"x\",\"no\":0}", "no"}};
	uint64_t before = home_modseq(home);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		callf("Mailbox/set", "{\"create\":{\"k\":%s}}", bad[i].object);
		expect("/notCreated/k/type", "\"invalidProperties\"");
		expect("/notCreated/k/properties",
		    arena_printf(&scratch, "[\"%s\"]", bad[i].property).p);
		expect("/created", "null");
	}
	/* RFC 8620 5.4 */
	callf("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"%s\"}}}", "Sent");
	expect("/notCreated/k/type", "\"alreadyExists\"");
	expect("/notCreated/k/existingId", arena_printf(&scratch, "\"%s\"", id_of("Sent")).p);
	callf("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"%s\"}}}", "inbox");
	expect("/notCreated/k/type", "\"alreadyExists\"");
	/* Two that need each other. */
	call("Mailbox/set", "{\"create\":{\"a\":{\"name\":\"a\",\"parentId\":\"#b\"},"
			    "\"b\":{\"name\":\"b\",\"parentId\":\"#a\"}}}");
	expect("/notCreated/a/properties", "[\"parentId\"]");
	expect("/notCreated/b/properties", "[\"parentId\"]");
	assert_int_equal(home_modseq(home), before);
}

static void
test_names_are_normal(void **state)
{
	(void)state;
	/* e and a combining acute accent */
	call("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"cafe\\u0301\"}}}");
	expect("/created/k/name", "\"caf\xc3\xa9\"");
	call("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"caf\xc3\xa9\"}}}");
	expect("/notCreated/k/type", "\"alreadyExists\"");
}

static void
test_set_is_strict(void **state)
{
	static const char *const bad[] = {"{\"create\":[]}", "{\"create\":{\"k\":1}}",
	    "{\"create\":{\"a b\":{}}}", "{\"update\":{\"\":{}}}", "{\"update\":{\"m1\":[]}}",
	    "{\"destroy\":{}}", "{\"destroy\":[1]}", "{\"destroy\":[\"a b\"]}", "{\"ifInState\":1}",
	    "{\"onDestroyRemoveEmails\":1}", "{\"no\":1}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		call("Mailbox/set", bad[i]);
		expect("/type", "\"invalidArguments\"");
	}
	call("Mailbox/set", "{\"ifInState\":\"0-0\"}");
	expect("/type", "\"stateMismatch\"");
	callf("Mailbox/set", "{\"ifInState\":\"%s\"}", state_now());
	assert_string_equal(name, "Mailbox/set");
}

/* ---- /set: update ---- */

#define UPDATE "{\"update\":{\"%s\":%s}}"

static void
test_rename(void **state)
{
	const char *a, *b;

	(void)state;
	call("Mailbox/set", "{\"create\":{\"a\":{\"name\":\"A\"},\"b\":{\"name\":\"B\","
			    "\"parentId\":\"#a\"}}}");
	a = id_of("A");
	b = id_of("A/B");
	callf("Mailbox/set", UPDATE, a, "{\"name\":\"Z\"}");
	expect("/updated", arena_printf(&scratch, "{\"%s\":null}", a).p);
	assert_string_equal(id_of("Z"), a);
	assert_string_equal(id_of("Z/B"), b);
	/* Still subscribed, both, and the old names no more. */
	assert_true(home_find(home, STR("Z"))->subscribed);
	assert_true(home_find(home, STR("Z/B"))->subscribed);
	callf("Mailbox/set", UPDATE, b,
	    arena_printf(&scratch, "{\"parentId\":\"%s\",\"name\":\"Q\"}", id_of("Archive")).p);
	assert_string_equal(id_of("Archive/Q"), b);
	callf("Mailbox/set", UPDATE, b, "{\"parentId\":null}");
	assert_string_equal(id_of("Q"), b);
	callf("Mailbox/set", UPDATE, b, "{\"parentId\":\"#no\"}");
	expect("/notUpdated/*/properties", "[\"parentId\"]");
	/* Below itself. */
	callf("Mailbox/set", UPDATE, b, arena_printf(&scratch, "{\"parentId\":\"%s\"}", b).p);
	expect("/notUpdated/*/properties", "[\"parentId\"]");
	callf("Mailbox/set", UPDATE, b, "{\"name\":\"Z\"}");
	expect("/notUpdated/*/type", "\"alreadyExists\"");
	callf("Mailbox/set", UPDATE, b, "{\"name\":null}");
	expect("/notUpdated/*/properties", "[\"name\"]");
}

/* One that gives way to another by the same call, in either order. */
static void
test_names_give_way(void **state)
{
	const char *a, *b;

	(void)state;
	call("Mailbox/set", "{\"create\":{\"a\":{\"name\":\"A\"},\"b\":{\"name\":\"B\"}}}");
	a = id_of("A");
	b = id_of("B");
	callf(
	    "Mailbox/set", "{\"update\":{\"%s\":{\"name\":\"B\"},\"%s\":{\"name\":\"C\"}}}", a, b);
	expect("/notUpdated", "null");
	assert_string_equal(id_of("B"), a);
	assert_string_equal(id_of("C"), b);
	/* Two that would change places cannot. */
	callf(
	    "Mailbox/set", "{\"update\":{\"%s\":{\"name\":\"C\"},\"%s\":{\"name\":\"B\"}}}", a, b);
	expect("/updated", "null");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/notUpdated")), 2);
}

static void
test_update_others(void **state)
{
	const char *id;

	(void)state;
	id = id_of("Archive");
	callf("Mailbox/set", UPDATE, id, "{\"sortOrder\":7,\"isSubscribed\":false}");
	expect("/updated", arena_printf(&scratch, "{\"%s\":null}", id).p);
	close_all();
	open_all();
	callf("Mailbox/get", "{\"ids\":[\"%s\"]}", id);
	expect("/list/0/sortOrder", "7");
	expect("/list/0/isSubscribed", "false");
	expect("/list/0/role", "\"archive\"");
	callf("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"New\"}}}%s", "");
	/* A role moves from one to the other, in either order. */
	callf("Mailbox/set", "{\"update\":{\"%s\":{\"role\":\"archive\"},\"%s\":{\"role\":null}}}",
	    id_of("New"), id);
	expect("/notUpdated", "null");
	assert_int_equal(home_find(home, STR("New"))->use, USE_ARCHIVE);
	assert_int_equal(home_find(home, STR("Archive"))->use, USE_NONE);
	callf("Mailbox/set", UPDATE, id, "{\"role\":\"archive\"}");
	expect("/notUpdated/*/properties", "[\"role\"]");
}

static void
test_update_is_strict(void **state)
{
	static const struct {
		const char *patch, *type;
	} bad[] = {{"{\"name/x\":1}", "\"invalidPatch\""}, {"{\"no/x\":1}", "\"invalidPatch\""},
	    {"{\"myRights\":{},\"myRights/mayDelete\":true}", "\"invalidPatch\""},
	    {"{\"myRights/mayDelete\":false}", "\"invalidProperties\""},
	    {"{\"id\":\"m9\"}", "\"invalidProperties\""},
	    {"{\"totalEmails\":9}", "\"invalidProperties\""},
	    {"{\"no\":9}", "\"invalidProperties\""}};
	const char *id, *inbox;

	(void)state;
	id = id_of("Archive");
	inbox = id_of("INBOX");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		callf("Mailbox/set", UPDATE, id, bad[i].patch);
		expect("/notUpdated/*/type", bad[i].type);
	}
	/* What is said as it is does no harm. */
	callf("Mailbox/set", UPDATE, id,
	    arena_printf(&scratch,
		"{\"id\":\"%s\",\"totalEmails\":0,\"totalThreads\":0,\"unreadThreads\":0,"
		"\"name\":\"Archive\"}",
		id)
		.p);
	expect("/notUpdated", "null");
	callf("Mailbox/set", UPDATE, "m999", "{}");
	expect("/notUpdated/m999/type", "\"notFound\"");
	callf("Mailbox/set", UPDATE, "#no", "{}");
	expect(
	    "/notUpdated", "{\"#no\":{\"type\":\"notFound\",\"description\":\"no such object\"}}");
	callf("Mailbox/set", UPDATE, inbox, "{\"name\":\"x\"}");
	expect("/notUpdated/*/type", "\"forbidden\"");
	callf("Mailbox/set", UPDATE, inbox, "{\"sortOrder\":3}");
	expect("/notUpdated", "null");
	callf(
	    "Mailbox/set", "{\"update\":{\"%s\":{\"sortOrder\":1}},\"destroy\":[\"%s\"]}", id, id);
	expect("/notUpdated/*/type", "\"willDestroy\"");
	assert_null(home_find(home, STR("Archive")));
}

/* ---- /set: destroy ---- */

static void
test_destroy(void **state)
{
	const char *a, *b;

	(void)state;
	call("Mailbox/set", "{\"create\":{\"a\":{\"name\":\"A\"},\"b\":{\"name\":\"B\","
			    "\"parentId\":\"#a\"}}}");
	a = id_of("A");
	b = id_of("A/B");
	callf("Mailbox/set", "{\"destroy\":[\"%s\",\"m999\",\"%s\"]}", a, id_of("INBOX"));
	expect("/destroyed", "null");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/notDestroyed")), 3);
	expect(arena_printf(&scratch, "/notDestroyed/%s/type", a).p, "\"mailboxHasChild\"");
	expect("/notDestroyed/m999/type", "\"notFound\"");
	expect(arena_printf(&scratch, "/notDestroyed/%s/type", id_of("INBOX")).p, "\"forbidden\"");
	append("A/B", MAIL, 0);
	callf("Mailbox/set", "{\"destroy\":[\"%s\"]}", b);
	expect("/notDestroyed/*/type", "\"mailboxHasEmail\"");
	/* The one above first: it waits for the other. */
	callf("Mailbox/set", "{\"destroy\":[\"%s\",\"%s\"],\"onDestroyRemoveEmails\":true}", a, b);
	expect("/notDestroyed", "null");
	assert_null(home_find(home, STR("A")));
	assert_null(home_find(home, STR("A/B")));
	/* A name of them is not left subscribed. */
	struct str sub;
	size_t i = 0;

	while (home_subscribed(home, &i, &sub))
		assert_false(str_starts(sub, STR("A/")) || str_eq_z(sub, "A"));
}

/* ---- /changes ---- */

static void
changes_since(const char *since, const char *created, const char *updated, const char *destroyed)
{
	callf("Mailbox/changes", "{\"sinceState\":\"%s\"}", since);
	assert_string_equal(name, "Mailbox/changes");
	expect("/oldState", arena_printf(&scratch, "\"%s\"", since).p);
	expect("/hasMoreChanges", "false");
	expect("/created", created);
	expect("/updated", updated);
	expect("/destroyed", destroyed);
}

static struct str
list(const char *id)
{
	return arena_printf(&scratch, "[\"%s\"]", id);
}

static void
test_changes(void **state)
{
	const char *s0, *s1, *s2, *work, *sent;

	(void)state;
	s0 = state_now();
	changes_since(s0, "[]", "[]", "[]");
	call("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"Work\"}}}");
	work = id_of("Work");
	sent = id_of("Sent");
	s1 = state_now();
	changes_since(s0, list(work).p, "[]", "[]");
	expect("/newState", arena_printf(&scratch, "\"%s\"", s1).p);
	append("Sent", MAIL, 0);
	changes_since(s1, "[]", list(sent).p, "[]");
	expect("/updatedProperties",
	    "[\"totalEmails\",\"unreadEmails\",\"totalThreads\",\"unreadThreads\"]");
	s2 = state_now();
	callf("Mailbox/set", UPDATE, sent, "{\"sortOrder\":1}");
	changes_since(s2, "[]", list(sent).p, "[]");
	expect("/updatedProperties", "null");
	callf("Mailbox/set", "{\"destroy\":[\"%s\"]}", work);
	changes_since(s1, "[]", list(sent).p, list(work).p);
	/* Made and gone: nothing of it. */
	changes_since(s0, "[]", list(sent).p, "[]");
	/* The same by the next owner. */
	close_all();
	open_all();
	changes_since(s1, "[]", list(sent).p, list(work).p);
	/* By IMAP too. */
	s2 = state_now();
	assert_int_equal(home_rename(home, STR("Sent"), STR("Out"), &by_test, &err), 0);
	changes_since(s2, "[]", list(sent).p, "[]");
}

/* A star changes nothing that mailboxes count. */
static void
test_state_of_flags(void **state)
{
	uint32_t uid = append("INBOX", MAIL, 0);
	const struct flag_set star = {.flags = FLAG_FLAGGED}, seen = {.flags = FLAG_SEEN};
	const char *s0, *s1;

	(void)state;
	call("Mailbox/get", "{}");
	s0 = state_now();
	assert_int_equal(mailbox_store(box("INBOX"), &uid, 1, STORE_ADD, &star, UINT64_MAX,
			     &by_test, &scratch, NULL, &err),
	    0);
	assert_string_equal(state_now(), s0);
	assert_int_equal(mailbox_store(box("INBOX"), &uid, 1, STORE_ADD, &seen, UINT64_MAX,
			     &by_test, &scratch, NULL, &err),
	    0);
	s1 = state_now();
	assert_string_not_equal(s1, s0);
	changes_since(s0, "[]", list(id_of("INBOX")).p, "[]");
}

/* An unread answer makes the thread unread where the rest of it is. */
/* An email that came before the mailbox it stands in now: that mailbox is new all the same. */
static void
test_changes_of_new_mailboxes(void **state)
{
	struct copy_result r;
	const char *since, *made;
	uint32_t uid;

	(void)state;
	call("Mailbox/get", "{\"ids\":[]}");
	since = arena_dupz(&scratch, str_at("/state"));
	uid = append("INBOX", "Subject: a\r\n\r\nx\r\n", 0);
	assert_int_equal(home_create(home, STR("Work"), &by_test, NULL, &err), 0);
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Work"), &by_test, &scratch, &r, &err), 0);
	made = id_of("Work");
	callf("Mailbox/changes", "{\"sinceState\":\"%s\"}", since);
	expect("/created", arena_printf(&scratch, "[\"%s\"]", made).p);
	expect("/updated", arena_printf(&scratch, "[\"%s\"]", id_of("INBOX")).p);
}

static void
test_changes_of_threads(void **state)
{
	const char *s0;

	(void)state;
	append("Sent", MAIL, FLAG_SEEN);
	callf("Mailbox/get", "{\"ids\":[\"%s\"]}", id_of("Sent"));
	expect("/list/0/unreadThreads", "0");
	s0 = state_now();
	append(
	    "INBOX", "Subject: Re: s\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\nx\r\n", 0);
	callf("Mailbox/changes", "{\"sinceState\":\"%s\"}", s0);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/updated")), 2);
	callf("Mailbox/get", "{\"ids\":[\"%s\"]}", id_of("Sent"));
	expect("/list/0/unreadThreads", "1");
	expect("/list/0/unreadEmails", "0");
}

/* In steps of any size one comes to the same end (RFC 8620 5.2). */
static void
test_changes_in_steps(void **state)
{
	const char *since;

	(void)state;
	for (unsigned step = 1; step < 7; step++) {
		unsigned n = 0, rounds = 0;

		since = state_now();
		for (unsigned i = 0; i < 4; i++)
			callf("Mailbox/set", "{\"create\":{\"k\":{\"name\":\"n%u-%u\"}}}", step, i);
		/* One operation about many mailboxes. */
		callf("Mailbox/set", UPDATE, id_of("Archive"),
		    arena_printf(&scratch, "{\"name\":\"Archive\",\"sortOrder\":%u}", step).p);
		callf("Mailbox/set",
		    "{\"create\":{\"t\":{\"name\":\"t%u\"},\"a\":{\"name\":\"a\",\"parentId\":\"#"
		    "t\"},"
		    "\"b\":{\"name\":\"b\",\"parentId\":\"#t\"}}}",
		    step);
		callf("Mailbox/set", UPDATE, id_of(arena_printf(&scratch, "t%u", step).p),
		    arena_printf(&scratch, "{\"name\":\"u%u\"}", step).p);
		do {
			callf("Mailbox/changes", "{\"sinceState\":\"%s\",\"maxChanges\":%u}", since,
			    step);
			assert_string_equal(name, "Mailbox/changes");
			n += (unsigned)cJSON_GetArraySize(at(answer, "/created"));
			assert_true((unsigned)cJSON_GetArraySize(at(answer, "/created")) +
					(unsigned)cJSON_GetArraySize(at(answer, "/updated")) <=
				    step);
			since = arena_dupz(&scratch, str_at("/newState"));
			assert_true(rounds++ < 40);
		} while (cJSON_IsTrue(at(answer, "/hasMoreChanges")));
		assert_int_equal(n, 7);
		assert_string_equal(since, state_now());
	}
}

/* However short a slice is, each gets on. */
static void
test_short_slices(void **state)
{
	uint32_t uids[50];
	const struct flag_set seen = {.flags = FLAG_SEEN};
	const char *since;

	(void)state;
	jmap_slice_us = 0;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		uids[i] = append("INBOX", "Subject: s\r\n\r\n", 0);
	call("Mailbox/get", "{}");
	since = state_now();
	assert_int_equal(mailbox_store(box("INBOX"), uids, ARRAY_LEN(uids), STORE_ADD, &seen,
			     UINT64_MAX, &by_test, &scratch, NULL, &err),
	    0);
	changes_since(since, "[]", list(id_of("INBOX")).p, "[]");
	call("Mailbox/set", "{\"create\":{\"a\":{\"name\":\"a\",\"parentId\":\"#b\"},"
			    "\"b\":{\"name\":\"b\"}}}");
	expect("/notCreated", "null");
	call("Mailbox/changes", "{\"sinceState\":\"0-0\"}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/created")), 8);
	call("Mailbox/query", "{\"calculateTotal\":true}");
	expect("/total", "8");
	jmap_slice_us = JMAP_SLICE_US;
}

static void
test_changes_is_strict(void **state)
{
	static const char *const bad[] = {"{}", "{\"sinceState\":1}",
	    "{\"sinceState\":\"%s\",\"maxChanges\":0}", "{\"sinceState\":\"%s\",\"maxChanges\":-1}",
	    "{\"sinceState\":\"%s\",\"no\":1}"};
	static const char *const unknown[] = {"", "x", "1", "1-", "-1", "1-x", "1-1-", "1-1-0",
	    "1-1-1-1", "99-1", "1-99999999999", "1-18446744073709551616"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str t = str_z(bad[i]);
		size_t at_s = str_find(t, STR("%s"));

		call("Mailbox/changes",
		    at_s == t.n ? bad[i]
				: arena_printf(&scratch, STR_FMT "%s%s",
				      STR_ARG(str_sub(t, 0, at_s)), state_now(), bad[i] + at_s + 2)
				      .p);
		expect("/type", "\"invalidArguments\"");
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		callf("Mailbox/changes", "{\"sinceState\":\"%s\"}", unknown[i]);
		expect("/type", "\"cannotCalculateChanges\"");
	}
}

/* INVARIANTS 3: what an index that was lost had told counts for nothing. */
static void
test_changes_after_loss(void **state)
{
	const char *s0 = state_now();

	(void)state;
	append("INBOX", MAIL, 0);
	close_all();
	assert_int_equal(unlink("db/index.db"), 0);
	open_all();
	callf("Mailbox/changes", "{\"sinceState\":\"%s\"}", s0);
	expect("/type", "\"cannotCalculateChanges\"");
	changes_since(state_now(), "[]", "[]", "[]");
}

/* ---- /query ---- */

static void
finds(const char *args, const char *names)
{
	struct str all = STR("");
	const cJSON *m;

	call("Mailbox/query", args);
	if (!str_eq_z(str_z(name), "Mailbox/query"))
		fail_msg("%s: %s", args, text.p);
	cJSON_ArrayForEach(m, at(answer, "/ids"))
	{
		uint64_t n = 0;

		assert_int_equal(num_parse(str_from(json_str(m), 1), 1, UINT32_MAX, &n), 0);
		all = arena_printf(&scratch, STR_FMT "%s" STR_FMT, STR_ARG(all), all.n ? "," : "",
		    STR_ARG(home_find_id(home, (uint32_t)n)->name));
	}
	if (!str_eq_z(all, names))
		fail_msg("%s\nwanted: %s\ngot: " STR_FMT, args, names, STR_ARG(all));
}

static void
test_query(void **state)
{
	(void)state;
	call("Mailbox/set", "{\"create\":{\"w\":{\"name\":\"Work\",\"sortOrder\":1},"
			    "\"a\":{\"name\":\"apple\",\"parentId\":\"#w\",\"isSubscribed\":false},"
			    "\"b\":{\"name\":\"Banana\",\"parentId\":\"#w\"}}}");
	finds("{\"filter\":{\"role\":\"inbox\"}}", "INBOX");
	finds("{\"filter\":{\"hasAnyRole\":false},\"sort\":[{\"property\":\"name\"}]}",
	    "Work/apple,Work/Banana,Work");
	finds("{\"filter\":{\"isSubscribed\":false}}", "Work/apple");
	finds("{\"filter\":{\"name\":\"AN\"}}", "Work/Banana");
	finds("{\"filter\":{\"role\":null,\"parentId\":null}}", "Work");
	finds(arena_printf(&scratch,
		  "{\"filter\":{\"parentId\":\"%s\"},\"sort\":[{\"property\":"
		  "\"name\",\"isAscending\":false}]}",
		  id_of("Work"))
		  .p,
	    "Work/Banana,Work/apple");
	finds("{\"filter\":{\"operator\":\"OR\",\"conditions\":[{\"name\":\"apple\"},"
	      "{\"role\":\"sent\"}]},\"sort\":[{\"property\":\"name\"}]}",
	    "Work/apple,Sent");
	finds("{\"filter\":{\"operator\":\"NOT\",\"conditions\":[{\"hasAnyRole\":true},"
	      "{\"name\":\"apple\"}]},\"sort\":[{\"property\":\"name\"}]}",
	    "Work/Banana,Work");
	finds("{\"filter\":{\"operator\":\"AND\",\"conditions\":[]},\"limit\":1,"
	      "\"sort\":[{\"property\":\"sortOrder\"}]}",
	    "Work");
	finds(
	    "{\"sort\":[{\"property\":\"sortOrder\"},{\"property\":\"name\"}],\"sortAsTree\":true}",
	    "Work,Work/apple,Work/Banana,INBOX,Drafts,Sent,Archive,Junk,Trash");
	finds("{\"filter\":{\"name\":\"a\"},\"filterAsTree\":true,\"sort\":[{\"property\":\"name\"}"
	      "]}",
	    "Archive,Drafts,Trash");
	expect("/canCalculateChanges", "false");
}

static void
test_query_window(void **state)
{
	(void)state;
#define SORTED "\"sort\":[{\"property\":\"sortOrder\"}]"
	finds("{" SORTED ",\"calculateTotal\":true}", "INBOX,Drafts,Sent,Archive,Junk,Trash");
	expect("/total", "6");
	expect("/position", "0");
	expect("/canCalculateChanges", "true");
	/* RFC 8620 5.5: ours, where another one was asked for or none. */
	expect("/limit", "10000");
	finds("{" SORTED ",\"limit\":20000}", "INBOX,Drafts,Sent,Archive,Junk,Trash");
	expect("/limit", "10000");
	finds("{" SORTED ",\"limit\":9}", "INBOX,Drafts,Sent,Archive,Junk,Trash");
	expect("/limit", "");
	finds("{" SORTED ",\"position\":2,\"limit\":2}", "Sent,Archive");
	expect("/position", "2");
	finds("{" SORTED ",\"position\":-2}", "Junk,Trash");
	expect("/position", "4");
	finds("{" SORTED ",\"position\":-20,\"limit\":1}", "INBOX");
	expect("/position", "0");
	finds("{" SORTED ",\"position\":20}", "");
	finds("{" SORTED ",\"limit\":0}", "");
	finds(arena_printf(&scratch,
		  "{" SORTED ",\"anchor\":\"%s\",\"anchorOffset\":-1,\"limit\":2,"
		  "\"position\":5}",
		  id_of("Archive"))
		  .p,
	    "Sent,Archive");
	expect("/position", "2");
	finds(
	    arena_printf(&scratch, "{" SORTED ",\"anchor\":\"%s\",\"anchorOffset\":-9,\"limit\":1}",
		id_of("Archive"))
		.p,
	    "INBOX");
	call("Mailbox/query", "{\"anchor\":\"m999\"}");
	expect("/type", "\"anchorNotFound\"");
}

static void
test_query_is_strict(void **state)
{
	static const struct {
		const char *args, *type;
	} bad[] = {{"{\"filter\":1}", "\"invalidArguments\""},
	    {"{\"filter\":[]}", "\"invalidArguments\""},
	    {"{\"filter\":{\"no\":1}}", "\"unsupportedFilter\""},
	    {"{\"filter\":{\"name\":1}}", "\"invalidArguments\""},
	    {"{\"filter\":{\"operator\":\"XOR\",\"conditions\":[]}}", "\"invalidArguments\""},
	    {"{\"filter\":{\"operator\":\"OR\"}}", "\"invalidArguments\""},
	    {"{\"filter\":{\"operator\":\"OR\",\"conditions\":[1]}}", "\"invalidArguments\""},
	    {"{\"sort\":{}}", "\"invalidArguments\""}, {"{\"sort\":[1]}", "\"invalidArguments\""},
	    {"{\"sort\":[{}]}", "\"invalidArguments\""},
	    {"{\"sort\":[{\"property\":\"no\"}]}", "\"unsupportedSort\""},
	    {"{\"sort\":[{\"property\":\"name\",\"collation\":\"no\"}]}", "\"unsupportedSort\""},
	    {"{\"sort\":[{\"property\":\"name\",\"isAscending\":1}]}", "\"invalidArguments\""},
	    {"{\"limit\":-1}", "\"invalidArguments\""},
	    {"{\"position\":1.5}", "\"invalidArguments\""}, {"{\"no\":1}", "\"invalidArguments\""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		call("Mailbox/query", bad[i].args);
		expect("/type", bad[i].type);
	}
}

/* What a client keeps by /queryChanges is what a new query gives (RFC 8620 5.6). */
static void
test_query_changes(void **state)
{
	const char *since, *now;

	(void)state;
	finds("{" SORTED "}", "INBOX,Drafts,Sent,Archive,Junk,Trash");
	since = arena_dupz(&scratch, str_at("/queryState"));
	callf("Mailbox/set",
	    "{\"create\":{\"k\":{\"name\":\"Work\",\"sortOrder\":45}},\"update\":{\"%s\":"
	    "{\"sortOrder\":5}},\"destroy\":[\"%s\"]}",
	    id_of("Sent"), id_of("Junk"));
	callf("Mailbox/queryChanges",
	    "{" SORTED ",\"sinceQueryState\":\"%s\",\"calculateTotal\":true}", since);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/removed")), 2);
	expect("/added",
	    arena_printf(&scratch, "[{\"id\":\"%s\",\"index\":0},{\"id\":\"%s\",\"index\":4}]",
		id_of("Sent"), id_of("Work"))
		.p);
	expect("/total", "6");
	now = arena_dupz(&scratch, str_at("/newQueryState"));
	assert_string_equal(now, state_now());
	callf("Mailbox/queryChanges", "{" SORTED ",\"sinceQueryState\":\"%s\",\"maxChanges\":3}",
	    since);
	expect("/type", "\"tooManyChanges\"");
	callf("Mailbox/queryChanges", "{\"sinceQueryState\":\"%s\",\"sortAsTree\":true}", since);
	expect("/type", "\"cannotCalculateChanges\"");
	call("Mailbox/queryChanges", "{\"sinceQueryState\":\"no\"}");
	expect("/type", "\"cannotCalculateChanges\"");
	call("Mailbox/queryChanges", "{}");
	expect("/type", "\"invalidArguments\"");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_get_all), TEST(test_get_some),
	    TEST(test_get_is_strict), TEST(test_account), TEST(test_counts), TEST(test_create),
	    TEST(test_create_tree), TEST(test_create_is_strict), TEST(test_names_are_normal),
	    TEST(test_set_is_strict), TEST(test_rename), TEST(test_names_give_way),
	    TEST(test_update_others), TEST(test_update_is_strict), TEST(test_destroy),
	    TEST(test_changes), TEST(test_state_of_flags), TEST(test_changes_of_threads),
	    TEST(test_changes_of_new_mailboxes), TEST(test_changes_in_steps),
	    TEST(test_short_slices), TEST(test_changes_is_strict), TEST(test_changes_after_loss),
	    TEST(test_query), TEST(test_query_window), TEST(test_query_is_strict),
	    TEST(test_query_changes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
