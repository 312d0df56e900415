/*
 * tls_session_test.c - whole handshakes: which certificate a client is shown, resumption, clients'
 * certificates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "io/tls_private.h"
#include "tests/unit/tls_peer.h"

static struct test_key one, two, wild, rsa, ed, alice, stranger;
static int nothing = -1;
static const struct tls_options plain;

static int
make_keys(void **state)
{
	(void)state;
	test_key_make_named(&one, TEST_P256, "DNS:one.test");
	test_key_make_named(&two, TEST_P256, "DNS:Two.test,DNS:www.two.test,IP:127.0.0.1");
	test_key_make_named(&wild, TEST_P256, "DNS:*.two.test");
	test_key_make_named(&rsa, TEST_RSA, "DNS:two.test");
	test_key_make_named(&ed, TEST_ED25519, "DNS:ed.test");
	test_key_make_named(&alice, TEST_P256, "email:alice@one.test,email:a@one.test");
	test_key_make_named(&stranger, TEST_P256, "email:alice@one.test");
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	test_key_free(&one);
	test_key_free(&two);
	test_key_free(&wild);
	test_key_free(&rsa);
	test_key_free(&ed);
	test_key_free(&alice);
	test_key_free(&stranger);
	return 0;
}

/* ---- a conversation ---- */

struct pair {
	struct test_peer peer;
	struct tls_session *server;
	enum tls_result result;
	struct tls_why why;
	int fd;
};

static void
begin(struct pair *p, struct tls_context *c)
{
	int sv[2];

	*p = (struct pair){.result = TLS_WANT_READ};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	test_peer_init(&p->peer, sv[1]);
	p->fd = sv[0];
	p->server = tls_session_new(c, sv[0]);
}

static bool
shake(struct pair *p)
{
	char room[16];
	size_t n;

	for (int i = 0; i < 6; i++) {
		if (!SSL_is_init_finished(p->peer.ssl))
			SSL_do_handshake(p->peer.ssl);
		test_peer_carry(&p->peer, SIZE_MAX);
		if (p->result == TLS_WANT_READ || p->result == TLS_WANT_WRITE)
			p->result = tls_session_accept(p->server, &p->why);
		test_peer_carry(&p->peer, 0);
	}
	if (p->result != TLS_OK)
		return false;
	/* Takes the ticket in, or an alert of a server that was not content. */
	assert_int_equal(tls_session_write(p->server, "x", 1, &n, &p->why), TLS_OK);
	test_peer_carry(&p->peer, 0);
	return SSL_read(p->peer.ssl, room, sizeof(room)) == 1;
}

static void
end(struct pair *p)
{
	tls_session_free(&p->server);
	close(p->peer.fd);
	close(p->fd);
	test_peer_free(&p->peer);
}

static void
assert_shown(const struct pair *p, const struct test_key *k)
{
	X509 *x = SSL_get0_peer_certificate(p->peer.ssl);

	assert_non_null(x);
	assert_int_equal(X509_cmp(x, k->cert), 0);
}

/* Also that tls-server-end-point is that of the certificate shown. */
static void
asks_for(struct tls_context *c, const char *name, const struct test_key *k)
{
	unsigned char ours[64], theirs[64];
	unsigned n = 0;
	struct pair p;

	begin(&p, c);
	if (name)
		assert_int_equal(SSL_set_tlsext_host_name(p.peer.ssl, name), 1);
	assert_true(shake(&p));
	assert_shown(&p, k);
	X509_digest(k->cert, EVP_sha512(), theirs, &n);
	assert_int_equal(tls_session_binding(p.server, TLS_BINDING_END_POINT, ours), 64);
	assert_memory_equal(ours, theirs, 64);
	end(&p);
}

/* ---- which certificate ---- */

static struct tls_context *
context(const struct tls_options *o)
{
	struct err e = {0};
	struct tls_context *c = tls_server_new(one.cert_fd, one.key_fd, o, &e);

	if (!c)
		fail_msg("%s", e.text);
	return c;
}

