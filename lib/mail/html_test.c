/* Unit tests of html.c: what a reader sees of HTML, and only that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/html.h"

#define MAX 100000u

static struct buf out;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 64u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static const char *
text(const char *html, unsigned options)
{
	buf_reset(&out);
	html_text(str_z(html), options, MAX, &out);
	return buf_view(&out).p;
}

struct html_case {
	const char *html, *text;
};

static void
check(const struct html_case *c, size_t n, unsigned options)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text(c[i].html, options), c[i].text) != 0)
			fail_msg("%s: \"%s\"", c[i].html, out.n > 0 ? out.p : "");
}

static void
test_blocks(void **state)
{
	static const struct html_case cases[] = {{"", ""}, {"a", "a"}, {" a \n\t b ", "a b"},
	    {"<p>a</p><p>b</p>", "a\n\nb"}, {"a<br>b<BR/>c<br><br><br>d", "a\nb\nc\n\nd"},
	    {"<div>a</div><div>b</div>c", "a\nb\nc"},
	    {"<div><div><div>a</div></div></div>b", "a\nb"}, {"<ul><li>a<li>b</ul>c", "a\nb\n\nc"},
	    {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
	    {"<b>a</b><i>b</i> <u>c</u>", "ab c"}, {"<h1>a</h1>b", "a\n\nb"},
	    {"<pre>a\n  b\n</pre>c", "a\nb\n\nc"}, {"a\nb", "a b"},
	    {"<blockquote>a</blockquote>b", "a\n\nb"}, {"a<hr>b", "a\nb"}};

	(void)state;
	check(cases, ARRAY_LEN(cases), 0);
}

static void
test_entities(void **state)
{
	static const struct html_case cases[] = {{"&lt;b&gt;&amp;&quot;&apos;", "<b>&\"'"},
	    {"caf&eacute; &Eacute;", "caf\xc3\xa9 \xc3\x89"},
	    {"&euro;&thetasym;", "\xe2\x82\xac\xcf\x91"},
	    {"&#233;&#xE9;&#Xe9 x", "\xc3\xa9\xc3\xa9\xc3\xa9 x"},
	    {"&#128;&#150;", "\xe2\x82\xac\xe2\x80\x93"},
	    {"&#0;&#xd800;&#x110000;&#99999999999999999999;",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"a&nbsp;b\xc2\xa0 c", "a b c"}, {"so&shy;ft\xc2\xadly", "softly"},
	    {"a&#8203;b\xe2\x80\x8b"
	     "c\xef\xbb\xbf"
	     "d",
		"abcd"},
	    {"&", "&"}, {"&;", "&;"}, {"&#;", "&#;"}, {"&#x;", "&#x;"}, {"&nosuch;", "&nosuch;"},
	    {"a & b &copy 1 &euro", "a & b \xc2\xa9 1 &euro"}, {"?a=1&b=2", "?a=1&b=2"},
	    {"\xe2\x82\xac\xc3\xa9\xef\xbd\x81", "\xe2\x82\xac\xc3\xa9\xef\xbd\x81"}};

	(void)state;
	check(cases, ARRAY_LEN(cases), 0);
}

static void
test_hidden(void **state)
{
	static const struct html_case cases[] = {{"<style>p { color: red }</style>a", "a"},
	    {"<script>if (a < b) \"</p>\"</script>b", "b"}, {"<SCRIPT>x</scriptx></SCRIPT >b", "b"},
	    {"a<script>never closed", "a"},
	    {"<head><title>t</title><meta name=a content=\"b\"></head><body>c", "c"},
	    {"a<!-- b --><!-->c<!--->d<!-- never", "acd"},
	    {"<!--[if mso]><p>x</p><![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->", "ab"},
	    {"<![if !mso]>a<![endif]>b<?xml version=\"1\"?><!DOCTYPE html>c", "abc"},
	    {"<div hidden>a</div>b", "b"},
	    {"<div style=\"Display : NONE !important\">a</div>b", "b"},
	    {"<div style='color:red;display:none'><div>a</div>b</div>c", "c"},
	    {"<span style=\"mso-hide:all\">a</span><span style=\"visibility:hidden\">b</span>c",
		"c"},
	    {"<td style=display:none><table><tr><td>a</td></tr></table>b</td>c", "c"},
	    {"<p hidden>a<p>b", "b"}, {"<p hidden>a<div>b</div>", "b"},
	    {"<img style=\"display:none\" alt=x>a", "a"}, {"<template>a</template>b", "b"},
	    {"<div hidden><script></div></script>a</div>b", "b"},
	    {"<div style=\"background:display:none\">a</div>", "a"},
	    {"<iframe><p>a</iframe>b<noframes>c</noframes>", "b"}, {"<noscript>a</noscript>", "a"}};

	(void)state;
	check(cases, ARRAY_LEN(cases), 0);
}

static void
test_tags(void **state)
{
	static const struct html_case cases[] = {{"a<", "a<"}, {"a < b <3", "a < b <3"},
	    {"a<b", "a"}, {"a<b href=\"x>y\">c", "ac"}, {"a<b title='>'>c", "ac"},
	    {"a<b href=\"never>c", "a"}, {"a</b>c</>d</ e>f", "acdf"}, {"<a =x=y>b", "b"},
	    {"<a/b/c=d/>e", "e"},
	    {"<a-very-long-custom-element>b</a-very-long-custom-element>", "b"},
	    {"<a b c = d>e", "e"}, {"<>a", "<>a"}, {"<1>a", "<1>a"}};
	static const struct html_case attributes[] = {{"<img alt=\"a &amp; b\">c", "a & b c"},
	    {"<a title=x href=y>z</a>", "x z"}, {"<img alt='' title=\"<p>\">", "<p>"},
	    {"<div hidden title=a>b</div>", ""}};
	static const struct html_case unquoted[] = {
	    {"a<blockquote>b<blockquote>c</blockquote>d</blockquote>e", "a\n\ne"}};

	(void)state;
	check(cases, ARRAY_LEN(cases), 0);
	check(attributes, ARRAY_LEN(attributes), HTML_ATTRIBUTES);
	check(unquoted, ARRAY_LEN(unquoted), HTML_NO_QUOTES);
}

static void
test_every_entity_is_found(void **state)
{
	(void)state;
	assert_int_equal(html_entity(STR("AElig")), 0xc6);
	assert_int_equal(html_entity(STR("zwnj")), 0x200c);
	assert_int_equal(html_entity(STR("apos")), '\'');
	assert_int_equal(html_entity(STR("")), 0);
	assert_int_equal(html_entity(STR("zzz")), 0);
}

static void
test_bound(void **state)
{
	(void)state;
	for (size_t max = 0; max < 12; max++) {
		buf_reset(&out);
		html_text(STR("<p>\xc3\xa9\xe2\x82\xac</p><p>&eacute; b"), 0, max, &out);
		assert_true(out.n <= max && !out.over && str_is_utf8(buf_view(&out)));
	}
	/* A buffer that is full ends it too. */
	buf_free(&out);
	buf_init(&out, 3);
	html_text(STR("abc def"), 0, MAX, &out);
	assert_string_equal(out.p, "abc");
}

