/*
 * door.c - who may come in, and how to behave there.
 *
 * What an address has used up is counted in lib/net/limits.h; here is what that means in SMTP.
 * Users, and clients of trusted networks, are held to manners no more than to those limits: what
 * users may send is counted by user, in authd. A client that waits for the greeting once is known,
 * and waits no more.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/banlist.h"
#include "net/trusted.h"
#include "smtpd/session.h"
#include "svc/conf.h"

/* At a time; eight requests of JMAP may each be sending something. */
#define OWNER_SESSIONS_MAX 32u

int
door_configure(struct err *e)
{
	const struct conf *c = svc_conf();
	struct limits_rules r = {.total = conf_num(c, CONF_LIMITS_CONNECTIONS),
	    .at_once = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_IP),
	    .factor = conf_num(c, CONF_LIMITS_NETWORK_FACTOR),
	    .n = {
		[LIMITS_CONNECTIONS] = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_MINUTE),
		[LIMITS_MESSAGES_MINUTE] = conf_num(c, CONF_LIMITS_MESSAGES_PER_MINUTE),
		[LIMITS_MESSAGES_HOUR] = conf_num(c, CONF_LIMITS_MESSAGES_PER_HOUR),
		[LIMITS_ERRORS] = conf_num(c, CONF_LIMITS_ERRORS_PER_HOUR),
		[LIMITS_UNKNOWN] = conf_num(c, CONF_LIMITS_UNKNOWN_PER_HOUR),
	    }};
	size_t n;
	const struct str *trusted = conf_list(c, CONF_LIMITS_TRUSTED_NETWORKS, &n);

	limits_configure(&r);
	return trusted_configure(trusted, n, e);
}

/* ---- coming in ---- */

/* A word where one can be said, and no more work than that. */
static void
say_no(const struct svc_conn *c, enum reply r)
{
	char line[REPLY_MAX];
	size_t n = reply_format(r, helo_host(), line);

	metric_add(METRIC_SMTP_SESSIONS_REFUSED, 1);
	if (strcmp(c->name, "submissions") != 0 && write(c->fd, line, n) < 0 && errno != EAGAIN)
		log_debug("smtp.lost", LZ("peer", c->peer_text));
	close(c->fd);
}

static void
turn_away(const struct svc_conn *c, enum limits_verdict v)
{
	static const enum reply replies[] = {
	    [LIMITS_TOTAL] = REPLY_TOO_MANY_CONNS,
	    [LIMITS_AT_ONCE] = REPLY_TOO_MANY_CONNS,
	    [LIMITS_RATE] = REPLY_TOO_OFTEN,
	    [LIMITS_TROUBLE] = REPLY_TROUBLE,
	};

	metric_add(v == LIMITS_TROUBLE ? METRIC_LIMIT_ERRORS : METRIC_LIMIT_CONNECTIONS, 1);
	if (limits_tell(&c->peer, v))
		log_info("limit.connections", LZ("peer", c->peer_text),
		    LZ("reason", limits_verdict_name(v)), LZ("listener", c->name),
		    LU("connections", limits_total()));
	say_no(c, replies[v]);
}

/* One user's owner process, captured, would have all the room that there is for everybody. */
static void
turn_owner_away(const struct svc_conn *c)
{
	metric_add(METRIC_LIMIT_CONNECTIONS, 1);
	if (limits_tell(&c->peer, LIMITS_AT_ONCE))
		log_warn("limit.connections", LS("user", c->user),
		    LZ("reason", limits_verdict_name(LIMITS_AT_ONCE)), LZ("listener", c->name),
		    LU("connections", OWNER_SESSIONS_MAX));
	say_no(c, REPLY_TOO_MANY_CONNS);
}

bool
door_enter(const struct svc_conn *c, struct limits_source *source)
{
	enum limits_verdict v;

	if (banlist_peer(&c->peer)) {
		metric_add(METRIC_BANNED_SMTP, 1);
		log_debug("smtp.banned", LZ("peer", c->peer_text), LZ("listener", c->name));
		say_no(c, REPLY_BANNED);
		return false;
	}
	if (strcmp(c->name, "owner") == 0 && session_of_owner(c->user) >= OWNER_SESSIONS_MAX) {
		turn_owner_away(c);
		return false;
	}
	v = limits_enter(&c->peer, source);
	if (v != LIMITS_OK)
		turn_away(c, v);
	return v == LIMITS_OK;
}

