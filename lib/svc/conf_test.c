/* conf_test.c - the sources and their order, what is refused and how it is said, CONFIG and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "svc/conf_in.h"

#define HOST "[server]\nhost_name = \"mail.example.org\"\n"

static struct err err;

static struct conf *
parse(const char *text)
{
	struct conf *c = conf_parse(str_z(text), "f", &err);

	if (c == NULL)
		print_message("%s\n", err.text);
	return c;
}

static void
refused(const char *text, const char *message)
{
	assert_null(conf_parse(str_z(text), "f", &err));
	assert_string_equal(err.text, message);
}

/* conf_load of a file with this text. */
static struct conf *
load(const char *text, const char *const *overrides, size_t n)
{
	char path[] = "/tmp/conf_test.XXXXXX";
	int fd = mkstemp(path);
	struct conf *c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	c = conf_load(path, overrides, n, &err);
	unlink(path);
	return c;
}

static void
every_default_is_within_its_limits(void **state)
{
	struct conf *c = parse("host_name = \"mail.example.org\"");
	char number[24];
	struct arena a;
	struct str min, max;

	(void)state;
	assert_non_null(c);
	arena_init(&a);
	for (size_t k = 0; k < CONF_COUNT; k++) {
		const struct conf_row *r = &conf_rows[k];
		struct str text = conf_text(c, (enum conf_key)k, &a);
		struct str again = arena_printf(&a, "%s[%s]\n%s = " STR_FMT,
		    k == CONF_SERVER_HOST_NAME ? "" : "host_name = \"a.example\"\n", r->section,
		    r->key, STR_ARG(text));
		uint64_t v;

		/* What is shown can be written. */
		if (k != CONF_TLS_CERTIFICATE && k != CONF_TLS_KEY) {
			struct conf *d = parse(again.p);

			assert_non_null(d);
			conf_free(&d);
		}
		/* Both ends of a range are understood. */
		if (r->type != CONF_TYPE_CHOICE && r->limits[0] != '\0') {
			max = str_z(r->limits);
			assert_true(str_cut(&max, '.', &min));
			max = str_from(max, 1);
			if (r->type == CONF_TYPE_UINT)
				continue;
			assert_int_equal(
			    conf_value_set(&c->v[k], (enum conf_key)k, min, &c->a, &err), 0);
			assert_int_equal(
			    conf_value_set(&c->v[k], (enum conf_key)k, max, &c->a, &err), 0);
			v = conf_num(c, (enum conf_key)k) + 1;
			snprintf(number, sizeof(number),
			    r->type == CONF_TYPE_SIZE ? "%llu" : "%llums", (unsigned long long)v);
			assert_int_equal(
			    conf_value_set(&c->v[k], (enum conf_key)k, str_z(number), &c->a, &err),
			    -1);
		}
	}
	arena_free(&a);
	conf_free(&c);
}

static void
values_have_types(void **state)
{
	struct conf *c =
	    parse(HOST "drain_timeout = \"2m\"\n[smtp]\nmax_size = \"10MiB\"\nmax_recipients = 7\n"
		       "listen = [\"127.0.0.1:0\", \"[::1]:2525\"]\n[queue]\nmin_free = 4096\n"
		       "[imap]\nauth_without_tls = true\n[log]\nlevel = \"debug\"\n");
	const struct str *list;
	size_t n;

	(void)state;
	assert_non_null(c);
	assert_int_equal(conf_num(c, CONF_SERVER_DRAIN_TIMEOUT), 120000);
	assert_int_equal(conf_num(c, CONF_SMTP_MAX_SIZE), 10 * 1024 * 1024);
	assert_int_equal(conf_num(c, CONF_SMTP_MAX_RECIPIENTS), 7);
	assert_int_equal(conf_num(c, CONF_QUEUE_MIN_FREE), 4096);
	assert_true(conf_bool(c, CONF_IMAP_AUTH_WITHOUT_TLS));
	assert_string_equal(conf_z(c, CONF_LOG_LEVEL), "debug");
	list = conf_list(c, CONF_SMTP_LISTEN, &n);
	assert_int_equal(n, 2);
	assert_true(str_eq_z(list[1], "[::1]:2525"));
	assert_string_equal(conf_origin(c, CONF_SMTP_MAX_SIZE), "f:5");
	assert_string_equal(conf_origin(c, CONF_SMTP_MAX_ERRORS), "default");
	conf_free(&c);
}

