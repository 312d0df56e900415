/*
 * login.c - see login.h.
 *
 * One attempt is at any moment in one of four states: a call to authd is under way, the client is
 * to send a line, a failure of our own waits to be told (callbacks come from the loop only), or it
 * is over. An attempt that is freed while a call is under way stays behind as an orphan until the
 * answer, to end the exchange in authd.
 */
#include "svc/login.h"

#include <sodium.h>

#include "base/mem.h"
#include "io/loop.h"

#define LOGIN_MAGIC 0x4c4f474eu
#define DATA_MAX    (LOGIN_LINE_MAX / 4 * 3)
#define BINDING_MAX 64u

enum login_state {
	LOGIN_CALLING,
	LOGIN_READING,
	LOGIN_FAILING,
	LOGIN_OVER
};

struct login {
	unsigned magic;
	enum login_state state;
	enum login_failure why;
	struct ipc_chan *auth;
	uint64_t session; /* authd's; 0: none */
	bool orphan;
	struct login_events events;
	void *arg;
	struct loop_defer failing;
};

/* ---- what is offered ---- */

static bool
has_binding(const struct stream *s)
{
	unsigned char data[BINDING_MAX];

	return stream_is_tls(s) && (stream_tls_binding(s, TLS_BINDING_EXPORTER, data) > 0 ||
				       stream_tls_binding(s, TLS_BINDING_END_POINT, data) > 0);
}

static bool
is_secure(const struct login_where *w)
{
	return w->without_tls || stream_is_tls(w->stream);
}

static bool
is_configured(const struct login_where *w, struct str mech)
{
	size_t n;
	const struct str *mechs = conf_list(w->conf, CONF_AUTH_MECHANISMS, &n);

	for (size_t i = 0; i < n; i++)
		if (str_ieq(mechs[i], mech))
			return true;
	return false;
}

void
login_offer(const struct login_where *w, const char *prefix, struct buf *out)
{
	size_t n, before = out->n;
	const struct str *mechs = conf_list(w->conf, CONF_AUTH_MECHANISMS, &n);

	if (!is_secure(w))
		return;
	for (size_t i = 0; i < n; i++) {
		/* RFC 5802 6: the PLUS form only where there is something to bind to. */
		if (str_ends(mechs[i], STR("-PLUS")) && !has_binding(w->stream))
			continue;
		buf_printf(
		    out, "%s%s" STR_FMT, out->n > before ? " " : "", prefix, STR_ARG(mechs[i]));
	}
}

bool
login_password_offered(const struct login_where *w)
{
	return is_secure(w) && is_configured(w, STR("PLAIN"));
}

/* ---- ends ---- */

static void
free_now(struct login *l)
{
	loop_defer_cancel(&l->failing);
	l->magic = 0;
	free(l);
}

static void
fail(struct login *l, enum login_failure why)
{
	l->state = LOGIN_OVER;
	l->events.failed(l->arg, why);
}

static void
tell_failure(void *arg)
{
	struct login *l = arg;

	OBJ(l, LOGIN_MAGIC);
	fail(l, l->why);
}

/* A failure found inside a call of ours. */
static void
fail_later(struct login *l, enum login_failure why)
{
	l->state = LOGIN_FAILING;
	l->why = why;
	loop_defer(&l->failing);
}

static void
give_up_session(struct login *l)
{
	struct ipc_out m;

	if (l->session == 0)
		return;
	ipc_begin(&m, MSG_AUTH_ABORT);
	ipc_put_u64(&m, l->session);
	ipc_send(l->auth, &m);
	l->session = 0;
}

void
login_free(struct login **lp)
{
	struct login *l = *lp;

	if (l == NULL)
		return;
	OBJ(l, LOGIN_MAGIC);
	*lp = NULL;
	if (l->state == LOGIN_CALLING) {
		l->orphan = true;
		return;
	}
	give_up_session(l);
	free_now(l);
}

/* ---- authd's answers ---- */