/* Whatever is repeated a million times, reading it takes linear time: this would run for hours if
 * not. */
static void
test_linear(void **state)
{
	static const char *const pieces[] = {"<div>", "<div", "<", "<!--", "</", "<!", "&", "&#",
	    "&#1", "<script>", "<style></", "<a b='", "<p hidden>", "<div style=\"a:b;c", "</div>",
	    "<pre>\n", "x<"};
	size_t n = 3000000;
	char *html = mem_alloc(n);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t length = strlen(pieces[i]);

		for (size_t at = 0; at + length <= n; at += length)
			memcpy(html + at, pieces[i], length);
		buf_reset(&out);
		html_text(str_of(html, n / length * length), HTML_ATTRIBUTES, 32u << 20, &out);
	}
	free(html);
}

/* ---- what a reader could not see ---- */

static void
test_seen(void **state)
{
	static const struct html_case cases[] = {{"<p>a</p><p style='color:red'>b</p>", "a\n\nb"},
	    /* too small, of the colour of the paper, transparent, outside, cut off */
	    {"a<span style='font-size:0'>x</span>b", "ab"},
	    {"a<span style='font-size: 1px !important'>x</span>b", "ab"},
	    {"a<span style='font-size:.1em'>x</span>b", "ab"}, {"a<font size=-7>x</font>b", "ab"},
	    {"a<span style='color:#fff'>x</span>b", "ab"},
	    {"a<span style='COLOR : White'>x</span>b", "ab"},
	    {"a<font color=#fefefe>x</font>b", "ab"},
	    {"a<span style='color:rgb(250, 250, 250)'>x</span>b", "ab"},
	    {"a<span style='color:rgba(0,0,0,0)'>x</span>b", "ab"},
	    {"a<span style='color:#0000'>x</span>b", "ab"},
	    {"a<span style='color:hsl(0 0% 100%)'>x</span>b", "ab"},
	    {"a<span style='opacity:0.01'>x</span>b", "ab"},
	    {"a<div style='position:absolute;left:-9999px'>x</div>b", "a\nb"},
	    {"a<span style='text-indent:-100em'>x</span>b", "ab"},
	    {"a<div style='max-height:0;overflow:hidden'>x</div>b", "a\nb"},
	    {"a<span style='clip:rect(0,0,0,0)'>x</span>b", "ab"},
	    {"a<span style='transform:scale(0)'>x</span>b", "ab"},
	    /* light on dark is read, dark on dark is not */
	    {"<table bgcolor=black><tr><td><font color=white>a</font><font color=#111>x</font>",
		"a"},
	    {"<div style='background:#222 none'><b style='color:white'>a</b></div>", "a"},
	    {"<div style='background:url(x.png)'><b style='color:white'>a</b></div>", "a"},
	    {"<body text=black bgcolor=black>x</body>", ""},
	    /* sheets, before and behind; what is for other media does not count */
	    {"<style>.h{display:none}</style>a<i class='k h'>x</i>b", "ab"},
	    {"a<i class=h>x</i>b<style>p, .h { color: white }</style>", "ab"},
	    {"<style>/* . */ #u { font-size:0 }\n.v{}</style>a<i id=u>x</i>b", "ab"},
	    {"<style>.o span{display:none}</style><div class=o><b><span>x</span></b></div>"
	     "<span>a</span>",
		"a"},
	    {"<style>.o>.i{display:none}</style><p class=o><i class=i>x</i></p>a", "a"},
	    {"<style>@media (max-width:9px){.h{display:none}}</style>a<i class=h>b</i>", "ab"},
	    {"<style>@media screen{.h{display:none}}</style>a<i class=h>x</i>b", "ab"},
	    {"<style>@import 'x';.h{display:none}</style>a<i class=h>x</i>b", "ab"},
	    /* what could be something else counts as hidden */
	    {"a<span style='d\\69splay:none'>x</span>b", "ab"},
	    {"a<span style='display&#58;none'>x</span>b", "ab"},
	    {"a<span style='display:/**/none'>x</span>b", "ab"},
	    {"a<span style='font-family:&quot;A&quot;'>b</span>", "ab"},
	    {"a<span style='/* c */ font-weight:bold'>b</span>", "ab"},
	    /* tags that do not match */
	    {"<span style='font-size:0'><p></span>x</p></span>a", "a"},
	    {"<div><font color=white></div>x</font>a", "a"}, {"<p style='font-size:0'>x<p>a", "a"},
	    {"<div style='color:#fff'><b style='background:#000'><p></b>x</p></div>a", "a"},
	    {"<b style='color:#eee'>x</b>a</b>", "a"},
	    /* what the page leaves out */
	    {"<p>a</p><noscript>x<p>x</p></noscript>", "a"},
	    {"<p>a<svg><text>x</text></svg></p>b", "a\n\nb"},
	    {"<p>a<math><mi>x</mi></math></p>", "a"}};

	(void)state;
	check(cases, ARRAY_LEN(cases), HTML_SEEN);
}

/* Many rules and many elements, one in another: bounded, and then nothing is seen. */
static void
test_seen_bounded(void **state)
{
	struct buf html;

	(void)state;
	buf_init(&html, 64u << 20);
	buf_puts(&html, "before<style>");
	for (int i = 0; i < 500; i++)
		buf_printf(&html, ".a .b .c .d%d{color:red}", i);
	buf_puts(&html, "</style>");
	for (int i = 0; i < 200000; i++)
		buf_puts(&html, "<i class='a b c d e f'>");
	buf_puts(&html, "after");
	assert_string_equal(text(buf_view(&html).p, HTML_SEEN), "before");
	buf_free(&html);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_blocks), TEST(test_entities), TEST(test_hidden), TEST(test_tags),
	    TEST(test_every_entity_is_found), TEST(test_bound), TEST(test_linear),
	    cmocka_unit_test_setup_teardown(test_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_seen_bounded, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
