/*
 * request_test.c - tests of requests as wholes (RFC 8620 1 and 3).
 */
#include "mailboxd/jmap/jmap_test_in.h"

#define PROBLEM(type) "\"urn:ietf:params:jmap:error:" type "\""

static void
refused(const char *request, const char *type)
{
	ask(request);
	assert_int_equal(status, 400);
	expect("/type", type);
	expect("/status", "400");
}

/* RFC 8620 3.6.1: notJSON; RFC 7493 */
static void
test_not_json(void **state)
{
	static const char *const texts[] = {"", " ", "{", "{}{}", "{\"a\":1,}", "[1,]", "nul",
	    "'a'", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "\"\xff\"", "\"\xc0\x80\"",
	    "\"\xed\xa0\x80\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\u0000\"",
	    "\"\\uffff\"", "\"\xef\xbf\xbf\"", "01", "1.", ".5", "1e", "1e999", "-", "+1", "\"\n\"",
	    "\"\\x\"", "\xef\xbb\xbf{}", "{\"a\" 1}", "{a:1}", "[1 2]", "NaN", "\"\\u12g4\"",
	    "/**/{}", "{}x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		refused(texts[i], PROBLEM("notJSON"));
	/* A NUL behind it is a second value too. */
	ask_n(str_of("{}", 3));
	expect("/type", PROBLEM("notJSON"));
}

static void
test_json_is_understood(void **state)
{
	(void)state;
	ask("{\"using\":[\"" JMAP_CORE "\"],\"methodCalls\":[[\"Core/echo\","
	    "{\"a\":[1,-2.5,1e3,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\xc3\xa9\"],"
	    "\"\":{}} , \"c\"]] }");
	assert_int_equal(status, 200);
	expect("/methodResponses/0/1",
	    "{\"a\":[1,-2.5,1000,true,false,null,\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\\\\/\xc3\xa9\"],"
	    "\"\":{}}");
}

/* RFC 8620 3.6.1: notRequest */
static void
test_not_request(void **state)
{
	static const char *const texts[] = {"[]", "1", "{}", "{\"using\":[]}",
	    "{\"methodCalls\":[]}", "{\"using\":1,\"methodCalls\":[]}",
	    "{\"using\":[1],\"methodCalls\":[]}", "{\"using\":[],\"methodCalls\":{}}",
	    "{\"using\":[],\"methodCalls\":[1]}", "{\"using\":[],\"methodCalls\":[[]]}",
	    "{\"using\":[],\"methodCalls\":[[\"a\",{}]]}",
	    "{\"using\":[],\"methodCalls\":[[\"a\",{},1]]}",
	    "{\"using\":[],\"methodCalls\":[[\"a\",[],\"c\"]]}",
	    "{\"using\":[],\"methodCalls\":[[1,{},\"c\"]]}",
	    "{\"using\":[],\"methodCalls\":[[\"a\",{},\"c\",1]]}",
	    "{\"using\":[],\"methodCalls\":[],\"createdIds\":[]}",
	    "{\"using\":[],\"methodCalls\":[],\"createdIds\":{\"a\":1}}",
	    "{\"using\":[],\"methodCalls\":[],\"createdIds\":{\"a b\":\"x\"}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		refused(texts[i], PROBLEM("notRequest"));
}

static void
test_using(void **state)
{
	(void)state;
	refused("{\"using\":[\"urn:nobody\"],\"methodCalls\":[]}", PROBLEM("unknownCapability"));
	/* A method of a capability that is not used does not exist. */
	ask("{\"using\":[\"" JMAP_MAIL "\"],\"methodCalls\":[[\"Core/echo\",{},\"c\"]]}");
	expect("/methodResponses", "[[\"error\",{\"type\":\"unknownMethod\"},\"c\"]]");
	calls("[\"No/such\",{},\"c\"],[\"Core/echo\",{\"x\":1},\"d\"]");
	expect("/methodResponses",
	    "[[\"error\",{\"type\":\"unknownMethod\"},\"c\"],[\"Core/echo\",{\"x\":1},\"d\"]]");
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	buf_puts(&b, "{\"using\":[],\"methodCalls\":[");
	for (unsigned i = 0; i <= JMAP_MAX_CALLS; i++)
		buf_printf(&b, "%s[\"Core/echo\",{},\"c%u\"]", i ? "," : "", i);
	buf_puts(&b, "]}");
	refused(b.p, PROBLEM("limit"));
	expect("/limit", "\"maxCallsInRequest\"");

	buf_reset(&b);
	for (unsigned i = 0; i < 64; i++)
		buf_putc(&b, '[');
	for (unsigned i = 0; i < 64; i++)
		buf_putc(&b, ']');
	refused(b.p, PROBLEM("notRequest"));
	buf_reset(&b);
	for (unsigned i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	refused(b.p, PROBLEM("limit"));
	expect("/limit", "\"maxSizeRequest\"");

	buf_reset(&b);
	buf_puts(&b, "[0");
	for (unsigned i = 0; i < JSON_VALUES_MAX; i++)
		buf_puts(&b, ",0");
	buf_puts(&b, "]");
	refused(b.p, PROBLEM("limit"));

	buf_reset(&b);
	buf_putc(&b, '"');
	while (b.n < JMAP_MAX_REQUEST + 1)
		buf_puts(&b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ask_n(buf_view(&b));
	expect("/limit", "\"maxSizeRequest\"");
	buf_free(&b);
}

/* RFC 8620 3.3: more requests at a time than that */
static void
ignore_done(void *arg, unsigned st, struct str json)
{
	(void)arg;
	(void)st;
	(void)json;
}

static void
test_concurrent(void **state)
{
	const struct jmap_from from = {.sid = STR_INIT("s")};
	struct jmap_request *r[JMAP_MAX_REQUESTS];

	(void)state;
	for (unsigned i = 0; i < JMAP_MAX_REQUESTS; i++)
		r[i] = jmap_request_new(
		    jmap, &from, STR("{\"using\":[],\"methodCalls\":[]}"), ignore_done, NULL);
	refused("{\"using\":[],\"methodCalls\":[]}", PROBLEM("limit"));
	expect("/limit", "\"maxConcurrentRequests\"");
	jmap_request_free(&r[0]);
	ask("{\"using\":[],\"methodCalls\":[]}");
	assert_int_equal(status, 200);
	for (unsigned i = 1; i < JMAP_MAX_REQUESTS; i++)
		jmap_request_free(&r[i]);
}

static void
test_response(void **state)
{
	(void)state;
	ask("{\"using\":[],\"methodCalls\":[]}");
	expect("/methodResponses", "[]");
	expect("/createdIds", "");
	assert_true(str_at("/sessionState").n > 0);
	ask("{\"using\":[],\"methodCalls\":[],\"createdIds\":{\"k\":\"x1\"},\"more\":1}");
	expect("/createdIds", "{\"k\":\"x1\"}");
}

/* ---- result references (RFC 8620 3.7) ---- */

#define ECHO(args, id) "[\"Core/echo\"," args ",\"" id "\"]"
#define REF(of, path)  "{\"resultOf\":\"" of "\",\"name\":\"Core/echo\",\"path\":\"" path "\"}"
#define LIST                                                                                       \
	ECHO("{\"list\":[{\"t\":\"x\",\"e\":[1,2]},{\"t\":\"y\",\"e\":[3]},{\"t\":\"z\",\"e\":[]}" \
	     "],"                                                                                  \
	     "\"a/b\":{\"~\":7}}",                                                                 \
	    "c0")

static void
refers(const char *path, const char *want)
{
	struct str t = arena_printf(
	    &scratch, LIST ",[\"Core/echo\",{\"#v\":" REF("c0", "%s") "},\"c1\"]", path);

	calls(t.p);
	if (want != NULL)
		expect("/methodResponses/1/1/v", want);
	else
		expect("/methodResponses/1/1/type", "\"invalidResultReference\"");
}

static void
test_references(void **state)
{
	(void)state;
	refers("/list/0/t", "\"x\"");
	refers("/list/*/t", "[\"x\",\"y\",\"z\"]");
	/* Lists in lists are joined, but for one level only. */
	refers("/list/*/e", "[1,2,3]");
	refers("/list/*/e/*", "[1,2,3]");
	refers("/a~1b/~0", "7");
	refers("/list/2/e", "[]");
	refers("", "{\"list\":[{\"t\":\"x\",\"e\":[1,2]},{\"t\":\"y\",\"e\":[3]},{\"t\":\"z\","
		   "\"e\":[]}],\"a/b\":{\"~\":7}}");
	refers("/no", NULL);
	refers("list", NULL);
	refers("/list/3", NULL);
	refers("/list/01", NULL);
	refers("/list/-", NULL);
	refers("/list/*/no", NULL);
	refers("/list/0/t/x", NULL);
	refers("/a~2b", NULL);
	/* "*" is a name where there is no list. */
	refers("/a~1b/*", NULL);
}

static void
test_bad_references(void **state)
{
	(void)state;
	calls(ECHO("{\"a\":1}", "c0") "," ECHO("{\"a\":2,\"#a\":" REF("c0", "/a") "}", "c1"));
	expect("/methodResponses/1/1/type", "\"invalidArguments\"");
	calls(ECHO("{\"#a\":" REF("c0", "/a") "}", "c0"));
	expect("/methodResponses/0/1/type", "\"invalidResultReference\"");
	calls(ECHO("{\"a\":1}", "c0") "," ECHO("{\"#a\":1}", "c1"));
	expect("/methodResponses/1/1/type", "\"invalidResultReference\"");
	/* The name must be that of the response: that of an error is "error". */
	calls("[\"No/such\",{},\"c0\"],[\"Core/echo\",{\"#a\":{\"resultOf\":\"c0\","
	      "\"name\":\"No/such\",\"path\":\"/type\"}},\"c1\"]");
	expect("/methodResponses/1/1/type", "\"invalidResultReference\"");
	/* The first response of that id. */
	calls(ECHO("{\"a\":1}", "c") "," ECHO("{\"a\":2}", "c") "," ECHO(
	    "{\"#a\":" REF("c", "/a") "}", "d"));
	expect("/methodResponses/2/1/a", "1");
}

/* Each call refers twice to the one before: 2^31 values, were there no budget. */
static void
test_references_cost(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	buf_puts(&b, ECHO("{\"v\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}", "c0"));
	for (unsigned i = 1; i < JMAP_MAX_CALLS; i++)
		buf_printf(&b,
		    ",[\"Core/echo\",{\"#a\":" REF("c%u", "") ",\"#b\":" REF(
			"c%u", "") "},\"c%u\"]",
		    i - 1, i - 1, i);
	calls(b.p);
	assert_true(text.n < 30000000);
	expect("/methodResponses/31/1/type", "\"invalidResultReference\"");
	/* "*" upon "*" over lists of lists. */
	buf_reset(&b);
	buf_puts(&b, "[\"Core/echo\",{\"v\":[");
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&b, "%s[[1,1],[1,1],[1,1],[1,1]]", i ? "," : "");
	buf_puts(&b, "]},\"c0\"]");
	for (unsigned i = 1; i < JMAP_MAX_CALLS; i++) {
		buf_puts(&b, ",[\"Core/echo\",{");
		for (unsigned k = 0; k < 200; k++)
			buf_printf(&b, "%s\"#v%u\":" REF("c0", "/v/*/*/*"), k ? "," : "", k);
		buf_printf(&b, "},\"c%u\"]", i);
	}
	calls(b.p);
	expect("/methodResponses/31/1/type", "\"invalidResultReference\"");
	assert_true(text.n < 30000000);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_not_json, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_json_is_understood, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_using, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_concurrent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_response, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_references, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_references, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_references_cost, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
