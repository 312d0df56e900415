/*
 * tls_client_test.c - a client stream against a server stream: what is proven, and what ends the
 * handshake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "tests/unit/tls_peer.h"

static struct test_key one, other;

struct side {
	struct stream *s;
	bool secured, closed;
	char why[ERR_TEXT_MAX], got[64];
};

static void
on_input(void *arg)
{
	struct side *x = arg;
	struct str in = stream_input(x->s);

	snprintf(x->got + strlen(x->got), sizeof(x->got) - strlen(x->got), STR_FMT, STR_ARG(in));
	stream_consume(x->s, in.n);
}

static void
on_secured(void *arg)
{
	((struct side *)arg)->secured = true;
}

static void
on_closed(void *arg, const struct err *e)
{
	struct side *x = arg;

	x->closed = true;
	snprintf(x->why, sizeof(x->why), "%s", e->text);
}

static const struct stream_events events = {
    .input = on_input, .secured = on_secured, .closed = on_closed};
static const struct stream_limits limits = {65536, 65536, 5000};

struct pair {
	struct side server, client;
	struct tls_context *ours, *theirs;
};

static void
pair_start(struct pair *p, const struct test_key *key, int authorities)
{
	static const struct tls_options plain;
	int fd[2];

	*p = (struct pair){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	p->ours = tls_client_new(authorities, NULL);
	p->theirs = tls_server_new(key->cert_fd, key->key_fd, &plain, NULL);
	assert_non_null(p->ours);
	assert_non_null(p->theirs);
	p->server.s = stream_new(fd[0], &limits, &events, &p->server);
	p->client.s = stream_new(fd[1], &limits, &events, &p->client);
	stream_start(p->server.s);
	stream_start(p->client.s);
	stream_tls_accept(p->server.s, p->theirs);
}

static void
pair_shake(struct pair *p, const struct tls_check *check)
{
	assert_int_equal(stream_tls_connect(p->client.s, p->ours, check, NULL), 0);
	for (int i = 0; i < 100 && !p->client.closed && !(p->client.secured && p->server.secured);
	     i++)
		loop_once(50);
}

static void
pair_end(struct pair *p)
{
	stream_free(&p->client.s);
	stream_free(&p->server.s);
	tls_context_free(&p->ours);
	tls_context_free(&p->theirs);
}

static struct tls_tlsa
tlsa_of(const struct test_key *k, unsigned char digest[32], uint8_t usage)
{
	unsigned n = 32;

	assert_int_equal(X509_digest(k->cert, EVP_sha256(), digest, &n), 1);
	return (struct tls_tlsa){usage, 0, 1, str_of(digest, 32)};
}

static void
octets_cross(void **state)
{
	struct tls_check check = {.sni = STR("mx.example.org")};
	struct pair p;

	(void)state;
	pair_start(&p, &one, -1);
	pair_shake(&p, &check);
	assert_true(p.client.secured);
	assert_string_equal(stream_tls_verified(p.client.s), "");
	assert_string_equal(stream_tls_doubt(p.client.s), "");
	stream_puts(p.client.s, "there");
	stream_puts(p.server.s, "back");
	for (int i = 0; i < 100 && !(*p.server.got && *p.client.got); i++)
		loop_once(50);
	assert_string_equal(p.server.got, "there");
	assert_string_equal(p.client.got, "back");
	assert_non_null(strstr(stream_tls_cipher(p.client.s), "TLSv1.3"));
	pair_end(&p);
}

static void
check_names(const struct test_key *authority, const char *name, bool required, const char *verified,
    const char *why)
{
	struct str names[] = {str_z("mx.wrong.test"), str_z(name)};
	struct tls_check check = {
	    .sni = STR("localhost"), .names = names, .nnames = 2, .required = required};
	struct pair p;

	pair_start(&p, &one, authority ? authority->cert_fd : -1);
	pair_shake(&p, &check);
	assert_int_equal(p.client.secured, why == NULL || !required);
	if (p.client.secured)
		assert_string_equal(stream_tls_verified(p.client.s), verified);
	if (why && required)
		assert_non_null(strstr(p.client.why, why));
	if (why && !required)
		assert_non_null(strstr(stream_tls_doubt(p.client.s), why));
	pair_end(&p);
}

static void
names_and_authorities_are_checked(void **state)
{
	(void)state;
	check_names(&one, "localhost", true, "pkix", NULL);
	check_names(&one, "mx.example.org", true, "", "ostname mismatch");
	check_names(&one, "mx.example.org", false, "", "ostname mismatch");
	check_names(&other, "localhost", true, "", "certificate");
	check_names(NULL, "localhost", true, "", "certificate");
	check_names(NULL, "localhost", false, "", "certificate");
}

static void
check_record(const struct test_key *key, uint8_t usage, const char *verified)
{
	unsigned char digest[32];
	struct tls_tlsa t = tlsa_of(key, digest, usage);
	struct tls_check check = {
	    .sni = STR("mx.example.org"), .tlsa = &t, .ntlsa = 1, .required = true};
	struct pair p;

	pair_start(&p, &one, -1);
	pair_shake(&p, &check);
	assert_int_equal(p.client.secured, verified != NULL);
	if (verified)
		assert_string_equal(stream_tls_verified(p.client.s), verified);
	pair_end(&p);
}

static void
records_are_checked(void **state)
{
	unsigned char digest[32];
	struct tls_tlsa t = tlsa_of(&one, digest, 1);
	struct tls_check check = {.sni = STR("mx.example.org"), .tlsa = &t, .ntlsa = 1};
	struct pair p;

	(void)state;
	/* The name in the certificate is another one: that does not count with usage 3. */
	check_record(&one, 3, "dane");
	check_record(&other, 3, NULL);
	pair_start(&p, &one, -1);
	assert_int_equal(stream_tls_connect(p.client.s, p.ours, &check, NULL), -1);
	pair_end(&p);
}

static void
authorities_must_be_certificates(void **state)
{
	int words = file_memory("words", "some words", 10, NULL);
	struct err e;

	(void)state;
	assert_null(tls_client_new(words, &e));
	assert_string_equal(e.text, "authorities: no certificate in it");
	file_close(&words);
}

static int
set_up(void **state)
{
	(void)state;
	test_key_make(&one, false);
	test_key_make(&other, false);
	return loop_init(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets_cross),
	    cmocka_unit_test(names_and_authorities_are_checked),
	    cmocka_unit_test(records_are_checked),
	    cmocka_unit_test(authorities_must_be_certificates),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
