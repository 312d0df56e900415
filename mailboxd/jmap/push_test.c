/*
 * push_test.c - tests of PushSubscriptions: RFC 8620 7.2.
 */
#include "mailboxd/jmap/push.h"

#include "mailboxd/jmap/jmap_test_in.h"
#include "mailboxd/jmap/outside.h"
#include "mailboxd/jmap/push_in.h"

#define MAIL "Subject: s\r\n\r\ntext\r\n"
#define KEYS                                                                                \
	"{\"p256dh\":\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7" \
	"Vd8pZGH6SRpkNtoIAiw4\",\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\"}"

/* A push service. */
static struct {
	unsigned posts, forgotten;
	struct str url, body;
	bool sealed;
	void (*fn)(void *to, unsigned status);
	void *to;
} service;

static uint64_t
take_post(void *arg, struct str url, struct str body, bool sealed,
    void (*fn)(void *to, unsigned status), void *to)
{
	(void)arg;
	assert_null(service.fn);
	service.posts++;
	service.url = arena_dup(&scratch, url);
	service.body = arena_dup(&scratch, body);
	service.sealed = sealed;
	service.fn = fn;
	service.to = to;
	return service.posts;
}

/* Would mail start an owner? */
static bool
is_marked(void)
{
	return access(PUSH_PATH, F_OK) == 0;
}

static void
forget(void *arg, uint64_t question)
{
	(void)arg;
	(void)question;
	service.forgotten++;
	service.fn = NULL;
}

static const struct jmap_outside outside = {.post = take_post, .forget = forget};

static void
open_pushing(void)
{
	const struct jmap_host host = {
	    .home = home, .user = STR_INIT("alice@example.test"), .outside = &outside};

	jmap_free(&jmap);
	jmap = jmap_new(&host);
}

static int
setup_push(void **state)
{
	if (setup(state) < 0)
		return -1;
	memset(&service, 0, sizeof service);
	open_pushing();
	return 0;
}

static void
turns(void)
{
	for (unsigned i = 0; i < 3; i++)
		loop_once(1);
}

/* The service answers. */
static void
answers(unsigned http)
{
	void (*fn)(void *to, unsigned status) = service.fn;

	assert_non_null(fn);
	service.fn = NULL;
	fn(service.to, http);
	turns();
}

/* No account: call() adds one. */
static cJSON *
push_call(const char *method, const char *args)
{
	struct str t = arena_printf(&scratch, "[\"%s\",%s,\"c\"]", method, args);
	cJSON *result;

	calls(t.p);
	result = cJSON_DetachItemFromArray(
	    cJSON_GetArrayItem(json_get(answer, "methodResponses"), 0), 1);
	cJSON_Delete(answer);
	return answer = result;
}

static const char *
subscribe(const char *more)
{
	push_call("PushSubscription/set", arena_printf(&scratch,
					      "{\"create\":{\"k\":{\"deviceClientId\":\"d1\","
					      "\"url\":\"https://push.test/x\"%s}}}",
					      more)
					      .p);
	if (at(answer, "/created/k/id") == NULL)
		fail_msg("%s", text.p);
	return arena_dupz(&scratch, str_at("/created/k/id"));
}

/* What was posted in clear; its member. */
static struct str
member(const char *m)
{
	cJSON *v = cJSON_ParseWithLength(service.body.p, service.body.n);
	struct str s = arena_dup(&scratch, json_str(json_get(v, m)));

	cJSON_Delete(v);
	return s;
}

static void
confirm(const char *id)
{
	struct str code = member("verificationCode");

	answers(201);
	push_call("PushSubscription/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"verificationCode\":\"" STR_FMT "\"}}}",
		id, STR_ARG(code))
		.p);
	expect("/notUpdated", "null");
}