static void
a_wrong_name_is_answered_with_the_right_one(void **state)
{
	(void)state;
	refused(HOST "[smtp]\nmax_sise = 1\n",
	    "f:4:1: smtp.max_sise: no such key; did you mean max_size?");
	refused(
	    HOST "[stmp]\nmax_size = 1\n", "f:3:2: [stmp]: no such section; did you mean [smtp]?");
	refused(HOST "[smtp]\nidle_timeout = \"1m\"\n",
	    "f:4:1: smtp.idle_timeout: no such key; did you mean imap.idle_timeout?");
	refused(HOST "[smtp]\nzzzzzzzzzzzz = 1\n",
	    "f:4:1: smtp.zzzzzzzzzzzz: no such key; gkmail config explain smtp lists all");
	refused("hostname = \"a.example\"\n",
	    "f:1:1: server.hostname: no such key; did you mean host_name?");
	refused("smtp = 1\n",
	    "f:1:1: [smtp] is a section; write [smtp] on a line of its own, its keys below");
	refused("host_name = \"a.example\"\n" HOST,
	    "f:3:1: server.host_name: stands there already, on line 1");
}

static void
a_wrong_value_is_answered_with_what_to_write(void **state)
{
	(void)state;
	refused("", "f: the name of this server is missing; write host_name = \"mail.example.org\" "
		    "(with your "
		    "name) on a line of its own below [server], or set GKMAIL_SERVER_HOST_NAME");
	refused("host_name = \"-x\"",
	    "f:1:13: server.host_name: \"-x\" is not taken; write a host name such as "
	    "\"mail.example.org\"");
	refused(HOST "[smtp]\nmax_size = \"big\"\n",
	    "f:4:12: smtp.max_size: \"big\" is not taken; write a size such as \"64KiB\" or "
	    "\"50MiB\", from 1KiB "
	    "to 1GiB");
	refused(HOST "[smtp]\nmax_recipients = 0\n",
	    "f:4:18: smtp.max_recipients: \"0\" is not taken; write a number, from 1 to 1000");
	refused(HOST "[smtp]\nmax_recipients = \"5\"\n",
	    "f:4:18: smtp.max_recipients: not a string; write a number, from 1 to 1000");
	refused(HOST "drain_timeout = 30\n",
	    "f:3:17: server.drain_timeout: not a number; write a duration such "
	    "as \"30s\", \"5m\" or \"2d\", from 0s to 1h");
	refused(HOST "[log]\nlevel = \"loud\"\n",
	    "f:4:9: log.level: \"loud\" is not taken; write one "
	    "of \"error\", \"warn\", \"info\", \"debug\"");
	refused(HOST "[smtp]\nlisten = \"*:25\"\n",
	    "f:4:10: smtp.listen: not a string; write a list of strings such as [\"*:25\"]");
	refused(HOST "[smtp]\nlisten = [\n\"*:25\", 5]\n",
	    "f:5:9: smtp.listen: \"an item that is no string\" is not taken; write a list of "
	    "strings such as "
	    "[\"*:25\"]");
	refused(HOST "[imap]\nauth_without_tls = \"true\"\n",
	    "f:4:20: imap.auth_without_tls: not a string; write true or false");
	refused(HOST "[tls]\nkey = \"/k\"\n",
	    "f: tls.key is set but tls.certificate is not; write both or none");
	refused(HOST "[queue]\nretry_first = \"2h\"\n",
	    "f: queue.retry_first (2h) is longer than "
	    "queue.retry_max (1h); write a shorter first wait");
}

