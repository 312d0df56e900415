/*
 * main.c - gk-remote: the SMTP client that hands mail to other hosts (RFC 5321).
 *
 * The queue says what goes where; this process finds the hosts, talks to them and says what became
 * of each recipient. It reads what strangers' servers answer, may open sockets to the world, and
 * sees of our mail only what it is sending.
 */
#include <stdio.h>

#include "base/mem.h"
#include "delivery/remote/dead.h"
#include "delivery/remote/post.h"
#include "delivery/remote/remote.h"
#include "svc/svc.h"

#define DRAIN_MS      20u
#define DRAIN_QUIT_MS 1000u /* for the answers to QUIT */

static struct remote remote;
static struct loop_timer *drain_timer;
static uint64_t drain_quits;

static void
take_conf(void)
{
	const struct conf *c = svc_conf();
	const char *name = conf_z(c, CONF_REMOTE_HELO);

	snprintf(remote.host, sizeof(remote.host), "%s",
	    name[0] != '\0' ? name : conf_z(c, CONF_SERVER_HOST_NAME));
	remote.times = (struct session_times){.greeting = conf_num(c, CONF_REMOTE_GREETING_TIMEOUT),
	    .command = conf_num(c, CONF_REMOTE_COMMAND_TIMEOUT),
	    .data = conf_num(c, CONF_REMOTE_DATA_TIMEOUT),
	    .block = conf_num(c, CONF_REMOTE_BLOCK_TIMEOUT),
	    .final = conf_num(c, CONF_REMOTE_FINAL_TIMEOUT),
	    .idle = conf_num(c, CONF_REMOTE_IDLE),
	    .min_rate = conf_num(c, CONF_REMOTE_MIN_RATE)};
	remote.connect_ms = conf_num(c, CONF_REMOTE_CONNECT_TIMEOUT);
	remote.transaction_ms = conf_num(c, CONF_REMOTE_TRANSACTION_TIMEOUT);
	remote.dead_ms = conf_num(c, CONF_REMOTE_DEAD_FOR);
	remote.connections = conf_num(c, CONF_REMOTE_CONNECTIONS);
	remote.messages_per_connection = conf_num(c, CONF_REMOTE_MESSAGES_PER_CONNECTION);
	remote.chunking = conf_bool(c, CONF_REMOTE_CHUNKING);
}

static int
start(struct err *e)
{
	take_conf();
	remote.dns = dns_new(svc_channel(PEER_DNSD));
	pool_init(&remote);
	return (remote.policy = policy_new(remote.dns, svc_conf(), e)) ? 0 : -1;
}

/* Connections that were opened under the former configuration are used for nothing new. */
static int
reload(struct err *e)
{
	if (policy_reload(remote.policy, svc_conf(), e) < 0)
		return -1;
	take_conf();
	pool_close();
	dead_forget_all();
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_REMOTE_PUT || m->type == MSG_REMOTE_SEND)
		job_message(&remote, c, m);
	else if (m->type == MSG_PUSH_POST)
		post_message(remote.dns, policy_https(remote.policy), c, m);
	else
		ipc_refuse(m);
}

static void
channel(struct ipc_chan *c, bool open)
{
	if (!open && ipc_peer_of(c) == PEER_QUEUE)
		job_queue_gone(c);
	if (!open && ipc_peer_of(c) == PEER_MAILBOXD)
		post_channel_gone(c);
}

/* What is being sent is finished, master sees to the end of its patience. */
static void
drain_step(void *arg)
{
	(void)arg;
	if (job_count() == 0) {
		pool_close();
		drain_quits += DRAIN_MS;
		if (session_quitting() == 0 || drain_quits > DRAIN_QUIT_MS)
			svc_drained();
	}
	loop_timer_set(drain_timer, DRAIN_MS);
}

static void
drain(void)
{
	remote.draining = true;
	drain_timer = loop_timer_new(drain_step, NULL);
	drain_step(NULL);
}

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "remote",
    .peer = PEER_REMOTE,
    .sections = "server remote route",
    .root = "remote",
    .sandbox = SB_IPC | SB_STREAM | SB_CONNECT | SB_FILES | SB_WRITE,
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
	return svc_main(&svc, argc, argv);
}
