/*
 * session.c - a connection before login (RFC 3501 3.1, 6.1, 6.2).
 *
 * Purpose: greeting, TLS, and the few commands that need no mailbox. A credential goes to authd,
 * which gives a ticket; with it the mailboxd parent finds the user's owner, and the relay begins.
 * Errors: three senseless commands end the session; a failed login is told late, and the fourth
 * ends it.
 */
#include "imapd/imapd.h"
#include "imapd/preauth.h"

#include <sodium.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/imap_capability.h"
#include "svc/build.h"

#define LINE_MAX_PREAUTH 8192u
#define BAD_MAX          3
#define FAILED_MAX       4
#define FAILED_DELAY_MS  1500

struct front_session {
	struct imap_frame frame;
	struct arena arena; /* of a command */
	struct login *login;
	struct login_where where;
	struct str tag; /* in arena */
	unsigned bad, failed;
	enum login_failure why;
	bool timed_out; /* login_timeout is over, told when the delay is */
};

static const struct imap_frame_limits limits = {LINE_MAX_PREAUTH, 4096, NULL};

static void wipe(struct front_session *s);

void
session_begin(struct front_conn *c)
{
	struct front_session *s = mem_alloc(sizeof(*s));

	c->session = s;
	c->state = FRONT_GREETING;
	imap_frame_init(&s->frame, &limits);
	arena_init(&s->arena);
}

void
session_free(struct front_conn *c)
{
	struct front_session *s = c->session;

	if (s == NULL)
		return;
	login_free(&s->login);
	wipe(s);
	imap_frame_free(&s->frame);
	arena_free(&s->arena);
	free(s);
	c->session = NULL;
}

/* Passwords stand in commands: the login has its own copy by now. */
static void
forget_command(struct front_session *s)
{
	if (s->frame.text.n > 0)
		sodium_memzero(s->frame.text.p, s->frame.text.n);
	imap_frame_reset(&s->frame);
}

static void
wipe(struct front_session *s)
{
	forget_command(s);
	arena_reset(&s->arena);
	s->tag = STR_NONE;
}

/* ---- words ---- */

static struct login_where *
where(struct front_conn *c)
{
	struct login_where *w = &c->session->where;

	*w = (struct login_where){.auth = svc_channel(PEER_AUTHD),
	    .conf = svc_conf(),
	    .service = "imap",
	    .stream = c->client,
	    .conn = c->id,
	    .sid = str_z(c->sid),
	    .without_tls = conf_bool(svc_conf(), CONF_IMAP_AUTH_WITHOUT_TLS)};
	return w;
}

static void
put_capabilities(struct front_conn *c, struct buf *b)
{
	buf_printf(b, IMAP_CAPABILITIES " APPENDLIMIT=%llu SASL-IR",
	    (unsigned long long)conf_num(svc_conf(), CONF_IMAP_MAX_SIZE));
	if (!stream_is_tls(c->client) && front_tls() != NULL)
		buf_puts(b, " STARTTLS");
	if (!login_password_offered(where(c)))
		buf_puts(b, " LOGINDISABLED");
	buf_putc(b, ' ');
	login_offer(where(c), "AUTH=", b);
	if (b->n > 0 && b->p[b->n - 1] == ' ')
		b->n--;
}

static void
tagged(struct front_conn *c, const char *text)
{
	struct str tag = c->session->tag;

	stream_printf(c->client, STR_FMT " %s\r\n", STR_ARG(tag.n > 0 ? tag : STR("*")), text);
}

void
session_greet(struct front_conn *c)
{
	struct buf b;

	buf_init(&b, 1024);
	put_capabilities(c, &b);
	stream_printf(c->client, "* OK [CAPABILITY " STR_FMT "] %s GK Mail ready\r\n",
	    STR_ARG(buf_view(&b)), conf_z(svc_conf(), CONF_SERVER_HOST_NAME));
	buf_free(&b);
	c->state = FRONT_COMMANDS;
}

void
session_secured(struct front_conn *c)
{
	log_debug("imap.tls", LZ("sid", c->sid), LZ("cipher", stream_tls_cipher(c->client)));
	/* After STARTTLS there is no second greeting (RFC 3501 6.2.1). */
	if (c->state == FRONT_GREETING)
		session_greet(c);
}

