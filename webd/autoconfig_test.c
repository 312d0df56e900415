/* autoconfig_test.c - what mail programs are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "webd/autoconfig.h"

static struct autoconfig server;
static struct buf out;

static bool
has(const char *z)
{
	return str_find(buf_view(&out), str_z(z)) < out.n;
}

static void
ports_are_those_of_the_configuration(void **state)
{
	struct conf *c = conf_parse(
	    STR("host_name = 'mail.a.test'\n[imap]\nlisten = []\nlisten_tls = ['[::1]:2993', "
		"'*:993']\n[submission]\nlisten = ['192.0.2.1:2587']\n"),
	    "t", NULL);
	struct autoconfig a;

	(void)state;
	assert_non_null(c);
	autoconfig_of(c, &a);
	assert_true(str_eq_z(a.host, "mail.a.test"));
	assert_int_equal(a.imap, 0);
	assert_int_equal(a.imaps, 2993);
	assert_int_equal(a.submission, 2587);
	assert_int_equal(a.submissions, 465);
	conf_free(&c);
}

static void
thunderbird(void **state)
{
	(void)state;
	buf_reset(&out);
	autoconfig_thunderbird(&server, STR("a.test"), &out);
	assert_true(has("<emailProvider id=\"a.test\">"));
	assert_true(
	    has("<incomingServer type=\"imap\">\n      <hostname>mail.a.test</hostname>\n      "
		"<port>993</port>\n      <socketType>SSL</socketType>"));
	assert_true(has("<port>143</port>\n      <socketType>STARTTLS</socketType>"));
	assert_true(
	    has("<outgoingServer type=\"smtp\">\n      <hostname>mail.a.test</hostname>\n      "
		"<port>465</port>"));
	assert_false(has("<port>0</port>"));
	assert_true(has("<username>%EMAILADDRESS%</username>"));
}

static void
outlook(void **state)
{
	(void)state;
	buf_reset(&out);
	autoconfig_outlook(&server, STR("a&b@a.test"), &out);
	assert_true(has("<Type>IMAP</Type>\n        <Server>mail.a.test</Server>\n        "
			"<Port>993</Port>"));
	assert_true(has("<Encryption>SSL</Encryption>"));
	assert_true(has("<LoginName>a&amp;b@a.test</LoginName>"));
	assert_true(str_eq_z(
	    autoconfig_asked(STR("<a><EMailAddress> a@b.test </EMailAddress></a>")), "a@b.test"));
	assert_int_equal(autoconfig_asked(STR("<a/>")).n, 0);
	assert_int_equal(autoconfig_asked(STR("<EMailAddress>")).n, 0);
}

static void
apple(void **state)
{
	(void)state;
	buf_reset(&out);
	autoconfig_apple(&server, STR("a<b>@a.test"), &out);
	assert_true(has("<key>IncomingMailServerPortNumber</key><integer>993</integer>"));
	assert_true(has("<key>OutgoingMailServerPortNumber</key><integer>465</integer>"));
	assert_true(has("<key>EmailAddress</key><string>a&lt;b&gt;@a.test</string>"));
	assert_false(has("<b>"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ports_are_those_of_the_configuration),
	    cmocka_unit_test(thunderbird),
	    cmocka_unit_test(outlook),
	    cmocka_unit_test(apple),
	};

	server = (struct autoconfig){
	    .host = STR("mail.a.test"), .imap = 143, .imaps = 993, .submissions = 465};
	buf_init(&out, 32u << 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