#define MODEL HOST "[assistant]\nprovider = \"ollama\"\nmodel = \"m\"\n"

static void
mail_goes_to_no_model_elsewhere(void **state)
{
	struct conf *c;

	(void)state;
	refused(HOST "[assistant]\nprovider = \"ollama\"\n",
	    "f:4: assistant.provider is set but assistant.model is not; write its name, such as "
	    "\"qwen3:8b\"");
	refused(MODEL "url = \"http://models.example.org:11434\"\n",
	    "f:6: assistant.url: \"http://models.example.org:11434\" is not on this machine, and "
	    "mail would leave it; write \"http://127.0.0.1:11434\", or local_only = false to allow "
	    "it");
	refused(MODEL "url = \"models\"\n",
	    "f:6:7: assistant.url: \"models\" is not taken; write an address such as "
	    "\"http://127.0.0.1:11434\" or \"https://models.example.org\"");
	refused(MODEL "url = \"http://m.test\"\nlocal_only = false\napi_key_file = \"/k\"\n",
	    "f:6: assistant.url: the key would cross the network unencrypted; write "
	    "\"https://m.test\"");
	assert_non_null(c = parse(MODEL));
	conf_free(&c);
	assert_non_null(c = parse(MODEL "url = \"http://[::1]:1\"\napi_key_file = \"/k\"\n"));
	conf_free(&c);
	assert_non_null(c = parse(MODEL "url = \"https://m.test\"\nlocal_only = false\n"));
	conf_free(&c);
	/* Nothing is asked of who has no model. */
	assert_non_null(c = parse(HOST "[assistant]\nurl = \"http://m.test\"\n"));
	conf_free(&c);
}

#define ACME HOST "[acme]\nchallenge = \"http-01\"\n"

/* Nothing is asked of an authority whose terms nobody has agreed to. */
static void
acme_is_asked_for_wholly(void **state)
{
	(void)state;
	refused(ACME, "f:4: acme.challenge is set, and acme.terms_agreed is not; read the "
		      "authority's terms of service, and write terms_agreed = true if you agree");
	refused(ACME "terms_agreed = true\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n",
	    "f:4: acme.challenge is set, and tls.certificate is too; take one of them away");
	refused(ACME "terms_agreed = true\neab_kid = \"x\"\n",
	    "f:4: acme.challenge is set, and of eab_kid and eab_key_file only one is; write "
	    "both or none");
	refused(ACME "names = [\"*.example.org\"]\n",
	    "f:5:9: acme.names: \"*.example.org\" is not taken; write host names such as "
	    "\"mail.example.org\"; http-01 and tls-alpn-01 prove no wildcard");
	refused(ACME "directory = \"http://ca.test/\"\n",
	    "f:5:13: acme.directory: \"http://ca.test/\" is not taken; write an address such as "
	    "\"https://acme-v02.api.letsencrypt.org/directory\"");
	refused(ACME "contact = [\"me@example.org\"]\n",
	    "f:5:11: acme.contact: \"me@example.org\" is not taken; write \"mailto:\" and an "
	    "address, such as \"mailto:admin@example.org\"");
}

