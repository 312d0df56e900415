/*
 * sasl.c - see sasl.h.
 *
 * All octets fed here are hostile. Everything that a client sent lives in the exchange's arena,
 * which is wiped by freeing; the password in a buffer that is wiped first.
 */
#include "authd/sasl.h"

#include <sodium.h>

#include "authd/saslprep.h"
#include "base/mem.h"

static const char *const names[SASL_MECHS] = {
    [SASL_PLAIN] = "PLAIN",
    [SASL_LOGIN] = "LOGIN",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
};

const char *
sasl_mech_name(enum sasl_mech m)
{
	return m < SASL_MECHS ? names[m] : "?";
}

enum sasl_mech
sasl_mech_parse(struct str name)
{
	enum sasl_mech m = 0;

	while (m < SASL_MECHS && !str_ieq_z(name, names[m]))
		m++;
	return m;
}

void
sasl_init(struct sasl *s, enum sasl_mech mech, const struct scram_binding *binding,
    const struct sasl_lookup *lookup)
{
	*s = (struct sasl){.mech = mech, .lookup = lookup, .user = STR(""), .given = STR("")};
	arena_init(&s->a);
	buf_init(&s->password, SASLPREP_MAX);
	s->binding.exporter = arena_dup(&s->a, binding->exporter);
	s->binding.end_point = arena_dup(&s->a, binding->end_point);
	s->binding.plus_offered = binding->plus_offered;
}

void
sasl_done(struct sasl *s)
{
	if (s->password.p != NULL)
		sodium_memzero(s->password.p, s->password.n);
	buf_free(&s->password);
	arena_free(&s->a);
	sodium_memzero(s, sizeof(*s));
}

static enum sasl_result
challenge(struct sasl *s, struct str out)
{
	s->out = out;
	s->step++;
	return SASL_CHALLENGE;
}

static enum sasl_result
malformed(struct sasl *s, const char *why)
{
	err_set(&s->why, E_PROTO, "%s", why);
	return SASL_MALFORMED;
}

/* From a name as it came to the user it means. One that cannot be a user's goes on as nobody's, so
 * that it looks like any other wrong one. */
static void
take_name(struct sasl *s, struct str given)
{
	struct buf b;

	buf_init(&b, SASL_USER_MAX);
	s->given = arena_dup(&s->a, str_sub(given, 0, SASL_USER_MAX));
	s->user = STR("");
	if (saslprep(given, &b, NULL) < 0 ||
	    s->lookup->name(s->lookup->arg, buf_view(&b), &s->a, &s->user) < 0)
		s->user = STR("");
	buf_free(&b);
}

/* RFC 4616 2: who asks to act as whom. Nobody acts for anybody here. */
static bool
acts_for_itself(struct sasl *s, struct str authzid)
{
	struct str user = STR("");
	struct buf b;
	bool same;

	if (authzid.n == 0)
		return true;
	buf_init(&b, SASL_USER_MAX);
	same = saslprep(authzid, &b, NULL) == 0 &&
	       s->lookup->name(s->lookup->arg, buf_view(&b), &s->a, &user) == 0 &&
	       str_eq(user, s->user);
	buf_free(&b);
	return same;
}

static enum sasl_result
take_password(struct sasl *s, struct str password)
{
	/* RFC 4616 2: prepared as the stored one was; what cannot be prepared cannot be right. It
	 * is checked all the same, as an empty one that nothing fits. */
	if (saslprep(password, &s->password, &s->why) < 0) {
		buf_reset(&s->password);
		s->user = STR("");
	}
	return SASL_CHECK;
}

/* message = [authzid] NUL authcid NUL passwd */
static enum sasl_result
feed_plain(struct sasl *s, struct str data)
{
	struct str authzid, authcid;

	if (!str_cut(&data, '\0', &authzid) || !str_cut(&data, '\0', &authcid) || authcid.n == 0 ||
	    str_chr(data, '\0') != data.n)
		return malformed(s, "PLAIN wants authorization, user and password");
	take_name(s, authcid);
	if (!acts_for_itself(s, authzid)) {
		err_set(&s->why, E_DENIED, "may not act as another user");
		s->user = STR("");
	}
	return take_password(s, data);
}

static enum sasl_result
feed_login(struct sasl *s, struct str data)
{
	if (data.n == 0 || str_chr(data, '\0') != data.n)
		return malformed(s, "empty, or with a NUL inside");
	if (s->step <= 1) {
		take_name(s, data);
		s->step = 1;
		return challenge(s, STR("Password:"));
	}
	return take_password(s, data);
}

static enum sasl_result
scram_result(struct sasl *s)
{
	return s->why.code == E_DENIED ? SASL_DENIED : SASL_MALFORMED;
}

static enum sasl_result
feed_scram_first(struct sasl *s, struct str data)
{
	struct sasl_secrets secrets = {.n = 0};

	if (scram_first(&s->scram, data, s->mech == SASL_SCRAM_SHA_256_PLUS, &s->binding, &s->a,
		&s->why) < 0)
		return scram_result(s);
	take_name(s, s->scram.user);
	if (!acts_for_itself(s, s->scram.authzid)) {
		err_set(&s->why, E_DENIED, "may not act as another user");
		return SASL_DENIED;
	}
	if (s->lookup->secrets(
		s->lookup->arg, s->user.n ? s->user : s->given, &s->a, &secrets, &s->why) < 0)
		return SASL_UNABLE;
	s->step = 1;
	return challenge(
	    s, scram_challenge(&s->scram, secrets.salt, secrets.iterations, NULL, &s->a));
}

static enum sasl_result
feed_scram_final(struct sasl *s, struct str data)
{
	struct sasl_secrets secrets = {.n = 0};
	struct str reply;

	/* Looked up anew: a password changed since the first message counts no more. */
	if (s->lookup->secrets(
		s->lookup->arg, s->user.n ? s->user : s->given, &s->a, &secrets, &s->why) < 0)
		return SASL_UNABLE;
	if (scram_final(
		&s->scram, data, secrets.keys, secrets.n, &s->which, &reply, &s->a, &s->why) < 0)
		return scram_result(s);
	s->key = secrets.keys[s->which];
	/* Neither SMTP nor IMAP carries data with success: the server's last words are a challenge,
	 * to be answered by an empty line (RFC 4422 5; RFC 5802 5). */
	return challenge(s, reply);
}

static enum sasl_result
feed_scram(struct sasl *s, struct str data)
{
	switch (s->step) {
	case 0:
	case 1:
		return feed_scram_first(s, data);
	case 2:
		return feed_scram_final(s, data);
	default:
		return data.n == 0 ? SASL_DONE : malformed(s, "words after the last message");
	}
}

enum sasl_result
sasl_begin(struct sasl *s)
{
	assume(s->step == 0);
	return challenge(s, s->mech == SASL_LOGIN ? STR("Username:") : STR(""));
}

enum sasl_result
sasl_feed(struct sasl *s, struct str data)
{
	if (data.n > SASL_DATA_MAX)
		return malformed(s, "too long");
	switch (s->mech) {
	case SASL_PLAIN:
		return feed_plain(s, data);
	case SASL_LOGIN:
		return feed_login(s, data);
	case SASL_SCRAM_SHA_256:
	case SASL_SCRAM_SHA_256_PLUS:
		return feed_scram(s, data);
	case SASL_MECHS:
		break;
	}
	mem_die(__FILE__, __LINE__, "mechanism");
}