static void
end_banned(struct session *s)
{
	struct network n;

	if (session_is_inside(s) || s->user.n > 0 || s->state == SESSION_CLOSING ||
	    network_parse(str_z(s->peer), &n, NULL) < 0 || !banlist_has(&n))
		return;
	metric_add(METRIC_BANNED_SMTP, 1);
	log_info("smtp.banned", LZ("sid", s->sid), LZ("peer", s->peer));
	session_finish(s, REPLY_BANNED, METRIC_SMTP_SESSIONS_REFUSED);
}

void
door_bans(struct ipc_in *m)
{
	if (banlist_message(m))
		session_each(end_banned);
}

/* ---- manners ---- */

/* A stranger: one whose manners and doings are looked at. */
static bool
is_stranger(const struct session *s)
{
	return !session_is_inside(s) && s->user.n == 0 && s->source.address != NULL;
}

void
door_greet(struct session *s)
{
	uint64_t wait = conf_num(svc_conf(), CONF_SMTP_GREET_DELAY);

	if (s->kind != SESSION_SMTP || wait == 0 || limits_greeted(&s->source)) {
		session_greet(s);
		return;
	}
	s->state = SESSION_GREETING;
	loop_timer_set(s->timer, wait);
}

void
door_waited(struct session *s)
{
	limits_greet(&s->source);
	loop_timer_set(s->timer, conf_num(svc_conf(), CONF_SMTP_COMMAND_TIMEOUT));
	session_greet(s);
	session_run(s);
}

static void
refuse_manners(struct session *s, enum reply r, const char *event)
{
	metric_add(METRIC_SMTP_EARLY_TALKERS, 1);
	log_info(event, LZ("sid", s->sid), LZ("peer", s->peer), LZ("helo", s->helo),
	    LU("ms", clock_ms() - s->started));
	limits_count(&s->source, LIMITS_ERRORS);
	session_finish(s, r, METRIC_SMTP_SESSIONS_REFUSED);
}

void
door_early(struct session *s)
{
	/* RFC 5321 3.1: 554 in place of the greeting. */
	refuse_manners(s, REPLY_EARLY_TALKER, "smtp.early_talker");
}

/* RFC 2920 3.1: EHLO ends a group of commands, and without its answer there are no groups. */
bool
door_hasty(struct session *s, size_t used)
{
	if (s->kind != SESSION_SMTP || !is_stranger(s) || stream_input(s->stream).n <= used)
		return false;
	refuse_manners(s, REPLY_HASTY, "smtp.pipelining");
	return true;
}

void
door_fault(struct session *s, enum reply r)
{
	bool trouble = false;

	if (is_stranger(s)) {
		limits_count(&s->source, LIMITS_ERRORS);
		trouble = !limits_room(&s->source, LIMITS_ERRORS);
		if (r == REPLY_NO_USER)
			limits_count(&s->source, LIMITS_UNKNOWN);
	}
	if (trouble) {
		metric_add(METRIC_LIMIT_ERRORS, 1);
		log_info("limit.errors", LZ("sid", s->sid), LZ("peer", s->peer));
	}
	if (++s->errors >= conf_num(svc_conf(), CONF_SMTP_MAX_ERRORS) || trouble)
		session_finish(s, REPLY_TOO_MANY_ERRORS, METRIC_SMTP_SESSIONS_ERRORS);
}

/* ---- messages and recipients ---- */

enum reply
door_message(struct session *s)
{
	if (!is_stranger(s))
		return REPLY_OK;
	if (limits_room(&s->source, LIMITS_MESSAGES_MINUTE) &&
	    limits_room(&s->source, LIMITS_MESSAGES_HOUR)) {
		limits_count(&s->source, LIMITS_MESSAGES_MINUTE);
		limits_count(&s->source, LIMITS_MESSAGES_HOUR);
		return REPLY_OK;
	}
	metric_add(METRIC_LIMIT_MESSAGES, 1);
	log_info("limit.messages", LZ("sid", s->sid), LZ("peer", s->peer));
	return REPLY_RATE_MESSAGES;
}

enum reply
door_rcpt(struct session *s)
{
	if (!is_stranger(s) || limits_room(&s->source, LIMITS_UNKNOWN))
		return REPLY_OK;
	metric_add(METRIC_LIMIT_UNKNOWN, 1);
	log_info("limit.unknown", LZ("sid", s->sid), LZ("peer", s->peer));
	return REPLY_RATE_UNKNOWN;
}

bool
door_is_weighed(const struct session *s)
{
	if (session_is_inside(s))
		return !s->trusted;
	if (s->source.address == NULL)
		return false;
	return s->user.n > 0 || conf_bool(svc_conf(), CONF_LIMITS_GREYLIST);
}
