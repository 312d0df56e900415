/*
 * login.c - AUTH on a session (RFC 4954): SCRAM-SHA-256, so that the host learns no password, else
 * PLAIN, else LOGIN.
 *
 * Errors: SESSION_AUTH; a login that is refused is a matter of the configuration, and mail waits
 * for it to be mended.
 */
#include <sodium.h>

#include "base/mem.h"
#include "delivery/remote/session_in.h"

#define LOGIN_MAX 512u /* octets of a name or a password */
#define SCRAM_MAX 4096u
#define BASE64    sodium_base64_VARIANT_ORIGINAL

/* base64 of what AUTH says, wiped behind. */
static void
put_base64(struct session *s, const char *p, size_t n)
{
	char out[sodium_base64_ENCODED_LEN(SCRAM_MAX, BASE64)];

	assume(n <= SCRAM_MAX);
	sodium_bin2base64(out, sizeof(out), (const unsigned char *)p, n, BASE64);
	stream_puts(s->stream, out);
	stream_puts(s->stream, "\r\n");
	sodium_memzero(out, sizeof(out));
	session_wait(s, s->setup.times->command);
}

static void
plain(struct session *s)
{
	char text[2 * LOGIN_MAX + 2];
	struct str user = s->setup.user, password = s->setup.password;

	text[0] = text[1 + user.n] = '\0';
	memcpy(text + 1, user.p, user.n);
	memcpy(text + 2 + user.n, password.p, password.n);
	stream_puts(s->stream, "AUTH PLAIN ");
	put_base64(s, text, user.n + password.n + 2);
	sodium_memzero(text, sizeof(text));
	s->state = SESSION_AUTHED;
}

static void
scram(struct session *s)
{
	struct str first =
	    scram_client_first(&s->scram, s->setup.user, s->setup.password, STR_NONE, &s->arena);

	stream_puts(s->stream, "AUTH SCRAM-SHA-256 ");
	put_base64(s, first.p, first.n);
	s->state = SESSION_SCRAM;
}

/* RFC 4954 9: no password in plain text unless it is said to be all right. */
void
login_begin(struct session *s)
{
	if (!stream_is_tls(s->stream) && !s->setup.auth_without_tls) {
		session_fail(s, SESSION_AUTH, "4.7.11 the host demands AUTH and offers no TLS");
	} else if (s->setup.user.n > LOGIN_MAX || s->setup.password.n > LOGIN_MAX) {
		session_fail(s, SESSION_AUTH, "4.7.8 the login is too long");
	} else if ((s->offer.has & OFFER_SCRAM) && scram_client_can(s->setup.password)) {
		scram(s);
	} else if (s->offer.has & OFFER_PLAIN) {
		plain(s);
	} else if (s->offer.has & OFFER_LOGIN) {
		stream_puts(s->stream, "AUTH LOGIN\r\n");
		session_wait(s, s->setup.times->command);
		s->state = SESSION_LOGIN;
	} else {
		session_fail(s, SESSION_AUTH, "4.7.9 the host offers no AUTH that we know");
	}
}

/* What a 334 says (RFC 4954 4), out of base64. */
static int
challenge(const struct session *s, char out[SCRAM_MAX], size_t *n, struct err *e)
{
	struct str text = str_trim(buf_view(&s->reply.text));

	if (sodium_base642bin(
		(unsigned char *)out, SCRAM_MAX, text.p, text.n, NULL, n, NULL, BASE64) < 0)
		return err_set(e, E_PROTO, "a challenge that is no base64");
	return 0;
}

static void
scram_reply(struct session *s)
{
	char text[SCRAM_MAX];
	struct str out;
	struct err e;
	size_t n;

	if (challenge(s, text, &n, &e) < 0)
		goto fail;
	if (s->state == SESSION_SCRAM) {
		if (scram_client_final(&s->scram, str_of(text, n), &out, &e) < 0)
			goto fail;
		put_base64(s, out.p, out.n);
		s->state = SESSION_SCRAM_PROVEN;
	} else {
		if (scram_client_check(&s->scram, str_of(text, n), &e) < 0)
			goto fail;
		put_base64(s, "", 0);
		s->state = SESSION_AUTHED;
	}
	return;
fail:
	session_fail(s, SESSION_AUTH, "4.7.8 %s", e.text);
}

void
login_reply(struct session *s)
{
	struct str word;

	if (s->state == SESSION_AUTHED && s->reply.code == 235) {
		session_logged_in(s);
	} else if (s->state == SESSION_AUTHED || s->reply.code != 334) {
		session_refused(s, SESSION_AUTH, "AUTH");
	} else if (s->state == SESSION_SCRAM || s->state == SESSION_SCRAM_PROVEN) {
		scram_reply(s);
	} else {
		word = s->state == SESSION_LOGIN ? s->setup.user : s->setup.password;
		s->state = s->state == SESSION_LOGIN ? SESSION_PASSWORD : SESSION_AUTHED;
		put_base64(s, word.p, word.n);
	}
}