/* ---- login ---- */

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	c->call = 0;
	if (m != NULL) {
		ipc_get_str(m);
		if (ipc_end(m) < 0)
			return;
		/* The owner writes the tagged OK. */
		session_free(c);
		relay_begin(c);
		return;
	}
	relay_drop(c);
	log_warn("imap.open_failed", LZ("sid", c->sid), LZ("user", c->user), LE(e));
	tagged(c, e->code == E_LIMIT
		      ? "NO [LIMIT] Too many connections"
		      : "NO [UNAVAILABLE] Mailbox is not available, try again later");
	login_free(&c->session->login);
	wipe(c->session);
	c->state = FRONT_COMMANDS;
	loop_timer_set(c->timer, conf_num(svc_conf(), CONF_IMAP_LOGIN_TIMEOUT));
	stream_resume(c->client);
}

static void
login_ok(void *arg, struct str user, struct str ticket)
{
	struct front_conn *c = arg;
	struct ipc_out m;
	struct err e = {0};
	int fd;

	OBJ(c, FRONT_MAGIC);
	free(c->user);
	c->user = mem_dup(user.p, user.n);
	log_info("imap.login", LZ("sid", c->sid), LS("user", user),
	    LZ("peer", stream_peer(c->client)), LZ("tls", stream_tls_cipher(c->client)));
	c->state = FRONT_OPENING;
	stream_pause(c->client);
	if ((fd = relay_pair(c, &e)) < 0) {
		opened(c, NULL, &e);
		return;
	}
	ipc_begin(&m, MSG_OWNER_OPEN);
	ipc_put_str(&m, ticket);
	ipc_put_u64(&m, c->id);
	ipc_put_z(&m, stream_peer(c->client));
	ipc_put_z(&m, c->sid);
	ipc_put_str(&m, c->session->tag);
	ipc_put_fd(&m, fd);
	c->call = ipc_call(svc_channel(PEER_MAILBOXD), &m, opened, c);
}

/* Told after a while, without holding anything meanwhile: guessing takes time, and nobody waits for
 * it. */
static void
login_failed(void *arg, enum login_failure why)
{
	struct front_conn *c = arg;
	bool guess = why == LOGIN_FAILED;

	OBJ(c, FRONT_MAGIC);
	login_free(&c->session->login);
	log_info("imap.login_failed", LZ("sid", c->sid), LZ("peer", stream_peer(c->client)),
	    LZ("reason", login_failure_name(why)));
	c->session->why = why;
	c->session->failed += guess;
	c->session->bad += !guess && why != LOGIN_TEMP;
	c->state = FRONT_DELAY;
	stream_pause(c->client);
	loop_timer_set(c->timer, guess ? FAILED_DELAY_MS : 0);
}

static void
after_delay(struct front_conn *c)
{
	struct front_session *s = c->session;

	tagged(c, login_failure_imap(s->why));
	wipe(s);
	if (s->failed >= FAILED_MAX || s->bad >= BAD_MAX) {
		front_bye(c, "Too many failed attempts");
		return;
	}
	c->state = FRONT_COMMANDS;
	loop_timer_set(c->timer, conf_num(svc_conf(), CONF_IMAP_LOGIN_TIMEOUT));
	stream_resume(c->client);
}

void
session_timer(struct front_conn *c)
{
	if (c->state == FRONT_DELAY)
		after_delay(c);
	else if (c->state != FRONT_OPENING)
		front_bye(c, "Too slow to log in");
}

static void
login_challenge(void *arg, struct str base64)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	stream_printf(c->client, "+ " STR_FMT "\r\n", STR_ARG(base64));
	stream_resume(c->client);
}

static const struct login_events login_events = {
    .challenge = login_challenge, .ok = login_ok, .failed = login_failed};

static void
start_password(struct front_conn *c, const struct preauth *p)
{
	c->state = FRONT_LOGIN;
	c->session->login = login_password(where(c), p->user, p->password, &login_events, c);
	/* A quoted one with escapes stands in the arena. */
	if (p->password.n > 0)
		sodium_memzero((char *)(uintptr_t)p->password.p, p->password.n);
}

static void
start_exchange(struct front_conn *c, const struct preauth *p)
{
	c->state = FRONT_LOGIN;
	c->session->login =
	    login_start(where(c), p->mech, p->has_initial, p->initial, &login_events, c);
}