static void
the_client_says_which_certificate_it_wants(void **state)
{
	const struct str names[] = {STR_INIT("given.test"), STR_INIT("*.given.test")};
	struct tls_context *c = context(&plain);

	(void)state;
	assert_int_equal(tls_server_add(c, two.cert_fd, two.key_fd, NULL, 0, NULL), 0);
	assert_int_equal(tls_server_add(c, wild.cert_fd, wild.key_fd, NULL, 0, NULL), 0);
	asks_for(c, NULL, &one);
	asks_for(c, "one.test", &one);
	asks_for(c, "unknown.test", &one);
	asks_for(c, "two.test", &two);
	asks_for(c, "TWO.test", &two);
	asks_for(c, "www.two.test", &two); /* before the wildcard */
	asks_for(c, "mail.two.test", &wild);
	asks_for(c, "a.mail.two.test", &one);
	asks_for(c, "xtwo.test", &one);
	assert_int_equal(tls_server_add(c, stranger.cert_fd, stranger.key_fd, names, 2, NULL), 0);
	asks_for(c, "given.test", &stranger);
	asks_for(c, "x.given.test", &stranger);
	tls_context_free(&c);
}

static void
two_kinds_of_keys_for_one_name(void **state)
{
	struct tls_context *c = context(&plain);
	struct pair p;

	(void)state;
	assert_int_equal(tls_server_add(c, two.cert_fd, two.key_fd, NULL, 0, NULL), 0);
	assert_int_equal(tls_server_add(c, rsa.cert_fd, rsa.key_fd, NULL, 0, NULL), 0);
	asks_for(c, "two.test", &two);
	begin(&p, c);
	SSL_set_tlsext_host_name(p.peer.ssl, "two.test");
	SSL_set1_sigalgs_list(p.peer.ssl, "RSA-PSS+SHA256");
	assert_true(shake(&p));
	assert_shown(&p, &rsa);
	end(&p);
	tls_context_free(&c);
}

/* The default has a key of another kind: it must not be shown to who asked for the other name. */
static void
no_certificate_of_another_name_stands_in(void **state)
{
	struct tls_context *c = context(&plain);
	struct pair p;

	(void)state;
	assert_int_equal(tls_server_add(c, rsa.cert_fd, rsa.key_fd, NULL, 0, NULL), 0);
	asks_for(c, "two.test", &rsa);
	begin(&p, c);
	SSL_set_tlsext_host_name(p.peer.ssl, "two.test");
	SSL_set1_sigalgs_list(p.peer.ssl, "ECDSA+SHA256");
	assert_false(shake(&p));
	end(&p);
	tls_context_free(&c);
}

static void
a_certificate_without_names_wants_some(void **state)
{
	struct tls_context *c = context(&plain);
	struct err e = {0};

	(void)state;
	assert_int_equal(tls_server_add(c, alice.cert_fd, alice.key_fd, NULL, 0, &e), -1);
	assert_non_null(strstr(e.text, "write names = "));
	assert_int_equal(tls_server_add(c, two.cert_fd, one.key_fd, NULL, 0, &e), -1);
	assert_non_null(strstr(e.text, "do not belong together"));
	assert_true(tls_context_serves(c, STR("one.test")));
	assert_false(tls_context_serves(c, STR("two.test")));
	assert_int_equal(tls_context_expires(c) / 60, (clock_wall() + 3600) / 60);
	tls_context_free(&c);
}

/* ---- resumption ---- */

/* A whole handshake at c; the client's session. */
static SSL_SESSION *
session_of(struct tls_context *c, int version, const char *name)
{
	SSL_SESSION *s;
	struct pair p;

	begin(&p, c);
	SSL_set_max_proto_version(p.peer.ssl, version);
	SSL_set_tlsext_host_name(p.peer.ssl, name);
	assert_true(shake(&p));
	assert_false(SSL_session_reused(p.peer.ssl));
	s = SSL_get1_session(p.peer.ssl);
	assert_true(SSL_SESSION_is_resumable(s));
	SSL_shutdown(p.peer.ssl);
	end(&p);
	return s;
}

/* *s becomes the session of this connection. */
static bool
resumes(struct tls_context *c, SSL_SESSION **s, const char *name)
{
	unsigned char ours[64], theirs[64];
	struct pair p;
	unsigned n;
	bool is;

	begin(&p, c);
	SSL_set_max_proto_version(p.peer.ssl, SSL_SESSION_get_protocol_version(*s));
	SSL_set_tlsext_host_name(p.peer.ssl, name);
	SSL_set_session(p.peer.ssl, *s);
	assert_true(shake(&p));
	is = SSL_session_reused(p.peer.ssl);
	SSL_SESSION_free(*s);
	*s = SSL_get1_session(p.peer.ssl);
	X509_digest(SSL_SESSION_get0_peer(*s), EVP_sha512(), theirs, &n);
	assert_int_equal(tls_session_binding(p.server, TLS_BINDING_END_POINT, ours), 64);
	assert_memory_equal(ours, theirs, 64);
	SSL_shutdown(p.peer.ssl);
	end(&p);
	return is;
}

