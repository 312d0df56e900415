/*
 * stream_tls_test.c - streams over TLS, against a client whose octets are carried by hand.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "tests/unit/tls_peer.h"

static struct test_key ec, ed;
static struct tls_context *context;

static int
make_keys(void **state)
{
	const struct tls_options plain = {0};

	(void)state;
	test_key_make(&ec, false);
	test_key_make(&ed, true);
	context = tls_server_new(ec.cert_fd, ec.key_fd, &plain, NULL);
	return context && loop_init(NULL) == 0 ? 0 : -1;
}

static int
free_keys(void **state)
{
	(void)state;
	tls_context_free(&context);
	test_key_free(&ec);
	test_key_free(&ed);
	return 0;
}

/* ---- the owner ---- */

struct owner {
	struct stream *s;
	struct test_peer peer;
	struct buf got;
	bool leave_input, starttls, free_on_secured, free_on_input;
	unsigned inputs, drains, secures, closes;
	enum err_code code;
	char text[ERR_TEXT_MAX];
};

static void
on_input(void *arg)
{
	struct owner *o = arg;
	struct str in = stream_input(o->s);

	o->inputs++;
	if (o->leave_input)
		return;
	assert_int_equal(buf_str(&o->got, in), 0);
	if (o->starttls && str_starts(in, STR("STARTTLS\r\n"))) {
		o->starttls = false;
		stream_consume(o->s, 10);
		stream_puts(o->s, "220 ready\r\n");
		stream_tls_accept(o->s, context);
		assert_int_equal(stream_input(o->s).n, 0);
		return;
	}
	stream_consume(o->s, in.n);
	if (o->free_on_input)
		stream_free(&o->s);
}

static void
on_drained(void *arg)
{
	((struct owner *)arg)->drains++;
}

static void
on_secured(void *arg)
{
	struct owner *o = arg;

	o->secures++;
	assert_true(stream_is_tls(o->s));
	if (o->free_on_secured)
		stream_free(&o->s);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct owner *o = arg;

	o->closes++;
	o->code = e->code;
	snprintf(o->text, sizeof(o->text), "%s", e->text);
}

static void
open_plain(struct owner *o, size_t in_max, size_t out_max)
{
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};
	const struct stream_limits limits = {in_max, out_max, 60000};
	int sv[2];

	*o = (struct owner){0};
	buf_init(&o->got, 1 << 22);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	test_peer_init(&o->peer, sv[1]);
	o->s = stream_new(sv[0], &limits, &events, o);
}

/* TLS from the first octet on. */
static void
open_tls(struct owner *o, struct tls_context *c)
{
	open_plain(o, 65536, 1 << 20);
	stream_tls_accept(o->s, c);
	stream_start(o->s);
}

static void
done(struct owner *o)
{
	stream_free(&o->s);
	close(o->peer.fd);
	test_peer_free(&o->peer);
	buf_free(&o->got);
}

/* A few rounds of the client, the wire (max octets a time) and the server. */
static void
rounds(struct owner *o, int n, size_t max)
{
	while (n-- > 0) {
		if (!SSL_is_init_finished(o->peer.ssl))
			SSL_do_handshake(o->peer.ssl);
		test_peer_carry(&o->peer, max);
		loop_once(0);
		test_peer_carry(&o->peer, 0);
	}
}

static void
shake_hands(struct owner *o)
{
	rounds(o, 6, SIZE_MAX);
	assert_true(SSL_is_init_finished(o->peer.ssl));
	assert_int_equal(o->secures, 1);
}

static void
say(struct owner *o, const void *p, size_t n)
{
	assert_int_equal(SSL_write(o->peer.ssl, p, (int)n), n);
}

static void
assert_heard(struct owner *o, const char *text)
{
	char room[1000];
	int n = SSL_read(o->peer.ssl, room, sizeof(room) - 1);

	room[n > 0 ? n : 0] = 0;
	assert_string_equal(room, text);
}

/* ---- octets ---- */

static void
words_go_both_ways(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	assert_false(stream_is_tls(o.s));
	assert_string_equal(stream_tls_cipher(o.s), "");
	stream_puts(o.s, "* OK hello\r\n"); /* waits for the handshake */
	shake_hands(&o);
	assert_int_equal(strncmp(stream_tls_cipher(o.s), "TLSv1.3 TLS_", 12), 0);
	assert_heard(&o, "* OK hello\r\n");
	say(&o, "a1 NOOP\r\n", 9);
	rounds(&o, 2, SIZE_MAX);
	assert_true(str_eq_z(buf_view(&o.got), "a1 NOOP\r\n"));
	done(&o);
}