/* A line of the exchange. true: more may follow. */
static bool
exchange(struct front_conn *c)
{
	struct str in = stream_input(c->client), line;
	size_t nl = str_chr(in, '\n');

	if (!login_wants_line(c->session->login))
		return false;
	if (nl == in.n) {
		if (in.n > LOGIN_LINE_MAX)
			front_bye(c, "Line too long");
		return false;
	}
	line = str_sub(in, 0, nl);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	login_line(c->session->login, line);
	stream_consume(c->client, nl + 1);
	return true;
}

/* ---- commands ---- */

static void
capability(struct front_conn *c)
{
	struct buf b;

	buf_init(&b, 1024);
	put_capabilities(c, &b);
	stream_printf(c->client, "* CAPABILITY " STR_FMT "\r\n", STR_ARG(buf_view(&b)));
	buf_free(&b);
	tagged(c, "OK Capability completed");
}

static int
starttls(struct front_conn *c, struct err *e)
{
	if (stream_is_tls(c->client) || front_tls() == NULL)
		return err_set(e, E_INVAL, "TLS is not available");
	tagged(c, "OK Begin TLS negotiation now");
	/* What was sent behind it in plaintext is dropped there (RFC 3501 6.2.1, CVE-2011-0411). */
	stream_tls_accept(c->client, front_tls());
	return 0;
}

static int
run(struct front_conn *c, struct err *e)
{
	struct front_session *s = c->session;
	struct preauth p;
	int rc = preauth_parse(buf_view(&s->frame.text), &s->arena, &p, e);

	s->tag = arena_dup(&s->arena, p.tag);
	if (rc < 0)
		return -1;
	switch (p.verb) {
	case PREAUTH_CAPABILITY:
		capability(c);
		break;
	case PREAUTH_NOOP:
		tagged(c, "OK Noop completed");
		break;
	case PREAUTH_LOGOUT:
		stream_puts(c->client, "* BYE Logging out\r\n");
		tagged(c, "OK Logout completed");
		front_close(c);
		break;
	case PREAUTH_ID:
		stream_printf(c->client, "* ID (\"name\" \"GK Mail\" \"version\" \"%s\")\r\n",
		    build_version());
		tagged(c, "OK ID completed");
		break;
	case PREAUTH_STARTTLS:
		return starttls(c, e);
	case PREAUTH_LOGIN:
		start_password(c, &p);
		break;
	case PREAUTH_AUTHENTICATE:
		start_exchange(c, &p);
		break;
	case PREAUTH_NONE:
		break;
	}
	return 0;
}

static void
command(struct front_conn *c)
{
	struct front_session *s = c->session;
	struct err e = {0};
	char text[ERR_TEXT_MAX + 8];
	int rc;

	rc = run(c, &e);
	if (c->state == FRONT_LOGIN)
		forget_command(s);
	if (c->state == FRONT_CLOSING || c->state == FRONT_LOGIN)
		return;
	if (rc < 0) {
		snprintf(text, sizeof(text), "BAD %s", e.text);
		tagged(c, text);
		s->bad++;
	}
	wipe(s);
	if (s->bad >= BAD_MAX)
		front_bye(c, "Too many bad commands");
}

void
session_input(struct front_conn *c)
{
	while (c->state == FRONT_COMMANDS || c->state == FRONT_LOGIN) {
		struct str in = stream_input(c->client);
		enum imap_frame_end end;
		size_t used;

		if (c->state == FRONT_LOGIN) {
			if (!exchange(c))
				break;
			continue;
		}
		end = imap_frame_feed(&c->session->frame, in, &used);
		/* A STARTTLS drops what follows, so its own octets must be gone by then. */
		stream_consume(c->client, used);
		if (c->session->frame.skipping) {
			front_bye(c, "Command too long");
			break;
		}
		if (end == FRAME_MORE)
			break;
		if (end == FRAME_CONTINUE)
			stream_puts(c->client, "+ OK\r\n");
		else
			command(c);
	}
	if (!stream_at_end(c->client))
		return;
	if (c->state == FRONT_COMMANDS ||
	    (c->state == FRONT_LOGIN && login_wants_line(c->session->login)))
		front_close(c);
}