static struct tls_tickets *
tickets(struct tls_seed *seed)
{
	struct err e = {0};
	int fd = tls_seed_file(seed, &e);
	struct tls_tickets *t = fd < 0 ? NULL : tls_tickets_new(fd, &e);

	if (!t)
		fail_msg("%s", e.text);
	file_close(&fd);
	return t;
}

static void
resumption(int version)
{
	struct tls_seed seed, other_seed;
	struct tls_tickets *t[3];
	struct tls_context *c[3];
	SSL_SESSION *s;

	tls_seed_make(&seed);
	tls_seed_make(&other_seed);
	t[0] = tickets(&seed);
	t[1] = tickets(&seed); /* of another process */
	t[2] = tickets(&other_seed);
	for (int i = 0; i < 3; i++) {
		c[i] = context(&(struct tls_options){.tickets = t[i]});
		tls_server_add(c[i], two.cert_fd, two.key_fd, NULL, 0, NULL);
	}
	s = session_of(c[0], version, "two.test");
	assert_true(resumes(c[0], &s, "two.test"));
	assert_true(resumes(c[1], &s, "two.test"));
	assert_true(resumes(c[0], &s, "two.test"));
	assert_false(resumes(c[2], &s, "two.test"));
	SSL_SESSION_free(s);

	/* After a reload: another context, the same keys. */
	s = session_of(c[0], version, "two.test");
	tls_context_free(&c[0]);
	c[0] = context(&(struct tls_options){.tickets = t[0]});
	tls_server_add(c[0], two.cert_fd, two.key_fd, NULL, 0, NULL);
	assert_true(resumes(c[0], &s, "two.test"));
	SSL_SESSION_free(s);
	for (int i = 0; i < 3; i++) {
		tls_context_free(&c[i]);
		tls_tickets_free(&t[i]);
	}
}

static void
tickets_are_good_wherever_the_seed_is(void **state)
{
	(void)state;
	resumption(TLS1_2_VERSION);
	resumption(TLS1_3_VERSION);
}

/* The certificate was changed meanwhile: the binding is still to the one that the client saw. */
static void
a_ticket_remembers_its_certificate(void **state)
{
	struct tls_seed seed;
	struct tls_tickets *t;
	struct tls_context *c;
	SSL_SESSION *s;

	(void)state;
	tls_seed_make(&seed);
	t = tickets(&seed);
	c = context(&(struct tls_options){.tickets = t});
	s = session_of(c, TLS1_3_VERSION, "one.test");
	tls_context_free(&c);
	c = tls_server_new(two.cert_fd, two.key_fd, &(struct tls_options){.tickets = t}, NULL);
	assert_true(resumes(c, &s, "one.test"));
	assert_true(resumes(c, &s, "one.test"));
	SSL_SESSION_free(s);
	tls_context_free(&c);
	tls_tickets_free(&t);
}

/* What matters is whether the keys are there: OpenSSL has a clock of its own for the session. */
static void
keys_change_and_are_forgotten(void **state)
{
	const uint64_t hour = 3600u * 1000u;
	struct tls_seed seed;
	struct tls_tickets *t, *late;
	struct tls_context *c, *at_late;
	SSL_SESSION *s;

	(void)state;
	tls_seed_make(&seed);
	t = tickets(&seed);
	c = context(&(struct tls_options){.tickets = t});
	s = session_of(c, TLS1_3_VERSION, "one.test");
	clock_advance(2 * hour);
	late = tickets(&seed); /* a front that was started again */
	at_late = context(&(struct tls_options){.tickets = late});
	assert_true(resumes(at_late, &s, "one.test"));
	assert_true(resumes(c, &s, "one.test"));
	clock_advance(4 * hour);
	assert_false(resumes(at_late, &s, "one.test"));
	assert_true(resumes(c, &s, "one.test"));
	clock_advance(4 * hour);
	assert_false(resumes(c, &s, "one.test"));
	SSL_SESSION_free(s);
	tls_context_free(&c);
	tls_context_free(&at_late);
	tls_tickets_free(&t);
	tls_tickets_free(&late);
}

/* ---- clients' certificates ---- */

static void
show(struct pair *p, const struct test_key *k)
{
	assert_int_equal(SSL_use_certificate(p->peer.ssl, k->cert), 1);
	assert_int_equal(SSL_use_PrivateKey(p->peer.ssl, k->key), 1);
}