static void
the_wire_may_carry_octet_by_octet(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	rounds(&o, 1500, 1);
	assert_int_equal(o.secures, 1);
	say(&o, "hello", 5);
	say(&o, " world", 6);
	stream_puts(o.s, "back");
	rounds(&o, 100, 1);
	assert_true(str_eq_z(buf_view(&o.got), "hello world"));
	assert_heard(&o, "back");
	done(&o);
}

/* The client's first words come with the end of its handshake: the socket shows nothing more. */
static void
words_behind_the_handshake_are_not_forgotten(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	while (!SSL_is_init_finished(o.peer.ssl)) {
		SSL_do_handshake(o.peer.ssl);
		if (SSL_is_init_finished(o.peer.ssl))
			break;
		test_peer_carry(&o.peer, SIZE_MAX);
		loop_once(0);
		test_peer_carry(&o.peer, 0);
	}
	say(&o, "early", 5);
	test_peer_carry(&o.peer, SIZE_MAX);
	for (int i = 0; i < 4; i++)
		loop_once(0);
	assert_int_equal(o.secures, 1);
	assert_true(str_eq_z(buf_view(&o.got), "early"));
	done(&o);
}

/* Octets that TLS holds, while the input is full, come when there is room, without a word from the
 * socket. */
static void
a_full_buffer_holds_what_tls_has_read(void **state)
{
	struct owner o;
	char block[4000], back[4000];
	size_t got = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 3 + i / 256);
	open_plain(&o, 100, 1000);
	stream_tls_accept(o.s, context);
	stream_start(o.s);
	shake_hands(&o);
	o.leave_input = true;
	say(&o, block, sizeof(block));
	rounds(&o, 5, SIZE_MAX);
	while (got < sizeof(block)) {
		struct str in = stream_input(o.s);

		assert_int_equal(in.n, 100);
		memcpy(back + got, in.p, in.n);
		got += in.n;
		stream_consume(o.s, in.n);
		loop_once(0);
		loop_once(0);
	}
	assert_memory_equal(block, back, sizeof(block));
	assert_int_equal(o.inputs, 40);
	done(&o);
}

static void
paused_octets_wait(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	stream_pause(o.s);
	say(&o, "hello", 5);
	rounds(&o, 3, SIZE_MAX);
	assert_int_equal(o.inputs, 0);
	stream_resume(o.s);
	rounds(&o, 2, SIZE_MAX);
	assert_true(str_eq_z(buf_view(&o.got), "hello"));
	done(&o);
}

static void
much_goes_both_ways_at_once(void **state)
{
	const size_t size = 900000;
	char *block = mem_alloc(size), *back = mem_alloc(size);
	struct owner o;
	size_t sent = 0, got = 0, n;

	(void)state;
	for (size_t i = 0; i < size; i++)
		block[i] = (char)(i * 11 + i / 253);
	open_tls(&o, context);
	shake_hands(&o);
	stream_write(o.s, block, size);
	for (int i = 0; i < 3000 && (got < size || o.got.n < size); i++) {
		n = size - sent < 5000 ? size - sent : 5000;
		if (n > 0)
			say(&o, block + sent, n);
		sent += n;
		rounds(&o, 1, 7001);
		if (SSL_read_ex(o.peer.ssl, back + got, size - got, &n))
			got += n;
	}
	assert_int_equal(got, size);
	assert_int_equal(o.got.n, size);
	assert_memory_equal(block, back, size);
	assert_memory_equal(block, o.got.p, size);
	assert_int_equal(o.drains, 1);
	free(block);
	free(back);
	done(&o);
}

/* ---- STARTTLS ---- */

static void
starttls_drops_what_was_pipelined(void **state)
{
	static const char text[] = "STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n";
	char room[100];
	struct owner o;
	ssize_t n;

	(void)state;
	open_plain(&o, 1000, 1000);
	o.starttls = true;
	stream_start(o.s);
	assert_int_equal(write(o.peer.fd, text, sizeof(text) - 1), sizeof(text) - 1);
	loop_once(0);
	n = read(o.peer.fd, room, sizeof(room));
	assert_int_equal(n, 11);
	assert_memory_equal(room, "220 ready\r\n", 11);
	shake_hands(&o);
	buf_reset(&o.got);
	rounds(&o, 3, SIZE_MAX);
	assert_int_equal(o.got.n, 0);
	say(&o, "EHLO x\r\n", 8);
	rounds(&o, 2, SIZE_MAX);
	assert_true(str_eq_z(buf_view(&o.got), "EHLO x\r\n"));
	done(&o);
}

