/*
 * session_test_in.h - inside tests of sessions: who connects, before the fakes (session_fakes.h).
 */
#pragma once

#include "smtpd/session_client_test_in.h"

static void
connect_as(const char *listener, const char *user, bool trusted)
{
	struct svc_conn c = {
	    .name = listener, .peer_text = "192.0.2.9", .user = str_z(user), .trusted = trusted};
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v), 0);
	c.fd = v[0];
	client = v[1];
	((struct sockaddr_in *)&c.peer)->sin_family = AF_INET;
	buf_reset(&heard);
	nwaiting = 0;
	session_accept(&c);
	turn();
}

static void
connect_to(const char *listener)
{
	connect_as(listener, NULL, false);
}

static void
leave(void)
{
	close(client);
	client = -1;
	turn();
	clock_advance(60000);
	turn();
	assert_true(session_none());
}

static void
expect(const char *lines, const char *want)
{
	say(str_z(lines));
	assert_string_equal(codes(), want);
}

static int
set_up(void **state)
{
	static const char toml[] =
	    "[server]\nhost_name = \"mail.here.test\"\n[smtp]\nmax_recipients = 5\n"
	    "max_errors = 8\nmax_size = \"1MiB\"\nmax_header = \"8KiB\"\n"
	    "max_received = 6\n[submission]\nauth_without_tls = true\n"
	    "[limits]\ntrusted_networks = [\"0.0.0.0\"]\n";

	(void)state;
	fakes_open(toml);
	buf_init(&heard, 16u << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fakes_close();
	buf_free(&heard);
	return 0;
}

#define OPENING "EHLO c.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bob@here.test>\r\n"

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