static void
addresses_are_checked(void **state)
{
	static const char *const good[] = {"*:25", "127.0.0.1:0", "[::]:65535", "[2001:db8::1]:25"};
	static const char *const bad[] = {"", "25", "*", "*:", "*:65536", "::1:25", "[::1]",
	    "localhost:25", "[1.2.3.4]:25", "1.2.3:25"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_null(conf_check_value(CONF_SMTP_LISTEN, str_z(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_non_null(conf_check_value(CONF_SMTP_LISTEN, str_z(bad[i])));
}

static void
environment_beats_file_and_command_line_both(void **state)
{
	static const char *const overrides[] = {
	    "smtp.max_size=3MiB", "imap.listen=127.0.0.1:0, [::1]:0"};
	struct conf *c;
	size_t n;

	(void)state;
	setenv("GKMAIL_SMTP_MAX_SIZE", "2MiB", 1);
	setenv("GKMAIL_SMTP_MAX_RECIPIENTS", "9", 1);
	setenv("GKMAIL_SMTP_LISTEN", "", 1);
	setenv("GKMAIL_CONFIG", "not a key of ours", 1);
	c = load(HOST "[smtp]\nmax_size = \"1MiB\"\n", overrides, 2);
	assert_non_null(c);
	assert_int_equal(conf_num(c, CONF_SMTP_MAX_SIZE), 3 * 1024 * 1024);
	assert_string_equal(conf_origin(c, CONF_SMTP_MAX_SIZE), "command line");
	assert_int_equal(conf_num(c, CONF_SMTP_MAX_RECIPIENTS), 9);
	assert_string_equal(conf_origin(c, CONF_SMTP_MAX_RECIPIENTS), "GKMAIL_SMTP_MAX_RECIPIENTS");
	conf_list(c, CONF_SMTP_LISTEN, &n);
	assert_int_equal(n, 0);
	conf_list(c, CONF_IMAP_LISTEN, &n);
	assert_int_equal(n, 2);
	conf_free(&c);
	setenv("GKMAIL_SMTP_MAX_SIZE", "2", 1);
	assert_null(load(HOST, NULL, 0));
	assert_non_null(strstr(
	    err.text, "GKMAIL_SMTP_MAX_SIZE in the environment: smtp.max_size: \"2\" is not"));
	unsetenv("GKMAIL_SMTP_MAX_SIZE");
	setenv("GKMAIL_SMTP_MAX_SISE", "2MiB", 1);
	assert_null(load(HOST, NULL, 0));
	assert_string_equal(err.text, "GKMAIL_SMTP_MAX_SISE in the environment: smtp.max_sise: no "
				      "such key; did you mean max_size?");
	unsetenv("GKMAIL_SMTP_MAX_SISE");
	unsetenv("GKMAIL_SMTP_MAX_RECIPIENTS");
	unsetenv("GKMAIL_SMTP_LISTEN");
	unsetenv("GKMAIL_CONFIG");
}

static void
wrong_overrides_are_refused(void **state)
{
	static const char *const none[] = {"smtp.max_size"}, *const wrong[] = {
								 "smtp.max_sise=1MiB"};

	(void)state;
	assert_null(load(HOST, none, 1));
	assert_string_equal(
	    err.text, "command line: \"smtp.max_size\" is not taken; write section.key=value");
	assert_null(load(HOST, wrong, 1));
	assert_string_equal(
	    err.text, "command line: smtp.max_sise: no such key; did you mean max_size?");
	assert_null(conf_load("/nonexistent/gkmail.toml", NULL, 0, &err));
	assert_int_equal(err.code, E_NOTFOUND);
	assert_string_equal(err.text,
	    "/nonexistent/gkmail.toml: there is no such file; \"gkmail setup\" writes one");
}

static void
a_section_crosses_a_channel(void **state)
{
	struct conf *c = parse(
			HOST "[smtp]\nmax_size = \"1MiB\"\nlisten = [\"*:1\", \"*:2\"]\n[imap]\n"
			     "idle_timeout = \"31m\"\n"),
		    *d;
	struct arena a;
	struct str *v;
	size_t n, items;

	(void)state;
	arena_init(&a);
	n = conf_pack(c, "server smtp", &a, &v);
	d = conf_unpack(v, n, &err);
	assert_non_null(d);
	assert_string_equal(conf_z(d, CONF_SERVER_HOST_NAME), "mail.example.org");
	assert_int_equal(conf_num(d, CONF_SMTP_MAX_SIZE), 1024 * 1024);
	assert_true(str_eq_z(conf_list(d, CONF_SMTP_LISTEN, &items)[1], "*:2"));
	assert_int_equal(items, 2);
	/* Other sections stay behind. */
	assert_int_equal(conf_num(d, CONF_IMAP_IDLE_TIMEOUT), 30 * 60 * 1000);
	conf_free(&d);
	v[1] = STR("no host\x01");
	assert_null(conf_unpack(v, n, &err));
	v[0] = STR("no.key");
	assert_null(conf_unpack(v, n, &err));
	arena_free(&a);
	conf_free(&c);
}

#define ROUTE "[[route]]\ndomain = \"a.example\"\n"

static void
tables_stand_several_times(void **state)
{
	struct conf *c =
	    parse(HOST "[[route]]\ndomain = \"a.example\"\nhost = \"[2001:db8::1]\"\nport = 26\n"
		       "[smtp]\nmax_errors = 3\n"
		       "[[route]]\ndomain = \"*\"\ntls = \"none\"\n");
	struct arena a;

	(void)state;
	assert_non_null(c);
	arena_init(&a);
	assert_int_equal(conf_count(c, CONF_TABLE_ROUTE), 2);
	assert_string_equal(conf_row_z(c, CONF_ROUTE_DOMAIN, 0), "a.example");
	assert_int_equal(conf_row_num(c, CONF_ROUTE_PORT, 0), 26);
	assert_string_equal(conf_row_origin(c, CONF_ROUTE_PORT, 0), "f:6");
	assert_string_equal(conf_row_z(c, CONF_ROUTE_DOMAIN, 1), "*");
	assert_int_equal(conf_row_num(c, CONF_ROUTE_PORT, 1), 25);
	assert_string_equal(conf_row_origin(c, CONF_ROUTE_PORT, 1), "default");
	assert_true(str_eq_z(conf_row_text(c, CONF_ROUTE_TLS, 1, &a), "\"none\""));
	arena_free(&a);
	conf_free(&c);
}

static void
a_row_is_checked_as_a_whole(void **state)
{
	(void)state;
	refused(HOST "[route]\ndomain = \"a.example\"\n",
	    "f:3:2: [route] may stand there several times; write [[route]]");
	refused(HOST "[[route]]\nhost = \"b.example\"\n",
	    "f:3:3: [[route]]: domain is missing; write a domain such as \"example.org\", "
	    "\".example.org\" for all below it, or \"*\" (other letters than ASCII as xn--...)");
	refused(HOST ROUTE "hots = \"b.example\"\n",
	    "f:5:1: route.hots: no such key; did you mean host?");
	refused(HOST ROUTE "port = 0\n",
	    "f:5:8: route.port: \"0\" is not taken; write a number, from 1 to 65535");
	refused(HOST ROUTE "host = \"[b.example]\"\n",
	    "f:5:8: route.host: \"[b.example]\" is not taken; write a host such as "
	    "\"mx.example.net\", \"[192.0.2.1]\" or \"mx:example.net\"");
	refused(HOST ROUTE "host = \"h.example\"\nuser = \"me\"\n",
	    "f:3:3: [[route]]: user is set but password_file is not; write both or none");
	refused(HOST ROUTE "user = \"me\"\npassword_file = \"/p\"\n",
	    "f:3:3: [[route]]: user is set but host is not; write the host to log in at");
	refused(HOST ROUTE "host = \"h.example\"\nuser = \"me\"\npassword_file = \"/p\"\n",
	    "f:3:3: [[route]]: user is set; write tls = \"required\" (or \"dane\"), so that the "
	    "password is safe");
	refused(HOST ROUTE "[[route]]\ndomain = \"A.example\"\n",
	    "f:5:3: [[route]]: there is one for \"A.example\" already, at f:4");
	refused("route = [1]\n" HOST,
	    "f:1:10: route: not a table; write [[route]] on a line of its own, its keys below");
	refused(HOST "[[rout]]\ndomain = \"a.example\"\n",
	    "f:3:3: [rout]: no such section; did you mean [[route]]?");
}

static void
tables_have_an_end(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	buf_puts(&b, HOST);
	for (unsigned i = 0; i < 256; i++)
		buf_printf(&b, "[[route]]\ndomain = \"a%u.example\"\n", i);
	struct conf *c = conf_parse(buf_view(&b), "f", &err);

	assert_non_null(c);
	conf_free(&c);
	buf_puts(&b, ROUTE);
	assert_null(conf_parse(buf_view(&b), "f", &err));
	assert_string_equal(err.text, "f:515:3: [[route]]: more than 256");
	buf_reset(&b);
	buf_puts(&b, HOST);
	for (unsigned i = 0; i < 200; i++)
		buf_printf(
		    &b, "[[route]]\ndomain = \"a%u.example\"\nca_file = \"/%0200u\"\n", i, 0u);
	assert_null(conf_parse(buf_view(&b), "f", &err));
	assert_non_null(strstr(err.text, "f: the tables ([[route]] ...) are too long"));
	buf_free(&b);
}

static void
neither_environment_nor_command_line_reaches_into_tables(void **state)
{
	static const char *const override[] = {"route.domain=*"};

	(void)state;
	setenv("GKMAIL_ROUTE_DOMAIN", "a.example", 1);
	assert_null(load(HOST, NULL, 0));
	assert_string_equal(err.text, "GKMAIL_ROUTE_DOMAIN in the environment: route.domain: "
				      "[[route]] is read from the file alone");
	unsetenv("GKMAIL_ROUTE_DOMAIN");
	assert_null(load(HOST, override, 1));
	assert_string_equal(
	    err.text, "command line: route.domain: [[route]] is read from the file alone");
}

static void
tables_cross_a_channel(void **state)
{
	struct conf *c = parse(
			HOST "[[route]]\ndomain = \"a.example\"\nport = 26\n[[route]]\ndomain = "
			     "\".b.example\"\nhost = \"mx:c.example\"\n"),
		    *d;
	struct arena a;
	struct str *v;
	size_t n;

	(void)state;
	assert_non_null(c);
	arena_init(&a);
	n = conf_pack(c, "server route", &a, &v);
	d = conf_unpack(v, n, &err);
	assert_non_null(d);
	assert_int_equal(conf_count(d, CONF_TABLE_ROUTE), 2);
	assert_string_equal(conf_row_z(d, CONF_ROUTE_DOMAIN, 0), "a.example");
	assert_int_equal(conf_row_num(d, CONF_ROUTE_PORT, 0), 26);
	assert_string_equal(conf_row_z(d, CONF_ROUTE_HOST, 1), "mx:c.example");
	assert_int_equal(conf_row_num(d, CONF_ROUTE_PORT, 1), 25);
	conf_free(&d);
	/* Not for those who did not ask. */
	n = conf_pack(c, "server", &a, &v);
	d = conf_unpack(v, n, &err);
	assert_int_equal(conf_count(d, CONF_TABLE_ROUTE), 0);
	conf_free(&d);
	conf_free(&c);
	/* Rows come in their order. */
	struct str wrong[] = {STR("route.1.domain"), STR("a.example")};

	assert_null(conf_unpack(wrong, 2, &err));
	wrong[0] = STR("route.0.nothing");
	assert_null(conf_unpack(wrong, 2, &err));
	wrong[0] = STR("route.256.domain");
	assert_null(conf_unpack(wrong, 2, &err));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_default_is_within_its_limits),
	    cmocka_unit_test(values_have_types),
	    cmocka_unit_test(a_wrong_name_is_answered_with_the_right_one),
	    cmocka_unit_test(a_wrong_value_is_answered_with_what_to_write),
	    cmocka_unit_test(mail_goes_to_no_model_elsewhere),
	    cmocka_unit_test(addresses_are_checked),
	    cmocka_unit_test(environment_beats_file_and_command_line_both),
	    cmocka_unit_test(wrong_overrides_are_refused),
	    cmocka_unit_test(acme_is_asked_for_wholly),
	    cmocka_unit_test(a_section_crosses_a_channel),
	    cmocka_unit_test(tables_stand_several_times),
	    cmocka_unit_test(a_row_is_checked_as_a_whole),
	    cmocka_unit_test(tables_have_an_end),
	    cmocka_unit_test(neither_environment_nor_command_line_reaches_into_tables),
	    cmocka_unit_test(tables_cross_a_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