/* What is put behind the 220, by an owner in a hurry, goes out under TLS, also as its last words.
 */
static void
nothing_meant_for_tls_goes_out_in_plain(void **state)
{
	char room[100];
	struct owner o;

	(void)state;
	for (int finish = 0; finish < 2; finish++) {
		open_plain(&o, 1000, 1000);
		stream_start(o.s);
		stream_puts(o.s, "220 ready\r\n");
		stream_tls_accept(o.s, context);
		stream_puts(o.s, "secret");
		if (finish)
			stream_finish(o.s);
		loop_once(0);
		assert_int_equal(read(o.peer.fd, room, sizeof(room)), 11);
		rounds(&o, 6, SIZE_MAX);
		assert_heard(&o, "secret");
		assert_int_equal(o.secures, !finish);
		done(&o);
	}
}

/* The same octets, cut anywhere: plaintext never comes out as a command. */
static void
starttls_plaintext_is_no_command_wherever_it_is_cut(void **state)
{
	static const char text[] = "STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n";
	const size_t n = sizeof(text) - 1;

	(void)state;
	for (size_t at = 10; at < n; at++) {
		struct owner o;

		open_plain(&o, 1000, 1000);
		o.starttls = true;
		stream_start(o.s);
		assert_int_equal(write(o.peer.fd, text, at), at);
		loop_once(0);
		assert_int_equal(write(o.peer.fd, text + at, n - at), n - at);
		for (int i = 0; i < 3; i++)
			loop_once(0);
		assert_int_equal(o.inputs, 1);
		assert_int_equal(o.secures, 0);
		done(&o);
	}
}

/* ---- handshakes that fail ---- */

static void
rubbish_ends_the_handshake(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct owner o;

	(void)state;
	open_tls(&o, context);
	assert_int_equal(write(o.peer.fd, text, sizeof(text) - 1), sizeof(text) - 1);
	loop_once(0);
	loop_once(0);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_PROTO);
	assert_non_null(strstr(o.text, "tls: "));
	done(&o);
}

static void
a_silent_handshake_times_out(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	SSL_do_handshake(o.peer.ssl);
	for (int i = 0; i < 6; i++) {
		test_peer_carry(&o.peer, 10); /* a trickle does not help */
		loop_once(0);
		assert_int_equal(o.closes, 0);
		clock_advance(10000);
	}
	loop_once(0);
	loop_once(0);
	assert_int_equal(o.code, E_TIMEOUT);
	done(&o);
}

