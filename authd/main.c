/*
 * main.c - gk-authd: accounts, credentials, tickets, quotas. The only reader of account secrets
 * (INVARIANTS 15).
 *
 * Works in data_dir/auth on accounts.db. Reads no byte of a network peer but what a front hands on
 * in typed messages.
 */
#include "authd/accounts.h"
#include "authd/agents.h"
#include "authd/audit.h"
#include "authd/audit_own.h"
#include "authd/authd.h"
#include "authd/bans.h"
#include "authd/cache.h"
#include "authd/change.h"
#include "authd/checks.h"
#include "authd/gone.h"
#include "authd/grey.h"
#include "authd/guard.h"
#include "authd/notes.h"
#include "authd/operator.h"
#include "authd/password.h"
#include "authd/quota.h"
#include "authd/rates.h"
#include "authd/sasl.h"
#include "authd/session.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "authd/usage.h"
#include "authd/web.h"
#include "authd/web_calls.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mail/address.h"
#include "net/trusted.h"
#include "svc/svc.h"

#define DRAIN_TICK_MS 20u

static struct loop_timer *draining;

/* ---- configuration ---- */

static int
take_mechanisms(const struct conf *conf, struct err *e)
{
	bool mechs[SASL_MECHS] = {false};
	size_t n;
	const struct str *names = conf_list(conf, CONF_AUTH_MECHANISMS, &n);

	for (size_t i = 0; i < n; i++) {
		enum sasl_mech m = sasl_mech_parse(names[i]);

		if (m == SASL_MECHS)
			return err_set(e, E_INVAL,
			    "auth.mechanisms: " STR_FMT " is none of PLAIN, LOGIN, SCRAM-SHA-256, "
			    "SCRAM-SHA-256-PLUS",
			    STR_ARG(names[i]));
		mechs[m] = true;
	}
	memcpy(authd.mechs, mechs, sizeof(mechs));
	return 0;
}

static int
check_postmaster(const struct conf *conf, struct err *e)
{
	struct str address = conf_str(conf, CONF_AUTH_POSTMASTER), canonical;
	struct arena a;
	int rc;

	if (address.n == 0)
		return 0;
	arena_init(&a);
	if ((rc = address_canonical(address, &a, &canonical, e)) < 0)
		err_wrap(e, "auth.postmaster");
	arena_free(&a);
	return rc;
}

static int
take_limits(const struct conf *conf, struct err *e)
{
	const struct guard_rules guard = {
	    .failures = conf_num(conf, CONF_LIMITS_AUTH_FAILURES),
	    .window_ms = conf_num(conf, CONF_LIMITS_AUTH_WINDOW),
	    .factor = conf_num(conf, CONF_LIMITS_NETWORK_FACTOR),
	};
	const struct bans_rules bans = {
	    .first_ms = conf_num(conf, CONF_LIMITS_BAN_TIME),
	    .most_ms = conf_num(conf, CONF_LIMITS_BAN_TIME_MAX),
	};
	const struct rates_rule user = {
	    .messages_hour = conf_num(conf, CONF_LIMITS_USER_MESSAGES_PER_HOUR),
	    .messages_day = conf_num(conf, CONF_LIMITS_USER_MESSAGES_PER_DAY),
	    .recipients_hour = conf_num(conf, CONF_LIMITS_USER_RECIPIENTS_PER_HOUR),
	    .recipients_day = conf_num(conf, CONF_LIMITS_USER_RECIPIENTS_PER_DAY),
	};
	const struct rates_rule domain = {
	    .messages_hour = conf_num(conf, CONF_LIMITS_DOMAIN_MESSAGES_PER_HOUR),
	    .messages_day = conf_num(conf, CONF_LIMITS_DOMAIN_MESSAGES_PER_DAY),
	    .recipients_hour = conf_num(conf, CONF_LIMITS_DOMAIN_RECIPIENTS_PER_HOUR),
	    .recipients_day = conf_num(conf, CONF_LIMITS_DOMAIN_RECIPIENTS_PER_DAY),
	};
	size_t n;
	const struct str *trusted = conf_list(conf, CONF_LIMITS_TRUSTED_NETWORKS, &n);

	const struct web_rules web = {
	    .unused_s = (int64_t)(conf_num(conf, CONF_WEB_SESSION_LIFETIME) / 1000),
	    .age_s = (int64_t)(conf_num(conf, CONF_WEB_SESSION_AGE) / 1000),
	};

	if (trusted_configure(trusted, n, e) < 0)
		return -1;
	web_configure(&web);
	rates_configure(&user, &domain);
	grey_configure(
	    conf_bool(conf, CONF_LIMITS_GREYLIST), conf_num(conf, CONF_LIMITS_GREYLIST_DELAY));
	guard_configure(&guard);
	bans_configure(&bans);
	return 0;
}