static bool
let_in(struct tls_context *c, const struct test_key *k, const char *client)
{
	struct pair p;
	bool in;

	begin(&p, c);
	if (k)
		show(&p, k);
	in = shake(&p);
	if (in)
		assert_string_equal(tls_session_client(p.server), client);
	end(&p);
	return in;
}

static void
clients_show_certificates(void **state)
{
	const struct tls_options require = {
	    .clients = TLS_CLIENTS_REQUIRE, .client_ca_fd = alice.cert_fd};
	const struct tls_options request = {
	    .clients = TLS_CLIENTS_REQUEST, .client_ca_fd = alice.cert_fd};
	struct tls_context *c = context(&require);
	struct pair p;

	(void)state;
	assert_true(let_in(c, &alice, "CN=localhost"));
	assert_false(let_in(c, NULL, ""));
	assert_false(let_in(c, &stranger, ""));
	begin(&p, c);
	show(&p, &alice);
	assert_true(shake(&p));
	assert_true(tls_session_client_is(p.server, STR("alice@one.test")));
	assert_true(tls_session_client_is(p.server, STR("A@one.test")));
	assert_false(tls_session_client_is(p.server, STR("bob@one.test")));
	end(&p);
	tls_context_free(&c);
	c = context(&request);
	assert_true(let_in(c, &alice, "CN=localhost"));
	assert_true(let_in(c, NULL, ""));
	assert_true(let_in(c, &stranger, ""));
	tls_context_free(&c);
	c = context(&plain);
	assert_true(let_in(c, &alice, ""));
	tls_context_free(&c);
}

/* One that was given where nobody asked for a certificate resumes nothing where one is required. */
static void
a_ticket_is_no_way_around_a_certificate(void **state)
{
	struct tls_options o = {0};
	struct tls_context *open, *closed;
	struct tls_seed seed;
	SSL_SESSION *s;
	struct pair p;

	(void)state;
	tls_seed_make(&seed);
	o.tickets = tickets(&seed);
	open = context(&o);
	o.clients = TLS_CLIENTS_REQUIRE;
	o.client_ca_fd = alice.cert_fd;
	closed = context(&o);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		s = session_of(open, version, "one.test");
		begin(&p, closed);
		SSL_set_max_proto_version(p.peer.ssl, version);
		SSL_set_session(p.peer.ssl, s);
		assert_false(shake(&p));
		SSL_SESSION_free(s);
		end(&p);
		/* And one with the certificate in it resumes with the certificate. */
		begin(&p, closed);
		SSL_set_max_proto_version(p.peer.ssl, version);
		show(&p, &alice);
		assert_true(shake(&p));
		s = SSL_get1_session(p.peer.ssl);
		SSL_shutdown(p.peer.ssl);
		end(&p);
		begin(&p, closed);
		SSL_set_max_proto_version(p.peer.ssl, version);
		SSL_set_session(p.peer.ssl, s);
		assert_true(shake(&p));
		assert_true(SSL_session_reused(p.peer.ssl));
		assert_string_equal(tls_session_client(p.server), "CN=localhost");
		assert_false(tls_session_client_is(p.server, STR("bob@one.test")));
		SSL_SESSION_free(s);
		end(&p);
	}
	tls_context_free(&open);
	tls_context_free(&closed);
	tls_tickets_free(&o.tickets);
}

static void
a_client_ca_that_is_none_is_refused(void **state)
{
	struct tls_options o = {.clients = TLS_CLIENTS_REQUIRE, .client_ca_fd = alice.key_fd};
	struct err e = {0};

	(void)state;
	assert_null(tls_server_new(one.cert_fd, one.key_fd, &o, &e));
	assert_non_null(strstr(e.text, "client_ca: no certificate"));
	o.client_ca_fd = nothing;
	assert_null(tls_server_new(one.cert_fd, one.key_fd, &o, &e));
	assert_non_null(strstr(e.text, "client_ca: "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_client_says_which_certificate_it_wants),
	    cmocka_unit_test(two_kinds_of_keys_for_one_name),
	    cmocka_unit_test(no_certificate_of_another_name_stands_in),
	    cmocka_unit_test(a_certificate_without_names_wants_some),
	    cmocka_unit_test(tickets_are_good_wherever_the_seed_is),
	    cmocka_unit_test(a_ticket_remembers_its_certificate),
	    cmocka_unit_test(keys_change_and_are_forgotten),
	    cmocka_unit_test(clients_show_certificates),
	    cmocka_unit_test(a_ticket_is_no_way_around_a_certificate),
	    cmocka_unit_test(a_client_ca_that_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("tls_session", tests, make_keys, free_keys);
}
