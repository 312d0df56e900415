/* plain_test.c - a model's words as a person sees them, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aid/model/plain.h"
#include "base/mem.h"

static struct buf out;

static void
say(void *arg, struct str text)
{
	(void)arg;
	buf_str(&out, text);
}

static void
filter(const char *source, const char *text, size_t at)
{
	struct arena a;
	struct plain p;

	arena_init(&a);
	buf_reset(&out);
	plain_init(&p, &a, say, NULL);
	plain_know(&p, str_z(source));
	plain_put(&p, str_sub(str_z(text), 0, at));
	plain_put(&p, str_from(str_z(text), at));
	plain_end(&p);
	plain_free(&p);
	arena_free(&a);
}

static void
becomes(const char *source, const char *text, const char *want)
{
	for (size_t at = 0; at <= strlen(text); at++) {
		filter(source, text, at);
		if (!str_eq_z(buf_view(&out), want))
			fail_msg("%s at %zu: \"%s\", not \"%s\"", text, at, out.p, want);
	}
}

static void
test_text_stays(void **state)
{
	(void)state;
	becomes("", "", "");
	becomes(
	    "", "Tu as 3 mails.\n\n- de Bob : \"oui\"\n", "Tu as 3 mails.\n\n- de Bob : \"oui\"\n");
	becomes("", "a:b 12:30 Re: x!! [1] (2) c/d //e", "a:b 12:30 Re: x!! [1] (2) c/d //e");
	becomes("", "bob@test.example, \xc3\xa9t\xc3\xa9", "bob@test.example, \xc3\xa9t\xc3\xa9");
}

static void
test_links(void **state)
{
	const char *source = "see https://a.test/x?y=1. or <http://b.test> mailto:bob@b.test";

	(void)state;
	becomes(source, "go to https://a.test/x?y=1.", "go to https://a.test/x?y=1.");
	becomes(source, "[here](http://b.test)", "[here](http://b.test)");
	becomes(source, "mailto:bob@b.test", "mailto:bob@b.test");
	/* Not as it was: other words in it would be a way out. */
	becomes(source, "https://a.test/x?y=1&d=secret", "a.test/x?y=1&d=secret");
	becomes(source, "http://b.test.evil", "b.test.evil");
	becomes(source, "HTTPS://evil.test/a,b", "evil.test/a,b");
	becomes(source, "[x](javascript:alert(1))", "[x](alert(1))");
	becomes(source, "data:text/html;base64,AAAA", "text/html;base64,AAAA");
	becomes(source, "mailto:eve@evil.test", "eve@evil.test");
	becomes(source, "x+y.z://q", "q");
	becomes(source, "https://https://evil.test", "evil.test");
	becomes(source, "https:////evil.test", "evil.test");
	becomes(source, "javascript:data:https://evil.test", "evil.test");
	becomes(source, "(https://evil.test)", "(evil.test)");
	becomes(source, "http:/data:/evil.test", "http:/evil.test");
	becomes(source, "3shttp://evil.test .http://evil.test", "evil.test evil.test");
	/* What is not seen hides no scheme. */
	becomes(source, "http\xe2\x80\x8b://evil.test", "evil.test");
	becomes(source, "java\xc2\xadscript:x", "x");
}

static void
test_images(void **state)
{
	(void)state;
	becomes("https://a.test/i.png", "![x](https://a.test/i.png)", "[x](https://a.test/i.png)");
	becomes("", "![x](https://evil.test/?d=1)", "[x](evil.test/?d=1)");
	becomes("", "a![b][c]!", "a[b][c]!");
	becomes("", "wow!!![b] !data:[c]", "wow[b] [c]");
}

/* A word that never ends is not held back for ever, and leads nowhere in any piece. */
static void
test_endless_word(void **state)
{
	static char text[3 * PLAIN_WORD_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (size_t at = 10; at + 40 < sizeof(text); at += 1021)
		memcpy(text + at, "(https://evil.test/![a](data:", 29);
	filter("", text, 5);
	assert_in_range(out.n, strlen(text) - 200, strlen(text)); /* the last piece is a word */
	assert_true(str_find(buf_view(&out), STR("://")) == out.n);
	assert_true(str_find(buf_view(&out), STR("![")) == out.n);
	assert_true(str_find(buf_view(&out), STR("data:")) == out.n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_stays),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_images),
	    cmocka_unit_test(test_endless_word),
	};
	int rc;

	buf_init(&out, 1u << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&out);
	return rc;
}