static void
challenge(struct login *l, struct str data)
{
	char line[sodium_base64_ENCODED_LEN(DATA_MAX, sodium_base64_VARIANT_ORIGINAL)];

	if (data.n > DATA_MAX) {
		fail(l, LOGIN_TEMP);
		return;
	}
	sodium_bin2base64(line, sizeof(line), (const unsigned char *)data.p, data.n,
	    sodium_base64_VARIANT_ORIGINAL);
	l->state = LOGIN_READING;
	l->events.challenge(l->arg, str_z(line));
}

static void
conclude(struct login *l, uint32_t state, struct str data, struct str user, struct str ticket)
{
	switch (state) {
	case AUTH_CONTINUE:
		challenge(l, data);
		return;
	case AUTH_OK:
		l->state = LOGIN_OVER;
		l->events.ok(l->arg, user, ticket);
		return;
	case AUTH_FAIL:
		fail(l, LOGIN_FAILED);
		return;
	case AUTH_BAD:
		fail(l, LOGIN_BAD);
		return;
	default:
		fail(l, LOGIN_TEMP);
	}
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct login *l = arg;
	struct str data, user, ticket;
	uint32_t state = AUTH_TEMP;

	OBJ(l, LOGIN_MAGIC);
	(void)e;
	l->session = 0;
	data = user = ticket = STR("");
	if (m != NULL) {
		state = ipc_get_u32(m);
		l->session = ipc_get_u64(m);
		data = ipc_get_str(m);
		user = ipc_get_str(m);
		ticket = ipc_get_str(m);
		ipc_get_str(m);
		if (ipc_end(m) < 0) {
			l->session = 0;
			state = AUTH_TEMP;
		}
	}
	if (l->orphan) {
		give_up_session(l);
		free_now(l);
		return;
	}
	conclude(l, state, data, user, ticket);
}

/* ---- the client's words ---- */

static struct login *
login_new(const struct login_where *w, const struct login_events *events, void *arg)
{
	struct login *l = mem_alloc(sizeof(*l));

	l->magic = LOGIN_MAGIC;
	l->auth = w->auth;
	l->events = *events;
	l->arg = arg;
	loop_defer_init(&l->failing, tell_failure, l);
	return l;
}

/* Strict: padded, nothing between or behind (RFC 4954 4). -1 when it is no base64 or too long. */
static int
decode(struct str line, unsigned char out[DATA_MAX], size_t *n)
{
	if (line.n > LOGIN_LINE_MAX)
		return -1;
	return sodium_base642bin(out, DATA_MAX, line.p, line.n, NULL, n, NULL,
		   sodium_base64_VARIANT_ORIGINAL) == 0
		   ? 0
		   : -1;
}

static void
put_binding(struct ipc_out *m, const struct stream *s, enum tls_binding kind)
{
	unsigned char data[BINDING_MAX];
	size_t n = stream_is_tls(s) ? stream_tls_binding(s, kind, data) : 0;

	ipc_put_str(m, str_of(data, n));
}

static void
call_start(struct login *l, const struct login_where *w, struct str mech, bool has_initial,
    struct str initial)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_AUTH_START);
	ipc_put_z(&m, w->service);
	ipc_put_str(&m, mech);
	ipc_put_u32(&m, has_initial);
	ipc_put_str(&m, initial);
	ipc_put_z(&m, stream_peer(w->stream));
	ipc_put_u32(&m, stream_is_tls(w->stream));
	put_binding(&m, w->stream, TLS_BINDING_EXPORTER);
	put_binding(&m, w->stream, TLS_BINDING_END_POINT);
	ipc_put_u64(&m, w->conn);
	ipc_put_str(&m, w->sid);
	l->state = LOGIN_CALLING;
	ipc_call(w->auth, &m, answered, l);
}

