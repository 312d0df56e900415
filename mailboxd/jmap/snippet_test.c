/* Unit tests of snippet.c: what is marked, escaped, cut; SearchSnippet/get as a method. */
#include "mailboxd/jmap/jmap_test_in.h"

#include "mail/charset.h"

static char ids[8][EMAIL_TEXT_SIZE];

static void
deliver(unsigned i, const char *subject, const char *body)
{
	struct str m = arena_printf(&scratch,
	    "From: ann@example.test\r\nSubject: %s\r\nContent-Type: text/plain; "
	    "charset=utf-8\r\n\r\n%s\r\n",
	    subject, body);
	uint32_t uid = append("INBOX", m.p, 0);

	email_text(mailbox_get(box("INBOX"), uid)->email, EMAIL_LETTER, ids[i]);
}

static void
get(const char *filter)
{
	struct str args =
	    arena_printf(&scratch, "{\"filter\":%s,\"emailIds\":[\"%s\"]}", filter, ids[0]);

	call("SearchSnippet/get", args.p);
	assert_string_equal(name, "SearchSnippet/get");
	expect("/notFound", "null");
}

static void
test_marks(void **state)
{
	static const struct {
		const char *filter, *subject, *preview;
	} cases[] = {{"null", "null", "null"}, {"{\"from\":\"ann\"}", "null", "null"},
	    {
		"{\"text\":\"hello\"}",
		"\"<mark>Hello</mark> &lt;b&gt; &amp; caf\xc3\xa9\"",
		"\"Say <mark>hello</mark> to &lt;i&gt;J\xc3\xb6rg&lt;/i&gt; &amp; 'all' in "
		"\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\"",
	    },
	    {"{\"subject\":\"CAFE b\"}",
		"\"Hello &lt;<mark>b</mark>&gt; &amp; <mark>caf\xc3\xa9</mark>\"", "null"},
	    {"{\"body\":\"\xe4\xba\xac\xe9\x83\xbd\"}", "null",
		"\"Say hello to &lt;i&gt;J\xc3\xb6rg&lt;/i&gt; &amp; 'all' in "
		"\xe6\x9d\xb1<mark>\xe4\xba\xac\xe9\x83\xbd</mark>\""},
	    {"{\"body\":\"\\\"hello to\\\" jor\"}", "null",
		"\"Say <mark>hello to</mark> &lt;i&gt;<mark>J\xc3\xb6rg</mark>&lt;/i&gt; &amp; "
		"'all' in \xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\""},
	    {"{\"operator\":\"OR\",\"conditions\":[{\"body\":\"say\"},{\"body\":\"say "
	     "hello\"},{\"body\":\"i\"}]}",
		"null",
		"\"<mark>Say</mark> <mark>hello</mark> to "
		"&lt;<mark>i</mark>&gt;J\xc3\xb6rg&lt;/<mark>i</mark>&gt; &amp; 'all' in "
		"\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\""},
	    {"{\"operator\":\"NOT\",\"conditions\":[{\"body\":\"say\"}]}", "null", "null"},
	    {"{\"text\":\"nowhere\"}", "null", "null"}, {"{\"text\":\"\"}", "null", "null"}};

	(void)state;
	deliver(0, "Hello <b> & =?utf-8?q?caf=C3=A9?=",
	    "Say  hello\r\nto <i>J\xc3\xb6rg</i> & 'all' in \xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		get(cases[i].filter);
		expect("/list/0/subject", cases[i].subject);
		expect("/list/0/preview", cases[i].preview);
	}
}

/* The piece is at most 255 octets, marks are whole and the first match is in it. */
static void
test_long(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 1u << 20);
	for (unsigned where = 0; where < 400; where += 3) {
		struct str preview;

		buf_reset(&body);
		for (unsigned i = 0; i < 400; i++)
			buf_puts(&body, i == where ? "needle " : i % 5 ? "a&b " : "\xe6\x9d\xb1 ");
		deliver(0, "x", buf_view(&body).p);
		get("{\"body\":\"needle\"}");
		preview = str_at("/list/0/preview");
		assert_true(preview.n <= 255 && preview.n > 40);
		assert_true(str_find(preview, STR("<mark>needle</mark>")) < preview.n);
	}
	/* Matches without end. */
	buf_reset(&body);
	for (unsigned i = 0; i < 4000; i++)
		buf_puts(&body, "needle ");
	deliver(0, "x", buf_view(&body).p);
	get("{\"body\":\"needle\"}");
	assert_true(str_at("/list/0/preview").n <= 255);
	assert_true(str_ends(str_at("/list/0/preview"), STR("</mark>")));
	buf_free(&body);
}

static void
test_where_most_matches_are(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 1u << 20);
	buf_puts(&body, "one at the beginning ");
	for (unsigned i = 0; i < 100; i++)
		buf_puts(&body, "filler ");
	buf_puts(&body, "and one two three together");
	deliver(0, "x", body.p);
	get("{\"text\":\"one two three\"}");
	assert_true(str_find(str_at("/list/0/preview"),
			STR("<mark>one</mark> <mark>two</mark> <mark>three</mark>")) <
		    str_at("/list/0/preview").n);
	assert_true(str_starts(str_at("/list/0/preview"), STR("\xe2\x80\xa6")));
	buf_free(&body);
}

static void
test_arguments(void **state)
{
	(void)state;
	deliver(0, "a", "b");
	deliver(1, "a", "c");
	call("SearchSnippet/get", "{\"filter\":{\"text\":\"b\"}}");
	expect("/type", "\"invalidArguments\"");
	call("SearchSnippet/get", "{\"filter\":{\"nosuch\":\"b\"},\"emailIds\":[]}");
	expect("/type", "\"unsupportedFilter\"");
	call("SearchSnippet/get", "{\"emailIds\":[1]}");
	expect("/type", "\"invalidArguments\"");
	call("SearchSnippet/get",
	    arena_printf(&scratch,
		"{\"filter\":{\"text\":\"b\"},\"emailIds\":[\"%s\",\"nosuch\",\"%s\"]}", ids[1],
		ids[0])
		.p);
	expect("/notFound", "[\"nosuch\"]");
	expect("/list/0/preview", "null");
	expect("/list/1/preview", "\"<mark>b</mark>\"");
	expect("/list/2", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_marks), TEST(test_long), TEST(test_where_most_matches_are),
	    TEST(test_arguments)};

	charset_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