static void
test_verification(void **state)
{
	const char *id;

	(void)state;
	id = subscribe("");
	assert_int_equal(service.posts, 1);
	assert_true(str_eq_z(service.url, "https://push.test/x"));
	assert_false(service.sealed);
	assert_true(str_eq_z(member("@type"), "PushVerification"));
	assert_true(str_eq_z(member("pushSubscriptionId"), id));
	expect("/accountId", "");
	expect("/oldState", "");
	assert_true(str_at("/created/k/expires").n > 0);
	assert_false(is_marked());
	/* Nothing before it is verified. */
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 1);
	push_call("PushSubscription/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"verificationCode\":\"no\"}}}", id).p);
	expect("/notUpdated/*/properties", "[\"verificationCode\"]");
	confirm(id);
	assert_true(is_marked());
	/* What has come meanwhile is told at once. */
	turns();
	assert_int_equal(service.posts, 2);
	assert_true(str_eq_z(member("@type"), "StateChange"));
	assert_true(str_find(service.body, STR("\"Email\":")) < service.body.n);
}

static void
test_get(void **state)
{
	const char *id;

	(void)state;
	id = subscribe(",\"types\":[\"Email\",\"Future\"],\"keys\":" KEYS);
	push_call("PushSubscription/get", "{\"ids\":null}");
	expect("/accountId", "");
	expect("/state", "");
	expect("/list/0/id", arena_printf(&scratch, "\"%s\"", id).p);
	expect("/list/0/deviceClientId", "\"d1\"");
	expect("/list/0/types", "[\"Email\",\"Future\"]");
	expect("/list/0/verificationCode", "null");
	expect("/list/0/url", "");
	expect("/list/0/keys", "");
	push_call("PushSubscription/get", "{\"properties\":[\"url\"]}");
	expect("/type", "\"forbidden\"");
	push_call("PushSubscription/get", "{\"ids\":[\"p99\"]}");
	expect("/notFound", "[\"p99\"]");
	push_call("PushSubscription/get", "{\"accountId\":\"$A\"}");
	expect("/type", "\"invalidArguments\"");
	push_call("PushSubscription/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", id).p);
	expect("/notDestroyed", "null");
	assert_int_equal(service.forgotten, 1);
	push_call("PushSubscription/get", "{}");
	expect("/list", "[]");
}

static void
test_set_is_strict(void **state)
{
	static const struct {
		const char *object, *property;
	} bad[] = {{"\"deviceClientId\":\"\",\"url\":\"https://a.test/\"", "deviceClientId"},
	    {"\"deviceClientId\":\"d\",\"url\":\"http://a.test/\"", "url"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/ b\"", "url"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"verificationCode\":\"x\"",
		"verificationCode"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"keys\":{}", "keys"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"keys\":{\"p256dh\":\"AAAA\","
	     "\"auth\":\"AAAA\"}",
		"keys"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"types\":\"Email\"", "types"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\","
	     "\"expires\":\"2001-01-01T00:00:00Z\"",
		"expires"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"expires\":5", "expires"},
	    {"\"deviceClientId\":\"d\",\"url\":\"https://a.test/\",\"id\":\"p1\"", "id"}};
	const char *id;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		push_call("PushSubscription/set",
		    arena_printf(&scratch, "{\"create\":{\"k\":{%s}}}", bad[i].object).p);
		expect("/notCreated/k/type", "\"invalidProperties\"");
		expect("/notCreated/k/properties",
		    arena_printf(&scratch, "[\"%s\"]", bad[i].property).p);
	}
	assert_int_equal(service.posts, 0);
	push_call("PushSubscription/set", "{\"ifInState\":\"x\"}");
	expect("/type", "\"invalidArguments\"");
	id = subscribe("");
	push_call("PushSubscription/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"url\":\"https://b.test/\"}}}", id).p);
	expect("/notUpdated/*/properties", "[\"url\"]");
	/* What is said as it is does no harm (RFC 8620 5.3). */
	push_call("PushSubscription/get", "{\"ids\":null}");
	push_call("PushSubscription/set",
	    arena_printf(&scratch,
		"{\"update\":{\"%s\":{\"id\":\"%s\",\"deviceClientId\":\"" STR_FMT "\"}}}", id, id,
		STR_ARG(str_at("/list/0/deviceClientId")))
		.p);
	expect("/notUpdated", "null");
	push_call("PushSubscription/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"deviceClientId\":\"no\"}}}", id).p);
	expect("/notUpdated/*/properties", "[\"deviceClientId\"]");
}