struct login *
login_start(const struct login_where *w, struct str mech, bool has_initial, struct str initial,
    const struct login_events *events, void *arg)
{
	struct login *l = login_new(w, events, arg);
	unsigned char data[DATA_MAX];
	size_t n = 0;

	if (!is_secure(w))
		fail_later(l, LOGIN_NEEDS_TLS);
	else if (!is_configured(w, mech) ||
		 (str_ends(mech, STR("-PLUS")) && !has_binding(w->stream)))
		fail_later(l, LOGIN_NO_MECH);
	else if (has_initial && !str_eq_z(initial, "=") && decode(initial, data, &n) < 0)
		fail_later(l, LOGIN_BAD);
	else
		call_start(l, w, mech, has_initial, str_of(data, n));
	sodium_memzero(data, sizeof(data));
	return l;
}

struct login *
login_password(const struct login_where *w, struct str user, struct str password,
    const struct login_events *events, void *arg)
{
	struct login *l = login_new(w, events, arg);
	unsigned char data[DATA_MAX];
	size_t n = user.n + password.n + 2;

	if (!login_password_offered(w))
		fail_later(l, is_secure(w) ? LOGIN_NO_MECH : LOGIN_NEEDS_TLS);
	else if (user.n == 0 || user.n > DATA_MAX / 4 || password.n > DATA_MAX / 4 ||
		 str_chr(user, '\0') != user.n || str_chr(password, '\0') != password.n)
		fail_later(l, LOGIN_FAILED);
	else {
		/* RFC 4616 2: no authorization identity, user, password. */
		data[0] = '\0';
		memcpy(data + 1, user.p, user.n);
		data[1 + user.n] = '\0';
		memcpy(data + 2 + user.n, password.p, password.n);
		call_start(l, w, STR("PLAIN"), true, str_of(data, n));
		sodium_memzero(data, sizeof(data));
	}
	return l;
}

bool
login_wants_line(const struct login *l)
{
	return l != NULL && l->state == LOGIN_READING;
}

void
login_line(struct login *l, struct str line)
{
	unsigned char data[DATA_MAX];
	struct ipc_out m;
	size_t n = 0;

	OBJ(l, LOGIN_MAGIC);
	assume(l->state == LOGIN_READING);
	/* RFC 4954 4, RFC 9051 6.2.2: a single "*" cancels. */
	if (str_eq_z(line, "*") || decode(line, data, &n) < 0) {
		sodium_memzero(data, sizeof(data));
		give_up_session(l);
		fail_later(l, str_eq_z(line, "*") ? LOGIN_ABORTED : LOGIN_BAD);
		return;
	}
	ipc_begin(&m, MSG_AUTH_STEP);
	ipc_put_u64(&m, l->session);
	ipc_put_str(&m, str_of(data, n));
	l->state = LOGIN_CALLING;
	ipc_call(l->auth, &m, answered, l);
	sodium_memzero(data, sizeof(data));
}

/* ---- words for the client ---- */

static const struct {
	const char *name, *smtp, *imap;
} words[] = {
    [LOGIN_FAILED] = {"failed", "535 5.7.8 Authentication failed",
	"NO [AUTHENTICATIONFAILED] Authentication failed"},
    [LOGIN_TEMP] = {"temporary", "454 4.7.0 Cannot be checked now, try again later",
	"NO [UNAVAILABLE] Cannot be checked now, try again later"},
    [LOGIN_BAD] = {"malformed", "501 5.5.2 Malformed authentication exchange",
	"BAD Malformed authentication exchange"},
    [LOGIN_NO_MECH] = {"mechanism", "504 5.5.4 Mechanism not supported",
	"NO [CANNOT] Mechanism not supported"},
    [LOGIN_NEEDS_TLS] = {"tls", "538 5.7.11 Encryption required, start TLS first",
	"NO [PRIVACYREQUIRED] Encryption required, start TLS first"},
    [LOGIN_ABORTED] = {"aborted", "501 5.7.0 Authentication aborted", "BAD Authentication aborted"},
};

const char *
login_failure_smtp(enum login_failure why)
{
	return words[why].smtp;
}

const char *
login_failure_imap(enum login_failure why)
{
	return words[why].imap;
}

const char *
login_failure_name(enum login_failure why)
{
	return words[why].name;
}
