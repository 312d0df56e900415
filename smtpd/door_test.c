/* door_test.c - strangers at the door: manners before the greeting, and what they use up. */
#include <arpa/inet.h>

#include "smtpd/session_client_test_in.h"

static void
tell(const char *text)
{
	if (client >= 0)
		(void)!send(client, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	turn();
}

static void
leave(void)
{
	if (client >= 0)
		close(client);
	client = -1;
	turn();
	clock_advance(11000); /* the linger */
	turn();
	assert_true(session_none());
}

static void
come(const char *listener, const char *from)
{
	struct svc_conn c = {.name = listener, .peer_text = "192.0.2.9"};
	struct sockaddr_in *in = (struct sockaddr_in *)&c.peer;
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v), 0);
	c.fd = v[0];
	client = v[1];
	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, from, &in->sin_addr), 1);
	buf_reset(&heard);
	session_accept(&c);
	turn();
}

#define EXPECT(text, want)                            \
	do {                                          \
		tell(text);                           \
		assert_string_equal(codes(), (want)); \
	} while (0)

/* Waits for the greeting as it should. */
static void
come_politely(const char *from)
{
	come("smtp", from);
	clock_advance(1000);
	turn();
	EXPECT("EHLO c.test\r\n", "220 250");
}

static int
up(void **state)
{
	static const char toml[] =
	    "[server]\nhost_name = \"mail.here.test\"\n[smtp]\nmax_errors = 8\n"
	    "[submission]\nauth_without_tls = true\n"
	    "[limits]\ntrusted_networks = [\"10.0.0.0/8\"]\nconnections_per_ip = 2\n"
	    "connections_per_minute = 6\nmessages_per_minute = 3\nmessages_per_hour = 4\n"
	    "errors_per_hour = 10\nunknown_per_hour = 4\n";

	(void)state;
	fakes_open(toml);
	buf_init(&heard, 4u << 20);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	fakes_close();
	buf_free(&heard);
	clock_advance(7200000);
	return 0;
}

static void
the_greeting_waits_once(void **state)
{
	(void)state;
	come("smtp", "192.0.2.9");
	assert_string_equal(codes(), "");
	clock_advance(500);
	turn();
	assert_string_equal(codes(), "");
	clock_advance(500);
	turn();
	EXPECT("EHLO c.test\r\n", "220 250");
	leave();
	/* Known by now. */
	come("smtp", "192.0.2.9");
	assert_string_equal(codes(), "220");
	leave();
	/* Users, and trusted networks, wait for nothing. */
	come("submission", "192.0.2.10");
	assert_string_equal(codes(), "220");
	leave();
	come("smtp", "10.1.2.3");
	assert_string_equal(codes(), "220");
	leave();
}

static void
who_speaks_first_is_refused(void **state)
{
	(void)state;
	come("smtp", "192.0.2.9");
	tell("EHLO c.test\r\n");
	assert_true(str_starts(buf_view(&heard), STR("554 5.5.0 mail.here.test ")));
	assert_string_equal(codes(), "554");
	leave();
	/* It has learned nothing by that. */
	come("smtp", "192.0.2.9");
	assert_string_equal(codes(), "");
	leave();
	/* And from a trusted network it may. */
	come("smtp", "10.1.2.3");
	EXPECT("EHLO c.test\r\nMAIL FROM:<a@x.test>\r\n", "220 250 250");
	leave();
}

static void
a_client_that_leaves_before_the_greeting(void **state)
{
	(void)state;
	come("smtp", "192.0.2.9");
	leave();
	come("smtp", "192.0.2.9");
	draining = true;
	session_drain_all();
	turn();
	assert_string_equal(codes(), "421");
	leave();
}

static void
commands_in_one_go(void **state)
{
	(void)state;
	come_politely("192.0.2.9");
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	EXPECT("Subject: x\r\n\r\n.\r\nMAIL FROM:<a@x.test>\r\n", "250 250");
	EXPECT("EHLO c.test\r\nMAIL FROM:<a@x.test>\r\n", "554");
	leave();
	come_politely("192.0.2.9");
	leave();
	come("smtp", "192.0.2.9");
	EXPECT("HELO c.test\r\n", "220 250");
	EXPECT("MAIL FROM:<a@x.test>\r\n", "250");
	EXPECT("RCPT TO:<bob@here.test>\r\nDATA\r\n", "554");
	leave();
}

static void
messages_of_an_address(void **state)
{
	(void)state;
	come_politely("192.0.2.9");
	for (int i = 0; i < 3; i++)
		EXPECT("MAIL FROM:<a@x.test>\r\nRSET\r\n", "250 250");
	EXPECT("MAIL FROM:<a@x.test>\r\n", "450");
	clock_advance(30000);
	turn();
	EXPECT("MAIL FROM:<a@x.test>\r\nRSET\r\n", "250 250");
	clock_advance(60000); /* but only four in an hour */
	turn();
	EXPECT("MAIL FROM:<a@x.test>\r\n", "450");
	leave();
	come_politely("192.0.2.10");
	EXPECT("MAIL FROM:<a@x.test>\r\n", "250");
	leave();
	come("smtp", "10.1.2.3");
	EXPECT("EHLO c\r\n", "220 250");
	for (int i = 0; i < 20; i++)
		EXPECT("MAIL FROM:<a@x.test>\r\nRSET\r\n", "250 250");
	leave();
}