static void
a_peer_that_leaves_in_the_handshake_is_gone(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	SSL_do_handshake(o.peer.ssl);
	test_peer_carry(&o.peer, SIZE_MAX);
	loop_once(0);
	shutdown(o.peer.fd, SHUT_RDWR);
	loop_once(0);
	loop_once(0);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
only_13_refuses_12(void **state)
{
	const struct tls_options strict = {.only_13 = true};
	struct tls_context *c = tls_server_new(ec.cert_fd, ec.key_fd, &strict, NULL);
	struct owner o;

	(void)state;
	open_tls(&o, c);
	SSL_set_max_proto_version(o.peer.ssl, TLS1_2_VERSION);
	rounds(&o, 6, SIZE_MAX);
	assert_int_equal(o.secures, 0);
	assert_int_equal(o.code, E_PROTO);
	tls_context_free(&c);
	done(&o);
}

static void
weak_ciphers_are_refused(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	SSL_set_max_proto_version(o.peer.ssl, TLS1_2_VERSION);
	SSL_set_cipher_list(o.peer.ssl, "ECDHE-ECDSA-AES256-SHA384:AES128-SHA");
	rounds(&o, 6, SIZE_MAX);
	assert_int_equal(o.secures, 0);
	assert_int_equal(o.code, E_PROTO);
	done(&o);
}

static void
assert_alpn(const char *ours, const char *offer, const char *chosen)
{
	const struct tls_options options = {.alpn = str_z(ours)};
	struct tls_context *c = tls_server_new(ec.cert_fd, ec.key_fd, &options, NULL);
	struct owner o;

	open_tls(&o, c);
	tls_context_free(&c); /* the session keeps it */
	if (offer)
		SSL_set_alpn_protos(
		    o.peer.ssl, (const unsigned char *)offer, (unsigned)strlen(offer));
	rounds(&o, 6, SIZE_MAX);
	assert_int_equal(o.secures, chosen != NULL);
	if (chosen)
		assert_true(str_eq_z(stream_tls_alpn(o.s), chosen));
	done(&o);
}

static void
alpn_is_honoured(void **state)
{
	(void)state;
	assert_alpn("imap", NULL, "");
	assert_alpn("imap", "\4imap", "imap");
	assert_alpn("imap", "\10http/1.1\4imap", "imap");
	assert_alpn("imap", "\10http/1.1", NULL);
	assert_alpn("imap", "\5imaps\3ima", NULL);
	assert_alpn("h2 http/1.1", "\10http/1.1", "http/1.1");
	assert_alpn("h2 http/1.1", "\10http/1.1\2h2", "h2");
	assert_alpn("h2 http/1.1", "\10http/1.0", NULL);
}

/* ---- ends ---- */

static void
the_peers_alert_is_its_end(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	say(&o, "bye", 3);
	SSL_shutdown(o.peer.ssl);
	rounds(&o, 3, SIZE_MAX);
	assert_true(stream_at_end(o.s));
	assert_true(str_eq_z(buf_view(&o.got), "bye"));
	assert_int_equal(o.closes, 0);
	done(&o);
}

static void
an_end_without_alert_is_an_end(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	shutdown(o.peer.fd, SHUT_WR);
	rounds(&o, 3, SIZE_MAX);
	assert_true(stream_at_end(o.s));
	assert_int_equal(o.closes, 0);
	done(&o);
}

static void
finishing_sends_the_alert(void **state)
{
	char c;
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	stream_puts(o.s, "bye");
	stream_finish(o.s);
	rounds(&o, 2, SIZE_MAX);
	assert_heard(&o, "bye");
	assert_int_equal(
	    SSL_get_error(o.peer.ssl, SSL_read(o.peer.ssl, &c, 1)), SSL_ERROR_ZERO_RETURN);
	assert_true(o.peer.end);
	assert_int_equal(o.closes, 0);
	shutdown(o.peer.fd, SHUT_WR);
	rounds(&o, 2, SIZE_MAX);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

static void
finishing_in_the_handshake_ends(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	loop_once(0);
	stream_finish(o.s);
	loop_once(0);
	clock_advance(2000);
	loop_once(0);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

/* At a drain: "421", under TLS that the client has only begun. */
static void
last_words_wait_for_the_handshake(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	loop_once(0);
	stream_puts(o.s, "bye");
	stream_finish(o.s);
	stream_finish(o.s);
	stream_puts(o.s, "too late");
	rounds(&o, 20, SIZE_MAX);
	assert_heard(&o, "bye");
	assert_true(o.peer.end);
	assert_int_equal(o.secures, 0);
	shutdown(o.peer.fd, SHUT_WR);
	rounds(&o, 2, SIZE_MAX);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_CLOSED);
	done(&o);
}

/* … and not for ever. */
static void
last_words_that_nobody_can_hear_end(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	loop_once(0);
	stream_puts(o.s, "never");
	stream_finish(o.s);
	clock_advance(59000);
	loop_once(0);
	assert_int_equal(o.closes, 0);
	clock_advance(2000);
	loop_once(0);
	loop_once(0);
	assert_int_equal(o.closes, 1);
	assert_int_equal(o.code, E_TIMEOUT);
	done(&o);
}

static void
freed_in_secured(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	o.free_on_secured = true;
	shake_hands(&o);
	assert_null(o.s);
	done(&o);
}

static void
freed_in_input(void **state)
{
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	o.free_on_input = true;
	say(&o, "x", 1);
	rounds(&o, 2, SIZE_MAX);
	assert_null(o.s);
	done(&o);
}

/* ---- channel bindings, tickets ---- */

static void
assert_bindings(struct owner *o, bool exporter)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char ours[64], theirs[64];
	unsigned n;

	assert_int_equal(stream_tls_binding(o->s, TLS_BINDING_EXPORTER, ours), exporter ? 32 : 0);
	if (exporter) {
		assert_int_equal(SSL_export_keying_material(
				     o->peer.ssl, theirs, 32, label, sizeof(label) - 1, NULL, 0, 0),
		    1);
		assert_memory_equal(ours, theirs, 32);
	}
	X509_digest(ec.cert, EVP_sha512(), theirs, &n);
	assert_int_equal(stream_tls_binding(o->s, TLS_BINDING_END_POINT, ours), 64);
	assert_memory_equal(ours, theirs, 64);
}

static void
bindings_are_the_clients(void **state)
{
	unsigned char out[64];
	struct owner o;

	(void)state;
	open_tls(&o, context);
	assert_int_equal(stream_tls_binding(o.s, TLS_BINDING_EXPORTER, out), 0);
	assert_int_equal(stream_tls_binding(o.s, TLS_BINDING_END_POINT, out), 0);
	shake_hands(&o);
	assert_bindings(&o, true);
	done(&o);
	open_tls(&o, context);
	SSL_set_max_proto_version(o.peer.ssl, TLS1_2_VERSION);
	shake_hands(&o);
	assert_int_equal(strncmp(stream_tls_cipher(o.s), "TLSv1.2 ", 8), 0);
	assert_bindings(&o, true);
	done(&o);
	open_tls(&o, context);
	SSL_set_max_proto_version(o.peer.ssl, TLS1_2_VERSION);
	SSL_set_options(o.peer.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	shake_hands(&o);
	assert_bindings(&o, false);
	done(&o);
}

/* RFC 5929 4.1: undefined for a signature without a hash of its own. */
static void
ed25519_has_no_end_point(void **state)
{
	const struct tls_options plain = {0};
	struct tls_context *c = tls_server_new(ed.cert_fd, ed.key_fd, &plain, NULL);
	unsigned char out[64];
	struct owner o;

	(void)state;
	open_tls(&o, c);
	shake_hands(&o);
	assert_int_equal(stream_tls_binding(o.s, TLS_BINDING_END_POINT, out), 0);
	assert_int_equal(stream_tls_binding(o.s, TLS_BINDING_EXPORTER, out), 32);
	tls_context_free(&c);
	done(&o);
}

static void
tickets_resume(void **state)
{
	SSL_SESSION *session;
	struct owner o;

	(void)state;
	open_tls(&o, context);
	shake_hands(&o);
	assert_heard(&o, ""); /* takes the ticket in */
	session = SSL_get1_session(o.peer.ssl);
	assert_true(SSL_SESSION_is_resumable(session));
	SSL_shutdown(o.peer.ssl);
	done(&o);
	open_tls(&o, context);
	SSL_set_session(o.peer.ssl, session);
	shake_hands(&o);
	assert_true(SSL_session_reused(o.peer.ssl));
	SSL_SESSION_free(session);
	done(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_go_both_ways),
	    cmocka_unit_test(the_wire_may_carry_octet_by_octet),
	    cmocka_unit_test(words_behind_the_handshake_are_not_forgotten),
	    cmocka_unit_test(a_full_buffer_holds_what_tls_has_read),
	    cmocka_unit_test(paused_octets_wait),
	    cmocka_unit_test(much_goes_both_ways_at_once),
	    cmocka_unit_test(starttls_drops_what_was_pipelined),
	    cmocka_unit_test(nothing_meant_for_tls_goes_out_in_plain),
	    cmocka_unit_test(starttls_plaintext_is_no_command_wherever_it_is_cut),
	    cmocka_unit_test(rubbish_ends_the_handshake),
	    cmocka_unit_test(a_silent_handshake_times_out),
	    cmocka_unit_test(a_peer_that_leaves_in_the_handshake_is_gone),
	    cmocka_unit_test(only_13_refuses_12),
	    cmocka_unit_test(weak_ciphers_are_refused),
	    cmocka_unit_test(alpn_is_honoured),
	    cmocka_unit_test(the_peers_alert_is_its_end),
	    cmocka_unit_test(an_end_without_alert_is_an_end),
	    cmocka_unit_test(finishing_sends_the_alert),
	    cmocka_unit_test(finishing_in_the_handshake_ends),
	    cmocka_unit_test(last_words_wait_for_the_handshake),
	    cmocka_unit_test(last_words_that_nobody_can_hear_end),
	    cmocka_unit_test(freed_in_secured),
	    cmocka_unit_test(freed_in_input),
	    cmocka_unit_test(bindings_are_the_clients),
	    cmocka_unit_test(ed25519_has_no_end_point),
	    cmocka_unit_test(tickets_resume),
	};

	return cmocka_run_group_tests_name("stream over TLS", tests, make_keys, free_keys);
}