/* One POST at a time; what changes meanwhile is told together. */
static void
test_telling(void **state)
{
	const char *id;

	(void)state;
	id = subscribe(",\"types\":[\"Mailbox\"]");
	confirm(id);
	assert_int_equal(service.posts, 1);
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 2);
	assert_true(str_find(service.body, STR("Email")) == service.body.n);
	append("INBOX", MAIL, 0);
	turns();
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 2);
	answers(201);
	assert_int_equal(service.posts, 3);
	assert_true(
	    str_find(service.body, str_z(jmap_state(jmap, JMAP_MAILBOX).text)) < service.body.n);
	answers(200);
	assert_int_equal(service.posts, 3);
	/* The next owner tells what comes while there is none. */
	jmap_free(&jmap);
	append("INBOX", MAIL, 0);
	open_pushing();
	assert_true(is_marked());
	turns();
	assert_int_equal(service.posts, 4);
	answers(200);
	jmap_free(&jmap);
	open_pushing();
	turns();
	assert_int_equal(service.posts, 4);
}

static void
test_failures(void **state)
{
	const char *id;

	(void)state;
	id = subscribe("");
	/* The code did not come: it is sent again. */
	answers(503);
	assert_int_equal(service.posts, 1);
	clock_advance(20000);
	turns();
	assert_int_equal(service.posts, 2);
	confirm(id);
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 3);
	answers(0);
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 3);
	clock_advance(40000);
	turns();
	assert_int_equal(service.posts, 4);
	assert_true(
	    str_find(service.body, str_z(jmap_state(jmap, JMAP_EMAIL).text)) < service.body.n);
	/* RFC 8030 7.3: it has gone. */
	answers(410);
	assert_false(is_marked());
	push_call("PushSubscription/get", "{}");
	expect("/list", "[]");
}

static void
test_sealed(void **state)
{
	(void)state;
	(void)subscribe(",\"keys\":" KEYS);
	assert_true(service.sealed);
	assert_true(str_find(service.body, STR("PushVerification")) == service.body.n);
	assert_int_equal((unsigned char)service.body.p[20], PUSH_KEY_LEN);
}

static void
test_expiry(void **state)
{
	const char *id;

	(void)state;
	id = subscribe(",\"expires\":\"2999-01-01T00:00:00Z\"");
	/* No longer than we say. */
	assert_false(str_eq_z(str_at("/created/k/expires"), "2999-01-01T00:00:00Z"));
	confirm(id);
	clock_advance((uint64_t)(PUSH_KEEP_S - 100) * 1000);
	push_call("PushSubscription/set",
	    arena_printf(&scratch, "{\"update\":{\"%s\":{\"expires\":null}}}", id).p);
	expect("/notUpdated", "null");
	clock_advance(200 * 1000);
	push_call("PushSubscription/get", "{}");
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 1);
	clock_advance((uint64_t)PUSH_KEEP_S * 1000);
	push_call("PushSubscription/get", "{}");
	expect("/list", "[]");
	assert_false(is_marked());
}

/* The parent ends what the user's sessions have asked for (RFC 8620 7.2). */
static void
test_revoked(void **state)
{
	(void)state;
	confirm(subscribe(""));
	assert_true(is_marked());
	jmap_free(&jmap);
	assert_int_equal(unlink(PUSH_PATH), 0);
	open_pushing();
	push_call("PushSubscription/get", "{}");
	expect("/list", "[]");
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(service.posts, 1);
}

static void
test_number_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PUSH_MAX; i++) {
		(void)subscribe("");
		answers(201);
	}
	push_call("PushSubscription/set",
	    "{\"create\":{\"k\":{\"deviceClientId\":\"d\",\"url\":\"https://a.test/\"}}}");
	expect("/notCreated/k/type", "\"overQuota\"");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_push, teardown)
	const struct CMUnitTest tests[] = {TEST(test_verification), TEST(test_get),
	    TEST(test_set_is_strict), TEST(test_telling), TEST(test_failures), TEST(test_sealed),
	    TEST(test_expiry), TEST(test_revoked), TEST(test_number_is_bounded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