static void
users_are_counted_elsewhere(void **state)
{
	(void)state;
	come("submission", "192.0.2.9");
	EXPECT("EHLO c\r\n", "220 250");
	EXPECT("AUTH PLAIN AGEAYg==\r\n", "235");
	for (int i = 0; i < 20; i++)
		EXPECT("MAIL FROM:<alice@here.test>\r\nRSET\r\n", "250 250");
	leave();
}

static void
log_in_as_alice(void)
{
	come("submission", "192.0.2.9");
	EXPECT("EHLO c\r\n", "220 250");
	EXPECT("AUTH PLAIN AGEAYg==\r\n", "235");
}

/* What a user has sent enough of, authd says; one message refused is refused for all. */
static void
users_who_have_sent_enough(void **state)
{
	(void)state;
	log_in_as_alice();
	EXPECT("MAIL FROM:<alice@here.test>\r\nRCPT TO:<later@x.test>\r\n"
	       "RCPT TO:<bob@here.test>\r\nDATA\r\n",
	    "250 450 450 554");
	tell("RCPT TO:<bob@here.test>\r\n");
	assert_true(str_starts(buf_view(&heard), STR("450 4.7.1 ")));
	assert_non_null(strstr(heard.p, "try again in 10 minutes"));
	EXPECT("RSET\r\n", "450 250");
	EXPECT("MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\n"
	       "RCPT TO:<later@x.test>\r\nRCPT TO:<many@x.test>\r\n",
	    "250 250 250 452");
	leave();
}

static void
a_stranger_is_to_come_again(void **state)
{
	(void)state;
	come_politely("192.0.2.9");
	/* Greylisting is off. */
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<grey@here.test>\r\nRSET\r\n", "250 250 250");
	leave();
	conf_free(&conf);
	conf = conf_parse(STR("[server]\nhost_name = \"mail.here.test\"\n[limits]\n"
			      "greylist = true\ntrusted_networks = [\"10.0.0.0/8\"]\n"),
	    "test", NULL);
	assert_non_null(conf);
	assert_int_equal(door_configure(NULL), 0);
	come("smtp", "192.0.2.9");
	EXPECT("EHLO c.test\r\n", "220 250");
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<grey@here.test>\r\nRCPT TO:<no@here.test>\r\n"
	       "RCPT TO:<bob@here.test>\r\n",
	    "250 451 550 250");
	leave();
	come("smtp", "10.0.0.1");
	EXPECT("EHLO c.test\r\n", "220 250");
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<grey@here.test>\r\n", "250 250");
	leave();
}

static void
names_are_not_tried_out(void **state)
{
	(void)state;
	come_politely("192.0.2.9");
	EXPECT("MAIL FROM:<a@x.test>\r\n", "250");
	for (int i = 0; i < 4; i++)
		EXPECT("RCPT TO:<nobody@here.test>\r\n", "550");
	EXPECT("RCPT TO:<nobody@here.test>\r\n", "450");
	EXPECT("RCPT TO:<bob@here.test>\r\n", "450"); /* says nothing any more */
	leave();
	come_politely("192.0.2.9");
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<bob@here.test>\r\n", "250 450");
	leave();
	come_politely("192.0.2.11");
	EXPECT("MAIL FROM:<a@x.test>\r\nRCPT TO:<bob@here.test>\r\n", "250 250");
	leave();
}

static void
errors_close_the_door(void **state)
{
	(void)state;
	come_politely("192.0.2.9");
	for (int i = 0; i < 7; i++)
		EXPECT("FOO\r\n", "500");
	EXPECT("FOO\r\n", "500 421"); /* max_errors of a session */
	leave();
	come_politely("192.0.2.9");
	EXPECT("FOO\r\n", "500");
	EXPECT("FOO\r\n", "500 421"); /* and ten of the address */
	leave();
	come("smtp", "192.0.2.9");
	assert_true(str_starts(buf_view(&heard), STR("421 4.7.0 ")));
	leave();
	clock_advance(360001);
	come("smtp", "192.0.2.9");
	assert_string_equal(codes(), "220");
	leave();
}

static void
too_many_connections(void **state)
{
	int held[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		come("submission", "192.0.2.9");
		assert_string_equal(codes(), "220");
		held[i] = client;
	}
	come("submission", "192.0.2.9");
	assert_string_equal(codes(), "421");
	close(client);
	close(held[0]);
	close(held[1]);
	client = -1;
	leave();
	for (size_t i = 0; i < 5; i++) {
		come("submission", "192.0.2.9");
		assert_string_equal(codes(), "220");
		close(client);
		client = -1;
		turn();
	}
	come("submission", "192.0.2.9"); /* six a minute */
	assert_string_equal(codes(), "421");
	leave();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
	    TEST(the_greeting_waits_once),
	    TEST(who_speaks_first_is_refused),
	    TEST(a_client_that_leaves_before_the_greeting),
	    TEST(commands_in_one_go),
	    TEST(messages_of_an_address),
	    TEST(users_are_counted_elsewhere),
	    TEST(users_who_have_sent_enough),
	    TEST(a_stranger_is_to_come_again),
	    TEST(names_are_not_tried_out),
	    TEST(errors_close_the_door),
	    TEST(too_many_connections),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