static int
take_conf(const struct conf *conf, struct password_cost *cost, struct err *e)
{
	struct str separator = conf_str(conf, CONF_AUTH_TAG_SEPARATOR);

	if (separator.n > 1 ||
	    (separator.n == 1 && (is_alnum(separator.p[0]) || is_cntl(separator.p[0]) ||
				     strchr("@./\" ", separator.p[0]) != NULL)))
		return err_set(e, E_INVAL,
		    "auth.tag_separator: one character that is no letter, "
		    "digit, dot, slash or @, or empty");
	if (take_mechanisms(conf, e) < 0 || check_postmaster(conf, e) < 0 ||
	    take_limits(conf, e) < 0)
		return -1;
	authd.rules = (struct resolve_rules){
	    .separator = separator.n ? separator.p[0] : '\0',
	    .host = conf_str(conf, CONF_SERVER_HOST_NAME),
	    .postmaster = conf_str(conf, CONF_AUTH_POSTMASTER),
	};
	authd.group_senders = conf_list(conf, CONF_AUTH_GROUP_SENDERS, &authd.ngroup_senders);
	authd.iterations = (uint32_t)conf_num(conf, CONF_AUTH_SCRAM_ITERATIONS);
	authd.default_quota = conf_num(conf, CONF_AUTH_DEFAULT_QUOTA);
	authd.min_password = conf_num(conf, CONF_AUTH_MIN_PASSWORD);
	*cost = (struct password_cost){
	    .memory = conf_num(conf, CONF_AUTH_HASH_MEMORY),
	    .passes = conf_num(conf, CONF_AUTH_HASH_PASSES),
	    .iterations = authd.iterations,
	};
	return 0;
}

/* ---- life ---- */

static int
start(struct err *e)
{
	struct password_cost cost;

	if (take_conf(svc_conf(), &cost, e) < 0 || password_init(&cost, e) < 0 ||
	    password_start((unsigned)conf_num(svc_conf(), CONF_AUTH_HASH_THREADS), e) < 0 ||
	    writer_init(e) < 0 || (authd.db = accounts_open(e)) == NULL ||
	    accounts_fake_key(authd.db, authd.fake_key, e) < 0 || quota_load(authd.db, e) < 0 ||
	    gone_init(authd.db, e) < 0 || notes_load(authd.db, authd.fake_key, e) < 0 ||
	    web_load(authd.db, e) < 0 || bans_load(authd.db, e) < 0 ||
	    audit_init(conf_num(svc_conf(), CONF_AUTH_AUDIT_SIZE), e) < 0 || audit_own_init(e) < 0)
		return -1;
	cache_init();
	session_init();
	usage_init();
	web_init();
	notes_init();
	bans_init();
	return 0;
}

static int
reload(struct err *e)
{
	struct password_cost cost;
	struct authd old = authd;

	if (take_conf(svc_conf(), &cost, e) < 0 || password_set_cost(&cost, e) < 0) {
		authd = old;
		return -1;
	}
	audit_set_room(conf_num(svc_conf(), CONF_AUTH_AUDIT_SIZE));
	authd_changed();
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	switch ((unsigned)m->type) {
	case MSG_AUTH_START:
		session_start(c, m);
		return;
	case MSG_AUTH_STEP:
		session_step(c, m);
		return;
	case MSG_AUTH_ABORT:
		session_abort(c, m);
		return;
	case MSG_RCPT_CHECK:
		checks_rcpt(c, m);
		return;
	case MSG_RCPT_ADMIT:
		checks_admit(c, m);
		return;
	case MSG_SENDER_FORWARD:
		checks_forward(c, m);
		return;
	case MSG_DOMAIN_CHECK:
		checks_domain(c, m);
		return;
	case MSG_SENDER_CHECK:
		checks_sender(c, m);
		return;
	case MSG_SENDER_LIST:
		checks_sender_list(c, m);
		return;
	case MSG_SIGN_CHECK:
		checks_sign(c, m);
		return;
	case MSG_SENDER_TOKEN:
		checks_sender_token(c, m);
		return;
	case MSG_SENDER_END:
		checks_sender_end(m);
		return;
	case MSG_TICKET_REDEEM:
		checks_ticket(c, m);
		return;
	case MSG_USER_CHECK:
		checks_user(c, m);
		return;
	case MSG_USAGE_SET:
		checks_usage_set(m);
		return;
	case MSG_USAGE_ADD:
		checks_usage_add(m);
		return;
	case MSG_STAT_USERS:
		operator_sizes(c, m);
		return;
	case MSG_BAN_ADD:
	case MSG_BAN_DEL:
	case MSG_BAN_LIST:
		bans_operator(c, m);
		return;
	default:
		assume(web_calls(c, m) || agents_message(c, m) || audit_message(c, m) ||
		       audit_own_message(c, m) || operator_message(c, m));
	}
}

static void
channel(struct ipc_chan *c, bool open)
{
	if (!open) {
		change_gone(c);
		bans_gone(c);
	} else if (ipc_peer_of(c) == PEER_MAILBOXD) {
		gone_resend();
	} else if ((ipc_peer_of(c) & PEER_FRONT) != 0) {
		bans_tell(c);
	}
	if (open)
		audit_channel(c);
	if (!open)
		web_calls_gone(c);
	if (!open) {
		agents_gone(c);
		audit_gone(c);
		audit_own_gone(c);
	}
	/* Sessions of a gk-smtpd that ended are over. */
	if (!open && ipc_peer_of(c) == PEER_SMTPD)
		token_done();
}

/* Changes under way are finished, usage is written, then the process may end. */
static void
drain_tick(void *arg)
{
	(void)arg;
	if (change_pending() == 0 && usage_save() && notes_save() && web_save() &&
	    writer_pending() == 0 && audit_settled()) {
		svc_drained();
		return;
	}
	loop_timer_set(draining, DRAIN_TICK_MS);
}

static void
drain(void)
{
	if (draining == NULL)
		draining = loop_timer_new(drain_tick, NULL);
	loop_timer_set(draining, 0);
}

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "authd",
    .peer = PEER_AUTHD,
    .sections = "server auth submission web limits",
    .root = "auth",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_SQLITE | SB_THREADS,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = reload,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	int rc = svc_main(&svc, argc, argv);

	/* The last handle to close moves the write-ahead log into accounts.db. */
	password_done();
	writer_done();
	audit_own_done();
	audit_done();
	db_close(&authd.db);
	return rc;
}
